//! What a node looks at between commands: disk, clock, the restart bound, figures; and alarms that
//! were slept through.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use berth_persistence::free_space;

use crate::clock::OFFSET_ALARM_MS;
use crate::engine::House;

/// Between two looks at disk, clock and restart bound.
const LOOK: Duration = Duration::from_secs(1);

/// Runs that leave in one wave, at least, for their memory to be given back.
const GIVE_BACK_AFTER: u64 = 4_096;
/// Looks between two at runs that are long past.
const PAST_ROUNDS: u64 = 600;

/// Starts the round and the shards' alarms; they end with the house.
pub(crate) fn start(house: &Arc<House>) {
    for shard in &house.shards {
        let (shared, clock) = (Arc::clone(shard), house.clock.clone());
        tokio::spawn(async move { shared.alarm.ring(|| clock.now(), || shared.wake()).await });
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
    let (mut kept, mut round) = (None, 0u64);
    let mut left = Left::default();
    let mut looks = tokio::time::interval_at(tokio::time::Instant::now() + LOOK, LOOK);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let Some(house) = house.upgrade() else { return };
        if house.stopping.load(std::sync::atomic::Ordering::SeqCst) {
            return;
        }
        let now = house.clock.now();
        if round % PAST_ROUNDS == 0 {
            house.front.directory.let_go_of_the_past(house.front.calendar.today(now));
        }
        round += 1;
        house.shards.iter().filter(|shard| shard.alarm.is_over(now)).for_each(|shard| shard.wake());
        left.look(house.front.directory.left());
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

/// Runs that left memory: by the last look, and when memory was last given back.
#[derive(Default)]
struct Left {
    seen: u64,
    given_back: u64,
}

impl Left {
    /// After a wave of runs that left, what they took goes back to the kernel (docs/adr/0013).
    fn look(&mut self, left: u64) {
        let is_over = core::mem::replace(&mut self.seen, left) == left;
        if !is_over || left - self.given_back < GIVE_BACK_AFTER {
            return;
        }
        let runs = left - core::mem::replace(&mut self.given_back, left);
        tokio::task::spawn_blocking(move || {
            let begun = Instant::now();
            berth_kernel::give_back_memory();
            let took_ms = begun.elapsed().as_millis() as u64;
            tracing::info!(runs, took_ms, "runs left, their memory is given back");
        });
    }
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
