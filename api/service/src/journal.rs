//! The service Journal: what has happened, from the durable frames of the commit log and, for one
//! run, from the event store.
//!
//! Files are read on threads that may block; between them and the connection are a few messages of
//! bounded size, so a slow reader holds up its own thread and nothing else. So many readers and no
//! more: each costs a thread and some mebibytes, and the log's disk is the journal's.

mod past;
mod pieces;
mod reader;

use std::pin::Pin;
use std::sync::Arc;

use berth_engine::node::{Health, RunEntry, When};
use berth_engine::persistence::Lsn;
use berth_inventory::{Millis, Version};
use berth_proto::v1;
use berth_proto::v1::journal_server::Journal as Service;
use berth_proto::v1::read_request::Range;
use futures_util::{Stream, StreamExt as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Response, Status};

use self::pieces::{Piece, Told};
use self::reader::{Filter, Reader};
use crate::desk::Desk;
use crate::wire::{self, Invalid, Trouble};

/// Pieces of about a mebibyte between a reading thread and its connection.
const PIECES: usize = 2;
/// How long a caller is asked to wait while as many read as may: a history takes about so long.
const RETRY_READERS: Millis = Millis(1_000);

/// See the module.
pub(crate) struct Journal {
    desk: Arc<Desk>,
    /// One permit for each Read or Follow under way.
    readers: Arc<Semaphore>,
    readers_max: usize,
}

/// What a Read is to tell.
enum Wanted {
    Frames(Filter, Lsn),
    /// A run with the versions wanted and how many events at most.
    Run(Arc<RunEntry>, core::ops::RangeInclusive<Version>, u64),
}

#[tonic::async_trait]
impl Service for Journal {
    type ReadStream = Pin<Box<dyn Stream<Item = Result<v1::ReadResponse, Status>> + Send>>;
    type FollowStream = Pin<Box<dyn Stream<Item = Result<v1::FollowResponse, Status>> + Send>>;

    async fn read(
        &self,
        request: Request<v1::ReadRequest>,
    ) -> Result<Response<Self::ReadStream>, Status> {
        let wanted = self.wanted(request.get_ref())?;
        let permit = self.permit()?;
        let (sender, receiver) = mpsc::channel(PIECES);
        let desk = Arc::clone(&self.desk);
        tokio::task::spawn_blocking(move || {
            let _permit = permit;
            match wanted {
                Wanted::Run(run, versions, limit) => {
                    past::tell(&desk, &run, versions, limit, sender);
                }
                Wanted::Frames(filter, from) => match Reader::open(desk, from, filter, sender) {
                    Ok(mut reader) => drop(reader.pump()),
                    Err((sender, status)) => drop(sender.blocking_send(Err(status))),
                },
            }
        });
        let answers = ReceiverStream::new(receiver).map(|told: Told| {
            told.map(|Piece { events, next_lsn }| v1::ReadResponse { events, next_lsn })
        });
        Ok(Response::new(Box::pin(answers)))
    }

    async fn follow(
        &self,
        request: Request<v1::FollowRequest>,
    ) -> Result<Response<Self::FollowStream>, Status> {
        let durable = *self.desk.engine.durable_lsn().borrow();
        let from = match request.get_ref().from_lsn {
            0 => durable + 1,
            from if from > durable + 1 => {
                let why = format!("frame {from} is not written yet; the last durable is {durable}");
                return Err(Status::out_of_range(why));
            }
            from => from,
        };
        let permit = self.permit()?;
        let (sender, receiver) = mpsc::channel(PIECES);
        tokio::spawn(follow(Arc::clone(&self.desk), from, sender, permit));
        let answers = ReceiverStream::new(receiver).map(|told: Told| {
            told.map(|Piece { events, next_lsn }| v1::FollowResponse { events, next_lsn })
        });
        Ok(Response::new(Box::pin(answers)))
    }
}

impl Journal {
    pub fn new(desk: &Arc<Desk>, readers_max: usize) -> Self {
        let readers = Arc::new(Semaphore::new(readers_max));
        Self { desk: Arc::clone(desk), readers, readers_max }
    }

    fn permit(&self) -> Result<OwnedSemaphorePermit, Trouble> {
        Arc::clone(&self.readers).try_acquire_owned().map_err(|_| {
            let why = format!(
                "{} Journal.Read and Journal.Follow are under way, and no more may be \
                 (journal_readers); wait until one has ended",
                self.readers_max
            );
            Trouble::new(Code::ResourceExhausted, why).retry_after(RETRY_READERS)
        })
    }

    /// What a Read is to tell, and from which frame on it must look.
    fn wanted(&self, message: &v1::ReadRequest) -> Result<Wanted, Trouble> {
        let left = if message.limit == 0 { u64::MAX } else { message.limit };
        match &message.range {
            None => Err(Invalid::one("range", "is required: run or lsns").into()),
            Some(Range::Lsns(range)) => {
                let until = if range.last_lsn > 0 { range.last_lsn } else { u64::MAX };
                let filter = Filter { until, left, exact: range.first_lsn > 0 };
                Ok(Wanted::Frames(filter, Lsn(range.first_lsn.max(1))))
            }
            Some(Range::Run(range)) => {
                let run = wire::named_run(&range.train, &range.start_date)?;
                let (front, now) = (self.desk.engine.front(), self.desk.engine.now());
                let when = When::Start(run.start_date);
                let found = front.locate(run.train, when, None, now);
                let entry = found.map_err(|why| Trouble::new(Code::NotFound, why.to_string()))?;
                let last = if range.last_version == 0 { u64::MAX } else { range.last_version };
                let versions = Version(range.first_version)..=Version(last);
                Ok(Wanted::Run(entry, versions, left))
            }
        }
    }
}

/// Reads, waits for more, reads on, until the reader goes or the node drains.
async fn follow(
    desk: Arc<Desk>,
    from: u64,
    sender: mpsc::Sender<Told>,
    _permit: OwnedSemaphorePermit,
) {
    let mut durable = desk.engine.durable_lsn();
    let mut health = desk.engine.health_watch();
    let opening = Arc::clone(&desk);
    let filter = Filter { until: u64::MAX, left: u64::MAX, exact: true };
    let out = sender.clone();
    let opened =
        tokio::task::spawn_blocking(move || Reader::open(opening, Lsn(from), filter, out)).await;
    let mut reader = match opened {
        Ok(Ok(reader)) => reader,
        Ok(Err((sender, status))) => return drop(sender.send(Err(status)).await),
        Err(panic) => return drop(sender.send(Err(Status::internal(panic.to_string()))).await),
    };
    loop {
        durable.borrow_and_update();
        let pumped = tokio::task::spawn_blocking(move || {
            let goes_on = reader.pump();
            (reader, goes_on)
        });
        let Ok((back, true)) = pumped.await else { return };
        reader = back;
        tokio::select! {
            changed = durable.changed() => if changed.is_err() { return },
            () = sender.closed() => return,
            () = drained(&mut health) => {
                let why = "the node is draining; follow again from the last next_lsn";
                return drop(sender.send(Err(Status::unavailable(why))).await);
            }
        }
    }
}

async fn drained(health: &mut watch::Receiver<Health>) {
    drop(health.wait_for(|health| *health == Health::Draining).await);
}
