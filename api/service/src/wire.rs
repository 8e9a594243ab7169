//! Where wire meets domain, both ways: requests are checked and become commands, answers become
//! messages. Nothing here asks the node; what needs inventory, catalogue or time is no business of
//! this module.
//!
//! Always true: a request either becomes a command of which every field is in its bounds, or is
//! refused with *every* violation its message shows. Ages become bands here and nowhere else.

mod answer;
mod availability;
mod check;
mod digest;
mod event;
mod fault;
mod inventory;
mod lists;
mod names;
mod operations;
mod pen;
mod read;
mod refusal;
mod run;
mod said;
mod scan;
mod table;
#[cfg(test)]
mod tests;
mod waiting_room;
mod write;

pub(crate) use answer::Teller;
pub(crate) use availability::{Journey, Look, PoolWish, map_wish, query, watch};
pub(crate) use check::Invalid;
pub(crate) use event::journal_event;
pub(crate) use fault::Trouble;
pub(crate) use inventory::{Aim, Ask, RunName};
pub(crate) use names::{duration, timestamp};
pub(crate) use operations::{
    ListWish, RunAsk, block, close_sale, create, get_run, list, named_run, open_sale, page_token,
    retire, unblock,
};
pub(crate) use pen::Pen;
#[cfg(any(test, fuzzing))]
pub(crate) use read::compared;
pub(crate) use read::{Asked, look, request, session};
pub(crate) use run::{Standing, answered_row, lost_row, run_row, train_run};
pub(crate) use said::{berth_map, berths_change, pool_names};
pub(crate) use table::{Table, query_response};
pub(crate) use waiting_room::{JoinAsk, TicketAsk, Where, get_ticket, join, leave, watch_ticket};
pub(crate) use write::{Of, foresee, response, session_answer, session_fault};
