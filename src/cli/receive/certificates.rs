//! Certificates to throw away: an authority of one's own, for `demo` and for tests.
//!
//! In: who the certificate is for, and for how long. Out: PEM. The authority's own key never
//! leaves memory, so nothing else can ever be signed by it.
//!
//! Diagnostics: a file that cannot be written is an error with its path.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};

/// How long a throw-away certificate is good for.
const LIFETIME_DAYS: i64 = 30;

/// An authority, its server's and its client's certificate, as PEM files in one directory.
#[derive(Debug)]
pub struct ThrowAwayCa {
    /// It can sign others: expired ones, or for other names.
    pub authority: Authority,
    /// What both sides trust.
    pub ca_file: PathBuf,
    /// For `localhost`, `127.0.0.1` and `::1`.
    pub server_cert_file: PathBuf,
    /// Its key, mode 0600.
    pub server_key_file: PathBuf,
    /// For the client `spoolgate-client`.
    pub client_cert_file: PathBuf,
    /// Its key, mode 0600.
    pub client_key_file: PathBuf,
}

/// Why a certificate could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A name or a date does not go into a certificate.
    #[error("cannot make the certificate of `{name}`: {source}")]
    Make {
        /// The subject.
        name: String,
        /// What the certificate library said.
        source: rcgen::Error,
    },
    /// A file cannot be written.
    #[error("{}: {source}; the directory must exist and be writable", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Makes an authority, a server's and a client's certificate, good for thirty days, and writes
/// them into `dir` as `ca.pem`, `server.pem`, `server.key`, `client.pem` and `client.key`.
pub fn throw_away_ca(dir: &Path) -> Result<ThrowAwayCa, CertificateError> {
    let authority = Authority::new("Spoolgate throw-away authority")?;
    let made = ThrowAwayCa {
        authority,
        ca_file: dir.join("ca.pem"),
        server_cert_file: dir.join("server.pem"),
        server_key_file: dir.join("server.key"),
        client_cert_file: dir.join("client.pem"),
        client_key_file: dir.join("client.key"),
    };
    write(&made.ca_file, made.authority.pem(), 0o644)?;
    let server = Subject::new("localhost", &["localhost", "127.0.0.1", "::1"], Purpose::Server);
    made.authority.issue(&server)?.write(&made.server_cert_file, &made.server_key_file)?;
    let client = Subject::new("spoolgate-client", &["spoolgate-client"], Purpose::Client);
    made.authority.issue(&client)?.write(&made.client_cert_file, &made.client_key_file)?;
    Ok(made)
}

/// Whom a certificate is for.
#[derive(Clone, Debug)]
pub struct Subject {
    /// Common name.
    pub name: String,
    /// Subject alternative names: DNS names and IP addresses.
    pub alternative_names: Vec<String>,
    /// What it may be used for.
    pub purpose: Purpose,
    /// The first day on which it is good, UTC.
    pub not_before: Date,
    /// The first day on which it is not good any more, UTC.
    pub not_after: Date,
}

/// Extended key usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// TLS server.
    Server,
    /// TLS client.
    Client,
}

impl Subject {
    /// One whose certificate is good from yesterday for thirty days.
    pub fn new(name: &str, alternative_names: &[&str], purpose: Purpose) -> Subject {
        let (not_before, not_after) = lifetime();
        Subject {
            name: name.to_owned(),
            alternative_names: alternative_names.iter().map(|name| (*name).to_owned()).collect(),
            purpose,
            not_before,
            not_after,
        }
    }
}

/// A certificate authority whose key stays in memory.
#[derive(Debug)]
pub struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key.
#[derive(Debug)]
pub struct Issued {
    /// The certificate, PEM.
    pub certificate_pem: String,
    /// The key, PKCS #8 in PEM.
    pub key_pem: String,
}

impl Authority {
    /// A new authority, good for thirty days.
    pub fn new(name: &str) -> Result<Authority, CertificateError> {
        let at = |source| CertificateError::Make { name: name.to_owned(), source };
        let (not_before, not_after) = lifetime();
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        be_good(&mut params, not_before, not_after);
        let key = KeyPair::generate().map_err(at)?;
        let certificate = params.self_signed(&key).map_err(at)?;
        Ok(Authority { certificate, issuer: Issuer::new(params, key) })
    }

    /// What others trust, PEM.
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// A certificate for `subject` with a key of its own.
    pub fn issue(&self, subject: &Subject) -> Result<Issued, CertificateError> {
        let at = |source| CertificateError::Make { name: subject.name.clone(), source };
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, subject.name.as_str());
        for name in &subject.alternative_names {
            params.subject_alt_names.push(match name.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName(name.as_str().try_into().map_err(at)?),
            });
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![match subject.purpose {
            Purpose::Server => ExtendedKeyUsagePurpose::ServerAuth,
            Purpose::Client => ExtendedKeyUsagePurpose::ClientAuth,
        }];
        params.use_authority_key_identifier_extension = true;
        be_good(&mut params, subject.not_before, subject.not_after);
        let key = KeyPair::generate().map_err(at)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(at)?;
        Ok(Issued { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }
}

impl Issued {
    /// Writes both as files; the key's mode is 0600.
    pub fn write(&self, cert_file: &Path, key_file: &Path) -> Result<(), CertificateError> {
        write(cert_file, self.certificate_pem.clone(), 0o644)?;
        write(key_file, self.key_pem.clone(), 0o600)
    }
}

/// Yesterday, so that a clock a little behind does not matter, and thirty days from then.
fn lifetime() -> (Date, Date) {
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    (today.saturating_sub(1.day()), today.saturating_add(LIFETIME_DAYS.days()))
}

fn be_good(params: &mut CertificateParams, not_before: Date, not_after: Date) {
    let midnight = |date: Date| {
        // Month and day of a date are positive.
        let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
        date_time_ymd(i32::from(date.year()), month, day)
    };
    params.not_before = midnight(not_before);
    params.not_after = midnight(not_after);
}

fn write(path: &Path, pem: String, mode: u32) -> Result<(), CertificateError> {
    let at = |source| CertificateError::Write { path: path.to_owned(), source };
    let mut options = OpenOptions::new();
    let mut file =
        options.write(true).create(true).truncate(true).mode(mode).open(path).map_err(at)?;
    file.write_all(pem.as_bytes()).map_err(at)
}
