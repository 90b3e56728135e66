//! What a half-close proves, for TCP and every kind of TLS.

use std::io::Read;
use std::net::{Ipv4Addr, Shutdown, TcpListener};
use std::sync::mpsc::channel;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio_rustls::rustls::SupportedProtocolVersion;

use super::receiver::{
    Authority, BOTH, LONG, ONLY_12, ONLY_13, Says, address, connect_tcp, connect_tls, read_all,
    receive, receive_tls, settings,
};
use crate::model::egress::Policy;
use crate::transport::cause::code;
use crate::transport::connect::Connector;
use crate::transport::link::{Drained, Link};
use crate::transport::settings::Protocol;
use crate::transport::wire::Wire;

static EVENTS: [u8; 200_000] = [b'x'; 200_000];

async fn send_and_drain(mut link: Link) -> Drained {
    link.send(&EVENTS, &[]).await.unwrap();
    link.drain(LONG).await
}

#[track_caller]
fn is_refuted(drained: &Drained, expected: &str) {
    let Drained::Refuted(cause) = drained else { panic!("{drained:?}") };
    assert_eq!(cause.code, expected, "{cause}");
}

#[tokio::test]
async fn a_receiver_that_reads_to_the_end_closes_in_order() {
    let (to, receiver) = receive(read_all);
    assert_eq!(send_and_drain(connect_tcp(to).await).await, Drained::Closed);
    assert_eq!(receiver.join().unwrap(), EVENTS.len());
}

#[tokio::test]
async fn a_receiver_that_closes_with_unread_bytes_refutes_it() {
    let (close, closing) = channel::<()>();
    let (to, _receiver) = receive(move |mut stream| {
        stream.read_exact(&mut [0; 1000]).unwrap();
        let _ = closing.recv();
    });
    let mut link = connect_tcp(to).await;
    let written = link.send(&EVENTS[..20_000], &[]).await.unwrap();
    while link.progress().unwrap().acked < written {
        tokio::task::yield_now().await;
    }
    drop(close);
    is_refuted(&link.drain(LONG).await, code::RESET);
}

#[tokio::test]
async fn a_receiver_that_hangs_answers_nothing() {
    let (stop, stopped) = channel::<()>();
    let (to, receiver) = receive(move |stream| (stopped.recv(), stream).0);
    let mut link = connect_tcp(to).await;
    link.send(&EVENTS[..20_000], &[]).await.unwrap();
    assert_eq!(link.drain(Duration::from_millis(200)).await, Drained::NoAnswer);
    drop(stop);
    receiver.join().unwrap().unwrap_err();
}

/// Killed while it hangs: the deadline has not passed, and the RST says it all.
#[tokio::test]
async fn a_receiver_that_hangs_and_dies_refutes_it() {
    let (to, _receiver) = receive(|stream| {
        std::thread::sleep(Duration::from_millis(200));
        drop(stream);
    });
    let mut link = connect_tcp(to).await;
    link.send(&EVENTS[..20_000], &[]).await.unwrap();
    is_refuted(&link.drain(LONG).await, code::RESET);
}

/// It had read everything, but its FIN is no answer to ours.
#[tokio::test]
async fn an_end_before_ours_proves_nothing() {
    let (to, receiver) = receive(|mut stream| {
        stream.read_exact(&mut [0; 10]).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        stream
    });
    let mut link = connect_tcp(to).await;
    link.send(b"ten bytes\n", &[]).await.unwrap();
    let _held = receiver.join().unwrap();
    assert_eq!(link.ended().await.code, code::CLOSED);
    is_refuted(&link.drain(LONG).await, code::CLOSED);
}

/// The same, when the reactor has had no turn in which to hear of that FIN.
#[tokio::test]
async fn an_end_before_ours_proves_nothing_though_the_reactor_has_not_heard_of_it() {
    let (ended, end) = channel::<()>();
    let (to, receiver) = receive(move |stream| {
        stream.shutdown(Shutdown::Write).unwrap();
        ended.send(()).unwrap();
        stream
    });
    let mut link = connect_tcp(to).await;
    link.send(b"ten bytes\n", &[]).await.unwrap();
    // Blocks the reactor's only thread; over loopback the FIN is here before shutdown() returns.
    end.recv().unwrap();
    is_refuted(&link.drain(LONG).await, code::CLOSED);
    drop(receiver.join().unwrap());
}

/// A receiver that closes because its idle time is over, at the moment of our half-close: what
/// arrives after its close() is refused, although a FIN came.
#[tokio::test]
async fn a_crossing_close_that_lost_bytes_is_never_proven() {
    for _ in 0..50 {
        let (go, gone) = channel::<()>();
        let (to, receiver) = receive(move |stream| {
            gone.recv().unwrap();
            drop(stream);
        });
        let mut link = connect_tcp(to).await;
        go.send(()).unwrap();
        if link.send(b"nobody reads this\n", &[]).await.is_ok() {
            assert!(matches!(link.drain(LONG).await, Drained::Refuted(_)));
        }
        receiver.join().unwrap();
    }
}

/// What a crossing FIN could hide: bytes, or our own FIN, that nobody has acknowledged.
#[tokio::test]
async fn our_end_is_acknowledged_after_all_before_it() {
    let (go, gone) = channel::<()>();
    let (to, receiver) = receive(move |stream| (gone.recv().is_ok(), read_all(stream)).1);
    let stream = tokio::net::TcpStream::connect(to).await.unwrap();
    let mut wire = Wire::new(stream).unwrap();
    assert!(!wire.end_acknowledged().unwrap());
    let filling = async { while wire.write(&EVENTS).await.is_ok() {} };
    tokio::time::timeout(Duration::from_millis(100), filling).await.unwrap_err();
    wire.shutdown().await.unwrap();
    assert!(!wire.end_acknowledged().unwrap());
    go.send(()).unwrap();
    while !wire.end_acknowledged().unwrap() {
        tokio::task::yield_now().await;
    }
    assert_eq!(receiver.join().unwrap() as u64, wire.written());
}

async fn proven_under(versions: &'static [&'static SupportedProtocolVersion], mutual: bool) {
    let authority = Authority::new();
    let server = authority.issue(Says::LOOPBACK);
    let client = authority.issue(Says::LOOPBACK);
    let mut settings = authority.trusting();
    if mutual {
        settings.cert_file = Some(client.certificate_file.clone());
        settings.key_file = Some(client.key_file.clone());
    }
    // Answers close_notify with its own, as RFC 5425 wants.
    let config = authority.server(&server, mutual, versions);
    let (to, receiver) = receive_tls(config.clone(), |mut peer| {
        let total = read_all(&mut peer);
        peer.conn.send_close_notify();
        let _ = peer.conn.complete_io(&mut peer.sock);
        total
    });
    let link = connect_tls(to, settings.clone()).await.unwrap();
    assert_eq!(send_and_drain(link).await, Drained::Proven);
    assert_eq!(receiver.join().unwrap(), EVENTS.len());
    // Just closes, as many do.
    let (to, receiver) = receive_tls(config.clone(), |mut peer| read_all(&mut peer));
    let link = connect_tls(to, settings.clone()).await.unwrap();
    assert_eq!(send_and_drain(link).await, Drained::Closed);
    assert_eq!(receiver.join().unwrap(), EVENTS.len());
    // Reads a little, says goodbye in due form, and leaves the rest.
    let (to, _receiver) = receive_tls(config.clone(), |mut peer| {
        peer.read_exact(&mut [0; 1000]).unwrap();
        peer.conn.send_close_notify();
        let _ = peer.conn.complete_io(&mut peer.sock);
    });
    let mut link = connect_tls(to, settings.clone()).await.unwrap();
    if link.send(&EVENTS, &[]).await.is_ok() {
        assert!(matches!(link.drain(LONG).await, Drained::Refuted(_)));
    }
    // Hangs.
    let (stop, stopped) = channel::<()>();
    let (to, _receiver) = receive_tls(config, move |mut peer| {
        peer.read_exact(&mut [0; 1]).unwrap();
        (stopped.recv(), peer).0
    });
    let mut link = connect_tls(to, settings).await.unwrap();
    link.send(&EVENTS[..20_000], &[]).await.unwrap();
    assert_eq!(link.drain(Duration::from_millis(200)).await, Drained::NoAnswer);
    drop(stop);
}

#[tokio::test]
async fn tls_1_2_drains() {
    proven_under(ONLY_12, false).await;
}

#[tokio::test]
async fn tls_1_3_drains() {
    proven_under(ONLY_13, false).await;
}

#[tokio::test]
async fn mutual_tls_drains() {
    proven_under(ONLY_12, true).await;
    proven_under(ONLY_13, true).await;
}

/// The wire offset counts ciphertext and the handshake, and all of it is acknowledged in the end.
#[tokio::test]
async fn offsets_under_tls_are_those_of_the_wire() {
    let authority = Authority::new();
    let server = authority.issue(Says::LOOPBACK);
    let (to, receiver) =
        receive_tls(authority.server(&server, false, BOTH), |mut peer| read_all(&mut peer));
    let mut link = connect_tls(to, authority.trusting()).await.unwrap();
    assert_eq!(link.describe(), format!("tls 1.3 to 127.0.0.1:{}", to.port()));
    let before = link.send(b"x", &[]).await.unwrap();
    let after = link.send(&EVENTS, &[]).await.unwrap();
    // Each record of 16 KiB carries 22 bytes more: header, content type, tag.
    let records = EVENTS.len().div_ceil(16_384) as u64;
    assert_eq!(after - before, EVENTS.len() as u64 + 22 * records);
    let start = std::time::Instant::now();
    while link.progress().unwrap().acked < after {
        assert!(start.elapsed() < LONG);
        tokio::task::yield_now().await;
    }
    assert_eq!(link.drain(LONG).await, Drained::Closed);
    assert_eq!(receiver.join().unwrap(), EVENTS.len() + 1);
}

/// A fatal alert and then a clean FIN: the receiver read every byte and understood none.
#[tokio::test]
async fn an_alert_refutes_a_clean_fin() {
    let authority = Authority::new();
    let server = authority.issue(Says::LOOPBACK);
    let (half_close, took) = channel::<()>();
    let (to, _receiver) =
        receive_tls(authority.server(&server, false, ONLY_12), move |mut peer| {
            peer.read_exact(&mut [0; 1]).unwrap();
            drop(half_close);
            read_all(&mut peer.sock);
            // A record that is not from this connection, so that an alert is due.
            let garbage = [&[23, 3, 3, 0, 40][..], &[0; 40][..]].concat();
            peer.conn.read_tls(&mut garbage.as_slice()).unwrap();
            peer.conn.process_new_packets().unwrap_err();
            peer.conn.write_tls(&mut peer.sock).unwrap();
        });
    let mut link = connect_tls(to, authority.trusting()).await.unwrap();
    link.send(b"x", &[]).await.unwrap();
    took.recv().unwrap_err();
    is_refuted(&link.drain(LONG).await, code::TLS);
}

/// A receiver that reads to the end and closes; in that order, its port goes away before.
async fn proven_by(stays: bool) -> (Drained, usize) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let to = listener.local_addr().unwrap();
    let receiver = std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let read = read_all(&mut stream);
        // The order in which the kernel closes what a killed program had open.
        let listener = stays.then_some(listener);
        drop(stream);
        (read, listener)
    });
    let address = address(Protocol::Tcp, "127.0.0.1", to.port());
    let connector = Connector::new(settings(None), Policy::default());
    let mut link = connector.connect(&address).await.unwrap();
    link.send(&EVENTS, &[]).await.unwrap();
    let drained = connector.prove(link, LONG).await;
    (drained, receiver.join().unwrap().0)
}

#[tokio::test]
async fn a_fin_alone_proves_what_a_receiver_has_that_is_still_there() {
    assert_eq!(proven_by(true).await, (Drained::Proven, EVENTS.len()));
}

#[tokio::test]
async fn a_fin_alone_of_a_receiver_that_is_gone_proves_nothing() {
    let (drained, read) = proven_by(false).await;
    is_refuted(&drained, code::CLOSED);
    assert_eq!(read, EVENTS.len());
    let Drained::Refuted(cause) = drained else { unreachable!() };
    let text = cause.text.split_once(": ").unwrap().1;
    assert_eq!(
        text,
        "the receiver closed the connection when asked to, and takes no other (Connection refused \
         (os error 111)): it may have died with what it had read last, which is sent again"
    );
}
