use berth_persistence::Catalogue;

use super::harvest::LeftOut;
use super::*;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn target(output: PathBuf) -> Target {
    Target { output, json: false }
}

fn import_trains(file: PathBuf, output: PathBuf) -> Result<(), ImportError> {
    let zone = ZONE_DEFAULT.into();
    let args = TrainsArgs { file, target: target(output), zone };
    import(&ImportArgs { source: Source::Trains(args) })
}

/// `train: reason: detail` of everything left out.
fn left_out(harvest: &Harvest) -> Vec<String> {
    let line = |out: &LeftOut| format!("{}: {}: {}", out.train, out.reason.sentence(), out.detail);
    harvest.left_out.iter().map(line).collect()
}

fn assert_each_contains(lines: &[String], words: &[&str]) {
    assert_eq!(lines.len(), words.len(), "{lines:#?}");
    for (line, word) in lines.iter().zip(words) {
        assert!(line.contains(word), "{word:?} is not in {line:?}");
    }
}

#[test]
fn a_list_of_trains_becomes_a_catalogue_and_names_what_it_leaves_out() {
    let dir = tempfile::tempdir().unwrap();
    let output = dir.path().join("catalogue.jsonl");
    std::fs::write(&output, "what was there before").unwrap();
    import_trains(fixture("trains.jsonl"), output.clone()).unwrap();
    let catalogue = Catalogue::load(&output).unwrap();
    assert_eq!((catalogue.len(), catalogue.zone()), (2, ZONE_DEFAULT));
    let mail = catalogue.get("10001".parse().unwrap()).unwrap().plan();
    let coaches: Vec<&str> = mail.coaches().iter().map(|coach| coach.id.as_str()).collect();
    assert_eq!(coaches, ["A1", "HA1", "S1", "S2"]);
    assert_eq!(catalogue.get("10008".parse().unwrap()).unwrap().last_departure(), 3010);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing half written is left");

    let harvest = trains::read(&fixture("trains.jsonl")).unwrap();
    assert_each_contains(
        &left_out(&harvest),
        &[
            "10002: no reserved coach:",
            "10003: not a valid train: coach id \"B1\"",
            "10004: unknown coach code: coach X1:8Z, X2:8Z",
            "unnamed: cannot be read:",
            "10001: number stands twice: first on line 1",
            "10006: not a valid train:",
            "10007: cannot be read: days \"11111111\"",
            "10009: cannot be read: coach \"B1\"",
        ],
    );
}

#[test]
fn report_and_summary_agree_and_name_everybody() {
    let harvest = trains::read(&fixture("trains.jsonl")).unwrap();
    let (source, output) = (Path::new("in.jsonl"), Path::new("out.jsonl"));
    let report = harvest.report(source, output);
    assert!(report.starts_with("2 of 10 trains of in.jsonl imported into out.jsonl; 8 left out\n"));
    for word in ["3 GEN (", "\"8Z\" (2 coaches)", "left out, no reserved coach (1): 10002\n"] {
        assert!(report.contains(word), "{word:?} is not in {report}");
    }
    let summary = harvest.summary(source, output);
    expect_test::expect_file!["../../golden/import.json"].assert_eq(&format!("{summary}\n"));
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    assert_eq!((&summary["read"], &summary["imported"]), (&10.into(), &2.into()));
    assert_eq!(summary["unknown_coach_codes"]["8Z"], 2);
    assert_eq!(summary["coaches_dropped"]["GEN"], 3);
    assert_eq!(summary["left_out"][0]["reason"], "no_reserved_coach");
    for out in &harvest.left_out {
        assert!(report.contains(&out.train) && report.contains(&out.detail), "{report}");
    }
}

#[test]
fn a_feed_and_its_rakes_become_a_catalogue() {
    let dir = tempfile::tempdir().unwrap();
    let output = dir.path().join("catalogue.jsonl");
    let (feed, rakes) = (fixture("gtfs"), fixture("rakes.toml"));
    let args =
        GtfsArgs { feed: feed.clone(), rakes: rakes.clone(), target: target(output.clone()) };
    import(&ImportArgs { source: Source::Gtfs(args) }).unwrap();
    let catalogue = Catalogue::load(&output).unwrap();
    assert_eq!((catalogue.len(), catalogue.zone()), (2, "Europe/Berlin"));

    let night = catalogue.get("101".parse().unwrap()).unwrap();
    assert_eq!(night.days().to_string(), "1111110", "two services are one train");
    let plan = night.plan();
    assert_eq!(plan.name(), "Night Star");
    let stops: Vec<String> = plan
        .stops()
        .iter()
        .map(|s| format!("{} {} {} {}", s.code, s.km, s.arrival, s.departure))
        .collect();
    let expected =
        ["ONE 0 1320 1320", "TWO 111 1410 1415", "THREE 181 1510 1515", "FOUR 292 1800 1800"];
    assert_eq!(stops, expected);
    let coaches: Vec<&str> = plan.coaches().iter().map(|coach| coach.id.as_str()).collect();
    assert_eq!(coaches, ["H1", "B1", "B2", "B3", "S1"]);
    assert_eq!(plan.coaches()[4].legs.to_string(), "1..3");

    let late = catalogue.get("501".parse().unwrap()).unwrap();
    assert_eq!(late.days().to_string(), "0000001", "00:20 of Sunday, by Saturday's service");
    assert_eq!((late.stops()[0].departure, late.last_arrival()), (20, 60));

    let (_, harvest) = gtfs::read(&feed, &rakes).unwrap();
    let mut left_out = left_out(&harvest);
    left_out.sort();
    assert_each_contains(
        &left_out,
        &[
            "101: number stands twice: trip night-sun has other stops or times than trip night-week",
            "102: not a valid train:",
            "103: cannot be read: trip lost names route R9",
            "104: not a valid train:",
            "502: no weekly calendar: service single",
            "77: not a train:",
            "999: no coaches in the rakes file:",
        ],
    );
    let report = harvest.report(&feed, &output);
    for word in ["2 stop times without a time", "2 single dates of calendar_dates.txt"] {
        assert!(report.contains(word), "{word:?} is not in {report}");
    }
}

#[test]
fn nothing_imported_is_a_fault_and_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (file, output) = (dir.path().join("in.jsonl"), dir.path().join("out.jsonl"));
    let missing = import_trains(file.clone(), output.clone()).unwrap_err().to_string();
    assert!(missing.contains("in.jsonl cannot be read"), "{missing}");
    std::fs::write(&file, "{}\n").unwrap();
    assert!(matches!(
        import_trains(file.clone(), output.clone()),
        Err(ImportError::Nothing { .. })
    ));
    assert!(!output.exists());
    let nowhere = dir.path().join("no/such/folder/out.jsonl");
    let error = import_trains(fixture("trains.jsonl"), nowhere).unwrap_err().to_string();
    assert!(error.contains("no/such/folder"), "{error}");
    let args =
        TrainsArgs { file: fixture("trains.jsonl"), target: target(output), zone: "Mars".into() };
    let error = import(&ImportArgs { source: Source::Trains(args) }).unwrap_err().to_string();
    assert!(error.contains("Mars"), "{error}");
}

/// The whole network, when `BERTH_TRAINS_JSONL` names it; its list of trains is not in this
/// repository. Without it the fixture stands in.
#[test]
fn every_train_of_the_network_is_imported_or_named() {
    let whole = std::env::var_os("BERTH_TRAINS_JSONL").map(PathBuf::from);
    let file = whole.clone().unwrap_or_else(|| fixture("trains.jsonl"));
    let lines = std::fs::read_to_string(&file).unwrap();
    let lines = lines.lines().filter(|line| !line.trim().is_empty()).count();
    let harvest = trains::read(&file).unwrap();
    let left_out = left_out(&harvest);
    assert_eq!(harvest.entries().len() + left_out.len(), lines, "{left_out:#?}");
    let least = if whole.is_some() { 3_778 } else { 2 };
    assert!(harvest.entries().len() >= least, "{} imported", harvest.entries().len());
}
