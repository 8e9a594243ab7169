//! A canonical digest of a run's state: serve, replay and inspect compute the same one.
//!
//! The first 128 bits of BLAKE3 over the fields of [`RunState`] in their order. Numbers are little
//! endian and of fixed width, texts and lists carry their length before them, an option is a byte
//! and then its value. A change here changes every digest: raise `FORMAT`.

use core::fmt;

use crate::record::{Booking, Record, Seat};
use crate::{Listed, RequestMark, RunState, Standing, UnixMillis};

/// First byte of what is digested.
const FORMAT: u8 = 1;
/// The same, of a run whose train has lists: those are digested too.
const FORMAT_WITH_LISTS: u8 = 2;

/// Names one state of one run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub u128);

impl fmt::Display for Digest {
    /// 32 hex digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl RunState {
    /// The digest of this state.
    pub fn digest(&self) -> Digest {
        let mut out = Canonical::default();
        let lists = !self.printed.is_empty();
        out.u8(if lists { FORMAT_WITH_LISTS } else { FORMAT });
        let created = &self.created;
        out.bytes(created.run.train.bytes());
        out.u64(i64::from(created.run.start_date.days()).cast_unsigned());
        out.bytes(&created.plan.0);
        out.time(created.midnight);
        out.list(&created.opens, |out, opens| out.time(*opens));
        out.u8(u8::from(created.extra));
        out.u64(self.version.0);
        out.time(self.last_at);
        out.u64(self.closed);
        out.u8(u8::from(self.retired));
        out.list(&self.blocked, |out, (berth, mask)| {
            out.u64(berth.0.into());
            out.u128(mask.0);
        });
        out.list(&self.pnr_blocks, |out, block| out.u64((*block).into()));
        out.u64(self.pnr_next.into());
        out.list(&self.records, Canonical::record);
        out.list(&self.ended, |out, hold| out.u128(hold.0));
        out.u64(self.forgotten);
        if lists {
            out.list(&self.printed, |out, number| out.u64((*number).into()));
            out.list(&self.records, |out, record| out.list(&record.listed, Canonical::listed));
        }
        out.finish()
    }
}

/// Bytes waiting for the hash; handed over in large pieces.
#[derive(Default)]
struct Canonical {
    hasher: blake3::Hasher,
    buffer: Vec<u8>,
}

impl Canonical {
    fn u8(&mut self, value: u8) {
        self.buffer.push(value);
    }

    fn u64(&mut self, value: u64) {
        self.buffer.extend_from_slice(&value.to_le_bytes());
    }

    fn u128(&mut self, value: u128) {
        self.buffer.extend_from_slice(&value.to_le_bytes());
    }

    fn time(&mut self, at: UnixMillis) {
        self.u64(at.0);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.u64(bytes.len() as u64);
        self.buffer.extend_from_slice(bytes);
    }

    fn list<T>(&mut self, items: &[T], write: impl Fn(&mut Self, &T)) {
        const PIECE: usize = 64 << 10;
        self.u64(items.len() as u64);
        for item in items {
            write(self, item);
            if self.buffer.len() >= PIECE {
                self.hasher.update(&self.buffer);
                self.buffer.clear();
            }
        }
    }

    fn option<T>(&mut self, item: Option<&T>, write: impl Fn(&mut Self, &T)) {
        self.u8(u8::from(item.is_some()));
        if let Some(item) = item {
            write(self, item);
        }
    }

    fn mark(&mut self, mark: &RequestMark) {
        self.u128(mark.id.0);
        self.u64(mark.digest);
    }

    fn record(&mut self, record: &Record) {
        self.u128(record.hold.0);
        self.mark(&record.request);
        match &*record.extends {
            // As an option was, when a hold kept one of them.
            [] | [_] => self.option(record.extends.first(), Self::mark),
            more => {
                self.u8(2);
                self.list(more, Self::mark);
            }
        }
        self.u8(record.pool.0);
        self.u8(record.legs.from);
        self.u8(record.legs.to);
        self.time(record.created_at);
        self.time(record.expires_at);
        self.bytes(record.reference.as_bytes());
        self.list(&record.party, Self::seat);
        self.list(&record.bookings, Self::booking);
        self.option(record.released_at.as_ref(), |out, at| out.time(*at));
        self.option(record.ended.as_ref(), |out, ended| {
            out.time(ended.at);
            out.u8(ended.how as u8);
        });
    }

    fn listed(&mut self, listed: &Listed) {
        self.u8(listed.passenger);
        self.standing(listed.booked);
        self.option(listed.now.as_ref(), |out, now| out.standing(*now));
    }

    fn standing(&mut self, standing: Standing) {
        self.u8(standing.list.0);
        self.u64(standing.number.into());
    }

    fn seat(&mut self, seat: &Seat) {
        self.u8(seat.passenger.age as u8);
        self.u8(seat.passenger.sex as u8);
        self.u8(u8::from(seat.passenger.berth_required));
        self.option(seat.passenger.preference.as_ref(), |out, kind| out.u8(*kind as u8));
        self.option(seat.berth.as_ref(), |out, berth| out.u64(berth.0.into()));
        self.u8(seat.state as u8);
    }

    fn booking(&mut self, booking: &Booking) {
        self.u64(booking.pnr.0);
        self.mark(&booking.request);
        self.u8(booking.passengers.0);
        self.bytes(booking.payment.as_bytes());
        self.time(booking.confirmed_at);
        self.option(booking.cancelled_at.as_ref(), |out, at| out.time(*at));
    }

    fn finish(mut self) -> Digest {
        self.hasher.update(&self.buffer);
        let hash = self.hasher.finalize();
        let (first, _) = hash.as_bytes().split_at(16);
        Digest(first.iter().rev().fold(0, |digest, byte| digest << 8 | u128::from(*byte)))
    }
}

#[cfg(test)]
mod tests {
    use crate::tests::table::check_on;
    use crate::tests::world::World;
    use crate::{HoldId, LegMask, Millis, PassengerSet, RequestId, RunState};

    const CHANGES: &[fn(&mut RunState)] = &[
        |s| s.created.run.start_date = s.created.run.start_date.plus(1),
        |s| s.created.run.train = "1".parse().unwrap(),
        |s| s.created.midnight = s.created.midnight.saturating_add(Millis(1)),
        |s| s.created.opens[1] = s.created.midnight,
        |s| s.created.extra = true,
        |s| s.version = s.version.next(),
        |s| s.last_at = s.last_at.saturating_add(Millis(1)),
        |s| s.closed ^= 1,
        |s| s.retired = true,
        |s| s.blocked[0].1 = LegMask(4),
        |s| s.pnr_next += 1,
        |s| s.pnr_blocks[0] += 1,
        |s| s.forgotten += 1,
        |s| s.ended[0] = HoldId(9),
        |s| s.records[0].reference = "y".into(),
        |s| s.records[0].request.id = RequestId(9),
        |s| s.records[0].request.digest ^= 1,
        |s| s.records[0].released_at = None,
        |s| s.records[0].ended = None,
        |s| s.records[1].expires_at = s.last_at,
        |s| s.records[1].extends.clear(),
        |s| {
            let again = s.records[1].extends[0];
            s.records[1].extends.push(again);
        },
        |s| s.records[1].party[0].berth = None,
        |s| s.records[1].party[0].passenger.berth_required = false,
        |s| s.records[1].bookings[0].payment = "".into(),
        |s| s.records[1].bookings[0].passengers = PassengerSet(2),
        |s| s.records[1].bookings[0].cancelled_at = Some(s.last_at),
    ];

    /// A state with something in every field.
    fn known() -> World {
        let mut world = World::new();
        check_on(
            &mut world,
            "@0 reserve a H1 SL GN S2..S3 M30 ref=x => H1 S1-1:held until 300
             release b H1 => released 1
             reserve c H2 3A GN S1..S3 M30 F30 => H2 B1-1:held B1-2:held until 300
             extend f H2 600 => H2 B1-1:held B1-2:held until 600
             confirm d H2 [1] keep => P256 1:B1-1:confirmed rest until 600
             block g S1-7 S2..S3 => berths S1-7",
        );
        world
    }

    #[test]
    fn every_field_counts_and_nothing_else() {
        let world = known();
        let state = world.run.state();
        let mut seen = vec![state.digest()];
        for change in CHANGES {
            let mut other = state.clone();
            change(&mut other);
            seen.push(other.digest());
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), CHANGES.len() + 1, "two different states have one digest");
        assert_eq!(state.clone().digest(), world.run.digest());
    }

    /// Changes only with `FORMAT`: snapshots, replay and other versions compare digests.
    #[test]
    fn the_digest_of_a_known_state() {
        let digest = known().run.digest().to_string();
        assert_eq!(digest, "781f26a745e6e3bebc4e2c0581c985e2");
    }
}
