//! One client: asks for this and that, does not always wait for the answer, and asks again until it
//! has one. It writes down each try.

use std::sync::Arc;
use std::time::Duration;

use berth_history::{Answer, Ask, Id, Refused, Said, Try, UNANSWERED};
use rand::rngs::SmallRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

use super::stand::Stand;
use super::wire;
use crate::patience::breath;

/// A hold that outlives every recording, and one that does not.
const LONG_MS: u64 = 900_000;
const SHORT_MS: u64 = 1_000;

/// See the module.
pub struct Player {
    stand: Arc<Stand>,
    number: usize,
    /// Answers of all clients after which it ends.
    answers: u64,
    dice: SmallRng,
    tries: Vec<Try>,
    /// Lately asked, to be asked once more.
    asked: Vec<(usize, Id, Ask)>,
}

impl Player {
    pub fn new(stand: Arc<Stand>, number: usize, answers: u64) -> Self {
        let dice = SmallRng::seed_from_u64(number as u64);
        Self { stand, number, answers, dice, tries: Vec::new(), asked: Vec::new() }
    }

    pub async fn play(mut self) -> Vec<Try> {
        while !self.stand.is_over() && self.stand.answered() < self.answers {
            let (run, request, ask) = self.wish();
            self.ask(run, request, &ask).await;
            // What an operator asks twice may be done twice.
            if request != Id::default() && !ask.is_of_an_operator() {
                let place = self.dice.random_range(0..8);
                if self.asked.len() < 8 {
                    self.asked.push((run, request, ask));
                } else {
                    self.asked[place] = (run, request, ask);
                }
            }
        }
        self.tries
    }

    /// Asks until there is an answer; a look is not worth a second try, and an operator looks first
    /// what has become of the first.
    async fn ask(&mut self, run: usize, request: Id, ask: &Ask) {
        loop {
            let said = self.try_once(run, request, ask).await;
            if let Some(answer) = said {
                self.learn(run, ask, &answer);
                return;
            }
            if request == Id::default() || ask.is_of_an_operator() {
                return;
            }
            breath().await;
        }
    }

    async fn try_once(&mut self, run: usize, request: Id, ask: &Ask) -> Option<Answer> {
        let lines = self.stand.lines().await;
        // Most share a session; some commands are calls of their own.
        let is_call = self.dice.random_range(0..16) == 0;
        let door = if is_call { None } else { Some(self.number) };
        // Now and then it does not wait.
        let hurry = self.dice.random_range(0..40) == 0 && !ask.is_of_an_operator();
        let patience = Duration::from_micros(self.dice.random_range(50..4_000));
        let invoked = self.stand.now();
        let send = wire::send(&lines, door, &self.stand.runs[run], request, ask);
        let answer = if hurry {
            tokio::time::timeout(patience, send).await.ok().flatten()
        } else {
            send.await
        };
        let returned = if answer.is_some() { self.stand.now() } else { UNANSWERED };
        if answer.is_some() {
            self.stand.count_answer();
        }
        let (run, ask, answer) = (run as u32, ask.clone(), answer);
        self.tries.push(Try { run, request, ask, invoked, returned, answer: answer.clone() });
        answer
    }

    fn learn(&mut self, run: usize, ask: &Ask, answer: &Answer) {
        let dice = self.dice.random_range(0..10_000);
        let mut board = self.stand.board(run);
        match (&answer.said, ask) {
            (Said::Hold(hold), Ask::Reserve { .. }) => board.show_hold(hold.hold, dice),
            (Said::Booking { booking, .. }, Ask::Confirm { .. }) => {
                board.show_booking(booking.pnr, dice);
            }
            (Said::Cancelled { .. }, Ask::Cancel { pnr, who: 0 }) => board.forget_booking(*pnr),
            // Some of those who come later shall still find it.
            (
                Said::Refused(
                    Refused::AlreadyConfirmed { .. }
                    | Refused::BookingCancelled { .. }
                    | Refused::HoldReleased { .. }
                    | Refused::HoldExpired { .. },
                ),
                Ask::Confirm { hold, .. } | Ask::Extend { hold, .. } | Ask::Release { hold, .. },
            ) if dice % 4 == 0 => board.forget_hold(*hold),
            _ => {}
        }
    }

    fn wish(&mut self) -> (usize, Id, Ask) {
        let run = self.dice.random_range(0..self.stand.runs.len());
        let plan = &self.stand.runs[run].plan;
        let (hold, pnr) = {
            let board = self.stand.board(run);
            (
                board.holds.choose(&mut self.dice).copied(),
                board.pnrs.choose(&mut self.dice).copied(),
            )
        };
        let request = Id(self.dice.random());
        let none = Id::default();
        let from = self.dice.random_range(0..plan.legs);
        let to = self.dice.random_range(from + 1..=plan.legs);
        let pools = self.stand.runs[run].general_pools();
        let pool = *pools.choose(&mut self.dice).expect("a general pool");
        let who = *[0, 0, 0, 1, 2, 8].choose(&mut self.dice).expect("some");
        // Now and then an operator: mostly one who opens what another has closed.
        if self.dice.random_range(0..50) == 0 {
            return (run, request, self.operate(run, pool, from, to));
        }
        let reserve = |heads, berths, ttl| Ask::Reserve { pool, from, to, heads, berths, ttl };
        let dice = self.dice.random_range(0..100);
        let (request, ask) = match (dice, hold, pnr) {
            (30..48, Some(hold), _) => {
                let (keep, payment) =
                    (who != 0 && self.dice.random(), self.dice.random_range(0..3));
                (request, Ask::Confirm { hold, who, keep, payment })
            }
            (48..56, Some(hold), _) => (request, Ask::Release { hold, who }),
            (56..60, Some(hold), _) if self.stand.size.extends => {
                let ttl = *[SHORT_MS, LONG_MS].choose(&mut self.dice).expect("two");
                (request, Ask::Extend { hold, ttl })
            }
            (60..74, _, Some(pnr)) => (request, Ask::Cancel { pnr, who }),
            (74..80, Some(hold), _) => (none, Ask::GetHold { hold }),
            (80..84, _, Some(pnr)) => (none, Ask::GetBooking { pnr }),
            (84..90, ..) => (none, Ask::Query { pool, from, to }),
            (90..97, ..) if !self.asked.is_empty() => {
                return self.once_more();
            }
            (97.., ..) => {
                let berths = self.stand.runs[run].berths_of(pool);
                (request, reserve(1, vec![*berths.choose(&mut self.dice).expect("some")], LONG_MS))
            }
            _ => {
                let ttl = if dice % 6 == 0 { SHORT_MS } else { LONG_MS };
                (request, reserve(self.dice.random_range(1..=3), Vec::new(), ttl))
            }
        };
        (run, request, ask)
    }

    /// What an operator does with a pool.
    fn operate(&mut self, run: usize, pool: u8, from: u8, to: u8) -> Ask {
        let run = &self.stand.runs[run];
        let all = (1 << run.plan.pools.len()) - 1;
        match self.dice.random_range(0..8) {
            0 => Ask::Sale { pools: 1 << pool, open: false },
            1..4 => {
                let pools = if self.dice.random() { 1 << pool } else { all };
                Ask::Sale { pools, open: true }
            }
            4..6 => {
                let ours = run.berths_of(pool);
                let berths = ours.choose_multiple(&mut self.dice, 2).copied().collect();
                Ask::Block { berths, from, to, block: true }
            }
            _ => Ask::Block { berths: run.berths_of(pool), from, to, block: false },
        }
    }

    /// The same again, or something else under its id.
    fn once_more(&mut self) -> (usize, Id, Ask) {
        let (run, request, ask) = self.asked.choose(&mut self.dice).cloned().expect("some");
        let other = match &ask {
            Ask::Reserve { pool, from, to, heads, berths, .. } => {
                let (pool, from, to, heads) = (*pool, *from, *to, *heads);
                let ttl = LONG_MS - 1_000;
                Ask::Reserve { pool, from, to, heads, berths: berths.clone(), ttl }
            }
            Ask::Confirm { hold, who, keep, .. } => {
                Ask::Confirm { hold: *hold, who: *who, keep: *keep, payment: 9 }
            }
            other => other.clone(),
        };
        (run, request, if self.dice.random_range(0..4) == 0 { other } else { ask })
    }
}
