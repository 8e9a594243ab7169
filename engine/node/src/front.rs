//! Before the queue: which run a request means, whether it may go in, and the fast refusal.
//!
//! Functions over shared tables of atomics; any number of threads call them. Nothing here changes
//! a run, and what is refused here is right for some state between arrival and answer.

mod trail;

use core::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;

use berth_inventory::{
    Answer, Command, Date, HoldId, LegRange, Millis, Plan, Pnr, PoolIndex, Refusal, Reserve, Said,
    StopRef, TrainNumber, UnixMillis, planted,
};

use crate::ask::{Fault, Lane, When};
use crate::calendar::Calendar;
use crate::directory::{Directory, RunEntry, Train};
use crate::names::Names;
use crate::settings::{RETRY_OVERLOADED_MS, RUN_PERMITS, RUN_PERMITS_FINISH};
use crate::vitals::Vitals;

pub use trail::Trail;

/// The right to have one command of a run under way; given back when the command is executed, so
/// that a caller who does not take its answers keeps nobody else out.
#[derive(Debug)]
pub struct Permit {
    run: Arc<RunEntry>,
    counted: bool,
    /// Rotations of the run's filter before the command's id was fed.
    fed: u32,
}

impl Permit {
    /// For the node's own commands, which no bound keeps out.
    pub(crate) fn own(run: &Arc<RunEntry>) -> Self {
        Self { run: Arc::clone(run), counted: false, fed: 0 }
    }

    /// The same right for somebody else; what is left leads to the run.
    pub(crate) fn hand_on(&mut self) -> Self {
        let counted = core::mem::take(&mut self.counted);
        Self { run: Arc::clone(&self.run), counted, fed: self.fed }
    }

    /// Whether the command took so long to be pushed that its id has left the filter.
    #[inline]
    pub(crate) fn is_fed_in_vain(&self) -> bool {
        self.run.filter.rotations().wrapping_sub(self.fed) >= 2
    }

    /// The command is executed; what is left leads to its run.
    pub(crate) fn settle(&mut self) {
        if core::mem::take(&mut self.counted) {
            self.run.in_flight.leave();
        }
    }
}

impl core::ops::Deref for Permit {
    type Target = Arc<RunEntry>;

    fn deref(&self) -> &Arc<RunEntry> {
        &self.run
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.settle();
    }
}

/// See the module.
pub struct Front {
    /// Trains and runs.
    pub directory: Arc<Directory>,
    /// Hold ids and PNRs.
    pub names: Arc<Names>,
    /// State of the journal and the disk.
    pub vitals: Arc<Vitals>,
    /// Which runs are open.
    pub calendar: Calendar,
}

impl Front {
    /// The run that `train` and a day mean. A day at the boarding stop needs that stop.
    ///
    /// # Errors
    /// UNKNOWN_TRAIN, RUN_NOT_SCHEDULED (with the next open day), UNKNOWN_STOP.
    pub fn locate(
        &self,
        train: TrainNumber,
        when: When,
        from: Option<StopRef>,
        now: UnixMillis,
    ) -> Result<Arc<RunEntry>, Refusal> {
        let train = self.directory.train(train).ok_or(Refusal::UnknownTrain { train })?;
        let start_date = Self::start_date(train, when, from)?;
        if let Some(known) = self.directory.known(train, start_date)
            && known.journaled.load(Relaxed)
        {
            return Ok(known);
        }
        if train.is_listed() && self.calendar.is_open(train.light(), start_date, now) {
            return Ok(self.directory.run(train, start_date));
        }
        let next = if train.is_listed() {
            self.calendar.next_open(train.light(), start_date, now)
        } else {
            None
        };
        Err(Refusal::RunNotScheduled { train: train.number, start_date, next })
    }

    fn start_date(train: &Train, when: When, from: Option<StopRef>) -> Result<Date, Refusal> {
        match (when, from) {
            (When::Start(date), _) | (When::Board(date), None) => Ok(date),
            (When::Board(date), Some(stop)) => {
                let unknown = Refusal::UnknownStop { train: train.number, stop };
                Ok(Calendar::start_date(date, train.departure(stop).ok_or(unknown)?))
            }
        }
    }

    /// A run that an operator creates outside the calendar.
    ///
    /// # Errors
    /// UNKNOWN_TRAIN; RUN_NOT_SCHEDULED when its last departure is past.
    pub fn create(
        &self,
        train: TrainNumber,
        start_date: Date,
        now: UnixMillis,
    ) -> Result<Arc<RunEntry>, Refusal> {
        let unknown = Refusal::UnknownTrain { train };
        let train = self.directory.train(train).filter(|train| train.is_listed()).ok_or(unknown)?;
        let light = train.light();
        if now >= self.calendar.timetable(start_date, light.last_departure) {
            let next = self.calendar.next_open(light, start_date, now);
            return Err(Refusal::RunNotScheduled { train: train.number, start_date, next });
        }
        let entry = self.directory.run(train, start_date);
        // For the event that would make it: until that is durable nobody finds the run.
        if !light.days.runs_on(start_date) || start_date > self.calendar.last_open(now) {
            entry.extra.store(true, Relaxed);
        }
        Ok(entry)
    }

    /// The run of a hold id.
    ///
    /// # Errors
    /// UNKNOWN_HOLD for a forged id, one of another data directory, or one never issued.
    pub fn by_hold(&self, hold: HoldId) -> Result<Arc<RunEntry>, Refusal> {
        let origin = self.names.hold_origin(hold);
        let genuine = self.names.may_be_issued(origin);
        let run = genuine.then(|| self.directory.by_index(origin.run)).flatten();
        run.filter(|run| run.journaled.load(Relaxed)).ok_or(Refusal::UnknownHold { hold })
    }

    /// The number behind a printed PNR and its run.
    ///
    /// # Errors
    /// UNKNOWN_BOOKING when no run leased its block.
    pub fn by_pnr(&self, digits: &str) -> Result<(Pnr, Arc<RunEntry>), Refusal> {
        let pnr = self.names.read_pnr(digits);
        let unknown = Refusal::UnknownBooking { pnr: pnr.unwrap_or(Pnr(0)) };
        let pnr = pnr.ok_or_else(|| unknown.clone())?;
        Ok((pnr, self.directory.by_pnr(pnr).ok_or(unknown)?))
    }

    /// The right to one command more of `run`.
    ///
    /// # Errors
    /// Overloaded when as many as the run's permits for that lane are under way.
    pub fn permit(&self, run: Arc<RunEntry>, lane: Lane) -> Result<Permit, Fault> {
        let bound = match lane {
            Lane::Finish => RUN_PERMITS_FINISH,
            Lane::Take => RUN_PERMITS,
        };
        // Seen by a run that goes cold before anything that is done with the permit.
        if run.in_flight.enter(bound) {
            let fed = run.filter.rotations();
            return Ok(Permit { run, counted: true, fed });
        }
        Err(Fault::Overloaded {
            what: "the queue of this run",
            retry_after: Millis(RETRY_OVERLOADED_MS),
        })
    }

    /// As [`Front::permit`]; the id of a reserve is fed to the run's filter, so the command must be
    /// pushed. Fed under the permit: a run that goes cold keeps what is under way to it.
    ///
    /// # Errors
    /// As [`Front::permit`].
    pub fn permit_for(&self, run: Arc<RunEntry>, command: &Command) -> Result<Permit, Fault> {
        let mut permit = self.permit(run, Lane::of(command))?;
        if let Command::Reserve(reserve) = command {
            // no-sold-out-after-effect: the guard
            if planted!("id-not-fed") {
                return Ok(permit);
            }
            // One that was found in vain is fed too: what it was taken for may leave the filter.
            permit.fed = permit.filter.feed(reserve.request.id);
        }
        Ok(permit)
    }

    /// What is known of a command before any queue: whether it may go in at all, and the fast
    /// refusal, for which alone the clock is read.
    ///
    /// # Errors
    /// As [`Vitals::admit`].
    #[inline]
    pub fn refuse_early(
        &self,
        run: &RunEntry,
        command: &Command,
        now: impl FnOnce() -> UnixMillis,
    ) -> Result<Option<Answer>, Fault> {
        self.vitals.admit(command)?;
        match command {
            Command::Reserve(reserve) => Ok(self.fast_refusal(run, reserve, now())),
            _ => Ok(None),
        }
    }

    /// SOLD_OUT without the queue, when the published counts leave no doubt.
    pub fn fast_refusal(
        &self,
        run: &RunEntry,
        reserve: &Reserve,
        now: UnixMillis,
    ) -> Option<Answer> {
        // no-sold-out-after-effect
        let blind = planted!("fast-refusal-to-owner");
        sold_out(run, reserve, now).filter(|_| blind || !run.filter.may_know(reserve.request.id))
    }
}

fn sold_out(run: &RunEntry, reserve: &Reserve, now: UnixMillis) -> Option<Answer> {
    let published = run.published.load();
    let published = published.as_ref()?;
    if published.is_plenty(reserve.class) {
        return None;
    }
    let plan = published.plan();
    let (from, to) = (plan.resolve(reserve.from)?, plan.resolve(reserve.to)?);
    let legs = LegRange::new(from, to)?;
    let pool = plan.pool_for(reserve.class, reserve.quota, legs)?;
    if published.is_ample(pool) {
        return None;
    }
    let asked = reserve.party.iter().filter(|passenger| passenger.berth_required).count() as u8;
    let vacant =
        |p: &crate::Published| if plan.keeps(pool) { p.free(pool, plan.route()) } else { 0 };
    let behind = plan.pool(pool).behind;
    let (head, free, vacant, left_behind) = published.read(|p| {
        let halves = behind.halves.map_or(0, |halves| p.free(halves, legs) as u16);
        let on_list = behind.waiting.map_or(0, |list| p.waiting(list));
        (p.head(), p.free(pool, legs), vacant(p), (halves, on_list))
    });
    // As the run itself counts: time does not run backward there, whatever an operator accepted.
    let now = now.max(head.as_of);
    let left = plan.departure(published.midnight(), 0).since(now);
    let free = plan.sellable(pool, legs, (free as u16, vacant as u16), left);
    let open = !head.retired
        // refusal-right, both
        && (head.closed >> pool.0 & 1 == 0 || planted!("fast-refusal-of-closed"))
        && published.opens(pool) <= now
        && (plan.departure(published.midnight(), from) > now
            || planted!("fast-refusal-after-departure"))
        && reserve.party.len() <= usize::from(plan.pool(pool).party_max)
        && plan.pool(pool).eligible.turns_away(&reserve.party).is_none();
    if !open || head.next_expiry <= now || free >= u16::from(asked) {
        return None;
    }
    let refusal = nothing_left(plan, pool, reserve, (asked, legs), free, left_behind)?;
    Some(Answer { version: head.version, at: now, said: Said::Refused(refusal) })
}

/// Why nothing is left of a pool whose berths are not enough: neither a half nor a place on its list,
/// where less than a berth will do. `None` when the run must look; it says the same otherwise.
fn nothing_left(
    plan: &Plan,
    pool: PoolIndex,
    reserve: &Reserve,
    (asked, legs): (u8, LegRange),
    free: u16,
    (halves, on_list): (u16, u16),
) -> Option<Refusal> {
    let (class, quota) = (reserve.class, reserve.quota);
    let sold_out = Refusal::SoldOut { asked, free, class, quota, legs };
    let takes_less = reserve.conditions.takes_what_is_behind()
        && reserve.berths.is_empty()
        && !reserve.conditions.are_hard();
    // refusal-right
    if !takes_less || planted!("fast-refusal-of-who-would-wait") {
        return Some(sold_out);
    }
    if free > 0 || halves > 0 {
        return None;
    }
    let waiting = plan.pool(pool).behind.waiting.filter(|_| reserve.conditions.waiting);
    let Some(list) = waiting.map(|list| plan.list(list)) else { return Some(sold_out) };
    let free = list.limit.saturating_sub(on_list);
    let (limit, label) = (list.limit, list.label);
    let full = Refusal::WaitingFull { asked, free, limit, label, class, quota };
    (u16::from(asked) > free).then_some(full)
}
