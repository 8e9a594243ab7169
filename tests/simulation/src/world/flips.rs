//! Bits flip while the node is down: found out, repaired or harmless, never a wrong answer. Each flip
//! is on a copy of the disk, on which a node is started and asked for everything; the story goes on
//! from the disk as it was.

use std::collections::BTreeMap;

use berth_inventory::{Changes, Digest, Event, Run, RunId, UnixMillis};
use berth_node::Grace;
use berth_persistence::{LogReader, MemoryDisk};

use super::World;
use super::node::{Clocks, Node, Standing};
use super::power::ROOT;
use crate::fault::Fault;
use crate::oracle::events_of;
use crate::property::Violation;

/// What a node that has started says of each run that has events, and of its start.
struct Told {
    runs: BTreeMap<RunId, Standing>,
    lines: Vec<String>,
    /// When that was.
    at: u64,
    grace: Option<Grace>,
}

impl World {
    /// Bits of the log at the end of a world.
    pub(super) fn flip_log(&mut self) -> Result<(), Violation> {
        if !self.setup.faults.has(Fault::FlipLog) || !self.luck.per_mille(500) {
            return Ok(());
        }
        self.crash(false);
        let clocks = Clocks { wall: self.wall(), steady: self.steady };
        let whole = self.told_by(&self.disk.fork(), clocks);
        let vouched = self.vouched();
        for _ in 0..4 {
            let disk = self.disk.fork();
            let bit = self.luck.word();
            if let Some(what) = flip(&disk, "log", bit) {
                self.counts.note(Fault::FlipLog);
                self.judge_flip((&disk, clocks), whole.as_ref(), &vouched, &what)?;
            }
        }
        Ok(())
    }

    /// Bits of any file between two lives of the node.
    pub(super) fn flip_while_down(&mut self, clocks: Clocks) -> Result<(), Violation> {
        if !self.befalls(Fault::FlipWhileDown, 100) {
            return Ok(());
        }
        let whole = self.told_by(&self.disk.fork(), clocks);
        let vouched = self.vouched();
        for _ in 0..3 {
            let disk = self.disk.fork();
            let (place, bit) = (*self.odds.of(&["log", "log", "snap", ""]), self.odds.word());
            if let Some(what) = flip(&disk, place, bit) {
                self.note(Fault::FlipWhileDown);
                self.judge_flip((&disk, clocks), whole.as_ref(), &vouched, &what)?;
            }
        }
        Ok(())
    }

    /// What a node says that starts from this disk; `None` when it does not start.
    fn told_by(&self, disk: &MemoryDisk, clocks: Clocks) -> Option<Told> {
        disk.disarm();
        disk.set_capacity(None);
        let root = disk.path(ROOT);
        let node = Node::start(&root, &self.ground, clocks, true, self.segment_bytes).ok()?;
        let of = |run: &RunId| Some((*run, node.standing(*run)?));
        let runs = self.oracle.runs.keys().filter_map(of).collect();
        let report = node.report();
        Some(Told { runs, lines: report.lines.clone(), at: report.at, grace: report.grace })
    }

    /// Every run is told as from the whole disk, or refused by name; or the end of the log is
    /// reported as cut, and what is left of the run existed.
    fn judge_flip(
        &self,
        (disk, clocks): (&MemoryDisk, Clocks),
        whole: Option<&Told>,
        vouched: &BTreeMap<RunId, u64>,
        what: &str,
    ) -> Result<(), Violation> {
        let wrong =
            |why: String| Violation { property: "flip-found", what: format!("{what}: {why}") };
        // A node that does not start says so.
        let (Some(told), Some(whole)) = (self.told_by(disk, clocks), whole) else {
            return Ok(());
        };
        let silent = told.lines == whole.lines;
        for (run, before) in &whole.runs {
            let now = told.runs.get(run);
            let right = match now {
                Some(Standing::Refused) => true,
                Some(now) if now == before => true,
                Some(Standing::Serves(version, digest)) => {
                    !silent
                        && vouched.get(run).is_none_or(|least| version >= least)
                        && self.existed(*run, *version, *digest, &told)
                }
                None => !silent,
            };
            if !right {
                let lines = &told.lines;
                return Err(wrong(format!(
                    "run {run} is {now:?}, was {before:?}; said: {lines:?}"
                )));
            }
        }
        match told.runs.keys().find(|run| !whole.runs.contains_key(run)) {
            Some(run) => Err(wrong(format!("run {run} is told of and was not there"))),
            None => Ok(()),
        }
    }

    /// The version that each run had before the last frame: only that may be cut as torn.
    fn vouched(&self) -> BTreeMap<RunId, u64> {
        let log = self.disk.path(ROOT).join("log");
        let Ok(reader) = LogReader::open(&log) else { return BTreeMap::new() };
        let (mut vouched, mut last) = (BTreeMap::new(), BTreeMap::new());
        for frame in reader.map_while(Result::ok) {
            vouched.append(&mut last);
            for (index, _, version, _) in events_of(frame) {
                if let Some(run) = self.oracle.by_index.get(&index) {
                    last.insert(*run, version.0);
                }
            }
        }
        vouched
    }

    /// Whether a run was in this state once, as far as anybody knows: what was handed to the log and
    /// not known durable is in no model. The grace of a start may have come on top.
    fn existed(&self, run: RunId, version: u64, digest: Digest, told: &Told) -> bool {
        let model = &self.oracle.runs[&run];
        if version > model.version() {
            return true;
        }
        let mut events = model.events.iter().take(version as usize);
        let Some((at, Event::RunCreated(created))) = events.next() else {
            return false;
        };
        let mut then = Run::new(model.plan.clone(), created, UnixMillis(*at));
        for (at, event) in events {
            if let Some(grace) = told.grace.filter(|_| then.version().0 + 1 == version) {
                let mut graced = Run::from_state(model.plan.clone(), then.state()).expect("sound");
                let Grace { until, as_of, span } = grace;
                let event = Event::HoldsExtended { until, as_of, span };
                graced.apply(&event, UnixMillis(told.at), &mut Changes::default());
                if graced.digest() == digest {
                    return true;
                }
            }
            then.apply(event, UnixMillis(*at), &mut Changes::default());
        }
        (then.version().0, then.digest()) == (version, digest)
    }
}

/// Flips a bit of a file below `place` of the data directory, drawn by `word`; which one.
fn flip(disk: &MemoryDisk, place: &str, word: u64) -> Option<String> {
    let files = disk.files(&disk.path(ROOT).join(place));
    let bits: u64 = files.iter().map(|(_, bytes)| bytes * 8).sum();
    let mut bit = word % bits.max(1);
    let (path, _) = files.iter().find(|(_, bytes)| {
        let here = bit < bytes * 8;
        bit -= if here { 0 } else { bytes * 8 };
        here
    })?;
    disk.flip(path, bit).then(|| format!("bit {bit} of {} flipped", path.display()))
}
