//! What callers are told, and when it is.

#[cfg(test)]
mod messages;

use std::sync::Arc;

use berth_engine::node::Names;
use berth_inventory::{Answer, Refusal, Said, UnixMillis, Version};
use berth_proto::v1;

use super::refusal::refusal;

/// Puts answers into words: it prints PNRs and tells the time.
pub(crate) struct Teller {
    /// How PNRs are printed.
    pub names: Arc<Names>,
    /// The server's clock, for `server_time`.
    pub now: UnixMillis,
}

impl Teller {
    /// A refusal found before any run was asked.
    pub fn refusal(&self, why: &Refusal) -> v1::Refusal {
        refusal(why, &self.names)
    }

    /// An answer that refuses before any run was asked.
    pub fn refused(&self, why: Refusal) -> Answer {
        Answer { version: Version(0), at: self.now, said: Said::Refused(why) }
    }
}
