//! One client: asks, asks again when there is no answer, and writes down what it was told.

use std::iter;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use berth_client::v1;
use berth_client::v1::session_command::Command;
use futures_util::future::join_all;
use rand::rngs::SmallRng;
use rand::{Rng as _, SeedableRng as _};

use super::check::expiry::SHOWN;
use super::check::tries::{self, Heard};
use super::effect::{self, Effect, Said};
use super::findings::Findings;
use super::ids::Ids;
use super::ledger::{Deed, Ledger, Move, Room, Sure, ToldHold, UnknownReserve};
use super::line::{Lines, NoAnswer, Way};
use super::outcome::{Word, shown_wrong, word};
use super::stage::Stage;
use super::times::Times;
use super::wish::{Taste, wish};
use crate::view::duration;

/// Name of the check for answers that no server in order gives.
pub const FAULT: &str = "unexpected-fault";
/// Name of the check for tries of one request.
pub const TRIES: &str = "retry-differs";
/// Tries of one request that is not answered, most.
const TRIES_MAX: usize = 6;
/// The same, where the server is killed: some 16 s.
const TRIES_MAX_RESTARTS: usize = 54;
/// Longest patience of a caller that gives up, microseconds.
const PATIENCE_US: u32 = 2_000;
/// Requests in a row without any answer after which a client gives up: the server is gone.
const SILENCE_MAX: u32 = 20;

/// What all clients share.
pub struct Shared {
    pub lines: Lines,
    pub stage: Stage,
    pub ids: Ids,
    pub reference: String,
    pub room: Room,
    pub until: Instant,
    /// How long holds live.
    pub times: Times,
    /// Calls are given up so often that connections break, and sessions send again by themselves
    /// what was unanswered: the version of an answer may then be later than its effect's.
    pub resends: bool,
    /// The server is killed and comes back: its clients wait for it.
    pub restarts: bool,
    /// Every sixteenth call is dropped before it is answered, and made again.
    pub gives_up: bool,
    /// How many were.
    pub given_up: AtomicU64,
}

/// How a request is tried.
#[derive(Clone, Debug, Default)]
pub struct Tries {
    /// Sent at once: which content (1 = another one), and how. Empty: once, as is the client's way.
    pub salvo: Vec<(u8, Way)>,
    /// Sent after an answer, one after the other.
    pub after: Vec<u8>,
}

/// A hold of this client.
#[derive(Clone, Debug)]
pub struct Mine {
    /// Its place in the ledger.
    pub at: u32,
    pub run: u32,
    pub id: String,
    /// Passengers held; bit `i` = passenger `i`.
    pub held: u8,
    pub expires_at: u64,
    pub since: Instant,
}

/// A booking of this client.
#[derive(Clone, Debug)]
pub struct Booked {
    pub at: u32,
    pub run: u32,
    pub pnr: u64,
    pub passengers: u8,
}

/// See the module.
pub struct Flow {
    pub shared: Arc<Shared>,
    pub number: u32,
    pub rng: SmallRng,
    pub ledger: Ledger,
    pub findings: Findings,
    events: AtomicU64,
    silent: u32,
}

impl Flow {
    /// Client `number` of a soak with this seed.
    pub fn new(shared: &Arc<Shared>, number: u32, seed: u64) -> Self {
        Self {
            shared: Arc::clone(shared),
            number,
            rng: SmallRng::seed_from_u64(
                seed ^ u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15),
            ),
            ledger: Ledger::default(),
            findings: Findings::default(),
            events: AtomicU64::new(0),
            silent: 0,
        }
    }

    /// Whether to go on.
    pub fn goes_on(&self) -> bool {
        Instant::now() < self.shared.until
            && !self.shared.room.is_full()
            && self.silent < SILENCE_MAX
    }

    /// Every sixteenth client makes calls, the others use sessions.
    fn way(&self) -> Way {
        if self.number % 16 == 7 { Way::Unary } else { Way::Session }
    }

    /// The same, unless this caller loses patience.
    fn way_or_none(&mut self) -> Way {
        if !self.shared.gives_up || self.dice(16) != 0 {
            return self.way();
        }
        self.shared.given_up.fetch_add(1, Relaxed);
        Way::Dropped(Duration::from_micros(u64::from(50 + self.dice(PATIENCE_US))))
    }

    /// Sends one request until it is answered, as `tries` says.
    async fn ask(&mut self, run: u32, bodies: &[&Command], request: u128, tries: &Tries) -> Word {
        let kind = effect::kind(bodies[0]);
        let mut heard: Vec<Heard> = Vec::new();
        let plain = [(0, self.way_or_none())];
        let salvo = if tries.salvo.is_empty() { &plain[..] } else { &tries.salvo };
        let first =
            join_all(salvo.iter().map(|(body, way)| self.one(run, bodies, *body, *way))).await;
        for one in first {
            self.note(run, request, one, &mut heard);
        }
        let answered = |heard: &[Heard]| heard.iter().any(|h| h.body == 0 && h.said.is_some());
        let tries_max = if self.shared.restarts { TRIES_MAX_RESTARTS } else { TRIES_MAX };
        for again in 0..tries_max as u64 {
            if answered(&heard) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5 << again.min(6))).await;
            let one = self.one(run, bodies, 0, Way::Unary).await;
            self.note(run, request, one, &mut heard);
        }
        self.silent = if answered(&heard) { 0 } else { self.silent + 1 };
        for body in &tries.after {
            let one = self.one(run, bodies, *body, self.way()).await;
            self.note(run, request, one, &mut heard);
        }
        for what in tries::check(kind, &heard) {
            let id = uuid::Uuid::from_u128(request);
            let name = self.shared.stage.run(run).name.clone();
            self.findings.add(TRIES, &name, format!("{} {id}: {what}", kind.name()));
        }
        word(&heard, self.shared.resends)
    }

    async fn one(
        &self,
        run: u32,
        bodies: &[&Command],
        body: u8,
        way: Way,
    ) -> (u8, u64, u64, Result<Said, NoAnswer>) {
        // Where there is no other content, it is the same once more.
        let body = body.min(bodies.len() as u8 - 1);
        let begun = self.events.fetch_add(1, Relaxed);
        let command = bodies[usize::from(body)].clone();
        let shared = &self.shared;
        let said = shared.lines.send(self.number, way, shared.stage.run(run), command).await;
        (body, begun, self.events.fetch_add(1, Relaxed), said)
    }

    fn note(
        &mut self,
        run: u32,
        request: u128,
        (body, begun, ended, said): (u8, u64, u64, Result<Said, NoAnswer>),
        heard: &mut Vec<Heard>,
    ) {
        if let Err(none) = &said
            && !none.is_expected()
        {
            let name = self.shared.stage.run(run).name.clone();
            let id = uuid::Uuid::from_u128(request);
            let what = format!("request {id} met {:?}: {}", none.code, none.message);
            self.findings.add(FAULT, &name, what);
        }
        heard.push(Heard { body, begun, ended, said: said.ok() });
    }

    /// Draws a wish and holds berths for it.
    pub async fn reserve(&mut self, run: u32, taste: Taste, tries: &Tries) -> Result<Mine, Word> {
        let shared = Arc::clone(&self.shared);
        let ttl = shared.times.ttl;
        let ask = wish(&mut self.rng, shared.stage.run(run), taste, ttl, &shared.reference);
        self.reserve_this(run, ask, tries).await
    }

    /// Holds these berths.
    pub async fn reserve_this(
        &mut self,
        run: u32,
        mut ask: v1::ReserveRequest,
        tries: &Tries,
    ) -> Result<Mine, Word> {
        let id = self.shared.ids.draw();
        ask.request_id = id.to_string();
        let times = self.shared.times;
        let other = times.another(times.ttl).map(|ttl| {
            Command::Reserve(v1::ReserveRequest { ttl: Some(duration(ttl)), ..ask.clone() })
        });
        let ask = Command::Reserve(ask);
        let bodies: Vec<&Command> = iter::once(&ask).chain(&other).collect();
        let request = id.as_u128();
        match self.ask(run, &bodies, request, tries).await {
            Word::Done(effect, _) => {
                self.shared.room.take();
                let at = self.ledger.holds.len() as u32;
                self.ledger.holds.push(ToldHold {
                    request,
                    hold: effect.hold,
                    run,
                    from: effect.from,
                    to: effect.to,
                    party: effect.party,
                    seats: effect.seats,
                    created_at: effect.created_at,
                    version: effect.version,
                    expires_at: effect.expires_at,
                });
                let (id, held) = (format!("{:032x}", effect.hold), effect.passengers);
                // By now it has been made, whenever it was asked for.
                let since = Instant::now();
                Ok(Mine { at, run, id, held, expires_at: effect.expires_at, since })
            }
            word => {
                if matches!(word, Word::Unknown) {
                    self.ledger.unknown.push(UnknownReserve { request, run });
                }
                Err(word)
            }
        }
    }

    fn write(
        &mut self,
        at: u32,
        request: u128,
        deed: Deed,
        passengers: u8,
        done: Option<(&Effect, Sure)>,
    ) {
        let moment = done.map_or((0, 0), |(effect, _)| (effect.server_time, effect.version));
        let sure = done.map_or(Sure::Unknown, |(_, sure)| sure);
        self.ledger.moves.push(Move { hold: at, request, deed, passengers, moment, sure });
    }

    /// Books some (`0`: all) of a hold. What is not booked and not kept is given back with it.
    pub async fn confirm(
        &mut self,
        mine: &mut Mine,
        who: u8,
        keep_rest: bool,
        tries: &Tries,
    ) -> Result<Booked, Word> {
        let id = self.shared.ids.draw();
        let ask = v1::ConfirmRequest {
            request_id: id.to_string(),
            hold_id: mine.id.clone(),
            payment_reference: self.shared.reference.clone(),
            passengers: numbers(who),
            keep_rest,
        };
        let other = v1::ConfirmRequest { payment_reference: "another".into(), ..ask.clone() };
        let (ask, other) = (Command::Confirm(ask), Command::Confirm(other));
        let word = self.ask(mine.run, &[&ask, &other], id.as_u128(), tries).await;
        let rest_released = !keep_rest;
        match &word {
            Word::Done(effect, sure) => {
                let deed = Deed::Confirmed { pnr: effect.pnr, rest_released };
                self.write(mine.at, id.as_u128(), deed, effect.passengers, Some((effect, *sure)));
                mine.held = if keep_rest { mine.held & !effect.passengers } else { 0 };
                let (at, run, pnr) = (mine.at, mine.run, effect.pnr);
                Ok(Booked { at, run, pnr, passengers: effect.passengers })
            }
            Word::Refused(_) => Err(word),
            Word::Unknown => {
                let deed = Deed::Confirmed { pnr: 0, rest_released };
                let who = if who == 0 { mine.held } else { who };
                self.write(mine.at, id.as_u128(), deed, who, None);
                mine.held = 0;
                Err(word)
            }
        }
    }

    /// Gives back some (`0`: all) of a hold.
    pub async fn release(&mut self, mine: &mut Mine, who: u8, tries: &Tries) -> Word {
        let id = self.shared.ids.draw();
        let ask = Command::Release(v1::ReleaseRequest {
            request_id: id.to_string(),
            hold_id: mine.id.clone(),
            passengers: numbers(who),
        });
        let word = self.ask(mine.run, &[&ask], id.as_u128(), tries).await;
        match &word {
            Word::Done(effect, sure) => {
                let who = effect.passengers;
                self.write(mine.at, id.as_u128(), Deed::Released, who, Some((effect, *sure)));
                mine.held &= !who;
            }
            Word::Refused(_) => {}
            Word::Unknown => {
                let who = if who == 0 { mine.held } else { who };
                self.write(mine.at, id.as_u128(), Deed::Released, who, None);
                mine.held = 0;
            }
        }
        word
    }

    /// Gives a hold more time than it had, if it may have more.
    pub async fn extend(&mut self, mine: &mut Mine, by: Duration, tries: &Tries) -> Word {
        let ttl = self.shared.times.longer(by);
        let id = self.shared.ids.draw();
        let ask = v1::ExtendRequest {
            request_id: id.to_string(),
            hold_id: mine.id.clone(),
            ttl: Some(duration(ttl)),
        };
        let other = self.shared.times.another(ttl).map(|ttl| {
            Command::Extend(v1::ExtendRequest { ttl: Some(duration(ttl)), ..ask.clone() })
        });
        let ask = Command::Extend(ask);
        let bodies: Vec<&Command> = iter::once(&ask).chain(&other).collect();
        let word = self.ask(mine.run, &bodies, id.as_u128(), tries).await;
        match &word {
            Word::Done(effect, sure) => {
                let deed = Deed::Extended { expires_at: effect.expires_at };
                self.write(mine.at, id.as_u128(), deed, mine.held, Some((effect, *sure)));
                mine.expires_at = effect.expires_at;
                mine.since = Instant::now();
            }
            Word::Refused(_) => {}
            Word::Unknown => {
                let deed = Deed::Extended { expires_at: 0 };
                self.write(mine.at, id.as_u128(), deed, mine.held, None);
                mine.held = 0;
            }
        }
        word
    }

    /// Cancels some (`0`: all) of a booking.
    pub async fn cancel(&mut self, booked: &Booked, who: u8, tries: &Tries) -> Word {
        let id = self.shared.ids.draw();
        let ask = Command::Cancel(v1::CancelRequest {
            request_id: id.to_string(),
            pnr: booked.pnr.to_string(),
            passengers: numbers(who),
        });
        let word = self.ask(booked.run, &[&ask], id.as_u128(), tries).await;
        let deed = Deed::Cancelled { pnr: booked.pnr };
        match &word {
            Word::Done(effect, sure) => {
                let who = effect.passengers;
                self.write(booked.at, id.as_u128(), deed, who, Some((effect, *sure)));
            }
            Word::Refused(_) => {}
            Word::Unknown => {
                let who = if who == 0 { booked.passengers } else { who };
                self.write(booked.at, id.as_u128(), deed, who, None);
            }
        }
        word
    }

    /// Looks at a hold: held before its deadline, expired from it on.
    pub async fn look(&mut self, mine: &Mine) {
        let ask = Command::GetHold(v1::GetHoldRequest { hold_id: mine.id.clone() });
        let shared = Arc::clone(&self.shared);
        let run = shared.stage.run(mine.run);
        let said = shared.lines.send(self.number, self.way(), run, ask).await;
        if let Ok(Said::Done(effect)) = said
            && let Some(what) = shown_wrong(&effect)
        {
            self.findings.add(SHOWN, &run.name, what);
        }
    }

    /// A number below `bound`.
    pub fn dice(&mut self, bound: u32) -> u32 {
        self.rng.random_range(0..bound)
    }
}

/// Passengers as requests number them.
fn numbers(set: u8) -> Vec<u32> {
    (0..8).filter(|i| set >> i & 1 == 1).map(|i| i + 1).collect()
}
