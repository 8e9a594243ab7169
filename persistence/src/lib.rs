//! What survives: the commit log, the snapshots, the event store behind them, and their formats.
//!
//! Blocking, no runtime: the caller's threads do the waiting. The commit log is the truth; a
//! snapshot saves replay, the event store (sled) is derived from sealed segments and may be
//! deleted at any time. Every byte of ours is described in `docs/journal-format.md`.
//!
//! Map: `section` is filled by a shard, `frame` and `group` make a frame of it, `log` appends and
//! reads frames, `recovery` turns snapshots and frames into runs; `stored` and `codec` are the
//! bytes of events and states, `file` is the only door to the disk.

mod catalogue;
mod codec;
mod durability;
mod file;
mod frame;
mod group;
mod log;
mod section;
mod stored;
mod varint;

pub use catalogue::{
    CATALOGUE_FORMAT, Catalogue, CatalogueError, CatalogueFault, CatalogueTrain, HeadStop,
    ZONE_DEFAULT, coach_from_text, days_from_text, entry_from_json, entry_to_json, header_to_json,
    plan_from_text, plan_hash,
};
pub use codec::CodecFault;
pub use durability::{Durability, DurabilityError, NONE_WRITE_EVERY_MS};
pub use file::FileError;
pub use frame::{FORMAT, Lsn, Named};
pub use group::{Frame, FrameSection, Item, LogPosition, Span};
pub use log::{
    CommitLog, Cut, Damage, DamageKind, FileLog, LogEnd, LogError, LogProgress, LogReader,
    LogSettings, MemoryLog, ReadError, ScanError, Tally, file_name, segment_of,
};
pub use section::{Mark, NodeRecord, Section, Touch};
