//! Applies events to runs, in order, and keeps account of what cannot be trusted.
//!
//! Always true: a live run has seen every version up to its own; a run with a gap is refused and
//! stays refused. The proof of a loss is one of three: the frame after a lost one names its runs;
//! an event does not make the next version; a segment's footer knows a later version.

mod wave;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use berth_inventory::{Changes, Event, Run, RunId, RunIndex, UnixMillis, Version};

use super::load::Plans;
use crate::codec::CodecFault;
use crate::frame::Named;
use crate::group::{SpanHead, Visit, for_each_part};
use crate::log::segment::Tallied;
use crate::log::{DamageKind, Tally};
use crate::section::{NodeRecord, Touch};
use crate::snapshot::{Covered, Snapshots};
use crate::stored::v1;
use crate::wave::Wave;
use crate::{Damage, LogPosition, Lsn};

/// What is known of one run.
pub enum Slot {
    /// Nothing yet.
    Unknown,
    /// Its snapshot is its last version so far.
    Cold,
    /// Replayed up to this frame.
    Live(Box<Run>, Lsn),
    /// Not to be trusted, and why.
    Refused(RunId, String),
}

/// Runs on their way through the log.
pub struct Replayer<'a> {
    snapshots: &'a dyn Snapshots,
    /// Catalogue entries.
    pub plans: Plans<'a>,
    /// By run number.
    pub slots: Vec<Slot>,
    /// The first run number not seen.
    pub next_run: RunIndex,
    /// The first PNR block not seen.
    pub next_pnr_block: u32,
    /// Leases seen.
    pub pnr_blocks: Vec<(u32, RunIndex)>,
    /// The latest stamp.
    pub last_at: Option<UnixMillis>,
    /// The latest stamp of a node that served: of everything but starts.
    pub served_at: Option<UnixMillis>,
    /// Frames with a `Started`.
    pub starts: Vec<Lsn>,
    /// Whether the last frame is a clean stop.
    pub clean: bool,
    /// Events applied.
    pub events: u64,
    /// Whether frames were lost.
    pub has_lost: bool,
    /// Lost frames whose runs nothing has named yet: first, last, segment and first wrong byte.
    pub hole: Option<(Lsn, Lsn, (u64, u64))>,
    /// A run with events but without a name.
    pub nameless: Option<(RunIndex, Lsn)>,
    changes: Changes,
}

impl<'a> Replayer<'a> {
    /// Every run with a snapshot is cold.
    pub fn new(snapshots: &'a dyn Snapshots, plans: Plans<'a>) -> Self {
        let mut replayer = Self {
            snapshots,
            plans,
            slots: Vec::new(),
            next_run: RunIndex(0),
            next_pnr_block: 0,
            pnr_blocks: Vec::new(),
            last_at: None,
            served_at: None,
            starts: Vec::new(),
            clean: false,
            events: 0,
            has_lost: false,
            hole: None,
            nameless: None,
            changes: Changes::default(),
        };
        for run in snapshots.runs() {
            let Some(info) = snapshots.latest(run) else { continue };
            *replayer.slot(run) = Slot::Cold;
            replayer.last_at = replayer.last_at.max(Some(info.last_at));
            replayer.served_at = replayer.served_at.max(Some(info.last_at));
            for block in &info.pnr_blocks {
                replayer.leased(*block, run);
            }
        }
        replayer
    }

    /// Takes the counters of a cover mark in.
    pub fn take_cover(&mut self, covered: Covered) {
        self.next_run = self.next_run.max(covered.next_run);
        self.next_pnr_block = self.next_pnr_block.max(covered.next_pnr_block);
        if covered.last_at.0 > 0 {
            self.last_at = self.last_at.max(Some(covered.last_at));
            self.served_at = self.served_at.max(Some(covered.last_at));
        }
    }

    fn slot(&mut self, run: RunIndex) -> &mut Slot {
        let at = run.0 as usize;
        if at >= self.slots.len() {
            self.slots.resize_with(at + 1, || Slot::Unknown);
        }
        self.next_run = self.next_run.max(RunIndex(run.0 + 1));
        &mut self.slots[at]
    }

    fn leased(&mut self, block: u32, run: RunIndex) {
        self.next_pnr_block = self.next_pnr_block.max(block + 1);
        self.pnr_blocks.push((block, run));
    }

    /// Takes one frame in; `names` and `tally` get what a writer must repeat of it. Its events go
    /// into `wave`, to be applied with it; without one only names and tally are kept, for every
    /// event is in a snapshot.
    pub fn frame(
        &mut self,
        at: LogPosition,
        payload: &[u8],
        wave: Option<&mut Wave>,
        names: &mut Vec<Named>,
        tally: &mut Tally,
    ) -> Result<(), CodecFault> {
        self.clean = false;
        let lsn = at.lsn;
        match wave {
            Some(wave) => {
                wave.begin(at);
                for_each_part(payload, &mut Gathering { replayer: self, lsn, names, tally, wave })
            }
            None => for_each_part(payload, &mut Passing { replayer: self, lsn, names, tally }),
        }
    }

    fn stamped(&mut self, head: &SpanHead) {
        if head.count > 0 {
            self.last_at = self.last_at.max(Some(head.at));
            self.served_at = self.served_at.max(Some(head.at));
        }
    }

    /// Brings the names of the last frame into the order of the format.
    pub fn sort_names(names: &mut Vec<Named>) {
        names.sort_unstable_by(|a, b| a.run.cmp(&b.run).then(b.created.cmp(&a.created)));
        names.dedup_by_key(|n| n.run);
    }

    /// Takes one record of the node in.
    pub fn take_record(&mut self, lsn: Lsn, record: NodeRecord) {
        match record {
            NodeRecord::Started { at, .. } => {
                self.last_at = self.last_at.max(Some(at));
                self.starts.push(lsn);
            }
            NodeRecord::CleanStop { at } => {
                self.last_at = self.last_at.max(Some(at));
                self.served_at = self.served_at.max(Some(at));
                self.clean = true;
            }
            NodeRecord::PlanText { hash, text } => self.plans.take_text(hash, text),
        }
    }

    /// Takes one event in.
    pub fn take_event(
        &mut self,
        lsn: Lsn,
        run: RunIndex,
        at: UnixMillis,
        version: Version,
        event: &Event,
    ) {
        if let Event::PnrBlockLeased { block } = event {
            self.leased(*block, run);
        }
        self.slot(run);
        let Some(known) = self.known(run) else { return };
        if version <= known {
            return;
        }
        if version != known.next() {
            let why = format!(
                "version {} follows version {known} in frame {lsn}: what is between is lost",
                version.0
            );
            return self.refuse(run, None, lsn, why);
        }
        if let Err(why) = self.step(lsn, run, at, version, event) {
            self.refuse(run, v1::created_by(event), lsn, why);
        }
    }

    /// The last version of a run that is known; `None` when it is refused.
    fn known(&self, run: RunIndex) -> Option<Version> {
        match self.slots.get(run.0 as usize) {
            Some(Slot::Refused(..)) => None,
            Some(Slot::Live(live, _)) => Some(live.version()),
            Some(Slot::Cold) => {
                Some(self.snapshots.latest(run).map_or(Version(0), |info| info.version))
            }
            Some(Slot::Unknown) | None => Some(Version(0)),
        }
    }

    /// Makes the next version of a run.
    fn step(
        &mut self,
        lsn: Lsn,
        run: RunIndex,
        at: UnixMillis,
        version: Version,
        event: &Event,
    ) -> Result<(), String> {
        self.events += 1;
        match (&self.slots[run.0 as usize], event) {
            (Slot::Unknown, Event::RunCreated(created)) => {
                let plan = self.plans.get(created.plan)?;
                let new = guarded(lsn, || Box::new(Run::new(plan, created, at)))?;
                *self.slot(run) = Slot::Live(new, lsn);
                return Ok(());
            }
            (Slot::Unknown, _) => return Err("its first event is not its creation".to_owned()),
            (Slot::Cold, _) => {
                let (loaded, _) = self.plans.load(run)?;
                // An older snapshot stood in for a damaged one.
                if loaded.version().next() != version {
                    let known = loaded.version();
                    return Err(format!(
                        "its latest snapshot is damaged, and the log no longer has what is between \
                         version {known} and version {version}: restore snap/ from a copy"
                    ));
                }
                *self.slot(run) = Slot::Live(loaded, lsn);
            }
            (Slot::Live(..) | Slot::Refused(..), _) => {}
        }
        let changes = &mut self.changes;
        if let Slot::Live(live, seen) = &mut self.slots[run.0 as usize] {
            guarded(lsn, || live.apply(event, at, changes))?;
            *seen = lsn;
            changes.clear();
        }
        Ok(())
    }

    /// Frames are lost; the last of them touched `named`.
    pub fn lost(&mut self, first: Lsn, last: Lsn, named: &[Named], at: (u64, u64)) {
        self.has_lost = true;
        if first < last {
            self.hole = Some((first, last, at));
        }
        for name in named {
            let saved = self.snapshots.latest(name.run).is_some_and(|info| info.lsn >= last);
            // Either way its number is taken.
            self.slot(name.run);
            if !saved {
                let why = format!("frame {last}, which had events of it, is damaged");
                self.refuse(name.run, name.created, last, why);
            }
        }
    }

    /// A sealed segment ends: its footer knows the last version of every run in it.
    pub fn footer(&mut self, first: Lsn, runs: &[Tallied]) {
        for tallied in runs {
            let known = match self.slot(tallied.run) {
                Slot::Refused(..) => continue,
                Slot::Live(live, _) => live.version(),
                Slot::Cold | Slot::Unknown => {
                    self.snapshots.latest(tallied.run).map_or(Version(0), |info| info.version)
                }
            };
            if known < tallied.last {
                let why = format!(
                    "its versions {} to {} are in damaged frames of the segment that begins \
                     with frame {first}",
                    known.0 + 1,
                    tallied.last
                );
                self.refuse(tallied.run, tallied.created, first, why);
            }
        }
        // Whoever touched the lost frames of this segment stands in its footer.
        self.hole = self.hole.take_if(|(lost, ..)| *lost < first);
    }

    /// Runs with a damaged snapshot for which the log, of which frames from `kept` on are kept,
    /// cannot stand in any more.
    pub fn refuse_lost_snapshots(&mut self, damage: &[Damage], kept: Lsn) {
        for damage in damage {
            let DamageKind::Frames { named, last, .. } = &damage.kind else { continue };
            for name in named {
                let older = self.snapshots.latest(name.run).map(|info| info.lsn);
                let why = match self.slot(name.run) {
                    Slot::Unknown => {
                        format!(
                            "{damage}, and the log no longer has its first events: restore snap/ \
                             from a copy and start again"
                        )
                    }
                    // What was behind this older snapshot may have been in frames that are gone.
                    Slot::Cold if older.is_none_or(|older| older.next() < kept) => {
                        format!(
                            "{damage}, and the log no longer has what that snapshot held: restore \
                             snap/ from a copy and start again"
                        )
                    }
                    Slot::Cold | Slot::Live(..) | Slot::Refused(..) => continue,
                };
                self.refuse(name.run, name.created, *last, why);
            }
        }
    }

    fn refuse(&mut self, run: RunIndex, created: Option<RunId>, lsn: Lsn, why: String) {
        let of_snapshot = self.snapshots.latest(run).map(|info| info.run);
        let slot = self.slot(run);
        let of_slot = match slot {
            Slot::Live(live, _) => Some(live.id()),
            Slot::Refused(..) => return,
            Slot::Cold | Slot::Unknown => None,
        };
        match created.or(of_slot).or(of_snapshot) {
            Some(name) => *slot = Slot::Refused(name, why),
            None => {
                self.nameless.get_or_insert((run, lsn));
            }
        }
    }
}

/// Takes a frame in whose events are to be applied.
struct Gathering<'a, 'r> {
    replayer: &'a mut Replayer<'r>,
    lsn: Lsn,
    names: &'a mut Vec<Named>,
    tally: &'a mut Tally,
    wave: &'a mut Wave,
}

impl Visit<CodecFault> for Gathering<'_, '_> {
    fn record(&mut self, record: NodeRecord) -> Result<(), CodecFault> {
        self.replayer.take_record(self.lsn, record);
        Ok(())
    }

    #[inline]
    fn span(&mut self, head: SpanHead, events: &mut &[u8]) -> Result<(), CodecFault> {
        if head.count == 0 {
            return Ok(());
        }
        let (begin, run) = (*events, head.run);
        for place in 0..head.count {
            // Most events are frequent ones.
            if v1::skip_frequent(events) {
                continue;
            }
            match v1::walk_event(events) {
                Ok(None) => {}
                Ok(created) => {
                    let version = Version(head.first.0 + u64::from(place));
                    touch(self.names, self.tally, run, version, created);
                }
                Err(fault) => return Err(first_fault(head.count, begin, fault)),
            }
        }
        // The tally hears of the run's last version when the wave is applied.
        if self.names.last().is_none_or(|name| name.run != run) {
            self.names.push(Named { run, created: None });
        }
        self.wave.take(&head, &begin[..begin.len() - events.len()]);
        self.replayer.stamped(&head);
        Ok(())
    }
}

/// Takes a frame in whose events are all in snapshots.
struct Passing<'a, 'r> {
    replayer: &'a mut Replayer<'r>,
    lsn: Lsn,
    names: &'a mut Vec<Named>,
    tally: &'a mut Tally,
}

impl Visit<CodecFault> for Passing<'_, '_> {
    fn record(&mut self, record: NodeRecord) -> Result<(), CodecFault> {
        self.replayer.take_record(self.lsn, record);
        Ok(())
    }

    fn span(&mut self, head: SpanHead, events: &mut &[u8]) -> Result<(), CodecFault> {
        let mut version = head.first;
        for _ in 0..head.count {
            let created = v1::created_by(&v1::decode_event(events)?);
            touch(self.names, self.tally, head.run, version, created);
            version = version.next();
        }
        self.replayer.stamped(&head);
        Ok(())
    }
}

/// Of the events of a span only the last and every creation must be told.
#[inline]
fn touch(
    names: &mut Vec<Named>,
    tally: &mut Tally,
    run: RunIndex,
    last: Version,
    created: Option<RunId>,
) {
    tally.take(Touch { run, last, created });
    if created.is_some() || names.last().is_none_or(|n| n.run != run) {
        names.push(Named { run, created });
    }
}

/// The first of a span's events that cannot be decoded, where one of them is `known` to be such:
/// those before it were walked over and may be no better.
#[cold]
fn first_fault(count: u16, mut events: &[u8], known: CodecFault) -> CodecFault {
    (0..count).find_map(|_| v1::decode_event(&mut events).err()).unwrap_or(known)
}

/// A broken invariant in one run costs that run, not the recovery of the others.
pub fn guarded<T>(lsn: Lsn, step: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(step)).map_err(|panic| contradiction(lsn, &*panic))
}

fn contradiction(lsn: Lsn, panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic");
    format!("an event of frame {lsn} contradicts its state ({text})")
}
