//! The stream of one Watch: what is free now, then the latest whenever it changed.
//!
//! It reads the run's published words at the caller's interval: a few loads, no list of watchers
//! anywhere, nothing for the writer to do. A reader that is slow is not polled and misses values,
//! never the last one.

use std::sync::Arc;
use std::time::Duration;

use berth_engine::node::{Health, PoolRow, RunEntry};
use berth_inventory::{Millis, Refusal};
use berth_proto::v1;
use berth_proto::v1::watch_response::Outcome;
use futures_util::Stream;
use tokio::sync::watch::Receiver;
use tokio::time::{Interval, MissedTickBehavior};
use tonic::{Code, Status};

use crate::desk::Desk;
use crate::wire::{Look, Table, Trouble, timestamp};

struct Watcher {
    desk: Arc<Desk>,
    look: Look,
    ticks: Interval,
    health: Receiver<Health>,
    run: Option<Arc<RunEntry>>,
    told: Option<Vec<PoolRow>>,
    over: bool,
}

/// The answers to one Watch.
pub(crate) fn stream(
    desk: Arc<Desk>,
    look: Look,
    interval: Millis,
) -> impl Stream<Item = Result<v1::WatchResponse, Status>> + Send {
    let mut ticks = tokio::time::interval(Duration::from_millis(interval.0));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let health = desk.engine.health_watch();
    let watcher = Watcher { desk, look, ticks, health, run: None, told: None, over: false };
    futures_util::stream::unfold(watcher, |mut watcher| async move {
        let item = watcher.next().await?;
        Some((item, watcher))
    })
}

impl Watcher {
    async fn next(&mut self) -> Option<Result<v1::WatchResponse, Status>> {
        while !self.over {
            tokio::select! {
                biased;
                _ = self.health.wait_for(|health| *health == Health::Draining) => {
                    self.over = true;
                    let why = "the node is draining; watch again elsewhere or after the restart";
                    return Some(Err(Trouble::new(Code::Unavailable, why).into_status()));
                }
                _ = self.ticks.tick() => {}
            }
            match self.read().await {
                Ok(None) => {}
                Ok(Some(response)) => return Some(Ok(response)),
                Err(trouble) => {
                    self.over = true;
                    return Some(Err(trouble.into_status()));
                }
            }
        }
        None
    }

    /// What there is to tell: something that was not told last.
    async fn read(&mut self) -> Result<Option<v1::WatchResponse>, Trouble> {
        let Look { run, journey, pools } = self.look;
        let entry = match self.run.take().map_or_else(|| self.desk.find(run, journey), Ok) {
            Ok(entry) => entry,
            Err(why) => return Ok(Some(self.refuse(&why))),
        };
        let view = self.desk.view_of(&entry, journey).await?;
        self.run = Some(entry);
        let rows =
            view.and_then(|view| view.rows(pools, self.desk.engine.now()).map(|rows| (view, rows)));
        let (view, (version, rows)) = match rows {
            Ok(seen) => seen,
            Err(why) => return Ok(Some(self.refuse(&why))),
        };
        if self.told.as_ref() == Some(&rows) {
            return Ok(None);
        }
        self.told = Some(rows.clone());
        Ok(Some(v1::WatchResponse {
            run_version: version.0,
            as_of: Some(timestamp(view.as_of)),
            outcome: Some(Outcome::Table(Table::new(view.table, view.legs, rows).message())),
        }))
    }

    fn refuse(&mut self, why: &Refusal) -> v1::WatchResponse {
        self.over = true;
        v1::WatchResponse {
            run_version: 0,
            as_of: Some(timestamp(self.desk.engine.now())),
            outcome: Some(Outcome::Refusal(self.desk.teller().refusal(why))),
        }
    }
}
