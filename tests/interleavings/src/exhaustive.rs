//! The product over loom: every schedule, and every value that a load may see.
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

#[path = "model.rs"]
mod model;
#[path = "scenes.rs"]
pub mod scenes;

/// Runs a scene under every schedule with at most so many preemptions.
///
/// # Panics
/// When a schedule breaks a law, or leaves a thread waiting for ever.
pub fn explore(preemptions: usize, scene: fn()) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 100_000;
    builder.check(scene);
}
