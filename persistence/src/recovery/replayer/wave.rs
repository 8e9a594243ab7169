//! A stretch of the log sorted by run while it is read, and applied run by run.
//!
//! Runs are independent of each other: between two of them there is no order to keep. Applied in
//! the order of the log, each event would find a run that has left every cache since its last one;
//! applied run by run they find it there.
//! A wave keeps the spans of its frames still encoded, one buffer a run, and is applied before
//! anything else that depends on the state of runs: damage, a footer, the end. What is told first
//! is told as in the order of the log: `place` numbers the spans of a wave in that order.
//! Memory: [`WAVE_BYTES`] and what one frame is longer, twice that because buffers grow, whatever
//! the length of the log.

use std::panic::{AssertUnwindSafe, catch_unwind};

use berth_inventory::{Event, RunIndex, UnixMillis, Version};

use super::{Replayer, Slot, contradiction};
use crate::codec::CodecFault;
use crate::group::SpanHead;
use crate::stored::v1;
use crate::{LogPosition, Lsn};

/// Bytes of spans after which a wave is applied. Enough that a run's state is fetched seldom, and
/// little beside the runs themselves.
const WAVE_BYTES: usize = 64 << 20;
/// Room that buffers may keep from one wave to the next.
const ROOM_BYTES_MAX: usize = 2 * WAVE_BYTES;

/// Bytes of a [`Head`] in a buffer.
const HEAD_BYTES: usize = 4 + 8 + 8 + 2;

/// What stands in a buffer before the events of a span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Head {
    place: u32,
    at: UnixMillis,
    first: Version,
    count: u16,
}

impl Head {
    fn bytes(self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        bytes[..4].copy_from_slice(&self.place.to_le_bytes());
        bytes[4..12].copy_from_slice(&self.at.0.to_le_bytes());
        bytes[12..20].copy_from_slice(&self.first.0.to_le_bytes());
        bytes[20..].copy_from_slice(&self.count.to_le_bytes());
        bytes
    }

    /// Takes a head off the front of a buffer; `None` at its end.
    fn take(bytes: &mut &[u8]) -> Option<Self> {
        let (place, rest) = bytes.split_first_chunk()?;
        let (at, rest) = rest.split_first_chunk()?;
        let (first, rest) = rest.split_first_chunk()?;
        let (count, rest) = rest.split_first_chunk()?;
        *bytes = rest;
        Some(Self {
            place: u32::from_le_bytes(*place),
            at: UnixMillis(u64::from_le_bytes(*at)),
            first: Version(u64::from_le_bytes(*first)),
            count: u16::from_le_bytes(*count),
        })
    }
}

/// See the module.
#[derive(Debug)]
pub struct Wave {
    /// Bytes of spans after which it is full.
    limit: usize,
    /// Heads and events by run number.
    runs: Vec<Vec<u8>>,
    /// The runs that have any, in the order of their first.
    touched: Vec<RunIndex>,
    /// The frames, each with the place of its first span.
    frames: Vec<(u32, LogPosition)>,
    spans: u32,
    bytes: usize,
    room: usize,
}

impl Default for Wave {
    fn default() -> Self {
        Self::of(WAVE_BYTES)
    }
}

impl Wave {
    /// An empty one that is full with `limit` bytes.
    pub fn of(limit: usize) -> Self {
        let (runs, touched, frames) = (Vec::new(), Vec::new(), Vec::new());
        Self { limit, runs, touched, frames, spans: 0, bytes: 0, room: 0 }
    }

    /// The spans taken next are of the frame at `at`.
    pub fn begin(&mut self, at: LogPosition) {
        self.frames.push((self.spans, at));
    }

    /// Takes a span in, with the bytes of its events.
    pub fn take(&mut self, span: &SpanHead, events: &[u8]) {
        let run = span.run.0 as usize;
        if run >= self.runs.len() {
            self.runs.resize_with(run + 1, Vec::new);
        }
        let buffer = &mut self.runs[run];
        if buffer.is_empty() {
            self.touched.push(span.run);
        }
        let before = buffer.capacity();
        let &SpanHead { at, first, count, .. } = span;
        buffer.extend_from_slice(&Head { place: self.spans, at, first, count }.bytes());
        buffer.extend_from_slice(events);
        self.room += buffer.capacity() - before;
        self.bytes += HEAD_BYTES + events.len();
        self.spans += 1;
    }

    /// Whether it is to be applied before more is taken in.
    pub fn is_full(&self) -> bool {
        self.bytes >= self.limit
    }

    /// The frame of a span.
    fn frame(&self, place: u32) -> LogPosition {
        let after = self.frames.partition_point(|(first, _)| *first <= place);
        after.checked_sub(1).map_or(LogPosition::default(), |frame| self.frames[frame].1)
    }

    fn lsn(&self, place: u32) -> Lsn {
        self.frame(place).lsn
    }

    fn spans(&self, run: RunIndex) -> Spans<'_> {
        Spans { bytes: &self.runs[run.0 as usize], head: Head::default(), taken: 0 }
    }

    fn clear(&mut self) {
        for run in self.touched.drain(..) {
            self.runs[run.0 as usize].clear();
        }
        if self.room > ROOM_BYTES_MAX {
            (self.runs, self.room) = (Vec::new(), 0);
        }
        self.frames.clear();
        (self.spans, self.bytes) = (0, 0);
    }
}

/// An event that is due, still without what happened.
#[derive(Clone, Copy, Debug)]
struct Due {
    at: UnixMillis,
    version: Version,
}

/// Walks over the spans of one run.
struct Spans<'a> {
    bytes: &'a [u8],
    head: Head,
    /// Events taken of the span at `head`.
    taken: u16,
}

impl Spans<'_> {
    /// The place of the span that the last event was of.
    fn place(&self) -> u32 {
        self.head.place
    }

    /// The next event.
    #[inline]
    fn next(&mut self) -> Result<Option<(Due, Event)>, CodecFault> {
        while self.taken == self.head.count {
            let Some(head) = Head::take(&mut self.bytes) else { return Ok(None) };
            (self.head, self.taken) = (head, 0);
        }
        let version = Version(self.head.first.0 + u64::from(self.taken));
        self.taken += 1;
        let event = v1::decode_event(&mut self.bytes)?;
        Ok(Some((Due { at: self.head.at, version }, event)))
    }
}

/// What is told of a whole wave: the first of its kind in the order of the log.
struct First<T>(Option<(u32, T)>);

impl<T> First<T> {
    fn take(&mut self, place: u32, found: T) {
        if self.0.as_ref().is_none_or(|(first, _)| place < *first) {
            self.0 = Some((place, found));
        }
    }
}

/// Whether an event does nothing but change its run.
fn is_plain(event: &Event) -> bool {
    !matches!(event, Event::RunCreated(_) | Event::PnrBlockLeased { .. })
}

impl Replayer<'_> {
    /// Applies everything in `wave`, run by run, and empties it.
    ///
    /// # Errors
    /// The first frame in the order of the log that has an event which cannot be decoded.
    pub fn apply(&mut self, wave: &mut Wave) -> Result<(), (LogPosition, CodecFault)> {
        let told = self.nameless.take();
        let (mut nameless, mut fault) = (First(None), First(None));
        for run in &wave.touched {
            let mut spans = wave.spans(*run);
            if let Err(why) = self.apply_run(*run, wave, &mut spans, &mut nameless) {
                fault.take(spans.place(), why);
            }
        }
        self.nameless = told.or(nameless.0.map(|(_, nameless)| nameless));
        let fault = fault.0.map(|(place, why)| (wave.frame(place), why));
        wave.clear();
        fault.map_or(Ok(()), Err)
    }

    fn apply_run(
        &mut self,
        run: RunIndex,
        wave: &Wave,
        spans: &mut Spans<'_>,
        nameless: &mut First<(RunIndex, Lsn)>,
    ) -> Result<(), CodecFault> {
        let mut next = spans.next()?;
        while let Some((due, event)) = next {
            let known = self.known(run);
            if is_plain(&event) && known.is_none_or(|known| due.version <= known) {
                next = spans.next()?;
            } else if is_plain(&event)
                && known.map(Version::next) == Some(due.version)
                && matches!(self.slots.get(run.0 as usize), Some(Slot::Live(..)))
            {
                next = self.follow(run, wave, spans, due, &event)?;
            } else {
                self.take_event(wave.lsn(spans.place()), run, due.at, due.version, &event);
                if let Some(found) = self.nameless.take() {
                    nameless.take(spans.place(), found);
                }
                next = spans.next()?;
            }
        }
        Ok(())
    }

    /// Applies `event`, which makes the next version of a live run, and all those behind it that do
    /// the same and nothing else; the first that does not.
    fn follow(
        &mut self,
        run: RunIndex,
        wave: &Wave,
        spans: &mut Spans<'_>,
        due: Due,
        event: &Event,
    ) -> Result<Option<(Due, Event)>, CodecFault> {
        let Some(Slot::Live(live, seen)) = self.slots.get_mut(run.0 as usize) else {
            return spans.next();
        };
        let (changes, events) = (&mut self.changes, &mut self.events);
        let mut last = spans.place();
        let walked = catch_unwind(AssertUnwindSafe(|| {
            *events += 1;
            live.apply(event, due.at, changes);
            changes.clear();
            loop {
                last = spans.place();
                let Some((due, event)) = spans.next()? else { return Ok(None) };
                if due.version != live.version().next() || !is_plain(&event) {
                    return Ok(Some((due, event)));
                }
                *events += 1;
                live.apply(&event, due.at, changes);
                changes.clear();
            }
        }));
        *seen = wave.lsn(last);
        walked.unwrap_or_else(|panic| {
            let lsn = wave.lsn(spans.place());
            self.changes.clear();
            self.refuse(run, None, lsn, contradiction(lsn, &*panic));
            spans.next()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_survives() {
        let head =
            Head { place: 7, at: UnixMillis(1 << 50), first: Version(1 << 40), count: 65_535 };
        let bytes = [&head.bytes()[..], &[1, 2]].concat();
        let mut rest = &bytes[..];
        assert_eq!(Head::take(&mut rest), Some(head));
        assert_eq!(rest, [1, 2]);
        assert_eq!(Head::take(&mut rest), None);
    }

    #[test]
    fn spans_come_back_by_run_in_their_order_with_their_frames() {
        let mut wave = Wave::default();
        let mut bytes = Vec::new();
        v1::encode_event(&Event::RunRetired, &mut bytes);
        for lsn in 1..=4_u64 {
            wave.begin(LogPosition { lsn: Lsn(lsn), segment: 1, offset: lsn * 100 });
            for run in [5, 2].into_iter().filter(|run| u64::from(*run) != lsn) {
                let (run, at, first) = (RunIndex(run), UnixMillis(lsn), Version(2 * lsn));
                let span = SpanHead { shard: 0, run, at, first, count: 2 };
                wave.take(&span, &[&bytes[..], &bytes].concat());
            }
        }
        assert_eq!(wave.touched, [RunIndex(5), RunIndex(2)]);
        let mut spans = wave.spans(RunIndex(2));
        let mut seen = Vec::new();
        while let Some((due, _)) = spans.next().unwrap() {
            seen.push((due.version.0, due.at.0, wave.lsn(spans.place()).0));
        }
        assert_eq!(seen, [(2, 1, 1), (3, 1, 1), (6, 3, 3), (7, 3, 3), (8, 4, 4), (9, 4, 4)]);
        assert!(wave.bytes > 0 && wave.room >= wave.bytes);
        wave.clear();
        assert!(wave.touched.is_empty() && wave.bytes == 0 && !wave.is_full());
        assert!(wave.runs.iter().all(Vec::is_empty));
    }
}
