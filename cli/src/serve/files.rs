//! File descriptors: every connection needs one, and most systems grant few unless asked.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What a node has open beside connections: segments, snapshots, the event store.
const OWN: u64 = 512;

/// Raises the limit of this process to what `connections` on each of two listeners need, or as far as
/// it may.
pub fn make_room(connections: usize) {
    let wanted = 2 * connections as u64 + OWN;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let Some(had) = current.filter(|had| *had < wanted) else { return };
    let got = maximum.map_or(wanted, |most| most.min(wanted)).max(had);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(got), maximum });
    let got = if raised.is_ok() { got } else { had };
    if got < wanted {
        tracing::warn!(
            got,
            wanted,
            "file descriptors may run out before connections do; raise `ulimit -Hn`, or lower \
             --max-connections"
        );
    }
}
