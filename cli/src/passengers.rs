//! A party as one word of the command line: `M34,F31:LB,U8,F4-`.
//!
//! Each passenger is a sex (M, F, T, or U for not said), an age in years, then if wanted `:` and a
//! berth type that is wished for (LB MB UB SLB SMB SUB WS MS AS), then if wanted `-` for a child
//! that travels without a berth.

use std::str::FromStr;

use berth_client::v1;

use crate::words;

/// A party of 1 to 6.
#[derive(Clone, Debug, PartialEq)]
pub struct Party(pub Vec<v1::Passenger>);

impl FromStr for Party {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let party = text.split(',').map(passenger).collect::<Result<Vec<_>, _>>()?;
        if party.len() > berth_inventory::PARTY_MAX {
            let (given, max) = (party.len(), berth_inventory::PARTY_MAX);
            return Err(format!("{given} passengers given, a party has 1 to {max}"));
        }
        Ok(Self(party))
    }
}

fn passenger(text: &str) -> Result<v1::Passenger, String> {
    let wrong = |what: &str| {
        format!(
            "{text:?} is not a passenger ({what}): expected such as M34, F31:LB, U8 or F4- \
             (sex M F T U, age 0 to 125, :berth type, - for no berth)"
        )
    };
    let (rest, without_berth) = match text.strip_suffix('-') {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let (who, preference) = match rest.split_once(':') {
        Some((who, kind)) => (who, words::berth_type(kind).map_err(|fault| wrong(&fault))?),
        None => (rest, v1::BerthType::Unspecified),
    };
    let mut letters = who.chars();
    let sex = match letters.next() {
        Some('M' | 'm') => v1::Sex::Male,
        Some('F' | 'f') => v1::Sex::Female,
        Some('T' | 't') => v1::Sex::Transgender,
        Some('U' | 'u') => v1::Sex::NotSaid,
        _ => return Err(wrong("no sex")),
    };
    let age = letters.as_str();
    let age = Some(age).filter(|age| age.bytes().all(|b| b.is_ascii_digit()));
    let age = age.and_then(|age| age.parse().ok()).filter(|age| *age <= 125);
    let age = age.ok_or_else(|| wrong("no age"))?;
    Ok(v1::Passenger {
        years: Some(v1::passenger::Years::Age(age)),
        sex: sex.into(),
        without_berth,
        preference: preference.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parties_as_people_write_them() {
        let party: Party = "M34,F31:LB,t60,U8:SUB,F4-".parse().unwrap();
        let short = |p: &v1::Passenger| (p.sex(), p.years, p.preference(), p.without_berth);
        let age = |years| Some(v1::passenger::Years::Age(years));
        let none = v1::BerthType::Unspecified;
        assert_eq!(
            party.0.iter().map(short).collect::<Vec<_>>(),
            [
                (v1::Sex::Male, age(34), none, false),
                (v1::Sex::Female, age(31), v1::BerthType::Lower, false),
                (v1::Sex::Transgender, age(60), none, false),
                (v1::Sex::NotSaid, age(8), v1::BerthType::SideUpper, false),
                (v1::Sex::Female, age(4), none, true),
            ]
        );
        let wrong =
            ["", "34", "M", "M34,", "X34", "M126", "M-4", "M+4", "M34:SL", "M34:", "M34 ", "é34"];
        for text in wrong {
            assert!(text.parse::<Party>().is_err(), "{text:?}");
        }
        assert!("M1,M2,M3,M4,M5,M6".parse::<Party>().is_ok());
        assert!("M1,M2,M3,M4,M5,M6,M7".parse::<Party>().unwrap_err().starts_with("7 passengers"));
    }
}
