//! What is queued and what is unanswered in a session, without I/O.
//!
//! A slot is a command and who waits for it. Slots are numbered in the order of submission; the
//! numbers are the correlation ids. Always true: `front <= next_unsent <= front + slots.len()`, and
//! what is below `next_unsent` has been sent on the present stream.

use std::collections::VecDeque;

use berth_proto::v1::{SessionCommand, SessionRequest};
use prost::Message as _;

#[derive(Debug)]
struct Slot<W> {
    command: SessionCommand,
    waiter: W,
}

/// Commands from submission to answer. `W` is whoever waits.
#[derive(Debug)]
pub struct Window<W> {
    // Boxed: behind one command that waits for its run, answered places must cost little.
    slots: VecDeque<Option<Box<Slot<W>>>>,
    /// Correlation id of `slots[0]`.
    front: u64,
    /// First correlation id that is not sent on the present stream.
    next_unsent: u64,
    unanswered: usize,
}

/// How much goes into one message.
#[derive(Clone, Copy, Debug)]
pub struct MessageBounds {
    /// Commands, most.
    pub commands: usize,
    /// Encoded bytes, most; a single command may exceed it (the server then says so).
    pub bytes: usize,
}

impl<W> Window<W> {
    pub const fn new() -> Self {
        Self { slots: VecDeque::new(), front: 1, next_unsent: 1, unanswered: 0 }
    }

    /// Takes a command in; its correlation id is given here.
    pub fn push(&mut self, mut command: SessionCommand, waiter: W) {
        command.correlation_id = self.front + self.slots.len() as u64;
        self.slots.push_back(Some(Box::new(Slot { command, waiter })));
        self.unanswered += 1;
    }

    pub const fn unanswered(&self) -> usize {
        self.unanswered
    }

    pub fn has_unsent(&self) -> bool {
        self.next_unsent < self.front + self.slots.len() as u64
    }

    /// The next message: what is unsent, in order, up to the bounds. `None` when all is sent.
    pub fn take_message(&mut self, bounds: MessageBounds) -> Option<SessionRequest> {
        let mut message = SessionRequest::default();
        let mut bytes = 0;
        while let Some(place) = self.slots.get((self.next_unsent - self.front) as usize) {
            if let Some(slot) = place {
                let size = slot.command.encoded_len() + 8;
                let full = message.commands.len() >= bounds.commands || bytes + size > bounds.bytes;
                if full && !message.commands.is_empty() {
                    break;
                }
                bytes += size;
                message.commands.push(slot.command.clone());
            }
            self.next_unsent += 1;
        }
        (!message.commands.is_empty()).then_some(message)
    }

    /// Who waits for this answer; `None` when it was answered before or never asked.
    pub fn answered(&mut self, correlation_id: u64) -> Option<W> {
        let index = usize::try_from(correlation_id.checked_sub(self.front)?).ok()?;
        // An answer to what this stream has not carried is no answer to ours.
        if correlation_id >= self.next_unsent {
            return None;
        }
        let slot = self.slots.get_mut(index)?.take()?;
        self.unanswered -= 1;
        while self.slots.front().is_some_and(Option::is_none) {
            self.slots.pop_front();
            self.front += 1;
        }
        Some(slot.waiter)
    }

    /// The stream broke: everything unanswered is to be sent again, in its order, with its ids.
    pub const fn rewind(&mut self) {
        self.next_unsent = self.front;
    }

    /// Gives up on everything.
    pub fn drain(&mut self) -> impl Iterator<Item = W> + '_ {
        self.front += self.slots.len() as u64;
        self.next_unsent = self.front;
        self.unanswered = 0;
        self.slots.drain(..).flatten().map(|slot| slot.waiter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_proto::v1::GetHoldRequest;
    use berth_proto::v1::session_command::Command;

    const BOUNDS: MessageBounds = MessageBounds { commands: 3, bytes: 1_000 };

    fn command(hold: &str) -> SessionCommand {
        let command = Some(Command::GetHold(GetHoldRequest { hold_id: hold.into() }));
        SessionCommand { correlation_id: 0, timeout_ms: 0, command }
    }

    fn ids(message: Option<SessionRequest>) -> Vec<u64> {
        message.map_or_else(Vec::new, |m| m.commands.iter().map(|c| c.correlation_id).collect())
    }

    fn window(count: usize) -> Window<usize> {
        let mut window = Window::new();
        (0..count).for_each(|i| window.push(command("h"), i));
        window
    }

    #[test]
    fn what_is_queued_leaves_in_order_and_in_pieces() {
        let mut window = window(7);
        assert_eq!(ids(window.take_message(BOUNDS)), [1, 2, 3]);
        assert_eq!(ids(window.take_message(BOUNDS)), [4, 5, 6]);
        assert_eq!(ids(window.take_message(BOUNDS)), [7]);
        assert!(!window.has_unsent());
        assert_eq!(window.take_message(BOUNDS), None);
        assert_eq!(window.unanswered(), 7);
    }

    #[test]
    fn answers_come_in_any_order_and_count_once() {
        let mut window = window(3);
        assert_eq!(window.answered(2), None, "not sent yet");
        window.take_message(BOUNDS);
        assert_eq!(window.answered(2), Some(1));
        assert_eq!(window.answered(2), None, "answered before");
        assert_eq!(window.answered(9), None, "never asked");
        assert_eq!(window.answered(0), None);
        assert_eq!((window.answered(1), window.answered(3)), (Some(0), Some(2)));
        assert_eq!(window.unanswered(), 0);
        window.push(command("h"), 7);
        assert_eq!(ids(window.take_message(BOUNDS)), [4], "numbers are never used again");
    }

    #[test]
    fn after_a_break_the_unanswered_go_again_under_their_numbers() {
        let mut window = window(5);
        window.take_message(BOUNDS);
        window.answered(2);
        window.rewind();
        assert_eq!(ids(window.take_message(BOUNDS)), [1, 3, 4]);
        assert_eq!(ids(window.take_message(BOUNDS)), [5]);
        assert_eq!(window.drain().collect::<Vec<_>>(), [0, 2, 3, 4]);
        assert!(!window.has_unsent());
    }

    #[test]
    fn large_commands_split_messages_and_a_huge_one_goes_alone() {
        let mut window = Window::new();
        for size in [600, 600, 5_000, 10] {
            window.push(command(&"x".repeat(size)), ());
        }
        let sent: Vec<Vec<u64>> = (0..4).map(|_| ids(window.take_message(BOUNDS))).collect();
        assert_eq!(sent, [vec![1], vec![2], vec![3], vec![4]]);
    }
}
