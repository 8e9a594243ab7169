//! Proves that the world bites: faults planted in the product, one at a time, each to be found.
//!
//! Built under `--cfg berth_planted` only; the faults are named in `berth_inventory::planted`. A fault
//! is found when a seed fails while it is planted and the same seed breaks nothing without it.

use std::time::Duration;

use berth_inventory::planted::{FAULTS, plant};

use crate::property::Violation;
use crate::seeds::live;
use crate::world::{Setup, Stage};

/// How long a fault is looked for, time of one core.
pub const LIMIT: Duration = Duration::from_secs(60);

/// What became of the search for one fault.
#[derive(Clone, Debug)]
pub struct Search {
    /// The fault.
    pub name: &'static str,
    /// What it breaks, in words.
    pub breaks: &'static str,
    /// Time of one core that it took, or for which it was looked for.
    pub time: Duration,
    /// Seeds lived, the failing one too.
    pub seeds: u64,
    /// The failing one, and what it breaks there.
    pub found: Option<(Setup, Violation)>,
}

/// The names that `words` mean: `all`, `2@57` (two of them, from the 57th on, round and round), or
/// names with commas between.
///
/// # Errors
/// A name that no fault has.
pub fn chosen(words: &str) -> Result<Vec<&'static str>, String> {
    let all = || FAULTS.iter().map(|(name, _)| *name);
    if words == "all" {
        return Ok(all().collect());
    }
    if let Some((count, from)) = words.split_once('@') {
        let number = |text: &str| text.parse::<usize>().map_err(|why| format!("{text:?}: {why}"));
        let (count, from) = (number(count)?, number(from)?);
        return Ok(all().cycle().skip(from * count % FAULTS.len()).take(count).collect());
    }
    let known = |name: &str| all().find(|known| *known == name).ok_or(format!("no fault {name:?}"));
    words.split(',').map(known).collect()
}

/// Processor time of this process: a neighbour's load is not the search's.
fn worked() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec as u32)
}

/// Looks for one fault with the seeds from `first` on, for as long as [`LIMIT`] says.
pub fn search(
    name: &'static str,
    first: u64,
    setup: impl Fn(u64) -> Setup,
    stage: &Stage,
) -> Search {
    let breaks = FAULTS.iter().find(|(known, _)| *known == name).map_or("", |(_, breaks)| breaks);
    let begun = worked();
    let mut search = Search { name, breaks, time: Duration::ZERO, seeds: 0, found: None };
    for seed in first.. {
        search.time = worked().saturating_sub(begun);
        if search.time >= LIMIT {
            break;
        }
        search.seeds += 1;
        plant(Some(name));
        let lived = live(setup(seed), stage, false);
        plant(None);
        let Err(failure) = lived else { continue };
        search.time = worked().saturating_sub(begun);
        // A seed that fails anyway proves nothing.
        if live(failure.setup, stage, false).is_ok() {
            search.found = Some((failure.setup, failure.violation));
            break;
        }
    }
    search
}

/// All searches as a ledger for `docs/proof`.
pub fn ledger(searches: &[Search], commit: &str) -> String {
    let rows = searches.iter().map(|search| {
        let Search { name, breaks, time, seeds, found } = search;
        let seconds = time.as_secs_f64();
        let (by, seed) = match found {
            Some((setup, violation)) => {
                (format!("\"{}\"", violation.property), setup.seed.to_string())
            }
            None => ("null".to_owned(), "null".to_owned()),
        };
        format!(
            "    {{\"fault\": \"{name}\", \"breaks\": \"{breaks}\", \"found_by\": {by}, \
             \"seed\": {seed}, \"seeds\": {seeds}, \"cpu_seconds\": {seconds:.2}}}"
        )
    });
    let rows: Vec<String> = rows.collect();
    let found = searches.iter().filter(|search| search.found.is_some()).count();
    format!(
        "{{\n  \"proof\": \"planted\",\n  \"commit\": \"{commit}\",\n  \"command\": \"berth-sim \
         --plants all\",\n  \"limit_cpu_seconds\": {},\n  \"planted\": {},\n  \"found\": {found},\n  \
         \"faults\": [\n{}\n  ]\n}}\n",
        LIMIT.as_secs(),
        searches.len(),
        rows.join(",\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_in_rotation_come_to_all() {
        let mut seen = std::collections::BTreeSet::new();
        for turn in 0..FAULTS.len() {
            let two = chosen(&format!("2@{turn}")).unwrap();
            assert_eq!(two.len(), 2);
            seen.extend(two);
        }
        assert_eq!(seen.len(), FAULTS.len());
        assert!(chosen("nonsense").is_err());
    }
}
