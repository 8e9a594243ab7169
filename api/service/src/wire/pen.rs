//! A pen that writes protobuf from the end to the beginning: the length of a message is known when
//! its key is written, so nothing is measured beforehand and nothing moved afterwards.
//!
//! Fields are therefore written in *descending* order, repeated ones from last to first; what then
//! stands there is, byte for byte, what prost writes. Defaults are left out, as in proto3.

use berth_inventory::{Date, UnixMillis};
use prost::bytes::Bytes;

use super::names::timestamp;
use super::scan::{bytes, number};

/// Room of a new pen: an answer of a party of six with its references fits.
const ROOM: usize = 1_024;

/// The pairs of hex digits.
const HEX: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let mut table = [[0; 2]; 256];
    let mut value = 0;
    while value < 256 {
        table[value] = [digits[value >> 4], digits[value & 15]];
        value += 1;
    }
    table
};

/// See the module. What is written is a message, or a part of one.
#[derive(Debug, Default)]
pub(crate) struct Pen {
    room: Vec<u8>,
    /// Where the first written byte is; before it is room.
    at: usize,
    /// The last date and how it is written: most dates of a stream are few.
    dated: Option<(Date, [u8; 10])>,
}

/// How much was written when a message inside was begun.
#[derive(Clone, Copy)]
pub(super) struct Mark(usize);

impl Pen {
    /// What is written.
    pub fn written(&self) -> &[u8] {
        &self.room[self.at..]
    }

    /// What is written, to keep.
    pub fn into_bytes(self) -> Bytes {
        Bytes::from(self.room).slice(self.at..)
    }

    /// What is written, behind the prefix of a gRPC message that is not compressed.
    pub fn into_framed(mut self) -> Bytes {
        let [a, b, c, d] = (self.mark().0 as u32).to_be_bytes();
        self.array([0, a, b, c, d]);
        self.into_bytes()
    }

    /// Forgets what is written and keeps the room.
    pub fn clear(&mut self) {
        self.at = self.room.len();
    }

    /// Takes back what was written since.
    pub(super) fn back_to(&mut self, mark: Mark) {
        self.at = self.room.len() - mark.0;
    }

    /// Begins (ends, in reading order) a message inside.
    #[inline]
    pub(super) fn mark(&self) -> Mark {
        Mark(self.room.len() - self.at)
    }

    /// Finishes a message inside: its length and key.
    #[inline]
    pub(super) fn close(&mut self, field: u8, mark: Mark) {
        self.length(field, self.mark().0 - mark.0);
    }

    /// A number, unless it is zero.
    #[inline]
    pub(super) fn number(&mut self, field: u8, value: u64) {
        if value != 0 {
            self.said(field, value);
        }
    }

    /// A number that is there, zero or not.
    #[inline]
    pub(super) fn said(&mut self, field: u8, value: u64) {
        if value < 0x80 {
            self.array([number(field), value as u8]);
        } else {
            self.varint(value);
            self.array([number(field)]);
        }
    }

    /// A text, unless it is empty.
    #[inline]
    pub(super) fn text(&mut self, field: u8, text: &str) {
        if !text.is_empty() {
            self.plain(text);
            self.length(field, text.len());
        }
    }

    /// A name, which is never empty and always ASCII.
    #[inline]
    pub(super) fn name(&mut self, field: u8, name: &[u8]) {
        self.slice(name);
        self.length(field, name.len());
    }

    /// A message that another has encoded.
    pub(super) fn message(&mut self, field: u8, message: &impl prost::Message) {
        let mark = self.mark();
        self.slice(&message.encode_to_vec());
        self.close(field, mark);
    }

    /// 32 hex digits.
    pub(super) fn hex(&mut self, field: u8, value: u128) {
        let mut digits = [0; 34];
        digits[0] = bytes(field);
        digits[1] = 32;
        let pairs = digits[2..].chunks_exact_mut(2);
        for (pair, byte) in pairs.zip(value.to_be_bytes()) {
            pair.copy_from_slice(&HEX[usize::from(byte)]);
        }
        self.array(digits);
    }

    /// A date, YYYY-MM-DD.
    pub(super) fn date(&mut self, field: u8, date: Date) {
        let digits = match self.dated {
            Some((known, digits)) if known == date => digits,
            _ => self.dated.insert((date, digits(date))).1,
        };
        self.array(digits);
        self.array([bytes(field), 10]);
    }

    /// An instant.
    pub(super) fn instant(&mut self, field: u8, at: UnixMillis) {
        let mark = self.mark();
        let prost_types::Timestamp { seconds, nanos } = timestamp(at);
        self.number(2, nanos.cast_unsigned().into());
        self.number(1, seconds.cast_unsigned());
        self.close(field, mark);
    }

    /// A part of a text.
    pub(super) fn plain(&mut self, text: &str) {
        self.slice(text.as_bytes());
    }

    /// A number in a text.
    pub(super) fn decimal(&mut self, mut value: u32) {
        loop {
            self.array([b'0' + (value % 10) as u8]);
            value /= 10;
            if value == 0 {
                return;
            }
        }
    }

    /// A number below 128 of a packed list.
    pub(super) fn one(&mut self, number: u8) {
        self.array([number]);
    }

    /// The length and the key of a text or a message.
    #[inline]
    fn length(&mut self, field: u8, len: usize) {
        if len < 0x80 {
            self.array([bytes(field), len as u8]);
        } else {
            self.varint(len as u64);
            self.array([bytes(field)]);
        }
    }

    #[inline]
    fn varint(&mut self, value: u64) {
        let digit = |place: u32| (value >> (7 * place)) as u8;
        match value {
            0..0x80 => self.array([digit(0)]),
            0x80..0x4000 => self.array([digit(0) | 0x80, digit(1)]),
            // Seconds and nanoseconds of most instants.
            0x1000_0000..0x8_0000_0000 => self.array([
                digit(0) | 0x80,
                digit(1) | 0x80,
                digit(2) | 0x80,
                digit(3) | 0x80,
                digit(4),
            ]),
            _ => self.long_varint(value),
        }
    }

    fn long_varint(&mut self, mut value: u64) {
        let (mut digits, mut count) = ([0; 10], 0);
        while value >= 0x80 {
            digits[count] = value as u8 | 0x80;
            value >>= 7;
            count += 1;
        }
        digits[count] = value as u8;
        self.slice(&digits[..=count]);
    }

    #[inline]
    fn array<const N: usize>(&mut self, array: [u8; N]) {
        if self.at < N {
            self.grow(N);
        }
        self.at -= N;
        self.room[self.at..self.at + N].copy_from_slice(&array);
    }

    #[inline]
    fn slice(&mut self, slice: &[u8]) {
        if self.at < slice.len() {
            self.grow(slice.len());
        }
        let end = self.at;
        self.at -= slice.len();
        copy(&mut self.room[self.at..end], slice);
    }

    #[cold]
    fn grow(&mut self, by: usize) {
        let more = self.room.len().max(by).max(ROOM);
        self.room.splice(0..0, core::iter::repeat_n(0, more));
        self.at += more;
    }
}

/// A copy; most texts are a few bytes long, and two overlapping words are sooner there than a call.
#[inline]
fn copy(to: &mut [u8], from: &[u8]) {
    match (from.first_chunk(), from.last_chunk::<8>()) {
        (Some(head), Some(tail)) if from.len() <= 16 => {
            *to.first_chunk_mut::<8>().expect("as long as `from`") = *head;
            *to.last_chunk_mut().expect("as long as `from`") = *tail;
        }
        (None, _) => to.iter_mut().zip(from).for_each(|(to, from)| *to = *from),
        _ => to.copy_from_slice(from),
    }
}

/// YYYY-MM-DD.
fn digits(date: Date) -> [u8; 10] {
    let (year, month, day) = date.ymd();
    let digit = |value: u32, unit: u32| b'0' + (value / unit % 10) as u8;
    let year = year.cast_unsigned();
    [
        digit(year, 1_000),
        digit(year, 100),
        digit(year, 10),
        digit(year, 1),
        b'-',
        digit(month, 10),
        digit(month, 1),
        b'-',
        digit(day, 10),
        digit(day, 1),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_prost_writes_them() {
        let mut values: Vec<u64> = (0..64).flat_map(|bit| [1 << bit, (1 << bit) - 1]).collect();
        values.push(u64::MAX);
        for value in values {
            let mut expected = Vec::new();
            prost::encoding::uint64::encode(3, &value, &mut expected);
            let mut pen = Pen::default();
            pen.said(3, value);
            assert_eq!(pen.written(), expected);
        }
    }

    #[test]
    fn a_pen_makes_room_for_what_is_long() {
        let long = "x".repeat(10 * ROOM);
        let mut pen = Pen::default();
        let mark = pen.mark();
        pen.text(2, &long);
        pen.text(1, "short");
        let inside = pen.mark();
        pen.text(9, "taken back");
        pen.back_to(inside);
        pen.close(7, mark);
        let mut inner = Vec::new();
        prost::encoding::string::encode(1, &"short".to_owned(), &mut inner);
        prost::encoding::string::encode(2, &long, &mut inner);
        let mut expected = Vec::new();
        prost::encoding::bytes::encode(7, &inner, &mut expected);
        assert_eq!(pen.written(), expected);
        pen.clear();
        assert_eq!(pen.written(), b"");
    }

    #[test]
    fn dates_and_ids_are_their_printed_forms() {
        for days in [Date::MIN.days(), -1, 0, 20_779, Date::MAX.days()] {
            let mut pen = Pen::default();
            pen.date(1, Date::from_days(days));
            assert_eq!(&pen.written()[2..], Date::from_days(days).to_string().as_bytes());
        }
        let mut pen = Pen::default();
        pen.hex(1, 0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
        assert_eq!(&pen.written()[2..], b"00112233445566778899aabbccddeeff");
        for value in [0, 9, 10, 1_234_567_890, u32::MAX] {
            pen.clear();
            pen.decimal(value);
            assert_eq!(pen.written(), value.to_string().as_bytes());
        }
    }
}
