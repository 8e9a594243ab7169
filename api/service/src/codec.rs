//! The codec of calls whose messages are read and written by hand: bytes in, bytes out.

use prost::bytes::{Buf as _, BufMut as _, Bytes};
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

use crate::wire::Pen;

/// Bytes of a buffer at first; a unary request and its response fit.
const BUFFER_BYTES: usize = 1_024;
/// A stream's messages are sent together until they are so many bytes.
pub(crate) const TOGETHER_BYTES: usize = 32 * 1_024;

/// See the module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raw;

/// An encoded message.
#[derive(Debug)]
pub(crate) enum Message {
    /// Written from the end to the beginning.
    Penned(Pen),
    /// Put together from parts.
    Whole(Bytes),
}

impl AsRef<[u8]> for Message {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Penned(pen) => pen.written(),
            Self::Whole(bytes) => bytes,
        }
    }
}

impl Codec for Raw {
    type Encode = Message;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Raw {
    type Item = Message;
    type Error = Status;

    fn encode(&mut self, message: Message, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.reserve(message.as_ref().len());
        to.put_slice(message.as_ref());
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(BUFFER_BYTES, TOGETHER_BYTES)
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(BUFFER_BYTES, TOGETHER_BYTES)
    }
}
