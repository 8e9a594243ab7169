//! When several refusals apply, the first of PRECEDENCE is told: every request here is wrong in
//! the way that its line names and in every way that comes after it, as far as one can be.

use berth_client::v1;
use berth_client::v1::Reason::{self, *};

use super::door::Door;
use crate::asking::{
    AHEAD, Answered as _, berth, cancel, confirm, date, day, id, party, passenger, release,
    reserve, run, stop,
};
use crate::server::Server;

fn ask(
    (train, days): (&str, i32),
    (from, to): (&str, &str),
    (class, quota): (v1::TravelClass, &str),
    passengers: usize,
) -> v1::ReserveRequest {
    v1::ReserveRequest {
        request_id: id(),
        run: Some(run(train, days)),
        from_stop: Some(stop(from)),
        to_stop: Some(stop(to)),
        travel_class: class.into(),
        quota: quota.into(),
        passengers: party(passengers),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_reserve_is_refused_for_the_first_reason() {
    use v1::TravelClass::{FirstAc, Sleeper};
    let server = Server::start();
    let [door, session] = Door::both(&server).await;
    let admin = server.admin().await;
    let saturday = (AHEAD..AHEAD + 7).find(|n| date(*n).weekday() == 5).unwrap();
    let known = v1::ReserveRequest { berths: vec![berth("S1", 1)], ..reserve("10001", 1) };
    door.reserve(&known).await.done();
    for _ in 0..3 {
        door.reserve(&ask(("10004", AHEAD), ("A", "C"), (FirstAc, ""), 6)).await.done();
    }
    let plain = ("10001", AHEAD);
    let used = v1::ReserveRequest {
        request_id: known.request_id.clone(),
        ..ask(plain, ("Z", "A"), (FirstAc, "XX"), 6)
    };
    let mut taken = ask(plain, ("A", "C"), (Sleeper, ""), 2);
    taken.berths = vec![berth("S1", 1), berth("S1", 99)];
    taken.conditions = Some(v1::Conditions { min_lower: 2, ..Default::default() });
    let mut unmet = taken.clone();
    unmet.berths = vec![berth("S1", 3), berth("S1", 99)];
    let mut unknown = unmet.clone();
    unknown.conditions = None;
    let table: [(v1::ReserveRequest, Reason, &str); 13] = [
        (used, IdempotencyMismatch, ""),
        (
            ask(("99999", 400), ("Z", "A"), (FirstAc, "XX"), 6),
            UnknownTrain,
            "train 99999 is not in the catalogue",
        ),
        (ask(("10003", saturday), ("Z", "A"), (FirstAc, "XX"), 6), RunNotScheduled, ""),
        (ask(plain, ("Z", "A"), (FirstAc, "XX"), 6), UnknownStop, "Z is not a stop of train 10001"),
        (
            ask(plain, ("C", "A"), (FirstAc, "XX"), 6),
            BadLegRange,
            "stop 1 does not come after stop 3",
        ),
        (
            ask(plain, ("A", "C"), (FirstAc, "XX"), 6),
            UnknownClass,
            "train 10001 has no 1A; it has 3A SL",
        ),
        (
            ask(plain, ("A", "C"), (Sleeper, "XX"), 6),
            UnknownQuota,
            "SL has no quota XX on stops 1..3; it has GN TQ",
        ),
        (
            ask(plain, ("A", "C"), (Sleeper, "TQ"), 6),
            TooManyPassengers,
            "6 passengers asked, quota TQ allows 4",
        ),
        (ask(plain, ("A", "C"), (Sleeper, "TQ"), 4), NotOpen, ""),
        (
            ask(("10004", AHEAD), ("A", "C"), (FirstAc, ""), 1),
            SoldOut,
            "1 berths asked, 0 free in 1A GN on stops 1..3",
        ),
        (taken, BerthTaken, "berth S1-1 is taken on stops 1..3"),
        (unmet, PreferenceUnmet, ""),
        (unknown, UnknownBerth, "train 10001 has no berth S1-99 in SL"),
    ];
    for (ask, reason, message) in &table {
        for door in [&door, &session] {
            let refusal = door.reserve(ask).await.refused();
            assert_eq!(refusal.reason(), *reason, "{refusal:?}");
            assert!(refusal.message.starts_with(message), "{}", refusal.message);
            assert!(!refusal.message.is_empty());
        }
    }
    let close = v1::CloseSaleRequest {
        request_id: id(),
        train: "10004".into(),
        start_date: day(AHEAD),
        ..Default::default()
    };
    admin.close_sale(close).await.unwrap().done();
    let closed = ask(("10004", AHEAD), ("A", "C"), (FirstAc, ""), 1);
    for door in [&door, &session] {
        assert_eq!(door.reserve(&closed).await.reason(), Closed, "before SOLD_OUT");
    }
}

/// Two berths for women and children; who may not travel there is told so, also once they are sold.
#[tokio::test]
async fn a_pool_for_some_turns_the_others_away() {
    use v1::{Sex, TravelClass::Sleeper};
    let server = Server::start();
    let doors = Door::both(&server).await;
    let ladies = |who: &[(u32, Sex)]| v1::ReserveRequest {
        passengers: who.iter().map(|(age, sex)| passenger(*age, *sex)).collect(),
        ..ask(("10006", AHEAD), ("A", "C"), (Sleeper, "LD"), 1)
    };
    let (woman, boy, man) = ((30, Sex::Female), (11, Sex::Male), (70, Sex::Male));
    let turned_away = async |who: &[(u32, Sex)], place: u32, words: &str| {
        for door in &doors {
            let refusal = door.reserve(&ladies(who)).await.refused();
            assert_eq!(refusal.reason(), NotEligible, "{refusal:?}");
            assert!(refusal.message.starts_with(words), "{}", refusal.message);
            assert!(!refusal.retryable && refusal.facts.unwrap().asked == Some(place));
        }
    };
    let words = "passenger 2 (M 60+) may not travel on quota LD of SL, which is for F, 0-11; ask";
    turned_away(&[woman, man], 2, words).await;
    doors[0].reserve(&ladies(&[woman, boy])).await.done();
    assert_eq!(doors[1].reserve(&ladies(&[woman])).await.reason(), SoldOut);
    turned_away(&[man], 1, "passenger 1 (M 60+)").await;
}

#[tokio::test]
async fn facts_say_what_a_program_needs() {
    use v1::TravelClass::{FirstAc, Sleeper};
    let server = Server::start();
    let [door, _] = Door::both(&server).await;
    let plain = ("10001", AHEAD);
    let facts = async |ask: v1::ReserveRequest| door.reserve(&ask).await.refused().facts.unwrap();
    let told = facts(ask(plain, ("A", "C"), (FirstAc, ""), 1)).await;
    assert_eq!(told.alternatives, ["3A", "SL"]);
    let told = facts(ask(plain, ("A", "C"), (Sleeper, "XX"), 1)).await;
    assert_eq!(told.alternatives, ["GN", "TQ"]);
    let told = facts(ask(plain, ("A", "C"), (Sleeper, "TQ"), 5)).await;
    assert_eq!((told.asked, told.limit), (Some(5), Some(4)));
    let told = facts(ask(plain, ("A", "C"), (Sleeper, "TQ"), 1)).await;
    let days = i64::from(date(AHEAD).days() - 1);
    // 11:00 in Asia/Kolkata on the day before the start.
    assert_eq!(told.opens_at.unwrap().seconds, days * 86_400 + 11 * 3_600 - 19_800);
    for _ in 0..3 {
        door.reserve(&ask(("10004", AHEAD), ("A", "B"), (FirstAc, ""), 5)).await.done();
    }
    let told = facts(ask(("10004", AHEAD), ("A", "C"), (FirstAc, ""), 4)).await;
    assert_eq!((told.asked, told.free), (Some(4), Some(3)));
}

#[tokio::test]
async fn what_becomes_of_a_hold_is_told_in_order() {
    let server = Server::start();
    for door in Door::both(&server).await {
        let hold = door.reserve(&reserve("10001", 3)).await.done().hold_id;
        let who = |passengers: &[u32]| v1::ConfirmRequest {
            passengers: passengers.to_vec(),
            keep_rest: true,
            ..confirm(&hold)
        };
        let stranger = "00000000000000000000000000000001";
        let ask = v1::ConfirmRequest { hold_id: stranger.into(), ..who(&[5]) };
        assert_eq!(door.confirm(&ask).await.reason(), UnknownHold);
        let pay = who(&[2]);
        let booking = door.confirm(&pay).await.done();
        let one = v1::ReleaseRequest { passengers: vec![1], ..release(&hold) };
        door.release(&one).await.done();
        assert_eq!(door.confirm(&who(&[1, 2, 5])).await.reason(), UnknownPassenger);
        assert_eq!(door.confirm(&who(&[1, 2])).await.reason(), HoldReleased);
        let refusal = door.confirm(&who(&[2, 3])).await.refused();
        assert_eq!(refusal.reason(), AlreadyConfirmed);
        assert!(refusal.message.contains(&booking.pnr), "{}", refusal.message);
        assert_eq!(refusal.facts.unwrap().booking.unwrap().pnr, booking.pnr);
        let used = v1::ConfirmRequest { request_id: pay.request_id.clone(), ..who(&[1, 2, 5]) };
        assert_eq!(door.confirm(&used).await.reason(), IdempotencyMismatch);
        let part = v1::ReleaseRequest { passengers: vec![2], ..release(&hold) };
        assert_eq!(door.release(&part).await.reason(), AlreadyConfirmed);
        door.cancel(&cancel(&booking.pnr)).await.done();
        assert_eq!(door.confirm(&who(&[2])).await.reason(), BookingCancelled);
        let absent = v1::CancelRequest { passengers: vec![1], ..cancel(&booking.pnr) };
        assert_eq!(door.cancel(&absent).await.reason(), UnknownPassenger, "not in this booking");
        assert_eq!(door.cancel(&cancel("1234567890")).await.reason(), UnknownBooking);
    }
}
