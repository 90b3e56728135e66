//! The sockets' side of the receiver: accepts, reads, and hands over.
//!
//! All connections share one sink behind a lock, which is never held across a wait.
//!
//! Diagnostics: as the module above says; an error from here means that the sink failed.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::framing::{Framing, Splitter};
use super::stream::{CHUNK_BYTES_MAX, Stream, Throttle};
use super::{Batch, CONNECTIONS_MAX, Counts, ReceiveError};

/// How long a TLS handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The wait after `accept` failed: it does so when descriptors run out, and must not spin.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// What all connections share.
pub(super) struct Hub<S> {
    pub(super) sink: S,
    pub(super) counts: Counts,
}

/// How every connection is read.
#[derive(Clone, Copy)]
pub(super) struct Reading {
    pub(super) framing: Framing,
    pub(super) max_message_bytes: usize,
    pub(super) throttle: Throttle,
}

impl<S: FnMut(&Batch<'_>) -> io::Result<()>> Hub<S> {
    fn hand_over(&mut self, batch: &Batch<'_>) -> Result<(), ReceiveError> {
        if batch.ends.is_empty() {
            return Ok(());
        }
        self.counts.messages += batch.ends.len() as u64;
        self.counts.message_bytes += batch.ends.last().copied().unwrap_or(0) as u64;
        (self.sink)(batch).map_err(ReceiveError::Sink)
    }
}

/// A sink that panicked has broken nothing of ours: the counts stay right.
pub(super) fn lock<S>(hub: &Mutex<Hub<S>>) -> MutexGuard<'_, Hub<S>> {
    hub.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Receives datagrams for ever; ends when the sink fails.
pub(super) async fn datagrams<S: FnMut(&Batch<'_>) -> io::Result<()>>(
    socket: UdpSocket,
    reading: Reading,
    hub: &Mutex<Hub<S>>,
) -> Result<(), ReceiveError> {
    // No UDP payload is longer (RFC 768: a length of 16 bits).
    let mut datagram = vec![0; usize::from(u16::MAX)];
    loop {
        // ICMP errors of our own answers do not concern a socket that never sends.
        let Ok((length, peer)) = socket.recv_from(&mut datagram).await else { continue };
        if length > reading.max_message_bytes {
            lock(hub).counts.oversized += 1;
        } else if length > 0 {
            let bytes = datagram.get(..length).unwrap_or_default();
            lock(hub).hand_over(&Batch { peer, bytes, ends: &[length] })?;
        }
        reading.throttle.wait(length).await;
    }
}

/// Takes connections until `stop`, then drops them all; ends before when a sink fails.
pub(super) async fn accept<S>(
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    reading: Reading,
    hub: &Arc<Mutex<Hub<S>>>,
    stop: impl Future<Output = ()>,
) -> Result<(), ReceiveError>
where
    S: FnMut(&Batch<'_>) -> io::Result<()> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        // The place is had before the connection, so that the surplus waits in the kernel.
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (listener.accept().await, place)
        };
        tokio::select! {
            () = &mut stop => break,
            Some(ended) = connections.join_next() => ended.map_err(ReceiveError::Task)??,
            (accepted, place) = next => match accepted {
                Ok((stream, peer)) => {
                    let (acceptor, hub) = (acceptor.clone(), Arc::clone(hub));
                    connections.spawn(async move {
                        let _place = place;
                        connection(stream, peer, acceptor, reading, &hub).await
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "accept failed; trying again");
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            },
        }
    }
    connections.shutdown().await;
    Ok(())
}

/// Serves one connection to its end. An error means that the sink failed.
async fn connection<S: FnMut(&Batch<'_>) -> io::Result<()>>(
    stream: TcpStream,
    peer: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    reading: Reading,
    hub: &Mutex<Hub<S>>,
) -> Result<(), ReceiveError> {
    lock(hub).counts.connections += 1;
    let mut stream = match acceptor {
        None => Stream::Plain(stream),
        Some(acceptor) => {
            let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream));
            match handshake.await.map_err(io::Error::from).and_then(|done| done) {
                Ok(stream) => Stream::Tls(Box::new(stream)),
                Err(error) => {
                    tracing::warn!(%peer, %error, "TLS handshake failed");
                    lock(hub).counts.failed_handshakes += 1;
                    return Ok(());
                }
            }
        }
    };
    let mut splitter = Splitter::new(reading.framing, reading.max_message_bytes);
    let ended = read_all(&mut stream, peer, &mut splitter, reading.throttle, hub).await?;
    {
        let counts = &mut lock(hub).counts;
        counts.cut += u64::from(!splitter.is_at_boundary());
        counts.oversized += splitter.oversized();
        counts.broken += u64::from(ended == End::Broken);
        counts.torn += u64::from(ended == End::Torn);
    }
    if ended == End::Clean && stream.close().await.is_err() {
        lock(hub).counts.torn += 1;
    }
    Ok(())
}

/// How a connection ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Clean,
    Broken,
    Torn,
}

async fn read_all<S: FnMut(&Batch<'_>) -> io::Result<()>>(
    stream: &mut Stream,
    peer: SocketAddr,
    splitter: &mut Splitter,
    throttle: Throttle,
    hub: &Mutex<Hub<S>>,
) -> Result<End, ReceiveError> {
    let mut chunk = vec![0; throttle.chunk_bytes().min(CHUNK_BYTES_MAX)];
    loop {
        let mut length = match stream.look(&mut chunk).await {
            Ok(0) => return Ok(End::Clean),
            Ok(length) => length,
            Err(error) => {
                tracing::debug!(%peer, %error, "connection torn");
                return Ok(End::Torn);
            }
        };
        let mut read = 0;
        loop {
            let Some(looked) = chunk.get_mut(..length) else { return Ok(End::Torn) };
            let split = splitter.push(looked);
            let (bytes, ends) = splitter.messages();
            lock(hub).hand_over(&Batch { peer, bytes, ends })?;
            splitter.clear();
            if let Err(error) = split {
                tracing::warn!(%peer, %error, "connection given up");
                return Ok(End::Broken);
            }
            if stream.take(looked).await.is_err() {
                return Ok(End::Torn);
            }
            read += length;
            match stream.taken(&mut chunk) {
                Some(more) => length = more,
                None => break,
            }
        }
        throttle.wait(read).await;
    }
}
