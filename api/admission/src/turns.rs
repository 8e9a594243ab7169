//! Whose turn it is: the batches that were let in and whose time is not over, who of them came, and
//! what their tokens were used for. Forgotten with the turn, so bounded by rate times length.
//!
//! How many come when it is their turn is counted: who stays away leaves room for others.

use std::collections::VecDeque;

use berth_inventory::{Millis, RequestId, UnixMillis};
use hashbrown::HashMap;

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
    /// Until then a token may be taken.
    pub claim_until: UnixMillis,
    /// Then every token of the batch has expired.
    pub until: UnixMillis,
    /// Its turnout is in the count.
    is_counted: bool,
    visits: HashMap<u32, Visit>,
}

/// Somebody who came, by place.
#[derive(Clone, Copy, Debug)]
struct Visit {
    run: u64,
    until: UnixMillis,
    used: Used,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Used {
    No,
    /// `open` tries of this request are under way; the end of some earlier one may not be known.
    By {
        request: RequestId,
        open: u16,
        in_doubt: bool,
    },
    /// It became a hold.
    Held(RequestId),
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
#[derive(Debug, Default)]
pub(crate) struct Turns {
    list: VecDeque<Turn>,
    pub turnout: Turnout,
    pub came: u64,
    pub held: u64,
    pub missed: u64,
}

impl Turns {
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
        let (is_counted, visits) = (false, HashMap::new());
        let turn = Turn { from, to, live, claim_until, until, is_counted, visits };
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
        match turn.visits.get(&place) {
            Some(Visit { used: Used::Held(_), .. }) => Seen::Spent,
            Some(visit) if now < visit.until => Seen::Came(visit.run, visit.until),
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
        let turn = self.find(place)?;
        if now >= turn.claim_until || turn.visits.contains_key(&place) {
            return None;
        }
        let until = now.saturating_add(turn_ms).min(turn.until);
        turn.visits.insert(place, Visit { run, until, used: Used::No });
        self.came += 1;
        Some(until)
    }

    /// As a log tells it.
    pub fn restore(&mut self, place: u32, run: u64, until: UnixMillis, spent: Option<RequestId>) {
        if let Some(turn) = self.find(place) {
            let used = spent.map_or(Used::No, Used::Held);
            turn.visits.insert(place, Visit { run, until, used });
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
        let turn = self.find(place).ok_or(NotAdmitted::Turn)?;
        let visit = turn.visits.get_mut(&place).ok_or(NotAdmitted::Turn)?;
        match &mut visit.used {
            // What took effect is answered again as long as the run remembers it.
            Used::Held(by) if *by == request => Ok(()),
            Used::By { request: by, open, .. } if *by == request => {
                *open = open.saturating_add(1);
                Ok(())
            }
            Used::By { .. } | Used::Held(_) => Err(NotAdmitted::Spent),
            Used::No if visit.run != run => Err(NotAdmitted::Run),
            Used::No if now >= visit.until => Err(NotAdmitted::Expired),
            Used::No => {
                visit.used = Used::By { request, open: 1, in_doubt: false };
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
        let visit = self.find(place)?.visits.get_mut(&place)?;
        let Used::By { request: by, open, in_doubt } = &mut visit.used else { return None };
        if *by != request {
            return None;
        }
        *open = open.saturating_sub(1);
        match how {
            Settled::Held => {
                visit.used = Used::Held(request);
                let told = (visit.run, visit.until);
                self.held += 1;
                return Some(told);
            }
            Settled::Refused if *open == 0 => visit.used = Used::No,
            Settled::NotBegun if *open == 0 && !*in_doubt => visit.used = Used::No,
            Settled::Refused | Settled::NotBegun => {}
            Settled::Unknown => *in_doubt = true,
        }
        None
    }

    /// Time has passed: counts who came, forgets who is done.
    pub fn pass(&mut self, now: UnixMillis) {
        for turn in &mut self.list {
            if !turn.is_counted && now >= turn.claim_until {
                turn.is_counted = true;
                let came = turn.visits.len() as u32;
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
            let open = turn.visits.values_mut().filter(|visit| ended < visit.until);
            open.for_each(|visit| visit.until = visit.until.max(until));
        }
    }

    /// Bytes on the heap, about.
    pub fn bytes(&self) -> usize {
        let visits: usize = self.list.iter().map(|turn| turn.visits.allocation_size()).sum();
        visits + self.list.capacity() * size_of::<Turn>()
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
