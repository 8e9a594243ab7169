//! What cold runs say to readers: their last version, published from its snapshot when somebody
//! asks, and kept for those who ask again. Nobody is woken, and only so much memory is used.
//!
//! A table is good while it is of the version that the run's entry names: a run that lived again
//! and changed has another.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use berth_inventory::{RunIndex, Version};
use berth_node::{Fault, Published, RunEntry, RunTable};
use hashbrown::HashMap;

use crate::handle::Engine;

/// Memory for tables of cold runs: about two thousand runs.
const BYTES_MAX: usize = 32 << 20;

struct Table {
    published: Arc<Published>,
    version: Version,
    /// Asked since it was last in turn to go.
    asked: bool,
}

#[derive(Default)]
struct Shelf {
    tables: HashMap<RunIndex, Table>,
    /// In which order they are in turn to go.
    turns: VecDeque<RunIndex>,
    bytes: usize,
}

/// See the module.
#[derive(Default)]
pub(crate) struct ColdTables {
    shelf: Mutex<Shelf>,
}

impl ColdTables {
    fn get(&self, run: RunIndex, version: Version) -> Option<Arc<Published>> {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let table = shelf.tables.get_mut(&run).filter(|table| table.version == version)?;
        table.asked = true;
        Some(Arc::clone(&table.published))
    }

    fn put(&self, run: RunIndex, published: &Arc<Published>) {
        let version = published.head().version;
        let table = Table { published: Arc::clone(published), version, asked: false };
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.put(run, table, BYTES_MAX);
    }
}

impl Shelf {
    fn put(&mut self, run: RunIndex, table: Table, bytes_max: usize) {
        self.bytes += table.published.bytes();
        match self.tables.insert(run, table) {
            Some(before) => self.bytes -= before.published.bytes(),
            None => self.turns.push_back(run),
        }
        // One round at most finds nobody who was asked for.
        while self.bytes > bytes_max {
            let Some(turn) = self.turns.pop_front() else { return };
            let asked =
                self.tables.get_mut(&turn).is_some_and(|table| core::mem::take(&mut table.asked));
            if asked {
                self.turns.push_back(turn);
            } else if let Some(gone) = self.tables.remove(&turn) {
                self.bytes -= gone.published.bytes();
            }
        }
    }
}

impl Engine {
    /// What readers see of a run with events that is not in memory.
    pub(crate) async fn cold_table(&self, run: &Arc<RunEntry>) -> Result<RunTable, Fault> {
        let index = run.index.get().copied();
        let shelf = &self.house.stores.cold;
        if let Some(known) = index.and_then(|index| shelf.get(index, run.kept())) {
            return Ok(RunTable::published(run.id, known));
        }
        let (house, entry) = (Arc::clone(&self.house), Arc::clone(run));
        let read = tokio::task::spawn_blocking(move || {
            let run = house.stores.last_version(&entry)?;
            Ok(run.map(|run| Arc::new(Published::of(&run))))
        });
        let quarantined = |why: String| Fault::Quarantined { run: run.id, why: Arc::from(why) };
        let published = read.await.map_err(|panic| quarantined(panic.to_string()))?;
        let published = published.map_err(quarantined)?;
        // One that woke meanwhile has published something newer.
        if let Some(published) = run.published.load_full() {
            return Ok(RunTable::published(run.id, published));
        }
        let (Some(published), Some(index)) = (published, index) else {
            // Numbered and sold nothing yet: its first event is on its way.
            let plan = run.plan();
            let created = self.house.front.calendar.run_created(&plan, run.id.start_date, false);
            return Ok(RunTable::untouched(plan, created));
        };
        shelf.put(index, &published);
        Ok(RunTable::published(run.id, published))
    }
}
