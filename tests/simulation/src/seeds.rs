//! Many seeds, one after the other; and a failing one made small.

use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook};
use std::sync::Mutex;

use crate::fault::Fault;
use crate::property::Violation;
use crate::world::{Failure, Setup, Stage, Summary, World};

/// Where the last panic of this process was, and its words.
static LAST_PANIC: Mutex<String> = Mutex::new(String::new());

fn note_panic(info: &PanicHookInfo<'_>) {
    if let Ok(mut last) = LAST_PANIC.lock() {
        *last = info.to_string();
    }
}

/// Panics are counted, not printed: some are part of the story.
pub fn keep_panics_quiet() {
    set_hook(Box::new(note_panic));
}

/// Lives one seed; a panic of the product outside a run's step is a violation too.
///
/// # Errors
/// A property does not hold.
pub fn live(setup: Setup, stage: &Stage, told: bool) -> Result<Summary, Box<Failure>> {
    let lived = catch_unwind(AssertUnwindSafe(|| World::new(setup, stage, told).live()));
    lived.unwrap_or_else(|_| {
        let what = LAST_PANIC.lock().map(|last| last.clone()).unwrap_or_default();
        let violation = Violation { property: "no-panic", what };
        Err(Box::new(Failure { setup, step: 0, violation, story: Vec::new() }))
    })
}

/// The smallest setup found within `tries` lives in which the same property fails; told.
pub fn shrink(failure: Failure, stage: &Stage, mut tries: u32) -> Failure {
    let property = failure.violation.property;
    let mut best = failure;
    let fails = |setup: Setup, tries: &mut u32| {
        *tries = tries.saturating_sub(1);
        live(setup, stage, true).err().filter(|found| found.violation.property == property)
    };
    // Fewer steps: what comes after the failing one does not matter.
    let mut attempt = |best: &mut Failure, setup: Setup| {
        if tries == 0 || setup == best.setup {
            return false;
        }
        match fails(setup, &mut tries) {
            Some(found) => {
                *best = *found;
                true
            }
            None => false,
        }
    };
    let again = best.setup;
    let steps = u32::try_from(best.step).unwrap_or(u32::MAX).min(best.setup.steps);
    attempt(&mut best, Setup { steps, ..again });
    for fault in Fault::ALL {
        let faults = best.setup.faults.without(*fault);
        let setup = Setup { faults, ..best.setup };
        attempt(&mut best, setup);
    }
    for clients in [1, 2, 3, 5, 8, 12] {
        if clients < best.setup.clients {
            let setup = Setup { clients, ..best.setup };
            if attempt(&mut best, setup) {
                break;
            }
        }
    }
    let mut cut = best.setup.steps / 2;
    while cut > 0 {
        let setup = Setup { steps: best.setup.steps.saturating_sub(cut), ..best.setup };
        if !attempt(&mut best, setup) {
            cut /= 2;
        }
    }
    if best.story.is_empty()
        && let Err(told) = live(best.setup, stage, true)
        && told.violation.property == property
    {
        best = *told;
    }
    best
}
