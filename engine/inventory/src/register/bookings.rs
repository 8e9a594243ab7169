//! Every booking of a run, in the order in which their numbers were given.
//!
//! Numbers come from leased blocks, one after the other and without a hole (INV-5), so that the
//! number says the place and no map is needed. Bookings live as long as the run: nothing is ever
//! taken out, and the payment references stand in one text.

use crate::foresee::address;
use crate::record::Booking;
use crate::{PNR_BLOCK, PassengerSet, Pnr, RequestId, RequestMark, UnixMillis};

/// No booking.
pub(crate) const NONE: u32 = u32::MAX;

/// One booking, in one cache line.
#[derive(Clone, Debug)]
#[repr(align(64))]
struct Row {
    request: RequestId,
    digest: u64,
    confirmed_at: UnixMillis,
    /// Counts only with `cancelled`.
    cancelled_at: UnixMillis,
    /// The record it was made from.
    card: u32,
    /// The next booking of the same record.
    next: u32,
    /// Where its payment reference begins and how long it is.
    text: (u32, u32),
    passengers: PassengerSet,
    cancelled: bool,
}
const _: () = assert!(size_of::<Row>() == 64);

/// A booking as it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Booked<'a> {
    pub(crate) pnr: Pnr,
    pub(crate) request: RequestMark,
    pub(crate) passengers: PassengerSet,
    pub(crate) payment: &'a str,
    pub(crate) confirmed_at: UnixMillis,
    pub(crate) cancelled_at: Option<UnixMillis>,
}

impl Booked<'_> {
    pub(crate) fn copy(&self) -> Booking {
        Booking {
            pnr: self.pnr,
            request: self.request,
            passengers: self.passengers,
            payment: self.payment.into(),
            confirmed_at: self.confirmed_at,
            cancelled_at: self.cancelled_at,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Bookings {
    /// Leased PNR blocks, oldest first; all but the last are used up.
    pub(crate) blocks: Vec<u32>,
    rows: Vec<Row>,
    texts: String,
}

impl Bookings {
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The number the next booking gets, if one is left.
    pub(crate) fn next(&self) -> Option<Pnr> {
        (self.rows.len() < self.blocks.len() * PNR_BLOCK as usize)
            .then(|| self.number(self.rows.len() as u32))
    }

    /// Numbers given from the last block; all of them where there is none.
    pub(crate) fn given(&self) -> u64 {
        match self.blocks.len() as u64 {
            0 => PNR_BLOCK,
            blocks => (self.rows.len() as u64).saturating_sub((blocks - 1) * PNR_BLOCK),
        }
    }

    pub(crate) fn lease(&mut self, block: u32) {
        assert!(!self.blocks.contains(&block), "PNR block {block} is leased already");
        assert!(self.next().is_none(), "PNR block {block} is leased while numbers are left");
        self.blocks.push(block);
    }

    fn number(&self, place: u32) -> Pnr {
        let (block, within) = (u64::from(place) / PNR_BLOCK, u64::from(place) % PNR_BLOCK);
        Pnr(u64::from(self.blocks[block as usize]) * PNR_BLOCK + within)
    }

    /// The place of a number that was given.
    pub(crate) fn place(&self, pnr: Pnr) -> Option<u32> {
        let (block, within) = (pnr.0 / PNR_BLOCK, pnr.0 % PNR_BLOCK);
        let block = self.blocks.iter().rposition(|leased| u64::from(*leased) == block)?;
        let place = block as u64 * PNR_BLOCK + within;
        (place < self.rows.len() as u64).then_some(place as u32)
    }

    /// Where a booking stands, if it does.
    #[inline]
    pub(crate) fn address(&self, place: u32) -> Option<*const u8> {
        self.rows.get(place as usize).map(address)
    }

    pub(crate) fn at(&self, place: u32) -> Booked<'_> {
        let row = &self.rows[place as usize];
        let (start, len) = (row.text.0 as usize, row.text.1 as usize);
        Booked {
            pnr: self.number(place),
            request: RequestMark { id: row.request, digest: row.digest },
            passengers: row.passengers,
            payment: &self.texts[start..start + len],
            confirmed_at: row.confirmed_at,
            cancelled_at: row.cancelled.then_some(row.cancelled_at),
        }
    }

    /// The request of a booking.
    pub(crate) fn request(&self, place: u32) -> RequestMark {
        let row = &self.rows[place as usize];
        RequestMark { id: row.request, digest: row.digest }
    }

    /// The record a booking was made from.
    pub(crate) fn card(&self, place: u32) -> u32 {
        self.rows[place as usize].card
    }

    /// The places of the bookings of one record, oldest first.
    pub(crate) fn chain(&self, first: u32) -> impl Iterator<Item = u32> {
        let some = |place: u32| (place != NONE).then_some(place);
        core::iter::successors(some(first), move |place| some(self.rows[*place as usize].next))
    }

    /// The next number is given to `booking`, made from `card`, whose first booking is `first`.
    pub(crate) fn push(&mut self, card: u32, first: u32, booking: &Booked<'_>) -> u32 {
        let place = self.rows.len() as u32;
        if let Some(last) = self.chain(first).last() {
            self.rows[last as usize].next = place;
        }
        let row = self.row(card, booking);
        // By the half, as the cards.
        if place as usize == self.rows.capacity() {
            self.rows.reserve_exact(place as usize / 2 + 1);
        }
        self.rows.push(row);
        place
    }

    fn row(&mut self, card: u32, booking: &Booked<'_>) -> Row {
        let start = self.texts.len() as u32;
        self.texts.push_str(booking.payment);
        Row {
            request: booking.request.id,
            digest: booking.request.digest,
            confirmed_at: booking.confirmed_at,
            cancelled_at: booking.cancelled_at.unwrap_or_default(),
            card,
            next: NONE,
            text: (start, self.texts.len() as u32 - start),
            passengers: booking.passengers,
            cancelled: booking.cancelled_at.is_some(),
        }
    }

    /// Somebody of a booking was cancelled.
    pub(crate) fn cancel(&mut self, place: u32, at: UnixMillis) {
        let row = &mut self.rows[place as usize];
        (row.cancelled_at, row.cancelled) = (at, true);
    }

    /// Makes room for the numbers that were given; each is to be [`load`](Self::load)ed once.
    pub(crate) fn expect(&mut self, blocks: &[u32], given: u64) {
        self.blocks = blocks.to_vec();
        let count = (blocks.len() as u64 * PNR_BLOCK).saturating_sub(PNR_BLOCK - given);
        let nobody = Row {
            request: RequestId(0),
            digest: 0,
            confirmed_at: UnixMillis(0),
            cancelled_at: UnixMillis(0),
            card: NONE,
            next: NONE,
            text: (0, 0),
            passengers: PassengerSet::NONE,
            cancelled: false,
        };
        self.rows = vec![nobody; count as usize];
    }

    /// Whether a number that was given has a booking.
    pub(crate) fn is_loaded(&self, place: u32) -> bool {
        self.rows[place as usize].card != NONE
    }

    /// Puts a booking of a snapshot into its place, and behind the one before it.
    pub(crate) fn load(&mut self, place: u32, card: u32, before: u32, booking: &Booking) {
        let Booking { pnr, request, passengers, ref payment, confirmed_at, cancelled_at } =
            *booking;
        let booked = Booked { pnr, request, passengers, payment, confirmed_at, cancelled_at };
        self.rows[place as usize] = self.row(card, &booked);
        if before != NONE {
            self.rows[before as usize].next = place;
        }
    }
}
