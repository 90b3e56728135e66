//! Failures in the operator's words: what, where, and what to do.
//!
//! In: an error of the socket or of TLS, and the place it happened at. Out: a [`Cause`] with one of
//! the stable codes of [`code`].
//!
//! Diagnostics: this is where they are worded; nothing is logged here.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio_rustls::rustls::pki_types::UnixTime;
use tokio_rustls::rustls::{AlertDescription, CertificateError, Error as TlsError};

use super::settings::{Address, Protocol};
use crate::model::outcome::Cause;

/// The words for logs, status and tests; they never change.
pub mod code {
    /// The host answered that nothing listens on the port.
    pub const REFUSED: &str = "refused";
    /// The name has no address.
    pub const UNRESOLVED: &str = "unresolved";
    /// There is no route.
    pub const UNREACHABLE: &str = "unreachable";
    /// No answer to the connection, or an unfinished handshake.
    pub const TIMEOUT: &str = "timeout";
    /// The egress policy forbids the address.
    pub const EGRESS_DENIED: &str = "egress_denied";
    /// Nobody in the CA file signed the receiver's certificate.
    pub const UNKNOWN_CA: &str = "unknown_ca";
    /// The receiver's certificate has expired.
    pub const EXPIRED: &str = "expired";
    /// The receiver's certificate is not valid yet.
    pub const NOT_YET_VALID: &str = "not_yet_valid";
    /// The receiver's certificate names another host.
    pub const WRONG_NAME: &str = "wrong_name";
    /// The receiver's certificate is none of those pinned.
    pub const PIN_MISMATCH: &str = "pin_mismatch";
    /// The receiver's certificate is in the CRL.
    pub const REVOKED: &str = "revoked";
    /// The receiver's certificate is unfit in another way.
    pub const BAD_CERTIFICATE: &str = "bad_certificate";
    /// The receiver does not accept our certificate, or misses one.
    pub const CLIENT_CERTIFICATE_REFUSED: &str = "client_certificate_refused";
    /// Our key file cannot be used.
    pub const UNREADABLE_KEY: &str = "unreadable_key";
    /// One of our certificate files cannot be used.
    pub const UNREADABLE_CERTIFICATE: &str = "unreadable_certificate";
    /// Our CRL file cannot be used.
    pub const UNREADABLE_CRL: &str = "unreadable_crl";
    /// Any other failure of TLS.
    pub const TLS: &str = "tls";
    /// The connection was reset.
    pub const RESET: &str = "reset";
    /// The receiver closed the connection.
    pub const CLOSED: &str = "closed";
    /// No byte left for too long.
    pub const NO_PROGRESS: &str = "no_progress";
    /// Sent bytes, or keepalive probes, stayed unacknowledged for too long.
    pub const USER_TIMEOUT: &str = "user_timeout";
    /// A datagram is longer than UDP can carry.
    pub const TOO_LONG: &str = "too_long";
    /// Any other failure of the socket.
    pub const SOCKET: &str = "socket";
}

/// Where something happened: the address as configured, and the one it resolved to.
#[derive(Clone, Debug)]
pub struct Place {
    /// As configured.
    pub address: Address,
    /// What is connected to.
    pub peer: SocketAddr,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.address.host.parse() == Ok(self.peer.ip()) {
            write!(f, "{}", self.address)
        } else {
            write!(f, "{} ({})", self.address, self.peer.ip())
        }
    }
}

/// A failure of connect(2).
pub fn of_connect(place: &Place, error: &io::Error) -> Cause {
    let port = place.address.port;
    match error.kind() {
        io::ErrorKind::ConnectionRefused => refused(place),
        io::ErrorKind::TimedOut => Cause::new(
            code::TIMEOUT,
            format!(
                "{place}: no answer; is the host up, and does a firewall on the way drop port \
                 {port}?"
            ),
        ),
        _ => of_socket(place, error),
    }
}

/// A failure of an established link, with whatever rustls wrapped in it.
pub fn of_link(place: &Place, error: &io::Error) -> Cause {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) {
        return of_tls(place, tls, None);
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => refused(place),
        io::ErrorKind::UnexpectedEof => closed(place),
        io::ErrorKind::TimedOut => Cause::new(
            code::USER_TIMEOUT,
            format!(
                "{place}: the receiver's host stopped acknowledging; is the network or the \
                 receiver down? What it had not confirmed is sent again"
            ),
        ),
        _ => of_socket(place, error),
    }
}

fn of_socket(place: &Place, error: &io::Error) -> Cause {
    match error.kind() {
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Cause::new(
            code::UNREACHABLE,
            format!(
                "{place}: no route to the host; check the routes and the gateway of this machine, \
                 and whether a firewall rejects it"
            ),
        ),
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => Cause::new(
            code::RESET,
            format!(
                "{place}: the connection was reset; the receiver stopped or restarted, or a \
                 firewall or balancer cut the connection. What it had not confirmed is sent again"
            ),
        ),
        _ => Cause::new(code::SOCKET, format!("{place}: {error}; see the system's log")),
    }
}

/// Nothing listens there: at connect for TCP, by ICMP for UDP.
fn refused(place: &Place) -> Cause {
    let Address { protocol, port, .. } = place.address;
    let kind = if protocol == Protocol::Udp { "UDP" } else { "TCP" };
    Cause::new(
        code::REFUSED,
        format!(
            "{place}: refused; is the receiver running, and does it listen on {kind} port {port}?"
        ),
    )
}

/// The peer's FIN or close_notify, unasked.
pub fn closed(place: &Place) -> Cause {
    Cause::new(
        code::CLOSED,
        format!(
            "{place}: the receiver closed the connection; it stopped, restarted, or limits idle \
             time or connections. What it had not confirmed is sent again"
        ),
    )
}

/// A half-close that was answered by a receiver that then took no other connection.
pub fn gone(place: &Place, error: &io::Error) -> Cause {
    Cause::new(
        code::CLOSED,
        format!(
            "{place}: the receiver closed the connection when asked to, and takes no other \
             ({error}): it may have died with what it had read last, which is sent again"
        ),
    )
}

/// A write that went nowhere.
pub fn no_progress(place: &Place, waited: Duration) -> Cause {
    Cause::new(
        code::NO_PROGRESS,
        format!(
            "{place}: the receiver took no byte for {waited:?}; it hangs or is overloaded. What \
             it had not confirmed is sent again"
        ),
    )
}

/// A link whose last batch was given up half way; another batch would be glued to it.
pub fn torn(place: &Place) -> Cause {
    Cause::new(
        code::SOCKET,
        format!("{place}: a batch was given up half way; the connection must be made anew"),
    )
}

/// A handshake that the peer never finished.
pub fn handshake_timeout(place: &Place, waited: Duration) -> Cause {
    let port = place.address.port;
    Cause::new(
        code::TIMEOUT,
        format!(
            "{place}: the TLS handshake did not finish within {waited:?}; does the receiver speak \
             TLS on port {port}?"
        ),
    )
}

/// A failure during the TLS handshake. `seen`: SHA-256 of the receiver's certificate, in hex.
pub fn of_handshake(place: &Place, error: &io::Error, seen: Option<&str>) -> Cause {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) {
        return of_tls(place, tls, seen);
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Cause::new(
            code::CLOSED,
            format!(
                "{place}: the receiver closed the connection during the TLS handshake; does it \
                 speak TLS 1.2 or 1.3 on this port, and does it know this client?"
            ),
        ),
        _ => of_link(place, error),
    }
}

fn of_tls(place: &Place, error: &TlsError, seen: Option<&str>) -> Cause {
    let (code, what) = match error {
        TlsError::AlertReceived(alert) => of_alert(*alert),
        TlsError::InvalidCertificate(error) => of_certificate(place, error, seen),
        TlsError::InvalidMessage(_) => (
            code::TLS,
            "the answer is not TLS; does that port speak plain TCP (then use tcp://)?".to_owned(),
        ),
        TlsError::PeerIncompatible(why) => (
            code::TLS,
            format!(
                "no TLS version or cipher suite in common ({why:?}); the receiver must offer TLS \
                 1.2 with ECDHE and AES-GCM, or TLS 1.3"
            ),
        ),
        other => (code::TLS, format!("TLS failed: {other}; see the receiver's log")),
    };
    Cause::new(code, format!("{place}: {what}"))
}

/// Alerts about a certificate are about ours: the receiver is the server.
fn of_alert(alert: AlertDescription) -> (&'static str, String) {
    use AlertDescription as A;
    let name = alert_name(alert);
    match alert {
        A::CertificateRequired => (
            code::CLIENT_CERTIFICATE_REFUSED,
            format!(
                "the receiver wants a client certificate ({name}); set cert_file and key_file in \
                 [destination.tls]"
            ),
        ),
        A::BadCertificate
        | A::UnsupportedCertificate
        | A::CertificateRevoked
        | A::CertificateExpired
        | A::CertificateUnknown
        | A::UnknownCA
        | A::DecryptError
        | A::AccessDenied => (
            code::CLIENT_CERTIFICATE_REFUSED,
            format!(
                "the receiver refused our client certificate ({name}); compare cert_file, its \
                 intermediates and its expiry with what the receiver trusts"
            ),
        ),
        A::HandshakeFailure | A::ProtocolVersion | A::InsufficientSecurity => (
            code::TLS,
            format!(
                "the receiver refused the handshake ({name}); it has no TLS version or cipher \
                 suite in common with us, or it wants a client certificate (cert_file, key_file)"
            ),
        ),
        _ => (
            code::TLS,
            format!("the receiver ended TLS with the alert {name}; see the receiver's log"),
        ),
    }
}

/// The name of RFC 8446, section 6.
fn alert_name(alert: AlertDescription) -> String {
    use AlertDescription as A;
    let name = match alert {
        A::CertificateRequired => "certificate_required",
        A::BadCertificate => "bad_certificate",
        A::UnsupportedCertificate => "unsupported_certificate",
        A::CertificateRevoked => "certificate_revoked",
        A::CertificateExpired => "certificate_expired",
        A::CertificateUnknown => "certificate_unknown",
        A::UnknownCA => "unknown_ca",
        A::AccessDenied => "access_denied",
        A::DecryptError => "decrypt_error",
        A::HandshakeFailure => "handshake_failure",
        A::ProtocolVersion => "protocol_version",
        A::InsufficientSecurity => "insufficient_security",
        A::UnrecognisedName => "unrecognized_name",
        A::InternalError => "internal_error",
        other => return format!("{other:?}"),
    };
    name.to_owned()
}

fn of_certificate(
    place: &Place,
    error: &CertificateError,
    seen: Option<&str>,
) -> (&'static str, String) {
    use CertificateError as E;
    let sha = seen.unwrap_or("unknown");
    match error {
        E::ExpiredContext { not_after, .. } => (
            code::EXPIRED,
            format!(
                "the receiver's certificate expired on {}; renew it there, or check this clock",
                day(*not_after)
            ),
        ),
        E::Expired => (code::EXPIRED, "the receiver's certificate has expired; renew it".into()),
        E::NotValidYetContext { not_before, .. } => (
            code::NOT_YET_VALID,
            format!(
                "the receiver's certificate is not valid before {}; check both clocks",
                day(*not_before)
            ),
        ),
        E::NotValidYet => (
            code::NOT_YET_VALID,
            "the receiver's certificate is not valid yet; check both clocks".into(),
        ),
        E::NotValidForNameContext { expected, presented } => {
            let names = presented.iter().map(|name| bare_name(name)).collect::<Vec<_>>();
            (code::WRONG_NAME, wrong_name(&expected.to_str(), &names.join(", ")))
        }
        E::NotValidForName => (code::WRONG_NAME, wrong_name(&place.address.host, "")),
        E::Revoked => (
            code::REVOKED,
            "the receiver's certificate is revoked by crl_file; give the receiver a new one".into(),
        ),
        E::UnknownIssuer => (
            code::UNKNOWN_CA,
            format!(
                "no authority in ca_file signed the receiver's certificate (SHA-256 {sha}); put \
                 the right CA into ca_file or, if that certificate is self-signed, compare the \
                 SHA-256 with the receiver's and set pin_sha256"
            ),
        ),
        E::BadSignature => (
            code::UNKNOWN_CA,
            format!(
                "the receiver's certificate (SHA-256 {sha}) or handshake is signed with another \
                 key than it claims; if its CA was renewed under the same name, put the new one \
                 into ca_file, else find out who answers there"
            ),
        ),
        E::ApplicationVerificationFailure => (
            code::PIN_MISMATCH,
            format!(
                "the receiver's certificate has the SHA-256 {sha}, which pin_sha256 does not \
                 list; if the receiver has a new certificate, compare and add it"
            ),
        ),
        other => (
            code::BAD_CERTIFICATE,
            format!(
                "the receiver's certificate (SHA-256 {sha}) is not usable: {other}; replace it \
                 or, if it is self-signed, compare the SHA-256 with the receiver's and set \
                 pin_sha256 instead of ca_file"
            ),
        ),
    }
}

fn wrong_name(expected: &str, presented: &str) -> String {
    let presented = if presented.is_empty() { "no name" } else { presented };
    format!(
        "the receiver's certificate is for {presented}, not for {expected}; correct the address, \
         or set server_name to a name the certificate has"
    )
}

/// webpki words its names `DnsName("a.example")` and `IpAddress(127.0.0.1)`.
fn bare_name(name: &str) -> &str {
    let inner = name.split_once('(').map_or(name, |(_, inner)| inner);
    inner.trim_end_matches(')').trim_matches('"')
}

fn day(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_second(seconds).map_or_else(
        |_| seconds.to_string(),
        |time| time.strftime("%Y-%m-%d %H:%M UTC").to_string(),
    )
}
