//! The waiting rooms of this node: which there are, which sale each stands before, and their letters.
//!
//! What happens in a room is decided in `berth-admission`; here is who calls it, from how many threads,
//! and when what it decided is durable (`keeper`), what it means for a reserve (`guard`) and how it is
//! told (`service`).
//!
//! Always true: a room is locked for a look or a change and never while anybody waits.

mod guard;
mod keeper;
mod service;

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use berth_admission::{
    Counts, Keys, NotAdmitted, Pass, Record, Resuming, Room, Rules, Sealer, Ticket, caller_mark,
    room_mark,
};
use berth_engine::persistence::{FileError, SideLog, SideLogFound};
use berth_inventory::{QuotaCode, RunId, TravelClass, UnixMillis};
use tokio::sync::{Notify, watch};

use crate::access::Caller;

pub(crate) use guard::{Gate, Stakes};
pub(crate) use keeper::keep;
pub(crate) use service::WaitingRoom;

/// Runs that one room may stand before: the number of one is a byte of each turn.
const RUNS_MAX: usize = 256;

/// One room, as the operator sets it.
#[derive(Clone, Debug)]
pub struct RoomSetting {
    /// Its name, for callers and people.
    pub name: String,
    /// The runs whose sale it stands before.
    pub runs: Vec<RunId>,
    /// Only these classes; none: all.
    pub classes: Vec<TravelClass>,
    /// Only these quotas; none: all.
    pub quotas: Vec<QuotaCode>,
    /// When it opens, and how fast.
    pub rules: Rules,
    /// Who joins must bring a proof signed by one of these.
    pub proof: Option<Keys>,
}

/// What signs.
#[derive(Clone)]
pub struct Secrets {
    /// Tickets and tokens.
    pub letters: Keys,
    /// Makes fingerprints of people; the same as long as any room lives.
    pub people: Sealer,
}

/// Rooms that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum RoomsFault {
    /// Two of one name.
    #[error("two waiting rooms are named {0}; give each a name of its own")]
    Twice(String),
    /// Two before one sale.
    #[error("waiting rooms {0} and {1} stand before one sale, of {2}; a sale has one room at most")]
    Overlap(String, String, RunId),
    /// One before nothing, or too much.
    #[error("waiting room {0} names {1} runs, a room stands before 1 to {RUNS_MAX}")]
    Runs(String, usize),
    /// Their log.
    #[error("the log of waiting rooms cannot be used: {0}")]
    Log(#[from] FileError),
}

/// A room and what it stands before.
struct Cell {
    name: Box<str>,
    runs: Vec<(RunId, u64)>,
    classes: Vec<TravelClass>,
    quotas: Vec<QuotaCode>,
    proof: Option<Keys>,
    mark: u64,
    rules: Rules,
    room: Mutex<Room>,
}

impl Cell {
    /// Whoever panicked in it left it as whole as any refusal would.
    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_before(&self, class: TravelClass, quota: QuotaCode) -> bool {
        (self.classes.is_empty() || self.classes.contains(&class))
            && (self.quotas.is_empty() || self.quotas.contains(&quota))
    }
}

/// See the module.
pub struct Rooms {
    cells: Vec<Cell>,
    by_run: HashMap<RunId, Vec<usize>>,
    secrets: Option<Secrets>,
    /// Taken while it is written to.
    log: Mutex<Option<SideLog>>,
    /// Nothing can be made durable any more.
    failed: AtomicBool,
    /// Something waits for the keeper.
    kick: Notify,
    /// How often something became durable.
    news: watch::Sender<u64>,
    turned_away: [AtomicU64; NotAdmitted::ALL.len()],
    unproven: AtomicU64,
}

impl Default for Rooms {
    fn default() -> Self {
        Self {
            cells: Vec::new(),
            by_run: HashMap::new(),
            secrets: None,
            log: Mutex::default(),
            failed: AtomicBool::new(false),
            kick: Notify::new(),
            news: watch::Sender::new(0),
            turned_away: [const { AtomicU64::new(0) }; NotAdmitted::ALL.len()],
            unproven: AtomicU64::new(0),
        }
    }
}

impl Rooms {
    /// Rooms that go on where their log in `data_dir` ends; `draw` gives seeds nobody can guess. Blocks.
    ///
    /// # Errors
    /// See [`RoomsFault`].
    pub fn open(
        settings: Vec<RoomSetting>,
        secrets: Secrets,
        data_dir: &Path,
        now: UnixMillis,
        mut draw: impl FnMut() -> [u8; 16],
    ) -> Result<(Self, SideLogFound), RoomsFault> {
        check(&settings)?;
        let mark = |setting: &RoomSetting| room_mark(&setting.name, setting.rules.opens_at);
        let mut past: BTreeMap<u64, Resuming> = BTreeMap::new();
        let new = |setting: &RoomSetting, seed| Room::new(mark(setting), setting.rules, seed);
        let (log, found) = SideLog::open(data_dir, |mut frame| {
            let mut is_wanted = false;
            while let Ok(Some(record)) = Record::decode(&mut frame) {
                let of = record.room();
                let alive =
                    |setting: &&RoomSetting| mark(setting) == of && now < setting.rules.closes_at;
                if let Some(setting) = settings.iter().find(alive) {
                    is_wanted = true;
                    let room = past.entry(of).or_insert_with(|| new(setting, draw()).resume());
                    room.read(record);
                }
            }
            is_wanted
        })?;
        let mut rooms = Self { secrets: Some(secrets), ..Self::default() };
        rooms.log = Mutex::new(Some(log));
        for setting in settings {
            let mark = mark(&setting);
            let room = match past.remove(&mark) {
                Some(resuming) => resuming.end(now),
                None => new(&setting, draw()),
            };
            rooms.add(setting, mark, room);
        }
        Ok((rooms, found))
    }

    fn add(&mut self, setting: RoomSetting, mark: u64, room: Room) {
        let RoomSetting { name, runs, classes, quotas, rules, proof } = setting;
        for run in &runs {
            self.by_run.entry(*run).or_default().push(self.cells.len());
        }
        let (name, room) = (name.into(), Mutex::new(room));
        let runs = runs.into_iter().map(|run| (run, Pass::run_mark(run))).collect();
        self.cells.push(Cell { name, runs, classes, quotas, proof, mark, rules, room });
    }

    /// The room before a sale, while it stands there.
    fn before(
        &self,
        run: RunId,
        class: TravelClass,
        quota: QuotaCode,
        now: UnixMillis,
    ) -> Option<usize> {
        let cells = self.by_run.get(&run)?.iter().copied();
        let mut cells = cells.filter(|at| self.cells[*at].is_before(class, quota));
        cells.find(|at| now < self.cells[*at].rules.closes_at)
    }

    /// Who asks, as tickets and tokens name it: the tenant of the credential; without credentials all
    /// callers are one.
    #[inline]
    pub(crate) fn caller(&self, extensions: &http::Extensions) -> u64 {
        if self.cells.is_empty() {
            return 0;
        }
        caller_mark(extensions.get::<Arc<Caller>>().map_or("", |caller| &caller.tenant))
    }

    /// The room and ticket of a text that this caller was given.
    fn ticket(&self, text: &str, caller: u64) -> Result<(&Cell, Ticket), NotAdmitted> {
        let keys = &self.secrets.as_ref().ok_or(NotAdmitted::Room)?.letters;
        let ticket = Ticket::unseal(keys, text)?;
        if ticket.caller != caller {
            return Err(NotAdmitted::Caller);
        }
        let cell = self.cells.iter().find(|cell| cell.mark == ticket.room);
        Ok((cell.ok_or(NotAdmitted::Room)?, ticket))
    }

    fn turn_away(&self, why: NotAdmitted) {
        let place = NotAdmitted::ALL.iter().position(|known| *known == why);
        if let Some(place) = place {
            self.turned_away[place].fetch_add(1, Relaxed);
        }
    }

    /// Tells the recorder of metrics: sums over all rooms, since names of rooms may name runs.
    pub(crate) fn count(&self) {
        let counts: Vec<Counts> = self.cells.iter().map(|cell| cell.room().counts()).collect();
        let sum = |of: fn(&Counts) -> u64| counts.iter().map(of).sum::<u64>();
        metrics::counter!("berth_room_joined_total").absolute(sum(|room| room.joined.into()));
        metrics::counter!("berth_room_left_total").absolute(sum(|room| room.left.into()));
        metrics::counter!("berth_room_called_total").absolute(sum(|room| room.admitted));
        metrics::counter!("berth_room_came_total").absolute(sum(|room| room.came));
        metrics::counter!("berth_room_missed_total").absolute(sum(|room| room.missed));
        metrics::counter!("berth_room_held_total").absolute(sum(|room| room.held));
        metrics::gauge!("berth_room_waiting").set(sum(|room| room.waiting.into()) as f64);
        metrics::gauge!("berth_room_rate").set(sum(|room| room.rate.into()) as f64);
        let unproven = self.unproven.load(Relaxed);
        metrics::counter!("berth_room_unproven_total").absolute(unproven);
        for (why, count) in NotAdmitted::ALL.iter().zip(&self.turned_away) {
            metrics::counter!("berth_not_admitted_total", "why" => why.name())
                .absolute(count.load(Relaxed));
        }
    }
}

fn check(settings: &[RoomSetting]) -> Result<(), RoomsFault> {
    let overlap =
        |a: &[u8], b: &[u8]| a.is_empty() || b.is_empty() || a.iter().any(|x| b.contains(x));
    for (at, room) in settings.iter().enumerate() {
        if !(1..=RUNS_MAX).contains(&room.runs.len()) {
            return Err(RoomsFault::Runs(room.name.clone(), room.runs.len()));
        }
        for other in &settings[at + 1..] {
            if room.name == other.name {
                return Err(RoomsFault::Twice(room.name.clone()));
            }
            let classes = |room: &RoomSetting| -> Vec<u8> {
                room.classes.iter().map(|class| *class as u8).collect()
            };
            let quotas = room.quotas.is_empty()
                || other.quotas.is_empty()
                || room.quotas.iter().any(|quota| other.quotas.contains(quota));
            let shared = room.runs.iter().find(|run| other.runs.contains(run));
            if let Some(run) = shared.filter(|_| quotas && overlap(&classes(room), &classes(other)))
            {
                let names = (room.name.clone(), other.name.clone());
                return Err(RoomsFault::Overlap(names.0, names.1, *run));
            }
        }
    }
    Ok(())
}
