//! What one shard has ready for the next group: events, what they publish, and who is to be told.
//!
//! The journal thread swaps a batch for an empty one; the shard never waits for it. Everything of
//! a batch becomes durable, public and answered together, in this order.

use core::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;

use berth_persistence::{Mark, Section};

use crate::ask::Done;
use crate::ask::Lane;
use crate::directory::RunEntry;
use crate::published::{Head, Published, RowChange};
use crate::settings::{FINISH_RESERVE_PER_CENT, GROUP_BYTES_MAX};

/// One command's public changes.
pub struct Publication {
    /// Where they go.
    pub published: Arc<Published>,
    /// The run's words after the command.
    pub head: Head,
    /// How many of the batch's row changes are its.
    pub rows: u32,
    /// The run becomes visible to readers with this publication.
    pub announce: Option<Arc<RunEntry>>,
}

/// See the module.
pub struct Batch<T> {
    /// Counts the batches of a shard from 1.
    pub number: u64,
    /// The events, encoded.
    pub section: Section,
    publications: Vec<Publication>,
    rows: Vec<RowChange>,
    /// Answers that wait for this batch.
    pub done: Vec<Done<T>>,
}

/// A point to go back to when a command meets a panic.
pub(crate) struct BatchMark {
    section: Mark,
    publications: usize,
    rows: usize,
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
        let mut rows = self.rows.as_slice();
        for publication in self.publications.drain(..) {
            let (own, rest) = rows.split_at(publication.rows as usize);
            publication.published.publish(publication.head, own);
            if let Some(entry) = publication.announce {
                entry.published.store(Some(publication.published));
                entry.journaled.store(true, Relaxed);
            }
            rows = rest;
        }
        self.rows.clear();
    }

    pub(crate) fn mark(&self) -> BatchMark {
        BatchMark {
            section: self.section.mark(),
            publications: self.publications.len(),
            rows: self.rows.len(),
        }
    }

    pub(crate) fn truncate(&mut self, mark: &BatchMark) {
        self.section.truncate(mark.section);
        self.publications.truncate(mark.publications);
        self.rows.truncate(mark.rows);
    }

    pub(crate) fn add_publication(
        &mut self,
        published: Arc<Published>,
        head: Head,
        rows: impl Iterator<Item = RowChange>,
        announce: Option<Arc<RunEntry>>,
    ) {
        let before = self.rows.len();
        self.rows.extend(rows);
        let rows = (self.rows.len() - before) as u32;
        self.publications.push(Publication { published, head, rows, announce });
    }
}
