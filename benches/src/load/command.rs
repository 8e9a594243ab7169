//! Commands as bytes, written in place: no allocation but the buffer's own.

use super::stage::Wish;
use crate::wire::{put_short, put_varint};

/// A band and a sex; one adult a party.
const PASSENGER: [u8; 4] = [0x10, 4, 0x18, 1];
/// What a payment is called.
const PAYMENT: &[u8] = b"PAY-20260101";
const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Request ids that nobody else draws: UUIDs (version 4 by their form) of a salt and a count.
#[derive(Clone, Debug)]
pub struct RequestIds {
    text: [u8; 36],
    next: u64,
}

impl RequestIds {
    /// The ids of one connection of one round: `salt` is theirs alone.
    pub fn new(salt: u64) -> Self {
        let mut text = *b"00000000-0000-4000-8000-000000000000";
        let places = (0..8).chain(9..13).chain(15..18).chain(20..21);
        for (n, place) in places.enumerate() {
            text[place] = DIGITS[(salt >> (4 * n) & 15) as usize];
        }
        // The variant of a UUID is one of 8, 9, a, b.
        text[19] = b'8';
        Self { text, next: 0 }
    }

    fn next(&mut self) -> &[u8; 36] {
        self.next += 1;
        for (n, place) in (24..36).rev().enumerate() {
            self.text[place] = DIGITS[(self.next >> (4 * n) & 15) as usize];
        }
        &self.text
    }
}

/// What comes after the answer before.
#[derive(Clone, Copy, Debug)]
pub enum Next<'a> {
    Reserve(Wish<'a>),
    Confirm(&'a [u8]),
    Release(&'a [u8]),
    Cancel(&'a [u8]),
}

impl Next<'_> {
    /// Number of the field of `SessionCommand` that holds it.
    const fn number(&self) -> u8 {
        match self {
            Self::Reserve(_) => 3,
            Self::Confirm(_) => 4,
            Self::Release(_) => 5,
            Self::Cancel(_) => 7,
        }
    }

    /// Number of the field of `SessionAnswer` that holds its answer.
    pub const fn answer(&self) -> u32 {
        self.number() as u32 - 1
    }

    /// Name of the unary call.
    pub const fn path(&self) -> &'static str {
        match self {
            Self::Reserve(_) => "/berth.v1.Inventory/Reserve",
            Self::Confirm(_) => "/berth.v1.Inventory/Confirm",
            Self::Release(_) => "/berth.v1.Inventory/Release",
            Self::Cancel(_) => "/berth.v1.Inventory/Cancel",
        }
    }

    /// Appends the request of the unary call.
    pub fn put(&self, ids: &mut RequestIds, out: &mut Vec<u8>) {
        put_bytes(out, 1, ids.next());
        match *self {
            Self::Reserve(wish) => {
                put_bytes(out, 2, wish.run);
                out.extend_from_slice(&[0x1a, 2, 0x08, wish.from, 0x22, 2, 0x08, wish.to]);
                out.extend_from_slice(&[0x28, wish.class]);
                put_bytes(out, 7, &PASSENGER);
            }
            Self::Confirm(hold) => {
                put_bytes(out, 2, hold);
                put_bytes(out, 3, PAYMENT);
            }
            Self::Release(hold) => put_bytes(out, 2, hold),
            Self::Cancel(pnr) => put_bytes(out, 2, pnr),
        }
    }

    /// Appends it as a command of a `SessionRequest`.
    pub fn put_command(&self, correlation: u64, ids: &mut RequestIds, out: &mut Vec<u8>) {
        put_short(out, 1, |out| {
            out.push(0x08);
            put_varint(out, correlation);
            put_short(out, self.number(), |out| self.put(ids, out));
        });
    }
}

fn put_bytes(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    out.extend_from_slice(&[number << 3 | 2, bytes.len() as u8]);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use berth_proto::v1;
    use prost::Message as _;
    use v1::session_command::Command;

    use super::super::stage::{HOT_REAL, Spread, Stage, number, start_date};
    use super::*;

    #[test]
    fn prost_reads_what_is_written() {
        let stage = Stage::new(Spread::Hot(HOT_REAL));
        let mut ids = RequestIds::new(0x1234_5678_9abc_def0);
        let hold = b"0123456789abcdef0123456789abcdef";
        let mut out = Vec::new();
        for (n, next) in [
            Next::Reserve(stage.whole_route()),
            Next::Confirm(hold),
            Next::Release(hold),
            Next::Cancel(b"1234567890"),
        ]
        .into_iter()
        .enumerate()
        {
            next.put_command(n as u64 * 300, &mut ids, &mut out);
        }
        let message = v1::SessionRequest::decode(out.as_slice()).expect("a message");
        let numbers: Vec<_> = message.commands.iter().map(|c| c.correlation_id).collect();
        assert_eq!(numbers, [0, 300, 600, 900]);
        let [reserve, confirm, release, cancel] = &message.commands[..] else { panic!("four") };
        let Some(Command::Reserve(asked)) = &reserve.command else { panic!("{reserve:?}") };
        let stop =
            |n| Some(v1::StopRef { stop: Some(v1::stop_ref::Stop::Sequence(n)), occurrence: 0 });
        let day = v1::run_ref::Day::StartDate(start_date());
        let passenger = v1::Passenger {
            years: Some(v1::passenger::Years::AgeBand(v1::AgeBand::Adult.into())),
            sex: v1::Sex::Male.into(),
            ..v1::Passenger::default()
        };
        assert_eq!(
            *asked,
            v1::ReserveRequest {
                request_id: "0fedcba9-8765-4432-8100-000000000001".into(),
                run: Some(v1::RunRef { train: number(HOT_REAL), day: Some(day) }),
                from_stop: stop(1),
                to_stop: stop(25),
                travel_class: v1::TravelClass::Sleeper.into(),
                passengers: vec![passenger],
                ..v1::ReserveRequest::default()
            }
        );
        let Some(Command::Confirm(asked)) = &confirm.command else { panic!("{confirm:?}") };
        assert_eq!(
            (asked.hold_id.as_bytes(), asked.payment_reference.as_bytes()),
            (&hold[..], PAYMENT)
        );
        assert!(asked.request_id.ends_with("002"), "{}", asked.request_id);
        assert!(
            matches!(&release.command, Some(Command::Release(r)) if r.hold_id.as_bytes() == hold)
        );
        assert!(matches!(&cancel.command, Some(Command::Cancel(c)) if c.pnr == "1234567890"));
    }
}
