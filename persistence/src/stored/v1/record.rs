//! Records of the node itself.

use std::sync::Arc;

use berth_inventory::{PlanHash, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::codec::{self, CodecFault};
use crate::section::NodeRecord;

/// Appends the bytes of `record`.
pub fn encode_record(record: &NodeRecord, out: &mut Vec<u8>) {
    codec::encode(&Record::of(record), out);
}

/// Takes one record off the front of `bytes`.
pub fn decode_record(bytes: &mut &[u8]) -> Result<NodeRecord, CodecFault> {
    codec::decode::<Record<'_>>("node record", bytes).map(Record::into_domain)
}

#[derive(Serialize, Deserialize)]
enum Record<'a> {
    Started {
        grace_until: Option<u64>,
        at: u64,
        #[serde(borrow)]
        software: &'a str,
    },
    CleanStop {
        at: u64,
    },
    PlanText {
        hash: [u8; 32],
        #[serde(borrow)]
        text: &'a str,
    },
}

impl<'a> Record<'a> {
    fn of(record: &'a NodeRecord) -> Self {
        match record {
            NodeRecord::Started { grace_until, at, software } => {
                Self::Started { grace_until: grace_until.map(|t| t.0), at: at.0, software }
            }
            NodeRecord::CleanStop { at } => Self::CleanStop { at: at.0 },
            NodeRecord::PlanText { hash, text } => Self::PlanText { hash: hash.0, text },
        }
    }

    fn into_domain(self) -> NodeRecord {
        match self {
            Self::Started { grace_until, at, software } => NodeRecord::Started {
                grace_until: grace_until.map(UnixMillis),
                at: UnixMillis(at),
                software: software.to_owned(),
            },
            Self::CleanStop { at } => NodeRecord::CleanStop { at: UnixMillis(at) },
            Self::PlanText { hash, text } => {
                NodeRecord::PlanText { hash: PlanHash(hash), text: Arc::from(text) }
            }
        }
    }
}
