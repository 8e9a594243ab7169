//! A history judged by its events alone: what a reader who trusts nobody would write down.
//!
//! Panics on the first event that cannot have happened: a version out of turn, a berth given on a
//! leg on which somebody has it, a request id with two effects, an end of what is not held.

use std::collections::{BTreeMap, BTreeSet};

use berth_client::v1::AllocationStatus::{self, Cancelled, Confirmed, Expired, Held, Released};
use berth_client::v1::journal_event::Event;
use berth_client::v1::{HeldEvent, JournalEvent};

/// Train and start date.
pub type RunName = (String, String);
/// Run, coach, number.
type BerthKey = (RunName, String, u32);

/// One hold and all that became of it.
#[derive(Debug)]
pub struct Holding {
    pub run: RunName,
    pub request_id: String,
    pub from: u32,
    pub to: u32,
    /// Coach and number; none for a child without a berth.
    pub berths: Vec<Option<(String, u32)>>,
    pub states: Vec<AllocationStatus>,
    /// Printed PNR and request id of each confirm.
    pub bookings: Vec<(String, String)>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Ledger {
    pub holds: BTreeMap<String, Holding>,
    /// Hold by PNR.
    pub bookings: BTreeMap<String, String>,
    /// Last version by run.
    pub versions: BTreeMap<RunName, u64>,
    requests: BTreeSet<String>,
    /// Who has a berth: legs from, to, and the hold.
    taken: BTreeMap<BerthKey, Vec<(u32, u32, String)>>,
    lsn: u64,
}

impl Holding {
    /// Berths as `S1-1`, in the order of the party; `-` for a child without one.
    pub fn names(&self) -> Vec<String> {
        let name = |berth: &Option<(String, u32)>| match berth {
            Some((coach, number)) => format!("{coach}-{number}"),
            None => "-".to_owned(),
        };
        self.berths.iter().map(name).collect()
    }
}

impl Ledger {
    /// Berth-legs of a run that are held, and that are sold.
    pub fn berth_legs(&self, run: &RunName) -> (u64, u64) {
        let of_run = self.holds.values().filter(|hold| hold.run == *run);
        let (mut held, mut sold) = (0, 0);
        for hold in of_run {
            let legs = u64::from(hold.to - hold.from);
            for (state, berth) in hold.states.iter().zip(&hold.berths) {
                match state {
                    Held if berth.is_some() => held += legs,
                    Confirmed if berth.is_some() => sold += legs,
                    _ => {}
                }
            }
        }
        (held, sold)
    }

    pub fn read(events: &[JournalEvent]) -> Self {
        let mut ledger = Self::default();
        for event in events {
            ledger.take(event);
        }
        ledger
    }

    fn take(&mut self, event: &JournalEvent) {
        assert!(event.lsn >= self.lsn, "frame {} after frame {}: {event:?}", event.lsn, self.lsn);
        self.lsn = event.lsn;
        let run = (event.train.clone(), event.start_date.clone());
        let version = self.versions.entry(run.clone()).or_default();
        *version += 1;
        assert_eq!(event.run_version, *version, "a version out of turn: {event:?}");
        let what = event.event.as_ref().expect("an event of a kind that is known");
        assert_eq!(*version == 1, matches!(what, Event::RunCreated(_)), "{event:?}");
        match what {
            Event::Held(held) => self.held(run, held),
            Event::Confirmed(e) => {
                self.first_effect(&e.request_id);
                let rest = if e.keep_rest { Held } else { Released };
                let booking = (e.pnr.clone(), e.request_id.clone());
                self.holds.get_mut(&e.hold_id).expect("a hold").bookings.push(booking);
                let twice = self.bookings.insert(e.pnr.clone(), e.hold_id.clone());
                assert_eq!(twice, None, "PNR {} was given twice", e.pnr);
                self.end(&e.hold_id, &e.passengers, Held, Confirmed);
                if rest == Released {
                    let left = self.in_state(&e.hold_id, Held);
                    self.end(&e.hold_id, &left, Held, Released);
                }
            }
            Event::Extended(e) => self.first_effect(&e.request_id),
            Event::Released(e) => self.end(&e.hold_id, &e.passengers, Held, Released),
            Event::Expired(e) => {
                let left = self.in_state(&e.hold_id, Held);
                assert_ne!(left, Vec::<u32>::new(), "nobody was held: {event:?}");
                self.end(&e.hold_id, &left, Held, Expired);
            }
            Event::Cancelled(e) => {
                let hold = self.bookings[&e.pnr].clone();
                self.end(&hold, &e.passengers, Confirmed, Cancelled);
            }
            Event::RunRetired(_) => {
                let of_run = self.holds.iter().filter(|(_, hold)| hold.run == run);
                let holds: Vec<String> = of_run.map(|(id, _)| id.clone()).collect();
                for hold in holds {
                    let left = self.in_state(&hold, Held);
                    self.end(&hold, &left, Held, Expired);
                }
            }
            _ => {}
        }
    }

    fn held(&mut self, run: RunName, held: &HeldEvent) {
        self.first_effect(&held.request_id);
        let place = |stop: &Option<berth_client::v1::Stop>| stop.as_ref().expect("a stop").sequence;
        let (from, to) = (place(&held.from_stop), place(&held.to_stop));
        assert!(from < to, "{held:?}");
        let berth =
            |a: &berth_client::v1::Allocation| (a.berth > 0).then(|| (a.coach.clone(), a.berth));
        let berths: Vec<_> = held.allocations.iter().map(berth).collect();
        for (coach, number) in berths.iter().flatten() {
            let key = (run.clone(), coach.clone(), *number);
            let taken = self.taken.entry(key).or_default();
            let other = taken.iter().find(|(a, b, _)| *a < to && from < *b);
            assert_eq!(other, None, "{coach}-{number} was taken on {from}..{to}: {held:?}");
            taken.push((from, to, held.hold_id.clone()));
        }
        let states = vec![Held; berths.len()];
        let request_id = held.request_id.clone();
        let holding = Holding { run, request_id, from, to, berths, states, bookings: Vec::new() };
        let twice = self.holds.insert(held.hold_id.clone(), holding);
        assert!(twice.is_none(), "hold {} was given twice", held.hold_id);
    }

    fn first_effect(&mut self, request_id: &str) {
        let first = self.requests.insert(request_id.to_owned());
        assert!(first, "request {request_id} took effect twice");
    }

    fn in_state(&self, hold: &str, state: AllocationStatus) -> Vec<u32> {
        let states = self.holds[hold].states.iter();
        (1..).zip(states).filter(|(_, s)| **s == state).map(|(n, _)| n).collect()
    }

    /// Moves passengers from one state to another; whoever is neither held nor booked has no berth.
    fn end(&mut self, hold: &str, who: &[u32], from: AllocationStatus, to: AllocationStatus) {
        let holding = self.holds.get_mut(hold).expect("an event of a hold that was made");
        for passenger in who {
            let place = *passenger as usize - 1;
            assert_eq!(holding.states[place], from, "passenger {passenger} of {hold} to {to:?}");
            holding.states[place] = to;
            if to == Confirmed {
                continue;
            }
            if let Some((coach, number)) = holding.berths[place].clone() {
                let key = (holding.run.clone(), coach, number);
                let taken = self.taken.get_mut(&key).expect("the berth was taken");
                taken
                    .retain(|(a, b, by)| (*a, *b, by.as_str()) != (holding.from, holding.to, hold));
            }
        }
    }
}
