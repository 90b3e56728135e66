//! A connection to a receiver, of whichever protocol.
//!
//! In: batches of encoded messages. Out: how far the receiver has them. A link is used until it
//! ends and is never repaired; what was not confirmed is then sent again on a new one.
//!
//! Diagnostics: none here; causes are returned.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpStream, UdpSocket};

use super::cause::{self, Place};
use super::stream::Stream;
use super::tls::Tls;
use super::trust::Trust;
use super::udp::Udp;
use super::wire::{Progress, Wire};
use crate::model::outcome::Cause;

/// An established connection.
///
/// Do not drop a healthy one: `Connector::prove` it, so that its tail is proven.
#[derive(Debug)]
pub struct Link(Kind);

#[derive(Debug)]
enum Kind {
    Tcp(Stream<Wire>),
    Tls(Box<Tls>),
    Udp(Udp),
}

/// What a half-close brought to light.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drained {
    /// The receiver's program has read every byte and still ran when it had: it answered with
    /// close_notify, or with a FIN alone and then took another connection
    /// (`Connector::prove`).
    ///
    /// A program that closes because it saw our close_notify or FIN has had all before it; one that
    /// closes for a reason of its own at that very moment may leave what its TLS library had
    /// decrypted, at most a record of 16 KiB. Whether a program that read an event also kept it no
    /// sender of syslog can know. A program that sends FIN by `shutdown` while it still has data to
    /// read would mislead us; none is known.
    Proven,
    /// The receiver answered with FIN alone, everything is acknowledged: its program has read every
    /// byte, but may have been killed right after, with what it had read. Linux sends RST, not FIN,
    /// for a socket that is closed or dies with unread bytes.
    Closed,
    /// RST, an alert, or an end that the receiver had begun before: the tail is to be sent again.
    Refuted(Cause),
    /// The deadline passed: nothing is known of the tail, and it is to be sent again.
    NoAnswer,
}

impl Link {
    /// Over a connected socket.
    ///
    /// # Errors
    /// The kernel does not tell of the socket.
    pub(super) fn tcp(
        stream: TcpStream,
        place: Place,
        write_timeout: Duration,
    ) -> Result<Link, Cause> {
        let wire = Wire::new(stream).map_err(|error| cause::of_link(&place, &error))?;
        Ok(Link(Kind::Tcp(Stream::new(wire, place, write_timeout))))
    }

    /// Over a connected socket, after a handshake with the receiver that `name` names.
    ///
    /// # Errors
    /// The handshake failed.
    pub(super) async fn tls(
        stream: TcpStream,
        place: Place,
        write_timeout: Duration,
        trust: &Trust,
        name: String,
    ) -> Result<Link, Cause> {
        let tls = Tls::handshake(stream, place, write_timeout, trust, name).await?;
        Ok(Link(Kind::Tls(Box::new(tls))))
    }

    /// Over a connected socket.
    pub(super) fn udp(socket: UdpSocket, place: Place, write_timeout: Duration) -> Link {
        Link(Kind::Udp(Udp::new(socket, place, write_timeout)))
    }

    /// Hands the whole batch to the kernel, and returns the wire offset behind it: bytes written to
    /// the socket since connect, ciphertext and handshake under TLS. `ends` are the end offsets of
    /// the messages in `batch`; UDP sends a datagram for each, streams ignore it.
    ///
    /// Not cancel-safe: a link whose send was dropped half way refuses the next one, as a batch
    /// begun in the middle of a message would spoil both.
    ///
    /// # Errors
    /// The peer ended the link, or took no byte for `write_timeout`.
    pub async fn send(&mut self, batch: &[u8], ends: &[u32]) -> Result<u64, Cause> {
        match &mut self.0 {
            Kind::Tcp(stream) => stream.send(batch).await,
            Kind::Tls(tls) => tls.stream.send(batch).await,
            Kind::Udp(udp) => udp.send(batch, ends).await,
        }
    }

    /// What the peer's kernel has acknowledged, and the largest window it advertised. UDP:
    /// everything sent. Cheap enough for every batch: two system calls.
    ///
    /// # Errors
    /// The kernel does not tell of the socket any more.
    pub fn progress(&mut self) -> Result<Progress, Cause> {
        match &mut self.0 {
            Kind::Tcp(stream) => stream.progress(),
            Kind::Tls(tls) => tls.stream.progress(),
            Kind::Udp(udp) => Ok(udp.progress()),
        }
    }

    /// Resolves when the link has ended: FIN, RST, close_notify, an alert, or an ICMP error on UDP.
    /// Discards what the receiver says. Cancel-safe.
    pub async fn ended(&mut self) -> Cause {
        match &mut self.0 {
            Kind::Tcp(stream) => stream.ended().await,
            Kind::Tls(tls) => tls.stream.ended().await,
            Kind::Udp(udp) => udp.ended().await,
        }
    }

    /// Half-closes (after close_notify under TLS) and waits for the receiver's end. UDP has nothing
    /// to prove: `Proven` unless an ICMP error is already here.
    pub(super) async fn drain(self, deadline: Duration) -> Drained {
        match self.0 {
            Kind::Tcp(stream) => stream.drain(deadline).await,
            Kind::Tls(tls) => tls.stream.drain(deadline).await,
            Kind::Udp(udp) => udp.failed().map_or(Drained::Proven, Drained::Refuted),
        }
    }

    /// The address that is connected to.
    pub fn peer(&self) -> SocketAddr {
        self.place().peer
    }

    /// The same, with how it was configured.
    pub(super) fn place(&self) -> &Place {
        match &self.0 {
            Kind::Tcp(stream) => &stream.place,
            Kind::Tls(tls) => &tls.stream.place,
            Kind::Udp(udp) => &udp.place,
        }
    }

    /// For logs and status: `tls 1.3 to 10.0.0.5:6514`.
    pub fn describe(&self) -> String {
        let peer = self.peer();
        match &self.0 {
            Kind::Tcp(_) => format!("tcp to {peer}"),
            Kind::Tls(tls) => format!("tls {} to {peer}", tls.version()),
            Kind::Udp(_) => format!("udp to {peer}"),
        }
    }
}
