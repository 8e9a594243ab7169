//! What clients and operators ask for: mostly to hold, to confirm and to give back, on few berths.

use arrayvec::ArrayVec;
use berth_inventory::{
    AgeBand, BerthName, BerthType, Block, Cancel, Command, Conditions, Confirm, Extend, HoldId,
    Millis, Passenger, PassengerSet, QuotaCode, Release, RequestId, RequestMark, Reserve, Rest,
    RunId, SaleChange, Sex, StopRef,
};

use super::client::Client;
use super::net::Target;
use crate::dice::Dice;
use crate::fault::Fault;
use crate::oracle::state::LIFE_MS;
use crate::trains::{CLASS, LISTS_CLASS, extra_run, runs, runs_with_lists};

/// A request that is yet to be sent.
pub struct Wish {
    /// What.
    pub command: Command,
    /// Of whom.
    pub target: Target,
    /// What it counts as, if it is unusual.
    pub fault: Option<Fault>,
}

/// Draws requests.
pub struct Workload {
    dice: Dice,
    ids: Dice,
    contents: u64,
    /// The run that most want.
    hot: RunId,
    /// What is asked of trains with lists is drawn with these alone, so that a seed without such
    /// trains lives as it did before there were any; `None` in a world that has none.
    lists: Option<Dice>,
}

impl Workload {
    /// For a seed; in half of those with lists most want a train with lists.
    pub fn new(seed: u64, with_lists: bool) -> Self {
        let mut dice = Dice::new(seed, 3);
        let mut hot = *dice.of(&runs());
        let mut lists = with_lists.then(|| Dice::new(seed, 7));
        if let Some(lists) = &mut lists
            && lists.per_mille(500)
        {
            hot = *lists.of(&runs_with_lists());
        }
        Self { dice, ids: Dice::new(seed, 4), contents: 0, hot, lists }
    }

    fn mark(&mut self) -> RequestMark {
        let id = u128::from(self.ids.word()) << 64 | u128::from(self.ids.word());
        RequestMark { id: RequestId(id), digest: self.content() }
    }

    /// No two contents have the same digest.
    fn content(&mut self) -> u64 {
        self.contents += 1;
        self.contents
    }

    fn run(&mut self) -> RunId {
        let run = if self.dice.per_mille(600) { self.hot } else { *self.dice.of(&runs()) };
        if let Some(lists) = &mut self.lists
            && lists.per_mille(100)
        {
            return *lists.of(&runs_with_lists());
        }
        run
    }

    /// Whether a run has lists, and the dice for them.
    fn lists_of(&mut self, run: RunId) -> Option<&mut Dice> {
        self.lists.as_mut().filter(|_| runs_with_lists().contains(&run))
    }

    /// Makes a reserve one of a train with lists: most take a half or a number when no berth is left.
    fn ask_for_less(dice: &mut Dice, ask: &mut Reserve) {
        ask.class = LISTS_CLASS;
        ask.quota = dice.of(&["GN", "GN", "GN", "TQ"]).parse().expect("a quota");
        ask.conditions.rac = dice.per_mille(600);
        ask.conditions.waiting = dice.per_mille(700);
        for berth in &mut ask.berths {
            berth.number = dice.between(11, 30) as u16;
        }
        // Short lists are worth asking for by few at once.
        if dice.per_mille(500) {
            ask.party.truncate(1);
        }
    }

    fn stops(run: RunId) -> u16 {
        match run.train.as_str() {
            "101" | "404" => 4,
            "505" => 5,
            "202" => 6,
            _ => 8,
        }
    }

    fn journey(&mut self, run: RunId) -> (StopRef, StopRef) {
        let stops = u64::from(Self::stops(run));
        let from = self.dice.between(1, stops - 1);
        let to = if self.dice.per_mille(500) { stops } else { self.dice.between(from + 1, stops) };
        let to = if self.dice.per_mille(10) { from } else { to };
        (StopRef::Sequence(from as u16), StopRef::Sequence(to as u16))
    }

    fn passenger(&mut self) -> Passenger {
        let ages = [AgeBand::Adult, AgeBand::Adult, AgeBand::Senior, AgeBand::Youth];
        let sexes = [Sex::Male, Sex::Female];
        let preference = self.dice.per_mille(150).then_some(BerthType::Lower);
        let (age, sex) = (*self.dice.of(&ages), *self.dice.of(&sexes));
        Passenger { age, sex, berth_required: true, preference }
    }

    fn quota(&mut self, run: RunId) -> QuotaCode {
        let quotas: &[&str] = match run.train.as_str() {
            "101" => &["GN", "GN", "GN", "GN", "HO", "LD"],
            "202" => &["GN", "GN", "GN", "TQ", "TQ", "HO"],
            _ => &["GN"],
        };
        self.dice.of(quotas).parse().expect("a quota")
    }

    /// A reserve of one run.
    pub fn reserve(&mut self, run: RunId) -> Reserve {
        let (from, to) = self.journey(run);
        let heads = if self.dice.per_mille(700) { 1 } else { self.dice.between(2, 4) };
        let mut party: ArrayVec<_, 6> = (0..heads).map(|_| self.passenger()).collect();
        if heads > 1 && self.dice.per_mille(200) {
            party[1] = Passenger { age: AgeBand::Infant, berth_required: false, ..party[1] };
            party[1].preference = None;
        }
        let hard = heads == 1 && self.dice.per_mille(100);
        let mut berths = Vec::new();
        if heads == 1 && !hard && self.dice.per_mille(80) {
            let number = self.dice.between(1, 19) as u16;
            berths.push(BerthName { coach: "H1".into(), number });
        }
        let mut ask = Reserve {
            request: self.mark(),
            hold: HoldId(0),
            class: CLASS,
            quota: self.quota(run),
            from,
            to,
            party,
            conditions: Conditions { preferences_are_hard: hard, ..Conditions::default() },
            berths,
            ttl: Millis(self.dice.between(10_000, 60_000)),
            reference: if self.dice.per_mille(300) { "ref".into() } else { "".into() },
        };
        if let Some(dice) = self.lists_of(run) {
            Self::ask_for_less(dice, &mut ask);
        }
        ask
    }

    /// A reserve that meets a panic: the edge would have refused a party in which nobody needs a
    /// berth.
    pub fn panics(&mut self) -> Wish {
        let run = self.run();
        let mut ask = self.reserve(run);
        ask.party.truncate(1);
        ask.party[0] = Passenger { berth_required: false, preference: None, ..ask.party[0] };
        (ask.berths, ask.conditions) = (Vec::new(), Conditions::default());
        let (command, target) = (Command::Reserve(ask), Target::Train(run));
        Wish { command, target, fault: Some(Fault::RunPanic) }
    }

    /// Many reserves of one trip.
    pub fn rush(&mut self, count: usize) -> Vec<Wish> {
        let run = self.hot;
        let stops = Self::stops(run);
        let wish = |load: &mut Self| {
            let mut ask = load.reserve(run);
            (ask.from, ask.to) = (StopRef::Sequence(1), StopRef::Sequence(stops));
            ask.quota = "GN".parse().expect("a quota");
            let (command, target) = (Command::Reserve(ask), Target::Train(run));
            Wish { command, target, fault: None }
        };
        (0..count).map(|_| wish(self)).collect()
    }

    fn some(&mut self, party: usize) -> Option<PassengerSet> {
        if party < 2 || self.dice.per_mille(700) {
            return None;
        }
        Some(PassengerSet(self.dice.between(1, (1 << party) - 1) as u8))
    }

    /// What a client wants next. `others`: holds of other clients.
    pub fn next(&mut self, client: &Client, others: Option<super::client::Known>) -> Wish {
        let plain = |command, target| Wish { command, target, fault: None };
        let shared = others.is_some();
        let hold = others.or_else(|| {
            let count = client.holds.len();
            (count > 0).then(|| client.holds[self.dice.place(count)])
        });
        let roll = self.dice.below(100);
        if let Some(known) = hold.filter(|_| shared || roll < 55) {
            let fault = shared.then_some(Fault::SharedHold);
            let command = self.on_hold(known);
            return Wish { command, target: Target::Hold(known.hold), fault };
        }
        if roll < 75 && !client.bookings.is_empty() {
            let (_, pnr, party) = *self.dice.of(&client.bookings);
            let target = Target::Pnr(String::new());
            if self.dice.per_mille(300) {
                return plain(Command::GetBooking(pnr), target);
            }
            let (request, passengers) = (self.mark(), self.some(party));
            return plain(Command::Cancel(Cancel { request, pnr, passengers }), target);
        }
        let run = self.run();
        if roll == 99 {
            return plain(Command::GetRun, Target::Train(run));
        }
        let fault = runs_with_lists().contains(&run).then_some(Fault::Lists);
        Wish { command: Command::Reserve(self.reserve(run)), target: Target::Train(run), fault }
    }

    fn on_hold(&mut self, known: super::client::Known) -> Command {
        let hold = known.hold;
        match self.dice.below(100) {
            0..45 => Command::Confirm(Confirm {
                request: self.mark(),
                hold,
                passengers: self.some(known.party),
                rest: if self.dice.per_mille(400) { Rest::Kept } else { Rest::Released },
                payment: "paid".into(),
                pnr_block: None,
            }),
            45..70 => {
                let (request, passengers) = (self.mark(), self.some(known.party));
                Command::Release(Release { request, hold, passengers })
            }
            70..85 => {
                let (ttl, life) = (Millis(self.dice.between(10_000, 60_000)), Millis(LIFE_MS));
                Command::Extend(Extend { request: self.mark(), hold, ttl, life })
            }
            _ => Command::GetHold(hold),
        }
    }

    /// A confirm of a whole hold.
    pub fn confirm(&mut self, hold: HoldId) -> Command {
        Command::Confirm(Confirm {
            request: self.mark(),
            hold,
            passengers: None,
            rest: Rest::Released,
            payment: "paid".into(),
            pnr_block: None,
        })
    }

    /// What an operator wants next.
    pub fn operate(&mut self, fault: Fault) -> Wish {
        let run = if self.dice.per_mille(100) { extra_run() } else { self.run() };
        let request = self.mark();
        let target = Target::Train(run);
        let command = match fault {
            Fault::Retire => Command::Retire(request),
            Fault::BlockChange => {
                let number = |dice: &mut Dice| dice.between(1, 18) as u16;
                let coach = || "H1".into();
                let names = self.dice.between(1, 3);
                let mut berths: Vec<_> = (0..names)
                    .map(|_| BerthName { coach: coach(), number: number(&mut self.dice) })
                    .collect();
                if let Some(dice) = self.lists_of(run) {
                    berths[0].number = dice.between(11, 18) as u16;
                }
                let journey = self.journey(run);
                let legs = self.dice.per_mille(700).then_some(journey);
                let block = Block { request, berths, legs };
                if self.dice.per_mille(400) {
                    Command::Block(block)
                } else {
                    Command::Unblock(block)
                }
            }
            _ if run == extra_run() => {
                let command = Command::Create(request);
                return Wish { command, target: Target::Create(run), fault: None };
            }
            _ => {
                let quota = self.dice.per_mille(500).then(|| "GN".parse().expect("a quota"));
                let open = self.dice.per_mille(800);
                Command::SetSale(SaleChange { request, class: None, quota, open })
            }
        };
        Wish { command, target, fault: Some(fault) }
    }

    /// The same id for something else; `None` where there is nothing else.
    pub fn other_body(&mut self, command: &Command) -> Option<Command> {
        let digest = self.content();
        let mut other = command.clone();
        match &mut other {
            Command::Reserve(ask) => {
                ask.request.digest = digest;
                ask.ttl.0 += 1_000;
            }
            Command::Confirm(ask) => {
                ask.request.digest = digest;
                ask.payment = "paid twice".into();
            }
            Command::Extend(ask) => {
                ask.request.digest = digest;
                ask.ttl.0 += 1_000;
            }
            _ => return None,
        }
        Some(other)
    }
}
