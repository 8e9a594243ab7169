//! What the message alone shows: INVALID_ARGUMENT with the field and what is allowed, through a
//! unary call and through a session.

use berth_client::v1::run_ref::Day;
use berth_client::v1::{self, TravelClass};
use berth_client::{ClientError, Violation};

use super::Victim;
use crate::asking::{
    AHEAD, Answered as _, berth, boarding, cancel, confirm, extend, get_hold, party, passenger,
    query, release, reserve, run, sequence, stop, ttl, visit,
};

const HOLD: &str = "00112233445566778899aabbccddeeff";

#[track_caller]
fn violations(error: ClientError) -> Vec<Violation> {
    match error {
        ClientError::Invalid { violations, .. } => violations,
        other => panic!("INVALID_ARGUMENT expected: {other}"),
    }
}

/// Every request is refused for exactly this field and in these words, through both doors.
async fn refused(table: Vec<(v1::ReserveRequest, &str, &str)>) {
    let victim = Victim::new().await;
    let client = victim.server.client().await;
    let session = victim.server.session(64).await;
    for (ask, field, description) in table {
        let expected = [Violation { field: field.into(), description: description.into() }];
        assert_eq!(violations(client.reserve(ask.clone()).await.unwrap_err()), expected);
        assert_eq!(violations(session.reserve(ask).await.unwrap_err()), expected);
    }
    victim.goes_unharmed().await;
}

/// A good reserve, made bad.
fn with(spoil: impl FnOnce(&mut v1::ReserveRequest)) -> v1::ReserveRequest {
    let mut ask = reserve("10001", 2);
    spoil(&mut ask);
    ask
}

#[tokio::test]
async fn nobody_and_too_many() {
    refused(vec![
        (with(|r| r.passengers.clear()), "passengers", "has 0 passengers, a party has 1 to 6"),
        (with(|r| r.passengers = party(7)), "passengers", "has 7 passengers, a party has 1 to 6"),
        (
            with(|r| r.passengers.iter_mut().for_each(|p| p.without_berth = true)),
            "passengers",
            "nobody needs a berth; at least one passenger must",
        ),
        (
            with(|r| r.passengers[1] = passenger(126, v1::Sex::Male)),
            "passengers[1].age",
            "126 is outside 0 to 125",
        ),
        (with(|r| r.passengers[1].years = None), "passengers[1]", "says neither age nor age_band"),
        (
            with(|r| r.berths = vec![berth("S1", 1)]),
            "berths",
            "names 1 berths for 2 passengers that need one",
        ),
        (
            with(|r| r.conditions = Some(v1::Conditions { min_lower: 3, ..Default::default() })),
            "conditions.min_lower",
            "asks for 3 lower berths, 2 passengers need a berth",
        ),
    ])
    .await;
}

#[tokio::test]
async fn unspecified_and_unknown_enums() {
    let unknown = |of: usize| format!("9999 is no value this server knows; it knows 1 to {of}");
    let band = |number| Some(v1::passenger::Years::AgeBand(number));
    refused(vec![
        (with(|r| r.travel_class = 0), "travel_class", "is UNSPECIFIED; say which"),
        (with(|r| r.travel_class = 9_999), "travel_class", &unknown(11)),
        (
            with(|r| r.travel_class = -1),
            "travel_class",
            "-1 is no value this server knows; it knows 1 to 11",
        ),
        (
            with(|r| r.passengers[0].sex = 0),
            "passengers[0].sex",
            "is UNSPECIFIED; say NOT_SAID when the passenger does not say",
        ),
        (with(|r| r.passengers[0].sex = 9_999), "passengers[0].sex", &unknown(4)),
        (
            with(|r| r.passengers[0].years = band(0)),
            "passengers[0].age_band",
            "is UNSPECIFIED; say which",
        ),
        (with(|r| r.passengers[0].years = band(9_999)), "passengers[0].age_band", &unknown(7)),
        (with(|r| r.passengers[0].preference = 9_999), "passengers[0].preference", &unknown(9)),
    ])
    .await;
}

#[tokio::test]
async fn malformed_uuids() {
    let long = "1".repeat(46);
    let quoted = format!("{long:?} is not a UUID");
    refused(vec![
        (with(|r| r.request_id = "x".into()), "request_id", "\"x\" is not a UUID"),
        (
            with(|r| r.request_id = "123e4567-e89b-12d3-a456-42661417400g".into()),
            "request_id",
            "\"123e4567-e89b-12d3-a456-42661417400g\" is not a UUID",
        ),
        (with(|r| r.request_id = long.clone()), "request_id", &quoted),
    ])
    .await;
}

#[tokio::test]
async fn a_missing_request_id_is_named() {
    use prost::Message as _;
    let victim = Victim::new().await;
    // Our client would fill it in.
    let message = with(|r| r.request_id.clear()).encode_to_vec();
    let mut raw = crate::raw::Raw::connect(victim.server.address()).await;
    let told = raw.call("/berth.v1.Inventory/Reserve", &[], &message).await;
    assert_eq!(told.code, tonic::Code::InvalidArgument);
    victim.goes_unharmed().await;
}

#[tokio::test]
async fn a_time_to_live_of_nothing_and_of_a_year() {
    let year = 365 * 86_400;
    let long = format!("{year} s 0 ns is outside 10 s to 900 s");
    refused(vec![
        (with(|r| r.ttl = Some(ttl(0))), "ttl", "0 s 0 ns is outside 10 s to 900 s"),
        (with(|r| r.ttl = Some(ttl(year))), "ttl", &long),
        (with(|r| r.ttl = Some(ttl(-60))), "ttl", "-60 s 0 ns is outside 10 s to 900 s"),
        (with(|r| r.ttl = Some(ttl(901))), "ttl", "901 s 0 ns is outside 10 s to 900 s"),
        (
            with(|r| r.ttl = Some(prost_types::Duration { seconds: 60, nanos: i32::MAX })),
            "ttl",
            "60 s 2147483647 ns is outside 10 s to 900 s",
        ),
    ])
    .await;
}

#[tokio::test]
async fn stops_and_days_that_are_none() {
    let date = |text: &str| Some(boarding("10001", text));
    let not = |text: &str| {
        format!("{text:?} is not a date: expected YYYY-MM-DD between 0001-01-01 and 9999-12-31")
    };
    let name = "\"no train\" is not a name of 1 to 8 characters of A-Z, a-z, 0-9, '-', '_'";
    refused(vec![
        (with(|r| r.run = None), "run", "is required: a train and one of two dates"),
        (with(|r| r.run = Some(run("no train", AHEAD))), "run.train", name),
        (with(|r| r.run.as_mut().unwrap().day = None), "run", "says neither date nor start_date"),
        (with(|r| r.run = date("2026-02-30")), "run.date", &not("2026-02-30")),
        (with(|r| r.run = date("10000-01-01")), "run.date", &not("10000-01-01")),
        (with(|r| r.run = date("tomorrow")), "run.date", &not("tomorrow")),
        (with(|r| r.from_stop = None), "from_stop", "is required: a sequence or a station code"),
        (with(|r| r.to_stop = Some(sequence(0))), "to_stop.sequence", "0 is outside 1 to 128"),
        (with(|r| r.to_stop = Some(sequence(129))), "to_stop.sequence", "129 is outside 1 to 128"),
        (with(|r| r.to_stop = Some(visit("C", 129))), "to_stop.occurrence", "129 is more than 128"),
    ])
    .await;
}

#[tokio::test]
async fn journeys_that_do_not_exist_are_refusals() {
    let victim = Victim::new().await;
    let client = victim.server.client().await;
    let journey = |from: v1::StopRef, to: v1::StopRef| {
        with(|r| (r.from_stop, r.to_stop) = (Some(from), Some(to)))
    };
    let on = |date: &str| with(|r| r.run = Some(boarding("10001", date)));
    let day =
        |date: &str| with(|r| r.run.as_mut().unwrap().day = Some(Day::StartDate(date.into())));
    let next = crate::asking::day(0);
    let none = "train 10001 has no run open that starts on";
    let table = [
        (journey(stop("C"), stop("A")), "stop 1 does not come after stop 3".to_owned()),
        (journey(stop("C"), stop("C")), "stop 3 does not come after stop 3".into()),
        (journey(sequence(5), sequence(1)), "stop 1 does not come after stop 5".into()),
        (journey(stop("A"), stop("ZZZ")), "ZZZ is not a stop of train 10001".into()),
        (journey(stop("A"), sequence(6)), "stop number 6 is not a stop of train 10001".into()),
        (journey(visit("A", 2), stop("C")), "A (visit 2) is not a stop of train 10001".into()),
        (on("9999-12-31"), format!("{none} 9999-12-31; next: none")),
        (day("9999-12-31"), format!("{none} 9999-12-31; next: none")),
    ];
    for (ask, message) in table {
        let refusal = client.reserve(ask).await.unwrap().refused();
        // Behind what happened stands what to do about it.
        let (told, advice) = refusal.message.split_once("; ").expect("a message advises");
        let told = if advice.starts_with("next: ") { &refusal.message } else { told };
        assert_eq!(told, message);
    }
    // Whether today's run has left depends on the hour.
    let past = client.reserve(day("0001-01-01")).await.unwrap().refused();
    assert!(past.message.starts_with(&format!("{none} 0001-01-01; next: {}", &next[..4])));
    victim.goes_unharmed().await;
}

#[tokio::test]
async fn names_of_holds_and_bookings_that_cannot_be() {
    let victim = Victim::new().await;
    let client = victim.server.client().await;
    let one = |error: ClientError| {
        let [violation] = violations(error).try_into().expect("one violation");
        (violation.field, violation.description)
    };
    let hold = |text: &str| ("hold_id".to_owned(), text.to_owned());
    for (id, told) in [
        ("", "is not 32 hex digits (0 bytes given)"),
        ("0011", "is not 32 hex digits (4 bytes given)"),
        ("+0112233445566778899aabbccddeeff", "is not 32 hex digits (32 bytes given)"),
        ("00112233445566778899aabbccddeefg", "is not 32 hex digits (32 bytes given)"),
    ] {
        assert_eq!(one(client.get_hold(get_hold(id)).await.unwrap_err()), hold(told));
        assert_eq!(one(client.confirm(confirm(id)).await.unwrap_err()), hold(told));
        assert_eq!(one(client.release(release(id)).await.unwrap_err()), hold(told));
        assert_eq!(one(client.extend(extend(id, 60)).await.unwrap_err()), hold(told));
    }
    for pnr in ["", "0123456789", "123456789", "12345678901", "12345 6789"] {
        let told = format!("{pnr:?} is not 10 digits, the first 1 to 9");
        let error = client.cancel(cancel(pnr)).await.unwrap_err();
        assert_eq!(one(error), ("pnr".to_owned(), told));
    }
    let who =
        |numbers: &[u32]| v1::ConfirmRequest { passengers: numbers.to_vec(), ..confirm(HOLD) };
    for (numbers, field, told) in [
        (&[0][..], "passengers[0]", "0 is outside 1 to 6"),
        (&[1, 7], "passengers[1]", "7 is outside 1 to 6"),
        (&[2, 2], "passengers[1]", "2 is named twice"),
        (&[1, 2, 3, 4, 5, 6, 1], "passengers", "names 7, a party has 6 at most"),
    ] {
        let error = client.confirm(who(numbers)).await.unwrap_err();
        assert_eq!(one(error), (field.to_owned(), told.to_owned()));
    }
    let keep = v1::ConfirmRequest { keep_rest: true, ..confirm(HOLD) };
    assert_eq!(one(client.confirm(keep).await.unwrap_err()).0, "keep_rest");
    let never = v1::ExtendRequest { ttl: None, ..extend(HOLD, 60) };
    assert_eq!(one(client.extend(never).await.unwrap_err()).0, "ttl");
    victim.goes_unharmed().await;
}

#[tokio::test]
async fn texts_that_are_too_long_are_not_read_back() {
    let victim = Victim::new().await;
    let client = victim.server.client().await;
    let long = "é".repeat(100_000);
    let spoilt = [
        with(|r| r.reference = long.clone()),
        with(|r| r.request_id = long.clone()),
        with(|r| r.quota = long.clone()),
        with(|r| r.run.as_mut().unwrap().train = long.clone()),
        with(|r| r.run.as_mut().unwrap().day = Some(Day::Date(long.clone()))),
        with(|r| r.from_stop = Some(stop(&long))),
        with(|r| r.berths = vec![berth(&long, 1), berth("S1", 1)]),
    ];
    for ask in spoilt {
        let error = client.reserve(ask).await.unwrap_err();
        let text = error.to_string();
        assert!(text.len() < 500, "{} bytes of answer", text.len());
        assert_eq!(violations(error).len(), 1, "{text}");
    }
    let paid = v1::ConfirmRequest { payment_reference: "x".repeat(129), ..confirm(HOLD) };
    let told = violations(client.confirm(paid).await.unwrap_err());
    assert_eq!(told[0].description, "has 129 bytes, at most 128");
    victim.goes_unharmed().await;
}

#[tokio::test]
async fn enquiries_and_operators_are_told_the_same_way() {
    let victim = Victim::new().await;
    let (client, admin) = (victim.server.client().await, victim.server.admin().await);
    let field = |error: ClientError| violations(error).remove(0).field;
    let class = v1::QueryRequest { travel_class: 9_999, ..query("10001") };
    assert_eq!(field(client.query(class.clone()).await.unwrap_err()), "travel_class");
    for queries in [vec![], vec![query("10001"); 65]] {
        let ask = v1::BatchQueryRequest { queries };
        assert_eq!(field(client.batch_query(ask).await.unwrap_err()), "queries");
    }
    let map = v1::GetBerthMapRequest { run: None, ..Default::default() };
    assert_eq!(field(client.get_berth_map(map).await.unwrap_err()), "run");
    let watch = v1::WatchRequest {
        run: class.run,
        from_stop: class.from_stop,
        to_stop: class.to_stop,
        min_interval: Some(ttl(61)),
        ..Default::default()
    };
    assert_eq!(field(client.watch(watch).await.unwrap_err()), "min_interval");
    let close = v1::CloseSaleRequest {
        train: "10001".into(),
        start_date: "never".into(),
        travel_class: TravelClass::Sleeper.into(),
        ..Default::default()
    };
    assert_eq!(field(admin.close_sale(close).await.unwrap_err()), "start_date");
    let block = v1::BlockBerthsRequest {
        train: "10001".into(),
        start_date: crate::asking::day(AHEAD),
        ..Default::default()
    };
    assert_eq!(field(admin.block_berths(block).await.unwrap_err()), "berths");
    let list = v1::ListTrainRunsRequest { page_size: 1_001, ..Default::default() };
    assert_eq!(field(admin.list_train_runs(list).await.unwrap_err()), "page_size");
    let token = v1::ListTrainRunsRequest { page_token: "forged".into(), ..Default::default() };
    assert_eq!(field(admin.list_train_runs(token).await.unwrap_err()), "page_token");
    let read = v1::ReadRequest::default();
    assert_eq!(field(admin.read_journal(read).await.unwrap_err()), "range");
    victim.goes_unharmed().await;
}
