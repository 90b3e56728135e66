//! What the transport stage is told (design, section 5).

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// How one destination is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// At least one; the first is preferred, the others are fail-over.
    pub addresses: Vec<Address>,
    /// Needed when an address is `tls://`.
    pub tls: Option<TlsSettings>,
    /// Name resolution and TCP handshake together.
    pub connect_timeout: Duration,
    /// TLS handshake.
    pub handshake_timeout: Duration,
    /// The longest a write may make no progress before the link is given up.
    pub write_timeout: Duration,
    /// SO_KEEPALIVE's idle time; `None` switches it off.
    pub keepalive: Option<Duration>,
    /// TCP_USER_TIMEOUT (RFC 5482): how long sent data may stay unacknowledged.
    pub user_timeout: Option<Duration>,
}

/// One receiver.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// How it is spoken to.
    pub protocol: Protocol,
    /// A name or an IP address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "{}://[{}]:{}", self.protocol, self.host, self.port)
        } else {
            write!(f, "{}://{}:{}", self.protocol, self.host, self.port)
        }
    }
}

/// The transports of syslog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// RFC 6587.
    Tcp,
    /// RFC 5425.
    Tls,
    /// RFC 5426.
    Udp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protocol::Tcp => "tcp",
            Protocol::Tls => "tls",
            Protocol::Udp => "udp",
        })
    }
}

/// `[destination.tls]`: at least one of `ca_file` and `pin_sha256`; system roots never.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// PEM: the authorities that may have signed the receiver's certificate.
    pub ca_file: Option<PathBuf>,
    /// PEM: our certificate, then its intermediates.
    pub cert_file: Option<PathBuf>,
    /// PEM: our private key.
    pub key_file: Option<PathBuf>,
    /// The name the receiver's certificate must carry, where it is not the address's host.
    pub server_name: Option<String>,
    /// SHA-256 of the receiver's whole certificate (DER). With pins and no `ca_file` the pin alone
    /// decides, as a self-signed certificate needs; with both, both must hold.
    pub pin_sha256: Vec<[u8; 32]>,
    /// PEM: revoked certificates.
    pub crl_file: Option<PathBuf>,
}
