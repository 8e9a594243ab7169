//! Names that this soak gives: request ids and the reference by which it knows its own holds.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Draws request ids: never twice in a soak, and never those of another soak.
#[derive(Debug)]
pub struct Ids {
    nonce: u64,
    next: AtomicU64,
}

impl Ids {
    /// Of a soak with this nonce.
    pub const fn new(nonce: u64) -> Self {
        Self { nonce, next: AtomicU64::new(1) }
    }

    /// The reference of every hold and payment.
    pub fn reference(&self) -> String {
        format!("soak {:016x}", self.nonce)
    }

    /// A fresh request id: a UUID whose bits are the nonce and a counter.
    pub fn draw(&self) -> uuid::Uuid {
        let number = self.next.fetch_add(1, Relaxed);
        let bits = u128::from(self.nonce) << 64 | u128::from(number);
        uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_ids_are_uuids_and_never_the_same() {
        let (one, other) = (Ids::new(7), Ids::new(8));
        let drawn = [one.draw(), one.draw(), other.draw()];
        assert!(drawn.iter().all(|id| id.get_version_num() == 4), "{drawn:?}");
        assert!(drawn[0] != drawn[1] && drawn[0] != drawn[2] && drawn[1] != drawn[2]);
    }
}
