//! The keys that tokens are signed with: a JWKS file, read again when it changes.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use berth_inventory::UnixMillis;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};

use super::Caller;

/// Callers remembered by the digest of their token, so that a signature is checked once: 10,000 of
/// them take some 3 MB.
const SEEN_MAX: usize = 10_000;

/// The keys cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use {} as the keys of tokens: {why}; give a JWKS file with Ed25519 or P-256 keys", .path.display())]
pub struct KeysError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub why: String,
}

/// A key and what it is for.
pub(super) struct Key {
    pub id: Option<String>,
    pub algorithm: Algorithm,
    pub verifies: DecodingKey,
}

/// Keys that hold together, with who showed a token of theirs: with a key goes who was known by it.
pub(super) struct Keys {
    keys: Vec<Key>,
    seen: RwLock<HashMap<[u8; 32], Arc<Caller>>>,
}

/// By what a change of a file is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    changed: SystemTime,
    len: u64,
}

impl Stamp {
    pub fn of(path: &Path) -> Option<Self> {
        let told = fs::metadata(path).ok()?;
        Some(Self { changed: told.modified().ok()?, len: told.len() })
    }
}

impl Keys {
    pub fn read(path: &Path) -> Result<Self, KeysError> {
        let fault = |why: String| KeysError { path: path.to_owned(), why };
        let text = fs::read_to_string(path).map_err(|source| fault(source.to_string()))?;
        let set: JwkSet = serde_json::from_str(&text).map_err(|why| fault(why.to_string()))?;
        let keys: Vec<Key> = set.keys.iter().filter_map(usable).collect();
        if keys.is_empty() {
            return Err(fault(format!("none of its {} keys verifies anything", set.keys.len())));
        }
        Ok(Self { keys, seen: RwLock::default() })
    }

    /// The key of a token: by its id, or the only one for its algorithm.
    pub fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<&Key> {
        let mut fitting = self.keys.iter().filter(|key| match id {
            Some(id) => key.id.as_deref() == Some(id),
            None => key.algorithm == algorithm,
        });
        let found = fitting.next()?;
        (id.is_some() || fitting.next().is_none()).then_some(found)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.keys.len()
    }

    /// Who showed the token of this digest, if it still holds.
    pub fn seen(&self, digest: &[u8; 32], now: UnixMillis) -> Option<Arc<Caller>> {
        let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
        let caller = seen.get(digest)?;
        caller.expires.is_none_or(|at| now < at).then(|| Arc::clone(caller))
    }

    /// Remembers who showed a token.
    pub fn remember(&self, digest: [u8; 32], caller: &Arc<Caller>, now: UnixMillis) {
        let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= SEEN_MAX {
            seen.retain(|_, caller| caller.expires.is_none_or(|at| now < at));
        }
        if seen.len() >= SEEN_MAX {
            // Signatures are checked again: dear, and right.
            seen.clear();
        }
        seen.insert(digest, Arc::clone(caller));
    }
}

/// A key that signs by an algorithm we take; others may share its file.
fn usable(jwk: &Jwk) -> Option<Key> {
    let id = jwk.common.key_id.clone();
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::OctetKeyPair(it) if it.curve == EllipticCurve::Ed25519 => {
            Algorithm::EdDSA
        }
        AlgorithmParameters::EllipticCurve(it) if it.curve == EllipticCurve::P256 => {
            Algorithm::ES256
        }
        _ => {
            tracing::warn!(id, "a key is neither Ed25519 nor P-256: its tokens are not taken");
            return None;
        }
    };
    if jwk.common.public_key_use.as_ref().is_some_and(|use_| *use_ != PublicKeyUse::Signature) {
        return None;
    }
    let verifies = DecodingKey::from_jwk(jwk)
        .map_err(|fault| tracing::warn!(id, %fault, "a key cannot be read"))
        .ok()?;
    Some(Key { id, algorithm, verifies })
}
