//! What one shard has ready for the next group: events, what they publish, and who is to be told.
//!
//! The journal thread swaps a batch for an empty one; the shard never waits for it. Everything of
//! a batch becomes durable, public and answered together, in this order. A run is published once
//! for a batch, however many of its commands are in it: its rows stand in a list of their own.

use core::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;

use berth_kernel::prefetch_all;
use berth_persistence::{Mark, Section};

use crate::ask::{Lane, Parcel};
use crate::directory::RunEntry;
use crate::published::{Head, Published, RowChange};
use crate::settings::{FINISH_RESERVE_PER_CENT, GROUP_BYTES_MAX};

/// End of a list of rows.
const NONE: u32 = u32::MAX;

/// One run's public changes.
struct Publication {
    /// Where they go.
    published: Arc<Published>,
    /// The run's words after its last command.
    head: Head,
    /// Its row changes, oldest first: places in the batch's rows.
    first: u32,
    last: u32,
    /// The run becomes visible to readers with this publication.
    announce: Option<Arc<RunEntry>>,
    /// How many wait on each list, if that changed.
    waiting: Option<Box<[u16]>>,
}

#[derive(Clone, Copy)]
struct Row {
    change: RowChange,
    next: u32,
}

/// See the module.
pub struct Batch<T> {
    /// Counts the batches of a shard from 1.
    pub number: u64,
    /// The events, encoded.
    pub section: Section,
    publications: Vec<Publication>,
    rows: Vec<Row>,
    /// Answers that wait for this batch.
    pub done: Vec<Box<Parcel<T>>>,
}

/// A point to go back to when a command meets a panic.
pub(crate) struct BatchMark {
    section: Mark,
    publications: usize,
    rows: usize,
    /// The run's publication, if it has one in this batch.
    own: Option<(u32, Head, u32)>,
}

impl<T> Batch<T> {
    /// An empty batch.
    pub fn new(number: u64) -> Self {
        Self {
            number,
            section: Section::default(),
            publications: Vec::new(),
            rows: Vec::new(),
            done: Vec::new(),
        }
    }

    /// Whether there is nothing to write, publish or tell.
    pub fn is_empty(&self) -> bool {
        self.section.is_empty() && self.done.is_empty() && self.publications.is_empty()
    }

    /// Empties it for the next round, keeping its memory.
    pub fn reuse(&mut self, number: u64) {
        self.number = number;
        self.section.clear();
        self.publications.clear();
        self.rows.clear();
        self.done.clear();
    }

    /// Whether one more command of `lane` may begin, with `shards` shards filling a group.
    pub fn has_room(&self, lane: Lane, shards: usize) -> bool {
        let share = GROUP_BYTES_MAX / shards.max(1);
        let limit = match lane {
            Lane::Finish => share,
            Lane::Take => share - share * FINISH_RESERVE_PER_CENT / 100,
        };
        self.section.len_bytes() < limit
    }

    /// Makes everything public; after the group is durable, before anyone is told.
    pub fn publish(&mut self) {
        let rows = &self.rows;
        for (at, publication) in self.publications.iter().enumerate() {
            if let Some(soon) = self.publications.get(at + 4) {
                prefetch_all(&*soon.published);
            }
            if let Some(next) = self.publications.get(at + 2) {
                changes(next, rows).for_each(|change| next.published.foresee(change.berth));
            }
            publish(publication, rows);
        }
        self.publications.clear();
        self.rows.clear();
    }

    /// Where the batch ends now; `own` is the place of the run's publication in it.
    pub(crate) fn mark(&self, own: Option<u32>) -> BatchMark {
        let own = own.map(|place| {
            let publication = &self.publications[place as usize];
            (place, publication.head, publication.last)
        });
        BatchMark {
            section: self.section.mark(),
            publications: self.publications.len(),
            rows: self.rows.len(),
            own,
        }
    }

    pub(crate) fn truncate(&mut self, mark: &BatchMark) {
        self.section.truncate(mark.section);
        self.publications.truncate(mark.publications);
        self.rows.truncate(mark.rows);
        let Some((place, head, last)) = mark.own else { return };
        let publication = &mut self.publications[place as usize];
        (publication.head, publication.last) = (head, last);
        match self.rows.get_mut(last as usize) {
            Some(row) => row.next = NONE,
            None => publication.first = NONE,
        }
    }

    /// The first public change of a run in this batch; the place of its publication.
    pub(crate) fn open_publication(
        &mut self,
        published: Arc<Published>,
        head: Head,
        announce: Option<Arc<RunEntry>>,
    ) -> u32 {
        self.publications.push(Publication {
            published,
            head,
            first: NONE,
            last: NONE,
            announce,
            waiting: None,
        });
        (self.publications.len() - 1) as u32
    }

    /// How many wait on each list of a run after one more command.
    pub(crate) fn waiting(&mut self, place: u32, waiting: Box<[u16]>) {
        self.publications[place as usize].waiting = Some(waiting);
    }

    /// What one more command of a run made public.
    pub(crate) fn publish_later(
        &mut self,
        place: u32,
        head: Head,
        rows: impl Iterator<Item = RowChange>,
    ) {
        let publication = &mut self.publications[place as usize];
        publication.head = head;
        for change in rows {
            let at = self.rows.len() as u32;
            self.rows.push(Row { change, next: NONE });
            match self.rows.get_mut(publication.last as usize) {
                Some(before) => before.next = at,
                None => publication.first = at,
            }
            publication.last = at;
        }
    }
}

/// The row changes of one publication.
fn changes(publication: &Publication, rows: &[Row]) -> impl Iterator<Item = RowChange> + Clone {
    core::iter::successors(rows.get(publication.first as usize), |row| rows.get(row.next as usize))
        .map(|row| row.change)
}

fn publish(publication: &Publication, rows: &[Row]) {
    let waiting = publication.waiting.as_deref();
    publication.published.publish_all(publication.head, changes(publication, rows), waiting);
    if let Some(entry) = &publication.announce {
        entry.published.store(Some(Arc::clone(&publication.published)));
        entry.journaled.store(true, Relaxed);
    }
}
