use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

use super::framing::Splitter;
use super::*;

/// Feeds `input` in chunks of every length: the messages may not depend on it.
#[track_caller]
fn check_framing(framing: Framing, input: &[u8], want: &[&[u8]], want_boundary: bool) {
    for chunk_bytes in 1..=input.len() {
        let mut splitter = Splitter::new(framing, 12);
        let mut got = Vec::new();
        for chunk in input.chunks(chunk_bytes) {
            splitter.push(chunk).unwrap();
            let (bytes, ends) = splitter.messages();
            let batch = Batch { peer: SocketAddr::from(([127, 0, 0, 1], 1)), bytes, ends };
            got.extend(batch.messages().map(<[u8]>::to_vec));
            splitter.clear();
        }
        assert_eq!(got, want, "{framing:?} in chunks of {chunk_bytes}");
        assert_eq!(splitter.is_at_boundary(), want_boundary, "{framing:?} by {chunk_bytes}");
    }
}

#[test]
fn messages_are_told_apart_in_chunks_of_any_length() {
    check_framing(Framing::Lf, b"<1>a\n\n<2>b\r\nrest", &[b"<1>a", b"<2>b\r"], false);
    check_framing(Framing::Nul, b"<1>a\nb\0<2>\0", &[b"<1>a\nb", b"<2>"], true);
    check_framing(Framing::CrLf, b"a\nb\r\n\r\nc\r\r\nd", &[b"a\nb", b"c\r"], false);
    check_framing(
        Framing::OctetCounting,
        b"4 a\nb\n10 0123456789",
        &[b"a\nb\n", b"0123456789"],
        true,
    );
    check_framing(Framing::OctetCounting, b"1 a5 abc", &[b"a"], false);
    check_framing(Framing::Auto, b"4 <1>a<2>b\n3 <1><2>c", &[b"<1>a", b"<2>b", b"<1>"], false);
}

#[test]
fn messages_over_the_limit_are_passed_over_and_counted() {
    // 12 octets is the limit.
    check_framing(Framing::Lf, b"0123456789ab\n0123456789abc\nx\n", &[b"0123456789ab", b"x"], true);
    check_framing(
        Framing::CrLf,
        b"0123456789ab\r\n0123456789a\n\r\r\nx\r\n",
        &[b"0123456789ab", b"x"],
        true,
    );
    check_framing(Framing::OctetCounting, b"13 0123456789abc1 x", &[b"x"], true);
    let mut splitter = Splitter::new(Framing::Lf, 12);
    for _ in 0..1000 {
        splitter.push(&[b'x'; 1000]).unwrap();
    }
    assert!(splitter.messages().0.len() <= 1, "what is passed over is not kept");
    splitter.push(b"\n").unwrap();
    assert_eq!((splitter.oversized(), splitter.messages().1.len()), (1, 0));
}

#[test]
fn a_count_that_is_none_ends_the_stream_behind_the_messages_before_it() {
    let check = |framing, input: &[u8], want: FrameError| {
        let mut splitter = Splitter::new(framing, 100);
        assert_eq!(splitter.push(input), Err(want));
        assert_eq!(splitter.messages().1.len(), 1);
    };
    check(Framing::OctetCounting, b"1 a<1>b", FrameError::NotACount(b'<'));
    check(Framing::OctetCounting, b"1 a02 b", FrameError::NotACount(b'0'));
    check(Framing::OctetCounting, b"1 a b", FrameError::NotACount(b' '));
    check(Framing::Auto, b"a\n2024-01-01 b", FrameError::NotACount(b'-'));
    check(Framing::Auto, b"a\n99999999999 b", FrameError::CountTooLarge);
}

#[test]
fn the_file_has_one_line_a_message_and_no_cut_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("received.log");
    fs::write(&path, "whole\ncut by a ki").unwrap();
    let mut sink = FileSink::open(&path).unwrap();
    let bytes = b"a\nb\r\0c\\n#\xffsecond";
    sink.write(&Batch { peer: ([127, 0, 0, 1], 1).into(), bytes, ends: &[10, 16] }).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"whole\na#012b#015#000c\\n#\xff\nsecond\n");
    fs::write(&path, vec![b'x'; 200_000]).unwrap();
    drop(FileSink::open(&path).unwrap());
    assert_eq!(fs::metadata(&path).unwrap().len(), 0);
}

/// A receiver on its own thread, and what it handed to its sink.
struct Running {
    address: SocketAddr,
    messages: mpsc::Receiver<Vec<u8>>,
    stop: oneshot::Sender<()>,
    thread: thread::JoinHandle<Result<Counts, ReceiveError>>,
}

impl Running {
    fn start(protocol: ReceiveProtocol, framing: Framing) -> Running {
        let receiver = Receiver::bind(ReceiveSettings {
            address: (Ipv4Addr::LOCALHOST, 0).into(),
            protocol,
            framing,
            max_message_bytes: 8192,
            throttle_bytes_per_second: None,
        })
        .unwrap();
        let address = receiver.local_addr();
        let (sender, messages) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            let sink = move |batch: &Batch<'_>| {
                batch.messages().try_for_each(|message| {
                    sender.send(message.to_vec()).map_err(|_| io::ErrorKind::BrokenPipe.into())
                })
            };
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(receiver.run(sink, async { drop(stopped.await) }))
        });
        Running { address, messages, stop, thread }
    }

    fn next(&self) -> Vec<u8> {
        self.messages.recv_timeout(Duration::from_secs(10)).unwrap()
    }

    fn stop(self) -> Counts {
        self.stop.send(()).unwrap();
        self.thread.join().unwrap().unwrap()
    }
}

#[test]
fn a_half_close_over_tcp_is_answered_once_everything_was_read() {
    let running = Running::start(ReceiveProtocol::Tcp, Framing::Auto);
    let mut sender = TcpStream::connect(running.address).unwrap();
    sender.write_all(b"<1>one\n6 <1>two<1>cut").unwrap();
    sender.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(sender.read(&mut [0; 8]).unwrap(), 0, "FIN, and no reset");
    assert_eq!([running.next(), running.next()], [b"<1>one".to_vec(), b"<1>two".to_vec()]);
    let counts = running.stop();
    let want = Counts { messages: 2, message_bytes: 12, connections: 1, cut: 1, ..counts };
    assert_eq!(counts, want);
    assert_eq!((counts.broken, counts.torn, counts.oversized), (0, 0, 0));
}

#[test]
fn a_sink_that_fails_ends_the_receiver_and_leaves_the_bytes_to_the_sender() {
    let running = Running::start(ReceiveProtocol::Tcp, Framing::Lf);
    drop(running.messages);
    let mut sender = TcpStream::connect(running.address).unwrap();
    sender.write_all(b"<1>one\n").unwrap();
    let ended = running.thread.join().unwrap();
    assert!(matches!(ended, Err(ReceiveError::Sink(_))), "{ended:?}");
    // The chunk was never taken from the socket: closing it resets the connection.
    assert_eq!(sender.read(&mut [0; 8]).unwrap_err().kind(), io::ErrorKind::ConnectionReset);
}

#[test]
fn a_datagram_is_a_message() {
    let running = Running::start(ReceiveProtocol::Udp, Framing::Auto);
    let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    sender.send_to(b"<1>one\ntwo", running.address).unwrap();
    assert_eq!(running.next(), b"<1>one\ntwo");
    assert_eq!(running.stop().messages, 1);
}

#[test]
fn tls_asks_for_a_client_certificate_and_answers_close_notify() {
    let dir = tempfile::tempdir().unwrap();
    let files = throw_away_ca(dir.path()).unwrap();
    let tls = ReceiverTls::from_files(
        &files.server_cert_file,
        &files.server_key_file,
        Some(&files.ca_file),
    );
    let running = Running::start(ReceiveProtocol::Tls(tls.unwrap()), Framing::OctetCounting);

    let mut stranger = tls_connection(running.address, &files, false);
    let refused = stranger.write_all(b"6 <1>one").and_then(|()| stranger.read(&mut [0; 8]));
    assert!(refused.is_err(), "{refused:?}");

    let mut client = tls_connection(running.address, &files, true);
    client.write_all(b"6 <1>one").unwrap();
    client.conn.send_close_notify();
    client.flush().unwrap();
    client.sock.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(client.read(&mut [0; 8]).unwrap(), 0, "close_notify, not a bare end of stream");
    assert_eq!(running.next(), b"<1>one");
    let counts = running.stop();
    assert_eq!((counts.messages, counts.failed_handshakes, counts.torn), (1, 1, 0));
}

#[test]
fn files_that_do_not_serve_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let files = throw_away_ca(dir.path()).unwrap();
    let check = |cert: &Path, key: &Path, want: &str| {
        let text = ReceiverTls::from_files(cert, key, None).unwrap_err().to_string();
        assert!(text.contains(want), "{text}");
    };
    check(&files.server_key_file, &files.server_key_file, "server.key: no certificate in it");
    check(&files.server_cert_file, &files.ca_file, "ca.pem: no private key in it");
    check(&dir.path().join("absent.pem"), &files.server_key_file, "absent.pem: No such file");
}

type TlsClient =
    tokio_rustls::rustls::StreamOwned<tokio_rustls::rustls::ClientConnection, TcpStream>;

fn tls_connection(address: SocketAddr, files: &ThrowAwayCa, with_certificate: bool) -> TlsClient {
    use tokio_rustls::rustls::{
        ClientConfig, ClientConnection, RootCertStore, StreamOwned, crypto,
    };
    let client = ReceiverTls::from_files(
        &files.client_cert_file,
        &files.client_key_file,
        Some(&files.ca_file),
    )
    .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(client.client_authorities[0].clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = if with_certificate {
        builder.with_client_auth_cert(client.chain, client.key).unwrap()
    } else {
        builder.with_no_client_auth()
    };
    let name = "localhost".try_into().unwrap();
    let connection = ClientConnection::new(config.into(), name).unwrap();
    let socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    StreamOwned::new(connection, socket)
}
