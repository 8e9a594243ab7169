//! Replay is memory: the events of the log, applied anew, give the state that the node has, to the
//! bit; and the machine finds none of its own invariants broken.

use super::{Look, Property, Verdict, ensure};

/// See the module.
pub struct ReplayIsMemory;

impl Property for ReplayIsMemory {
    fn name(&self) -> &'static str {
        "replay-is-memory"
    }

    fn full(&self, look: &Look<'_>) -> Verdict {
        for (run, model) in &look.oracle.runs {
            let Some(replay) = &model.replay else { continue };
            let Some(live) = look.node.peek(*run) else { continue };
            let found = live.check();
            ensure(found.is_empty(), || format!("run {run} finds itself unsound: {found:?}"))?;
            let (memory, log) = (live.version(), replay.version());
            ensure(!look.quiet || memory == log, || {
                format!("run {run} is at version {memory} in memory, {log} in the log")
            })?;
            if memory == log {
                let (memory, log) = (live.digest(), replay.digest());
                ensure(memory == log, || {
                    format!("run {run} version {}: memory {memory}, replay {log}", replay.version())
                })?;
            }
        }
        Ok(())
    }
}
