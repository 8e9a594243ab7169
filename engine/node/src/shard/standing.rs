//! Where a run's state is, for those who list runs: a look at its slot, no command.

use berth_inventory::RunId;

use super::Shard;
use super::slot::{Errand, Place};

/// Where the state of a run in memory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whereabouts {
    /// On its way into memory, or being rebuilt: commands wait.
    Loading,
    /// In its slot, taking commands.
    Here,
    /// With its actor, being encoded: commands wait.
    Away,
}

/// What a shard tells of a run without asking it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Where its state is.
    pub at: Whereabouts,
    /// Its live holds, as of its last event.
    pub live_holds: u32,
}

impl<T> Shard<T> {
    /// How the run stands; `None` when it is not in memory. Does not count as a touch.
    pub fn standing(&self, run: RunId) -> Option<Standing> {
        let slot = self.slots.get(run)?;
        let at = match &slot.place {
            Place::Here(_) => Whereabouts::Here,
            Place::Away(Errand::Load | Errand::Fence | Errand::Rebuild) => Whereabouts::Loading,
            Place::Away(Errand::Encode | Errand::Passivate) => Whereabouts::Away,
        };
        Some(Standing { at, live_holds: u32::try_from(slot.holds).unwrap_or(0) })
    }
}
