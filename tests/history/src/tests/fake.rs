//! A server that exists in a test only: many clients, one state, answers that may never arrive.

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

use crate::record::{
    Answer, Ask, BerthPlan, Event, Happened, History, Id, Refused, RunPlan, Said, Try, UNANSWERED,
};
use crate::twin::{Leeway, Twin};

pub const TTL: u64 = 60_000;

/// A run of six berths and four legs.
pub fn plan(name: &str) -> RunPlan {
    let berths = (1..=6).map(|n| BerthPlan { name: format!("S1-{n}"), pool: 0 }).collect();
    RunPlan { name: name.into(), legs: 4, pools: vec!["SL GN".into()], berths }
}

/// So many tries on one run.
pub fn history(seed: u64, tries: usize) -> History {
    let plan = plan("10001/2026-12-01");
    let mut fake = Fake {
        dice: SmallRng::seed_from_u64(seed),
        twin: Twin::new(&plan, Leeway::None),
        tries: Vec::new(),
        events: Vec::new(),
        holds: Vec::new(),
        pnrs: Vec::new(),
        asked: Vec::new(),
        us: 1_000_000_000,
        ids: 0,
    };
    fake.happen(&Event::Created, None);
    (0..tries).for_each(|_| fake.step());
    let Fake { tries, events, .. } = fake;
    History { runs: vec![plan], tries, events }
}

struct Fake<'a> {
    dice: SmallRng,
    twin: Twin<'a>,
    tries: Vec<Try>,
    events: Vec<Happened>,
    holds: Vec<Id>,
    pnrs: Vec<u64>,
    /// What may be asked once more.
    asked: Vec<(Id, Ask)>,
    us: u64,
    ids: u128,
}

impl Fake<'_> {
    fn id(&mut self) -> Id {
        self.ids += 1;
        Id(self.ids)
    }

    fn happen(&mut self, event: &Event, ask: Option<&Ask>) {
        let at = self.us / 1_000;
        self.twin.apply(event, at, ask).expect("the fake does what can be done");
        let event = event.clone();
        self.events.push(Happened { run: 0, version: self.twin.version, at, event });
    }

    fn step(&mut self) {
        self.us += self.dice.random_range(0..400_000);
        let now = self.us / 1_000;
        let late: Vec<Id> =
            self.twin.live().filter(|(_, due)| *due <= now).map(|(id, _)| id).collect();
        for hold in late {
            self.happen(&Event::Expired { hold }, None);
        }
        let (request, ask) = self.wish();
        let event = self.would(request, &ask);
        if let Some(event) = &event {
            self.happen(event, Some(&ask));
        }
        let said = self.says(request, &ask);
        let is_lost = self.dice.random_range(0..12) == 0;
        let answer = Answer { version: self.twin.version, at: now, said };
        let mut spread = || self.dice.random_range(1..900_000);
        let (invoked, returned) = (self.us - spread(), self.us + spread());
        self.tries.push(Try {
            run: 0,
            request,
            ask: ask.clone(),
            invoked,
            returned: if is_lost { UNANSWERED } else { returned },
            answer: (!is_lost).then_some(answer),
        });
        // A run knows the last extension of a hold only: an earlier one, asked again, is a new one.
        let is_known = !ask.is_of_an_operator() && !matches!(ask, Ask::Extend { .. });
        if request != Id::default() && is_known {
            self.asked.push((request, ask.clone()));
        }
        if is_lost && request != Id::default() && !ask.is_of_an_operator() {
            // Whoever hears nothing asks again, later.
            self.us += 1_000_000;
            self.answer_again(request, ask);
        }
    }

    fn answer_again(&mut self, request: Id, ask: Ask) {
        if let Some(event) = self.would(request, &ask) {
            self.happen(&event, Some(&ask));
        }
        let said = self.says(request, &ask);
        let answer = Answer { version: self.twin.version, at: self.us / 1_000, said };
        let (invoked, returned) = (self.us - 1_000, self.us + 1_000);
        self.tries.push(Try { run: 0, request, ask, invoked, returned, answer: Some(answer) });
    }

    fn wish(&mut self) -> (Id, Ask) {
        let none = Id::default();
        let hold = self.holds.choose(&mut self.dice).copied().unwrap_or(Id(u128::MAX));
        let pnr = self.pnrs.choose(&mut self.dice).copied().unwrap_or(1);
        let from = self.dice.random_range(0..3);
        let to = self.dice.random_range(from + 1..=4);
        let who = *[0, 0, 1, 2].choose(&mut self.dice).expect("four");
        match self.dice.random_range(0..23) {
            0..6 => {
                let (heads, ttl) = (self.dice.random_range(1..=2), TTL);
                (self.id(), Ask::Reserve { pool: 0, from, to, heads, berths: Vec::new(), ttl })
            }
            6 => {
                let berths = vec![self.dice.random_range(0..6)];
                (self.id(), Ask::Reserve { pool: 0, from, to, heads: 1, berths, ttl: TTL })
            }
            7..10 => {
                let keep = self.dice.random();
                (self.id(), Ask::Confirm { hold, who, keep, payment: 1 })
            }
            10..12 => (self.id(), Ask::Release { hold, who }),
            12 => (self.id(), Ask::Extend { hold, ttl: TTL }),
            13..15 => (self.id(), Ask::Cancel { pnr, who }),
            15 => (none, Ask::GetHold { hold }),
            16 => (none, Ask::GetBooking { pnr }),
            17 => {
                self.asked.choose(&mut self.dice).cloned().unwrap_or((none, Ask::GetHold { hold }))
            }
            18 => {
                let open = self.dice.random_range(0..4) != 0;
                (self.id(), Ask::Sale { pools: 1, open })
            }
            19 | 20 => {
                // Whoever gives back gives back all.
                let ask = if self.dice.random() {
                    let berths = vec![self.dice.random_range(0..6), self.dice.random_range(0..6)];
                    Ask::Block { berths, from, to, block: true }
                } else {
                    Ask::Block { berths: (0..6).collect(), from: 0, to: 4, block: false }
                };
                (self.id(), ask)
            }
            _ => (none, Ask::Query { pool: 0, from, to }),
        }
    }

    /// The event that follows, with the lowest berths that are free.
    fn would(&mut self, request: Id, ask: &Ask) -> Option<Event> {
        let now = self.us / 1_000;
        let who = self.twin.would_change(request, ask, now)?;
        Some(match *ask {
            Ask::Reserve { pool, from, to, heads, ref berths, ttl } => {
                let hold = self.id();
                self.holds.push(hold);
                let mut found = berths.clone();
                if found.is_empty() {
                    found = self.twin.free_berths(pool, from, to).take(heads.into()).collect();
                }
                let expires = now + ttl;
                Event::Held { hold, request, pool, from, to, berths: found, expires }
            }
            Ask::Confirm { hold, keep, .. } => {
                let pnr = 1_000 + self.pnrs.len() as u64;
                self.pnrs.push(pnr);
                Event::Confirmed { hold, request, pnr, who, keep }
            }
            Ask::Extend { hold, ttl } => Event::Extended { hold, request, expires: now + ttl },
            Ask::Release { hold, .. } => Event::Released { hold, who },
            Ask::Cancel { pnr, .. } => Event::Cancelled { pnr, who },
            Ask::Sale { .. } | Ask::Block { .. } => {
                return self.twin.event_of(request, ask, &Said::Done);
            }
            _ => return None,
        })
    }

    fn says(&self, request: Id, ask: &Ask) -> Said {
        let said = self.twin.says(request, ask, self.us / 1_000);
        said.unwrap_or(Said::Refused(Refused::Other(0)))
    }
}
