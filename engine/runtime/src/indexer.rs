//! The thread that takes sealed segments of the log into the event store, behind everybody's back,
//! and lets go of segments beyond the operator's bound.
//!
//! Nobody waits for it. Whatever fails here, a panic of the embedded store included, is said, the
//! store is checked again and, if it is damaged, filled anew from the segments that are kept; until
//! then history is read from the log.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool,
    Ordering::{Relaxed, SeqCst},
};
use std::thread::JoinHandle;
use std::time::Duration;

use berth_persistence::{
    Aside, EventStore as _, EventStoreError, Held, IndexedSegment, Lsn, Opened, Pace,
    SegmentIndexer, SledEvents, first_kept, retire_segments,
};

use crate::engine::Figures;
use crate::stores::Stores;

/// Between two looks for a sealed segment.
const LOOK: Duration = Duration::from_millis(500);
/// Between two looks whether the last reader of a failed store has gone.
const HANDOVER: Duration = Duration::from_millis(5);
/// Looks in vain after which the memory for sorting goes: a busy node needs it all the time.
const IDLE_LOOKS: u32 = 120;
/// Failures of one process after which the store is left alone until the next start.
const REPAIRS_MAX: u32 = 3;

struct Indexer {
    stores: Arc<Stores>,
    stop: Arc<AtomicBool>,
    figures: Arc<Figures>,
    retain: Option<u64>,
    /// The damaged segment that keeps later ones from going, once it was told.
    stuck: Option<Lsn>,
    /// The store at work, to know when the last of its readers has gone.
    store: Option<SledEvents>,
}

/// Starts the thread; it ends after `stop` is set and it is unparked. Sealed segments beyond
/// `retain` bytes go.
pub(crate) fn start(
    stores: Arc<Stores>,
    stop: Arc<AtomicBool>,
    figures: Arc<Figures>,
    retain: Option<u64>,
) -> std::io::Result<JoinHandle<()>> {
    let indexer = Indexer { stores, stop, figures, retain, stuck: None, store: None };
    std::thread::Builder::new().name("berth-indexer".into()).spawn(move || indexer.run())
}

impl Indexer {
    fn run(mut self) {
        for failure in 1.. {
            let why = match catch_unwind(AssertUnwindSafe(|| self.work())) {
                Ok(Ok(())) => return,
                Ok(Err(fault)) => fault.to_string(),
                Err(panic) => format!("the indexer panicked: {}", words_of(&*panic)),
            };
            if failure >= REPAIRS_MAX {
                self.stores.shelf.close(&why);
                tracing::error!(why, "history is read from the log only until the next start");
                return;
            }
            self.stores.shelf.fail(&why);
            tracing::error!(why, "history is read from the log until the event store is checked");
            // The directory is opened again when nobody has it any more.
            while self.store.as_ref().is_some_and(SledEvents::is_shared) {
                if self.stop.load(SeqCst) {
                    return;
                }
                std::thread::park_timeout(HANDOVER);
            }
            self.store = None;
        }
    }

    /// Until the stop, or until the store fails.
    fn work(&mut self) -> Result<(), EventStoreError> {
        let store = self.open()?;
        self.store = Some(store.clone());
        self.note_indexed(store.indexed());
        self.stores.shelf.put(store.clone());
        let log = self.stores.dir().log();
        // The neighbours of a segment that is indexed shall not notice it.
        let pace = Pace::until(Arc::clone(&self.stop));
        let mut writer = store.clone();
        let (mut indexer, mut idle) = (SegmentIndexer::default(), 0_u32);
        while !self.stop.load(SeqCst) {
            // A reader may have come upon what is wrong.
            if let Some(why) = self.stores.shelf.fault() {
                return Err(EventStoreError::Store {
                    dir: self.stores.dir().events(),
                    what: "reading",
                    why,
                });
            }
            let indexed = indexer.next(&log, &mut writer, Some(&pace))?;
            let goes_on = indexed.is_some();
            if let Some(segment) = indexed {
                self.note(&segment);
            }
            self.bound(&store)?;
            idle = if goes_on { 0 } else { idle.saturating_add(1) };
            if idle == IDLE_LOOKS {
                indexer = SegmentIndexer::default();
            }
            if !goes_on {
                std::thread::park_timeout(LOOK);
            }
        }
        Ok(())
    }

    /// Opens and checks the store; one that cannot be gone on with makes room for a new one.
    fn open(&self) -> Result<SledEvents, EventStoreError> {
        let dir = self.stores.dir();
        let (events, kept) = (dir.events(), first_kept(&dir.log())?);
        let whose = if kept > Lsn(1) { Aside::OnlyCopy } else { Aside::Derived };
        let Opened { store, rebuilt } = SledEvents::open_as(&events, whose)?;
        if let Some(why) = &rebuilt {
            tracing::warn!(why, "the event store is rebuilt from the segments");
        }
        let next = store.indexed().next();
        if kept <= next {
            return Ok(store);
        }
        let store = if next == Lsn(1) {
            store
        } else {
            drop(store);
            let aside = SledEvents::move_aside(&events, whose)?;
            tracing::error!(
                aside = %aside.display(),
                "the event store ends before frame {kept}, with which the log begins; a new one \
                 begins there"
            );
            SledEvents::open_as(&events, whose)?.store
        };
        tracing::error!(
            "history before frame {kept} is not in the event store any more, and the segments that \
             had it are deleted; put back a copy of events/ to have it again"
        );
        Ok(store)
    }

    fn note_indexed(&self, last: Lsn) {
        self.figures.indexed_lsn.store(last.0, Relaxed);
        metrics::gauge!("berth_indexed_lsn").set(last.0 as f64);
    }

    fn note(&self, segment: &IndexedSegment) {
        self.note_indexed(segment.last);
        for lost in &segment.damage {
            tracing::error!(lost, "the history has a gap");
        }
        let (first, last) = (segment.first.0, segment.last.0);
        tracing::info!(first, last, chunks = segment.chunks, "indexed a segment");
    }

    /// Lets go of what is beyond the bound and needed by nobody.
    fn bound(&mut self, store: &SledEvents) -> Result<(), EventStoreError> {
        let Some(retain) = self.retain else { return Ok(()) };
        let log = self.stores.dir().log();
        if self.stuck.is_some_and(|stuck| first_kept(&log).is_ok_and(|first| first == stuck)) {
            return Ok(());
        }
        // What a failed snapshot store says is not known to survive: nothing goes.
        let Ok(covered) = self.stores.covered() else { return Ok(()) };
        let retired = retire_segments(&log, retain, covered, store)?;
        if retired.segments > 0 {
            self.figures.retired_log_bytes.fetch_add(retired.bytes, Relaxed);
            let (segments, bytes, first_kept) =
                (retired.segments, retired.bytes, retired.first_kept.0);
            tracing::info!(segments, bytes, first_kept, "let go of the oldest segments of the log");
        }
        if let Some((segment, why @ Held::Damaged(_))) = retired.held {
            tracing::error!(%segment, %why, "no segment of the log goes before this one is whole");
            self.stuck = Some(segment);
        }
        Ok(())
    }
}

fn words_of(panic: &(dyn core::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message").to_owned()
}
