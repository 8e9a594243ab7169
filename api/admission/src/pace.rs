//! How many come in: a token bucket whose rate follows what the engine can carry now.
//!
//! The rate rises by a twentieth of its ceiling a second while the engine keeps up and falls by three
//! tenths as soon as it does not (additive increase, multiplicative decrease, as in TCP), between a
//! floor and a ceiling. The floor keeps a room moving whatever is measured; only an engine that takes
//! nothing at all stops it. Rates are people a second, amounts thousandths of a person.

use berth_inventory::{Millis, UnixMillis};

/// Between two looks at the load: a fall needs the time to show.
const LOOK_EVERY: Millis = Millis(250);
/// Part of the ceiling that the rate rises by in a second.
const RISE: u64 = 20;
/// Tenths that are left after a fall.
const FALL: u64 = 7;

/// What the engine is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Messages waiting in its queues.
    pub queued: usize,
    /// How long a command takes there and back: its queue and the journal's commit.
    pub answer: Millis,
    /// It takes no reserve at all: the journal failed, the disk is full, the node stops.
    pub is_stopped: bool,
}

/// Bounds of the rate, and what counts as too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaceRules {
    /// People a second, least.
    pub floor: u32,
    /// People a second, most.
    pub ceiling: u32,
    /// Messages waiting, most.
    pub queued_max: usize,
    /// A command there and back, longest.
    pub answer_max: Millis,
}

impl Default for PaceRules {
    fn default() -> Self {
        Self { floor: 10, ceiling: 1_000, queued_max: 256, answer_max: Millis(50) }
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Pace {
    rules: PaceRules,
    /// Thousandths of a person a second.
    rate: u64,
    /// Thousandths of a person.
    saved: u64,
    last: Option<UnixMillis>,
    looked: UnixMillis,
}

impl Pace {
    /// Begins at half of the ceiling, with nothing saved.
    pub fn new(rules: PaceRules) -> Self {
        let rate = u64::from(rules.ceiling) * 500;
        Self { rules, rate, saved: 0, last: None, looked: UnixMillis(0) }
    }

    /// Time has passed; at most `most` people are saved up.
    pub fn pass(&mut self, now: UnixMillis, load: Load, most: u32) {
        let Some(last) = self.last.replace(now) else { return };
        if load.is_stopped {
            return;
        }
        self.saved += self.rate * now.since(last).0 / 1_000;
        self.saved = self.saved.min(u64::from(most) * 1_000);
        let since = now.since(self.looked);
        if since >= LOOK_EVERY {
            self.looked = now;
            self.look(load, since.min(Millis(1_000)));
        }
    }

    fn look(&mut self, load: Load, since: Millis) {
        let PaceRules { floor, ceiling, queued_max, answer_max } = self.rules;
        let ceiling = u64::from(ceiling) * 1_000;
        if load.queued > queued_max || load.answer > answer_max {
            self.rate = self.rate * FALL / 10;
        } else {
            self.rate += ceiling * since.0 / 1_000 / RISE;
        }
        self.rate = self.rate.clamp((u64::from(floor) * 1_000).min(ceiling), ceiling);
    }

    /// Whole people that may come in.
    pub fn people(&self) -> u32 {
        (self.saved / 1_000) as u32
    }

    /// They did; thousandths.
    pub fn spend(&mut self, thousandths: u64) {
        self.saved = self.saved.saturating_sub(thousandths);
    }

    /// People a second, now.
    pub fn rate(&self) -> u32 {
        (self.rate / 1_000) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: PaceRules =
        PaceRules { floor: 10, ceiling: 1_000, queued_max: 100, answer_max: Millis(50) };
    const IDLE: Load = Load { queued: 0, answer: Millis(1), is_stopped: false };

    fn lived(pace: &mut Pace, from: u64, ms: u64, load: Load) -> u64 {
        let mut people = 0;
        for now in (from..from + ms).step_by(100) {
            pace.pass(UnixMillis(now), load, 10_000);
            people += u64::from(pace.people());
            pace.spend(u64::from(pace.people()) * 1_000);
        }
        people
    }

    #[test]
    fn the_rate_follows_what_the_engine_carries() {
        let mut pace = Pace::new(RULES);
        assert_eq!(pace.rate(), 500);
        lived(&mut pace, 0, 15_000, IDLE);
        assert_eq!(pace.rate(), 1_000, "up to the ceiling");
        let people = lived(&mut pace, 15_000, 10_000, IDLE);
        assert!((9_900..=10_100).contains(&people), "{people} in ten seconds");
        for slow in [Load { queued: 101, ..IDLE }, Load { answer: Millis(51), ..IDLE }] {
            let mut pace = pace.clone();
            lived(&mut pace, 25_000, 1_000, slow);
            assert!(pace.rate() < 360, "{} after a second of {slow:?}", pace.rate());
            lived(&mut pace, 26_000, 20_000, slow);
            assert_eq!(pace.rate(), 10, "down to the floor, not to nothing");
        }
    }

    #[test]
    fn an_engine_that_takes_nothing_stops_the_room() {
        let mut pace = Pace::new(RULES);
        lived(&mut pace, 0, 1_000, IDLE);
        let stopped = Load { is_stopped: true, ..IDLE };
        assert_eq!(lived(&mut pace, 1_000, 60_000, stopped), 0);
        // What passed meanwhile is not made up for.
        assert!(lived(&mut pace, 61_000, 1_000, IDLE) < 700);
    }

    #[test]
    fn a_clock_that_stands_or_jumps_back_gives_nothing() {
        let mut pace = Pace::new(RULES);
        pace.pass(UnixMillis(10_000), IDLE, 10_000);
        pace.pass(UnixMillis(10_000), IDLE, 10_000);
        pace.pass(UnixMillis(5_000), IDLE, 10_000);
        assert_eq!(pace.people(), 0);
        pace.pass(UnixMillis(3_600_000), IDLE, 700);
        assert_eq!(pace.people(), 700, "an hour later: as many as may be saved up");
    }
}
