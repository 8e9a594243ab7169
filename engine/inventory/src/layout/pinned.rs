//! The rows of every layout, pinned by digest: journals name a berth by its place in its layout.
//!
//! A row that changed would give every booking of that coach another berth, with no event to tell
//! of it. So a layout that has a line here keeps its rows for ever; a new layout gets a new line.

use super::{Layout, layouts};

/// Name and digest of each layout, in the order of the table.
const PINNED: &[(&str, &str)] = &[
    ("SL/LHB", "4ecca49bc7919ae3"),
    ("SL/ICF", "8e4bc1f06a0faacd"),
    ("3A/LHB", "2933b90f7dec8aaa"),
    ("3A/ICF", "5c2324a299bb1315"),
    ("3E/LHB", "7c5e6229c01ef885"),
    ("3E/LHB-80", "fdb4346d446c27d2"),
    ("3E/ICF", "5533a03a150e54c7"),
    ("2A/LHB", "9b1a60a2d29efcf9"),
    ("2A/LHB-52", "3f662afcac9ba63c"),
    ("2A/ICF", "0702431f55bb6067"),
    ("1A/LHB", "6697c6c3f4330a47"),
    ("1A/ICF", "0a63b61b72282266"),
    ("FC/ICF", "9fc23b30d1a05624"),
    ("FC/LHB", "9fc23b30d1a05624"),
    ("1A+2A/LHB", "cc5b9f68885db14f"),
    ("1A+2A/ICF", "cc5b9f68885db14f"),
    ("2A+3A/LHB", "c08ac22f2a4e45a9"),
    ("2A+3A/ICF", "c08ac22f2a4e45a9"),
    ("CC/LHB", "f4540dbaacff2475"),
    ("CC/ICF", "653c34942e7b0c4b"),
    ("CC/VB", "f4540dbaacff2475"),
    ("CC/VB-DRIVING", "a81d4fc30b3a3cc9"),
    ("EC/LHB", "17dae42297e5ebb5"),
    ("EC/ICF", "dde2280aab8d3185"),
    ("EC/VB", "bc71442901f61c97"),
    ("EA/LHB", "758fb8458d481154"),
    ("EA/ICF", "0373d523c435e1c0"),
    ("EV/LHB", "2a404e66d2694481"),
    ("EV/ICF", "330c54be92fd7fc0"),
    ("2S/ICF", "50b8c7928ee3c1f7"),
    ("2S/LHB", "50b8c7928ee3c1f7"),
];

#[test]
fn layouts_once_sold_by_keep_their_rows() {
    let found: Vec<(&str, String)> = layouts().iter().map(|l| (l.name(), digest(l))).collect();
    for (name, pinned) in PINNED {
        let now = found.iter().find(|(found, _)| found == name).map(|(_, digest)| digest.as_str());
        assert_eq!(
            now,
            Some(*pinned),
            "the rows of layout {name} in data/layouts.txt are gone or changed, but journals name \
             berths by their place in them: put them back as they were, and write what is right \
             as a layout with a new name behind them (such as 3E/LHB-81)"
        );
    }
    let is_new = |name: &str| PINNED.iter().all(|(pinned, _)| *pinned != name);
    let lines: Vec<String> = (found.iter().filter(|(name, _)| is_new(name)))
        .map(|(name, digest)| format!("    (\"{name}\", \"{digest}\"),\n"))
        .collect();
    assert!(
        lines.is_empty(),
        "new layouts: once their rows are right, pin them in layout/pinned.rs with\n{}from \
         then on they never change",
        lines.concat()
    );
}

/// Over what a berth is, not over how the table says it: comments and `same` lines may change.
fn digest(layout: &Layout) -> String {
    let mut hasher = blake3::Hasher::new();
    for berth in layout.berths() {
        let row = [berth.class as u8, berth.berth_type as u8, berth.bay, berth.row];
        hasher.update(&berth.number.to_le_bytes());
        hasher.update(&row);
        hasher.update(&[berth.side as u8]);
    }
    hasher.finalize().to_hex()[..16].to_owned()
}
