//! The judge that believes no version and no journal: it looks for an order by itself.
//!
//! Wing and Gong's search as Lowe and Porcupine do it, run by run: one after the other, what was
//! asked before the first answer that is still to be placed may come next, if the twin gives the
//! answer that was told; else it goes back. Two things make it short. What changes nothing is placed
//! as soon as it fits, for it hinders nobody. What was tried is remembered by the set of what is
//! placed and the state. Deadlines that pass are moves of their own, possible from the deadline on.
//! Stamps and deadlines are not compared: a restart moves them, and only the journal says when.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hasher as _};

use crate::record::{Event, History, Id, Said, Try, UNANSWERED};
use crate::twin::{Leeway, Twin, Undo};

/// Moves after which no order is looked for any more.
const MOVES_MAX: u64 = 20_000_000;
/// Clocks of recorder and server are those of one machine, read at different moments.
const SKEW_MS: u64 = 250;

/// What a search came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is an order; found with so many moves, of which so many were taken back.
    Linearizable { moves: u64, back: u64 },
    /// There is none; the most that could be placed, and what could not come next.
    Broken { placed: usize, of: usize, stuck: String },
    /// Not found in time.
    Undecided,
}

/// Judges one run of a history.
pub fn check(history: &History, run: u32) -> Verdict {
    let tries: Vec<&Try> = history.tries.iter().filter(|one| one.run == run).collect();
    Search::new(Twin::new(&history.runs[run as usize], Leeway::Times), entries(&tries)).go()
}

/// One thing to place.
struct Entry<'a> {
    one: &'a Try,
    part: Part,
    invoked: u64,
    returned: u64,
}

/// What of a request an entry is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// It was sent once: effect and answer in one.
    Whole,
    /// What it did, whenever it was answered.
    Effect,
    /// An answer, to what was done before or to nothing.
    Answer,
}

/// A request that was sent once is one entry. One that was sent again is its effect, some time from
/// the first try to the first good answer, and each of its answers.
fn entries<'a>(tries: &[&'a Try]) -> Vec<Entry<'a>> {
    let mut by_request: BTreeMap<Id, Vec<&'a Try>> = BTreeMap::new();
    let mut entries = Vec::new();
    let mut add = |one: &'a Try, part, invoked, returned| {
        if returned != UNANSWERED {
            entries.push(Entry { one, part, invoked, returned });
        }
    };
    for &one in tries {
        if one.request == Id::default() {
            add(one, Part::Whole, one.invoked, one.returned);
        } else {
            by_request.entry(one.request).or_default().push(one);
        }
    }
    for tries in by_request.values() {
        let is_good = |one: &&&Try| {
            let answer = one.answer.as_ref();
            answer.is_some_and(|answer| !matches!(answer.said, Said::Refused(_)))
        };
        let first = tries.iter().filter(is_good).min_by_key(|one| one.returned);
        let mut part = Part::Whole;
        if let Some(first) = first.filter(|_| tries.len() > 1) {
            let same = tries.iter().filter(|one| one.ask == first.ask);
            let invoked = same.map(|one| one.invoked).min().unwrap_or(first.invoked);
            add(first, Part::Effect, invoked, first.returned);
            part = Part::Answer;
        }
        for one in tries {
            add(one, part, one.invoked, one.returned);
        }
    }
    entries
}

/// A move that was made.
struct Made {
    what: Move,
    mark: u64,
    /// Absent: it changed nothing, so that there is no use in making it later.
    undo: Option<Undo>,
}

#[derive(Clone, Copy)]
enum Move {
    /// An entry was placed.
    Place(usize),
    /// A deadline passed: that of the hold with this number among those that live.
    Expire(usize),
}

/// Neighbours in the list of moments.
struct Link {
    before: usize,
    behind: usize,
}

struct Search<'a> {
    twin: Twin<'a>,
    entries: Vec<Entry<'a>>,
    /// Moments in their order: 2n is the asking of entry n, 2n + 1 its answer, the last one the end.
    links: Vec<Link>,
    made: Vec<Made>,
    /// Sum of the marks of what was made.
    placed: u64,
    /// Sets and states from which every way was tried.
    seen: HashSet<(u64, u64)>,
    moves: u64,
    back: u64,
    furthest: (usize, String),
}

fn mark(of: impl std::hash::Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

impl<'a> Search<'a> {
    fn new(twin: Twin<'a>, entries: Vec<Entry<'a>>) -> Self {
        let end = entries.len() * 2;
        let mut moments: Vec<usize> = (0..end).collect();
        // At the same microsecond one may have been asked before the other was answered.
        moments.sort_by_key(|&moment| {
            let entry = &entries[moment / 2];
            let is_answer = moment % 2;
            (if is_answer == 0 { entry.invoked } else { entry.returned }, is_answer)
        });
        let mut links: Vec<Link> = (0..=end).map(|_| Link { before: end, behind: end }).collect();
        let mut before = end;
        for &moment in &moments {
            links[before].behind = moment;
            links[moment].before = before;
            before = moment;
        }
        links[before].behind = end;
        links[end].before = before;
        let (made, seen, furthest) = (Vec::new(), HashSet::new(), (0, String::new()));
        Self { twin, entries, links, made, placed: 0, seen, moves: 0, back: 0, furthest }
    }

    fn end(&self) -> usize {
        self.entries.len() * 2
    }

    fn first(&self) -> usize {
        self.links[self.end()].behind
    }

    fn unlink(&mut self, moment: usize) {
        let Link { before, behind } = self.links[moment];
        self.links[before].behind = behind;
        self.links[behind].before = before;
    }

    fn link(&mut self, moment: usize) {
        let Link { before, behind } = self.links[moment];
        self.links[before].behind = moment;
        self.links[behind].before = moment;
    }

    fn go(mut self) -> Verdict {
        let (mut from, mut expiries_from) = (self.first(), 0);
        while self.first() != self.end() {
            if self.moves > MOVES_MAX {
                return Verdict::Undecided;
            }
            let made = self.next_entry(from);
            if let Some(made) = made.or_else(|| self.next_expiry(expiries_from)) {
                self.made.push(made);
                (from, expiries_from) = (self.first(), 0);
                continue;
            }
            self.note_stuck();
            match self.take_back() {
                Some(Move::Place(place)) => {
                    (from, expiries_from) = (self.links[place * 2].behind, 0);
                }
                Some(Move::Expire(number)) => (from, expiries_from) = (self.end(), number + 1),
                None => {
                    let ((placed, stuck), of) = (self.furthest, self.entries.len());
                    return Verdict::Broken { placed, of, stuck };
                }
            }
        }
        Verdict::Linearizable { moves: self.moves, back: self.back }
    }

    /// The answer before which everything placed next was asked.
    fn first_answer(&self) -> usize {
        let mut moment = self.first();
        while moment != self.end() && moment.is_multiple_of(2) {
            moment = self.links[moment].behind;
        }
        moment / 2
    }

    /// Places the first entry from `from` on that fits.
    fn next_entry(&mut self, from: usize) -> Option<Made> {
        let mut moment = from;
        while moment != self.end() && moment.is_multiple_of(2) {
            if let Some(made) = self.place(moment / 2) {
                return Some(made);
            }
            moment = self.links[moment].behind;
        }
        None
    }

    fn place(&mut self, place: usize) -> Option<Made> {
        self.moves += 1;
        let Entry { one, part, .. } = self.entries[place];
        let answer = one.answer.as_ref().expect("only what was answered is placed");
        let event = match part {
            Part::Whole | Part::Effect => self.twin.event_of(one.request, &one.ask, &answer.said),
            Part::Answer => None,
        };
        let stamp = match &answer.said {
            Said::Hold(hold) => hold.created,
            Said::Booking { booking, .. } => booking.confirmed,
            _ => answer.at,
        };
        let undo = match &event {
            Some(event) => Some(self.twin.apply(event, stamp, Some(&one.ask)).ok()?),
            None => None,
        };
        let fits = match (part, &undo) {
            (Part::Effect, Some(_)) => true,
            (Part::Effect, None) => self.twin.is_done(one.request, &one.ask),
            _ => self.twin.judge(one.request, &one.ask, answer, 0).is_ok(),
        };
        self.settle(Move::Place(place), mark((0, place)), undo, fits)
    }

    /// Lets a deadline pass that has passed by the first answer which is not placed.
    fn next_expiry(&mut self, from: usize) -> Option<Made> {
        let first = self.first_answer();
        let bound = self.entries.get(first).map_or(u64::MAX, |entry| entry.returned / 1_000);
        let due = |(_, (_, expires)): &(usize, (Id, u64))| *expires <= bound + SKEW_MS;
        let live: Vec<_> = self.twin.live().enumerate().skip(from).filter(due).collect();
        for (number, (hold, _)) in live {
            self.moves += 1;
            let undo = self.twin.apply(&Event::Expired { hold }, 0, None).ok();
            if undo.is_some() {
                let made = self.settle(Move::Expire(number), mark((1, hold)), undo, true);
                if made.is_some() {
                    return made;
                }
            }
        }
        None
    }

    /// Makes a move for good, or takes it back at once: it does not fit, or was tried from here.
    fn settle(&mut self, what: Move, mark: u64, undo: Option<Undo>, fits: bool) -> Option<Made> {
        let placed = self.placed ^ mark;
        if !fits || undo.is_some() && !self.seen.insert((placed, self.twin.fingerprint())) {
            if let Some(undo) = undo {
                self.twin.undo(undo);
            }
            return None;
        }
        self.placed = placed;
        if let Move::Place(place) = what {
            self.unlink(place * 2);
            self.unlink(place * 2 + 1);
        }
        Some(Made { what, mark, undo })
    }

    /// Takes back up to the last move that changed something.
    fn take_back(&mut self) -> Option<Move> {
        while let Some(Made { what, mark, undo }) = self.made.pop() {
            self.back += 1;
            self.placed ^= mark;
            if let Move::Place(place) = what {
                self.link(place * 2 + 1);
                self.link(place * 2);
            }
            if let Some(undo) = undo {
                self.twin.undo(undo);
                return Some(what);
            }
        }
        None
    }

    fn note_stuck(&mut self) {
        let is_placed = |made: &&Made| matches!(made.what, Move::Place(_));
        let placed = self.made.iter().filter(is_placed).count();
        if placed >= self.furthest.0
            && let Some(entry) = self.entries.get(self.first_answer())
        {
            let answer = entry.one.answer.as_ref().expect("only what was answered is placed");
            let why = self.twin.judge(entry.one.request, &entry.one.ask, answer, 0);
            let why = why.err().unwrap_or_else(|| "its effect does not fit".to_owned());
            self.furthest = (placed, why);
        }
    }
}
