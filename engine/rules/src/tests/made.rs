//! What books make of trains.

use std::fmt::Write as _;

use berth_inventory::{CoachEntry, Entry, Opens, Plan, PlanHash, PoolSize, RunningDays, StopEntry};
use expect_test::{Expect, expect};

use super::day;
use crate::RuleBook;

/// A train of stops `S1`, `S2` ... of 100 km each with these `id:layout` coaches.
pub(super) fn train(number: &str, stops: u32, coaches: &[&str]) -> Entry {
    let stop = |i: u32| StopEntry {
        code: format!("S{}", i + 1),
        km: 100 * i,
        arrival: (i > 0).then_some(1_000 + 60 * i),
        departure: (i + 1 < stops).then_some(1_002 + 60 * i),
    };
    let coach = |text: &&str| {
        let (id, layout) = text.split_once(':').unwrap();
        CoachEntry { id: id.into(), layout: layout.into(), stops: None }
    };
    Entry {
        number: number.into(),
        name: "SAMPLE".into(),
        days: RunningDays::DAILY,
        stops: (0..stops).map(stop).collect(),
        coaches: coaches.iter().map(coach).collect(),
        pools: Vec::new(),
        rules: None,
    }
}

/// The pools of a train as lines, after it has been found to be a plan.
fn made(book: &RuleBook, entry: &Entry, date: &str) -> String {
    let made = book.expand(entry, day(date)).unwrap_or_else(|fault| panic!("{fault}"));
    assert_eq!(made.rules.as_deref(), Some(&*book.reference()));
    let plan = Plan::new(&made, PlanHash([1; 32])).unwrap();
    assert_eq!(plan.rules(), Some(&*book.reference()));
    let mut lines = String::new();
    for (pool, checked) in made.pools.iter().zip(plan.pools()) {
        let size = match pool.size {
            PoolSize::Rest => "rest".into(),
            PoolSize::Share(percent) => format!("{percent}%"),
            PoolSize::Berths(berths) => berths.to_string(),
        };
        let opens = match pool.opens {
            Opens::WithRun => "run".into(),
            Opens::Before { days, minute } => {
                format!("D-{days} {:02}:{:02}", minute / 60, minute % 60)
            }
        };
        let window = |name, window: Option<(u16, u16)>| {
            window.map_or(String::new(), |(from, to)| format!(" {name} {from}-{to}"))
        };
        let _ = writeln!(
            lines,
            "{} {:2} {size} = {} berths, {opens}, {} at most{}{}{}{}{}",
            pool.class,
            pool.quota,
            checked.berths.len(),
            pool.party_max,
            window("board", pool.board),
            window("alight", pool.alight),
            if pool.eligible.is_empty() { String::new() } else { format!(" {:?}", pool.eligible) },
            if pool.rac == 0 { String::new() } else { format!(", RAC {} a coach", pool.rac) },
            pool.waiting.as_ref().map_or(String::new(), |w| format!(", {} {}", w.label, w.limit)),
        );
    }
    lines
}

#[track_caller]
fn check(book: &RuleBook, entry: &Entry, expected: &Expect) {
    expected.assert_eq(&made(book, entry, "2026-01-15"));
}

/// The Mumbai Rajdhani: no sleeper class, so ladies have berths in 3A.
#[test]
fn a_rajdhani_under_the_indian_book() {
    let mut rake = vec!["H1:1A".to_owned()];
    rake.extend((1..=5).map(|n| format!("A{n}:2A")));
    rake.extend((1..=11).map(|n| format!("B{n}:3A")));
    let rake: Vec<&str> = rake.iter().map(String::as_str).collect();
    let entry = train("12951", 8, &rake);
    check(
        RuleBook::indian(),
        &entry,
        &expect![[r#"
            1A GN rest = 24 berths, D-60 08:00, 6 at most, GNWL 14
            2A GN rest = 201 berths, D-60 08:00, 6 at most, RAC 3 a coach, GNWL 129
            2A TQ 20% = 54 berths, D-1 10:00, 4 at most, TQWL 32
            3A GN rest = 580 berths, D-60 08:00, 6 at most, RAC 4 a coach, GNWL 374
            3A LD 6 = 6 berths, D-60 08:00, 6 at most ["F"]
            3A HP 4 = 4 berths, D-60 08:00, 6 at most
            3A TQ 20% = 158 berths, D-1 10:00, 4 at most, TQWL 94
        "#]],
    );
}

/// A mail train: ladies in the sleeper class, persons with disability in both, Tatkal at two times.
#[test]
fn a_mail_train_under_the_indian_book() {
    let entry = train("12841", 16, &["H1:1A", "A1:2A", "B1:3A", "M1:3E", "S1:SL", "S2:SL"]);
    check(
        RuleBook::indian(),
        &entry,
        &expect![[r#"
            1A GN rest = 24 berths, D-60 08:00, 6 at most, GNWL 14
            2A GN rest = 41 berths, D-60 08:00, 6 at most, RAC 3 a coach, GNWL 26
            2A TQ 20% = 10 berths, D-1 10:00, 4 at most, TQWL 6
            3A GN rest = 50 berths, D-60 08:00, 6 at most, RAC 4 a coach, GNWL 32
            3A HP 4 = 4 berths, D-60 08:00, 6 at most
            3A TQ 20% = 14 berths, D-1 10:00, 4 at most, TQWL 8
            3E GN rest = 59 berths, D-60 08:00, 6 at most, RAC 4 a coach, GNWL 37
            3E HP 4 = 4 berths, D-60 08:00, 6 at most
            3E TQ 20% = 16 berths, D-1 10:00, 4 at most, TQWL 9
            SL GN rest = 104 berths, D-60 08:00, 6 at most, RAC 7 a coach, GNWL 35
            SL LD 6 = 6 berths, D-60 08:00, 6 at most ["F"]
            SL HP 4 = 4 berths, D-60 08:00, 6 at most
            SL TQ 20% = 32 berths, D-1 11:00, 4 at most, TQWL 9
        "#]],
    );
}

/// Rules of one train beside those of all: sold end to end, with a pooled quota for short trips and
/// berths of a remote station.
const END_TO_END: &str = r#"
berth_rules = 1
name = "end-to-end"
[sale]
opens = "D-60 08:00"
[[train]]
numbers = ["12615", "12616"]
end_to_end = true
[[quota]]
code = "GN"
name = "general, the whole way or nearly"
classes = ["all"]
end_to_end = true
size = "rest"
board = "first 20%"
alight = "last 20%"
[[quota]]
code = "GN"
name = "general"
classes = ["all"]
end_to_end = false
size = "rest"
[[quota]]
code = "PQ"
name = "pooled: every trip"
classes = ["SL", "3A"]
end_to_end = true
size = "10%"
[[quota]]
code = "RL"
name = "remote location"
classes = ["SL"]
trains = ["12615"]
size = 8
board = "at S5"
alight = "to S9#1"
[[quota]]
code = "RS"
name = "road side"
classes = ["SL"]
trains = ["12615"]
size = "2/coach"
coaches = "2+"
board = "origin"
alight = "at S5"
"#;

#[test]
fn an_end_to_end_train_has_windows_and_others_have_none() {
    let book = RuleBook::parse("end.toml", END_TO_END).unwrap();
    let rake = ["B1:3A", "S1:SL", "S2:SL"];
    check(
        &book,
        &train("12615", 11, &rake),
        &expect![[r"
        3A GN rest = 65 berths, D-60 08:00, 6 at most board 1-3 alight 9-11
        3A PQ 10% = 7 berths, D-60 08:00, 6 at most
        SL GN rest = 132 berths, D-60 08:00, 6 at most board 1-3 alight 9-11
        SL PQ 10% = 16 berths, D-60 08:00, 6 at most
        SL RL 8 = 8 berths, D-60 08:00, 6 at most board 5-5 alight 1-9
        SL RS 4 = 4 berths, D-60 08:00, 6 at most board 1-1 alight 5-5
    "]],
    );
    check(
        &book,
        &train("12616", 11, &rake[..2]),
        &expect![[r"
        3A GN rest = 65 berths, D-60 08:00, 6 at most board 1-3 alight 9-11
        3A PQ 10% = 7 berths, D-60 08:00, 6 at most
        SL GN rest = 72 berths, D-60 08:00, 6 at most board 1-3 alight 9-11
        SL PQ 10% = 8 berths, D-60 08:00, 6 at most
    "]],
    );
    check(
        &book,
        &train("12617", 11, &rake[..2]),
        &expect![[r"
        3A GN rest = 72 berths, D-60 08:00, 6 at most
        SL GN rest = 80 berths, D-60 08:00, 6 at most
    "]],
    );
}

#[test]
fn a_coach_service_has_one_pool() {
    let entry = train("X7", 4, &["1:CC/VB-DRIVING"]);
    check(
        RuleBook::simple(),
        &entry,
        &expect![[r"
        CC GN rest = 44 berths, run, 6 at most
    "]],
    );
}

/// Shared berths and lists of one book, and of two days.
#[test]
fn what_is_shared_and_waited_for_goes_by_the_day() {
    let entry = train("12841", 16, &["B1:3A/ICF", "S1:SL/ICF", "S2:SL/ICF"]);
    let of = |date| {
        let made = made(RuleBook::indian(), &entry, date);
        let general: Vec<&str> = made.lines().filter(|line| line.contains("GN")).collect();
        general.join("\n")
    };
    expect![[r"
        3A GN rest = 46 berths, D-120 08:00, 6 at most, RAC 2 a coach, GNWL 300
        SL GN rest = 96 berths, D-120 08:00, 6 at most, RAC 5 a coach, GNWL 400"]]
    .assert_eq(&of("2016-06-01"));
    expect![[r"
        3A GN rest = 44 berths, D-60 08:00, 6 at most, RAC 4 a coach, GNWL 12
        SL GN rest = 92 berths, D-60 08:00, 6 at most, RAC 7 a coach, GNWL 26"]]
    .assert_eq(&of("2025-05-01"));
    // Nothing is known of lists before 2013.
    let early = RuleBook::indian().expand(&entry, day("2012-12-31")).unwrap_err().to_string();
    assert!(early.contains("limit: says nothing for 2012-12-31; its first date is 2013-01-01"));
    let book = RuleBook::indian().text().replace("\"SL/LHB\"]", "]");
    let book = RuleBook::parse("own.toml", &book).unwrap();
    let mixed = train("1", 3, &["S1:SL/ICF", "S2:SL/LHB"]);
    let fault = book.expand(&mixed, day("2026-01-15")).unwrap_err().to_string();
    let said = "train 1: coaches of SL share 7 side lowers (SL/ICF) and 0 (SL/LHB)";
    assert!(fault.starts_with("own.toml, line ") && fault.contains(said), "{fault}");
}

#[test]
fn what_does_not_fit_a_train_names_the_rule_and_the_train() {
    let fault = |change: (&str, &str), number: &str, stops, rake: &[&str]| {
        assert!(END_TO_END.contains(change.0), "{}", change.0);
        let book =
            RuleBook::parse("end.toml", &END_TO_END.replacen(change.0, change.1, 1)).unwrap();
        let entry = train(number, stops, rake);
        book.expand(&entry, day("2026-01-15")).unwrap_err().to_string()
    };
    let rake = &["S1:SL", "S2:SL"][..];
    let keep = ("", "");
    assert_eq!(
        fault(keep, "12615", 8, rake),
        "end.toml, line 29: quota[4].alight: train 12615: S9 is not on its route S1 S2 S3 S4 S5 S6 \
         S7 S8"
    );
    assert_eq!(
        fault(("to S9#1", "to S4"), "12615", 8, rake),
        "end.toml, line 29: quota[4].board: train 12615: nobody boards from stop 5 on and alights \
         by stop 4"
    );
    assert_eq!(
        fault(("to S9#1", "to S9#2"), "12615", 9, rake),
        "end.toml, line 29: quota[4].alight: train 12615: S9#2 is not on its route S1 S2 S3 S4 S5 S6 \
         S7 S8 S9"
    );
    assert_eq!(
        fault(("size = 8", "size = 145"), "12615", 11, rake),
        "end.toml, line 29: quota[4].size: train 12615: RL and the quotas before it take 161 \
         berths of SL, which has 160"
    );
    // Two road side quotas, one of which has all stops of the other.
    let second = "[[quota]]\ncode = \"RS\"\nname = \"\"\nclasses = [\"SL\"]\nsize = 1\n[[quota]]\n\
                  code = \"RS\"\nname = \"road side\"";
    let twice = ("[[quota]]\ncode = \"RS\"\nname = \"road side\"", second);
    assert_eq!(
        fault(twice, "12615", 11, rake),
        "end.toml, line 42: quota[6].board: train 12615: RS of SL sells a journey that RS of line 37 \
         sells as well"
    );
    assert_eq!(
        fault(("end_to_end = false\n", "end_to_end = false\ncoaches = \"1\"\n"), "9", 3, rake),
        "end.toml, line 1: quota: train 9: no quota GN for class SL"
    );
    assert_eq!(
        fault(
            ("end_to_end = false\nsize = \"rest\"", "end_to_end = false\nsize = 9"),
            "9",
            3,
            rake
        ),
        "end.toml, line 1: quota: train 9: the quotas of SL take 9 of 160 berths; let one take the \
         rest"
    );
    let dated = "size = [{ from = 2027-01-01, value = 9 }]";
    assert_eq!(
        fault(
            ("end_to_end = false\nsize = \"rest\"", &format!("end_to_end = false\n{dated}")),
            "9",
            3,
            rake
        ),
        "end.toml, line 17: quota[2].size: says nothing for 2026-01-15; its first date is 2027-01-01"
    );
}
