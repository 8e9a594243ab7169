//! Berths kept for long journeys: learnt on the training days, judged on days that the learning has
//! not seen, every one of them.

use std::sync::Arc;

use berth_inventory::{Entry, Plan};
use berth_planning::{Keeping, Past, PastRequest};
use serde_json::{Value, json};

use super::demand::{Demand, HELD_OUT, Parties, Request, Rhythm, TRAINING, load_of};
use super::score::Score;
use super::{BERTH, Day, PROMISED, entry, plan_of};
use crate::goal::{Goal, Target};
use crate::paired::Estimate;
use crate::report::{Plot, Scale, Series, Table};

/// As tables name the product with berths kept.
const KEEPING: &str = "Berth, berths kept";
/// The same when half of everybody asks in the first tenth of the sale: not as on the training days.
const EARLY: &str = "Berth, berths kept, half ask early";

const GAIN: [Target; 3] = [
    Target::high("12841, 20 held-out days: over the fair bound", "points", 3.0, 7.0),
    Target::high("12615, 20 held-out days: over the fair bound", "points", 3.0, 7.0),
    Target::high("15909, 20 held-out days: over the fair bound", "points", 3.0, 7.0),
];
const LOSS: Target = Target::low("most that a held-out day loses by it", "points", 0.5, 0.0);

/// A held-out day of a train, all classes added up.
struct Found {
    day: u32,
    capacity: f64,
    fair: f64,
    optimum: f64,
    plain: Score,
    kept: Score,
    early: Score,
}

/// Which score of a day.
type Of = fn(&Found) -> &Score;

impl Found {
    /// Points of the capacity by which a score beats so many berth-kilometres.
    fn points(&self, score: &Score, over: f64) -> f64 {
        100.0 * (score.berth_km - over) / self.capacity
    }

    fn policies(&self) -> [(&'static str, &Score); 3] {
        [(BERTH, &self.plain), (KEEPING, &self.kept), (EARLY, &self.early)]
    }
}

/// A train: what was learnt, and what came of it.
pub(super) struct Learnt {
    train: &'static str,
    parties: Parties,
    keeping: Keeping,
    days: Vec<Found>,
}

impl Learnt {
    /// Learns on so many of the training days, judges so many others.
    pub(super) fn of(train: &'static str, parties: Parties, days: usize) -> Self {
        let entry = entry(train);
        let plain = plan_of(&entry);
        let demand = Demand::of(plain.stops());
        let requests = |day: u32, pool: &berth_inventory::Pool| {
            let seed = u64::from(day) << 8 | pool.class as u64;
            demand.requests(seed, load_of(day), pool.berths.len(), parties)
        };
        let past = |pool: &berth_inventory::Pool| Past {
            berths: pool.berths.len() as u16,
            days: TRAINING.take(days).map(|day| past(&requests(day, pool))).collect(),
        };
        let past: Vec<Past> = plain.pools().iter().map(past).collect();
        let keeping = Keeping::learnt(&demand.stops_km(), &past);
        let kept = keep(entry, &plain, &keeping);
        let judge = |day: u32| {
            let mut found = Found {
                day,
                capacity: 0.0,
                fair: 0.0,
                optimum: 0.0,
                plain: Score::default(),
                kept: Score::default(),
                early: Score::default(),
            };
            for pool in plain.pools() {
                let (berths, requests) = (&pool.berths[..], requests(day, pool));
                found.capacity += berths.len() as f64 * demand.route_km();
                let mut day = Day { plan: &plain, class: pool.class, berths, requests };
                found.fair += day.fair();
                found.optimum += day.optimum();
                found.plain = found.plain.and(day.machine(Rhythm::Even));
                day.plan = &kept;
                found.kept = found.kept.and(day.machine(Rhythm::Even));
                found.early = found.early.and(day.machine(Rhythm::Early));
            }
            found
        };
        Self { train, parties, keeping, days: HELD_OUT.take(days).map(judge).collect() }
    }

    fn mean(&self, of: impl Fn(&Found) -> f64) -> f64 {
        self.days.iter().map(of).sum::<f64>() / self.days.len() as f64
    }

    /// Points over the fair bound, the mean of the days.
    fn gain(&self, score: Of) -> f64 {
        self.mean(|day| day.points(score(day), day.fair))
    }

    /// The most points that a day loses to the plain rule; below 0 if every day wins.
    fn loss(&self, score: Of) -> f64 {
        let lost = self.days.iter().map(|day| -day.points(score(day), day.plain.berth_km));
        lost.fold(f64::MIN, f64::max)
    }

    /// One object a day and policy.
    pub(super) fn json(&self) -> impl Iterator<Item = Value> {
        self.days.iter().flat_map(move |day| {
            day.policies().map(|(policy, score)| {
                json!({
                    "train": self.train,
                    "day": day.day,
                    "load": load_of(day.day),
                    "parties": self.parties.name(),
                    "policy": policy,
                    "asked": score.parties,
                    "accepted": score.accepted,
                    "berth_km": score.berth_km,
                    "capacity_km": day.capacity,
                    "fair_bound_km": day.fair,
                    "optimum_km": day.optimum,
                    "over_fair_points": day.points(score, day.fair),
                    "over_plain_points": day.points(score, day.plain.berth_km),
                    "phantom": score.phantom,
                    "overtaken": score.overtaken,
                })
            })
        })
    }
}

/// The entry with berths kept in every pool.
fn keep(mut entry: Entry, plain: &Plan, keeping: &Keeping) -> Arc<Plan> {
    for (pool, found) in entry.pools.iter_mut().zip(plain.pools()) {
        pool.kept = keeping.rows(found.berths.len() as u16);
    }
    plan_of(&entry)
}

fn past(requests: &[Request]) -> Vec<PastRequest> {
    let one = |(place, request): (usize, &Request)| PastRequest {
        legs: request.legs,
        heads: request.party.len() as u16,
        before: Rhythm::Even.before(place, requests.len()),
    };
    requests.iter().enumerate().map(one).collect()
}

/// What must be reached by those who travel alone.
pub(super) fn goals(all: &[Learnt]) -> Vec<Goal> {
    let single = || all.iter().filter(|learnt| learnt.parties == Parties::Single);
    let exact =
        |target: Target, value| Target { exact: true, ..target }.reached(&Estimate::exact(value));
    let mut goals: Vec<_> = single()
        .zip(GAIN)
        .map(|(learnt, target)| exact(target, learnt.gain(|day| &day.kept)))
        .collect();
    let worst = single().map(|learnt| learnt.loss(|day| &day.kept)).fold(f64::MIN, f64::max);
    goals.push(
        exact(LOSS, worst).with_remark("the worst day of the three trains; below 0: it wins"),
    );
    goals
}

/// What was learnt and won, a line a train; then every day.
pub(super) fn tables(all: &[Learnt]) -> [Table; 2] {
    [trains(all), days(all)]
}

fn trains(all: &[Learnt]) -> Table {
    let caption = "Berths kept for long journeys: learnt on days 1 to 20 (loads 0.8 to 2.0), judged on \
                   days 21 to 40, the mean of them. Points of the capacity.";
    let mut table = Table::new(
        caption,
        &[
            "train",
            "parties",
            "seat choice",
            "berth-km of capacity",
            "fair bound",
            "optimum",
            "points over the fair bound",
            "worst day against the plain rule",
            "accepted",
            "overtaken",
        ],
    );
    let lines: [(&str, Of); 3] =
        [(BERTH, |d| &d.plain), (KEEPING, |d| &d.kept), (EARLY, |d| &d.early)];
    for learnt in all {
        for (name, score) in lines {
            let sum = |of: fn(&Score) -> u64| learnt.days.iter().map(|d| of(score(d))).sum::<u64>();
            let (asked, accepted) = (sum(|s| s.parties), sum(|s| s.accepted));
            table.row(vec![
                learnt.train.into(),
                learnt.parties.name().into(),
                name.into(),
                format!("{:.3}", learnt.mean(|d| score(d).berth_km / d.capacity)),
                format!("{:.3}", learnt.mean(|d| d.fair / d.capacity)),
                format!("{:.3}", learnt.mean(|d| d.optimum / d.capacity)),
                format!("{:+.2}", learnt.gain(score)),
                format!("{:+.2}", -learnt.loss(score)),
                format!("{:.1} %", 100.0 * accepted as f64 / asked as f64),
                sum(|s| s.overtaken).to_string(),
            ]);
        }
    }
    table
}

fn days(all: &[Learnt]) -> Table {
    let single: Vec<_> = all.iter().filter(|learnt| learnt.parties == Parties::Single).collect();
    let mut head = vec!["day".to_owned(), "load".into()];
    for learnt in &single {
        head.push(format!("{}: fair bound", learnt.train));
        head.extend(["plain".into(), "kept".into()]);
    }
    let caption = "Every held-out day, everybody alone: the fair bound in parts of the capacity, and the \
                   points by which Berth beats it with nothing kept and with berths kept.";
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let mut table = Table::new(caption, &head);
    for place in 0..single.first().map_or(0, |learnt| learnt.days.len()) {
        let day = single[0].days[place].day;
        let mut row = vec![day.to_string(), format!("{:.1}", load_of(day))];
        for found in single.iter().map(|learnt| &learnt.days[place]) {
            row.push(format!("{:.3}", found.fair / found.capacity));
            row.push(format!("{:+.2}", found.points(&found.plain, found.fair)));
            row.push(format!("{:+.2}", found.points(&found.kept, found.fair)));
        }
        table.row(row);
    }
    table
}

/// What the rules say, in words.
pub(super) fn note(all: &[Learnt]) -> String {
    let rows = |learnt: &Learnt| {
        let first = learnt.keeping.peaks().map(|(km, part)| format!("{part} % below {km} km"));
        let first: Vec<_> = first.collect();
        format!("{} ({}): {}", learnt.train, learnt.parties.name(), first.join(", "))
    };
    let learnt: Vec<_> = all.iter().map(rows).collect();
    format!(
        "Berths kept: journeys shorter than so many kilometres open no berth while at most so many of \
         the pool are free on the whole route; they may sit on those that others use elsewhere. What \
         is kept falls to nothing as demand used to come: the sale is 60 days here, with requests \
         evenly spread over them. `berth-planning` learns the shares from the training days alone, \
         for a train once. Learnt, \
         when the sale opens: {}. What it learns of the rhythm it needs: the lines \"half ask early\" \
         are days on which half of everybody asks in the first tenth of the sale, with rows learnt \
         on days on which they did not.",
        learnt.join("; ")
    )
}

/// Points over the fair bound on every held-out day.
pub(super) fn plot(all: &[Learnt]) -> Plot {
    let single = all.iter().filter(|learnt| learnt.parties == Parties::Single);
    let lines: [(&str, Of); 2] = [("berths kept", |day| &day.kept), ("plain", |day| &day.plain)];
    let series = single.flat_map(|learnt| {
        lines.map(|(name, score)| {
            let point = |day: &Found| (f64::from(day.day), day.points(score(day), day.fair));
            Series {
                name: format!("{}, {name}", learnt.train),
                points: learnt.days.iter().map(point).collect(),
            }
        })
    });
    Plot {
        file: "yield-held-out".into(),
        title: "held-out days: points over the fair bound".into(),
        x: ("day".into(), Scale::Linear),
        y: ("points of capacity".into(), Scale::Linear),
        series: series.collect(),
    }
}

/// The trains of the goals, and the same with parties.
pub(super) fn measure(days: usize) -> Vec<Learnt> {
    let both = [Parties::Single, Parties::Mixed];
    let each = both.iter().flat_map(|parties| PROMISED.iter().map(move |train| (*train, *parties)));
    each.map(|(train, parties)| Learnt::of(train, parties, days)).collect()
}

#[cfg(test)]
mod tests {
    use berth_inventory::Millis;
    use berth_planning::Seating;

    use super::*;
    use crate::yields::machine;

    /// The planner seats as the machine does, or what it learns is about another one.
    #[test]
    fn the_planner_accepts_whom_the_machine_accepts() {
        let (plain, demand) = {
            let plan = plan_of(&entry("12951"));
            let demand = Demand::of(plan.stops());
            (plan, demand)
        };
        let mut entry = entry("12951");
        for pool in &mut entry.pools {
            let row = |below_km, berths, last, since, until| berth_inventory::Kept {
                below_km,
                berths,
                last,
                since,
                until,
            };
            pool.kept = vec![row(900, 120, 7, 80_000, 20_000), row(1_200, 9, 0, 30_000, 9_000)];
        }
        let kept = plan_of(&entry);
        for (plan, pool) in [(&plain, 0), (&kept, 0), (&kept, 1)] {
            let pool = &plan.pools()[pool];
            let requests = demand.requests(5, 1.5, pool.berths.len(), Parties::Single);
            let seats = machine::seats(plan, pool.class, &requests, Rhythm::Even);
            let mut seating = Seating::new(pool.berths.len() as u16, plan.legs_count());
            let stops = demand.stops_km();
            for (place, (request, seats)) in requests.iter().zip(seats).enumerate() {
                let before = Rhythm::Even.before(place, requests.len());
                let km =
                    stops[usize::from(request.legs.to)] - stops[usize::from(request.legs.from)];
                let left = Millis(60_000 * u64::from(before));
                let kept = pool.kept.iter().map(|row| row.berths(km, left)).max().unwrap_or(0);
                assert_eq!(seating.seat(request.legs, 1, kept), !seats.is_empty(), "{place}");
            }
        }
    }

    #[test]
    fn what_is_learnt_wins_on_a_day_that_was_not_seen() {
        let learnt = Learnt::of("12951", Parties::Single, 2);
        assert_ne!(learnt.keeping.peaks().count(), 0, "{:?}", learnt.keeping);
        assert!(learnt.gain(|day| &day.kept) > learnt.gain(|day| &day.plain));
    }
}
