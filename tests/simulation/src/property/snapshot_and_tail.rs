//! Snapshot and tail are the whole log: a run as a start, a load or a snapshot has it is, at its
//! version, what the whole log makes of it. Snapshots never know more than the log.

use super::{Look, Property, Verdict, ensure};

/// See the module.
pub struct SnapshotAndTail;

impl Property for SnapshotAndTail {
    fn name(&self) -> &'static str {
        "snapshot-and-tail"
    }

    fn full(&self, look: &Look<'_>) -> Verdict {
        for (run, model) in &look.oracle.runs {
            let Some(info) = look.node.snapshot(*run) else { continue };
            ensure(info.version.0 <= model.version(), || {
                format!(
                    "a snapshot of run {run} has version {}, version {} is durable",
                    info.version,
                    model.version()
                )
            })?;
            let Some(replay) = model.replay.as_ref().filter(|r| r.version() == info.version) else {
                continue;
            };
            ensure(info.digest == replay.digest(), || {
                format!(
                    "the snapshot of run {run} version {} is {}, the whole log makes {}",
                    info.version,
                    info.digest,
                    replay.digest()
                )
            })?;
        }
        Ok(())
    }
}
