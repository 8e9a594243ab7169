//! A passenger of a hold, where they sit and what became of them, in four bytes.
//!
//! Bits from the lowest: 14 berth, 1 whether there is one, 3 age band, 3 sex, 1 berth required,
//! 4 preference (0 = none), 3 state. Only a form of keeping: it leaves the machine as a [`Seat`].

use crate::answer::SeatView;
use crate::record::{Seat, SeatState};
use crate::{AgeBand, BERTHS_MAX, BerthIndex, BerthType, Passenger, Sex, UnixMillis};

const HAS_BERTH: u32 = 1 << 14;
const BERTH: u32 = HAS_BERTH - 1;
const AGE: u32 = 15;
const SEX: u32 = 18;
const REQUIRED: u32 = 21;
const PREFERENCE: u32 = 22;
const STATE: u32 = 26;
const _: () = assert!(BERTHS_MAX as u32 <= HAS_BERTH);

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seated(u32);

impl Seated {
    pub(crate) const NOBODY: Self = Self(0);

    #[inline]
    pub(crate) fn new(passenger: Passenger, berth: Option<BerthIndex>, state: SeatState) -> Self {
        let berth = berth.map_or(0, |berth| {
            let number = u32::from(berth.0);
            assert!(number <= BERTH, "berth {berth}, {BERTHS_MAX} are possible");
            HAS_BERTH | number
        });
        let preference = passenger.preference.map_or(0, |kind| kind as u32);
        Self(
            berth
                | (passenger.age as u32) << AGE
                | (passenger.sex as u32) << SEX
                | u32::from(passenger.berth_required) << REQUIRED
                | preference << PREFERENCE
                | (state as u32) << STATE,
        )
    }

    pub(crate) fn of(seat: &Seat) -> Self {
        Self::new(seat.passenger, seat.berth, seat.state)
    }

    #[inline]
    fn part(self, at: u32, bits: u32) -> u8 {
        (self.0 >> at & ((1 << bits) - 1)) as u8
    }

    #[inline]
    pub(crate) fn is(self, state: SeatState) -> bool {
        self.0 >> STATE == state as u32
    }

    #[inline]
    pub(crate) fn set(&mut self, state: SeatState) {
        self.0 = self.0 & ((1 << STATE) - 1) | (state as u32) << STATE;
    }

    #[inline]
    pub(crate) fn berth(self) -> Option<BerthIndex> {
        (self.0 & HAS_BERTH != 0).then_some(BerthIndex((self.0 & BERTH) as u16))
    }

    #[inline]
    pub(crate) fn seat(self) -> Seat {
        let known = "written by `new`";
        let preference = self.part(PREFERENCE, 4);
        Seat {
            passenger: Passenger {
                age: AgeBand::from_number(self.part(AGE, 3)).expect(known),
                sex: Sex::from_number(self.part(SEX, 3)).expect(known),
                berth_required: self.part(REQUIRED, 1) == 1,
                preference: match preference {
                    0 => None,
                    kind => Some(BerthType::from_number(kind).expect(known)),
                },
            },
            berth: self.berth(),
            state: SeatState::from_number(self.part(STATE, 3)).expect(known),
        }
    }

    /// As shown at `now`: held past the deadline is shown as expired, whether or not a timer has
    /// fired.
    #[inline]
    pub(crate) fn view(self, expires_at: UnixMillis, now: UnixMillis) -> SeatView {
        let Seat { passenger, berth, state } = self.seat();
        let past = state == SeatState::Held && expires_at <= now;
        SeatView { passenger, berth, state: if past { SeatState::Expired } else { state } }
    }

    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    /// What [`Seated::bits`] said.
    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seat_comes_back() {
        let berths = [None, Some(BerthIndex(0)), Some(BerthIndex(BERTHS_MAX as u16 - 1))];
        let kinds = BerthType::ALL.iter().copied().map(Some).chain([None]);
        for preference in kinds {
            for (age, sex) in AgeBand::ALL.iter().flat_map(|a| Sex::ALL.iter().map(move |s| (a, s)))
            {
                for (state, berth) in
                    SeatState::ALL.iter().flat_map(|s| berths.iter().map(move |b| (s, b)))
                {
                    for berth_required in [false, true] {
                        let (age, sex) = (*age, *sex);
                        let passenger = Passenger { age, sex, berth_required, preference };
                        let seat = Seat { passenger, berth: *berth, state: SeatState::Held };
                        let mut kept = Seated::of(&seat);
                        assert_eq!(kept.seat(), seat);
                        kept.set(*state);
                        assert!(kept.is(*state) && kept.berth() == *berth);
                        assert_eq!(Seated::from_bits(kept.bits()).seat().state, *state);
                        assert_eq!(kept.seat().passenger, passenger);
                    }
                }
            }
        }
    }
}
