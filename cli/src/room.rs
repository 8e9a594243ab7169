//! `berth room`: a place in a waiting room, where it stands, and leaving it.

use std::process::ExitCode;
use std::time::Duration;

use berth_client::v1;
use clap::{Args, Subcommand};
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::said::{Fault, Said};
use crate::target::{Target, span};
use crate::view::{duration, local, millis, utc};
use crate::words;

/// `berth room`.
#[derive(Debug, Args)]
pub struct RoomArgs {
    #[command(subcommand)]
    pub command: RoomCommand,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum RoomCommand {
    /// Take a place for an end user; who has one gets it again
    Join(JoinArgs),
    /// Show where a ticket stands; when it is its turn, the admission token
    Ticket(TicketArgs),
    /// The same, again whenever it changes, until it is at its end
    Watch(WatchArgs),
    /// Give a place back
    Leave(LeaveArgs),
}

/// `berth room join`.
#[derive(Debug, Args)]
pub struct JoinArgs {
    /// Name of the room
    #[arg(long, value_name = "NAME")]
    pub room: String,
    /// Your own reference of the end user, at most 128 bytes: one place each
    #[arg(long, value_name = "REFERENCE")]
    pub end_user: String,
    /// Where the room wants one: the signed proof that a challenge was passed
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub proof: String,
    #[command(flatten)]
    pub target: Target,
}

/// `berth room ticket`.
#[derive(Debug, Args)]
pub struct TicketArgs {
    /// The ticket that joining gave
    #[arg(long, value_name = "TEXT")]
    pub ticket: String,
    /// In a room over several runs, the one that the token is for: 12951/2026-12-01, by its start
    #[arg(long, value_name = "RUN", value_parser = run_ref)]
    pub run: Option<v1::RunRef>,
    #[command(flatten)]
    pub target: Target,
}

/// `berth room watch`.
#[derive(Debug, Args)]
pub struct WatchArgs {
    #[command(flatten)]
    pub ticket: TicketArgs,
    /// Least time between two answers, 1s to 60s
    #[arg(long, value_name = "TIME", value_parser = span)]
    pub min_interval: Option<Duration>,
    /// End when there is a token
    #[arg(long)]
    pub until_admitted: bool,
}

/// `berth room leave`.
#[derive(Debug, Args)]
pub struct LeaveArgs {
    /// The ticket that joining gave
    #[arg(long, value_name = "TEXT")]
    pub ticket: String,
    #[command(flatten)]
    pub target: Target,
}

fn run_ref(text: &str) -> Result<v1::RunRef, String> {
    let (train, date) = text.split_once('/').ok_or("expected TRAIN/DATE, by the start date")?;
    let day = Some(v1::run_ref::Day::StartDate(date.to_owned()));
    Ok(v1::RunRef { train: train.to_owned(), day })
}

/// Does what is asked.
pub fn run(args: &RoomArgs) -> ExitCode {
    match &args.command {
        RoomCommand::Join(args) => args.target.drive(join(args)),
        RoomCommand::Ticket(args) => args.target.drive(ticket(args)),
        RoomCommand::Watch(args) => args.ticket.target.drive(watch(args)),
        RoomCommand::Leave(args) => args.target.drive(leave(args)),
    }
}

macro_rules! tell {
    ($outcome:expr, $module:ident, $zone:expr) => {
        match $outcome {
            Some(v1::$module::Outcome::Ticket(ticket)) => Ok(said(&ticket, $zone)),
            Some(v1::$module::Outcome::Refusal(why)) => Ok(Said::refused(&why, 0, None)),
            None => Err(Fault::UnknownAnswer),
        }
    };
}

async fn join(args: &JoinArgs) -> Result<Said, Fault> {
    let zone = args.target.zone()?;
    let request = v1::JoinRequest {
        r#where: Some(v1::join_request::Where::Room(args.room.clone())),
        end_user: args.end_user.clone(),
        proof: args.proof.clone(),
        ..v1::JoinRequest::default()
    };
    let answer = args.target.client().await?.join(request).await?;
    tell!(answer.outcome, join_response, &zone)
}

async fn ticket(args: &TicketArgs) -> Result<Said, Fault> {
    let zone = args.target.zone()?;
    let request = v1::GetTicketRequest { ticket: args.ticket.clone(), run: args.run.clone() };
    let answer = args.target.client().await?.get_ticket(request).await?;
    tell!(answer.outcome, get_ticket_response, &zone)
}

async fn watch(args: &WatchArgs) -> Result<Said, Fault> {
    let TicketArgs { ticket, run, target } = &args.ticket;
    let zone = target.zone()?;
    let request = v1::WaitingRoomWatchRequest {
        ticket: ticket.clone(),
        run: run.clone(),
        min_interval: args.min_interval.map(duration),
    };
    let mut answers = target.client().await?.watch_ticket(request).await?;
    loop {
        let next = answers.message().await.map_err(|status| Fault::Stream(Box::new(status)))?;
        let Some(answer) = next else { return Ok(Said::nothing_more()) };
        let is_admitted = matches!(&answer.outcome,
            Some(v1::waiting_room_watch_response::Outcome::Ticket(ticket))
                if ticket.state() == v1::TicketState::Admitted);
        let said = tell!(answer.outcome, waiting_room_watch_response, &zone)?;
        if said.is_refusal() || args.until_admitted && is_admitted {
            return Ok(said);
        }
        said.print(target.json)?;
    }
}

async fn leave(args: &LeaveArgs) -> Result<Said, Fault> {
    let zone = args.target.zone()?;
    let request = v1::LeaveRequest { ticket: args.ticket.clone() };
    let answer = args.target.client().await?.leave(request).await?;
    tell!(answer.outcome, leave_response, &zone)
}

fn said(ticket: &v1::Ticket, zone: &TimeZone) -> Said {
    let view = TicketView::of(ticket);
    Said::done(&view, view.text(ticket, zone))
}

/// A ticket as it stands.
#[derive(Debug, Serialize)]
pub struct TicketView {
    pub room: String,
    pub ticket: String,
    pub state: String,
    pub position: u32,
    pub ahead: u32,
    pub estimated_wait_ms: Option<i64>,
    pub basis: Option<String>,
    pub observed_over_ms: Option<i64>,
    pub opens_at: Option<String>,
    pub admission_token: Option<String>,
    pub train: Option<String>,
    pub start_date: Option<String>,
    pub until: Option<String>,
    pub ask_again_after_ms: Option<i64>,
    pub server_time: Option<String>,
}

impl TicketView {
    pub fn of(ticket: &v1::Ticket) -> Self {
        use v1::run_ref::Day;
        let basis = ticket.basis;
        let basis = words::name(basis, "ESTIMATE_BASIS_", v1::EstimateBasis::as_str_name);
        let start_date = ticket.run.as_ref().and_then(|run| match &run.day {
            Some(Day::StartDate(date) | Day::Date(date)) => Some(date.clone()),
            None => None,
        });
        Self {
            room: ticket.room.clone(),
            ticket: ticket.ticket.clone(),
            state: words::name(ticket.state, "TICKET_STATE_", v1::TicketState::as_str_name),
            position: ticket.position,
            ahead: ticket.ahead,
            estimated_wait_ms: millis(ticket.estimated_wait.as_ref()),
            basis: (ticket.basis != 0).then_some(basis),
            observed_over_ms: millis(ticket.observed_over.as_ref()),
            opens_at: utc(ticket.opens_at.as_ref()),
            admission_token: Some(ticket.admission_token.clone()).filter(|text| !text.is_empty()),
            train: ticket.run.as_ref().map(|run| run.train.clone()),
            start_date,
            until: utc(ticket.until.as_ref()),
            ask_again_after_ms: millis(ticket.ask_again_after.as_ref()),
            server_time: utc(ticket.server_time.as_ref()),
        }
    }

    /// For people: where it stands, and what to do.
    fn text(&self, ticket: &v1::Ticket, zone: &TimeZone) -> String {
        use v1::TicketState as State;
        let wait = self.estimated_wait_ms.unwrap_or(0) / 1_000;
        let until = local(ticket.until.as_ref(), zone);
        let stands = match ticket.state() {
            State::Early => {
                let opens = local(ticket.opens_at.as_ref(), zone);
                let people = self.ahead;
                format!("the draw is at {opens}, {people} take part, an average one waits {wait} s")
            }
            State::Waiting => {
                let Self { position, ahead, .. } = self;
                format!("place {position}, {ahead} people ahead, about {wait} s")
            }
            State::Called => format!("your turn: name the run with --run before {until}"),
            State::Admitted => {
                let token = self.admission_token.as_deref().unwrap_or_default();
                format!("your turn: reserve before {until} with --admission-token {token}")
            }
            State::Spent => "its token became a hold".to_owned(),
            State::Left => "given back".to_owned(),
            State::Missed => "its turn is over; join again".to_owned(),
            State::Unspecified => "waits".to_owned(),
        };
        format!("ticket {} of {}\n{stands}", self.ticket, self.room)
    }
}
