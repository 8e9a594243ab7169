//! What operators do, and what callers see of it.

use berth_client::v1;
use berth_client::v1::{AvailabilityStatus, Reason, TravelClass};

use crate::asking::{
    AHEAD, Answered as _, berth, cancel, confirm, date, day, get_booking, get_hold, history,
    journal, query, release, reserve, run, stop,
};
use crate::ledger::Ledger;
use crate::server::Server;

#[tokio::test]
async fn sale_is_closed_and_opened_again() {
    let server = Server::start();
    let (client, admin) = (server.client().await, server.admin().await);
    let hold = client.reserve(reserve("10001", 1)).await.unwrap().done();
    let close = v1::CloseSaleRequest {
        train: "10001".into(),
        start_date: day(AHEAD),
        travel_class: TravelClass::Sleeper.into(),
        quota: "GN".into(),
        ..Default::default()
    };
    let change = admin.close_sale(close.clone()).await.unwrap().done();
    let pool = v1::PoolName { travel_class: TravelClass::Sleeper.into(), quota: "GN".into() };
    assert_eq!((change.open, change.pools), (false, vec![pool.clone()]));
    let refusal = client.reserve(reserve("10001", 1)).await.unwrap().refused();
    assert!(refusal.message.starts_with("sale of SL GN is closed by the operator"));
    assert_eq!((refusal.reason(), refusal.retryable), (Reason::Closed, true));
    let row = |table: v1::AvailabilityTable| {
        let mut rows = table.rows.into_iter();
        rows.find(|r| r.travel_class() == TravelClass::Sleeper && r.quota == "GN").unwrap()
    };
    let told = row(client.query(query("10001")).await.unwrap().done());
    assert_eq!(told.status(), AvailabilityStatus::Closed);
    client.confirm(confirm(&hold.hold_id)).await.unwrap().done();

    let open = v1::OpenSaleRequest {
        train: close.train,
        start_date: close.start_date,
        ..Default::default()
    };
    let change = admin.open_sale(open).await.unwrap().done();
    assert!(change.open && change.pools.contains(&pool));
    let told = row(client.query(query("10001")).await.unwrap().done());
    assert_eq!(told.status(), AvailabilityStatus::Available);
    client.reserve(reserve("10001", 1)).await.unwrap().done();
    let tatkal = v1::ReserveRequest { quota: "TQ".into(), ..reserve("10001", 1) };
    let early = client.reserve(tatkal).await.unwrap();
    assert_eq!(early.reason(), Reason::NotOpen, "an opened pool still has its hour");
}

#[tokio::test]
async fn berths_are_blocked_all_or_none_and_given_back() {
    let server = Server::start();
    let (client, admin) = (server.client().await, server.admin().await);
    let named =
        |number| v1::ReserveRequest { berths: vec![berth("S1", number)], ..reserve("10001", 1) };
    let hold = client.reserve(named(5)).await.unwrap().done();
    let block = |numbers: &[u32]| v1::BlockBerthsRequest {
        train: "10001".into(),
        start_date: day(AHEAD),
        berths: numbers.iter().map(|n| berth("S1", *n)).collect(),
        from_stop: Some(stop("B")),
        to_stop: Some(stop("D")),
        ..Default::default()
    };
    let refusal = admin.block_berths(block(&[4, 5])).await.unwrap().refused();
    assert_eq!(refusal.reason(), Reason::BerthTaken);
    assert_eq!(refusal.facts.unwrap().berth, Some(berth("S1", 5)));
    let free = client.reserve(named(4)).await.unwrap().done();
    client.release(release(&free.hold_id)).await.unwrap().done();
    client.release(release(&hold.hold_id)).await.unwrap().done();

    let change = admin.block_berths(block(&[5, 4])).await.unwrap().done();
    assert_eq!(change.berths, [berth("S1", 4), berth("S1", 5)]);
    assert_eq!(change.from_stop.unwrap().code, "B");
    let taken = client.reserve(named(4)).await.unwrap();
    assert_eq!(taken.reason(), Reason::BerthTaken);
    let outside =
        v1::ReserveRequest { from_stop: Some(stop("D")), to_stop: Some(stop("E")), ..named(4) };
    client.reserve(outside).await.unwrap().done();
    let unknown = admin.block_berths(block(&[4, 500])).await.unwrap();
    assert_eq!(unknown.reason(), Reason::UnknownBerth);
    let unblock = v1::UnblockBerthsRequest {
        train: "10001".into(),
        start_date: day(AHEAD),
        berths: vec![berth("S1", 4), berth("S1", 5)],
        ..Default::default()
    };
    admin.unblock_berths(unblock).await.unwrap().done();
    client.reserve(named(4)).await.unwrap().done();
}

#[tokio::test]
async fn a_run_outside_the_calendar_is_made_and_sold() {
    let server = Server::start();
    let (client, admin) = (server.client().await, server.admin().await);
    let sunday = (AHEAD..AHEAD + 7).find(|n| date(*n).weekday() == 6).unwrap();
    let ask = v1::ReserveRequest {
        run: Some(run("10003", sunday)),
        travel_class: TravelClass::SecondSitting.into(),
        ..reserve("10003", 2)
    };
    assert_eq!(client.reserve(ask.clone()).await.unwrap().reason(), Reason::RunNotScheduled);
    let create = v1::CreateTrainRunRequest {
        train: "10003".into(),
        start_date: day(sunday),
        ..Default::default()
    };
    let row = admin.create_train_run(create.clone()).await.unwrap().done();
    assert!(row.extra && !row.retired, "{row:?}");
    let again = admin.create_train_run(create.clone()).await.unwrap().done();
    assert_eq!(again.run_version, row.run_version, "a run that exists is done");
    let hold = client.reserve(ask).await.unwrap().done();
    let list = v1::ListTrainRunsRequest { touched_only: true, ..Default::default() };
    let rows = admin.list_train_runs(list).await.unwrap().runs;
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (rows[0].start_date.clone(), rows[0].extra, rows[0].live_holds),
        (day(sunday), true, 1)
    );
    for (train, start) in [("99999", day(sunday)), ("10003", day(-2))] {
        let ask =
            v1::CreateTrainRunRequest { train: train.into(), start_date: start, ..create.clone() };
        let reason = admin.create_train_run(ask).await.unwrap().reason();
        assert!(matches!(reason, Reason::UnknownTrain | Reason::RunNotScheduled), "{reason:?}");
    }
    // An extra run survives a crash.
    let server = server.kill().serve();
    let client = server.client().await;
    assert_eq!(client.get_hold(get_hold(&hold.hold_id)).await.unwrap().done().train, "10003");
    client.confirm(confirm(&hold.hold_id)).await.unwrap().done();
}

#[tokio::test]
async fn a_run_is_retired_and_its_bookings_stay() {
    let server = Server::start();
    let (client, admin) = (server.client().await, server.admin().await);
    let paid = client.reserve(reserve("10001", 2)).await.unwrap().done();
    let booking = client.confirm(confirm(&paid.hold_id)).await.unwrap().done();
    let open = client.reserve(reserve("10001", 1)).await.unwrap().done();
    let retire = v1::RetireTrainRunRequest {
        train: "10001".into(),
        start_date: day(AHEAD),
        ..Default::default()
    };
    let row = admin.retire_train_run(retire.clone()).await.unwrap().done();
    assert!(row.retired && row.live_holds == 0, "{row:?}");
    admin.retire_train_run(retire).await.unwrap().done();
    assert_eq!(client.reserve(reserve("10001", 1)).await.unwrap().reason(), Reason::Closed);
    let late = client.confirm(confirm(&open.hold_id)).await.unwrap().reason();
    assert!(matches!(late, Reason::HoldExpired | Reason::UnknownHold), "{late:?}");
    let told = client.get_booking(get_booking(&booking.pnr)).await.unwrap().done();
    assert_eq!(told, booking);
    client.cancel(cancel(&booking.pnr)).await.unwrap().done();
    let events = journal(&admin, Some(history("10001", AHEAD))).await;
    Ledger::read(&events);
}

#[tokio::test]
async fn every_run_of_the_window_is_listed_once() {
    let server = Server::start();
    let admin = server.admin().await;
    let mut token = String::new();
    let mut rows = Vec::new();
    loop {
        let ask = v1::ListTrainRunsRequest {
            first_start_date: day(1),
            last_start_date: day(14),
            page_size: 17,
            page_token: token,
            ..Default::default()
        };
        let page = admin.list_train_runs(ask).await.unwrap();
        assert!(page.runs.len() <= 17);
        rows.extend(page.runs.into_iter().map(|row| (row.start_date, row.train)));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    // Six trains every day for two weeks, and one on their ten weekdays.
    assert_eq!(rows.len(), 6 * 14 + 10);
    assert!(rows.is_sorted_by(|a, b| a < b), "by date, then train, each once");
}

#[tokio::test]
async fn the_server_says_what_it_is_and_what_it_did() {
    let server = Server::start();
    let (client, admin) = (server.client().await, server.admin().await);
    let info = admin.get_server_info(v1::GetServerInfoRequest {}).await.unwrap();
    assert_eq!((info.pid, info.trains, info.workers), (server.pid(), 7, 2));
    assert_eq!((info.durability.as_str(), info.zone.as_str()), ("power", "Asia/Kolkata"));
    assert_eq!(info.listen, server.address());
    assert_eq!(info.last_start_date, day(60));
    let hold = client.reserve(reserve("10001", 1)).await.unwrap().done();
    client.confirm(confirm(&hold.hold_id)).await.unwrap().done();
    client.confirm(confirm(&hold.hold_id)).await.unwrap().refused();
    let stats = server.stats().await;
    let count = |kind: &str, outcome: &str| {
        let mut of_kind = stats.commands.iter().filter(|c| c.kind == kind && c.outcome == outcome);
        of_kind.next().map_or(0, |c| c.count)
    };
    assert_eq!((count("reserve", "done"), count("confirm", "done")), (1, 1));
    assert_eq!(count("confirm", "refused"), 1);
    let refusals: Vec<_> = stats.refusals.iter().map(|r| (r.reason(), r.count)).collect();
    assert_eq!(refusals, [(Reason::AlreadyConfirmed, 1)]);
    // RunCreated, Held, PnrBlockLeased, Confirmed.
    assert_eq!((stats.live_runs, stats.journal.unwrap().events), (1, 4));
}
