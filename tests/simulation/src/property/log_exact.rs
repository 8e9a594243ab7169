//! Every acked change is in the log exactly once and in order: versions of a run have no gap and no
//! repetition, frames that were durable stay as they were (see `Oracle::recovered`), and a run is
//! made by its first event.

use berth_inventory::Event;

use super::{EventCase, Property, Verdict, ensure};

/// See the module.
pub struct LogExact;

impl Property for LogExact {
    fn name(&self) -> &'static str {
        "log-exact"
    }

    fn event(&self, case: &EventCase<'_>) -> Verdict {
        let run = case.model.facts.run;
        ensure(case.version.0 == case.before.version + 1, || {
            format!(
                "frame {} makes version {} of run {run}, which is at version {}",
                case.lsn, case.version, case.before.version
            )
        })?;
        let creates = matches!(case.event, Event::RunCreated(_));
        ensure(creates == (case.version.0 == 1), || {
            format!("version {} of run {run} is {:?}", case.version, case.event)
        })
    }
}
