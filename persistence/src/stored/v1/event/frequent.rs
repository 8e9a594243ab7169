//! The events of which there are millions, read and written by hand.
//!
//! The bytes are those that the mirrors in [`super`] have through bincode; a test holds one
//! against the other. Nothing here refuses: what is not of the usual kind or form (another event,
//! a text of more than 250 bytes, bytes that are damaged) is left to bincode, which either reads it
//! or says what is wrong with it.

#![expect(clippy::inline_always, reason = "a call would cost as much as what is called")]

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
            put_ids(&mut draft, *hold, *request);
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
            put_ids(&mut draft, *hold, *request);
            draft.put_u64(pnr.0);
            draft.put([passengers.0, u8::from(*rest == Rest::Kept)]);
            append(draft, payment, out);
        }
        Event::Extended { hold, request, expires_at } => {
            let mut draft = Draft::<EXTENDED_BYTES_MAX>::new(EXTENDED);
            put_ids(&mut draft, *hold, *request);
            draft.put_u64(expires_at.0);
            draft.append_to(out);
        }
        Event::Released { hold, passengers } => {
            let mut draft = Draft::<SHORT_BYTES_MAX>::new(RELEASED);
            draft.put_u128(hold.0);
            draft.put([passengers.0]);
            draft.append_to(out);
        }
        Event::Expired { hold } => {
            let mut draft = Draft::<SHORT_BYTES_MAX>::new(EXPIRED);
            draft.put_u128(hold.0);
            draft.append_to(out);
        }
        Event::Cancelled { pnr, passengers } => {
            let mut draft = Draft::<SHORT_BYTES_MAX>::new(CANCELLED);
            draft.put_u64(pnr.0);
            draft.put([passengers.0]);
            draft.append_to(out);
        }
        _ => return false,
    }
    true
}

#[inline(always)]
fn put_ids<const N: usize>(draft: &mut Draft<N>, hold: HoldId, request: RequestMark) {
    draft.put_u128(hold.0);
    draft.put_u128(request.id.0);
    draft.put_u64(request.digest);
}

/// Appends what is drafted and the text behind it.
#[inline(always)]
fn append<const N: usize>(mut draft: Draft<N>, text: &str, out: &mut Vec<u8>) {
    match u8::try_from(text.len()) {
        Ok(len @ 0..=TEXT_BYTES_MAX) => draft.put([len]),
        _ => draft.put_u64(text.len() as u64),
    }
    draft.append_to(out);
    if !text.is_empty() {
        out.extend_from_slice(text.as_bytes());
    }
}

/// Takes one of these events off the front of `bytes`; otherwise `bytes` is as it was.
#[inline]
pub fn decode(bytes: &mut &[u8]) -> Option<Event> {
    match *bytes.first()? {
        HELD => take_held(bytes),
        CONFIRMED => take_confirmed(bytes),
        EXTENDED => {
            let mut rest = &bytes[1..];
            let (hold, request) = take_ids(&mut rest)?;
            let expires_at = UnixMillis(var::take_u64(&mut rest)?);
            *bytes = rest;
            Some(Event::Extended { hold, request, expires_at })
        }
        RELEASED => {
            let mut rest = &bytes[1..];
            let hold = HoldId(var::take_u128(&mut rest)?);
            let [passengers] = var::take(&mut rest)?;
            *bytes = rest;
            Some(Event::Released { hold, passengers: PassengerSet(passengers) })
        }
        EXPIRED => {
            let mut rest = &bytes[1..];
            let hold = HoldId(var::take_u128(&mut rest)?);
            *bytes = rest;
            Some(Event::Expired { hold })
        }
        CANCELLED => {
            let mut rest = &bytes[1..];
            let pnr = Pnr(var::take_u64(&mut rest)?);
            let [passengers] = var::take(&mut rest)?;
            *bytes = rest;
            Some(Event::Cancelled { pnr, passengers: PassengerSet(passengers) })
        }
        _ => None,
    }
}

#[inline(always)]
fn take_held(bytes: &mut &[u8]) -> Option<Event> {
    let mut rest = &bytes[1..];
    let (hold, request) = take_ids(&mut rest)?;
    let [pool, from, to, count] = var::take(&mut rest)?;
    let legs = LegRange::new(from, to)?;
    let mut party = ArrayVec::<HeldPassenger, PARTY_MAX>::new();
    for _ in 0..count {
        let [who, preference, has_berth] = var::take(&mut rest)?;
        let passenger = Passenger { who, preference }.known()?;
        let berth = match has_berth {
            0 => None,
            1 => Some(BerthIndex(var::take_u16(&mut rest)?)),
            _ => return None,
        };
        party.try_push(HeldPassenger { passenger, berth }).ok()?;
    }
    let expires_at = UnixMillis(var::take_u64(&mut rest)?);
    let (pool, reference) = (PoolIndex(pool), take_text(&mut rest)?);
    *bytes = rest;
    Some(Event::Held { hold, request, pool, legs, party, expires_at, reference })
}

#[inline(always)]
fn take_confirmed(bytes: &mut &[u8]) -> Option<Event> {
    let mut after = &bytes[1..];
    let (hold, request) = take_ids(&mut after)?;
    let pnr = Pnr(var::take_u64(&mut after)?);
    let [passengers, kept] = var::take(&mut after)?;
    let rest = match kept {
        0 => Rest::Released,
        1 => Rest::Kept,
        _ => return None,
    };
    let (passengers, payment) = (PassengerSet(passengers), take_text(&mut after)?);
    *bytes = after;
    Some(Event::Confirmed { hold, request, pnr, passengers, rest, payment })
}

#[inline(always)]
fn take_ids(bytes: &mut &[u8]) -> Option<(HoldId, RequestMark)> {
    let hold = HoldId(var::take_u128(bytes)?);
    let id = RequestId(var::take_u128(bytes)?);
    Some((hold, RequestMark { id, digest: var::take_u64(bytes)? }))
}

#[inline(always)]
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
    let end = match byte(0)? {
        HELD => {
            let mut at = ids_end(all)?;
            let count = byte(at + 3)?;
            at += 4;
            for _ in 0..count {
                at += match byte(at + 2)? {
                    0 => 3,
                    1 => 3 + var::len_u16(byte(at + 3)?)?,
                    _ => return None,
                };
            }
            text_end(all, at + var::len_u64(byte(at)?)?)?
        }
        CONFIRMED => {
            let at = ids_end(all)?;
            text_end(all, at + var::len_u64(byte(at)?)? + 2)?
        }
        EXTENDED => {
            let at = ids_end(all)?;
            at + var::len_u64(byte(at)?)?
        }
        RELEASED => 2 + var::len_u128(byte(1)?)?,
        EXPIRED => 1 + var::len_u128(byte(1)?)?,
        CANCELLED => 2 + var::len_u64(byte(1)?)?,
        _ => return None,
    };
    *bytes = all.get(end..)?;
    Some(())
}

/// Where a hold and the mark behind it end, after the variant.
#[inline(always)]
fn ids_end(all: &[u8]) -> Option<usize> {
    let id_end = match all.first_chunk::<19>() {
        // Random ids are as long as can be, almost always.
        Some(head) if var::is_longest(head[1]) && var::is_longest(head[18]) => 35,
        _ => {
            let hold_end = 1 + var::len_u128(*all.get(1)?)?;
            hold_end + var::len_u128(*all.get(hold_end)?)?
        }
    };
    Some(id_end + var::len_u64(*all.get(id_end)?)?)
}

#[inline(always)]
fn text_end(all: &[u8], at: usize) -> Option<usize> {
    let len = *all.get(at)?;
    (len <= TEXT_BYTES_MAX).then_some(at + 1 + usize::from(len))
}
