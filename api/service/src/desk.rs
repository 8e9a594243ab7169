//! Where a checked request finds its run: the seam between the services and the engine.

use std::sync::Arc;

use berth_engine::Engine;
use berth_engine::node::{RunEntry, Trail, When};
use berth_inventory::{Answer, Command, Refusal, UnixMillis};

use crate::rooms::{Gate, Rooms};
use crate::tally::{Kind, Tally};
use crate::turned_away::TurnedAway;
use crate::wire::{Aim, Ask, Teller, Trouble};

/// What all services share.
pub(crate) struct Desk {
    pub engine: Engine,
    pub tally: Tally,
    pub rooms: Arc<Rooms>,
    pub turned_away: Arc<TurnedAway>,
    /// Address of the public listener, as bound.
    pub listen: String,
    /// Address of the admin listener, as bound.
    pub admin_listen: String,
    /// Zone of the catalogue's dates.
    pub zone: String,
}

impl Desk {
    /// To put answers into words now.
    pub fn teller(&self) -> Teller {
        Teller { names: Arc::clone(&self.engine.front().names), now: self.engine.now() }
    }

    /// The first step to the run a request means.
    #[inline]
    pub fn trail(&self, ask: &Ask) -> Trail<'_> {
        let front = self.engine.front();
        match &ask.aim {
            Aim::Run { run, .. } => {
                let (When::Start(date) | When::Board(date)) = run.when;
                front.trail_of_train(run.train, date)
            }
            Aim::Hold(hold) => front.trail_of_hold(*hold),
            Aim::Pnr(_) => Trail::Cold,
        }
    }

    /// The run a request means; its command gets what the name of the run gives.
    pub fn lead(
        &self,
        ask: &mut Ask,
        trail: &Trail<'_>,
        now: UnixMillis,
    ) -> Result<Arc<RunEntry>, Refusal> {
        let front = self.engine.front();
        Ok(match &ask.aim {
            Aim::Run { run, from } => front.locate(run.train, run.when, *from, now)?,
            Aim::Hold(hold) => front.follow(*hold, trail)?,
            Aim::Pnr(digits) => {
                let (pnr, run) = front.by_pnr(digits)?;
                match &mut ask.command {
                    Command::Cancel(cancel) => cancel.pnr = pnr,
                    Command::GetBooking(asked) => *asked = pnr,
                    _ => unreachable!("only these two are aimed by a PNR"),
                }
                run
            }
        })
    }

    /// Finds the run, asks it for a `caller` of waiting rooms, counts what came of it. No run was asked if none is given back.
    pub async fn ask(
        &self,
        mut ask: Ask,
        deadline: UnixMillis,
        caller: u64,
    ) -> Result<(Answer, Option<Arc<RunEntry>>), Trouble> {
        let kind = Kind::of(&ask.command);
        let (outcome, run) = match self.lead(&mut ask, &Trail::Cold, self.engine.now()) {
            Ok(run) => match self.gate(&mut ask, &run, caller) {
                Gate::Open => (self.engine.ask(&run, ask.command, deadline).await, Some(run)),
                Gate::With(stake) => {
                    let outcome = self.engine.ask(&run, ask.command, deadline).await;
                    (stake.settle(&outcome).unwrap_or(outcome), Some(run))
                }
                Gate::Shut(why) => (Ok(self.teller().refused(why)), None),
            },
            Err(why) => (Ok(self.teller().refused(why)), None),
        };
        self.tally.count(kind, &outcome);
        outcome.map(|answer| (answer, run)).map_err(Trouble::from)
    }

    /// Asks a run that is known already.
    pub async fn ask_run(
        &self,
        run: &Arc<RunEntry>,
        command: Command,
        deadline: UnixMillis,
    ) -> Result<Answer, Trouble> {
        let kind = Kind::of(&command);
        let outcome = self.engine.ask(run, command, deadline).await;
        self.tally.count(kind, &outcome);
        outcome.map_err(Trouble::from)
    }
}
