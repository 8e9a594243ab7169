//! The service Operations: operators change runs, list them, and ask the server about itself.

mod list;
mod stats;

use std::sync::Arc;

use berth_engine::node::{RunEntry, When};
use berth_inventory::{Answer, Command, LegRange, Plan, Refusal, RunSummary, Said, StopRef};
use berth_proto::v1;
use berth_proto::v1::operations_server::Operations as Service;
use tonic::{Request, Response, Status};

use crate::deadline;
use crate::desk::Desk;
use crate::tally::Kind;
use crate::wire::{self, RunAsk, Trouble, timestamp};

/// See the module.
pub(crate) struct Operations {
    pub desk: Arc<Desk>,
}

/// A run that answered, with its plan; or the refusal that came before it.
struct Asked {
    answer: Answer,
    plan: Option<Arc<Plan>>,
}

impl Operations {
    async fn ask<M>(&self, request: &Request<M>, ask: RunAsk) -> Result<Asked, Trouble> {
        let (front, now) = (self.desk.engine.front(), self.desk.engine.now());
        let when = When::Start(ask.run.start_date);
        let found = front.locate(ask.run.train, when, None, now);
        self.ask_found(request, found, ask.command).await
    }

    async fn ask_found<M>(
        &self,
        request: &Request<M>,
        found: Result<Arc<RunEntry>, Refusal>,
        command: Command,
    ) -> Result<Asked, Trouble> {
        match found {
            Ok(run) => {
                let answer =
                    self.desk.ask_run(&run, command, deadline::of(request.extensions())).await?;
                Ok(Asked { answer, plan: Some(run.plan()) })
            }
            Err(why) => {
                let outcome = Ok(self.desk.teller().refused(why));
                self.desk.tally.count(Kind::of(&command), &outcome);
                Ok(Asked { answer: outcome?, plan: None })
            }
        }
    }
}

/// A response of Operations: `$said` patterns give the outcome, a refusal is one everywhere.
macro_rules! respond {
    ($desk:expr, $asked:expr, $response:ident, $module:ident, |$plan:ident, $version:ident| {
        $($said:pat => $outcome:expr),+ $(,)?
    }) => {{
        use v1::$module::Outcome;
        let Asked { answer, plan } = $asked;
        #[allow(unused_variables, reason = "not every outcome tells it again")]
        let $version = answer.version.0;
        let outcome = match (&answer.said, &plan) {
            (Said::Refused(why), _) => Outcome::Refusal($desk.teller().refusal(why)),
            $(($said, Some($plan)) => $outcome,)+
            (other, _) => return Err(Trouble::nonsense(stringify!($response), other).into()),
        };
        Ok(Response::new(v1::$response {
            run_version: $version,
            server_time: Some(timestamp($desk.engine.now())),
            outcome: Some(outcome),
        }))
    }};
}

#[tonic::async_trait]
impl Service for Operations {
    async fn create_train_run(
        &self,
        request: Request<v1::CreateTrainRunRequest>,
    ) -> Result<Response<v1::CreateTrainRunResponse>, Status> {
        let ask = wire::create(request.get_ref()).map_err(Trouble::from)?;
        let (front, now) = (self.desk.engine.front(), self.desk.engine.now());
        let found = front.create(ask.run.train, ask.run.start_date, now);
        let asked = self.ask_found(&request, found, ask.command).await?;
        respond!(self.desk, asked, CreateTrainRunResponse, create_train_run_response, |plan, version| {
            Said::Run(summary) => Outcome::Run(wire::answered_row(summary, version, plan)),
        })
    }

    async fn retire_train_run(
        &self,
        request: Request<v1::RetireTrainRunRequest>,
    ) -> Result<Response<v1::RetireTrainRunResponse>, Status> {
        let ask = wire::retire(request.get_ref()).map_err(Trouble::from)?;
        let asked = self.ask(&request, ask).await?;
        respond!(self.desk, asked, RetireTrainRunResponse, retire_train_run_response, |plan, version| {
            Said::Run(summary) => Outcome::Run(wire::answered_row(summary, version, plan)),
        })
    }

    async fn open_sale(
        &self,
        request: Request<v1::OpenSaleRequest>,
    ) -> Result<Response<v1::OpenSaleResponse>, Status> {
        let ask = wire::open_sale(request.get_ref()).map_err(Trouble::from)?;
        let asked = self.ask(&request, ask).await?;
        respond!(self.desk, asked, OpenSaleResponse, open_sale_response, |plan, version| {
            Said::Sale(pools) => Outcome::Sale(v1::SaleChange {
                open: true,
                pools: wire::pool_names(plan, *pools),
            }),
        })
    }

    async fn close_sale(
        &self,
        request: Request<v1::CloseSaleRequest>,
    ) -> Result<Response<v1::CloseSaleResponse>, Status> {
        let ask = wire::close_sale(request.get_ref()).map_err(Trouble::from)?;
        let asked = self.ask(&request, ask).await?;
        respond!(self.desk, asked, CloseSaleResponse, close_sale_response, |plan, version| {
            Said::Sale(pools) => Outcome::Sale(v1::SaleChange {
                open: false,
                pools: wire::pool_names(plan, *pools),
            }),
        })
    }

    async fn block_berths(
        &self,
        request: Request<v1::BlockBerthsRequest>,
    ) -> Result<Response<v1::BlockBerthsResponse>, Status> {
        let ask = wire::block(request.get_ref()).map_err(Trouble::from)?;
        let stops = stops_of(&ask.command);
        let asked = self.ask(&request, ask).await?;
        respond!(self.desk, asked, BlockBerthsResponse, block_berths_response, |plan, version| {
            Said::Berths(berths) => {
                Outcome::Change(wire::berths_change(plan, berths, legs(plan, stops)))
            }
        })
    }

    async fn unblock_berths(
        &self,
        request: Request<v1::UnblockBerthsRequest>,
    ) -> Result<Response<v1::UnblockBerthsResponse>, Status> {
        let ask = wire::unblock(request.get_ref()).map_err(Trouble::from)?;
        let stops = stops_of(&ask.command);
        let asked = self.ask(&request, ask).await?;
        respond!(self.desk, asked, UnblockBerthsResponse, unblock_berths_response, |plan, version| {
            Said::Berths(berths) => {
                Outcome::Change(wire::berths_change(plan, berths, legs(plan, stops)))
            }
        })
    }

    async fn get_train_run(
        &self,
        request: Request<v1::GetTrainRunRequest>,
    ) -> Result<Response<v1::GetTrainRunResponse>, Status> {
        let ask = wire::get_run(request.get_ref()).map_err(Trouble::from)?;
        let asked = self.ask(&request, ask).await?;
        let midnight = |summary: &RunSummary| {
            self.desk.engine.front().calendar.midnight(summary.run.start_date)
        };
        respond!(self.desk, asked, GetTrainRunResponse, get_train_run_response, |plan, version| {
            Said::Run(summary) => Outcome::Run(wire::train_run(
                summary,
                version,
                plan,
                midnight(summary),
            )),
        })
    }

    async fn list_train_runs(
        &self,
        request: Request<v1::ListTrainRunsRequest>,
    ) -> Result<Response<v1::ListTrainRunsResponse>, Status> {
        let wish = wire::list(request.get_ref()).map_err(Trouble::from)?;
        // A page may walk the whole calendar: not on a worker that sells.
        let desk = Arc::clone(&self.desk);
        let page = tokio::task::spawn_blocking(move || list::page(&desk.engine, &wish));
        let (rows, next_page_token) = page.await.map_err(|e| Status::internal(e.to_string()))?;
        let runs = list::placed(&self.desk.engine, rows).await;
        let server_time = Some(timestamp(self.desk.engine.now()));
        Ok(Response::new(v1::ListTrainRunsResponse { server_time, runs, next_page_token }))
    }

    async fn get_stats(
        &self,
        _: Request<v1::GetStatsRequest>,
    ) -> Result<Response<v1::GetStatsResponse>, Status> {
        Ok(Response::new(stats::stats(&self.desk).await?))
    }

    async fn get_server_info(
        &self,
        _: Request<v1::GetServerInfoRequest>,
    ) -> Result<Response<v1::GetServerInfoResponse>, Status> {
        let desk = Arc::clone(&self.desk);
        let info = tokio::task::spawn_blocking(move || stats::server_info(&desk));
        Ok(Response::new(info.await.map_err(|e| Status::internal(e.to_string()))?))
    }
}

fn stops_of(command: &Command) -> Option<(StopRef, StopRef)> {
    match command {
        Command::Block(block) | Command::Unblock(block) => block.legs,
        _ => None,
    }
}

/// The legs that a run understood: it has resolved these stops before it answered.
fn legs(plan: &Plan, stops: Option<(StopRef, StopRef)>) -> LegRange {
    let resolved =
        stops.and_then(|(from, to)| LegRange::new(plan.resolve(from)?, plan.resolve(to)?));
    resolved.unwrap_or(plan.route())
}
