//! The whole state of a run as plain data: what a snapshot holds and a digest covers.
//!
//! Canonical: equal states are equal values, whatever way led there. Masks are not part of it where
//! they follow from the records; neither are gap indexes, deadlines in a heap, or any map.

mod lists;

use std::sync::Arc;

use crate::record::{Record, SeatState};
use crate::run::Run;
use crate::{
    BerthIndex, HoldId, LegMask, PNR_BLOCK, Plan, PlanHash, REFERENCE_BYTES_MAX, RequestId,
    RunCreated, UnixMillis, Version,
};

/// A run's state, complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunState {
    /// Its first event.
    pub created: RunCreated,
    /// Events applied.
    pub version: Version,
    /// The latest stamp of its events.
    pub last_at: UnixMillis,
    /// Pools closed by an operator, bit `i` = pool `i`.
    pub closed: u64,
    /// Whether the run is over.
    pub retired: bool,
    /// Legs blocked by an operator, by berth, ascending; berths without any are left out.
    pub blocked: Vec<(BerthIndex, LegMask)>,
    /// Leased PNR blocks, oldest first.
    pub pnr_blocks: Vec<u32>,
    /// Next free place in the last block; 256 = none left.
    pub pnr_next: u16,
    /// Every record, by hold id, ascending.
    pub records: Vec<Record>,
    /// Holds that ended without a booking, in the order in which they ended.
    pub ended: Vec<HoldId>,
    /// Holds whose request ids were forgotten because too many had ended since.
    pub forgotten: u64,
    /// Of each list of the plan, the highest number that a booked passenger was given.
    pub printed: Vec<u32>,
}

/// A state that no run can be in. A snapshot that says so is damaged or of another plan: rebuild
/// the run from the commit log instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateFault {
    /// The state belongs to another catalogue entry.
    #[error("the state is of plan {found}, the run's plan is {expected}")]
    OtherPlan {
        /// The plan given.
        expected: PlanHash,
        /// The plan the state names.
        found: PlanHash,
    },
    /// A number points outside.
    #[error("{what} {found} is outside 0..{count}")]
    OutOfRange {
        /// Of what.
        what: &'static str,
        /// The number.
        found: u64,
        /// How many there are.
        count: u64,
    },
    /// Something that exists once stands there twice, or out of order.
    #[error("{what} {found} stands there twice or out of order")]
    NotOnce {
        /// Of what.
        what: &'static str,
        /// Its name.
        found: String,
    },
    /// Two live allocations on one leg (INV-1).
    #[error("berth {berth} of hold {hold} is taken on its legs already")]
    Overlap {
        /// The berth.
        berth: BerthIndex,
        /// The second hold.
        hold: HoldId,
    },
    /// A record that contradicts itself.
    #[error("hold {hold}: {what}")]
    Record {
        /// The hold.
        hold: HoldId,
        /// What is wrong.
        what: &'static str,
    },
}

impl RunState {
    pub(crate) fn of(run: &Run) -> Self {
        let blocked = (0..run.plan.places().len() as u16)
            .map(|berth| (BerthIndex(berth), run.operator_blocked(BerthIndex(berth))))
            .filter(|(_, mask)| *mask != LegMask::EMPTY)
            .collect();
        Self {
            created: (*run.created).clone(),
            version: run.version,
            last_at: run.last_at,
            closed: run.closed,
            retired: run.retired,
            blocked,
            pnr_blocks: run.register.bookings.blocks.clone(),
            pnr_next: run.register.bookings.given() as u16,
            records: run.register.sorted().iter().map(|card| run.register.copy(card)).collect(),
            ended: run.register.past_holds().collect(),
            forgotten: run.register.forgotten,
            printed: run.lists.as_deref().map_or(Vec::new(), |lists| {
                lists.orders().iter().map(|order| order.printed).collect()
            }),
        }
    }
}

impl Run {
    /// The run in this state. Everything that is derived (rows, maps, deadlines) is built anew, so
    /// the result is the run that wrote the state, in all that can be seen.
    pub fn from_state(plan: Arc<Plan>, state: RunState) -> Result<Self, StateFault> {
        if state.created.plan != plan.hash() {
            let (expected, found) = (plan.hash(), state.created.plan);
            return Err(StateFault::OtherPlan { expected, found });
        }
        if state.created.opens.len() != plan.pools().len() {
            let (found, count) = (state.created.opens.len() as u64, plan.pools().len() as u64 + 1);
            return Err(StateFault::OutOfRange { what: "pool count", found, count });
        }
        let mut run = Self::new(plan, &state.created, state.last_at);
        run.version = state.version;
        run.closed = state.closed;
        run.retired = state.retired;
        run.register.forgotten = state.forgotten;
        run.load_blocks(&state)?;
        run.load_pnr(&state)?;
        let past = run.load_records(state.records, state.ended.len())?;
        run.load_ended(past, &state.ended)?;
        run.load_lists(&state.printed)?;
        run.register.settle(state.last_at);
        Ok(run)
    }

    fn load_blocks(&mut self, state: &RunState) -> Result<(), StateFault> {
        let mut before = None;
        for &(berth, mask) in &state.blocked {
            inside("berth", berth.0.into(), self.plan.places().len())?;
            if before.replace(berth).is_some_and(|before| before >= berth) {
                return Err(twice("blocked berth", &berth));
            }
            let runs = self.plan.berth_legs(berth);
            if mask.0 & !runs.mask().0 != 0 {
                let found = u64::from(mask.0.ilog2());
                let (what, count) = ("blocked leg", u64::from(runs.to));
                return Err(StateFault::OutOfRange { what, found, count });
            }
            self.rows.block(berth, mask);
        }
        Ok(())
    }

    fn load_pnr(&mut self, state: &RunState) -> Result<(), StateFault> {
        for (place, block) in state.pnr_blocks.iter().enumerate() {
            if state.pnr_blocks[..place].contains(block) {
                return Err(twice("PNR block", block));
            }
        }
        inside("next PNR", u64::from(state.pnr_next), PNR_BLOCK as usize + 1)?;
        let given = u64::from(state.pnr_next);
        if state.pnr_blocks.is_empty() && given != PNR_BLOCK {
            let (what, count) = ("next PNR of no block", 0);
            return Err(StateFault::OutOfRange { what, found: given, count });
        }
        let bookings: usize = state.records.iter().map(|record| record.bookings.len()).sum();
        self.register.bookings.expect(&state.pnr_blocks, given);
        let (found, count) = (bookings as u64, self.register.bookings.len() as u64);
        // Each is checked to be another one of the numbers given, so that none is left out.
        if found != count {
            return Err(StateFault::OutOfRange { what: "number of bookings", found, count });
        }
        Ok(())
    }

    /// Takes in what is live or booked; returns the others by hold id.
    fn load_records(
        &mut self,
        records: Vec<Record>,
        ended: usize,
    ) -> Result<Vec<Record>, StateFault> {
        let mut past = Vec::with_capacity(ended.min(records.len()));
        self.register.reserve(records.len().saturating_sub(ended), ended.min(records.len()));
        let mut before = None;
        for record in records {
            if before.replace(record.hold).is_some_and(|before| before >= record.hold) {
                return Err(twice("hold", &record.hold));
            }
            self.check_record(&record)?;
            let mask = record.legs.mask();
            for seat in &record.party {
                let Some(berth) = seat.berth else { continue };
                if !matches!(seat.state, SeatState::Held | SeatState::Confirmed) {
                    continue;
                }
                if !self.rows.is_free(berth, mask) {
                    return Err(StateFault::Overlap { berth, hold: record.hold });
                }
                self.rows.hold(berth, mask);
                if seat.state == SeatState::Confirmed {
                    self.rows.sell(berth, mask);
                }
            }
            if record.ended.is_some() && record.bookings.is_empty() {
                past.push(record);
            } else {
                self.register.load(record);
            }
        }
        Ok(past)
    }

    /// All that `Register::load` and the rows take for granted.
    fn check_record(&self, record: &Record) -> Result<(), StateFault> {
        let hold = record.hold;
        let fault = |what| Err(StateFault::Record { hold, what });
        inside("pool", record.pool.0.into(), self.plan.pools().len())?;
        if record.legs.is_empty() || !self.plan.route().contains(record.legs) {
            return fault("its journey is not on the route");
        }
        if record.reference.len() > REFERENCE_BYTES_MAX {
            return fault("its reference is longer than any");
        }
        self.check_ids(record)?;
        self.check_listed(record)?;
        let mut booked = crate::PassengerSet::NONE;
        for (place, booking) in record.bookings.iter().enumerate() {
            let Some(number) = self.register.bookings.place(booking.pnr) else {
                return fault("a booking has a number that was not given");
            };
            let before = &record.bookings[..place];
            if before.iter().any(|b| b.pnr == booking.pnr)
                || self.register.bookings.is_loaded(number)
            {
                return Err(twice("booking", &booking.pnr.0));
            }
            if booking.passengers.is_empty() || !booked.and(booking.passengers).is_empty() {
                return fault("a passenger is booked twice, or a booking is empty");
            }
            booked = booked.or(booking.passengers);
        }
        let held = record.in_state(SeatState::Held);
        let of_bookings =
            record.in_state(SeatState::Confirmed).or(record.in_state(SeatState::Cancelled));
        if booked != of_bookings {
            return fault("its bookings and its passengers disagree");
        }
        if held.is_empty() == record.ended.is_none() {
            return fault("it has ended and keeps somebody, or the other way round");
        }
        for berth in record.party.iter().filter_map(|seat| seat.berth) {
            inside("berth", berth.0.into(), self.plan.places().len())?;
        }
        Ok(())
    }

    /// None of its requests took effect in another record, or twice in this one.
    fn check_ids(&self, record: &Record) -> Result<(), StateFault> {
        let mut marks: Vec<RequestId> = vec![record.request.id];
        marks.extend(record.extends.iter().map(|mark| mark.id));
        marks.extend(record.bookings.iter().map(|booking| booking.request.id));
        for (place, id) in marks.iter().enumerate() {
            if marks[..place].contains(id) || self.register.knows(*id) {
                return Err(twice("request", id));
            }
        }
        Ok(())
    }

    /// Takes in what is past, `records` by hold id, in the order in which it ended.
    fn load_ended(&mut self, records: Vec<Record>, ended: &[HoldId]) -> Result<(), StateFault> {
        let holds: Vec<HoldId> = records.iter().map(|record| record.hold).collect();
        let mut records: Vec<Option<Record>> = records.into_iter().map(Some).collect();
        for &hold in ended {
            let Ok(place) = holds.binary_search(&hold) else {
                let what = "it stands among the ended and is live, booked or unknown";
                return Err(StateFault::Record { hold, what });
            };
            let record = records[place].take().ok_or_else(|| twice("ended hold", &hold))?;
            // Against those taken in since it was checked.
            self.check_ids(&record)?;
            self.register.load(record);
        }
        if let Some(record) = records.iter().flatten().next() {
            let what = "it has ended and does not stand among the ended";
            return Err(StateFault::Record { hold: record.hold, what });
        }
        Ok(())
    }
}

fn inside(what: &'static str, found: u64, count: usize) -> Result<(), StateFault> {
    let count = count as u64;
    if found < count { Ok(()) } else { Err(StateFault::OutOfRange { what, found, count }) }
}

fn twice(what: &'static str, found: &impl ToString) -> StateFault {
    StateFault::NotOnce { what, found: found.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Booking;
    use crate::tests::table::check_on;
    use crate::tests::world::World;
    use crate::{LegRange, PassengerSet, Pnr, PoolIndex};

    /// H1 ended by release, H2 half booked, H3 live, one berth blocked.
    fn state() -> (Arc<Plan>, RunState) {
        let mut world = World::new();
        check_on(
            &mut world,
            "@0 reserve a H1 SL GN S2..S3 M30 => H1 S1-1:held until 300
             release b H1 => released 1
             reserve c H2 3A GN S1..S3 M30 F30 => H2 B1-1:held B1-2:held until 300
             confirm d H2 [1] keep => P256 1:B1-1:confirmed rest until 300
             reserve e H3 3A GN S1..S3 M30 => H3 B1-3:held until 300
             extend f H3 600 => H3 B1-3:held until 600
             block g S1-7 S2..S3 => berths S1-7
             close-sale h 3A => pools 0b111",
        );
        (Arc::clone(world.run.plan()), world.run.state())
    }

    type Damage = fn(&mut RunState);

    /// Ways in which a state can be wrong.
    const DAMAGES: &[(&str, Damage)] = &[
        ("plan", |s| s.created.plan.0[0] ^= 1),
        ("opens", |s| s.created.opens.truncate(1)),
        ("blocked berth out of range", |s| s.blocked[0].0.0 = 9_999),
        ("blocked where the coach does not run", |s| s.blocked[0].1 = LegMask(1)),
        ("blocked twice", |s| s.blocked.push(s.blocked[0])),
        ("block leased twice", |s| s.pnr_blocks.push(s.pnr_blocks[0])),
        ("next number", |s| s.pnr_next = 257),
        ("hold twice", |s| s.records.push(s.records[2].clone())),
        ("out of order", |s| s.records.swap(0, 1)),
        ("pool", |s| s.records[0].pool = PoolIndex(4)),
        ("journey", |s| s.records[0].legs = LegRange { from: 1, to: 4 }),
        ("empty journey", |s| s.records[0].legs = LegRange { from: 1, to: 1 }),
        ("berth", |s| s.records[0].party[0].berth = Some(BerthIndex(152))),
        ("overlap", |s| s.records[2].party[0].berth = s.records[1].party[0].berth),
        ("overlap with a block", |s| s.records[2].party[0].berth = Some(s.blocked[0].0)),
        ("request twice", |s| s.records[2].request = s.records[0].request),
        ("request twice in one", |s| s.records[2].extends = vec![s.records[2].request]),
        ("extended by one request twice", |s| {
            let again = s.records[2].extends[0];
            s.records[2].extends.push(again);
        }),
        ("live and ended", |s| s.records[2].ended = s.records[0].ended),
        ("neither live nor ended", |s| s.records[0].ended = None),
        ("booking without a passenger", |s| {
            s.records[1].bookings[0].passengers = PassengerSet::NONE;
        }),
        ("booking of a held passenger", |s| s.records[1].bookings[0].passengers = PassengerSet(3)),
        ("booking lost", |s| s.records[1].bookings.clear()),
        ("booking twice", |s| {
            let again = Booking { pnr: Pnr(300), ..s.records[1].bookings[0].clone() };
            s.records[1].bookings.push(again);
        }),
        ("longest reference", |s| s.records[2].reference = "x".repeat(129).into()),
        ("ended twice", |s| s.ended.push(s.ended[0])),
        ("ended lost", |s| s.ended.clear()),
        ("live among the ended", |s| s.ended.push(s.records[2].hold)),
        ("unknown among the ended", |s| s.ended.push(HoldId(99))),
    ];

    #[test]
    fn a_damaged_state_is_refused_and_never_panics() {
        let (plan, sound) = state();
        assert!(Run::from_state(Arc::clone(&plan), sound.clone()).is_ok());
        for (name, damage) in DAMAGES {
            let mut state = sound.clone();
            damage(&mut state);
            assert_ne!(state.digest(), sound.digest(), "{name}");
            let loaded = Run::from_state(Arc::clone(&plan), state);
            assert!(loaded.is_err(), "{name} was taken for sound");
        }
    }

    #[test]
    fn the_longest_reference_is_sound() {
        let (plan, mut state) = state();
        state.records[2].reference = "x".repeat(128).into();
        assert_eq!(Run::from_state(plan, state.clone()).expect("sound").state(), state);
    }

    #[test]
    fn faults_name_both_operands() {
        let (plan, mut state) = state();
        state.records[2].party[0].berth = Some(BerthIndex(152));
        let fault = Run::from_state(plan, state).expect_err("damaged");
        assert_eq!(fault.to_string(), "berth 152 is outside 0..152");
    }
}
