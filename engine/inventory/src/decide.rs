//! What a command comes to: events, an answer that was given before, or a refusal.
//!
//! Each command has a file. Its function lists refusals first, in the order of
//! [`PRECEDENCE`](crate::PRECEDENCE), then a line, and from there on the command must succeed.
//! Deciding changes nothing that can be told or replayed; only an index may be built.
//! Always first: a request id that took effect answers again what it answered then, or refuses to
//! mean something else. A request that changes nothing leaves no event and no trace.

mod behind;
mod block;
mod cancel;
mod confirm;
mod expire;
mod extend;
mod grace;
mod kept;
mod named;
mod release;
mod reserve;
mod retire;
mod route;
mod sale;
mod standing;

use arrayvec::ArrayVec;

use crate::answer::Said;
use crate::register::{At, RequestKind};
use crate::{
    BerthIndex, Command, Event, HoldId, PassengerSet, Pnr, Refusal, RequestId, RequestMark, Run,
    UnixMillis,
};

/// Most events of one command.
pub const EVENTS_MAX: usize = 2;

/// The events of one command, in order.
pub type Events = ArrayVec<Event, EVENTS_MAX>;

/// What a command comes to. Its events are in the caller's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// It takes effect: apply the events (one or two; none where the caller has written it already)
    /// in order, then say this.
    Take(Then),
    /// Nothing changes; this is the answer.
    Known(Said),
    /// Refused; nothing changes.
    Refused(Refusal),
}

/// What to say once the events of a command are applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Then {
    /// Show this hold.
    Hold(HoldId),
    /// Show this booking.
    Booking(Pnr),
    /// Show this hold, and whom of those asked for (`None` = all) is given back.
    Released(HoldId, Option<PassengerSet>),
    /// Show this booking, and whom of those asked for (`None` = all) is cancelled.
    Cancelled(Pnr, Option<PassengerSet>),
    /// Pools of a sale change, bit `i` = pool `i`.
    Sale(u64),
    /// Berths of a block or unblock.
    Berths(Vec<BerthIndex>),
    /// The run's own state.
    Run,
    /// Nobody waits.
    Done,
}

/// What to say when it takes effect, else what the command comes to: small where it is common.
type Decision = Result<Then, Ruling>;

impl From<Refusal> for Ruling {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

#[inline]
fn take(events: &mut Events, event: Event, then: Then) -> Then {
    events.push(event);
    then
}

impl Run {
    /// Decides one command at `now`; its events go into a list of the caller, which must be empty
    /// (an event is large, and this writes it once). Time does not run backward here: a `now`
    /// before the last event counts as the time of that event.
    pub fn rule(&mut self, command: &Command, now: UnixMillis, events: &mut Events) -> Ruling {
        debug_assert!(events.is_empty(), "the events of the command before were not taken");
        let now = now.max(self.last_at);
        if let Some(lists) = &mut self.lists {
            lists.promoted.clear();
        }
        let decision = match command {
            Command::Reserve(ask) => reserve::decide(self, ask, now, events),
            Command::Confirm(ask) => confirm::decide(self, ask, now, events),
            Command::Release(ask) => release::decide(self, ask, now, events),
            Command::Extend(ask) => extend::decide(self, *ask, now, events),
            Command::Cancel(ask) => cancel::decide(self, *ask, now, events),
            Command::Expire(hold) => expire::decide(self, *hold, now, events),
            Command::Grace { until, as_of, span } => {
                grace::decide(self, *until, *as_of, *span, events)
            }
            Command::SetSale(ask) => sale::decide(self, *ask, events),
            Command::Block(ask) => block::block(self, ask, events),
            Command::Unblock(ask) => block::unblock(self, ask, events),
            Command::Retire(request) => retire::decide(self, *request, events),
            Command::GetHold(hold) => Err(match self.find_hold(*hold) {
                Ok(at) => self.known_hold(at, now),
                Err(refusal) => Ruling::Refused(refusal),
            }),
            Command::GetBooking(pnr) => Err(match self.register.booked(*pnr) {
                Some((record, booking)) => {
                    let view = self.show_booking(record, &booking, now);
                    Ruling::Known(Said::Booking(view))
                }
                None => Ruling::Refused(Refusal::UnknownBooking { pnr: *pnr }),
            }),
            // The first event is the caller's to write: it made this run.
            Command::Create(request) => {
                self.refuse_reused_id(request.id).map(|()| Then::Run).map_err(Ruling::Refused)
            }
            Command::GetRun => Err(Ruling::Known(Said::Run(Box::new(self.summary())))),
        };
        match decision {
            Ok(then) => Ruling::Take(then),
            Err(ruling) => ruling,
        }
    }

    #[inline]
    fn find_hold(&self, hold: HoldId) -> Result<At, Refusal> {
        match self.register.find(hold) {
            Some(at) => Ok(at),
            None => Err(Refusal::UnknownHold { hold }),
        }
    }

    /// Nothing changes; the hold is shown.
    fn known_hold(&self, at: At, now: UnixMillis) -> Ruling {
        Ruling::Known(Said::Hold(self.show_at(at, now)))
    }

    /// The record in which a request of this kind and content took effect; `None` if its id is
    /// new. An id that took effect as anything else is refused.
    #[inline]
    fn first_effect(&self, request: RequestMark, kind: RequestKind) -> Result<Option<At>, Refusal> {
        match self.register.request(request.id) {
            None => Ok(None),
            Some((known, digest, at)) if known == kind && digest == request.digest => Ok(Some(at)),
            // first-answer
            Some((known, _, at)) if known == kind && crate::planted!("other-body-known") => {
                Ok(Some(at))
            }
            Some(_) => Err(Refusal::IdempotencyMismatch { id: request.id }),
        }
    }

    /// For requests that are answered from the state itself: their id must not have taken effect
    /// as one of the others.
    fn refuse_reused_id(&self, id: RequestId) -> Result<(), Refusal> {
        if self.register.knows(id) {
            return Err(Refusal::IdempotencyMismatch { id });
        }
        Ok(())
    }
}
