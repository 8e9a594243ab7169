//! Requests from their bytes straight to commands, without the messages between.
//!
//! Two ways lead from bytes to a command: the straight one reads what callers ordinarily write, and
//! [`by_prost`] everything. Whatever the straight one does not take (a field it does not know, one
//! that comes twice, a violation, bytes that are no protobuf) is left to prost, so that faults and
//! their words have one source. Always true: what the straight way takes, prost takes to mean the
//! same.

#[cfg(any(test, fuzzing))]
pub(crate) mod compared;
mod straight;
#[cfg(test)]
pub(super) mod tests;

use berth_engine::node::HoldTimes;
use berth_proto::v1::session_command::Command as Named;
use berth_proto::{SESSION_COMMANDS_MAX, v1};
use prost::{DecodeError, Message};
use tonic::Status;

use super::availability::{Look, query};
use super::check::Invalid;
use super::fault::Trouble;
use super::inventory::{Ask, cancel, confirm, extend, get_booking, get_hold, release, reserve};
use super::scan::{Odd, Scan, bytes};
use crate::tally::Kind;

/// One command of a session.
#[derive(Debug, PartialEq)]
pub(crate) struct Asked {
    /// The caller's number for it.
    pub correlation: u64,
    /// Milliseconds after which it is not worth doing; 0: no deadline.
    pub timeout_ms: u32,
    /// What it asks, or why that means nothing.
    pub ask: Result<Ask, Invalid>,
}

/// The request of a call.
///
/// # Errors
/// INVALID_ARGUMENT with every violation; bytes that are no protobuf, in the words of prost.
pub(crate) fn request(kind: Kind, message: &[u8], holds: &HoldTimes) -> Result<Ask, Status> {
    match straight::request(kind, message, holds) {
        Ok(ask) => Ok(ask),
        Err(Odd) => match request_by_prost(kind, message, holds) {
            Ok(ask) => ask.map_err(|invalid| Trouble::from(invalid).into_status()),
            Err(error) => Err(no_protobuf(&error)),
        },
    }
}

/// The request of Availability.Query.
///
/// # Errors
/// As [`request`].
pub(crate) fn look(message: &[u8]) -> Result<Look, Status> {
    straight::look(message).or_else(|Odd| look_by_prost(message))
}

fn look_by_prost(message: &[u8]) -> Result<Look, Status> {
    let message = v1::QueryRequest::decode(message).map_err(|error| no_protobuf(&error))?;
    query(&message).map_err(|invalid| Trouble::from(invalid).into_status())
}

/// The commands of a session's message, behind those of others.
///
/// # Errors
/// The message holds no command, too many, or is no protobuf: the stream ends, and nothing of the
/// message is begun.
pub(crate) fn session(
    message: &[u8],
    holds: &HoldTimes,
    into: &mut Vec<Asked>,
) -> Result<(), Status> {
    let others = into.len();
    if straightly(message, holds, into).is_ok() {
        return Ok(());
    }
    into.truncate(others);
    session_by_prost(message, holds, into)
}

/// The straight way, command by command: an odd one does not hold up the others.
fn straightly(message: &[u8], holds: &HoldTimes, into: &mut Vec<Asked>) -> Result<(), Odd> {
    let mut scan = Scan::new(message);
    let most = into.len() + SESSION_COMMANDS_MAX;
    while let Some(key) = scan.key() {
        if key != bytes(1) || into.len() == most {
            return Err(Odd);
        }
        let command = scan.bytes()?;
        let asked = if let Ok(asked) = straight::command(command, holds) {
            asked
        } else {
            // Should it be no protobuf, the whole message is none: prost shall say so.
            by_prost(&v1::SessionCommand::decode(command).map_err(|_| Odd)?, holds)
        };
        into.push(asked);
    }
    if message.is_empty() { Err(Odd) } else { Ok(()) }
}

fn session_by_prost(
    message: &[u8],
    holds: &HoldTimes,
    into: &mut Vec<Asked>,
) -> Result<(), Status> {
    let message = v1::SessionRequest::decode(message).map_err(|error| no_protobuf(&error))?;
    let count = message.commands.len();
    if !(1..=SESSION_COMMANDS_MAX).contains(&count) {
        let why = format!("has {count} commands, a message has 1 to {SESSION_COMMANDS_MAX}");
        return Err(Trouble::from(Invalid::one("commands", why)).into_status());
    }
    into.extend(message.commands.iter().map(|command| by_prost(command, holds)));
    Ok(())
}

fn by_prost(command: &v1::SessionCommand, holds: &HoldTimes) -> Asked {
    let ask = match &command.command {
        Some(Named::Reserve(message)) => reserve(message, holds),
        Some(Named::Confirm(message)) => confirm(message),
        Some(Named::Release(message)) => release(message),
        Some(Named::Extend(message)) => extend(message, holds),
        Some(Named::Cancel(message)) => cancel(message),
        Some(Named::GetHold(message)) => get_hold(message),
        Some(Named::GetBooking(message)) => get_booking(message),
        None => Err(Invalid::one("command", "is missing, or one this server does not know")),
    };
    Asked { correlation: command.correlation_id, timeout_ms: command.timeout_ms, ask }
}

fn request_by_prost(
    kind: Kind,
    message: &[u8],
    holds: &HoldTimes,
) -> Result<Result<Ask, Invalid>, DecodeError> {
    Ok(match kind {
        Kind::Reserve => reserve(&v1::ReserveRequest::decode(message)?, holds),
        Kind::Confirm => confirm(&v1::ConfirmRequest::decode(message)?),
        Kind::Release => release(&v1::ReleaseRequest::decode(message)?),
        Kind::Extend => extend(&v1::ExtendRequest::decode(message)?, holds),
        Kind::Cancel => cancel(&v1::CancelRequest::decode(message)?),
        Kind::GetHold => get_hold(&v1::GetHoldRequest::decode(message)?),
        Kind::GetBooking => get_booking(&v1::GetBookingRequest::decode(message)?),
        _ => Err(Invalid::one("command", "is none of a caller")),
    })
}

/// Bytes that are no message are the caller's fault.
fn no_protobuf(error: &DecodeError) -> Status {
    Status::invalid_argument(error.to_string())
}
