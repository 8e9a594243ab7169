//! The wire: package `berth.v1` and its generated types.
//!
//! The `.proto` files beside this crate are the contract; their comments say units, bounds,
//! refusals and who may retry. Nothing here decides anything. Enum numbers are those of
//! `berth-inventory`, which a test of the API crate holds.

/// Package `berth.v1`: messages, and a client and a server module for each service.
#[allow(
    clippy::pedantic,
    clippy::all,
    missing_docs,
    reason = "generated code follows the generator's taste"
)]
pub mod v1 {
    tonic::include_proto!("berth.v1");
}

/// The encoded `FileDescriptorSet` of `berth.v1` and what it imports, for server reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/berth_v1.bin"));

/// Largest message a server takes, bytes: 1,024 commands of a session fit, a flood does not.
pub const REQUEST_BYTES_MAX: usize = 256 * 1024;
/// Largest message a server sends, bytes: the berth map of the longest rake is below 200 KiB.
pub const RESPONSE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Commands of one session message, most.
pub const SESSION_COMMANDS_MAX: usize = 1_024;
/// Unanswered commands of one session, most; then the server reads no further.
pub const SESSION_WINDOW: usize = 16_384;
/// Queries of one `BatchQuery`, most.
pub const BATCH_QUERIES_MAX: usize = 64;
/// Trailer that says how many milliseconds to wait before a retry; negative: do not retry (gRFC A6).
pub const RETRY_PUSHBACK_HEADER: &str = "grpc-retry-pushback-ms";
