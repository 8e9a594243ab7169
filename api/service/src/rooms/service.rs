//! The service WaitingRoom: joins, tickets, watching them, leaving.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use berth_admission::{
    Basis, Estimate, Joined, NoTicket, NotAdmitted, Pass, Standing, Ticket, person_mark, proof,
};
use berth_engine::node::Health;
use berth_inventory::{Millis, Refusal, RunId, UnixMillis};
use berth_proto::v1;
use berth_proto::v1::waiting_room_server::WaitingRoom as Service;
use futures_util::Stream;
use tokio::sync::watch::Receiver;
use tokio::time::{Interval, MissedTickBehavior};
use tonic::{Code, Request, Response, Status};

use super::{Cell, Rooms};
use crate::desk::Desk;
use crate::wire::{self, JoinAsk, TicketAsk, Trouble, Where, timestamp};

/// How long somebody who waits is sent away, least and most: the time to come for a token is longer
/// than that.
const AGAIN_MS: (u64, u64) = (1_000, 10_000);
/// How often somebody asks during a wait, about.
const LOOKS: u64 = 8;
/// When a room that is full may have lost somebody.
const RETRY_FULL: Millis = Millis(30_000);

/// See the module.
pub(crate) struct WaitingRoom {
    pub desk: Arc<Desk>,
}

type Told = Result<v1::Ticket, Refusal>;

macro_rules! respond {
    ($desk:expr, $told:expr, $response:ident, $module:ident) => {{
        use v1::$module::Outcome;
        let outcome = match $told {
            Ok(ticket) => Outcome::Ticket(ticket),
            Err(why) => Outcome::Refusal($desk.teller().refusal(&why)),
        };
        v1::$response { outcome: Some(outcome) }
    }};
}

#[tonic::async_trait]
impl Service for WaitingRoom {
    async fn join(
        &self,
        request: Request<v1::JoinRequest>,
    ) -> Result<Response<v1::JoinResponse>, Status> {
        let ask = wire::join(request.get_ref()).map_err(Trouble::from)?;
        let caller = self.desk.rooms.caller(request.extensions());
        let told = self.desk.join(&ask, caller).await?;
        Ok(Response::new(respond!(self.desk, told, JoinResponse, join_response)))
    }

    async fn get_ticket(
        &self,
        request: Request<v1::GetTicketRequest>,
    ) -> Result<Response<v1::GetTicketResponse>, Status> {
        let ask = wire::get_ticket(request.get_ref()).map_err(Trouble::from)?;
        let told = self.desk.ticket(&ask, self.desk.rooms.caller(request.extensions()));
        Ok(Response::new(respond!(self.desk, told, GetTicketResponse, get_ticket_response)))
    }

    type WatchStream =
        Pin<Box<dyn Stream<Item = Result<v1::WaitingRoomWatchResponse, Status>> + Send>>;

    async fn watch(
        &self,
        request: Request<v1::WaitingRoomWatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let (ask, interval) = wire::watch_ticket(request.get_ref()).map_err(Trouble::from)?;
        let mut ticks = tokio::time::interval(Duration::from_millis(interval.0));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (desk, health) = (Arc::clone(&self.desk), self.desk.engine.health_watch());
        let caller = desk.rooms.caller(request.extensions());
        let watcher = Watcher { desk, ask, caller, ticks, health, told: None, over: false };
        let stream = futures_util::stream::unfold(watcher, |mut watcher| async move {
            let item = watcher.next().await?;
            Some((item, watcher))
        });
        Ok(Response::new(Box::pin(stream)))
    }

    async fn leave(
        &self,
        request: Request<v1::LeaveRequest>,
    ) -> Result<Response<v1::LeaveResponse>, Status> {
        let ask = wire::leave(request.get_ref()).map_err(Trouble::from)?;
        let told = self.desk.leave(&ask, self.desk.rooms.caller(request.extensions()));
        Ok(Response::new(respond!(self.desk, told, LeaveResponse, leave_response)))
    }
}

/// One Watch: a slow reader is not polled and misses what changed meanwhile, never the last of it.
struct Watcher {
    desk: Arc<Desk>,
    ask: TicketAsk,
    caller: u64,
    ticks: Interval,
    health: Receiver<Health>,
    told: Option<(i32, u32, u32)>,
    over: bool,
}

impl Watcher {
    async fn next(&mut self) -> Option<Result<v1::WaitingRoomWatchResponse, Status>> {
        while !self.over {
            tokio::select! {
                biased;
                _ = self.health.wait_for(|health| *health == Health::Draining) => {
                    self.over = true;
                    let why = "the node is draining; watch again after the restart, the place is kept";
                    return Some(Err(Trouble::new(Code::Unavailable, why).into_status()));
                }
                _ = self.ticks.tick() => {}
            }
            let told = self.desk.ticket(&self.ask, self.caller);
            self.over = told.as_ref().map_or(true, is_over);
            let seen =
                told.as_ref().ok().map(|ticket| (ticket.state, ticket.position, ticket.ahead));
            if self.over || seen != self.told {
                self.told = seen;
                let response = respond!(
                    self.desk,
                    told,
                    WaitingRoomWatchResponse,
                    waiting_room_watch_response
                );
                return Some(Ok(response));
            }
        }
        None
    }
}

fn is_over(ticket: &v1::Ticket) -> bool {
    use v1::TicketState::{Left, Missed, Spent};
    matches!(ticket.state(), Spent | Left | Missed)
}

impl Desk {
    async fn join(&self, ask: &JoinAsk, caller: u64) -> Result<Told, Trouble> {
        let rooms = &self.rooms;
        let now = self.engine.now();
        let Some((cell, secrets)) = rooms.asked(&ask.room, now).zip(rooms.secrets.as_ref()) else {
            return Ok(Err(Refusal::UnknownRoom { asked: named(&ask.room) }));
        };
        if let Some(keys) = &cell.proof
            && let Err(why) = proof(keys, &ask.proof, &cell.name, &ask.end_user, now)
        {
            rooms.unproven.fetch_add(1, Relaxed);
            return Ok(Err(Refusal::Unproven { room: cell.name.clone(), why: unproven(why) }));
        }
        let person = person_mark(&secrets.people, cell.mark, caller, &ask.end_user);
        loop {
            // Before the look, so that no news is missed between.
            let news = rooms.news.subscribe();
            let (joined, now) = (cell.room().join(person, self.engine.now()), self.engine.now());
            match joined {
                Ok(Joined { number, .. }) => {
                    let ticket = Ticket { room: cell.mark, number, caller };
                    let text = ticket.seal(&secrets.letters);
                    return Ok(Ok(rooms.tell(cell, ticket, text, None, now)));
                }
                Err(NoTicket::Wait) => rooms.wait(news).await?,
                Err(NoTicket::Closed) => {
                    return Ok(Err(Refusal::UnknownRoom { asked: cell.name.clone() }));
                }
                Err(NoTicket::Full) => {
                    let most = cell.rules.people_max;
                    let why =
                        format!("waiting room {} is full: {most} people joined it", cell.name);
                    let full = Trouble::new(Code::ResourceExhausted, why);
                    return Err(full.retry_after(RETRY_FULL));
                }
            }
        }
    }

    fn ticket(&self, ask: &TicketAsk, caller: u64) -> Told {
        let (cell, ticket) = self.rooms.ticket(&ask.ticket, caller).map_err(unknown)?;
        let text = ask.ticket.as_ref().to_owned();
        Ok(self.rooms.tell(cell, ticket, text, ask.run, self.engine.now()))
    }

    fn leave(&self, ask: &TicketAsk, caller: u64) -> Told {
        let (cell, ticket) = self.rooms.ticket(&ask.ticket, caller).map_err(unknown)?;
        let now = self.engine.now();
        cell.room().leave(ticket.number, now);
        Ok(self.rooms.tell(cell, ticket, ask.ticket.as_ref().to_owned(), None, now))
    }
}

impl Rooms {
    fn asked(&self, room: &Where, now: UnixMillis) -> Option<&Cell> {
        match room {
            Where::Room(name) => self.cells.iter().find(|cell| cell.name == *name),
            Where::Sale(run, class, quota) => {
                self.before(*run, *class, *quota, now).map(|at| &self.cells[at])
            }
        }
    }

    /// Where a ticket stands; with a token, if it is its turn and the run is known.
    fn tell(
        &self,
        cell: &Cell,
        ticket: Ticket,
        text: String,
        run: Option<RunId>,
        now: UnixMillis,
    ) -> v1::Ticket {
        let run = match (run, cell.runs.as_slice()) {
            (None, [(_, mark)]) => Some(*mark),
            (run, runs) => runs.iter().find(|(of, _)| Some(*of) == run).map(|(_, mark)| *mark),
        };
        let mut room = cell.room();
        if let Some(run) = run
            && matches!(room.standing(ticket.number, now), Standing::Called { .. })
        {
            // It says itself whether that went well.
            let _ = room.claim(ticket.number, run, now);
        }
        let standing = room.standing(ticket.number, now);
        drop(room);
        let mut told = v1::Ticket {
            room: cell.name.as_ref().into(),
            ticket: text,
            opens_at: Some(timestamp(cell.rules.opens_at)),
            server_time: Some(timestamp(now)),
            ..v1::Ticket::default()
        };
        let again = say(&mut told, standing);
        told.ask_again_after = Some(wire::duration(again));
        if let Standing::Admitted { run, until } = standing {
            self.admit(&mut told, cell, ticket, run, until);
        }
        told
    }

    fn admit(
        &self,
        told: &mut v1::Ticket,
        cell: &Cell,
        ticket: Ticket,
        run: u64,
        until: UnixMillis,
    ) {
        let Some(secrets) = &self.secrets else { return };
        let Ticket { room, number, caller } = ticket;
        let pass = Pass { room, number, caller, run, expires: until };
        told.admission_token = pass.seal(&secrets.letters);
        let of = cell.runs.iter().find(|(_, mark)| *mark == run);
        told.run = of.map(|(run, _)| v1::RunRef {
            train: run.train.to_string(),
            day: Some(v1::run_ref::Day::StartDate(run.start_date.to_string())),
        });
    }
}

/// Puts a standing into words; when to ask again.
fn say(told: &mut v1::Ticket, standing: Standing) -> Millis {
    use v1::TicketState as State;
    let (state, again) = match standing {
        Standing::Early { people, estimate } => {
            told.ahead = people;
            (State::Early, guess(told, estimate))
        }
        Standing::Waiting { position, ahead, estimate } => {
            (told.position, told.ahead) = (position, ahead);
            (State::Waiting, guess(told, estimate))
        }
        Standing::Called { until } => {
            told.until = Some(timestamp(until));
            (State::Called, Millis(AGAIN_MS.0))
        }
        Standing::Admitted { until, .. } => {
            told.until = Some(timestamp(until));
            (State::Admitted, Millis(AGAIN_MS.1))
        }
        Standing::Spent => (State::Spent, Millis(0)),
        Standing::Left => (State::Left, Millis(0)),
        // A number that no crash skipped and nobody has: of a data directory that went back in time.
        Standing::Missed | Standing::Unknown => (State::Missed, Millis(0)),
    };
    told.set_state(state);
    again
}

fn guess(told: &mut v1::Ticket, estimate: Estimate) -> Millis {
    told.estimated_wait = Some(wire::duration(estimate.wait));
    match estimate.basis {
        Basis::Rule => told.set_basis(v1::EstimateBasis::Rule),
        Basis::Observed(over) => {
            told.set_basis(v1::EstimateBasis::Observed);
            told.observed_over = Some(wire::duration(over));
        }
    }
    Millis((estimate.wait.0 / LOOKS).clamp(AGAIN_MS.0, AGAIN_MS.1))
}

fn named(room: &Where) -> Box<str> {
    match room {
        Where::Room(name) => name.clone(),
        Where::Sale(run, class, quota) => format!("before {class} {quota} of {run}").into(),
    }
}

fn unknown(why: NotAdmitted) -> Refusal {
    Refusal::UnknownTicket {
        why: match why {
            NotAdmitted::Room => "the ticket is of no waiting room here, or of one that is gone",
            NotAdmitted::Caller => "the ticket was given to another caller",
            NotAdmitted::Key => "the ticket's key is not in use any more",
            _ => "that is no ticket of ours",
        },
    }
}

fn unproven(why: NotAdmitted) -> &'static str {
    match why {
        NotAdmitted::Missing => "there is none",
        NotAdmitted::Expired => "it has expired",
        _ => "it is not signed for this room and end user by a known key",
    }
}
