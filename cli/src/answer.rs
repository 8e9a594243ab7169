//! What an answer came to: done, refused, or of a kind that this program does not know.

use berth_client::v1;
use prost_types::Timestamp;

use crate::said::{Fault, Said};

/// An answer that is one thing or a refusal.
pub trait Answer {
    /// What was done, or found.
    type Done;

    /// Which of both; `None`: neither that this program knows.
    fn outcome(&self) -> Option<Result<&Self::Done, &v1::Refusal>>;

    /// Version of the run, and the instant that the answer is of.
    fn moment(&self) -> (u64, Option<&Timestamp>);

    /// Says it: `done` says what was done at that moment.
    fn tell(
        &self,
        done: impl FnOnce(&Self::Done, u64, Option<&Timestamp>) -> Result<Said, Fault>,
    ) -> Result<Said, Fault> {
        let (version, at) = self.moment();
        match self.outcome() {
            Some(Ok(it)) => done(it, version, at),
            Some(Err(no)) => Ok(Said::refused(no, version, at)),
            None => Err(Fault::UnknownAnswer),
        }
    }
}

macro_rules! answers {
    ($($response:ident at $at:ident: $module:ident $kind:ident($done:ty);)+) => {$(
        impl Answer for v1::$response {
            type Done = $done;

            fn outcome(&self) -> Option<Result<&$done, &v1::Refusal>> {
                Some(match self.outcome.as_ref()? {
                    v1::$module::Outcome::$kind(done) => Ok(done),
                    v1::$module::Outcome::Refusal(no) => Err(no),
                })
            }

            fn moment(&self) -> (u64, Option<&Timestamp>) {
                (self.run_version, self.$at.as_ref())
            }
        }
    )+};
}

answers! {
    QueryResponse at as_of: query_response Table(v1::AvailabilityTable);
    GetBerthMapResponse at as_of: get_berth_map_response Map(v1::BerthMap);
    WatchResponse at as_of: watch_response Table(v1::AvailabilityTable);
    ReserveResponse at server_time: reserve_response Hold(v1::Hold);
    ConfirmResponse at server_time: confirm_response Booking(v1::Booking);
    ReleaseResponse at server_time: release_response Released(v1::Released);
    ExtendResponse at server_time: extend_response Hold(v1::Hold);
    CancelResponse at server_time: cancel_response Cancelled(v1::Cancelled);
    GetHoldResponse at server_time: get_hold_response Hold(v1::Hold);
    GetBookingResponse at server_time: get_booking_response Booking(v1::Booking);
    OpenSaleResponse at server_time: open_sale_response Sale(v1::SaleChange);
    CloseSaleResponse at server_time: close_sale_response Sale(v1::SaleChange);
    BlockBerthsResponse at server_time: block_berths_response Change(v1::BerthsChange);
    UnblockBerthsResponse at server_time: unblock_berths_response Change(v1::BerthsChange);
    CreateTrainRunResponse at server_time: create_train_run_response Run(v1::TrainRunRow);
    RetireTrainRunResponse at server_time: retire_train_run_response Run(v1::TrainRunRow);
}

#[cfg(test)]
mod tests {
    use v1::get_hold_response::Outcome;

    use super::*;

    #[test]
    fn an_answer_is_done_refused_or_not_known() {
        let tell = |outcome| {
            let answer = v1::GetHoldResponse { outcome, run_version: 7, server_time: None };
            answer.tell(|hold, version, _| Ok(Said::done(&hold.hold_id, format!("v{version}"))))
        };
        assert!(!tell(Some(Outcome::Hold(v1::Hold::default()))).unwrap().is_refusal());
        assert!(tell(Some(Outcome::Refusal(v1::Refusal::default()))).unwrap().is_refusal());
        assert!(matches!(tell(None), Err(Fault::UnknownAnswer)));
    }
}
