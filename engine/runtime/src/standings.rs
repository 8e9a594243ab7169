//! How runs stand, for those who list them: one look for each shard, no command, nobody is woken.

use std::sync::Arc;

use berth_inventory::Version;
use berth_node::{Published, RunEntry, Standing};

use crate::handle::Engine;
use crate::worker::WorkerMessage;

impl Engine {
    /// How these runs stand, in their order; `None` for one that is not in memory.
    pub async fn standings(&self, runs: &[Arc<RunEntry>]) -> Vec<Option<Standing>> {
        let mut standings = vec![None; runs.len()];
        for (number, shard) in self.house.shards.iter().enumerate() {
            let own = |run: &RunEntry| usize::from(run.shard) == number;
            let (places, ids): (Vec<_>, Vec<_>) = (runs.iter().enumerate())
                .filter(|(_, run)| own(run))
                .map(|(place, run)| (place, run.id))
                .unzip();
            if ids.is_empty() {
                continue;
            }
            // A worker that has ended has no run in memory.
            let told = shard.call(|reply| WorkerMessage::Standings(ids, reply)).await;
            for (place, standing) in places.into_iter().zip(told.unwrap_or_default()) {
                standings[place] = standing;
            }
        }
        standings
    }

    /// The version that was told of a run last, and whether it is retired: from what is published,
    /// else from its snapshot. Waits for the snapshot store: not on a worker that sells.
    pub fn last_told(&self, run: &RunEntry) -> (Version, bool) {
        if let Some(published) = run.published.load().as_ref() {
            let head = published.read(Published::head);
            return (head.version, head.retired);
        }
        self.house.stores.last_kept(run).unwrap_or_default()
    }
}
