//! Retire: the run is over. Live holds end, nothing is sold any more, bookings stay readable.

use super::{Decision, Then, Verdict};
use crate::answer::Said;
use crate::{Event, RequestMark, Run};

pub(super) fn decide(run: &Run, request: RequestMark) -> Decision {
    run.refuse_reused_id(request.id)?;
    if run.retired {
        return Ok(Verdict::Known(Said::Run(Box::new(run.summary()))));
    }
    // From here on it must succeed.
    Ok(Verdict::take(Event::RunRetired, Then::Run))
}
