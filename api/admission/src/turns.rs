//! Whose turn it is: the batches that were let in and whose time is not over, who of them came, and
//! what their tokens were used for. Forgotten with the turn, so bounded by rate times length.
//!
//! How many come when it is their turn is counted: who stays away leaves room for others.

use std::collections::VecDeque;

use aes::Aes128;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};
use berth_inventory::{Millis, RequestId, UnixMillis};

use crate::letters::NotAdmitted;

/// After so many people the past counts half.
const MEMORY: u64 = 10_000;
/// With how many who came the count begins: a first batch that stays away opens no floodgate.
const BELIEVED: u64 = 100;
/// However many stay away, a person let in counts at least a twentieth.
const SHARE_MIN: u64 = 50;

/// A batch that was let in: those at the places `from..to` who had not left.
#[derive(Debug)]
pub(crate) struct Turn {
    pub from: u32,
    pub to: u32,
    pub live: u32,
    pub at: UnixMillis,
    /// Until then a token may be taken.
    pub claim_until: UnixMillis,
    /// Then every token of the batch has expired.
    pub until: UnixMillis,
    /// Its turnout is in the count.
    is_counted: bool,
    /// Of whom came.
    came: u32,
    /// One for each place, once anybody came: hundreds of thousands are open at a time, so each is 16
    /// bytes.
    visits: Vec<Visit>,
}

/// Somebody who came, or the room for one.
#[derive(Clone, Copy, Debug)]
struct Visit {
    /// Fingerprint of the request that uses the token.
    request: u64,
    /// End of the token, milliseconds after the batch was let in.
    until: u32,
    /// Which of the runs.
    run: u8,
    used: Used,
    /// Tries of the request that are under way.
    open: u16,
}

const _: () = assert!(size_of::<Visit>() == 16, "one in a hundred million bytes of a room");

const NOBODY: Visit = Visit { request: 0, until: 0, run: 0, used: Used::Away, open: 0 };

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Used {
    /// Has not come.
    Away,
    No,
    /// A request is under way.
    By,
    /// And the end of an earlier try of it is not known.
    InDoubt,
    /// It became a hold.
    Held,
}

impl Turn {
    fn visit(&self, place: u32) -> Option<&Visit> {
        let visit = self.visits.get((place - self.from) as usize)?;
        (visit.used != Used::Away).then_some(visit)
    }

    fn visit_mut(&mut self, place: u32) -> Option<&mut Visit> {
        let visit = self.visits.get_mut((place - self.from) as usize)?;
        (visit.used != Used::Away).then_some(visit)
    }

    fn end(&self, visit: &Visit) -> UnixMillis {
        self.at.saturating_add(Millis(visit.until.into()))
    }

    fn come(&mut self, place: u32, run: u8, until: UnixMillis) -> &mut Visit {
        if self.visits.is_empty() {
            self.visits = vec![NOBODY; (self.to - self.from) as usize];
        }
        let visit = &mut self.visits[(place - self.from) as usize];
        self.came += u32::from(visit.used == Used::Away);
        let until = u32::try_from(until.since(self.at).0).unwrap_or(u32::MAX);
        *visit = Visit { until, run, used: Used::No, ..NOBODY };
        visit
    }
}

/// How a try to use a token ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The request has its hold.
    Held,
    /// The run refused it; so no earlier try of it took effect either.
    Refused,
    /// It never came to its run.
    NotBegun,
    /// Nobody knows: only the same request may try again.
    Unknown,
}

/// What the room knows of somebody whose turn it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// Has not come yet, and may until then.
    Called(UnixMillis),
    /// Has a token for this run until then.
    Came(u64, UnixMillis),
    /// Used it.
    Spent,
    /// The turn is over.
    Over,
}

/// How many come when it is their turn, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turnout {
    came: u64,
    called: u64,
}

impl Default for Turnout {
    fn default() -> Self {
        Self { came: BELIEVED, called: BELIEVED }
    }
}

impl Turnout {
    fn count(&mut self, came: u32, called: u32) {
        self.came += u64::from(came);
        self.called += u64::from(called);
        while self.called > MEMORY {
            (self.came, self.called) = (self.came / 2, self.called / 2);
        }
    }

    /// Of a thousand let in, so many come; 50 at least, so that the rate has a bound.
    pub fn per_thousand(self) -> u64 {
        (self.came * 1_000 / self.called.max(1)).clamp(SHARE_MIN, 1_000)
    }
}

/// See the module.
pub(crate) struct Turns {
    list: VecDeque<Turn>,
    /// `Pass::run_mark`s of the runs that tokens were taken for, by number.
    runs: Vec<u64>,
    /// Makes fingerprints of requests: callers draw their ids, and must not find two alike.
    prints: Aes128,
    pub turnout: Turnout,
    pub came: u64,
    pub held: u64,
    pub missed: u64,
}

impl Default for Turns {
    fn default() -> Self {
        let (list, runs, prints) = (VecDeque::new(), Vec::new(), Aes128::new(&Array([0; 16])));
        let turnout = Turnout::default();
        Self { list, runs, prints, turnout, came: 0, held: 0, missed: 0 }
    }
}

impl Turns {
    /// Nobody is let in before the draw, whose seed nobody else knows.
    pub fn begin(&mut self, seed: [u8; 16]) {
        self.prints = Aes128::new(&Array(seed.map(|byte| byte ^ 0x5a)));
    }

    fn print(&self, request: RequestId) -> u64 {
        let mut block = Array(request.0.to_le_bytes());
        self.prints.encrypt_block(&mut block);
        u128::from_le_bytes(block.0) as u64
    }

    /// The number of a run; a room has few.
    fn run(&mut self, mark: u64) -> u8 {
        let known = self.runs.iter().position(|run| *run == mark).unwrap_or_else(|| {
            self.runs.push(mark);
            self.runs.len() - 1
        });
        u8::try_from(known).expect("a room stands before 256 runs at most")
    }

    /// A batch was let in.
    pub fn call(
        &mut self,
        from: u32,
        to: u32,
        live: u32,
        at: UnixMillis,
        claim: Millis,
        turn: Millis,
    ) {
        let claim_until = at.saturating_add(claim);
        let until = claim_until.saturating_add(turn);
        let (is_counted, came, visits) = (false, 0, Vec::new());
        let turn = Turn { from, to, live, at, claim_until, until, is_counted, came, visits };
        self.list.push_back(turn);
    }

    fn find(&mut self, place: u32) -> Option<&mut Turn> {
        let at = self.list.partition_point(|turn| turn.to <= place);
        self.list.get_mut(at).filter(|turn| turn.from <= place)
    }

    /// What became of the turn of a place that was let in.
    pub fn seen(&self, place: u32, now: UnixMillis) -> Seen {
        let at = self.list.partition_point(|turn| turn.to <= place);
        let Some(turn) = self.list.get(at).filter(|turn| turn.from <= place) else {
            return Seen::Over;
        };
        match turn.visit(place) {
            Some(Visit { used: Used::Held, .. }) => Seen::Spent,
            Some(visit) if now < turn.end(visit) => {
                Seen::Came(self.runs[usize::from(visit.run)], turn.end(visit))
            }
            None if now < turn.claim_until => Seen::Called(turn.claim_until),
            Some(_) | None => Seen::Over,
        }
    }

    /// Gives the token of a place to one run; `Some` with its end, if that is news.
    pub fn claim(
        &mut self,
        place: u32,
        run: u64,
        now: UnixMillis,
        turn_ms: Millis,
    ) -> Option<UnixMillis> {
        let run = self.run(run);
        let turn = self.find(place)?;
        if now >= turn.claim_until || turn.visit(place).is_some() {
            return None;
        }
        let until = now.saturating_add(turn_ms).min(turn.until);
        turn.come(place, run, until);
        self.came += 1;
        Some(until)
    }

    /// As a log tells it.
    pub fn restore(&mut self, place: u32, run: u64, until: UnixMillis, spent: Option<RequestId>) {
        let (run, print) = (self.run(run), spent.map(|request| self.print(request)));
        if let Some(turn) = self.find(place) {
            let visit = turn.come(place, run, until);
            if let Some(print) = print {
                (visit.used, visit.request) = (Used::Held, print);
            }
        }
    }

    /// A request wants to use the token of a place.
    pub fn spend(
        &mut self,
        place: u32,
        run: u64,
        request: RequestId,
        now: UnixMillis,
    ) -> Result<(), NotAdmitted> {
        let (run, print) = (self.run(run), self.print(request));
        let turn = self.find(place).ok_or(NotAdmitted::Turn)?;
        let at = turn.at;
        let visit = turn.visit_mut(place).ok_or(NotAdmitted::Turn)?;
        match visit.used {
            // What took effect is answered again as long as the run remembers it.
            Used::Held if visit.request == print => Ok(()),
            Used::By | Used::InDoubt if visit.request == print => {
                visit.open = visit.open.saturating_add(1);
                Ok(())
            }
            Used::By | Used::InDoubt | Used::Held => Err(NotAdmitted::Spent),
            Used::Away => Err(NotAdmitted::Turn),
            Used::No if visit.run != run => Err(NotAdmitted::Run),
            Used::No if now >= at.saturating_add(Millis(visit.until.into())) => {
                Err(NotAdmitted::Expired)
            }
            Used::No => {
                (visit.used, visit.request, visit.open) = (Used::By, print, 1);
                Ok(())
            }
        }
    }

    /// A try of the request ended; with no hold from any, the token is whole again. `Some` with run and
    /// end of the token if it is spent now.
    pub fn settle(
        &mut self,
        place: u32,
        request: RequestId,
        how: Settled,
    ) -> Option<(u64, UnixMillis)> {
        let print = self.print(request);
        let turn = self.find(place)?;
        let at = turn.at;
        let visit = turn.visit_mut(place)?;
        if !matches!(visit.used, Used::By | Used::InDoubt) || visit.request != print {
            return None;
        }
        visit.open = visit.open.saturating_sub(1);
        match how {
            Settled::Held => {
                visit.used = Used::Held;
                let (run, until) = (visit.run, at.saturating_add(Millis(visit.until.into())));
                self.held += 1;
                return Some((self.runs[usize::from(run)], until));
            }
            Settled::Refused if visit.open == 0 => visit.used = Used::No,
            Settled::NotBegun if visit.open == 0 && visit.used == Used::By => visit.used = Used::No,
            Settled::Refused | Settled::NotBegun => {}
            Settled::Unknown => visit.used = Used::InDoubt,
        }
        None
    }

    /// Time has passed: counts who came, forgets who is done.
    pub fn pass(&mut self, now: UnixMillis) {
        for turn in &mut self.list {
            if !turn.is_counted && now >= turn.claim_until {
                turn.is_counted = true;
                let came = turn.came;
                self.turnout.count(came, turn.live);
                self.missed += u64::from(turn.live.saturating_sub(came));
            }
        }
        while self.list.front().is_some_and(|turn| turn.is_counted && now >= turn.until) {
            self.list.pop_front();
        }
    }

    /// After a restart: whose turn it was when the node ended gets all of it again.
    pub fn resume(&mut self, ended: UnixMillis, now: UnixMillis, claim: Millis, turn_ms: Millis) {
        let (claim_until, until) = (now.saturating_add(claim), now.saturating_add(turn_ms));
        for turn in self.list.iter_mut().filter(|turn| ended < turn.until) {
            if ended < turn.claim_until {
                turn.claim_until = turn.claim_until.max(claim_until);
            }
            turn.until = turn.until.max(claim_until.saturating_add(turn_ms));
            let since = |at: UnixMillis| u32::try_from(at.since(turn.at).0).unwrap_or(u32::MAX);
            let (ended, until) = (since(ended), since(until));
            let open = turn.visits.iter_mut().filter(|visit| ended < visit.until);
            open.for_each(|visit| visit.until = visit.until.max(until));
        }
    }

    /// Bytes on the heap, about.
    pub fn bytes(&self) -> usize {
        let visits: usize = self.list.iter().map(|turn| turn.visits.capacity()).sum();
        visits * size_of::<Visit>() + self.list.capacity() * size_of::<Turn>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLAIM: Millis = Millis(60);
    const TURN: Millis = Millis(300);

    fn called(people: u32) -> Turns {
        let mut turns = Turns::default();
        turns.call(0, people, people, UnixMillis(0), CLAIM, TURN);
        turns
    }

    #[test]
    fn a_token_is_used_once() {
        let (a, b) = (RequestId(1), RequestId(2));
        let now = UnixMillis(10);
        let mut turns = called(2);
        assert_eq!(turns.spend(0, 7, a, now), Err(NotAdmitted::Turn), "no token was taken");
        assert_eq!(turns.claim(0, 7, now, TURN), Some(UnixMillis(310)));
        assert_eq!(turns.claim(0, 8, now, TURN), None, "one token, of one run");
        assert_eq!(turns.seen(0, now), Seen::Came(7, UnixMillis(310)));
        assert_eq!(turns.spend(0, 8, a, now), Err(NotAdmitted::Run));
        assert_eq!(turns.spend(0, 7, a, now), Ok(()));
        assert_eq!(turns.spend(0, 7, b, now), Err(NotAdmitted::Spent), "one is under way");
        assert_eq!(turns.settle(0, b, Settled::Held), None, "it is not the one");
        assert_eq!(turns.settle(0, a, Settled::Refused), None, "refused: whole again");
        assert_eq!(turns.spend(0, 7, b, now), Ok(()));
        assert_eq!(turns.settle(0, b, Settled::Held), Some((7, UnixMillis(310))));
        assert_eq!(turns.spend(0, 7, a, now), Err(NotAdmitted::Spent));
        assert_eq!(turns.spend(0, 7, b, UnixMillis(350)), Ok(()), "a retry finds its hold");
        assert_eq!(turns.settle(0, b, Settled::Refused), None, "what became a hold stays one");
        assert_eq!(turns.seen(0, now), Seen::Spent);
        assert_eq!(turns.seen(1, now), Seen::Called(UnixMillis(60)));
        assert_eq!(turns.seen(1, UnixMillis(60)), Seen::Over);
        assert_eq!(turns.claim(1, 7, UnixMillis(60), TURN), None);
        turns.pass(UnixMillis(360));
        assert_eq!(turns.seen(0, UnixMillis(360)), Seen::Over);
        assert_eq!((turns.came, turns.held, turns.missed), (1, 1, 1));
    }

    #[test]
    fn a_token_in_doubt_is_good_for_its_request_only() {
        use Settled::{NotBegun, Refused, Unknown};
        let (a, b) = (RequestId(1), RequestId(2));
        let now = UnixMillis(10);
        // Ends of the tries of one request, and whether another may try after them.
        let table: [(&[Settled], bool); 7] = [
            (&[Refused], true),
            (&[NotBegun], true),
            (&[Unknown], false),
            (&[Unknown, NotBegun], false),
            (&[Unknown, Refused], true),
            (&[NotBegun, Unknown], false),
            (&[NotBegun, NotBegun], true),
        ];
        for (ends, is_whole) in table {
            let mut turns = called(1);
            turns.claim(0, 7, now, TURN);
            for end in ends {
                assert_eq!(turns.spend(0, 7, a, now), Ok(()), "{ends:?}");
                turns.settle(0, a, *end);
            }
            assert_eq!(turns.spend(0, 7, b, now).is_ok(), is_whole, "{ends:?}");
        }
        let mut turns = called(1);
        turns.claim(0, 7, now, TURN);
        (0..2).for_each(|_| assert_eq!(turns.spend(0, 7, a, now), Ok(())));
        turns.settle(0, a, NotBegun);
        assert_eq!(turns.spend(0, 7, b, now), Err(NotAdmitted::Spent), "one is under way still");
    }

    #[test]
    fn who_stays_away_is_counted_within_bounds() {
        let mut turns = called(1_000);
        (0..400).for_each(|place| _ = turns.claim(place, 1, UnixMillis(1), TURN));
        assert_eq!(turns.turnout.per_thousand(), 1_000);
        turns.pass(UnixMillis(60));
        assert_eq!(turns.turnout.per_thousand(), 454, "400 of 1,000, and 100 that are believed");
        for _ in 0..20 {
            turns.turnout.count(0, 9_000);
        }
        assert_eq!(turns.turnout.per_thousand(), 50);
    }
}
