//! Requests in few words, and what the answers say.
//!
//! Days are named by their distance from today in the zone of the catalogue, far enough ahead that
//! no hour of the day and no midnight changes an answer.

use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use berth_client::{Admin, v1};
use berth_inventory::Date;
use prost_types::{Duration, Timestamp};
use tonic::{Code, Status};

pub use berth_client::new_request_id as id;

/// Far enough ahead for every rule that looks at the clock, and inside the window of 60 days.
pub const AHEAD: i32 = 20;
/// Asia/Kolkata is five and a half hours ahead of UTC, all year round.
const ZONE_SECONDS: u64 = 19_800;

/// Today in the zone of the catalogue, and so many days on. Today is the day on which the tests
/// began: a midnight in between moves nothing.
pub fn date(days_ahead: i32) -> Date {
    static TODAY: LazyLock<Date> = LazyLock::new(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is set");
        Date::from_days(((now.as_secs() + ZONE_SECONDS) / 86_400) as i32)
    });
    TODAY.plus(days_ahead)
}

/// The same as text.
pub fn day(days_ahead: i32) -> String {
    date(days_ahead).to_string()
}

/// The run that starts at its origin so many days ahead.
pub fn run(train: &str, days_ahead: i32) -> v1::RunRef {
    let start = v1::run_ref::Day::StartDate(day(days_ahead));
    v1::RunRef { train: train.into(), day: Some(start) }
}

/// The run that leaves the boarding stop on that day.
pub fn boarding(train: &str, date: &str) -> v1::RunRef {
    v1::RunRef { train: train.into(), day: Some(v1::run_ref::Day::Date(date.into())) }
}

/// A station; its first visit.
pub fn stop(code: &str) -> v1::StopRef {
    visit(code, 0)
}

pub fn visit(code: &str, occurrence: u32) -> v1::StopRef {
    v1::StopRef { stop: Some(v1::stop_ref::Stop::Code(code.into())), occurrence }
}

pub fn sequence(number: u32) -> v1::StopRef {
    v1::StopRef { stop: Some(v1::stop_ref::Stop::Sequence(number)), occurrence: 0 }
}

pub fn passenger(age: u32, sex: v1::Sex) -> v1::Passenger {
    let years = Some(v1::passenger::Years::Age(age));
    v1::Passenger { years, sex: sex.into(), ..Default::default() }
}

/// So many men of thirty.
pub fn party(count: usize) -> Vec<v1::Passenger> {
    vec![passenger(30, v1::Sex::Male); count]
}

pub fn berth(coach: &str, number: u32) -> v1::BerthName {
    v1::BerthName { coach: coach.into(), number }
}

/// A reserve of sleeper berths from A to C on the run `AHEAD` days ahead, with an id of its own.
pub fn reserve(train: &str, passengers: usize) -> v1::ReserveRequest {
    v1::ReserveRequest {
        request_id: id(),
        run: Some(run(train, AHEAD)),
        from_stop: Some(stop("A")),
        to_stop: Some(stop("C")),
        travel_class: v1::TravelClass::Sleeper.into(),
        passengers: party(passengers),
        ..Default::default()
    }
}

pub fn confirm(hold_id: &str) -> v1::ConfirmRequest {
    v1::ConfirmRequest { request_id: id(), hold_id: hold_id.into(), ..Default::default() }
}

pub fn release(hold_id: &str) -> v1::ReleaseRequest {
    v1::ReleaseRequest { request_id: id(), hold_id: hold_id.into(), ..Default::default() }
}

pub fn extend(hold_id: &str, seconds: i64) -> v1::ExtendRequest {
    v1::ExtendRequest { request_id: id(), hold_id: hold_id.into(), ttl: Some(ttl(seconds)) }
}

pub fn cancel(pnr: &str) -> v1::CancelRequest {
    v1::CancelRequest { request_id: id(), pnr: pnr.into(), ..Default::default() }
}

pub fn get_hold(hold_id: &str) -> v1::GetHoldRequest {
    v1::GetHoldRequest { hold_id: hold_id.into() }
}

pub fn get_booking(pnr: &str) -> v1::GetBookingRequest {
    v1::GetBookingRequest { pnr: pnr.into() }
}

/// What is free in sleeper class from A to C on the run `AHEAD` days ahead.
pub fn query(train: &str) -> v1::QueryRequest {
    v1::QueryRequest {
        run: Some(run(train, AHEAD)),
        from_stop: Some(stop("A")),
        to_stop: Some(stop("C")),
        ..Default::default()
    }
}

pub fn ttl(seconds: i64) -> Duration {
    Duration { seconds, nanos: 0 }
}

/// Milliseconds of an instant that must be there.
#[track_caller]
pub fn ms(at: Option<Timestamp>) -> i64 {
    let at = at.expect("an instant");
    at.seconds * 1_000 + i64::from(at.nanos) / 1_000_000
}

/// An answer: done, or refused.
pub trait Answered: Sized + core::fmt::Debug {
    type Done;

    fn outcome(self) -> Result<Self::Done, v1::Refusal>;

    /// What was done.
    #[track_caller]
    fn done(self) -> Self::Done {
        match self.outcome() {
            Ok(done) => done,
            Err(refusal) => panic!("refused: {refusal:?}"),
        }
    }

    /// Why not.
    #[track_caller]
    fn refused(self) -> v1::Refusal {
        let told = format!("{self:?}");
        self.outcome().err().unwrap_or_else(|| panic!("expected a refusal: {told}"))
    }

    /// The reason of a refusal.
    #[track_caller]
    fn reason(self) -> v1::Reason {
        self.refused().reason()
    }
}

macro_rules! answers {
    ($($response:ident $module:ident $kind:ident($done:ty);)+) => {$(
        impl Answered for v1::$response {
            type Done = $done;

            fn outcome(self) -> Result<$done, v1::Refusal> {
                match self.outcome.expect("an answer has an outcome") {
                    v1::$module::Outcome::$kind(done) => Ok(done),
                    v1::$module::Outcome::Refusal(refusal) => Err(refusal),
                }
            }
        }
    )+};
}

answers! {
    ReserveResponse reserve_response Hold(v1::Hold);
    ConfirmResponse confirm_response Booking(v1::Booking);
    ReleaseResponse release_response Released(v1::Released);
    ExtendResponse extend_response Hold(v1::Hold);
    CancelResponse cancel_response Cancelled(v1::Cancelled);
    GetHoldResponse get_hold_response Hold(v1::Hold);
    GetBookingResponse get_booking_response Booking(v1::Booking);
    QueryResponse query_response Table(v1::AvailabilityTable);
    GetBerthMapResponse get_berth_map_response Map(v1::BerthMap);
    JoinResponse join_response Ticket(v1::Ticket);
    GetTicketResponse get_ticket_response Ticket(v1::Ticket);
    WaitingRoomWatchResponse waiting_room_watch_response Ticket(v1::Ticket);
    WatchResponse watch_response Table(v1::AvailabilityTable);
    CreateTrainRunResponse create_train_run_response Run(v1::TrainRunRow);
    RetireTrainRunResponse retire_train_run_response Run(v1::TrainRunRow);
    OpenSaleResponse open_sale_response Sale(v1::SaleChange);
    CloseSaleResponse close_sale_response Sale(v1::SaleChange);
    BlockBerthsResponse block_berths_response Change(v1::BerthsChange);
    UnblockBerthsResponse unblock_berths_response Change(v1::BerthsChange);
    GetTrainRunResponse get_train_run_response Run(v1::TrainRun);
}

/// Berths of a party as `S1-1`, in its order; `-` for a child without one.
pub fn berths(allocations: &[v1::Allocation]) -> Vec<String> {
    let name = |a: &v1::Allocation| match a.berth {
        0 => "-".to_owned(),
        number => format!("{}-{number}", a.coach),
    };
    allocations.iter().map(name).collect()
}

/// What became of a party, in its order.
pub fn states(allocations: &[v1::Allocation]) -> Vec<v1::AllocationStatus> {
    allocations.iter().map(v1::Allocation::status).collect()
}

/// Everything in the journal of one run, or of all.
pub async fn journal(admin: &Admin, run: Option<v1::RunRange>) -> Vec<v1::JournalEvent> {
    use v1::read_request::Range;
    let range = run.map_or(Range::Lsns(v1::LsnRange::default()), Range::Run);
    try_journal(admin, range).await.expect("the journal can be read")
}

/// The same of any range, or why it cannot be told.
pub async fn try_journal(
    admin: &Admin,
    range: v1::read_request::Range,
) -> Result<Vec<v1::JournalEvent>, (Code, String)> {
    let request = v1::ReadRequest { range: Some(range), limit: 0 };
    let asked = admin.read_journal(request).await;
    let mut answers = asked.map_err(|fault| (fault.code(), fault.to_string()))?;
    let mut events = Vec::new();
    let fault = |status: Status| (status.code(), status.message().to_owned());
    while let Some(piece) = answers.message().await.map_err(fault)? {
        events.extend(piece.events);
    }
    Ok(events)
}

/// The whole history of one run.
pub fn history(train: &str, days_ahead: i32) -> v1::RunRange {
    v1::RunRange { train: train.into(), start_date: day(days_ahead), ..Default::default() }
}
