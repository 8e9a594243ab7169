//! Golden bytes of format version 1: what was written once is read for ever, and written so.
//!
//! `persistence/golden/v1/*.hex` hold one value each. A difference means that the format has
//! changed: that is a new version, never a new golden file.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use berth_inventory::{
    AgeBand, BerthIndex, BerthType, Booking, Date, Ended, Event, HeldPassenger, HoldId, LegMask,
    LegRange, ListIndex, Listed, Millis, Passenger, PassengerSet, PlanHash, Pnr, PoolIndex, Record,
    RequestId, RequestMark, Rest, RunCreated, RunId, RunIndex, RunState, Seat, SeatState, Sex,
    Standing, UnixMillis, Version,
};

use super::*;
use crate::NodeRecord;
use crate::frame::{Chain, Magic, Whole};
use crate::group::{Frame, names_of, put_group};
use crate::{LogPosition, Lsn, Section};

/// Holds `bytes` against a golden file.
fn is_golden(name: &str, bytes: &[u8]) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden/v1").join(name);
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    let mut hex = String::new();
    for line in bytes.chunks(32) {
        for byte in line {
            write!(hex, "{byte:02x}").unwrap();
        }
        hex.push('\n');
    }
    if golden.is_empty() && std::env::var_os("BERTH_WRITE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &hex).unwrap();
        return;
    }
    assert!(golden == hex, "{} differs; the format has changed:\n{hex}", path.display());
}

fn mark(n: u128) -> RequestMark {
    RequestMark { id: RequestId(n << 96 | 0xabcd), digest: 0x1122_3344_5566_7788 }
}

fn passenger() -> Passenger {
    let preference = Some(BerthType::SideLower);
    Passenger { age: AgeBand::Senior, sex: Sex::Female, berth_required: true, preference }
}

fn child() -> Passenger {
    let (age, sex) = (AgeBand::Infant, Sex::Unspecified);
    Passenger { age, sex, berth_required: false, preference: None }
}

fn created() -> RunCreated {
    RunCreated {
        run: RunId { train: "12951".parse().unwrap(), start_date: Date::from_days(20_779) },
        plan: PlanHash(core::array::from_fn(|i| i as u8)),
        midnight: UnixMillis(1_795_285_800_000),
        opens: vec![UnixMillis(0), UnixMillis(1_795_235_400_000)],
        extra: true,
    }
}

/// One of each, with every field different from its default.
fn events() -> Vec<(&'static str, Event)> {
    let (hold, legs) =
        (HoldId(0x0123_4567_89ab_cdef_0011_2233_4455_6677), LegRange { from: 2, to: 117 });
    let party = [
        HeldPassenger { passenger: passenger(), berth: Some(BerthIndex(2_453)) },
        HeldPassenger { passenger: child(), berth: None },
    ];
    let expires_at = UnixMillis(1_795_322_100_000);
    let passengers = PassengerSet(0b10_0101);
    vec![
        ("run_created", Event::RunCreated(Box::new(created()))),
        (
            "held",
            Event::Held {
                hold,
                request: mark(1),
                pool: PoolIndex(3),
                legs,
                party: party.into_iter().collect(),
                expires_at,
                reference: "PAX \u{0917}".into(),
            },
        ),
        (
            "confirmed",
            Event::Confirmed {
                hold,
                request: mark(2),
                pnr: Pnr(256 * 70_000 + 5),
                passengers,
                rest: Rest::Kept,
                payment: "upi-77".into(),
            },
        ),
        ("extended", Event::Extended { hold, request: mark(3), expires_at }),
        ("released", Event::Released { hold, passengers }),
        ("expired", Event::Expired { hold }),
        (
            "holds_extended",
            Event::HoldsExtended {
                until: expires_at,
                as_of: UnixMillis(1_795_321_800_000),
                span: Millis(30_000),
            },
        ),
        ("cancelled", Event::Cancelled { pnr: Pnr(300), passengers }),
        ("pnr_block_leased", Event::PnrBlockLeased { block: 70_000 }),
        ("sale_set", Event::SaleSet { pools: 1 << 63 | 5, open: true }),
        (
            "berths_blocked",
            Event::BerthsBlocked { berths: vec![BerthIndex(1), BerthIndex(300)], legs },
        ),
        ("berths_unblocked", Event::BerthsUnblocked { berths: vec![BerthIndex(300)], legs }),
        ("run_retired", Event::RunRetired),
    ]
}

/// Events that came later than the golden frames.
fn later_events() -> Vec<(&'static str, Event)> {
    let hold = HoldId(0x0123_4567_89ab_cdef_0011_2233_4455_6677);
    let standing = |list, number| Standing { list: ListIndex(list), number };
    let (rac, waiting) = (standing(0, 7), standing(1, 300));
    vec![
        ("listed", Event::Listed { hold, places: [(0, rac), (3, waiting)].into_iter().collect() }),
        ("promoted", {
            let (berth, standing) = (BerthIndex(1_300), Some(rac));
            Event::Promoted { hold, passenger: 3, berth, standing }
        }),
        ("promoted_to_cnf", {
            let (berth, standing) = (BerthIndex(9), None);
            Event::Promoted { hold, passenger: 0, berth, standing }
        }),
    ]
}

fn state() -> RunState {
    let seat = |passenger, berth, state| Seat { passenger, berth, state };
    let record = Record {
        hold: HoldId(77),
        request: mark(1),
        extends: vec![mark(2)],
        pool: PoolIndex(1),
        legs: LegRange { from: 0, to: 3 },
        created_at: UnixMillis(1_795_321_800_000),
        expires_at: UnixMillis(1_795_322_100_000),
        reference: "ref".into(),
        party: [
            seat(passenger(), Some(BerthIndex(7)), SeatState::Confirmed),
            seat(child(), None, SeatState::Released),
        ]
        .into_iter()
        .collect(),
        bookings: vec![Booking {
            pnr: Pnr(256),
            request: mark(3),
            passengers: PassengerSet(1),
            payment: "pay".into(),
            confirmed_at: UnixMillis(1_795_321_900_000),
            cancelled_at: Some(UnixMillis(1_795_321_950_000)),
        }],
        released_at: Some(UnixMillis(1_795_321_910_000)),
        ended: Some(Ended { at: UnixMillis(1_795_321_910_000), how: SeatState::Released }),
        listed: Vec::new(),
    };
    RunState {
        created: created(),
        version: Version(9),
        last_at: UnixMillis(1_795_321_950_000),
        closed: 2,
        retired: true,
        blocked: vec![(BerthIndex(3), LegMask(1 << 100 | 1))],
        pnr_blocks: vec![1, 70_000],
        pnr_next: 17,
        records: vec![record],
        ended: vec![HoldId(5)],
        forgotten: 3,
        printed: Vec::new(),
    }
}

/// The same of a train with lists.
fn state_with_lists() -> RunState {
    let standing = |list, number| Standing { list: ListIndex(list), number };
    let mut state = state();
    state.printed = vec![7, 300];
    state.records[0].listed = vec![
        Listed { passenger: 0, booked: standing(1, 300), now: Some(standing(0, 7)) },
        Listed { passenger: 1, booked: standing(0, 3), now: None },
    ];
    state
}

fn records() -> Vec<(&'static str, NodeRecord)> {
    let at = UnixMillis(1_795_321_800_000);
    let grace_until = Some(UnixMillis(1_795_321_830_000));
    let text: Arc<str> = "{\"number\":\"12951\"}".into();
    vec![
        ("started", NodeRecord::Started { grace_until, at, software: "berth 0.1.0".into() }),
        ("clean_stop", NodeRecord::CleanStop { at }),
        ("plan_text", NodeRecord::PlanText { hash: PlanHash([9; 32]), text }),
    ]
}

#[test]
fn events_are_written_as_ever_and_read_back() {
    for (name, event) in events().into_iter().chain(later_events()) {
        let mut bytes = Vec::new();
        encode_event(&event, &mut bytes);
        is_golden(&format!("event_{name}.hex"), &bytes);
        let mut rest = &bytes[..];
        assert_eq!(decode_event(&mut rest).unwrap(), event);
        assert!(rest.is_empty(), "{name}");
        for cut in 0..bytes.len() {
            assert!(decode_event(&mut &bytes[..cut]).is_err(), "{name} cut at {cut}");
        }
    }
}

#[test]
fn records_are_written_as_ever_and_read_back() {
    for (name, record) in records() {
        let mut bytes = Vec::new();
        encode_record(&record, &mut bytes);
        is_golden(&format!("record_{name}.hex"), &bytes);
        assert_eq!(decode_record(&mut &bytes[..]).unwrap(), record);
    }
}

#[test]
fn a_state_is_written_as_ever_and_read_back() {
    let state = state();
    let mut bytes = Vec::new();
    encode_state(&state, &mut bytes);
    is_golden("run_state.hex", &bytes);
    assert_eq!(decode_state(&bytes).unwrap(), state);
    for cut in 0..bytes.len() {
        assert!(decode_state(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    bytes.push(0);
    assert!(decode_state(&bytes).is_err());
    bytes.push(0);
    // Lists that say that there are none.
    assert!(decode_state(&bytes).is_err());
}

#[test]
fn a_state_with_lists_is_written_as_ever_and_read_back() {
    let state = state_with_lists();
    let mut bytes = Vec::new();
    encode_state(&state, &mut bytes);
    is_golden("run_state_with_lists.hex", &bytes);
    assert_eq!(decode_state(&bytes).unwrap(), state);
    let mut without = Vec::new();
    encode_state(&RunState { printed: Vec::new(), ..state }, &mut without);
    for cut in without.len() + 1..bytes.len() {
        assert!(decode_state(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    bytes.push(0);
    assert!(decode_state(&bytes).unwrap_err().to_string().contains("ends after"));
}

/// A hold that was extended once has the bytes that it had when one extend was all that was kept;
/// more of them are as many marks.
#[test]
fn every_extend_of_a_hold_is_written_and_read_back() {
    let mut state = state();
    state.records[0].extends.extend([mark(4), mark(5)]);
    let mut bytes = Vec::new();
    encode_state(&state, &mut bytes);
    is_golden("run_state_extended.hex", &bytes);
    assert_eq!(decode_state(&bytes).unwrap(), state);
}

#[test]
fn frames_are_written_as_ever() {
    let mut section = Section::default();
    let at = UnixMillis(1_795_321_800_000);
    for (place, (_, event)) in events().into_iter().enumerate() {
        // Two runs in turns of three, one stamp for five events.
        let (run, n) = (RunIndex(place as u32 / 3 % 2 * 40), place as u64);
        section.push(run, UnixMillis(at.0 + n / 5), Version(n + 1), &event);
    }
    let records: Vec<NodeRecord> = records().into_iter().map(|(_, record)| record).collect();
    let (mut chain, mut bytes) = (Chain::default(), Vec::new());
    let names = names_of(section.touched().iter().copied());
    let sections = [(0, &Section::default()), (7, &section)];
    let first = |out: &mut Vec<u8>| put_group(out, &records, &sections);
    chain.append(Magic::Group, names, &mut bytes, first);
    let second = bytes.len();
    chain.append(Magic::Group, Vec::new(), &mut bytes, |out| put_group(out, &[], &[]));
    let third = bytes.len();
    let mut tally = crate::Tally::default();
    section.touched().iter().for_each(|touch| tally.take(*touch));
    chain.append(Magic::Footer, Vec::new(), &mut bytes, |out| tally.put(Lsn(1), out));
    is_golden("frames.hex", &bytes);

    let whole = Whole::check(&bytes).unwrap();
    let position = LogPosition { lsn: Lsn(1), segment: 1, offset: 0 };
    let frame = Frame::decode(position, whole.payload).unwrap();
    assert_eq!(frame.records, records);
    let read: Vec<Event> = frame.events().map(|(.., event)| event.clone()).collect();
    assert_eq!(read, events().into_iter().map(|(_, event)| event).collect::<Vec<_>>());
    let next = Whole::check(&bytes[second..]).unwrap();
    assert_eq!(next.previous_names().unwrap(), names_of(section.touched().iter().copied()));
    assert_eq!(next.header.previous, whole.crc);
    assert!(Whole::check(&bytes[third..]).is_some());
    // Every single flipped bit of a frame is seen, by the header's CRC or the frame's.
    for bit in 0..second * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(Whole::check(&bytes).is_none(), "bit {bit}");
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}

#[test]
fn a_length_that_lies_asks_for_no_memory() {
    // A number of 2^60 in every place: as a count or a length it must not be believed.
    let mut held = Vec::new();
    encode_event(&events()[1].1, &mut held);
    for start in 0..held.len() {
        let mut lie = held[..start].to_vec();
        lie.extend_from_slice(&[253, 0, 0, 0, 0, 0, 0, 0, 16]);
        // Some places hold a number, where this is one like any other.
        drop(decode_event(&mut &lie[..]));
    }
    let mut state_bytes = Vec::new();
    encode_state(&state(), &mut state_bytes);
    for start in 0..state_bytes.len() {
        let mut lie = state_bytes[..start].to_vec();
        lie.extend_from_slice(&[253, 0, 0, 0, 0, 0, 0, 0, 16]);
        drop(decode_state(&lie));
    }
}
