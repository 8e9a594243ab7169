//! What a node looks at between commands: disk, clock, the restart bound, figures; and alarms that
//! were slept through.

use std::sync::{Arc, Weak};
use std::time::Duration;

use berth_persistence::free_space;

use crate::alarm::ring;
use crate::clock::OFFSET_ALARM_MS;
use crate::engine::House;

/// Between two looks at disk, clock and restart bound.
const LOOK: Duration = Duration::from_secs(1);

/// Starts the round and the shards' alarms; they end with the house.
pub(crate) fn start(house: &Arc<House>) {
    for shard in &house.shards {
        tokio::spawn(ring(Arc::clone(shard), house.clock.clone()));
        // The first look is at what recovery left to do.
        shard.wake();
    }
    tokio::spawn(look(Arc::downgrade(house)));
}

impl Drop for House {
    fn drop(&mut self) {
        self.shards.iter().for_each(|shard| shard.alarm.end());
    }
}

async fn look(house: Weak<House>) {
    let mut kept = None;
    let mut looks = tokio::time::interval_at(tokio::time::Instant::now() + LOOK, LOOK);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let Some(house) = house.upgrade() else { return };
        if house.stopping.load(std::sync::atomic::Ordering::SeqCst) {
            return;
        }
        let now = house.clock.now();
        house.shards.iter().filter(|shard| shard.alarm.is_over(now)).for_each(|shard| shard.wake());
        measure_disk(&house);
        tell_clock(&mut kept);
        let offset = house.clock.offset_ms();
        metrics::gauge!("berth_clock_offset_seconds").set(offset as f64 / 1_000.0);
        if offset.abs() > OFFSET_ALARM_MS {
            tracing::warn!(offset_ms = offset, "engine time and wall clock have drifted apart");
        }
        house.cover().await;
        let restart = house.figures.restart_estimate().as_secs_f64();
        metrics::gauge!("berth_restart_estimate_seconds").set(restart);
    }
}

/// Tells whether the kernel's clock is kept; a line when that has changed, and one at the start
/// unless all is well. `before`: what was found at the last look.
fn tell_clock(before: &mut Option<Kept>) {
    let now = match berth_kernel::clock_state() {
        Ok(state) if state.synchronised => Kept::Yes,
        Ok(_) => Kept::No,
        Err(_) => Kept::Unknown,
    };
    if now != Kept::Unknown {
        metrics::gauge!("berth_clock_synchronised").set(f64::from(u8::from(now == Kept::Yes)));
    }
    let first = before.is_none();
    if before.replace(now) == Some(now) {
        return;
    }
    match now {
        Kept::Yes if first => {}
        Kept::Yes => tracing::info!("the kernel's clock is synchronised"),
        Kept::No => tracing::warn!(
            "the kernel's clock is not synchronised: sales open and holds end by it; start an NTP \
             daemon"
        ),
        Kept::Unknown => {
            tracing::warn!("the kernel does not say whether its clock is synchronised");
        }
    }
}

/// Whether somebody keeps the kernel's clock.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    Yes,
    No,
    /// The kernel may not be asked.
    Unknown,
}

fn measure_disk(house: &House) {
    // Positions in the log only grow; what was let go is not there any more.
    let retired = house.figures.retired_log_bytes.load(std::sync::atomic::Ordering::Relaxed);
    let log_bytes = house.log_end.get().bytes.saturating_sub(retired);
    match free_space(house.stores.root()) {
        Ok(free) => {
            metrics::gauge!("berth_disk_free_bytes").set(free as f64);
            if house.front.vitals.measure(free, log_bytes) {
                if house.front.vitals.disk_short() {
                    tracing::error!(free, log_bytes, "new holds are refused: disk or log bound");
                } else {
                    tracing::info!(free, log_bytes, "new holds are taken again");
                }
            }
        }
        Err(fault) => tracing::warn!(%fault, "free space is not known"),
    }
}
