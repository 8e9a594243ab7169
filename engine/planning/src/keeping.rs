//! How many berths to keep for long journeys, learnt from past days.
//!
//! A short journey that opens a berth in the middle of its route takes a long one's place, and first
//! come, first served lets it, so that a train with more demand than berths runs with less than it
//! could carry (domain 3.2: 6 to 18 points of berth-kilometres). To keep berths from short journeys
//! wins much of that on a full day and loses as much on an empty one, and nobody knows at the opening
//! of a sale which day it will be. So what is kept falls as the sale goes on, as fast as demand used
//! to come: on an empty day the berths are given back before they are needed, on a full day they are
//! gone to long journeys by then.
//!
//! What is learnt is the *peak* for each of a few distances: the share of a class's berths that
//! journeys shorter than that must leave vacant when the sale opens. Found by trying: past days are
//! seated again ([`Seating`]) and one peak after the other is set to what sells most berth-kilometres
//! in all, as long as no past day sells less than it would with nothing kept, by more than
//! [`LOSS_MAX`]. How it falls is not searched: in proportion to the past passengers that had not yet
//! asked at that time before the departure.

use berth_inventory::{Kept, LegRange, Millis};

use crate::past::{Past, PastRequest};
use crate::seating::Seating;

/// Lengths of journeys that are told apart, tenths of the route.
const DISTANCES: [u32; 6] = [3, 4, 5, 6, 7, 8];
/// A peak is so many tenths.
const PEAK_MAX: u32 = 10;
/// Parts of the past demand between which what is kept falls evenly.
const PARTS: usize = 5;
/// One part of so many of a day's capacity is the most that a past day may lose: a quarter of a
/// point.
const LOSS_MAX: u64 = 400;
/// Times that every peak is looked at again at most; two were enough on every train that was tried.
const ROUNDS: usize = 4;

/// What a train keeps for long journeys, for a class of any size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keeping {
    /// Kilometres of the whole route.
    route_km: u32,
    /// Of each distance the tenths of the berths that are kept when the sale opens.
    peaks: [u32; DISTANCES.len()],
    /// When the first of the past passengers asked, and by when each fifth of them had: minutes
    /// before the departure, never rising.
    asked: [u32; PARTS + 1],
}

impl Keeping {
    /// What sells most on these past days of a train's classes, whose stops are at these kilometres.
    ///
    /// # Panics
    /// If a request names a stop that the train has not.
    pub fn learnt(stops_km: &[u32], past: &[Past]) -> Self {
        let route_km = stops_km.last().copied().unwrap_or(0);
        let mut best = Self { route_km, peaks: [0; DISTANCES.len()], asked: asked(past) };
        let days = past.iter().map(|class| class.days.len()).max().unwrap_or(0);
        let sold = |keeping: &Self| -> Vec<u64> {
            let day = |day| past.iter().map(|class| keeping.sold(stops_km, class, day)).sum();
            (0..days).map(day).collect()
        };
        let capacity: u64 = past.iter().map(|class| u64::from(class.berths)).sum();
        let may_lose = capacity * u64::from(route_km) / LOSS_MAX;
        let plain = sold(&best);
        let mut most: u64 = plain.iter().sum();
        for _ in 0..ROUNDS {
            let before = most;
            for place in (0..DISTANCES.len()).rev() {
                for peak in 0..=PEAK_MAX {
                    let mut other = best.clone();
                    other.peaks[place] = peak;
                    if other.peaks == best.peaks {
                        continue;
                    }
                    let found = sold(&other);
                    let total = found.iter().sum();
                    let bears = |(day, plain): (&u64, &u64)| day + may_lose >= *plain;
                    if total > most && found.iter().zip(&plain).all(bears) {
                        (best, most) = (other, total);
                    }
                }
            }
            if most == before {
                break;
            }
        }
        best
    }

    /// What is kept when the sale opens: per cent of the berths, from journeys below so many
    /// kilometres.
    pub fn peaks(&self) -> impl Iterator<Item = (u32, u32)> {
        let each = self.peaks.into_iter().zip(DISTANCES).filter(|(peak, _)| *peak > 0);
        each.map(|(peak, distance)| (self.route_km * distance / 10, peak * 100 / PEAK_MAX))
    }

    /// The rows of a pool of so many berths; none if it has too few to keep any.
    pub fn rows(&self, berths: u16) -> Vec<Kept> {
        let part = |peak: u32, left: usize| {
            (u32::from(berths) * peak * left as u32 / (PEAK_MAX * PARTS as u32)) as u16
        };
        let mut rows = Vec::new();
        let mut more = 0;
        // The longest first: what it keeps, shorter journeys leave too.
        for (peak, distance) in self.peaks.into_iter().zip(DISTANCES).rev() {
            if peak <= more {
                continue;
            }
            more = peak;
            let below_km = self.route_km * distance / 10;
            for (over, time) in self.asked.windows(2).enumerate() {
                let (since, until) = (time[0], time[1]);
                let (berths, last) = (part(peak, PARTS - over), part(peak, PARTS - over - 1));
                if berths > 0 && since > until {
                    rows.push(Kept { below_km, berths, last, since, until });
                }
            }
        }
        rows
    }

    /// Berth-kilometres of a past day of a class, had this been in force.
    fn sold(&self, stops_km: &[u32], class: &Past, day: usize) -> u64 {
        let legs = stops_km.len() - 1;
        let mut seating = Seating::new(class.berths, legs);
        let rows = self.rows(class.berths);
        let requests = class.days.get(day).map_or(&[][..], Vec::as_slice);
        let mut one = |request: &PastRequest| {
            let km = kilometres(stops_km, request.legs);
            let left = Millis(u64::from(request.before) * 60_000);
            let kept = rows.iter().map(|row| row.berths(km, left)).max().unwrap_or(0);
            let seated = seating.seat(request.legs, request.heads, kept);
            if seated { u64::from(km) * u64::from(request.heads) } else { 0 }
        };
        requests.iter().map(&mut one).sum()
    }
}

fn kilometres(stops_km: &[u32], legs: LegRange) -> u32 {
    stops_km[usize::from(legs.to)] - stops_km[usize::from(legs.from)]
}

/// When the first of the past passengers asked, and by when each part of them had.
fn asked(past: &[Past]) -> [u32; PARTS + 1] {
    let requests = past.iter().flat_map(|class| class.days.iter().flatten());
    let mut asked: Vec<(u32, u64)> = requests.map(|r| (r.before, u64::from(r.heads))).collect();
    asked.sort_unstable_by(|a, b| b.cmp(a));
    let all: u64 = asked.iter().map(|(_, heads)| heads).sum();
    let mut times = [asked.first().map_or(0, |(before, _)| *before); PARTS + 1];
    let (mut seen, mut part) = (0, 1);
    for (before, heads) in asked {
        seen += heads;
        while part <= PARTS && seen * PARTS as u64 >= all * part as u64 {
            times[part] = before;
            part += 1;
        }
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten stops ten kilometres apart.
    fn stops() -> Vec<u32> {
        (0..10).map(|stop| 10 * stop).collect()
    }

    fn request(from: u8, to: u8, before: u32) -> PastRequest {
        PastRequest { legs: LegRange { from, to }, heads: 1, before }
    }

    /// So many short journeys in the middle, each followed by a long one.
    fn day(pairs: u32) -> Vec<PastRequest> {
        let pair = |n: u32| [request(4, 6, 1_000 - 2 * n), request(0, 9, 999 - 2 * n)];
        (0..pairs).flat_map(pair).collect()
    }

    #[test]
    fn where_short_journeys_take_the_place_of_long_ones_berths_are_kept() {
        let past = Past { berths: 20, days: vec![day(20), day(30)] };
        let keeping = Keeping::learnt(&stops(), core::slice::from_ref(&past));
        let rows = keeping.rows(20);
        assert!(!rows.is_empty(), "{keeping:?}");
        let sold = |keeping: &Keeping| keeping.sold(&stops(), &past, 0);
        let nothing = Keeping { peaks: [0; DISTANCES.len()], ..keeping.clone() };
        assert!(sold(&keeping) > sold(&nothing) * 11 / 10, "{rows:?}");
    }

    #[test]
    fn where_there_is_room_for_everybody_nothing_is_kept() {
        let past = Past { berths: 50, days: vec![day(20), day(25)] };
        let keeping = Keeping::learnt(&stops(), &[past]);
        assert_eq!((keeping.peaks().count(), keeping.rows(50)), (0, Vec::new()));
        let none = Keeping::learnt(&stops(), &[]);
        assert_eq!(none.rows(100), Vec::new(), "nothing was asked, nothing is known");
    }

    #[test]
    fn rows_fall_with_the_demand_that_is_still_to_come() {
        let asked = [1_000, 900, 400, 400, 100, 0];
        let keeping = Keeping { route_km: 1_000, peaks: [10, 0, 5, 5, 0, 2], asked };
        let rows = keeping.rows(100);
        let at = |km: u32, before: u64| {
            let left = Millis(before * 60_000);
            rows.iter().map(|row| row.berths(km, left)).max().unwrap_or(0)
        };
        let opening = [(250, 100), (300, 50), (599, 50), (600, 20), (799, 20), (800, 0)];
        for (km, kept) in opening {
            assert_eq!(at(km, 1_000), kept, "{km} km");
            assert_eq!(at(km, 2_000), kept, "{km} km, before anybody used to ask");
        }
        // A fifth had come by 900, two more by 400, the fourth by 100.
        let falls = [(950, 90), (900, 80), (650, 70), (401, 60), (400, 40), (250, 30), (100, 20)];
        for (before, kept) in falls {
            assert_eq!(at(250, before), kept, "{before}");
        }
        assert_eq!([at(250, 50), at(250, 0)], [10, 0], "the train leaves");
        assert_eq!(keeping.rows(0), Vec::new());
    }

    #[test]
    fn parts_of_the_demand_are_told_by_heads() {
        let past = |requests| asked(&[Past { berths: 1, days: vec![requests] }]);
        let even = (0..100).map(|n| request(0, 1, 1_000 - n)).collect();
        assert_eq!(past(even), [1_000, 981, 961, 941, 921, 901]);
        let party = PastRequest { heads: 6, ..request(0, 1, 500) };
        let late = vec![party, request(0, 1, 400), request(0, 1, 300)];
        assert_eq!(past(late), [500, 500, 500, 500, 400, 300]);
        assert_eq!(past(Vec::new()), [0; PARTS + 1]);
    }
}
