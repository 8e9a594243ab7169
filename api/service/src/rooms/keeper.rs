//! Drives the rooms: time, load, and what they decided onto the disk before it is told.
//!
//! One task for all rooms, ten times a second, or sooner when somebody waits for numbers. The load is
//! what a command meets: one that changes nothing is sent to a run on sale through queue and commit,
//! and timed.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use berth_admission::{Load, Record, Taken};
use berth_engine::Engine;
use berth_engine::node::{Health, When};
use berth_engine::persistence::{FileError, SideLog};
use berth_inventory::{Command, HoldId, Millis, RunId, UnixMillis};
use futures_util::FutureExt as _;
use tokio::sync::watch::Receiver;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tonic::Code;

use super::Rooms;
use crate::desk::Desk;
use crate::wire::Trouble;

const TICK: Duration = Duration::from_millis(100);
/// How long a look at the load may take; it is a heavy one long before.
const LOOK_MAX: Millis = Millis(5_000);

/// Goes on until the server stops; then says the last word of each room.
pub(crate) async fn keep(desk: Arc<Desk>, mut stopped: Receiver<bool>) {
    let rooms = Arc::clone(&desk.rooms);
    if rooms.cells.is_empty() {
        return;
    }
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut look = Look::default();
    let fault = loop {
        let is_over = tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => true,
            _ = ticks.tick() => false,
            () = rooms.kick.notified() => false,
        };
        let now = desk.engine.now();
        let load = look.at(&desk.engine, rooms.on_sale(now));
        for cell in &rooms.cells {
            cell.room().pass(now, load);
        }
        let kept = rooms.make_durable(now, is_over).await;
        match kept {
            Ok(()) if is_over => return,
            Ok(()) => {}
            Err(fault) => break fault,
        }
    };
    rooms.failed.store(true, Relaxed);
    rooms.news.send_modify(|news| *news += 1);
    tracing::error!("waiting rooms let nobody in any more, start the node again: {fault}");
}

impl Rooms {
    /// A run whose room is open and has people waiting.
    fn on_sale(&self, now: UnixMillis) -> Option<RunId> {
        let open = |cell: &&super::Cell| {
            (cell.rules.opens_at..cell.rules.closes_at).contains(&now)
                && cell.room().counts().waiting > 0
        };
        self.cells.iter().find(open).map(|cell| cell.runs[0].0)
    }

    /// Writes and syncs what the rooms have decided, then lets them tell it.
    async fn make_durable(
        self: &Arc<Self>,
        now: UnixMillis,
        is_over: bool,
    ) -> Result<(), FileError> {
        let mut frames = Vec::new();
        for (at, cell) in self.cells.iter().enumerate() {
            let mut room = cell.room();
            let (mut records, taken) = room
                .take(now)
                .map_or((Vec::new(), None), |(records, taken)| (records, Some(taken)));
            if is_over {
                records.push(room.stopped());
            }
            drop(room);
            if !records.is_empty() {
                frames.push((at, encode(&records), taken));
            }
        }
        if frames.is_empty() {
            return Ok(());
        }
        let taken = self.log.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(log) = taken else { return Ok(()) };
        let written = tokio::task::spawn_blocking(move || write(log, frames)).await;
        let (log, durable) = match written {
            Ok(written) => written?,
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        };
        *self.log.lock().unwrap_or_else(PoisonError::into_inner) = Some(log);
        for (at, taken) in durable {
            if let Some(taken) = taken {
                self.cells[at].room().durable(taken);
            }
        }
        self.news.send_modify(|news| *news += 1);
        Ok(())
    }

    /// Waits until more is durable than now.
    pub(super) async fn wait(&self, mut news: Receiver<u64>) -> Result<(), Trouble> {
        self.kick.notify_one();
        let came = news.changed().await.is_ok();
        if came && !self.failed.load(Relaxed) {
            return Ok(());
        }
        let why = "waiting rooms cannot give out numbers; ask again after the restart";
        Err(Trouble::new(Code::Unavailable, why))
    }
}

type Frames = Vec<(usize, Vec<u8>, Option<Taken>)>;
/// Of which rooms something is durable now.
type Durable = Vec<(usize, Option<Taken>)>;

fn write(mut log: SideLog, frames: Frames) -> Result<(SideLog, Durable), FileError> {
    for (_, frame, _) in &frames {
        log.append(frame)?;
    }
    log.sync()?;
    Ok((log, frames.into_iter().map(|(at, _, taken)| (at, taken)).collect()))
}

fn encode(records: &[Record]) -> Vec<u8> {
    let mut frame = Vec::new();
    for record in records {
        record.encode(&mut frame);
    }
    frame
}

/// How long a command takes there and back, looked at again and again.
#[derive(Default)]
struct Look {
    under_way: Option<(Instant, JoinHandle<Duration>)>,
    last: Duration,
}

impl Look {
    /// The load now; `run` is on sale.
    fn at(&mut self, engine: &Engine, run: Option<RunId>) -> Load {
        if let Some((_, look)) = &mut self.under_way
            && let Some(took) = look.now_or_never()
        {
            self.last = took.unwrap_or(Duration::MAX);
            self.under_way = None;
        }
        if self.under_way.is_none() {
            self.under_way =
                run.map(|run| (Instant::now(), tokio::spawn(one(engine.clone(), run))));
        }
        let so_far = self.under_way.as_ref().map_or(Duration::ZERO, |(since, _)| since.elapsed());
        let took = self.last.max(so_far).as_millis();
        Load {
            queued: engine.queued(),
            answer: Millis(u64::try_from(took).unwrap_or(u64::MAX)),
            is_stopped: engine.health() != Health::Serving || engine.front().vitals.disk_short(),
        }
    }
}

/// Asks for a hold that is nobody's; a fault counts as the longest time there is.
async fn one(engine: Engine, run: RunId) -> Duration {
    let (since, now) = (Instant::now(), engine.now());
    let Ok(entry) = engine.front().locate(run.train, When::Start(run.start_date), None, now) else {
        return Duration::ZERO;
    };
    let nobodys = Command::GetHold(HoldId(0));
    match engine.ask(&entry, nobodys, now.saturating_add(LOOK_MAX)).await {
        Ok(_) => since.elapsed(),
        Err(_) => Duration::from_millis(LOOK_MAX.0),
    }
}
