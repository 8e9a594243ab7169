//! Requests of Availability, checked.

use berth_inventory::{Millis, QuotaCode, StopRef, TravelClass};
use berth_proto::v1;

use super::check::{Check, Invalid, millis};
use super::inventory::{RunName, run_name};

/// Least time between two answers of a Watch when the caller names none.
const MIN_INTERVAL_DEFAULT: Millis = Millis(100);
/// Shorter wishes are taken as this: a watcher that asks for more load than eyes can see.
const MIN_INTERVAL_MIN: Millis = Millis(10);
/// Longer ones are refused: the watcher would not notice a dead stream.
const MIN_INTERVAL_MAX: Millis = Millis(60_000);

/// From where to where; `None` = the end of the route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Journey {
    pub from: Option<StopRef>,
    pub to: Option<StopRef>,
}

/// Which pools are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PoolWish {
    pub class: Option<TravelClass>,
    pub quota: Option<QuotaCode>,
}

/// A well-formed query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    pub run: RunName,
    pub journey: Journey,
    pub pools: PoolWish,
}

/// A well-formed request for a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BerthMapWish {
    pub run: RunName,
    pub journey: Journey,
    pub class: Option<TravelClass>,
}

/// Availability.Query.
pub(crate) fn query(message: &v1::QueryRequest) -> Result<Look, Invalid> {
    let mut check = Check::default();
    let look = look(
        &mut check,
        message.run.as_ref(),
        (message.from_stop.as_ref(), message.to_stop.as_ref()),
        (message.travel_class, &message.quota),
    );
    check.end(look)
}

/// Availability.Watch, with the least time between two answers.
pub(crate) fn watch(message: &v1::WatchRequest) -> Result<(Look, Millis), Invalid> {
    let mut check = Check::default();
    let look = look(
        &mut check,
        message.run.as_ref(),
        (message.from_stop.as_ref(), message.to_stop.as_ref()),
        (message.travel_class, &message.quota),
    );
    let interval = match message.min_interval {
        None => Some(MIN_INTERVAL_DEFAULT),
        Some(span) => match millis(span).map(Millis) {
            Some(span) if span <= MIN_INTERVAL_MAX => Some(span.max(MIN_INTERVAL_MIN)),
            _ => {
                check.wrong("min_interval", "is outside 0 s to 60 s");
                None
            }
        },
    };
    check.end(look.zip(interval))
}

/// Availability.GetBerthMap.
pub(crate) fn map_wish(message: &v1::GetBerthMapRequest) -> Result<BerthMapWish, Invalid> {
    let mut check = Check::default();
    let run = run_name(&mut check, message.run.as_ref());
    let from = check.stop_or_none("from_stop", message.from_stop.as_ref());
    let to = check.stop_or_none("to_stop", message.to_stop.as_ref());
    let class = check.class_or_all("travel_class", message.travel_class);
    let whole = || {
        let journey = Journey { from: from?, to: to? };
        Some(BerthMapWish { run: run?, journey, class: class? })
    };
    check.end(whole())
}

fn look(
    check: &mut Check,
    run: Option<&v1::RunRef>,
    (from, to): (Option<&v1::StopRef>, Option<&v1::StopRef>),
    (class, quota): (i32, &str),
) -> Option<Look> {
    let run = run_name(check, run);
    let from = check.stop("from_stop", from);
    let to = check.stop("to_stop", to);
    let class = check.class_or_all("travel_class", class);
    let quota = check.quota_or_all("quota", quota);
    let journey = Journey { from: Some(from?), to: Some(to?) };
    Some(Look { run: run?, journey, pools: PoolWish { class: class?, quota: quota? } })
}
