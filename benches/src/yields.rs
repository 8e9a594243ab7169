//! `yield`: what seat choice is worth in berth-kilometres, on real trains, through the product's own
//! machine, against what nobody can beat.
//!
//! No clock is in it: the same commit gives the same figures anywhere.

mod bound;
mod demand;
mod held_out;
mod machine;
mod moving;
mod reseated;
mod score;
mod slow;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use berth_inventory::{BerthIndex, Entry, Plan, PlanHash, TravelClass, default_pools};
use berth_persistence::entry_from_json;
use serde_json::{Value, json};

use crate::fault::Bench;
use crate::goal::{Goal, Target};
use crate::goals;
use crate::paired::Estimate;
use crate::report::{self, Plot, Scale, Section, Series, Table};
use demand::{Demand, Parties, Request, Rhythm};
use machine::Seats;
use score::Score;
use slow::Policy;

/// The trains that come with Berth.
const CATALOGUE: &str = include_str!("../../cli/catalogue/indian-railways.jsonl");
/// Trains of the report: 16, 39 and 91 stops, a Rajdhani with 8.
const TRAINS: [&str; 4] = ["12841", "12615", "15909", "12951"];
/// Those that the goals are about.
const PROMISED: [&str; 3] = ["12841", "12615", "15909"];
/// Loads of the report; the goals are about the second.
const LOADS: [f64; 4] = [0.9, 1.2, 1.6, 2.0];
/// See [`LOADS`].
const LOAD: f64 = 1.2;
/// Days of each figure.
const DAYS: core::ops::RangeInclusive<u32> = 1..=5;
/// As tables name the product.
const BERTH: &str = "Berth";

const FAIR: [Target; 3] = [
    Target::ratio("12841 at load 1.2: berth-km over the fair bound", 0.994, 1.0),
    Target::ratio("12615 at load 1.2: berth-km over the fair bound", 0.994, 1.0),
    Target::ratio("15909 at load 1.2: berth-km over the fair bound", 0.994, 1.0),
];
const ONE_BAY: Target = Target::high("parties of 2 to 6 in one bay", "%", 93.0, 97.5);
const ONE_COACH: Target = Target::high("parties of 2 to 6 in one coach", "%", 98.0, 99.7);
const COHESION: Target = Target::low("what keeping them together costs", "points", 0.6, 0.0);
const OVERTAKEN: Target = Target::low("parties overtaken", "", 0.0, 0.0);

/// A train that comes with Berth, each class one general pool: a pool is what seat choice is about.
fn entry(number: &str) -> Entry {
    let head = format!("{{\"number\":\"{number}\",");
    let line = CATALOGUE.lines().find(|line| line.starts_with(&head));
    let mut entry = entry_from_json(line.expect("a train of the catalogue")).expect("a sound line");
    entry.pools = default_pools(plan_of(&entry).classes());
    entry
}

fn plan_of(entry: &Entry) -> Arc<Plan> {
    Arc::new(Plan::new(entry, PlanHash([1; 32])).expect("a sound train"))
}

/// One class of a train on one day: who asks, and for which berths.
struct Day<'a> {
    plan: &'a Arc<Plan>,
    class: TravelClass,
    berths: &'a [BerthIndex],
    requests: Vec<Request>,
}

impl Day<'_> {
    fn score(&self, seats: &[Seats]) -> Score {
        Score::of(self.plan, &self.requests, seats, self.berths.len())
    }

    fn machine(&self, rhythm: Rhythm) -> Score {
        self.score(&machine::seats(self.plan, self.class, &self.requests, rhythm))
    }

    fn slow(&self, policy: Policy) -> Score {
        self.score(&policy.seats(self.berths, self.plan.legs_count(), &self.requests))
    }

    /// Berth-kilometres of the fair bound.
    fn fair(&self) -> f64 {
        let accepted = bound::fair(&self.requests, self.berths.len(), self.plan.legs_count());
        let km = self.requests.iter().zip(accepted).filter(|(_, accepted)| *accepted);
        km.map(|(request, _)| request.berth_km()).sum()
    }

    fn optimum(&self) -> f64 {
        bound::optimum(&self.requests, self.berths.len(), self.plan.legs_count())
    }
}

/// A train under a load, all classes and days added up.
struct Found {
    train: &'static str,
    load: f64,
    parties: Parties,
    /// Berth-kilometres that the train has.
    capacity: f64,
    fair: f64,
    optimum: f64,
    berth: Score,
    others: Vec<(Policy, Score)>,
}

impl Found {
    fn measure(train: &'static str, load: f64, parties: Parties, days: &[u32]) -> Self {
        Self::beside(train, load, parties, days, &Policy::ALL)
    }

    fn beside(
        train: &'static str,
        load: f64,
        parties: Parties,
        days: &[u32],
        policies: &[Policy],
    ) -> Self {
        let plan = plan_of(&entry(train));
        let demand = Demand::of(plan.stops());
        let (mut capacity, mut fair, mut optimum) = (0.0, 0.0, 0.0);
        let mut berth = Score::default();
        let mut others: Vec<_> = policies.iter().map(|p| (*p, Score::default())).collect();
        for (pool, day) in plan.pools().iter().flat_map(|pool| days.iter().map(move |d| (pool, d)))
        {
            let berths = &pool.berths[..];
            let seed = u64::from(*day) << 8 | pool.class as u64;
            let requests = demand.requests(seed, load, berths.len(), parties);
            let day = Day { plan: &plan, class: pool.class, berths, requests };
            capacity += berths.len() as f64 * demand.route_km();
            fair += day.fair();
            optimum += day.optimum();
            berth = berth.and(day.machine(Rhythm::AtOnce));
            for (policy, score) in &mut others {
                *score = score.and(day.slow(*policy));
            }
        }
        Self { train, load, parties, capacity, fair, optimum, berth, others }
    }

    fn of_fair(&self) -> f64 {
        self.berth.berth_km / self.fair
    }

    fn policies(&self) -> impl Iterator<Item = (&'static str, &Score)> {
        let others = self.others.iter().map(|(policy, score)| (policy.name(), score));
        core::iter::once((BERTH, &self.berth)).chain(others)
    }

    fn rows(&self) -> impl Iterator<Item = Vec<String>> {
        let part = |value: f64, whole: f64| format!("{:.3}", value / whole);
        let share = |n: u64, of: u64| {
            if of == 0 { "-".into() } else { format!("{:.1} %", 100.0 * n as f64 / of as f64) }
        };
        let start = move |policy: &str| {
            vec![self.train.to_owned(), format!("{:.1}", self.load), policy.to_owned()]
        };
        let bound = |name: &str, km: f64| {
            let mut row = start(name);
            row.extend([part(km, self.capacity), part(km, self.fair), part(km, self.optimum)]);
            row.resize(HEAD.len(), String::new());
            row
        };
        let bounds = [bound("fair bound", self.fair), bound("offline optimum", self.optimum)];
        let row = move |(name, score): (&str, &Score)| {
            let mut row = start(name);
            let km = score.berth_km;
            row.extend([part(km, self.capacity), part(km, self.fair), part(km, self.optimum)]);
            row.push(share(score.accepted, score.parties));
            row.push(share(score.phantom, score.parties));
            row.push(share(score.one_bay, score.groups));
            row.push(share(score.one_coach, score.groups));
            row.push(share(score.wishes_met, score.wishes));
            row.push(score.overtaken.to_string());
            row
        };
        self.policies().map(row).chain(bounds)
    }

    fn json(&self) -> impl Iterator<Item = Value> {
        self.policies().map(|(policy, score)| {
            json!({
                "train": self.train,
                "load": self.load,
                "parties": self.parties.name(),
                "policy": policy,
                "asked": score.parties,
                "accepted": score.accepted,
                "berth_km": score.berth_km,
                "capacity_km": self.capacity,
                "fair_bound_km": self.fair,
                "optimum_km": self.optimum,
                "phantom": score.phantom,
                "groups": score.groups,
                "one_bay": score.one_bay,
                "one_coach": score.one_coach,
                "wishes": score.wishes,
                "wishes_met": score.wishes_met,
                "overtaken": score.overtaken,
            })
        })
    }
}

const HEAD: [&str; 12] = [
    "train",
    "load",
    "seat choice",
    "berth-km of capacity",
    "of the fair bound",
    "of the optimum",
    "accepted",
    "phantom",
    "one bay",
    "one coach",
    "wishes met",
    "overtaken",
];

/// Measures, tells and writes its section of the report; 1 if a goal is not met.
///
/// # Errors
/// The report cannot be written.
pub fn run(docs: Option<&Path>, as_json: bool, quick: bool) -> Bench<ExitCode> {
    let days: Vec<u32> = if quick { vec![1] } else { DAYS.collect() };
    let measure = |parties| -> Vec<Found> {
        let every = TRAINS.iter().flat_map(|train| LOADS.iter().map(move |load| (*train, *load)));
        every.map(|(train, load)| Found::measure(train, load, parties, &days)).collect()
    };
    let (single, mixed) = (measure(Parties::Single), measure(Parties::Mixed));
    let kept = held_out::measure(if quick { 1 } else { 20 });
    let moved = moving::measure(&days);
    let mut goals = reached(&single, &mixed);
    goals.extend(moving::goals(&moved));
    goals.extend(held_out::goals(&kept));
    let mut section = section(&single, &mixed, &goals, days.len());
    section.notes.extend([moving::note(), held_out::note(&kept)]);
    section.tables.push(moving::table(&moved));
    section.tables.extend(held_out::tables(&kept));
    section.plots.push(held_out::plot(&kept));
    eprintln!("{}", section.plain());
    if as_json {
        let all: Vec<_> = single.iter().chain(&mixed).flat_map(Found::json).collect();
        let rows: Vec<_> = goals.iter().map(Goal::to_json).collect();
        let kept: Vec<_> = kept.iter().flat_map(held_out::Learnt::json).collect();
        let moved: Vec<_> = moved.iter().map(moving::Found::json).collect();
        let all = json!({ "yield": all, "held_out": kept, "reseated": moved, "goals": rows });
        println!("{all}");
    }
    if let Some(docs) = docs {
        eprintln!("written to {}", report::write(docs, &section)?.display());
    }
    Ok(goals::exit(&goals))
}

fn reached(single: &[Found], mixed: &[Found]) -> Vec<Goal> {
    let promised = |found: &[Found], train: &str| -> usize {
        let place = found.iter().position(|f| f.train == train && f.load.total_cmp(&LOAD).is_eq());
        place.expect("every promised train was measured")
    };
    let mut goals: Vec<_> = PROMISED
        .iter()
        .zip(FAIR)
        .map(|(train, target)| {
            let found = &single[promised(single, train)];
            target.reached(&Estimate::exact(found.of_fair()))
        })
        .collect();
    let parties: Vec<_> = PROMISED.iter().map(|train| &mixed[promised(mixed, train)]).collect();
    let all = parties.iter().fold(Score::default(), |sum, found| sum.and(found.berth));
    let per_cent = |n: u64| 100.0 * n as f64 / all.groups as f64;
    let cost = parties.iter().map(|found| {
        let alone = found.others.iter().find(|(policy, _)| *policy == Policy::BestFit);
        let alone = alone.expect("best fit was measured").1.berth_km;
        100.0 * (alone - found.berth.berth_km) / found.capacity
    });
    let worst = cost.fold(f64::MIN, f64::max);
    let overtaken: u64 = single.iter().chain(mixed).map(|found| found.berth.overtaken).sum();
    let exact =
        |target: Target, value| Target { exact: true, ..target }.reached(&Estimate::exact(value));
    goals.extend([
        exact(ONE_BAY, per_cent(all.one_bay)),
        exact(ONE_COACH, per_cent(all.one_coach)),
        exact(COHESION, worst).with_remark("of the capacity, on the worst of the three trains"),
        exact(OVERTAKEN, overtaken as f64),
    ]);
    goals
}

fn section(single: &[Found], mixed: &[Found], goals: &[Goal], days: usize) -> Section {
    let table = |caption: &str, found: &[Found]| {
        let mut table = Table::new(caption, &HEAD);
        found.iter().flat_map(Found::rows).for_each(|row| table.row(row));
        table
    };
    let mut aims = Table::new("What seat choice must reach.", &Goal::HEAD);
    for goal in goals {
        aims.row(goal.cells());
    }
    let notes = vec![
        format!(
            "Synthetic demand, {days} days of it: pairs of stops by gravity (trains at both \
             stations, root of the distance), in random order, until the load times the \
             berth-kilometres of the class are asked for. Each class of the real rake is one pool. \
             Every request goes through the product's state machine as a reserve; nobody pays, \
             cancels or is moved. Same commit, same figures: no clock is in it."
        ),
        "Fair bound: a request is accepted if no leg of it is full, whoever must be moved for it. \
         Offline optimum: all requests known before, any may be refused (exact, by a flow; for \
         parties an upper bound). Phantom: refused although every leg had berths enough. \
         Overtaken: refused, and a later party of that size or more got a journey that holds this \
         one."
            .to_owned(),
    ];
    let tables = vec![
        aims,
        table("Everybody travels alone.", single),
        table("Parties of 1 to 6, 2.2 on average, all or nobody.", mixed),
    ];
    let title = "Yield: what seat choice is worth".into();
    Section { suite: "yield", title, notes, tables, plots: plots(single) }
}

/// Berth-kilometres of the capacity over the load, a plot a train.
fn plots(found: &[Found]) -> Vec<Plot> {
    let plot = |train: &&'static str| {
        let of_train = || found.iter().filter(|found| found.train == *train);
        let line = |name: &str, km: &dyn Fn(&Found) -> f64| Series {
            name: name.to_owned(),
            points: of_train().map(|found| (found.load, km(found) / found.capacity)).collect(),
        };
        let mut series =
            vec![line("offline optimum", &|f| f.optimum), line("fair bound", &|f| f.fair)];
        series.push(line(BERTH, &|f| f.berth.berth_km));
        for (place, policy) in Policy::ALL.iter().enumerate().skip(1) {
            series.push(line(policy.name(), &|f| f.others[place].1.berth_km));
        }
        Plot {
            file: format!("yield-{train}"),
            title: format!("{train}: berth-km sold over capacity"),
            x: ("load".into(), Scale::Linear),
            y: ("of capacity".into(), Scale::Linear),
            series,
        }
    };
    TRAINS.iter().map(plot).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_way_to_choose_beats_the_optimum_and_alone_none_beats_the_fair_bound_by_much() {
        let found = Found::measure("12951", 1.2, Parties::Single, &[1]);
        for (name, score) in found.policies() {
            assert!(score.berth_km <= found.optimum, "{name}");
            assert_eq!(score.overtaken, 0, "{name}");
        }
        let worst = &found.others[3].1;
        assert!(found.berth.berth_km > worst.berth_km, "best fit beats worst fit");
        assert!(found.of_fair() > 0.98, "{}", found.of_fair());
    }
}
