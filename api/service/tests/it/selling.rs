//! Reserve, confirm, release, extend, cancel, one call at a time.

use berth_proto::v1;
use tonic::Code;

use crate::world::{TRAIN, World, adult, request_id, stop};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_a_hold_to_a_booking_and_back() {
    let world = World::start().await;
    let mut inventory = world.inventory.clone();
    let ask = world.reserve();
    let first = inventory.reserve(ask.clone()).await.unwrap().into_inner();
    let v1::reserve_response::Outcome::Hold(hold) = first.outcome.clone().unwrap() else {
        panic!("a hold");
    };
    assert_eq!((hold.train.as_str(), hold.quota.as_str()), (TRAIN, "GN"));
    assert_eq!(hold.date, world.date().to_string());
    assert_eq!(hold.hold_id.len(), 32);
    let seat = &hold.allocations[0];
    assert_eq!(
        (seat.passenger, seat.coach.as_str(), seat.status()),
        (1, "B1", v1::AllocationStatus::Held)
    );
    assert_eq!(seat.age_band(), v1::AgeBand::Adult);
    assert!(first.run_version > 1, "the run's first event came before");

    // A retry gets the first answer; the same id with another wish is refused.
    let again = inventory.reserve(ask.clone()).await.unwrap().into_inner();
    assert_eq!(again.outcome, first.outcome);
    let other = v1::ReserveRequest { to_stop: stop("DDD"), ..ask };
    let mismatch = inventory.reserve(other).await.unwrap().into_inner();
    let v1::reserve_response::Outcome::Refusal(why) = mismatch.outcome.unwrap() else {
        panic!("a refusal");
    };
    assert_eq!(why.reason(), v1::Reason::IdempotencyMismatch);

    let confirm = v1::ConfirmRequest {
        request_id: request_id(),
        hold_id: hold.hold_id.clone(),
        payment_reference: "paid".into(),
        ..Default::default()
    };
    let booked = inventory.confirm(confirm).await.unwrap().into_inner();
    assert_eq!(booked.expires_at, None, "nothing is held any more");
    let v1::confirm_response::Outcome::Booking(booking) = booked.outcome.unwrap() else {
        panic!("a booking");
    };
    assert_eq!((booking.pnr.len(), booking.payment_reference.as_str()), (10, "paid"));

    let read = v1::GetBookingRequest { pnr: booking.pnr.clone() };
    let read = inventory.get_booking(read).await.unwrap().into_inner();
    assert_eq!(read.outcome, Some(v1::get_booking_response::Outcome::Booking(booking.clone())));

    let cancel =
        v1::CancelRequest { request_id: request_id(), pnr: booking.pnr, passengers: vec![] };
    let cancelled = inventory.cancel(cancel).await.unwrap().into_inner();
    let v1::cancel_response::Outcome::Cancelled(cancelled) = cancelled.outcome.unwrap() else {
        panic!("cancelled");
    };
    assert_eq!(cancelled.passengers, [1]);

    let get = v1::GetHoldRequest { hold_id: hold.hold_id };
    let seen = inventory.get_hold(get).await.unwrap().into_inner();
    let v1::get_hold_response::Outcome::Hold(seen) = seen.outcome.unwrap() else {
        panic!("a hold");
    };
    assert_eq!(seen.allocations[0].status(), v1::AllocationStatus::Cancelled);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_is_confirmed_and_the_rest_stays_held() {
    let world = World::start().await;
    let mut inventory = world.inventory.clone();
    let ask = v1::ReserveRequest { passengers: vec![adult(), adult()], ..world.reserve() };
    let answer = inventory.reserve(ask).await.unwrap().into_inner();
    let v1::reserve_response::Outcome::Hold(hold) = answer.outcome.unwrap() else {
        panic!("a hold");
    };
    let confirm = v1::ConfirmRequest {
        request_id: request_id(),
        hold_id: hold.hold_id.clone(),
        passengers: vec![2],
        keep_rest: true,
        ..Default::default()
    };
    let part = inventory.confirm(confirm).await.unwrap().into_inner();
    assert_eq!(part.expires_at, hold.expires_at, "the rest is held until the same deadline");
    let extend = v1::ExtendRequest {
        request_id: request_id(),
        hold_id: hold.hold_id.clone(),
        ttl: Some(prost_types::Duration { seconds: 600, nanos: 0 }),
    };
    let extended = inventory.extend(extend).await.unwrap().into_inner();
    let v1::extend_response::Outcome::Hold(extended) = extended.outcome.unwrap() else {
        panic!("a hold");
    };
    assert!(extended.expires_at.unwrap().seconds > hold.expires_at.unwrap().seconds);
    let release =
        v1::ReleaseRequest { request_id: request_id(), hold_id: hold.hold_id, passengers: vec![] };
    let released = inventory.release(release).await.unwrap().into_inner();
    let v1::release_response::Outcome::Released(released) = released.outcome.unwrap() else {
        panic!("released");
    };
    assert_eq!(released.passengers, [1]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_are_answers() {
    let world = World::start().await;
    let mut inventory = world.inventory.clone();
    let run = |train: &str, date: String| {
        let day = Some(v1::run_ref::Day::StartDate(date));
        Some(v1::RunRef { train: train.into(), day })
    };
    let date = world.date();
    let table = [
        (
            v1::ReserveRequest { run: run("99999", date.to_string()), ..world.reserve() },
            "UNKNOWN_TRAIN",
        ),
        (
            v1::ReserveRequest { run: run(TRAIN, "9999-12-31".into()), ..world.reserve() },
            "RUN_NOT_SCHEDULED",
        ),
        (
            v1::ReserveRequest { run: run(TRAIN, "0001-01-01".into()), ..world.reserve() },
            "RUN_NOT_SCHEDULED",
        ),
        (v1::ReserveRequest { to_stop: stop("ZZZ"), ..world.reserve() }, "UNKNOWN_STOP"),
        (v1::ReserveRequest { to_stop: stop("AAA"), ..world.reserve() }, "BAD_LEG_RANGE"),
        (v1::ReserveRequest { travel_class: 1, ..world.reserve() }, "UNKNOWN_CLASS"),
        (v1::ReserveRequest { quota: "XX".into(), ..world.reserve() }, "UNKNOWN_QUOTA"),
    ];
    for (ask, reason) in table {
        let answer = inventory.reserve(ask).await.unwrap().into_inner();
        let v1::reserve_response::Outcome::Refusal(why) = answer.outcome.unwrap() else {
            panic!("expected {reason}");
        };
        assert_eq!(why.reason().as_str_name(), format!("REASON_{reason}"));
        assert!(!why.message.is_empty());
    }
    for hold_id in ["0".repeat(32), "f".repeat(32)] {
        let answer = inventory.get_hold(v1::GetHoldRequest { hold_id }).await.unwrap().into_inner();
        let v1::get_hold_response::Outcome::Refusal(why) = answer.outcome.unwrap() else {
            panic!("a forged hold");
        };
        assert_eq!(why.reason(), v1::Reason::UnknownHold);
    }
    let never = v1::GetBookingRequest { pnr: "1234567890".into() };
    let answer = inventory.get_booking(never).await.unwrap().into_inner();
    let v1::get_booking_response::Outcome::Refusal(why) = answer.outcome.unwrap() else {
        panic!("a PNR that never was");
    };
    assert_eq!(why.reason(), v1::Reason::UnknownBooking);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_taken_while_draining() {
    let world = World::start().await;
    let hold = world.hold().await;
    world.engine.drain();
    let get = v1::GetHoldRequest { hold_id: hold.hold_id };
    let status = world.inventory.clone().get_hold(get).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    world.stop().await;
}
