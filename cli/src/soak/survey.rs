//! The last look: what the server publishes about every run, once nobody asks for anything any more.
//!
//! A map of each single leg says exactly what every berth is on it; queries say the counts. All
//! answers about a run are of one version, or it is read again.

use std::time::Duration;

use berth_client::{Admin, Client, v1};
use futures_util::{StreamExt as _, TryStreamExt as _};
use tokio::time::sleep;

use super::SoakError;
use super::ledger::legs;
use super::stage::{Stage, StageRun, stop};

/// Requests under way at once.
const AT_ONCE: usize = 16;
/// Times that a run is read until nothing changes meanwhile.
const LOOKS_MAX: usize = 40;

/// What one berth is, leg by leg, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cells {
    pub free: u128,
    pub held: u128,
    pub sold: u128,
    pub blocked: u128,
}

/// One published count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    pub from: u8,
    pub to: u8,
    pub class: i32,
    pub quota: String,
    pub free: u32,
}

/// Berths times legs of one pool, as Operations tells them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolFigures {
    pub class: i32,
    pub quota: String,
    pub capacity: u64,
    pub free: u64,
    pub held: u64,
    pub sold: u64,
    pub blocked: u64,
}

/// One run as it was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub version: u64,
    pub as_of: u64,
    pub cells: Vec<Cells>,
    pub counts: Vec<Count>,
    pub pools: Vec<PoolFigures>,
    /// Version and digest of the live run.
    pub digest: Option<(u64, String)>,
}

/// Looks at every run.
pub async fn look(
    client: &Client,
    admin: Option<&Admin>,
    stage: &Stage,
) -> Result<Vec<Seen>, SoakError> {
    let mut all = Vec::with_capacity(stage.runs.len());
    for run in &stage.runs {
        all.push(look_at(client, admin, run).await?);
    }
    Ok(all)
}

async fn look_at(
    client: &Client,
    admin: Option<&Admin>,
    run: &StageRun,
) -> Result<Seen, SoakError> {
    for _ in 0..LOOKS_MAX {
        if let Some(seen) = one_look(client, admin, run).await? {
            return Ok(seen);
        }
        // Somebody's hold expired between two answers.
        sleep(Duration::from_millis(100)).await;
    }
    Err(SoakError::Restless { run: run.name.clone() })
}

/// `None` if the answers are of different versions.
async fn one_look(
    client: &Client,
    admin: Option<&Admin>,
    run: &StageRun,
) -> Result<Option<Seen>, SoakError> {
    let mut seen = Seen { cells: vec![Cells::default(); run.berths()], ..Seen::default() };
    let maps = futures_util::stream::iter(0..run.legs)
        .map(|leg| map_of(client, run, leg))
        .buffered(AT_ONCE)
        .try_collect::<Vec<_>>()
        .await?;
    let mut versions = Vec::new();
    for (leg, (version, as_of, states)) in maps.into_iter().enumerate() {
        versions.push(version);
        seen.as_of = seen.as_of.max(as_of);
        if states.len() != run.berths() {
            let (run, berths) = (run.name.clone(), states.len());
            return Err(SoakError::Map { run, berths });
        }
        for (cell, state) in seen.cells.iter_mut().zip(states) {
            let bit = 1 << leg;
            match state {
                v1::BerthState::Free => cell.free |= bit,
                v1::BerthState::Held => cell.held |= bit,
                v1::BerthState::Sold => cell.sold |= bit,
                v1::BerthState::Blocked => cell.blocked |= bit,
                v1::BerthState::Unspecified => {}
            }
        }
    }
    for pairs in journeys(run.legs).chunks(berth_proto::BATCH_QUERIES_MAX) {
        for (version, as_of, counts) in counts_of(client, run, pairs).await? {
            versions.push(version);
            seen.as_of = seen.as_of.max(as_of);
            seen.counts.extend(counts);
        }
    }
    if let Some(admin) = admin {
        figures_of(admin, run, &mut seen).await?;
        versions.extend(seen.digest.as_ref().map(|(version, _)| *version));
    }
    seen.version = versions.first().copied().unwrap_or_default();
    // A run that nobody has touched is version 0 for readers; asking for its figures may wake it.
    let same = |version: &u64| *version == seen.version || (seen.version, *version) == (0, 1);
    Ok(versions.iter().all(same).then_some(seen))
}

/// The journeys whose counts are compared: every leg, every journey from the origin or to the
/// terminus, and the middle.
fn journeys(legs: u8) -> Vec<(u8, u8)> {
    let mut pairs: Vec<(u8, u8)> = (0..legs).map(|leg| (leg, leg + 1)).collect();
    pairs.extend((2..=legs).map(|to| (0, to)));
    pairs.extend((1..legs.saturating_sub(1)).map(|from| (from, legs)));
    if legs > 3 {
        pairs.push((1, legs - 1));
    }
    pairs
}

async fn map_of(
    client: &Client,
    run: &StageRun,
    leg: u8,
) -> Result<(u64, u64, Vec<v1::BerthState>), SoakError> {
    use v1::get_berth_map_response::Outcome;
    let ask = v1::GetBerthMapRequest {
        run: Some(run.reference()),
        from_stop: Some(stop(leg)),
        to_stop: Some(stop(leg + 1)),
        travel_class: 0,
    };
    let said = client.get_berth_map(ask).await?;
    let Some(Outcome::Map(map)) = said.outcome else {
        return Err(SoakError::Map { run: run.name.clone(), berths: 0 });
    };
    let states = map.coaches.iter().flat_map(|c| &c.berths).map(v1::BerthCell::state).collect();
    Ok((said.run_version, super::effect::ms(said.as_of.as_ref()), states))
}

async fn counts_of(
    client: &Client,
    run: &StageRun,
    pairs: &[(u8, u8)],
) -> Result<Vec<(u64, u64, Vec<Count>)>, SoakError> {
    use v1::query_response::Outcome;
    let queries = pairs
        .iter()
        .map(|(from, to)| v1::QueryRequest {
            run: Some(run.reference()),
            from_stop: Some(stop(*from)),
            to_stop: Some(stop(*to)),
            ..v1::QueryRequest::default()
        })
        .collect();
    let said = client.batch_query(v1::BatchQueryRequest { queries }).await?;
    let mut all = Vec::with_capacity(pairs.len());
    for ((from, to), answer) in pairs.iter().zip(said.answers) {
        // Refused when no pool sells this journey: nothing to compare then.
        let rows = match answer.outcome {
            Some(Outcome::Table(table)) => table.rows,
            _ => continue,
        };
        let counts = rows
            .into_iter()
            .map(|row| Count {
                from: *from,
                to: *to,
                class: row.travel_class,
                quota: row.quota,
                free: row.count,
            })
            .collect();
        all.push((answer.run_version, super::effect::ms(answer.as_of.as_ref()), counts));
    }
    Ok(all)
}

async fn figures_of(admin: &Admin, run: &StageRun, seen: &mut Seen) -> Result<(), SoakError> {
    use v1::get_train_run_response::Outcome;
    let (train, start_date) = (run.train.clone(), run.start_date.clone());
    let said = admin.get_train_run(v1::GetTrainRunRequest { train, start_date }).await?;
    if let Some(Outcome::Run(figures)) = said.outcome {
        seen.digest = Some((said.run_version, figures.digest));
        seen.pools = figures
            .pools
            .into_iter()
            .map(|pool| PoolFigures {
                class: pool.travel_class,
                quota: pool.quota,
                capacity: pool.capacity,
                free: pool.free,
                held: pool.held,
                sold: pool.sold,
                blocked: pool.blocked,
            })
            .collect();
    }
    Ok(())
}

impl Count {
    /// Its legs as bits.
    pub fn legs(&self) -> u128 {
        legs(self.from, self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_leg_and_the_whole_route_are_compared() {
        assert_eq!(journeys(1), [(0, 1)]);
        assert_eq!(journeys(2), [(0, 1), (1, 2), (0, 2)]);
        let five = journeys(5);
        assert!(
            [(0, 5), (4, 5), (1, 4), (2, 5)].iter().all(|pair| five.contains(pair)),
            "{five:?}"
        );
    }
}
