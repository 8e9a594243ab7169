//! The guard before a reserve: where a room stands before the sale, a token must be good, and it is
//! spent by the request that gets a hold with it.
//!
//! NOT_ADMITTED comes after the request id: a retry of what took effect is answered as before, whatever
//! became of its token. So a request that is turned away, and whose id may be remembered, still goes to
//! its run, with a journey that leads nowhere: the run looks for the id first and refuses everything
//! else.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use berth_admission::{NotAdmitted, Pass, Settled};
use berth_engine::node::{Fault, Outcome, RunEntry};
use berth_inventory::{Command, Reason, Refusal, RequestId, Reserve, Said, StopRef, UnixMillis};

use super::Rooms;
use crate::desk::Desk;
use crate::wire::Ask;

/// What a room says to a request.
pub(crate) enum Gate {
    /// No room stands there.
    Open,
    /// It may go to its run; the stake is to be settled by the outcome.
    With(Stake),
    /// It may not.
    Shut(Refusal),
}

/// What rests on the outcome of a command. One that is never settled leaves its token to its request.
pub(crate) struct Stake(Kind);

enum Kind {
    Token(Token),
    /// Was turned away: only what took effect earlier may be told.
    OnlyAgain(Arc<Rooms>, NotAdmitted, Box<Refusal>),
}

struct Token {
    rooms: Arc<Rooms>,
    cell: usize,
    number: u32,
    request: RequestId,
    is_settled: bool,
}

impl Token {
    fn settle(&mut self, how: Settled) {
        self.is_settled = true;
        self.rooms.cells[self.cell].room().settle(self.number, self.request, how);
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        if !self.is_settled {
            self.settle(Settled::Unknown);
        }
    }
}

impl Stake {
    /// The command has ended: `Some` with what its caller is told instead.
    pub fn settle(self, outcome: &Outcome) -> Option<Outcome> {
        match (self.0, outcome) {
            (Kind::Token(mut token), outcome) => {
                token.settle(match outcome {
                    Ok(answer) if matches!(answer.said, Said::Hold(_)) => Settled::Held,
                    Ok(_) => Settled::Refused,
                    Err(
                        Fault::Overloaded { .. }
                        | Fault::DiskFull { .. }
                        | Fault::DeadlineExceeded { .. },
                    ) => Settled::NotBegun,
                    Err(_) => Settled::Unknown,
                });
                None
            }
            (Kind::OnlyAgain(rooms, why, refusal), Ok(answer)) => match &answer.said {
                Said::Refused(said) if said.reason() != Reason::IdempotencyMismatch => {
                    rooms.turn_away(why);
                    let mut answer = answer.clone();
                    answer.said = Said::Refused(*refusal);
                    Some(Ok(answer))
                }
                _ => None,
            },
            (Kind::OnlyAgain(..), Err(_)) => None,
        }
    }
}

/// The stakes of one stream, by slot.
#[derive(Default)]
pub(crate) struct Stakes(HashMap<u64, Stake>);

impl Stakes {
    /// Of a command that goes to its run.
    pub fn put(&mut self, slot: u64, stake: Stake) {
        self.0.insert(slot, stake);
    }

    /// As [`Stake::settle`]; most commands have none.
    #[inline]
    pub fn settle(&mut self, slot: u64, outcome: &Outcome) -> Option<Outcome> {
        if self.0.is_empty() {
            return None;
        }
        self.0.remove(&slot)?.settle(outcome)
    }
}

impl Desk {
    /// Asks the room before the sale, if one stands there.
    #[inline]
    pub fn gate(&self, ask: &mut Ask, run: &RunEntry, caller: u64) -> Gate {
        if self.rooms.cells.is_empty() {
            return Gate::Open;
        }
        self.guarded(ask, run, caller)
    }

    fn guarded(&self, ask: &mut Ask, run: &RunEntry, caller: u64) -> Gate {
        let Command::Reserve(reserve) = &mut ask.command else { return Gate::Open };
        let now = self.engine.now();
        let Some(cell) = self.rooms.before(run.id, reserve.class, reserve.quota, now) else {
            return Gate::Open;
        };
        let request = reserve.request.id;
        let token = ask.token.as_deref();
        match self.rooms.spend(cell, token, (run, request), caller, now) {
            Ok(number) => {
                let rooms = Arc::clone(&self.rooms);
                let token = Token { rooms, cell, number, request, is_settled: false };
                Gate::With(Stake(Kind::Token(token)))
            }
            Err(why) => {
                let room = self.rooms.cells[cell].name.clone();
                let refusal = Refusal::NotAdmitted { room, why: why.said() };
                if may_be_remembered(run, request) {
                    lead_nowhere(reserve);
                    let rooms = Arc::clone(&self.rooms);
                    Gate::With(Stake(Kind::OnlyAgain(rooms, why, Box::new(refusal))))
                } else {
                    self.rooms.turn_away(why);
                    Gate::Shut(refusal)
                }
            }
        }
    }
}

/// Whether the run may have to answer for an id: a cold one is not known to have forgotten it.
fn may_be_remembered(run: &RunEntry, request: RequestId) -> bool {
    if run.published.load().is_some() {
        run.filter.may_know(request)
    } else {
        run.journaled.load(Relaxed)
    }
}

/// No train has a stop before the first.
fn lead_nowhere(reserve: &mut Reserve) {
    reserve.from = StopRef::Sequence(0);
}

impl Rooms {
    /// The number of a token that this request may use.
    fn spend(
        &self,
        cell: usize,
        token: Option<&str>,
        (run, request): (&RunEntry, RequestId),
        caller: u64,
        now: UnixMillis,
    ) -> Result<u32, NotAdmitted> {
        let cell = &self.cells[cell];
        let text = token.ok_or(NotAdmitted::Missing)?;
        let keys = &self.secrets.as_ref().ok_or(NotAdmitted::Room)?.letters;
        let of = cell.runs.iter().find(|(of, _)| *of == run.id);
        let mark = of.map(|(_, mark)| *mark).ok_or(NotAdmitted::Run)?;
        let pass = Pass::unseal(keys, text, cell.mark, mark, caller, now)?;
        cell.room().spend(pass.number, mark, request, now)?;
        Ok(pass.number)
    }
}
