//! One node of two small trains, served on port 0, with a client for each service.

use std::net::TcpListener;
use std::sync::Arc;

use berth_api::admission::{Keys, Sealer};
use berth_api::{RoomSetting, Rooms, Secrets, Server};
use berth_engine::node::Settings;
use berth_engine::persistence::{Catalogue, Durability};
use berth_engine::{Engine, StartOptions};
use berth_inventory::{CoachEntry, Date, Entry, RunningDays, StopEntry};
use berth_proto::v1;
use berth_proto::v1::availability_client::AvailabilityClient;
use berth_proto::v1::inventory_client::InventoryClient;
use berth_proto::v1::journal_client::JournalClient;
use berth_proto::v1::operations_client::OperationsClient;
use berth_proto::v1::passenger::Years;
use berth_proto::v1::run_ref::Day;
use berth_proto::v1::stop_ref::Stop;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::transport::Channel;

/// A train with two coaches (3A and SL).
pub const TRAIN: &str = "10001";

pub struct World {
    pub engine: Engine,
    pub public: String,
    pub admin: String,
    /// The last frame before anything was asked.
    pub first_lsn: u64,
    pub inventory: InventoryClient<Channel>,
    pub availability: AvailabilityClient<Channel>,
    pub operations: OperationsClient<Channel>,
    pub journal: JournalClient<Channel>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
    dir: TempDir,
}

fn train(number: &str, coaches: &[(&str, &str)]) -> Entry {
    let stop = |(place, code): (usize, &&str)| {
        let place = place as u32;
        StopEntry {
            code: (*code).into(),
            km: place * 100,
            arrival: (place > 0).then_some(600 + place * 60),
            departure: (place < 4).then_some(605 + place * 60),
        }
    };
    Entry {
        rules: None,
        number: number.into(),
        name: format!("TEST {number}"),
        days: RunningDays::DAILY,
        stops: ["AAA", "BBB", "CCC", "DDD", "EEE"].iter().enumerate().map(stop).collect(),
        coaches: coaches
            .iter()
            .map(|(id, layout)| CoachEntry {
                id: (*id).into(),
                layout: (*layout).into(),
                stops: None,
            })
            .collect(),
        pools: Vec::new(),
    }
}

impl World {
    pub async fn start() -> Self {
        Self::start_with(Settings::default(), berth_api::JOURNAL_READERS_DEFAULT).await
    }

    /// So many readers of history at once, and what else an operator sets.
    pub async fn start_with(settings: Settings, journal_readers: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self::begin(dir, settings, journal_readers, |_| Vec::new()).await
    }

    /// With waiting rooms, on a directory of before.
    pub async fn start_waiting(
        dir: TempDir,
        rooms: impl FnOnce(&Engine) -> Vec<RoomSetting>,
    ) -> Self {
        Self::begin(dir, Settings::default(), berth_api::JOURNAL_READERS_DEFAULT, rooms).await
    }

    async fn begin(
        dir: TempDir,
        settings: Settings,
        journal_readers: usize,
        rooms: impl FnOnce(&Engine) -> Vec<RoomSetting>,
    ) -> Self {
        let trains = [train(TRAIN, &[("B1", "3A"), ("S1", "SL")]), train("10002", &[("C1", "CC")])];
        let options = StartOptions {
            data_dir: dir.path().to_owned(),
            catalogue: Arc::new(Catalogue::from_entries("Asia/Kolkata", &trains).unwrap()),
            durability: Durability::Process,
            workers: 2,
            settings: Settings { min_free_bytes: 0, ..settings },
            accept_clock: false,
            address: "test".into(),
        };
        let engine = Engine::start(options).await.unwrap();
        let listener = || TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Server::new(engine.clone(), "Asia/Kolkata", listener(), listener()).unwrap();
        let server = server.journal_readers(journal_readers);
        let key = |purpose| Sealer::derive(1, b"the key of a test", purpose);
        let letters = Keys::new(vec![key("letters")]).unwrap();
        let secrets = Secrets { letters, people: key("people") };
        let rooms = rooms(&engine);
        let (rooms, _) = Rooms::open(rooms, secrets, dir.path(), engine.now(), || [7; 16]).unwrap();
        let server = server.rooms(rooms);
        let public = format!("http://{}", server.listen());
        let admin = format!("http://{}", server.admin_listen());
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(async move {
            server.run(async move { drop(stopped.await) }).await.unwrap();
        });
        let channel = |url: &str| Channel::from_shared(url.to_owned()).unwrap().connect_lazy();
        Self {
            first_lsn: *engine.durable_lsn().borrow(),
            engine,
            inventory: InventoryClient::new(channel(&public)),
            availability: AvailabilityClient::new(channel(&public)),
            operations: OperationsClient::new(channel(&admin)),
            journal: JournalClient::new(channel(&admin)),
            public,
            admin,
            stop,
            serving,
            dir,
        }
    }

    /// A start date a few days ahead, in the zone of the catalogue.
    pub fn date(&self) -> Date {
        self.engine.front().calendar.today(self.engine.now()).plus(3)
    }

    pub fn run(&self) -> v1::RunRef {
        v1::RunRef { train: TRAIN.into(), day: Some(Day::StartDate(self.date().to_string())) }
    }

    /// One adult from AAA to EEE in 3A.
    pub fn reserve(&self) -> v1::ReserveRequest {
        v1::ReserveRequest {
            request_id: request_id(),
            run: Some(self.run()),
            from_stop: stop("AAA"),
            to_stop: stop("EEE"),
            travel_class: v1::TravelClass::ThirdAc.into(),
            passengers: vec![adult()],
            reference: "mine".into(),
            ..Default::default()
        }
    }

    pub fn query(&self) -> v1::QueryRequest {
        v1::QueryRequest {
            run: Some(self.run()),
            from_stop: stop("AAA"),
            to_stop: stop("EEE"),
            ..Default::default()
        }
    }

    /// A hold of one adult.
    pub async fn hold(&self) -> v1::Hold {
        use v1::reserve_response::Outcome;
        let answer = self.inventory.clone().reserve(self.reserve()).await.unwrap().into_inner();
        match answer.outcome.unwrap() {
            Outcome::Hold(hold) => hold,
            Outcome::Refusal(why) => panic!("expected a hold, got {why:?}"),
        }
    }

    /// Stops the node in order; its directory is for the next.
    pub async fn stop_keeping(self) -> TempDir {
        self.stop.send(()).unwrap();
        self.serving.await.unwrap();
        self.engine.stop(std::time::Duration::from_secs(10)).await.unwrap();
        self.dir
    }

    /// Stops the listeners as a process would, and waits until they have.
    pub async fn stop(self) {
        self.stop.send(()).unwrap();
        self.serving.await.unwrap();
    }
}

pub fn request_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

#[allow(clippy::unnecessary_wraps, reason = "it is what the field of a message holds")]
pub fn stop(code: &str) -> Option<v1::StopRef> {
    Some(v1::StopRef { occurrence: 0, stop: Some(Stop::Code(code.into())) })
}

pub fn adult() -> v1::Passenger {
    v1::Passenger { years: Some(Years::Age(34)), sex: 1, without_berth: false, preference: 0 }
}
