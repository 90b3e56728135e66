//! Resolving, asking the policy, connecting.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::time::Duration;

use socket2::{Domain, Socket as RawSocket, Type};

use super::receiver::{LONG, address, loopback, read_all, receive, settings};
use crate::model::egress::{HostRule, Policy};
use crate::model::outcome::Cause;
use crate::transport::cause::code;
use crate::transport::connect::{Connector, Shape, open};
use crate::transport::link::Drained;
use crate::transport::resolve::Lookup;
use crate::transport::settings::Protocol;

/// Public addresses in tests are those reserved for documentation (RFC 5737).
const PUBLIC: [u8; 4] = [192, 0, 2, 1];

fn table(host: &str) -> Vec<IpAddr> {
    match host {
        "public.test" => vec![PUBLIC.into()],
        "second.test" => vec![loopback(9), loopback(1)],
        "mixed.test" => vec![PUBLIC.into(), loopback(1)],
        _ => Vec::new(),
    }
}

async fn connect(host: &str, port: u16, policy: Policy) -> Result<(), Cause> {
    let connector = Connector::new(settings(None), policy).with_lookup(Lookup::Table(table));
    connector.connect(&address(Protocol::Tcp, host, port)).await.map(|_| ())
}

async fn refused_with(host: &str, policy: Policy) -> Cause {
    connect(host, 514, policy).await.unwrap_err()
}

#[tokio::test]
async fn the_policy_is_asked_before_and_after_resolution() {
    for host in ["192.0.2.1", "public.test", "2001:db8::1", "0.0.0.0", "224.0.0.1"] {
        let cause = refused_with(host, Policy::default()).await;
        assert_eq!(cause.code, code::EGRESS_DENIED, "{cause}");
    }
    let hosts = vec![HostRule::Name("other.test".into())];
    let listed = Policy { allow: true, hosts, ..Policy::default() };
    assert_eq!(refused_with("public.test", listed).await.code, code::EGRESS_DENIED);
}

/// A socket is never opened to an address the policy denies, whoever asks.
#[tokio::test]
async fn the_one_function_that_opens_sockets_asks_again() {
    let to = SocketAddr::new(PUBLIC.into(), 514);
    for shape in [Shape::Stream(None), Shape::Datagram, Shape::Unconnected(([0; 4], 0).into())] {
        let denied = open(&Policy::default(), "192.0.2.1", to, shape).await;
        assert_eq!(denied.err().map(|error| error.kind()), Some(ErrorKind::PermissionDenied));
    }
}

#[tokio::test]
async fn only_the_permitted_addresses_of_a_name_are_tried() {
    let (to, receiver) = receive(read_all);
    connect("mixed.test", to.port(), Policy::default()).await.unwrap();
    receiver.join().unwrap();
}

#[tokio::test]
async fn the_next_address_is_tried_when_one_refuses() {
    let (to, receiver) = receive(read_all);
    connect("second.test", to.port(), Policy::default()).await.unwrap();
    receiver.join().unwrap();
}

#[tokio::test]
async fn nobody_listens() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let cause = connect("127.0.0.1", port, Policy::default()).await.unwrap_err();
    assert_eq!(cause.code, code::REFUSED);
    let cause = connect("second.test", port, Policy::default()).await.unwrap_err();
    assert_eq!(cause.code, code::REFUSED);
    assert!(cause.text.contains("127.0.0.1") && cause.text.contains("127.0.0.9"), "{cause}");
}

#[tokio::test]
async fn nobody_answers() {
    // A full accept queue drops the handshake's first packet, as a firewall does.
    let listener = RawSocket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    listener.listen(0).unwrap();
    let to = listener.local_addr().unwrap().as_socket().unwrap();
    let _filler = std::net::TcpStream::connect(to).unwrap();
    let mut brief = settings(None);
    brief.connect_timeout = Duration::from_millis(300);
    let connector = Connector::new(brief, Policy::default());
    let answer = connector.connect(&address(Protocol::Tcp, "127.0.0.1", to.port())).await;
    assert_eq!(answer.unwrap_err().code, code::TIMEOUT);
}

#[tokio::test]
async fn a_name_without_addresses() {
    assert_eq!(refused_with("nowhere.test", Policy::default()).await.code, code::UNRESOLVED);
}

/// /etc/hosts, which every machine has this name in; no packet leaves.
#[tokio::test]
async fn localhost_resolves_by_the_system() {
    let found = Lookup::System.addresses("localhost", &Policy::default()).await.unwrap();
    assert!(found.contains(&loopback(1)), "{found:?}");
}

/// Answers one A question after the other with 10.1.2.3 and everything else with nothing (RFC 1035,
/// section 4.1), or says that there is no such name.
fn name_server(is_known: bool) -> SocketAddr {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut query) {
            let name_end = 12 + query[12..length].iter().position(|byte| *byte == 0).unwrap();
            let question = &query[12..name_end + 5];
            let is_address = question[question.len() - 4..] == [0, 1, 0, 1];
            let answers = u8::from(is_known && is_address);
            let status = if is_known { 0x80 } else { 0x83 };
            let mut answer = vec![query[0], query[1], 0x81, status, 0, 1, 0, answers, 0, 0, 0, 0];
            answer.extend_from_slice(question);
            if answers == 1 {
                answer.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 1, 2, 3]);
            }
            socket.send_to(&answer, from).unwrap();
        }
    });
    to
}

#[tokio::test]
async fn a_name_server_is_asked() {
    let policy = Policy::default();
    let found = Lookup::Server(name_server(true)).addresses("siem.test", &policy).await.unwrap();
    assert_eq!(found, [IpAddr::from([10, 1, 2, 3])]);
    let none = Lookup::Server(name_server(false)).addresses("siem.test", &policy).await;
    let cause = none.unwrap_err();
    assert_eq!(cause.code, code::UNRESOLVED);
    assert!(cause.text.contains("no such name"), "{cause}");
}

#[tokio::test]
async fn a_name_server_that_the_policy_denies_is_not_asked() {
    let server = Lookup::Server(SocketAddr::new(PUBLIC.into(), 53));
    let cause = server.addresses("siem.test", &Policy::default()).await.unwrap_err();
    assert_eq!(cause.code, code::UNRESOLVED);
    assert!(cause.text.contains("the egress policy permits no name server"), "{cause}");
}

#[tokio::test]
async fn a_connection_is_tuned() {
    let (to, receiver) = receive(read_all);
    let settings = settings(None);
    let opened = open(&Policy::default(), "127.0.0.1", to, Shape::Stream(Some(&settings))).await;
    let Ok(crate::transport::connect::Socket::Stream(stream)) = opened else { panic!() };
    let socket = socket2::SockRef::from(&stream);
    assert!(socket.keepalive().unwrap() && socket.tcp_nodelay().unwrap());
    assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(60));
    assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_secs(30)));
    assert_eq!(socket.tcp_notsent_lowat().unwrap(), 128 * 1024);
    drop(stream);
    receiver.join().unwrap();
}

#[tokio::test]
async fn a_link_by_ipv6() {
    let Ok(listener) = TcpListener::bind("[::1]:0") else { return };
    let port = listener.local_addr().unwrap().port();
    let receiver = std::thread::spawn(move || read_all(listener.accept().unwrap().0));
    let connector = Connector::new(settings(None), Policy::default());
    let link = connector.connect(&address(Protocol::Tcp, "::1", port)).await.unwrap();
    assert_eq!(link.drain(LONG).await, Drained::Closed);
    receiver.join().unwrap();
}
