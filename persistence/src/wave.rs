//! A stretch of the log sorted by run while it is read.
//!
//! Runs are independent of each other: between two of them there is no order to keep. Taken in the
//! order of the log, each event would find a run that has left every cache since its last one;
//! taken run by run they find it there.
//! A wave keeps the spans of its frames still encoded. Sorting has two steps, each in cache: while
//! frames are read a span goes to one of few parts by its run, and a part is sorted by run when it
//! is gone through.
//! Memory: what a wave is full with and what one frame is longer, at most twice that because parts
//! grow, whatever the length of the log. It is kept from one wave to the next.

use berth_inventory::{RunIndex, UnixMillis, Version};

use crate::LogPosition;
use crate::group::SpanHead;

/// Parts of a wave: few enough that the ends of all of them stay in the nearest cache, and so many
/// that one of them fits the next.
const PARTS: usize = 64;
/// Most room that is made beforehand, bytes.
const ROOM_BYTES_MAX: usize = 64 << 20;

/// What stands in a part before the events of a span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Its frame: the how many-th of the wave.
    pub frame: u32,
    /// The run.
    pub run: RunIndex,
    /// Bytes of the events.
    bytes: u32,
    /// Events.
    pub count: u16,
    /// When.
    pub at: UnixMillis,
    /// Version that the first event makes.
    pub first: Version,
}

/// Bytes of a [`Head`] in a part.
const HEAD_BYTES: usize = 4 + 4 + 4 + 2 + 8 + 8;

impl Head {
    fn encoded(self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        bytes[..4].copy_from_slice(&self.frame.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.run.0.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.bytes.to_le_bytes());
        bytes[12..14].copy_from_slice(&self.count.to_le_bytes());
        bytes[14..22].copy_from_slice(&self.at.0.to_le_bytes());
        bytes[22..].copy_from_slice(&self.first.0.to_le_bytes());
        bytes
    }

    /// The head at the start of `bytes`, and what is behind it; `None` at the end of a part.
    #[inline]
    fn take(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (frame, rest) = bytes.split_first_chunk()?;
        let (run, rest) = rest.split_first_chunk()?;
        let (bytes, rest) = rest.split_first_chunk()?;
        let (count, rest) = rest.split_first_chunk()?;
        let (at, rest) = rest.split_first_chunk()?;
        let (first, rest) = rest.split_first_chunk()?;
        let head = Self {
            frame: u32::from_le_bytes(*frame),
            run: RunIndex(u32::from_le_bytes(*run)),
            bytes: u32::from_le_bytes(*bytes),
            count: u16::from_le_bytes(*count),
            at: UnixMillis(u64::from_le_bytes(*at)),
            first: Version(u64::from_le_bytes(*first)),
        };
        Some((head, rest))
    }
}

/// See the module.
#[derive(Debug)]
pub struct Wave {
    /// Bytes of spans after which it is full.
    limit: usize,
    /// Heads and events, by the number of their run modulo [`PARTS`].
    parts: Vec<Vec<u8>>,
    frames: Vec<LogPosition>,
    bytes: usize,
}

impl Wave {
    /// An empty one that is full with `limit` bytes. It takes its memory with its first frame.
    pub fn of(limit: usize) -> Self {
        Self { limit, parts: Vec::new(), frames: Vec::new(), bytes: 0 }
    }

    /// The spans taken next are of the frame at `at`.
    pub fn begin(&mut self, at: LogPosition) {
        if self.parts.is_empty() {
            // A little more than their share each: most never grow. What is not used is never
            // touched.
            let room = self.limit.min(ROOM_BYTES_MAX) / PARTS * 5 / 4;
            self.parts.resize_with(PARTS, || Vec::with_capacity(room));
        }
        self.frames.push(at);
    }

    /// Takes a span in, with the bytes of its events.
    #[inline]
    pub fn take(&mut self, span: &SpanHead, events: &[u8]) {
        let &SpanHead { run, at, first, count, .. } = span;
        let frame = self.frames.len().saturating_sub(1) as u32;
        let head = Head { frame, run, bytes: events.len() as u32, count, at, first };
        let part = &mut self.parts[run.0 as usize % PARTS];
        part.extend_from_slice(&head.encoded());
        part.extend_from_slice(events);
        self.bytes += HEAD_BYTES + events.len();
    }

    /// Whether it is to be gone through before more is taken in.
    pub fn is_full(&self) -> bool {
        self.bytes >= self.limit
    }

    /// Where a frame of it is.
    pub fn frame(&self, frame: u32) -> LogPosition {
        self.frames.get(frame as usize).copied().unwrap_or_default()
    }

    /// Its parts, each to be [sorted](Sorted::sort): every run is in one of them.
    pub fn parts(&self) -> &[Vec<u8>] {
        &self.parts
    }

    /// Empties it and keeps its memory, within a bound.
    pub fn clear(&mut self) {
        self.parts.iter_mut().for_each(Vec::clear);
        if self.parts.iter().map(Vec::capacity).sum::<usize>() > self.limit.saturating_mul(2) {
            self.parts.clear();
        }
        self.frames.clear();
        self.bytes = 0;
    }
}

/// The spans of one part, sorted by run; spans of a run keep their order.
#[derive(Debug, Default)]
pub struct Sorted {
    /// Spans of each run and of those before it, by run divided by [`PARTS`].
    ends: Vec<u32>,
    /// Where in the part each span begins.
    starts: Vec<u32>,
}

impl Sorted {
    /// Sorts a part, by counting.
    pub fn sort(&mut self, part: &[u8]) {
        let Self { ends, starts } = self;
        ends.clear();
        for (head, _) in heads(part) {
            let run = head.run.0 as usize / PARTS;
            if run >= ends.len() {
                ends.resize(run + 1, 0);
            }
            ends[run] += 1;
        }
        let mut spans = 0;
        for end in ends.iter_mut() {
            // For now where the run begins; each span moves it on by one.
            spans += core::mem::replace(end, spans);
        }
        starts.clear();
        starts.resize(spans as usize, 0);
        for (head, start) in heads(part) {
            let at = &mut ends[head.run.0 as usize / PARTS];
            starts[*at as usize] = start;
            *at += 1;
        }
    }

    /// Each run that has spans in `part`, which was sorted.
    pub fn runs<'a>(&'a self, part: &'a [u8]) -> impl Iterator<Item = (RunIndex, Spans<'a>)> {
        let mut begin = 0;
        self.ends.iter().filter_map(move |end| {
            let starts = &self.starts[begin as usize..*end as usize];
            begin = *end;
            let last = Head::take(&part[*starts.last()? as usize..])?.0;
            let mut spans = Spans { part, starts: starts.iter(), last, ahead: None };
            spans.ahead = spans.fetch();
            Some((last.run, spans))
        })
    }
}

/// The heads of a part, each with the place where it stands.
fn heads(part: &[u8]) -> impl Iterator<Item = (Head, u32)> {
    let mut at = 0;
    core::iter::from_fn(move || {
        let start = at;
        let (head, _) = Head::take(&part[start..])?;
        at = start + HEAD_BYTES + head.bytes as usize;
        Some((head, start as u32))
    })
}

/// The spans of one run, each with the bytes of its events.
#[derive(Clone, Debug)]
pub struct Spans<'a> {
    part: &'a [u8],
    /// Where those behind `ahead` begin.
    starts: core::slice::Iter<'a, u32>,
    last: Head,
    /// The next one: asked for while the one before it is used, for it is not in the nearest cache.
    ahead: Option<(Head, &'a [u8])>,
}

impl<'a> Spans<'a> {
    /// The head of the last of them.
    pub fn last_head(&self) -> Head {
        self.last
    }

    #[inline]
    fn fetch(&mut self) -> Option<(Head, &'a [u8])> {
        let start = *self.starts.next()?;
        let (head, rest) = Head::take(&self.part[start as usize..])?;
        Some((head, rest.get(..head.bytes as usize)?))
    }
}

impl<'a> Iterator for Spans<'a> {
    type Item = (Head, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let now = self.ahead;
        self.ahead = self.fetch();
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Lsn;

    #[test]
    fn a_head_survives() {
        let (run, at, first) = (RunIndex(9), UnixMillis(1 << 50), Version(1 << 40));
        let head = Head { frame: 7, run, bytes: 5, count: 65_535, at, first };
        let bytes = [&head.encoded()[..], &[1, 2]].concat();
        assert_eq!(Head::take(&bytes), Some((head, &[1, 2][..])));
        assert_eq!(Head::take(&bytes[..HEAD_BYTES - 1]), None);
    }

    #[test]
    fn spans_come_back_by_run_in_their_order_with_their_frames() {
        let mut wave = Wave::of(1 << 10);
        // Two runs of one part, and one of another.
        let runs = [5 + 2 * PARTS as u32, 2, 5];
        for lsn in 1..=4_u64 {
            wave.begin(LogPosition { lsn: Lsn(lsn), segment: 1, offset: lsn * 100 });
            for run in runs.into_iter().filter(|run| u64::from(*run) != lsn) {
                let (run, at, first) = (RunIndex(run), UnixMillis(lsn), Version(2 * lsn));
                let span = SpanHead { shard: 0, run, at, first, count: 2 };
                wave.take(&span, &[run.0 as u8, lsn as u8]);
            }
        }
        let (mut sorted, mut order, mut seen) = (Sorted::default(), Vec::new(), Vec::new());
        for part in wave.parts() {
            sorted.sort(part);
            for (run, spans) in sorted.runs(part) {
                order.push(run.0);
                for (head, events) in spans {
                    let lsn = wave.frame(head.frame).lsn.0;
                    assert_eq!((head.run, head.count), (run, 2));
                    assert_eq!(events, [run.0 as u8, lsn as u8]);
                    seen.push((head.first.0, head.at.0, lsn));
                }
            }
        }
        assert_eq!(order, [2, 5, 5 + 2 * PARTS as u32]);
        let all = [(2, 1, 1), (4, 2, 2), (6, 3, 3), (8, 4, 4)];
        assert_eq!(seen, [&all[..1], &all[2..], &all, &all].concat());
        assert!(!wave.is_full());
        (0..8).for_each(|_| {
            let (run, at, first) = (RunIndex(1), UnixMillis(0), Version(1));
            wave.take(&SpanHead { shard: 0, run, at, first, count: 1 }, &[0; 200]);
        });
        assert!(wave.is_full());
        wave.clear();
        assert!(wave.parts.iter().all(Vec::is_empty) && wave.bytes == 0 && !wave.is_full());
    }
}
