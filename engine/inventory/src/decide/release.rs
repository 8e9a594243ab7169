//! Release: held berths are given back by their holder. Doing it again is fine.

use super::standing::{check_party, still_held};
use super::{Decision, Then, Verdict};
use crate::record::{Record, SeatState};
use crate::{Event, PassengerSet, Refusal, Release, Run, UnixMillis};

pub(super) fn decide(run: &Run, ask: Release, now: UnixMillis) -> Decision {
    run.refuse_reused_id(ask.request.id)?;
    let record = run.find_hold(ask.hold)?;
    check_party(record, ask.passengers)?;
    let passengers = match still_held(run, record, to_release(record, ask.passengers), now) {
        // Who is given back already is given back.
        Err(Refusal::HoldReleased { .. }) => {
            return Ok(Verdict::Known(run.say_released(record, ask.passengers, now)));
        }
        other => other?,
    };
    // From here on the release must succeed.
    let released = Event::Released { hold: ask.hold, passengers };
    Ok(Verdict::take(released, Then::Released(ask.hold, ask.passengers)))
}

/// Those named who are not given back yet; if that is nobody, those named.
fn to_release(record: &Record, asked: Option<PassengerSet>) -> Option<PassengerSet> {
    let asked = asked?;
    let open = asked.without(record.in_state(SeatState::Released));
    Some(if open.is_empty() { asked } else { open })
}
