//! TLS of the listeners: certificates from PEM files, read anew when asked to; TLS 1.3 only, with
//! ring as its cryptography.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto, version};
use tokio_rustls::server::TlsStream;

/// What is spoken inside: HTTP/2, and HTTP/1.1 for those who scrape the admin listener.
const SPOKEN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Where the certificates are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// Our certificate and those between it and its root, PEM.
    pub cert: PathBuf,
    /// The private key of the certificate, PEM.
    pub key: PathBuf,
    /// Roots of the certificates that callers must show; `None`: they need none.
    pub client_ca: Option<PathBuf>,
}

/// Certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file.
    #[error("cannot use {} as {what}: {why}; give a PEM file that has it", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The files are good, but not together.
    #[error("{} and {} do not go together: {why}; give the key of this certificate", .cert.display(), .key.display())]
    Pair {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What is wrong with them.
        why: String,
    },
}

/// See the module.
pub struct Tls {
    files: TlsFiles,
    config: ArcSwap<ServerConfig>,
}

impl core::fmt::Debug for Tls {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// One that cannot be used.
    pub fn new(files: TlsFiles) -> Result<Self, TlsError> {
        let config = ArcSwap::from_pointee(config(&files)?);
        Ok(Self { files, config })
    }

    /// Reads the files again, for connections from now on.
    ///
    /// # Errors
    /// One that cannot be used; then all stays as it was.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.config.store(Arc::new(config(&self.files)?));
        Ok(())
    }

    /// Whether callers must show a certificate.
    pub fn knows_callers(&self) -> bool {
        self.files.client_ca.is_some()
    }

    pub(super) async fn accept(&self, socket: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.config.load_full()).accept(socket).await
    }

    /// The names in the certificate that the peer proved to have.
    pub(super) fn names(stream: &TlsStream<TcpStream>) -> Vec<String> {
        let shown = stream.get_ref().1.peer_certificates();
        let Some(cert) = shown.and_then(|certs| certs.first()) else { return Vec::new() };
        let Ok(cert) = webpki::EndEntityCert::try_from(cert) else { return Vec::new() };
        cert.valid_dns_names().map(str::to_owned).collect()
    }
}

fn config(files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&version::TLS13])
        .expect("ring has TLS 1.3");
    let certs = certificates(&files.cert, "the certificate")?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|fault| unusable(&files.key, "the private key", fault))?;
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            const WHAT: &str = "the roots of client certificates";
            let mut roots = RootCertStore::empty();
            for root in certificates(path, WHAT)? {
                roots.add(root).map_err(|fault| unusable(path, WHAT, fault))?;
            }
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder
                .with_client_cert_verifier(verifier.map_err(|fault| unusable(path, WHAT, fault))?)
        }
    };
    let mut config = builder.with_single_cert(certs, key).map_err(|fault| TlsError::Pair {
        cert: files.cert.clone(),
        key: files.key.clone(),
        why: fault.to_string(),
    })?;
    config.alpn_protocols = SPOKEN.map(<[u8]>::to_vec).into();
    Ok(config)
}

fn certificates(path: &Path, what: &'static str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certs: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    let certs = certs.map_err(|fault| unusable(path, what, fault))?;
    if certs.is_empty() {
        return Err(unusable(path, what, "it holds no certificate"));
    }
    Ok(certs)
}

fn unusable(path: &Path, what: &'static str, why: impl core::fmt::Display) -> TlsError {
    TlsError::File { path: path.to_owned(), what, why: why.to_string() }
}
