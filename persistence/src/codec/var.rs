//! Numbers as bincode writes them (standard configuration), read and written by hand.
//!
//! Below 251 a number is one byte; else a byte says how many follow, low bits first: 251 two, 252
//! four, 253 eight, 254 sixteen. A reader takes any of these forms that is no wider than the
//! number it wants, as bincode does. `None` says no more than "not here": whoever wants to know
//! why asks bincode, which stays the judge.

const TWO: u8 = 251;
const FOUR: u8 = 252;
const EIGHT: u8 = 253;
const SIXTEEN: u8 = 254;

/// What is written before it is appended all at once; `N` bytes are room for the longest of it.
pub struct Draft<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Draft<N> {
    /// With its first byte.
    #[inline]
    pub fn new(first: u8) -> Self {
        let mut bytes = [0; N];
        bytes[0] = first;
        Self { bytes, len: 1 }
    }

    /// Bytes as they are.
    #[inline]
    pub fn put<const L: usize>(&mut self, bytes: [u8; L]) {
        self.bytes[self.len..self.len + L].copy_from_slice(&bytes);
        self.len += L;
    }

    /// A number of 128 bits: ids mostly, which are long.
    #[inline]
    pub fn put_u128(&mut self, number: u128) {
        if number > u128::from(u64::MAX) {
            let mut bytes = [SIXTEEN; 17];
            bytes[1..].copy_from_slice(&number.to_le_bytes());
            self.put(bytes);
        } else {
            self.put_u64(number as u64);
        }
    }

    /// A number of 64 bits: digests and times, which are long.
    #[inline]
    pub fn put_u64(&mut self, number: u64) {
        if number > u64::from(u32::MAX) {
            let mut bytes = [EIGHT; 9];
            bytes[1..].copy_from_slice(&number.to_le_bytes());
            self.put(bytes);
        } else {
            self.put_u32(number as u32);
        }
    }

    fn put_u32(&mut self, number: u32) {
        if number > u32::from(u16::MAX) {
            self.put([FOUR]);
            self.put(number.to_le_bytes());
        } else {
            self.put_u16(number as u16);
        }
    }

    /// A number of 16 bits.
    #[inline]
    pub fn put_u16(&mut self, number: u16) {
        if number < u16::from(TWO) {
            self.put([number as u8]);
        } else {
            self.put([TWO]);
            self.put(number.to_le_bytes());
        }
    }

    /// Appends what was written.
    #[inline]
    pub fn append_to(&self, out: &mut Vec<u8>) {
        // All of it, whose length is known to the compiler, and then cut: cheaper than a copy of a
        // length that is known only now.
        let end = out.len() + self.len;
        out.extend_from_slice(&self.bytes);
        out.truncate(end);
    }
}

/// Takes `L` bytes off the front.
#[inline]
pub fn take<const L: usize>(bytes: &mut &[u8]) -> Option<[u8; L]> {
    let (head, rest) = bytes.split_first_chunk::<L>()?;
    *bytes = rest;
    Some(*head)
}

/// Takes a number of 128 bits off the front.
#[inline]
pub fn take_u128(bytes: &mut &[u8]) -> Option<u128> {
    if let Some(([SIXTEEN, number @ ..], rest)) = bytes.split_first_chunk::<17>() {
        *bytes = rest;
        return Some(u128::from_le_bytes(*number));
    }
    take_narrow(bytes).map(u128::from)
}

/// Takes a number of 64 bits off the front.
#[inline]
pub fn take_u64(bytes: &mut &[u8]) -> Option<u64> {
    if let Some(([EIGHT, number @ ..], rest)) = bytes.split_first_chunk::<9>() {
        *bytes = rest;
        return Some(u64::from_le_bytes(*number));
    }
    if let [number @ 0..TWO, rest @ ..] = *bytes {
        *bytes = rest;
        return Some(u64::from(*number));
    }
    take_narrow(bytes)
}

/// Takes a number of 16 bits off the front.
#[inline]
pub fn take_u16(bytes: &mut &[u8]) -> Option<u16> {
    match take(bytes)? {
        [TWO] => take(bytes).map(u16::from_le_bytes),
        [number] => (number < TWO).then_some(number.into()),
    }
}

/// A number in a form of at most eight bytes.
#[inline(never)]
fn take_narrow(bytes: &mut &[u8]) -> Option<u64> {
    match take(bytes)? {
        [TWO] => take(bytes).map(|number| u16::from_le_bytes(number).into()),
        [FOUR] => take(bytes).map(|number| u32::from_le_bytes(number).into()),
        [EIGHT] => take(bytes).map(u64::from_le_bytes),
        [number] => (number < TWO).then_some(number.into()),
    }
}

/// Whether a number that begins so is in the longest form of all.
#[inline]
pub const fn is_longest(first: u8) -> bool {
    first == SIXTEEN
}

/// Bytes of the number of at most 128 bits that begins with `first`.
#[inline]
pub const fn len_u128(first: u8) -> Option<usize> {
    if first == SIXTEEN { Some(17) } else { len_u64(first) }
}

/// Bytes of the number of at most 64 bits that begins with `first`.
#[inline]
pub const fn len_u64(first: u8) -> Option<usize> {
    match first {
        EIGHT => Some(9),
        FOUR => Some(5),
        _ => len_u16(first),
    }
}

/// Bytes of the number of at most 16 bits that begins with `first`.
#[inline]
pub const fn len_u16(first: u8) -> Option<usize> {
    match first {
        0..TWO => Some(1),
        TWO => Some(3),
        _ => None,
    }
}
