//! The model of one run: what is free, held, sold, blocked, and who asked for it.
//!
//! Slow and plain on purpose: a cell for each berth and leg, every hold with its passengers. It is
//! written from the rules of the house and shares no code with the machine that it judges.

use std::collections::BTreeMap;
use std::rc::Rc;

use berth_inventory::{
    Event, HoldId, Passenger, PassengerSet, Pnr, RequestId, RequestMark, Rest, SeatState,
};

use super::facts::Facts;
use super::lists::{List, Listed};

/// Ids of an ended hold without booking are known for so long, milliseconds.
const KNOWN_MS: u64 = 600_000;
/// A hold lives at most so long, grace apart, milliseconds.
pub const LIFE_MS: u64 = 900_000;

/// One berth on one leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// To be had.
    Free,
    /// Held by somebody.
    Held(HoldId),
    /// Booked out of that hold.
    Sold(HoldId),
    /// Out of sale.
    Blocked,
}

/// One passenger of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    /// Who.
    pub passenger: Passenger,
    /// Where.
    pub berth: Option<u16>,
    /// What has become of them, deadlines apart.
    pub state: SeatState,
    /// Where they stand, if they got no berth at first.
    pub listed: Option<Listed>,
}

/// A hold and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Its id.
    pub id: HoldId,
    /// Who asked.
    pub request: RequestMark,
    /// Who prolonged it, oldest first.
    pub extends: Vec<RequestMark>,
    /// Where its berths come from.
    pub pool: u8,
    /// First and last stop.
    pub legs: (u8, u8),
    /// When it was made.
    pub created: u64,
    /// Its effective deadline.
    pub expires: u64,
    /// Its passengers.
    pub seats: Vec<Seat>,
    /// Its bookings, oldest first.
    pub bookings: Vec<Pnr>,
    /// When somebody was released last.
    pub released: Option<u64>,
    /// When the last held passenger left it.
    pub ended: Option<u64>,
}

/// A booking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Booking {
    /// The hold it came from.
    pub hold: HoldId,
    /// Who asked.
    pub request: RequestMark,
    /// Who is booked.
    pub passengers: PassengerSet,
    /// When.
    pub confirmed: u64,
    /// When somebody was cancelled last.
    pub cancelled: Option<u64>,
}

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// How many events made it.
    pub version: u64,
    /// Stamp of the last one; time does not run backward in a run.
    pub last_at: u64,
    /// Berth by berth, leg by leg.
    pub cells: Vec<Cell>,
    /// Holds that are known.
    pub holds: BTreeMap<HoldId, Rc<Hold>>,
    /// Bookings.
    pub bookings: BTreeMap<Pnr, Rc<Booking>>,
    /// A bit for each closed pool.
    pub closed: u64,
    /// The run is over.
    pub retired: bool,
    /// PNR blocks it leased.
    pub blocks: Vec<u32>,
    /// Who waits for what, list by list.
    pub lists: Vec<List>,
}

/// What a request id took effect as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It made this hold.
    Made(HoldId, u64),
    /// It made this booking.
    Booked(Pnr, u64),
    /// It prolonged this hold.
    Prolonged(HoldId, u64),
}

impl Hold {
    /// Who is in a state.
    pub fn those(&self, state: SeatState) -> PassengerSet {
        let mut set = PassengerSet::NONE;
        for (place, seat) in self.seats.iter().enumerate() {
            if seat.state == state {
                set = set.with(place);
            }
        }
        set
    }

    /// The requests that made and prolonged it.
    pub fn marks(&self) -> impl Iterator<Item = RequestMark> {
        [self.request].into_iter().chain(self.extends.iter().copied())
    }

    /// Everybody of it.
    pub fn everybody(&self) -> PassengerSet {
        PassengerSet::first(self.seats.len())
    }

    /// What a passenger's state looks like at `now`: at the deadline a hold is over.
    pub fn seen(&self, place: usize, now: u64) -> SeatState {
        match self.seats[place].state {
            SeatState::Held if self.expires <= now => SeatState::Expired,
            state => state,
        }
    }
}

impl State {
    /// A run nobody has touched.
    pub fn new(facts: &Facts) -> Self {
        let cells = vec![Cell::Free; facts.berths.len() * usize::from(facts.legs)];
        let lists = vec![List::default(); facts.lists.len()];
        Self { cells, lists, ..Self::default() }
    }

    /// The cells of a berth on a journey.
    pub fn trip(&self, facts: &Facts, berth: u16, legs: (u8, u8)) -> &[Cell] {
        let row = usize::from(berth) * usize::from(facts.legs);
        &self.cells[row + usize::from(legs.0)..row + usize::from(legs.1)]
    }

    pub(super) fn set(&mut self, facts: &Facts, berth: u16, legs: (u8, u8), cell: Cell) {
        let row = usize::from(berth) * usize::from(facts.legs);
        self.cells[row + usize::from(legs.0)..row + usize::from(legs.1)].fill(cell);
    }

    /// Whether a berth is free on a journey.
    pub fn is_free(&self, facts: &Facts, berth: u16, legs: (u8, u8)) -> bool {
        self.trip(facts, berth, legs).iter().all(|cell| *cell == Cell::Free)
    }

    /// Berths of a pool that are free on a journey.
    pub fn free(&self, facts: &Facts, pool: u8, legs: (u8, u8)) -> usize {
        let berths = facts.berths.iter().zip(0..).filter(|(berth, _)| berth.pool == pool);
        berths.filter(|(_, berth)| self.is_free(facts, *berth, legs)).count()
    }

    /// What an id took effect as, while that is known.
    pub fn effect(&self, id: RequestId) -> Option<Effect> {
        for hold in self.holds.values() {
            if hold.request.id == id {
                return Some(Effect::Made(hold.id, hold.request.digest));
            }
            if let Some(mark) = hold.extends.iter().find(|mark| mark.id == id) {
                return Some(Effect::Prolonged(hold.id, mark.digest));
            }
        }
        let booked = self.bookings.iter().find(|(_, booking)| booking.request.id == id);
        booked.map(|(pnr, booking)| Effect::Booked(*pnr, booking.request.digest))
    }

    /// Ids that are known.
    pub fn known_ids(&self) -> Vec<RequestId> {
        let holds = self.holds.values();
        let holds = holds.flat_map(|hold| hold.marks());
        holds.chain(self.bookings.values().map(|booking| booking.request)).map(|m| m.id).collect()
    }

    /// Live holds.
    pub fn live(&self) -> impl Iterator<Item = &Rc<Hold>> {
        self.holds.values().filter(|hold| hold.ended.is_none())
    }

    /// The state after one more event. What is wrong with the event is the properties' question;
    /// this follows it as far as it makes sense.
    #[must_use]
    pub fn after(&self, facts: &Facts, event: &Event, at: u64) -> Self {
        let mut next = self.clone();
        let at = at.max(self.last_at);
        next.take(facts, event, at);
        next.version += 1;
        next.last_at = at;
        // Holds that ended without a booking are forgotten in time.
        let known = |hold: &Rc<Hold>| {
            !hold.bookings.is_empty() || hold.ended.is_none_or(|ended| ended + KNOWN_MS > at)
        };
        next.holds.retain(|_, hold| known(hold));
        next
    }

    fn take(&mut self, facts: &Facts, event: &Event, at: u64) {
        match event {
            Event::RunCreated(_) => {}
            Event::Held { hold, request, pool, legs, party, expires_at, .. } => {
                let legs = (legs.from, legs.to);
                let mut seats = Vec::new();
                for held in party {
                    let berth = held.berth.map(|berth| berth.0);
                    if let Some(berth) = berth {
                        self.set(facts, berth, legs, Cell::Held(*hold));
                    }
                    let state = SeatState::Held;
                    seats.push(Seat { passenger: held.passenger, berth, state, listed: None });
                }
                let made = Hold {
                    id: *hold,
                    request: *request,
                    extends: Vec::new(),
                    pool: pool.0,
                    legs,
                    created: at,
                    expires: expires_at.0,
                    seats,
                    bookings: Vec::new(),
                    released: None,
                    ended: None,
                };
                self.holds.insert(*hold, Rc::new(made));
            }
            Event::Confirmed { hold, request, pnr, passengers, rest, .. } => {
                self.move_seats(facts, *hold, *passengers, SeatState::Confirmed, at);
                if let Some(record) = self.holds.get(hold).cloned() {
                    self.print(&record, *passengers);
                }
                if let Some(record) = self.holds.get_mut(hold) {
                    Rc::make_mut(record).bookings.push(*pnr);
                    let others = record.those(SeatState::Held);
                    if *rest == Rest::Released && !others.is_empty() {
                        self.move_seats(facts, *hold, others, SeatState::Released, at);
                    }
                }
                let booking = Booking {
                    hold: *hold,
                    request: *request,
                    passengers: *passengers,
                    confirmed: at,
                    cancelled: None,
                };
                self.bookings.insert(*pnr, Rc::new(booking));
            }
            Event::Extended { hold, request, expires_at } => {
                if let Some(record) = self.holds.get_mut(hold).map(Rc::make_mut) {
                    record.extends.push(*request);
                    record.expires = expires_at.0;
                }
            }
            Event::Released { hold, passengers } => {
                self.move_seats(facts, *hold, *passengers, SeatState::Released, at);
            }
            Event::Expired { hold } => {
                let held = self.holds.get(hold).map(|record| record.those(SeatState::Held));
                self.move_seats(facts, *hold, held.unwrap_or_default(), SeatState::Expired, at);
            }
            Event::HoldsExtended { until, as_of, span } => {
                for record in self.holds.values_mut().filter(|hold| hold.ended.is_none()) {
                    let deadline = until.0.min(record.created + LIFE_MS + span.0);
                    if record.expires > as_of.0 && record.expires < deadline {
                        Rc::make_mut(record).expires = deadline;
                    }
                }
            }
            Event::Cancelled { pnr, passengers } => {
                let Some(booking) = self.bookings.get_mut(pnr).map(Rc::make_mut) else { return };
                booking.cancelled = Some(at);
                let hold = booking.hold;
                self.move_seats(facts, hold, *passengers, SeatState::Cancelled, at);
            }
            Event::PnrBlockLeased { block } => self.blocks.push(*block),
            Event::SaleSet { pools, open } => {
                self.closed = if *open { self.closed & !pools } else { self.closed | pools };
            }
            Event::BerthsBlocked { berths, legs } => {
                for berth in berths {
                    self.set(facts, berth.0, (legs.from, legs.to), Cell::Blocked);
                }
            }
            Event::BerthsUnblocked { berths, legs } => {
                for berth in berths {
                    let row = usize::from(berth.0) * usize::from(facts.legs);
                    for cell in
                        &mut self.cells[row + usize::from(legs.from)..row + usize::from(legs.to)]
                    {
                        *cell = if *cell == Cell::Blocked { Cell::Free } else { *cell };
                    }
                }
            }
            Event::RunRetired => {
                self.retired = true;
                let live: Vec<HoldId> = self.live().map(|hold| hold.id).collect();
                for hold in live {
                    if let Some(record) = self.holds.get_mut(&hold).map(Rc::make_mut) {
                        record.expires = record.expires.min(at);
                        let held = record.those(SeatState::Held);
                        self.move_seats(facts, hold, held, SeatState::Expired, at);
                    }
                }
            }
            Event::Listed { hold, places } => {
                for (passenger, standing) in places {
                    self.join(*hold, *passenger, *standing);
                }
            }
            Event::Promoted { hold, passenger, berth, standing } => {
                self.promote(facts, *hold, *passenger, *berth, *standing);
            }
        }
    }

    /// Passengers of a hold come into another state, their berths with them.
    fn move_seats(
        &mut self,
        facts: &Facts,
        hold: HoldId,
        who: PassengerSet,
        to: SeatState,
        at: u64,
    ) {
        if to != SeatState::Confirmed {
            for place in who.iter() {
                self.leave(hold, place as u8);
            }
        }
        let Some(mut record) = self.holds.remove(&hold) else { return };
        let mine = Rc::make_mut(&mut record);
        let heads = mine.seats.len();
        for place in who.iter().filter(|place| *place < heads) {
            mine.seats[place].state = to;
            if let Some(berth) = mine.seats[place].berth {
                let cell = if to == SeatState::Confirmed { Cell::Sold(hold) } else { Cell::Free };
                self.set(facts, berth, mine.legs, cell);
            }
        }
        if to == SeatState::Released {
            mine.released = Some(at);
        }
        if mine.ended.is_none() && mine.those(SeatState::Held).is_empty() {
            mine.ended = Some(at);
        }
        self.holds.insert(hold, record);
    }
}
