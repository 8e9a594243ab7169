//! The two homes of snapshots: segment files, and memory.

mod file;
mod index;
mod memory;
mod reader;
mod walk;

pub use file::{FileSnapshots, SNAPSHOT_SEGMENT_BYTES, SnapshotPlace};
pub use memory::MemorySnapshots;
pub use reader::SnapshotReader;
