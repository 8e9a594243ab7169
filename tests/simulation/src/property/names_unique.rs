//! Hold ids and PNRs are unique over all runs and starts.

use berth_inventory::Event;

use super::{EventCase, Property, Verdict, ensure};

/// See the module.
pub struct NamesUnique;

impl Property for NamesUnique {
    fn name(&self) -> &'static str {
        "names-unique"
    }

    fn event(&self, case: &EventCase<'_>) -> Verdict {
        let twice = match case.event {
            Event::Held { hold, .. } => case.oracle.holds.get(hold),
            Event::Confirmed { pnr, .. } => case.oracle.pnrs.get(pnr),
            Event::PnrBlockLeased { block } => case.oracle.blocks.get(block),
            _ => None,
        };
        ensure(twice.is_none(), || format!("{:?}, but that name is of {twice:?}", case.event))
    }
}
