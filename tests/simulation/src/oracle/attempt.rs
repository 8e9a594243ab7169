//! One sending of a request: when it was sent, when it arrived, and what is known of its end.

use berth_inventory::{Command, RequestMark, RunId};

/// What is known of how a sending ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It has not reached the node, and perhaps never will.
    OnItsWay,
    /// It is under way in the node.
    Pending,
    /// It was answered.
    Told,
    /// It was told that nothing was done.
    NotDone,
    /// It may have happened or not.
    Unknown,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Who.
    pub client: usize,
    /// What.
    pub command: Command,
    /// Of which run, as far as the caller or the node knows.
    pub run: Option<RunId>,
    /// When it was sent.
    pub sent: u64,
    /// When it reached the node.
    pub arrived: Option<u64>,
    /// How many had reached the node before it.
    pub order: u64,
    /// Nothing is begun after it.
    pub deadline: u64,
    /// How it ended.
    pub end: End,
}

impl Attempt {
    /// Id and content of the request; reads have none.
    pub fn mark(&self) -> Option<RequestMark> {
        mark_of(&self.command)
    }
}

/// Id and content of a request; reads have none.
pub fn mark_of(command: &Command) -> Option<RequestMark> {
    match command {
        Command::Reserve(ask) => Some(ask.request),
        Command::Confirm(ask) => Some(ask.request),
        Command::Release(ask) => Some(ask.request),
        Command::Extend(ask) => Some(ask.request),
        Command::Cancel(ask) => Some(ask.request),
        Command::SetSale(ask) => Some(ask.request),
        Command::Block(ask) | Command::Unblock(ask) => Some(ask.request),
        Command::Create(mark) | Command::Retire(mark) => Some(*mark),
        Command::Expire(_)
        | Command::Grace { .. }
        | Command::GetHold(_)
        | Command::GetBooking(_)
        | Command::GetRun => None,
    }
}

/// Short words for a command.
pub struct Short<'a>(pub &'a Command);

impl core::fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let id = |mark: RequestMark| format!("{:x}/{}", mark.id.0 & 0xffff_ffff, mark.digest);
        let hold = |hold: berth_inventory::HoldId| format!("{:08x}", (hold.0 >> 96) as u32);
        match self.0 {
            Command::Reserve(ask) => write!(
                f,
                "reserve {} {} {:?}..{:?} party {} ttl {}",
                id(ask.request),
                ask.quota,
                ask.from,
                ask.to,
                ask.party.len(),
                ask.ttl.0
            ),
            Command::Confirm(ask) => write!(
                f,
                "confirm {} {} {:?} {:?}",
                id(ask.request),
                hold(ask.hold),
                ask.passengers,
                ask.rest
            ),
            Command::Release(ask) => {
                write!(f, "release {} {} {:?}", id(ask.request), hold(ask.hold), ask.passengers)
            }
            Command::Extend(ask) => {
                write!(f, "extend {} {} {}", id(ask.request), hold(ask.hold), ask.ttl.0)
            }
            Command::Cancel(ask) => {
                write!(f, "cancel {} {} {:?}", id(ask.request), ask.pnr.0, ask.passengers)
            }
            Command::SetSale(ask) => write!(f, "sale {} open={}", id(ask.request), ask.open),
            Command::Block(ask) => write!(f, "block {} {:?}", id(ask.request), ask.berths.len()),
            Command::Unblock(ask) => {
                write!(f, "unblock {} {:?}", id(ask.request), ask.berths.len())
            }
            Command::Create(mark) => write!(f, "create {}", id(*mark)),
            Command::Retire(mark) => write!(f, "retire {}", id(*mark)),
            Command::Expire(of) => write!(f, "expire {}", hold(*of)),
            Command::Grace { until, .. } => write!(f, "grace until {until}"),
            Command::GetHold(of) => write!(f, "get hold {}", hold(*of)),
            Command::GetBooking(pnr) => write!(f, "get booking {}", pnr.0),
            Command::GetRun => write!(f, "get run"),
        }
    }
}

impl core::fmt::Display for Attempt {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} of client {}", Short(&self.command), self.client)?;
        match self.run {
            Some(run) => write!(f, " for {run}"),
            None => Ok(()),
        }
    }
}
