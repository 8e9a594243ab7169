//! Many writers at once, and what each of them asked and was told.
//!
//! A writer sells until its connection ends. What was told must be found afterwards, whatever
//! happened to the server; what was asked and not told may or may not have happened, but a retry
//! with the same id finds out, and every retry is told the same.

use std::sync::{Arc, Mutex};

use berth_client::{ClientError, v1};
use futures_util::future::join_all;
use tokio::task::JoinSet;

use crate::asking::{
    AHEAD, Answered as _, berths, cancel, confirm, get_booking, get_hold, release, reserve, run,
    states, stop, ttl,
};
use crate::ledger::Ledger;
use crate::server::Server;
use crate::wire::door::Door;

/// Something that was asked, with its id.
#[derive(Clone, Debug)]
enum Asked {
    Reserve(v1::ReserveRequest),
    Confirm(v1::ConfirmRequest),
    Release(v1::ReleaseRequest),
}

/// What of an answer stays true for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    Held {
        hold: String,
        berths: Vec<String>,
    },
    Booked {
        pnr: String,
        hold: String,
        berths: Vec<String>,
    },
    Released {
        hold: String,
        who: Vec<u32>,
    },
    /// Left no trace: it is decided anew.
    Refused(v1::Reason),
}

#[derive(Clone, Debug)]
struct Entry {
    asked: Asked,
    told: Option<Told>,
}

/// See the module.
#[derive(Clone, Default)]
pub struct Diary(Arc<Mutex<Vec<Entry>>>);

impl Asked {
    async fn ask(&self, door: &Door) -> Option<Told> {
        self.try_it(door).await.ok()
    }

    async fn try_it(&self, door: &Door) -> Result<Told, ClientError> {
        Ok(match self {
            Self::Reserve(ask) => match door.try_it(ask).await?.outcome() {
                Ok(hold) => Told::Held { berths: berths(&hold.allocations), hold: hold.hold_id },
                Err(refusal) => Told::Refused(refusal.reason()),
            },
            Self::Confirm(ask) => match door.try_it(ask).await?.outcome() {
                Ok(booking) => Told::Booked {
                    berths: berths(&booking.allocations),
                    pnr: booking.pnr,
                    hold: booking.hold_id,
                },
                Err(refusal) => Told::Refused(refusal.reason()),
            },
            Self::Release(ask) => match door.try_it(ask).await?.outcome() {
                Ok(released) => {
                    Told::Released { hold: ask.hold_id.clone(), who: released.passengers }
                }
                Err(refusal) => Told::Refused(refusal.reason()),
            },
        })
    }
}

/// The reserve number `n` of a writer: spread over runs, legs and party sizes.
fn wish(n: usize) -> v1::ReserveRequest {
    let (from, to) = [("A", "C"), ("C", "E"), ("B", "D"), ("D", "E")][n % 4];
    v1::ReserveRequest {
        run: Some(run("10005", AHEAD + i32::try_from(n / 4 % 32).expect("a small number"))),
        from_stop: Some(stop(from)),
        to_stop: Some(stop(to)),
        ttl: Some(ttl(900)),
        ..reserve("", n % 2 + 1)
    }
}

impl Diary {
    /// Starts so many writers over unary calls and sessions; none when the server is gone before it
    /// has let the first in, which a planted end of its may well be.
    pub async fn write(&self, server: &Server, writers: usize) -> JoinSet<()> {
        let mut doors = Vec::new();
        for _ in 0..4 {
            let Some(both) = Door::both_if_up(server).await else { break };
            doors.extend(both.map(Arc::new));
        }
        let mut set = JoinSet::new();
        let writers = if doors.is_empty() { 0 } else { writers };
        for writer in 0..writers {
            let (diary, door) = (self.clone(), Arc::clone(&doors[writer % doors.len()]));
            set.spawn(async move { diary.writer(&door, writer, usize::MAX).await });
        }
        set
    }

    /// Starts so many writers that share one door, each with so many reserves.
    pub fn write_through(&self, door: &Arc<Door>, writers: usize, reserves: usize) -> JoinSet<()> {
        let mut set = JoinSet::new();
        for writer in 0..writers {
            let (diary, door) = (self.clone(), Arc::clone(door));
            set.spawn(async move { diary.writer(&door, writer, reserves).await });
        }
        set
    }

    async fn writer(&self, door: &Door, writer: usize, reserves: usize) {
        for n in (writer..).step_by(7).take(reserves) {
            let Some(told) = self.ask(door, Asked::Reserve(wish(n))).await else { return };
            let Told::Held { hold, .. } = told else { continue };
            let next = match n % 5 {
                0 | 1 => {
                    let payment_reference = format!("paid {n}");
                    Asked::Confirm(v1::ConfirmRequest { payment_reference, ..confirm(&hold) })
                }
                2 => Asked::Confirm(v1::ConfirmRequest {
                    passengers: vec![1],
                    keep_rest: n % 2 == 0,
                    ..confirm(&hold)
                }),
                3 => Asked::Release(release(&hold)),
                _ => continue,
            };
            if self.ask(door, next).await.is_none() {
                return;
            }
        }
    }

    /// Asks, and writes down first what is asked and then what is told.
    async fn ask(&self, door: &Door, asked: Asked) -> Option<Told> {
        let place = {
            let mut entries = self.0.lock().unwrap();
            entries.push(Entry { asked: asked.clone(), told: None });
            entries.len() - 1
        };
        let told = asked.ask(door).await;
        self.0.lock().unwrap()[place].told.clone_from(&told);
        told
    }

    /// One diary of many.
    pub fn of(parts: Vec<Self>) -> Self {
        let whole = Self::default();
        for part in parts {
            whole.0.lock().unwrap().append(&mut part.0.lock().unwrap());
        }
        whole
    }

    /// How many asked something.
    pub fn asked(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// How many were told something.
    pub fn told(&self) -> usize {
        self.0.lock().unwrap().iter().filter(|entry| entry.told.is_some()).count()
    }

    /// Everything that was told is there, every retry of it is told the same, and what was not
    /// told is told now, twice the same.
    pub async fn is_kept_by(&self, server: &Server) {
        let [unary, session] = Door::both(server).await;
        let entries = self.0.lock().unwrap().clone();
        let kept = entries.iter().filter_map(|entry| entry.told.as_ref());
        join_all(kept.map(|told| is_there(&session, told))).await;
        let settle = async |(place, entry): (usize, &Entry)| {
            if matches!(entry.told, Some(Told::Refused(_))) {
                return None;
            }
            let door = if place % 16 == 0 { &unary } else { &session };
            let now = entry.asked.try_it(door).await;
            let now = now.expect("an answer from a server that serves");
            if let Some(first) = &entry.told {
                assert_eq!(now, *first, "a retry of {:?}", entry.asked);
                return None;
            }
            if !matches!(now, Told::Refused(_)) {
                let again = entry.asked.try_it(door).await.expect("an answer");
                assert_eq!(again, now, "a second retry of {:?}", entry.asked);
            }
            Some((place, now))
        };
        let settled = join_all(entries.iter().enumerate().map(settle)).await;
        let mut entries = self.0.lock().unwrap();
        for (place, now) in settled.into_iter().flatten() {
            entries[place].told = Some(now);
        }
    }

    /// Cancels and releases everything, so that others may sell it again.
    pub async fn is_given_back(&self, server: &Server) {
        let [_, session] = Door::both(server).await;
        let entries = self.0.lock().unwrap().clone();
        let give = async |told: &Told| match told {
            Told::Booked { pnr, .. } => drop(session.cancel(&cancel(pnr)).await.done()),
            // What is booked or released already is refused, or done.
            Told::Held { hold, .. } => drop(session.release(&release(hold)).await),
            Told::Released { .. } | Told::Refused(_) => {}
        };
        join_all(entries.iter().filter_map(|entry| entry.told.as_ref()).map(give)).await;
    }

    /// The journal has each effect that was told, once, and no other.
    pub fn is_in(&self, ledger: &Ledger) {
        let mut holds = 0;
        for entry in self.0.lock().unwrap().iter() {
            match (&entry.asked, entry.told.as_ref().expect("everything was settled")) {
                (Asked::Reserve(ask), Told::Held { hold, berths }) => {
                    holds += 1;
                    let holding = &ledger.holds[hold];
                    assert_eq!(holding.request_id, ask.request_id);
                    assert_eq!(holding.names(), *berths);
                }
                (Asked::Confirm(ask), Told::Booked { pnr, hold, .. }) => {
                    let booking = (pnr.clone(), ask.request_id.clone());
                    assert!(ledger.holds[hold].bookings.contains(&booking), "{booking:?}");
                }
                (Asked::Release(_), Told::Released { hold, who }) => {
                    let states = &ledger.holds[hold].states;
                    let given = |n: &u32| states[*n as usize - 1] == v1::AllocationStatus::Released;
                    assert!(who.iter().all(given), "{hold} {who:?} {states:?}");
                }
                (_, Told::Refused(_)) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(ledger.holds.len(), holds, "nothing happened that nobody asked for");
    }
}

async fn is_there(door: &Door, told: &Told) {
    match told {
        Told::Held { hold, berths: given } => {
            let now = door.get_hold(&get_hold(hold)).await.done();
            assert_eq!(berths(&now.allocations), *given);
        }
        Told::Booked { pnr, hold, berths: given } => {
            let now = door.get_booking(&get_booking(pnr)).await.done();
            assert_eq!((&now.hold_id, &berths(&now.allocations)), (hold, given));
            let confirmed = |state: &_| *state == v1::AllocationStatus::Confirmed;
            assert!(states(&now.allocations).iter().all(confirmed), "{now:?}");
        }
        Told::Released { hold, who } => {
            let now = door.get_hold(&get_hold(hold)).await.done();
            let states = states(&now.allocations);
            let given = |n: &u32| states[*n as usize - 1] == v1::AllocationStatus::Released;
            assert!(who.iter().all(given), "{now:?}");
        }
        Told::Refused(_) => {}
    }
}
