//! No expiry before the effective deadline, and at a quiet moment none that is overdue.

use berth_inventory::{Event, SeatState};

use super::{EventCase, Look, Property, Verdict, ensure};

/// How late a hold may be at a quiet moment, milliseconds: the grid of the alarms and one more look.
const LATE_MS: u64 = 32;

/// See the module.
pub struct ExpiryInTime;

impl Property for ExpiryInTime {
    fn name(&self) -> &'static str {
        "expiry-in-time"
    }

    fn event(&self, case: &EventCase<'_>) -> Verdict {
        let Event::Expired { hold } = case.event else { return Ok(()) };
        let at = case.at.max(case.before.last_at);
        let Some(record) = case.before.holds.get(hold) else {
            return Err(format!("hold {hold} expires, which there is not"));
        };
        ensure(record.expires <= at, || {
            format!("hold {hold} expires at {at}, its deadline is {}", record.expires)
        })?;
        ensure(!record.those(SeatState::Held).is_empty(), || {
            format!("hold {hold} expires and keeps nobody")
        })
    }

    fn full(&self, look: &Look<'_>) -> Verdict {
        if !look.quiet {
            return Ok(());
        }
        for (run, model) in &look.oracle.runs {
            if look.node.is_out_of_service(*run) {
                continue;
            }
            for hold in model.state().live() {
                ensure(look.now < hold.expires + LATE_MS, || {
                    format!(
                        "hold {} of run {run} was due at {}, it is {} and all is quiet",
                        hold.id, hold.expires, look.now
                    )
                })?;
            }
        }
        Ok(())
    }
}
