//! Receivers for the tests: threads behind loopback sockets, and a certificate authority.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    RevokedCertParams, SerialNumber, date_time_ymd,
};
use tempfile::TempDir;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion, crypto,
    version,
};

use crate::model::egress::Policy;
use crate::model::outcome::Cause;
use crate::transport::connect::Connector;
use crate::transport::link::Link;
use crate::transport::settings::{Address, Protocol, Settings, TlsSettings};

/// Longer than anything here takes; a test that waits for it has failed.
pub const LONG: Duration = Duration::from_secs(20);

/// One connection is accepted and handed to `behaviour`, in a thread of its own.
pub fn receive<T: Send + 'static>(
    behaviour: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (SocketAddr, JoinHandle<T>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    (address, std::thread::spawn(move || behaviour(listener.accept().unwrap().0)))
}

pub type TlsPeer = StreamOwned<ServerConnection, TcpStream>;

/// The same under TLS; the handshake happens with the first read.
pub fn receive_tls<T: Send + 'static>(
    config: Arc<ServerConfig>,
    behaviour: impl FnOnce(TlsPeer) -> T + Send + 'static,
) -> (SocketAddr, JoinHandle<T>) {
    receive(move |stream| {
        behaviour(StreamOwned::new(ServerConnection::new(config).unwrap(), stream))
    })
}

/// Reads until the sender's end; the number of bytes.
pub fn read_all(mut stream: impl Read) -> usize {
    let (mut total, mut buffer) = (0, vec![0; 65536]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return total,
            Ok(bytes) => total += bytes,
        }
    }
}

pub fn settings(tls: Option<TlsSettings>) -> Settings {
    Settings {
        addresses: Vec::new(),
        tls,
        connect_timeout: Duration::from_secs(5),
        handshake_timeout: Duration::from_secs(5),
        write_timeout: Duration::from_millis(400),
        keepalive: Some(Duration::from_secs(60)),
        user_timeout: Some(Duration::from_secs(30)),
    }
}

pub fn address(protocol: Protocol, host: &str, port: u16) -> Address {
    Address { protocol, host: host.to_owned(), port }
}

pub async fn connect_tcp(to: SocketAddr) -> Link {
    let connector = Connector::new(settings(None), Policy::default());
    connector.connect(&address(Protocol::Tcp, "127.0.0.1", to.port())).await.unwrap()
}

pub async fn connect_tls(to: SocketAddr, tls: TlsSettings) -> Result<Link, Cause> {
    let connector = Connector::new(settings(Some(tls)), Policy::default());
    connector.connect(&address(Protocol::Tls, "127.0.0.1", to.port())).await
}

/// An authority whose files live as long as it does.
pub struct Authority {
    pub directory: TempDir,
    issuer: Issuer<'static, KeyPair>,
    pub certificate: CertificateDer<'static>,
}

/// What an end entity's certificate says.
#[derive(Clone, Copy)]
pub struct Says {
    pub name: &'static str,
    pub from: i32,
    pub until: i32,
    pub serial: u64,
}

impl Says {
    pub const LOOPBACK: Says = Says { name: "127.0.0.1", from: 2020, until: 2090, serial: 1 };
}

/// An end entity: certificate and key, as values and as files.
pub struct Identity {
    pub certificate: CertificateDer<'static>,
    pub key: KeyPair,
    pub certificate_file: PathBuf,
    pub key_file: PathBuf,
}

impl Authority {
    pub fn new() -> Authority {
        Authority::named(&format!("Test Authority {}", fastrand::u64(..)))
    }

    pub fn named(name: &str) -> Authority {
        let directory = tempfile::tempdir().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        std::fs::write(directory.path().join("ca.pem"), certificate.pem()).unwrap();
        let certificate = certificate.der().clone();
        Authority { directory, issuer: Issuer::new(params, key), certificate }
    }

    pub fn ca_file(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    pub fn trusting(&self) -> TlsSettings {
        TlsSettings { ca_file: Some(self.ca_file()), ..TlsSettings::default() }
    }

    pub fn issue(&self, says: Says) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = params(says).signed_by(&key, &self.issuer).unwrap();
        Identity::stored(self.directory.path(), certificate, key)
    }

    pub fn self_signed(&self, says: Says) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = params(says).self_signed(&key).unwrap();
        Identity::stored(self.directory.path(), certificate, key)
    }

    /// A list that revokes that serial number.
    pub fn revoke(&self, serial: u64) -> PathBuf {
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            next_update: date_time_ymd(2021, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: vec![RevokedCertParams {
                serial_number: SerialNumber::from(serial),
                revocation_time: date_time_ymd(2020, 1, 1),
                reason_code: None,
                invalidity_date: None,
            }],
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let path = self.directory.path().join("crl.pem");
        std::fs::write(&path, params.signed_by(&self.issuer).unwrap().pem().unwrap()).unwrap();
        path
    }

    /// A server that asks for a certificate of this authority where `mutual`.
    pub fn server(
        &self,
        identity: &Identity,
        mutual: bool,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Arc<ServerConfig> {
        let provider = Arc::new(crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .unwrap();
        let builder = if mutual {
            let mut roots = RootCertStore::empty();
            roots.add(self.certificate.clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::try_from(identity.key.serialize_der()).unwrap();
        Arc::new(builder.with_single_cert(vec![identity.certificate.clone()], key).unwrap())
    }
}

fn params(says: Says) -> CertificateParams {
    let mut params = CertificateParams::new(vec![says.name.to_owned()]).unwrap();
    params.not_before = date_time_ymd(says.from, 1, 1);
    params.not_after = date_time_ymd(says.until, 1, 1);
    params.serial_number = Some(SerialNumber::from(says.serial));
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    params
}

impl Identity {
    fn stored(directory: &Path, certificate: rcgen::Certificate, key: KeyPair) -> Identity {
        let unique = fastrand::u64(..);
        let certificate_file = directory.join(format!("{unique}.pem"));
        let key_file = directory.join(format!("{unique}.key"));
        std::fs::write(&certificate_file, certificate.pem()).unwrap();
        std::fs::write(&key_file, key.serialize_pem()).unwrap();
        Identity { certificate: certificate.der().clone(), key, certificate_file, key_file }
    }

    pub fn pin(&self) -> [u8; 32] {
        let digest = ring::digest::digest(&ring::digest::SHA256, &self.certificate);
        digest.as_ref().try_into().unwrap()
    }
}

pub const BOTH: &[&SupportedProtocolVersion] = &[&version::TLS12, &version::TLS13];
pub const ONLY_12: &[&SupportedProtocolVersion] = &[&version::TLS12];
pub const ONLY_13: &[&SupportedProtocolVersion] = &[&version::TLS13];

/// Any loopback address at that port.
pub fn loopback(last: u8) -> IpAddr {
    Ipv4Addr::new(127, 0, 0, last).into()
}
