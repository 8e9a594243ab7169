//! A GTFS feed: trips of rail routes become trains, stop times become minutes from 00:00 of day 1.
//!
//! A train's number is the trip's short name, else the route's, else the trip's id. Trips of one
//! number with the same stops and times on other weekdays are one train. Kilometres are the great
//! circle between neighbouring stops, for `shape_dist_traveled` has no unit of its own. Stops
//! without a time, and stops where nobody may get on or off, are passed through.

use std::path::Path;

use berth_inventory::{CoachEntry, Entry, RunningDays, StationCode, StopEntry};
use gtfs_structures::{
    Calendar, GtfsReader, PickupDropOffType, RawGtfs, RawStopTime, RawTrip, Route, RouteType, Stop,
};
use hashbrown::HashMap;

use super::rakes::Rakes;
use super::{Harvest, ImportError, Why, progress};

const DAY: u32 = 24 * 60;
const EARTH_RADIUS_KM: f64 = 6_371.0;

/// Reads a feed; the zone is its agency's.
pub(super) fn read(feed: &Path, rakes: &Path) -> Result<(String, Harvest), ImportError> {
    let rakes = Rakes::load(rakes)?;
    let unreadable = |error: &dyn std::error::Error| ImportError::Unreadable {
        path: feed.into(),
        error: with_sources(error),
    };
    let spinner = indicatif::ProgressBar::new_spinner().with_message("reading the feed");
    spinner.enable_steady_tick(std::time::Duration::from_millis(100));
    let gtfs = GtfsReader::default()
        .read_shapes(false)
        .raw()
        .read_from_path(feed)
        .map_err(|error| unreadable(&error))?;
    spinner.finish_and_clear();
    let feed = Feed::of(&gtfs).map_err(unreadable)?;
    let mut harvest = Harvest::default();
    feed.harvest(&rakes, &mut harvest);
    Ok((feed.zone.into(), harvest))
}

/// An error with what caused it, in one line.
fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// The feed's tables, indexed.
struct Feed<'a> {
    zone: &'a str,
    trips: &'a [RawTrip],
    routes: HashMap<&'a str, &'a Route>,
    stops: HashMap<&'a str, &'a Stop>,
    calendar: HashMap<&'a str, &'a Calendar>,
    times: HashMap<&'a str, Vec<&'a RawStopTime>>,
    exceptions: usize,
    frequencies: usize,
}

/// What a trip says of a train, before its days are joined with other trips'.
struct Draft {
    entry: Entry,
    trip: String,
}

impl<'a> Feed<'a> {
    fn of(gtfs: &'a RawGtfs) -> Result<Self, &'a dyn std::error::Error> {
        fn table<T>(
            table: &Result<Vec<T>, gtfs_structures::Error>,
        ) -> Result<&[T], &dyn std::error::Error> {
            table.as_deref().map_err(|error| error as _)
        }
        let calendar = gtfs.calendar.as_ref().map_or(Ok(&[][..]), table)?;
        let mut times: HashMap<&str, Vec<&RawStopTime>> = HashMap::new();
        for time in table(&gtfs.stop_times)? {
            times.entry(&time.trip_id).or_default().push(time);
        }
        let count = |present: bool, len: usize| if present { len } else { 0 };
        let exceptions = gtfs.calendar_dates.as_ref().and_then(|t| t.as_ref().ok());
        let frequencies = gtfs.frequencies.as_ref().and_then(|t| t.as_ref().ok());
        Ok(Self {
            zone: table(&gtfs.agencies)?.first().map_or("UTC", |agency| &agency.timezone),
            trips: table(&gtfs.trips)?,
            routes: table(&gtfs.routes)?.iter().map(|r| (r.id.as_str(), r)).collect(),
            stops: table(&gtfs.stops)?.iter().map(|s| (s.id.as_str(), s)).collect(),
            calendar: calendar.iter().map(|c| (c.id.as_str(), c)).collect(),
            times,
            exceptions: count(exceptions.is_some(), exceptions.map_or(0, Vec::len)),
            frequencies: count(frequencies.is_some(), frequencies.map_or(0, Vec::len)),
        })
    }

    fn harvest(&self, rakes: &Rakes, harvest: &mut Harvest) {
        let mut drafts: Vec<Draft> = Vec::new();
        let mut by_number: HashMap<String, usize> = HashMap::new();
        let mut passed = 0;
        let bar = progress("trips", self.trips.len());
        for trip in self.trips {
            bar.inc(1);
            let entry = match self.entry(trip, rakes, &mut passed) {
                Ok(entry) => entry,
                Err((train, reason, detail)) => {
                    harvest.leave_out(&train, None, reason, detail);
                    continue;
                }
            };
            let first = *by_number.entry(entry.number.clone()).or_insert(drafts.len());
            match drafts.get_mut(first) {
                None => drafts.push(Draft { entry, trip: trip.id.clone() }),
                Some(known) if known.entry.stops == entry.stops => {
                    known.entry.days.0 |= entry.days.0;
                }
                Some(known) => {
                    let detail = format!(
                        "trip {} has other stops or times than trip {}",
                        trip.id, known.trip
                    );
                    harvest.leave_out(&entry.number, None, Why::DuplicateNumber, detail);
                }
            }
        }
        bar.finish_and_clear();
        for draft in drafts {
            harvest.take(draft.entry, None);
        }
        for (count, what) in [
            (
                passed,
                "stop times without a time, or where nobody gets on or off, were passed through",
            ),
            (
                self.exceptions,
                "single dates of calendar_dates.txt were not taken: a catalogue knows weekdays",
            ),
            (
                self.frequencies,
                "lines of frequencies.txt were not taken: a train has one time a day",
            ),
        ] {
            if count > 0 {
                harvest.note(format!("{count} {what}"));
            }
        }
    }

    fn entry(
        &self,
        trip: &RawTrip,
        rakes: &Rakes,
        passed: &mut usize,
    ) -> Result<Entry, (String, Why, String)> {
        let route = self.routes.get(trip.route_id.as_str()).copied();
        let number = number(trip, route);
        let fault = |why, detail| (number.clone(), why, detail);
        let Some(route) = route else {
            let detail =
                format!("trip {} names route {}, which is not in the feed", trip.id, trip.route_id);
            return Err(fault(Why::Unreadable, detail));
        };
        if !is_rail(route.route_type) {
            return Err(fault(Why::NotRail, String::new()));
        }
        let coaches: Vec<CoachEntry> = rakes
            .of(&number, route.route_type)
            .ok_or_else(|| fault(Why::NoRake, String::new()))?
            .to_vec();
        let service = self.calendar.get(trip.service_id.as_str()).ok_or_else(|| {
            let detail = format!("service {} is not in calendar.txt", trip.service_id);
            fault(Why::NoWeeklyCalendar, detail)
        })?;
        let times = self.times.get(trip.id.as_str()).map_or(&[][..], Vec::as_slice);
        let (stops, days_late) =
            self.stops(times, passed).map_err(|detail| fault(Why::Invalid, detail))?;
        let name = route.long_name.as_ref().or(trip.trip_headsign.as_ref()).unwrap_or(&number);
        Ok(Entry {
            name: name.clone(),
            days: later(days(service), days_late),
            stops,
            coaches,
            pools: Vec::new(),
            rules: None,
            number: number.clone(),
        })
    }

    /// The stops, and by how many days the train starts after the date of its service.
    fn stops(
        &self,
        times: &[&RawStopTime],
        passed: &mut usize,
    ) -> Result<(Vec<StopEntry>, u32), String> {
        let mut times = times.to_vec();
        times.sort_by_key(|time| time.stop_sequence);
        let mut stops = Vec::with_capacity(times.len());
        let mut km = 0.0;
        let mut here: Option<&Stop> = None;
        for time in times {
            let stop = self
                .stops
                .get(time.stop_id.as_str())
                .ok_or_else(|| format!("stop {} is not in stops.txt", time.stop_id))?;
            km += here.map_or(0.0, |here| distance_km(here, stop));
            if stop.latitude.is_some() {
                here = Some(stop);
            }
            let (Some(arrival), Some(departure)) = (
                time.arrival_time.or(time.departure_time),
                time.departure_time.or(time.arrival_time),
            ) else {
                *passed += 1;
                continue;
            };
            let nobody = PickupDropOffType::NotAvailable;
            if time.pickup_type == nobody && time.drop_off_type == nobody {
                *passed += 1;
                continue;
            }
            stops.push(StopEntry {
                code: code(stop),
                km: km as u32,
                arrival: Some(arrival / 60),
                departure: Some(departure / 60),
            });
        }
        let late = stops.first().and_then(|stop| stop.departure).unwrap_or(0) / DAY;
        for stop in &mut stops {
            // Times that run backwards are for the plan to refuse.
            let shift = |minute: u32| minute.saturating_sub(late * DAY);
            stop.arrival = stop.arrival.map(shift);
            stop.departure = stop.departure.map(shift);
        }
        if let Some(first) = stops.first_mut() {
            first.arrival = None;
        }
        if let Some(last) = stops.last_mut() {
            last.departure = None;
        }
        Ok((stops, late))
    }
}

fn number(trip: &RawTrip, route: Option<&Route>) -> String {
    let route_name = route.and_then(|route| route.short_name.as_deref());
    let names = [trip.trip_short_name.as_deref(), route_name];
    let name = names.into_iter().flatten().find(|name| !name.is_empty());
    name.unwrap_or(&trip.id).to_owned()
}

/// The stop's public code if it can name a station, else its id.
fn code(stop: &Stop) -> String {
    let public = stop.code.as_ref().filter(|code| code.parse::<StationCode>().is_ok());
    public.unwrap_or(&stop.id).clone()
}

fn is_rail(route_type: RouteType) -> bool {
    match route_type {
        RouteType::Rail => true,
        RouteType::Extended(extended) => extended.to_standard_route_type() == RouteType::Rail,
        _ => false,
    }
}

fn days(service: &Calendar) -> RunningDays {
    let week = [
        service.monday,
        service.tuesday,
        service.wednesday,
        service.thursday,
        service.friday,
        service.saturday,
        service.sunday,
    ];
    let bits = (0..).zip(week).map(|(day, runs)| u8::from(runs) << day);
    RunningDays(bits.fold(0, |days, bit| days | bit))
}

/// The same days, `count` days later in the week.
fn later(days: RunningDays, count: u32) -> RunningDays {
    let count = count % 7;
    let days = u32::from(days.0) << count;
    RunningDays((days & 0x7f | days >> 7) as u8)
}

/// Great circle between two stops; 0 when one has no coordinates.
fn distance_km(a: &Stop, b: &Stop) -> f64 {
    let at = |stop: &Stop| Some((stop.latitude?.to_radians(), stop.longitude?.to_radians()));
    let (Some((lat_a, lon_a)), Some((lat_b, lon_b))) = (at(a), at(b)) else {
        return 0.0;
    };
    let (lat, lon) = ((lat_b - lat_a) / 2.0, (lon_b - lon_a) / 2.0);
    let h = lat.sin().powi(2) + lat_a.cos() * lat_b.cos() * lon.sin().powi(2);
    2.0 * EARTH_RADIUS_KM * h.sqrt().min(1.0).asin()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_move_round_the_week() {
        let weekdays = RunningDays(0b001_1111);
        assert_eq!(later(weekdays, 1).to_string(), "0111110");
        assert_eq!(later(weekdays, 2).to_string(), "0011111");
        assert_eq!(later(weekdays, 3).to_string(), "1001111");
        assert_eq!(later(weekdays, 7), weekdays);
    }
}
