//! Hold, pay, give back: whole and in part, once and again.

use berth_client::v1;
use berth_client::v1::AllocationStatus::{Cancelled, Confirmed, Held, Released};
use berth_client::v1::Reason;

use super::door::Door;
use crate::asking::AHEAD;
use crate::asking::{
    Answered as _, berth, berths, cancel, confirm, extend, get_booking, get_hold, history, id,
    journal, ms, passenger, release, reserve, states, ttl,
};
use crate::ledger::Ledger;
use crate::server::Server;

#[tokio::test]
async fn berths_are_held_paid_and_given_back() {
    let server = Server::start();
    for door in Door::both(&server).await {
        let answer = door.reserve(&reserve("10001", 2)).await;
        let now = ms(answer.server_time);
        let hold = answer.done();
        assert_eq!(states(&hold.allocations), [Held, Held]);
        assert_eq!(ms(hold.expires_at) - ms(hold.created_at), 300_000, "5 min unless said");
        assert!((ms(hold.created_at)..ms(hold.expires_at)).contains(&now));
        assert_eq!(door.get_hold(&get_hold(&hold.hold_id)).await.done(), hold);

        let ask = v1::ConfirmRequest { payment_reference: "paid".into(), ..confirm(&hold.hold_id) };
        let booking = door.confirm(&ask).await.done();
        assert_eq!(states(&booking.allocations), [Confirmed, Confirmed]);
        assert_eq!(berths(&booking.allocations), berths(&hold.allocations));
        assert_eq!((booking.pnr.len(), booking.payment_reference.as_str()), (10, "paid"));
        assert_eq!(door.get_booking(&get_booking(&booking.pnr)).await.done(), booking);
        let paid = door.get_hold(&get_hold(&hold.hold_id)).await.done();
        assert_eq!(paid.pnrs, std::slice::from_ref(&booking.pnr));

        let part = v1::CancelRequest { passengers: vec![2], ..cancel(&booking.pnr) };
        let cancelled = door.cancel(&part).await.done();
        assert_eq!(cancelled.passengers, [2]);
        assert_eq!(states(&cancelled.booking.unwrap().allocations), [Confirmed, Cancelled]);
        let again = v1::CancelRequest { request_id: id(), ..part };
        assert_eq!(door.cancel(&again).await.done().passengers, [2], "cancelled is cancelled");
        let rest = door.cancel(&cancel(&booking.pnr)).await.done();
        assert_eq!(states(&rest.booking.unwrap().allocations), [Cancelled, Cancelled]);
        let late = door.confirm(&confirm(&hold.hold_id)).await;
        assert_eq!(late.reason(), Reason::BookingCancelled);

        let hold = door.reserve(&reserve("10001", 3)).await.done();
        let part = v1::ReleaseRequest { passengers: vec![1, 3], ..release(&hold.hold_id) };
        let released = door.release(&part).await.done();
        assert_eq!(released.passengers, [1, 3]);
        assert_eq!(states(&released.hold.unwrap().allocations), [Released, Held, Released]);
        let rest = door.release(&release(&hold.hold_id)).await.done();
        assert_eq!(rest.passengers, [1, 2, 3], "everybody who is released now");
        assert_eq!(door.release(&release(&hold.hold_id)).await.done(), rest, "done is done");
        let late = door.confirm(&confirm(&hold.hold_id)).await;
        assert_eq!(late.reason(), Reason::HoldReleased);
    }
    Ledger::read(&journal(&server.admin().await, None).await);
}

#[tokio::test]
async fn a_part_of_a_hold_is_paid_and_the_rest_is_kept_or_given_back() {
    let server = Server::start();
    for door in Door::both(&server).await {
        let hold = door.reserve(&reserve("10001", 4)).await.done();
        let two = v1::ConfirmRequest {
            passengers: vec![2, 4],
            keep_rest: true,
            ..confirm(&hold.hold_id)
        };
        let answer = door.confirm(&two).await;
        assert_eq!(answer.expires_at, hold.expires_at, "the rest is held as long as before");
        let first = answer.done();
        assert_eq!(door.confirm(&two).await.expires_at, hold.expires_at, "a retry says the same");
        let longer = door.extend(&extend(&hold.hold_id, 600)).await.done().expires_at;
        let again = door.confirm(&two).await;
        assert_eq!(again.expires_at, longer, "and as long as the rest is held by now");
        assert_eq!(again.done(), first);
        let numbers: Vec<u32> = first.allocations.iter().map(|a| a.passenger).collect();
        assert_eq!(numbers, [2, 4], "numbers of the party");
        let now = door.get_hold(&get_hold(&hold.hold_id)).await.done();
        assert_eq!(states(&now.allocations), [Held, Confirmed, Held, Confirmed]);

        let one = v1::ConfirmRequest { passengers: vec![1], ..confirm(&hold.hold_id) };
        let answer = door.confirm(&one).await;
        assert_eq!(answer.expires_at, None, "nothing is held any more");
        assert_eq!(door.confirm(&two).await.expires_at, None, "nor says a retry that it is");
        let second = answer.done();
        assert_ne!(first.pnr, second.pnr);
        let now = door.get_hold(&get_hold(&hold.hold_id)).await.done();
        assert_eq!(states(&now.allocations), [Confirmed, Confirmed, Released, Confirmed]);
        assert_eq!(now.pnrs, [first.pnr, second.pnr]);
    }
}

#[tokio::test]
async fn a_retry_is_told_the_first_answer_and_nothing_happens_twice() {
    let server = Server::start();
    let admin = server.admin().await;
    for door in Door::both(&server).await {
        let ask = reserve("10001", 2);
        let hold = door.reserve(&ask).await.done();
        assert_eq!(door.reserve(&ask).await.done(), hold);
        let longer = extend(&hold.hold_id, 600);
        let extended = door.extend(&longer).await.done();
        assert_eq!(door.extend(&longer).await.done(), extended);
        let part = v1::ReleaseRequest { passengers: vec![2], ..release(&hold.hold_id) };
        let released = door.release(&part).await.done();
        assert_eq!(door.release(&part).await.done(), released);
        let pay = confirm(&hold.hold_id);
        let booking = door.confirm(&pay).await.done();
        assert_eq!(door.confirm(&pay).await.done(), booking);
        let end = cancel(&booking.pnr);
        let cancelled = door.cancel(&end).await.done();
        assert_eq!(door.cancel(&end).await.done(), cancelled);

        let before = journal(&admin, Some(history("10001", AHEAD))).await.len();
        let now = door.reserve(&ask).await.done();
        assert_eq!(
            (&now.hold_id, berths(&now.allocations)),
            (&hold.hold_id, berths(&hold.allocations))
        );
        let other = v1::ReserveRequest { reference: "another".into(), ..ask.clone() };
        assert_eq!(door.reserve(&other).await.reason(), Reason::IdempotencyMismatch);
        let other = v1::ConfirmRequest { payment_reference: "another".into(), ..pay.clone() };
        assert_eq!(door.confirm(&other).await.reason(), Reason::IdempotencyMismatch);
        let other = v1::ConfirmRequest { request_id: ask.request_id.clone(), ..pay };
        assert_eq!(door.confirm(&other).await.reason(), Reason::IdempotencyMismatch);
        let other = v1::ReleaseRequest { request_id: ask.request_id, ..part };
        assert_eq!(door.release(&other).await.reason(), Reason::IdempotencyMismatch);
        assert_eq!(journal(&admin, Some(history("10001", AHEAD))).await.len(), before);
    }
}

#[tokio::test]
async fn a_deadline_moves_but_not_past_the_life_of_a_hold() {
    let server = Server::start();
    for door in Door::both(&server).await {
        let ask = v1::ReserveRequest { ttl: Some(ttl(900)), ..reserve("10001", 1) };
        let hold = door.reserve(&ask).await.done();
        let (made, end) = (ms(hold.created_at), ms(hold.expires_at));
        assert_eq!(end - made, 900_000);
        let answer = door.extend(&extend(&hold.hold_id, 60)).await;
        let now = ms(answer.server_time);
        let shorter = ms(answer.done().expires_at);
        assert!(shorter <= now + 60_000 && shorter < end, "it may be earlier");
        let longest = door.extend(&extend(&hold.hold_id, 900)).await.done();
        assert_eq!(ms(longest.expires_at), end, "15 minutes in all");
    }
}

#[tokio::test]
async fn named_berths_are_given_or_refused() {
    let server = Server::start();
    for (door, coach) in Door::both(&server).await.iter().zip(["S1", "S2"]) {
        let ask = v1::ReserveRequest {
            berths: vec![berth(coach, 9), berth(coach, 4)],
            ..reserve("10001", 2)
        };
        let hold = door.reserve(&ask).await.done();
        assert_eq!(berths(&hold.allocations), [format!("{coach}-9"), format!("{coach}-4")]);
        let again = v1::ReserveRequest { request_id: id(), ..ask };
        let refusal = door.reserve(&again).await.refused();
        assert_eq!(refusal.reason(), Reason::BerthTaken);
        assert_eq!(refusal.facts.unwrap().berth, Some(berth(coach, 9)));
        let nowhere = v1::ReserveRequest { berths: vec![berth("S9", 1)], ..reserve("10001", 1) };
        let refusal = door.reserve(&nowhere).await.refused();
        assert_eq!(refusal.reason(), Reason::UnknownBerth);
        assert!(refusal.message.starts_with("train 10001 has no berth S9-1 in SL"));
    }
}

#[tokio::test]
async fn conditions_hold_or_nothing_is_held() {
    let server = Server::start();
    for door in Door::both(&server).await {
        let lower = v1::Conditions { min_lower: 2, all_in_one_coach: true, ..Default::default() };
        let ask = v1::ReserveRequest { conditions: Some(lower), ..reserve("10001", 4) };
        let hold = door.reserve(&ask).await.done();
        let kinds = hold.allocations.iter().map(v1::Allocation::berth_type);
        let low = |t: &v1::BerthType| matches!(t, v1::BerthType::Lower | v1::BerthType::SideLower);
        assert!(kinds.filter(low).count() >= 2, "{hold:?}");
        assert!(hold.allocations.iter().all(|a| a.coach == hold.allocations[0].coach));

        let mut ask = reserve("10001", 1);
        ask.passengers[0].preference = v1::BerthType::SideUpper.into();
        let hard = v1::Conditions { preferences_are_hard: true, ..Default::default() };
        ask.conditions = Some(hard);
        let hold = door.reserve(&ask).await.done();
        assert_eq!(hold.allocations[0].berth_type(), v1::BerthType::SideUpper);
        ask.request_id = id();
        ask.passengers[0].preference = v1::BerthType::Window.into();
        let refusal = door.reserve(&ask).await.refused();
        assert_eq!((refusal.reason(), refusal.retryable), (Reason::PreferenceUnmet, true));
    }
}

#[tokio::test]
async fn an_infant_travels_on_a_lap_and_an_old_lady_below() {
    let server = Server::start();
    for door in Door::both(&server).await {
        let mut ask = reserve("10001", 0);
        let infant = v1::Passenger { without_berth: true, ..passenger(1, v1::Sex::NotSaid) };
        ask.passengers = vec![passenger(30, v1::Sex::Male), infant, passenger(70, v1::Sex::Female)];
        let hold = door.reserve(&ask).await.done();
        assert_eq!(berths(&hold.allocations)[1], "-");
        assert_eq!(hold.allocations[1].age_band(), v1::AgeBand::Infant);
        let lady = &hold.allocations[2];
        assert_eq!(lady.age_band(), v1::AgeBand::Senior);
        assert_eq!(lady.berth_type(), v1::BerthType::Lower);
        let booking = door.confirm(&confirm(&hold.hold_id)).await.done();
        assert_eq!(booking.allocations.len(), 3);
    }
}

#[tokio::test]
async fn a_berth_is_sold_again_where_it_is_free() {
    let server = Server::start();
    for (door, number) in Door::both(&server).await.iter().zip([11, 12]) {
        let leg = |from: &str, to: &str| v1::ReserveRequest {
            from_stop: Some(crate::asking::stop(from)),
            to_stop: Some(crate::asking::stop(to)),
            berths: vec![berth("S1", number)],
            ..reserve("10001", 1)
        };
        door.reserve(&leg("A", "C")).await.done();
        door.reserve(&leg("C", "D")).await.done();
        assert_eq!(door.reserve(&leg("B", "D")).await.reason(), Reason::BerthTaken);
        door.reserve(&leg("D", "E")).await.done();
    }
    let events = journal(&server.admin().await, None).await;
    assert_eq!(Ledger::read(&events).holds.len(), 6);
}
