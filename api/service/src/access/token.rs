//! Tokens: who signed them, for whom, until when.
//!
//! A signature is checked by the algorithm of the key, never by the one that the token names.

use core::fmt;
use core::time::Duration;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use berth_inventory::UnixMillis;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Validation, decode, decode_header};
use ring::digest::{SHA256, digest};
use serde::Deserialize;

use super::caller::{Caller, Roles, Tier};
use super::keys::{Keys, KeysError, Stamp};
use super::{Refused, ring as cryptography};
use crate::turned_away::Shut;

/// A longer token is not looked at.
const TOKEN_BYTES_MAX: usize = 8 << 10;
/// Length of a tenant's name, most.
const TENANT_MAX: usize = 64;
/// Length of a subject, most.
const SUBJECT_MAX: usize = 128;

/// Which tokens are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSettings {
    /// Public keys: a JWKS file, read again when it changes.
    pub keys: PathBuf,
    /// What `iss` must be.
    pub issuer: String,
    /// What `aud` must have.
    pub audience: String,
    /// By how much clocks may differ.
    pub leeway: Duration,
}

/// See the module.
pub struct Tokens {
    settings: TokenSettings,
    keys: ArcSwap<Keys>,
    stamp: Mutex<Option<Stamp>>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// What is read of a token.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    tenant: String,
    exp: u64,
    #[serde(default)]
    roles: Vec<String>,
    #[serde(default)]
    tier: String,
}

impl Tokens {
    /// Reads the keys.
    ///
    /// # Errors
    /// They cannot be used.
    pub fn new(settings: TokenSettings) -> Result<Self, KeysError> {
        cryptography::set_up();
        let stamp = Mutex::new(Stamp::of(&settings.keys));
        let keys = ArcSwap::from_pointee(Keys::read(&settings.keys)?);
        Ok(Self { settings, keys, stamp })
    }

    /// Reads the keys again if their file has changed; how many there are then.
    ///
    /// # Errors
    /// They cannot be used; then those of before hold, until the file changes again.
    pub fn refresh(&self) -> Result<Option<usize>, KeysError> {
        let found = Stamp::of(&self.settings.keys);
        let mut stamp = self.stamp.lock().unwrap_or_else(PoisonError::into_inner);
        if *stamp == found {
            return Ok(None);
        }
        *stamp = found;
        let keys = Keys::read(&self.settings.keys)?;
        let count = keys.count();
        self.keys.store(Arc::new(keys));
        Ok(Some(count))
    }

    /// Who shows a token in these headers.
    pub(super) fn caller(
        &self,
        headers: &HeaderMap,
        now: UnixMillis,
    ) -> Result<Arc<Caller>, Refused> {
        let token = bearer(headers)?;
        let keys = self.keys.load();
        let digest: [u8; 32] =
            digest(&SHA256, token).as_ref().try_into().expect("SHA-256 has 32 bytes");
        if let Some(caller) = keys.seen(&digest, now) {
            return Ok(caller);
        }
        let caller = Arc::new(self.read(&keys, token)?);
        // The clock of the node may be ahead of that of its system.
        if caller.expires.is_some_and(|at| at <= now) {
            return Err(self.refused(&ErrorKind::ExpiredSignature.into()));
        }
        keys.remember(digest, &caller, now);
        Ok(caller)
    }

    fn read(&self, keys: &Keys, token: &[u8]) -> Result<Caller, Refused> {
        let bad = |why: &str| Refused::unknown(Shut::Credential, why);
        let header = decode_header(token)
            .map_err(|_| bad("the token is no JWT signed by EdDSA or ES256; fetch one that is"))?;
        if cryptography::known(header.alg).is_none() {
            return Err(bad(
                "the token is signed by an algorithm that is not taken; EdDSA and ES256 are",
            ));
        }
        let key = keys.find(header.kid.as_deref(), header.alg).ok_or_else(|| {
            bad("the token is signed with a key that is not known here; fetch a new one")
        })?;
        let mut rules = Validation::new(key.algorithm);
        rules.leeway = self.settings.leeway.as_secs();
        rules.validate_nbf = true;
        rules.set_issuer(&[&self.settings.issuer]);
        rules.set_audience(&[&self.settings.audience]);
        rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let claims: Claims =
            decode(token, &key.verifies, &rules).map_err(|fault| self.refused(&fault))?.claims;
        self.known(claims)
    }

    /// The names in a token go into logs and labels of people: they are short and plain.
    fn known(&self, claims: Claims) -> Result<Caller, Refused> {
        let Claims { sub, tenant, exp, roles, tier } = claims;
        if !is_plain(&tenant, TENANT_MAX, "._-") || !is_plain(&sub, SUBJECT_MAX, "._-@:|/+") {
            return Err(Refused::unknown(
                Shut::Credential,
                format!(
                    "the token's tenant is not 1 to {TENANT_MAX} of A-Z a-z 0-9 . _ -, or its sub \
                     not 1 to {SUBJECT_MAX} of these and @ : | / +; fetch another"
                ),
            ));
        }
        // Words of other systems may stand beside ours.
        let roles = roles.iter().filter_map(|word| word.parse().ok());
        let roles = roles.fold(Roles::NOBODY, Roles::and);
        let expires = exp.saturating_add(self.settings.leeway.as_secs()).saturating_mul(1_000);
        Ok(Caller {
            subject: sub.into(),
            tenant: tenant.into(),
            roles,
            tier: Tier::named(&tier),
            expires: Some(UnixMillis(expires)),
        })
    }

    fn refused(&self, fault: &Error) -> Refused {
        let TokenSettings { issuer, audience, .. } = &self.settings;
        let shut = match fault.kind() {
            ErrorKind::ExpiredSignature => Shut::Expired,
            _ => Shut::Credential,
        };
        Refused::unknown(
            shut,
            match fault.kind() {
                ErrorKind::ExpiredSignature => "the token has expired; fetch a new one".to_owned(),
                ErrorKind::ImmatureSignature => {
                    "the token is not valid yet; wait, or set the clocks".to_owned()
                }
                ErrorKind::InvalidIssuer => {
                    format!("the token is of another issuer; {issuer} is taken")
                }
                ErrorKind::InvalidAudience => {
                    format!("the token is for somebody else; the audience here is {audience}")
                }
                ErrorKind::InvalidAlgorithm => {
                    "the token is signed by another algorithm than its key is for; fetch a new one"
                        .to_owned()
                }
                ErrorKind::InvalidSignature => {
                    "the token's signature does not fit; fetch a new one".to_owned()
                }
                ErrorKind::MissingRequiredClaim(claim) => {
                    format!(
                        "the token has no {claim}; fetch one that has iss, aud, sub, exp and tenant"
                    )
                }
                _ => "the token cannot be read; it needs iss, aud, sub, exp and tenant".to_owned(),
            },
        )
    }
}

/// The token of a call.
fn bearer(headers: &HeaderMap) -> Result<&[u8], Refused> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (Some(one), None) = (all.next(), all.next()) else {
        let why = "the call needs one credential: send it as `authorization: Bearer TOKEN`";
        return Err(Refused::unknown(Shut::NoCredential, why));
    };
    let (scheme, token) = one.as_bytes().split_at_checked(7).unwrap_or_default();
    if !scheme.eq_ignore_ascii_case(b"bearer ") || token.len() > TOKEN_BYTES_MAX {
        let why = format!(
            "the credential is no `Bearer TOKEN` of at most {TOKEN_BYTES_MAX} bytes; send one"
        );
        return Err(Refused::unknown(Shut::Credential, why));
    }
    Ok(token)
}

fn is_plain(text: &str, most: usize, marks: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || marks.contains(c);
    (1..=most).contains(&text.len()) && text.chars().all(plain)
}

#[cfg(test)]
mod tests;
