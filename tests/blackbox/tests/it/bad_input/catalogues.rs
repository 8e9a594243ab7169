//! Catalogues that a server will not start with: line, train, field, value, and what is allowed.

use crate::server::{CATALOGUE, Home};

const HEADER: &str = r#"{"berth_catalogue":1,"zone":"Asia/Kolkata"}"#;

fn train(stops: &str, coaches: &str) -> String {
    let head = r#"{"number":"10001","name":"Bad Express","days":"1111111""#;
    format!("{HEADER}\n{head},\"stops\":[{stops}],\"coaches\":[{coaches}]}}\n")
}

fn stops(count: usize) -> String {
    let one = |n: usize| {
        let arrival = if n == 0 { "null".to_owned() } else { (n * 10).to_string() };
        let departure = if n + 1 == count { "null".to_owned() } else { (n * 10 + 5).to_string() };
        format!("[\"S{n}\",{n},{arrival},{departure}]")
    };
    (0..count).map(one).collect::<Vec<_>>().join(",")
}

/// A server with this catalogue does not start, says exactly this, and writes nothing.
#[track_caller]
fn refused(catalogue: &str, expected: &str) {
    let home = Home::selling(catalogue);
    let (code, said) = home.refuse();
    assert_eq!(code, Some(1), "{said}");
    let expected = format!("berth: {expected}");
    let long = expected.strip_suffix("...");
    match long {
        Some(beginning) => assert!(said.starts_with(beginning), "{said}\n{beginning}"),
        None => assert_eq!(said, expected),
    }
    assert!(!home.data().exists(), "nothing was made");
}

#[test]
fn one_stop_is_no_journey() {
    refused(&train(&stops(1), "\"S1:SL\""), "line 2, train 10001: 1 stops; 2 to 128 allowed");
}

#[test]
fn a_hundred_and_twenty_nine_stops_are_too_many() {
    refused(&train(&stops(129), "\"S1:SL\""), "line 2, train 10001: 129 stops; 2 to 128 allowed");
    let home = Home::selling(&train(&stops(128), "\"S1:SL\""));
    drop(home.serve());
}

#[test]
fn coaches_have_different_ids() {
    refused(
        &train(&stops(3), r#""S1:SL","S2:SL","S1:3A""#),
        "line 2, train 10001: coach id \"S1\" is given to coach 1 and coach 3; ids must differ",
    );
}

#[test]
fn an_unknown_layout_is_named_with_those_that_are_known() {
    refused(
        &train(&stops(3), r#""S1:SL","X1:9Z""#),
        "line 2, train 10001: coach X1 has unknown layout \"9Z\"; known: SL/LHB...",
    );
}

#[test]
fn times_run_forwards() {
    refused(
        &train(r#"["A",0,null,600],["B",9,500,505],["C",20,700,null]"#, "\"S1:SL\""),
        "line 2, train 10001: stop 2 (B) arrives at minute 500, before minute 600...",
    );
    refused(
        &train(r#"["A",0,null,600],["B",9,700,650],["C",20,800,null]"#, "\"S1:SL\""),
        "line 2, train 10001: stop 2 (B) departs at minute 650, before minute 700...",
    );
}

#[test]
fn what_is_no_catalogue_is_told_by_its_line() {
    refused(
        &CATALOGUE.replace("\"10003\"", "\"10001\""),
        "train 10001 stands on line 2 and again on line 4; remove one of them",
    );
    refused(&format!("{HEADER}\n{{}}\n"), "line 2, train unnamed: missing field...");
    refused("", "the catalogue has no train...");
    refused("no header\n", "line 1 is not a catalogue header...");
    refused(HEADER, "the catalogue has no train...");
    refused(
        &CATALOGUE.replace("\"berth_catalogue\":1", "\"berth_catalogue\":9"),
        "the catalogue has format 9, this berth reads format 1; update berth",
    );
    let zone = CATALOGUE.replace("Asia/Kolkata", "Asia/Nowhere");
    let (code, said) = Home::selling(&zone).refuse();
    assert_eq!(code, Some(1));
    assert!(said.contains("Asia/Nowhere"), "{said}");
    let home = Home::new();
    std::fs::remove_file(home.catalogue()).unwrap();
    let (code, said) = home.refuse();
    assert_eq!(code, Some(1));
    assert!(said.contains("trains.jsonl") && said.contains("--catalogue"), "{said}");
}
