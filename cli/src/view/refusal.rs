//! A refusal: one form for all commands.

use berth_client::v1;
use serde::Serialize;

use super::booking::BookingView;
use super::{BerthView, utc};
use crate::words;

/// The answer "no".
#[derive(Debug, Serialize)]
pub struct RefusedView {
    pub refusal: RefusalView,
    pub server_time: Option<String>,
    pub run_version: u64,
}

/// Why not.
#[derive(Debug, Serialize)]
pub struct RefusalView {
    pub reason: String,
    pub message: String,
    pub retryable: bool,
    pub facts: FactsView,
}

/// What it is based on; only what the reason has. The one place where fields are left out.
#[derive(Debug, Default, Serialize)]
pub struct FactsView {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opens_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_start_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub free: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub berth: Option<BerthView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub booking: Option<BookingView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
}

impl FactsView {
    fn of(facts: &v1::RefusalFacts) -> Self {
        Self {
            opens_at: utc(facts.opens_at.as_ref()),
            closed_at: utc(facts.closed_at.as_ref()),
            expires_at: utc(facts.expires_at.as_ref()),
            ended_at: utc(facts.ended_at.as_ref()),
            next_start_date: Some(facts.next_start_date.clone()).filter(|date| !date.is_empty()),
            asked: facts.asked,
            limit: facts.limit,
            free: facts.free,
            berth: facts.berth.as_ref().map(BerthView::of),
            booking: facts.booking.as_ref().map(BookingView::of),
            alternatives: facts.alternatives.clone(),
            room: Some(facts.room.clone()).filter(|room| !room.is_empty()),
        }
    }
}

impl RefusedView {
    pub fn new(
        refusal: &v1::Refusal,
        run_version: u64,
        server_time: Option<&prost_types::Timestamp>,
    ) -> Self {
        let refusal = RefusalView {
            reason: words::name(refusal.reason, "REASON_", v1::Reason::as_str_name),
            message: refusal.message.clone(),
            retryable: refusal.retryable,
            facts: refusal.facts.as_ref().map(FactsView::of).unwrap_or_default(),
        };
        Self { refusal, server_time: utc(server_time), run_version }
    }

    /// For people: `SOLD_OUT: 2 berths asked, 0 free ...`.
    pub fn text(&self) -> String {
        let RefusalView { reason, message, .. } = &self.refusal;
        format!("{reason}: {message}")
    }
}
