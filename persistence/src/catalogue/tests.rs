use super::*;

const HEADER: &str = r#"{"berth_catalogue":1,"zone":"Asia/Kolkata"}"#;
const RAJDHANI: &str = r#"{"number":"12951","name":"Mumbai Rajdhani","days":"1111111","stops":[["MMCT",0,null,1020],["ST",263,1183,1188],["KOTA",921,1640,1645],["NDLS",1386,1952,null]],"coaches":["H1:1A","A1:2A","B1:3A","B2:3A@1-3"]}"#;
const TEZGAM: &str = r#"{"number":"19999","name":"Slow \"Express\"","days":"1111100","stops":[["A",0,null,1430],["B",9,1450,1455],["A",18,2900,2905],["C",30,4400,null]],"coaches":["S1:SL"],"pools":[{"quota":"GN","class":"SL","size":"rest","opens":"run","party_max":6},{"quota":"TQ","class":"SL","size":"30%","opens":"D-1 11:00","party_max":4,"eligible":["M 60+","F"],"board":[1,2],"alight":[3,4],"kept":[{"below_km":20,"berths":3,"last":1,"since":2880,"until":1440}]}]}"#;

fn file(trains: &[&str]) -> String {
    [&[HEADER], trains].concat().join("\n")
}

fn refused(line: &str) -> String {
    let text = file(&[RAJDHANI, line]);
    Catalogue::parse(&text).map(|c| c.len()).expect_err(line).to_string()
}

#[test]
fn canonical_text_survives_the_round_trip() {
    for text in [RAJDHANI, TEZGAM] {
        assert_eq!(entry_to_json(&entry_from_json(text).unwrap()), text);
    }
}

#[test]
fn spacing_and_order_of_fields_do_not_change_the_hash() {
    let value: serde_json::Value = serde_json::from_str(RAJDHANI).unwrap();
    let spaced = format!(" {value}  ").replace(':', ": ").replace("H1: 1A", "H1:1A");
    let spaced = spaced.replace("A1: 2A", "A1:2A").replace("B1: 3A", "B1:3A");
    let spaced = spaced.replace("B2: 3A", "B2:3A");
    let (a, b) = (file(&[RAJDHANI]), file(&[&spaced]));
    assert_ne!(a, b);
    let (a, b) = (Catalogue::parse(&a).unwrap(), Catalogue::parse(&b).unwrap());
    assert_eq!(a.trains()[0].hash(), b.trains()[0].hash());
    assert_eq!(a.trains()[0].text(), b.trains()[0].text());
}

#[test]
fn a_train_is_found_and_its_plan_built_once() {
    let text = file(&[RAJDHANI, "", TEZGAM]);
    let catalogue = Catalogue::parse(&text).unwrap();
    assert_eq!((catalogue.zone(), catalogue.len()), ("Asia/Kolkata", 2));
    assert!(!catalogue.is_empty());
    assert_eq!(catalogue.get("12951".parse().unwrap()).unwrap().name(), "Mumbai Rajdhani");
    let train = catalogue.get("19999".parse().unwrap()).unwrap();
    assert_eq!((train.line(), train.last_departure(), train.last_arrival()), (4, 2905, 4400));
    assert_eq!(train.days().to_string(), "1111100");
    assert!(Arc::ptr_eq(train.plan(), train.plan()));
    assert_eq!(**train.plan(), plan_from_text(train.text()).unwrap());
    assert_eq!(train.plan().hash(), train.hash());
    assert!(catalogue.get("12345".parse().unwrap()).is_none());
}

#[test]
fn the_journaled_text_spells_the_pools_out() {
    let catalogue = Catalogue::parse(&file(&[RAJDHANI, TEZGAM])).unwrap();
    let [rajdhani, tezgam] = catalogue.trains() else { panic!("two trains") };
    assert_eq!(&**tezgam.text(), TEZGAM, "it has pools of its own");
    assert!(rajdhani.text().contains(r#""quota":"GN","class":"3A""#), "{}", rajdhani.text());
    assert_eq!(rajdhani.rules(), None);
    let terse = Plan::new(&entry_from_json(RAJDHANI).unwrap(), rajdhani.hash()).unwrap();
    assert_eq!(**rajdhani.plan(), terse, "and they are the default pools");
}

/// Half of every class is earmarked, for trains of an even number only.
struct Halves;

impl PoolRules for Halves {
    fn text(&self) -> RulesText {
        RulesText { hash: plan_hash("halves"), text: "halves".into() }
    }

    fn in_zone(&self, zone: &str) -> Result<Expand<'_>, Box<str>> {
        if zone != "Asia/Kolkata" {
            return Err(format!("the rules are for Asia/Kolkata, not for {zone}").into());
        }
        let share_out = |entry: &Entry| {
            if entry.number.ends_with(['1', '3', '5', '7', '9']) {
                return Err("halves, line 1: number: is odd".into());
            }
            let mut pools = default_pools(&[berth_inventory::TravelClass::Sleeper]);
            let half = berth_inventory::PoolSize::Share(50);
            pools.push(berth_inventory::PoolEntry {
                quota: "HO".into(),
                size: half,
                ..pools[0].clone()
            });
            Ok(Entry { pools, rules: Some("halves@0123".into()), ..entry.clone() })
        };
        Ok(Box::new(share_out))
    }
}

#[test]
fn a_train_without_pools_stands_under_the_rule_book() {
    let (before, _) = TEZGAM.split_once(r#","pools""#).unwrap();
    let ruled = before.replace("19999", "20000") + "}";
    let text = file(&[&ruled, TEZGAM]);
    let catalogue = Catalogue::parse_under(&text, &Halves).unwrap();
    let [ruled, own] = catalogue.trains() else { panic!("two trains") };
    assert_eq!((&**own.text(), own.rules(), own.plan().rules()), (TEZGAM, None, None));
    assert_eq!(ruled.rules(), Some(&Halves.text()));
    assert!(ruled.text().contains(r#""rules":"halves@0123","pools":[{"quota":"GN""#));
    assert_eq!((ruled.plan().rules(), ruled.plan().pools().len()), (Some("halves@0123"), 2));
    // Its text means the same plan wherever it is read, with no book at hand.
    let again = Catalogue::parse(&file(&[ruled.text()])).unwrap();
    assert_eq!(again.trains()[0].plan(), ruled.plan());
    assert_eq!(again.trains()[0].text(), ruled.text());
}

#[test]
fn a_rule_book_that_does_not_fit_is_refused() {
    let under = |text: &str| Catalogue::parse_under(text, &Halves).unwrap_err().to_string();
    assert_eq!(
        under(&file(&[RAJDHANI])),
        "line 2, train 12951: the rules do not fit it: halves, line 1: number: is odd"
    );
    assert_eq!(
        under(&file(&[RAJDHANI]).replace("Asia/Kolkata", "UTC")),
        "the rules are for Asia/Kolkata, not for UTC"
    );
}

#[test]
fn a_stop_is_found_by_sequence_and_by_visit() {
    let catalogue = Catalogue::parse(&file(&[TEZGAM])).unwrap();
    let train = &catalogue.trains()[0];
    let at = |code: &str, occurrence| {
        train.resolve(StopRef::Station { code: code.parse().unwrap(), occurrence })
    };
    assert_eq!((at("A", 1), at("A", 2), at("A", 3), at("X", 1)), (Some(0), Some(2), None, None));
    let seq = |n| train.resolve(StopRef::Sequence(n));
    assert_eq!((seq(0), seq(1), seq(4), seq(5)), (None, Some(0), Some(3), None));
}

#[test]
fn a_number_twice_names_both_lines() {
    let error = Catalogue::parse(&file(&[RAJDHANI, TEZGAM, RAJDHANI])).unwrap_err().to_string();
    assert_eq!(error, "train 12951 stands on line 2 and again on line 4; remove one of them");
}

#[test]
fn a_wrong_train_is_named_with_line_number_field_and_value() {
    let stops = |count: usize| {
        let middle = (1..count.saturating_sub(1))
            .map(|i| format!(r#"["S{i}",{i},{},{}]"#, i * 10, i * 10 + 1));
        let mut all = vec![r#"["A",0,null,0]"#.to_owned()];
        all.extend(middle);
        if count > 1 {
            all.push(format!(r#"["Z",{count},{},null]"#, count * 10));
        }
        format!(
            r#"{{"number":"1","name":"x","days":"1111111","stops":[{}],"coaches":["S1:SL"]}}"#,
            all.join(",")
        )
    };
    let train = |from: &str, to: &str| {
        assert!(TEZGAM.contains(from), "{from}");
        TEZGAM.replace(from, to)
    };
    let cases: &[(String, &[&str])] = &[
        (stops(1), &["line 3, train 1:", "1 stop", "2", "128"]),
        (stops(129), &["line 3, train 1:", "129 stops", "128"]),
        (train(r#"["S1:SL"]"#, r#"["S1:SL","S1:3A"]"#), &["line 3, train 19999:", "S1"]),
        (train("S1:SL", "S1:8Z"), &["line 3, train 19999:", "S1", "8Z"]),
        (train("S1:SL", "S1:SL@3-9"), &["line 3, train 19999:", "S1", "9"]),
        (train("S1:SL", "S1"), &["coach \"S1\" is not id:layout"]),
        (train("S1:SL", "S1:SL@3"), &["coach \"S1:SL@3\" is not id:layout"]),
        (train("1450,1455", "1450,1440"), &["line 3, train 19999:", "1450", "1440"]),
        (train("1450,1455", "1420,1455"), &["line 3, train 19999:", "1430", "1420"]),
        (train("1111100", "111110"), &["line 3, train 19999: days \"111110\" is not seven"]),
        (train("1111100", "1111102"), &["days \"1111102\""]),
        (train("30%", "130%"), &["pool size \"130%\""]),
        (train("D-1 11:00", "D-1 24:00"), &["pool opens \"D-1 24:00\""]),
        (train("M 60+", "M 50+"), &["pool TQ of SL: eligible \"M 50+\" is not a sex", "60"]),
        (train("\"days\"", "\"dayz\""), &["line 3, train 19999:", "dayz"]),
        ("{\"number\":\"7\"".into(), &["line 3, train unnamed: EOF", "column"]),
        ("[1]".into(), &["line 3, train unnamed:"]),
    ];
    for (line, words) in cases {
        let error = refused(line);
        for word in *words {
            assert!(error.contains(word), "{word:?} is not in {error:?}");
        }
    }
}

#[test]
fn of_many_lines_the_first_wrong_one_is_named_and_the_order_kept() {
    let line = |i: usize| RAJDHANI.replace("12951", &format!("T{i}"));
    let mut lines: Vec<String> = (0..LINES_PER_THREAD_MIN * 5 / 2).map(line).collect();
    let text = |lines: &[String]| file(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    let catalogue = Catalogue::parse(&text(&lines)).unwrap();
    for (i, train) in catalogue.trains().iter().enumerate() {
        assert_eq!((train.number().as_str(), train.line()), (&*format!("T{i}"), i as u32 + 2));
    }
    for wrong in [301, 140, 7] {
        lines[wrong] = lines[wrong].replace("B1:3A", "B1:8Z");
        let error = Catalogue::parse(&text(&lines)).unwrap_err().to_string();
        assert!(error.starts_with(&format!("line {}, train T{wrong}:", wrong + 2)), "{error}");
    }
}

#[test]
fn a_file_that_is_no_catalogue_is_named_so() {
    let error = |text: &str| Catalogue::parse(text).unwrap_err();
    assert_eq!(error(""), CatalogueError::Empty);
    assert_eq!(error(HEADER), CatalogueError::Empty);
    assert!(matches!(error(RAJDHANI), CatalogueError::Header { .. }));
    assert!(error(RAJDHANI).to_string().contains("berth import"));
    let newer = r#"{"berth_catalogue":2,"zone":"UTC","sorted":true}"#;
    assert_eq!(error(newer), CatalogueError::Newer { found: 2, known: 1 });
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trains.jsonl");
    let missing = Catalogue::load(&path).unwrap_err().to_string();
    assert!(missing.contains("trains.jsonl"), "{missing}");
    std::fs::write(&path, b"{\"berth_catalogue\":1}\n\xff\n").unwrap();
    assert_eq!(Catalogue::load(&path).unwrap_err(), CatalogueError::NotUtf8 { line: 2 });
    std::fs::write(&path, file(&[RAJDHANI])).unwrap();
    assert_eq!(Catalogue::load(&path).unwrap().len(), 1);
}

#[test]
fn a_file_without_an_end_is_not_read_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("trains.jsonl");
    std::fs::write(&path, "0123456789").unwrap();
    assert_eq!(read_at_most(&path, 10).unwrap(), b"0123456789");
    assert_eq!(
        read_at_most(&path, 9).unwrap_err(),
        "it is longer than 9 bytes, as no catalogue is"
    );
    assert!(read_at_most(Path::new("/dev/zero"), 1 << 20).is_err());
}
