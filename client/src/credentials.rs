//! What a client shows and whom it trusts: TLS, a certificate of its own, a token.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tonic::Request;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use crate::error::ClientError;

/// Header of a token.
const HEADER: &str = "authorization";

/// See the module. The default trusts nobody and shows nothing: for `http://` on loopback.
#[derive(Clone, Default)]
pub struct Credentials {
    ca: Option<Vec<u8>>,
    identity: Option<(Vec<u8>, Vec<u8>)>,
    token: Option<Token>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("ca", &self.ca.is_some())
            .field("identity", &self.identity.is_some())
            .field("token", &self.token)
            .finish()
    }
}

impl Credentials {
    /// Trusts servers with a certificate of these roots (PEM); needed for `https://`.
    #[must_use]
    pub fn trusting(self, ca: impl Into<Vec<u8>>) -> Self {
        Self { ca: Some(ca.into()), ..self }
    }

    /// Shows this certificate with its private key (both PEM) where the server asks for one.
    #[must_use]
    pub fn showing(self, cert: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        Self { identity: Some((cert.into(), key.into())), ..self }
    }

    /// Sends this token with every call. Keep a clone of it to replace it when it is renewed.
    #[must_use]
    pub fn saying(self, token: Token) -> Self {
        Self { token: Some(token), ..self }
    }

    pub(crate) fn tls(&self) -> Option<ClientTlsConfig> {
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(self.ca.as_ref()?));
        Some(match &self.identity {
            Some((cert, key)) => tls.identity(Identity::from_pem(cert, key)),
            None => tls,
        })
    }

    pub(crate) fn token(&self) -> Option<Token> {
        self.token.clone()
    }
}

/// A token that calls carry. Clones share it.
#[derive(Clone)]
pub struct Token(Arc<ArcSwap<MetadataValue<Ascii>>>);

/// It never shows what it is.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Token {
    /// As its issuer gave it out, without `Bearer`.
    pub fn new(token: &str) -> Result<Self, ClientError> {
        Ok(Self(Arc::new(ArcSwap::from_pointee(header(token)?))))
    }

    /// Sends another one from now on.
    pub fn replace(&self, token: &str) -> Result<(), ClientError> {
        self.0.store(Arc::new(header(token)?));
        Ok(())
    }

    pub(crate) fn put_on<M>(&self, request: &mut Request<M>) {
        request.metadata_mut().insert(HEADER, MetadataValue::clone(&self.0.load()));
    }
}

fn header(token: &str) -> Result<MetadataValue<Ascii>, ClientError> {
    let value: Result<MetadataValue<Ascii>, _> = format!("Bearer {}", token.trim()).parse();
    let mut value = value.map_err(|_| ClientError::Token)?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_travels_and_is_never_shown() {
        let token = Token::new("one.two.three\n").expect("a token");
        let credentials = Credentials::default().saying(token.clone()).showing("cert", "the key");
        let mut request = Request::new(());
        credentials.token().expect("there").put_on(&mut request);
        assert_eq!(request.metadata().get(HEADER).expect("there"), "Bearer one.two.three");
        token.replace("four").expect("a token");
        credentials.token().expect("there").put_on(&mut request);
        assert_eq!(request.metadata().get(HEADER).expect("there"), "Bearer four");
        let shown = format!("{credentials:?} {token:?} {request:?}");
        assert!(!shown.contains("four") && !shown.contains("the key"), "{shown}");
        assert!(matches!(Token::new("two\nlines"), Err(ClientError::Token)));
    }
}
