//! Grace: after a restart, holds that were live when the node went down get more time, once.

use super::{Then, Verdict};
use crate::answer::Said;
use crate::apply::grace;
use crate::{Event, Millis, Run, UnixMillis};

pub(super) fn decide(run: &Run, until: UnixMillis, as_of: UnixMillis, span: Millis) -> Verdict {
    let mut records = run.register.records.values();
    if records.any(|record| grace(record, until, as_of, span).is_some()) {
        Verdict::take(Event::HoldsExtended { until, as_of, span }, Then::Done)
    } else {
        Verdict::Known(Said::Done)
    }
}
