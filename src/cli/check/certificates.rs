//! What a PEM file of certificates holds, for the operator.

use std::fmt;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use x509_parser::parse_x509_certificate;

/// One certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Its subject, as RFC 4514 text.
    pub subject: String,
    /// Seconds since the epoch.
    pub not_before: i64,
    /// Seconds since the epoch.
    pub not_after: i64,
}

impl fmt::Display for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = jiff::Timestamp::from_second(self.not_after).map_err(|_| fmt::Error)?;
        write!(f, "{} until {end}", self.subject)
    }
}

/// The certificates of a PEM file in their order; at least one, or what is wrong.
pub fn describe(path: &Path) -> Result<Vec<Certificate>, String> {
    let wrong = |error: &dyn fmt::Display| format!("{}: {error}", path.display());
    let file = File::open(path).map_err(|error| wrong(&error))?;
    let mut found = Vec::new();
    for der in rustls_pemfile::certs(&mut BufReader::new(file)) {
        let der = der.map_err(|error| wrong(&error))?;
        let (_, certificate) = parse_x509_certificate(&der).map_err(|error| wrong(&error))?;
        found.push(Certificate {
            subject: certificate.subject().to_string(),
            not_before: certificate.validity().not_before.timestamp(),
            not_after: certificate.validity().not_after.timestamp(),
        });
    }
    if found.is_empty() {
        return Err(wrong(&"no certificate in it; expected `-----BEGIN CERTIFICATE-----`"));
    }
    Ok(found)
}
