//! Gives out tokens, as an identity provider would.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::server::Home;

pub struct Issuer {
    key: Ed25519KeyPair,
    file: PathBuf,
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Seconds since the epoch.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is set").as_secs()
}

impl Issuer {
    /// With a key of its own, published beside the data directory.
    pub fn new(home: &Home) -> Self {
        let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
        let key = Ed25519KeyPair::from_pkcs8(key.as_ref()).expect("a key");
        let issuer = Self { key, file: home.beside("keys.json") };
        issuer.publish();
        issuer
    }

    pub fn publish(&self) {
        let x = base64(self.key.public_key());
        let keys = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "one", "x": x}]});
        std::fs::write(&self.file, keys.to_string()).expect("a file is written");
    }

    /// Settings of a server that takes its tokens.
    pub fn flags(&self) -> [&str; 8] {
        let keys = self.file.to_str().expect("a path is text");
        [
            "--jwt-keys",
            keys,
            "--jwt-issuer",
            "https://issuer.example",
            "--jwt-audience",
            "berth",
            "--jwt-leeway-seconds",
            "0",
        ]
    }

    /// A token for `subject` with a role, good for so many seconds.
    pub fn token(&self, subject: &str, role: &str, seconds: u64) -> String {
        let claims = json!({
            "iss": "https://issuer.example", "aud": "berth", "sub": subject, "tenant": "agency",
            "exp": now() + seconds, "roles": [role],
        });
        self.signed(&json!({"alg": "EdDSA", "kid": "one"}), &claims)
    }

    pub fn signed(&self, header: &Value, claims: &Value) -> String {
        let body = format!("{}.{}", base64(header.to_string()), base64(claims.to_string()));
        let signature = self.key.sign(body.as_bytes());
        format!("{body}.{}", base64(signature))
    }
}
