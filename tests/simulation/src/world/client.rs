//! A client: what it asks, what it waits for, when it tries again. When that is, the product's own
//! retry policy says.

use std::time::Duration;

use berth_caller::retry::{Budget, Next, Policy, Pushback, Trouble};
use berth_inventory::{Answer, Command, HoldId, Pnr, RunId, Said};
use berth_node::{Fault, Outcome};

use super::net::Target;
use crate::dice::Dice;

/// Requests that one client has under way at once.
pub const AT_ONCE: usize = 3;
/// Finished requests that it remembers, to send again.
const REMEMBERED: usize = 12;

/// How far a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It is sent when this time comes.
    Rests(u64),
    /// Its answer is waited for until this time.
    Waits(u64),
}

/// One request, with its tries.
#[derive(Clone, Debug)]
pub struct Request {
    /// What.
    pub command: Command,
    /// Of whom.
    pub target: Target,
    /// Patience of each try, milliseconds.
    pub timeout: u64,
    /// Tries so far.
    pub tries: u32,
    /// When the first began.
    pub begun: u64,
    /// How far it is.
    pub stage: Stage,
    /// Tags of its tries.
    pub tags: Vec<u64>,
}

impl Request {
    /// Whether it meets a panic whenever it is executed: nobody insists on such a thing.
    pub fn panics(&self) -> bool {
        matches!(&self.command, Command::Reserve(ask) if ask.party.iter().all(|p| !p.berth_required))
    }
}

/// A hold as a client knows it.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Of which run.
    pub run: RunId,
    /// Its id.
    pub hold: HoldId,
    /// Its deadline, when it was last told.
    pub expires: u64,
    /// Passengers.
    pub party: usize,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Client {
    /// Under way.
    pub requests: Vec<Request>,
    /// Its holds.
    pub holds: Vec<Known>,
    /// Its bookings.
    pub bookings: Vec<(RunId, Pnr, usize)>,
    /// What it asked before.
    pub past: Vec<Request>,
    budget: Budget,
}

impl Client {
    /// The request that a try belongs to.
    pub fn of_tag(&self, tag: u64) -> Option<usize> {
        self.requests.iter().position(|request| request.tags.contains(&tag))
    }

    /// An outcome arrives. Once `urged`, it never gives up.
    pub fn hear(&mut self, tag: u64, outcome: &Outcome, now: u64, urged: bool, dice: &mut Dice) {
        let Some(at) = self.of_tag(tag) else { return };
        match outcome {
            Ok(answer) => {
                self.budget.earn();
                self.learn(answer);
                let request = self.requests.remove(at);
                self.remember(request);
            }
            Err(_) if self.requests[at].panics() => {
                self.requests.remove(at);
            }
            Err(fault) => {
                let after = |ms: u64| Pushback::After(Duration::from_millis(ms));
                let (trouble, pushback) = match fault {
                    Fault::Overloaded { retry_after, .. } => {
                        (Trouble::Overloaded, after(retry_after.0))
                    }
                    Fault::Recovering { retry_after, .. } => {
                        (Trouble::Unavailable, after(retry_after.0))
                    }
                    Fault::DeadlineExceeded { .. } => (Trouble::Deadline, Pushback::None),
                    Fault::JournalFailed { .. } | Fault::Draining | Fault::DiskFull { .. } => {
                        (Trouble::Unavailable, Pushback::None)
                    }
                    Fault::Quarantined { .. } => (Trouble::Final, Pushback::None),
                };
                self.try_again(at, trouble, pushback, now, urged, dice);
            }
        }
    }

    /// Nobody answered a try in time.
    pub fn time_out(&mut self, at: usize, now: u64, urged: bool, dice: &mut Dice) {
        if self.requests[at].panics() {
            self.requests.remove(at);
            return;
        }
        self.try_again(at, Trouble::Deadline, Pushback::None, now, urged, dice);
    }

    fn try_again(
        &mut self,
        at: usize,
        trouble: Trouble,
        pushback: Pushback,
        now: u64,
        urged: bool,
        dice: &mut Dice,
    ) {
        let request = &mut self.requests[at];
        let waited = Duration::from_millis(now.saturating_sub(request.begun));
        let fraction = dice.fraction();
        let policy = Policy::default();
        let next =
            policy.next(request.tries, waited, trouble, pushback, fraction, &mut self.budget);
        match next {
            Next::Retry(wait) => request.stage = Stage::Rests(now + wait.as_millis() as u64),
            Next::GiveUp(_) if urged => {
                request.stage = Stage::Rests(now + 50);
                request.timeout = request.timeout.max(2_000);
            }
            Next::GiveUp(_) => {
                let request = self.requests.remove(at);
                self.remember(request);
            }
        }
    }

    /// Keeps a request to send it again some day.
    pub fn remember(&mut self, request: Request) {
        if self.past.len() == REMEMBERED {
            self.past.remove(0);
        }
        self.past.push(request);
    }

    fn learn(&mut self, answer: &Answer) {
        match &answer.said {
            Said::Hold(view) => {
                self.holds.retain(|known| known.hold != view.hold);
                if self.holds.len() == 8 {
                    self.holds.remove(0);
                }
                let expires = view.expires_at.0;
                let (run, hold, party) = (view.run, view.hold, view.party.len());
                self.holds.push(Known { run, hold, expires, party });
            }
            Said::Booking(view) => {
                self.bookings.retain(|(_, pnr, _)| *pnr != view.pnr);
                if self.bookings.len() == 8 {
                    self.bookings.remove(0);
                }
                self.bookings.push((view.run, view.pnr, view.party.len()));
            }
            _ => {}
        }
    }

    /// It dies and knows nothing of what it asked; its holds stay.
    pub fn die(&mut self) {
        self.requests.clear();
        self.past.clear();
    }
}
