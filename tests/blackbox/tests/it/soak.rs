//! `berth soak` against a server that it did not start: what is checked there, and what its bounds
//! are.

use std::process::Output;

use serde_json::Value;

use crate::server::{Home, Server};

/// The trains that come with berth: soak plays on nothing else.
const SHIPPED: &str = include_str!("../../../../cli/catalogue/indian-railways.jsonl");
/// Some with few stops, so that looking at every berth on every leg is soon done.
const SHORT: &[&str] = &["12123", "12124", "12289"];

fn serve(trains: &[&str], more: &[&str]) -> Server {
    let (header, all) = SHIPPED.split_once('\n').expect("a header");
    let sold = |line: &&str| trains.iter().any(|n| line.contains(&format!("\"number\":\"{n}\"")));
    let lines: Vec<&str> = all.lines().filter(sold).collect();
    assert_eq!(lines.len(), trains.len());
    Home::selling(&format!("{header}\n{}\n", lines.join("\n"))).serve_with(more)
}

fn soak(server: &Server, scenario: &str, duration: &str, knows_admin: bool) -> Output {
    let mut arguments = vec!["soak", "--scenario", scenario, "--duration", duration];
    arguments.extend(["--clients", "6", "--seed", "7", "--json", "--server", server.url()]);
    if knows_admin {
        arguments.extend(["--admin-server", server.admin_url()]);
    }
    server.home().berth(&arguments)
}

/// The report of a soak, and its exit code.
fn report(output: &Output) -> (Option<i32>, Value) {
    let said = String::from_utf8_lossy(&output.stderr);
    let report = serde_json::from_slice(&output.stdout);
    (output.status.code(), report.unwrap_or_else(|why| panic!("{why}; it said {said}")))
}

#[track_caller]
fn assert_counted(checked: &Value, names: &[&str]) {
    for name in names {
        assert!(checked[name].as_u64().is_some_and(|count| count > 0), "{name}: {checked}");
    }
}

/// Checks that need nothing but answers.
const BY_ANSWERS: &[&str] = &["runs", "holds", "changes", "berth_legs", "published_counts"];

#[test]
fn a_server_that_was_there_before_is_checked_by_its_journal() {
    let server = serve(SHORT, &[]);
    for scenario in ["spread", "retry"] {
        let (code, report) = report(&soak(&server, scenario, "2s", true));
        assert_eq!(code, Some(0), "{report}");
        assert_eq!(
            (&report["own_server"], &report["violations"]["count"]),
            (&false.into(), &0.into())
        );
        assert_counted(&report["checked"], BY_ANSWERS);
        assert_counted(&report["checked"], &["journal_events", "first_lsn", "last_lsn"]);
        assert_eq!(report["checked"]["journal"], "Journal.Read");
        assert_eq!(report["data_dir"], Value::Null, "it is not soak's to keep");
    }
}

#[test]
fn without_its_admin_listener_a_server_is_checked_by_its_answers() {
    let server = serve(&SHORT[..1], &[]);
    for scenario in ["tatkal", "spread"] {
        let (code, report) = report(&soak(&server, scenario, "2s", false));
        assert_eq!(code, Some(0), "{report}");
        assert_counted(&report["checked"], BY_ANSWERS);
        let checked = &report["checked"];
        assert_eq!((&checked["journal"], &checked["journal_events"]), (&Value::Null, &0.into()));
    }
}

#[test]
fn holds_live_as_the_server_allows() {
    let server = serve(SHORT, &["--hold-min-seconds", "3", "--hold-life-seconds", "5"]);
    for (scenario, duration) in [("expiry", "6s"), ("spread", "2s"), ("retry", "2s")] {
        let (code, report) = report(&soak(&server, scenario, duration, true));
        let checks = report["violations"]["checks"].as_array().expect("a list");
        // How late a hold expires is a figure, and these builds are not for figures.
        let others: Vec<_> =
            checks.iter().filter(|check| check["outcome"] != "expired-late").collect();
        assert!(others.is_empty() && code == Some(i32::from(!checks.is_empty())), "{report}");
        assert_counted(&report["checked"], &["holds", "journal_events"]);
        if scenario == "expiry" {
            assert_counted(&report["expiry"], &["expired"]);
        }
    }
    // Who is not told the bounds is told what to do.
    let output = soak(&server, "spread", "1s", false);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("outside 3 s to 5 s") && said.contains("--admin-server"), "{said}");
}
