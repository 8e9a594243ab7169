//! A session without I/O: messages in, commands out; outcomes in, messages out.
//!
//! The engine counts commands by *slots*, not by the caller's correlation ids, so that a caller that
//! uses an id twice confuses only itself.
//! Always true: a slot is taken from the moment its command arrives until its answer has left, so
//! the window bounds both what is under way and what waits to be sent.

use std::collections::VecDeque;

use berth_engine::node::{HoldTimes, Outcome};
use berth_inventory::{HoldId, Millis};
use berth_proto::v1::session_answer::Answer as Wire;
use berth_proto::v1::session_command::Command as Asked;
use berth_proto::{SESSION_COMMANDS_MAX, SESSION_WINDOW, v1};
use tonic::Code;

use crate::desk::{keeps_rest, rest_deadline};
use crate::tally::Kind;
use crate::wire::{self, Ask, Invalid, Teller, Trouble, timestamp};

/// Answers of one message, most; 1,024 holds of six are below 1.5 MiB.
const ANSWERS_MAX: usize = SESSION_COMMANDS_MAX;

/// A command on its way to its run.
#[derive(Debug, PartialEq)]
pub(super) struct Taken {
    /// What its outcome comes back under.
    pub slot: u64,
    /// `None`: no deadline.
    pub timeout: Option<Millis>,
    pub ask: Ask,
}

#[derive(Debug)]
struct Slot {
    correlation: u64,
    kind: Kind,
    /// A confirm that leaves a part of this hold held.
    keeps: Option<HoldId>,
    /// Its answer, but for the deadline of what stays held.
    booked: Option<v1::ConfirmResponse>,
}

/// See the module.
#[derive(Default)]
pub(super) struct Frames {
    holds: HoldTimes,
    slots: Vec<Option<Slot>>,
    free: Vec<usize>,
    ready: VecDeque<v1::SessionAnswer>,
    under_way: usize,
}

impl Frames {
    /// No command yet; holds are for as long as `holds` says.
    pub fn new(holds: HoldTimes) -> Self {
        Self { holds, ..Self::default() }
    }

    /// Commands whose answer has not left.
    pub fn unanswered(&self) -> usize {
        self.under_way + self.ready.len()
    }

    /// Whether the caller may be read on.
    pub fn may_read(&self) -> bool {
        self.unanswered() + SESSION_COMMANDS_MAX <= SESSION_WINDOW
    }

    /// What a message asks. Its malformed commands are answered already.
    ///
    /// # Errors
    /// The message holds no command, or too many: the stream ends.
    pub fn take(&mut self, message: v1::SessionRequest) -> Result<Vec<Taken>, Trouble> {
        let count = message.commands.len();
        if !(1..=SESSION_COMMANDS_MAX).contains(&count) {
            let why = format!("has {count} commands, a message has 1 to {SESSION_COMMANDS_MAX}");
            return Err(Invalid::one("commands", why).into());
        }
        let mut taken = Vec::with_capacity(count);
        for command in message.commands {
            let correlation = command.correlation_id;
            match read(command.command.as_ref(), &self.holds) {
                Ok(ask) => {
                    let keeps = keeps_rest(&ask.command);
                    let kind = Kind::of(&ask.command);
                    let slot = self.open(Slot { correlation, kind, keeps, booked: None });
                    taken.push(Taken { slot, timeout: super::timeout(command.timeout_ms), ask });
                }
                Err(invalid) => self.tell(correlation, fault(invalid.into())),
            }
        }
        Ok(taken)
    }

    /// The kind of the command in a slot; `None` for the second question of a confirm.
    pub fn kind(&self, slot: u64) -> Option<Kind> {
        let slot = self.slots.get(slot as usize)?.as_ref()?;
        slot.booked.is_none().then_some(slot.kind)
    }

    /// An outcome. Gives the hold that must be looked at before the answer is whole; its outcome
    /// comes back under the same slot.
    pub fn answered(&mut self, number: u64, outcome: Outcome, teller: &Teller) -> Option<HoldId> {
        let slot = self.slots[number as usize].as_mut().expect("a slot is answered once");
        let told = match (outcome, slot.booked.take()) {
            (Err(why), _) => fault(why.into()),
            (Ok(answer), Some(response)) => {
                let expires_at = rest_deadline(&answer).map(timestamp);
                Wire::Confirm(v1::ConfirmResponse { expires_at, ..response })
            }
            (Ok(answer), None) => match tell(slot.kind, &answer, teller) {
                Ok(Wire::Confirm(response)) if slot.keeps.is_some() && is_booked(&response) => {
                    slot.booked = Some(response);
                    return slot.keeps;
                }
                Ok(told) => told,
                Err(trouble) => fault(trouble),
            },
        };
        let correlation = slot.correlation;
        self.slots[number as usize] = None;
        self.free.push(number as usize);
        self.under_way -= 1;
        self.tell(correlation, told);
        None
    }

    /// The next message to the caller, if an answer waits.
    pub fn next(&mut self) -> Option<v1::SessionResponse> {
        if self.ready.is_empty() {
            return None;
        }
        let count = self.ready.len().min(ANSWERS_MAX);
        Some(v1::SessionResponse { answers: self.ready.drain(..count).collect() })
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

    fn tell(&mut self, correlation_id: u64, answer: Wire) {
        self.ready.push_back(v1::SessionAnswer { correlation_id, answer: Some(answer) });
    }
}

fn read(command: Option<&Asked>, holds: &HoldTimes) -> Result<Ask, Invalid> {
    match command {
        Some(Asked::Reserve(message)) => wire::reserve(message, holds),
        Some(Asked::Confirm(message)) => wire::confirm(message),
        Some(Asked::Release(message)) => wire::release(message),
        Some(Asked::Extend(message)) => wire::extend(message, holds),
        Some(Asked::Cancel(message)) => wire::cancel(message),
        Some(Asked::GetHold(message)) => wire::get_hold(message),
        Some(Asked::GetBooking(message)) => wire::get_booking(message),
        None => Err(Invalid::one("command", "is missing, or one this server does not know")),
    }
}

fn tell(kind: Kind, answer: &berth_inventory::Answer, teller: &Teller) -> Result<Wire, Trouble> {
    match kind {
        Kind::Reserve => teller.reserve(answer).map(Wire::Reserve),
        Kind::Confirm => teller.booked(answer).map(Wire::Confirm),
        Kind::Release => teller.release(answer).map(Wire::Release),
        Kind::Extend => teller.extend(answer).map(Wire::Extend),
        Kind::Cancel => teller.cancel(answer).map(Wire::Cancel),
        Kind::GetHold => teller.get_hold(answer).map(Wire::GetHold),
        Kind::GetBooking => teller.get_booking(answer).map(Wire::GetBooking),
        Kind::SetSale
        | Kind::Block
        | Kind::Unblock
        | Kind::Create
        | Kind::Retire
        | Kind::GetRun => {
            Err(Trouble::new(Code::Internal, "a session carries no command of operators"))
        }
    }
}

fn is_booked(response: &v1::ConfirmResponse) -> bool {
    matches!(response.outcome, Some(v1::confirm_response::Outcome::Booking(_)))
}

fn fault(trouble: Trouble) -> Wire {
    Wire::Fault(trouble.into_fault())
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_engine::node::{Fault, Names};
    use berth_inventory::UnixMillis;
    use std::sync::Arc;

    fn get_hold(correlation_id: u64, hold_id: &str) -> v1::SessionCommand {
        let command = Asked::GetHold(v1::GetHoldRequest { hold_id: hold_id.into() });
        v1::SessionCommand { correlation_id, timeout_ms: 0, command: Some(command) }
    }

    fn message(commands: Vec<v1::SessionCommand>) -> v1::SessionRequest {
        v1::SessionRequest { commands }
    }

    fn faults(response: &v1::SessionResponse) -> Vec<(u64, u32)> {
        let fault = |answer: &v1::SessionAnswer| match &answer.answer {
            Some(Wire::Fault(fault)) => (answer.correlation_id, fault.code),
            other => panic!("expected a fault, got {other:?}"),
        };
        response.answers.iter().map(fault).collect()
    }

    const HOLD: &str = "00112233445566778899aabbccddeeff";

    #[test]
    fn a_malformed_command_is_its_own_fault_and_nobody_elses() {
        let mut frames = Frames::default();
        let nothing = v1::SessionCommand { correlation_id: 3, timeout_ms: 0, command: None };
        let commands = vec![get_hold(1, HOLD), get_hold(2, "short"), nothing];
        let taken = frames.take(message(commands)).expect("a well-formed message");
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[0].timeout, None);
        let told = frames.next().expect("two faults");
        assert_eq!(faults(&told), [(2, 3), (3, 3)]);
        assert_eq!(frames.unanswered(), 1);
    }

    #[test]
    fn an_empty_or_overlong_message_ends_the_stream() {
        let mut frames = Frames::default();
        for count in [0, SESSION_COMMANDS_MAX + 1] {
            let commands = (0..count as u64).map(|n| get_hold(n, HOLD)).collect();
            let trouble = frames.take(message(commands)).expect_err("refused");
            assert_eq!(trouble.code(), Code::InvalidArgument);
        }
        assert_eq!(frames.unanswered(), 0, "nothing of it was begun");
    }

    #[test]
    fn the_window_closes_and_opens_again_when_answers_leave() {
        let names = Arc::new(Names::new(&[7; 32], 1));
        let teller = Teller { names, now: UnixMillis(1) };
        let mut frames = Frames::default();
        let mut slots = Vec::new();
        while frames.may_read() {
            // The caller may use a correlation id as often as it likes.
            let commands = (0..SESSION_COMMANDS_MAX).map(|_| get_hold(9, HOLD)).collect();
            slots.extend(frames.take(message(commands)).expect("fine").iter().map(|t| t.slot));
        }
        assert_eq!(slots.len(), SESSION_WINDOW);
        for slot in slots {
            assert_eq!(frames.answered(slot, Err(Fault::Draining), &teller), None);
        }
        assert!(!frames.may_read(), "answers that wait to be sent count");
        let told = frames.next().expect("answers");
        assert_eq!(told.answers.len(), ANSWERS_MAX);
        assert!(frames.may_read());
        let more = frames.take(message(vec![get_hold(1, HOLD)])).expect("fine");
        assert!((more[0].slot as usize) < SESSION_WINDOW, "slots are used again");
    }
}
