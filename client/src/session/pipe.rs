//! When a message leaves: at once while the pipe is idle, later and larger while it is not.
//!
//! A message is on its way until anything of it, or of a later one, is answered. While enough
//! messages are on their way, commands gather; they leave when an answer comes or when they fill a
//! message. A server that answers nothing (its runs are loading) does not hold others back for
//! longer than [`HELD_BACK_MAX`]: that is a bound, not a linger, an idle pipe never waits for it.

use std::time::{Duration, Instant};

/// Longest time for which commands gather behind messages that are on their way.
pub const HELD_BACK_MAX: Duration = Duration::from_millis(5);

/// Messages of one stream, by number.
#[derive(Clone, Copy, Debug)]
pub struct Pipe {
    /// Messages on their way, beyond which commands gather.
    ahead_max: u64,
    /// Number of the last message that left, from 1.
    sent: u64,
    /// Latest message of which anything is answered.
    heard: u64,
    last_left: Option<Instant>,
}

impl Pipe {
    pub const fn new(ahead_max: u64) -> Self {
        Self { ahead_max, sent: 0, heard: 0, last_left: None }
    }

    /// Number of the message that leaves now.
    pub const fn leave(&mut self, now: Instant) -> u64 {
        self.sent += 1;
        self.last_left = Some(now);
        self.sent
    }

    /// Something of this message is answered.
    pub fn heard(&mut self, message: u64) {
        self.heard = self.heard.max(message);
    }

    /// Whether anything since this message is answered.
    pub const fn has_heard(&self, message: u64) -> bool {
        message <= self.heard
    }

    /// Until when a message that is not full stays; nothing if it may leave.
    pub fn held_until(&self, now: Instant) -> Option<Instant> {
        if self.sent - self.heard < self.ahead_max {
            return None;
        }
        self.last_left.map(|left| left + HELD_BACK_MAX).filter(|until| now < *until)
    }

    /// The stream broke: nothing is on its way.
    pub const fn broke(&mut self) {
        self.heard = self.sent;
        self.last_left = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_pipe_is_open_and_a_busy_one_opens_by_answers_or_time() {
        let now = Instant::now();
        let mut pipe = Pipe::new(2);
        assert_eq!(pipe.held_until(now), None);
        assert_eq!((pipe.leave(now), pipe.held_until(now)), (1, None));
        assert_eq!((pipe.leave(now), pipe.held_until(now)), (2, Some(now + HELD_BACK_MAX)));
        pipe.heard(1);
        assert_eq!(pipe.held_until(now), None);
        assert_eq!(pipe.leave(now), 3);
        assert!(pipe.held_until(now).is_some());
        assert_eq!(pipe.held_until(now + HELD_BACK_MAX), None, "time");
        pipe.heard(3);
        pipe.heard(2);
        assert!(pipe.has_heard(3), "answers come in any order");
        pipe.leave(now);
        pipe.leave(now);
        assert!(pipe.held_until(now).is_some());
        pipe.broke();
        assert_eq!(pipe.held_until(now), None);
    }
}
