//! Signatures of tokens, checked by ring: the cryptography that TLS brings along. Nothing is signed.

use std::sync::Once;

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use ring::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey, VerificationAlgorithm};

/// Only what is listed here verifies anything.
static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes ring the cryptography of tokens in this process.
pub(super) fn set_up() {
    static ONCE: Once = Once::new();
    // Somebody else in the process may have been first; whoever it was verifies too.
    ONCE.call_once(|| {
        let _ = PROVIDER.install_default();
    });
}

/// The signature algorithms that are taken.
pub(super) fn known(algorithm: Algorithm) -> Option<&'static dyn VerificationAlgorithm> {
    match algorithm {
        Algorithm::EdDSA => Some(&ED25519),
        Algorithm::ES256 => Some(&ECDSA_P256_SHA256_FIXED),
        _ => None,
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that is asked for")]
fn signer(_: &Algorithm, _: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    Err(ErrorKind::UnsupportedAlgorithm.into())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the form that is asked for")]
fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    let ring = known(*algorithm).ok_or(ErrorKind::UnsupportedAlgorithm)?;
    if key.family() != algorithm.family() {
        return Err(ErrorKind::InvalidKeyFormat.into());
    }
    let key = UnparsedPublicKey::new(ring, key.try_get_as_bytes()?.to_vec());
    Ok(Box::new(Verifier { algorithm: *algorithm, key }))
}

struct Verifier {
    algorithm: Algorithm,
    key: UnparsedPublicKey<Vec<u8>>,
}

impl signature::Verifier<Vec<u8>> for Verifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> signature::Result<()> {
        self.key.verify(message, signature).map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for Verifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
