//! Expire: the node's timer says that a deadline may have passed. Only the deadline decides.

use super::{Then, Verdict};
use crate::answer::Said;
use crate::{Event, HoldId, Run, UnixMillis};

pub(super) fn decide(run: &Run, hold: HoldId, now: UnixMillis) -> Verdict {
    match run.register.get(hold) {
        Some(record) if record.is_live() && record.expires_at <= now => {
            Verdict::take(Event::Expired { hold }, Then::Done)
        }
        // Confirmed, given back, prolonged or forgotten since the timer was set.
        _ => Verdict::Known(Said::Done),
    }
}
