//! A connection, and messages as they are: bytes in, bytes out.

use prost::bytes::{Buf as _, BufMut as _, Bytes};
use tonic::Status;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::{Channel, Endpoint};

use crate::fault::{Bench, BenchError};

/// Opens a connection of its own.
///
/// # Errors
/// Nobody listens there.
pub async fn connect(address: &str) -> Bench<Grpc<Channel>> {
    let fault = |why: tonic::transport::Error| BenchError::Wire(format!("{address}: {why}"));
    let endpoint = Endpoint::from_shared(address.to_owned()).map_err(fault)?.tcp_nodelay(true);
    let channel = endpoint.connect().await.map_err(fault)?;
    Ok(Grpc::new(channel).max_decoding_message_size(berth_proto::RESPONSE_BYTES_MAX))
}

/// What the transport says, as a fault of the bench.
pub fn wire(status: &Status) -> BenchError {
    BenchError::Wire(format!("{:?}: {}", status.code(), status.message()))
}

/// A codec that leaves messages as they are.
#[derive(Clone, Copy, Debug, Default)]
pub struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
