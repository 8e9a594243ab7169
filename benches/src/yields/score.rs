//! What a seating is worth (domain 3.4).

use berth_inventory::{BerthIndex, Plan};

use super::demand::Request;
use super::machine::Seats;

/// One seating of one day, or several days added up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    /// Parties that asked.
    pub parties: u64,
    /// Parties with berths.
    pub accepted: u64,
    /// Berth-kilometres of them.
    pub berth_km: f64,
    /// Parties refused although every leg of theirs had berths enough: free, but not in one row.
    pub phantom: u64,
    /// Accepted parties of two or more.
    pub groups: u64,
    /// Of those, in one bay.
    pub one_bay: u64,
    /// Of those, in one coach.
    pub one_coach: u64,
    /// Passengers with berths who wished for a type, or are owed a lower berth.
    pub wishes: u64,
    /// Of those, with what they wished for.
    pub wishes_met: u64,
    /// Refused parties that a later one overtook: no shorter, no smaller, and accepted.
    pub overtaken: u64,
}

impl Score {
    /// Of a seating of `berths` berths that all run the whole way.
    pub fn of(plan: &Plan, requests: &[Request], seats: &[Seats], berths: usize) -> Self {
        let mut score = Self::default();
        let mut taken = vec![0; plan.legs_count()];
        for (place, (request, own)) in requests.iter().zip(seats).enumerate() {
            let legs = &mut taken[usize::from(request.legs.from)..usize::from(request.legs.to)];
            let size = request.party.len();
            score.parties += 1;
            if !own.is_empty() {
                for taken in legs {
                    *taken += size;
                }
                score.accept(plan, request, own);
                continue;
            }
            score.phantom += u64::from(legs.iter().all(|taken| taken + size <= berths));
            let later = requests.iter().zip(seats).skip(place + 1);
            let overtakes = |(other, seats): (&Request, &Seats)| {
                !seats.is_empty() && other.party.len() >= size && other.legs.contains(request.legs)
            };
            score.overtaken += u64::from(later.into_iter().any(overtakes));
        }
        score
    }

    fn accept(&mut self, plan: &Plan, request: &Request, seats: &[BerthIndex]) {
        self.accepted += 1;
        self.berth_km += request.berth_km();
        let berths = || seats.iter().map(|berth| plan.berth(*berth));
        if let [first, _, ..] = seats {
            let first = plan.berth(*first);
            self.groups += 1;
            self.one_coach += u64::from(berths().all(|berth| berth.coach == first.coach));
            let bay = |berth: &berth_inventory::Berth| (berth.coach, berth.bay);
            self.one_bay += u64::from(berths().all(|berth| bay(berth) == bay(first)));
        }
        for (passenger, berth) in request.party.iter().zip(berths()) {
            if let Some(wish) = passenger.wish() {
                self.wishes += 1;
                self.wishes_met += u64::from(berth.berth_type == wish);
            }
        }
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            parties: self.parties + other.parties,
            accepted: self.accepted + other.accepted,
            berth_km: self.berth_km + other.berth_km,
            phantom: self.phantom + other.phantom,
            groups: self.groups + other.groups,
            one_bay: self.one_bay + other.one_bay,
            one_coach: self.one_coach + other.one_coach,
            wishes: self.wishes + other.wishes,
            wishes_met: self.wishes_met + other.wishes_met,
            overtaken: self.overtaken + other.overtaken,
        }
    }
}
