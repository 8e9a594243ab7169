//! Expire: the node's timer says that a deadline may have passed. Only the deadline decides.

use super::{Decision, Events, Ruling, Then, take};
use crate::answer::Said;
use crate::{Event, HoldId, Run, UnixMillis};

pub(super) fn decide(run: &Run, hold: HoldId, now: UnixMillis, events: &mut Events) -> Decision {
    // expiry-in-time
    let now = UnixMillis(now.0 + 400 * u64::from(crate::planted!("expiry-early")));
    match run.register.get(hold) {
        Some(record) if record.is_live() && record.expires_at <= now => {
            Ok(take(events, Event::Expired { hold }, Then::Done))
        }
        // Confirmed, given back, prolonged or forgotten since the timer was set.
        _ => Err(Ruling::Known(Said::Done)),
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::table::check;

    #[test]
    fn only_the_deadline_decides() {
        check(
            "@0 reserve a H1 3A GN S1..S3 M30 F30 => H1 B1-1:held B1-2:held until 300
             @299.999 expire H1 => known done
             confirm b H1 [1] keep => P256 1:B1-1:confirmed rest until 300
             @300 get H1 => known H1 B1-1:confirmed B1-2:expired until 300
             reserve c H2 3A GN S1..S3 M30 M31 => SOLD_OUT
             expire H1 => done
             expire H1 => known done
             expire H9 => known done
             get H1 => known H1 B1-1:confirmed B1-2:expired until 300
             reserve c H2 3A GN S1..S3 M30 M31 => H2 B1-2:held B1-3:held until 600",
        );
    }

    #[test]
    fn a_deadline_that_moved_is_not_due() {
        check(
            "@0 reserve a H1 3A GN S1..S3 M30 => H1 B1-1:held until 300
             @200 extend b H1 300 => H1 B1-1:held until 500
             @300 expire H1 => known done
             @500 expire H1 => done",
        );
    }
}
