//! A shard's buffer of encoded events, filled between two groups.
//!
//! The buffer *is* the section of the frame: items in execution order, each a tag byte and its
//! content (`docs/journal-format.md`). A stamp stands once for the events after it; a span names
//! a run once for the events that follow each other. Everything can be taken back to a [`Mark`],
//! which is what a panic inside a run's step costs. Clearing keeps the allocation.

use std::sync::Arc;

use berth_inventory::{Event, PlanHash, RunId, RunIndex, UnixMillis, Version};

use crate::codec::var::Draft;
use crate::stored::v1;
use crate::varint;

/// What the node itself puts on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeRecord {
    /// The node started. Synced to the disk under every durability word.
    Started {
        /// Holds live at the last durable stamp live at least until then.
        grace_until: Option<UnixMillis>,
        /// When.
        at: UnixMillis,
        /// Name and version of the software.
        software: String,
    },
    /// The node stopped in order; vouches for every frame before. Synced under every word.
    CleanStop {
        /// When.
        at: UnixMillis,
    },
    /// The canonical text of a catalogue entry, once per hash.
    PlanText {
        /// Its content hash.
        hash: PlanHash,
        /// The text.
        text: Arc<str>,
    },
}

impl NodeRecord {
    /// Whether its frame is synced to the disk under every durability word.
    pub const fn is_always_synced(&self) -> bool {
        matches!(self, Self::Started { .. } | Self::CleanStop { .. })
    }
}

/// Tag of a stamp: the events after it happened then.
pub(crate) const TAG_STAMP: u8 = 1;
/// Tag of a span: consecutive events of one run.
pub(crate) const TAG_SPAN: u8 = 2;
/// Tag of a catalogue text.
pub(crate) const TAG_PLAN_TEXT: u8 = 3;

/// Most bytes of a span before its events: tag, run, version, count.
const SPAN_HEAD_BYTES_MAX: usize = 1 + 5 + varint::BYTES_MAX + 2;

#[inline]
fn put_leb(head: &mut Draft<SPAN_HEAD_BYTES_MAX>, mut number: u64) {
    while number >= 0x80 {
        head.put([number as u8 | 0x80]);
        number >>= 7;
    }
    head.put([number as u8]);
}

/// A run that a span touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch {
    /// The run.
    pub run: RunIndex,
    /// Its version after the span.
    pub last: Version,
    /// Its name, if the span holds its first event.
    pub created: Option<RunId>,
}

/// Where the open span's count is, and what it is.
#[derive(Clone, Copy, Debug, Default)]
struct OpenSpan {
    count_at: usize,
    count: u16,
}

/// A place in a [`Section`] to go back to.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    bytes: usize,
    touched: usize,
    events: usize,
    stamp: Option<UnixMillis>,
    open: OpenSpan,
    last: Option<Touch>,
}

/// A shard's events since the last group, encoded.
#[derive(Clone, Debug, Default)]
pub struct Section {
    bytes: Vec<u8>,
    touched: Vec<Touch>,
    events: usize,
    stamp: Option<UnixMillis>,
    open: OpenSpan,
}

impl Section {
    /// Where the buffer ends now.
    pub fn mark(&self) -> Mark {
        Mark {
            bytes: self.bytes.len(),
            touched: self.touched.len(),
            events: self.events,
            stamp: self.stamp,
            open: self.open,
            last: self.touched.last().copied(),
        }
    }

    /// Forgets everything after `mark`, which must be of this filling of this buffer.
    pub fn truncate(&mut self, mark: Mark) {
        assert!(mark.bytes <= self.bytes.len(), "mark {} > {}", mark.bytes, self.bytes.len());
        self.bytes.truncate(mark.bytes);
        self.touched.truncate(mark.touched);
        if let (Some(now), Some(then)) = (self.touched.last_mut(), mark.last) {
            *now = then;
        }
        (self.events, self.stamp, self.open) = (mark.events, mark.stamp, mark.open);
        if self.open.count > 0 {
            self.patch_count();
        }
    }

    /// Appends an event that makes `version` of `run` at `at`.
    pub fn push(&mut self, run: RunIndex, at: UnixMillis, version: Version, event: &Event) {
        match self.touched.last_mut() {
            Some(touch)
                if touch.run == run
                    && touch.last.next() == version
                    && (1..u16::MAX).contains(&self.open.count)
                    && self.stamp == Some(at) =>
            {
                touch.last = version;
                self.open.count += 1;
                self.patch_count();
            }
            _ => self.open_span(run, at, version, event),
        }
        self.events += 1;
        v1::encode_event(event, &mut self.bytes);
    }

    /// Begins a span of one event.
    fn open_span(&mut self, run: RunIndex, at: UnixMillis, version: Version, event: &Event) {
        if self.stamp != Some(at) {
            self.bytes.push(TAG_STAMP);
            varint::put(&mut self.bytes, at.0);
            self.stamp = Some(at);
        }
        let mut head = Draft::<SPAN_HEAD_BYTES_MAX>::new(TAG_SPAN);
        put_leb(&mut head, u64::from(run.0));
        put_leb(&mut head, version.0);
        head.put(1_u16.to_le_bytes());
        head.append_to(&mut self.bytes);
        self.open = OpenSpan { count_at: self.bytes.len() - 2, count: 1 };
        self.touched.push(Touch { run, last: version, created: v1::created_by(event) });
    }

    /// Appends a catalogue text; it must come before the first run made of it.
    pub fn plan_text(&mut self, hash: PlanHash, text: Arc<str>) {
        self.bytes.push(TAG_PLAN_TEXT);
        v1::encode_record(&NodeRecord::PlanText { hash, text }, &mut self.bytes);
        // The next event begins a span of its own.
        self.open = OpenSpan::default();
    }

    /// Bytes so far: what the section will take in its frame.
    pub fn len_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Events so far.
    pub fn events(&self) -> usize {
        self.events
    }

    /// Whether nothing was pushed.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Empties the buffer and keeps its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.touched.clear();
        (self.events, self.stamp, self.open) = (0, None, OpenSpan::default());
    }

    /// The encoded items.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The runs its spans touched, in execution order; a run may stand several times.
    pub fn touched(&self) -> &[Touch] {
        &self.touched
    }

    fn patch_count(&mut self) {
        let at = self.open.count_at;
        self.bytes[at..at + 2].copy_from_slice(&self.open.count.to_le_bytes());
    }
}
