//! A session without I/O: requests in, commands out; outcomes in, messages out.
//!
//! The engine counts commands by *slots*, not by the caller's correlation ids, so that a caller that
//! uses an id twice confuses only itself.
//! Always true: a slot is taken from the moment its command arrives until its answer has left, so
//! the window bounds both what is under way and what waits to be sent.

use std::collections::VecDeque;

use berth_engine::node::Fault;
use berth_inventory::{Answer, Millis};
use berth_proto::{SESSION_COMMANDS_MAX, SESSION_WINDOW};
use prost::bytes::{Bytes, BytesMut};

use crate::codec::TOGETHER_BYTES;
use crate::tally::Kind;
use crate::wire::{Asked, Of, Pen, Teller, Trouble, session_answer, session_fault};

/// Answers of one message, most.
const ANSWERS_MAX: usize = SESSION_COMMANDS_MAX;
/// Bytes from which on a message is whole: the stream sends no more at once, and a buffer of that
/// size is used again and again, where the allocator would fetch a larger one from the kernel and
/// give it back each time.
const MESSAGE_BYTES: usize = TOGETHER_BYTES;

/// A command on its way to its run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Taken {
    /// What its outcome comes back under.
    pub slot: u64,
    pub kind: Kind,
    /// `None`: no deadline.
    pub timeout: Option<Millis>,
}

/// A command that is not answered yet.
#[derive(Debug)]
struct Slot {
    correlation: u64,
    kind: Kind,
}

/// A message to the caller: encoded answers, one after the other.
struct Ready {
    bytes: Bytes,
    answers: usize,
}

/// See the module.
#[derive(Default)]
pub(super) struct Frames {
    slots: Vec<Option<Slot>>,
    free: Vec<usize>,
    pen: Pen,
    /// The message that is being put together; its memory comes back when it has been sent.
    message: BytesMut,
    /// Answers in `message`.
    answers: usize,
    ready: VecDeque<Ready>,
    /// Answers in `message` and `ready`.
    waiting: usize,
    under_way: usize,
}

impl Frames {
    /// Commands whose answer has not left.
    pub fn unanswered(&self) -> usize {
        self.under_way + self.waiting
    }

    /// Whether the caller may be read on, with so many commands read that have no slot yet.
    pub fn may_read(&self, read: usize) -> bool {
        self.unanswered() + read + SESSION_COMMANDS_MAX <= SESSION_WINDOW
    }

    /// A slot for a command of the caller; a malformed one is answered already.
    pub fn take(&mut self, asked: &Asked) -> Option<Taken> {
        let Asked { correlation, timeout_ms, ask } = asked;
        match ask {
            Ok(ask) => {
                let kind = Kind::of(&ask.command);
                let slot = self.open(Slot { correlation: *correlation, kind });
                Some(Taken { slot, kind, timeout: timeout(*timeout_ms) })
            }
            Err(invalid) => {
                self.refuse(*correlation, invalid.clone().into());
                None
            }
        }
    }

    /// A command that is not begun, and why.
    pub fn refuse(&mut self, correlation: u64, trouble: Trouble) {
        session_fault(&mut self.pen, correlation, trouble);
        self.tell();
    }

    /// An outcome, about the run `of` if one was asked; the kind of the command that it answers.
    pub fn answered(
        &mut self,
        number: u64,
        outcome: Result<&Answer, Trouble>,
        of: Option<Of<'_>>,
        teller: &Teller,
    ) -> Kind {
        let place = &mut self.slots[number as usize];
        let Slot { correlation, kind } = place.take().expect("a slot is answered once");
        match outcome {
            Ok(answer) => {
                session_answer(&mut self.pen, correlation, kind, answer, of, teller);
            }
            Err(trouble) => session_fault(&mut self.pen, correlation, trouble),
        }
        self.free.push(number as usize);
        self.under_way -= 1;
        self.tell();
        kind
    }

    /// Nobody will answer any more: the node is going.
    pub fn give_up(&mut self) {
        for number in 0..self.slots.len() {
            let Some(slot) = self.slots[number].take() else { continue };
            self.free.push(number);
            self.under_way -= 1;
            session_fault(&mut self.pen, slot.correlation, Fault::Draining.into());
            self.tell();
        }
    }

    /// The next message to the caller, encoded, if an answer waits.
    pub fn next(&mut self) -> Option<Bytes> {
        if self.ready.is_empty() {
            self.close();
        }
        let Ready { bytes, answers } = self.ready.pop_front()?;
        self.waiting -= answers;
        Some(bytes)
    }

    fn open(&mut self, slot: Slot) -> u64 {
        self.under_way += 1;
        let place = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.slots[place] = Some(slot);
        place as u64
    }

    /// Puts the answer under the pen to the others.
    fn tell(&mut self) {
        let bytes = self.pen.written();
        self.message.reserve(bytes.len().max(MESSAGE_BYTES - self.message.len()));
        self.message.extend_from_slice(bytes);
        self.answers += 1;
        self.waiting += 1;
        self.pen.clear();
        if self.message.len() >= MESSAGE_BYTES || self.answers == ANSWERS_MAX {
            self.close();
        }
    }

    /// The message that is being put together is whole.
    fn close(&mut self) {
        if self.answers > 0 {
            let (bytes, answers) = (self.message.split().freeze(), self.answers);
            self.ready.push_back(Ready { bytes, answers });
            self.answers = 0;
        }
    }
}

/// The timeout of a command; 0 means none.
fn timeout(ms: u32) -> Option<Millis> {
    (ms > 0).then_some(Millis(ms.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_engine::node::{HoldTimes, Names};
    use berth_inventory::UnixMillis;
    use berth_proto::v1;
    use berth_proto::v1::session_answer::Answer as Told;
    use berth_proto::v1::session_command::Command as Named;
    use prost::Message as _;
    use std::sync::Arc;

    fn get_hold(correlation_id: u64, hold_id: &str) -> v1::SessionCommand {
        let command = Named::GetHold(v1::GetHoldRequest { hold_id: hold_id.into() });
        v1::SessionCommand { correlation_id, timeout_ms: 0, command: Some(command) }
    }

    fn take(
        frames: &mut Frames,
        commands: Vec<v1::SessionCommand>,
    ) -> Result<Vec<Taken>, tonic::Status> {
        let mut asked = Vec::new();
        let message = v1::SessionRequest { commands }.encode_to_vec();
        crate::wire::session(&message, &HoldTimes::default(), &mut asked)?;
        Ok(asked.iter().filter_map(|asked| frames.take(asked)).collect())
    }

    fn next(frames: &mut Frames) -> Vec<v1::SessionAnswer> {
        let message = frames.next().expect("answers");
        v1::SessionResponse::decode(&*message).expect("a message").answers
    }

    fn faults(answers: &[v1::SessionAnswer]) -> Vec<(u64, u32)> {
        let fault = |answer: &v1::SessionAnswer| match &answer.answer {
            Some(Told::Fault(fault)) => (answer.correlation_id, fault.code),
            other => panic!("expected a fault, got {other:?}"),
        };
        answers.iter().map(fault).collect()
    }

    const HOLD: &str = "00112233445566778899aabbccddeeff";

    #[test]
    fn a_malformed_command_is_its_own_fault_and_nobody_elses() {
        let mut frames = Frames::default();
        let nothing = v1::SessionCommand { correlation_id: 3, timeout_ms: 0, command: None };
        let commands = vec![get_hold(1, HOLD), get_hold(2, "short"), nothing];
        let taken = take(&mut frames, commands).expect("a well-formed message");
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[0].timeout, None);
        let told = next(&mut frames);
        assert_eq!(faults(&told), [(2, 3), (3, 3)]);
        assert_eq!(frames.unanswered(), 1);
    }

    #[test]
    fn an_empty_or_overlong_message_ends_the_stream() {
        let mut frames = Frames::default();
        for count in [0, SESSION_COMMANDS_MAX + 1] {
            let commands = (0..count as u64).map(|n| get_hold(n, HOLD)).collect();
            let status = take(&mut frames, commands).expect_err("refused");
            assert_eq!(status.code(), tonic::Code::InvalidArgument);
        }
        assert_eq!(frames.unanswered(), 0, "nothing of it was begun");
    }

    #[test]
    fn the_window_closes_and_opens_again_when_answers_leave() {
        let names = Arc::new(Names::new(&[7; 32], 1));
        let teller = Teller { names, now: UnixMillis(1) };
        let mut frames = Frames::default();
        let mut slots = Vec::new();
        while frames.may_read(0) {
            // The caller may use a correlation id as often as it likes.
            let commands = (0..SESSION_COMMANDS_MAX).map(|_| get_hold(9, HOLD)).collect();
            slots.extend(take(&mut frames, commands).expect("fine").iter().map(|taken| taken.slot));
        }
        assert_eq!(slots.len(), SESSION_WINDOW);
        for slot in slots {
            frames.answered(slot, Err(Fault::Draining.into()), None, &teller);
        }
        assert!(!frames.may_read(0), "answers that wait to be sent count");
        let mut sent = 0;
        while sent < SESSION_COMMANDS_MAX {
            assert!(!frames.may_read(0), "{sent} answers left room for a message of commands");
            let message = next(&mut frames).len();
            assert!((1..=ANSWERS_MAX).contains(&message));
            sent += message;
        }
        assert!(frames.may_read(0));
        let more = take(&mut frames, vec![get_hold(1, HOLD)]).expect("fine");
        assert!((more[0].slot as usize) < SESSION_WINDOW, "slots are used again");
    }
}
