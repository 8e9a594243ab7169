//! The five trains of the world: coaches of 18 berths in pools of 8 and fewer, 4 to 8 stops.
//!
//! 101 has 4 stops, leaves at 17:00 and has a pool for women and old men; 202 has 6 and a Tatkal pool that opens at 10:00 on the day
//! before; 303 has 8, leaves at 22:00, runs past midnight, and its one pool is large enough for a gap
//! index. 404 and 505 have 2A berths too, of which one is shared by two passengers each, and short
//! waiting lists: 404 with 4 stops gives what becomes free to the first whom it fits, 505 with 5 to the
//! first of the list; their TQ waits and shares nothing. Nobody asks for the rest of their berths. Dates and minutes are those of Asia/Kolkata, which has no summer time.

use std::sync::Arc;

use berth_inventory::{
    CoachEntry, Date, Entry, Opens, PoolEntry, PoolSize, Promotion, RunId, RunningDays, StopEntry,
    TravelClass, WaitingEntry,
};
use berth_persistence::Catalogue;

/// The class that is asked for in a train without lists.
pub const CLASS: TravelClass = TravelClass::FirstAc;
/// The class that is asked for in a train with lists.
pub const LISTS_CLASS: TravelClass = TravelClass::SecondAc;
/// The zone is so far ahead of UTC, milliseconds.
pub const ZONE_MS: u64 = 19_800_000;
/// A day, milliseconds.
pub const DAY_MS: u64 = 86_400_000;
/// The day on which the world begins, since 1970.
pub const DAY: i32 = 20_010;
/// Days open for sale after today.
pub const OPEN_DAYS: u16 = 3;

/// 00:00 of a date in the zone.
pub fn midnight(date: Date) -> u64 {
    (i64::from(date.days()) * DAY_MS.cast_signed() - ZONE_MS.cast_signed()).cast_unsigned()
}

/// The date at an instant in the zone.
pub fn today(now: u64) -> Date {
    Date::from_days(((now + ZONE_MS) / DAY_MS) as i32)
}

fn train(number: &str, stops: u32, first: u32, pools: Vec<PoolEntry>) -> Entry {
    let stop = |i: u32| StopEntry {
        code: format!("{number}{i}"),
        km: 60 * i,
        arrival: (i > 0).then_some(first + 60 * i - 2),
        departure: (i + 1 < stops).then_some(first + 60 * i),
    };
    Entry {
        number: number.into(),
        name: format!("WORLD {number}"),
        days: RunningDays::DAILY,
        stops: (0..stops).map(stop).collect(),
        coaches: vec![CoachEntry { id: "H1".into(), layout: "1A/ICF".into(), stops: None }],
        pools,
        rules: None,
    }
}

fn pool(quota: &str, size: PoolSize, opens: Opens, party_max: u8) -> PoolEntry {
    PoolEntry {
        quota: quota.into(),
        class: CLASS,
        size,
        board: None,
        alight: None,
        opens,
        party_max,
        eligible: Vec::new(),
        rac: 0,
        waiting: None,
        promotion: Promotion::default(),
        kept: Vec::new(),
    }
}

/// A train with lists: 5 berths of 2A GN, a side lower that two share and 4 who wait; 2 berths of TQ
/// and 3 who wait.
fn with_lists(number: &str, stops: u32, promotion: Promotion) -> Entry {
    let opens = Opens::WithRun;
    let waiting = |label: &str, limit| Some(WaitingEntry { label: label.into(), limit });
    let of = |pool: PoolEntry| PoolEntry { class: LISTS_CLASS, ..pool };
    let pools = vec![
        PoolEntry {
            rac: 1,
            waiting: waiting("GNWL", 4),
            promotion,
            ..of(pool("GN", PoolSize::Berths(5), opens, 6))
        },
        PoolEntry {
            waiting: waiting("TQWL", 3),
            promotion,
            ..of(pool("TQ", PoolSize::Berths(2), opens, 4))
        },
        of(pool("HO", PoolSize::Rest, opens, 2)),
        pool("GN", PoolSize::Rest, opens, 6),
    ];
    let mut entry = train(number, stops, 17 * 60, pools);
    entry.coaches[0].layout = "1A+2A".into();
    entry
}

/// A pool for women, and for men of 60 and more.
fn for_some(pool: PoolEntry) -> PoolEntry {
    PoolEntry { eligible: vec!["F".into(), "M 60+".into()], ..pool }
}

/// The catalogue of the world.
///
/// # Panics
/// Never: the entries are sound.
pub fn catalogue() -> Arc<Catalogue> {
    let with_run = Opens::WithRun;
    let tatkal = Opens::Before { days: 1, minute: 600 };
    let entries = [
        train(
            "101",
            4,
            17 * 60,
            vec![
                pool("GN", PoolSize::Rest, with_run, 6),
                for_some(pool("HO", PoolSize::Berths(10), with_run, 2)),
            ],
        ),
        train(
            "202",
            6,
            17 * 60,
            vec![
                pool("GN", PoolSize::Rest, with_run, 6),
                pool("HO", PoolSize::Berths(6), with_run, 2),
                pool("TQ", PoolSize::Berths(4), tatkal, 4),
            ],
        ),
        train("303", 8, 22 * 60, vec![pool("GN", PoolSize::Rest, with_run, 6)]),
        with_lists("404", 4, Promotion::FirstThatFits),
        with_lists("505", 5, Promotion::WaitForHead),
    ];
    Arc::new(Catalogue::from_entries("Asia/Kolkata", &entries).expect("the trains are sound"))
}

fn run(train: &str, days: i32) -> RunId {
    let start_date = Date::from_days(DAY + days);
    RunId { train: train.parse().expect("a train number"), start_date }
}

/// The runs that are sold and have no lists: the last one's date opens at the midnight after [`DAY`].
pub fn runs() -> [RunId; 3] {
    [run("101", 1), run("202", 1), run("303", i32::from(OPEN_DAYS) + 1)]
}

/// The runs with lists: by one rule of promotion and by the other.
pub fn runs_with_lists() -> [RunId; 2] {
    [run("404", 1), run("505", 1)]
}

/// A run that exists only if an operator makes it: its date is far beyond the calendar.
pub fn extra_run() -> RunId {
    RunId { start_date: Date::from_days(DAY + 30), ..runs()[0] }
}
