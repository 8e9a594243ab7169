//! The events of which there are millions, read and written by hand.
//!
//! The bytes are those that the mirrors in [`super`] have through bincode; a test holds one
//! against the other. Nothing here refuses: what is not of the usual kind or form (another event,
//! a text of more than 250 bytes, bytes that are damaged) is left to bincode, which either reads it
//! or says what is wrong with it.

use arrayvec::ArrayVec;
use berth_inventory::{
    BerthIndex, Event, HeldPassenger, HoldId, LegRange, PARTY_MAX, PassengerSet, Pnr, PoolIndex,
    RequestId, RequestMark, Rest, UnixMillis,
};

use super::Passenger;
use crate::codec::var::{self, Draft};

const HELD: u8 = 1;
const CONFIRMED: u8 = 2;
const EXTENDED: u8 = 3;
const RELEASED: u8 = 4;
const EXPIRED: u8 = 5;
const CANCELLED: u8 = 7;

/// Longest text whose length is one byte.
const TEXT_BYTES_MAX: u8 = 250;

/// Most bytes of an event before its text: variant, ids, place, party, deadline, length.
const HELD_BYTES_MAX: usize = 1 + 17 + 17 + 9 + 3 + 1 + PARTY_MAX * 6 + 9 + 9;
const CONFIRMED_BYTES_MAX: usize = 1 + 17 + 17 + 9 + 9 + 2 + 9;
const EXTENDED_BYTES_MAX: usize = 1 + 17 + 17 + 9 + 9;
const SHORT_BYTES_MAX: usize = 1 + 17 + 1;

/// Appends the bytes of `event`, if it is one of these.
#[inline]
pub fn encode(event: &Event, out: &mut Vec<u8>) -> bool {
    match event {
        Event::Held { hold, request, pool, legs, party, expires_at, reference } => {
            let mut draft = Draft::<HELD_BYTES_MAX>::new(HELD);
            draft.put_u128(hold.0);
            put_mark(&mut draft, *request);
            draft.put([pool.0, legs.from, legs.to, party.len() as u8]);
            for held in party {
                let Passenger { who, preference } = held.passenger.into();
                draft.put([who, preference, u8::from(held.berth.is_some())]);
                if let Some(berth) = held.berth {
                    draft.put_u16(berth.0);
                }
            }
            draft.put_u64(expires_at.0);
            append(draft, reference, out);
        }
        Event::Confirmed { hold, request, pnr, passengers, rest, payment } => {
            let mut draft = Draft::<CONFIRMED_BYTES_MAX>::new(CONFIRMED);
            draft.put_u128(hold.0);
            put_mark(&mut draft, *request);
            draft.put_u64(pnr.0);
            draft.put([passengers.0, u8::from(*rest == Rest::Kept)]);
            append(draft, payment, out);
        }
        Event::Extended { hold, request, expires_at } => {
            let mut draft = Draft::<EXTENDED_BYTES_MAX>::new(EXTENDED);
            draft.put_u128(hold.0);
            put_mark(&mut draft, *request);
            draft.put_u64(expires_at.0);
            out.extend_from_slice(draft.bytes());
        }
        Event::Released { hold, passengers } => {
            let mut draft = Draft::<SHORT_BYTES_MAX>::new(RELEASED);
            draft.put_u128(hold.0);
            draft.put([passengers.0]);
            out.extend_from_slice(draft.bytes());
        }
        Event::Expired { hold } => {
            let mut draft = Draft::<SHORT_BYTES_MAX>::new(EXPIRED);
            draft.put_u128(hold.0);
            out.extend_from_slice(draft.bytes());
        }
        Event::Cancelled { pnr, passengers } => {
            let mut draft = Draft::<SHORT_BYTES_MAX>::new(CANCELLED);
            draft.put_u64(pnr.0);
            draft.put([passengers.0]);
            out.extend_from_slice(draft.bytes());
        }
        _ => return false,
    }
    true
}

#[inline]
fn put_mark<const N: usize>(draft: &mut Draft<N>, mark: RequestMark) {
    draft.put_u128(mark.id.0);
    draft.put_u64(mark.digest);
}

/// Appends what is drafted and the text behind it.
#[inline]
fn append<const N: usize>(mut draft: Draft<N>, text: &str, out: &mut Vec<u8>) {
    draft.put_u64(text.len() as u64);
    out.extend_from_slice(draft.bytes());
    if !text.is_empty() {
        out.extend_from_slice(text.as_bytes());
    }
}

/// Takes one of these events off the front of `bytes`; otherwise `bytes` is as it was.
#[inline]
pub fn decode(bytes: &mut &[u8]) -> Option<Event> {
    let mut rest = *bytes;
    let [variant] = var::take(&mut rest)?;
    let event = match variant {
        HELD => take_held(&mut rest)?,
        CONFIRMED => {
            let (hold, request) = (take_hold(&mut rest)?, take_mark(&mut rest)?);
            let pnr = Pnr(var::take_u64(&mut rest)?);
            let [passengers, kept] = var::take(&mut rest)?;
            let rest_of_party = match kept {
                0 => Rest::Released,
                1 => Rest::Kept,
                _ => return None,
            };
            let (passengers, payment) = (PassengerSet(passengers), take_text(&mut rest)?);
            Event::Confirmed { hold, request, pnr, passengers, rest: rest_of_party, payment }
        }
        EXTENDED => {
            let (hold, request) = (take_hold(&mut rest)?, take_mark(&mut rest)?);
            let expires_at = UnixMillis(var::take_u64(&mut rest)?);
            Event::Extended { hold, request, expires_at }
        }
        RELEASED => {
            let hold = take_hold(&mut rest)?;
            let [passengers] = var::take(&mut rest)?;
            Event::Released { hold, passengers: PassengerSet(passengers) }
        }
        EXPIRED => Event::Expired { hold: take_hold(&mut rest)? },
        CANCELLED => {
            let pnr = Pnr(var::take_u64(&mut rest)?);
            let [passengers] = var::take(&mut rest)?;
            Event::Cancelled { pnr, passengers: PassengerSet(passengers) }
        }
        _ => return None,
    };
    *bytes = rest;
    Some(event)
}

#[inline]
fn take_held(bytes: &mut &[u8]) -> Option<Event> {
    let (hold, request) = (take_hold(bytes)?, take_mark(bytes)?);
    let [pool, from, to, count] = var::take(bytes)?;
    let legs = LegRange::new(from, to)?;
    let mut party = ArrayVec::<HeldPassenger, PARTY_MAX>::new();
    for _ in 0..count {
        let [who, preference, has_berth] = var::take(bytes)?;
        let passenger = Passenger { who, preference }.known()?;
        let berth = match has_berth {
            0 => None,
            1 => Some(BerthIndex(var::take_u16(bytes)?)),
            _ => return None,
        };
        party.try_push(HeldPassenger { passenger, berth }).ok()?;
    }
    let expires_at = UnixMillis(var::take_u64(bytes)?);
    let (pool, reference) = (PoolIndex(pool), take_text(bytes)?);
    Some(Event::Held { hold, request, pool, legs, party, expires_at, reference })
}

#[inline]
fn take_hold(bytes: &mut &[u8]) -> Option<HoldId> {
    var::take_u128(bytes).map(HoldId)
}

#[inline]
fn take_mark(bytes: &mut &[u8]) -> Option<RequestMark> {
    let id = RequestId(var::take_u128(bytes)?);
    Some(RequestMark { id, digest: var::take_u64(bytes)? })
}

#[inline]
fn take_text(bytes: &mut &[u8]) -> Option<Box<str>> {
    match var::take(bytes)? {
        [0] => Some(Box::default()),
        [len @ 1..=TEXT_BYTES_MAX] => {
            let (text, rest) = bytes.split_at_checked(len.into())?;
            *bytes = rest;
            core::str::from_utf8(text).ok().map(Box::from)
        }
        _ => None,
    }
}

/// Takes one of these events off the front of `bytes` without looking into it; otherwise `bytes`
/// is as it was. Where [`decode`] reads an event, this ends at the same byte.
#[inline]
pub fn skip(bytes: &mut &[u8]) -> Option<()> {
    let all = *bytes;
    let byte = |at: usize| all.get(at).copied();
    let mut at = 1;
    match byte(0)? {
        variant @ (HELD | CONFIRMED | EXTENDED) => {
            at += var::len_u128(byte(at)?)?;
            at += var::len_u128(byte(at)?)?;
            at += var::len_u64(byte(at)?)?;
            if variant == HELD {
                let count = byte(at + 3)?;
                at += 4;
                for _ in 0..count {
                    at += match byte(at + 2)? {
                        0 => 3,
                        1 => 3 + var::len_u16(byte(at + 3)?)?,
                        _ => return None,
                    };
                }
            }
            at += var::len_u64(byte(at)?)?;
            at += if variant == CONFIRMED { 2 } else { 0 };
            if variant != EXTENDED {
                let len = byte(at)?;
                at += 1 + usize::from(len);
                if len > TEXT_BYTES_MAX {
                    return None;
                }
            }
        }
        RELEASED => at += var::len_u128(byte(at)?)? + 1,
        EXPIRED => at += var::len_u128(byte(at)?)?,
        CANCELLED => at += var::len_u64(byte(at)?)? + 1,
        _ => return None,
    }
    *bytes = all.get(at..)?;
    Some(())
}
