//! The books that come with berth: they load, have sources, and say what they are said to say.

use berth_inventory::TravelClass::{Sleeper, ThirdAc};
use berth_inventory::{Entry, Opens, TravelClass};

use super::day;
use crate::{ChartKind, ChartTime, Limit, Rounding, RuleBook};

#[test]
fn the_books_that_come_with_berth_are_found_by_name() {
    let (indian, simple) = (RuleBook::indian(), RuleBook::simple());
    assert_eq!(RuleBook::named("indian-railways-2025"), Some(indian));
    assert_eq!(RuleBook::named("simple"), Some(simple));
    assert_eq!(RuleBook::named("Simple"), None);
    assert_eq!((indian.zone(), simple.zone()), (Some("Asia/Kolkata"), None));
}

/// Who has neither shared berths nor lists nor Tatkal does not meet the words.
#[test]
fn the_simple_book_is_simple() {
    let text = RuleBook::simple().text();
    for word in ["RAC", "Tatkal", "waiting", "chart", "India"] {
        assert!(!text.contains(word), "{word}");
    }
}

/// The comment above each table, or above a figure of the root, has a mark.
#[test]
fn every_figure_of_the_indian_book_has_its_source() {
    let marks = ["[V", "[G]", "chosen"];
    let (mut comment, mut tables) = (String::new(), 0);
    for (number, line) in (1..).zip(RuleBook::indian().text().lines()) {
        if let Some(more) = line.strip_prefix('#') {
            comment.push_str(more);
        } else if line.is_empty() {
            comment.clear();
        } else if line.starts_with('[') || line.starts_with("automatic") {
            tables += 1;
            let sourced = marks.iter().any(|mark| comment.contains(mark));
            assert!(sourced, "line {number}: {line} has no mark {marks:?} above it");
        }
    }
    assert!(tables > 20, "{tables}");
}

#[test]
fn the_indian_book_says_what_its_sources_say() {
    let book = RuleBook::indian();
    let today = day("2025-12-31");
    assert_eq!(book.days_open(today), Some(60));
    assert_eq!(book.days_open(day("2024-10-31")), Some(120));
    let tatkal = |class: TravelClass| {
        let of =
            |quota: &&crate::Quota| quota.code.as_str() == "TQ" && quota.classes.contains(&class);
        let quota = book.quotas().iter().find(of)?;
        Some((*quota.opens.on(today)?, *quota.party_max.on(today)?))
    };
    let opens = |hour: u16| Opens::Before { days: 1, minute: hour * 60 };
    assert_eq!(tatkal(ThirdAc), Some((opens(10), 4)));
    assert_eq!(tatkal(Sleeper), Some((opens(11), 4)));
    assert_eq!(tatkal(TravelClass::FirstAc), None);
    // RAC of ICF coaches since 2017, and before.
    let rac = |class, date| {
        let of = book.rac().iter().find(|rac| rac.class == class).unwrap();
        of.berths.on(day(date)).copied()
    };
    let since = [Sleeper, ThirdAc, TravelClass::SecondAc]
        .map(|class| (rac(class, "2016-01-01").unwrap(), rac(class, "2018-01-01").unwrap()));
    assert_eq!(since, [(5, 7), (2, 4), (2, 3)]);
    // Lists, at three times.
    let limit = |class: TravelClass, date: &str| {
        let of =
            |list: &&crate::Waiting| list.label.as_str() == "GNWL" && list.classes.contains(&class);
        book.waiting().iter().find(of).and_then(|list| list.limit.on(day(date)).copied())
    };
    let of_sleeper = ["2012-12-31", "2025-04-16", "2025-04-17", "2025-06-28"];
    let of_sleeper = of_sleeper.map(|date| limit(Sleeper, date));
    let (share, entries) = (|p| Some(Limit::Share(p)), Some(Limit::Entries(400)));
    assert_eq!(of_sleeper, [None, entries, share(25), share(30)]);
    assert_eq!(limit(ThirdAc, "2026-01-01"), share(60));
    for class in TravelClass::ALL {
        assert!(limit(*class, "2026-01-01").is_some(), "{class}");
    }
}

#[test]
fn charts_are_prepared_when_the_rules_of_the_day_say() {
    let charts = RuleBook::indian().charts();
    let first = |minute, date| charts.time(ChartKind::First, minute, day(date));
    let before = |minutes| Some(ChartTime::Before(minutes));
    assert_eq!(first(600, "2015-01-01"), None);
    assert_eq!(first(600, "2020-01-01"), before(240));
    assert_eq!(first(600, "2025-07-01"), before(480));
    let evening = Some(ChartTime::Clock(1, 20 * 60));
    for (minute, expected) in [
        (300, before(600)),
        (301, evening),
        (840, evening),
        (841, before(600)),
        // 10:00 of the second day of the train.
        (1_440 + 600, evening),
    ] {
        assert_eq!(first(minute, "2026-01-01"), expected, "{minute}");
    }
    assert_eq!(charts.time(ChartKind::Second, 0, day("2026-01-01")), before(30));
}

#[test]
fn a_part_of_a_passenger_is_rounded_as_the_book_says() {
    let entries = |rounding| Limit::Share(25).entries(146, rounding);
    assert_eq!([Rounding::Down, Rounding::Up, Rounding::Nearest].map(entries), [36, 37, 37]);
    assert_eq!(Limit::Entries(30).entries(5, Rounding::Up), 30);
    assert_eq!(Limit::Share(1_000).entries(8_192, Rounding::Down), 2_000);
}

/// A train that has pools of its own keeps them.
#[test]
fn pools_of_a_trains_own_stay() {
    let mut entry: Entry = super::made::train("1", 3, &["S1:SL"]);
    entry = RuleBook::simple().expand(&entry, day("2026-01-01")).unwrap();
    let again = RuleBook::indian().expand(&entry, day("2026-01-01")).unwrap();
    assert_eq!(again, entry);
}
