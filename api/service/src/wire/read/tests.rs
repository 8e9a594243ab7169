//! Both ways from bytes to a command, compared: whatever the bytes are, they lead to the same.

mod bytes;
mod random;

use super::super::inventory;
use super::compared::{called, led};
use super::*;

/// One function for each request: read both ways, straight from its bytes and by prost.
macro_rules! both_ways {
    ($($name:ident($request:ident, $kind:ident $(, $holds:ident)?))+) => {
        $(
            pub(in crate::wire) fn $name(
                message: &v1::$request,
                $($holds: &HoldTimes,)?
            ) -> Result<Ask, Invalid> {
                let by_prost = inventory::$name(message $(, $holds)?);
                #[allow(unused_mut, unused_assignments, reason = "most calls have no hold times")]
                let mut times = HoldTimes::default();
                $(times = *$holds;)?
                let straight = straight::request(Kind::$kind, &message.encode_to_vec(), &times);
                assert_eq!(straight.ok(), by_prost.clone().ok(), "what is well-formed is not odd");
                let command = v1::SessionCommand {
                    correlation_id: u64::MAX,
                    timeout_ms: 7,
                    command: Some(Named::$kind(message.clone())),
                };
                let commands = vec![command.clone(), command];
                let bytes = v1::SessionRequest { commands }.encode_to_vec();
                let mut asked = Vec::new();
                session(&bytes, &times, &mut asked).expect("the session goes on");
                let ask = by_prost.clone();
                let one = Asked { correlation: u64::MAX, timeout_ms: 7, ask };
                assert!(asked.len() == 2 && asked.iter().all(|asked| *asked == one));
                by_prost
            }
        )+
    };
}

both_ways! {
    reserve(ReserveRequest, Reserve, holds)
    confirm(ConfirmRequest, Confirm)
    release(ReleaseRequest, Release)
    extend(ExtendRequest, Extend, holds)
    cancel(CancelRequest, Cancel)
    get_hold(GetHoldRequest, GetHold)
    get_booking(GetBookingRequest, GetBooking)
}
