//! Whom a TLS link trusts, and who it says it is (design, section 5).
//!
//! In: the files of `[destination.tls]`. Out: a client configuration for each connect. The files
//! are read again when they have changed; system roots and resumption are never used, so that every
//! connect checks expiry and revocation afresh.
//!
//! - CA file: the chain, the name (or `server_name`) and the dates are checked.
//! - Pins without a CA file: the SHA-256 of the receiver's certificate decides alone; neither its
//!   name nor its expiry is checked, as QRadar's generated self-signed one needs. That the receiver
//!   holds the certificate's key is checked in any case, by the handshake's signature.
//! - Both: both must hold.
//! - CRL file: checked for the receiver's own certificate. A CRL of another issuer tells nothing
//!   and an outdated one still counts: an outpost cannot always fetch a new one, and silence would
//!   not be safer.
//!
//! Diagnostics: `unreadable_certificate`, `unreadable_key`, `unreadable_crl`.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::client::{Resumption, WebPkiServerVerifier};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    self, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};

use super::cause::code;
use super::settings::TlsSettings;
use crate::model::outcome::Cause;

/// The files of one destination as they were read.
#[derive(Debug)]
pub struct Trust {
    /// Which files these were; see [`stamps`].
    pub stamps: Vec<Stamp>,
    config: ClientConfig,
    webpki: Option<Arc<WebPkiServerVerifier>>,
    pins: Vec<[u8; 32]>,
    algorithms: WebPkiSupportedAlgorithms,
}

/// What tells one state of a file from another: device, inode, size, modification time; `None` when
/// there is no such file.
pub type Stamp = Option<(u64, u64, u64, i64, i64)>;

/// Where one handshake leaves the SHA-256 of the receiver's certificate, in hex.
pub type Seen = Arc<OnceLock<String>>;

/// The present state of the files.
pub fn stamps(settings: &TlsSettings) -> Vec<Stamp> {
    files(settings)
        .map(|path| {
            let data = fs::metadata(path).ok()?;
            Some((data.dev(), data.ino(), data.size(), data.mtime(), data.mtime_nsec()))
        })
        .collect()
}

fn files(settings: &TlsSettings) -> impl Iterator<Item = &PathBuf> {
    [&settings.ca_file, &settings.cert_file, &settings.key_file, &settings.crl_file]
        .into_iter()
        .flatten()
}

impl Trust {
    /// Reads the files.
    ///
    /// # Errors
    /// Names the file that cannot be used, why, and what to do.
    pub fn load(settings: &TlsSettings) -> Result<Trust, Cause> {
        // Before reading: a file that changes meanwhile is read again at the next connect.
        let stamps = stamps(settings);
        let provider = Arc::new(ring::default_provider());
        let webpki = match &settings.ca_file {
            Some(path) => Some(authorities(path, settings.crl_file.as_deref(), &provider)?),
            None if settings.pin_sha256.is_empty() => return Err(nothing_to_trust()),
            None => None,
        };
        let algorithms = provider.signature_verification_algorithms;
        let pins = settings.pin_sha256.clone();
        let verifier = Verifier {
            webpki: webpki.clone(),
            pins: pins.clone(),
            algorithms,
            seen: Seen::default(),
        };
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|error| Cause::new(code::TLS, format!("TLS cannot be set up: {error}")))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match (&settings.cert_file, &settings.key_file) {
            (Some(certificate), Some(key)) => builder
                .with_client_auth_cert(certificates(certificate, "cert_file")?, private_key(key)?)
                .map_err(|error| mismatch(certificate, key, &error))?,
            (Some(path), None) | (None, Some(path)) => {
                return Err(Cause::new(
                    code::UNREADABLE_KEY,
                    format!(
                        "{} alone is no client certificate; set both cert_file and key_file",
                        path.display()
                    ),
                ));
            }
            (None, None) => builder.with_no_client_auth(),
        };
        config.resumption = Resumption::disabled();
        Ok(Trust { stamps, config, webpki, pins, algorithms })
    }

    /// The configuration for one handshake, and where that leaves what it saw.
    pub fn handshake(&self) -> (Arc<ClientConfig>, Seen) {
        let seen = Seen::default();
        let verifier = Verifier {
            webpki: self.webpki.clone(),
            pins: self.pins.clone(),
            algorithms: self.algorithms,
            seen: Arc::clone(&seen),
        };
        let mut config = self.config.clone();
        config.dangerous().set_certificate_verifier(Arc::new(verifier));
        (Arc::new(config), seen)
    }
}

fn authorities(
    path: &Path,
    crl: Option<&Path>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, Cause> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, "ca_file")? {
        roots.add(certificate).map_err(|error| unreadable(path, "ca_file", &error.to_string()))?;
    }
    let builder =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let Some(crl) = crl else {
        return builder.build().map_err(|error| unreadable(path, "ca_file", &error.to_string()));
    };
    let broken = |why: &str| {
        Cause::new(
            code::UNREADABLE_CRL,
            format!("crl_file {}: {why}; it must hold revocation lists in PEM", crl.display()),
        )
    };
    let bytes = fs::read(crl).map_err(|error| broken(&error.to_string()))?;
    let lists = rustls_pemfile::crls(&mut bytes.as_slice())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| broken(&error.to_string()))?;
    if lists.is_empty() {
        return Err(broken("there is no X509 CRL in it"));
    }
    builder
        .with_crls(lists)
        .only_check_end_entity_revocation()
        .allow_unknown_revocation_status()
        .build()
        .map_err(|error| broken(&error.to_string()))
}

/// Every certificate of a PEM file, at least one.
fn certificates(path: &Path, setting: &str) -> Result<Vec<CertificateDer<'static>>, Cause> {
    let broken = |error: io::Error| unreadable(path, setting, &error.to_string());
    let bytes = fs::read(path).map_err(broken)?;
    let certificates = rustls_pemfile::certs(&mut bytes.as_slice())
        .collect::<Result<Vec<_>, _>>()
        .map_err(broken)?;
    if certificates.is_empty() {
        return Err(unreadable(path, setting, "there is no certificate in it"));
    }
    Ok(certificates)
}

/// The first private key of a PEM file: PKCS #8, PKCS #1 or SEC 1.
fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, Cause> {
    let broken = |why: &str| {
        Cause::new(
            code::UNREADABLE_KEY,
            format!(
                "key_file {}: {why}; it must hold an unencrypted private key in PEM (PKCS #8, \
                 PKCS #1 or SEC 1) that this user may read",
                path.display()
            ),
        )
    };
    let bytes = fs::read(path).map_err(|error| broken(&error.to_string()))?;
    match rustls_pemfile::private_key(&mut bytes.as_slice()) {
        Ok(Some(key)) => Ok(key),
        Ok(None) if String::from_utf8_lossy(&bytes).contains("ENCRYPTED PRIVATE KEY") => {
            Err(broken("the private key in it is encrypted"))
        }
        Ok(None) => Err(broken("there is no private key in it")),
        Err(error) => Err(broken(&error.to_string())),
    }
}

fn unreadable(path: &Path, setting: &str, why: &str) -> Cause {
    Cause::new(
        code::UNREADABLE_CERTIFICATE,
        format!(
            "{setting} {}: {why}; it must hold certificates in PEM that this user may read",
            path.display()
        ),
    )
}

fn mismatch(certificate: &Path, key: &Path, error: &rustls::Error) -> Cause {
    Cause::new(
        code::UNREADABLE_KEY,
        format!(
            "key_file {} does not go with the first certificate of cert_file {}: {error}; give \
             the key that belongs to that certificate",
            key.display(),
            certificate.display()
        ),
    )
}

fn nothing_to_trust() -> Cause {
    Cause::new(
        code::UNREADABLE_CERTIFICATE,
        "a tls:// destination trusts nobody yet; set ca_file or pin_sha256 in [destination.tls]",
    )
}

/// Checks the receiver's certificate by the rules of the settings, once per handshake.
#[derive(Debug)]
struct Verifier {
    webpki: Option<Arc<WebPkiServerVerifier>>,
    pins: Vec<[u8; 32]>,
    algorithms: WebPkiSupportedAlgorithms,
    seen: Seen,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let digest = ::ring::digest::digest(&::ring::digest::SHA256, end_entity);
        self.seen.get_or_init(|| hex(digest.as_ref()));
        if let Some(webpki) = &self.webpki {
            webpki.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            )?;
        }
        let pinned = self.pins.iter().any(|pin| pin.as_slice() == digest.as_ref());
        if pinned || self.pins.is_empty() {
            return Ok(ServerCertVerified::assertion());
        }
        Err(CertificateError::ApplicationVerificationFailure.into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Lower-case hexadecimal, as `openssl dgst` prints it.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
