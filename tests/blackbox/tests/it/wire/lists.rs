//! RAC and waiting lists as callers see them: train 10008 has two general berths, one side lower that
//! two share, and room for two to wait.

use berth_client::v1;
use berth_client::v1::{AvailabilityStatus, Reason};

use super::door::Door;
use crate::asking::{
    AHEAD, Answered as _, cancel, confirm, get_booking, query, release, reserve, run,
};
use crate::server::Server;

const TRAIN: &str = "10008";

fn ask(days: i32, heads: usize, conditions: v1::Conditions) -> v1::ReserveRequest {
    let run = Some(run(TRAIN, AHEAD + days));
    v1::ReserveRequest { run, conditions: Some(conditions), ..reserve(TRAIN, heads) }
}

fn rac() -> v1::Conditions {
    v1::Conditions { accept_rac: true, ..Default::default() }
}

fn waiting() -> v1::Conditions {
    v1::Conditions { accept_waiting: true, ..Default::default() }
}

/// `S1-7 RAC1/RAC1` of each.
fn places(allocations: &[v1::Allocation]) -> Vec<String> {
    let place = |a: &v1::Allocation| {
        let berth = if a.berth == 0 { "-".into() } else { format!("{}-{}", a.coach, a.berth) };
        let list = a.list.as_ref().map_or(String::new(), |list| format!(" {}", list.text));
        berth + &list
    };
    allocations.iter().map(place).collect()
}

/// Status, halves or waiting, list of the general quota.
async fn shown(client: &berth_client::Client, days: i32) -> (AvailabilityStatus, u32, String) {
    let run = Some(run(TRAIN, AHEAD + days));
    let table = client.query(v1::QueryRequest { run, ..query(TRAIN) }).await.unwrap().done();
    let row = table.rows.iter().find(|row| row.quota == "GN").expect("the general quota");
    (row.status(), row.behind, row.list.clone())
}

async fn book(door: &Door, ask: &v1::ReserveRequest) -> v1::Booking {
    let hold = door.reserve(ask).await.done();
    door.confirm(&confirm(&hold.hold_id)).await.done()
}

#[tokio::test]
async fn berths_then_halves_then_numbers_and_the_way_back() {
    let server = Server::start();
    let client = server.client().await;
    let mut last = Vec::new();
    for (days, door) in (0..).zip(Door::both(&server).await) {
        let first = book(&door, &ask(days, 2, v1::Conditions::default())).await;
        assert_eq!(places(&first.allocations), ["S1-1", "S1-2"]);
        let (status, behind, list) = shown(&client, days).await;
        assert_eq!((status, behind, list.as_str()), (AvailabilityStatus::Rac, 2, "RAC"));
        let plain = door.reserve(&ask(days, 1, v1::Conditions::default())).await;
        assert_eq!(plain.reason(), Reason::SoldOut, "who takes a berth only");

        let three = door.reserve(&ask(days, 3, rac())).await;
        assert_eq!(three.reason(), Reason::SoldOut, "a third would have to wait");
        let shared = book(&door, &ask(days, 3, waiting())).await;
        let expected = ["S1-7 RAC1/RAC1", "S1-7 RAC2/RAC2", "- GNWL1/WL1"];
        assert_eq!(places(&shared.allocations), expected);
        let (status, behind, list) = shown(&client, days).await;
        assert_eq!((status, behind, list.as_str()), (AvailabilityStatus::Waiting, 1, "GNWL"));
        let full = door.reserve(&ask(days, 2, waiting())).await.refused();
        assert_eq!(full.reason(), Reason::WlFull);
        let facts = full.facts.expect("facts");
        assert_eq!((facts.asked, facts.free, facts.limit), (Some(2), Some(1), Some(2)));

        let held = door.reserve(&ask(days, 1, waiting())).await.done();
        assert_eq!(places(&held.allocations), ["- GNWL2/WL2"]);
        assert_eq!(shown(&client, days).await.0, AvailabilityStatus::Regret);

        let part = v1::CancelRequest { passengers: vec![2], ..cancel(&first.pnr) };
        let cancelled = door.cancel(&part).await.done();
        let told: Vec<_> = (cancelled.promoted.iter())
            .map(|p| {
                format!("{} {} {}->{} {}-{}", p.pnr, p.passenger, p.from, p.to, p.coach, p.berth)
            })
            .collect();
        let pnr = &shared.pnr;
        let expected = [format!("{pnr} 1 RAC1->CNF S1-2"), format!("{pnr} 3 GNWL1->RAC3 S1-7")];
        assert_eq!(told, expected);
        let now = door.get_booking(&get_booking(pnr)).await.done();
        let expected = ["S1-2 RAC1/CNF", "S1-7 RAC2/RAC1", "S1-7 GNWL1/RAC2"];
        assert_eq!(places(&now.allocations), expected);

        let released = door.release(&release(&held.hold_id)).await.done();
        assert_eq!((released.passengers.as_slice(), released.promoted.len()), (&[1][..], 0));
        assert_eq!(shown(&client, days).await.0, AvailabilityStatus::Waiting);
        last.push(now);
    }
    // A crash takes nothing of it.
    let server = server.kill().serve();
    for (door, told) in Door::both(&server).await.into_iter().zip(last) {
        assert_eq!(door.get_booking(&get_booking(&told.pnr)).await.done(), told);
    }
}
