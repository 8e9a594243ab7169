//! The calls that a session can carry, with their numbers on the wire.

use berth_proto::v1;

/// One of the calls. The discriminant is its field in `SessionCommand`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Call {
    Reserve = 3,
    Confirm = 4,
    Release = 5,
    Extend = 6,
    Cancel = 7,
    GetHold = 8,
    GetBooking = 9,
}

impl Call {
    /// Its field in `SessionCommand`.
    pub const fn asked_in(self) -> u32 {
        self as u32
    }

    /// Its field in `SessionAnswer`.
    pub const fn answered_in(self) -> u32 {
        self as u32 - 1
    }

    /// Its name, as errors say it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reserve => "Reserve",
            Self::Confirm => "Confirm",
            Self::Release => "Release",
            Self::Extend => "Extend",
            Self::Cancel => "Cancel",
            Self::GetHold => "GetHold",
            Self::GetBooking => "GetBooking",
        }
    }
}

/// A request of a session with the type of its answer.
pub trait Ask: prost::Message + Unpin {
    type Answer: prost::Message + Default;

    const CALL: Call;

    /// Draws a request id where one is needed and none is given.
    fn fill_request_id(&mut self);
}

macro_rules! asks {
    ($($ask:ident -> $answer:ident: $call:ident $(, $id:ident)?;)+) => {$(
        impl Ask for v1::$ask {
            type Answer = v1::$answer;

            const CALL: Call = Call::$call;

            fn fill_request_id(&mut self) {
                $(if self.$id.is_empty() {
                    self.$id = crate::request_id::new_request_id();
                })?
            }
        }
    )+};
}

asks! {
    ReserveRequest -> ReserveResponse: Reserve, request_id;
    ConfirmRequest -> ConfirmResponse: Confirm, request_id;
    ReleaseRequest -> ReleaseResponse: Release, request_id;
    ExtendRequest -> ExtendResponse: Extend, request_id;
    CancelRequest -> CancelResponse: Cancel, request_id;
    GetHoldRequest -> GetHoldResponse: GetHold;
    GetBookingRequest -> GetBookingResponse: GetBooking;
}
