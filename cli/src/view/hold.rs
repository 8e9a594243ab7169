//! A hold.

use berth_client::v1;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::{AllocationView, StopView, instant, local, party, route, run, utc};
use crate::words;

/// A hold as it stands.
#[derive(Debug, Serialize)]
pub struct HoldView {
    pub hold_id: String,
    pub expires_at: Option<String>,
    pub server_time: Option<String>,
    pub run_version: u64,
    pub train: String,
    pub start_date: String,
    pub date: String,
    pub from: StopView,
    pub to: StopView,
    pub class: String,
    pub quota: String,
    pub created_at: Option<String>,
    pub allocations: Vec<AllocationView>,
    pub pnrs: Vec<String>,
    pub reference: String,
}

impl HoldView {
    pub fn of(
        hold: &v1::Hold,
        run_version: u64,
        server_time: Option<&prost_types::Timestamp>,
    ) -> Self {
        Self {
            hold_id: hold.hold_id.clone(),
            expires_at: utc(hold.expires_at.as_ref()),
            server_time: utc(server_time),
            run_version,
            train: hold.train.clone(),
            start_date: hold.start_date.clone(),
            date: hold.date.clone(),
            from: StopView::of(hold.from_stop.as_ref()),
            to: StopView::of(hold.to_stop.as_ref()),
            class: words::class_code(hold.travel_class),
            quota: hold.quota.clone(),
            created_at: utc(hold.created_at.as_ref()),
            allocations: hold.allocations.iter().map(AllocationView::of).collect(),
            pnrs: hold.pnrs.clone(),
            reference: hold.reference.clone(),
        }
    }

    /// For people: the run, the party, and until when.
    pub fn text(
        &self,
        hold: &v1::Hold,
        server_time: Option<&prost_types::Timestamp>,
        zone: &TimeZone,
    ) -> String {
        let deadline = local(hold.expires_at.as_ref(), zone);
        let left = match (instant(hold.expires_at.as_ref()), instant(server_time)) {
            (Some(end), Some(now)) => (end.duration_since(now).as_millis() + 500) / 1_000,
            _ => 0,
        };
        let until = if left > 0 {
            format!("{deadline} ({left} s from now)")
        } else {
            format!("{deadline} (over)")
        };
        let booked = match self.pnrs.as_slice() {
            [] => String::new(),
            pnrs => format!("\nbooked as {}", pnrs.join(", ")),
        };
        format!(
            "hold {}\n{}, {}, {} {}\n{}\ndeadline {until}{booked}",
            self.hold_id,
            run(&self.train, &self.date, &self.start_date),
            route(&self.from, &self.to),
            self.class,
            self.quota,
            party(&self.allocations),
        )
    }
}
