//! Names of mutations, drawn by the caller.

/// The caller's name for one mutation: a UUID as text.
pub type RequestId = String;

/// A fresh request id (UUID, version 4). Draw one for each mutation and keep it for its retries.
pub fn new_request_id() -> RequestId {
    // The thread's generator is seeded by the system and cryptographic; asking the system for each
    // id would cost a call into the kernel.
    uuid::Builder::from_random_bytes(rand::random()).into_uuid().to_string()
}
