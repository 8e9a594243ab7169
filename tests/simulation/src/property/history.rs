//! The event store is the log: of every run it has the events that became durable, in order and once,
//! up to the last segment it was given.

use berth_inventory::Version;
use berth_persistence::EventStore as _;

use super::{Look, Property, Verdict, ensure};

/// See the module.
pub struct History;

impl Property for History {
    fn name(&self) -> &'static str {
        "history"
    }

    fn full(&self, look: &Look<'_>) -> Verdict {
        for (index, run) in &look.oracle.by_index {
            let events = &look.oracle.runs[run].events;
            // Whatever went from the log, the store has it from the first event on.
            let mut next = 1;
            let mut verdict = Ok(());
            let read = look.events.history(*index, Version(1), &mut |stored| {
                let version = stored.version.0;
                let follows = next == version;
                let known = events.get(version as usize - 1);
                let same = known.is_some_and(|(at, event)| {
                    *at == stored.at.0 && *event == stored.event
                });
                next = version + 1;
                if !follows || !same {
                    verdict = Err(format!(
                        "run {run} version {version} is {:?} in the event store, {known:?} in the log",
                        stored.event
                    ));
                }
                verdict.is_ok()
            });
            verdict?;
            ensure(read.is_ok(), || format!("run {run}: {read:?}"))?;
        }
        Ok(())
    }
}
