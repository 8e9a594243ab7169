//! A whole network: 3,800 trains, 2,240 of which start each day, open for 60 days.
//!
//! As many trains as the network of Indian Railways has with reserved coaches, each with 20 stops,
//! 14 coaches of four classes and the quotas of the Indian rule book.

use berth_inventory::{CoachEntry, Date, Entry, Opens, RunningDays, StopEntry};
use berth_proto::v1;
use berth_rules::RuleBook;

use super::flow::Order;

/// Trains.
pub const TRAINS: usize = 3_800;
/// Days open after today.
pub const DAYS: i32 = 60;
/// Stops of each train.
pub const STOPS: u32 = 20;
/// Days of the week by train: 4.1 of 7 on average.
const WEEKS: [u8; 5] = [0x7f, 0x7f, 0x15, 0x12, 0x01];
/// Coaches of each train.
const RAKE: [&str; 14] =
    ["1A", "2A", "2A", "3A", "3A", "3A", "3A", "3A", "3A", "SL", "SL", "SL", "SL", "SL"];
/// Seconds by which the catalogue's zone is ahead of UTC.
const ZONE_AHEAD: u64 = 19_800;

/// Train `n` of the network.
fn entry(n: usize) -> Entry {
    let stop = |place: u32| StopEntry {
        code: format!("S{:03}", (place as usize * 7 + n) % 1_000),
        km: place * 45,
        arrival: (place > 0).then_some(360 + place * 60),
        departure: (place + 1 < STOPS).then_some(362 + place * 60),
    };
    let coach = |i: usize, layout: &str| CoachEntry {
        id: format!("{}{i}", &layout[..1]),
        layout: layout.into(),
        stops: None,
    };
    Entry {
        number: number(n),
        name: format!("NETWORK {n}"),
        days: RunningDays(WEEKS[n % WEEKS.len()]),
        stops: (0..STOPS).map(stop).collect(),
        coaches: RAKE.iter().enumerate().map(|(i, layout)| coach(i + 1, layout)).collect(),
        pools: Vec::new(),
        rules: None,
    }
}

fn number(n: usize) -> String {
    (10_000 + n).to_string()
}

/// Every train, with the quotas of the Indian book as of 2026. They are open as soon as the run is, at
/// any hour, but for Tatkal.
pub fn entries() -> impl Iterator<Item = Entry> {
    let day = Date::from_ymd(2026, 1, 1).unwrap_or_default();
    (0..TRAINS).map(move |n| {
        let mut entry = RuleBook::indian().expand(&entry(n), day).expect("the book fits them all");
        let pools = entry.pools.iter_mut();
        pools.filter(|pool| pool.quota != "TQ").for_each(|pool| pool.opens = Opens::WithRun);
        entry
    })
}

/// Today, where the trains run.
pub fn today() -> Date {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seconds = now.map_or(0, |now| now.as_secs()) + ZONE_AHEAD;
    Date::from_days((seconds / 86_400) as i32)
}

/// Every run that is open and has not left yet, in an order in which trains and days are mixed.
pub fn runs(today: Date) -> Vec<v1::RunRef> {
    let mut runs = Vec::new();
    for day in 1..=DAYS {
        // 1,999 shares no factor with 3,800: every train once a day, neighbours far apart.
        for place in 0..TRAINS {
            let n = place * 1_999 % TRAINS;
            let date = today.plus(day);
            if RunningDays(WEEKS[n % WEEKS.len()]).runs_on(date) {
                let start = v1::run_ref::Day::StartDate(date.to_string());
                runs.push(v1::RunRef { train: number(n), day: Some(start) });
            }
        }
    }
    runs
}

/// One order for each run: a journey of three legs in a sleeper.
pub fn one_each(runs: &[v1::RunRef]) -> impl Iterator<Item = Order> + '_ {
    runs.iter().enumerate().map(|(n, run)| {
        let from = 1 + (n % (STOPS as usize - 3)) as u32;
        Order {
            run: run.clone(),
            journey: (from, from + 3),
            class: v1::TravelClass::Sleeper,
            ttl: None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_network_is_as_large_as_it_says() {
        let runs = runs("2026-01-01".parse().unwrap());
        // 60 days of about 2,200 runs, by how the weeks fall.
        assert!((128_000..138_000).contains(&runs.len()), "{}", runs.len());
        let mut names: Vec<_> = runs.iter().map(|run| format!("{run:?}")).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), runs.len(), "each run once");
    }

    #[test]
    fn its_trains_are_sound() {
        let plan = berth_inventory::Plan::new(&entry(7), berth_inventory::PlanHash([0; 32]));
        assert_eq!(plan.unwrap().legs_count(), STOPS as usize - 1);
        let orders: Vec<_> = one_each(&runs("2026-01-01".parse().unwrap())[..100]).collect();
        assert!(orders.iter().all(|order| order.journey.1 <= STOPS));
    }
}
