//! The receiver's side of TLS (RFC 5425): its certificate, and whose clients it takes.
//!
//! Diagnostics: every file that cannot be used is an error with its path and what was expected.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig};

/// What a TLS receiver shows and asks for.
#[derive(Debug)]
pub struct ReceiverTls {
    /// Its certificate, then the intermediates.
    pub chain: Vec<CertificateDer<'static>>,
    /// The certificate's key.
    pub key: PrivateKeyDer<'static>,
    /// Who may have signed a client's certificate; with none, clients need no certificate.
    pub client_authorities: Vec<CertificateDer<'static>>,
}

/// Why TLS cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or is no PEM.
    #[error("{}: {source}; it must be a readable PEM file", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system or the PEM reader said.
        source: io::Error,
    },
    /// A file holds no certificate.
    #[error("{}: no certificate in it; expected `-----BEGIN CERTIFICATE-----`", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// A file holds no private key.
    #[error("{}: no private key in it; expected PKCS #8, PKCS #1 or SEC 1 in PEM", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
    },
    /// Certificate and key do not go together, or are of a kind that is not supported.
    #[error("the receiver's certificate and key cannot be used: {0}")]
    Identity(rustls::Error),
    /// A certificate of a client authority cannot be used as one.
    #[error("the authority of the clients cannot be used: {0}")]
    ClientAuthority(rustls::Error),
    /// The client verifier refused its roots.
    #[error("the authorities of the clients cannot be used: {0}")]
    ClientVerifier(#[from] VerifierBuilderError),
}

impl ReceiverTls {
    /// Reads PEM files; with `client_ca_file`, clients must show a certificate of that authority.
    pub fn from_files(
        cert_file: &Path,
        key_file: &Path,
        client_ca_file: Option<&Path>,
    ) -> Result<ReceiverTls, TlsError> {
        let mut reader = open(key_file)?;
        let key = rustls_pemfile::private_key(&mut reader)
            .map_err(|source| TlsError::Unreadable { path: key_file.to_owned(), source })?
            .ok_or_else(|| TlsError::NoKey { path: key_file.to_owned() })?;
        let client_authorities = match client_ca_file {
            Some(path) => certificates(path)?,
            None => Vec::new(),
        };
        Ok(ReceiverTls { chain: certificates(cert_file)?, key, client_authorities })
    }

    /// Ready to accept, with TLS 1.2 and 1.3.
    pub(super) fn acceptor(self) -> Result<TlsAcceptor, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Identity)?;
        let builder = if self.client_authorities.is_empty() {
            builder.with_no_client_auth()
        } else {
            let mut roots = RootCertStore::empty();
            for authority in self.client_authorities {
                roots.add(authority).map_err(TlsError::ClientAuthority)?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build()?)
        };
        let config = builder.with_single_cert(self.chain, self.key).map_err(TlsError::Identity)?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = rustls_pemfile::certs(&mut open(path)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| TlsError::Unreadable { path: path.to_owned(), source })?;
    if found.is_empty() {
        return Err(TlsError::NoCertificate { path: path.to_owned() });
    }
    Ok(found)
}

fn open(path: &Path) -> Result<BufReader<File>, TlsError> {
    File::open(path)
        .map(BufReader::new)
        .map_err(|source| TlsError::Unreadable { path: path.to_owned(), source })
}
