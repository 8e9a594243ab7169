//! What callers were answered since the start, for GetStats and /metrics: relaxed atomics only.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use berth_engine::node::Outcome;
use berth_inventory::{Answer, Command, Reason, Said};

/// A kind of command that callers send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Reserve,
    Confirm,
    Release,
    Extend,
    Cancel,
    GetHold,
    GetBooking,
    SetSale,
    Block,
    Unblock,
    Create,
    Retire,
    GetRun,
}

impl Kind {
    pub const ALL: [Self; 13] = [
        Self::Reserve,
        Self::Confirm,
        Self::Release,
        Self::Extend,
        Self::Cancel,
        Self::GetHold,
        Self::GetBooking,
        Self::SetSale,
        Self::Block,
        Self::Unblock,
        Self::Create,
        Self::Retire,
        Self::GetRun,
    ];

    /// The kind of a caller's command.
    pub fn of(command: &Command) -> Self {
        match command {
            Command::Reserve(_) => Self::Reserve,
            Command::Confirm(_) => Self::Confirm,
            Command::Release(_) => Self::Release,
            Command::Extend(_) => Self::Extend,
            Command::Cancel(_) => Self::Cancel,
            Command::GetHold(_) => Self::GetHold,
            Command::GetBooking(_) => Self::GetBooking,
            Command::SetSale(_) => Self::SetSale,
            Command::Block(_) => Self::Block,
            Command::Unblock(_) => Self::Unblock,
            Command::Create(_) => Self::Create,
            Command::Retire(_) => Self::Retire,
            Command::GetRun => Self::GetRun,
            Command::Expire(_) | Command::Grace { .. } => {
                unreachable!("commands of the node itself do not come from callers")
            }
        }
    }

    /// Whether it ends or keeps what somebody holds already.
    pub const fn is_of_a_hold(self) -> bool {
        matches!(self, Self::Confirm | Self::Release | Self::Extend | Self::Cancel)
    }

    /// Its name in metrics and stats.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reserve => "reserve",
            Self::Confirm => "confirm",
            Self::Release => "release",
            Self::Extend => "extend",
            Self::Cancel => "cancel",
            Self::GetHold => "get_hold",
            Self::GetBooking => "get_booking",
            Self::SetSale => "set_sale",
            Self::Block => "block",
            Self::Unblock => "unblock",
            Self::Create => "create",
            Self::Retire => "retire",
            Self::GetRun => "get_run",
        }
    }
}

/// How a command ended for its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Done,
    /// A retry of a Reserve or Confirm, answered from what was remembered.
    Known,
    Refused,
    Fault,
}

impl End {
    pub const ALL: [Self; 4] = [Self::Done, Self::Known, Self::Refused, Self::Fault];

    /// Its name in metrics and stats.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Known => "known",
            Self::Refused => "refused",
            Self::Fault => "fault",
        }
    }

    fn of(kind: Kind, answer: &Answer) -> Self {
        match &answer.said {
            Said::Refused(_) => Self::Refused,
            Said::Hold(view) if kind == Kind::Reserve && view.created_at < answer.at => Self::Known,
            Said::Booking(view) if kind == Kind::Confirm && view.confirmed_at < answer.at => {
                Self::Known
            }
            _ => Self::Done,
        }
    }
}

/// See the module.
#[derive(Default)]
pub(crate) struct Tally {
    ends: [[AtomicU64; End::ALL.len()]; Kind::ALL.len()],
    /// By number, of which some are nobody's.
    refusals: [AtomicU64; REASONS],
}

/// The last number of a reason.
const REASONS: usize = Reason::ALL[Reason::ALL.len() - 1] as usize;

/// What one task counted and has not added to the [`Tally`] yet: the words of that one are shared by
/// all cores.
#[derive(Default)]
pub(crate) struct Counts {
    ends: [[u32; End::ALL.len()]; Kind::ALL.len()],
    refusals: [u32; REASONS],
}

impl Counts {
    /// Notes one answer.
    pub fn count(&mut self, kind: Kind, outcome: &Outcome) {
        let end = outcome.as_ref().map_or(End::Fault, |answer| End::of(kind, answer));
        self.ends[kind as usize][end as usize] += 1;
        if let Ok(Answer { said: Said::Refused(why), .. }) = outcome {
            self.refusals[why.reason() as usize - 1] += 1;
        }
    }
}

impl Tally {
    /// Notes one answer.
    pub fn count(&self, kind: Kind, outcome: &Outcome) {
        let end = outcome.as_ref().map_or(End::Fault, |answer| End::of(kind, answer));
        self.ends[kind as usize][end as usize].fetch_add(1, Relaxed);
        if let Ok(Answer { said: Said::Refused(why), .. }) = outcome {
            self.refusals[why.reason() as usize - 1].fetch_add(1, Relaxed);
        }
    }

    /// Adds what a task counted, which then begins anew.
    pub fn add(&self, counts: &mut Counts) {
        let shared = self.ends.as_flattened().iter().chain(&self.refusals);
        let own = counts.ends.as_flattened_mut().iter_mut().chain(&mut counts.refusals);
        for (shared, own) in shared.zip(own).filter(|(_, own)| **own > 0) {
            shared.fetch_add(core::mem::take(own).into(), Relaxed);
        }
    }

    /// Every (kind, end) that happened.
    pub fn ends(&self) -> impl Iterator<Item = (Kind, End, u64)> + '_ {
        Kind::ALL.into_iter().flat_map(move |kind| {
            End::ALL.into_iter().filter_map(move |end| {
                let count = self.ends[kind as usize][end as usize].load(Relaxed);
                (count > 0).then_some((kind, end, count))
            })
        })
    }

    /// Every reason that was given.
    pub fn refusals(&self) -> impl Iterator<Item = (Reason, u64)> + '_ {
        Reason::ALL.iter().filter_map(|reason| {
            let count = self.refusals[*reason as usize - 1].load(Relaxed);
            (count > 0).then_some((*reason, count))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_engine::node::Fault;
    use berth_inventory::{HoldId, Refusal, UnixMillis, Version};

    #[test]
    fn places_are_those_of_the_lists() {
        assert!(Kind::ALL.iter().enumerate().all(|(place, kind)| *kind as usize == place));
        assert!(End::ALL.iter().enumerate().all(|(place, end)| *end as usize == place));
        assert!(Reason::ALL.is_sorted_by_key(|reason| *reason as usize), "the last is the largest");
    }

    #[test]
    fn faults_and_refusals_are_counted_apart() {
        let tally = Tally::default();
        let why = Refusal::UnknownHold { hold: HoldId(1) };
        let refused = Answer { version: Version(0), at: UnixMillis(1), said: Said::Refused(why) };
        tally.count(Kind::Confirm, &Ok(refused));
        let mut counts = Counts::default();
        counts.count(Kind::Confirm, &Err(Fault::Draining));
        (0..2).for_each(|_| tally.add(&mut counts));
        let ends: Vec<_> = tally.ends().collect();
        assert_eq!(ends, [(Kind::Confirm, End::Refused, 1), (Kind::Confirm, End::Fault, 1)]);
        assert_eq!(tally.refusals().collect::<Vec<_>>(), [(Reason::UnknownHold, 1)]);
    }
}
