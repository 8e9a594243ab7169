//! What nobody can beat: the fair bound, and the offline optimum.
//!
//! *Fair* = first come, first served, and nobody is refused whom some seating of those already
//! accepted would let in: a request is accepted if no leg of it is full, whoever must move (domain
//! 3.1: an interval graph needs no more berths than its fullest leg). *Optimum* = all requests are
//! known before, and any may be refused: a flow of `berths` units from the first stop to the last,
//! on which each request is an edge that may be used once a passenger. For parties it is an upper
//! bound: the flow may take a part of one.

use std::collections::{BTreeMap, VecDeque};

use super::demand::Request;

/// Which requests the fair bound accepts.
pub fn fair(requests: &[Request], berths: usize, legs: usize) -> Vec<bool> {
    let mut taken = vec![0; legs];
    let accept = |request: &Request| {
        let size = request.party.len();
        let legs = &mut taken[usize::from(request.legs.from)..usize::from(request.legs.to)];
        let fits = legs.iter().all(|taken| *taken + size <= berths);
        if fits {
            for taken in legs {
                *taken += size;
            }
        }
        fits
    };
    requests.iter().map(accept).collect()
}

/// The most berth-kilometres that `berths` berths can carry of these requests.
pub fn optimum(requests: &[Request], berths: usize, legs: usize) -> f64 {
    let mut flow = Flow { edges: Vec::new(), at: vec![Vec::new(); legs + 1] };
    let berths = i64::from(berths as u32);
    for stop in 0..legs {
        flow.edge(stop, stop + 1, berths, 0);
    }
    // Requests of one journey are one edge.
    let mut wanted = BTreeMap::new();
    for request in requests {
        let key = (request.legs.from, request.legs.to);
        wanted.entry(key).or_insert((0, request.km as i64)).0 +=
            i64::from(request.party.len() as u32);
    }
    for ((from, to), (passengers, km)) in wanted {
        flow.edge(from.into(), to.into(), passengers, km);
    }
    flow.best(berths) as f64
}

/// An edge of the flow and what is left of it; its way back is its neighbour (`place ^ 1`).
struct Edge {
    to: usize,
    left: i64,
    /// Kilometres that a unit wins here.
    km: i64,
}

/// Berths that flow from the first stop to the last.
struct Flow {
    edges: Vec<Edge>,
    /// The edges that leave a stop.
    at: Vec<Vec<usize>>,
}

impl Flow {
    fn edge(&mut self, from: usize, to: usize, left: i64, km: i64) {
        let place = self.edges.len();
        self.edges.push(Edge { to, left, km });
        self.edges.push(Edge { to: from, left: 0, km: -km });
        self.at[from].push(place);
        self.at[to].push(place + 1);
    }

    /// What `units` win on the best ways, one way after the other: exact, for a way that wins most
    /// in what the earlier ones left never has to be taken back as a whole (successive shortest
    /// paths; Ahuja, Magnanti, Orlin, section 9.7).
    fn best(&mut self, mut units: i64) -> i64 {
        let last = self.at.len() - 1;
        let mut won = 0;
        while units > 0 {
            let (win, by) = self.longest();
            let mut width = units;
            let mut stop = last;
            while stop != 0 {
                width = width.min(self.edges[by[stop]].left);
                stop = self.edges[by[stop] ^ 1].to;
            }
            stop = last;
            while stop != 0 {
                self.edges[by[stop]].left -= width;
                self.edges[by[stop] ^ 1].left += width;
                stop = self.edges[by[stop] ^ 1].to;
            }
            won += width * win[last];
            units -= width;
        }
        won
    }

    /// For each stop what the longest way there wins, and by which edge it comes (Bellman and Ford:
    /// there are edges back, but no circle that wins).
    fn longest(&self) -> (Vec<i64>, Vec<usize>) {
        let stops = self.at.len();
        let (mut win, mut by) = (vec![i64::MIN; stops], vec![usize::MAX; stops]);
        let (mut queue, mut waits) = (VecDeque::from([0]), vec![false; stops]);
        win[0] = 0;
        while let Some(stop) = queue.pop_front() {
            waits[stop] = false;
            for &place in &self.at[stop] {
                let Edge { to, left, km } = self.edges[place];
                if left > 0 && win[to] < win[stop] + km {
                    (win[to], by[to]) = (win[stop] + km, place);
                    if !core::mem::replace(&mut waits[to], true) {
                        queue.push_back(to);
                    }
                }
            }
        }
        (win, by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paired::Dice;
    use crate::yields::demand::Request;
    use berth_inventory::{AgeBand, LegRange, Passenger, Sex};

    fn request(from: u8, to: u8, size: usize) -> Request {
        let passenger = Passenger {
            age: AgeBand::Adult,
            sex: Sex::Male,
            berth_required: true,
            preference: None,
        };
        let party = core::iter::repeat_n(passenger, size).collect();
        Request { legs: LegRange { from, to }, party, km: f64::from(to - from) * 10.0 }
    }

    #[test]
    fn the_fair_bound_refuses_only_what_finds_a_leg_full() {
        let requests = [
            request(0, 2, 1),
            request(2, 4, 1),
            request(1, 3, 1),
            request(0, 4, 1),
            request(3, 4, 1),
        ];
        assert_eq!(fair(&requests, 2, 4), [true, true, true, false, true]);
        assert_eq!(fair(&[request(0, 1, 3), request(0, 1, 2)], 2, 1), [false, true]);
    }

    #[test]
    fn the_optimum_refuses_whom_it_pays_to_refuse() {
        // Two short trips, or the long one in the place of both: 20 and 40.
        let requests = [request(0, 1, 1), request(3, 4, 1), request(0, 4, 1)];
        assert!((optimum(&requests, 1, 4) - 40.0).abs() < 1e-9);
        assert!((optimum(&requests, 2, 4) - 60.0).abs() < 1e-9);
        assert!(optimum(&[], 5, 4).abs() < 1e-9);
    }

    /// Against every subset, in small worlds.
    #[test]
    fn the_optimum_is_the_best_of_all_subsets() {
        let mut dice = Dice(7);
        for _ in 0..200 {
            let (legs, berths) = (1 + dice.below(6), 1 + dice.below(3));
            let requests: Vec<_> = (0..dice.below(9))
                .map(|_| {
                    let from = dice.below(legs);
                    request(from as u8, (from + 1 + dice.below(legs - from)) as u8, 1)
                })
                .collect();
            let fits = |set: u32| {
                let mut taken = vec![0; legs];
                let chosen = requests.iter().enumerate().filter(|(i, _)| set >> i & 1 == 1);
                chosen.for_each(|(_, r)| {
                    (r.legs.from..r.legs.to).for_each(|leg| taken[usize::from(leg)] += 1);
                });
                taken.iter().all(|taken| *taken <= berths)
            };
            let km = |set: u32| -> f64 {
                (0..requests.len()).filter(|i| set >> i & 1 == 1).map(|i| requests[i].km).sum()
            };
            let best = (0..1 << requests.len()).filter(|s| fits(*s)).map(km).fold(0.0, f64::max);
            let found = optimum(&requests, berths, legs);
            assert!((found - best).abs() < 1e-9, "{found} and {best}: {requests:?}");
        }
    }
}
