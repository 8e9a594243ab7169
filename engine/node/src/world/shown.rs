//! What readers are shown is what the run has, on routes of one word of legs and of several.

use std::collections::VecDeque;
use std::sync::Arc;

use berth_inventory::{
    AgeBand, BerthIndex, Changes, CoachEntry, Date, Entry, Event, HeldPassenger, HoldId, Kept,
    LegRange, Opens, PARTY_MAX, Passenger, PassengerSet, Plan, PlanHash, Pnr, PoolEntry, PoolIndex,
    PoolSize, Promotion, RequestId, RequestMark, Rest, Run, RunCreated, RunId, RunningDays, Sex,
    StopEntry, TravelClass, UnixMillis,
};

use crate::published::RowChange;
use crate::{BerthState, Head, Published, RunTable, SaleStatus};

const DAY_MS: u64 = 86_400_000;

/// Two sleepers with a coach of another class between them, and a small pool beside the large ones.
fn run(stops: usize) -> Run {
    run_keeping(stops, Vec::new())
}

/// The same; the large pool keeps berths for long journeys.
fn run_keeping(stops: usize, kept: Vec<Kept>) -> Run {
    let stop = |i: usize| StopEntry {
        code: format!("S{i}"),
        km: i as u32,
        arrival: (i > 0).then_some(600 + 10 * i as u32),
        departure: (i + 1 < stops).then_some(601 + 10 * i as u32),
    };
    let coach = |(id, layout): (&str, &str)| CoachEntry {
        id: id.into(),
        layout: layout.into(),
        stops: None,
    };
    let pool = |quota: &str, class, size| PoolEntry {
        quota: quota.into(),
        class,
        size,
        board: None,
        alight: None,
        opens: Opens::WithRun,
        party_max: 4,
        eligible: Vec::new(),
        rac: 0,
        waiting: None,
        promotion: Promotion::default(),
        kept: Vec::new(),
    };
    let entry = Entry {
        rules: None,
        number: "12951".into(),
        name: "SHOWN".into(),
        days: RunningDays::DAILY,
        stops: (0..stops).map(stop).collect(),
        coaches: [("S1", "SL"), ("B1", "3A"), ("S2", "SL")].map(coach).into(),
        pools: vec![
            PoolEntry { kept, ..pool("GN", TravelClass::Sleeper, PoolSize::Rest) },
            pool("TQ", TravelClass::Sleeper, PoolSize::Berths(8)),
            pool("GN", TravelClass::ThirdAc, PoolSize::Rest),
        ],
    };
    let plan = Arc::new(Plan::new(&entry, PlanHash([1; 32])).expect("a plan"));
    let created = created(&plan);
    Run::new(plan, &created, UnixMillis(0))
}

/// The small pool opens at nine.
fn created(plan: &Plan) -> RunCreated {
    RunCreated {
        run: RunId { train: plan.number(), start_date: Date::from_days(1) },
        plan: plan.hash(),
        midnight: UnixMillis(DAY_MS),
        opens: [0, DAY_MS + 9 * 3_600_000, 0].map(UnixMillis).into(),
        extra: false,
    }
}

fn mark(id: u128) -> RequestMark {
    RequestMark { id: RequestId(id), digest: 0 }
}

/// One hold of one berth.
fn held(run: &Run, number: u128, berth: BerthIndex, legs: LegRange) -> Event {
    let (age, sex) = (AgeBand::Adult, Sex::Male);
    let passenger = Passenger { age, sex, berth_required: true, preference: None };
    Event::Held {
        hold: HoldId(number),
        request: mark(number),
        pool: run.plan().berth(berth).pool,
        legs,
        party: [HeldPassenger { passenger, berth: Some(berth) }].into_iter().collect(),
        expires_at: UnixMillis(number as u64 + 1_000),
        reference: Box::from(""),
    }
}

/// Numbers in no order, the same in every run.
fn draw(state: &mut u64, below: usize) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as usize % below
}

fn check(run: &Run, shown: &Published, journeys: &[LegRange]) {
    assert_eq!(shown.head(), Head::of(run));
    let plan = run.plan();
    let all = plan.route();
    let pools = || (0..plan.pools().len()).map(|pool| PoolIndex(pool as u8));
    for legs in journeys {
        for berth in (0..plan.berths().len()).map(|berth| BerthIndex(berth as u16)) {
            let (masks, journey) = (run.masks(berth), legs.mask());
            let state = if masks.sold.intersects(journey) {
                BerthState::Sold
            } else if masks.held.intersects(journey) {
                BerthState::Held
            } else if masks.blocked.intersects(journey) {
                BerthState::Blocked
            } else {
                BerthState::Free
            };
            assert_eq!(shown.berth_state(berth, *legs), state, "berth {berth} on {legs:?}");
        }
        for pool in pools() {
            let free = u32::from(run.free(pool, *legs));
            assert_eq!(shown.free(pool, *legs), free, "{pool:?} on {legs:?}");
        }
    }
    let ample = |pool: &PoolIndex| usize::from(run.free(*pool, all)) >= PARTY_MAX;
    for pool in pools() {
        assert_eq!(shown.is_ample(pool), ample(&pool), "{pool:?}");
    }
    for class in [TravelClass::Sleeper, TravelClass::ThirdAc] {
        let all_ample = pools().filter(|pool| plan.pool(*pool).class == class).all(|p| ample(&p));
        assert_eq!(shown.is_plenty(class), all_ample, "{class}");
    }
}

#[test]
fn readers_are_shown_what_the_run_has() {
    for stops in [2, 6, 33, 34, 65, 66, 97, 128] {
        let mut run = run(stops);
        let shown = Published::of(&run);
        let (legs, berths) = (run.plan().legs_count(), run.plan().berths().len());
        let journey = |from: usize, to: usize| LegRange { from: from as u8, to: to as u8 };
        let middle = journey(legs / 2, legs / 2 + 1);
        let journeys = [journey(0, 1), journey(0, legs), journey(legs - 1, legs), middle];
        check(&run, &shown, &journeys);
        let (mut state, mut live, mut pnr) = (stops as u64, VecDeque::new(), 256);
        for step in 0..600u32 {
            let at = UnixMillis(u64::from(step));
            let berth = BerthIndex(draw(&mut state, berths) as u16);
            let from = draw(&mut state, legs);
            let legs = journey(from, from + 1 + draw(&mut state, legs - from));
            let masks = run.masks(berth);
            let taken = [masks.held, masks.sold, masks.blocked];
            let is_free = taken.iter().all(|mask| !mask.intersects(legs.mask()));
            let event = match draw(&mut state, 8) {
                0 if is_free => Event::BerthsBlocked { berths: vec![berth], legs },
                1 => Event::BerthsUnblocked { berths: vec![berth], legs },
                2 if run.needs_pnr_block() => Event::PnrBlockLeased { block: pnr as u32 / 256 },
                2 | 3 if !run.needs_pnr_block() && !live.is_empty() => {
                    pnr += 1;
                    Event::Confirmed {
                        hold: live.pop_front().expect("there is one"),
                        request: mark(u128::from(step) + 1_000),
                        pnr: Pnr(pnr - 1),
                        passengers: PassengerSet::first(1),
                        rest: Rest::Released,
                        payment: Box::from(""),
                    }
                }
                4 if live.len() > 3 => {
                    let hold = live.pop_front().expect("there are");
                    Event::Released { hold, passengers: PassengerSet::first(1) }
                }
                5 if step % 9 == 0 => Event::SaleSet { pools: 0b101, open: step % 2 == 0 },
                _ if is_free => {
                    live.push_back(HoldId(u128::from(step)));
                    held(&run, u128::from(step), berth, legs)
                }
                _ => continue,
            };
            let mut changes = Changes::default();
            run.apply(&event, at, &mut changes);
            let row = |berth: &BerthIndex| RowChange { berth: *berth, masks: run.masks(*berth) };
            shown.publish(Head::of(&run), changes.berths.iter().map(row));
            if step % 40 == 0 {
                check(&run, &shown, &journeys);
            }
        }
        check(&run, &shown, &journeys);
        check(&run, &Published::of(&run), &journeys);
    }
}

/// Blocked legs have memory only where there are some: a word for 32 legs of each berth.
#[test]
fn what_is_shown_takes_the_bytes_it_says() {
    for (stops, words) in [(2, 1), (33, 1), (34, 2), (128, 4)] {
        let mut run = run(stops);
        let shown = Published::of(&run);
        let before = shown.bytes();
        let (berths, legs) = (vec![BerthIndex(7)], LegRange { from: 0, to: 1 });
        let mut changes = Changes::default();
        run.apply(&Event::BerthsBlocked { berths, legs }, UnixMillis(1), &mut changes);
        let row = |berth: &BerthIndex| RowChange { berth: *berth, masks: run.masks(*berth) };
        shown.publish(Head::of(&run), changes.berths.iter().map(row));
        let rows = 4 * words * run.plan().berths().len();
        assert_eq!(shown.bytes() - before, rows);
        assert!(before >= size_of::<Published>() + 2 * rows, "{stops} stops");
    }
}

#[test]
fn a_pool_is_on_sale_from_its_opening_to_the_departure() {
    let run = run(6);
    let plan = Arc::clone(run.plan());
    let opens = UnixMillis(DAY_MS + 9 * 3_600_000);
    let leaves = UnixMillis(DAY_MS + 601 * 60_000);
    let later = LegRange { from: 1, to: 3 };
    let tables = [
        RunTable::untouched(Arc::clone(&plan), created(&plan)),
        RunTable::published(run.id(), Arc::new(Published::of(&run))),
    ];
    for table in tables {
        let statuses = |legs, at: u64| {
            let (_, rows) = table.rows(legs, UnixMillis(at));
            rows.into_iter().map(|row| row.status).collect::<Vec<_>>()
        };
        let [general, third] = [SaleStatus::Available(152), SaleStatus::Available(72)];
        let (waits, sells) = (SaleStatus::NotOpen(opens), SaleStatus::Available(8));
        let first = LegRange { from: 0, to: 2 };
        assert_eq!(statuses(first, opens.0 - 1), [general, waits, third]);
        assert_eq!(statuses(first, opens.0), [general, sells, third]);
        assert_eq!(statuses(first, leaves.0 - 1), [general, sells, third]);
        assert_eq!(statuses(first, leaves.0), [SaleStatus::Closed; 3]);
        assert_eq!(statuses(later, leaves.0), [general, sells, third]);
    }
}

#[test]
fn what_is_kept_is_not_shown_to_a_journey_that_may_not_have_it() {
    let kept = Kept { below_km: 3, berths: 150, last: 50, since: 120, until: 60 };
    let mut run = run_keeping(6, vec![kept]);
    let (plan, leaves) = (Arc::clone(run.plan()), DAY_MS + 601 * 60_000);
    let untouched = RunTable::untouched(Arc::clone(&plan), created(&plan));
    let (short, long) = (LegRange { from: 0, to: 2 }, LegRange { from: 0, to: 3 });
    let free = |table: &RunTable, legs, minutes: u64| {
        let (_, rows) = table.rows(legs, UnixMillis(leaves - 60_000 * minutes));
        rows[0].free
    };
    let published = |run: &Run| RunTable::published(run.id(), Arc::new(Published::of(run)));
    for table in [untouched, published(&run)] {
        let shown = [300, 120, 90, 61, 60].map(|minutes| free(&table, short, minutes));
        assert_eq!(shown, [2, 2, 52, 101, 152]);
        assert_eq!(free(&table, long, 300), 152);
    }
    // Two are opened behind the journey: they are open to it, and the others are kept.
    let behind = LegRange { from: 2, to: 5 };
    for number in 0..2 {
        let event = held(&run, number, BerthIndex(number as u16), behind);
        run.apply(&event, UnixMillis(0), &mut Changes::default());
    }
    let table = published(&run);
    assert_eq!([free(&table, short, 300), free(&table, long, 300)], [2, 150]);
    assert_eq!(free(&table, behind, 300), 150, "long");
}
