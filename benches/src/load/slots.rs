//! The customers of one connection: who waits for what, since when, and what comes next.

use std::time::Instant;

use super::answer::Said;
use super::command::Next;
use super::stage::Stage;
use crate::paired::Dice;

/// What customers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Reserve; of a hundred holds so many are paid for, then cancelled; the others are released.
    Cycle {
        /// Holds of a hundred.
        paid: u8,
    },
    /// Reserve, again and again, on a train that is sold out: a refusal is the answer that belongs.
    SoldOut,
    /// Reserve and confirm the whole route until the train is sold out.
    SellOut,
    /// Reserve and keep asking; nothing is given back. What an echo is asked beside `SoldOut`.
    ReserveOnly,
    /// Everybody wants a berth of one train: reserve and confirm; sold out is an answer too.
    Tatkal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Idle,
    Reserve,
    Confirm,
    /// Release or cancel.
    End,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    since: u64,
    step: Step,
}

/// What was counted.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Answers.
    pub answered: u64,
    /// Answers that belong: granted, or refused where a train is sold out.
    pub proper: u64,
    /// The first that does not belong.
    pub example: Option<String>,
}

/// See the module. Times are nanoseconds from the start of the round.
#[derive(Debug)]
pub struct Slots<'a> {
    all: Vec<Slot>,
    stage: &'a Stage,
    style: Style,
    dice: Dice,
    start: Instant,
    /// Nobody begins anew.
    pub over: bool,
    pub counts: Counts,
}

impl<'a> Slots<'a> {
    /// So many customers.
    pub fn new(count: usize, stage: &'a Stage, style: Style, seed: u64, start: Instant) -> Self {
        Self {
            all: vec![Slot { since: 0, step: Step::Idle }; count],
            stage,
            style,
            dice: Dice(seed),
            start,
            over: false,
            counts: Counts::default(),
        }
    }

    /// Nanoseconds from the start of the round.
    pub fn ns(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.start).as_nanos() as u64
    }

    /// A customer begins.
    pub fn begin(&mut self, slot: usize, at: u64) -> Next<'a> {
        self.all[slot] = Slot { since: at, step: Step::Reserve };
        let stage: &'a Stage = self.stage;
        Next::Reserve(match self.style {
            Style::SellOut => stage.whole_route(),
            _ => stage.wish(&mut self.dice),
        })
    }

    /// A customer was answered: since when it had waited. `None` for a number nobody has.
    pub fn waited(&self, slot: u64) -> Option<u64> {
        self.all.get(usize::try_from(slot).ok()?).map(|slot| slot.since)
    }

    /// What a customer does after an answer; `None` when it begins anew, or not at all.
    pub fn follow<'b>(&mut self, slot: usize, said: Said<'b>, at: u64) -> Option<Next<'b>> {
        let step = self.all[slot].step;
        self.counts.answered += 1;
        let (proper, next) = match (step, said, self.style) {
            (Step::Reserve, Said::Hold(hold), Style::Cycle { paid }) => {
                let pays = !self.over && self.dice.below(100) < usize::from(paid);
                (true, Some(if pays { Next::Confirm(hold) } else { Next::Release(hold) }))
            }
            (Step::Reserve, Said::Hold(hold), Style::SellOut | Style::Tatkal) => {
                (true, Some(Next::Confirm(hold)))
            }
            (Step::Reserve, Said::Hold(hold), Style::SoldOut) => (false, Some(Next::Release(hold))),
            (Step::Confirm, Said::Booking(pnr), Style::Cycle { .. }) => {
                (true, Some(Next::Cancel(pnr)))
            }
            (Step::Reserve, Said::Hold(_), Style::ReserveOnly)
            | (Step::Confirm, Said::Booking(_), _)
            | (Step::End, Said::Ended, _) => (true, None),
            (Step::Reserve, said, Style::SoldOut | Style::Tatkal) => (said.is_sold_out(), None),
            (Step::Reserve, said, Style::SellOut) if said.is_sold_out() => {
                self.over = true;
                (true, None)
            }
            _ => (false, None),
        };
        self.counts.proper += u64::from(proper);
        if !proper && self.counts.example.is_none() {
            self.counts.example = Some(format!("after {step:?}: {}", said.words()));
        }
        let step = match next {
            None => Step::Idle,
            Some(Next::Reserve(_)) => Step::Reserve,
            Some(Next::Confirm(_)) => Step::Confirm,
            Some(Next::Release(_) | Next::Cancel(_)) => Step::End,
        };
        self.all[slot] = Slot { since: at, step };
        next
    }

    /// Says anew since when a customer waits: what follows leaves later than it was known.
    pub fn sent(&mut self, slot: usize, at: u64) {
        self.all[slot].since = at;
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{HOT_REAL, Spread};
    use super::*;

    #[test]
    fn a_customer_pays_and_cancels_or_gives_back() {
        let stage = Stage::new(Spread::Hot(HOT_REAL));
        let hold = [b'h'; 32];
        let mut slots = Slots::new(1, &stage, Style::Cycle { paid: 100 }, 1, Instant::now());
        assert!(matches!(slots.begin(0, 5), Next::Reserve(_)));
        assert_eq!(slots.waited(0), Some(5));
        assert!(matches!(slots.follow(0, Said::Hold(&hold), 9), Some(Next::Confirm(_))));
        assert!(matches!(slots.follow(0, Said::Booking(b"1"), 9), Some(Next::Cancel(b"1"))));
        assert!(slots.follow(0, Said::Ended, 9).is_none());
        slots.style = Style::Cycle { paid: 0 };
        slots.begin(0, 10);
        assert!(matches!(slots.follow(0, Said::Hold(&hold), 11), Some(Next::Release(_))));
        assert_eq!((slots.counts.answered, slots.counts.proper), (4, 4));
        assert!(slots.follow(0, Said::Fault(b""), 12).is_none());
        assert_eq!((slots.counts.answered, slots.counts.proper), (5, 4));
        assert!(slots.counts.example.is_some() && slots.waited(1).is_none());
    }

    #[test]
    fn on_a_sold_out_train_a_grant_is_what_does_not_belong() {
        let stage = Stage::new(Spread::Hot(HOT_REAL));
        let mut slots = Slots::new(1, &stage, Style::SoldOut, 1, Instant::now());
        slots.begin(0, 0);
        assert!(slots.follow(0, Said::Refused(&[0x08, 11]), 1).is_none());
        slots.begin(0, 0);
        assert!(slots.follow(0, Said::Hold(&[b'h'; 32]), 1).is_some());
        assert_eq!((slots.counts.answered, slots.counts.proper), (2, 1));
    }
}
