//! The judge: an independent model of every run, fed with what became durable, that knows of each
//! request whether it was answered, refused, or is unknown.
//!
//! It is driven by the log: an event is judged when its frame is durable, an answer when the node
//! hands it out. A command that was under way when the node died may have happened or not, never
//! half: what the next start finds says which. Times are milliseconds of engine time.

pub mod attempt;
pub mod facts;
pub mod lists;
pub mod rules;
pub mod state;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use berth_inventory::{
    Changes, Command, Event, HoldId, Plan, Pnr, Refusal, RequestId, Run, RunId, RunIndex,
    UnixMillis, Version,
};
use berth_node::{Fault, Lane, Outcome};
use berth_persistence::Frame;

use crate::property::{AnswerCase, EventCase, FaultCase, Violation, each};
use crate::trains::{OPEN_DAYS, today};
use attempt::{Attempt, End};
use facts::Facts;
use state::State;

/// An event as the log has it.
pub type Written = (RunIndex, u64, Version, Event);

/// The model of one run and its past.
pub struct RunModel {
    /// What it is made of.
    pub facts: Facts,
    /// Its plan, for the replay beside the model.
    pub plan: Arc<Plan>,
    /// Its state after each version, from 0.
    pub states: Vec<Rc<State>>,
    /// Its events, version by version, from 1.
    pub events: Vec<(u64, Event)>,
    /// The machine's own replay of the same events.
    pub replay: Option<Box<Run>>,
    /// Made by an operator, outside the calendar.
    pub extra: bool,
    /// The newest version that anybody was told of.
    pub told: u64,
}

impl RunModel {
    /// The last durable state.
    pub fn state(&self) -> &Rc<State> {
        &self.states[self.states.len() - 1]
    }

    /// The last durable version.
    pub fn version(&self) -> u64 {
        self.state().version
    }

    /// Whether it is found by its date: in the window and not gone, or made already.
    pub fn is_on_sale(&self, now: u64) -> bool {
        let date = self.facts.run.start_date;
        let open = date <= today(now).plus(i32::from(OPEN_DAYS));
        self.told > 0 || open && now < self.facts.last_departure() && !self.extra
    }
}

/// What an id was told when it had taken effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum First {
    /// A hold, and its berths; those of who was on a list may change.
    Hold(HoldId, Vec<Option<u16>>),
    /// A booking.
    Booking(Pnr),
}

/// What the present start of the node must give to live holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// When it began.
    pub at: u64,
    /// The last durable stamp of a node that served before it.
    pub as_of: u64,
    /// How long grace is.
    pub span: u64,
}

impl Start {
    /// Until when it gives grace.
    pub const fn until(&self) -> u64 {
        self.at + self.span
    }
}

/// See the module.
pub struct Oracle {
    /// Every run that may be sold, by name.
    pub runs: BTreeMap<RunId, RunModel>,
    /// Names by number in the journal.
    pub by_index: BTreeMap<RunIndex, RunId>,
    /// Every request that was sent, by tag.
    pub attempts: Vec<Attempt>,
    /// Tags of an id.
    pub by_id: BTreeMap<RequestId, Vec<u64>>,
    /// Holds ever made.
    pub holds: BTreeMap<HoldId, RunId>,
    /// Bookings ever made.
    pub pnrs: BTreeMap<Pnr, RunId>,
    /// Blocks ever leased.
    pub blocks: BTreeMap<u32, RunId>,
    /// First answers by id and content.
    pub first: BTreeMap<(RequestId, u64), First>,
    /// The present start.
    pub start: Start,
    /// Versions with which runs came out of it.
    pub started_with: BTreeMap<RunId, u64>,
    /// Stamp of the last durable event of all.
    pub last_at: u64,
    /// Frames handed to the log and not known durable: what is in them, by frame.
    pub pending: Vec<(u64, Vec<Written>)>,
    /// The last frame known durable.
    pub durable_lsn: u64,
    /// Texts of plans the journal should have.
    pub journaled_plans: BTreeSet<[u8; 32]>,
    /// Requests that reached the node.
    pub arrivals: u64,
    /// Versions that commands of a run and lane were told of, by the order in which they arrived.
    pub told_in_order: BTreeMap<(RunId, u8), BTreeMap<u64, u64>>,
    /// Answers judged.
    pub answers: u64,
    /// Answers that were refusals.
    pub refusals: u64,
    /// Events judged.
    pub events: u64,
}

impl Oracle {
    /// Nothing has happened yet.
    pub fn new(runs: impl IntoIterator<Item = (RunId, Arc<Plan>, bool)>) -> Self {
        let model = |(run, plan, extra): (RunId, Arc<Plan>, bool)| {
            let facts = Facts::new(run, &plan);
            let states = vec![Rc::new(State::new(&facts))];
            (
                run,
                RunModel { facts, plan, states, events: Vec::new(), replay: None, extra, told: 0 },
            )
        };
        Self {
            runs: runs.into_iter().map(model).collect(),
            by_index: BTreeMap::new(),
            attempts: Vec::new(),
            by_id: BTreeMap::new(),
            holds: BTreeMap::new(),
            pnrs: BTreeMap::new(),
            blocks: BTreeMap::new(),
            first: BTreeMap::new(),
            start: Start::default(),
            started_with: BTreeMap::new(),
            last_at: 0,
            pending: Vec::new(),
            durable_lsn: 0,
            journaled_plans: BTreeSet::new(),
            arrivals: 0,
            told_in_order: BTreeMap::new(),
            answers: 0,
            refusals: 0,
            events: 0,
        }
    }

    /// A request goes on its way; its tag.
    pub fn sent(&mut self, attempt: Attempt) -> u64 {
        let tag = self.attempts.len() as u64;
        if let Some(mark) = attempt.mark() {
            self.by_id.entry(mark.id).or_default().push(tag);
        }
        self.attempts.push(attempt);
        tag
    }

    /// A request of a run reaches the node.
    pub fn arrived(&mut self, tag: u64, now: u64) {
        let attempt = &mut self.attempts[tag as usize];
        attempt.arrived = Some(now);
        attempt.order = self.arrivals;
        self.arrivals += 1;
        attempt.end = End::Pending;
    }

    /// A frame is handed to the log.
    pub fn written(&mut self, lsn: u64, frame: Frame) {
        self.pending.push((lsn, events_of(frame)));
    }

    /// Everything handed to the log is durable.
    ///
    /// # Errors
    /// An event breaks a property.
    pub fn durable(&mut self, lsn: u64) -> Result<(), Violation> {
        let ready: Vec<_> = self.pending.extract_if(.., |(frame, _)| *frame <= lsn).collect();
        for (frame, events) in ready {
            for event in events {
                self.judge_event(frame, event)?;
            }
        }
        self.durable_lsn = self.durable_lsn.max(lsn);
        Ok(())
    }

    fn judge_event(&mut self, lsn: u64, written: Written) -> Result<(), Violation> {
        let (index, at, version, event) = written;
        self.events += 1;
        if let Event::RunCreated(created) = &event {
            self.by_index.insert(index, created.run);
        }
        let Some(run) = self.by_index.get(&index).copied() else {
            let what =
                format!("frame {lsn} has {event:?} of run number {index}, which has no name");
            return Err(Violation { property: "log-exact", what });
        };
        let Some(model) = self.runs.get(&run) else {
            let what = format!("frame {lsn} makes run {run}, which nobody may open");
            return Err(Violation { property: "log-exact", what });
        };
        let before = Rc::clone(model.state());
        let after = Rc::new(before.after(&model.facts, &event, at));
        let case = EventCase {
            oracle: self,
            model,
            before: &before,
            after: &after,
            event: &event,
            at,
            version,
            lsn,
        };
        each(|property| property.event(&case))?;
        self.keep(run, at, event, after);
        Ok(())
    }

    /// The event stands: model and replay go on with it.
    fn keep(&mut self, run: RunId, at: u64, event: Event, after: Rc<State>) {
        match &event {
            Event::Held { hold, .. } => {
                self.holds.insert(*hold, run);
            }
            Event::Confirmed { pnr, .. } => {
                self.pnrs.insert(*pnr, run);
            }
            Event::PnrBlockLeased { block } => {
                self.blocks.insert(*block, run);
            }
            _ => {}
        }
        self.last_at = self.last_at.max(at);
        let model = self.runs.get_mut(&run).expect("looked at before");
        // What the window has let go of may be asked anew.
        for (hold, gone) in &model.state().holds {
            if !after.holds.contains_key(hold) {
                for mark in gone.marks() {
                    self.first.remove(&(mark.id, mark.digest));
                }
            }
        }
        match (&mut model.replay, &event) {
            (replay @ None, Event::RunCreated(created)) => {
                let made = Run::new(Arc::clone(&model.plan), created, UnixMillis(at));
                *replay = Some(Box::new(made));
            }
            (Some(replay), event) => replay.apply(event, UnixMillis(at), &mut Changes::default()),
            (None, _) => {}
        }
        model.events.push((at, event));
        model.states.push(after);
    }

    /// The node hands an outcome out.
    ///
    /// # Errors
    /// It breaks a property.
    pub fn told(
        &mut self,
        tag: u64,
        outcome: &Outcome,
        now: u64,
        fast: bool,
    ) -> Result<(), Violation> {
        let attempt = &self.attempts[tag as usize];
        if !matches!(attempt.end, End::Pending) {
            let what = format!("request {attempt} is answered a second time: {outcome:?}");
            return Err(Violation { property: "answered-once", what });
        }
        let end = match outcome {
            Ok(answer) => {
                let Some(model) = attempt.run.and_then(|run| self.runs.get(&run)) else {
                    return Ok(());
                };
                let case = AnswerCase { oracle: self, model, attempt, answer, now, fast };
                each(|property| property.answer(&case))?;
                self.answers += 1;
                if !fast {
                    let key = (model.facts.run, Lane::of(&attempt.command) as u8);
                    let told = self.told_in_order.entry(key).or_default();
                    told.insert(attempt.order, answer.version.0);
                }
                let refused = matches!(answer.said, berth_inventory::Said::Refused(_));
                self.refusals += u64::from(refused);
                // An answer may be told after a later event let go of its hold: nothing of it is kept.
                if let Some(first) = First::of(&answer.said)
                    && let Some(mark) = attempt.mark()
                    && model.state().effect(mark.id).is_some()
                {
                    self.first.entry((mark.id, mark.digest)).or_insert(first);
                }
                End::Told
            }
            Err(fault) => {
                let case = FaultCase { oracle: self, attempt, fault, now };
                each(|property| property.fault(&case))?;
                match fault {
                    Fault::JournalFailed { .. } => End::Unknown,
                    _ => End::NotDone,
                }
            }
        };
        if let Ok(answer) = outcome
            && let Some(run) = attempt.run
            && let Some(model) = self.runs.get_mut(&run)
        {
            model.told = model.told.max(answer.version.0);
        }
        self.attempts[tag as usize].end = end;
        Ok(())
    }

    /// A node has started, at what the log has now.
    pub fn started(&mut self, start: Start) {
        self.start = start;
        self.started_with = self.runs.iter().map(|(run, model)| (*run, model.version())).collect();
    }

    /// The node refused a request before it found its run.
    ///
    /// # Errors
    /// It should have found it.
    pub fn refused_early(&mut self, tag: u64, why: &Refusal, now: u64) -> Result<(), Violation> {
        let attempt = &mut self.attempts[tag as usize];
        attempt.end = End::NotDone;
        let right = match (why, &attempt.command) {
            (Refusal::UnknownHold { hold }, _) => !self.holds.contains_key(hold),
            (Refusal::UnknownBooking { .. }, Command::Cancel(ask)) => {
                !self.pnrs.contains_key(&ask.pnr)
            }
            (Refusal::UnknownBooking { .. }, Command::GetBooking(pnr)) => {
                !self.pnrs.contains_key(pnr)
            }
            (Refusal::UnknownTrain { train }, _) => self.runs.keys().all(|run| run.train != *train),
            (Refusal::RunNotScheduled { train, start_date, .. }, _) => {
                let run = RunId { train: *train, start_date: *start_date };
                self.runs.get(&run).is_none_or(|model| !model.is_on_sale(now))
            }
            _ => false,
        };
        if right {
            return Ok(());
        }
        let what = format!("{attempt} at {now} is refused before its run is found: {why}");
        Err(Violation { property: "refusal-right", what })
    }

    /// The node is gone: what was under way is unknown.
    pub fn crashed(&mut self) {
        for attempt in &mut self.attempts {
            if matches!(attempt.end, End::Pending) {
                attempt.end = End::Unknown;
            }
        }
    }

    /// What the next start found in the log, frame by frame. Durable frames must be there as they
    /// were, and of the others any first ones as they were written.
    ///
    /// # Errors
    /// An acked change is lost, changed or repeated, or something is there that nobody wrote.
    pub fn recovered(&mut self, frames: Vec<Frame>) -> Result<(), Violation> {
        let violation = |what| Err(Violation { property: "log-exact", what });
        let last = frames.last().map_or(0, |frame| frame.lsn.0);
        if last < self.durable_lsn {
            let what =
                format!("the log ends with frame {last}, frame {} was durable", self.durable_lsn);
            return violation(what);
        }
        let mut found: BTreeMap<RunIndex, Vec<(u64, Version, Event)>> = BTreeMap::new();
        let first = frames.first().map_or(0, |frame| frame.lsn.0);
        let mut survived = Vec::new();
        for frame in frames {
            let lsn = frame.lsn.0;
            let events = events_of(frame);
            if lsn > self.durable_lsn && !events.is_empty() {
                match self.pending.iter().find(|(pending, _)| *pending == lsn) {
                    Some((_, written)) if *written == events => survived.push(lsn),
                    Some((_, written)) => {
                        return violation(format!(
                            "frame {lsn} reads {events:?}, written {written:?}"
                        ));
                    }
                    None => {
                        return violation(format!("frame {lsn} with {events:?} was not written"));
                    }
                }
            } else {
                for (index, at, version, event) in events {
                    found.entry(index).or_default().push((at, version, event));
                }
            }
        }
        for (index, run) in &self.by_index {
            let model = &self.runs[run];
            let read = found.remove(index).unwrap_or_default();
            // Segments that were let go had the first ones.
            let skipped = if first > 1 { model.events.len().saturating_sub(read.len()) } else { 0 };
            let known = model.events.iter().zip(1..).skip(skipped);
            let known: Vec<_> = known.map(|((at, e), v)| (*at, Version(v), e.clone())).collect();
            if read != known {
                let what = format!(
                    "run {run}: the log has {} events, {} are durable; they differ first at {:?}",
                    read.len(),
                    known.len(),
                    read.iter().zip(&known).position(|(a, b)| a != b)
                );
                return violation(what);
            }
        }
        if let Some((index, events)) = found.into_iter().next() {
            return violation(format!(
                "run number {index} has {} events nobody knows",
                events.len()
            ));
        }
        if let Some(lsn) = survived.last() {
            self.durable(*lsn)?;
        }
        self.pending.clear();
        self.durable_lsn = last;
        Ok(())
    }
}

impl First {
    /// What an answer that tells of an effect says.
    pub fn of(said: &berth_inventory::Said) -> Option<Self> {
        use berth_inventory::Said;
        match said {
            Said::Hold(view) => {
                let berths = view.party.iter().map(|seat| seat.berth.map(|berth| berth.0));
                Some(Self::Hold(view.hold, berths.collect()))
            }
            Said::Booking(view) => Some(Self::Booking(view.pnr)),
            _ => None,
        }
    }
}

/// Whether an answer says what the first one said, but for places of those who were on a list: what
/// they have may become better.
pub fn is_first(first: &First, now: &First, state: &State) -> bool {
    let (First::Hold(hold, first_berths), First::Hold(same, berths)) = (first, now) else {
        return first == now;
    };
    let seats = state.holds.get(hold).map_or(&[][..], |hold| &hold.seats);
    let listed = |place: usize| seats.get(place).is_some_and(|seat| seat.listed.is_some());
    let mut pairs = first_berths.iter().zip(berths).enumerate();
    hold == same
        && first_berths.len() == berths.len()
        && pairs.all(|(place, (first, now))| first == now || listed(place))
}

/// The events of a frame in order.
pub fn events_of(frame: Frame) -> Vec<Written> {
    let mut events = Vec::new();
    for span in frame.sections.into_iter().flat_map(|section| section.spans) {
        let mut version = span.first;
        for event in span.events {
            events.push((span.run, span.at.0, version, event));
            version = version.next();
        }
    }
    events
}
