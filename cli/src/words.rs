//! The words people write for wire values, both ways: classes, berth types, stops, berths, ids.
//!
//! Enum numbers of wire and inventory are the same, so a code of one is a code of the other.

use berth_client::v1;
use berth_inventory as inventory;

/// A class by its code, such as 3A.
pub fn class(text: &str) -> Result<v1::TravelClass, String> {
    let class: inventory::TravelClass =
        text.parse().map_err(|fault: inventory::CodeError| fault.to_string())?;
    v1::TravelClass::try_from(class as i32).map_err(|fault| fault.to_string())
}

/// A berth type by its code, such as LB.
pub fn berth_type(text: &str) -> Result<v1::BerthType, String> {
    let kind: inventory::BerthType =
        text.parse().map_err(|fault: inventory::CodeError| fault.to_string())?;
    v1::BerthType::try_from(kind as i32).map_err(|fault| fault.to_string())
}

/// A stop: a station code, a code with a visit (`GAYA#2`), or a place on the route from 1.
pub fn stop(text: &str) -> Result<v1::StopRef, String> {
    let wrong = || {
        format!("{text:?} is not a stop: expected a code, a code and a visit (GAYA#2), or a number")
    };
    if text.is_empty() {
        return Err(wrong());
    }
    if text.bytes().all(|b| b.is_ascii_digit()) {
        let sequence = text.parse().map_err(|_| wrong())?;
        return Ok(v1::StopRef {
            stop: Some(v1::stop_ref::Stop::Sequence(sequence)),
            occurrence: 0,
        });
    }
    let (code, occurrence) = match text.split_once('#') {
        Some((code, visit)) => (code, visit.parse().ok().filter(|v| *v > 0).ok_or_else(wrong)?),
        None => (text, 0),
    };
    if code.is_empty() {
        return Err(wrong());
    }
    Ok(v1::StopRef { stop: Some(v1::stop_ref::Stop::Code(code.to_owned())), occurrence })
}

/// A berth by its names: `B3-12`.
pub fn berth(text: &str) -> Result<v1::BerthName, String> {
    let wrong = || format!("{text:?} is not a berth: expected coach and number, such as B3-12");
    let (coach, number) = text.rsplit_once('-').ok_or_else(wrong)?;
    let number = number.parse().ok().filter(|n| *n > 0).ok_or_else(wrong)?;
    if coach.is_empty() {
        return Err(wrong());
    }
    Ok(v1::BerthName { coach: coach.to_owned(), number })
}

/// A passenger of a party by number, from 1.
pub fn passenger_number(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|n| (1..=6).contains(n));
    number.ok_or_else(|| format!("{text:?} is not a passenger of a party: expected 1 to 6"))
}

/// The code of a class from the wire; a number for one that is newer than this program.
pub fn class_code(number: i32) -> String {
    code(number, inventory::TravelClass::from_number, inventory::TravelClass::code)
}

/// The code of a berth type from the wire; `None` for no berth.
pub fn berth_code(number: i32) -> Option<String> {
    let known = |n| code(n, inventory::BerthType::from_number, inventory::BerthType::code);
    (number != 0).then(|| known(number))
}

/// The code of a side from the wire.
pub fn side_code(number: i32) -> String {
    code(number, inventory::Side::from_number, inventory::Side::code)
}

/// The code of an age band from the wire.
pub fn age_code(number: i32) -> String {
    code(number, inventory::AgeBand::from_number, inventory::AgeBand::code)
}

/// The code of a sex from the wire.
pub fn sex_code(number: i32) -> String {
    code(number, inventory::Sex::from_number, inventory::Sex::code)
}

fn code<T>(number: i32, from: fn(u8) -> Option<T>, code: fn(T) -> &'static str) -> String {
    let known = u8::try_from(number).ok().and_then(from).map(code);
    known.map_or_else(|| unknown(number), str::to_owned)
}

/// The name of a wire enum's value without its prefix, such as SOLD_OUT for REASON_SOLD_OUT.
pub fn name<E: TryFrom<i32>>(number: i32, prefix: &str, name: fn(&E) -> &'static str) -> String {
    let Ok(value) = E::try_from(number) else { return unknown(number) };
    let full = name(&value);
    full.strip_prefix(prefix).unwrap_or(full).to_owned()
}

fn unknown(number: i32) -> String {
    format!("UNKNOWN_{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_and_inventory_share_their_numbers() {
        for class in inventory::TravelClass::ALL {
            let (number, code) = (*class as i32, class.code());
            assert_eq!(super::class(code).map(|c| c as i32), Ok(number));
            assert_eq!(class_code(number), code);
        }
        for kind in inventory::BerthType::ALL {
            assert_eq!(berth_type(kind.code()).map(|t| t as i32), Ok(*kind as i32));
        }
        for reason in inventory::Reason::ALL {
            let wire = name(*reason as i32, "REASON_", v1::Reason::as_str_name);
            assert_eq!(wire, reason.code());
        }
        for sex in inventory::Sex::ALL {
            assert!(v1::Sex::try_from(*sex as i32).is_ok(), "{sex}");
        }
        for age in inventory::AgeBand::ALL {
            assert!(v1::AgeBand::try_from(*age as i32).is_ok(), "{age}");
        }
        for side in inventory::Side::ALL {
            assert!(v1::Side::try_from(*side as i32).is_ok(), "{side}");
        }
    }

    #[test]
    fn newer_values_are_shown_not_hidden() {
        assert_eq!(class_code(9_999), "UNKNOWN_9999");
        assert_eq!(berth_code(0), None);
        assert_eq!(berth_code(-1).as_deref(), Some("UNKNOWN_-1"));
        assert_eq!(name(9_999, "REASON_", v1::Reason::as_str_name), "UNKNOWN_9999");
    }

    #[test]
    fn stops_and_berths_as_people_write_them() {
        use v1::stop_ref::Stop;
        let table = [
            ("NDLS", Stop::Code("NDLS".into()), 0),
            ("GAYA#2", Stop::Code("GAYA".into()), 2),
            ("7", Stop::Sequence(7), 0),
        ];
        for (text, expected, visit) in table {
            let parsed = stop(text).unwrap();
            assert_eq!((parsed.stop, parsed.occurrence), (Some(expected), visit), "{text}");
        }
        for wrong in ["", "#2", "GAYA#", "GAYA#0", "99999999999999"] {
            assert!(stop(wrong).is_err(), "{wrong:?}");
        }
        assert_eq!(berth("B3-12"), Ok(v1::BerthName { coach: "B3".into(), number: 12 }));
        for wrong in ["", "B3", "B3-", "-12", "B3-0", "B3-x"] {
            assert!(berth(wrong).is_err(), "{wrong:?}");
        }
    }
}
