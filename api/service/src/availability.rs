//! The service Availability: reads what runs have published; wakes none, waits for none.

use std::pin::Pin;
use std::sync::Arc;

use berth_engine::node::{Health, PoolRow, RunEntry, RunTable};
use berth_inventory::{LegRange, Plan, Refusal, StopRef, UnixMillis, Version};
use berth_proto::v1::availability_server::Availability as Service;
use berth_proto::{BATCH_QUERIES_MAX, v1};
use futures_util::Stream;
use prost::bytes::Bytes;
use tonic::body::Body;
use tonic::{Request, Response, Status};

use crate::desk::Desk;
use crate::unary;
use crate::watch;
use crate::wire::{
    self, Invalid, Journey, Look, Pen, PoolWish, RunName, Table, Teller, Trouble, timestamp,
};

/// See the module.
pub(crate) struct Availability {
    pub desk: Arc<Desk>,
}

/// A run found, with the journey that is asked about and the instant at which it is read.
pub(crate) struct View {
    pub table: RunTable,
    pub legs: LegRange,
    /// Up to when everything durable is in it.
    pub as_of: UnixMillis,
}

/// What was read, or why nothing could be.
pub(crate) type Seen<T> = Result<T, Refusal>;

impl Desk {
    /// Finds the run and the journey in it.
    async fn view(&self, run: RunName, journey: Journey) -> Result<Seen<View>, Trouble> {
        match self.find(run, journey) {
            Ok(entry) => self.view_of(&entry, journey).await,
            Err(why) => Ok(Err(why)),
        }
    }

    /// The run that is meant.
    pub(crate) fn find(&self, run: RunName, journey: Journey) -> Seen<Arc<RunEntry>> {
        let now = self.engine.now();
        self.engine.front().locate(run.train, run.when, journey.from, now)
    }

    /// The run as it can be read now.
    pub(crate) async fn view_of(
        &self,
        entry: &Arc<RunEntry>,
        journey: Journey,
    ) -> Result<Seen<View>, Trouble> {
        let now = self.engine.now();
        let table = self.engine.table(entry).await?;
        // Once the journal has failed nothing newer can be in it than the last event.
        let failed = self.engine.health() == Health::JournalFailed;
        let as_of = if failed { table.version().1 } else { now };
        Ok(legs(table.plan(), journey).map(|legs| View { table, legs, as_of }))
    }

    /// What is free on one journey.
    async fn look(&self, look: &Look) -> Result<Found, Trouble> {
        let seen = match self.view(look.run, look.journey).await? {
            Ok(view) => view.rows(look.pools, self.engine.now()).map(|rows| (view, rows)),
            Err(why) => Err(why),
        };
        Ok(match seen {
            Ok((view, (version, rows))) => {
                let table = Table::new(view.table, view.legs, rows);
                Found { version, as_of: view.as_of, table: Ok(table) }
            }
            Err(why) => Found { version: Version(0), as_of: self.engine.now(), table: Err(why) },
        })
    }
}

/// The answer to one query.
pub(crate) struct Found {
    /// Of the run; 0 with a refusal.
    pub version: Version,
    pub as_of: UnixMillis,
    pub table: Seen<Table>,
}

impl Found {
    fn message(&self, teller: &Teller) -> v1::QueryResponse {
        use v1::query_response::Outcome;
        let outcome = match &self.table {
            Ok(table) => Outcome::Table(table.message()),
            Err(why) => Outcome::Refusal(teller.refusal(why)),
        };
        v1::QueryResponse {
            run_version: self.version.0,
            as_of: Some(timestamp(self.as_of)),
            outcome: Some(outcome),
        }
    }
}

/// The path of the call that is asked most.
pub(crate) const QUERY: &str = "/berth.v1.Availability/Query";

/// Answers a call of [`QUERY`], without the messages between.
pub(crate) fn answer_query(desk: &Arc<Desk>, request: http::Request<Body>) -> unary::Answer {
    let desk = Arc::clone(desk);
    Box::pin(unary::serve(request, move |message| query(Arc::clone(&desk), message)))
}

async fn query(desk: Arc<Desk>, message: Bytes) -> Result<Pen, Status> {
    let look = wire::look(&message)?;
    let Found { version, as_of, table } = desk.look(&look).await?;
    let mut pen = Pen::default();
    wire::query_response(&mut pen, version, as_of, &table, &desk.engine.front().names);
    Ok(pen)
}

impl View {
    /// The rows that are asked for, of one version.
    pub(crate) fn rows(&self, wish: PoolWish, now: UnixMillis) -> Seen<(Version, Vec<PoolRow>)> {
        let plan = self.table.plan();
        if let Some(class) = wish.class
            && !plan.classes().contains(&class)
        {
            let has = plan.classes().to_vec();
            return Err(Refusal::UnknownClass { train: plan.number(), class, has });
        }
        let (version, mut rows) = self.table.rows(self.legs, now);
        rows.retain(|row| wish.class.is_none_or(|class| plan.pool(row.pool).class == class));
        let Some(quota) = wish.quota else { return Ok((version, rows)) };
        let mut has: Vec<_> = rows.iter().map(|row| plan.pool(row.pool).quota).collect();
        rows.retain(|row| plan.pool(row.pool).quota == quota);
        if rows.is_empty() {
            has.sort_unstable();
            has.dedup();
            let class = wish.class.unwrap_or(plan.classes()[0]);
            return Err(Refusal::UnknownQuota { class, quota, legs: self.legs, has });
        }
        Ok((version, rows))
    }
}

/// The legs of a journey; open ends are the ends of the route.
fn legs(plan: &Plan, journey: Journey) -> Seen<LegRange> {
    let place = |stop: Option<StopRef>, end: u8| match stop {
        None => Ok(end),
        Some(stop) => plan.resolve(stop).ok_or(Refusal::UnknownStop { train: plan.number(), stop }),
    };
    let (from, to) = (place(journey.from, 0)?, place(journey.to, plan.route().to)?);
    let people = |stop: u8| u16::from(stop) + 1;
    LegRange::new(from, to).ok_or(Refusal::BadLegRange { from: people(from), to: people(to) })
}

#[tonic::async_trait]
impl Service for Availability {
    type WatchStream = Pin<Box<dyn Stream<Item = Result<v1::WatchResponse, Status>> + Send>>;

    // The generated trait wants it; over the wire `answer_query` is there first.
    async fn query(
        &self,
        request: Request<v1::QueryRequest>,
    ) -> Result<Response<v1::QueryResponse>, Status> {
        let look = wire::query(request.get_ref()).map_err(Trouble::from)?;
        Ok(Response::new(self.desk.look(&look).await?.message(&self.desk.teller())))
    }

    async fn batch_query(
        &self,
        request: Request<v1::BatchQueryRequest>,
    ) -> Result<Response<v1::BatchQueryResponse>, Status> {
        let looks = batch(request.get_ref()).map_err(Trouble::from)?;
        let mut answers = Vec::with_capacity(looks.len());
        for look in &looks {
            answers.push(self.desk.look(look).await?.message(&self.desk.teller()));
        }
        Ok(Response::new(v1::BatchQueryResponse { answers }))
    }

    async fn get_berth_map(
        &self,
        request: Request<v1::GetBerthMapRequest>,
    ) -> Result<Response<v1::GetBerthMapResponse>, Status> {
        use v1::get_berth_map_response::Outcome;
        let wish = wire::map_wish(request.get_ref()).map_err(Trouble::from)?;
        let seen = self.desk.view(wish.run, wish.journey).await?.and_then(|view| {
            let plan = view.table.plan();
            match wish.class.filter(|class| !plan.classes().contains(class)) {
                None => Ok(view),
                Some(class) => {
                    let has = plan.classes().to_vec();
                    Err(Refusal::UnknownClass { train: plan.number(), class, has })
                }
            }
        });
        let (version, as_of, outcome) = match seen {
            Ok(view) => {
                let (version, states) = view.table.berths(view.legs);
                let map = wire::berth_map(&view.table, view.legs, wish.class, &states);
                (version.0, view.as_of, Outcome::Map(map))
            }
            Err(why) => {
                let refusal = self.desk.teller().refusal(&why);
                (0, self.desk.engine.now(), Outcome::Refusal(refusal))
            }
        };
        Ok(Response::new(v1::GetBerthMapResponse {
            run_version: version,
            as_of: Some(timestamp(as_of)),
            outcome: Some(outcome),
        }))
    }

    async fn watch(
        &self,
        request: Request<v1::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let (look, interval) = wire::watch(request.get_ref()).map_err(Trouble::from)?;
        let stream = watch::stream(Arc::clone(&self.desk), look, interval);
        Ok(Response::new(Box::pin(stream)))
    }
}

/// Every query of a batch; what is wrong with one is told under its place.
fn batch(message: &v1::BatchQueryRequest) -> Result<Vec<Look>, Invalid> {
    let count = message.queries.len();
    if !(1..=BATCH_QUERIES_MAX).contains(&count) {
        let why = format!("has {count} queries, a batch has 1 to {BATCH_QUERIES_MAX}");
        return Err(Invalid::one("queries", why));
    }
    let mut looks = Vec::with_capacity(count);
    let mut violations = Vec::new();
    for (place, query) in message.queries.iter().enumerate() {
        match wire::query(query) {
            Ok(look) => looks.push(look),
            Err(invalid) => {
                violations.extend(invalid.violations.into_iter().map(|mut violation| {
                    violation.field.insert_str(0, &format!("queries[{place}]."));
                    violation
                }));
            }
        }
    }
    if violations.is_empty() { Ok(looks) } else { Err(Invalid { violations }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use berth_proto::FILE_DESCRIPTOR_SET;
    use prost::Message as _;

    #[test]
    fn the_call_that_is_cut_short_is_one_of_the_descriptor() {
        let set = prost_types::FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).expect("it decodes");
        let named = |service: &prost_types::ServiceDescriptorProto| {
            let path = |method: &str| format!("/berth.v1.{}/{method}", service.name());
            service.method.iter().any(|method| path(method.name()) == QUERY)
        };
        assert!(set.file.iter().flat_map(|file| &file.service).any(named));
    }
}
