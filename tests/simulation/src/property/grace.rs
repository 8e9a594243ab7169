//! A restart gives grace once, to holds live at the last stamp before it, and no more than is theirs.

use berth_inventory::Event;

use super::{EventCase, Property, Verdict, ensure};
use crate::oracle::state::LIFE_MS;

/// See the module.
pub struct Grace;

impl Property for Grace {
    fn name(&self) -> &'static str {
        "grace"
    }

    fn event(&self, case: &EventCase<'_>) -> Verdict {
        let start = case.oracle.start;
        let Event::HoldsExtended { until, as_of, span } = case.event else {
            return given_first(case);
        };
        ensure(until.0 == start.at + start.span && span.0 == start.span, || {
            format!("grace until {until} of {} ms, the node started at {}", span.0, start.at)
        })?;
        ensure(as_of.0 == start.as_of, || {
            format!("grace as of {}, the last durable stamp was {}", as_of.0, start.as_of)
        })?;
        ensure(case.before.holds != case.after.holds, || {
            "grace that nobody gets is an event all the same".to_owned()
        })
    }
}

/// The first event of a run after a start is its grace, if somebody is due some.
fn given_first(case: &EventCase<'_>) -> Verdict {
    let (start, run) = (case.oracle.start, case.model.facts.run);
    if case.oracle.started_with.get(&run) != Some(&case.before.version) {
        return Ok(());
    }
    for hold in case.before.live() {
        let deadline = start.until().min(hold.created + LIFE_MS + start.span);
        ensure(hold.expires <= start.as_of || hold.expires >= deadline, || {
            format!(
                "{:?} comes before the grace of hold {} until {deadline}; its deadline is {}",
                case.event, hold.id, hold.expires
            )
        })?;
    }
    Ok(())
}
