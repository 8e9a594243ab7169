//! Many commands over one stream.

use berth_proto::v1;
use berth_proto::v1::session_answer::Answer;
use berth_proto::v1::session_command::Command;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Streaming};

use crate::world::{World, adult, request_id};

pub struct Session {
    commands: mpsc::Sender<v1::SessionRequest>,
    answers: Streaming<v1::SessionResponse>,
}

impl Session {
    pub async fn open(world: &World) -> Self {
        let (commands, receiver) = mpsc::channel(64);
        let stream = ReceiverStream::new(receiver);
        let answers = world.inventory.clone().session(stream).await.unwrap().into_inner();
        Self { commands, answers }
    }

    pub async fn send(&self, commands: Vec<(u64, Command)>) {
        let commands = commands
            .into_iter()
            .map(|(correlation_id, command)| v1::SessionCommand {
                correlation_id,
                timeout_ms: 0,
                command: Some(command),
            })
            .collect();
        self.commands.send(v1::SessionRequest { commands }).await.unwrap();
    }

    /// As many answers, by correlation id.
    pub async fn take(&mut self, count: usize) -> Vec<(u64, Answer)> {
        let mut taken = Vec::new();
        while taken.len() < count {
            let message = self.answers.message().await.unwrap().expect("an answer");
            taken
                .extend(message.answers.into_iter().map(|a| (a.correlation_id, a.answer.unwrap())));
        }
        taken.sort_by_key(|(correlation, _)| *correlation);
        taken
    }
}

fn hold_of(answer: &Answer) -> &v1::Hold {
    match answer {
        Answer::Reserve(v1::ReserveResponse {
            outcome: Some(v1::reserve_response::Outcome::Hold(hold)),
            ..
        }) => hold,
        other => panic!("expected a hold, got {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_are_answered_by_their_ids() {
    let world = World::start().await;
    let mut session = Session::open(&world).await;
    let bad = v1::ReserveRequest { travel_class: 9_999, ..world.reserve() };
    let lost = v1::GetHoldRequest { hold_id: "0".repeat(32) };
    session
        .send(vec![
            (1, Command::Reserve(world.reserve())),
            (2, Command::Reserve(bad)),
            (3, Command::GetHold(lost)),
            (4, Command::Reserve(world.reserve())),
        ])
        .await;
    let answers = session.take(4).await;
    let (first, last) = (hold_of(&answers[0].1), hold_of(&answers[3].1));
    assert_ne!(first.allocations[0].berth, last.allocations[0].berth);
    let Answer::Fault(fault) = &answers[1].1 else { panic!("a fault") };
    assert_eq!(fault.code, Code::InvalidArgument as u32);
    assert_eq!(fault.violations[0].field, "travel_class");
    let Answer::GetHold(lost) = &answers[2].1 else { panic!("a refusal") };
    assert!(matches!(lost.outcome, Some(v1::get_hold_response::Outcome::Refusal(_))));
    // The caller has said all: the stream ends in order.
    drop(session.commands);
    assert_eq!(session.answers.message().await.unwrap(), None);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partial_confirm_tells_until_when_the_rest_is_held() {
    let world = World::start().await;
    let mut session = Session::open(&world).await;
    let party = v1::ReserveRequest { passengers: vec![adult(), adult()], ..world.reserve() };
    session.send(vec![(1, Command::Reserve(party))]).await;
    let answers = session.take(1).await;
    let hold = hold_of(&answers[0].1);
    let confirm = |passengers: Vec<u32>, keep_rest| {
        Command::Confirm(v1::ConfirmRequest {
            request_id: request_id(),
            hold_id: hold.hold_id.clone(),
            passengers,
            keep_rest,
            ..Default::default()
        })
    };
    // What comes right behind it does not change what it is told: both are of one state.
    let longer = Command::Extend(v1::ExtendRequest {
        request_id: request_id(),
        hold_id: hold.hold_id.clone(),
        ttl: Some(prost_types::Duration { seconds: 600, nanos: 0 }),
    });
    let keep = confirm(vec![1], true);
    session.send(vec![(2, keep.clone()), (3, longer)]).await;
    let answers = session.take(2).await;
    let Answer::Confirm(part) = &answers[0].1 else { panic!("a booking") };
    assert_eq!(part.expires_at, hold.expires_at);
    let Answer::Extend(longer) = &answers[1].1 else { panic!("a hold") };
    assert_eq!(longer.run_version, part.run_version + 1);
    let Some(v1::extend_response::Outcome::Hold(longer)) = &longer.outcome else {
        panic!("a hold");
    };
    assert!(longer.expires_at.unwrap().seconds > hold.expires_at.unwrap().seconds);
    // A retry tells the booking as it stands by now.
    session.send(vec![(4, keep)]).await;
    let answers = session.take(1).await;
    let Answer::Confirm(again) = &answers[0].1 else { panic!("a booking") };
    assert_eq!((again.expires_at, &again.outcome), (longer.expires_at, &part.outcome));
    session.send(vec![(5, confirm(vec![2], true))]).await;
    let answers = session.take(1).await;
    let Answer::Confirm(all) = &answers[0].1 else { panic!("a booking") };
    assert!(matches!(all.outcome, Some(v1::confirm_response::Outcome::Booking(_))));
    assert_eq!(all.expires_at, None);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_commands_are_each_answered_once() {
    let world = World::start().await;
    let mut session = Session::open(&world).await;
    let (messages, each) = (12, 256);
    for message in 0..messages {
        let first = message * each;
        let commands = (first..first + each).map(|n| (n, Command::Reserve(world.reserve())));
        session.send(commands.collect()).await;
    }
    let total = (messages * each) as usize;
    let answers = session.take(total).await;
    assert_eq!(answers.len(), total);
    assert!(answers.iter().zip(0..).all(|((correlation, _), n)| *correlation == n));
    let is_hold = |answer: &Answer| {
        matches!(answer, Answer::Reserve(response)
            if matches!(response.outcome, Some(v1::reserve_response::Outcome::Hold(_))))
    };
    let berths: Vec<_> = answers
        .iter()
        .filter(|(_, answer)| is_hold(answer))
        .map(|(_, answer)| hold_of(answer).allocations[0].berth)
        .collect();
    let distinct: std::collections::BTreeSet<_> = berths.iter().collect();
    assert_eq!(distinct.len(), berths.len(), "no berth twice");
    assert!(!berths.is_empty());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_message_one_too_long_and_a_drain_end_the_stream() {
    let world = World::start().await;
    let mut session = Session::open(&world).await;
    session.send(Vec::new()).await;
    let status = session.answers.message().await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    let mut session = Session::open(&world).await;
    let long = v1::ReserveRequest { reference: "x".repeat(300 << 10), ..world.reserve() };
    session.send(vec![(1, Command::Reserve(long))]).await;
    let status = session.answers.message().await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    let mut session = Session::open(&world).await;
    session.send(vec![(1, Command::Reserve(world.reserve()))]).await;
    session.take(1).await;
    world.engine.drain();
    let status = session.answers.message().await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    world.stop().await;
}
