//! One room: people join, the draw is held, batches are let in, views are told.
//!
//! The order is that of places: the draw gives places to those who came before the opening, who comes
//! later has his number as place. `admitted` is a mark: who stands below it was let in. What callers
//! do is written to `records`; [`Room::take`] hands them out to be made durable and
//! [`Room::durable`] takes the word that they are. Views speak of what is durable, so that no restart
//! takes back what was told.
//!
//! Always true: places are let in in their order, each once; `admitted` never falls; a number is given
//! to one person.

mod resume;
#[cfg(test)]
mod tests;
mod told;

use std::collections::VecDeque;

use berth_inventory::{Millis, RequestId, UnixMillis};

use crate::letters::NotAdmitted;
use crate::marks::Marks;
use crate::order::Order;
use crate::pace::{Load, Pace, PaceRules};
use crate::people::{PEOPLE_MAX, People};
use crate::record::{Opening, Record};
use crate::turns::{Seen, Settled, Turns};

pub use resume::Resuming;
pub use told::{Basis, Counts, Estimate, Joined, NoTicket, RoomSize, Standing};

/// Numbers made durable ahead, least and most: what a crash may skip, and what a burst may want at
/// once.
const AHEAD: (u32, u32) = (1_024, 262_144);
/// A batch that does not fill goes in after so long.
const LINGER: Millis = Millis(1_000);
/// How far back the pace that people are told is looked at: far enough for some batches, not so far
/// that it knows of a turnout that has changed since.
const OBSERVED: Millis = Millis(15_000);
/// Before so much was seen, the rule's rate is told.
const OBSERVED_LEAST: Millis = Millis(5_000);

/// What holds in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The draw is held then, and the first are let in.
    pub opens_at: UnixMillis,
    /// From then on nobody joins and nothing is guarded.
    pub closes_at: UnixMillis,
    /// People let in at once.
    pub batch: u32,
    /// How many a second.
    pub pace: PaceRules,
    /// How long somebody let in has to come for the token.
    pub claim: Millis,
    /// How long a token is good.
    pub turn: Millis,
    /// People that may join.
    pub people_max: u32,
}

impl Rules {
    /// With the defaults of everything else.
    pub fn opening_at(opens_at: UnixMillis) -> Self {
        Self {
            opens_at,
            closes_at: UnixMillis::MAX,
            batch: 500,
            pace: PaceRules::default(),
            claim: Millis(40_000),
            turn: Millis(300_000),
            people_max: 20_000_000,
        }
    }
}

/// How far a room is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Level {
    reserved: u32,
    admitted: u32,
    opening: Option<Opening>,
}

/// What [`Room::take`] handed out, to be given back when it is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken(Level);

/// See the module.
pub struct Room {
    mark: u64,
    rules: Rules,
    /// Of the draw to come; nobody is told before it is held.
    seed: [u8; 16],
    /// Decided.
    level: Level,
    /// Handed out to be made durable.
    taken: Level,
    /// Durable.
    kept: Level,
    order: Option<Order>,
    next: u32,
    people: People,
    /// Who left: numbers until the draw, places after it.
    left: Marks,
    turns: Turns,
    pace: Pace,
    /// People let in who had not left.
    called: u64,
    last_called: UnixMillis,
    /// `called` at some instants not longer ago than [`OBSERVED`].
    seen: VecDeque<(UnixMillis, u64)>,
    again: u64,
    records: Vec<Record>,
    /// People of the last `Joined` in `records`, or none.
    newly: Vec<u64>,
    joined_since: u32,
}

impl Room {
    /// An empty room; `mark` is its `room_mark`, `seed` is of the draw and must be drawn for it.
    pub fn new(mark: u64, rules: Rules, seed: [u8; 16]) -> Self {
        let level = Level { reserved: 0, admitted: 0, opening: None };
        Self {
            mark,
            rules,
            seed,
            level,
            taken: level,
            kept: level,
            order: None,
            next: 0,
            people: People::default(),
            left: Marks::default(),
            turns: Turns::default(),
            pace: Pace::new(rules.pace),
            called: 0,
            last_called: rules.opens_at,
            seen: VecDeque::new(),
            again: 0,
            records: Vec::new(),
            newly: Vec::new(),
            joined_since: 0,
        }
    }

    /// What holds in it.
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Its `room_mark`.
    pub const fn mark(&self) -> u64 {
        self.mark
    }

    /// Somebody wants a place; who has one that is alive keeps it.
    ///
    /// # Errors
    /// See [`NoTicket`].
    pub fn join(&mut self, person: u64, now: UnixMillis) -> Result<Joined, NoTicket> {
        self.open(now);
        if let Some(number) = self.people.number(person)
            && self.is_alive(number, now)
        {
            self.again += 1;
            return Ok(Joined { number, again: true });
        }
        if now >= self.rules.closes_at {
            return Err(NoTicket::Closed);
        }
        if self.next >= self.rules.people_max.min(PEOPLE_MAX) {
            return Err(NoTicket::Full);
        }
        if self.next >= self.kept.reserved {
            return Err(NoTicket::Wait);
        }
        let number = self.next;
        self.next += 1;
        self.joined_since += 1;
        self.people.give(person, number);
        self.newly.push(person);
        Ok(Joined { number, again: false })
    }

    /// Whether a number still leads somewhere.
    fn is_alive(&self, number: u32, now: UnixMillis) -> bool {
        match self.standing(number, now) {
            Standing::Early { .. }
            | Standing::Waiting { .. }
            | Standing::Called { .. }
            | Standing::Admitted { .. } => true,
            Standing::Unknown | Standing::Spent | Standing::Left | Standing::Missed => false,
        }
    }

    /// Where a number stands.
    pub fn standing(&self, number: u32, now: UnixMillis) -> Standing {
        if number >= self.kept.reserved || number >= self.next {
            return Standing::Unknown;
        }
        let Some(order) = self.order.as_ref().filter(|_| self.kept.opening.is_some()) else {
            // A draw that is not durable is not told; whose number left is known by number until then.
            let place = self.order.as_ref().map_or(number, |order| order.place(number));
            if self.left.contains(place) {
                return Standing::Left;
            }
            let people = self.next - self.left.count_below(self.next);
            let mut estimate = self.estimate(people / 2, now);
            estimate.wait.0 += self.rules.opens_at.since(now).0;
            return Standing::Early { people, estimate };
        };
        let place = order.place(number);
        if self.left.contains(place) {
            return Standing::Left;
        }
        if place >= self.kept.admitted {
            let position = place - self.kept.admitted + 1;
            let ahead = self.left.missing(self.kept.admitted, place);
            return Standing::Waiting { position, ahead, estimate: self.estimate(ahead, now) };
        }
        match self.turns.seen(place, now) {
            Seen::Called(until) => Standing::Called { until },
            Seen::Came(run, until) => Standing::Admitted { run, until },
            Seen::Spent => Standing::Spent,
            Seen::Over => Standing::Missed,
        }
    }

    /// How long it takes until so many are let in.
    fn estimate(&self, ahead: u32, now: UnixMillis) -> Estimate {
        let ahead = u64::from(ahead);
        if let Some((since, called)) = self.seen.front() {
            let (span, let_in) = (now.since(*since), self.called - called);
            if span >= OBSERVED_LEAST && let_in > 0 {
                let wait = Millis(ahead.saturating_mul(span.0) / let_in);
                return Estimate { wait, basis: Basis::Observed(span) };
            }
        }
        let rate = u64::from(self.pace.rate().max(1)) * 1_000 / self.turns.turnout.per_thousand();
        Estimate { wait: Millis(ahead * 1_000 / rate.max(1)), basis: Basis::Rule }
    }

    /// Somebody goes; false if there was nobody to go.
    pub fn leave(&mut self, number: u32, now: UnixMillis) -> bool {
        self.open(now);
        let is_here = self.is_alive(number, now);
        if is_here {
            self.mark_left(number);
            self.records.push(Record::Left { room: self.mark, number });
        }
        is_here
    }

    fn mark_left(&mut self, number: u32) {
        let place = self.order.as_ref().map_or(number, |order| order.place(number));
        self.left.insert(place);
    }

    /// Takes the token of somebody whose turn it is, for one run; its end, also of one taken before.
    ///
    /// # Errors
    /// It is not their turn, or the token is for another run.
    pub fn claim(
        &mut self,
        number: u32,
        run: u64,
        now: UnixMillis,
    ) -> Result<UnixMillis, NotAdmitted> {
        match self.standing(number, now) {
            Standing::Admitted { run: of, until } if of == run => return Ok(until),
            Standing::Admitted { .. } => return Err(NotAdmitted::Run),
            Standing::Called { .. } => {}
            Standing::Spent => return Err(NotAdmitted::Spent),
            _ => return Err(NotAdmitted::Turn),
        }
        let place = self.place(number).ok_or(NotAdmitted::Turn)?;
        let until = self.turns.claim(place, run, now, self.rules.turn).ok_or(NotAdmitted::Turn)?;
        self.records.push(Record::Claimed { room: self.mark, place, run, until });
        Ok(until)
    }

    /// A request wants to use the token of a number. To be settled when the request has ended.
    ///
    /// # Errors
    /// Another request used it, it is for another run, or its time is over.
    pub fn spend(
        &mut self,
        number: u32,
        run: u64,
        request: RequestId,
        now: UnixMillis,
    ) -> Result<(), NotAdmitted> {
        let place = self.place(number).ok_or(NotAdmitted::Turn)?;
        if self.left.contains(place) {
            return Err(NotAdmitted::Turn);
        }
        self.turns.spend(place, run, request, now)
    }

    /// A try of the request ended.
    pub fn settle(&mut self, number: u32, request: RequestId, how: Settled) {
        let Some(place) = self.place(number) else { return };
        if let Some((run, until)) = self.turns.settle(place, request, how) {
            self.records.push(Record::Spent { room: self.mark, place, run, until, request });
        }
    }

    /// The place of a number that was let in, so far as that is durable.
    fn place(&self, number: u32) -> Option<u32> {
        let place = self.order.as_ref()?.place(number);
        (self.kept.opening.is_some() && place < self.kept.admitted).then_some(place)
    }

    /// The draw, when it is time.
    fn open(&mut self, now: UnixMillis) {
        if self.level.opening.is_none() && now >= self.rules.opens_at {
            self.draw(Opening { seed: self.seed, early: self.next });
        }
    }

    fn draw(&mut self, opening: Opening) {
        let order = Order::new(&opening.seed, opening.early);
        let mut left = Marks::default();
        for number in self.left.iter() {
            left.insert(order.place(number));
        }
        self.left = left;
        self.order = Some(order);
        self.level.opening = Some(opening);
    }

    /// Time has passed: holds the draw, lets in who may come, forgets whose turn is over. To be called
    /// some ten times a second.
    pub fn pass(&mut self, now: UnixMillis, load: Load) {
        self.open(now);
        if self.level.opening.is_none() {
            return;
        }
        self.turns.pass(now);
        let saved = self.rules.batch.max(self.pace.rate());
        self.pace.pass(now, load, saved);
        self.let_in(now);
        if self.level.admitted >= self.next {
            // Nobody waits: from how slowly people come nothing follows for those who will.
            self.seen.clear();
        }
        let is_due = self.seen.back().is_none_or(|(at, _)| now.since(*at) >= Millis(1_000));
        if is_due {
            self.seen.push_back((now, self.called));
        }
        while self.seen.front().is_some_and(|(at, _)| now.since(*at) > OBSERVED) {
            self.seen.pop_front();
        }
    }

    fn let_in(&mut self, now: UnixMillis) {
        let share = self.turns.turnout.per_thousand();
        // One of whom few come costs less than a whole one.
        let may = u32::try_from(u64::from(self.pace.people()) * 1_000 / share).unwrap_or(u32::MAX);
        let whole = may - may % self.rules.batch;
        let waits = now.since(self.last_called) >= LINGER;
        let want = if whole > 0 { whole } else { may };
        let (from, end) = (self.level.admitted, self.next);
        if want == 0 || from >= end || (whole == 0 && !waits && end - from > want) {
            return;
        }
        let (to, live) = self.left.stretch(from, want, end);
        self.level.admitted = to;
        self.last_called = now;
        if live == 0 {
            return;
        }
        self.pace.spend(u64::from(live) * share);
        self.called += u64::from(live);
        self.turns.call(from, to, live, now, self.rules.claim, self.rules.turn);
        self.records.push(Record::Turn { room: self.mark, from, to, live, at: now });
    }

    /// What is to be made durable, if anything; in order, and one after the other.
    pub fn take(&mut self, now: UnixMillis) -> Option<(Vec<Record>, Taken)> {
        let ahead = self.joined_since.saturating_mul(8).clamp(AHEAD.0, AHEAD.1);
        self.joined_since = 0;
        let most = self.rules.people_max.min(PEOPLE_MAX);
        if self.level.reserved < most && self.level.reserved - self.next < ahead / 2 {
            self.level.reserved = self.next.saturating_add(ahead).min(most);
        }
        let mut records = Vec::new();
        if !self.newly.is_empty() {
            let people = core::mem::take(&mut self.newly);
            let first = self.next - people.len() as u32;
            records.push(Record::Joined { room: self.mark, first, people });
        }
        records.append(&mut self.records);
        if self.level != self.taken || !records.is_empty() {
            let Level { reserved, admitted, opening } = self.level;
            records.push(Record::Level { room: self.mark, at: now, reserved, admitted, opening });
        }
        self.taken = self.level;
        (!records.is_empty()).then_some((records, Taken(self.level)))
    }

    /// What was handed out is durable. Whether there is news for those who wait.
    pub fn durable(&mut self, taken: Taken) -> bool {
        let is_news = self.kept != taken.0;
        self.kept = taken.0;
        is_news
    }

    /// What it counts.
    pub fn counts(&self) -> Counts {
        let left = self.left.count_below(u32::MAX);
        Counts {
            joined: self.next,
            again: self.again,
            waiting: self.left.missing(self.level.admitted.min(self.next), self.next),
            admitted: self.called,
            left,
            came: self.turns.came,
            held: self.turns.held,
            missed: self.turns.missed,
            rate: self.pace.rate(),
            turnout: self.turns.turnout.per_thousand(),
        }
    }

    /// Bytes on the heap.
    pub fn size(&self) -> RoomSize {
        RoomSize { people: self.people.bytes(), left: self.left.bytes(), turns: self.turns.bytes() }
    }
}
