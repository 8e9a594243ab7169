//! The whole state of a run as plain data: what a snapshot holds and a digest covers.
//!
//! Canonical: equal states are equal values, whatever way led there. Masks are not part of it where
//! they follow from the records; neither are gap indexes, deadlines in a heap, or any map.

use std::sync::Arc;

use crate::record::{Record, SeatState};
use crate::run::Run;
use crate::{
    BerthIndex, HoldId, LegMask, PNR_BLOCK, Plan, PlanHash, RequestId, RunCreated, UnixMillis,
    Version,
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
        let blocked = (0..run.plan.berths().len() as u16)
            .map(|berth| (BerthIndex(berth), run.operator_blocked(BerthIndex(berth))))
            .filter(|(_, mask)| *mask != LegMask::EMPTY)
            .collect();
        Self {
            created: run.created.clone(),
            version: run.version,
            last_at: run.last_at,
            closed: run.closed,
            retired: run.retired,
            blocked,
            pnr_blocks: run.pnr_blocks.clone(),
            pnr_next: run.pnr_next as u16,
            records: run.register.sorted().into_iter().cloned().collect(),
            ended: run.register.ended.iter().copied().collect(),
            forgotten: run.register.forgotten,
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
        run.load_records(state.records)?;
        run.load_ended(&state.ended)?;
        run.register.settle(state.last_at);
        Ok(run)
    }

    fn load_blocks(&mut self, state: &RunState) -> Result<(), StateFault> {
        let mut before = None;
        for &(berth, mask) in &state.blocked {
            inside("berth", berth.0.into(), self.plan.berths().len())?;
            if before.replace(berth).is_some_and(|before| before >= berth) {
                return Err(twice("blocked berth", berth));
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
        self.pnr_blocks.clone_from(&state.pnr_blocks);
        self.pnr_next = u64::from(state.pnr_next);
        Ok(())
    }

    fn load_records(&mut self, records: Vec<Record>) -> Result<(), StateFault> {
        self.register.records.reserve(records.len());
        let mut before = None;
        for record in records {
            if before.replace(record.hold).is_some_and(|before| before >= record.hold) {
                return Err(twice("hold", record.hold));
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
            self.register.insert(record);
        }
        Ok(())
    }

    /// All that `Register::insert` and the rows take for granted.
    fn check_record(&self, record: &Record) -> Result<(), StateFault> {
        let hold = record.hold;
        let fault = |what| Err(StateFault::Record { hold, what });
        inside("pool", record.pool.0.into(), self.plan.pools().len())?;
        if record.legs.is_empty() || !self.plan.route().contains(record.legs) {
            return fault("its journey is not on the route");
        }
        let mut marks: Vec<RequestId> = vec![record.request.id];
        marks.extend(record.extend.iter().map(|mark| mark.id));
        marks.extend(record.bookings.iter().map(|booking| booking.request.id));
        for (place, id) in marks.iter().enumerate() {
            if marks[..place].contains(id) || self.register.by_request.contains_key(id) {
                return Err(twice("request", id));
            }
        }
        let mut booked = crate::PassengerSet::NONE;
        for (place, booking) in record.bookings.iter().enumerate() {
            let among_these = record.bookings[..place].iter().any(|b| b.pnr == booking.pnr);
            if among_these || self.register.by_pnr.contains_key(&booking.pnr) {
                return Err(twice("booking", booking.pnr.0));
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
            inside("berth", berth.0.into(), self.plan.berths().len())?;
        }
        Ok(())
    }

    fn load_ended(&mut self, ended: &[HoldId]) -> Result<(), StateFault> {
        let mut seen = hashbrown::HashSet::with_capacity(ended.len());
        for &hold in ended {
            let fine = |record: &Record| !record.is_live() && record.bookings.is_empty();
            if !self.register.get(hold).is_some_and(fine) {
                let what = "it stands among the ended and is live, booked or unknown";
                return Err(StateFault::Record { hold, what });
            }
            if !seen.insert(hold) {
                return Err(twice("ended hold", hold));
            }
        }
        let lost = |record: &&&Record| {
            !record.is_live() && record.bookings.is_empty() && !seen.contains(&record.hold)
        };
        let sorted = self.register.sorted();
        if let Some(record) = sorted.iter().find(lost) {
            let what = "it has ended and does not stand among the ended";
            return Err(StateFault::Record { hold: record.hold, what });
        }
        self.register.ended = ended.iter().copied().collect();
        Ok(())
    }
}

fn inside(what: &'static str, found: u64, count: usize) -> Result<(), StateFault> {
    let count = count as u64;
    if found < count { Ok(()) } else { Err(StateFault::OutOfRange { what, found, count }) }
}

fn twice(what: &'static str, found: impl ToString) -> StateFault {
    StateFault::NotOnce { what, found: found.to_string() }
}
