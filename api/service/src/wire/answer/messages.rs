//! Responses of calls as messages: the definition of what `write` writes, for tests to compare.

use berth_inventory::{Answer, Plan, Said};
use berth_proto::v1;

use super::super::fault::Trouble;
use super::super::names::timestamp;
use super::super::refusal::refusal;
use super::super::said::{booking, freed, hold, promoted};
use super::Teller;

/// One function for each response: `$said` patterns give the outcome, a refusal is one everywhere.
macro_rules! responses {
    ($($(#[$doc:meta])* $name:ident -> $response:ident, $module:ident {
        $($said:pat => $outcome:expr),+ $(,)?
    } with $plan:ident $names:ident)+) => {
        $(
            $(#[$doc])*
            pub fn $name(&self, answer: &Answer, plan: &Plan) -> Result<v1::$response, Trouble> {
                use v1::$module::Outcome;
                let ($plan, $names) = (plan, &*self.names);
                let outcome = match &answer.said {
                    Said::Refused(why) => Outcome::Refusal(refusal(why, &self.names)),
                    $($said => $outcome,)+
                    other => return Err(Trouble::nonsense(stringify!($name), other)),
                };
                Ok(v1::$response {
                    run_version: answer.version.0,
                    server_time: Some(timestamp(self.now)),
                    outcome: Some(outcome),
                    ..Default::default()
                })
            }
        )+
    };
}

#[allow(clippy::needless_update, reason = "one response of the list has a field more")]
impl Teller {
    responses! {
        /// To Reserve.
        reserve -> ReserveResponse, reserve_response {
            Said::Hold(view) => Outcome::Hold(hold(view, plan, names)),
        } with plan names
        /// To Confirm, but for the deadline of the rest.
        booked -> ConfirmResponse, confirm_response {
            Said::Booking(view) => Outcome::Booking(booking(view, plan, names)),
        } with plan names
        /// To Release.
        release -> ReleaseResponse, release_response {
            Said::Released(view, who) => Outcome::Released(v1::Released {
                hold: Some(hold(view, plan, names)),
                passengers: freed(who),
                promoted: promoted(who, plan, names),
            }),
        } with plan names
        /// To Extend.
        extend -> ExtendResponse, extend_response {
            Said::Hold(view) => Outcome::Hold(hold(view, plan, names)),
        } with plan names
        /// To Cancel.
        cancel -> CancelResponse, cancel_response {
            Said::Cancelled(view, who) => Outcome::Cancelled(v1::Cancelled {
                booking: Some(booking(view, plan, names)),
                passengers: freed(who),
                promoted: promoted(who, plan, names),
            }),
        } with plan names
        /// To GetHold.
        get_hold -> GetHoldResponse, get_hold_response {
            Said::Hold(view) => Outcome::Hold(hold(view, plan, names)),
        } with plan names
        /// To GetBooking.
        get_booking -> GetBookingResponse, get_booking_response {
            Said::Booking(view) => Outcome::Booking(booking(view, plan, names)),
        } with plan names
    }
}
