//! One run as the documents describe it, slow and plain.
//!
//! [`Twin::apply`] takes a fact and refuses one that cannot be: a berth that is taken, an end of
//! what is not held, an expiry before its time. What it should say to a request is in `judge`.

mod judge;

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::record::{Ask, Event, Id, RunPlan, Seat, State};

pub use judge::Leeway;

/// Longest life of a hold, milliseconds; grace may add to it.
const LIFE: u64 = 15 * 60_000;

/// A hold and all that became of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Hold {
    pool: u8,
    from: u8,
    to: u8,
    created: u64,
    expires: u64,
    seats: Vec<Seat>,
    pnrs: Vec<u64>,
    released_at: u64,
    /// Extensions so far.
    extends: u32,
    /// How the last of those held left, once nobody is held.
    end: Option<State>,
}

impl Hold {
    fn those(&self, state: State) -> u8 {
        let seats = self.seats.iter().enumerate().filter(|(_, seat)| seat.state == state);
        seats.fold(0, |set, (place, _)| set | 1 << place)
    }

    fn everybody(&self) -> u8 {
        ((1_u16 << self.seats.len()) - 1) as u8
    }

    fn legs(&self) -> u128 {
        legs(self.from, self.to)
    }

    /// Moves these passengers to another state. The hold has ended when nobody is held any more.
    fn set(&mut self, who: u8, state: State) {
        let seats = self.seats.iter_mut().enumerate();
        seats.filter(|(place, _)| who >> place & 1 == 1).for_each(|(_, seat)| seat.state = state);
        if self.end.is_none() && self.those(State::Held) == 0 {
            self.end = Some(state);
        }
    }
}

/// What the first effect of a request is answered with.
#[derive(Clone, Copy, Debug)]
enum Made {
    Hold(Id),
    Booking(u64),
}

#[derive(Clone, Debug)]
struct Booking {
    hold: Id,
    who: u8,
    confirmed: u64,
    cancelled_at: u64,
}

/// What a fact has changed, to take it back.
#[derive(Debug)]
pub struct Undo {
    hold: Option<(Id, Option<Hold>)>,
    booking: Option<(u64, Option<Booking>)>,
    effect: Option<Id>,
    version: u64,
    last_at: u64,
    closed: u64,
    /// Legs on which these berths were blocked.
    blocked: Vec<(u16, u128)>,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Twin<'a> {
    plan: &'a RunPlan,
    leeway: Leeway,
    /// Events so far.
    pub version: u64,
    /// Stamp of the last one.
    pub last_at: u64,
    /// Pools whose sale is closed, a bit each.
    closed: u64,
    /// Legs on which each berth is held or sold.
    taken: Vec<u128>,
    /// Legs on which each berth is out of sale.
    blocked: Vec<u128>,
    holds: HashMap<Id, Hold>,
    /// Holds in which somebody is held.
    live: BTreeSet<Id>,
    bookings: HashMap<u64, Booking>,
    /// Of all holds, where stamps are not known.
    fingerprint: u64,
    /// Requests that took effect, each with its content.
    effects: HashMap<Id, Ask>,
    /// What each of them made or moved.
    made: HashMap<Id, Made>,
}

/// Legs `from..to` as bits.
fn legs(from: u8, to: u8) -> u128 {
    let below = |leg: u8| if leg >= 128 { u128::MAX } else { (1 << leg) - 1 };
    below(to) & !below(from)
}

/// `what` unless `holds`.
fn must(holds: bool, what: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what()) }
}

impl<'a> Twin<'a> {
    /// Before anything has happened.
    pub fn new(plan: &'a RunPlan, leeway: Leeway) -> Self {
        Self {
            plan,
            leeway,
            version: 0,
            last_at: 0,
            closed: 0,
            taken: vec![0; plan.berths.len()],
            blocked: vec![0; plan.berths.len()],
            holds: HashMap::new(),
            live: BTreeSet::new(),
            bookings: HashMap::new(),
            fingerprint: 0,
            effects: HashMap::new(),
            made: HashMap::new(),
        }
    }

    /// Berths of a pool that are free on the whole journey.
    pub fn free(&self, pool: u8, from: u8, to: u8) -> u32 {
        self.free_berths(pool, from, to).count() as u32
    }

    /// The berths of a pool that are free on the whole journey.
    pub fn free_berths(&self, pool: u8, from: u8, to: u8) -> impl Iterator<Item = u16> + '_ {
        let mask = legs(from, to);
        let berths = (0..).zip(&self.plan.berths).filter(move |(_, berth)| berth.pool == pool);
        berths.map(|(berth, _)| berth).filter(move |berth| self.is_free(*berth, mask))
    }

    /// Whether a berth is for sale and neither held nor sold on these legs.
    fn is_free(&self, berth: u16, mask: u128) -> bool {
        let berth = usize::from(berth);
        (self.taken[berth] | self.blocked[berth]) & mask == 0
    }

    /// Of these pools, those that are not open or closed as they should be.
    pub fn sale_changes(&self, pools: u64, open: bool) -> u64 {
        pools & if open { self.closed } else { !self.closed }
    }

    /// Of these berths, those for which a block or its end would change something, in order.
    pub fn block_changes(&self, berths: &[u16], from: u8, to: u8, block: bool) -> Vec<u16> {
        let mask = legs(from, to);
        let changes = |berth: &u16| {
            let blocked = self.blocked[usize::from(*berth)] & mask;
            if block { blocked != mask } else { blocked != 0 }
        };
        let changed: BTreeSet<u16> = berths.iter().copied().filter(changes).collect();
        changed.into_iter().collect()
    }

    fn is_exact(&self) -> bool {
        self.leeway == Leeway::None
    }

    fn name(&self, berth: u16) -> &str {
        self.plan.berths.get(usize::from(berth)).map_or("a berth of no run", |b| &b.name)
    }

    /// Holds in which somebody is held, with their deadlines.
    pub fn live(&self) -> impl Iterator<Item = (Id, u64)> + '_ {
        self.live.iter().map(|id| (*id, self.holds[id].expires))
    }

    /// One number for the state that events lead to, whatever their order.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint ^ self.closed.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    /// Makes an event of the journal true. `asked` is the content with which its request was asked.
    ///
    /// # Errors
    /// Why it cannot have happened here.
    pub fn apply(&mut self, event: &Event, at: u64, asked: Option<&Ask>) -> Result<Undo, String> {
        let at = if self.is_exact() { at.max(self.last_at) } else { at };
        let mut undo = Undo {
            hold: None,
            booking: None,
            effect: None,
            version: self.version,
            last_at: self.last_at,
            closed: self.closed,
            blocked: Vec::new(),
        };
        if let Err(why) = self.happen(event, at, asked, &mut undo) {
            self.undo(undo);
            return Err(why);
        }
        self.version += 1;
        self.last_at = at;
        Ok(undo)
    }

    fn happen(
        &mut self,
        event: &Event,
        at: u64,
        asked: Option<&Ask>,
        undo: &mut Undo,
    ) -> Result<(), String> {
        match event {
            Event::Created | Event::Leased => {}
            Event::Sale { pools, open } => {
                let changed = self.sale_changes(*pools, *open);
                must(*pools != 0 && changed == *pools, || {
                    format!("sale of pools {pools:#b} is set, and {changed:#b} are not so yet")
                })?;
                self.closed = if *open { self.closed & !pools } else { self.closed | pools };
            }
            Event::Blocked { berths, from, to, block } => {
                self.block(berths, *from, *to, *block, undo)?;
            }
            Event::Held { hold, request, pool, from, to, berths, expires } => {
                must(!self.holds.contains_key(hold), || format!("hold {hold:?} is given twice"))?;
                self.is_in_pool(*pool, berths)?;
                let is_open = self.closed >> pool & 1 == 0;
                must(is_open, || "berths are held while sale is closed".to_owned())?;
                self.first_effect(*request, asked, Made::Hold(*hold), undo)?;
                let seats = berths.iter().map(|&berth| Seat { berth, state: State::Held });
                let made = Hold {
                    pool: *pool,
                    from: *from,
                    to: *to,
                    created: at,
                    expires: *expires,
                    seats: seats.collect(),
                    pnrs: Vec::new(),
                    released_at: 0,
                    extends: 0,
                    end: None,
                };
                self.put(*hold, Some(made), undo)?;
            }
            Event::Confirmed { hold, request, pnr, who, keep } => {
                let mut next = self.held(*hold, *who, at)?;
                must(!self.bookings.contains_key(pnr), || format!("PNR {pnr} is given twice"))?;
                self.first_effect(*request, asked, Made::Booking(*pnr), undo)?;
                next.pnrs.push(*pnr);
                let rest = next.those(State::Held) & !who;
                if !keep && rest != 0 {
                    next.set(rest, State::Released);
                    next.released_at = at;
                }
                // Last: it is the confirm that ends the hold, if nobody is left.
                next.set(*who, State::Confirmed);
                self.put(*hold, Some(next), undo)?;
                let booking = Booking { hold: *hold, who: *who, confirmed: at, cancelled_at: 0 };
                undo.booking = Some((*pnr, self.bookings.insert(*pnr, booking)));
            }
            Event::Extended { hold, request, expires } => {
                let held = self.hold(*hold)?.those(State::Held);
                let mut next = self.held(*hold, held, at)?;
                self.first_effect(*request, asked, Made::Hold(*hold), undo)?;
                next.expires = *expires;
                next.extends += 1;
                self.put(*hold, Some(next), undo)?;
            }
            Event::Released { hold, who } => {
                let mut next = self.held(*hold, *who, at)?;
                next.set(*who, State::Released);
                next.released_at = at;
                self.put(*hold, Some(next), undo)?;
            }
            Event::Expired { hold } => {
                let mut next = self.hold(*hold)?.clone();
                let held = next.those(State::Held);
                must(held != 0, || format!("hold {hold:?} expires, and nobody is held"))?;
                let (due, early) = (next.expires, self.is_exact() && next.expires > at);
                must(!early, || format!("hold {hold:?} expires at {at}, its deadline is {due}"))?;
                next.set(held, State::Expired);
                self.put(*hold, Some(next), undo)?;
            }
            Event::Cancelled { pnr, who } => self.cancel(*pnr, *who, at, undo)?,
            Event::Grace { until, as_of, span } => self.grace(*until, *as_of, *span),
            Event::Other(what) => return Err(format!("nobody asked for {what}")),
        }
        Ok(())
    }

    /// Takes the last fact back that was applied. Grace stays.
    pub fn undo(&mut self, undo: Undo) {
        (self.version, self.last_at, self.closed) = (undo.version, undo.last_at, undo.closed);
        for (berth, blocked) in undo.blocked {
            self.set_blocked(berth, blocked);
        }
        if let Some(request) = undo.effect {
            self.effects.remove(&request);
            self.made.remove(&request);
        }
        if let Some((pnr, before)) = undo.booking {
            match before {
                Some(before) => drop(self.bookings.insert(pnr, before)),
                None => drop(self.bookings.remove(&pnr)),
            }
        }
        if let Some((hold, before)) = undo.hold {
            self.swap(hold, before);
        }
    }

    fn block(
        &mut self,
        berths: &[u16],
        from: u8,
        to: u8,
        block: bool,
        undo: &mut Undo,
    ) -> Result<(), String> {
        let mask = legs(from, to);
        let unknown = berths.iter().find(|berth| usize::from(**berth) >= self.blocked.len());
        must(unknown.is_none(), || format!("berth {unknown:?} of no run is blocked"))?;
        let changed = self.block_changes(berths, from, to, block);
        must(!berths.is_empty() && changed == berths, || {
            format!("{berths:?} are blocked or given back, it changes {changed:?}")
        })?;
        for &berth in berths {
            let (taken, before) =
                (self.taken[usize::from(berth)], self.blocked[usize::from(berth)]);
            must(!block || taken & mask == 0, || {
                format!("{} is blocked, and somebody has it", self.name(berth))
            })?;
            undo.blocked.push((berth, before));
            self.set_blocked(berth, if block { before | mask } else { before & !mask });
        }
        Ok(())
    }

    fn set_blocked(&mut self, berth: u16, blocked: u128) {
        let before = core::mem::replace(&mut self.blocked[usize::from(berth)], blocked);
        if !self.is_exact() {
            for mask in [before, blocked].into_iter().filter(|mask| *mask != 0) {
                let mut hasher = DefaultHasher::new();
                (berth, mask).hash(&mut hasher);
                self.fingerprint ^= hasher.finish();
            }
        }
    }

    fn cancel(&mut self, pnr: u64, who: u8, at: u64, undo: &mut Undo) -> Result<(), String> {
        let known = self.bookings.get(&pnr);
        let mut booking = known.ok_or_else(|| format!("PNR {pnr} is not known"))?.clone();
        let mut next = self.hold(booking.hold)?.clone();
        let ours = booking.who & next.those(State::Confirmed);
        must(who != 0 && who & !ours == 0, || {
            format!("PNR {pnr}: {who:#b} is cancelled, {ours:#b} is confirmed")
        })?;
        next.set(who, State::Cancelled);
        self.put(booking.hold, Some(next), undo)?;
        booking.cancelled_at = at;
        undo.booking = Some((pnr, self.bookings.insert(pnr, booking)));
        Ok(())
    }

    fn grace(&mut self, until: u64, as_of: u64, span: u64) {
        for id in &self.live {
            let hold = self.holds.get_mut(id).expect("who lives is known");
            let deadline = until.min(hold.created + LIFE + span);
            if hold.expires > as_of && hold.expires < deadline {
                hold.expires = deadline;
            }
        }
    }

    fn is_in_pool(&self, pool: u8, berths: &[u16]) -> Result<(), String> {
        let ours = |berth: &u16| self.plan.berths.get(usize::from(*berth)).map(|b| b.pool);
        let stranger = berths.iter().find(|berth| ours(berth) != Some(pool));
        stranger.map_or(Ok(()), |berth| Err(format!("{} is not of that pool", self.name(*berth))))
    }

    fn first_effect(
        &mut self,
        request: Id,
        asked: Option<&Ask>,
        made: Made,
        undo: &mut Undo,
    ) -> Result<(), String> {
        must(!self.effects.contains_key(&request), || {
            format!("request {request:?} takes effect twice")
        })?;
        let asked = asked.ok_or_else(|| format!("nobody asked for request {request:?}"))?;
        self.effects.insert(request, asked.clone());
        self.made.insert(request, made);
        undo.effect = Some(request);
        Ok(())
    }

    fn hold(&self, hold: Id) -> Result<&Hold, String> {
        self.holds.get(&hold).ok_or_else(|| format!("hold {hold:?} is not known"))
    }

    /// The hold, if all of `who` are held and its deadline is to come.
    fn held(&self, hold: Id, who: u8, at: u64) -> Result<Hold, String> {
        let found = self.hold(hold)?;
        let (held, due) = (found.those(State::Held), found.expires);
        must(who != 0 && who & !held == 0, || {
            format!("hold {hold:?}: {who:#b} is meant, {held:#b} is held")
        })?;
        must(at < due || !self.is_exact(), || {
            format!("hold {hold:?} is used at {at}, its deadline was {due}")
        })?;
        Ok(found.clone())
    }

    /// Puts a hold in its place, if each berth it takes is free.
    fn put(&mut self, hold: Id, next: Option<Hold>, undo: &mut Undo) -> Result<(), String> {
        if self.holds.contains_key(&hold) {
            // Only ends and deadlines: nothing is taken that was free.
            undo.hold = Some((hold, self.swap(hold, next)));
            return Ok(());
        }
        let made = next.as_ref().expect("a new hold");
        let mask = made.legs();
        let mut twice = BTreeSet::new();
        for seat in &made.seats {
            let is_free = self.is_free(seat.berth, mask);
            must(is_free && twice.insert(seat.berth), || {
                format!("{} is taken or blocked, and held by {hold:?}", self.name(seat.berth))
            })?;
        }
        undo.hold = Some((hold, self.swap(hold, next)));
        Ok(())
    }

    fn swap(&mut self, id: Id, next: Option<Hold>) -> Option<Hold> {
        let before = self.holds.remove(&id);
        if let Some(hold) = &before {
            self.occupy(hold, false);
            self.mark(id, hold);
            self.live.remove(&id);
        }
        if let Some(hold) = next {
            self.occupy(&hold, true);
            self.mark(id, &hold);
            if hold.those(State::Held) != 0 {
                self.live.insert(id);
            }
            self.holds.insert(id, hold);
        }
        before
    }

    fn mark(&mut self, id: Id, hold: &Hold) {
        if !self.is_exact() {
            let mut hasher = DefaultHasher::new();
            (id, hold).hash(&mut hasher);
            self.fingerprint ^= hasher.finish();
        }
    }

    fn occupy(&mut self, hold: &Hold, takes: bool) {
        let mask = hold.legs();
        for seat in &hold.seats {
            if matches!(seat.state, State::Held | State::Confirmed) {
                let taken = &mut self.taken[usize::from(seat.berth)];
                *taken = if takes { *taken | mask } else { *taken & !mask };
            }
        }
    }
}
