//! The straight way from bytes to a command, for requests as callers ordinarily write them.
//!
//! Every function here reads one message in the order in which its fields come, and ends with
//! [`Odd`] at the first thing that is out of the ordinary. Bounds are those of `check`, which words
//! them too: here a value is either in them or odd.

use arrayvec::{ArrayString, ArrayVec};
use berth_engine::node::{HoldTimes, When};
use berth_inventory::{
    AgeBand, BerthName, BerthType, Cancel, Conditions, Confirm, Date, Extend, HoldId, Millis,
    PARTY_MAX, Passenger, PassengerSet, Pnr, REFERENCE_BYTES_MAX, Release, RequestId, RequestMark,
    Reserve, Rest, STOPS_MAX, Sex, ShortName, StopRef, TravelClass,
};

use super::super::availability::{Journey, Look, PoolWish};
use super::super::check::{SEALED_BYTES_MAX, millis};
use super::super::inventory::{Ask, GENERAL, RunName};
use super::super::scan::{Odd, Scan, bytes, number};
use super::Asked;
use crate::tally::Kind;

// Keys: the number of a field and whether its value is a number or bytes of a length.
const BYTES_1: u8 = bytes(1);
const BYTES_2: u8 = bytes(2);
const BYTES_3: u8 = bytes(3);
const BYTES_4: u8 = bytes(4);
const BYTES_5: u8 = bytes(5);
const BYTES_6: u8 = bytes(6);
const BYTES_7: u8 = bytes(7);
const BYTES_8: u8 = bytes(8);
const BYTES_9: u8 = bytes(9);
const BYTES_10: u8 = bytes(10);
const BYTES_11: u8 = bytes(11);
const BYTES_12: u8 = bytes(12);
const NUMBER_1: u8 = number(1);
const NUMBER_2: u8 = number(2);
const NUMBER_3: u8 = number(3);
const NUMBER_4: u8 = number(4);
const NUMBER_5: u8 = number(5);

/// One command of a session.
pub(super) fn command(message: &[u8], holds: &HoldTimes) -> Result<Asked, Odd> {
    let mut scan = Scan::new(message);
    let (mut correlation, mut timeout_ms, mut ask) = (0, 0, None);
    while let Some(key) = scan.key() {
        let kind = match key {
            NUMBER_1 => {
                correlation = scan.number()?;
                continue;
            }
            NUMBER_2 => {
                timeout_ms = scan.short()?;
                continue;
            }
            BYTES_3 => Kind::Reserve,
            BYTES_4 => Kind::Confirm,
            BYTES_5 => Kind::Release,
            BYTES_6 => Kind::Extend,
            BYTES_7 => Kind::Cancel,
            BYTES_8 => Kind::GetHold,
            BYTES_9 => Kind::GetBooking,
            _ => return Err(Odd),
        };
        let message = scan.bytes()?;
        if ask.is_some() {
            return Err(Odd);
        }
        ask = Some(request(kind, message, holds)?);
    }
    Ok(Asked { correlation, timeout_ms, ask: Ok(ask.ok_or(Odd)?) })
}

/// The request of a call.
pub(super) fn request(kind: Kind, message: &[u8], holds: &HoldTimes) -> Result<Ask, Odd> {
    match kind {
        Kind::Reserve => reserve(message, holds),
        Kind::Confirm => confirm(message),
        Kind::Release => release(message),
        Kind::Extend => extend(message, holds),
        Kind::Cancel => cancel(message),
        Kind::GetHold => get_hold(message),
        Kind::GetBooking => get_booking(message),
        _ => Err(Odd),
    }
}

fn reserve(message: &[u8], holds: &HoldTimes) -> Result<Ask, Odd> {
    let mut scan = Scan::new(message);
    let (mut id, mut quota, mut reference): (&[u8], &[u8], &[u8]) = Default::default();
    let mut token: &[u8] = &[];
    let (mut run, mut from, mut to, mut asked, mut ttl) = Default::default();
    let mut class = None;
    let mut party = ArrayVec::new();
    let mut berths = Vec::new();
    while let Some(key) = scan.key() {
        match key {
            BYTES_1 => scan.text(&mut id)?,
            BYTES_2 => scan.once(&mut run)?,
            BYTES_3 => scan.once(&mut from)?,
            BYTES_4 => scan.once(&mut to)?,
            NUMBER_5 => class = Some(scan.one_of(TravelClass::from_number)?),
            BYTES_6 => scan.text(&mut quota)?,
            BYTES_7 => {
                party.try_push(passenger(scan.bytes()?)?).map_err(|_| Odd)?;
            }
            BYTES_8 => scan.once(&mut asked)?,
            BYTES_9 => berths.push(berth(scan.bytes()?)?),
            BYTES_10 => scan.once(&mut ttl)?,
            BYTES_11 => scan.text(&mut reference)?,
            BYTES_12 => scan.text(&mut token)?,
            _ => return Err(Odd),
        }
    }
    let needing = party.iter().filter(|passenger: &&Passenger| passenger.berth_required).count();
    if needing == 0 || !berths.is_empty() && berths.len() != needing {
        return Err(Odd);
    }
    let ttl = ttl.map(|message| time_to_live(message, holds)).transpose()?;
    let reserve = Reserve {
        request: mark(id)?,
        // Drawn by the node when it decides.
        hold: HoldId(0),
        class: class.ok_or(Odd)?,
        quota: name(if quota.is_empty() { GENERAL.as_bytes() } else { quota })?,
        from: stop(from.ok_or(Odd)?)?,
        to: stop(to.ok_or(Odd)?)?,
        party,
        conditions: asked.map_or(Ok(Conditions::default()), |asked| conditions(asked, needing))?,
        berths,
        ttl: ttl.unwrap_or(holds.default),
        reference: opaque(reference)?,
    };
    let ask = Ask::reserve(run_name(run.ok_or(Odd)?)?, reserve, ttl);
    Ok(if token.is_empty() { ask } else { ask.with_token(sealed(token)?) })
}

fn confirm(message: &[u8]) -> Result<Ask, Odd> {
    let mut scan = Scan::new(message);
    let (mut id, mut hold, mut payment): (&[u8], &[u8], &[u8]) = Default::default();
    let (mut passengers, mut keep_rest) = (None, false);
    while let Some(key) = scan.key() {
        match key {
            BYTES_1 => scan.text(&mut id)?,
            BYTES_2 => scan.text(&mut hold)?,
            BYTES_3 => scan.text(&mut payment)?,
            BYTES_4 => people(scan.bytes()?, &mut passengers)?,
            NUMBER_4 => person(scan.number()?, &mut passengers)?,
            NUMBER_5 => keep_rest = scan.switch()?,
            _ => return Err(Odd),
        }
    }
    if keep_rest && passengers.is_none() {
        return Err(Odd);
    }
    Ok(Ask::confirm(Confirm {
        request: mark(id)?,
        hold: hold_id(hold)?,
        passengers,
        rest: if keep_rest { Rest::Kept } else { Rest::Released },
        payment: opaque(payment)?,
        // Drawn by the node when the run needs one.
        pnr_block: None,
    }))
}

fn release(message: &[u8]) -> Result<Ask, Odd> {
    let (id, hold, passengers) = id_name_people(message)?;
    Ok(Ask::release(Release { request: mark(id)?, hold: hold_id(hold)?, passengers }))
}

fn cancel(message: &[u8]) -> Result<Ask, Odd> {
    let (id, digits, passengers) = id_name_people(message)?;
    Ok(Ask::cancel(pnr(digits)?, Cancel { request: mark(id)?, pnr: Pnr(0), passengers }))
}

/// A request id, the name of what is meant, and who of it.
type IdNamePeople<'a> = (&'a [u8], &'a [u8], Option<PassengerSet>);

fn id_name_people(message: &[u8]) -> Result<IdNamePeople<'_>, Odd> {
    let mut scan = Scan::new(message);
    let (mut id, mut name): (&[u8], &[u8]) = Default::default();
    let mut passengers = None;
    while let Some(key) = scan.key() {
        match key {
            BYTES_1 => scan.text(&mut id)?,
            BYTES_2 => scan.text(&mut name)?,
            BYTES_3 => people(scan.bytes()?, &mut passengers)?,
            NUMBER_3 => person(scan.number()?, &mut passengers)?,
            _ => return Err(Odd),
        }
    }
    Ok((id, name, passengers))
}

fn extend(message: &[u8], holds: &HoldTimes) -> Result<Ask, Odd> {
    let mut scan = Scan::new(message);
    let (mut id, mut hold): (&[u8], &[u8]) = Default::default();
    let mut ttl = None;
    while let Some(key) = scan.key() {
        match key {
            BYTES_1 => scan.text(&mut id)?,
            BYTES_2 => scan.text(&mut hold)?,
            BYTES_3 => scan.once(&mut ttl)?,
            _ => return Err(Odd),
        }
    }
    let ttl = time_to_live(ttl.ok_or(Odd)?, holds)?;
    Ok(Ask::extend(Extend { request: mark(id)?, hold: hold_id(hold)?, ttl, life: holds.life }))
}

fn get_hold(message: &[u8]) -> Result<Ask, Odd> {
    Ok(Ask::get_hold(hold_id(only_text(message)?)?))
}

fn get_booking(message: &[u8]) -> Result<Ask, Odd> {
    Ok(Ask::get_booking(pnr(only_text(message)?)?))
}

fn only_text(message: &[u8]) -> Result<&[u8], Odd> {
    let mut scan = Scan::new(message);
    let mut text: &[u8] = &[];
    while let Some(key) = scan.key() {
        match key {
            BYTES_1 => scan.text(&mut text)?,
            _ => return Err(Odd),
        }
    }
    Ok(text)
}

/// The request of Availability.Query.
pub(super) fn look(message: &[u8]) -> Result<Look, Odd> {
    let mut scan = Scan::new(message);
    let (mut run, mut from, mut to, mut class) = Default::default();
    let mut quota: &[u8] = &[];
    while let Some(key) = scan.key() {
        match key {
            BYTES_1 => scan.once(&mut run)?,
            BYTES_2 => scan.once(&mut from)?,
            BYTES_3 => scan.once(&mut to)?,
            NUMBER_4 => class = Some(scan.one_of(TravelClass::from_number)?),
            BYTES_5 => scan.text(&mut quota)?,
            _ => return Err(Odd),
        }
    }
    let journey = Journey { from: Some(stop(from.ok_or(Odd)?)?), to: Some(stop(to.ok_or(Odd)?)?) };
    let quota = if quota.is_empty() { None } else { Some(name(quota)?) };
    Ok(Look { run: run_name(run.ok_or(Odd)?)?, journey, pools: PoolWish { class, quota } })
}

fn run_name(message: &[u8]) -> Result<RunName, Odd> {
    let mut scan = Scan::new(message);
    let mut train: &[u8] = &[];
    let mut when = None;
    while let Some(key) = scan.key() {
        match key {
            BYTES_1 => scan.text(&mut train)?,
            // Of several days the last one counts, in the straight way as well.
            BYTES_2 => when = Some(When::Board(date(scan.bytes()?)?)),
            BYTES_3 => when = Some(When::Start(date(scan.bytes()?)?)),
            _ => return Err(Odd),
        }
    }
    Ok(RunName { train: name(train)?, when: when.ok_or(Odd)? })
}

fn stop(message: &[u8]) -> Result<StopRef, Odd> {
    let mut scan = Scan::new(message);
    let (mut place, mut occurrence) = (None, 0);
    while let Some(key) = scan.key() {
        match key {
            NUMBER_1 => place = Some(StopRef::Sequence(sequence(scan.number()?)?)),
            BYTES_2 => {
                place = Some(StopRef::Station { code: name(scan.bytes()?)?, occurrence: 1 });
            }
            NUMBER_3 => occurrence = scan.short()?,
            _ => return Err(Odd),
        }
    }
    match place.ok_or(Odd)? {
        StopRef::Sequence(place) if occurrence == 0 => Ok(StopRef::Sequence(place)),
        StopRef::Station { code, .. } if occurrence <= STOPS_MAX as u32 => {
            Ok(StopRef::Station { code, occurrence: occurrence.max(1) as u8 })
        }
        _ => Err(Odd),
    }
}

fn sequence(place: u64) -> Result<u16, Odd> {
    if (1..=STOPS_MAX as u64).contains(&place) { Ok(place as u16) } else { Err(Odd) }
}

fn passenger(message: &[u8]) -> Result<Passenger, Odd> {
    let mut scan = Scan::new(message);
    let (mut age, mut sex, mut without_berth, mut preference) = (None, None, false, None);
    while let Some(key) = scan.key() {
        match key {
            NUMBER_1 => match scan.number()? {
                years @ 0..=125 => age = Some(AgeBand::of_age(years as u8)),
                _ => return Err(Odd),
            },
            NUMBER_2 => age = Some(scan.one_of(AgeBand::from_number)?),
            NUMBER_3 => sex = Some(scan.one_of(Sex::from_number)?),
            NUMBER_4 => without_berth = scan.switch()?,
            NUMBER_5 => preference = Some(scan.one_of(BerthType::from_number)?),
            _ => return Err(Odd),
        }
    }
    let (age, sex) = (age.ok_or(Odd)?, sex.ok_or(Odd)?);
    Ok(Passenger { age, sex, berth_required: !without_berth, preference })
}

fn conditions(message: &[u8], needing: usize) -> Result<Conditions, Odd> {
    let mut scan = Scan::new(message);
    let mut asked = Conditions::default();
    while let Some(key) = scan.key() {
        match key {
            NUMBER_1 => asked.one_coach = scan.switch()?,
            NUMBER_2 => match scan.number()? {
                min if min <= needing as u64 => asked.min_lower = min as u8,
                _ => return Err(Odd),
            },
            NUMBER_3 => asked.preferences_are_hard = scan.switch()?,
            NUMBER_4 => asked.rac = scan.switch()?,
            NUMBER_5 => asked.waiting = scan.switch()?,
            _ => return Err(Odd),
        }
    }
    Ok(asked)
}

fn berth(message: &[u8]) -> Result<BerthName, Odd> {
    let mut scan = Scan::new(message);
    let (mut coach, mut place): (&[u8], _) = (&[], 0);
    while let Some(key) = scan.key() {
        match key {
            BYTES_1 => scan.text(&mut coach)?,
            NUMBER_2 => place = scan.number()?,
            _ => return Err(Odd),
        }
    }
    let number = u16::try_from(place).ok().filter(|number| *number > 0).ok_or(Odd)?;
    if !(1..=8).contains(&coach.len()) {
        return Err(Odd);
    }
    Ok(BerthName { coach: text(coach)?.into(), number })
}

fn time_to_live(message: &[u8], holds: &HoldTimes) -> Result<Millis, Odd> {
    let mut scan = Scan::new(message);
    let mut span = prost_types::Duration::default();
    while let Some(key) = scan.key() {
        match key {
            NUMBER_1 => span.seconds = scan.number()?.cast_signed(),
            NUMBER_2 => span.nanos = scan.short()?.cast_signed(),
            _ => return Err(Odd),
        }
    }
    let ms = millis(span).filter(|ms| (holds.min.0..=holds.max.0).contains(ms));
    ms.map(Millis).ok_or(Odd)
}

/// Numbers of passengers, packed.
fn people(packed: &[u8], set: &mut Option<PassengerSet>) -> Result<(), Odd> {
    packed.iter().try_for_each(|number| person(u64::from(*number), set))
}

/// One passenger's number; a byte of a longer number is outside the bounds by itself.
fn person(number: u64, set: &mut Option<PassengerSet>) -> Result<(), Odd> {
    let before = set.unwrap_or(PassengerSet::NONE);
    let place = number.wrapping_sub(1);
    if place >= PARTY_MAX as u64 || before.contains(place as usize) {
        return Err(Odd);
    }
    *set = Some(before.with(place as usize));
    Ok(())
}

/// The caller's id; its digest is made of the whole command.
fn mark(text: &[u8]) -> Result<RequestMark, Odd> {
    let id = if text.len() <= 45 { uuid::Uuid::try_parse_ascii(text).ok() } else { None };
    Ok(RequestMark { id: RequestId(id.ok_or(Odd)?.as_u128()), digest: 0 })
}

/// 32 hex digits are the simple form of a UUID.
fn hold_id(text: &[u8]) -> Result<HoldId, Odd> {
    let id = if text.len() == 32 { uuid::Uuid::try_parse_ascii(text).ok() } else { None };
    Ok(HoldId(id.ok_or(Odd)?.as_u128()))
}

fn pnr(digits: &[u8]) -> Result<ArrayString<10>, Odd> {
    let shape = digits.len() == 10 && digits.iter().all(u8::is_ascii_digit) && digits[0] != b'0';
    if shape { ArrayString::from(text(digits)?).map_err(|_| Odd) } else { Err(Odd) }
}

fn opaque(bytes: &[u8]) -> Result<Box<str>, Odd> {
    if bytes.len() <= REFERENCE_BYTES_MAX { Ok(text(bytes)?.into()) } else { Err(Odd) }
}

fn sealed(bytes: &[u8]) -> Result<Box<str>, Odd> {
    if bytes.len() <= SEALED_BYTES_MAX { Ok(text(bytes)?.into()) } else { Err(Odd) }
}

fn name<const N: usize>(bytes: &[u8]) -> Result<ShortName<N>, Odd> {
    ShortName::from_bytes(bytes).ok_or(Odd)
}

fn date(bytes: &[u8]) -> Result<Date, Odd> {
    Date::from_bytes(bytes).ok_or(Odd)
}

fn text(bytes: &[u8]) -> Result<&str, Odd> {
    core::str::from_utf8(bytes).map_err(|_| Odd)
}
