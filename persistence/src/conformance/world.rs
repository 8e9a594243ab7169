//! A small seeded world: one train on several dates, random commands, and the events they leave.

use std::sync::Arc;

use berth_inventory::{
    AgeBand, Cancel, Changes, Command, Conditions, Confirm, Date, Digest, Event, Events, Extend,
    HOLD_LIFE_MAX_MS, HoldId, Millis, Passenger, PassengerSet, Plan, Pnr, Release, RequestId,
    RequestMark, Reserve, Rest, Ruling, Run, RunCreated, RunId, RunIndex, Said, SaleChange, Sex,
    StopRef, TravelClass, UnixMillis,
};

use crate::{Section, plan_from_text};

/// The train, as a catalogue says it.
pub const TEXT: &str = r#"{"number":"12951","name":"Mumbai Rajdhani","days":"1111111","stops":[["MMCT",0,null,1020],["ST",263,1183,1188],["KOTA",921,1640,1645],["NDLS",1386,1952,null]],"coaches":["H1:1A","A1:2A"]}"#;

/// 2026-11-22T04:30:00Z, when the world begins.
const BEGIN: UnixMillis = UnixMillis(1_795_321_800_000);
const DAY_MS: u64 = 86_400_000;

/// Parses a catalogue text the way recovery wants it.
///
/// # Errors
/// What is wrong with it.
pub fn parse(text: &str) -> Result<Arc<Plan>, String> {
    plan_from_text(text).map(Arc::new).map_err(|fault| fault.to_string())
}

/// Finds no text: everything must come from the journal.
pub fn no_text(_: berth_inventory::PlanHash) -> Option<Arc<str>> {
    None
}

/// Runs, and a seed that moves them.
pub struct World {
    plan: Arc<Plan>,
    seed: u64,
    /// The clock.
    pub now: UnixMillis,
    /// Runs created so far, by number.
    pub runs: Vec<Run>,
    holds: Vec<(usize, HoldId)>,
    bookings: Vec<(usize, Pnr)>,
    next_id: u128,
    next_block: u32,
    text_told: bool,
}

impl World {
    /// A world without runs.
    ///
    /// # Panics
    /// Never: the text is a constant.
    pub fn new(seed: u64) -> Self {
        Self {
            plan: parse(TEXT).expect("a constant"),
            seed,
            now: BEGIN,
            runs: Vec::new(),
            holds: Vec::new(),
            bookings: Vec::new(),
            next_id: 1,
            next_block: 0,
            text_told: false,
        }
    }

    /// The train.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// A number below `bound` (splitmix64).
    pub fn draw(&mut self, bound: u64) -> u64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.seed;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) % bound
    }

    /// Digest of every run, by number.
    pub fn digests(&self) -> Vec<Digest> {
        self.runs.iter().map(Run::digest).collect()
    }

    /// Creates the next run.
    pub fn create(&mut self, section: &mut Section) {
        let day = Date::from_days(20_800).plus(i32::try_from(self.runs.len()).unwrap_or(0));
        let created = RunCreated {
            run: RunId { train: self.plan.number(), start_date: day },
            plan: self.plan.hash(),
            midnight: UnixMillis(day.days() as u64 * DAY_MS),
            opens: vec![UnixMillis(0); self.plan.pools().len()],
            extra: false,
        };
        if !core::mem::replace(&mut self.text_told, true) {
            section.plan_text(self.plan.hash(), TEXT.into());
        }
        let run = Run::new(Arc::clone(&self.plan), &created, self.now);
        let index = RunIndex(self.runs.len() as u32);
        section.push(index, self.now, run.version(), &Event::RunCreated(Box::new(created)));
        self.runs.push(run);
    }

    /// A group of `commands` random commands over the runs there are.
    pub fn group(&mut self, commands: usize) -> Section {
        let mut section = Section::default();
        for _ in 0..commands {
            self.now.0 += self.draw(20_000);
            let (run, command) = self.command();
            self.execute(run, &command, &mut section);
        }
        section
    }

    fn id(&mut self) -> u128 {
        self.next_id += 1;
        self.next_id << 64 | u128::from(self.draw(u64::MAX))
    }

    fn mark(&mut self) -> RequestMark {
        RequestMark { id: RequestId(self.id()), digest: self.draw(u64::MAX) }
    }

    fn some_hold(&mut self) -> Option<(usize, HoldId)> {
        let count = self.holds.len() as u64;
        (count > 0).then(|| self.draw(count)).map(|at| self.holds[at as usize])
    }

    fn command(&mut self) -> (usize, Command) {
        let request = self.mark();
        let hold = self.some_hold();
        let passengers = match self.draw(3) {
            0 => Some(PassengerSet(1)),
            _ => None,
        };
        match (self.draw(10), hold) {
            (0..=2, Some((run, hold))) => {
                let rest = if self.draw(2) == 0 { Rest::Kept } else { Rest::Released };
                let payment = format!("pay-{}", self.draw(1_000)).into();
                self.next_block += 1;
                let pnr_block = Some(self.next_block);
                let confirm = Confirm { request, hold, passengers, rest, payment, pnr_block };
                (run, Command::Confirm(confirm))
            }
            (3, Some((run, hold))) => {
                (run, Command::Release(Release { request, hold, passengers }))
            }
            (4, Some((run, hold))) => {
                let (ttl, life) = (Millis(400_000), Millis(HOLD_LIFE_MAX_MS));
                (run, Command::Extend(Extend { request, hold, ttl, life }))
            }
            (5, Some((run, hold))) => (run, Command::Expire(hold)),
            (6, _) if !self.bookings.is_empty() => {
                let at = self.draw(self.bookings.len() as u64) as usize;
                let (run, pnr) = self.bookings[at];
                (run, Command::Cancel(Cancel { request, pnr, passengers }))
            }
            (7, _) => {
                let run = self.draw(self.runs.len() as u64) as usize;
                let open = self.draw(2) == 0;
                let change =
                    SaleChange { request, class: Some(TravelClass::FirstAc), quota: None, open };
                (run, Command::SetSale(change))
            }
            _ => self.reserve(request),
        }
    }

    fn reserve(&mut self, request: RequestMark) -> (usize, Command) {
        let run = self.draw(self.runs.len() as u64) as usize;
        let from = 1 + self.draw(3) as u16;
        let to = from + 1 + self.draw(u64::from(4 - from)) as u16;
        let ages = [AgeBand::Adult, AgeBand::Senior, AgeBand::Child];
        let sexes = [Sex::Male, Sex::Female, Sex::Transgender];
        let party = (0..=self.draw(3))
            .map(|i| Passenger {
                age: ages[self.draw(3) as usize],
                sex: sexes[self.draw(3) as usize],
                berth_required: i == 0 || self.draw(4) > 0,
                preference: None,
            })
            .collect();
        let reserve = Reserve {
            request,
            hold: HoldId(self.id()),
            class: TravelClass::SecondAc,
            quota: "GN".parse().expect("a constant"),
            from: StopRef::Sequence(from),
            to: StopRef::Sequence(to),
            party,
            conditions: Conditions::default(),
            berths: Vec::new(),
            ttl: Millis(300_000),
            reference: format!("ref-{}", self.draw(100)).into(),
        };
        (run, Command::Reserve(reserve))
    }

    fn execute(&mut self, at: usize, command: &Command, section: &mut Section) {
        let run = &mut self.runs[at];
        let mut events = Events::new();
        let Ruling::Take(then) = run.rule(command, self.now, &mut events) else { return };
        let mut changes = Changes::default();
        for event in &events {
            run.apply(event, self.now, &mut changes);
            section.push(RunIndex(at as u32), self.now, run.version(), event);
        }
        match run.say(then) {
            Said::Hold(view) if matches!(command, Command::Reserve(_)) => {
                self.holds.push((at, view.hold));
            }
            Said::Booking(view) if matches!(command, Command::Confirm(_)) => {
                self.bookings.push((at, view.pnr));
            }
            _ => {}
        }
    }
}
