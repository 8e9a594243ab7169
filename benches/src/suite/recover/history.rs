//! A log as a busy day leaves it: written by the machine through the log's own door, no snapshot.
//!
//! Commands go to runs in scattered order, groups are as large as under load, three of four holds
//! are booked, the others given back, one booking of ten is cancelled.

use std::path::Path;
use std::sync::Arc;

use berth_inventory::{
    Changes, Command, Date, Event, Events, Millis, PNR_BLOCK, Pnr, Ruling, Run, RunCreated, RunId,
    RunIndex, UnixMillis, Version,
};
use berth_persistence::{
    Catalogue, CommitLog, DataDir, Durability, FileLog, Keys, LogEnd, LogSettings, NodeRecord,
    Section, header_to_json,
};

use crate::fault::{Bench, BenchError};
use crate::suite::core::caller::Caller;
use crate::suite::core::train::{Shape, entry};

/// Trains of the catalogue.
const TRAINS: usize = 40;
/// Dated runs of each.
const DAYS: i32 = 50;
/// Commands of one group, as at 8 connections with 256 commands in flight.
const GROUP: usize = 2_048;

/// What was written.
#[derive(Debug)]
pub struct History {
    /// The catalogue it is of.
    pub catalogue: Catalogue,
    /// Events in the log.
    pub events: u64,
    /// Runs they are of.
    pub runs: usize,
    /// Bytes of log.
    pub bytes: u64,
}

impl History {
    /// Writes the catalogue as a server reads it.
    ///
    /// # Errors
    /// The disk.
    pub fn write_catalogue(&self, to: &Path) -> Bench<()> {
        let header = header_to_json(self.catalogue.zone());
        let trains = self.catalogue.trains().iter().map(|train| train.text().to_string());
        let lines: Vec<_> = core::iter::once(header).chain(trains).collect();
        std::fs::write(to, lines.join("\n"))
            .map_err(BenchError::io(format!("write {}", to.display())))
    }
}

/// A run and what its caller still means to do.
struct Sold {
    run: Run,
    caller: Caller,
    pnr: u64,
}

/// The catalogue of every history.
pub fn catalogue() -> Catalogue {
    let entries: Vec<_> = (0..TRAINS).map(|n| entry(10_000 + n, Shape::PROMISED)).collect();
    Catalogue::from_entries("Asia/Kolkata", &entries).expect("sound trains")
}

/// Writes at least `events` events below `root`, the last of them stamped `until`.
///
/// # Errors
/// The disk.
pub fn write(root: &Path, events: u64, until: UnixMillis) -> Bench<History> {
    let other = |fault: &dyn core::fmt::Display| BenchError::Other(fault.to_string());
    let dir = DataDir::open(root).map_err(|fault| other(&fault))?;
    Keys::open(dir.root()).map_err(|fault| other(&fault))?;
    let end = LogEnd::default();
    let mut log = FileLog::resume(&dir.log(), &dir.cut(), LogSettings::default(), end)
        .map_err(|fault| other(&fault))?;
    let catalogue = catalogue();
    let begun = UnixMillis(until.0.saturating_sub(3_600_000));
    let started = NodeRecord::Started { grace_until: None, at: begun, software: "bench".into() };
    log.append(&[started], &[]).map_err(|fault| other(&fault))?;
    let mut desk = Desk { section: Section::default(), changes: Changes::default(), now: begun };
    let mut sold = create(&catalogue, &mut desk);
    let (mut written, mut blocks, mut turn) = (0, 0, 0usize);
    while written < events {
        for _ in 0..GROUP / 3 {
            // Consecutive turns are far apart: no run is in the cache when its turn comes.
            turn = (turn + 1_213) % sold.len();
            desk.passenger(turn, &mut sold[turn], &mut blocks);
        }
        written += desk.section.events() as u64;
        log.append(&[], &[(0, &desk.section)]).map_err(|fault| other(&fault))?;
        log.sync(Durability::Process).map_err(|fault| other(&fault))?;
        desk.section.clear();
        desk.now = until.min(desk.now.saturating_add(Millis(1)));
    }
    log.sync(Durability::Power).map_err(|fault| other(&fault))?;
    let (bytes, runs) = (log.bytes(), sold.len());
    Ok(History { catalogue, events: written, runs, bytes })
}

struct Desk {
    section: Section,
    changes: Changes,
    now: UnixMillis,
}

/// Every run, its first event and the texts of the plans in the section.
fn create(catalogue: &Catalogue, desk: &mut Desk) -> Vec<Sold> {
    let mut sold = Vec::new();
    // Days that are open for sale: from the day after the last stamp.
    let today = (desk.now.0 / 86_400_000) as i32;
    for train in catalogue.trains() {
        desk.section.plan_text(train.hash(), Arc::clone(train.text()));
        for day in 2..DAYS + 2 {
            let start_date = Date::from_days(today + day);
            let plan = Arc::clone(train.plan());
            let created = RunCreated {
                run: RunId { train: plan.number(), start_date },
                plan: plan.hash(),
                midnight: UnixMillis((today + day) as u64 * 86_400_000),
                opens: plan.pools().iter().map(|_| UnixMillis(0)).collect(),
                extra: false,
            };
            let run = Run::new(plan, &created, desk.now);
            let index = RunIndex(sold.len() as u32);
            desk.section.push(index, desk.now, Version(1), &Event::RunCreated(Box::new(created)));
            let caller = Caller::new(sold.len() as u64 + 1, Shape::PROMISED.legs);
            sold.push(Sold { run, caller, pnr: 0 });
        }
    }
    sold
}

impl Desk {
    /// One passenger: reserves, then books or gives back; one booking of ten is cancelled.
    fn passenger(&mut self, index: usize, sold: &mut Sold, blocks: &mut u32) {
        let Sold { run, caller, pnr } = sold;
        let index = RunIndex(index as u32);
        let (reserve, hold) = caller.reserve();
        if !self.execute(index, run, reserve) {
            return;
        }
        let choice = hold.0 as u64 >> 20 & 0xff;
        if choice < 64 {
            let release = caller.release(hold);
            self.execute(index, run, &release);
            return;
        }
        let block = run.needs_pnr_block().then_some(*blocks);
        if let Some(block) = block {
            *pnr = u64::from(block) * PNR_BLOCK;
            *blocks += 1;
        }
        self.execute(index, run, caller.confirm(hold, block));
        *pnr += 1;
        if choice < 84 {
            let cancel = caller.cancel(Pnr(*pnr - 1));
            self.execute(index, run, &cancel);
        }
    }

    /// Whether it took effect.
    fn execute(&mut self, index: RunIndex, run: &mut Run, command: &Command) -> bool {
        let mut events = Events::new();
        let Ruling::Take(_) = run.rule(command, self.now, &mut events) else { return false };
        for event in &events {
            run.apply(event, self.now, &mut self.changes);
            self.section.push(index, self.now, run.version(), event);
        }
        self.changes.clear();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::recover::starts::replay;

    #[test]
    fn what_is_written_is_what_recovery_finds() {
        let temp = tempfile::tempdir().unwrap();
        let root = temp.path().join("data");
        let history = write(&root, 20_000, UnixMillis(1_800_000_000_000)).unwrap();
        assert!(history.events >= 20_000 && history.bytes > 0);
        let replayed = replay(&root, &Arc::new(history.catalogue)).unwrap();
        assert_eq!((replayed.events, replayed.runs), (history.events, history.runs));
    }
}
