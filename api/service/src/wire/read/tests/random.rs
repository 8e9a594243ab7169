//! Laws over random messages, written the usual way and then disturbed.

use berth_proto::v1::passenger::Years;
use berth_proto::v1::run_ref::Day;
use berth_proto::v1::stop_ref::Stop;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

fn text(good: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop_oneof![12 => select(good).prop_map(str::to_owned), 1 => ".{0,9}", 1 => Just(String::new())]
}

fn number(good: u32) -> impl Strategy<Value = u32> {
    prop_oneof![12 => 0..=good, 1 => any::<u32>()]
}

fn enumeration(good: i32) -> impl Strategy<Value = i32> {
    prop_oneof![12 => 1..=good, 1 => any::<i32>(), 1 => Just(0)]
}

fn id() -> impl Strategy<Value = String> {
    text(&[
        "7f0c1f0e-3f3b-4c63-9a52-6f8d1f3f3a11",
        "7F0C1F0E3F3B4C639A526F8D1F3F3A11",
        "{7f0c1f0e-3f3b-4c63-9a52-6f8d1f3f3a11}",
        "urn:uuid:7f0c1f0e-3f3b-4c63-9a52-6f8d1f3f3a11",
    ])
}

fn hold() -> impl Strategy<Value = String> {
    text(&["00112233445566778899aabbccddeeff", "FFEEDDCCBBAA99887766554433221100"])
}

fn people() -> impl Strategy<Value = Vec<u32>> {
    proptest::collection::vec(number(6), 0..4)
}

fn ttl() -> impl Strategy<Value = Option<prost_types::Duration>> {
    let seconds = prop_oneof![8 => 10..=900i64, 1 => any::<i64>()];
    let nanos = prop_oneof![8 => Just(0), 2 => 0..1_000_000_000i32, 1 => any::<i32>()];
    let span = (seconds, nanos);
    proptest::option::of(span.prop_map(|(seconds, nanos)| prost_types::Duration { seconds, nanos }))
}

fn run() -> impl Strategy<Value = Option<v1::RunRef>> {
    let date = || text(&["2026-12-01", "2024-02-29", "9999-12-31", "2026-02-30"]);
    let day = prop_oneof![
        6 => date().prop_map(|date| Some(Day::Date(date))),
        6 => date().prop_map(|date| Some(Day::StartDate(date))),
        1 => Just(None),
    ];
    let run = (text(&["12951", "A-1_z"]), day).prop_map(|(train, day)| v1::RunRef { train, day });
    proptest::option::weighted(0.95, run)
}

fn stop() -> impl Strategy<Value = Option<v1::StopRef>> {
    let named = prop_oneof![
        6 => text(&["NDLS", "MMCT"]).prop_map(|code| Some(Stop::Code(code))),
        6 => number(128).prop_map(|place| Some(Stop::Sequence(place))),
        1 => Just(None),
    ];
    let occurrence = prop_oneof![8 => Just(0), 1 => number(129)];
    let stop = (named, occurrence).prop_map(|(stop, occurrence)| v1::StopRef { occurrence, stop });
    proptest::option::weighted(0.95, stop)
}

fn passenger() -> impl Strategy<Value = v1::Passenger> {
    let years = prop_oneof![
        8 => number(125).prop_map(|age| Some(Years::Age(age))),
        4 => enumeration(7).prop_map(|band| Some(Years::AgeBand(band))),
        1 => Just(None),
    ];
    let preference = prop_oneof![4 => Just(0), 1 => enumeration(9)];
    (years, enumeration(4), proptest::bool::weighted(0.2), preference).prop_map(
        |(years, sex, without_berth, preference)| v1::Passenger {
            years,
            sex,
            without_berth,
            preference,
        },
    )
}

fn conditions() -> impl Strategy<Value = Option<v1::Conditions>> {
    let conditions = (any::<bool>(), number(2), any::<bool>(), any::<bool>(), any::<bool>());
    proptest::option::weighted(
        0.3,
        conditions.prop_map(|(one_coach, min_lower, hard, accept_rac, accept_waiting)| {
            v1::Conditions {
                all_in_one_coach: one_coach,
                min_lower,
                preferences_are_hard: hard,
                accept_rac,
                accept_waiting,
            }
        }),
    )
}

fn berths() -> impl Strategy<Value = Vec<v1::BerthName>> {
    let berth = (text(&["B1", "S10"]), number(80));
    let berth = berth.prop_map(|(coach, number)| v1::BerthName { coach, number });
    prop_oneof![6 => Just(Vec::new()), 1 => proptest::collection::vec(berth, 1..3)]
}

fn reserves() -> impl Strategy<Value = v1::ReserveRequest> {
    let passengers = proptest::collection::vec(passenger(), 0..8);
    let where_and_when = (run(), stop(), stop(), enumeration(11));
    let opaque = prop_oneof![
        4 => Just(String::new()),
        4 => ".{0,40}".prop_map(String::from),
        1 => "[a-z]{100,140}".prop_map(String::from),
    ];
    let token = prop_oneof![
        6 => Just(String::new()),
        2 => "[a-zA-Z0-9_-]{1,90}".prop_map(String::from),
        1 => "[a-z]{240,270}".prop_map(String::from),
    ];
    let rest = (text(&["GN", "TQ"]), conditions(), berths(), ttl(), opaque, token);
    (id(), where_and_when, passengers, rest).prop_map(
        |(request_id, (run, from_stop, to_stop, travel_class), passengers, rest)| {
            let (quota, conditions, berths, ttl, reference, admission_token) = rest;
            v1::ReserveRequest {
                request_id,
                run,
                from_stop,
                to_stop,
                travel_class,
                quota,
                passengers,
                conditions,
                berths,
                ttl,
                reference,
                admission_token,
            }
        },
    )
}

fn queries() -> impl Strategy<Value = v1::QueryRequest> {
    let class = prop_oneof![1 => Just(0), 2 => enumeration(11)];
    (run(), stop(), stop(), class, text(&["GN", "TQ", ""])).prop_map(
        |(run, from_stop, to_stop, travel_class, quota)| v1::QueryRequest {
            run,
            from_stop,
            to_stop,
            travel_class,
            quota,
        },
    )
}

fn commands() -> impl Strategy<Value = v1::SessionCommand> {
    let pnr = || text(&["1234567890", "0123456789"]);
    let confirm = (id(), hold(), text(&["paid"]), people(), any::<bool>()).prop_map(
        |(request_id, hold_id, payment_reference, passengers, keep_rest)| v1::ConfirmRequest {
            request_id,
            hold_id,
            payment_reference,
            passengers,
            keep_rest,
        },
    );
    let release = (id(), hold(), people()).prop_map(|(request_id, hold_id, passengers)| {
        v1::ReleaseRequest { request_id, hold_id, passengers }
    });
    let extend = (id(), hold(), ttl()).prop_map(|(request_id, hold_id, ttl)| v1::ExtendRequest {
        request_id,
        hold_id,
        ttl,
    });
    let cancel = (id(), pnr(), people()).prop_map(|(request_id, pnr, passengers)| {
        v1::CancelRequest { request_id, pnr, passengers }
    });
    let get_hold = hold().prop_map(|hold_id| v1::GetHoldRequest { hold_id });
    let get_booking = pnr().prop_map(|pnr| v1::GetBookingRequest { pnr });
    let command = prop_oneof![
        6 => reserves().prop_map(|message| Some(Named::Reserve(message))),
        3 => confirm.prop_map(|message| Some(Named::Confirm(message))),
        3 => release.prop_map(|message| Some(Named::Release(message))),
        2 => extend.prop_map(|message| Some(Named::Extend(message))),
        2 => cancel.prop_map(|message| Some(Named::Cancel(message))),
        1 => get_hold.prop_map(|message| Some(Named::GetHold(message))),
        1 => get_booking.prop_map(|message| Some(Named::GetBooking(message))),
        1 => Just(None),
    ];
    (any::<u64>(), number(500), command).prop_map(|(correlation_id, timeout_ms, command)| {
        v1::SessionCommand { correlation_id, timeout_ms, command }
    })
}

fn messages() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(commands(), 0..5)
        .prop_map(|commands| v1::SessionRequest { commands }.encode_to_vec())
}

/// One change to a message: which field, at which depth, and what becomes of it.
#[derive(Clone, Debug)]
enum Change {
    Swap(usize, usize),
    Twice(usize),
    Drop(usize),
    Insert(usize, Vec<u8>),
    Inside(usize, Box<Change>),
    Byte(usize, u8),
    Cut(usize),
}

fn changes() -> impl Strategy<Value = Change> {
    let strange = prop_oneof![
        Just(vec![0x7a, 1, 0]),
        Just(vec![0x78, 0x80, 1]),
        Just(vec![0x18, 9]),
        Just(vec![0x0a, 0]),
        Just(vec![0x12, 0]),
        Just(vec![0x08, 0xff, 0xff, 0xff, 0xff, 0x1f]),
        Just(vec![0x28, 0x00]),
        proptest::collection::vec(any::<u8>(), 1..6),
    ];
    let place = any::<usize>;
    let change = prop_oneof![
        3 => (place(), place()).prop_map(|(one, other)| Change::Swap(one, other)),
        2 => place().prop_map(Change::Twice),
        1 => place().prop_map(Change::Drop),
        2 => (place(), strange).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        1 => (place(), any::<u8>()).prop_map(|(at, mask)| Change::Byte(at, mask)),
        1 => place().prop_map(Change::Cut),
    ];
    change.prop_recursive(4, 8, 1, |inside| {
        (any::<usize>(), inside).prop_map(|(at, inside)| Change::Inside(at, Box::new(inside)))
    })
}

/// The fields of a message, each with its key; `None` when it is none.
fn fields(message: &[u8]) -> Option<Vec<&[u8]>> {
    let mut fields = Vec::new();
    let mut rest = message;
    while !rest.is_empty() {
        let mut scan = Scan::new(rest);
        match scan.key()? & 7 {
            0 => drop(scan.number().ok()?),
            2 => drop(scan.bytes().ok()?),
            _ => return None,
        }
        let (field, left) = rest.split_at(rest.len() - scan.left());
        fields.push(field);
        rest = left;
    }
    Some(fields)
}

impl Change {
    fn apply(&self, message: &[u8]) -> Vec<u8> {
        let mut changed = message.to_vec();
        let whole = message.len().max(1);
        match self {
            Self::Byte(at, mask) => {
                changed.iter_mut().skip(at % whole).take(1).for_each(|byte| *byte ^= mask);
            }
            Self::Cut(at) => changed.truncate(at % whole),
            _ => {
                if let Some(fields) = fields(message).filter(|fields| !fields.is_empty()) {
                    changed = self.to_fields(&fields);
                }
            }
        }
        changed
    }

    fn to_fields(&self, of: &[&[u8]]) -> Vec<u8> {
        let count = of.len();
        let inside;
        let mut fields = of.to_vec();
        match self {
            Self::Swap(one, other) => fields.swap(one % count, other % count),
            Self::Twice(at) => fields.push(fields[at % count]),
            Self::Drop(at) => drop(fields.remove(at % count)),
            Self::Insert(at, bytes) => fields.insert(at % count, bytes),
            Self::Inside(at, change) => {
                let field = fields[at % count];
                let mut scan = Scan::new(field);
                let key = scan.key().expect("a field has a key");
                if key & 7 == 2 {
                    let value = change.apply(scan.bytes().expect("it was read before"));
                    let mut whole = vec![key];
                    prost::encoding::encode_varint(value.len() as u64, &mut whole);
                    inside = [whole, value].concat();
                    fields[at % count] = &inside;
                }
            }
            Self::Byte(..) | Self::Cut(_) => unreachable!("they change bytes, not fields"),
        }
        fields.concat()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_message_as_it_is_written(message in messages()) {
        drop(led(&message, &HoldTimes::default()));
    }

    #[test]
    fn a_message_that_was_disturbed(
        message in messages(),
        changes in proptest::collection::vec(changes(), 1..4),
    ) {
        let disturbed = changes.iter().fold(message, |message, change| change.apply(&message));
        drop(led(&disturbed, &HoldTimes::default()));
    }

    #[test]
    fn a_call_that_was_disturbed(
        message in reserves(),
        changes in proptest::collection::vec(changes(), 0..4),
    ) {
        let message = message.encode_to_vec();
        let disturbed = changes.iter().fold(message, |message, change| change.apply(&message));
        called(Kind::Reserve, &disturbed, &HoldTimes::default());
    }

    #[test]
    fn a_query_that_was_disturbed(
        message in queries(),
        changes in proptest::collection::vec(changes(), 0..4),
    ) {
        let message = message.encode_to_vec();
        let disturbed = changes.iter().fold(message, |message, change| change.apply(&message));
        let words = |status: Status| (status.code(), status.message().to_owned());
        let by_prost = look_by_prost(&disturbed);
        if changes.is_empty() && by_prost.is_ok() {
            assert!(straight::look(&disturbed).is_ok(), "what is well-formed is not odd");
        }
        assert_eq!(look(&disturbed).map_err(words), by_prost.map_err(words));
    }

    #[test]
    fn bytes_of_any_kind(message in proptest::collection::vec(any::<u8>(), 0..64)) {
        drop(led(&message, &HoldTimes::default()));
    }
}
