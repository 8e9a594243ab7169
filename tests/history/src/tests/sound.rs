//! What may be is found right, with lost answers, retries, races and deadlines.

use super::fake::history;
use crate::search::Verdict;
use crate::{ordered, read, search, write};

#[test]
fn a_sound_history_passes_both_judges() {
    for seed in 0..12 {
        let history = history(seed, 800);
        let report = ordered::check(&history);
        assert_eq!(report.violations, Vec::<String>::new(), "seed {seed}");
        assert!(report.refusals > 50 && report.unanswered > 10, "{}", report.line());
        assert!(report.took_effect_unanswered > 0 && report.expiries > 0, "{}", report.line());
        let verdict = search::check(&history, 0);
        assert!(matches!(verdict, Verdict::Linearizable { .. }), "seed {seed}: {verdict:?}");
    }
}

#[test]
fn the_order_in_the_file_says_nothing() {
    let mut history = history(3, 400);
    history.tries.reverse();
    assert_eq!(ordered::check(&history).violations_count, 0);
    assert!(matches!(search::check(&history, 0), Verdict::Linearizable { .. }));
}

#[test]
fn a_file_gives_back_what_was_written() {
    let history = history(4, 300);
    let mut file = Vec::new();
    write(&history, &mut file).unwrap();
    assert_eq!(read(file.as_slice()).unwrap(), history);
    let why = read(&b"{\"event\":1}\n"[..]).unwrap_err().to_string();
    assert!(why.starts_with("line 1 is no line of a history"), "{why}");
}
