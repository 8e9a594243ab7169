//! Memory that is there before it is measured with.
//!
//! A virtual machine may give free memory back to its host and pay for it again at the first touch:
//! 0.1 to 3 seconds a GiB on the machine of our figures, whether or not anybody measures. That is no
//! property of a server, so whoever measures one that grows has free memory touched just before.

/// Bytes of a page.
const PAGE: usize = 4_096;

/// Has so much free memory backed by the host, if there is one: touches and frees it.
pub fn back(bytes: usize) {
    let mut memory: Vec<u8> = Vec::with_capacity(bytes);
    for _ in 0..bytes / PAGE {
        memory.extend_from_slice(&[1; PAGE]);
    }
    core::hint::black_box(&memory);
}
