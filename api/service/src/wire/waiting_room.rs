//! Requests of WaitingRoom, checked.

use berth_engine::node::When;
use berth_inventory::{Millis, QuotaCode, REFERENCE_BYTES_MAX, RunId, TravelClass};
use berth_proto::v1;
use berth_proto::v1::join_request::Where as Named;

use super::check::{Check, Invalid, millis};
use super::inventory::{GENERAL, run_name};

/// Between two answers of a watch, unless the caller says otherwise.
const INTERVAL_DEFAULT: Millis = Millis(2_000);
const INTERVAL_MS: core::ops::RangeInclusive<u64> = 1_000..=60_000;
/// Longest name of a room that is looked for.
const NAME_BYTES_MAX: usize = 64;

/// Which room is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Where {
    Room(Box<str>),
    /// The one that stands before this sale.
    Sale(RunId, TravelClass, QuotaCode),
}

/// WaitingRoom.Join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JoinAsk {
    pub room: Where,
    pub end_user: Box<str>,
    pub proof: Box<str>,
}

/// A ticket, and the run that its token shall be for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TicketAsk {
    pub ticket: Box<str>,
    pub run: Option<RunId>,
}

/// WaitingRoom.Join.
pub(crate) fn join(message: &v1::JoinRequest) -> Result<JoinAsk, Invalid> {
    let mut check = Check::default();
    let room = match &message.r#where {
        Some(Named::Room(name)) if (1..=NAME_BYTES_MAX).contains(&name.len()) => {
            Some(Where::Room(name.as_str().into()))
        }
        Some(Named::Room(name)) => {
            let bytes = name.len();
            check
                .wrong("room", format_args!("has {bytes} bytes, a name has 1 to {NAME_BYTES_MAX}"));
            None
        }
        Some(Named::Run(run)) => {
            let run = start(&mut check, Some(run));
            let class = check.class("travel_class", message.travel_class);
            let quota = if message.quota.is_empty() { GENERAL } else { &message.quota };
            let quota = check.quota("quota", quota);
            let sale = || Some(Where::Sale(run.flatten()?, class?, quota?));
            sale()
        }
        None => {
            check.wrong("room", "is required: a room by name, or a run that it stands before");
            None
        }
    };
    if message.end_user.is_empty() || message.end_user.len() > REFERENCE_BYTES_MAX {
        let bytes = message.end_user.len();
        check.wrong(
            "end_user",
            format_args!("has {bytes} bytes, it has 1 to {REFERENCE_BYTES_MAX}"),
        );
    }
    let proof = check.sealed("proof", &message.proof);
    let whole = || {
        let end_user = message.end_user.as_str().into();
        Some(JoinAsk { room: room?, end_user, proof: proof? })
    };
    check.end(whole())
}

/// WaitingRoom.GetTicket.
pub(crate) fn get_ticket(message: &v1::GetTicketRequest) -> Result<TicketAsk, Invalid> {
    let mut check = Check::default();
    let ask = ticket(&mut check, &message.ticket, message.run.as_ref());
    check.end(ask)
}

/// WaitingRoom.Watch.
pub(crate) fn watch_ticket(
    message: &v1::WaitingRoomWatchRequest,
) -> Result<(TicketAsk, Millis), Invalid> {
    let mut check = Check::default();
    let ask = ticket(&mut check, &message.ticket, message.run.as_ref());
    let interval = match message.min_interval {
        None => Some(INTERVAL_DEFAULT),
        Some(span) => {
            let span = millis(span).filter(|span| INTERVAL_MS.contains(span)).map(Millis);
            if span.is_none() {
                check.wrong("min_interval", "is outside 1 s to 60 s");
            }
            span
        }
    };
    check.end(ask.zip(interval))
}

/// WaitingRoom.Leave.
pub(crate) fn leave(message: &v1::LeaveRequest) -> Result<TicketAsk, Invalid> {
    let mut check = Check::default();
    let ask = ticket(&mut check, &message.ticket, None);
    check.end(ask)
}

fn ticket(check: &mut Check, text: &str, run: Option<&v1::RunRef>) -> Option<TicketAsk> {
    let ticket = check.sealed("ticket", text);
    if text.is_empty() {
        check.wrong("ticket", "is required: what Join gave");
    }
    let run = start(check, run);
    Some(TicketAsk { ticket: ticket?, run: run? })
}

/// A run by its start: where no journey is named, both dates mean the origin. The outer `None` is a
/// violation.
#[allow(clippy::option_option, reason = "the outer `None` is a violation that was told")]
fn start(check: &mut Check, run: Option<&v1::RunRef>) -> Option<Option<RunId>> {
    if run.is_none() {
        return Some(None);
    }
    let name = run_name(check, run)?;
    let (When::Start(start_date) | When::Board(start_date)) = name.when;
    Some(Some(RunId { train: name.train, start_date }))
}
