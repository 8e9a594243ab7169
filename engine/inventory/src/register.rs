//! Every record of a run, found by hold, by request id and by booking number.
//!
//! Holds that ended without a booking stand in a ring in the order in which they ended, and leave
//! it, with their request ids, `REMEMBER_ENDED_MS` after they ended or when more than
//! `REMEMBER_ENDED_MAX` stand behind them. Both happen inside `apply`, by the time of events, so
//! replay forgets the same ones.
//! The maps are hash maps: nothing that leaves this file in their order may reach an event, a
//! digest or a snapshot; [`Register::sorted`] is the way out.

use std::collections::VecDeque;

use hashbrown::HashMap;

use crate::deadlines::Deadlines;
use crate::record::{Booking, Ended, Record, SeatState};
use crate::{
    HoldId, Millis, Pnr, REMEMBER_ENDED_MAX, REMEMBER_ENDED_MS, RequestId, RequestMark, UnixMillis,
};

/// Kinds of request whose id an event carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestKind {
    Reserve,
    Confirm,
    Extend,
}

/// Where the answer of a remembered request is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Remembered {
    pub(crate) hold: HoldId,
    pub(crate) kind: RequestKind,
    pub(crate) digest: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Register {
    pub(crate) records: HashMap<HoldId, Record>,
    pub(crate) by_request: HashMap<RequestId, Remembered>,
    pub(crate) by_pnr: HashMap<Pnr, HoldId>,
    /// Holds ended without a booking, oldest end first.
    pub(crate) ended: VecDeque<HoldId>,
    /// Records that are live.
    pub(crate) live: usize,
    /// Records that left the ring because it was full.
    pub(crate) forgotten: u64,
    deadlines: Deadlines,
}

impl Register {
    pub(crate) fn get(&self, hold: HoldId) -> Option<&Record> {
        self.records.get(&hold)
    }

    /// The record that an event names. It is there, or the journal was written by another machine.
    pub(crate) fn named(&mut self, hold: HoldId) -> &mut Record {
        self.records.get_mut(&hold).unwrap_or_else(|| panic!("an event names hold {hold}: unknown"))
    }

    /// A booking with the record it stands in.
    pub(crate) fn booked(&self, pnr: Pnr) -> Option<(&Record, &Booking)> {
        let record = self.get(*self.by_pnr.get(&pnr)?)?;
        Some((record, record.booking(pnr)?))
    }

    pub(crate) fn next_deadline(&self) -> Option<UnixMillis> {
        self.deadlines.next()
    }

    /// All records by hold id: the order of digests and snapshots.
    pub(crate) fn sorted(&self) -> Vec<&Record> {
        let mut records: Vec<&Record> = self.records.values().collect();
        records.sort_unstable_by_key(|record| record.hold);
        records
    }

    /// Takes a record in, live or ended, with its ids. The ring is the caller's.
    pub(crate) fn insert(&mut self, record: Record) {
        let hold = record.hold;
        self.remember(record.request, hold, RequestKind::Reserve);
        if let Some(mark) = &record.extend {
            self.remember(**mark, hold, RequestKind::Extend);
        }
        for booking in &record.bookings {
            self.remember(booking.request, hold, RequestKind::Confirm);
            let other = self.by_pnr.insert(booking.pnr, hold);
            assert!(other.is_none(), "booking {:?} of hold {hold} exists already", booking.pnr);
        }
        if record.is_live() {
            self.live += 1;
            self.deadlines.push(record.expires_at, hold);
        }
        let other = self.records.insert(hold, record);
        assert!(other.is_none(), "hold {hold} exists already");
    }

    fn remember(&mut self, mark: RequestMark, hold: HoldId, kind: RequestKind) {
        let entry = Remembered { hold, kind, digest: mark.digest };
        let other = self.by_request.insert(mark.id, entry);
        assert!(other.is_none(), "request {} took effect already", mark.id);
    }

    /// Puts a booking into its record.
    pub(crate) fn book(&mut self, hold: HoldId, booking: Booking) {
        self.remember(booking.request, hold, RequestKind::Confirm);
        let other = self.by_pnr.insert(booking.pnr, hold);
        assert!(other.is_none(), "booking {:?} of hold {hold} exists already", booking.pnr);
        self.named(hold).bookings.push(booking);
    }

    /// Moves a deadline on request; the request before it that did so is forgotten.
    pub(crate) fn extend(&mut self, hold: HoldId, mark: RequestMark, expires_at: UnixMillis) {
        if let Some(before) = self.named(hold).extend.replace(Box::new(mark)) {
            self.by_request.remove(&before.id);
        }
        self.remember(mark, hold, RequestKind::Extend);
        self.postpone(hold, expires_at);
    }

    /// Moves a deadline.
    pub(crate) fn postpone(&mut self, hold: HoldId, expires_at: UnixMillis) {
        let record = self.named(hold);
        assert!(record.is_live(), "hold {hold} has ended and cannot be prolonged");
        record.expires_at = expires_at;
        self.deadlines.push(expires_at, hold);
    }

    /// Ends a record when nobody of it is held any more; `how` is what the last of them met.
    pub(crate) fn end_if_empty(&mut self, hold: HoldId, at: UnixMillis, how: SeatState) {
        let record = self.named(hold);
        if !record.is_live() || !record.in_state(SeatState::Held).is_empty() {
            return;
        }
        record.ended = Some(Ended { at, how });
        let booked = !record.bookings.is_empty();
        self.live -= 1;
        if !booked {
            self.ended.push_back(hold);
        }
    }

    /// After every event: forgets what is due at `at`, and keeps the next deadline true.
    pub(crate) fn settle(&mut self, at: UnixMillis) {
        while let Some(&oldest) = self.ended.front() {
            let too_many = self.ended.len() > REMEMBER_ENDED_MAX;
            let ended = self.records[&oldest].ended.expect("only ended holds stand in the ring");
            let too_old = ended.at.saturating_add(Millis(REMEMBER_ENDED_MS)) <= at;
            if !too_many && !too_old {
                break;
            }
            self.forgotten += u64::from(!too_old);
            self.ended.pop_front();
            self.forget(oldest);
        }
        let records = &self.records;
        self.deadlines.settle(self.live, |hold, at| {
            records.get(&hold).is_some_and(|r| r.is_live() && r.expires_at == at)
        });
    }

    fn forget(&mut self, hold: HoldId) {
        let record = self.records.remove(&hold).expect("the ring names records");
        assert!(record.bookings.is_empty(), "hold {hold} has bookings and is never forgotten");
        self.by_request.remove(&record.request.id);
        if let Some(mark) = record.extend {
            self.by_request.remove(&mark.id);
        }
    }
}
