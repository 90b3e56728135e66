//! Sending, and noticing the end, on TCP and UDP.

use std::io::Read;
use std::net::UdpSocket;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use super::receiver::{LONG, address, connect_tcp, read_all, receive, settings};
use crate::model::egress::Policy;
use crate::transport::cause::code;
use crate::transport::connect::Connector;
use crate::transport::link::{Drained, Link};
use crate::transport::settings::Protocol;

/// Until the peer's kernel has acknowledged all that was written.
async fn acknowledged(link: &mut Link, written: u64) {
    let start = Instant::now();
    while link.progress().unwrap().acked < written {
        assert!(start.elapsed() < LONG, "{:?} of {written}", link.progress());
        tokio::task::yield_now().await;
    }
    assert_eq!(link.progress().unwrap().acked, written);
}

#[tokio::test]
async fn written_and_acknowledged_offsets_agree_to_the_byte() {
    let (to, receiver) = receive(read_all);
    let mut link = connect_tcp(to).await;
    assert_eq!(link.progress().unwrap().acked, 0);
    let mut expected = 0;
    for size in [1, 400, 65_536, 3_000_000] {
        expected += size as u64;
        let written = link.send(&vec![b'x'; size], &[]).await.unwrap();
        assert_eq!(written, expected);
        acknowledged(&mut link, written).await;
    }
    let window = link.progress().unwrap().window_max;
    assert!((16_384..=64 << 20).contains(&window), "{window}");
    assert_eq!(link.describe(), format!("tcp to 127.0.0.1:{}", to.port()));
    assert_eq!(link.drain(LONG).await, Drained::Closed);
    assert_eq!(receiver.join().unwrap() as u64, expected);
}

/// A stopped peer's kernel goes on acknowledging, so acknowledged is not read; and little more than
/// its window and `UNSENT_BYTES_MAX` lies in our queue when the link is given up.
#[tokio::test]
async fn a_peer_that_hangs_takes_a_window_and_then_no_byte() {
    let (stop, stopped) = channel::<()>();
    let (to, _receiver) = receive(move |stream| {
        let _ = stopped.recv();
        drop(stream);
    });
    let mut link = connect_tcp(to).await;
    let (chunk, mut written, start) = (vec![b'x'; 16_384], 0, Instant::now());
    let cause = loop {
        match link.send(&chunk, &[]).await {
            Ok(offset) => written = offset,
            Err(cause) => break cause,
        }
    };
    assert_eq!(cause.code, code::NO_PROGRESS);
    assert!(start.elapsed() >= Duration::from_millis(400));
    let progress = link.progress().unwrap();
    assert!(progress.acked > 0, "a kernel acknowledges what nobody reads");
    assert!(written - progress.acked < 512 * 1024, "{written} {progress:?}");
    // A batch was torn, so the next one would not begin at a message.
    assert_eq!(link.send(b"x", &[]).await.unwrap_err().code, code::SOCKET);
    assert!(matches!(link.drain(LONG).await, Drained::Refuted(_)));
    stop.send(()).unwrap();
}

/// The peer reads nothing, and ends while the sender is blocked in a write.
async fn ends_while_blocked(end: fn(std::net::TcpStream), expected: &str) {
    let (go, gone) = channel::<()>();
    let (to, receiver) = receive(move |stream| {
        gone.recv().unwrap();
        end(stream);
    });
    let mut link = connect_tcp(to).await;
    let batch = vec![b'x'; 64 << 20];
    let sending = async {
        let cause = link.send(&batch, &[]).await.unwrap_err();
        assert_eq!(cause.code, expected, "{cause}");
    };
    let ending = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        go.send(()).unwrap();
    };
    tokio::join!(sending, ending);
    receiver.join().unwrap();
}

#[tokio::test]
async fn a_fin_is_seen_while_blocked_in_a_write() {
    let end = |stream: std::net::TcpStream| {
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        std::thread::sleep(Duration::from_millis(200));
    };
    ends_while_blocked(end, code::CLOSED).await;
}

#[tokio::test]
async fn a_reset_is_seen_while_blocked_in_a_write() {
    ends_while_blocked(drop, code::RESET).await;
}

/// Acknowledgements count as progress: the kernel asks for more bytes only when half of what may
/// lie unsent has gone, which takes this receiver twice `write_timeout`.
#[tokio::test]
async fn a_slow_receiver_is_not_a_dead_one() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    socket2::SockRef::from(&listener).set_recv_buffer_size(8192).unwrap();
    let to = listener.local_addr().unwrap();
    let receiver = std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let (mut total, mut buffer) = (0, [0; 2048]);
        while let Ok(bytes @ 1..) = stream.read(&mut buffer) {
            total += bytes;
            if total < 150_000 {
                std::thread::sleep(Duration::from_millis(25));
            }
        }
        total
    });
    let mut link = connect_tcp(to).await;
    let written = link.send(&vec![b'x'; 600_000], &[]).await.unwrap();
    assert_eq!(written, 600_000);
    assert_eq!(link.drain(LONG).await, Drained::Closed);
    assert_eq!(receiver.join().unwrap(), 600_000);
}

#[tokio::test]
async fn what_a_receiver_says_is_discarded() {
    use std::io::Write;
    let (to, receiver) = receive(|mut stream| {
        stream.write_all(&vec![b'?'; 1_000_000]).unwrap();
        read_all(stream)
    });
    let mut link = connect_tcp(to).await;
    let waiting = tokio::time::timeout(Duration::from_millis(50), link.ended()).await;
    assert!(waiting.is_err(), "still up");
    link.send(b"hello\n", &[]).await.unwrap();
    assert_eq!(link.drain(LONG).await, Drained::Closed);
    assert_eq!(receiver.join().unwrap(), 6);
}

#[tokio::test]
async fn the_end_of_an_idle_link_is_noticed() {
    let (to, _receiver) = receive(drop);
    assert_eq!(connect_tcp(to).await.ended().await.code, code::CLOSED);
}

#[tokio::test]
async fn a_send_that_was_dropped_half_way_spoils_the_link() {
    let (stop, stopped) = channel::<()>();
    let (to, _receiver) = receive(move |stream| (stopped.recv(), stream).0);
    let mut link = connect_tcp(to).await;
    let batch = vec![b'x'; 64 << 20];
    let dropped = tokio::time::timeout(Duration::from_millis(50), link.send(&batch, &[])).await;
    assert!(dropped.is_err());
    assert_eq!(link.send(b"x", &[]).await.unwrap_err().code, code::SOCKET);
    drop(stop);
}

async fn connect_udp(port: u16) -> Link {
    let connector = Connector::new(settings(None), Policy::default());
    connector.connect(&address(Protocol::Udp, "127.0.0.1", port)).await.unwrap()
}

#[tokio::test]
async fn udp_sends_a_datagram_for_each_message() {
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut link = connect_udp(receiver.local_addr().unwrap().port()).await;
    assert_eq!(link.send(b"onetwothree", &[3, 6, 11]).await.unwrap(), 11);
    assert_eq!(link.progress().unwrap().acked, 11);
    let mut buffer = [0; 100];
    for expected in ["one", "two", "three"] {
        let length = receiver.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], expected.as_bytes());
    }
    assert_eq!(link.drain(LONG).await, Drained::Proven);
}

#[tokio::test]
async fn udp_hears_that_nobody_listens() {
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut link = connect_udp(closed).await;
    link.send(b"one", &[3]).await.unwrap();
    assert_eq!(link.ended().await.code, code::REFUSED);
    link.send(b"two", &[3]).await.unwrap();
    assert_eq!(link.send(b"three", &[5]).await.unwrap_err().code, code::REFUSED);
    let mut link = connect_udp(closed).await;
    link.send(b"one", &[3]).await.unwrap();
    assert!(matches!(link.drain(LONG).await, Drained::Refuted(cause) if cause.code == "refused"));
}

#[tokio::test]
async fn udp_refuses_what_no_datagram_holds() {
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut link = connect_udp(receiver.local_addr().unwrap().port()).await;
    let error = link.send(&vec![b'x'; 65_508], &[65_508]).await.unwrap_err();
    assert_eq!(error.code, code::TOO_LONG);
    link.send(&vec![b'x'; 65_507], &[65_507]).await.unwrap();
}
