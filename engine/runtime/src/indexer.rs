//! The thread that takes sealed segments of the log into the event store, behind everybody's back.
//!
//! The store is derived: when it cannot be opened or written, that is said, the node goes on, and
//! the next start rebuilds it from the segments.

use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool,
    Ordering::{Relaxed, SeqCst},
};
use std::thread::JoinHandle;
use std::time::Duration;

use berth_persistence::{EventStore, EventStoreError, IndexedSegment, SledEvents, index_next};

use crate::engine::Figures;
use crate::stores::Stores;

/// Between two looks for a sealed segment.
const LOOK: Duration = Duration::from_millis(500);

/// Starts the thread; it ends after `stop` is set and it is unparked.
pub(crate) fn start(
    stores: Arc<Stores>,
    stop: Arc<AtomicBool>,
    figures: Arc<Figures>,
) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("berth-indexer".into()).spawn(move || {
        if let Err(fault) = index(&stores, &stop, &figures) {
            *stores.events() = None;
            tracing::error!(%fault, "history is read from the log only until the next start");
        }
    })
}

fn index(stores: &Stores, stop: &AtomicBool, figures: &Figures) -> Result<(), EventStoreError> {
    let opened = SledEvents::open(&stores.dir().events())?;
    if let Some(why) = opened.rebuilt {
        tracing::warn!(why, "the event store is rebuilt from the segments");
    }
    let indexed = opened.store.indexed().0;
    figures.indexed_lsn.store(indexed, Relaxed);
    metrics::gauge!("berth_indexed_lsn").set(indexed as f64);
    *stores.events() = Some(opened.store);
    while !stop.load(SeqCst) {
        let next = |store: &mut SledEvents| index_next(&stores.dir().log(), store);
        let Some(indexed) = stores.events().as_mut().map(next).transpose()?.flatten() else {
            std::thread::park_timeout(LOOK);
            continue;
        };
        figures.indexed_lsn.store(indexed.last.0, Relaxed);
        note(&indexed);
    }
    Ok(())
}

fn note(segment: &IndexedSegment) {
    metrics::gauge!("berth_indexed_lsn").set(segment.last.0 as f64);
    for lost in &segment.damage {
        tracing::error!(lost, "the history has a gap");
    }
    let (first, last) = (segment.first.0, segment.last.0);
    tracing::info!(first, last, chunks = segment.chunks.len(), "indexed a segment");
}
