//! What is wrong with a book is said with its line and its field.

use crate::RuleBook;

/// A book with a bit of everything.
const GOOD: &str = r#"berth_rules = 1
name = "test"
zone = "Asia/Kolkata"
automatic_lower = ["60+", "F 45+"]
[groups]
night = ["SL", "3A"]
[sale]
opens = [{ value = "D-120 08:00" }, { from = 2024-11-01, value = "D-60 08:00" }]
party_max = 6
[[train]]
numbers = ["12615"]
end_to_end = true
[[quota]]
code = "GN"
name = "general"
classes = ["all"]
size = "rest"
[[quota]]
code = "TQ"
name = "Tatkal"
classes = ["night"]
size = "30%"
opens = "D-1 10:00"
closes = "chart"
party_max = 4
eligible = ["F", "M 60+"]
board = "first 20%"
alight = "after origin"
release = { order = 1, to = ["GN"] }
[[rac]]
class = "SL"
layouts = ["SL/ICF"]
quota = "GN"
berths = 7
[[waiting]]
label = "GNWL"
quota = "GN"
classes = ["SL"]
limit = "60%"
rounding = "up"
[[preference]]
classes = ["SL"]
order = ["LB", "SLB"]
[[chart]]
kind = "first"
from = 2025-07-01
before = "08:00"
[labels]
confirmed = "CNF"
rac = "RAC{booked}/RAC{now}"
waiting = "{list}{booked}/WL{now}"
available = "AVAILABLE-{n}"
rac_left = "RAC-{n}"
waiting_left = "{list}-{n}"
regret = "REGRET"
[switches]
promotion = "wait-for-head"
numbers_at_chart = ["1A"]
"#;

fn fault(text: &str) -> String {
    match RuleBook::parse("book.toml", text) {
        Ok(_) => panic!("nothing is wrong with {text}"),
        Err(fault) => fault.to_string(),
    }
}

#[test]
fn a_book_with_a_bit_of_everything_is_read() {
    let book = RuleBook::parse("book.toml", GOOD).unwrap();
    assert_eq!((book.name(), book.zone(), book.quotas().len()), ("test", Some("Asia/Kolkata"), 2));
    assert_eq!(book.reference().len(), "test@".len() + 16);
    assert!(RuleBook::parse("b", &GOOD.replace('6', "5")).is_err());
}

/// What is changed of the good book, into what, and what is said then.
const TABLE: &[(&str, &str, &str)] = &[
    // The text and its words.
    ("name = \"test\"", "name = test", "line 2: name: "),
    ("name = \"test\"", "name = \"a b\"", "line 2: name: \"a b\" is not 1 to 40 characters"),
    ("name = \"test\"\n", "", "line 1: name: is missing"),
    ("berth_rules = 1", "berth_rules = 2", "line 1: berth_rules: is of the future"),
    ("berth_rules = 1", "berth_rules = 0", "line 1: berth_rules: 0 is not in 1 to"),
    (
        "zone =",
        "time_zone =",
        "line 3: time_zone: is not a field here; known: berth_rules name zone",
    ),
    ("zone = \"Asia/Kolkata\"", "zone = 5", "line 3: zone: is a whole number; a text expected"),
    (
        "party_max = 4",
        "party_limit = 4",
        "line 25: quota[2].party_limit: is not a field here; known",
    ),
    ("party_max = 4", "party_max = 7", "line 25: quota[2].party_max: 7 is not in 1 to 6"),
    (
        "party_max = 4",
        "party_max = \"4\"",
        "line 25: quota[2].party_max: is a text; a whole number",
    ),
    ("[[quota]]\ncode = \"GN\"", "[quota]\ncode = \"GN\"", "line "),
    ("[labels]", "[label]", "line 48: label: is not a field here"),
    // Dates.
    ("from = 2024-11-01", "from = \"2024-11-01\"", "line 8: sale.opens[2].from: is a text; a date"),
    ("from = 2024-11-01", "from = 2024-13-01", "line 8: opens: "),
    ("from = 2024-11-01", "from = 2025-02-30", "line 8: "),
    (
        "from = 2024-11-01",
        "from = 2024-11-01T08:00:00",
        "line 8: sale.opens[2].from: 2024-11-01T08",
    ),
    (
        "{ value = \"D-120 08:00\" }",
        "{ from = 2024-11-01, value = \"D-120 08:00\" }",
        "line 8: sale.opens[2].from: 2024-11-01 does not come after 2024-11-01",
    ),
    ("{ from = 2024-11-01, value", "{ value", "line 8: sale.opens[2]: has no `from`"),
    ("value = \"D-120 08:00\"", "valu = 1", "line 8: sale.opens[1].value: is missing"),
    (
        "from = 2025-07-01\nbefore = \"08:00\"",
        "from = 2025-07-01\nbefore = \"08:00\"\n[[chart]]\nkind = \"first\"\nbefore = \"04:00\"",
        "line 48: chart[2].from: no date stands behind 2025-07-01 of line 44",
    ),
    // Times.
    ("\"D-1 10:00\"", "\"D-1 25:00\"", "line 23: quota[2].opens: \"D-1 25:00\" is not \"run\" or"),
    ("\"D-1 10:00\"", "\"D-1 10:60\"", "line 23: quota[2].opens: "),
    ("\"D-1 10:00\"", "\"D-367 10:00\"", "line 23: quota[2].opens: "),
    ("\"D-1 10:00\"", "\"tomorrow\"", "line 23: quota[2].opens: \"tomorrow\" is not"),
    (
        "closes = \"chart\"",
        "closes = \"D-2 10:00\"",
        "quota[2].closes: closes before it opens (D-1",
    ),
    ("closes = \"chart\"", "closes = \"never\"", "line 24: quota[2].closes: \"never\" is not"),
    ("before = \"08:00\"", "before = \"8:00\"", "line 47: chart[1].before: \"8:00\" is not hours"),
    ("before = \"08:00\"", "at = \"20:00\"", "line 47: chart[1].at: \"20:00\" is not days before"),
    ("before = \"08:00\"\n", "", "chart[1].before: is missing"),
    ("before =", "at = \"D-1 20:00\"\nbefore =", "chart[1].at: stands beside `before`"),
    (
        "before =",
        "departs = [\"14:00\", \"05:00\"]\nbefore =",
        "chart[1].departs: is not two times",
    ),
    ("before =", "departs = [\"05:00\", \"14:00\"]\nbefore =", "chart[1].departs: no chart of its"),
    ("kind = \"first\"", "kind = \"third\"", "line 45: chart[1].kind: \"third\" is not \"first\""),
    // Sizes and shares.
    ("\"30%\"", "\"130%\"", "line 22: quota[2].size: \"130%\" is not a size"),
    ("\"30%\"", "\"all\"", "line 22: quota[2].size: \"all\" is not a size"),
    ("\"30%\"", "\"rest\"", "quota[2].size: takes the rest of 3A beside GN of line 13"),
    ("\"30%\"", "\"4/bay\"", "line 22: quota[2].size: \"4/bay\" is not a size"),
    ("\"30%\"", "[]", "line 22: quota[2].size: is an empty list"),
    (
        "[[rac]]",
        "[[quota]]\ncode = \"PQ\"\nname = \"\"\nclasses = [\"SL\"]\nsize = \"71%\"\n[[rac]]",
        "quota[3].size: PQ takes 71 % of SL, of which 30 % are taken already: 101 % of 100 %",
    ),
    (
        "[[rac]]",
        "[[quota]]\ncode = \"PQ\"\nname = \"\"\nclasses = [\"SL\"]\nsize = [{ value = \"70%\" }, \
         { from = 2025-01-01, value = \"90%\" }]\n[[rac]]",
        "quota[3].size: PQ takes 90 % of SL, of which 30 % are taken already: 120 % of 100 %",
    ),
    // Earmarks that overlap.
    (
        "[[rac]]",
        "[[quota]]\ncode = \"GN\"\nname = \"\"\nclasses = [\"SL\"]\nsize = 5\n[[rac]]",
        "quota[3].classes: overlaps the quota GN of line 13: both are for SL",
    ),
    // Who and where.
    (
        "\"M 60+\"]\nboard",
        "\"M 50+\"]\nboard",
        "quota[2].eligible[2]: eligible \"M 50+\" is not a sex",
    ),
    (
        "eligible = [\"F\",",
        "eligible = [\"lady\",",
        "line 26: quota[2].eligible[1]: eligible \"lady\"",
    ),
    ("eligible = [\"F\",", "eligible = [\"M 60+\",", "eligible[2]: says the same as element 1"),
    ("[\"F\", \"M 60+\"]", "[]", "line 26: quota[2].eligible: is an empty list"),
    (
        "\"first 20%\"",
        "\"first\"",
        "line 27: quota[2].board: \"first\" is not a window: any, origin",
    ),
    ("\"first 20%\"", "\"first 0%\"", "line 27: quota[2].board: \"first 0%\" is not a window"),
    ("\"first 20%\"", "\"at K TA\"", "line 27: quota[2].board: "),
    ("\"first 20%\"", "\"at KOTA\"", "line 18: quota[2].board: names a station, which not every"),
    ("\"first 20%\"", "\"terminus\"", "quota[2].board: nobody boards at the terminus"),
    (
        "[\"night\"]",
        "[\"day\"]",
        "line 21: quota[2].classes[1]: \"day\" is neither a class nor a gr",
    ),
    ("[\"night\"]", "[\"night\", \"SL\"]", "line 21: quota[2].classes: names SL twice"),
    ("[\"night\"]", "[]", "line 21: quota[2].classes: is an empty list"),
    ("night = [", "SL = [", "line 6: groups.SL: is a word that means a class already"),
    ("\"SL\", \"3A\"", "\"SL\", \"4A\"", "line 6: groups.night[2]: \"4A\" is not a travel class"),
    (
        "code = \"TQ\"",
        "code = \"TATKAL\"",
        "line 19: quota[2].code: \"TATKAL\" is not a name of 1 to 4",
    ),
    (
        "[\"12615\"]",
        "[\"12615\", \"no train\"]",
        "line 11: train[1].numbers[2]: \"no train\" is not",
    ),
    ("end_to_end = true", "end_to_end = 1", "line 12: train[1].end_to_end: is a whole number"),
    (
        "end_to_end = true",
        "end_to_end = true\n[[train]]\nnumbers = [\"12615\"]\nend_to_end = false",
        "line 14: train[2].numbers: train 12615 stands in another [[train]] already",
    ),
    (
        "party_max = 4",
        "coaches = \"0\"",
        "line 25: quota[2].coaches: \"0\" is not a number of coaches",
    ),
    ("party_max = 4", "coaches = \"3-2\"", "line 25: quota[2].coaches: \"3-2\" is not"),
    (
        "party_max = 4",
        "with = [\"XX\"]",
        "line 25: quota[2].with[1]: \"XX\" is neither a class nor",
    ),
    (
        "true\n[[quota]]",
        "false\n[[quota]]\nend_to_end = true",
        "end_to_end: is for trains sold end to",
    ),
    // What is released, shared and waited for.
    ("to = [\"GN\"]", "to = [\"TQ\"]", "line 18: quota[2].release.to: TQ releases to itself"),
    (
        "to = [\"GN\"]",
        "to = [\"XX\"]",
        "line 18: quota[2].release.to: no quota XX of 3A in this book",
    ),
    ("order = 1", "order = 0", "line 29: quota[2].release.order: 0 is not in 1 to 99"),
    (
        "kind = \"first\"",
        "kind = \"remote\"",
        "quota[2].release: is at the first chart, which has no",
    ),
    ("\"SL/ICF\"", "\"SL/XYZ\"", "line 32: rac[1].layouts[1]: is not in the table of layouts"),
    ("\"SL/ICF\"", "\"2A/ICF\"", "line 32: rac[1].layouts[1]: has no side lower berth of class SL"),
    ("berths = 7", "berths = 10", "line 34: rac[1].berths: 10 side lowers of SL/ICF, which has 9"),
    (
        "quota = \"GN\"\nberths",
        "quota = \"LD\"\nberths",
        "line 30: rac[1].quota: no quota LD of SL",
    ),
    ("code = \"TQ\"", "code = \"RAC\"", "line 19: quota[2].code: is what shared berths are called"),
    (
        "[[waiting]]",
        "[[rac]]\nclass = \"SL\"\nlayouts = [\"SL\"]\nquota = \"TQ\"\nberths = 1\n[[waiting]]",
        "line 35: rac[2].quota: berths of SL are shared for GN on line 30",
    ),
    ("class = \"SL\"", "class = \"S\"", "line 31: rac[1].class: \"S\" is not a travel class"),
    (
        "[[waiting]]",
        "[[rac]]\nclass = \"SL\"\nlayouts = [\"SL\", \"SL/ICF\"]\nquota = \"GN\"\n\
         berths = 1\n[[waiting]]",
        "line 35: rac[2].layouts: SL/ICF stands on line 30 already",
    ),
    ("\"60%\"", "\"1001%\"", "line 39: waiting[1].limit: \"1001%\" is not a limit"),
    ("\"60%\"", "2001", "line 39: waiting[1].limit: \"2001\" is not a limit"),
    ("\"up\"", "\"round\"", "line 40: waiting[1].rounding: \"round\" is not \"down\""),
    ("\"GNWL\"", "\"general list\"", "line 36: waiting[1].label: \"general list\" is not a name"),
    (
        "quota = \"GN\"\nclasses",
        "quota = \"LD\"\nclasses",
        "line 35: waiting[1].quota: no quota LD of SL in this book",
    ),
    (
        "[[preference]]",
        "[[waiting]]\nlabel = \"XXWL\"\nquota = \"GN\"\nclasses = [\"SL\"]\nlimit = 1\n[[preference]]",
        "line 41: waiting[2].quota: GN has the list GNWL of line 35 already",
    ),
    ("promotion = \"wait-for-head\"\n", "", "line 35: waiting[1]: lists move; say [switches] prom"),
    ("wait-for-head", "wait", "switches.promotion: \"wait\" is not \"wait-for-head\""),
    (
        "numbers_at_chart = [\"1A\"]",
        "reseating = \"on\"",
        "switches.reseating: \"on\" is not \"off\"",
    ),
    // Words.
    ("{list}-{n}", "{list}-{m}", "labels.waiting_left: \"{list}-{m}\" has a hole that is none of"),
    ("{list}-{n}", "{list", "labels.waiting_left: \"{list\" has a hole"),
    ("\"REGRET\"", "\"\"", "labels.regret: 0 bytes long; 1 to 40 allowed"),
    ("regret = \"REGRET\"\n", "", "line 48: labels.regret: is missing"),
    (
        "[\"LB\", \"SLB\"]",
        "[\"LB\", \"LOW\"]",
        "preference[1].order[2]: \"LOW\" is not a berth type",
    ),
    ("[\"LB\", \"SLB\"]", "[\"LB\", \"LB\"]", "preference[1].order[2]: says the same as element 1"),
    ("automatic_lower = [\"60+\"", "automatic_lower = [\"58+\"", "line 4: automatic_lower: says"),
];

#[test]
fn a_bad_book_is_refused_with_its_line_and_field() {
    let mut wrong = Vec::new();
    for (from, to, expected) in TABLE {
        assert!(GOOD.contains(from), "{from:?} is not in the good book");
        let said = fault(&GOOD.replacen(from, to, 1));
        let named = said.starts_with("book.toml, line ") && said.contains(expected);
        if !named {
            wrong.push(format!("{from:?} -> {to:?}: {said:?} instead of {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn lists_need_words() {
    let (before, behind) = (GOOD.find("[labels]").unwrap(), GOOD.find("[switches]").unwrap());
    let said = fault(&(GOOD[..before].to_owned() + &GOOD[behind..]));
    assert_eq!(said, "book.toml, line 35: waiting[1]: statuses need words; write a table [labels]");
}

#[test]
fn a_book_without_a_quota_is_none() {
    let said = fault("berth_rules = 1\nname = \"empty\"\n");
    assert_eq!(said, "book.toml, line 1: quota: is missing");
}

/// Whatever stands on the line, no text makes the reader panic.
#[test]
fn every_line_may_be_missing_or_stand_twice() {
    let lines: Vec<&str> = GOOD.lines().collect();
    for place in 0..lines.len() {
        for copies in [0, 2] {
            let mut spoilt = lines.clone();
            spoilt.splice(place..=place, core::iter::repeat_n(lines[place], copies));
            if let Err(fault) = RuleBook::parse("book.toml", &spoilt.join("\n")) {
                let said = fault.to_string();
                assert!(fault.line as usize <= spoilt.len() && !fault.field.is_empty(), "{said}");
            }
        }
    }
}
