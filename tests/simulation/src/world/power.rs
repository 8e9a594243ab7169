//! How the node ends and begins again: crash, power cut, stop in order, start, and what goes wrong
//! with that.

use berth_persistence::{DiskFault, Durability, LogReader, ReadError};

use super::World;
use super::node::{Clocks, Happened, NoStart, Node};
use crate::fault::Fault;
use crate::oracle::Start;
use crate::property::Violation;

/// Where the data directory is on the disk.
pub(super) const ROOT: &str = "data";
/// Steps of a stop in order, at most.
const STOP_STEPS: u32 = 5_000;
/// Changes that a start makes on the disk, about: it dies at any of them.
const START_CHANGES: u64 = 16;

impl World {
    /// The process dies; with a power cut the disk forgets what was not synced.
    pub(super) fn crash(&mut self, power: bool) {
        let (step, steady) = (self.step, self.steady);
        self.story.add(|| format!("step {step} at {steady}: the node dies, power cut: {power}"));
        if let Some(node) = self.node.take() {
            for _ in 0..node.passivations() {
                self.counts.note(Fault::GoesCold);
            }
        }
        if power {
            let luck = &mut self.luck;
            self.disk.power_cut(&mut |bound| luck.below(bound.max(1)));
        }
        self.oracle.crashed();
        self.net.cut(None);
        self.down_until = self.steady + self.luck.below(3_000);
    }

    /// Somebody starts the node, if it is time.
    pub(super) fn start_node(&mut self) -> Result<(), Violation> {
        if self.steady < self.down_until {
            let ms = self.luck.below(500);
            self.pass(ms);
            return Ok(());
        }
        let clocks = Clocks { wall: self.wall(), steady: self.steady };
        let accept = self.luck.per_mille(300);
        self.flip_while_down(clocks)?;
        let root = self.disk.path(ROOT);
        let dies = self.befalls(Fault::CrashInStart, 200);
        if dies {
            self.disk.die_after(self.odds.below(START_CHANGES));
        }
        let fails = self.befalls(Fault::FaultInStart, 150).then(|| self.arm_start());
        let started = Node::start(&root, &self.ground, clocks, accept, self.segment_bytes);
        if dies && self.disk.revive() {
            drop(started);
            self.died_in_start();
            return Ok(());
        }
        if let Some(before) = fails {
            if self.faults_met() > before {
                self.note(Fault::FaultInStart);
            }
            if started.is_ok() {
                self.disk.disarm();
            }
        }
        let node = match started {
            Ok(node) => node,
            Err(NoStart::ClockBehind) => {
                // The operator sets the clock, or waits.
                self.story.add(|| "the clock is behind the journal: no start".to_owned());
                self.wall_off = 0;
                self.pass(1_000);
                return Ok(());
            }
            Err(NoStart::Disk(why)) => return self.no_start(&why),
        };
        self.starts += 1;
        self.node = Some(node);
        self.after_start()
    }

    /// The start was not the last one.
    fn died_in_start(&mut self) {
        self.note(Fault::CrashInStart);
        self.disk.disarm();
        if self.ground.durability == Durability::Power && self.befalls(Fault::PowerCutInStart, 500)
        {
            self.note(Fault::PowerCutInStart);
            let odds = &mut self.odds;
            self.disk.power_cut(&mut |bound| odds.below(bound.max(1)));
        }
        self.down_until = self.steady + self.odds.below(1_000);
    }

    /// Something of the next start fails; what has failed so far.
    fn arm_start(&mut self) -> u64 {
        let met = self.faults_met();
        let data = self.disk.path(ROOT);
        let place = *self.odds.of(&["", "log", "snap"]);
        let torn = DiskFault::Torn(self.odds.below(600) as usize);
        let fault = *self.odds.of(&[DiskFault::Read, DiskFault::Sync, DiskFault::Write, torn]);
        self.disk.arm(&data.join(place), fault);
        met
    }

    fn faults_met(&self) -> u64 {
        let met = self.disk.counts();
        met.failed_reads + met.failed_syncs + met.failed_writes + met.short_writes
    }

    fn no_start(&mut self, why: &str) -> Result<(), Violation> {
        let (step, steady) = (self.step, self.steady);
        self.story.add(|| format!("step {step} at {steady}: no start, {why}"));
        let faulty = self.disk.disarm() > 0 || self.full_disk_until > 0 || why.contains("injected");
        self.full_disk_until = 0;
        self.disk.set_capacity(None);
        self.down_until = self.steady + 500;
        if faulty {
            return Ok(());
        }
        let what = format!("the node does not start from a whole disk: {why}");
        Err(Violation { property: "starts-again", what })
    }

    fn after_start(&mut self) -> Result<(), Violation> {
        let frames = self.read_log()?;
        let node = self.node.as_ref().expect("just started");
        let report = node.report().clone();
        let (step, steady) = (self.step, self.steady);
        self.story.add(|| format!("step {step} at {steady}: start {report:?}"));
        let wrong = |property, what| Err(Violation { property, what });
        self.oracle.recovered(frames)?;
        if report.served_at < self.oracle.last_at && self.oracle.last_at > 0 {
            let what = format!(
                "the last stamp is {}, the node thinks it served until {}",
                self.oracle.last_at, report.served_at
            );
            return wrong("grace", what);
        }
        if !report.refused.is_empty() {
            let what = format!("{:?} are refused: {:?}", report.refused, report.lines);
            return wrong("starts-again", what);
        }
        let span = self.ground.settings.grace.as_millis() as u64;
        self.oracle.started(Start { at: report.at, as_of: report.served_at, span });
        self.look_at_all(false)
    }

    /// Every frame on the disk, as a reader sees them who wrote none of them.
    fn read_log(&self) -> Result<Vec<berth_persistence::Frame>, Violation> {
        let node = self.node.as_ref().expect("a node is up");
        let wrong = |what: String| Violation { property: "log-exact", what };
        let reader =
            LogReader::open(&node.dir().log()).map_err(|fault| wrong(fault.to_string()))?;
        let mut frames = Vec::new();
        for frame in reader {
            match frame {
                Ok(frame) => frames.push(frame),
                Err(ReadError::Torn(_)) => break,
                Err(fault) => return Err(wrong(format!("a reader meets {fault}"))),
            }
        }
        Ok(frames)
    }

    /// The node is stopped in order: what came in is finished, all is snapshotted.
    pub(super) fn stop(&mut self) -> Result<(), Violation> {
        let (step, steady) = (self.step, self.steady);
        self.story.add(|| format!("step {step} at {steady}: the node is stopped in order"));
        let Some(node) = &self.node else { return Ok(()) };
        node.front.vitals.drain();
        let mut left = STOP_STEPS;
        let mut snapshotting = false;
        loop {
            let failed = self.node.as_ref().is_none_or(Node::has_failed);
            left -= 1;
            if failed || left == 0 {
                // As when the time for a stop has run out.
                self.crash(false);
                return Ok(());
            }
            if self.inner_step()? {
                continue;
            }
            if snapshotting && self.node_mut().snapshot_all() == 0 {
                break;
            }
            snapshotting = true;
            self.node_mut().snapshot_all();
            if self.node_mut().keeps_no_snapshots() {
                break;
            }
        }
        let steady = self.steady;
        let _ = self.node_mut().cover(steady);
        match self.node_mut().stop(steady) {
            Ok(lsn) => self.oracle.durable(lsn)?,
            Err(why) => self.story.add(|| format!("no clean stop: {why}")),
        }
        self.counts.note(Fault::CleanStop);
        self.crash(false);
        Ok(())
    }

    /// A step of the node alone; whether there was one.
    fn inner_step(&mut self) -> Result<bool, Violation> {
        let steady = self.steady;
        let node = self.node_mut();
        if let Some(at) = (0..node.workers()).find(|at| node.has_mail(*at)) {
            node.work(at, steady);
        } else if let Some(run) = node.busy_actors().first().copied() {
            node.act(run);
        } else if node.has_journal_work(u64::MAX) {
            match node.journal() {
                Happened::Nothing => {}
                Happened::Written(lsn, frame) => self.oracle.written(lsn, frame),
                Happened::Durable(lsn) => self.oracle.durable(lsn)?,
            }
        } else if node.needs_settling() {
            node.settle();
        } else if node.has_keeping() {
            node.keep();
        } else {
            return Ok(false);
        }
        self.after_step()?;
        Ok(true)
    }
}
