//! One golden file for each command's JSON: fixed answers from the wire, compared byte for byte.
//!
//! `UPDATE_EXPECT=1 cargo test -p berth_cli golden` writes them anew; a diff of an existing field is
//! a broken promise of `docs/cli-json.md`.

use berth_client::v1;
use expect_test::{ExpectFile, expect_file};
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::berths::MapView;
use crate::cancel::CancelView;
use crate::confirm::ConfirmView;
use crate::ops::{BerthsChangeView, Done, InfoView, RunAnswer, SaleView, StatsView};
use crate::query::TableView;
use crate::release::ReleaseView;
use crate::room::TicketView;
use crate::runs::RunView;
use crate::view::booking::BookingAnswer;
use crate::view::hold::HoldView;
use crate::view::refusal::RefusedView;

fn golden(file: &ExpectFile, view: &impl Serialize) {
    file.assert_eq(&(serde_json::to_string_pretty(view).unwrap() + "\n"));
}

fn zone() -> TimeZone {
    TimeZone::get("Asia/Kolkata").unwrap()
}

/// 2026-12-01T04:30:00Z (10:00 in the railway's zone) and so many milliseconds.
fn at(ms: i64) -> prost_types::Timestamp {
    let ms = 1_796_099_400_000 + ms;
    let nanos = (ms.rem_euclid(1_000) * 1_000_000) as i32;
    prost_types::Timestamp { seconds: ms.div_euclid(1_000), nanos }
}

fn stop(sequence: u32, code: &str) -> v1::Stop {
    v1::Stop { sequence, code: code.into() }
}

fn seat(passenger: u32, status: v1::AllocationStatus, berth: u32) -> v1::Allocation {
    v1::Allocation {
        passenger,
        status: status.into(),
        coach: if berth == 0 { String::new() } else { "B3".into() },
        berth,
        berth_type: if berth == 0 { 0 } else { v1::BerthType::Lower.into() },
        age_band: v1::AgeBand::Adult.into(),
        sex: v1::Sex::Female.into(),
        list: None,
    }
}

fn hold(status: v1::AllocationStatus) -> v1::Hold {
    v1::Hold {
        hold_id: "0123456789abcdef0123456789abcdef".into(),
        train: "12951".into(),
        start_date: "2026-12-01".into(),
        date: "2026-12-02".into(),
        travel_class: v1::TravelClass::ThirdAc.into(),
        quota: "TQ".into(),
        from_stop: Some(stop(5, "RTM")),
        to_stop: Some(stop(8, "NDLS")),
        created_at: Some(at(7)),
        expires_at: Some(at(300_007)),
        allocations: vec![seat(1, status, 12), seat(2, status, 0)],
        reference: "order 4711".into(),
        pnrs: Vec::new(),
    }
}

fn booking(status: v1::AllocationStatus) -> v1::Booking {
    let hold = hold(status);
    v1::Booking {
        pnr: "4711081500".into(),
        hold_id: hold.hold_id,
        train: hold.train,
        start_date: hold.start_date,
        date: hold.date,
        travel_class: hold.travel_class,
        quota: hold.quota,
        from_stop: hold.from_stop,
        to_stop: hold.to_stop,
        confirmed_at: Some(at(60_000)),
        allocations: hold.allocations,
        payment_reference: "TXN-1".into(),
        reference: hold.reference,
    }
}

fn run_row() -> v1::TrainRunRow {
    v1::TrainRunRow {
        train: "12951".into(),
        name: "Mumbai Rajdhani".into(),
        start_date: "2026-12-01".into(),
        origin: "MMCT".into(),
        terminus: "NDLS".into(),
        place: v1::RunPlace::Live.into(),
        run_version: 42,
        live_holds: 3,
        extra: false,
        retired: false,
    }
}

#[test]
fn ticket() {
    let ticket = v1::Ticket {
        room: "morning".into(),
        ticket: "AQEBAA".into(),
        state: v1::TicketState::Admitted.into(),
        position: 0,
        ahead: 0,
        estimated_wait: Some(prost_types::Duration { seconds: 12, nanos: 500_000_000 }),
        basis: v1::EstimateBasis::Observed.into(),
        observed_over: Some(prost_types::Duration { seconds: 15, nanos: 0 }),
        opens_at: Some(at(0)),
        admission_token: "AQECAA".into(),
        run: Some(v1::RunRef {
            train: "12951".into(),
            day: Some(v1::run_ref::Day::StartDate("2026-12-02".into())),
        }),
        until: Some(at(300_000)),
        ask_again_after: Some(prost_types::Duration { seconds: 10, nanos: 0 }),
        server_time: Some(at(60_000)),
    };
    golden(&expect_file!["../golden/ticket.json"], &TicketView::of(&ticket));
}

#[test]
fn reserve_extend_and_hold() {
    let hold = hold(v1::AllocationStatus::Held);
    let view = HoldView::of(&hold, 42, Some(&at(8)));
    for name in ["reserve", "extend", "hold"] {
        golden(&expect_file![format!("../golden/{name}.json")], &view);
    }
    expect_file!["../golden/hold.txt"].assert_eq(&(view.text(&hold, Some(&at(8)), &zone()) + "\n"));
}

#[test]
fn refused() {
    let facts = v1::RefusalFacts { asked: Some(2), free: Some(0), ..v1::RefusalFacts::default() };
    let refusal = v1::Refusal {
        reason: v1::Reason::SoldOut.into(),
        message: "2 berths asked, 0 free in 3A GN on stops 1..8".into(),
        retryable: true,
        facts: Some(facts),
    };
    let view = RefusedView::new(&refusal, 41, Some(&at(5)));
    golden(&expect_file!["../golden/refusal.json"], &view);

    let facts = v1::RefusalFacts { opens_at: Some(at(0)), ..v1::RefusalFacts::default() };
    let refusal = v1::Refusal {
        reason: v1::Reason::NotOpen.into(),
        message: "quota TQ of 3A opens at 2026-12-01T04:30:00.000Z; ask again then".into(),
        retryable: true,
        facts: Some(facts),
    };
    let view = RefusedView::new(&refusal, 41, Some(&at(-5)));
    golden(&expect_file!["../golden/refusal-not-open.json"], &view);

    let facts = v1::RefusalFacts {
        booking: Some(booking(v1::AllocationStatus::Confirmed)),
        ..v1::RefusalFacts::default()
    };
    let refusal = v1::Refusal {
        reason: v1::Reason::AlreadyConfirmed.into(),
        message: "hold 0123456789abcdef0123456789abcdef is already confirmed as PNR 4711081500; \
                  reserve anew for more berths"
            .into(),
        retryable: false,
        facts: Some(facts),
    };
    let view = RefusedView::new(&refusal, 43, Some(&at(61_000)));
    golden(&expect_file!["../golden/refusal-already-confirmed.json"], &view);
    assert!(view.text().starts_with("ALREADY_CONFIRMED: hold 0123456789abcdef"));
}

#[test]
fn confirm_and_booking() {
    let booking = booking(v1::AllocationStatus::Confirmed);
    let answer = v1::ConfirmResponse {
        run_version: 43,
        server_time: Some(at(60_001)),
        outcome: None,
        expires_at: None,
    };
    golden(&expect_file!["../golden/confirm.json"], &ConfirmView::of(&booking, &answer));
    let view = BookingAnswer::of(&booking, 43, Some(&at(70_000)));
    golden(&expect_file!["../golden/booking.json"], &view);
    expect_file!["../golden/booking.txt"].assert_eq(&(view.booking.text(&booking, &zone()) + "\n"));
}

#[test]
fn release_and_cancel() {
    let released = v1::Released {
        hold: Some(hold(v1::AllocationStatus::Released)),
        passengers: vec![1, 2],
        promoted: Vec::new(),
    };
    let answer =
        v1::ReleaseResponse { run_version: 43, server_time: Some(at(60_001)), outcome: None };
    let view = ReleaseView::of(&released, &answer).unwrap();
    golden(&expect_file!["../golden/release.json"], &view);

    let cancelled = v1::Cancelled {
        booking: Some(booking(v1::AllocationStatus::Cancelled)),
        passengers: vec![1, 2],
        promoted: vec![v1::Promotion {
            pnr: "2345678901".into(),
            passenger: 2,
            from: "GNWL2".into(),
            to: "RAC3".into(),
            coach: "B3".into(),
            berth: 7,
        }],
    };
    let answer =
        v1::CancelResponse { run_version: 44, server_time: Some(at(90_001)), outcome: None };
    let view = CancelView::of(&cancelled, &answer).unwrap();
    golden(&expect_file!["../golden/cancel.json"], &view);
}

#[test]
fn query_and_watch() {
    let row = |class: v1::TravelClass, quota: &str, status: v1::AvailabilityStatus, count| {
        let opens_at = (status == v1::AvailabilityStatus::NotOpen).then(|| at(0));
        let (travel_class, status) = (class.into(), status.into());
        v1::AvailabilityRow {
            travel_class,
            quota: quota.into(),
            status,
            count,
            opens_at,
            ..v1::AvailabilityRow::default()
        }
    };
    let table = v1::AvailabilityTable {
        train: "12951".into(),
        start_date: "2026-12-02".into(),
        date: "2026-12-02".into(),
        from_stop: Some(stop(1, "MMCT")),
        to_stop: Some(stop(8, "NDLS")),
        rows: vec![
            row(v1::TravelClass::ThirdAc, "GN", v1::AvailabilityStatus::Available, 554),
            row(v1::TravelClass::ThirdAc, "TQ", v1::AvailabilityStatus::NotOpen, 237),
            row(v1::TravelClass::SecondAc, "GN", v1::AvailabilityStatus::SoldOut, 0),
        ],
    };
    let view = TableView::of(&table, 41, Some(&at(-5)));
    golden(&expect_file!["../golden/query.json"], &view);
    golden(&expect_file!["../golden/watch.json"], &view);
    expect_file!["../golden/query.txt"].assert_eq(&(view.text(&table, &zone()) + "\n"));
}

#[test]
fn berths() {
    use v1::{BerthState, BerthType, Side};
    let sleeper = [
        (BerthType::Lower, 1, Side::Left, BerthState::Free),
        (BerthType::Middle, 1, Side::Left, BerthState::Sold),
        (BerthType::Upper, 1, Side::Left, BerthState::Held),
        (BerthType::Lower, 2, Side::Left, BerthState::Free),
        (BerthType::Middle, 2, Side::Left, BerthState::Free),
        (BerthType::Upper, 2, Side::Left, BerthState::Blocked),
        (BerthType::SideLower, 2, Side::Right, BerthState::Sold),
        (BerthType::SideUpper, 2, Side::Right, BerthState::Free),
    ];
    let cell = |number: u32| {
        let (kind, row, side, state) = sleeper[(number as usize - 1) % 8];
        v1::BerthCell {
            number,
            berth_type: kind.into(),
            travel_class: v1::TravelClass::ThirdAc.into(),
            bay: (number - 1) / 8 + 1,
            row,
            side: side.into(),
            quota: "GN".into(),
            state: state.into(),
        }
    };
    let coach = v1::CoachMap {
        coach: "B3".into(),
        layout: "3A/LHB".into(),
        from_stop: Some(stop(1, "MMCT")),
        to_stop: Some(stop(8, "NDLS")),
        berths: (1..=16).map(cell).collect(),
    };
    let mut map = v1::BerthMap {
        train: "12951".into(),
        start_date: "2026-12-01".into(),
        date: "2026-12-02".into(),
        from_stop: Some(stop(5, "RTM")),
        to_stop: Some(stop(8, "NDLS")),
        coaches: vec![coach],
    };
    expect_file!["../golden/berths.txt"]
        .assert_eq(&(MapView::of(&map, None, 41, None).text() + "\n"));
    map.coaches[0].berths.truncate(2);
    golden(&expect_file!["../golden/berths.json"], &MapView::of(&map, None, 41, Some(&at(-5))));
    assert!(MapView::of(&map, Some("B9"), 41, None).text().ends_with("no such coach"));
}

#[test]
fn runs() {
    let view = RunView::of(&run_row());
    golden(&expect_file!["../golden/runs.json"], &view);
    let created = RunAnswer::of(&v1::TrainRunRow { extra: true, ..run_row() }, Some(&at(0)));
    golden(&expect_file!["../golden/ops-create-run.json"], &created);
    let retired = RunAnswer::of(&v1::TrainRunRow { retired: true, ..run_row() }, Some(&at(0)));
    golden(&expect_file!["../golden/ops-retire-run.json"], &retired);
}

#[test]
fn ops_sale_and_berths() {
    let pool = v1::PoolName { travel_class: v1::TravelClass::ThirdAc.into(), quota: "TQ".into() };
    for (open, name) in [(true, "ops-open-sale"), (false, "ops-close-sale")] {
        let sale = v1::SaleChange { open, pools: vec![pool.clone()] };
        let view = SaleView::of(&sale, 44, Some(&at(0)));
        golden(&expect_file![format!("../golden/{name}.json")], &view);
    }
    let change = v1::BerthsChange {
        berths: vec![v1::BerthName { coach: "B3".into(), number: 12 }],
        from_stop: Some(stop(1, "MMCT")),
        to_stop: Some(stop(8, "NDLS")),
    };
    for (done, name) in [(Done::Blocked, "ops-block"), (Done::Unblocked, "ops-unblock")] {
        let view = BerthsChangeView::of(done, &change, 45, Some(&at(0)));
        golden(&expect_file![format!("../golden/{name}.json")], &view);
    }
}

#[test]
fn ops_stats_and_info() {
    let span = |seconds| Some(prost_types::Duration { seconds, nanos: 500_000_000 });
    let stats = v1::GetStatsResponse {
        server_time: Some(at(3_600_000)),
        started_at: Some(at(0)),
        open_runs: 1_281,
        live_runs: 7,
        quarantined_runs: 0,
        live_holds: 3,
        commands: vec![v1::CommandCount {
            kind: "reserve".into(),
            outcome: "done".into(),
            count: 12,
        }],
        refusals: vec![v1::RefusalCount { reason: v1::Reason::SoldOut.into(), count: 4 }],
        fast_refusals: 2,
        request_ids_forgotten: 0,
        rebuilds: 0,
        clock_offset_ms: -3,
        journal: Some(v1::JournalStats {
            first_lsn: 1,
            durable_lsn: 99,
            bytes: 268_435_456,
            segments: 1,
            groups: 98,
            events: 230,
            indexed_lsn: 0,
            free_bytes: 12_000_000_000,
            failed: false,
            restart_estimate: span(0),
        }),
    };
    let view = StatsView::of(&stats);
    golden(&expect_file!["../golden/ops-stats.json"], &view);
    expect_file!["../golden/ops-stats.txt"].assert_eq(&(view.text() + "\n"));

    let info = v1::GetServerInfoResponse {
        server_time: Some(at(3_600_000)),
        version: "0.1.0".into(),
        started_at: Some(at(0)),
        listen: "127.0.0.1:50051".into(),
        admin_listen: "127.0.0.1:50052".into(),
        data_dir: "/var/lib/berth".into(),
        durability: "power".into(),
        workers: 2,
        zone: "Asia/Kolkata".into(),
        trains: 24,
        first_start_date: "2026-12-01".into(),
        last_start_date: "2027-01-30".into(),
        hold_ttl_default: Some(prost_types::Duration { seconds: 300, nanos: 0 }),
        hold_life_max: Some(prost_types::Duration { seconds: 900, nanos: 0 }),
        hold_ttl_min: Some(prost_types::Duration { seconds: 10, nanos: 0 }),
        hold_ttl_max: Some(prost_types::Duration { seconds: 600, nanos: 0 }),
        grace_until: Some(at(30_000)),
        pid: 4_711,
    };
    let view = InfoView::of(&info);
    golden(&expect_file!["../golden/ops-info.json"], &view);
    expect_file!["../golden/ops-info.txt"].assert_eq(&(view.text() + "\n"));
}
