//! Deadlines as a reader sees them: counts must not rise before a deadline, and soon after it.
//!
//! A probe alone on a run makes holds with known deadlines, then polls the published count. `as_of`
//! is read by the server before the count, and everything durable up to it is in the count: so a
//! count still low at `as_of` proves lateness, and a count high before the *next* `as_of` reached the
//! deadline proves an early end.

use hdrhistogram::Histogram;

use crate::soak::findings::Findings;

/// Seen free before its deadline.
pub const EARLY: &str = "published-free-early";
/// Later than the limit.
pub const LATE: &str = "expired-late";
/// Free again, but not to be had; or not exercised.
pub const NOT_SOLD_AGAIN: &str = "not-sold-again";
/// A hold was shown as held at its deadline, or as expired before it.
pub const SHOWN: &str = "hold-shown-wrong";

/// Latest expiry at the 99th percentile, milliseconds.
pub const LATE_MS: u64 = 50;

/// One look at the count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    pub as_of: u64,
    pub free: u32,
}

/// What the probe did and saw on its run.
#[derive(Clone, Debug, Default)]
pub struct Probe {
    pub run: String,
    /// Deadline and berths of every hold, by deadline.
    pub holds: Vec<(u64, u32)>,
    /// The count when all of them were held.
    pub low: u32,
    /// What was seen afterwards, in order.
    pub looks: Vec<Look>,
    /// Parties asked for again once everything was free, and how many were refused.
    pub asked_again: u32,
    pub refused_again: Vec<String>,
}

/// Checks what the probe saw; `late` gets how late each hold was still seen as held, at least.
pub fn check(probe: &Probe, late: &mut Histogram<u64>, findings: &mut Findings) {
    let free_by = |instant: u64| -> u32 {
        probe.holds.iter().filter(|(deadline, _)| *deadline <= instant).map(|(_, n)| n).sum()
    };
    for pair in probe.looks.windows(2) {
        let back = pair[0].free.saturating_sub(probe.low);
        let may = free_by(pair[1].as_of);
        if back > may {
            let what = format!(
                "{back} berths free again before {} ms, but deadlines had passed for {may} only",
                pair[1].as_of
            );
            findings.add(EARLY, &probe.run, what);
        }
    }
    // The n-th berth to come back belongs to the n-th deadline.
    let mut back_needed = 0;
    for (deadline, berths) in &probe.holds {
        back_needed += berths;
        let still_held = |look: &&Look| look.free.saturating_sub(probe.low) < back_needed;
        let last = probe.looks.iter().filter(still_held).map(|look| look.as_of).max();
        late.saturating_record(last.map_or(0, |as_of| as_of.saturating_sub(*deadline)));
    }
    for why in &probe.refused_again {
        findings.add(NOT_SOLD_AGAIN, &probe.run, why.clone());
    }
}

/// The limit on lateness, seen by readers (`seen`) or stamped in the journal.
pub fn in_time(what: &str, late: &Histogram<u64>, findings: &mut Findings) {
    let p99 = late.value_at_quantile(0.99);
    if !late.is_empty() && p99 > LATE_MS {
        let what = format!(
            "{what}: 99 of 100 holds expired up to {p99} ms late, {LATE_MS} ms allowed (of {} holds, \
             p50 {} ms, max {} ms)",
            late.len(),
            late.value_at_quantile(0.5),
            late.max()
        );
        findings.add(LATE, "", what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe() -> Probe {
        let look = |(as_of, free)| Look { as_of, free };
        Probe {
            run: "12951/2026-12-01".into(),
            holds: vec![(1_000, 2), (1_100, 1)],
            low: 5,
            looks: [(990, 5), (1_004, 5), (1_006, 7), (1_099, 7), (1_105, 8)].map(look).to_vec(),
            asked_again: 2,
            refused_again: Vec::new(),
        }
    }

    fn checked(probe: &Probe) -> (Vec<&'static str>, u64) {
        let mut late = Histogram::new_with_max(1_000_000, 3).unwrap();
        let mut findings = Findings::default();
        check(probe, &mut late, &mut findings);
        in_time("seen", &late, &mut findings);
        (findings.by_check.keys().copied().collect(), late.max())
    }

    #[test]
    fn berths_that_come_back_in_time_pass() {
        assert_eq!(checked(&probe()), (vec![], 4));
    }

    #[test]
    fn a_berth_free_before_its_deadline_is_found() {
        let mut early = probe();
        early.looks[0].free = 7;
        early.looks[1] = Look { as_of: 998, free: 7 };
        assert_eq!(checked(&early).0, [EARLY]);
        let mut second = probe();
        second.looks[2].free = 8;
        assert_eq!(checked(&second).0, [EARLY]);
    }

    #[test]
    fn a_berth_that_comes_back_late_is_found() {
        let mut late = probe();
        late.looks[4] = Look { as_of: 1_151, free: 7 };
        assert_eq!(checked(&late), (vec![LATE], 51));
    }

    #[test]
    fn a_free_berth_that_cannot_be_had_is_found() {
        let mut refused = probe();
        refused.refused_again.push("SOLD_OUT".into());
        assert_eq!(checked(&refused).0, [NOT_SOLD_AGAIN]);
    }
}
