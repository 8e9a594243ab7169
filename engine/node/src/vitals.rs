//! The state of the node that every request looks at: a few atomics, no lock.

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::Arc;

use berth_inventory::Command;

use crate::ask::{Fault, Lane};
use crate::health::{Health, HealthWord};

/// See the module.
pub struct Vitals {
    health: HealthWord,
    disk_short: AtomicBool,
    disk_free: AtomicU64,
    log_bytes: AtomicU64,
    min_free: u64,
    max_log: Option<u64>,
}

impl Vitals {
    /// A node that is recovering, with the bounds of its settings.
    pub fn new(min_free: u64, max_log: Option<u64>) -> Self {
        Self {
            health: HealthWord::default(),
            disk_short: AtomicBool::new(false),
            disk_free: AtomicU64::new(u64::MAX),
            log_bytes: AtomicU64::new(0),
            min_free,
            max_log,
        }
    }

    /// The health now.
    pub fn health(&self) -> Health {
        self.health.now()
    }

    /// Recovery is over. Has no effect once the journal failed.
    pub fn serve(&self) {
        self.health.serve();
    }

    /// Takes nothing new from here on.
    pub fn drain(&self) {
        self.health.drain();
    }

    /// The journal failed, for good; the first cause is kept.
    pub fn fail_journal(&self, why: &str) {
        self.health.fail(why);
    }

    /// The first cause, once the journal failed.
    pub fn journal_fault(&self) -> Option<Fault> {
        let why = self.health.cause()?;
        Some(Fault::JournalFailed { why: Arc::clone(why) })
    }

    /// Notes what is free on the disk and how long the log is; whether new holds stop or resume.
    pub fn measure(&self, free: u64, log_bytes: u64) -> bool {
        self.disk_free.store(free, Relaxed);
        self.log_bytes.store(log_bytes, Relaxed);
        let short = free < self.min_free || self.max_log.is_some_and(|max| log_bytes > max);
        self.disk_short.swap(short, Relaxed) != short
    }

    /// Bytes free at the last look.
    pub fn disk_free(&self) -> u64 {
        self.disk_free.load(Relaxed)
    }

    /// Whether new holds are refused for lack of space.
    pub fn disk_short(&self) -> bool {
        self.disk_short.load(Relaxed)
    }

    /// Whether a command may go in at all.
    pub fn admit(&self, command: &Command) -> Result<(), Fault> {
        match self.health() {
            Health::Serving => {}
            // What is durable can still be told; what rests on a lost group is never answered well.
            Health::JournalFailed if is_read(command) => return Ok(()),
            Health::JournalFailed => {
                return Err(self.journal_fault().unwrap_or(Fault::Draining));
            }
            Health::Recovering | Health::Draining => return Err(Fault::Draining),
        }
        let grows = Lane::of(command) == Lane::Take && !is_read(command);
        if grows && self.disk_short() {
            let (free, min) = (self.disk_free(), self.min_free);
            let why = match self.max_log {
                Some(max) if self.log_bytes.load(Relaxed) > max => {
                    format!(
                        "the log is {} bytes long, --max-log-bytes is {max}",
                        self.log_bytes.load(Relaxed)
                    )
                }
                _ => format!("the disk has {free} bytes free, min_free_bytes is {min}"),
            };
            return Err(Fault::DiskFull { why: Arc::from(why) });
        }
        Ok(())
    }
}

/// Commands that never write.
pub(crate) const fn is_read(command: &Command) -> bool {
    matches!(command, Command::GetHold(_) | Command::GetBooking(_) | Command::GetRun)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_journal_stays_failed_and_keeps_its_first_cause() {
        let vitals = Vitals::new(100, None);
        vitals.serve();
        assert!(vitals.admit(&Command::GetRun).is_ok());
        vitals.fail_journal("fdatasync: EIO");
        vitals.fail_journal("another");
        vitals.serve();
        vitals.drain();
        assert_eq!(vitals.health(), Health::JournalFailed);
        assert!(vitals.admit(&Command::GetRun).is_ok(), "reads go on");
        let expire = Command::Expire(berth_inventory::HoldId(1));
        let Err(Fault::JournalFailed { why }) = vitals.admit(&expire) else {
            panic!("a failed journal admits nothing");
        };
        assert_eq!(&*why, "fdatasync: EIO");
    }

    #[test]
    fn a_full_disk_refuses_new_holds_first() {
        let vitals = Vitals::new(100, Some(1_000));
        vitals.serve();
        let reserve = Command::Retire(berth_inventory::RequestMark {
            id: berth_inventory::RequestId(1),
            digest: 1,
        });
        assert!(vitals.admit(&reserve).is_ok());
        assert!(vitals.measure(99, 0), "a change is told once");
        assert!(!vitals.measure(98, 0));
        assert!(matches!(vitals.admit(&reserve), Err(Fault::DiskFull { .. })));
        let expire = Command::Expire(berth_inventory::HoldId(1));
        assert!(vitals.admit(&expire).is_ok(), "expiry goes on");
        assert!(vitals.measure(100, 1_000));
        assert!(vitals.admit(&reserve).is_ok());
        assert!(vitals.measure(100, 1_001), "so does a log that grew too long");
        let why = |vitals: &Vitals| match vitals.admit(&reserve) {
            Err(Fault::DiskFull { why }) => why.to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(why(&vitals), "the log is 1001 bytes long, --max-log-bytes is 1000");
        assert!(!vitals.measure(99, 1_000), "still short, for another reason");
        assert_eq!(why(&vitals), "the disk has 99 bytes free, min_free_bytes is 100");
    }

    #[test]
    fn nothing_goes_in_before_recovery_is_over_or_while_it_drains() {
        let vitals = Vitals::new(100, None);
        assert_eq!(vitals.health(), Health::Recovering);
        assert!(matches!(vitals.admit(&Command::GetRun), Err(Fault::Draining)));
        vitals.serve();
        assert_eq!(vitals.health(), Health::Serving);
        assert!(vitals.admit(&Command::GetRun).is_ok());
        vitals.drain();
        assert_eq!(vitals.health(), Health::Draining);
        assert!(matches!(vitals.admit(&Command::GetRun), Err(Fault::Draining)));
    }
}
