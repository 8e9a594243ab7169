//! Retire: the run is over. Live holds end, nothing is sold any more, bookings stay readable.

use super::{Decision, Events, Ruling, Then, take};
use crate::answer::Said;
use crate::{Event, RequestMark, Run};

pub(super) fn decide(run: &Run, request: RequestMark, events: &mut Events) -> Decision {
    run.refuse_reused_id(request.id)?;
    if run.retired {
        return Err(Ruling::Known(Said::Run(Box::new(run.summary()))));
    }
    // From here on it must succeed.
    Ok(take(events, Event::RunRetired, Then::Run))
}

#[cfg(test)]
mod tests {
    use crate::tests::table::check;

    #[test]
    fn holds_end_and_bookings_stay() {
        check(
            "@0 reserve a H1 3A GN S1..S3 M30 => H1 B1-1:held until 300
             reserve b H2 3A GN S1..S3 M30 => H2 B1-2:held until 300
             confirm c H2 => P256 1:B1-2:confirmed
             @10 retire a => IDEMPOTENCY_MISMATCH
             retire d => run retired=true
             retire e => known run retired=true
             get H1 => known H1 B1-1:expired until 10
             confirm f H1 => HOLD_EXPIRED
             reserve g H3 3A GN S1..S3 M30 => CLOSED sale of 3A GN is closed by the operator
             booking P256 => known P256 1:B1-2:confirmed
             cancel h P256 => cancelled 1
             booking P9 => UNKNOWN_BOOKING
             get H9 => UNKNOWN_HOLD
             get-run => known run retired=true",
        );
    }
}
