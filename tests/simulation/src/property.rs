//! What must always hold, one property a file.
//!
//! A property looks at events as they become durable, at answers and faults as they are handed out,
//! and at the whole world: at little of it after every step, at all of it now and then. To add one,
//! write its file and put it into [`ALL`].

mod answer_durable;
mod berth_leg_once;
mod confirm_in_time;
mod conservation;
mod effect_has_cause;
mod expiry_in_time;
mod fast_refusal;
mod fault_true;
mod first_answer;
mod grace;
mod halves_in_pairs;
mod history;
mod id_once;
mod in_order;
mod list_in_order;
mod log_exact;
mod names_unique;
mod no_sold_out_after_effect;
mod no_wait_in_vain;
mod nobody_overtaken;
mod promoted_once;
mod published_durable;
mod refusal_right;
mod replay_is_memory;
mod row_right;
mod sale_open;
mod snapshot_and_tail;
mod ticket_number_once;

use std::rc::Rc;

use berth_inventory::{Answer, Event, Version};
use berth_node::Fault;
use berth_persistence::MemoryEvents;

use crate::oracle::attempt::Attempt;
use crate::oracle::state::State;
use crate::oracle::{Oracle, RunModel};
use crate::world::node::Node;

/// A property does not hold: which, and what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Its name.
    pub property: &'static str,
    /// What was seen.
    pub what: String,
}

impl core::fmt::Display for Violation {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}: {}", self.property, self.what)
    }
}

/// Whether it holds, or what was seen.
pub type Verdict = Result<(), String>;

/// An event that became durable.
pub struct EventCase<'a> {
    /// Everything known.
    pub oracle: &'a Oracle,
    /// Its run, before it.
    pub model: &'a RunModel,
    /// The state before it.
    pub before: &'a State,
    /// The state after it.
    pub after: &'a State,
    /// What happened.
    pub event: &'a Event,
    /// Its stamp.
    pub at: u64,
    /// The version that it makes, as the log says.
    pub version: Version,
    /// Its frame.
    pub lsn: u64,
}

/// An answer that is handed out.
pub struct AnswerCase<'a> {
    /// Everything known.
    pub oracle: &'a Oracle,
    /// Its run.
    pub model: &'a RunModel,
    /// What is answered.
    pub attempt: &'a Attempt,
    /// The answer.
    pub answer: &'a Answer,
    /// The time.
    pub now: u64,
    /// It came without the queue.
    pub fast: bool,
}

impl AnswerCase<'_> {
    /// The state of which the answer says it is; `None` when that is not durable.
    pub fn state(&self) -> Option<&Rc<State>> {
        self.model.states.get(self.answer.version.0 as usize)
    }
}

/// A fault that is handed out.
pub struct FaultCase<'a> {
    /// Everything known.
    pub oracle: &'a Oracle,
    /// What is answered.
    pub attempt: &'a Attempt,
    /// The fault.
    pub fault: &'a Fault,
    /// The time.
    pub now: u64,
}

/// The whole world, between two steps.
pub struct Look<'a> {
    /// Everything known.
    pub oracle: &'a Oracle,
    /// The node.
    pub node: &'a Node,
    /// The event store.
    pub events: &'a MemoryEvents,
    /// The time.
    pub now: u64,
    /// Nothing is under way: memory, log and public words must be one.
    pub quiet: bool,
}

/// See the module. What a property does not look at it leaves out.
pub trait Property: Sync {
    /// Its name in reports and seed files.
    fn name(&self) -> &'static str;

    /// An event became durable.
    fn event(&self, _: &EventCase<'_>) -> Verdict {
        Ok(())
    }

    /// An answer is handed out.
    fn answer(&self, _: &AnswerCase<'_>) -> Verdict {
        Ok(())
    }

    /// A fault is handed out.
    fn fault(&self, _: &FaultCase<'_>) -> Verdict {
        Ok(())
    }

    /// After every step: cheap.
    fn step(&self, _: &Look<'_>) -> Verdict {
        Ok(())
    }

    /// Every 64 steps, at quiet moments, and after every start.
    fn full(&self, _: &Look<'_>) -> Verdict {
        Ok(())
    }
}

/// Every property.
pub const ALL: &[&dyn Property] = &[
    &log_exact::LogExact,
    &berth_leg_once::BerthLegOnce,
    &conservation::Conservation,
    &nobody_overtaken::NobodyOvertaken,
    &list_in_order::ListInOrder,
    &promoted_once::PromotedOnce,
    &halves_in_pairs::HalvesInPairs,
    &ticket_number_once::TicketNumberOnce,
    &effect_has_cause::EffectHasCause,
    &id_once::IdOnce,
    &in_order::InOrder,
    &first_answer::FirstAnswer,
    &no_sold_out_after_effect::NoSoldOutAfterEffect,
    &fast_refusal::FastRefusal,
    &refusal_right::RefusalRight,
    &sale_open::SaleOpen,
    &confirm_in_time::ConfirmInTime,
    &expiry_in_time::ExpiryInTime,
    &grace::Grace,
    &fault_true::FaultTrue,
    &no_wait_in_vain::NoWaitInVain,
    &answer_durable::AnswerDurable,
    &published_durable::PublishedDurable,
    &row_right::RowRight,
    &replay_is_memory::ReplayIsMemory,
    &snapshot_and_tail::SnapshotAndTail,
    &names_unique::NamesUnique,
    &history::History,
];

/// Asks each property in turn.
///
/// # Errors
/// The first that does not hold.
pub fn each(look: impl Fn(&dyn Property) -> Verdict) -> Result<(), Violation> {
    for property in ALL {
        look(*property).map_err(|what| Violation { property: property.name(), what })?;
    }
    Ok(())
}

/// `Ok` if it is so, else the words.
pub fn ensure(is_so: bool, words: impl FnOnce() -> String) -> Verdict {
    if is_so { Ok(()) } else { Err(words()) }
}
