//! What becomes of a hold, event by event: confirmed, extended, given back, cancelled, expired.
//!
//! Each is held against the small machine of the check and against what the answers told.

use super::{DIFFERS, EARLY, JournalCheck, Kept, ORDER, TWICE, UNEXPLAINED, meant, uuid};
use crate::soak::facts::{Entry, Fact};
use crate::soak::ledger::{Deed, Sure};

impl JournalCheck<'_> {
    pub(super) fn confirmed(&mut self, entry: &Entry) {
        let Fact::Confirmed { hold, request, pnr, passengers, rest_released } = entry.fact else {
            return;
        };
        match self.deeds.get(&request).copied() {
            Some(at) => {
                let (answered, seen) =
                    (self.ledger.moves[at as usize], self.deeds_seen[at as usize]);
                self.deeds_seen[at as usize] = true;
                let meant = self.ledger.holds[answered.hold as usize].hold == hold;
                let same = match (answered.deed, answered.sure) {
                    (Deed::Confirmed { rest_released: told, .. }, Sure::Unknown) => {
                        told == rest_released
                    }
                    (Deed::Confirmed { pnr: told, rest_released: rest }, _) => {
                        (told, rest, answered.passengers) == (pnr, rest_released, passengers)
                    }
                    _ => false,
                };
                if seen {
                    self.wrong(
                        TWICE,
                        entry,
                        format_args!("request {} took effect before", uuid(request)),
                    );
                } else if !meant || !same {
                    let what = format!(
                        "request {} was answered {answered:?}, its event is {:?}",
                        uuid(request),
                        entry.fact
                    );
                    self.wrong(DIFFERS, entry, what);
                }
            }
            None if self.told(hold).is_some() => {
                let what = format!(
                    "hold {hold:032x} confirmed by request {}, which nobody sent",
                    uuid(request)
                );
                self.wrong(UNEXPLAINED, entry, what);
            }
            None => self.stranger(entry),
        }
        if let Some(kept) = self.kept.get(&hold) {
            let (expires_at, rest) = (kept.expires_at, kept.held & !passengers);
            if entry.at >= expires_at {
                self.wrong(
                    ORDER,
                    entry,
                    format_args!(
                        "hold {hold:032x} confirmed at or after its deadline {expires_at}"
                    ),
                );
            }
            let odd = self.shift(hold, passengers, true, true);
            self.refuse_odd(entry, hold, odd);
            if rest_released {
                self.shift(hold, rest, true, false);
                if let Some(told) = self.told(hold) {
                    self.marks[told as usize].rest |= rest;
                }
            }
        }
        if self.pnrs.insert(pnr, hold).is_some() {
            self.wrong(TWICE, entry, format_args!("PNR {pnr} was given before"));
        }
    }

    pub(super) fn refuse_odd(&mut self, entry: &Entry, hold: u128, odd: u8) {
        if odd != 0 {
            let what = format!(
                "passengers (bits) {odd:b} of hold {hold:032x} are not in a state for it: {:?}",
                entry.fact
            );
            self.wrong(ORDER, entry, what);
        }
    }

    pub(super) fn extended(&mut self, entry: &Entry, hold: u128, request: u128, expires_at: u64) {
        match self.deeds.get(&request).copied() {
            Some(at) => {
                let (answered, seen) =
                    (self.ledger.moves[at as usize], self.deeds_seen[at as usize]);
                self.deeds_seen[at as usize] = true;
                let meant = self.ledger.holds[answered.hold as usize].hold == hold;
                let same = match (answered.deed, answered.sure) {
                    (Deed::Extended { .. }, Sure::Unknown) => true,
                    (Deed::Extended { expires_at: told }, _) => told == expires_at,
                    _ => false,
                };
                if seen {
                    self.wrong(
                        TWICE,
                        entry,
                        format_args!("request {} took effect before", uuid(request)),
                    );
                } else if !meant || !same {
                    let what = format!(
                        "request {} was answered {answered:?}, its event is {:?}",
                        uuid(request),
                        entry.fact
                    );
                    self.wrong(DIFFERS, entry, what);
                }
            }
            None if self.told(hold).is_some() => {
                let what = format!(
                    "hold {hold:032x} extended by request {}, which nobody sent",
                    uuid(request)
                );
                self.wrong(UNEXPLAINED, entry, what);
            }
            None => self.stranger(entry),
        }
        if let Some(kept) = self.kept.get_mut(&hold) {
            kept.expires_at = expires_at;
        }
    }

    pub(super) fn released(&mut self, entry: &Entry, hold: u128, passengers: u8) {
        if let Some(told) = self.told(hold) {
            let may = meant(self.ledger, told, |deed| deed == Deed::Released);
            let twice = self.marks[told as usize].released & passengers;
            self.marks[told as usize].released |= passengers;
            if twice != 0 {
                self.wrong(
                    TWICE,
                    entry,
                    format_args!(
                        "passengers (bits) {twice:b} of hold {hold:032x} were released before"
                    ),
                );
            } else if passengers & !may != 0 {
                self.wrong(UNEXPLAINED, entry, format_args!("passengers (bits) {passengers:b} of hold {hold:032x} released; asked for {may:b}"));
            }
        } else {
            self.stranger(entry);
        }
        let odd = self.shift(hold, passengers, true, false);
        self.refuse_odd(entry, hold, odd);
    }

    pub(super) fn cancelled(&mut self, entry: &Entry, pnr: u64, passengers: u8) {
        let hold = self.pnrs.get(&pnr).copied().unwrap_or_default();
        if let Some(told) = self.told(hold) {
            let may = meant(self.ledger, told, |deed| deed == Deed::Cancelled { pnr });
            let twice = self.marks[told as usize].cancelled & passengers;
            self.marks[told as usize].cancelled |= passengers;
            if twice != 0 {
                self.wrong(
                    TWICE,
                    entry,
                    format_args!("passengers (bits) {twice:b} of PNR {pnr} were cancelled before"),
                );
            } else if passengers & !may != 0 {
                self.wrong(
                    UNEXPLAINED,
                    entry,
                    format_args!(
                        "passengers (bits) {passengers:b} of PNR {pnr} cancelled; asked for {may:b}"
                    ),
                );
            }
        } else {
            self.stranger(entry);
        }
        let odd = self.shift(hold, passengers, false, false);
        self.refuse_odd(entry, hold, odd);
    }

    pub(super) fn expired(&mut self, entry: &Entry, hold: u128) {
        let Some(kept) = self.kept.get(&hold) else {
            return self.wrong(
                ORDER,
                entry,
                format_args!("hold {hold:032x} expired, but there is none"),
            );
        };
        let (expires_at, who, ours) = (kept.expires_at, kept.held, kept.told.is_some());
        let rows = &mut self.given_back[entry.run as usize];
        for (_, berth) in kept.seats.iter().enumerate().filter(|(p, _)| who >> p & 1 == 1) {
            if let Some(row) = rows.get_mut(usize::from(*berth)) {
                *row |= kept.legs;
            }
        }
        if entry.at < expires_at {
            let what = format!(
                "hold {hold:032x} expired {} ms before its deadline {expires_at}",
                expires_at - entry.at
            );
            self.wrong(EARLY, entry, what);
        } else if ours {
            self.lateness.saturating_record(entry.at - expires_at);
        }
        if who == 0 {
            self.wrong(ORDER, entry, format_args!("hold {hold:032x} expired, but had ended"));
        }
        self.shift(hold, who, true, false);
    }

    /// The rule of a restart: live holds with an early deadline get more time.
    pub(super) fn grace(&mut self, entry: &Entry, until: u64, as_of: u64, span: u64) {
        let mut prolonged: Vec<u128> = Vec::new();
        let live = |kept: &Kept| kept.run == entry.run && kept.held != 0 && kept.expires_at > as_of;
        // The order does not matter: each is changed by itself.
        #[allow(clippy::iter_over_hash_type)]
        for (hold, kept) in &self.kept {
            if live(kept) && kept.expires_at < until {
                prolonged.push(*hold);
            }
        }
        for hold in prolonged {
            if let Some(kept) = self.kept.get_mut(&hold) {
                let life = kept.created_at + berth_inventory::HOLD_LIFE_MAX_MS + span;
                kept.expires_at = kept.expires_at.max(until.min(life));
            }
        }
    }
}
