//! A stretch of the log sorted by run while it is read, and applied run by run.
//!
//! Runs are independent of each other: between two of them there is no order to keep. Applied in
//! the order of the log, each event would find a run that has left every cache since its last one;
//! applied run by run they find it there.
//! A wave keeps the spans of its frames still encoded, and is applied before anything else that
//! depends on the state of runs: damage, a footer, the end. Sorting has two steps, each in cache:
//! while frames are read a span goes to one of few parts by its run, and a part is sorted by run
//! when it is applied. What is told first is told as in the order of the log: `place` numbers the
//! spans of a wave in that order.
//! Memory: [`WAVE_BYTES`] and what one frame is longer, at most twice that because parts grow,
//! whatever the length of the log.

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
/// Room that parts may keep from one wave to the next.
const ROOM_BYTES_MAX: usize = 2 * WAVE_BYTES;
/// Parts of a wave: few enough that the ends of all of them stay in the nearest cache, and so many
/// that one of them fits the next.
const PARTS: usize = 64;

/// What stands in a part before the events of a span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Head {
    place: u32,
    run: RunIndex,
    /// Bytes of the events.
    bytes: u32,
    count: u16,
    at: UnixMillis,
    first: Version,
}

/// Bytes of a [`Head`] in a part.
const HEAD_BYTES: usize = 4 + 4 + 4 + 2 + 8 + 8;

impl Head {
    fn encoded(self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        bytes[..4].copy_from_slice(&self.place.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.run.0.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.bytes.to_le_bytes());
        bytes[12..14].copy_from_slice(&self.count.to_le_bytes());
        bytes[14..22].copy_from_slice(&self.at.0.to_le_bytes());
        bytes[22..].copy_from_slice(&self.first.0.to_le_bytes());
        bytes
    }

    /// The head at the start of `bytes`, and what is behind it; `None` at the end of a part.
    fn take(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (place, rest) = bytes.split_first_chunk()?;
        let (run, rest) = rest.split_first_chunk()?;
        let (bytes, rest) = rest.split_first_chunk()?;
        let (count, rest) = rest.split_first_chunk()?;
        let (at, rest) = rest.split_first_chunk()?;
        let (first, rest) = rest.split_first_chunk()?;
        let head = Self {
            place: u32::from_le_bytes(*place),
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
    /// The frames, each with the place of its first span.
    frames: Vec<(u32, LogPosition)>,
    spans: u32,
    bytes: usize,
}

impl Default for Wave {
    fn default() -> Self {
        Self::of(WAVE_BYTES)
    }
}

impl Wave {
    /// An empty one that is full with `limit` bytes.
    pub fn of(limit: usize) -> Self {
        // A little more than their share each: most never grow. What is not used is never touched.
        let room = limit.min(WAVE_BYTES) / PARTS * 5 / 4;
        let parts = (0..PARTS).map(|_| Vec::with_capacity(room)).collect();
        Self { limit, parts, frames: Vec::new(), spans: 0, bytes: 0 }
    }

    /// The spans taken next are of the frame at `at`.
    pub fn begin(&mut self, at: LogPosition) {
        self.frames.push((self.spans, at));
    }

    /// Takes a span in, with the bytes of its events.
    #[inline]
    pub fn take(&mut self, span: &SpanHead, events: &[u8]) {
        let &SpanHead { run, at, first, count, .. } = span;
        let head = Head { place: self.spans, run, bytes: events.len() as u32, count, at, first };
        let part = &mut self.parts[run.0 as usize % PARTS];
        part.extend_from_slice(&head.encoded());
        part.extend_from_slice(events);
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

    fn clear(&mut self) {
        self.parts.iter_mut().for_each(Vec::clear);
        if self.parts.iter().map(Vec::capacity).sum::<usize>() > ROOM_BYTES_MAX {
            self.parts = Self::of(self.limit).parts;
        }
        self.frames.clear();
        (self.spans, self.bytes) = (0, 0);
    }
}

/// The spans of one part, sorted by run; spans of a run keep their order.
#[derive(Debug, Default)]
struct Sorted {
    /// Spans of each run and of those before it, by run divided by [`PARTS`].
    ends: Vec<u32>,
    /// Where in the part each span begins.
    starts: Vec<u32>,
}

impl Sorted {
    /// Sorts a part, by counting.
    fn sort(&mut self, part: &[u8]) {
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
    fn runs<'a>(&'a self, part: &'a [u8]) -> impl Iterator<Item = (RunIndex, Spans<'a>)> {
        let mut begin = 0;
        self.ends.iter().filter_map(move |end| {
            let starts = &self.starts[begin as usize..*end as usize];
            begin = *end;
            let (head, _) = Head::take(&part[*starts.first()? as usize..])?;
            let spans =
                Spans { part, starts: starts.iter(), head: Head::default(), taken: 0, events: &[] };
            Some((head.run, spans))
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

/// An event that is due, still without what happened.
#[derive(Clone, Copy, Debug)]
struct Due {
    at: UnixMillis,
    version: Version,
}

/// Walks over the spans of one run.
struct Spans<'a> {
    part: &'a [u8],
    /// Where the spans behind the one at `head` begin.
    starts: core::slice::Iter<'a, u32>,
    head: Head,
    /// Events taken of the span at `head`.
    taken: u16,
    /// Those left of it.
    events: &'a [u8],
}

impl Spans<'_> {
    /// The place of the span that the last event was of.
    fn place(&self) -> u32 {
        self.head.place
    }

    /// When the next event happened, and the version it makes.
    #[inline]
    fn due(&mut self) -> Option<Due> {
        while self.taken == self.head.count {
            let start = *self.starts.next()?;
            (self.head, self.events) = Head::take(&self.part[start as usize..])?;
            self.taken = 0;
        }
        let version = Version(self.head.first.0 + u64::from(self.taken));
        self.taken += 1;
        Some(Due { at: self.head.at, version })
    }

    /// The event that is due.
    #[inline]
    fn event(&mut self) -> Result<Event, CodecFault> {
        v1::decode_event(&mut self.events)
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
        let mut sorted = Sorted::default();
        for part in &wave.parts {
            sorted.sort(part);
            for (run, mut spans) in sorted.runs(part) {
                if let Err(why) = self.apply_run(run, wave, &mut spans, &mut nameless) {
                    fault.take(spans.place(), why);
                }
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
        let mut left = None;
        loop {
            let (due, event) = match left.take() {
                Some(left) => left,
                None => match spans.due() {
                    Some(due) => (due, spans.event()?),
                    None => return Ok(()),
                },
            };
            let known = self.known(run);
            let plain = is_plain(&event);
            if plain && known.is_none_or(|known| due.version <= known) {
                continue;
            }
            let is_live = matches!(self.slots.get(run.0 as usize), Some(Slot::Live(..)));
            if plain && is_live && known.map(Version::next) == Some(due.version) {
                left = self.follow(run, wave, spans, due, &event)?;
                continue;
            }
            self.take_event(wave.lsn(spans.place()), run, due.at, due.version, &event);
            if let Some(found) = self.nameless.take() {
                nameless.take(spans.place(), found);
            }
        }
    }

    /// Applies `event`, which makes the next version of a live run and does nothing else, and all
    /// frequent ones behind it that do the same; the first that does not.
    fn follow(
        &mut self,
        run: RunIndex,
        wave: &Wave,
        spans: &mut Spans<'_>,
        due: Due,
        event: &Event,
    ) -> Result<Option<(Due, Event)>, CodecFault> {
        let Some(Slot::Live(live, seen)) = self.slots.get_mut(run.0 as usize) else {
            return Ok(None);
        };
        let (changes, events) = (&mut self.changes, &mut self.events);
        let mut last = spans.place();
        let walked = catch_unwind(AssertUnwindSafe(|| {
            *events += 1;
            live.apply(event, due.at, changes);
            changes.clear();
            loop {
                last = spans.place();
                let Some(due) = spans.due() else { return Ok(None) };
                let frequent = v1::decode_frequent(&mut spans.events);
                let Some(event) = &frequent else {
                    return spans.event().map(|event| Some((due, event)));
                };
                if due.version != live.version().next() {
                    return Ok(frequent.map(|event| (due, event)));
                }
                *events += 1;
                live.apply(event, due.at, changes);
                changes.clear();
            }
        }));
        *seen = wave.lsn(last);
        walked.unwrap_or_else(|panic| {
            let lsn = wave.lsn(spans.place());
            self.changes.clear();
            self.refuse(run, None, lsn, contradiction(lsn, &*panic));
            Ok(None)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_survives() {
        let (run, at, first) = (RunIndex(9), UnixMillis(1 << 50), Version(1 << 40));
        let head = Head { place: 7, run, bytes: 5, count: 65_535, at, first };
        let bytes = [&head.encoded()[..], &[1, 2]].concat();
        assert_eq!(Head::take(&bytes), Some((head, &[1, 2][..])));
        assert_eq!(Head::take(&bytes[..HEAD_BYTES - 1]), None);
    }

    #[test]
    fn spans_come_back_by_run_in_their_order_with_their_frames() {
        let mut wave = Wave::default();
        let mut bytes = Vec::new();
        v1::encode_event(&Event::RunRetired, &mut bytes);
        // Two runs of one part, and one of another.
        let runs = [5 + 2 * PARTS as u32, 2, 5];
        for lsn in 1..=4_u64 {
            wave.begin(LogPosition { lsn: Lsn(lsn), segment: 1, offset: lsn * 100 });
            for run in runs.into_iter().filter(|run| u64::from(*run) != lsn) {
                let (run, at, first) = (RunIndex(run), UnixMillis(lsn), Version(2 * lsn));
                let span = SpanHead { shard: 0, run, at, first, count: 2 };
                wave.take(&span, &[&bytes[..], &bytes].concat());
            }
        }
        let (mut sorted, mut order, mut seen) = (Sorted::default(), Vec::new(), Vec::new());
        for part in &wave.parts {
            sorted.sort(part);
            for (run, mut spans) in sorted.runs(part) {
                order.push(run.0);
                while let Some(due) = spans.due() {
                    assert_eq!(spans.event(), Ok(Event::RunRetired));
                    seen.push((due.version.0, due.at.0, wave.lsn(spans.place()).0));
                }
            }
        }
        assert_eq!(order, [2, 5, 5 + 2 * PARTS as u32]);
        let four = [(2, 1, 1), (3, 1, 1), (4, 2, 2), (5, 2, 2), (6, 3, 3), (7, 3, 3)];
        let last = [(8, 4, 4), (9, 4, 4)];
        let all = [&four[..], &last].concat();
        assert_eq!(seen, [&four[..2], &four[4..], &last, &all, &all].concat());
        wave.clear();
        assert!(wave.parts.iter().all(Vec::is_empty) && wave.bytes == 0 && !wave.is_full());
    }
}
