//! Grace: after a restart, holds that were live when the node went down get more time, once.

use super::{Decision, Events, Ruling, Then, take};
use crate::answer::Said;
use crate::apply::grace;
use crate::{Event, Millis, Run, UnixMillis};

pub(super) fn decide(
    run: &Run,
    until: UnixMillis,
    as_of: UnixMillis,
    span: Millis,
    events: &mut Events,
) -> Decision {
    let mut records = run.register.standing();
    if records.any(|(_, record)| grace(record, until, as_of, span).is_some()) {
        Ok(take(events, Event::HoldsExtended { until, as_of, span }, Then::Done))
    } else {
        Err(Ruling::Known(Said::Done))
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::table::check;

    #[test]
    fn what_was_live_before_the_restart_lives_until_the_end_of_grace() {
        check(
            "@0 reserve a H1 3A GN S1..S3 M30 ttl=60 => H1 B1-1:held until 60
             @1 reserve b H2 3A GN S1..S3 M30 ttl=90 => H2 B1-2:held until 91
             @2 reserve c H3 3A GN S1..S3 M30 ttl=800 => H3 B1-3:held until 802
             @200 grace 230 60 30 => done
             grace 230 60 30 => known done
             get H1 => known H1 B1-1:expired until 60
             get H2 => known H2 B1-2:held until 230
             get H3 => known H3 B1-3:held until 802
             @229 confirm d H2 => P256 1:B1-2:confirmed
             reserve b H9 3A GN S1..S3 M30 ttl=90 => known H2 B1-2:confirmed until 230",
        );
    }

    #[test]
    fn a_crash_loop_holds_nothing_for_ever() {
        check(
            "@0 reserve a H1 3A GN S1..S3 M30 ttl=900 => H1 B1-1:held until 900
             @890 grace 920 889 30 => done
             @915 grace 945 914 30 => done
             get H1 => known H1 B1-1:held until 930
             @929 grace 959 928 30 => known done
             @930 get H1 => known H1 B1-1:expired until 930",
        );
    }

    #[test]
    fn without_live_holds_a_restart_is_no_event() {
        check("@0 grace 30 0 30 => known done");
    }
}
