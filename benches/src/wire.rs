//! Just enough protobuf for a load generator and an echo: varints, and fields of a message in one
//! piece of memory. Field numbers are those of `inventory.proto`; a test holds them to prost.

/// Longest command that is written with a one-byte length.
pub const SHORT_MAX: usize = 127;

/// One field: its number and what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// Number.
    pub number: u32,
    /// A varint's value; else 0.
    pub value: u64,
    /// The bytes of a length-delimited field; else empty.
    pub bytes: &'a [u8],
}

/// Fields of a message, in order. Ends early when the bytes make no message.
#[derive(Clone, Debug)]
pub struct Fields<'a>(pub &'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let key = varint(&mut self.0)?;
        let number = (key >> 3) as u32;
        let mut field = Field { number, value: 0, bytes: &[] };
        match key & 7 {
            0 => field.value = varint(&mut self.0)?,
            2 => {
                let length = varint(&mut self.0)? as usize;
                let (bytes, rest) = self.0.split_at_checked(length)?;
                (field.bytes, self.0) = (bytes, rest);
            }
            1 => self.0 = self.0.get(8..)?,
            5 => self.0 = self.0.get(4..)?,
            _ => return None,
        }
        Some(field)
    }
}

/// Takes a varint off the front.
pub fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Appends a varint.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Bytes of a varint.
pub const fn varint_len(value: u64) -> usize {
    ((63 - (value | 1).leading_zeros() as usize) / 7) + 1
}

/// Appends a length-delimited field of less than 128 bytes, written by `body`.
pub fn put_short(out: &mut Vec<u8>, number: u8, body: impl FnOnce(&mut Vec<u8>)) {
    out.push(number << 3 | 2);
    out.push(0);
    let from = out.len();
    body(out);
    let length = out.len() - from;
    assert!(length <= SHORT_MAX, "a field of {length} bytes is not short");
    out[from - 1] = length as u8;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_come_back() {
        for value in [0, 1, 127, 128, 300, 16_383, 16_384, u64::MAX] {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, value);
            assert_eq!(bytes.len(), varint_len(value), "{value}");
            assert_eq!(varint(&mut bytes.as_slice()), Some(value));
        }
        assert_eq!(varint(&mut [0x80u8, 0x80].as_slice()), None);
    }

    #[test]
    fn fields_are_told_apart() {
        let mut bytes = vec![0x08, 0x96, 0x01];
        put_short(&mut bytes, 2, |out| out.extend_from_slice(b"abc"));
        let fields: Vec<_> = Fields(&bytes).collect();
        assert_eq!(fields[0], Field { number: 1, value: 150, bytes: &[] });
        assert_eq!(fields[1], Field { number: 2, value: 0, bytes: b"abc" });
        assert_eq!(Fields(&bytes[..5]).count(), 1, "a cut message ends early");
    }
}
