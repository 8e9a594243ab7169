//! `berth-history FILE [N]`: judges a recorded history; the first N of its runs without versions too.

use std::fs::File;
use std::io::BufReader;
use std::process::ExitCode;

use berth_history::search::Verdict;
use berth_history::{ordered, read, search};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(path) = arguments.next() else {
        eprintln!(
            "berth-history FILE [N]: a recorded history, and of how many runs no version is believed"
        );
        return ExitCode::from(2);
    };
    let searched = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(0_u32);
    let file = File::open(&path).map_err(|why| why.to_string());
    let history = file.and_then(|f| read(BufReader::new(f)).map_err(|why| why.to_string()));
    let history = match history {
        Ok(history) => history,
        Err(why) => {
            eprintln!("berth-history: {path}: {why}");
            return ExitCode::from(2);
        }
    };
    let report = ordered::check(&history);
    println!("{}", report.line());
    report.violations.iter().for_each(|violation| println!("VIOLATION {violation}"));
    let mut is_broken = report.violations_count > 0;
    for run in (0..history.runs.len() as u32).take(searched as usize) {
        let verdict = search::check(&history, run);
        println!("{}: {verdict:?}", history.runs[run as usize].name);
        is_broken |= !matches!(verdict, Verdict::Linearizable { .. });
    }
    if is_broken { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
