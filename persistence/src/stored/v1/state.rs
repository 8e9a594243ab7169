//! The whole state of a run, as a snapshot holds it.

use arrayvec::ArrayVec;
use berth_inventory::{
    self as domain, BerthIndex, HoldId, LegMask, PassengerSet, PlanHash, Pnr, PoolIndex, RunState,
    SeatState, UnixMillis, Version,
};
use serde::{Deserialize, Serialize};

use super::event::{Legs, Mark, Passenger, Standing, run_id};
use crate::codec::{self, CodecFault};

/// Appends the bytes of `state`.
pub fn encode_state(state: &RunState, out: &mut Vec<u8>) {
    codec::encode(&State::of(state), out);
    if !state.printed.is_empty() {
        codec::encode(&Lists::of(state), out);
    }
}

/// Decodes a state that fills `bytes`.
pub fn decode_state(bytes: &[u8]) -> Result<RunState, CodecFault> {
    let (state, lists) = codec::decode_state::<State<'_>, Lists>(bytes)?;
    let mut state = state.into_domain()?;
    if let Some(lists) = lists {
        lists.put_into(&mut state)?;
    }
    Ok(state)
}

/// What a run whose train has lists has behind its state.
#[derive(Serialize, Deserialize)]
struct Lists {
    /// Highest number of each list that a booked passenger was given.
    printed: Vec<u32>,
    /// Of the records that have any, by their place: who was ever on a list.
    listed: Vec<(u32, Vec<Listed>)>,
}

/// Passenger, booking status, where they stand now.
#[derive(Serialize, Deserialize)]
struct Listed(u8, Standing, Option<Standing>);

impl Lists {
    fn of(state: &RunState) -> Self {
        let listed = |listed: &domain::Listed| {
            Listed(listed.passenger, listed.booked.into(), listed.now.map(Into::into))
        };
        let records = (0..).zip(&state.records).filter(|(_, record)| !record.listed.is_empty());
        Self {
            printed: state.printed.clone(),
            listed: records
                .map(|(place, record)| (place, record.listed.iter().map(listed).collect()))
                .collect(),
        }
    }

    fn put_into(self, state: &mut RunState) -> Result<(), CodecFault> {
        if self.printed.is_empty() {
            return Err(CodecFault::new("lists", "there are none, and bytes that say so"));
        }
        state.printed = self.printed;
        for (place, listed) in self.listed {
            let record = state.records.get_mut(place as usize).ok_or_else(|| {
                CodecFault::new("listed record", format!("{place} is not one of the records"))
            })?;
            let one = |Listed(passenger, booked, now): Listed| domain::Listed {
                passenger,
                booked: booked.into(),
                now: now.map(Into::into),
            };
            record.listed = listed.into_iter().map(one).collect();
        }
        Ok(())
    }
}

/// Whether the run of an encoded state was made outside the calendar; nothing behind that is read.
/// A state that cannot be read says so when it is loaded.
pub fn is_extra(mut bytes: &[u8]) -> bool {
    // The first fields of a state; the others are not read.
    type Beginning<'a> = (&'a str, i32, [u8; 32], u64, Vec<u64>, bool);
    codec::decode::<Beginning<'_>>("run state", &mut bytes).is_ok_and(|(.., extra)| extra)
}

#[derive(Serialize, Deserialize)]
struct State<'a> {
    #[serde(borrow)]
    train: &'a str,
    start_date: i32,
    plan: [u8; 32],
    midnight: u64,
    opens: Vec<u64>,
    extra: bool,
    version: u64,
    last_at: u64,
    closed: u64,
    retired: bool,
    blocked: Vec<(u16, u128)>,
    pnr_blocks: Vec<u32>,
    pnr_next: u16,
    #[serde(borrow)]
    records: Vec<Record<'a>>,
    ended: Vec<u128>,
    forgotten: u64,
}

#[derive(Serialize, Deserialize)]
struct Record<'a> {
    hold: u128,
    request: Mark,
    /// None or one: the bytes that an optional mark had, when a hold kept its last one only.
    extends: Vec<Mark>,
    pool: u8,
    legs: Legs,
    created_at: u64,
    expires_at: u64,
    #[serde(borrow)]
    reference: &'a str,
    party: Vec<Seat>,
    #[serde(borrow)]
    bookings: Vec<Booking<'a>>,
    released_at: Option<u64>,
    ended: Option<(u64, u8)>,
}

#[derive(Serialize, Deserialize)]
struct Seat {
    passenger: Passenger,
    berth: Option<u16>,
    state: u8,
}

#[derive(Serialize, Deserialize)]
struct Booking<'a> {
    pnr: u64,
    request: Mark,
    passengers: u8,
    #[serde(borrow)]
    payment: &'a str,
    confirmed_at: u64,
    cancelled_at: Option<u64>,
}

impl<'a> State<'a> {
    fn of(state: &'a RunState) -> Self {
        let created = &state.created;
        Self {
            train: created.run.train.as_str(),
            start_date: created.run.start_date.days(),
            plan: created.plan.0,
            midnight: created.midnight.0,
            opens: created.opens.iter().map(|at| at.0).collect(),
            extra: created.extra,
            version: state.version.0,
            last_at: state.last_at.0,
            closed: state.closed,
            retired: state.retired,
            blocked: state.blocked.iter().map(|(berth, legs)| (berth.0, legs.0)).collect(),
            pnr_blocks: state.pnr_blocks.clone(),
            pnr_next: state.pnr_next,
            records: state.records.iter().map(Record::of).collect(),
            ended: state.ended.iter().map(|hold| hold.0).collect(),
            forgotten: state.forgotten,
        }
    }

    fn into_domain(self) -> Result<RunState, CodecFault> {
        Ok(RunState {
            created: domain::RunCreated {
                run: run_id(self.train, self.start_date)?,
                plan: PlanHash(self.plan),
                midnight: UnixMillis(self.midnight),
                opens: self.opens.into_iter().map(UnixMillis).collect(),
                extra: self.extra,
            },
            version: Version(self.version),
            last_at: UnixMillis(self.last_at),
            closed: self.closed,
            retired: self.retired,
            blocked: self.blocked.into_iter().map(|(b, m)| (BerthIndex(b), LegMask(m))).collect(),
            pnr_blocks: self.pnr_blocks,
            pnr_next: self.pnr_next,
            records: self
                .records
                .into_iter()
                .map(Record::into_domain)
                .collect::<Result<_, CodecFault>>()?,
            ended: self.ended.into_iter().map(HoldId).collect(),
            forgotten: self.forgotten,
            printed: Vec::new(),
        })
    }
}

impl<'a> Record<'a> {
    fn of(record: &'a domain::Record) -> Self {
        Self {
            hold: record.hold.0,
            request: record.request.into(),
            extends: record.extends.iter().map(|mark| (*mark).into()).collect(),
            pool: record.pool.0,
            legs: record.legs.into(),
            created_at: record.created_at.0,
            expires_at: record.expires_at.0,
            reference: &record.reference,
            party: record
                .party
                .iter()
                .map(|seat| Seat {
                    passenger: seat.passenger.into(),
                    berth: seat.berth.map(|b| b.0),
                    state: seat.state as u8,
                })
                .collect(),
            bookings: record.bookings.iter().map(Booking::of).collect(),
            released_at: record.released_at.map(|at| at.0),
            ended: record.ended.map(|ended| (ended.at.0, ended.how as u8)),
        }
    }

    fn into_domain(self) -> Result<domain::Record, CodecFault> {
        let mut party = ArrayVec::new();
        for seat in self.party {
            let seat = domain::Seat {
                passenger: seat.passenger.into_domain()?,
                berth: seat.berth.map(BerthIndex),
                state: seat_state(seat.state)?,
            };
            party.try_push(seat).map_err(|_| CodecFault::new("party", "it is too large"))?;
        }
        let ended = match self.ended {
            None => None,
            Some((at, how)) => Some(domain::Ended { at: UnixMillis(at), how: seat_state(how)? }),
        };
        Ok(domain::Record {
            hold: HoldId(self.hold),
            request: self.request.into(),
            extends: self.extends.into_iter().map(Into::into).collect(),
            pool: PoolIndex(self.pool),
            legs: self.legs.into_domain()?,
            created_at: UnixMillis(self.created_at),
            expires_at: UnixMillis(self.expires_at),
            reference: self.reference.into(),
            party,
            bookings: self.bookings.into_iter().map(Booking::into_domain).collect(),
            released_at: self.released_at.map(UnixMillis),
            ended,
            listed: Vec::new(),
        })
    }
}

impl<'a> Booking<'a> {
    fn of(booking: &'a domain::Booking) -> Self {
        Self {
            pnr: booking.pnr.0,
            request: booking.request.into(),
            passengers: booking.passengers.0,
            payment: &booking.payment,
            confirmed_at: booking.confirmed_at.0,
            cancelled_at: booking.cancelled_at.map(|at| at.0),
        }
    }

    fn into_domain(self) -> domain::Booking {
        domain::Booking {
            pnr: Pnr(self.pnr),
            request: self.request.into(),
            passengers: PassengerSet(self.passengers),
            payment: self.payment.into(),
            confirmed_at: UnixMillis(self.confirmed_at),
            cancelled_at: self.cancelled_at.map(UnixMillis),
        }
    }
}

fn seat_state(number: u8) -> Result<SeatState, CodecFault> {
    SeatState::from_number(number)
        .ok_or_else(|| CodecFault::new("seat state", format!("{number} is not known")))
}
