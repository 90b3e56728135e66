//! The operator's words, one golden text for each cause.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use tokio_rustls::rustls::pki_types::{ServerName, UnixTime};
use tokio_rustls::rustls::{
    AlertDescription, CertificateError, Error as TlsError, InvalidMessage, PeerIncompatible,
};

use super::receiver::address;
use crate::model::outcome::Cause;
use crate::transport::cause::{
    Place, closed, handshake_timeout, no_progress, of_connect, of_handshake, of_link, torn,
};
use crate::transport::settings::Protocol;

fn place(protocol: Protocol) -> Place {
    let peer = SocketAddr::from(([10, 0, 0, 5], 6514));
    Place { address: address(protocol, "siem.test", 6514), peer }
}

#[track_caller]
fn check(cause: &Cause, code: &str, text: &str) {
    assert_eq!((cause.code, cause.text.as_str()), (code, text));
}

#[test]
fn at_connect() {
    let tcp = place(Protocol::Tcp);
    let told = |kind: ErrorKind| of_connect(&tcp, &kind.into());
    check(
        &told(ErrorKind::ConnectionRefused),
        "refused",
        "tcp://siem.test:6514 (10.0.0.5): refused; is the receiver running, and does it listen on \
         TCP port 6514?",
    );
    check(
        &told(ErrorKind::TimedOut),
        "timeout",
        "tcp://siem.test:6514 (10.0.0.5): no answer; is the host up, and does a firewall on the \
         way drop port 6514?",
    );
    let unreachable = "tcp://siem.test:6514 (10.0.0.5): no route to the host; check the routes and \
                       the gateway of this machine, and whether a firewall rejects it";
    check(&told(ErrorKind::HostUnreachable), "unreachable", unreachable);
    check(&told(ErrorKind::NetworkUnreachable), "unreachable", unreachable);
    check(
        &of_connect(&tcp, &io::Error::other("no buffer space")),
        "socket",
        "tcp://siem.test:6514 (10.0.0.5): no buffer space; see the system's log",
    );
}

#[test]
fn a_literal_address_is_not_said_twice() {
    let peer = SocketAddr::from(([10, 0, 0, 5], 514));
    let literal = Place { address: address(Protocol::Udp, "10.0.0.5", 514), peer };
    check(
        &of_link(&literal, &ErrorKind::ConnectionRefused.into()),
        "refused",
        "udp://10.0.0.5:514: refused; is the receiver running, and does it listen on UDP port 514?",
    );
}

#[test]
fn on_a_link() {
    let tcp = place(Protocol::Tcp);
    let told = |kind: ErrorKind| of_link(&tcp, &kind.into());
    let reset = "tcp://siem.test:6514 (10.0.0.5): the connection was reset; the receiver stopped \
                 or restarted, or a firewall or balancer cut the connection. What it had not \
                 confirmed is sent again";
    check(&told(ErrorKind::ConnectionReset), "reset", reset);
    check(&told(ErrorKind::BrokenPipe), "reset", reset);
    check(
        &told(ErrorKind::TimedOut),
        "user_timeout",
        "tcp://siem.test:6514 (10.0.0.5): the receiver's host stopped acknowledging; is the \
         network or the receiver down? What it had not confirmed is sent again",
    );
    let end = "tcp://siem.test:6514 (10.0.0.5): the receiver closed the connection; it stopped, \
               restarted, or limits idle time or connections. What it had not confirmed is sent \
               again";
    check(&told(ErrorKind::UnexpectedEof), "closed", end);
    check(&closed(&tcp), "closed", end);
    check(
        &no_progress(&tcp, Duration::from_secs(30)),
        "no_progress",
        "tcp://siem.test:6514 (10.0.0.5): the receiver took no byte for 30s; it hangs or is \
         overloaded. What it had not confirmed is sent again",
    );
    check(
        &torn(&tcp),
        "socket",
        "tcp://siem.test:6514 (10.0.0.5): a batch was given up half way; the connection must be \
         made anew",
    );
}

#[track_caller]
fn check_tls(error: TlsError, code: &str, text: &str) {
    let error = io::Error::new(ErrorKind::InvalidData, error);
    let cause = of_handshake(&place(Protocol::Tls), &error, Some("ab12"));
    let text = format!("tls://siem.test:6514 (10.0.0.5): {text}");
    check(&cause, code, &text);
}

#[test]
fn in_the_handshake() {
    let tls = place(Protocol::Tls);
    check(
        &handshake_timeout(&tls, Duration::from_secs(10)),
        "timeout",
        "tls://siem.test:6514 (10.0.0.5): the TLS handshake did not finish within 10s; does the \
         receiver speak TLS on port 6514?",
    );
    check(
        &of_handshake(&tls, &ErrorKind::UnexpectedEof.into(), None),
        "closed",
        "tls://siem.test:6514 (10.0.0.5): the receiver closed the connection during the TLS \
         handshake; does it speak TLS 1.2 or 1.3 on this port, and does it know this client?",
    );
    check_tls(
        TlsError::InvalidMessage(InvalidMessage::InvalidContentType),
        "tls",
        "the answer is not TLS; does that port speak plain TCP (then use tcp://)?",
    );
    check_tls(
        TlsError::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13),
        "tls",
        "no TLS version or cipher suite in common (ServerDoesNotSupportTls12Or13); the receiver \
         must offer TLS 1.2 with ECDHE and AES-GCM, or TLS 1.3",
    );
    check_tls(
        TlsError::DecryptError,
        "tls",
        "TLS failed: cannot decrypt peer's message; see the \
                                               receiver's log",
    );
}

#[test]
fn of_the_receivers_certificate() {
    let check_certificate = |error: CertificateError, code: &str, text: &str| {
        check_tls(TlsError::InvalidCertificate(error), code, text);
    };
    let at = |seconds| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    check_certificate(
        CertificateError::ExpiredContext { time: at(1_800_000_000), not_after: at(1_700_000_000) },
        "expired",
        "the receiver's certificate expired on 2023-11-14 22:13 UTC; renew it there, or check this \
         clock",
    );
    check_certificate(
        CertificateError::NotValidYetContext { time: at(0), not_before: at(1_700_000_000) },
        "not_yet_valid",
        "the receiver's certificate is not valid before 2023-11-14 22:13 UTC; check both clocks",
    );
    check_certificate(
        CertificateError::NotValidForNameContext {
            expected: ServerName::try_from("siem.test").unwrap(),
            presented: vec!["DnsName(\"qradar.test\")".into(), "IpAddress(10.0.0.9)".into()],
        },
        "wrong_name",
        "the receiver's certificate is for qradar.test, 10.0.0.9, not for siem.test; correct the \
         address, or set server_name to a name the certificate has",
    );
    check_certificate(
        CertificateError::NotValidForName,
        "wrong_name",
        "the receiver's certificate is for no name, not for siem.test; correct the address, or set \
         server_name to a name the certificate has",
    );
    check_certificate(
        CertificateError::Revoked,
        "revoked",
        "the receiver's certificate is revoked by crl_file; give the receiver a new one",
    );
    check_certificate(
        CertificateError::UnknownIssuer,
        "unknown_ca",
        "no authority in ca_file signed the receiver's certificate (SHA-256 ab12); put the right \
         CA into ca_file or, if that certificate is self-signed, compare the SHA-256 with the \
         receiver's and set pin_sha256",
    );
    check_certificate(
        CertificateError::BadSignature,
        "unknown_ca",
        "the receiver's certificate (SHA-256 ab12) or handshake is signed with another key than it \
         claims; if its CA was renewed under the same name, put the new one into ca_file, else \
         find out who answers there",
    );
    check_certificate(
        CertificateError::ApplicationVerificationFailure,
        "pin_mismatch",
        "the receiver's certificate has the SHA-256 ab12, which pin_sha256 does not list; if the \
         receiver has a new certificate, compare and add it",
    );
    check_certificate(
        CertificateError::BadEncoding,
        "bad_certificate",
        "the receiver's certificate (SHA-256 ab12) is not usable: BadEncoding; replace it or, if \
         it is self-signed, compare the SHA-256 with the receiver's and set pin_sha256 instead of \
         ca_file",
    );
}

#[test]
fn of_our_certificate() {
    check_tls(
        TlsError::AlertReceived(AlertDescription::CertificateRequired),
        "client_certificate_refused",
        "the receiver wants a client certificate (certificate_required); set cert_file and \
         key_file in [destination.tls]",
    );
    check_tls(
        TlsError::AlertReceived(AlertDescription::UnknownCA),
        "client_certificate_refused",
        "the receiver refused our client certificate (unknown_ca); compare cert_file, its \
         intermediates and its expiry with what the receiver trusts",
    );
    for alert in [
        AlertDescription::BadCertificate,
        AlertDescription::CertificateExpired,
        AlertDescription::CertificateRevoked,
        AlertDescription::CertificateUnknown,
    ] {
        let error = io::Error::new(ErrorKind::InvalidData, TlsError::AlertReceived(alert));
        let cause = of_link(&place(Protocol::Tls), &error);
        assert_eq!(cause.code, "client_certificate_refused", "{cause}");
    }
    check_tls(
        TlsError::AlertReceived(AlertDescription::HandshakeFailure),
        "tls",
        "the receiver refused the handshake (handshake_failure); it has no TLS version or cipher \
         suite in common with us, or it wants a client certificate (cert_file, key_file)",
    );
    check_tls(
        TlsError::AlertReceived(AlertDescription::InternalError),
        "tls",
        "the receiver ended TLS with the alert internal_error; see the receiver's log",
    );
}
