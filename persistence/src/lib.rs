//! What survives: the commit log, the snapshots, the event store behind them, and their formats.
//!
//! Blocking, no runtime: the caller's threads do the waiting. The commit log is the truth; a
//! snapshot saves replay, the event store (sled) is derived from sealed segments and may be
//! deleted at any time. Every byte of ours is described in `docs/journal-format.md`.
//!
//! Map: `section` is filled by a shard, `frame` and `group` make a frame of it, `log` appends and
//! reads frames, `recovery` turns snapshots and frames into runs; `stored` and `codec` are the
//! bytes of events and states, `file` is the only door to a `disk`, the system's or one in memory.

mod catalogue;
mod codec;
pub mod conformance;
mod data_dir;
mod disk;
mod durability;
mod event_store;
mod file;
mod frame;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod group;
mod indexer;
mod inspect;
mod keys;
mod lock;
mod log;
mod pace;
mod recovery;
mod retention;
mod section;
mod side_log;
mod snap;
mod snapshot;
mod stored;
mod varint;
mod wave;

pub use catalogue::{
    CATALOGUE_FORMAT, Catalogue, CatalogueError, CatalogueFault, CatalogueTrain, Expand, HeadStop,
    PoolRules, RulesText, ZONE_DEFAULT, coach_from_text, days_from_text, entry_from_json,
    entry_to_json, header_to_json, plan_from_text, plan_hash,
};
pub use codec::CodecFault;
pub use data_dir::{DataDir, DataDirError};
pub use disk::memory::{DiskCounts, DiskFault, Draw, MemoryDisk};
pub use disk::{Disk, DiskFile, DiskPath, OnDisk, Open};
pub use durability::{Durability, DurabilityError, NONE_WRITE_EVERY_MS};
pub use event_store::{
    Aside, CHUNK_BYTES_MAX, Chunk, EventStore, EventStoreError, IndexedSegment, MemoryEvents,
    Opened, SledEvents, StoredEvent,
};
pub use file::{FileError, free_space};
pub use frame::{FORMAT, Lsn, Named};
pub use group::{Frame, FrameSection, Item, LogPosition, Span};
pub use indexer::{SegmentIndexer, index_next};
pub use inspect::{Found, RawFrame, end_now, walk_log};
pub use keys::{KEY_BYTES, KeyError, Keys};
pub use lock::{DirLock, LockError};
pub use log::{
    CommitLog, Cut, Damage, DamageKind, FileLog, LogEnd, LogError, LogProgress, LogReader,
    LogSettings, MemoryLog, ReadError, ScanError, Tally, file_name, segment_of,
};
pub use pace::Pace;
pub use recovery::{
    LiveRun, PlanParser, RecoverError, Recovered, RefusedRun, Replay, ReplayFrom, Replayed,
    RunPast, Seen, TextFinder, Until, Visitor, rebuild_run, recover, replay,
};
pub use retention::{Held, Retired, first_kept, retire_segments};
pub use section::{Mark, NodeRecord, Section, Touch};
pub use side_log::{SideLog, SideLogFound};
pub use snap::{
    FileSnapshots, MemorySnapshots, SNAPSHOT_SEGMENT_BYTES, SnapshotPlace, SnapshotReader,
};
pub use snapshot::{
    Covered, EncodedSnapshot, SnapshotError, SnapshotInfo, SnapshotStore, Snapshots,
};
