//! A clock for open loops: says many times a millisecond how much is due by now.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::net::unix::pipe::Receiver;

use crate::fault::{Bench, BenchError};

/// Time between two looks: what is due waits half of it on average, which is counted as latency.
const TICK: Duration = Duration::from_micros(100);

/// See the module. tokio's own timer is too coarse: it rounds up to a millisecond.
#[derive(Debug)]
pub struct Ticks {
    /// A timer is read as a pipe is: eight bytes when it has gone off.
    timer: Receiver,
}

impl Ticks {
    /// To be called in a runtime.
    ///
    /// # Errors
    /// The system has no such timer.
    pub fn new() -> Bench<Self> {
        let fault = || BenchError::io("make a timer");
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags);
        let timer = timer.map_err(|errno| fault()(errno.into()))?;
        let span = Timespec { tv_sec: 0, tv_nsec: i64::from(TICK.subsec_nanos()) };
        let every = Itimerspec { it_interval: span, it_value: span };
        timerfd_settime(&timer, TimerfdTimerFlags::empty(), &every)
            .map_err(|errno| fault()(errno.into()))?;
        Ok(Self { timer: Receiver::from_owned_fd_unchecked(timer).map_err(fault())? })
    }

    /// Waits for the next tick.
    ///
    /// # Errors
    /// The timer cannot be read.
    pub async fn next(&self) -> Bench<()> {
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

    /// The next thing if it is due by `now`: when it was.
    pub fn due(&mut self, now: Instant) -> Option<Instant> {
        let at = self.start + Duration::from_nanos((self.next as f64 * self.every_ns) as u64);
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
