//! From a catalogue's word to a plan, or to what is wrong with it.

use super::fault::{
    Checked, MINUTE_MAX, PlanError, PlanFault, RULES_BYTES_MAX, TRAIN_NAME_BYTES_MAX,
};
use super::{Berth, Coach, CoachEntry, Entry, Plan, Stop, StopEntry, default_pools, lists, pools};
use crate::layout::{Layout, layout};
use crate::{
    BERTHS_MAX, BerthIndex, COACHES_MAX, CoachId, LegRange, PlanHash, PoolIndex, RunningDays,
    STOPS_MAX, STOPS_MIN, StationCode, TravelClass,
};

/// The whole check.
pub(super) fn plan(entry: &Entry, hash: PlanHash) -> Result<Plan, PlanError> {
    checked(entry, hash).map_err(|fault| PlanError { train: start_of(&entry.number), fault })
}

fn checked(entry: &Entry, hash: PlanHash) -> Checked<Plan> {
    let number = entry.number.parse().map_err(PlanFault::name("number"))?;
    if entry.name.len() > TRAIN_NAME_BYTES_MAX {
        return Err(PlanFault::LongName { bytes: entry.name.len() });
    }
    if let Some(rules) = entry.rules.as_deref()
        && !(1..=RULES_BYTES_MAX).contains(&rules.len())
    {
        return Err(PlanFault::LongRules { bytes: rules.len() });
    }
    if entry.days.0 & !RunningDays::DAILY.0 != 0 {
        return Err(PlanFault::Days { bits: entry.days.0 });
    }
    let stops = stops(&entry.stops)?;
    let (coaches, mut berths) = coaches(&entry.coaches, stops.len())?;
    let has = |class: &&TravelClass| berths.iter().any(|b| b.class == **class);
    let classes: Vec<TravelClass> = TravelClass::ALL.iter().filter(has).copied().collect();
    let defaults = if entry.pools.is_empty() { default_pools(&classes) } else { Vec::new() };
    let entries = if entry.pools.is_empty() { &defaults } else { &entry.pools };
    let mut pools = pools::assign(entries, &classes, stops.len(), &mut berths)?;
    // What a reserve may name; the pools of half-berths come behind.
    let doors = pools.iter().map(super::Door::of).collect();
    let whole = berths.len();
    let (lists, shared) = lists::spell_out(entries, &mut pools, &mut berths)?;
    let name = entry.name.as_str().into();
    let all_coaches_whole = coaches.iter().all(|c| c.legs.len() as usize == stops.len() - 1);
    let days = entry.days;
    let keeps = pools.iter().zip(0..).filter(|(pool, _)| !pool.kept.is_empty());
    let keeping = keeps.fold(0, |bits, (_, index)| bits | 1 << index);
    Ok(Plan {
        stops,
        doors,
        keeping,
        berths,
        whole,
        pools,
        lists,
        shared,
        coaches,
        hash,
        number,
        name,
        days,
        classes,
        rules: entry.rules.clone(),
        all_coaches_whole,
    })
}

fn stops(entries: &[StopEntry]) -> Checked<Vec<Stop>> {
    let count = entries.len();
    if !(STOPS_MIN..=STOPS_MAX).contains(&count) {
        return Err(PlanFault::Count { what: "stops", count, min: STOPS_MIN, max: STOPS_MAX });
    }
    let mut stops: Vec<Stop> = Vec::with_capacity(count);
    for (index, entry) in entries.iter().enumerate() {
        let next = stop(index, count, entry, stops.last())?;
        stops.push(next);
    }
    Ok(stops)
}

fn stop(index: usize, count: usize, entry: &StopEntry, before: Option<&Stop>) -> Checked<Stop> {
    let stop = index + 1;
    let code: StationCode = entry.code.parse().map_err(PlanFault::name("station code"))?;
    let missing = |what, may_lack| PlanFault::NoTime { stop, code, what, may_lack };
    let (arrival, departure) = match (entry.arrival, entry.departure) {
        (arrival, Some(departure)) if stop == 1 => (arrival.unwrap_or(departure), departure),
        (Some(arrival), departure) if stop == count => (arrival, departure.unwrap_or(arrival)),
        (Some(arrival), Some(departure)) => (arrival, departure),
        (None, _) if stop > 1 => return Err(missing("arrival", "origin")),
        (_, _) => return Err(missing("departure", "terminus")),
    };
    if departure < arrival {
        let (minute, before, of) = (departure, arrival, "its arrival");
        return Err(PlanFault::TimeBackwards { stop, code, what: "departs", minute, before, of });
    }
    if departure > MINUTE_MAX {
        return Err(PlanFault::Minute { stop, code, minute: departure });
    }
    if let Some(last) = before {
        if arrival < last.departure {
            let (what, of) = ("arrives", "the departure before it");
            let (minute, before) = (arrival, last.departure);
            return Err(PlanFault::TimeBackwards { stop, code, what, minute, before, of });
        }
        if entry.km < last.km {
            return Err(PlanFault::KmBackwards { stop, code, km: entry.km, before: last.km });
        }
    }
    Ok(Stop { code, km: entry.km, arrival, departure })
}

fn coaches(entries: &[CoachEntry], stops: usize) -> Checked<(Vec<Coach>, Vec<Berth>)> {
    if entries.is_empty() {
        return Err(PlanFault::NoCoach);
    }
    let count = entries.len();
    if count > COACHES_MAX {
        return Err(PlanFault::Count { what: "coaches", count, min: 1, max: COACHES_MAX });
    }
    let mut coaches: Vec<Coach> = Vec::with_capacity(count);
    let mut berths: Vec<Berth> = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let (id, layout, legs) = coach(entry, stops)?;
        if let Some(first) = coaches.iter().position(|c| c.id == id) {
            let (id, first, second) = (entry.id.as_str().into(), first + 1, index + 1);
            return Err(PlanFault::CoachTwice { id, first, second });
        }
        let count = berths.len() + layout.berths().len();
        if count > BERTHS_MAX {
            return Err(PlanFault::Count { what: "berths", count, min: 1, max: BERTHS_MAX });
        }
        coaches.push(Coach {
            id,
            layout: layout.name().into(),
            legs,
            first: BerthIndex(berths.len() as u16),
            count: layout.berths().len() as u16,
        });
        berths.extend(layout.berths().iter().map(|b| Berth {
            coach: index as u8,
            number: b.number,
            class: b.class,
            berth_type: b.berth_type,
            bay: b.bay,
            row: b.row,
            side: b.side,
            // The pools are shared out once all berths are known.
            pool: PoolIndex(0),
        }));
    }
    Ok((coaches, berths))
}

fn coach(entry: &CoachEntry, stops: usize) -> Checked<(CoachId, &'static Layout, LegRange)> {
    let id = entry.id.as_str();
    let coach = CoachId::from_bytes(id.as_bytes())
        .filter(|coach| coach.as_bytes().iter().all(u8::is_ascii_alphanumeric))
        .ok_or_else(|| PlanFault::CoachId { id: start_of(id) })?;
    let layout = layout(&entry.layout).ok_or_else(|| PlanFault::UnknownLayout {
        coach: id.into(),
        layout: start_of(&entry.layout),
    })?;
    let (first, last) = entry.stops.unwrap_or((1, stops as u16));
    let inside = 1 <= first && usize::from(last) <= stops;
    match LegRange::new(first.saturating_sub(1) as u8, last.saturating_sub(1) as u8) {
        Some(legs) if inside && first < last => Ok((coach, layout, legs)),
        _ => Err(PlanFault::CoachStops { coach: id.into(), first, last, stops }),
    }
}

/// What of a caller's text goes into a message.
fn start_of(text: &str) -> Box<str> {
    text.chars().take(24).collect()
}
