//! How many berths of each type a pool has side by side: what no party in one bay or one coach can
//! do better than, whatever is free.

use crate::{BerthIndex, BerthType, Plan};

/// Berth types are numbered from 1; place 0 stays empty.
pub(crate) const TYPES: usize = BerthType::ALL.len() + 1;

/// Counts by the number of the berth type.
pub(crate) type ByType<T> = [T; TYPES];

/// The most berths of each type in one bay, and in one coach, of those of one pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Together {
    pub(crate) bay: ByType<u8>,
    pub(crate) coach: ByType<u8>,
}

impl Together {
    /// Of these berths, ascending.
    pub(crate) fn of(plan: &Plan, berths: &[BerthIndex]) -> Self {
        let place = |berth: &BerthIndex| plan.berth(*berth);
        let count = |berths: &[BerthIndex], most: &mut ByType<u8>| {
            let mut counts: ByType<u8> = [0; TYPES];
            for berth in berths {
                let count = &mut counts[place(berth).berth_type as usize];
                *count = count.saturating_add(1);
            }
            most.iter_mut().zip(counts).for_each(|(most, count)| *most = count.max(*most));
        };
        let mut together = Self::default();
        for coach in berths.chunk_by(|a, b| place(a).coach == place(b).coach) {
            count(coach, &mut together.coach);
            for bay in coach.chunk_by(|a, b| place(a).bay == place(b).bay) {
                count(bay, &mut together.bay);
            }
        }
        together
    }
}
