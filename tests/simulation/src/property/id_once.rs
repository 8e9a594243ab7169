//! Within its window an id never takes effect twice.

use berth_inventory::Event;

use super::{EventCase, Property, Verdict, ensure};

/// See the module.
pub struct IdOnce;

impl Property for IdOnce {
    fn name(&self) -> &'static str {
        "id-once"
    }

    fn event(&self, case: &EventCase<'_>) -> Verdict {
        let (Event::Held { request, .. }
        | Event::Confirmed { request, .. }
        | Event::Extended { request, .. }) = case.event
        else {
            return Ok(());
        };
        let before = case.before.effect(request.id);
        ensure(before.is_none(), || {
            format!("id {} took effect as {before:?}, and again as {:?}", request.id, case.event)
        })
    }
}
