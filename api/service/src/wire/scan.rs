//! The bytes of a protobuf message, field by field, for readers that know what they look for.
//!
//! Only what every encoder writes is taken: keys of one byte (fields 1 to 15), numbers of at most
//! 64 bits, lengths within the message. Anything else is [`Odd`], which is no verdict: prost reads
//! the same bytes again and decides.
//!
//! Source: protobuf.dev/programming-guides/encoding.

/// Not what the straight way takes. Well-formed or not, with or without a meaning: prost knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Odd;

/// The key of a field that holds a number.
pub(super) const fn number(field: u8) -> u8 {
    field << 3
}

/// The key of a field that holds a text or a message.
pub(super) const fn bytes(field: u8) -> u8 {
    field << 3 | 2
}

/// What is left of a message.
#[derive(Clone, Copy)]
pub(super) struct Scan<'a>(&'a [u8]);

impl<'a> Scan<'a> {
    /// All of it.
    pub const fn new(message: &'a [u8]) -> Self {
        Self(message)
    }

    /// The key of the next field, which a value must follow; `None` at the end.
    #[inline]
    pub fn key(&mut self) -> Option<u8> {
        let (key, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*key)
    }

    /// Bytes that are left.
    #[cfg(test)]
    pub const fn left(&self) -> usize {
        self.0.len()
    }

    /// A number.
    #[inline]
    pub fn number(&mut self) -> Result<u64, Odd> {
        match self.0 {
            [one @ 0..0x80, rest @ ..] => {
                self.0 = rest;
                Ok(u64::from(*one))
            }
            [low, high @ 0..0x80, rest @ ..] => {
                self.0 = rest;
                Ok(u64::from(*low & 0x7f) | u64::from(*high) << 7)
            }
            _ => self.long_number(),
        }
    }

    fn long_number(&mut self) -> Result<u64, Odd> {
        let mut sum = 0;
        for (place, byte) in self.0.iter().enumerate().take(10) {
            // The tenth byte has one bit left.
            if place == 9 && *byte > 1 {
                return Err(Odd);
            }
            sum |= u64::from(byte & 0x7f) << (7 * place);
            if *byte < 0x80 {
                self.0 = &self.0[place + 1..];
                return Ok(sum);
            }
        }
        Err(Odd)
    }

    /// A number of 32 bits: more are cut off by prost.
    #[inline]
    pub fn short(&mut self) -> Result<u32, Odd> {
        u32::try_from(self.number()?).map_err(|_| Odd)
    }

    /// A switch.
    #[inline]
    pub fn switch(&mut self) -> Result<bool, Odd> {
        match self.number()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Odd),
        }
    }

    /// A known value of an enum.
    #[inline]
    pub fn one_of<T>(&mut self, from_number: fn(u8) -> Option<T>) -> Result<T, Odd> {
        u8::try_from(self.number()?).ok().and_then(from_number).ok_or(Odd)
    }

    /// A text or a message.
    #[inline]
    pub fn bytes(&mut self) -> Result<&'a [u8], Odd> {
        let len = usize::try_from(self.number()?).map_err(|_| Odd)?;
        let (value, rest) = self.0.split_at_checked(len).ok_or(Odd)?;
        self.0 = rest;
        Ok(value)
    }

    /// A message, of which there is one: prost would merge a second one into the first.
    #[inline]
    pub fn once(&mut self, place: &mut Option<&'a [u8]>) -> Result<(), Odd> {
        let value = self.bytes()?;
        if place.replace(value).is_some() { Err(Odd) } else { Ok(()) }
    }

    /// A text, of which there is one: a second one would win, but the first must be UTF-8 too.
    #[inline]
    pub fn text(&mut self, place: &mut &'a [u8]) -> Result<(), Odd> {
        let value = self.bytes()?;
        let before = core::mem::replace(place, value);
        if before.is_empty() { Ok(()) } else { Err(Odd) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_prost_reads_them() {
        let mut values: Vec<u64> = (0..64).flat_map(|bit| [1 << bit, (1 << bit) - 1]).collect();
        values.push(u64::MAX);
        for value in values {
            let mut bytes = Vec::new();
            prost::encoding::encode_varint(value, &mut bytes);
            bytes.push(7);
            let mut scan = Scan::new(&bytes);
            assert_eq!(scan.number(), Ok(value));
            assert_eq!(scan.key(), Some(7), "nothing more was read");
            assert_eq!(Scan::new(&bytes[..bytes.len() - 2]).number(), Err(Odd), "cut short");
        }
    }

    #[test]
    fn numbers_that_do_not_end_or_do_not_fit_are_odd() {
        let too_long = [0xff; 11];
        let mut too_large = [0xff; 10];
        too_large[9] = 2;
        for bytes in [&[][..], &[0x80], &[0xff; 9], &too_long, &too_large] {
            assert_eq!(Scan::new(bytes).number(), Err(Odd), "{bytes:?}");
        }
        // One that takes more bytes than it needs is a number all the same.
        assert_eq!(Scan::new(&[0x81, 0x80, 0x00]).number(), Ok(1));
    }

    #[test]
    fn lengths_stay_within_the_message() {
        assert_eq!(Scan::new(&[2, 7, 8, 9]).bytes(), Ok(&[7, 8][..]));
        assert_eq!(Scan::new(&[3, 7, 8]).bytes(), Err(Odd));
        let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 7];
        assert_eq!(Scan::new(&huge).bytes(), Err(Odd));
    }
}
