//! A booking.

use berth_client::v1;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::{AllocationView, StopView, local, party, route, run, utc};
use crate::words;

/// A booking as it stands.
#[derive(Debug, Serialize)]
pub struct BookingView {
    pub pnr: String,
    pub hold_id: String,
    pub train: String,
    pub start_date: String,
    pub date: String,
    pub from: StopView,
    pub to: StopView,
    pub class: String,
    pub quota: String,
    pub confirmed_at: Option<String>,
    pub allocations: Vec<AllocationView>,
    pub payment_reference: String,
    pub reference: String,
}

impl BookingView {
    pub fn of(booking: &v1::Booking) -> Self {
        Self {
            pnr: booking.pnr.clone(),
            hold_id: booking.hold_id.clone(),
            train: booking.train.clone(),
            start_date: booking.start_date.clone(),
            date: booking.date.clone(),
            from: StopView::of(booking.from_stop.as_ref()),
            to: StopView::of(booking.to_stop.as_ref()),
            class: words::class_code(booking.travel_class),
            quota: booking.quota.clone(),
            confirmed_at: utc(booking.confirmed_at.as_ref()),
            allocations: booking.allocations.iter().map(AllocationView::of).collect(),
            payment_reference: booking.payment_reference.clone(),
            reference: booking.reference.clone(),
        }
    }

    /// For people: the number, the run, the party.
    pub fn text(&self, booking: &v1::Booking, zone: &TimeZone) -> String {
        format!(
            "PNR {}\n{}, {}, {} {}\n{}\nconfirmed {}",
            self.pnr,
            run(&self.train, &self.date, &self.start_date),
            route(&self.from, &self.to),
            self.class,
            self.quota,
            party(&self.allocations),
            local(booking.confirmed_at.as_ref(), zone),
        )
    }
}

/// A booking with the version and time of its answer.
#[derive(Debug, Serialize)]
pub struct BookingAnswer {
    #[serde(flatten)]
    pub booking: BookingView,
    pub server_time: Option<String>,
    pub run_version: u64,
}

impl BookingAnswer {
    pub fn of(
        booking: &v1::Booking,
        run_version: u64,
        server_time: Option<&prost_types::Timestamp>,
    ) -> Self {
        Self { booking: BookingView::of(booking), server_time: utc(server_time), run_version }
    }
}
