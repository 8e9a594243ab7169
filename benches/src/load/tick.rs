//! A clock for open loops: says when the next thing is due, to the microsecond.
//!
//! It wakes nobody before: ten thousand looks a second and connection would take from the server what
//! is to be measured.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::net::unix::pipe::Receiver;

use crate::fault::{Bench, BenchError};

/// See the module. tokio's own timer is too coarse: it rounds up to a millisecond.
#[derive(Debug)]
pub struct Alarm {
    /// A timer is read as a pipe is: eight bytes when it has gone off.
    timer: Receiver,
}

impl Alarm {
    /// To be called in a runtime.
    ///
    /// # Errors
    /// The system has no such timer.
    pub fn new() -> Bench<Self> {
        let fault = || BenchError::io("make a timer");
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags);
        let timer = timer.map_err(|errno| fault()(errno.into()))?;
        Ok(Self { timer: Receiver::from_owned_fd_unchecked(timer).map_err(fault())? })
    }

    /// Waits until `when`, or a moment if that is past.
    ///
    /// # Errors
    /// The timer cannot be set or read.
    pub async fn at(&self, when: Instant) -> Bench<()> {
        let span = when.saturating_duration_since(Instant::now()).max(Duration::from_nanos(1));
        let span = Timespec {
            tv_sec: span.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: span.subsec_nanos().into(),
        };
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: span };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)
            .map_err(|errno| BenchError::io("set a timer")(errno.into()))?;
        loop {
            self.timer.readable().await.map_err(BenchError::io("wait for a timer"))?;
            match self.timer.try_read(&mut [0; 8]) {
                Err(fault) if fault.kind() == ErrorKind::WouldBlock => {}
                read => return read.map(drop).map_err(BenchError::io("read a timer")),
            }
        }
    }
}

/// When things are due: evenly, from a start.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    start: Instant,
    every_ns: f64,
    next: u64,
}

impl Schedule {
    /// `rate` things a second, the first `phase` (0 to 1) of their distance after `start`: so
    /// several schedules take turns.
    pub fn new(start: Instant, rate: f64, phase: f64) -> Self {
        let every_ns = 1e9 / rate;
        Self { start: start + Duration::from_nanos((phase * every_ns) as u64), every_ns, next: 0 }
    }

    /// When the next thing is due.
    pub fn next(&self) -> Instant {
        self.start + Duration::from_nanos((self.next as f64 * self.every_ns) as u64)
    }

    /// The next thing if it is due by `now`: when it was.
    pub fn due(&mut self, now: Instant) -> Option<Instant> {
        let at = self.next();
        (at <= now).then(|| {
            self.next += 1;
            at
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_forgets_nothing_while_nobody_looks() {
        let start = Instant::now();
        let mut schedule = Schedule::new(start, 1_000.0, 0.0);
        assert_eq!(schedule.due(start), Some(start));
        assert_eq!(schedule.due(start + Duration::from_micros(900)), None);
        let late = start + Duration::from_millis(50);
        let due = core::iter::from_fn(|| schedule.due(late)).count();
        assert_eq!(due, 50, "after a stall all that was due is asked");
    }
}
