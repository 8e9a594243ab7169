//! One run under test, with its journal, and everything that must hold after each command.
//!
//! The train has four stops half an hour apart, one 3A coach `B1` whose 72 berths are three general
//! ones (scanned: LB, MB, UB of the first bay), four Tatkal ones and 65 high official ones (never
//! asked), and a sleeper coach `S1` of 80 general berths (indexed) that runs from S2 to the end.
//! Times are milliseconds since `DAY`, 00:00 UTC of the day before the start; Tatkal opens at
//! 10:00, the train leaves S1 at 16:42 of the next day.

use std::sync::Arc;

use crate::plan::sample;
use crate::{
    Changes, Command, Date, Event, Events, Opens, Plan, PlanHash, PoolEntry, PoolSize, Promotion,
    Refusal, Ruling, Run, RunCreated, RunId, RunState, Said, TravelClass, UnixMillis, Version,
    WaitingEntry,
};

/// 00:00 UTC of the day before the run starts.
pub(crate) const DAY: u64 = 20_000 * DAY_MS;
pub(crate) const DAY_MS: u64 = 86_400_000;
/// When Tatkal opens, since `DAY`.
pub(crate) const TATKAL_OPENS: u64 = 10 * 3_600_000;

/// The plan described above.
pub(crate) fn plan() -> Arc<Plan> {
    plan_of(|_| {})
}

/// The plan described above, but the side lower B1-7 is sold to two, and three may wait for 3A GN and
/// for 3A TQ. (64 high official berths, so that three general ones are left.)
pub(crate) fn plan_with_lists(promotion: Promotion) -> Arc<Plan> {
    plan_of(|pools| {
        let waiting = |label: &str| Some(WaitingEntry { label: label.into(), limit: 3 });
        pools[0].rac = 1;
        pools[0].waiting = waiting("GNWL");
        pools[1].size = PoolSize::Berths(64);
        pools[2].waiting = waiting("TQWL");
        for pool in pools {
            pool.promotion = promotion;
        }
    })
}

fn plan_of(change: impl FnOnce(&mut Vec<PoolEntry>)) -> Arc<Plan> {
    let pool = |quota: &str, class, size, opens, party_max| PoolEntry {
        quota: quota.into(),
        class,
        size,
        board: None,
        alight: None,
        opens,
        party_max,
        // Nobody under five travels on Tatkal here.
        eligible: if quota == "TQ" { vec!["5+".into()] } else { Vec::new() },
        rac: 0,
        waiting: None,
        promotion: Promotion::default(),
        kept: Vec::new(),
    };
    let mut entry = sample::entry(4, &["B1:3A", "S1:SL"]);
    entry.coaches[1].stops = Some((2, 4));
    let tatkal = Opens::Before { days: 1, minute: 600 };
    entry.pools = vec![
        pool("GN", TravelClass::ThirdAc, PoolSize::Rest, Opens::WithRun, 6),
        pool("HO", TravelClass::ThirdAc, PoolSize::Berths(65), Opens::WithRun, 6),
        pool("TQ", TravelClass::ThirdAc, PoolSize::Berths(4), tatkal, 4),
        pool("GN", TravelClass::Sleeper, PoolSize::Rest, Opens::WithRun, 6),
    ];
    change(&mut entry.pools);
    Arc::new(Plan::new(&entry, PlanHash([3; 32])).expect("the sample is a plan"))
}

/// What a command came to, for tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It took effect.
    Took(Said),
    /// It changed nothing.
    Known(Said),
    /// It was refused.
    Refused(Refusal),
}

impl Outcome {
    pub(crate) fn took(self) -> Said {
        match self {
            Self::Took(said) => said,
            other => panic!("did not take effect: {other:?}"),
        }
    }

    pub(crate) fn known(self) -> Said {
        match self {
            Self::Known(said) => said,
            other => panic!("not known: {other:?}"),
        }
    }

    pub(crate) fn refused(self) -> Refusal {
        match self {
            Self::Refused(refusal) => refusal,
            other => panic!("not refused: {other:?}"),
        }
    }
}

/// A run and its journal.
pub(crate) struct World {
    pub(crate) run: Run,
    pub(crate) journal: Vec<(Event, UnixMillis)>,
    created: RunCreated,
    next_block: u32,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::of(plan())
    }

    /// A run whose general pool shares a berth and has a waiting list.
    pub(crate) fn with_lists() -> Self {
        Self::of(plan_with_lists(Promotion::FirstThatFits))
    }

    pub(crate) fn of(plan: Arc<Plan>) -> Self {
        let opens = |opens| match opens {
            Opens::WithRun => UnixMillis(0),
            Opens::Before { .. } => UnixMillis(DAY + TATKAL_OPENS),
        };
        let created = RunCreated {
            run: RunId { train: plan.number(), start_date: Date::from_days(20_001) },
            plan: plan.hash(),
            midnight: UnixMillis(DAY + DAY_MS),
            opens: plan.pools().iter().map(|pool| opens(pool.opens)).collect(),
            extra: false,
        };
        let run = Run::new(plan, &created, UnixMillis(DAY));
        Self { run, journal: Vec::new(), created, next_block: 1 }
    }

    /// Decides and applies at `at` milliseconds after `DAY`, bringing a PNR block as the node does.
    pub(crate) fn ask(&mut self, command: &Command, at: u64) -> Outcome {
        let at = UnixMillis(DAY + at);
        let mut command = command.clone();
        if let Command::Confirm(confirm) = &mut command {
            confirm.pnr_block = self.run.needs_pnr_block().then_some(self.next_block);
        }
        // Whatever is asked of whatever there is, looking ahead comes through.
        self.run.foresee(&command, |_| {});
        self.run.foresee_further(&command, |_| {});
        let before = self.run.version();
        let mut events = Events::new();
        match self.run.rule(&command, at, &mut events) {
            Ruling::Take(then) => {
                assert!(!events.is_empty(), "an effect has an event");
                let mut changes = Changes::default();
                for event in events {
                    self.next_block += u32::from(matches!(event, Event::PnrBlockLeased { .. }));
                    let version = self.run.version();
                    self.run.apply(&event, at, &mut changes);
                    assert_eq!(self.run.version(), version.next(), "one event, one version");
                    self.journal.push((event, at));
                }
                while let Some(event) = self.run.promote() {
                    self.run.apply(&event, at, &mut changes);
                    self.journal.push((event, at));
                }
                Outcome::Took(self.run.say(then))
            }
            Ruling::Known(said) => {
                assert_eq!(self.run.version(), before);
                Outcome::Known(said)
            }
            Ruling::Refused(refusal) => {
                assert_eq!(self.run.version(), before);
                Outcome::Refused(refusal)
            }
        }
    }

    /// Every invariant of the state.
    pub(crate) fn check(&self) {
        let violations = self.run.check();
        assert!(violations.is_empty(), "{violations:#?}");
    }

    /// A fresh run to which the journal was applied.
    pub(crate) fn replayed(&self) -> Run {
        let mut run = Run::new(self.run.plan().clone(), &self.created, UnixMillis(DAY));
        let mut changes = Changes::default();
        for (event, at) in &self.journal {
            run.apply(event, *at, &mut changes);
        }
        run
    }

    /// INV-9: applying the events to a fresh run, or loading the state, gives the same run.
    pub(crate) fn check_replay(&self) {
        let replayed = self.replayed();
        assert_eq!(replayed.state(), self.run.state());
        assert_eq!(replayed.digest(), self.run.digest(), "INV-9");
        assert!(replayed.check().is_empty(), "{:#?}", replayed.check());
        self.reloaded();
        assert_eq!(self.run.version(), Version(1 + self.journal.len() as u64));
    }

    /// The run as a snapshot of it would be read again.
    pub(crate) fn reloaded(&self) -> Run {
        let state: RunState = self.run.state();
        let loaded = Run::from_state(self.run.plan().clone(), state.clone()).expect("sound");
        assert_eq!(loaded.state(), state);
        assert_eq!(loaded.digest(), self.run.digest());
        assert!(loaded.check().is_empty(), "{:#?}", loaded.check());
        loaded
    }
}
