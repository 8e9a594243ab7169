//! Every goal, suite by suite, in one table; and whether all that must be reached is.

use std::process::ExitCode;

use crate::fault::Bench;
use crate::goal::{Found, Goal};
use crate::report::{Section, Table};
use crate::setup::Setup;
use crate::suite::SUITES;

/// Measures all rows; with the peers only if asked.
pub fn measure(setup: &Setup, peers: bool) -> Bench<Vec<Goal>> {
    let mut goals = Vec::new();
    for suite in SUITES.iter().filter(|suite| peers || !suite.peers) {
        if let Some(measure) = suite.goals {
            let begun = std::time::Instant::now();
            let rows = measure(setup);
            for goal in &rows {
                eprintln!("{}", goal.cells().join("  "));
            }
            eprintln!("  [{}: {:.0} s]", suite.name, begun.elapsed().as_secs_f64());
            goals.extend(rows);
            setup.place.check()?;
        }
    }
    Ok(goals)
}

/// As a section of the report.
pub fn section(goals: &[Goal]) -> Section {
    let mut table = Table::new("", &Goal::HEAD);
    for goal in goals {
        table.row(goal.cells());
    }
    let mut notes = vec![
        "A ratio stands with both of its absolutes; server CPU is user and system time of the \
         server process for each command. Met: the lower end of the 90 % interval reaches 0.97 of \
         *must* where higher is better, the upper end 1.03 of it where lower is better."
            .to_owned(),
    ];
    for goal in goals {
        let (measure, verdict) = (goal.target.measure, goal.verdict());
        match &goal.found {
            Found::Failed(why) => notes.push(format!("Not measured: {measure}: {why}.")),
            Found::Skipped(why) => notes.push(format!("Skipped: {measure}: {why}.")),
            Found::Value(_) if !goal.at_aim() => notes.push(format!("{measure}: {verdict}.")),
            Found::Value(_) => {}
        }
    }
    Section { suite: "goals", title: "Goals".into(), notes, tables: vec![table], plots: vec![] }
}

/// 1 if a row that must be reached is not.
pub fn exit(goals: &[Goal]) -> ExitCode {
    let unmet = goals.iter().filter(|goal| goal.met() == Some(false)).count();
    let skipped = goals.iter().filter(|goal| goal.met().is_none()).count();
    eprintln!("{} goals: {unmet} not met, {skipped} skipped", goals.len());
    ExitCode::from(u8::from(unmet > 0 || goals.is_empty()))
}
