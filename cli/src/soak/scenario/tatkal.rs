//! The opening at 10:00: one hot run, many more wishes than berths, everybody at once.
//!
//! 50 requests come for each berth; then the next run opens, so that it is always one run that is
//! hot. Of ten holds five to six are paid for, two are given back, the rest is left; a tenth of the
//! bookings is cancelled.

use std::sync::atomic::Ordering::Relaxed;

use crate::soak::flow::{Flow, Tries};
use crate::soak::stage::Stage;
use crate::soak::wish::Taste;

use super::Plan;

/// Requests for each berth.
const WISHES_A_BERTH: u64 = 50;
/// Runs at the end of the stage that nobody asks for.
const BYSTANDERS: usize = 3;

/// With which wish the sale of each run ends.
pub fn waves(stage: &Stage) -> Vec<u64> {
    let hot = stage.runs.len().saturating_sub(BYSTANDERS);
    let wishes = stage.runs[..hot].iter().map(|run| run.berths() as u64 * WISHES_A_BERTH);
    wishes
        .scan(0, |sum, wishes| {
            *sum += wishes;
            Some(*sum)
        })
        .collect()
}

pub async fn play(flow: &mut Flow, plan: &Plan) {
    while flow.goes_on() {
        let number = plan.wishes.fetch_add(1, Relaxed);
        let run = plan.waves.partition_point(|end| *end <= number);
        if run == plan.waves.len() {
            return;
        }
        let tries = Tries::default();
        let Ok(mut mine) = flow.reserve(run as u32, Taste::Mixed, &tries).await else { continue };
        match flow.dice(100) {
            0..55 => {
                let cancels = flow.dice(10) == 0;
                if let Ok(booked) = flow.confirm(&mut mine, 0, false, &tries).await
                    && cancels
                {
                    flow.cancel(&booked, 0, &tries).await;
                }
            }
            55..75 => {
                flow.release(&mut mine, 0, &tries).await;
            }
            _ => {}
        }
    }
}
