//! Whom a TLS link trusts: every cause, and files that change.

use std::fs;
use std::sync::mpsc::channel;
use std::time::Duration;

use super::receiver::{
    Authority, BOTH, Identity, LONG, ONLY_12, ONLY_13, Says, address, connect_tls, read_all,
    receive, receive_tls, settings,
};
use crate::model::egress::Policy;
use crate::model::outcome::Cause;
use crate::transport::cause::code;
use crate::transport::connect::Connector;
use crate::transport::link::Drained;
use crate::transport::settings::{Protocol, TlsSettings};

/// Connects to a receiver of that identity, with those settings, and proves a line.
async fn attempt(authority: &Authority, server: &Identity, tls: TlsSettings) -> Result<(), Cause> {
    for versions in [ONLY_12, ONLY_13] {
        let (to, receiver) =
            receive_tls(authority.server(server, false, versions), |mut peer| read_all(&mut peer));
        let mut link = connect_tls(to, tls.clone()).await?;
        link.send(b"line\n", &[]).await.unwrap();
        assert_eq!(link.drain(LONG).await, Drained::Closed);
        assert_eq!(receiver.join().unwrap(), 5);
    }
    Ok(())
}

#[track_caller]
fn check(result: Result<(), Cause>, expected: &str) -> String {
    let cause = result.expect_err("refused");
    assert_eq!(cause.code, expected, "{cause}");
    cause.text
}

fn pinned(identity: &Identity) -> TlsSettings {
    TlsSettings { pin_sha256: vec![identity.pin()], ..TlsSettings::default() }
}

#[tokio::test]
async fn a_certificate_of_the_authority() {
    let authority = Authority::new();
    let server = authority.issue(Says::LOOPBACK);
    attempt(&authority, &server, authority.trusting()).await.unwrap();
    let stranger = Authority::new();
    let text = check(attempt(&authority, &server, stranger.trusting()).await, code::UNKNOWN_CA);
    let sha: String = server.pin().iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(text.contains(&sha), "{text}");
}

/// As when a CA was made anew under its old name.
#[tokio::test]
async fn an_authority_of_the_same_name_with_another_key() {
    let (old, new) = (Authority::named("Our CA"), Authority::named("Our CA"));
    let server = new.issue(Says::LOOPBACK);
    let text = check(attempt(&new, &server, old.trusting()).await, code::UNKNOWN_CA);
    assert!(text.contains("renewed"), "{text}");
}

#[tokio::test]
async fn dates_and_names() {
    let authority = Authority::new();
    let old = authority.issue(Says { from: 2010, until: 2011, ..Says::LOOPBACK });
    let text = check(attempt(&authority, &old, authority.trusting()).await, code::EXPIRED);
    assert!(text.contains("2011-01-01 00:00 UTC"), "{text}");
    let early = authority.issue(Says { from: 2080, ..Says::LOOPBACK });
    let text = check(attempt(&authority, &early, authority.trusting()).await, code::NOT_YET_VALID);
    assert!(text.contains("2080-01-01"), "{text}");
    let other = authority.issue(Says { name: "siem.test", ..Says::LOOPBACK });
    let text = check(attempt(&authority, &other, authority.trusting()).await, code::WRONG_NAME);
    assert!(text.contains("is for siem.test, not for 127.0.0.1"), "{text}");
    let named = TlsSettings { server_name: Some("siem.test".to_owned()), ..authority.trusting() };
    attempt(&authority, &other, named).await.unwrap();
}

#[tokio::test]
async fn a_pin_alone_decides_and_the_signature_still_counts() {
    let authority = Authority::new();
    let own = authority.self_signed(Says { name: "qradar.test", until: 2021, ..Says::LOOPBACK });
    attempt(&authority, &own, pinned(&own)).await.unwrap();
    let other = authority.self_signed(Says::LOOPBACK);
    let text = check(attempt(&authority, &own, pinned(&other)).await, code::PIN_MISMATCH);
    let sha: String = own.pin().iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(text.contains(&sha), "{text}");
    // The pinned certificate in the hands of one who has not its key.
    let thief = Identity { certificate: own.certificate.clone(), ..other };
    let key = rcgen::KeyPair::generate().unwrap();
    let thief = Identity { key, ..thief };
    assert!(forged(&authority, &thief, pinned(&own)).await.is_err());
}

/// A server that presents a certificate whose key it has not; rustls would refuse to be one.
async fn forged(_: &Authority, thief: &Identity, tls: TlsSettings) -> Result<(), Cause> {
    use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
    use tokio_rustls::rustls::{ServerConfig, crypto::ring};
    let key = ring::sign::any_supported_type(&thief.key.serialize_der().try_into().unwrap());
    let held = CertifiedKey::new(vec![thief.certificate.clone()], key.unwrap());
    let config = ServerConfig::builder_with_provider(ring::default_provider().into())
        .with_protocol_versions(BOTH)
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(std::sync::Arc::new(SingleCertAndKey::from(held)));
    let (to, _receiver) = receive_tls(config.into(), |mut peer| read_all(&mut peer));
    connect_tls(to, tls).await.map(|_| ())
}

#[tokio::test]
async fn pin_and_authority_must_both_hold() {
    let authority = Authority::new();
    let server = authority.issue(Says::LOOPBACK);
    let both = TlsSettings { ca_file: Some(authority.ca_file()), ..pinned(&server) };
    attempt(&authority, &server, both.clone()).await.unwrap();
    let renewed = authority.issue(Says::LOOPBACK);
    check(attempt(&authority, &renewed, both.clone()).await, code::PIN_MISMATCH);
    let stranger = TlsSettings { ca_file: Some(Authority::new().ca_file()), ..both };
    check(attempt(&authority, &server, stranger).await, code::UNREADABLE_CERTIFICATE);
}

#[tokio::test]
async fn a_revoked_certificate() {
    let authority = Authority::new();
    let (good, bad) =
        (authority.issue(Says::LOOPBACK), authority.issue(Says { serial: 66, ..Says::LOOPBACK }));
    let listed = TlsSettings { crl_file: Some(authority.revoke(66)), ..authority.trusting() };
    attempt(&authority, &good, listed.clone()).await.unwrap();
    check(attempt(&authority, &bad, listed).await, code::REVOKED);
}

#[tokio::test]
async fn files_that_cannot_be_used() {
    let authority = Authority::new();
    let directory = authority.directory.path();
    let (a, b) = (authority.issue(Says::LOOPBACK), authority.issue(Says::LOOPBACK));
    let empty = directory.join("empty");
    fs::write(&empty, "nothing here\n").unwrap();
    let encrypted = directory.join("encrypted");
    fs::write(
        &encrypted,
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    )
    .unwrap();
    let trusting = authority.trusting();
    let client = |certificate: &std::path::Path, key: &std::path::Path| TlsSettings {
        cert_file: Some(certificate.into()),
        key_file: Some(key.into()),
        ..trusting.clone()
    };
    let gone = directory.join("gone");
    let cases = [
        (TlsSettings::default(), code::UNREADABLE_CERTIFICATE),
        (
            TlsSettings { ca_file: Some(gone.clone()), ..TlsSettings::default() },
            code::UNREADABLE_CERTIFICATE,
        ),
        (
            TlsSettings { ca_file: Some(empty.clone()), ..TlsSettings::default() },
            code::UNREADABLE_CERTIFICATE,
        ),
        (TlsSettings { crl_file: Some(empty.clone()), ..trusting.clone() }, code::UNREADABLE_CRL),
        (client(&empty, &a.key_file), code::UNREADABLE_CERTIFICATE),
        (client(&a.certificate_file, &gone), code::UNREADABLE_KEY),
        (client(&a.certificate_file, &encrypted), code::UNREADABLE_KEY),
        (client(&a.certificate_file, &b.key_file), code::UNREADABLE_KEY),
        (
            TlsSettings { cert_file: Some(a.certificate_file.clone()), ..trusting.clone() },
            code::UNREADABLE_KEY,
        ),
    ];
    for (tls, expected) in cases {
        check(attempt(&authority, &a, tls).await, expected);
    }
}

/// TLS 1.3 tells only after the handshake; nothing may be sent before.
#[tokio::test]
async fn a_client_certificate_that_is_missing_or_of_a_stranger() {
    let authority = Authority::new();
    let server = authority.issue(Says::LOOPBACK);
    let stranger = Authority::new().issue(Says::LOOPBACK);
    let strange = |stranger: &Identity| TlsSettings {
        cert_file: Some(stranger.certificate_file.clone()),
        key_file: Some(stranger.key_file.clone()),
        ..authority.trusting()
    };
    let keep = Authority::new();
    let foreign = keep.issue(Says::LOOPBACK);
    drop(stranger);
    for versions in [ONLY_12, ONLY_13] {
        for tls in [authority.trusting(), strange(&foreign)] {
            let config = authority.server(&server, true, versions);
            let (to, _receiver) = receive_tls(config, |mut peer| read_all(&mut peer));
            let cause = connect_tls(to, tls).await.unwrap_err();
            assert_eq!(cause.code, code::CLIENT_CERTIFICATE_REFUSED, "{cause}");
        }
    }
}

#[tokio::test]
async fn a_port_that_does_not_speak_tls() {
    use std::io::Write;
    let authority = Authority::new();
    let (to, _receiver) = receive(|mut stream| {
        stream.write_all(b"220 mail.test ESMTP\r\n").unwrap();
        read_all(stream)
    });
    let cause = connect_tls(to, authority.trusting()).await.unwrap_err();
    assert_eq!(cause.code, code::TLS);
    assert!(cause.text.contains("not TLS"), "{cause}");
    let (to, _receiver) = receive(drop);
    let cause = connect_tls(to, authority.trusting()).await.unwrap_err();
    assert!([code::CLOSED, code::RESET].contains(&cause.code), "{cause}");
    let (stop, stopped) = channel::<()>();
    let (to, _receiver) = receive(move |stream| (stopped.recv(), stream).0);
    let mut brief = settings(Some(authority.trusting()));
    brief.handshake_timeout = Duration::from_millis(200);
    let connector = Connector::new(brief, Policy::default());
    let silent = connector.connect(&address(Protocol::Tls, "127.0.0.1", to.port())).await;
    assert_eq!(silent.unwrap_err().code, code::TIMEOUT);
    drop(stop);
}

/// Files are renewed while a link is up: a good one asks for a new link, a broken one does not.
#[tokio::test]
async fn certificates_are_renewed_between_connects() {
    let (old, new) = (Authority::new(), Authority::new());
    let (old_server, new_server) = (old.issue(Says::LOOPBACK), new.issue(Says::LOOPBACK));
    let connector = Connector::new(settings(Some(old.trusting())), Policy::default());
    let meet = async |authority: &Authority, identity: &Identity| {
        let config = authority.server(identity, false, BOTH);
        let (to, _receiver) = receive_tls(config, |mut peer| read_all(&mut peer));
        connector.connect(&address(Protocol::Tls, "127.0.0.1", to.port())).await
    };
    assert!(!connector.trust_changed(), "there is no link yet");
    meet(&old, &old_server).await.unwrap();
    assert!(!connector.trust_changed());
    fs::write(old.ca_file(), "half a certif").unwrap();
    assert!(!connector.trust_changed(), "the link that works is kept");
    assert_eq!(meet(&old, &old_server).await.unwrap_err().code, code::UNREADABLE_CERTIFICATE);
    let renewed = old.directory.path().join("renewed.pem");
    fs::copy(new.ca_file(), &renewed).unwrap();
    fs::rename(&renewed, old.ca_file()).unwrap();
    assert!(connector.trust_changed());
    assert!(connector.trust_changed(), "until a link is made with them");
    assert_eq!(meet(&old, &old_server).await.unwrap_err().code, code::UNKNOWN_CA);
    assert!(connector.trust_changed());
    meet(&new, &new_server).await.unwrap();
    assert!(!connector.trust_changed());
}
