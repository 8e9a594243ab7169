//! Waiting rooms: from joining to a hold, and everybody who is turned away on the way.

use std::time::Duration;

use berth_api::RoomSetting;
use berth_api::admission::{Keys, Pass, Rules, Sealer, caller_mark, prove, room_mark};
use berth_engine::Engine;
use berth_inventory::{Millis, RunId, TravelClass, UnixMillis};
use berth_proto::v1;
use berth_proto::v1::TicketState as State;
use berth_proto::v1::join_request::Where;
use berth_proto::v1::session_command::Command::Reserve;
use berth_proto::v1::waiting_room_client::WaitingRoomClient;
use tonic::Code;
use tonic::transport::Channel;

use crate::operating::get;
use crate::session::Session;
use crate::world::{TRAIN, World};

const ROOM: &str = "morning";

/// A room before 3A of the train, open since some time ago or to be opened.
fn setting(engine: &Engine, opens_in: i64) -> RoomSetting {
    let now = engine.now();
    let start_date = engine.front().calendar.today(now).plus(3);
    let run = RunId { train: TRAIN.parse().unwrap(), start_date };
    RoomSetting {
        name: ROOM.into(),
        runs: vec![run],
        classes: vec![TravelClass::ThirdAc],
        quotas: Vec::new(),
        rules: Rules::opening_at(UnixMillis(now.0.saturating_add_signed(opens_in))),
        proof: None,
    }
}

struct Waiting {
    world: World,
    room: WaitingRoomClient<Channel>,
}

impl Waiting {
    async fn start(rooms: impl FnOnce(&Engine) -> Vec<RoomSetting>) -> Self {
        Self::on(World::start_waiting(tempfile::tempdir().unwrap(), rooms).await)
    }

    fn on(world: World) -> Self {
        let channel = Channel::from_shared(world.public.clone()).unwrap().connect_lazy();
        Self { world, room: WaitingRoomClient::new(channel) }
    }

    async fn ask(&self, request: v1::JoinRequest) -> Result<v1::Ticket, v1::Refusal> {
        use v1::join_response::Outcome;
        match self.room.clone().join(request).await.unwrap().into_inner().outcome.unwrap() {
            Outcome::Ticket(ticket) => Ok(ticket),
            Outcome::Refusal(why) => Err(why),
        }
    }

    async fn join(&self, end_user: &str) -> v1::Ticket {
        self.ask(joining(end_user)).await.unwrap()
    }

    async fn look(&self, ticket: &str) -> Result<v1::Ticket, v1::Refusal> {
        use v1::get_ticket_response::Outcome;
        let request = v1::GetTicketRequest { ticket: ticket.into(), run: None };
        match self.room.clone().get_ticket(request).await.unwrap().into_inner().outcome.unwrap() {
            Outcome::Ticket(ticket) => Ok(ticket),
            Outcome::Refusal(why) => Err(why),
        }
    }

    /// Asks until it is the turn of a ticket.
    async fn token(&self, ticket: &str) -> String {
        loop {
            let ticket = self.look(ticket).await.unwrap();
            if ticket.state() == State::Admitted {
                return ticket.admission_token;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn leave(&self, ticket: &str) -> v1::Ticket {
        use v1::leave_response::Outcome;
        let request = v1::LeaveRequest { ticket: ticket.into() };
        match self.room.clone().leave(request).await.unwrap().into_inner().outcome.unwrap() {
            Outcome::Ticket(ticket) => ticket,
            Outcome::Refusal(why) => panic!("{why:?}"),
        }
    }

    fn reserve(&self, token: &str) -> v1::ReserveRequest {
        v1::ReserveRequest { admission_token: token.into(), ..self.world.reserve() }
    }

    async fn ask_for(&self, request: v1::ReserveRequest) -> Result<v1::Hold, v1::Refusal> {
        use v1::reserve_response::Outcome;
        let answer = self.world.inventory.clone().reserve(request).await.unwrap().into_inner();
        match answer.outcome.unwrap() {
            Outcome::Hold(hold) => Ok(hold),
            Outcome::Refusal(why) => Err(why),
        }
    }

    /// Turned away, and by which room.
    async fn turned_away(&self, request: v1::ReserveRequest) -> String {
        let why = self.ask_for(request).await.expect_err("a refusal");
        assert_eq!(why.reason(), v1::Reason::NotAdmitted, "{why:?}");
        assert_eq!(why.facts.unwrap().room, ROOM);
        why.message
    }
}

fn joining(end_user: &str) -> v1::JoinRequest {
    let r#where = Some(Where::Room(ROOM.into()));
    v1::JoinRequest { r#where, end_user: end_user.into(), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_is_worth_one_hold_and_every_retry_of_it() {
    let it = Waiting::start(|engine| vec![setting(engine, -1_000)]).await;
    let ticket = it.join("ann").await.ticket;
    let token = it.token(&ticket).await;
    // What is refused does not use it up.
    let mut nowhere = it.reserve(&token);
    nowhere.to_stop = nowhere.from_stop.clone();
    assert_eq!(it.ask_for(nowhere).await.unwrap_err().reason(), v1::Reason::BadLegRange);
    let request = it.reserve(&token);
    let hold = it.ask_for(request.clone()).await.unwrap();
    assert_eq!(it.look(&ticket).await.unwrap().state(), State::Spent);
    // A retry finds its hold, also without the token; nobody else does anything with it.
    let without = v1::ReserveRequest { admission_token: String::new(), ..request.clone() };
    for retry in [request, without.clone()] {
        assert_eq!(it.ask_for(retry).await.unwrap().hold_id, hold.hold_id);
    }
    assert!(it.turned_away(it.reserve(&token)).await.contains("used by another request"));
    let other = v1::ReserveRequest { reference: "other".into(), ..without };
    let why = it.ask_for(other).await.unwrap_err();
    assert_eq!(why.reason(), v1::Reason::IdempotencyMismatch, "the request id comes first");
    // Who has a hold may queue for another.
    assert_ne!(it.join("ann").await.ticket, ticket);
    let text = get(&it.world.admin, "/metrics").await;
    for line in ["berth_not_admitted_total{why=\"spent\"} 1", "berth_room_held_total 1"] {
        assert!(text.contains(line), "{line} in {text}");
    }
    it.world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_no_good_token_is_turned_away() {
    let it = Waiting::start(|engine| vec![setting(engine, -1_000)]).await;
    let ticket = it.join("ann").await.ticket;
    let token = it.token(&ticket).await;
    let key = Sealer::derive(1, b"the key of a test", "letters");
    let keys = Keys::new(vec![key]).unwrap();
    let now = it.world.engine.now();
    let opens_at = it.look(&ticket).await.unwrap().opens_at.unwrap();
    let opens_at = UnixMillis(opens_at.seconds as u64 * 1_000 + opens_at.nanos as u64 / 1_000_000);
    let start_date = it.world.date();
    let run = Pass::run_mark(RunId { train: TRAIN.parse().unwrap(), start_date });
    let genuine = Pass {
        room: room_mark(ROOM, opens_at),
        number: 0,
        caller: caller_mark(""),
        run,
        expires: now.saturating_add(Millis(60_000)),
    };
    let other_key = Keys::new(vec![Sealer::new(1, &[1; 32])]).unwrap();
    let mut changed = token.clone();
    changed.replace_range(..4, "AQIC");
    let table = [
        (String::new(), "there is no admission token"),
        ("nonsense!".into(), "that is no admission token"),
        (changed, "another version or algorithm"),
        (ticket, "for something else"),
        (genuine.seal(&other_key), "signature is not ours"),
        (Pass { room: 1, ..genuine }.seal(&keys), "of another room"),
        (Pass { run: 1, ..genuine }.seal(&keys), "for another run"),
        (Pass { caller: 1, ..genuine }.seal(&keys), "given to another caller"),
        (Pass { expires: now, ..genuine }.seal(&keys), "expired"),
        (Pass { number: 9, ..genuine }.seal(&keys), "not the turn"),
    ];
    for (token, expected) in &table {
        let told = it.turned_away(it.reserve(token)).await;
        assert!(told.contains(expected), "{told}");
    }
    // The same over a session.
    let mut session = Session::open(&it.world).await;
    let commands = [String::new(), token.clone(), token];
    let commands = commands.iter().zip(0..).map(|(token, n)| (n, Reserve(it.reserve(token))));
    session.send(commands.collect()).await;
    let holds: Vec<bool> =
        session.take(3).await.iter().map(|(_, answer)| is_hold(answer)).collect();
    assert_eq!(holds, [false, true, false], "one hold a token");
    // What no room stands before is sold as ever.
    let sleeper = v1::TravelClass::Sleeper.into();
    let request = v1::ReserveRequest { travel_class: sleeper, ..it.world.reserve() };
    it.ask_for(request).await.unwrap();
    let too_long = it.reserve(&"x".repeat(257));
    let status = it.world.inventory.clone().reserve(too_long).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    it.world.stop().await;
}

fn is_hold(answer: &v1::session_answer::Answer) -> bool {
    use v1::reserve_response::Outcome;
    let v1::session_answer::Answer::Reserve(told) = answer else { panic!("{answer:?}") };
    match told.outcome.as_ref().unwrap() {
        Outcome::Hold(_) => true,
        Outcome::Refusal(why) => {
            assert_eq!(why.reason(), v1::Reason::NotAdmitted);
            false
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_is_one_place_of_one_person() {
    let verifier = Keys::new(vec![Sealer::new(0, &[5; 32])]).unwrap();
    let it = Waiting::start(|engine| {
        let soon = setting(engine, 3_600_000);
        let mut proven = setting(engine, 3_600_000);
        proven.name = "proven".into();
        proven.runs[0].start_date = proven.runs[0].start_date.plus(1);
        proven.proof = Some(verifier);
        vec![soon, proven]
    })
    .await;
    let (ann, bob) = (it.join("ann").await, it.join("bob").await);
    assert_eq!(it.join("ann").await.ticket, ann.ticket);
    assert_ne!(ann.ticket, bob.ticket);
    assert_eq!((bob.state(), bob.ahead, bob.position), (State::Early, 2, 0));
    assert_eq!(bob.basis(), v1::EstimateBasis::Rule);
    let by_sale = v1::JoinRequest {
        r#where: Some(Where::Run(it.world.run())),
        travel_class: v1::TravelClass::ThirdAc.into(),
        ..joining("ann")
    };
    assert_eq!(it.ask(by_sale.clone()).await.unwrap().ticket, ann.ticket);
    assert_eq!(it.leave(&ann.ticket).await.state(), State::Left);
    assert_eq!(it.leave(&ann.ticket).await.state(), State::Left, "twice is done");
    assert_ne!(it.join("ann").await.ticket, ann.ticket);
    let unguarded = v1::JoinRequest { travel_class: v1::TravelClass::Sleeper.into(), ..by_sale };
    let elsewhere =
        v1::JoinRequest { r#where: Some(Where::Room("other".into())), ..joining("ann") };
    for request in [unguarded, elsewhere] {
        let why = it.ask(request).await.unwrap_err();
        assert_eq!(why.reason(), v1::Reason::UnknownRoom, "{why:?}");
    }
    assert_eq!(it.look("AAAA").await.unwrap_err().reason(), v1::Reason::UnknownTicket);
    for request in [v1::JoinRequest::default(), joining(""), joining(&"x".repeat(129))] {
        let status = it.room.clone().join(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
    }
    let proof = prove(&Sealer::new(0, &[5; 32]), "proven", "ann", 9_999_999_999);
    for (end_user, proof, is_in) in
        [("ann", "", false), ("bob", &proof, false), ("ann", &proof, true)]
    {
        let r#where = Some(Where::Room("proven".into()));
        let request = v1::JoinRequest { r#where, proof: proof.into(), ..joining(end_user) };
        let told = it.ask(request).await.map_err(|why| why.reason());
        assert_eq!(told.map(|_| ()), if is_in { Ok(()) } else { Err(v1::Reason::Unproven) });
    }
    it.world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_sees_the_opening_and_a_restart_keeps_places() {
    let mut rooms = Vec::new();
    let mut it = Waiting::start(|engine| {
        let mut room = setting(engine, 1_500);
        // Nobody but the first is let in while this test runs.
        (room.rules.pace.floor, room.rules.pace.ceiling) = (1, 1);
        room.rules.pace.answer_max = Millis(60_000);
        rooms.push(room);
        rooms.clone()
    })
    .await;
    let mut tickets = Vec::new();
    for n in 0..40 {
        tickets.push(it.join(&format!("user {n}")).await.ticket);
    }
    let request = v1::WaitingRoomWatchRequest {
        ticket: tickets[39].clone(),
        run: None,
        min_interval: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
    };
    let mut watch = it.room.clone().watch(request).await.unwrap().into_inner();
    let mut seen = Vec::new();
    while !seen.contains(&State::Waiting) && !seen.contains(&State::Admitted) {
        use v1::waiting_room_watch_response::Outcome;
        match watch.message().await.unwrap().unwrap().outcome.unwrap() {
            Outcome::Ticket(ticket) => seen.push(ticket.state()),
            Outcome::Refusal(why) => panic!("{why:?}"),
        }
    }
    assert_eq!(seen[0], State::Early);
    drop(watch);
    let standing = async |it: &Waiting| {
        let mut told = Vec::new();
        for ticket in &tickets {
            let ticket = it.look(ticket).await.unwrap();
            told.push((ticket.state() == State::Waiting, ticket.position, ticket.ticket));
        }
        told.sort_by_key(|(waits, position, _)| (*waits, *position));
        told.into_iter().map(|(_, _, ticket)| ticket).collect::<Vec<_>>()
    };
    let order = standing(&it).await;
    assert_ne!(order, tickets, "they stand in the order of the draw");
    let dir = it.world.stop_keeping().await;
    it = Waiting::on(World::start_waiting(dir, |_| rooms).await);
    let again = standing(&it).await;
    // Those whose turn it was meanwhile stand first, in whatever order.
    let waiting = |order: &[String]| order[20..].to_vec();
    assert_eq!(waiting(&again), waiting(&order));
    assert_eq!(it.join("user 7").await.ticket, tickets[7], "and nobody has two");
    tokio::time::timeout(Duration::from_secs(10), it.world.stop()).await.unwrap();
}
