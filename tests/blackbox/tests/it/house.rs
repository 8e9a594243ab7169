//! The rules of the house, each as a test that says what to do when it fails.
//!
//! One file a subject: `edges` (who may use whom), `licences` and `bans` (what may come in, read
//! from `deny.toml` so that there is one list), `manifests` (how crates are set up), `source` (how
//! files are named and what they may name), `documents` (what the papers owe the code), `planted`
//! (what must not be in the binary), `promises` (that what the papers promise is tested), `proofs`
//! (the ledger of long proofs, and what of it is stale). `tree`
//! finds and reads the files.
//! Nothing here starts a server, opens a socket or writes.

mod bans;
mod documents;
mod edges;
mod licences;
mod manifests;
mod planted;
mod promises;
mod proofs;
mod source;
pub mod tree;

/// Fails with every finding at once: one run shows the whole list.
#[track_caller]
fn assert_clean(rule: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{rule}\n  {}\n", findings.join("\n  "));
}
