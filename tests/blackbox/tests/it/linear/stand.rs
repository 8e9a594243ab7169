//! What the clients of a recording share: the runs, the doors of the server that is up now, and
//! who holds what.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use berth_client::{Admin, Client, v1};
use berth_history::{Id, Try};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::client::Player;
use super::wire::{self, Run};
use crate::asking::{AHEAD, Answered as _, run};
use crate::server::Server;
use crate::wire::door::Door;

/// How many clients on which runs.
#[derive(Clone, Copy)]
pub struct Size {
    pub clients: usize,
    /// Days on which each of the trains is sold.
    pub days: i32,
    /// A run knows the last extension of a hold only, so that an earlier one, asked again, is a new
    /// one: too much for a judge that knows no versions.
    pub extends: bool,
}

impl Size {
    /// Many runs, many clients.
    pub fn wide() -> Self {
        Self { clients: 64, days: 8, extends: true }
    }

    /// Few of both, so that each run has a long history.
    pub fn narrow() -> Self {
        Self { clients: 12, days: 1, extends: false }
    }
}

/// Trains that are soon sold out.
const TRAINS: &[&str] = &["10004", "10001"];

/// What leads to the server that is up.
pub struct Lines {
    sessions: Vec<Door>,
    unary: Door,
    /// For what is no command.
    pub reader: Client,
    /// For operators.
    pub admin: Admin,
}

impl Lines {
    /// The session of this client, or the door of calls.
    pub fn door(&self, client: Option<usize>) -> &Door {
        client.map_or(&self.unary, |number| &self.sessions[number % self.sessions.len()])
    }
}

/// What was lately made on one run, for everybody.
#[derive(Default)]
pub struct Board {
    pub holds: Vec<Id>,
    pub pnrs: Vec<u64>,
}

/// As many of each as a board shows.
const SHOWN: usize = 48;

/// Bookings: all that are sold at a time, so that what is sold can be given back.
const SHOWN_BOOKINGS: usize = 2_000;

impl Board {
    pub fn show_hold(&mut self, hold: Id, dice: usize) {
        show(&mut self.holds, SHOWN, hold, dice);
    }

    pub fn show_booking(&mut self, pnr: u64, dice: usize) {
        show(&mut self.pnrs, SHOWN_BOOKINGS, pnr, dice);
    }

    /// It has ended: most of those who come later shall find something else.
    pub fn forget_hold(&mut self, hold: Id) {
        self.holds.retain(|shown| *shown != hold);
    }

    pub fn forget_booking(&mut self, pnr: u64) {
        self.pnrs.retain(|shown| *shown != pnr);
    }
}

fn show<T: PartialEq>(shown: &mut Vec<T>, most: usize, what: T, dice: usize) {
    if shown.contains(&what) {
        return;
    }
    if shown.len() < most {
        shown.push(what);
    } else {
        shown[dice % most] = what;
    }
}

/// See the module.
pub struct Stand {
    pub runs: Vec<Run>,
    pub size: Size,
    lines: watch::Sender<Option<Arc<Lines>>>,
    boards: Vec<Mutex<Board>>,
    answered: AtomicU64,
    is_over: AtomicBool,
    /// The wall clock when it was opened, microseconds; then a clock that never jumps.
    opened_us: u64,
    opened: Instant,
}

impl Stand {
    pub async fn open(server: &Server, size: Size) -> Arc<Self> {
        let client = server.client().await;
        let mut runs = Vec::new();
        for train in TRAINS {
            for day in 0..size.days {
                let run = Some(run(train, AHEAD + day));
                let ask = v1::GetBerthMapRequest { run, ..Default::default() };
                runs.push(wire::run_of(&client.get_berth_map(ask).await.unwrap().done()));
            }
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is set");
        let stand = Arc::new(Self {
            boards: runs.iter().map(|_| Mutex::default()).collect(),
            runs,
            size,
            lines: watch::Sender::new(None),
            answered: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
            opened_us: now.as_micros() as u64,
            opened: Instant::now(),
        });
        stand.open_doors(server).await;
        stand
    }

    /// From now on this server is asked.
    pub async fn open_doors(&self, server: &Server) {
        let mut sessions = Vec::new();
        for _ in 0..3 {
            sessions.push(Door::Session(server.session(256).await));
        }
        let reader = server.client().await;
        let (unary, admin) = (Door::Unary(reader.clone()), server.admin().await);
        let lines = Lines { sessions, unary, reader, admin };
        self.lines.send_replace(Some(Arc::new(lines)));
    }

    /// Nobody is asked any more; who is under way goes on.
    pub fn close_doors(&self) {
        self.lines.send_replace(None);
    }

    /// The lines to the server that is up, as soon as one is.
    pub async fn lines(&self) -> Arc<Lines> {
        let mut lines = self.lines.subscribe();
        let open = lines.wait_for(Option::is_some).await.expect("the stand is open");
        Arc::clone(open.as_ref().expect("some"))
    }

    /// Microseconds since 1970 that never go back.
    pub fn now(&self) -> u64 {
        self.opened_us + self.opened.elapsed().as_micros() as u64
    }

    pub fn board(&self, run: usize) -> MutexGuard<'_, Board> {
        self.boards[run].lock().expect("nobody panics with it")
    }

    pub fn answered(&self) -> u64 {
        self.answered.load(Relaxed)
    }

    pub fn count_answer(&self) {
        self.answered.fetch_add(1, Relaxed);
    }

    pub fn is_over(&self) -> bool {
        self.is_over.load(Relaxed)
    }

    /// Sends the clients off.
    pub fn play(self: &Arc<Self>, answers: u64) -> JoinSet<Vec<Try>> {
        let mut clients = JoinSet::new();
        for number in 0..self.size.clients {
            let player = Player::new(Arc::clone(self), number, answers);
            clients.spawn(player.play());
        }
        clients
    }

    /// Ends the play; everything without an answer is asked until it has one.
    pub async fn finish(&self, clients: JoinSet<Vec<Try>>) -> Vec<Try> {
        self.is_over.store(true, Relaxed);
        clients.join_all().await.into_iter().flatten().collect()
    }
}
