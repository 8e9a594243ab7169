//! Events of a run.
//!
//! Every kind has a mirror here, which bincode reads and writes; the frequent ones are read and
//! written by hand, to the same bytes.

mod frequent;
#[cfg(test)]
mod tests;

use arrayvec::ArrayVec;
use berth_inventory::{
    self as domain, AgeBand, BerthIndex, BerthType, Date, HoldId, LegRange, ListIndex, Millis,
    PARTY_MAX, PassengerSet, PlanHash, Pnr, PoolIndex, RequestId, Rest, RunId, Sex, TrainNumber,
    UnixMillis,
};
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::codec::{self, CodecFault};

/// Appends the bytes of `event`.
#[inline]
pub fn encode_event(event: &domain::Event, out: &mut Vec<u8>) {
    if !frequent::encode(event, out) {
        encode_any(event, out);
    }
}

/// As [`encode_event`], by the mirror.
#[cold]
pub fn encode_any(event: &domain::Event, out: &mut Vec<u8>) {
    codec::encode(&Event::of(event), out);
}

/// Takes one event off the front of `bytes`.
#[inline]
pub fn decode_event(bytes: &mut &[u8]) -> Result<domain::Event, CodecFault> {
    match decode_frequent(bytes) {
        Some(event) => Ok(event),
        None => decode_any(bytes),
    }
}

/// Takes one event off the front of `bytes`, if it is a frequent one in its usual form; otherwise
/// `bytes` is as it was, and [`decode_event`] says what it is. A frequent event does nothing but
/// change the state of its run.
pub fn decode_frequent(bytes: &mut &[u8]) -> Option<domain::Event> {
    frequent::decode(bytes)
}

/// As [`decode_event`], by the mirror.
#[cold]
pub fn decode_any(bytes: &mut &[u8]) -> Result<domain::Event, CodecFault> {
    codec::decode::<Event<'_>>("event", bytes)?.into_domain()
}

/// Takes one event off the front of `bytes` without making it, if it is a frequent one in its usual
/// form; otherwise `bytes` is as it was, and [`walk_event`] says what it is.
#[inline]
pub fn skip_frequent(bytes: &mut &[u8]) -> bool {
    frequent::skip(bytes).is_some()
}

/// Takes one event off the front of `bytes` without making it; the name of the run if the event
/// creates one. It may be that what was walked over cannot be decoded; whatever can be decoded is
/// walked over to the same byte.
#[inline]
pub fn walk_event(bytes: &mut &[u8]) -> Result<Option<RunId>, CodecFault> {
    if skip_frequent(bytes) {
        return Ok(None);
    }
    Ok(created_by(&decode_any(bytes)?))
}

/// The name of the run that an event creates.
pub fn created_by(event: &domain::Event) -> Option<RunId> {
    match event {
        domain::Event::RunCreated(created) => Some(created.run),
        _ => None,
    }
}

#[derive(Serialize, Deserialize)]
enum Event<'a> {
    RunCreated {
        #[serde(borrow)]
        train: &'a str,
        start_date: i32,
        plan: [u8; 32],
        midnight: u64,
        opens: Vec<u64>,
        extra: bool,
    },
    Held {
        hold: u128,
        request: Mark,
        pool: u8,
        legs: Legs,
        party: Party,
        expires_at: u64,
        #[serde(borrow)]
        reference: &'a str,
    },
    Confirmed {
        hold: u128,
        request: Mark,
        pnr: u64,
        passengers: u8,
        rest_kept: bool,
        #[serde(borrow)]
        payment: &'a str,
    },
    Extended {
        hold: u128,
        request: Mark,
        expires_at: u64,
    },
    Released {
        hold: u128,
        passengers: u8,
    },
    Expired {
        hold: u128,
    },
    HoldsExtended {
        until: u64,
        as_of: u64,
        span: u64,
    },
    Cancelled {
        pnr: u64,
        passengers: u8,
    },
    PnrBlockLeased {
        block: u32,
    },
    SaleSet {
        pools: u64,
        open: bool,
    },
    BerthsBlocked {
        berths: Vec<u16>,
        legs: Legs,
    },
    BerthsUnblocked {
        berths: Vec<u16>,
        legs: Legs,
    },
    RunRetired,
    Listed {
        hold: u128,
        places: Vec<(u8, Standing)>,
    },
    Promoted {
        hold: u128,
        passenger: u8,
        berth: u16,
        standing: Option<Standing>,
    },
}

/// List and number.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Standing {
    list: u8,
    number: u32,
}

impl From<domain::Standing> for Standing {
    fn from(standing: domain::Standing) -> Self {
        Self { list: standing.list.0, number: standing.number }
    }
}

impl From<Standing> for domain::Standing {
    fn from(standing: Standing) -> Self {
        Self { list: ListIndex(standing.list), number: standing.number }
    }
}

/// Request id and digest.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Mark {
    id: u128,
    digest: u64,
}

/// Stops, 0-based.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Legs {
    from: u8,
    to: u8,
}

/// A passenger: `who` = age band | sex << 3 | berth required << 6; preference 0 = none.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct Passenger {
    who: u8,
    preference: u8,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
struct Held {
    passenger: Passenger,
    berth: Option<u16>,
}

/// One to six held passengers, a counted sequence.
struct Party(ArrayVec<Held, PARTY_MAX>);

impl From<domain::RequestMark> for Mark {
    fn from(mark: domain::RequestMark) -> Self {
        Self { id: mark.id.0, digest: mark.digest }
    }
}

impl From<Mark> for domain::RequestMark {
    fn from(mark: Mark) -> Self {
        Self { id: RequestId(mark.id), digest: mark.digest }
    }
}

impl From<LegRange> for Legs {
    fn from(legs: LegRange) -> Self {
        Self { from: legs.from, to: legs.to }
    }
}

impl Legs {
    pub(super) fn into_domain(self) -> Result<LegRange, CodecFault> {
        LegRange::new(self.from, self.to)
            .ok_or_else(|| CodecFault::new("legs", format!("{}..{}", self.from, self.to)))
    }
}

impl From<domain::Passenger> for Passenger {
    #[inline]
    fn from(p: domain::Passenger) -> Self {
        Self {
            who: p.age as u8 | (p.sex as u8) << 3 | u8::from(p.berth_required) << 6,
            preference: p.preference.map_or(0, |b| b as u8),
        }
    }
}

impl Passenger {
    pub(super) fn into_domain(self) -> Result<domain::Passenger, CodecFault> {
        self.known().ok_or_else(|| {
            CodecFault::new("passenger", format!("{:#04x} {:#04x}", self.who, self.preference))
        })
    }

    #[inline]
    fn known(self) -> Option<domain::Passenger> {
        let preference = match self.preference {
            0 => None,
            number => Some(BerthType::from_number(number)?),
        };
        let passenger = domain::Passenger {
            age: AgeBand::from_number(self.who & 7)?,
            sex: Sex::from_number(self.who >> 3 & 7)?,
            berth_required: self.who >> 6 & 1 == 1,
            preference,
        };
        (self.who >> 7 == 0).then_some(passenger)
    }
}

impl Serialize for Party {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(self.0.len()))?;
        self.0.iter().try_for_each(|held| seq.serialize_element(held))?;
        seq.end()
    }
}

impl<'de> Deserialize<'de> for Party {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Seats;
        impl<'de> Visitor<'de> for Seats {
            type Value = Party;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "at most {PARTY_MAX} passengers")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Party, A::Error> {
                let mut party = ArrayVec::new();
                while let Some(held) = seq.next_element()? {
                    party.try_push(held).map_err(|_| A::Error::custom("party too large"))?;
                }
                Ok(Party(party))
            }
        }
        deserializer.deserialize_seq(Seats)
    }
}

impl<'a> Event<'a> {
    fn of(event: &'a domain::Event) -> Self {
        use domain::Event as E;
        match event {
            E::RunCreated(c) => Self::RunCreated {
                train: c.run.train.as_str(),
                start_date: c.run.start_date.days(),
                plan: c.plan.0,
                midnight: c.midnight.0,
                opens: c.opens.iter().map(|at| at.0).collect(),
                extra: c.extra,
            },
            E::Held { hold, request, pool, legs, party, expires_at, reference } => Self::Held {
                hold: hold.0,
                request: (*request).into(),
                pool: pool.0,
                legs: (*legs).into(),
                party: Party(
                    party
                        .iter()
                        .map(|h| Held {
                            passenger: h.passenger.into(),
                            berth: h.berth.map(|b| b.0),
                        })
                        .collect(),
                ),
                expires_at: expires_at.0,
                reference,
            },
            E::Confirmed { hold, request, pnr, passengers, rest, payment } => Self::Confirmed {
                hold: hold.0,
                request: (*request).into(),
                pnr: pnr.0,
                passengers: passengers.0,
                rest_kept: *rest == Rest::Kept,
                payment,
            },
            E::Extended { hold, request, expires_at } => Self::Extended {
                hold: hold.0,
                request: (*request).into(),
                expires_at: expires_at.0,
            },
            E::Released { hold, passengers } => {
                Self::Released { hold: hold.0, passengers: passengers.0 }
            }
            E::Expired { hold } => Self::Expired { hold: hold.0 },
            E::HoldsExtended { until, as_of, span } => {
                Self::HoldsExtended { until: until.0, as_of: as_of.0, span: span.0 }
            }
            E::Cancelled { pnr, passengers } => {
                Self::Cancelled { pnr: pnr.0, passengers: passengers.0 }
            }
            E::PnrBlockLeased { block } => Self::PnrBlockLeased { block: *block },
            E::SaleSet { pools, open } => Self::SaleSet { pools: *pools, open: *open },
            E::BerthsBlocked { berths, legs } => Self::BerthsBlocked {
                berths: berths.iter().map(|b| b.0).collect(),
                legs: (*legs).into(),
            },
            E::BerthsUnblocked { berths, legs } => Self::BerthsUnblocked {
                berths: berths.iter().map(|b| b.0).collect(),
                legs: (*legs).into(),
            },
            E::RunRetired => Self::RunRetired,
            E::Listed { hold, places } => Self::Listed {
                hold: hold.0,
                places: places.iter().map(|(who, standing)| (*who, (*standing).into())).collect(),
            },
            E::Promoted { hold, passenger, berth, standing } => Self::Promoted {
                hold: hold.0,
                passenger: *passenger,
                berth: berth.0,
                standing: standing.map(Into::into),
            },
        }
    }

    fn into_domain(self) -> Result<domain::Event, CodecFault> {
        use domain::Event as E;
        Ok(match self {
            Self::RunCreated { train, start_date, plan, midnight, opens, extra } => {
                E::RunCreated(Box::new(domain::RunCreated {
                    run: run_id(train, start_date)?,
                    plan: PlanHash(plan),
                    midnight: UnixMillis(midnight),
                    opens: opens.into_iter().map(UnixMillis).collect(),
                    extra,
                }))
            }
            Self::Held { hold, request, pool, legs, party, expires_at, reference } => E::Held {
                hold: HoldId(hold),
                request: request.into(),
                pool: PoolIndex(pool),
                legs: legs.into_domain()?,
                party: party
                    .0
                    .into_iter()
                    .map(|h| {
                        Ok(domain::HeldPassenger {
                            passenger: h.passenger.into_domain()?,
                            berth: h.berth.map(BerthIndex),
                        })
                    })
                    .collect::<Result<_, CodecFault>>()?,
                expires_at: UnixMillis(expires_at),
                reference: reference.into(),
            },
            Self::Confirmed { hold, request, pnr, passengers, rest_kept, payment } => {
                E::Confirmed {
                    hold: HoldId(hold),
                    request: request.into(),
                    pnr: Pnr(pnr),
                    passengers: PassengerSet(passengers),
                    rest: if rest_kept { Rest::Kept } else { Rest::Released },
                    payment: payment.into(),
                }
            }
            Self::Extended { hold, request, expires_at } => E::Extended {
                hold: HoldId(hold),
                request: request.into(),
                expires_at: UnixMillis(expires_at),
            },
            Self::Released { hold, passengers } => {
                E::Released { hold: HoldId(hold), passengers: PassengerSet(passengers) }
            }
            Self::Expired { hold } => E::Expired { hold: HoldId(hold) },
            Self::HoldsExtended { until, as_of, span } => E::HoldsExtended {
                until: UnixMillis(until),
                as_of: UnixMillis(as_of),
                span: Millis(span),
            },
            Self::Cancelled { pnr, passengers } => {
                E::Cancelled { pnr: Pnr(pnr), passengers: PassengerSet(passengers) }
            }
            Self::PnrBlockLeased { block } => E::PnrBlockLeased { block },
            Self::SaleSet { pools, open } => E::SaleSet { pools, open },
            Self::BerthsBlocked { berths, legs } => E::BerthsBlocked {
                berths: berths.into_iter().map(BerthIndex).collect(),
                legs: legs.into_domain()?,
            },
            Self::BerthsUnblocked { berths, legs } => E::BerthsUnblocked {
                berths: berths.into_iter().map(BerthIndex).collect(),
                legs: legs.into_domain()?,
            },
            Self::RunRetired => E::RunRetired,
            Self::Listed { hold, places } => E::Listed {
                hold: HoldId(hold),
                places: places
                    .into_iter()
                    .map(|(who, standing)| (who, standing.into()))
                    .collect::<Vec<_>>()
                    .as_slice()
                    .try_into()
                    .map_err(|_| CodecFault::new("listed passengers", "they are too many"))?,
            },
            Self::Promoted { hold, passenger, berth, standing } => E::Promoted {
                hold: HoldId(hold),
                passenger,
                berth: BerthIndex(berth),
                standing: standing.map(Into::into),
            },
        })
    }
}

/// A run's name from its stored parts.
pub(super) fn run_id(train: &str, start_date: i32) -> Result<RunId, CodecFault> {
    let train: TrainNumber =
        train.parse().map_err(|fault| CodecFault::new("train number", format!("{fault}")))?;
    let date = Date::from_days(start_date);
    if date.days() != start_date {
        return Err(CodecFault::new("start date", format!("day {start_date} does not exist")));
    }
    Ok(RunId { train, start_date: date })
}
