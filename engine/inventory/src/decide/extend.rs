//! Extend: a live hold gets a new deadline, `ttl` from now, within its life.

use super::standing::still_held;
use super::{Decision, Then, Verdict};
use crate::answer::Said;
use crate::register::RequestKind;
use crate::{Event, Extend, HOLD_LIFE_MAX_MS, Millis, Run, UnixMillis};

pub(super) fn decide(run: &Run, ask: Extend, now: UnixMillis) -> Decision {
    if let Some(record) = run.first_effect(ask.request, RequestKind::Extend)? {
        return Ok(Verdict::Known(Said::Hold(Box::new(run.show_hold(record, now)))));
    }
    let record = run.find_hold(ask.hold)?;
    still_held(run, record, None, now)?;
    // From here on the extend must succeed. The end of its life does not take away what a
    // restart's grace has given beyond it.
    let life = record.created_at.saturating_add(Millis(HOLD_LIFE_MAX_MS)).max(record.expires_at);
    let expires_at = now.saturating_add(ask.ttl).min(life);
    let extended = Event::Extended { hold: ask.hold, request: ask.request, expires_at };
    Ok(Verdict::take(extended, Then::Hold(ask.hold)))
}
