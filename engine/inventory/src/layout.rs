//! Coach layouts as data: which berths a coach has, where they are, and in which class.
//!
//! The table is `data/layouts.txt`, embedded in the program and read once; `data/not_inventory.txt`
//! names the vehicles that have no berth to sell. Berths of a layout are numbered 1, 2, 3 ... without
//! a hole and its bays ascend with the numbers, so berth `n` is at `berths()[n - 1]`.

#[cfg(test)]
mod pinned;
mod table;

use std::sync::OnceLock;

use crate::{BerthType, Side, TravelClass};

/// Most berths of a bay: a row or bay of 9 exists, the bound leaves room.
pub const BAY_BERTHS_MAX: usize = 16;
/// Most berths of a coach: the double-decker chair car has 120.
pub const COACH_BERTHS_MAX: usize = 255;

/// One berth of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayoutBerth {
    /// Number painted on it, from 1.
    pub number: u16,
    /// Class it is sold in.
    pub class: TravelClass,
    /// Kind.
    pub berth_type: BerthType,
    /// Bay, cabin or row of seats, from 1.
    pub bay: u8,
    /// Row across the coach, from 1.
    pub row: u8,
    /// Side of the aisle.
    pub side: Side,
}

/// A coach's layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    name: Box<str>,
    berths: Vec<LayoutBerth>,
}

impl Layout {
    /// Its name with the build, such as `3A/LHB`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its berths, ascending by number from 1.
    pub fn berths(&self) -> &[LayoutBerth] {
        &self.berths
    }
}

/// What a coach code of a rake means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CoachCode {
    /// A coach with berths: its layout's full name.
    Layout(&'static str),
    /// A vehicle that has none: what it is.
    NotInventory(&'static str),
    /// Neither table knows it.
    Unknown,
}

/// Every layout, in the order of the table.
pub fn layouts() -> &'static [Layout] {
    static TABLE: OnceLock<Vec<Layout>> = OnceLock::new();
    TABLE.get_or_init(|| {
        table::layouts(include_str!("../data/layouts.txt"))
            .expect("the embedded layout table is read by a test")
    })
}

/// The layout of that name; without a build, the LHB one.
pub fn layout(code: &str) -> Option<&'static Layout> {
    let named = |l: &&Layout| match l.name.strip_prefix(code) {
        Some("") => true,
        Some(rest) => rest == "/LHB",
        None => false,
    };
    layouts().iter().find(named)
}

/// What a coach code of a rake means.
pub fn coach_code(code: &str) -> CoachCode {
    static TABLE: OnceLock<Vec<(&str, &str)>> = OnceLock::new();
    if let Some(layout) = layout(code) {
        return CoachCode::Layout(layout.name());
    }
    let table = TABLE.get_or_init(|| table::meanings(include_str!("../data/not_inventory.txt")));
    match table.iter().find(|(known, _)| *known == code) {
        Some((_, meaning)) => CoachCode::NotInventory(meaning),
        None => CoachCode::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BerthType as T;

    fn types(name: &str) -> Vec<BerthType> {
        layout(name).unwrap().berths().iter().map(|b| b.berth_type).collect()
    }

    #[test]
    fn the_embedded_tables_are_well_formed() {
        assert!(layouts().len() > 25);
        for l in layouts() {
            assert!(l.name().contains('/'), "{}", l.name());
            let numbers: Vec<_> = l.berths().iter().map(|b| usize::from(b.number)).collect();
            assert_eq!(numbers, (1..=l.berths().len()).collect::<Vec<_>>(), "{}", l.name());
            assert!(l.berths().is_sorted_by_key(|b| (b.bay, b.row)), "{}", l.name());
        }
        for class in TravelClass::ALL {
            for build in ["", "/LHB", "/ICF"] {
                let name = format!("{class}{build}");
                let found = layout(&name).unwrap_or_else(|| panic!("no layout {name}"));
                assert!(found.berths().iter().all(|b| b.class == *class), "{name}");
            }
        }
    }

    #[test]
    fn counts_are_those_of_the_sources() {
        let table = [
            ("SL", 80),
            ("SL/ICF", 72),
            ("3A", 72),
            ("3A/ICF", 64),
            ("3E", 83),
            ("3E/LHB-80", 80),
            ("2A", 54),
            ("2A/LHB-52", 52),
            ("2A/ICF", 46),
            ("1A", 24),
            ("1A/ICF", 18),
            ("CC", 78),
            ("CC/ICF", 73),
            ("CC/VB", 78),
            ("CC/VB-DRIVING", 44),
            ("EC", 56),
            ("EC/ICF", 46),
            ("EC/VB", 52),
            ("2S", 108),
            ("2S/ICF", 108),
            ("1A+2A", 30),
            ("2A+3A", 52),
        ];
        for (name, count) in table {
            assert_eq!(layout(name).unwrap().berths().len(), count, "{name}");
        }
        assert_eq!(layout("3A").unwrap().name(), "3A/LHB");
        assert!(layout("3").is_none() && layout("").is_none() && layout("3A/").is_none());
    }

    #[test]
    fn types_follow_the_place_in_the_bay() {
        let eight = [T::Lower, T::Middle, T::Upper, T::Lower, T::Middle, T::Upper];
        for name in ["SL", "SL/ICF", "3A", "3A/ICF", "3E", "3E/LHB-80"] {
            for (i, t) in types(name).into_iter().enumerate() {
                let expected = match i % 8 {
                    6 => T::SideLower,
                    7 => T::SideUpper,
                    p => eight[p],
                };
                assert_eq!(t, expected, "{name} {}", i + 1);
            }
        }
        let six = [T::Lower, T::Upper, T::Lower, T::Upper, T::SideLower, T::SideUpper];
        for name in ["2A", "2A/LHB-52", "2A/ICF"] {
            for (i, t) in types(name).into_iter().enumerate() {
                assert_eq!(t, six[i % 6], "{name} {}", i + 1);
            }
        }
        for name in ["1A", "1A/ICF", "FC"] {
            for (i, t) in types(name).into_iter().enumerate() {
                assert_eq!(t, if i % 2 == 0 { T::Lower } else { T::Upper }, "{name} {}", i + 1);
            }
        }
        let middles = types("3E/ICF").iter().filter(|t| **t == T::SideMiddle).count();
        assert_eq!(middles, 8, "side middles exist in the old Garib Rath coach");
    }

    #[test]
    fn bays_rows_and_sides() {
        let three = layout("3A").unwrap().berths();
        assert_eq!((three[7].bay, three[8].bay, three[71].bay), (1, 2, 9));
        assert_eq!((three[0].row, three[3].row, three[6].row, three[8].row), (1, 2, 2, 3));
        assert_eq!((three[5].side, three[6].side), (Side::Left, Side::Right));
        let chair = layout("CC").unwrap().berths();
        assert_eq!((chair[4].bay, chair[4].row, chair[4].side), (1, 1, Side::Right));
        assert_eq!((chair[77].bay, chair[77].row, chair[77].side), (16, 16, Side::Left));
        let composite = layout("1A+2A").unwrap().berths();
        assert_eq!((composite[9].class, composite[9].bay), (TravelClass::FirstAc, 3));
        assert_eq!((composite[10].class, composite[10].bay), (TravelClass::SecondAc, 4));
    }

    #[test]
    fn coach_codes_are_inventory_or_not_or_unknown() {
        assert_eq!(coach_code("3A"), CoachCode::Layout("3A/LHB"));
        assert_eq!(coach_code("1A+2A"), CoachCode::Layout("1A+2A/LHB"));
        for code in
            "GEN SLR SLRD LPR PC OCV VP GAC SRD FLRD LR MST SR LDS PD SLRDP VS GFC".split(' ')
        {
            assert!(matches!(coach_code(code), CoachCode::NotInventory(_)), "{code}");
        }
        assert_eq!(coach_code("XYZ"), CoachCode::Unknown);
        assert_eq!(coach_code(""), CoachCode::Unknown);
    }
}
