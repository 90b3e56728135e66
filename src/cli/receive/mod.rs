//! A small receiver: for acceptance tests on site, for `demo`, and for this project's own tests.
//!
//! In: connections or datagrams at one address. Out: every complete message, byte for byte, to a
//! sink, in the order in which it arrived on its connection; and counts at the end. A message that
//! the end of its connection cut is counted, not handed on. Memory is bounded: per connection one
//! unfinished message and one chunk, and at most [`CONNECTIONS_MAX`] connections.
//!
//! Diagnostics: a failed handshake or a broken frame ends that connection with a warning; only a
//! sink that fails ends the receiver.

mod certificates;
mod command;
mod file_sink;
mod framing;
mod serve;
mod stream;
#[cfg(test)]
mod tests;
mod tls;

use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex};

use tokio::task::JoinError;
use tokio_rustls::TlsAcceptor;

pub use certificates::{
    Authority, CertificateError, Issued, Purpose, Subject, ThrowAwayCa, throw_away_ca,
};
pub use command::{Arguments, run};
pub use file_sink::{FileSink, append_line};
pub use framing::{FrameError, Framing};
use serve::{Hub, Reading, accept, datagrams, lock};
use stream::Throttle;
pub use tls::{ReceiverTls, TlsError};

/// More connections than these wait in the kernel's queue.
pub const CONNECTIONS_MAX: usize = 256;

/// What one receiver listens to.
#[derive(Debug)]
pub struct ReceiveSettings {
    /// Where; port 0 lets the system choose, and [`Receiver::local_addr`] tells.
    pub address: SocketAddr,
    /// How it is spoken to.
    pub protocol: ReceiveProtocol,
    /// How the messages of a stream are told apart; a datagram is one message.
    pub framing: Framing,
    /// Longer messages are passed over and counted.
    pub max_message_bytes: usize,
    /// Plays a slow receiver; `None` reads as fast as it can.
    pub throttle_bytes_per_second: Option<u64>,
}

/// The transports of syslog, from the receiver's side.
#[derive(Debug)]
pub enum ReceiveProtocol {
    /// RFC 6587.
    Tcp,
    /// RFC 5425.
    Tls(ReceiverTls),
    /// RFC 5426.
    Udp,
}

/// The messages that one read completed.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// Who sent them.
    pub peer: SocketAddr,
    bytes: &'a [u8],
    ends: &'a [usize],
}

impl<'a> Batch<'a> {
    /// The messages in their order, without framing, as they came.
    pub fn messages(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let bytes = self.bytes;
        let mut start = 0;
        self.ends.iter().filter_map(move |end| {
            let message = bytes.get(start..*end);
            start = *end;
            message
        })
    }
}

/// What a receiver has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Complete messages, handed to the sink.
    pub messages: u64,
    /// Their octets, without framing.
    pub message_bytes: u64,
    /// Accepted connections.
    pub connections: u64,
    /// Messages that the end of their connection cut.
    pub cut: u64,
    /// Messages longer than the limit, passed over.
    pub oversized: u64,
    /// Connections given up because their framing made no sense.
    pub broken: u64,
    /// TLS handshakes that failed.
    pub failed_handshakes: u64,
    /// Connections that ended in an error instead of a clean end of stream.
    pub torn: u64,
}

/// Why a receiver cannot begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// The address cannot be had.
    #[error("cannot listen on {address}: {source}; choose another address or port")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Certificate, key or authority cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The socket failed while listening.
    #[error("the socket that listens on {address} failed: {source}")]
    Socket {
        /// Where it listens.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Whoever takes the messages could not.
    #[error(
        "received messages cannot be stored: {0}; the receiver stops, so that its senders hold theirs"
    )]
    Sink(io::Error),
    /// A connection's task died of a defect.
    #[error("a connection's task failed: {0}")]
    Task(JoinError),
}

/// A bound receiver; [`Receiver::run`] lets it receive.
#[derive(Debug)]
pub struct Receiver {
    socket: Socket,
    local: SocketAddr,
    framing: Framing,
    max_message_bytes: usize,
    throttle: Throttle,
}

enum Socket {
    Tcp(TcpListener),
    Tls(TcpListener, TlsAcceptor),
    Udp(UdpSocket),
}

impl std::fmt::Debug for Socket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Socket::Tcp(_) => "Tcp",
            Socket::Tls(..) => "Tls",
            Socket::Udp(_) => "Udp",
        })
    }
}

impl Receiver {
    /// Binds the address. Needs no runtime; from here on the kernel takes connections.
    pub fn bind(settings: ReceiveSettings) -> Result<Receiver, ReceiveError> {
        let address = settings.address;
        let at_bind = |source| ReceiveError::Bind { address, source };
        let listen = || {
            let listener = TcpListener::bind(address).map_err(at_bind)?;
            listener.set_nonblocking(true).map_err(at_bind)?;
            let local = listener.local_addr().map_err(at_bind)?;
            Ok::<_, ReceiveError>((listener, local))
        };
        let (socket, local) = match settings.protocol {
            ReceiveProtocol::Tcp => {
                let (listener, local) = listen()?;
                (Socket::Tcp(listener), local)
            }
            ReceiveProtocol::Tls(tls) => {
                let acceptor = tls.acceptor()?;
                let (listener, local) = listen()?;
                (Socket::Tls(listener, acceptor), local)
            }
            ReceiveProtocol::Udp => {
                let socket = UdpSocket::bind(address).map_err(at_bind)?;
                socket.set_nonblocking(true).map_err(at_bind)?;
                let local = socket.local_addr().map_err(at_bind)?;
                (Socket::Udp(socket), local)
            }
        };
        Ok(Receiver {
            socket,
            local,
            framing: settings.framing,
            max_message_bytes: settings.max_message_bytes,
            throttle: Throttle::new(settings.throttle_bytes_per_second),
        })
    }

    /// Where it listens, with the port that the system chose.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Receives until `stop`, then lets go of all connections. `sink` is called once for every
    /// read that completed at least one message, before the next read of that connection.
    pub async fn run(
        self,
        sink: impl FnMut(&Batch<'_>) -> io::Result<()> + Send + 'static,
        stop: impl Future<Output = ()>,
    ) -> Result<Counts, ReceiveError> {
        let address = self.local;
        let at_socket = |source| ReceiveError::Socket { address, source };
        let hub = Arc::new(Mutex::new(Hub { sink, counts: Counts::default() }));
        let reading = Reading {
            framing: self.framing,
            max_message_bytes: self.max_message_bytes,
            throttle: self.throttle,
        };
        let outcome = match self.socket {
            Socket::Udp(socket) => {
                let socket = tokio::net::UdpSocket::from_std(socket).map_err(at_socket)?;
                tokio::select! {
                    () = stop => Ok(()),
                    ended = datagrams(socket, reading, &hub) => ended,
                }
            }
            Socket::Tcp(listener) => {
                let listener = tokio::net::TcpListener::from_std(listener).map_err(at_socket)?;
                accept(listener, None, reading, &hub, stop).await
            }
            Socket::Tls(listener, acceptor) => {
                let listener = tokio::net::TcpListener::from_std(listener).map_err(at_socket)?;
                accept(listener, Some(acceptor), reading, &hub, stop).await
            }
        };
        outcome?;
        Ok(lock(&hub).counts)
    }
}
