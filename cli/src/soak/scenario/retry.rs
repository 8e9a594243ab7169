//! Clients that do not trust their lines: every request one to three times.
//!
//! Copies leave at once over sessions and calls, calls are given up after a millisecond or have a
//! deadline they will not make, and what is done is asked for again, or something else under its id.

use std::collections::VecDeque;
use std::time::Duration;

use crate::soak::flow::{Booked, Flow, Tries};
use crate::soak::line::Way;
use crate::soak::wish::Taste;

/// Bookings that a client keeps before it cancels the oldest.
const BOOKINGS_KEPT: usize = 6;

pub async fn play(flow: &mut Flow) {
    let mut bookings: VecDeque<Booked> = VecDeque::new();
    let runs = flow.shared.stage.runs.len() as u32;
    while flow.goes_on() {
        let run = flow.dice(runs);
        let tries = draw(flow, true);
        let Ok(mut mine) = flow.reserve(run, Taste::Mixed, &tries).await else { continue };
        if flow.dice(6) == 0 {
            let tries = draw(flow, true);
            flow.extend(&mut mine, Duration::from_secs(2), &tries).await;
            if mine.held == 0 {
                continue;
            }
        }
        if flow.dice(2) == 0 {
            let tries = draw(flow, true);
            bookings.extend(flow.confirm(&mut mine, 0, false, &tries).await.ok());
        } else {
            let tries = draw(flow, false);
            flow.release(&mut mine, 0, &tries).await;
        }
        if bookings.len() > BOOKINGS_KEPT
            && let Some(oldest) = bookings.pop_front()
        {
            let tries = draw(flow, false);
            flow.cancel(&oldest, 0, &tries).await;
        }
    }
}

/// How one request is sent; `other`: another content under its id may be among the tries.
fn draw(flow: &mut Flow, other: bool) -> Tries {
    let copies = 1 + flow.dice(3);
    let mut salvo = Vec::with_capacity(copies as usize);
    for copy in 0..copies {
        let way = match flow.dice(8) {
            0 => Way::Dropped(Duration::from_micros(u64::from(200 + flow.dice(2_000)))),
            1 => Way::Hasty,
            2 | 3 => Way::Unary,
            _ => Way::Session,
        };
        // Sometimes another content runs against the first.
        let body = u8::from(other && copy > 0 && flow.dice(12) == 0);
        salvo.push((body, way));
    }
    let mut after = Vec::new();
    if flow.dice(2) == 0 {
        after.push(0);
    }
    if other && flow.dice(4) == 0 {
        after.extend([1, 0]);
    }
    Tries { salvo, after }
}
