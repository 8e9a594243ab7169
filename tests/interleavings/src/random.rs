//! The product over shuttle: many schedules of larger scenes, sequentially consistent.
#![allow(dead_code, unused_imports, reason = "files of the product, of which scenes use a part")]

mod sync;

#[path = "../../../engine/runtime/src/alarm.rs"]
mod alarm;
#[path = "../../../engine/node/src/filter.rs"]
mod filter;
#[path = "../../../engine/node/src/health.rs"]
mod health;
#[path = "../../../engine/runtime/src/kick.rs"]
mod kick;
#[path = "../../../engine/runtime/src/log_end.rs"]
mod log_end;
#[path = "../../../engine/node/src/published.rs"]
mod published;
#[path = "../../../engine/runtime/src/tray.rs"]
mod tray;
#[path = "../../../engine/node/src/under_way.rs"]
mod under_way;
#[path = "../../../engine/runtime/src/wake.rs"]
mod wake;

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner};

#[path = "model.rs"]
mod model;
#[path = "scenes.rs"]
pub mod scenes;

/// Runs a scene under so many random schedules, and as many that preempt rarely.
///
/// # Panics
/// When a schedule breaks a law, or leaves a thread waiting for ever; it is printed and can be
/// replayed by `shuttle::replay`.
pub fn explore(schedules: usize, scene: fn()) {
    let mut config = Config::new();
    config.stack_size = STACK;
    Runner::new(RandomScheduler::new(schedules), config.clone()).run(scene);
    Runner::new(PctScheduler::new(3, schedules), config).run(scene);
}

/// Bytes of a thread's stack. An atomic of shuttle is a hundred bytes, and two thousand of them, a
/// filter's largest generation, are made on the stack.
const STACK: usize = 8 << 20;
