//! Tokens as callers send them, and as they forge them.

use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
};
use serde_json::{Value, json};

use crate::access::{Access, rule};
use crate::door::Visit;
use crate::wire::Trouble;

fn base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Signs tokens, by both algorithms.
struct Issuer {
    ed: Ed25519KeyPair,
    ec: EcdsaKeyPair,
    dir: tempfile::TempDir,
}

impl Issuer {
    fn new() -> Self {
        let random = SystemRandom::new();
        let ed = Ed25519KeyPair::generate_pkcs8(&random).expect("a key");
        let ed = Ed25519KeyPair::from_pkcs8(ed.as_ref()).expect("a key");
        let by = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let ec = EcdsaKeyPair::generate_pkcs8(by, &random).expect("a key");
        let ec = EcdsaKeyPair::from_pkcs8(by, ec.as_ref(), &random).expect("a key");
        let issuer = Self { ed, ec, dir: tempfile::tempdir().expect("a directory") };
        issuer.publish("ed", "ec");
        issuer
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("keys.json")
    }

    /// Writes the public keys down, under these ids.
    fn publish(&self, ed: &str, ec: &str) {
        let point = self.ec.public_key().as_ref();
        let keys = json!({ "keys": [
            { "kty": "RSA", "kid": "old", "n": "AQAB", "e": "AQAB" },
            { "kty": "OKP", "crv": "Ed25519", "kid": ed, "x": base64(self.ed.public_key().as_ref()) },
            { "kty": "EC", "crv": "P-256", "kid": ec, "use": "sig",
              "x": base64(&point[1..33]), "y": base64(&point[33..]) },
        ] });
        std::fs::write(self.file(), keys.to_string()).expect("a file is written");
    }

    fn tokens(&self) -> Tokens {
        let settings = TokenSettings {
            keys: self.file(),
            issuer: "https://issuer.example".into(),
            audience: "berth".into(),
            leeway: Duration::from_secs(30),
        };
        Tokens::new(settings).expect("keys")
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let body = format!(
            "{}.{}",
            base64(header.to_string().as_bytes()),
            base64(claims.to_string().as_bytes())
        );
        let signature = match header["alg"].as_str() {
            Some("EdDSA") => self.ed.sign(body.as_bytes()).as_ref().to_vec(),
            Some("ES256") => {
                let signed = self.ec.sign(&SystemRandom::new(), body.as_bytes());
                signed.expect("signed").as_ref().to_vec()
            }
            _ => Vec::new(),
        };
        format!("{body}.{}", base64(&signature))
    }
}

fn seconds() -> u64 {
    jsonwebtoken::get_current_timestamp()
}

fn now() -> UnixMillis {
    UnixMillis(seconds() * 1_000)
}

fn claims() -> Value {
    json!({
        "iss": "https://issuer.example", "aud": "berth", "sub": "desk-1", "tenant": "agency",
        "exp": seconds() + 600, "roles": ["booking", "of-another-system"], "tier": "premium",
    })
}

fn with(key: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[key] = value;
    claims
}

fn ed() -> Value {
    json!({ "alg": "EdDSA", "kid": "ed" })
}

fn ask(tokens: &Tokens, token: &str) -> Result<Arc<Caller>, (Shut, String)> {
    let mut headers = HeaderMap::new();
    headers.insert(AUTHORIZATION, format!("Bearer {token}").parse().expect("a header"));
    tokens.caller(&headers, now()).map_err(|Refused(shut, why)| {
        let status = Trouble::into_status(why);
        assert_eq!(status.code(), tonic::Code::Unauthenticated);
        let text = status.message().to_owned();
        assert!((token.is_empty() || !text.contains(token)) && text.contains([';', ':']), "{text}");
        (shut, text)
    })
}

#[test]
fn a_good_token_names_its_caller() {
    let issuer = Issuer::new();
    let tokens = issuer.tokens();
    for header in [ed(), json!({ "alg": "EdDSA" }), json!({ "alg": "ES256", "kid": "ec" })] {
        let token = issuer.sign(&header, &claims());
        let caller = ask(&tokens, &token).expect("taken");
        assert_eq!((&*caller.subject, &*caller.tenant), ("desk-1", "agency"));
        assert_eq!((caller.roles, caller.tier), (Roles::BOOKING, Tier::Premium));
        let again = ask(&tokens, &token).expect("taken");
        assert!(Arc::ptr_eq(&caller, &again), "its signature is checked once");
    }
}

#[test]
fn forged_and_foreign_tokens_are_refused() {
    let issuer = Issuer::new();
    let tokens = issuer.tokens();
    let good = issuer.sign(&ed(), &claims());
    let (body, signature) = good.rsplit_once('.').expect("a signature");
    let (header, payload) = body.split_once('.').expect("a header");
    let other = base64(with("tenant", json!("victim")).to_string().as_bytes());
    let none = base64(br#"{"alg":"none"}"#);
    let hmac = issuer.sign(&json!({ "alg": "HS256", "kid": "ed" }), &claims());
    for (token, word) in [
        (format!("{body}."), "signature"),
        (format!("{body}.{}", base64(&[7; 64])), "signature"),
        (format!("{header}.{other}.{signature}"), "signature"),
        (format!("{none}.{payload}."), "no JWT"),
        (hmac, "algorithm"),
        (issuer.sign(&json!({ "alg": "ES256", "kid": "ed" }), &claims()), "another algorithm"),
        (issuer.sign(&json!({ "alg": "EdDSA", "kid": "lost" }), &claims()), "not known"),
        (Issuer::new().sign(&ed(), &claims()), "signature"),
        (issuer.sign(&ed(), &with("iss", json!("https://evil.example"))), "issuer"),
        (issuer.sign(&ed(), &with("aud", json!(["mail"]))), "audience"),
        (issuer.sign(&ed(), &with("nbf", json!(seconds() + 600))), "not valid yet"),
        (issuer.sign(&ed(), &with("exp", json!("never"))), "exp"),
        (issuer.sign(&ed(), &with("exp", Value::Null)), "exp"),
        (issuer.sign(&ed(), &with("aud", Value::Null)), "aud"),
        (issuer.sign(&ed(), &with("tenant", json!("two\nlines"))), "tenant"),
        (issuer.sign(&ed(), &with("sub", json!("x".repeat(200)))), "sub"),
        ("nonsense".to_owned(), "JWT"),
        (String::new(), "JWT"),
    ] {
        let (shut, why) = ask(&tokens, &token).expect_err("refused");
        assert_eq!(shut, Shut::Credential, "{why}");
        assert!(why.contains(word), "{word} in {why}");
    }
    ask(&tokens, &good).expect("the good one is still good");
}

#[test]
fn an_expired_token_is_refused_also_when_it_was_good_before() {
    let issuer = Issuer::new();
    let tokens = issuer.tokens();
    let late = issuer.sign(&ed(), &with("exp", json!(seconds() - 31)));
    assert_eq!(ask(&tokens, &late).expect_err("expired").0, Shut::Expired);
    let leeway = issuer.sign(&ed(), &with("exp", json!(seconds() - 10)));
    let caller = ask(&tokens, &leeway).expect("clocks may differ by 30 s");
    let expires = caller.expires.expect("it has an end");
    assert!((now().0 + 15_000..now().0 + 21_000).contains(&expires.0));
    let digest = digest(&SHA256, leeway.as_bytes()).as_ref().try_into().expect("32 bytes");
    let keys = tokens.keys.load();
    assert!(keys.seen(&digest, UnixMillis(expires.0 - 1)).is_some());
    assert!(keys.seen(&digest, expires).is_none(), "what was checked once holds no longer than it");
}

#[test]
fn keys_are_rotated_without_a_restart() {
    let issuer = Issuer::new();
    let tokens = issuer.tokens();
    assert_eq!(tokens.refresh().expect("nothing new"), None);
    let token = issuer.sign(&ed(), &claims());
    ask(&tokens, &token).expect("known");
    issuer.publish("ed-of-next-month", "ec");
    assert_eq!(tokens.refresh().expect("good keys"), Some(2));
    let (_, why) = ask(&tokens, &token).expect_err("its key is gone, and who was known by it");
    assert!(why.contains("not known"), "{why}");
    std::fs::write(issuer.file(), "half a fi").expect("a file is written");
    let why = tokens.refresh().expect_err("no keys").to_string();
    assert!(why.contains("keys.json") && why.contains("JWKS"), "{why}");
    let next = json!({ "alg": "EdDSA", "kid": "ed-of-next-month" });
    ask(&tokens, &issuer.sign(&next, &claims())).expect("the keys of before hold");
}

#[test]
fn a_role_that_is_missing_is_named_and_no_credential_is_asked_for() {
    let issuer = Issuer::new();
    let access = Access::Tokens(issuer.tokens());
    let address = core::net::Ipv4Addr::LOCALHOST.into();
    let visit = Visit { address, names: Vec::new(), leaves: None };
    let rule = rule("/berth.v1.Operations/CloseSale").expect("a rule");
    let mut headers = HeaderMap::new();
    let Refused(shut, why) = access.admit(rule, &headers, &visit, now()).expect_err("refused");
    assert_eq!(shut, Shut::NoCredential);
    assert!(why.into_status().message().contains("authorization: Bearer TOKEN"));
    let token = issuer.sign(&ed(), &claims());
    headers.insert(AUTHORIZATION, format!("bearer {token}").parse().expect("a header"));
    let Refused(shut, why) = access.admit(rule, &headers, &visit, now()).expect_err("refused");
    assert_eq!((shut, why.code()), (Shut::Role, tonic::Code::PermissionDenied));
    let why = why.into_status().message().to_owned();
    assert!(why.contains("operator") && why.contains("desk-1 has booking"), "{why}");
    headers.append(AUTHORIZATION, "Bearer x".parse().expect("a header"));
    let Refused(shut, _) = access.admit(rule, &headers, &visit, now()).expect_err("two of them");
    assert_eq!(shut, Shut::NoCredential);
}
