//! The desk against a server and callers that do anything, in any order.

use std::collections::{BTreeMap, BTreeSet};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use berth_caller::retry::{Budget, Policy};
use berth_proto::v1;
use berth_proto::v1::session_answer::Answer;
use proptest::prelude::*;
use prost::Message as _;

use super::{Bounds, Desk};
use crate::error::ClientError;
use crate::session::call::Call;
use crate::session::pipe::HELD_BACK_MAX;
use crate::session::slots::SlotId;

const MS: Duration = Duration::from_millis(1);

/// The correlation ids and the bodies of a message, as the server reads it.
fn read(message: &[u8]) -> Vec<(u64, String)> {
    let message = v1::SessionRequest::decode(message).expect("a SessionRequest");
    assert!(!message.commands.is_empty(), "an empty message ends the stream");
    let id = |command: v1::SessionCommand| match command.command {
        Some(v1::session_command::Command::GetHold(ask)) => (command.correlation_id, ask.hold_id),
        other => panic!("{other:?}"),
    };
    message.commands.into_iter().map(id).collect()
}

fn say(answers: Vec<(u64, Answer)>) -> Vec<u8> {
    let answer =
        |(correlation_id, answer)| v1::SessionAnswer { correlation_id, answer: Some(answer) };
    v1::SessionResponse { answers: answers.into_iter().map(answer).collect() }.encode_to_vec()
}

fn held(name: &str) -> Answer {
    let hold = v1::Hold { hold_id: name.into(), ..Default::default() };
    let outcome = Some(v1::get_hold_response::Outcome::Hold(hold));
    Answer::GetHold(v1::GetHoldResponse { outcome, ..Default::default() })
}

fn full(retry_after_ms: u32) -> Answer {
    let code = tonic::Code::ResourceExhausted as u32;
    Answer::Fault(v1::Fault { code, message: "full".into(), retry_after_ms, ..Default::default() })
}

/// A desk with its callers, a clock and what a server owes.
struct World {
    desk: Desk,
    now: Instant,
    budget: Budget,
    /// Callers by place, each with the name it asks for.
    callers: BTreeMap<SlotId, String>,
    /// What is unanswered on the stream.
    owed: BTreeMap<u64, String>,
    named: u32,
    ended: u32,
}

impl World {
    fn new(commands: usize, window: usize) -> Self {
        let bounds = Bounds { commands, bytes: 4_096, window, ahead: 2, retry: Policy::default() };
        Self {
            desk: Desk::new(bounds),
            now: Instant::now(),
            budget: Budget::default(),
            callers: BTreeMap::new(),
            owed: BTreeMap::new(),
            named: 0,
            ended: 0,
        }
    }

    fn ask(&mut self, timeout: Duration) -> SlotId {
        self.named += 1;
        let ask = v1::GetHoldRequest { hold_id: format!("hold {}", self.named) };
        let mut body = Vec::new();
        prost::encoding::message::encode(Call::GetHold.asked_in(), &ask, &mut body);
        let submitted =
            self.desk.submit(Call::GetHold, &mut body, self.now, timeout, Waker::noop());
        let id = submitted.expect("room").id;
        self.callers.insert(id, ask.hold_id);
        id
    }

    /// Sends what may leave; the names, message by message.
    fn send(&mut self) -> Vec<Vec<String>> {
        let mut sent = Vec::new();
        while let Some(message) = self.desk.next_message(self.now) {
            assert!(message.len() <= 4_096);
            let commands = read(&message);
            assert!(commands.len() <= self.desk.bounds.commands);
            sent.push(commands.iter().map(|(_, name)| name.clone()).collect());
            for (correlation, name) in commands {
                assert!(self.owed.insert(correlation, name).is_none(), "a number in use");
            }
            assert!(self.owed.len() <= self.desk.bounds.window);
        }
        sent
    }

    fn answer(&mut self, answers: Vec<(u64, Answer)>) {
        for (correlation, _) in &answers {
            self.owed.remove(correlation);
        }
        let message = say(answers);
        let (desk, budget) = (&mut self.desk, &mut self.budget);
        desk.take_answers(&message, self.now, budget, &mut || 0.5, &mut Vec::new()).unwrap();
    }

    fn fetch(&mut self, id: SlotId) -> Poll<Result<String, ClientError>> {
        let mut body = Vec::new();
        let polled = self.desk.poll_answer(id, &mut body, Waker::noop());
        let fetched = polled.map_ok(|_| {
            match v1::GetHoldResponse::decode(body.as_slice()).unwrap().outcome {
                Some(v1::get_hold_response::Outcome::Hold(hold)) => hold.hold_id,
                other => panic!("{other:?}"),
            }
        });
        if fetched.is_ready() {
            let name = self.callers.remove(&id).unwrap();
            self.ended += 1;
            if let Poll::Ready(Ok(told)) = &fetched {
                assert_eq!(*told, name, "another caller's answer");
            }
        }
        fetched
    }

    fn fetch_all(&mut self) {
        let ids: Vec<SlotId> = self.callers.keys().copied().collect();
        for id in ids {
            drop(self.fetch(id));
        }
    }

    fn check(&mut self) {
        let desk = &mut self.desk;
        let live = |id: &SlotId, desk: &mut Desk| {
            desk.slots.get_mut(*id).is_some_and(|slot| slot.stage == super::Stage::Queued)
        };
        let queue: Vec<SlotId> = desk.queue.iter().copied().collect();
        let queued: Vec<SlotId> = queue.into_iter().filter(|id| live(id, desk)).collect();
        let distinct: BTreeSet<&SlotId> = queued.iter().collect();
        assert_eq!((distinct.len(), queued.len()), (desk.queued, desk.queued));
        assert!(desk.queue.len() <= 2 * desk.queued + super::STALE_MAX + 1);
        let bytes: usize =
            queued.iter().map(|id| desk.slots.get_mut(*id).unwrap().bytes.len()).sum();
        assert_eq!(bytes, desk.queued_bytes);
        assert_eq!(desk.on_wire, self.owed.len(), "what the server owes");
        assert!(desk.slots.taken() <= self.callers.len() + self.owed.len(), "a leak");
    }
}

#[test]
fn a_lone_command_leaves_at_once_and_a_crowd_gathers_behind_two_messages() {
    let mut world = World::new(4, 100);
    for expected in ["hold 1", "hold 2"] {
        world.ask(Duration::ZERO);
        assert_eq!(world.send(), [[expected]]);
    }
    world.ask(Duration::ZERO);
    assert!(world.send().is_empty(), "two messages are on their way");
    for _ in 0..4 {
        world.ask(Duration::ZERO);
    }
    assert_eq!(world.send(), [["hold 3", "hold 4", "hold 5", "hold 6"]], "a full one leaves");
    assert_eq!(world.desk.leaves_at(world.now), Some(world.now + HELD_BACK_MAX));
    let first = *world.owed.keys().next().unwrap();
    world.answer(vec![(first, held("hold 1"))]);
    assert!(world.send().is_empty(), "two are on their way still");
    world.now += HELD_BACK_MAX;
    assert_eq!(world.send(), [["hold 7"]], "nobody is held back for long");
}

#[test]
fn after_a_break_the_unanswered_go_again_in_their_order_with_their_bytes() {
    let mut world = World::new(3, 100);
    let ids: Vec<SlotId> = (0..5).map(|_| world.ask(Duration::ZERO)).collect();
    assert_eq!(world.send().concat(), ["hold 1", "hold 2", "hold 3", "hold 4", "hold 5"]);
    world.ask(Duration::ZERO);
    world.answer(vec![(ids[1].correlation(), held("hold 2"))]);
    world.desk.abandon(ids[3]);
    world.callers.remove(&ids[3]);
    world.desk.broke();
    world.owed.clear();
    world.check();
    assert_eq!(world.send(), [vec!["hold 1", "hold 3", "hold 5"], vec!["hold 6"]]);
    assert!(matches!(world.fetch(ids[1]), Poll::Ready(Ok(_))));
}

#[test]
fn a_fault_that_may_be_retried_rests_and_another_is_told() {
    let mut world = World::new(4, 100);
    let (first, second) = (world.ask(10_000 * MS), world.ask(10_000 * MS));
    world.send();
    world.answer(vec![(first.correlation(), full(100)), (second.correlation(), full(0))]);
    assert_eq!(world.fetch(first), Poll::Pending);
    let Poll::Ready(Err(error)) = world.fetch(second) else { panic!("no hint, no retry") };
    assert!(matches!(error, ClientError::Overloaded { retry_after_ms: None, .. }), "{error}");
    let look = world.desk.look(world.now, &mut Vec::new());
    let rested = look.next.unwrap();
    assert!(rested >= world.now + 100 * MS, "not before the server's time");
    assert!(world.send().is_empty());
    world.now = rested;
    world.desk.look(world.now, &mut Vec::new());
    assert_eq!(world.send(), [["hold 1"]], "the same bytes");
    world.answer(vec![(first.correlation(), held("hold 1"))]);
    assert_eq!(world.fetch(first), Poll::Ready(Ok("hold 1".into())));
    world.check();
}

#[test]
fn a_deadline_says_whether_the_command_left() {
    let mut world = World::new(1, 1);
    let (sent, unsent) = (world.ask(50 * MS), world.ask(50 * MS));
    world.send();
    world.now += 50 * MS;
    assert!(!world.desk.look(world.now, &mut Vec::new()).is_deaf);
    let text = |polled: Poll<Result<String, ClientError>>| match polled {
        Poll::Ready(Err(error)) => error.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(text(world.fetch(sent)), "GetHold: no answer after 50 ms and 1 attempts; ask again");
    assert_eq!(
        text(world.fetch(unsent)),
        "GetHold: no answer after 50 ms and 0 attempts; it was never sent, so ask again when the \
         server is back or less is waiting"
    );
    world.check();
    assert_eq!(world.desk.slots.taken(), 1, "the server owes an answer still");
    world.now += 1_000 * MS;
    assert!(world.desk.look(world.now, &mut Vec::new()).is_deaf, "and owes it for too long");
    world.desk.broke();
    assert_eq!(world.desk.slots.taken(), 0);
}

#[test]
fn what_fits_no_message_is_not_sent() {
    let mut world = World::new(4, 4);
    let mut body = vec![0; 5_000];
    let no = world.desk.submit(Call::Reserve, &mut body, world.now, MS, Waker::noop());
    assert_eq!(
        no.unwrap_err().to_string(),
        "Reserve: the request is wrong: it has 5000 bytes, a message to the server at most 4076"
    );
}

#[test]
fn callers_that_come_and_go_without_a_stream_leave_nothing_behind() {
    let mut world = World::new(4, 4);
    for _ in 0..10_000 {
        let id = world.ask(10_000 * MS);
        world.desk.abandon(id);
        world.callers.remove(&id);
    }
    world.check();
    assert_eq!(world.desk.slots.taken(), 0);
}

#[test]
fn in_the_steady_state_a_message_allocates_once_and_a_command_not_at_all() {
    let mut world = World::new(256, 1_024);
    world.desk.bounds.bytes = 64 * 1_024;
    let ask = v1::GetHoldRequest { hold_id: "0".repeat(32) };
    let mut body = Vec::new();
    let mut woken = Vec::new();
    for round in 0..4 {
        let mut ids = Vec::with_capacity(256);
        let mut sent = None;
        let asked = allocation_counter::measure(|| {
            for _ in 0..256 {
                body.clear();
                prost::encoding::message::encode(Call::GetHold.asked_in(), &ask, &mut body);
                let (now, waker) = (world.now, Waker::noop());
                let submitted = world.desk.submit(Call::GetHold, &mut body, now, 9 * MS, waker);
                ids.push(submitted.unwrap().id);
            }
            sent = world.desk.next_message(world.now);
        });
        let names = read(&sent.unwrap());
        let answers = say(names.into_iter().map(|(c, name)| (c, held(&name))).collect());
        let told = allocation_counter::measure(|| {
            let (desk, budget) = (&mut world.desk, &mut world.budget);
            desk.take_answers(&answers, world.now, budget, &mut || 0.5, &mut woken).unwrap();
            for id in ids.drain(..) {
                assert!(world.desk.poll_answer(id, &mut body, Waker::noop()).is_ready());
            }
        });
        woken.clear();
        if round > 1 {
            assert_eq!((asked.count_total, told.count_total), (1, 0), "the message itself");
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Ask { timeout_ms: u64 },
    Abandon { who: usize },
    Send,
    Answer { from: usize, count: usize, fault: Option<u32> },
    Repeat { from: usize },
    Break,
    Pass { ms: u64 },
    Fetch,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => prop_oneof![Just(0), 1..500_u64].prop_map(|timeout_ms| Step::Ask { timeout_ms }),
        2 => any::<usize>().prop_map(|who| Step::Abandon { who }),
        4 => Just(Step::Send),
        4 => (any::<usize>(), 1..6_usize, prop::option::of(0..200_u32))
            .prop_map(|(from, count, fault)| Step::Answer { from, count, fault }),
        1 => any::<usize>().prop_map(|from| Step::Repeat { from }),
        1 => Just(Step::Break),
        3 => (0..300_u64).prop_map(|ms| Step::Pass { ms }),
        2 => Just(Step::Fetch),
    ];
    prop::collection::vec(step, 1..150)
}

proptest! {
    /// Whatever callers, server, line and clock do: every caller gets its own answer or an error,
    /// nothing leaks, and a desk whose server answers again comes to rest.
    #[test]
    fn every_caller_is_answered_once_and_nothing_leaks(
        steps in steps(),
        commands in 1..6_usize,
        window in 1..12_usize,
    ) {
        let mut world = World::new(commands, window);
        let mut gone = 0;
        for step in steps {
            match step {
                Step::Ask { timeout_ms } => drop(world.ask(timeout_ms as u32 * MS)),
                Step::Abandon { who } => {
                    let at = who % world.callers.len().max(1);
                    if let Some(id) = world.callers.keys().nth(at).copied() {
                        world.desk.abandon(id);
                        world.callers.remove(&id);
                        gone += 1;
                    }
                }
                Step::Send => drop(world.send()),
                Step::Answer { from, count, fault } => {
                    let skip = from % world.owed.len().max(1);
                    let some: Vec<_> = world.owed.iter().skip(skip).take(count)
                        .map(|(c, name)| (*c, fault.map_or_else(|| held(name), full)))
                        .collect();
                    world.answer(some);
                }
                Step::Repeat { from } => {
                    // Never asked, or answered long ago: nobody's.
                    let stranger = from as u64;
                    if !world.owed.contains_key(&stranger) {
                        world.answer(vec![(stranger, held("nobody's"))]);
                    }
                }
                Step::Break => {
                    world.desk.broke();
                    world.owed.clear();
                }
                Step::Pass { ms } => {
                    world.now += ms as u32 * MS;
                    world.desk.look(world.now, &mut Vec::new());
                }
                Step::Fetch => world.fetch_all(),
            }
            world.check();
        }
        // The server recovers: all is answered within a few rounds.
        for _ in 0..200 {
            world.now += 50 * MS;
            world.desk.look(world.now, &mut Vec::new());
            world.send();
            let owed: Vec<_> = world.owed.iter().map(|(c, name)| (*c, held(name))).collect();
            world.answer(owed);
            world.fetch_all();
            world.check();
        }
        prop_assert!(world.callers.is_empty(), "{:?}", world.callers);
        prop_assert_eq!(world.ended + gone, world.named);
        prop_assert_eq!(world.desk.slots.taken(), 0);
    }
}
