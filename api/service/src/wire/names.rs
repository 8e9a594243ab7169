//! Single values on their way out: enums by their shared numbers, instants, dates, stops, berths.

use berth_inventory::{BerthName, Millis, Plan, Stop, TravelClass, UnixMillis};
use berth_proto::v1;

/// An instant.
pub(crate) fn timestamp(at: UnixMillis) -> prost_types::Timestamp {
    // The end of time is as far as a Timestamp reaches: the last millisecond of 9999.
    let ms = at.0.min(253_402_300_799_999).cast_signed();
    prost_types::Timestamp { seconds: ms / 1_000, nanos: (ms % 1_000) as i32 * 1_000_000 }
}

/// A span.
pub(crate) const fn duration(span: Millis) -> prost_types::Duration {
    let ms = span.0.cast_signed();
    prost_types::Duration { seconds: ms / 1_000, nanos: (ms % 1_000) as i32 * 1_000_000 }
}

/// A class.
pub(crate) const fn class(class: TravelClass) -> i32 {
    class as i32
}

/// A 0-based stop of a plan.
pub(crate) fn stop(plan: &Plan, at: u8) -> v1::Stop {
    let Stop { code, .. } = &plan.stops()[usize::from(at)];
    v1::Stop { sequence: u32::from(at) + 1, code: code.as_str().into() }
}

/// A berth by its painted names.
pub(super) fn berth(name: BerthName) -> v1::BerthName {
    v1::BerthName { coach: name.coach.into(), number: name.number.into() }
}
