//! Syslog over UDP (RFC 5426): one message per datagram, nothing proven.
//!
//! In: a batch and where each message ends. Out: that the local kernel took them. An ICMP error
//! (nothing listens on the port) arrives later and ends the link; datagrams lost on the way, or
//! dropped by a busy receiver, are never noticed. Use TCP or TLS where events matter.
//!
//! Diagnostics: none here; causes are returned.

use std::time::Duration;

use nix::errno::Errno;
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::cause::{self, Place, code};
use super::wire::Progress;
use crate::model::outcome::Cause;

/// 65,535 less the headers of UDP and IPv4 (RFC 5426, section 3.2).
const DATAGRAM_BYTES_MAX: usize = 65_507;

/// A socket that sends to one receiver.
#[derive(Debug)]
pub struct Udp {
    socket: UdpSocket,
    pub(super) place: Place,
    write_timeout: Duration,
    sent: u64,
}

impl Udp {
    /// `socket` is connected, so that ICMP errors reach it.
    pub fn new(socket: UdpSocket, place: Place, write_timeout: Duration) -> Udp {
        Udp { socket, place, write_timeout, sent: 0 }
    }

    /// See `Link::send`.
    pub async fn send(&mut self, batch: &[u8], ends: &[u32]) -> Result<u64, Cause> {
        let mut start = 0;
        for end in ends {
            let end = usize::try_from(*end).unwrap_or(usize::MAX);
            let Some(message) = batch.get(start..end) else { break };
            start = end;
            self.send_one(message).await?;
        }
        Ok(self.sent)
    }

    async fn send_one(&mut self, message: &[u8]) -> Result<(), Cause> {
        if message.len() > DATAGRAM_BYTES_MAX {
            return Err(too_long(&self.place, message.len()));
        }
        match timeout(self.write_timeout, self.socket.send(message)).await {
            Ok(Ok(_)) => {
                self.sent = self.sent.saturating_add(u64::try_from(message.len()).unwrap_or(0));
                Ok(())
            }
            Ok(Err(error)) if error.raw_os_error() == Some(Errno::EMSGSIZE as i32) => {
                Err(too_long(&self.place, message.len()))
            }
            Ok(Err(error)) => Err(cause::of_link(&self.place, &error)),
            Err(_) => Err(cause::no_progress(&self.place, self.write_timeout)),
        }
    }

    /// Everything sent counts as acknowledged: there is no better sign.
    pub fn progress(&self) -> Progress {
        Progress { acked: self.sent, window_max: 0 }
    }

    /// See `Link::ended`.
    pub async fn ended(&mut self) -> Cause {
        let mut scratch = [0_u8; 2048];
        loop {
            if let Err(error) = self.socket.recv(&mut scratch).await {
                return cause::of_link(&self.place, &error);
            }
        }
    }

    /// An ICMP error that is already here.
    pub fn failed(&self) -> Option<Cause> {
        let error = self.socket.take_error().unwrap_or_else(Some)?;
        Some(cause::of_link(&self.place, &error))
    }
}

fn too_long(place: &Place, length: usize) -> Cause {
    Cause::new(
        code::TOO_LONG,
        format!(
            "{place}: a message of {length} bytes does not fit into a datagram; lower \
             max_message_bytes or use tcp://"
        ),
    )
}
