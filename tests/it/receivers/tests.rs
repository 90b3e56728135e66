//! The harness itself: what goes in is what is stored, over every wire, at both receivers.

use std::io::Write;
use std::net::{Shutdown, TcpStream, UdpSocket};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use spoolgate::cli::receive::{Authority, Purpose, Subject, throw_away_ca};

use super::*;

/// Every kind of octet that the product may put into a message, one of them near the limit.
fn messages() -> Vec<Vec<u8>> {
    let header = "<134>1 2026-01-02T03:04:05.678Z outpost-07 Gate - sg01-0 - ";
    let bodies = [
        r"CEF:0|V|P|1|id|na\|me|5|msg=a\=b\\c\nd %s #012 $MSG".to_owned(),
        "CEF:0|V|P|1|id|tab\there, é \u{1f512}|5|".to_owned(),
        "  two spaces before".to_owned(),
        "x".repeat(60_000),
        "\u{feff}CEF:0|byte order mark|P|1|id|n|5|".to_owned(),
    ];
    bodies.iter().map(|body| format!("{header}{body}").into_bytes()).collect()
}

type Frames = fn(&[Vec<u8>]) -> Vec<u8>;

fn with_line_feeds(messages: &[Vec<u8>]) -> Vec<u8> {
    messages.iter().flat_map(|message| [message, &b"\n"[..]].concat()).collect()
}

fn octet_counted(messages: &[Vec<u8>]) -> Vec<u8> {
    let counted = |message: &Vec<u8>| [format!("{} ", message.len()).as_bytes(), message].concat();
    messages.iter().flat_map(counted).collect()
}

fn send_tcp(daemon: &Daemon, bytes: &[u8]) {
    let mut stream = TcpStream::connect(daemon.address()).unwrap();
    stream.write_all(bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    wait_until("the receiver's end of stream", DEADLINE, || {
        // FIN (0 octets): it has read everything.
        (stream.peek(&mut [0]).unwrap() == 0).then_some(())
    });
}

#[track_caller]
fn check_stored(daemon: &Daemon, want: &[Vec<u8>]) {
    let stored = daemon.wait_for(want.len());
    let show = |messages: &[Vec<u8>]| -> Vec<String> {
        let text = |message: &Vec<u8>| String::from_utf8_lossy(message).chars().take(200).collect();
        messages.iter().map(text).collect()
    };
    assert!(
        stored == want,
        "{:?}\nstored {:#?}\nsent {:#?}",
        daemon.product,
        show(&stored),
        show(want)
    );
}

#[track_caller]
fn check_tcp(product: Product) {
    let daemon = Daemon::start(product, &Wire::Tcp);
    send_tcp(&daemon, &with_line_feeds(&messages()));
    check_stored(&daemon, &messages());
    let daemon = Daemon::start(product, &Wire::TcpOctetCounting);
    send_tcp(&daemon, &octet_counted(&messages()));
    check_stored(&daemon, &messages());
}

#[test]
fn rsyslog_stores_what_came_over_tcp() {
    check_tcp(Product::Rsyslog);
}

#[test]
fn syslog_ng_stores_what_came_over_tcp() {
    check_tcp(Product::SyslogNg);
}

#[track_caller]
fn check_udp(product: Product) {
    let daemon = Daemon::start(product, &Wire::Udp);
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    for message in messages() {
        socket.send_to(&message, daemon.address()).unwrap();
    }
    check_stored(&daemon, &messages());
}

#[test]
fn rsyslog_stores_what_came_over_udp() {
    check_udp(Product::Rsyslog);
}

#[test]
fn syslog_ng_stores_what_came_over_udp() {
    check_udp(Product::SyslogNg);
}

/// OpenSSL's client: a sender of other people's making. Ends when the receiver has closed.
fn send_tls(daemon: &Daemon, ca: &Path, client: Option<(&Path, &Path)>, bytes: &[u8]) -> Output {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-quiet", "-no_ign_eof", "-verify_return_error"]);
    command.args(["-verify_hostname", "localhost", "-connect", &daemon.address().to_string()]);
    command.arg("-CAfile").arg(ca);
    if let Some((cert, key)) = client {
        command.arg("-cert").arg(cert).arg("-key").arg(key);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A refused client finds its pipe broken: what was stored tells.
    let _ = child.stdin.take().unwrap().write_all(bytes);
    child.wait_with_output().unwrap()
}

/// A certificate of the right authority for another name.
fn stranger(authority: &Authority, dir: &Path) -> (PathBuf, PathBuf) {
    let (cert, key) = (dir.join("stranger.pem"), dir.join("stranger.key"));
    let subject = Subject::new("stranger", &["stranger"], Purpose::Client);
    authority.issue(&subject).unwrap().write(&cert, &key).unwrap();
    (cert, key)
}

#[track_caller]
fn check_tls(product: Product) {
    let dir = tempfile::tempdir().unwrap();
    let files = throw_away_ca(dir.path()).unwrap();
    let own = Some((&*files.client_cert_file, &*files.client_key_file));
    let (cert, key) = stranger(&files.authority, dir.path());
    let stranger = Some((&*cert, &*key));
    let other = tempfile::tempdir().unwrap();
    let foreign = throw_away_ca(other.path()).unwrap();
    let foreign = Some((&*foreign.client_cert_file, &*foreign.client_key_file));
    // rsyslog 8.2302 compares names only where the handshake is done in one go: of 40 strangers
    // with a certificate of the right authority it took the messages of 16.
    let checks_names = product != Product::Rsyslog;
    let refused_by = |clients| match clients {
        Clients::Anyone => vec![],
        Clients::Named(_) if checks_names => vec![None, foreign, stranger],
        Clients::Named(_) | Clients::Signed => vec![None, foreign],
    };
    for clients in [Clients::Anyone, Clients::Signed, Clients::Named("spoolgate-client")] {
        let tls = ServerTls::new(&files, clients);
        let wires: [(Wire, Frames); 2] = [
            (Wire::Tls(tls.clone()), with_line_feeds),
            (Wire::TlsOctetCounting(tls), octet_counted),
        ];
        for (wire, framed) in wires {
            let daemon = Daemon::start(product, &wire);
            for client in refused_by(clients) {
                send_tls(&daemon, &files.ca_file, client, &framed(&[b"<1>refused".to_vec()]));
            }
            let client = if clients == Clients::Anyone { None } else { own };
            let sent = send_tls(&daemon, &files.ca_file, client, &framed(&messages()));
            assert!(sent.status.success(), "{wire:?}: {sent:?}\n{}", daemon.said());
            check_stored(&daemon, &messages());
        }
    }
}

#[test]
fn rsyslog_takes_tls_from_whom_it_should() {
    check_tls(Product::Rsyslog);
}

#[test]
fn syslog_ng_takes_tls_from_whom_it_should() {
    check_tls(Product::SyslogNg);
}

/// util-linux's `logger`, which others take for the reference.
#[test]
fn logger_reaches_both() {
    for product in [Product::Rsyslog, Product::SyslogNg] {
        for (wire, options) in [
            (Wire::Tcp, &["--tcp"][..]),
            (Wire::TcpOctetCounting, &["--tcp", "--octet-count"]),
            (Wire::Udp, &["--udp"]),
        ] {
            let daemon = Daemon::start(product, &wire);
            let port = daemon.address().port().to_string();
            let mut logger = Command::new("logger");
            logger.args(["--rfc5424=notq", "--server", "127.0.0.1", "--port", &port]);
            logger.args(options).args(["--tag", "Gate", "--", "hello from logger"]);
            assert!(logger.status().unwrap().success());
            let stored = daemon.wait_for(1);
            let text = String::from_utf8_lossy(&stored[0]);
            assert!(text.starts_with("<13>1 ") && text.ends_with(" hello from logger"), "{text}");
        }
    }
}

#[test]
fn a_receiver_is_paused_killed_and_started_again_on_its_port() {
    for product in [Product::Rsyslog, Product::SyslogNg] {
        let mut daemon = Daemon::start(product, &Wire::Tcp);
        let address = daemon.address();
        daemon.pause();
        let mut paused = TcpStream::connect(address).unwrap();
        paused.write_all(b"<13>1 - - - - - - one\n").unwrap();
        assert_eq!(daemon.received().len(), 0, "a stopped process stores nothing");
        daemon.resume();
        assert_eq!(daemon.wait_for(1), [b"<13>1 - - - - - - one"]);

        daemon.kill();
        assert!(TcpStream::connect(address).is_err(), "the port is closed");
        daemon.start_again();
        assert_eq!(daemon.address(), address);
        send_tcp(&daemon, b"<13>1 - - - - - - two\n");
        assert_eq!(daemon.wait_for(2)[1], b"<13>1 - - - - - - two");

        daemon.terminate();
        daemon.start_again();
        send_tcp(&daemon, b"<13>1 - - - - - - three\n");
        assert_eq!(daemon.wait_for(3).len(), 3, "{product:?}");
    }
}
