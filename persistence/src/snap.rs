//! The two homes of snapshots: segment files, and memory.

mod file;
mod index;
mod memory;

pub use file::{FileSnapshots, SNAPSHOT_SEGMENT_BYTES};
pub use memory::MemorySnapshots;
