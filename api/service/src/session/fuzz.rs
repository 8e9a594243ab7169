//! A session of which the caller's messages and the node's answers are any bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use berth_engine::node::{Fault, HoldTimes, Names};
use berth_inventory::{Answer, HoldId, Refusal, Said, UnixMillis, Version};
use berth_proto::v1;
use prost::Message as _;

use super::frames::{Frames, Taken};
use crate::fuzz::commands;
use crate::wire::{Teller, compared};

/// Correlation ids, each with the answers still owed.
type Owed = BTreeMap<u64, usize>;

/// Steps, each of a byte and what it says: a message with its length, which is read both ways and
/// whose commands are begun; an answer to one of those under way; a look at what is told. In the end
/// every command was answered once, under its id.
pub(crate) fn session(mut bytes: &[u8]) {
    let holds = HoldTimes::default();
    let teller = Teller { names: Arc::new(Names::new(&[7; 32], 1)), now: UnixMillis(1) };
    let (mut frames, mut owed, mut under_way) = (Frames::default(), Owed::new(), Vec::new());
    while let Some((step, rest)) = bytes.split_first() {
        bytes = rest;
        match step {
            0..=199 => {
                let Some((low, rest)) = bytes.split_first() else { break };
                let len = usize::from(step % 4) << 8 | usize::from(*low);
                let (message, rest) = rest.split_at(len.min(rest.len()));
                bytes = rest;
                let Ok(asked) = compared::led(message, &holds) else { break };
                if !frames.may_read(0) {
                    break;
                }
                for one in &asked {
                    *owed.entry(one.correlation).or_default() += 1;
                    under_way.extend(frames.take(one));
                }
            }
            200..=250 if !under_way.is_empty() => {
                let place = usize::from(step - 200) % under_way.len();
                let Taken { slot, .. } = under_way.swap_remove(place);
                answer(&mut frames, slot, step % 2 == 0, &teller);
            }
            _ => told(&mut frames, &mut owed),
        }
    }
    for Taken { slot, .. } in under_way.split_off(under_way.len() / 2) {
        answer(&mut frames, slot, false, &teller);
    }
    frames.give_up();
    told(&mut frames, &mut owed);
    assert_eq!(frames.unanswered(), 0);
    assert!(owed.values().all(|left| *left == 0), "never answered: {owed:?}");
}

/// The node's answer to the command in a slot.
fn answer(frames: &mut Frames, slot: u64, refused: bool, teller: &Teller) {
    let said = Said::Refused(Refusal::UnknownHold { hold: HoldId(9) });
    let answer = Answer { version: Version(3), at: UnixMillis(2), said };
    let outcome = if refused { Ok(&answer) } else { Err(Fault::Draining.into()) };
    frames.answered(slot, outcome, None, teller);
}

/// Takes every message to the caller: prost reads it, and it answers what is owed.
fn told(frames: &mut Frames, owed: &mut Owed) {
    while let Some(message) = frames.next() {
        let message = v1::SessionResponse::decode(&*message).expect("an answer is a message");
        assert!(!message.answers.is_empty());
        for answer in message.answers {
            let left = owed.get_mut(&answer.correlation_id).expect("it was asked");
            *left = left.checked_sub(1).expect("a command is answered once");
            assert!(answer.answer.is_some());
        }
    }
}

/// Messages of one command and of all, with answers between.
pub(crate) fn sessions() -> Vec<Vec<u8>> {
    let commands: Vec<v1::SessionCommand> = commands()
        .into_iter()
        .zip(1..)
        .map(|(command, correlation_id)| {
            let timeout_ms = correlation_id as u32 % 2 * 500;
            v1::SessionCommand { correlation_id, timeout_ms, command: Some(command) }
        })
        .collect();
    let step = |commands: &[v1::SessionCommand]| {
        let message = v1::SessionRequest { commands: commands.to_vec() }.encode_to_vec();
        assert!(message.len() < 4 << 8, "{} bytes", message.len());
        [vec![(message.len() >> 8) as u8, message.len() as u8], message].concat()
    };
    let mut seeds: Vec<_> = commands.iter().map(|one| step(core::slice::from_ref(one))).collect();
    seeds.push(
        [step(&commands), vec![200, 201, 255], step(&commands[1..3]), vec![202, 205]].concat(),
    );
    seeds
}
