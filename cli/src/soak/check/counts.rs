//! What the server publishes at the end, against itself, against the answers, against the journal.
//!
//! On every leg: free + held + sold + blocked = capacity, and each berth is what the answers and the
//! journal say it is. A published count is the number of berths free on the whole journey.

use super::journal::{Legs, Twin};
use super::overlap::surely_until;
use crate::soak::findings::Findings;
use crate::soak::ledger::{Deed, Ledger, Sure};
use crate::soak::stage::{Stage, StageRun};
use crate::soak::survey::{Cells, Seen};

/// A berth-leg that is two things or none, figures that do not add up.
pub const CONSERVED: &str = "counts-conserved";
/// A published count is not what the berth map says.
pub const PUBLISHED: &str = "published-count";
/// The map contradicts the answers.
pub const ANSWERED: &str = "map-differs-from-answers";
/// The map contradicts the journal.
pub const JOURNALED: &str = "map-differs-from-journal";

/// Quota of berths that two passengers share: figures count halves, a map shows berths. No soak asks
/// for them, so both halves are always the same.
const SHARED: &str = "RAC";

/// Deadlines nearer than this to the last look say nothing, milliseconds.
const NEAR_MS: u64 = 1_000;

/// Capacity, and published counts.
pub fn published(run: &StageRun, seen: &Seen, findings: &mut Findings) {
    let route = crate::soak::ledger::legs(0, run.legs);
    for (berth, cells) in seen.cells.iter().enumerate() {
        let Cells { free, held, sold, blocked } = *cells;
        let parts = [free, held, sold, blocked];
        let sum: u32 = parts.iter().map(|part| part.count_ones()).sum();
        if parts.iter().fold(0, |all, part| all | part) != route || sum != route.count_ones() {
            let what = format!(
                "{}: free {free:b}, held {held:b}, sold {sold:b}, blocked {blocked:b} are not each \
                 leg once (version {})",
                run.berth_name(berth as u16),
                seen.version
            );
            findings.add(CONSERVED, &run.name, what);
        }
    }
    let of_pool = |class: i32, quota: &str| {
        let pool = run.pools.iter().position(|pool| (pool.class, &*pool.quota) == (class, quota));
        let pool_of = run.pool_of.iter().map(move |p| Some(usize::from(*p)) == pool);
        seen.cells.iter().zip(pool_of).filter(|(_, is_of)| *is_of).map(|(cells, _)| cells)
    };
    for count in &seen.counts {
        let legs = count.legs();
        let free = of_pool(count.class, &count.quota).filter(|c| c.free & legs == legs).count();
        if free as u32 != count.free {
            let what = format!(
                "{} {} on stops {}..{}: published {}, on the map {free} (version {})",
                crate::words::class_code(count.class),
                count.quota,
                count.from + 1,
                count.to + 1,
                count.free,
                seen.version
            );
            findings.add(PUBLISHED, &run.name, what);
        }
    }
    for pool in &seen.pools {
        let sum = |part: fn(&Cells) -> u128| -> u64 {
            let places = if pool.quota == SHARED { 2 } else { 1 };
            let of_berths = of_pool(pool.class, &pool.quota).map(|c| part(c).count_ones());
            of_berths.map(|legs| places * u64::from(legs)).sum()
        };
        let map = [sum(|c| c.free), sum(|c| c.held), sum(|c| c.sold), sum(|c| c.blocked)];
        let told = [pool.free, pool.held, pool.sold, pool.blocked];
        if map != told || told.iter().sum::<u64>() != pool.capacity {
            let what = format!(
                "{} {}: capacity {}, free, held, sold, blocked told {told:?}, on the map {map:?}",
                crate::words::class_code(pool.class),
                pool.quota,
                pool.capacity
            );
            findings.add(CONSERVED, &run.name, what);
        }
    }
}

/// What the answers say of a berth: surely held, surely sold, and legs of which they say nothing.
#[derive(Clone, Copy, Default)]
struct Expected {
    held: u128,
    sold: u128,
    open: u128,
}

/// What the answers say of every berth of every run at `as_of` of that run.
fn expected(stage: &Stage, ledger: &Ledger, seen: &[Seen]) -> Vec<Vec<Expected>> {
    let mut all: Vec<Vec<Expected>> =
        stage.runs.iter().map(|run| vec![Expected::default(); run.berths()]).collect();
    for (number, hold) in ledger.holds.iter().enumerate() {
        let now = seen[hold.run as usize].as_of;
        let steps = ledger.moves_of(number as u32);
        for (passenger, berth) in hold.berths() {
            let mine = |step: &&crate::soak::ledger::Move| step.passengers >> passenger & 1 == 1;
            let touched = |step: &&crate::soak::ledger::Move| {
                mine(step)
                    || matches!(
                        step.deed,
                        Deed::Extended { .. } | Deed::Confirmed { rest_released: true, .. }
                    )
            };
            let Some(row) = all[hold.run as usize].get_mut(usize::from(berth)) else { continue };
            if steps.iter().filter(touched).any(|step| step.sure == Sure::Unknown) {
                row.open |= hold.legs();
                continue;
            }
            // An end without doubt is an end, exactly known or not. A confirm gives back only those
            // of the rest that nobody has paid for before.
            let (mut sold, mut ended) = (false, false);
            for step in steps {
                match step.deed {
                    Deed::Released | Deed::Cancelled { .. } => ended |= mine(&step),
                    Deed::Confirmed { rest_released, .. } => {
                        sold |= mine(&step);
                        ended |= rest_released && !sold;
                    }
                    Deed::Extended { .. } => {}
                }
            }
            if ended {
                continue;
            }
            if sold {
                row.sold |= hold.legs();
                continue;
            }
            let deadline = surely_until(ledger, number as u32, passenger).deadline;
            if deadline > now + NEAR_MS {
                row.held |= hold.legs();
            } else if deadline + NEAR_MS > now {
                row.open |= hold.legs();
            }
        }
    }
    all
}

/// The map against the answers. `first` are the maps before the soak: what is not ours stays.
pub fn answered(
    stage: &Stage,
    ledger: &Ledger,
    first: &[Vec<Cells>],
    seen: &[Seen],
    strangers: &[bool],
    findings: &mut Findings,
) {
    let mut loose = strangers.to_vec();
    for unknown in &ledger.unknown {
        loose[unknown.run as usize] = true;
    }
    for (number, rows) in expected(stage, ledger, seen).iter().enumerate() {
        let run = stage.run(number as u32);
        for (berth, row) in rows.iter().enumerate() {
            let (before, cells) = (first[number][berth], seen[number].cells[berth]);
            let sold = (row.sold | before.sold) & !row.open;
            let held = (row.held | before.held) & !row.open;
            let rest = !(sold | held | row.open | before.blocked);
            // With others about, or with requests of unknown fate, a free berth may be taken.
            let odd_rest = if loose[number] { 0 } else { rest & (cells.sold | cells.held) };
            let odd = sold & !cells.sold | held & !cells.held | odd_rest;
            if odd != 0 {
                let what = format!(
                    "{} at {} ms, version {}: by the answers held {held:b}, sold {sold:b}; on the map \
                     held {:b}, sold {:b}; they differ on legs {odd:b}",
                    run.berth_name(berth as u16),
                    seen[number].as_of,
                    seen[number].version,
                    cells.held,
                    cells.sold
                );
                findings.add(ANSWERED, &run.name, what);
            }
        }
    }
}

/// The map against the journal, if both are of one version.
pub fn journaled(run: &StageRun, seen: &Seen, twin: &Twin, findings: &mut Findings) {
    if seen.version != twin.version || twin.retired {
        return;
    }
    for (berth, (cells, legs)) in seen.cells.iter().zip(&twin.berths).enumerate() {
        let Legs { held, sold, .. } = *legs;
        if (cells.held, cells.sold) != (held, sold) {
            let what = format!(
                "{} at version {}: by the journal held {held:b}, sold {sold:b}; on the map held \
                 {:b}, sold {:b}",
                run.berth_name(berth as u16),
                seen.version,
                cells.held,
                cells.sold
            );
            findings.add(JOURNALED, &run.name, what);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soak::check::history::{hold, stage, step};
    use crate::soak::survey::{Count, PoolFigures};

    const ROUTE: u128 = 0b111;

    /// Hold 1: B1-1 sold on legs 0..2. Hold 2: B1-2 held on the whole route.
    fn world() -> (Stage, Ledger, Seen) {
        let stage = stage();
        let deed = Deed::Confirmed { pnr: 7, rest_released: true };
        let ledger = Ledger {
            holds: vec![
                hold(1, 0, 2, &[4], 1_000, 2, 11_000),
                hold(2, 0, 3, &[5], 1_000, 3, 900_000),
                hold(3, 0, 3, &[6], 1_000, 4, 11_000),
            ],
            moves: vec![step(0, deed, 1, (1_500, 5), Sure::Exact)],
            ..Ledger::default()
        };
        let mut cells = vec![Cells { free: ROUTE, ..Cells::default() }; 8];
        cells[4] = Cells { free: 0b100, sold: 0b011, ..Cells::default() };
        cells[5] = Cells { held: ROUTE, ..Cells::default() };
        let class = stage.runs[0].pools[1].class;
        let count = |from, to, free| Count { from, to, class, quota: "GN".into(), free };
        let pool = PoolFigures {
            class,
            quota: "GN".into(),
            capacity: 12,
            free: 7,
            held: 3,
            sold: 2,
            blocked: 0,
        };
        let seen = Seen {
            version: 6,
            as_of: 60_000,
            cells,
            counts: vec![count(0, 3, 2), count(2, 3, 3)],
            pools: vec![pool],
            digest: None,
        };
        (stage, ledger, seen)
    }

    fn all(stage: &Stage, ledger: Ledger, seen: Seen, twin: &Twin) -> Vec<&'static str> {
        let mut findings = Findings::default();
        published(&stage.runs[0], &seen, &mut findings);
        journaled(&stage.runs[0], &seen, twin, &mut findings);
        let first = vec![vec![Cells { free: ROUTE, ..Cells::default() }; 8]];
        let ledger = Ledger::join(vec![ledger]);
        answered(stage, &ledger, &first, &[seen], &[false], &mut findings);
        findings.by_check.keys().copied().collect()
    }

    fn twin() -> Twin {
        let mut berths = vec![Legs::default(); 8];
        berths[4].sold = 0b011;
        berths[5].held = ROUTE;
        Twin { version: 6, berths, ..Twin::default() }
    }

    #[test]
    fn a_world_that_adds_up_passes() {
        let (stage, ledger, seen) = world();
        assert_eq!(all(&stage, ledger, seen, &twin()), [""; 0]);
    }

    #[test]
    fn a_second_confirm_of_the_rest_leaves_the_first_booking_alone() {
        let (stage, mut ledger, seen) = world();
        // The first booking kept the rest of its party, which another booking took over.
        let deed = |pnr, rest_released| Deed::Confirmed { pnr, rest_released };
        ledger.holds[0] = hold(1, 0, 2, &[4, 7], 1_000, 2, 11_000);
        ledger.moves = vec![
            step(0, deed(7, false), 0b01, (1_500, 5), Sure::Exact),
            step(0, deed(8, true), 0b10, (1_600, 6), Sure::Exact),
        ];
        let (mut seen, mut twin) = (seen, twin());
        (seen.counts, seen.pools) = (Vec::new(), Vec::new());
        seen.cells[7] = seen.cells[4];
        twin.berths[7].sold = 0b011;
        assert_eq!(all(&stage, ledger, seen, &twin), [""; 0]);
    }

    #[test]
    fn a_count_that_is_not_on_the_map_is_found() {
        let (stage, ledger, mut seen) = world();
        seen.counts[0].free = 3;
        assert_eq!(all(&stage, ledger, seen, &twin()), [PUBLISHED]);
    }

    #[test]
    fn a_leg_that_is_two_things_or_none_is_found() {
        for (free, sold) in [(0b111, 0b011), (0, 0b011)] {
            let (stage, ledger, mut seen) = world();
            seen.pools.clear();
            seen.counts.clear();
            seen.cells[4] = Cells { free, sold, ..Cells::default() };
            assert_eq!(all(&stage, ledger, seen, &twin()), [CONSERVED]);
        }
        let (stage, ledger, mut seen) = world();
        seen.pools[0].capacity = 13;
        assert_eq!(all(&stage, ledger, seen, &twin()), [CONSERVED]);
    }

    #[test]
    fn a_map_that_contradicts_the_answers_is_found() {
        let (stage, mut ledger, seen) = world();
        // Told as held until long after, and the map says free.
        ledger.holds[2].expires_at = 900_000;
        assert_eq!(all(&stage, ledger, seen, &twin()), [ANSWERED]);
        let (stage, mut ledger, seen) = world();
        // Told as released, and the map says held.
        ledger.moves.push(step(1, Deed::Released, 1, (2_000, 6), Sure::Late));
        assert_eq!(all(&stage, ledger, seen, &twin()), [ANSWERED]);
        let (stage, mut ledger, seen) = world();
        // Nobody was told that it is sold.
        ledger.holds.remove(0);
        ledger.moves.clear();
        assert_eq!(all(&stage, ledger, seen, &twin()), [ANSWERED]);
    }

    #[test]
    fn a_request_of_unknown_fate_excuses_what_it_may_have_done() {
        let (stage, mut ledger, seen) = world();
        ledger.moves.push(step(1, Deed::Released, 1, (2_000, 6), Sure::Unknown));
        assert_eq!(all(&stage, ledger, seen, &twin()), [""; 0]);
        let (stage, mut ledger, mut seen) = world();
        ledger.unknown.push(crate::soak::ledger::UnknownReserve { request: 9, run: 0 });
        seen.cells[7] = Cells { held: ROUTE, ..Cells::default() };
        (seen.counts, seen.pools) = (Vec::new(), Vec::new());
        let mut twin = twin();
        twin.berths[7].held = ROUTE;
        assert_eq!(all(&stage, ledger, seen, &twin), [""; 0]);
    }

    #[test]
    fn a_map_that_contradicts_the_journal_is_found() {
        let (stage, ledger, seen) = world();
        let mut twin = twin();
        twin.berths[0].held = 0b1;
        assert_eq!(all(&stage, ledger, seen, &twin), [JOURNALED]);
    }
}
