//! Plans for tests: trains of real entries, and small made-up coaches for the brute-force twin.

use super::{Berth, Coach, CoachEntry, Entry, Opens, Plan, Pool, Stop, StopEntry};
use crate::{BerthIndex, BerthType, LegRange, PlanHash, PoolIndex, RunningDays, Side, TravelClass};

/// An entry of `stops` stops, half an hour and 30 km apart, with these `id:layout` coaches and the
/// default pools.
pub(crate) fn entry(stops: usize, coaches: &[&str]) -> Entry {
    let stop = |i: usize| StopEntry {
        code: format!("S{}", i + 1),
        km: 30 * i as u32,
        arrival: (i > 0).then_some(1_000 + 30 * i as u32),
        departure: (i + 1 < stops).then_some(1_002 + 30 * i as u32),
    };
    let coach = |text: &&str| {
        let (id, layout) = text.split_once(':').unwrap();
        CoachEntry { id: id.into(), layout: layout.into(), stops: None }
    };
    Entry {
        number: "12951".into(),
        name: "SAMPLE".into(),
        days: RunningDays::DAILY,
        stops: (0..stops).map(stop).collect(),
        coaches: coaches.iter().map(coach).collect(),
        pools: Vec::new(),
        rules: None,
    }
}

/// A train of one class and one pool whose coaches are lists of bays, each a list of berth types.
pub(crate) fn of_bays(legs: usize, coaches: &[Vec<Vec<BerthType>>]) -> Plan {
    let class = TravelClass::ThirdAc;
    let route = LegRange { from: 0, to: legs as u8 };
    let mut plan = Plan {
        hash: PlanHash([7; 32]),
        number: "1".parse().unwrap(),
        name: "TWIN".into(),
        days: RunningDays::DAILY,
        stops: Vec::new(),
        coaches: Vec::new(),
        berths: Vec::new(),
        whole: 0,
        lists: Vec::new(),
        shared: Vec::new(),
        pools: Vec::new(),
        doors: Box::default(),
        keeping: 0,
        classes: vec![class],
        rules: None,
        all_coaches_whole: true,
    };
    for stop in 0..=legs as u32 {
        let code = format!("S{}", stop + 1).parse().unwrap();
        plan.stops.push(Stop { code, km: stop, arrival: stop, departure: stop });
    }
    for (index, bays) in coaches.iter().enumerate() {
        let first = BerthIndex(plan.berths.len() as u16);
        for (bay, types) in bays.iter().enumerate() {
            for berth_type in types {
                plan.berths.push(Berth {
                    coach: index as u8,
                    number: plan.berths.len() as u16 - first.0 + 1,
                    class,
                    berth_type: *berth_type,
                    bay: bay as u8 + 1,
                    row: bay as u8 + 1,
                    side: Side::Left,
                    pool: PoolIndex(0),
                });
            }
        }
        let count = plan.berths.len() as u16 - first.0;
        let (id, layout) = (format!("B{index}").parse().expect("an id"), "twin".into());
        plan.coaches.push(Coach { id, layout, legs: route, first, count });
    }
    plan.pools.push(Pool {
        quota: "GN".parse().unwrap(),
        class,
        berths: (0..plan.berths.len() as u16).map(BerthIndex).collect(),
        board: (0, legs as u8),
        alight: (0, legs as u8),
        opens: Opens::WithRun,
        party_max: 6,
        eligible: crate::Eligible::EVERYBODY,
        eligible_words: Box::default(),
        withheld: Vec::new(),
        halves_of: None,
        behind: super::Behind::NOTHING,
        kept: Box::default(),
    });
    plan.whole = plan.berths.len();
    plan.doors = plan.pools.iter().map(super::Door::of).collect();
    plan
}
