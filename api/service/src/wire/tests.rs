//! Requests as tables: a good message, one change each, and the fields that are then wrong.

#![allow(clippy::unnecessary_wraps, reason = "the makers give what fields of messages hold")]
#![allow(clippy::cast_possible_wrap, reason = "enums have a handful of values")]

use std::sync::Arc;

use berth_engine::node::{HoldTimes, Names, When};
use berth_inventory::{
    AgeBand, Answer, BerthName, BerthType, Command, Date, HoldId, LegRange, Millis, PRECEDENCE,
    PassengerSet, Pnr, Reason, Refusal, RequestId, Rest, RunId, Said, Sex, StopRef, TravelClass,
    UnixMillis, Version,
};
use berth_proto::v1;
use berth_proto::v1::passenger::Years;
use berth_proto::v1::run_ref::Day;
use berth_proto::v1::stop_ref::Stop;

use crate::tally::Kind;

use super::read::tests::{cancel, confirm, extend, get_booking, get_hold, release, reserve};
use super::*;

const UUID: &str = "7f0c1f0e-3f3b-4c63-9a52-6f8d1f3f3a11";
const HOLD: &str = "00112233445566778899aabbccddeeff";

fn by_code(code: &str) -> Option<v1::StopRef> {
    Some(v1::StopRef { occurrence: 0, stop: Some(Stop::Code(code.into())) })
}

fn by_place(place: u32) -> Option<v1::StopRef> {
    Some(v1::StopRef { occurrence: 0, stop: Some(Stop::Sequence(place)) })
}

fn run_ref() -> v1::RunRef {
    v1::RunRef { train: "12951".into(), day: Some(Day::Date("2026-12-01".into())) }
}

fn adult() -> v1::Passenger {
    v1::Passenger { years: Some(Years::Age(34)), sex: 1, without_berth: false, preference: 0 }
}

fn child() -> v1::Passenger {
    v1::Passenger { years: Some(Years::Age(3)), sex: 2, without_berth: true, preference: 0 }
}

fn seconds(seconds: i64) -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds, nanos: 0 })
}

fn good() -> v1::ReserveRequest {
    v1::ReserveRequest {
        request_id: UUID.into(),
        run: Some(run_ref()),
        from_stop: by_code("MMCT"),
        to_stop: by_place(7),
        travel_class: 3,
        quota: String::new(),
        passengers: vec![adult(), child()],
        conditions: None,
        berths: Vec::new(),
        ttl: None,
        reference: "mine".into(),
        admission_token: String::new(),
    }
}

fn fields<T: core::fmt::Debug>(outcome: Result<T, Invalid>) -> Vec<String> {
    match outcome {
        Ok(_) => Vec::new(),
        Err(invalid) => invalid.violations.into_iter().map(|v| v.field).collect(),
    }
}

#[test]
fn hold_times_are_what_the_operator_set() {
    let (default, min, max, life) =
        (Millis(60_000), Millis(30_000), Millis(600_000), Millis(7_000));
    let holds = HoldTimes { default, min, max, life };
    let Command::Reserve(asked) = reserve(&good(), &holds).unwrap().command else {
        panic!("a reserve");
    };
    assert_eq!(asked.ttl, default);
    let wrong = |ttl| {
        let message = v1::ExtendRequest { request_id: UUID.into(), hold_id: HOLD.into(), ttl };
        extend(&message, &holds).unwrap_err().violations[0].description.clone()
    };
    assert_eq!(wrong(seconds(601)), "601 s 0 ns is outside 30 s to 600 s");
    assert_eq!(wrong(None), "is required: 30 s to 600 s from now");
    let message =
        v1::ExtendRequest { request_id: UUID.into(), hold_id: HOLD.into(), ttl: seconds(600) };
    let Command::Extend(asked) = extend(&message, &holds).unwrap().command else {
        panic!("an extend");
    };
    assert_eq!((asked.ttl, asked.life), (max, life));
}

#[test]
fn a_good_reserve_means_what_it_says() {
    let mut message = good();
    message.conditions = Some(v1::Conditions {
        all_in_one_coach: true,
        min_lower: 1,
        preferences_are_hard: true,
        ..Default::default()
    });
    message.berths = vec![v1::BerthName { coach: "B3".into(), number: 17 }];
    message.ttl = seconds(10);
    message.passengers[0].preference = 4;
    let Ask { aim, command: Command::Reserve(reserve), .. } =
        reserve(&message, &HoldTimes::default()).unwrap()
    else {
        panic!("a reserve");
    };
    let from = StopRef::Station { code: "MMCT".parse().unwrap(), occurrence: 1 };
    let when = When::Board("2026-12-01".parse().unwrap());
    let run = RunName { train: "12951".parse().unwrap(), when };
    assert_eq!(aim, Aim::Run { run, from: Some(from) });
    assert_eq!(reserve.request.id, RequestId(uuid::Uuid::parse_str(UUID).unwrap().as_u128()));
    assert_eq!((reserve.from, reserve.to), (from, StopRef::Sequence(7)));
    assert_eq!((reserve.class, reserve.quota.as_str()), (TravelClass::ThirdAc, "GN"));
    assert_eq!(reserve.ttl, Millis(10_000));
    assert_eq!(&*reserve.reference, "mine");
    assert_eq!(reserve.berths, [BerthName { coach: "B3".into(), number: 17 }]);
    assert!(reserve.conditions.one_coach && reserve.conditions.preferences_are_hard);
    assert_eq!(reserve.conditions.min_lower, 1);
    let party: Vec<_> = reserve.party.iter().map(|p| (p.age, p.sex, p.berth_required)).collect();
    assert_eq!(party, [(AgeBand::Adult, Sex::Male, true), (AgeBand::Infant, Sex::Female, false)]);
    assert_eq!(reserve.party[0].preference, Some(BerthType::SideLower));
}

#[test]
fn every_wrong_field_of_a_reserve_is_named() {
    type Change = fn(&mut v1::ReserveRequest);
    let table: &[(&str, Change)] = &[
        ("", |_| {}),
        ("request_id", |m| m.request_id.clear()),
        ("request_id", |m| m.request_id = "not-a-uuid".into()),
        ("request_id", |m| m.request_id = "x".repeat(1 << 20)),
        ("run", |m| m.run = None),
        ("run.train", |m| m.run.as_mut().unwrap().train.clear()),
        ("run.train", |m| m.run.as_mut().unwrap().train = "123456789".into()),
        ("run.train", |m| m.run.as_mut().unwrap().train = "12 51".into()),
        ("run", |m| m.run.as_mut().unwrap().day = None),
        ("run.date", |m| m.run.as_mut().unwrap().day = Some(Day::Date("2026-02-30".into()))),
        ("run.date", |m| m.run.as_mut().unwrap().day = Some(Day::Date("10000-01-01".into()))),
        ("run.date", |m| m.run.as_mut().unwrap().day = Some(Day::Date("tomorrow".into()))),
        ("", |m| m.run.as_mut().unwrap().day = Some(Day::Date("9999-12-31".into()))),
        ("run.start_date", |m| {
            m.run.as_mut().unwrap().day = Some(Day::StartDate("2026-13-01".into()));
        }),
        ("from_stop", |m| m.from_stop = None),
        ("from_stop", |m| m.from_stop = Some(v1::StopRef::default())),
        ("from_stop.code", |m| m.from_stop = by_code("")),
        ("from_stop.code", |m| m.from_stop = by_code("TOOLONGCODE")),
        ("to_stop.sequence", |m| m.to_stop = by_place(0)),
        ("to_stop.sequence", |m| m.to_stop = by_place(129)),
        ("to_stop.sequence", |m| m.to_stop = by_place(u32::MAX)),
        ("to_stop.occurrence", |m| m.to_stop.as_mut().unwrap().occurrence = 1),
        ("from_stop.occurrence", |m| m.from_stop.as_mut().unwrap().occurrence = 129),
        ("travel_class", |m| m.travel_class = 0),
        ("travel_class", |m| m.travel_class = 9_999),
        ("travel_class", |m| m.travel_class = -1),
        ("travel_class", |m| m.travel_class = 259),
        ("quota", |m| m.quota = "LONGER".into()),
        ("passengers", |m| m.passengers.clear()),
        ("passengers", |m| m.passengers = vec![adult(); 7]),
        ("passengers", |m| m.passengers = vec![child(); 2]),
        ("passengers[1]", |m| m.passengers[1].years = None),
        ("passengers[0].age", |m| m.passengers[0].years = Some(Years::Age(126))),
        ("passengers[0].age", |m| m.passengers[0].years = Some(Years::Age(u32::MAX))),
        ("passengers[0].age_band", |m| m.passengers[0].years = Some(Years::AgeBand(0))),
        ("passengers[0].age_band", |m| m.passengers[0].years = Some(Years::AgeBand(9_999))),
        ("passengers[1].sex", |m| m.passengers[1].sex = 0),
        ("passengers[1].sex", |m| m.passengers[1].sex = 9_999),
        ("passengers[0].preference", |m| m.passengers[0].preference = 9_999),
        ("conditions.min_lower", |m| {
            m.conditions = Some(v1::Conditions { min_lower: 2, ..Default::default() });
        }),
        ("conditions.min_lower", |m| {
            m.conditions = Some(v1::Conditions { min_lower: u32::MAX, ..Default::default() });
        }),
        ("berths", |m| m.berths = vec![v1::BerthName { coach: "B1".into(), number: 1 }; 2]),
        ("berths[0].coach", |m| m.berths = vec![v1::BerthName { coach: String::new(), number: 1 }]),
        ("berths[0].number", |m| m.berths = vec![v1::BerthName { coach: "B".into(), number: 0 }]),
        ("berths[0].number", |m| {
            m.berths = vec![v1::BerthName { coach: "B".into(), number: 65_536 }];
        }),
        ("ttl", |m| m.ttl = seconds(0)),
        ("ttl", |m| m.ttl = seconds(9)),
        ("", |m| m.ttl = seconds(10)),
        ("", |m| m.ttl = seconds(900)),
        ("ttl", |m| m.ttl = seconds(901)),
        ("ttl", |m| m.ttl = seconds(365 * 86_400)),
        ("ttl", |m| m.ttl = seconds(i64::MAX)),
        ("ttl", |m| m.ttl = seconds(i64::MIN)),
        ("ttl", |m| m.ttl = Some(prost_types::Duration { seconds: 20, nanos: -1 })),
        ("", |m| m.reference = "x".repeat(128)),
        ("reference", |m| m.reference = "x".repeat(129)),
    ];
    for (place, (field, change)) in table.iter().enumerate() {
        let mut message = good();
        change(&mut message);
        let expected: Vec<&str> = if field.is_empty() { vec![] } else { vec![field] };
        assert_eq!(fields(reserve(&message, &HoldTimes::default())), expected, "line {place}");
    }
}

#[test]
fn all_violations_are_told_at_once() {
    let empty = fields(reserve(&v1::ReserveRequest::default(), &HoldTimes::default()));
    let expected = ["request_id", "run", "from_stop", "to_stop", "travel_class", "passengers"];
    assert_eq!(empty, expected);
}

#[test]
fn ages_become_bands() {
    let band = |age: u32| {
        let mut message = good();
        message.passengers[0].years = Some(Years::Age(age));
        let Command::Reserve(reserve) = reserve(&message, &HoldTimes::default()).unwrap().command
        else {
            panic!("a reserve");
        };
        reserve.party[0].age as u8
    };
    let ages = [0, 4, 5, 11, 12, 17, 18, 44, 45, 57, 58, 59, 60, 125];
    assert_eq!(ages.map(band), [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7]);
}

#[test]
fn the_other_requests_are_checked_too() {
    let id = || UUID.to_owned();
    let confirm_with = |hold: &str, passengers: Vec<u32>, keep_rest| {
        confirm(&v1::ConfirmRequest {
            request_id: id(),
            hold_id: hold.into(),
            payment_reference: "p".into(),
            passengers,
            keep_rest,
        })
    };
    assert_eq!(fields(confirm_with("short", vec![], false)), ["hold_id"]);
    assert_eq!(fields(confirm_with(&"g".repeat(32), vec![], false)), ["hold_id"]);
    assert_eq!(fields(confirm_with(&"é".repeat(16), vec![], false)), ["hold_id"]);
    assert_eq!(fields(confirm_with(&format!("+{}", &HOLD[1..]), vec![], false)), ["hold_id"]);
    assert_eq!(
        fields(confirm_with(HOLD, vec![0, 7, 2, 2], true)),
        ["passengers[0]", "passengers[1]", "passengers[3]"]
    );
    assert_eq!(fields(confirm_with(HOLD, vec![1; 7], false)), ["passengers"]);
    assert_eq!(fields(confirm_with(HOLD, vec![], true)), ["keep_rest"]);
    let Command::Confirm(fine) = confirm_with(HOLD, vec![1, 3], true).unwrap().command else {
        panic!("a confirm");
    };
    assert_eq!(fine.passengers, Some(PassengerSet(0b101)));
    assert_eq!(
        (fine.rest, fine.hold),
        (Rest::Kept, HoldId(u128::from_str_radix(HOLD, 16).unwrap()))
    );

    let release_with = |passengers| {
        release(&v1::ReleaseRequest { request_id: id(), hold_id: HOLD.into(), passengers })
    };
    assert_eq!(fields(release_with(vec![7, 1, 1])), ["passengers[0]", "passengers[2]"]);
    assert_eq!(fields(release_with(vec![])), [""; 0]);

    let extend_with = |ttl| {
        let message = v1::ExtendRequest { request_id: id(), hold_id: HOLD.into(), ttl };
        extend(&message, &HoldTimes::default())
    };
    assert_eq!(fields(extend_with(None)), ["ttl"]);
    assert_eq!(fields(extend_with(seconds(5))), ["ttl"]);
    assert_eq!(fields(extend_with(seconds(60))), [""; 0]);

    for pnr in ["", "123456789", "0123456789", "12345678901", "12345x7890"] {
        let booking = get_booking(&v1::GetBookingRequest { pnr: pnr.into() });
        assert_eq!(fields(booking), ["pnr"], "{pnr}");
        let message =
            v1::CancelRequest { request_id: String::new(), pnr: pnr.into(), passengers: vec![] };
        assert_eq!(fields(cancel(&message)), ["request_id", "pnr"]);
    }
    assert_eq!(fields(get_hold(&v1::GetHoldRequest { hold_id: HOLD.to_uppercase() })), [""; 0]);
}

#[test]
fn enquiries_are_checked() {
    let query_with = |change: fn(&mut v1::QueryRequest)| {
        let mut message = v1::QueryRequest {
            run: Some(run_ref()),
            from_stop: by_place(1),
            to_stop: by_place(2),
            travel_class: 0,
            quota: String::new(),
        };
        change(&mut message);
        fields(query(&message))
    };
    assert_eq!(query_with(|_| {}), [""; 0]);
    assert_eq!(query_with(|m| m.travel_class = 9_999), ["travel_class"]);
    assert_eq!(query_with(|m| m.quota = "!".into()), ["quota"]);
    assert_eq!(query_with(|m| *m = v1::QueryRequest::default()), ["run", "from_stop", "to_stop"]);
    let interval = |span: Option<prost_types::Duration>| {
        watch(&v1::WatchRequest {
            run: Some(run_ref()),
            from_stop: by_place(1),
            to_stop: by_place(2),
            min_interval: span,
            ..Default::default()
        })
        .map(|(_, interval)| interval)
    };
    assert_eq!(interval(None), Ok(Millis(100)));
    assert_eq!(interval(seconds(0)), Ok(Millis(10)));
    assert_eq!(interval(seconds(60)), Ok(Millis(60_000)));
    assert_eq!(fields(interval(seconds(61))), ["min_interval"]);
    assert_eq!(fields(interval(seconds(-1))), ["min_interval"]);
    let map = v1::GetBerthMapRequest { run: Some(run_ref()), ..Default::default() };
    assert_eq!(map_wish(&map).unwrap().journey, Journey { from: None, to: None });
}

#[test]
fn operators_are_checked_too() {
    let block_with = |change: fn(&mut v1::BlockBerthsRequest)| {
        let mut message = v1::BlockBerthsRequest {
            request_id: UUID.into(),
            train: "12951".into(),
            start_date: "2026-12-01".into(),
            berths: vec![v1::BerthName { coach: "B1".into(), number: 1 }],
            from_stop: None,
            to_stop: None,
        };
        change(&mut message);
        fields(block(&message))
    };
    assert_eq!(block_with(|_| {}), [""; 0]);
    assert_eq!(block_with(|m| m.berths.clear()), ["berths"]);
    assert_eq!(block_with(|m| m.berths = vec![m.berths[0].clone(); 1_025]), ["berths"]);
    assert_eq!(block_with(|m| m.from_stop = by_place(1)), ["from_stop"]);
    let nothing = v1::CreateTrainRunRequest::default();
    assert_eq!(fields(create(&nothing)), ["request_id", "train", "start_date"]);
    let sale = v1::OpenSaleRequest { travel_class: 9_999, ..Default::default() };
    assert_eq!(fields(open_sale(&sale)), ["request_id", "train", "start_date", "travel_class"]);
    let list_with = |page_size, page_token: &str| {
        list(&v1::ListTrainRunsRequest {
            page_size,
            page_token: page_token.into(),
            ..Default::default()
        })
    };
    assert_eq!(list_with(0, "").unwrap().page, 100);
    assert_eq!(fields(list_with(1_001, "x")), ["page_size", "page_token"]);
    let run = RunId { train: "12951".parse().unwrap(), start_date: "2026-12-01".parse().unwrap() };
    let after = list_with(1, &page_token(run)).unwrap().after;
    assert_eq!(after, Some((run.start_date, run.train)));
}

#[test]
fn numbers_of_wire_and_domain_are_the_same() {
    macro_rules! same {
        ($domain:ident, $wire:ident, $prefix:literal) => {
            for value in berth_inventory::$domain::ALL {
                let wire = v1::$wire::try_from(*value as i32).expect("the wire knows it");
                let name = format!("{value:?}").to_lowercase();
                let said = wire.as_str_name().trim_start_matches($prefix);
                let said = said.replace('_', "").to_lowercase();
                assert!(said == name || name == "unspecified", "{said} and {name}");
            }
            let of_wire = (1..256).filter(|number| v1::$wire::try_from(*number).is_ok());
            let of_domain = berth_inventory::$domain::ALL.iter().map(|value| *value as i32);
            assert!(of_wire.eq(of_domain), "the wire knows no more than the domain");
        };
    }
    same!(TravelClass, TravelClass, "TRAVEL_CLASS_");
    same!(BerthType, BerthType, "BERTH_TYPE_");
    same!(Side, Side, "SIDE_");
    same!(AgeBand, AgeBand, "AGE_BAND_");
    same!(Sex, Sex, "SEX_");
    same!(Reason, Reason, "REASON_");
    same!(SeatState, AllocationStatus, "ALLOCATION_STATUS_");
    assert_eq!(v1::Sex::NotSaid as i32, Sex::Unspecified as i32);
}

#[test]
fn a_refusal_carries_its_facts() {
    let names = Arc::new(Names::new(&[7; 32], 1));
    let teller = Teller { names, now: UnixMillis(1_000) };
    let train = "12951".parse().unwrap();
    let legs = LegRange { from: 0, to: 2 };
    let quota = "GN".parse().unwrap();
    let class = TravelClass::ThirdAc;
    let next = "2026-12-03".parse().unwrap();
    let told = teller.refusal(&Refusal::RunNotScheduled {
        train,
        start_date: Date::from_days(20_000),
        next: Some(next),
    });
    assert_eq!(told.reason(), v1::Reason::RunNotScheduled);
    assert!(told.retryable);
    assert_eq!(told.facts.unwrap().next_start_date, "2026-12-03");
    let told = teller.refusal(&Refusal::SoldOut { asked: 3, free: 0, class, quota, legs });
    let facts = told.facts.unwrap();
    assert_eq!((facts.asked, facts.free), (Some(3), Some(0)), "zero is said, not left out");
    assert_eq!(told.message, "3 berths asked, 0 free in 3A GN on stops 1..3");
    let pnr = Pnr(77);
    let printed = teller.names.print_pnr(pnr);
    let told = teller.refusal(&Refusal::UnknownBooking { pnr });
    assert_eq!(told.message, format!("PNR {printed} is not known here; check the number"));
    let told = teller.refusal(&Refusal::BookingCancelled { pnr, at: UnixMillis(0) });
    let then = "1970-01-01T00:00:00.000Z";
    assert_eq!(told.message, format!("PNR {printed} was cancelled at {then}; reserve anew"));
    let told = teller.refusal(&Refusal::NotOpen { class, quota, opens_at: UnixMillis(1_234_567) });
    let at = told.facts.unwrap().opens_at.unwrap();
    assert_eq!((at.seconds, at.nanos), (1_234, 567_000_000));
    assert_eq!(PRECEDENCE.len(), Reason::ALL.len());
}

#[test]
fn an_answer_that_nobody_asked_for_is_a_fault_of_ours() {
    let names = Arc::new(Names::new(&[7; 32], 1));
    let teller = Teller { names, now: UnixMillis(1) };
    let answer = Answer { version: Version(1), at: UnixMillis(1), said: Said::Done };
    let told = |kind, answer| response(&mut Pen::default(), kind, answer, None, &teller);
    assert_eq!(told(Kind::Reserve, &answer).unwrap_err().code(), tonic::Code::Internal);
    let refused = teller.refused(Refusal::UnknownBooking { pnr: Pnr(1) });
    assert_eq!(refused.version, Version(0));
    assert!(told(Kind::Cancel, &refused).is_ok(), "every call may be refused");
}

#[test]
fn the_end_of_time_is_a_timestamp() {
    let end = timestamp(UnixMillis::MAX);
    assert_eq!((end.seconds, end.nanos), (253_402_300_799, 999_000_000));
}
