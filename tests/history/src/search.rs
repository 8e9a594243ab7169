//! The judge that believes no version and no journal: it looks for an order by itself.
//!
//! Wing and Gong's search as Lowe and Porcupine do it, run by run: one after the other, what was
//! asked before the first answer that is still to be placed may come next, if the twin gives the
//! answer that was told; else it goes back. Three things make it short. What changes nothing is never
//! placed later than where it fits, for it hinders nobody. What was tried is remembered by the set of
//! what is placed and the state. What an operator asked and was not answered may have been done, or
//! not, some time after it was asked: that is a move which nobody has to make. And versions say what to try first: they may mislead, which costs
//! time and changes no verdict. Deadlines that pass are moves of their own, possible from the deadline on.
//! Stamps and deadlines are not compared: a restart moves them, and only the journal says when.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hasher as _};

use crate::record::{Event, History, Id, Said, Try, UNANSWERED};
use crate::twin::{Leeway, Twin, Undo};

/// Moves after which no order is looked for any more.
const MOVES_MAX: u64 = 3_000_000;
/// Clocks of recorder and server are those of one machine, read at different moments.
const SKEW_MS: u64 = 20;

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
    let twin = Twin::new(&history.runs[run as usize], Leeway::Times);
    Search::new(twin, entries(&tries), unanswered(&tries)).go()
}

/// One thing to place.
struct Entry<'a> {
    one: &'a Try,
    part: Part,
    invoked: u64,
    returned: u64,
    /// Where to try it: version, effects before what looks at them.
    hint: (u64, bool, u64),
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
            let version = one.answer.as_ref().map_or(0, |answer| answer.version);
            let looks = part == Part::Answer || one.request == Id::default();
            let hint = (version, looks, invoked);
            entries.push(Entry { one, part, invoked, returned, hint });
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

/// What operators asked and were not told: it is asked anew under another id, or not at all.
fn unanswered<'a>(tries: &[&'a Try]) -> Vec<&'a Try> {
    let open = |one: &&&Try| one.returned == UNANSWERED && one.ask.is_of_an_operator();
    tries.iter().filter(open).copied().collect()
}

/// A move that was made.
struct Made {
    what: Move,
    /// Its place among what could be tried.
    rank: usize,
    mark: u64,
    /// Absent: it changed nothing, so that there is no use in making it later.
    undo: Option<Undo>,
}

#[derive(Clone, Copy)]
enum Move {
    /// An entry was placed.
    Place(usize),
    /// A deadline passed.
    Expire(Id),
    /// What an operator was not told was done.
    Perhaps(usize),
}

/// Neighbours in the list of moments.
struct Link {
    before: usize,
    behind: usize,
}

struct Search<'a> {
    twin: Twin<'a>,
    entries: Vec<Entry<'a>>,
    /// What may have been done, and whether it is placed.
    perhaps: Vec<(&'a Try, bool)>,
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
    fn new(twin: Twin<'a>, entries: Vec<Entry<'a>>, unanswered: Vec<&'a Try>) -> Self {
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
        let perhaps = unanswered.into_iter().map(|one| (one, false)).collect();
        Self { twin, entries, perhaps, links, made, placed: 0, seen, moves: 0, back: 0, furthest }
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
        let mut from = 0;
        while self.first() != self.end() {
            if self.moves > MOVES_MAX {
                return Verdict::Undecided;
            }
            let moves = self.possible();
            let made = (from..moves.len()).find_map(|rank| self.make(moves[rank], rank));
            if let Some(made) = made {
                self.made.push(made);
                from = 0;
                continue;
            }
            self.note_stuck();
            let Some(rank) = self.take_back() else {
                let ((placed, stuck), of) = (self.furthest, self.entries.len());
                return Verdict::Broken { placed, of, stuck };
            };
            from = rank + 1;
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

    /// What may come next: entries that were asked before the first answer which is not placed, and
    /// deadlines that have passed by then. The likeliest entry first, then deadlines.
    fn possible(&self) -> Vec<Move> {
        let mut places = Vec::new();
        let mut moment = self.first();
        while moment != self.end() && moment.is_multiple_of(2) {
            places.push(moment / 2);
            moment = self.links[moment].behind;
        }
        places.sort_by_key(|place| self.entries[*place].hint);
        let first = self.first_answer();
        let bound = self.entries.get(first).map_or(u64::MAX, |entry| entry.returned / 1_000);
        let due = |(_, expires): &(Id, u64)| *expires <= bound + SKEW_MS;
        let expiries = self.twin.live().filter(due).map(|(hold, _)| Move::Expire(hold));
        let asked = self.entries.get(first).map_or(u64::MAX, |entry| entry.returned);
        let perhaps = (0..).zip(&self.perhaps);
        let perhaps = perhaps.filter(|(_, (one, is_placed))| !is_placed && one.invoked <= asked);
        let mut moves: Vec<Move> = places.iter().take(1).map(|place| Move::Place(*place)).collect();
        moves.extend(perhaps.map(|(place, _)| Move::Perhaps(place)));
        moves.extend(expiries);
        moves.extend(places.iter().skip(1).map(|place| Move::Place(*place)));
        moves
    }

    fn make(&mut self, what: Move, rank: usize) -> Option<Made> {
        self.moves += 1;
        match what {
            Move::Place(place) => self.place(place, rank),
            Move::Expire(hold) => {
                let undo = self.twin.apply(&Event::Expired { hold }, 0, None).ok()?;
                self.settle(what, rank, mark((1, hold)), Some(undo), true)
            }
            Move::Perhaps(place) => {
                let (one, _) = self.perhaps[place];
                let event = self.twin.event_of(one.request, &one.ask, &Said::Done)?;
                let undo = self.twin.apply(&event, 0, Some(&one.ask)).ok()?;
                self.settle(what, rank, mark((2, place)), Some(undo), true)
            }
        }
    }

    fn place(&mut self, place: usize, rank: usize) -> Option<Made> {
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
        self.settle(Move::Place(place), rank, mark((0, place)), undo, fits)
    }

    /// Makes a move for good, or takes it back at once: it does not fit, or was tried from here.
    fn settle(
        &mut self,
        what: Move,
        rank: usize,
        mark: u64,
        undo: Option<Undo>,
        fits: bool,
    ) -> Option<Made> {
        let placed = self.placed ^ mark;
        if !fits || undo.is_some() && !self.seen.insert((placed, self.twin.fingerprint())) {
            if let Some(undo) = undo {
                self.twin.undo(undo);
            }
            return None;
        }
        self.placed = placed;
        match what {
            Move::Place(place) => {
                self.unlink(place * 2);
                self.unlink(place * 2 + 1);
            }
            Move::Perhaps(place) => self.perhaps[place].1 = true,
            Move::Expire(_) => {}
        }
        Some(Made { what, rank, mark, undo })
    }

    /// Takes back up to the last move that changed something; the rank that it had.
    fn take_back(&mut self) -> Option<usize> {
        while let Some(Made { what, rank, mark, undo }) = self.made.pop() {
            self.back += 1;
            self.placed ^= mark;
            match what {
                Move::Place(place) => {
                    self.link(place * 2 + 1);
                    self.link(place * 2);
                }
                Move::Perhaps(place) => self.perhaps[place].1 = false,
                Move::Expire(_) => {}
            }
            if let Some(undo) = undo {
                self.twin.undo(undo);
                return Some(rank);
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
