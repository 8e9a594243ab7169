//! Refusals with their facts.

use berth_engine::node::Names;
use berth_inventory::{Date, Refusal};
use berth_proto::v1;

use super::names::{berth, timestamp};
use super::said::booking;

/// A refusal as an answer tells it.
pub(super) fn refusal(refusal: &Refusal, names: &Names) -> v1::Refusal {
    v1::Refusal {
        reason: refusal.reason() as i32,
        message: message(refusal, names),
        retryable: refusal.is_retryable(),
        facts: Some(facts(refusal, names)),
    }
}

/// The machine knows a booking by its number; people know it by the PNR printed for it.
fn message(refusal: &Refusal, names: &Names) -> String {
    match refusal {
        Refusal::UnknownBooking { pnr } => {
            let pnr = names.print_pnr(*pnr);
            format!("PNR {pnr} is not known here; check the number")
        }
        Refusal::AlreadyConfirmed { hold, booking, .. } => {
            let pnr = names.print_pnr(booking.pnr);
            format!("hold {hold} is already confirmed as PNR {pnr}; reserve anew for more berths")
        }
        Refusal::BookingCancelled { pnr, at } => {
            let pnr = names.print_pnr(*pnr);
            format!("PNR {pnr} was cancelled at {at}; reserve anew")
        }
        _ => refusal.to_string(),
    }
}

fn facts(refusal: &Refusal, names: &Names) -> v1::RefusalFacts {
    let mut facts = v1::RefusalFacts::default();
    match refusal {
        Refusal::IdempotencyMismatch { .. }
        | Refusal::UnknownTrain { .. }
        | Refusal::UnknownStop { .. }
        | Refusal::BadLegRange { .. }
        | Refusal::UnknownHold { .. }
        | Refusal::UnknownBooking { .. }
        | Refusal::UnknownTicket { .. } => {}
        Refusal::RunNotScheduled { next, .. } => {
            facts.next_start_date = next.as_ref().map(Date::to_string).unwrap_or_default();
        }
        Refusal::UnknownClass { has, .. } => {
            facts.alternatives = has.iter().map(ToString::to_string).collect();
        }
        Refusal::UnknownQuota { has, .. } => {
            facts.alternatives = has.iter().map(ToString::to_string).collect();
        }
        Refusal::TooManyPassengers { asked, max, .. } => {
            facts.asked = Some((*asked).into());
            facts.limit = Some((*max).into());
        }
        Refusal::NotEligible { passenger, .. } => {
            facts.asked = Some(u32::from(*passenger) + 1);
        }
        Refusal::NotOpen { opens_at, .. } => facts.opens_at = Some(timestamp(*opens_at)),
        Refusal::Closed { closed_at, .. } => facts.closed_at = closed_at.map(timestamp),
        Refusal::SoldOut { asked, free, .. } | Refusal::PreferenceUnmet { asked, free, .. } => {
            facts.asked = Some((*asked).into());
            facts.free = Some((*free).into());
        }
        Refusal::WaitingFull { asked, free, limit, .. } => {
            facts.asked = Some((*asked).into());
            facts.free = Some((*free).into());
            facts.limit = Some((*limit).into());
        }
        Refusal::BerthTaken { berth: name, .. } | Refusal::UnknownBerth { berth: name, .. } => {
            facts.berth = Some(berth(name.clone()));
        }
        Refusal::HoldReleased { at, .. } | Refusal::BookingCancelled { at, .. } => {
            facts.ended_at = Some(timestamp(*at));
        }
        Refusal::HoldExpired { expires_at, .. } => facts.expires_at = Some(timestamp(*expires_at)),
        Refusal::AlreadyConfirmed { booking: view, plan, .. } => {
            facts.booking = Some(booking(view, plan, names));
        }
        Refusal::UnknownPassenger { asked, count } => {
            facts.asked = Some((*asked).into());
            facts.limit = Some((*count).into());
        }
        Refusal::NotAdmitted { room, .. }
        | Refusal::UnknownRoom { asked: room }
        | Refusal::Unproven { room, .. } => facts.room = room.as_ref().into(),
        Refusal::TooManyExtends { extends, max, .. } => {
            facts.asked = Some(*extends as u32 + 1);
            facts.limit = Some(*max as u32);
        }
    }
    facts
}
