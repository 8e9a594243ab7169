//! Requests of Inventory, checked and as commands that do not know their run yet.

use arrayvec::ArrayString;
use berth_engine::node::{HoldTimes, When};
use berth_inventory::{
    Cancel, Command, Conditions, Confirm, Date, Extend, HoldId, Millis, PARTY_MAX, Passenger, Pnr,
    QuotaCode, Release, Reserve, Rest, StopRef, TrainNumber,
};
use berth_proto::v1;
use berth_proto::v1::run_ref::Day;

use super::check::{Check, Invalid};
use super::digest;

/// The quota of a reserve that names none.
pub(super) const GENERAL: &str = "GN";

/// A dated train as the caller names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RunName {
    pub train: TrainNumber,
    pub when: When,
}

/// By what a command finds its run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Aim {
    /// Train and day; a boarding day needs the boarding stop.
    Run { run: RunName, from: Option<StopRef> },
    /// A hold.
    Hold(HoldId),
    /// The printed digits of a PNR; its number goes into the command once it is known.
    Pnr(ArrayString<10>),
}

/// A well-formed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ask {
    pub aim: Aim,
    pub command: Command,
    /// What a waiting room gave; of a reserve.
    pub token: Option<Box<str>>,
}

/// Each gives the command the digest of what it means, however it was read.
impl Ask {
    /// `ttl` is what the caller named; the command has what it gets.
    pub fn reserve(run: RunName, mut asked: Reserve, ttl: Option<Millis>) -> Self {
        asked.request.digest = digest::reserve(run, &asked, ttl);
        let aim = Aim::Run { run, from: Some(asked.from) };
        Self { aim, command: Command::Reserve(asked), token: None }
    }

    /// With what a waiting room gave; it is no part of what is asked.
    pub fn with_token(self, token: Box<str>) -> Self {
        Self { token: (!token.is_empty()).then_some(token), ..self }
    }

    pub fn confirm(mut asked: Confirm) -> Self {
        asked.request.digest = digest::confirm(&asked);
        Self { aim: Aim::Hold(asked.hold), command: Command::Confirm(asked), token: None }
    }

    pub fn release(mut asked: Release) -> Self {
        asked.request.digest = digest::release(&asked);
        Self { aim: Aim::Hold(asked.hold), command: Command::Release(asked), token: None }
    }

    pub fn extend(mut asked: Extend) -> Self {
        asked.request.digest = digest::extend(&asked);
        Self { aim: Aim::Hold(asked.hold), command: Command::Extend(asked), token: None }
    }

    pub fn cancel(digits: ArrayString<10>, mut asked: Cancel) -> Self {
        asked.request.digest = digest::cancel(digits, &asked);
        Self { aim: Aim::Pnr(digits), command: Command::Cancel(asked), token: None }
    }

    pub fn get_hold(hold: HoldId) -> Self {
        Self { aim: Aim::Hold(hold), command: Command::GetHold(hold), token: None }
    }

    pub fn get_booking(digits: ArrayString<10>) -> Self {
        Self { aim: Aim::Pnr(digits), command: Command::GetBooking(Pnr(0)), token: None }
    }
}

/// Which dated train.
pub(super) fn run_name(check: &mut Check, run: Option<&v1::RunRef>) -> Option<RunName> {
    let Some(run) = run else {
        check.wrong("run", "is required: a train and one of two dates");
        return None;
    };
    let train = check.train("run.train", &run.train);
    let date = |check: &mut Check, field: &str, text: &str, when: fn(Date) -> When| {
        check.date(field, text).map(when)
    };
    let when = match &run.day {
        Some(Day::Date(text)) => date(check, "run.date", text, When::Board),
        Some(Day::StartDate(text)) => date(check, "run.start_date", text, When::Start),
        None => {
            check.wrong("run", "says neither date nor start_date");
            None
        }
    };
    Some(RunName { train: train?, when: when? })
}

/// Inventory.Reserve.
pub(crate) fn reserve(message: &v1::ReserveRequest, holds: &HoldTimes) -> Result<Ask, Invalid> {
    let mut check = Check::default();
    let request = check.request(&message.request_id, 0);
    let run = run_name(&mut check, message.run.as_ref());
    let from = check.stop("from_stop", message.from_stop.as_ref());
    let to = check.stop("to_stop", message.to_stop.as_ref());
    let class = check.class("travel_class", message.travel_class);
    let quota = reserve_quota(&mut check, &message.quota);
    let party = party(&mut check, &message.passengers);
    let needing = message.passengers.iter().filter(|passenger| !passenger.without_berth).count();
    let conditions = conditions(&mut check, message.conditions.unwrap_or_default(), needing);
    let berths = check.berths(&message.berths, PARTY_MAX);
    if !message.berths.is_empty() && message.berths.len() != needing {
        let count = message.berths.len();
        check.wrong(
            "berths",
            format_args!("names {count} berths for {needing} passengers that need one"),
        );
    }
    let ttl = match message.ttl {
        Some(ttl) => check.ttl(ttl, holds),
        None => Some(holds.default),
    };
    let reference = check.opaque("reference", &message.reference);
    let token = check.sealed("admission_token", &message.admission_token);
    let whole = || {
        let reserve = Reserve {
            request: request?,
            // Drawn by the node when it decides.
            hold: HoldId(0),
            class: class?,
            quota: quota?,
            from: from?,
            to: to?,
            party: party?.into_iter().collect(),
            conditions: conditions?,
            berths: berths?,
            ttl: ttl?,
            reference: reference?,
        };
        Some(Ask::reserve(run?, reserve, message.ttl.and(ttl)).with_token(token?))
    };
    check.end(whole())
}

fn reserve_quota(check: &mut Check, text: &str) -> Option<QuotaCode> {
    check.quota("quota", if text.is_empty() { GENERAL } else { text })
}

fn party(check: &mut Check, passengers: &[v1::Passenger]) -> Option<Vec<Passenger>> {
    if !(1..=PARTY_MAX).contains(&passengers.len()) {
        let count = passengers.len();
        check.wrong(
            "passengers",
            format_args!("has {count} passengers, a party has 1 to {PARTY_MAX}"),
        );
        return None;
    }
    if passengers.iter().all(|passenger| passenger.without_berth) {
        check.wrong("passengers", "nobody needs a berth; at least one passenger must");
    }
    let mut party = Vec::with_capacity(passengers.len());
    for (at, passenger) in passengers.iter().enumerate() {
        let age = check.age(at, passenger.years);
        let sex = check.sex(at, passenger.sex);
        let preference = check.preference(at, passenger.preference);
        let berth_required = !passenger.without_berth;
        if let (Some(age), Some(sex), Some(preference)) = (age, sex, preference) {
            party.push(Passenger { age, sex, berth_required, preference });
        }
    }
    (party.len() == passengers.len()).then_some(party)
}

fn conditions(check: &mut Check, asked: v1::Conditions, needing: usize) -> Option<Conditions> {
    let min_lower = u8::try_from(asked.min_lower).ok().filter(|min| usize::from(*min) <= needing);
    if min_lower.is_none() {
        let lower = asked.min_lower;
        check.wrong(
            "conditions.min_lower",
            format_args!("asks for {lower} lower berths, {needing} passengers need a berth"),
        );
    }
    Some(Conditions {
        one_coach: asked.all_in_one_coach,
        min_lower: min_lower?,
        preferences_are_hard: asked.preferences_are_hard,
        rac: asked.accept_rac,
        waiting: asked.accept_waiting,
    })
}

/// Inventory.Confirm.
pub(crate) fn confirm(message: &v1::ConfirmRequest) -> Result<Ask, Invalid> {
    let mut check = Check::default();
    let request = check.request(&message.request_id, 0);
    let hold = check.hold(&message.hold_id);
    let passengers = check.passengers(&message.passengers);
    let payment = check.opaque("payment_reference", &message.payment_reference);
    if message.keep_rest && message.passengers.is_empty() {
        check.wrong("keep_rest", "goes with passengers only: without them everybody is confirmed");
    }
    let rest = if message.keep_rest { Rest::Kept } else { Rest::Released };
    let whole = || {
        let confirm = Confirm {
            request: request?,
            hold: hold?,
            passengers: passengers?,
            rest,
            payment: payment?,
            // Drawn by the node when the run needs one.
            pnr_block: None,
        };
        Some(Ask::confirm(confirm))
    };
    check.end(whole())
}

/// Inventory.Release.
pub(crate) fn release(message: &v1::ReleaseRequest) -> Result<Ask, Invalid> {
    let mut check = Check::default();
    let request = check.request(&message.request_id, 0);
    let hold = check.hold(&message.hold_id);
    let passengers = check.passengers(&message.passengers);
    let whole =
        || Some(Ask::release(Release { request: request?, hold: hold?, passengers: passengers? }));
    check.end(whole())
}

/// Inventory.Extend.
pub(crate) fn extend(message: &v1::ExtendRequest, holds: &HoldTimes) -> Result<Ask, Invalid> {
    let mut check = Check::default();
    let request = check.request(&message.request_id, 0);
    let hold = check.hold(&message.hold_id);
    if message.ttl.is_none() {
        let (min, max) = (holds.min.0 / 1_000, holds.max.0 / 1_000);
        check.wrong("ttl", format_args!("is required: {min} s to {max} s from now"));
    }
    let ttl = message.ttl.and_then(|ttl| check.ttl(ttl, holds));
    let whole = || {
        let (request, hold) = (request?, hold?);
        Some(Ask::extend(Extend { request, hold, ttl: ttl?, life: holds.life }))
    };
    check.end(whole())
}

/// Inventory.Cancel.
pub(crate) fn cancel(message: &v1::CancelRequest) -> Result<Ask, Invalid> {
    let mut check = Check::default();
    let request = check.request(&message.request_id, 0);
    let digits = check.pnr(&message.pnr).and_then(|digits| ArrayString::from(&digits).ok());
    let passengers = check.passengers(&message.passengers);
    let whole = || {
        let cancel = Cancel { request: request?, pnr: Pnr(0), passengers: passengers? };
        Some(Ask::cancel(digits?, cancel))
    };
    check.end(whole())
}

/// Inventory.GetHold.
pub(crate) fn get_hold(message: &v1::GetHoldRequest) -> Result<Ask, Invalid> {
    let mut check = Check::default();
    let hold = check.hold(&message.hold_id);
    check.end(hold.map(Ask::get_hold))
}

/// Inventory.GetBooking.
pub(crate) fn get_booking(message: &v1::GetBookingRequest) -> Result<Ask, Invalid> {
    let mut check = Check::default();
    let digits = check.pnr(&message.pnr).and_then(|digits| ArrayString::from(&digits).ok());
    check.end(digits.map(Ask::get_booking))
}
