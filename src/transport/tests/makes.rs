//! TLS libraries of other makes at the other end: `openssl s_server`, and Java's, which QRadar and
//! ArcSight are built on. A program that is not here is a failure; `tests/run` installs it.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};

use super::receiver::{Authority, Identity, LONG, Says, connect_tls};
use crate::transport::cause::code;
use crate::transport::link::Drained;
use crate::transport::settings::TlsSettings;

/// Ended with the test.
struct Server(Child, SocketAddr);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn serve(identity: &Identity, options: &[&str]) -> Server {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let mut command = Command::new("openssl");
    command.args(["s_server", "-accept", &free.to_string(), "-naccept", "1"]);
    command.arg("-cert").arg(&identity.certificate_file);
    command.arg("-key").arg(&identity.key_file).args(options);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("openssl; `tests/run --prepare` installs it");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // It prints ACCEPT once it listens.
    while let Some(Ok(line)) = lines.next() {
        if line == "ACCEPT" {
            break;
        }
    }
    // What it prints later is read, or it would block.
    std::thread::spawn(move || lines.for_each(drop));
    Server(child, free)
}

fn serve_java(authority: &Authority, identity: &Identity) -> Server {
    let store = authority.directory.path().join("store.p12");
    let made = Command::new("openssl")
        .args(["pkcs12", "-export", "-passout", "pass:changeit", "-out"])
        .arg(&store)
        .arg("-in")
        .arg(&identity.certificate_file)
        .arg("-inkey")
        .arg(&identity.key_file)
        .output();
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/src/transport/tests/Receiver.java");
    let mut command = Command::new("java");
    command.arg(source).arg(&store).stdout(Stdio::piped()).stderr(Stdio::null());
    assert!(made.unwrap().status.success());
    let mut child = command.spawn().expect("java; `tests/run --prepare` installs it");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let port = lines.next().unwrap().unwrap();
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse().unwrap()));
    std::thread::spawn(move || lines.for_each(drop));
    Server(child, to)
}

#[tokio::test]
async fn openssl_reads_to_the_end() {
    let authority = Authority::new();
    let identity = authority.issue(Says::LOOPBACK);
    for (option, version) in [("-tls1_2", "tls 1.2"), ("-tls1_3", "tls 1.3")] {
        let server = serve(&identity, &[option]);
        let mut link = connect_tls(server.1, authority.trusting()).await.unwrap();
        assert!(link.describe().starts_with(version));
        link.send(&[b'x'; 100_000], &[]).await.unwrap();
        assert_eq!(link.drain(LONG).await, Drained::Proven);
    }
}

/// Java's library closes both ways when it reads our close_notify, as RFC 5425 has it.
#[tokio::test]
async fn java_reads_to_the_end() {
    let authority = Authority::new();
    let identity = authority.issue(Says::LOOPBACK);
    let server = serve_java(&authority, &identity);
    let mut link = connect_tls(server.1, authority.trusting()).await.unwrap();
    link.send(&[b'x'; 1_000_000], &[]).await.unwrap();
    assert_eq!(link.drain(LONG).await, Drained::Proven);
}

/// All three encodings of a key, made by openssl itself.
#[tokio::test]
async fn openssl_takes_keys_of_every_encoding() {
    let authority = Authority::new();
    let identity = authority.issue(Says::LOOPBACK);
    let directory = authority.directory.path();
    let openssl = |arguments: &str| {
        let arguments = arguments.split(' ');
        let done = Command::new("openssl").args(arguments).current_dir(directory).output();
        done.is_ok_and(|output| output.status.success())
    };
    let made =
        openssl("req -x509 -newkey rsa:2048 -nodes -keyout pkcs8.key -out rsa.pem -subj /CN=c")
            && openssl("rsa -in pkcs8.key -traditional -out pkcs1.key")
            && openssl("ecparam -name prime256v1 -genkey -noout -out sec1.key")
            && openssl("req -x509 -key sec1.key -out ec.pem -subj /CN=c");
    if !made {
        println!("there is no openssl here");
        return;
    }
    let cases = [("rsa.pem", "pkcs8.key"), ("rsa.pem", "pkcs1.key"), ("ec.pem", "sec1.key")];
    for (certificate, key) in cases {
        for version in ["-tls1_2", "-tls1_3"] {
            let verify = ["-Verify", "1", version];
            let server = serve(&identity, &verify);
            let tls = TlsSettings {
                cert_file: Some(directory.join(certificate)),
                key_file: Some(directory.join(key)),
                ..authority.trusting()
            };
            // s_server takes any certificate unless told otherwise.
            let mut link = connect_tls(server.1, tls).await.unwrap();
            link.send(b"line\n", &[]).await.unwrap();
            assert_eq!(link.drain(LONG).await, Drained::Proven, "{certificate} {key}");
        }
    }
}

#[tokio::test]
async fn openssl_wants_a_client_certificate() {
    let authority = Authority::new();
    let identity = authority.issue(Says::LOOPBACK);
    for (version, expected) in [
        ("-tls1_2", code::TLS), // handshake_failure, whose text names the client certificate
        ("-tls1_3", code::CLIENT_CERTIFICATE_REFUSED),
    ] {
        let server = serve(&identity, &["-Verify", "1", version]);
        let cause = connect_tls(server.1, authority.trusting()).await.unwrap_err();
        assert_eq!(cause.code, expected, "{cause}");
        assert!(cause.text.contains("client certificate"), "{cause}");
    }
}
