//! Links to scripted peers on loopback.

use std::future::Future;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, TcpListener, UdpSocket};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::model::egress::Policy;
use crate::transport::resolve::Lookup;
use crate::transport::settings::{Address, Protocol, Settings};
use crate::transport::{Connector, Drained, Link};

const PATIENCE: Duration = Duration::from_secs(20);

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE, future).await.unwrap() })
}

fn address(protocol: Protocol, host: &str, port: u16) -> Address {
    Address { protocol, host: host.to_owned(), port }
}

fn connector() -> Connector {
    let settings = Settings {
        addresses: Vec::new(),
        tls: None,
        connect_timeout: Duration::from_secs(5),
        handshake_timeout: Duration::from_secs(5),
        write_timeout: Duration::from_millis(400),
        keepalive: Some(Duration::from_secs(30)),
        user_timeout: Some(Duration::from_secs(30)),
    };
    Connector::new(settings, Policy::default())
}

async fn connect(port: u16) -> Link {
    connector().connect(&address(Protocol::Tcp, "127.0.0.1", port)).await.unwrap()
}

/// A peer that accepts one connection and does `script` with it.
fn peer(script: impl FnOnce(std::net::TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || script(listener.accept().unwrap().0));
    port
}

#[test]
fn a_peer_that_reads_everything_proves_it() {
    let (told, read) = mpsc::channel();
    let port = peer(move |mut stream| {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        told.send(all.len()).unwrap();
    });
    block_on(async {
        let mut link = connect(port).await;
        let wire = link.send(&[b'x'; 100_000], &[100_000]).await.unwrap();
        assert_eq!(wire, 100_000);
        assert_eq!(link.drain(Duration::from_secs(5)).await, Drained::Proven);
    });
    assert_eq!(read.recv().unwrap(), 100_000);
}

#[test]
fn a_peer_that_closes_with_bytes_unread_refutes_it() {
    let (told, sent) = mpsc::channel();
    let port = peer(move |mut stream| {
        let mut some = [0; 1000];
        stream.read_exact(&mut some).unwrap();
        sent.recv().unwrap();
    });
    block_on(async {
        let mut link = connect(port).await;
        link.send(&[b'x'; 50_000], &[50_000]).await.unwrap();
        while link.progress().unwrap().acked < 50_000 {
            tokio::task::yield_now().await;
        }
        told.send(()).unwrap();
        let drained = link.drain(Duration::from_secs(5)).await;
        assert!(matches!(drained, Drained::Refuted(_)), "{drained:?}");
    });
}

#[test]
fn a_peer_that_hangs_gives_no_answer() {
    let (told, done) = mpsc::channel::<()>();
    let port = peer(move |stream| {
        // Ends when the test does.
        let _ = done.recv();
        drop(stream);
    });
    block_on(async {
        let mut link = connect(port).await;
        link.send(b"unread", &[6]).await.unwrap();
        assert_eq!(link.drain(Duration::from_millis(300)).await, Drained::NoAnswer);
    });
    drop(told);
}

#[test]
fn a_peer_that_stops_reading_is_noticed() {
    let (told, done) = mpsc::channel::<()>();
    let port = peer(move |stream| {
        let _ = done.recv();
        drop(stream);
    });
    block_on(async {
        let mut link = connect(port).await;
        let cause = loop {
            if let Err(cause) = link.send(&[b'x'; 256 * 1024], &[256 * 1024]).await {
                break cause;
            }
        };
        assert_eq!(cause.code, "no_progress", "{cause}");
        assert!(cause.text.contains("127.0.0.1"), "{cause}");
    });
    drop(told);
}

#[test]
fn the_end_of_a_link_is_seen_while_nothing_is_sent() {
    let port = peer(|mut stream| {
        stream.write_all(b"what a syslog receiver never says").unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut rest = Vec::new();
        // The agent closes its side when it sees ours.
        let _ = stream.read_to_end(&mut rest);
    });
    block_on(async {
        let mut link = connect(port).await;
        assert_eq!(link.ended().await.code, "closed");
    });
}

#[test]
fn a_port_where_nothing_listens_is_refused() {
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let connector = connector();
    let cause =
        block_on(connector.connect(&address(Protocol::Tcp, "127.0.0.1", unused))).unwrap_err();
    assert_eq!(cause.code, "refused");
    assert!(cause.text.contains(&unused.to_string()), "{cause}");
}

#[test]
fn a_datagram_to_a_closed_port_brings_an_error_back() {
    let unused = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    block_on(async {
        let connector = connector();
        let mut link =
            connector.connect(&address(Protocol::Udp, "127.0.0.1", unused)).await.unwrap();
        // The first datagram's error comes back with the second, or before it.
        let cause = match link.send(b"onetwo", &[3, 6]).await {
            Err(cause) => cause,
            Ok(_) => link.ended().await,
        };
        assert_eq!(cause.code, "refused");
    });
}

#[test]
fn one_datagram_carries_one_message() {
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    receiver.set_read_timeout(Some(PATIENCE)).unwrap();
    let port = receiver.local_addr().unwrap().port();
    block_on(async {
        let connector = connector();
        let mut link = connector.connect(&address(Protocol::Udp, "127.0.0.1", port)).await.unwrap();
        link.send(b"onethree", &[3, 8]).await.unwrap();
    });
    let mut buffer = [0; 100];
    for expected in [b"one".as_slice(), b"three".as_slice()] {
        let length = receiver.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], expected);
    }
}

/// No answer of a name server makes the one connecting function connect to a public address.
#[test]
fn the_policy_is_asked_after_resolution() {
    fn public(_: &str) -> Vec<IpAddr> {
        vec![Ipv4Addr::new(203, 0, 113, 7).into(), Ipv4Addr::new(198, 51, 100, 1).into()]
    }
    for host in ["siem.example.net", "203.0.113.7"] {
        let connector = connector().with_lookup(Lookup::Table(public));
        let cause = block_on(connector.connect(&address(Protocol::Tcp, host, 514))).unwrap_err();
        assert_eq!(cause.code, "egress_denied", "{cause}");
        assert!(cause.text.contains("hosts"), "{cause}");
    }
}
