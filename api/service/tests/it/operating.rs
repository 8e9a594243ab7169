//! The admin listener: operators, history, metrics, health, reflection.

use berth_proto::v1;
use berth_proto::v1::journal_event::Event;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tonic::Code;
use tonic::transport::Channel;
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::world::{TRAIN, World, request_id};

pub async fn get(url: &str, path: &str) -> String {
    let address = url.strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: berth\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sale_and_blocks_change_what_can_be_bought() {
    let world = World::start().await;
    let mut operations = world.operations.clone();
    let (train, start_date) = (TRAIN.to_owned(), world.date().to_string());
    let close = v1::CloseSaleRequest {
        request_id: request_id(),
        train: train.clone(),
        start_date: start_date.clone(),
        travel_class: v1::TravelClass::ThirdAc.into(),
        quota: String::new(),
    };
    let closed = operations.close_sale(close).await.unwrap().into_inner();
    let Some(v1::close_sale_response::Outcome::Sale(sale)) = closed.outcome else {
        panic!("closed");
    };
    assert!(!sale.open);
    assert!(sale.pools.iter().all(|pool| pool.travel_class() == v1::TravelClass::ThirdAc));
    let refused = world.inventory.clone().reserve(world.reserve()).await.unwrap().into_inner();
    let Some(v1::reserve_response::Outcome::Refusal(why)) = refused.outcome else {
        panic!("closed");
    };
    assert_eq!(why.reason(), v1::Reason::Closed);
    let open = v1::OpenSaleRequest {
        request_id: request_id(),
        train: train.clone(),
        start_date: start_date.clone(),
        ..Default::default()
    };
    operations.open_sale(open).await.unwrap();
    world.hold().await;

    let block = v1::BlockBerthsRequest {
        request_id: request_id(),
        train: train.clone(),
        start_date: start_date.clone(),
        berths: vec![v1::BerthName { coach: "S1".into(), number: 7 }],
        from_stop: None,
        to_stop: None,
    };
    let blocked = operations.block_berths(block).await.unwrap().into_inner();
    let Some(v1::block_berths_response::Outcome::Change(change)) = blocked.outcome else {
        panic!("blocked");
    };
    assert_eq!(change.berths[0].number, 7);
    assert_eq!(change.to_stop.unwrap().code, "EEE");

    let get = v1::GetTrainRunRequest { train: train.clone(), start_date: start_date.clone() };
    let run = operations.get_train_run(get).await.unwrap().into_inner();
    let Some(v1::get_train_run_response::Outcome::Run(run)) = run.outcome else { panic!("a run") };
    assert_eq!(run.digest.len(), 32);
    assert_eq!(run.stops.len(), 5);
    assert_eq!(run.row.as_ref().unwrap().live_holds, 1);
    for pool in &run.pools {
        assert_eq!(pool.free + pool.held + pool.sold + pool.blocked, pool.capacity);
    }
    let retire = v1::RetireTrainRunRequest { request_id: request_id(), train, start_date };
    let retired = operations.retire_train_run(retire).await.unwrap().into_inner();
    let Some(v1::retire_train_run_response::Outcome::Run(row)) = retired.outcome else {
        panic!("retired");
    };
    assert!(row.retired && row.live_holds == 0);
    world.stop().await;
}

fn created_row(created: &v1::CreateTrainRunResponse) -> &v1::TrainRunRow {
    match &created.outcome {
        Some(v1::create_train_run_response::Outcome::Run(row)) => row,
        other => panic!("a run, not {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runs_are_listed_in_pages_and_made_outside_the_calendar() {
    let world = World::start().await;
    let mut operations = world.operations.clone();
    let mut all = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = v1::ListTrainRunsRequest { page_size: 50, page_token, ..Default::default() };
        let page = operations.list_train_runs(request).await.unwrap().into_inner();
        assert!(page.runs.len() <= 50);
        all.extend(page.runs.into_iter().map(|row| (row.start_date, row.train)));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert!(all.is_sorted(), "by date, then train");
    assert!(all.len() >= 2 * 60, "two daily trains, sixty days: {}", all.len());
    let mut once = all.clone();
    once.dedup();
    assert_eq!(once.len(), all.len(), "no run on two pages");

    let far = world.date().plus(200).to_string();
    let create = v1::CreateTrainRunRequest {
        request_id: request_id(),
        train: TRAIN.into(),
        start_date: far,
    };
    let created = operations.create_train_run(create.clone()).await.unwrap().into_inner();
    assert!(matches!(created.outcome, Some(v1::create_train_run_response::Outcome::Run(_))));
    assert!(created.run_version > 0, "it is in the journal");
    let again = operations.create_train_run(create.clone()).await.unwrap().into_inner();
    assert_eq!(again.outcome, created.outcome, "creating a run that exists is done");
    let request = v1::ListTrainRunsRequest { touched_only: true, ..Default::default() };
    let touched = operations.list_train_runs(request).await.unwrap().into_inner().runs;
    assert_eq!(touched.len(), 1);
    assert!(touched[0].extra && touched[0].start_date == create.start_date);
    assert_eq!(touched[0].place(), v1::RunPlace::Live, "creating it has asked it");
    assert_eq!(
        (touched[0].name.as_str(), touched[0].run_version),
        (created_row(&created).name.as_str(), 1)
    );
    let hold = world.hold().await;
    let request = v1::ListTrainRunsRequest {
        first_start_date: hold.start_date.clone(),
        last_start_date: hold.start_date.clone(),
        train: TRAIN.into(),
        ..Default::default()
    };
    let row = &operations.list_train_runs(request).await.unwrap().into_inner().runs[0];
    assert_eq!((row.place(), row.live_holds, row.run_version), (v1::RunPlace::Live, 1, 2));
    assert!(!row.extra && !row.retired);
    let past = v1::CreateTrainRunRequest { start_date: "2001-01-01".into(), ..create };
    let refused = operations.create_train_run(past).await.unwrap().into_inner();
    assert!(matches!(refused.outcome, Some(v1::create_train_run_response::Outcome::Refusal(_))));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_is_read_and_followed() {
    let world = World::start().await;
    let mut journal = world.journal.clone();
    let mut follow = journal.follow(v1::FollowRequest { from_lsn: 1 }).await.unwrap().into_inner();
    let hold = world.hold().await;
    let mut followed = Vec::new();
    while followed.len() < 2 {
        followed.extend(follow.message().await.unwrap().unwrap().events);
    }
    let versions: Vec<_> = followed.iter().map(|event| event.run_version).collect();
    assert_eq!(versions, [1, 2]);
    assert!(matches!(followed[0].event, Some(Event::RunCreated(_))));
    let Some(Event::Held(held)) = &followed[1].event else { panic!("held") };
    assert_eq!(held.hold_id, hold.hold_id);
    assert_eq!(held.allocations[0].berth, hold.allocations[0].berth);

    let run = |first_version, last_version| v1::ReadRequest {
        range: Some(v1::read_request::Range::Run(v1::RunRange {
            train: TRAIN.into(),
            start_date: world.date().to_string(),
            first_version,
            last_version,
        })),
        limit: 0,
    };
    for (first, last, expected) in [(0, 0, vec![1, 2]), (2, 0, vec![2]), (1, 1, vec![1])] {
        let mut stream = journal.read(run(first, last)).await.unwrap().into_inner();
        let mut read = Vec::new();
        while let Some(piece) = stream.message().await.unwrap() {
            read.extend(piece.events.into_iter().map(|event| event.run_version));
        }
        assert_eq!(read, expected, "versions {first} to {last}");
    }
    let far = v1::FollowRequest { from_lsn: 1 << 40 };
    assert_eq!(journal.follow(far).await.unwrap_err().code(), Code::OutOfRange);
    let nothing = v1::ReadRequest::default();
    assert_eq!(journal.read(nothing).await.unwrap_err().code(), Code::InvalidArgument);
    world.engine.drain();
    let status = loop {
        if let Err(status) = follow.message().await {
            break status;
        }
    };
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_and_facts_of_the_server() {
    let world = World::start().await;
    world.hold().await;
    let mut operations = world.operations.clone();
    let info = operations.get_server_info(v1::GetServerInfoRequest {}).await.unwrap().into_inner();
    assert!(world.public.ends_with(&info.listen) && world.admin.ends_with(&info.admin_listen));
    assert_eq!((info.trains, info.workers, info.zone.as_str()), (2, 2, "Asia/Kolkata"));
    let stats = operations.get_stats(v1::GetStatsRequest {}).await.unwrap().into_inner();
    assert_eq!((stats.live_runs, stats.live_holds), (1, 1));
    assert!(stats.open_runs >= 2 * 60);
    let reserves: Vec<_> = stats.commands.iter().filter(|c| c.kind == "reserve").collect();
    assert_eq!((reserves.len(), reserves[0].outcome.as_str(), reserves[0].count), (1, "done", 1));
    let journal = stats.journal.unwrap();
    assert!(journal.bytes > 0 && journal.segments >= 1 && journal.durable_lsn > 0);

    let text = get(&world.admin, "/metrics").await;
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    assert!(text.contains("# TYPE berth_commands_total counter"), "{text}");
    assert!(text.contains("berth_runs_live"), "{text}");
    for secret in [TRAIN, "B1", &world.date().to_string()] {
        assert!(!text.contains(&format!("\"{secret}\"")), "{secret} is a label");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_follows_the_engine_on_both_listeners() {
    let world = World::start().await;
    for url in [&world.public, &world.admin] {
        let channel = Channel::from_shared(url.clone()).unwrap().connect().await.unwrap();
        let mut health = HealthClient::new(channel);
        let mut status = async |service: &str| {
            let request = HealthCheckRequest { service: service.into() };
            health.check(request).await.map(|answer| answer.into_inner().status)
        };
        for service in ["", "berth.v1.Inventory", "berth.v1.Availability"] {
            assert_eq!(status(service).await.unwrap(), ServingStatus::Serving as i32);
        }
        assert_eq!(status("other").await.unwrap_err().code(), Code::NotFound);
    }
    let channel = Channel::from_shared(world.public.clone()).unwrap().connect().await.unwrap();
    let request = HealthCheckRequest { service: "berth.v1.Inventory".into() };
    let mut watch = HealthClient::new(channel).watch(request).await.unwrap().into_inner();
    let first = watch.message().await.unwrap().unwrap().status();
    world.engine.drain();
    let next = watch.message().await.unwrap().unwrap().status();
    assert_ne!(first, next, "told without being asked");
    drop(watch);
    world.stop().await;
}

async fn reflected(url: &str) -> Vec<String> {
    use tonic_reflection::pb::v1::ServerReflectionRequest;
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
    let channel = Channel::from_shared(url.to_owned()).unwrap().connect().await.unwrap();
    let ask = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let asked = tokio_stream::once(ask);
    let mut client = ServerReflectionClient::new(channel);
    let mut answers = client.server_reflection_info(asked).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(list) = answer else { panic!("a list") };
    list.service.into_iter().map(|service| service.name).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reflection_names_what_each_listener_serves() {
    let world = World::start().await;
    let public = reflected(&world.public).await;
    assert!(public.contains(&"berth.v1.Inventory".to_owned()), "{public:?}");
    assert!(!public.contains(&"berth.v1.Operations".to_owned()), "{public:?}");
    let admin = reflected(&world.admin).await;
    assert!(admin.contains(&"berth.v1.Operations".to_owned()), "{admin:?}");
    world.stop().await;
}
