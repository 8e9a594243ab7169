//! A wave of the log applied run by run.
//!
//! It is applied before anything else that depends on the state of runs: damage, a footer, the
//! end. What is told first is told by frames, as in the order of the log.

use std::panic::{AssertUnwindSafe, catch_unwind};

use berth_inventory::{Event, RunIndex, UnixMillis, Version};

use super::{Replayer, Slot, contradiction};
use crate::codec::CodecFault;
use crate::log::Tally;
use crate::section::Touch;
use crate::stored::v1;
use crate::wave::{Head, Sorted, Spans, Wave};
use crate::{LogPosition, Lsn};

/// An event that is due, still without what happened.
#[derive(Clone, Copy, Debug)]
struct Due {
    at: UnixMillis,
    version: Version,
}

/// Walks over the events of one run.
struct Walk<'a> {
    /// The spans behind the one at `head`.
    spans: Spans<'a>,
    /// The version that the last event of all makes.
    last: Version,
    head: Head,
    /// Events taken of the span at `head`.
    taken: u16,
    /// Those left of it.
    events: &'a [u8],
}

impl<'a> Walk<'a> {
    fn of(spans: Spans<'a>) -> Self {
        let last = spans.last_head();
        let last = Version(last.first.0 + u64::from(last.count) - 1);
        Self { spans, last, head: Head::default(), taken: 0, events: &[] }
    }

    /// The frame that the last event was of.
    fn frame(&self) -> u32 {
        self.head.frame
    }

    /// When the next event happened, and the version it makes.
    #[inline]
    fn due(&mut self) -> Option<Due> {
        while self.taken == self.head.count {
            (self.head, self.events) = self.spans.next()?;
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
    fn take(&mut self, frame: u32, found: T) {
        if self.0.as_ref().is_none_or(|(first, _)| frame < *first) {
            self.0 = Some((frame, found));
        }
    }
}

fn lsn_of(wave: &Wave, frame: u32) -> Lsn {
    wave.frame(frame).lsn
}

/// Whether an event does nothing but change its run.
fn is_plain(event: &Event) -> bool {
    !matches!(event, Event::RunCreated(_) | Event::PnrBlockLeased { .. })
}

impl Replayer<'_> {
    /// Applies everything in `wave`, run by run, and empties it; `tally` hears of the last version
    /// of each run.
    ///
    /// # Errors
    /// The first frame in the order of the log that has an event which cannot be decoded.
    pub fn apply(
        &mut self,
        wave: &mut Wave,
        tally: &mut Tally,
    ) -> Result<(), (LogPosition, CodecFault)> {
        let told = self.nameless.take();
        let (mut nameless, mut fault) = (First(None), First(None));
        let mut sorted = Sorted::default();
        for part in wave.parts() {
            sorted.sort(part);
            for (run, spans) in sorted.runs(part) {
                let mut walk = Walk::of(spans);
                tally.take(Touch { run, last: walk.last, created: None });
                if let Err(why) = self.apply_run(run, wave, &mut walk, &mut nameless) {
                    fault.take(walk.frame(), why);
                }
            }
        }
        self.nameless = told.or(nameless.0.map(|(_, nameless)| nameless));
        let fault = fault.0.map(|(frame, why)| (wave.frame(frame), why));
        wave.clear();
        fault.map_or(Ok(()), Err)
    }

    fn apply_run(
        &mut self,
        run: RunIndex,
        wave: &Wave,
        walk: &mut Walk<'_>,
        nameless: &mut First<(RunIndex, Lsn)>,
    ) -> Result<(), CodecFault> {
        let mut left = None;
        loop {
            let (due, event) = match left.take() {
                Some(left) => left,
                None => match walk.due() {
                    Some(due) => (due, walk.event()?),
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
                left = self.follow(run, wave, walk, due, &event)?;
                continue;
            }
            self.take_event(lsn_of(wave, walk.frame()), run, due.at, due.version, &event);
            if let Some(found) = self.nameless.take() {
                nameless.take(walk.frame(), found);
            }
        }
    }

    /// Applies `event`, which makes the next version of a live run and does nothing else, and all
    /// frequent ones behind it that do the same; the first that does not.
    fn follow(
        &mut self,
        run: RunIndex,
        wave: &Wave,
        walk: &mut Walk<'_>,
        due: Due,
        event: &Event,
    ) -> Result<Option<(Due, Event)>, CodecFault> {
        let Some(Slot::Live(live, seen)) = self.slots.get_mut(run.0 as usize) else {
            return Ok(None);
        };
        live.expect(walk.last.0.saturating_sub(live.version().0) as usize);
        let (changes, events) = (&mut self.changes, &mut self.events);
        let mut last = walk.frame();
        let walked = catch_unwind(AssertUnwindSafe(|| {
            *events += 1;
            live.apply(event, due.at, changes);
            changes.clear();
            loop {
                last = walk.frame();
                let Some(due) = walk.due() else { return Ok(None) };
                let frequent = v1::decode_frequent(&mut walk.events);
                let Some(event) = &frequent else {
                    return walk.event().map(|event| Some((due, event)));
                };
                if due.version != live.version().next() {
                    return Ok(frequent.map(|event| (due, event)));
                }
                *events += 1;
                live.apply(event, due.at, changes);
                changes.clear();
            }
        }));
        *seen = lsn_of(wave, last);
        walked.unwrap_or_else(|panic| {
            let lsn = lsn_of(wave, walk.frame());
            self.changes.clear();
            self.refuse(run, None, lsn, contradiction(lsn, &*panic));
            Ok(None)
        })
    }
}
