//! What is on disk, by format version. A version, once released, never changes: a new one is a
//! new module beside it, and golden bytes in `persistence/golden` hold each.

pub mod v1;
