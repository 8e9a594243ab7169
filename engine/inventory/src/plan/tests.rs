//! What a plan means, and what no plan may be made of.

use super::sample::entry;
use super::*;
use crate::{POOLS_MAX, STOPS_MAX};

fn plan(entry: &Entry) -> Result<Plan, PlanError> {
    Plan::new(entry, PlanHash([0; 32]))
}

fn pool(quota: &str, size: PoolSize) -> PoolEntry {
    PoolEntry {
        quota: quota.into(),
        class: TravelClass::Sleeper,
        size,
        board: None,
        alight: None,
        opens: Opens::WithRun,
        party_max: 6,
        eligible: Vec::new(),
        rac: 0,
        waiting: None,
        promotion: Promotion::default(),
        kept: Vec::new(),
    }
}

fn quota(code: &str) -> QuotaCode {
    code.parse().unwrap()
}

#[test]
fn a_fault_names_train_field_value_and_what_is_allowed() {
    type Spoil = fn(&mut Entry);
    let table: [(Spoil, &str); 35] = [
        (|e| e.stops.truncate(1), "1 stops; 2 to 128 allowed"),
        (|e| e.stops.clear(), "0 stops; 2 to 128 allowed"),
        (|e| e.stops = entry(129, &[]).stops, "129 stops; 2 to 128 allowed"),
        (|e| e.stops[1].code = "N D".into(), "station code \"N D\" is not a name"),
        (|e| e.stops[1].arrival = Some(9), "stop 2 (S2) arrives at minute 9, before minute 1002"),
        (|e| e.stops[1].departure = Some(9), "stop 2 (S2) departs at minute 9, before minute 1030"),
        (|e| e.stops[1].arrival = None, "stop 2 (S2) has no arrival; only the origin may"),
        (|e| e.stops[1].departure = None, "stop 2 (S2) has no departure; only the terminus may"),
        (|e| e.stops[0].departure = None, "stop 1 (S1) has no departure; only the terminus may"),
        (|e| e.stops[4].arrival = None, "stop 5 (S5) has no arrival; only the origin may"),
        (|e| e.stops[4].arrival = Some(43_201), "stop 5 (S5) has minute 43201; at most 43200"),
        (|e| e.stops[2].km = 7, "stop 3 (S3) is at km 7, the stop before it at km 30"),
        (|e| e.number = "123456789".into(), "number \"123456789\" is not a name of 1 to 8"),
        (|e| e.name = "x".repeat(129), "name of 129 bytes; at most 128 allowed"),
        (|e| e.days = RunningDays(0x80), "days 0x80; 7 bits from Monday allowed"),
        (|e| e.coaches.clear(), "no reserved coach; at least 1 needed"),
        (|e| e.coaches[1].id = "S1".into(), "coach id \"S1\" is given to coach 1 and coach 2"),
        (|e| e.coaches[1].id = String::new(), "coach id \"\" is not 1 to 8 characters"),
        (
            |e| e.coaches[1].layout = "5Z".into(),
            "coach S2 has unknown layout \"5Z\"; known: SL/LHB",
        ),
        (|e| e.coaches[1].stops = Some((3, 6)), "coach S2 runs on stops 3 to 6; 1 to 5 allowed"),
        (|e| e.coaches[1].stops = Some((3, 3)), "coach S2 runs on stops 3 to 3; 1 to 5 allowed"),
        (|e| e.coaches[1].stops = Some((0, 3)), "coach S2 runs on stops 0 to 3; 1 to 5 allowed"),
        (|e| e.coaches = vec![e.coaches[0].clone(); 49], "49 coaches; 1 to 48 allowed"),
        (|e| e.pools = vec![pool("TQ", PoolSize::Rest)], "class SL has no pool of quota GN"),
        (
            |e| {
                let kept = vec![Kept { below_km: 90, berths: 3, last: 4, since: 90, until: 60 }];
                e.pools = vec![PoolEntry { kept, ..pool("GN", PoolSize::Rest) }];
            },
            "pool GN of SL keeps 3 berths, then 4, from journeys below 90 km from 90 to 60 minutes",
        ),
        (
            |e| {
                let kept =
                    vec![Kept { below_km: 90, berths: 9, last: 0, since: 90, until: 60 }; 101];
                e.pools = vec![PoolEntry { kept, ..pool("GN", PoolSize::Rest) }];
            },
            "101 rows of kept berths; 0 to 100 allowed",
        ),
        (
            |e| e.pools = vec![pool("GN", PoolSize::Share(60)), pool("TQ", PoolSize::Share(41))],
            "pools of SL ask for 161 berths; the class has 160",
        ),
        (
            |e| e.pools = vec![pool("GN", PoolSize::Share(101))],
            "pool GN of SL has a share of 101 %; 0 to 100 allowed",
        ),
        (
            |e| e.pools = vec![pool("GN", PoolSize::Berths(100))],
            "60 of 160 berths of SL are in no pool",
        ),
        (
            |e| e.pools = vec![pool("GN", PoolSize::Rest), pool("TQ", PoolSize::Rest)],
            "two pools of SL take the rest",
        ),
        (
            |e| e.pools = vec![pool("GN", PoolSize::Rest), pool("GN", PoolSize::Berths(1))],
            "two pools GN of SL sell stops 1 to 5; at most one may",
        ),
        (
            |e| {
                let class = TravelClass::FirstAc;
                e.pools = vec![PoolEntry { class, ..pool("GN", PoolSize::Rest) }];
            },
            "pool GN of class 1A; the train has SL",
        ),
        (
            |e| {
                let party_max = 7;
                e.pools = vec![PoolEntry { party_max, ..pool("GN", PoolSize::Rest) }];
            },
            "pool GN of SL has party_max 7; 1 to 6 allowed",
        ),
        (
            |e| {
                let opens = Opens::Before { days: 1, minute: 1_440 };
                e.pools = vec![PoolEntry { opens, ..pool("GN", PoolSize::Rest) }];
            },
            "pool GN of SL opens 1 days before at minute 1440",
        ),
        (
            |e| {
                let board = Some((2, 6));
                e.pools = vec![PoolEntry { board, ..pool("GN", PoolSize::Rest) }];
            },
            "pool GN of SL has board 2 to 6; 1 to 5 allowed",
        ),
    ];
    for (spoil, expected) in table {
        let mut spoilt = entry(5, &["S1:SL", "S2:SL"]);
        spoil(&mut spoilt);
        let text = plan(&spoilt).unwrap_err().to_string();
        let expected = format!("train {:?}: {expected}", spoilt.number);
        assert!(text.starts_with(&expected), "{text:?} instead of {expected:?}");
    }
}

/// What is just allowed: as many pools as there may be, each of one berth, and a stop that is reached
/// in the minute in which the one before it is left.
#[test]
fn the_most_pools_and_the_shortest_leg() {
    let mut entry = entry(5, &["S1:SL"]);
    entry.stops[1].arrival = entry.stops[0].departure;
    let code = |i: usize| format!("Q{}", char::from(b'A' + i as u8));
    let windows = |i: usize| Some((1 + (i / 26) as u16, 2 + (i / 26) as u16));
    entry.pools = vec![pool("GN", PoolSize::Rest)];
    entry.pools.extend((1..POOLS_MAX).map(|i| PoolEntry {
        board: windows(i),
        alight: windows(i),
        ..pool(&code(i % 26), PoolSize::Berths(1))
    }));
    let plan = plan(&entry).unwrap();
    assert_eq!(plan.pools().len(), POOLS_MAX);
    assert_eq!(plan.stops()[1].arrival, plan.stops()[0].departure);
    entry.pools.push(pool("ZZ", PoolSize::Berths(1)));
    let fault = self::plan(&entry).unwrap_err().to_string();
    assert!(fault.contains("pools; 1 to "), "{fault}");
}

#[test]
fn the_largest_rake_of_the_table_is_a_plan() {
    let coaches: Vec<String> = (0..48).map(|i| format!("D{i}:2S")).collect();
    let coaches: Vec<&str> = coaches.iter().map(String::as_str).collect();
    assert_eq!(plan(&entry(2, &coaches)).unwrap().berths().len(), 48 * 108);
}

#[test]
fn the_longest_route_and_the_shortest() {
    for stops in [2, STOPS_MAX] {
        let plan = plan(&entry(stops, &["S1:SL"])).unwrap();
        assert_eq!(plan.legs_count(), stops - 1);
        assert_eq!(plan.capacity(PoolIndex(0), plan.route()), 80);
    }
}

#[test]
fn without_a_word_of_pools_each_class_is_one_general_pool() {
    let plan = plan(&entry(3, &["H1:1A", "A1:2A/ICF", "S1:SL", "S2:SL"])).unwrap();
    let pools = plan.pools().iter();
    let named: Vec<String> = pools
        .map(|p| {
            format!("{} {} {} {} {:?}", p.class, p.quota, p.berths.len(), p.party_max, p.opens)
        })
        .collect();
    assert_eq!(named, ["1A GN 24 6 WithRun", "2A GN 46 6 WithRun", "SL GN 160 6 WithRun"]);
    assert_eq!(plan.rules(), None);
}

/// Pools with a size of their own sit in the last coaches.
#[test]
fn a_pool_with_a_size_has_the_last_berths_of_its_class() {
    let mut train = entry(3, &["S1:SL", "S2:SL"]);
    train.pools = vec![pool("GN", PoolSize::Rest), pool("TQ", PoolSize::Share(20))];
    let plan = plan(&train).unwrap();
    let tatkal = plan.pool_for(TravelClass::Sleeper, quota("TQ"), plan.route()).unwrap();
    let names: Vec<BerthName> =
        plan.pool(tatkal).berths.iter().map(|b| plan.berth_name(*b)).collect();
    assert_eq!((names[0].coach.as_ref(), names[0].number), ("S2", 49));
    assert_eq!((names[31].coach.as_ref(), names[31].number), ("S2", 80));
}

#[test]
fn the_rule_book_is_named_in_few_words() {
    let mut train = entry(3, &["S1:SL"]);
    for (rules, fits) in [("", false), (&*"r".repeat(64), true), (&*"r".repeat(65), false)] {
        train.rules = Some(rules.into());
        let plan = plan(&train);
        assert_eq!(plan.is_ok(), fits, "{rules}");
        if let Ok(plan) = plan {
            assert_eq!(plan.rules(), Some(rules));
        }
    }
}

#[test]
fn every_berth_is_in_exactly_one_pool() {
    let mut train = entry(9, &["S1:SL", "S2:SL", "S3:SL"]);
    train.pools = vec![
        PoolEntry { board: Some((3, 3)), ..pool("RL", PoolSize::Berths(17)) },
        pool("GN", PoolSize::Rest),
        pool("TQ", PoolSize::Share(33)),
    ];
    let plan = plan(&train).unwrap();
    let sizes: Vec<usize> = plan.pools().iter().map(|p| p.berths.len()).collect();
    assert_eq!(sizes, [17, 240 - 17 - 79, 79]);
    let mut all: Vec<BerthIndex> = Vec::new();
    for (index, pool) in plan.pools().iter().enumerate() {
        assert!(pool.berths.is_sorted());
        assert!(pool.berths.iter().all(|b| plan.berth(*b).pool == PoolIndex(index as u8)));
        all.extend(&pool.berths);
    }
    all.sort_unstable();
    assert_eq!(all, (0..240).map(BerthIndex).collect::<Vec<_>>());
}

#[test]
fn windows_choose_the_pool_of_a_journey() {
    let mut train = entry(6, &["S1:SL"]);
    train.pools = vec![
        PoolEntry { board: Some((1, 2)), ..pool("GN", PoolSize::Rest) },
        PoolEntry { board: Some((3, 5)), ..pool("GN", PoolSize::Berths(8)) },
        PoolEntry { board: Some((4, 6)), alight: Some((1, 4)), ..pool("RL", PoolSize::Berths(0)) },
    ];
    let error = plan(&train).unwrap_err().to_string();
    assert!(error.contains("boards from stop 4 and alights by stop 4"), "{error}");
    train.pools.pop();
    // Windows that meet only backwards sell no journey twice.
    let gn = |board, alight, size| PoolEntry {
        board: Some(board),
        alight: Some(alight),
        ..pool("GN", size)
    };
    let mut apart = train.clone();
    apart.pools = vec![gn((1, 4), (2, 3), PoolSize::Rest), gn((4, 5), (2, 6), PoolSize::Berths(9))];
    assert!(Plan::new(&apart, PlanHash([0; 32])).is_ok());
    let plan = plan(&train).unwrap();
    let find = |from, to| plan.pool_for(TravelClass::Sleeper, quota("GN"), LegRange { from, to });
    assert_eq!((find(1, 5), find(2, 3)), (Some(PoolIndex(0)), Some(PoolIndex(1))));
    assert_eq!(plan.pool_for(TravelClass::Sleeper, quota("TQ"), plan.route()), None);
}

#[test]
fn stops_are_named_by_sequence_or_by_station_and_visit() {
    let mut train = entry(5, &["S1:SL"]);
    train.stops[3].code = "S2".into();
    let plan = plan(&train).unwrap();
    let visit = |code: &str, occurrence| {
        plan.resolve(StopRef::Station { code: code.parse().unwrap(), occurrence })
    };
    assert_eq!((visit("S2", 1), visit("S2", 2), visit("S2", 0)), (Some(1), Some(3), Some(1)));
    assert_eq!((visit("S2", 3), visit("S9", 1), visit("S2", 255)), (None, None, None));
    let sequence = |n| plan.resolve(StopRef::Sequence(n));
    assert_eq!((sequence(1), sequence(5)), (Some(0), Some(4)));
    assert_eq!((sequence(0), sequence(6), sequence(u16::MAX)), (None, None, None));
}

#[test]
fn berths_are_named_by_coach_and_number() {
    let plan = plan(&entry(3, &["H1:1A+2A", "S1:SL"])).unwrap();
    for index in 0..plan.berths().len() as u16 {
        let name = plan.berth_name(BerthIndex(index));
        assert_eq!(plan.find_berth(&name), Some(BerthIndex(index)));
    }
    let find = |coach: &str, number| plan.find_berth(&BerthName { coach: coach.into(), number });
    assert_eq!(find("S1", 1), Some(BerthIndex(30)));
    for (coach, number) in [("S1", 0), ("S1", 81), ("H1", 31), ("S9", 1), ("", 1), ("S1", 65_535)] {
        assert_eq!(find(coach, number), None, "{coach}-{number}");
    }
    assert_eq!(plan.classes(), [TravelClass::FirstAc, TravelClass::SecondAc, TravelClass::Sleeper]);
    assert_eq!(plan.coaches()[0].layout.as_ref(), "1A+2A/LHB");
}

#[test]
fn a_coach_on_part_of_the_route_counts_only_there() {
    let mut train = entry(6, &["S1:SL", "S2:SL"]);
    train.coaches[1].stops = Some((2, 4));
    train.pools = vec![pool("GN", PoolSize::Rest)];
    let plan = plan(&train).unwrap();
    let capacity = |from, to| plan.capacity(PoolIndex(0), LegRange { from, to });
    assert_eq!((capacity(1, 3), capacity(0, 2), capacity(2, 5)), (160, 80, 80));
    assert_eq!(plan.berth_legs(BerthIndex(80)), LegRange { from: 1, to: 3 });
}

#[test]
fn departures_are_instants_after_midnight() {
    let mut train = entry(4, &["S1:SL"]);
    train.stops[2].departure = Some(1_440);
    train.stops[3].arrival = Some(3_000);
    let plan = plan(&train).unwrap();
    let midnight = UnixMillis(1_000_000);
    assert_eq!(plan.departure(midnight, 0), UnixMillis(1_000_000 + 1_002 * 60_000));
    assert_eq!(plan.departure(midnight, 3), UnixMillis(1_000_000 + 3_000 * 60_000));
    let offsets: Vec<i32> = (0..4).map(|stop| plan.boarding_day_offset(stop)).collect();
    assert_eq!(offsets, [0, 0, 1, 2]);
}
