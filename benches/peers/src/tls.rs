//! TLS 1.3 for the limit program and the receiver.

use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned};

pub type Client = StreamOwned<ClientConnection, TcpStream>;

/// A connection to 127.0.0.1 that trusts the certificates of the file `ca`.
pub fn client(stream: TcpStream, ca: &str) -> Client {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates(ca));
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("127.0.0.1").expect("an address is a name");
    let connection = ClientConnection::new(Arc::new(config), name).expect("a client");
    StreamOwned::new(connection, stream)
}

/// A server with that certificate, which asks nobody for theirs.
pub fn server(cert: &str, key: &str) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::from_pem_file(key).expect("a key");
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(certificates(cert), key)
        .expect("a certificate and its key");
    Arc::new(config)
}

fn certificates(file: &str) -> Vec<CertificateDer<'static>> {
    let all = CertificateDer::pem_file_iter(file).expect("a file of certificates");
    all.map(|one| one.expect("a certificate")).collect()
}
