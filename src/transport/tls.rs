//! TLS above a counted connection (RFC 5425).
//!
//! In: a connected socket and what to trust. Out: a stream whose wire offsets count ciphertext.
//!
//! TLS 1.3 can also be asked how far the receiver's program has read, which TCP cannot: a KeyUpdate
//! with `update_requested` (RFC 8446, section 4.6.3) is answered by the peer's TLS library when it
//! comes to read it, and it reads in order. Java, which QRadar and ArcSight run on, answers at once
//! (tried: OpenJDK 17); OpenSSL and rustls only with the next data they send, which a syslog
//! receiver never does. The library may have read a record more than the program took from it.
//!
//! Diagnostics: none here; causes are returned.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ProtocolVersion;
use tokio_rustls::rustls::pki_types::ServerName;

use super::cause::{self, Place, code};
use super::stream::{Carrier, Stream};
use super::trust::Trust;
use super::wire::{Progress, Records, Wire};
use crate::model::outcome::Cause;

/// How long to wait, after a TLS 1.3 handshake, for the receiver's verdict on our certificate: it
/// comes as an alert, and acceptance shows in the session ticket nearly every server sends. Without
/// the wait the first batch would be written to a receiver that has refused us.
const VERDICT_WAIT_MAX: Duration = Duration::from_millis(250);

/// Questions per link: rustls ends a connection that brings 32 KeyUpdates with no data between, and
/// so do others.
pub const QUESTIONS_MAX: u32 = 30;

impl Carrier for TlsStream<Wire> {
    fn wire(&mut self) -> &mut Wire {
        self.get_mut().0
    }
}

/// An established TLS link.
#[derive(Debug)]
pub struct Tls {
    pub(super) stream: Stream<TlsStream<Wire>>,
    question: Question,
}

/// One question at a time of how far the receiver has read.
#[derive(Debug, Default)]
struct Question {
    /// Wire offset behind the KeyUpdate that is not answered yet.
    asked: Option<u64>,
    /// How many questions were put.
    number: u32,
    /// Records of a KeyUpdate's size that had come when it was asked.
    answers_before: u64,
    /// What the last answer proves.
    read: u64,
}

impl Tls {
    /// Shakes hands, and waits for the receiver's verdict on our certificate.
    ///
    /// # Errors
    /// Why the receiver is not trusted, or why it does not trust us.
    pub async fn handshake(
        stream: TcpStream,
        place: Place,
        write_timeout: Duration,
        trust: &Trust,
        name: String,
    ) -> Result<Tls, Cause> {
        let server = ServerName::try_from(name.as_str()).map_err(|_| {
            Cause::new(
                code::TLS,
                format!("{place}: `{name}` is no host name; set server_name in [destination.tls]"),
            )
        })?;
        let server = server.to_owned();
        let mut wire = Wire::new(stream).map_err(|error| cause::of_link(&place, &error))?;
        wire.records = Some(Records::default());
        let (config, seen) = trust.handshake();
        let connected = TlsConnector::from(config).connect(server, wire).await;
        let carrier = connected
            .map_err(|error| cause::of_handshake(&place, &error, seen.get().map(String::as_str)))?;
        let mut stream = Stream::new(carrier, place, write_timeout);
        if version(&stream.carrier) == Some(ProtocolVersion::TLSv1_3) {
            verdict(&mut stream).await?;
        }
        Ok(Tls { stream, question: Question::default() })
    }

    /// `1.3` or `1.2`.
    pub fn version(&self) -> &'static str {
        match version(&self.stream.carrier) {
            Some(ProtocolVersion::TLSv1_3) => "1.3",
            _ => "1.2",
        }
    }

    /// See `Link::ask`.
    pub async fn ask(&mut self) -> Result<bool, Cause> {
        if version(&self.stream.carrier) != Some(ProtocolVersion::TLSv1_3)
            || self.question.asked.is_some()
            || self.question.number >= QUESTIONS_MAX
            || self.stream.said > 0
        {
            return Ok(false);
        }
        self.question.answers_before = self.answers();
        let (_, session) = self.stream.carrier.get_mut();
        if session.refresh_traffic_keys().is_err() {
            return Ok(false);
        }
        self.question.number = self.question.number.saturating_add(1);
        self.stream.flush_out(&mut [].as_slice()).await?;
        self.question.asked = Some(self.stream.carrier.wire().written());
        Ok(true)
    }

    /// See `Link::progress`.
    pub fn progress(&mut self) -> Result<Progress, Cause> {
        let progress = self.stream.progress()?;
        // Application data of that length would look the same: a receiver that talks is not heard.
        let answered = self.stream.said == 0 && self.answers() > self.question.answers_before;
        if answered && let Some(asked) = self.question.asked.take() {
            self.question.read = asked;
        }
        Ok(Progress { read: self.question.read, ..progress })
    }

    fn answers(&mut self) -> u64 {
        self.stream.carrier.wire().records.as_ref().map_or(0, |records| records.key_update_sized)
    }
}

fn version(carrier: &TlsStream<Wire>) -> Option<ProtocolVersion> {
    carrier.get_ref().1.protocol_version()
}

/// Returns when a record has come, or after [`VERDICT_WAIT_MAX`].
async fn verdict(stream: &mut Stream<TlsStream<Wire>>) -> Result<(), Cause> {
    let records = |stream: &mut Stream<TlsStream<Wire>>| {
        stream.carrier.wire().records.as_ref().map_or(0, |records| records.all)
    };
    let before = records(stream);
    let first = poll_fn(|cx| match stream.poll_end(cx) {
        Poll::Ready(end) => Poll::Ready(Some(end)),
        Poll::Pending if records(stream) > before => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    });
    match tokio::time::timeout(VERDICT_WAIT_MAX, first).await {
        Err(_) | Ok(None) => Ok(()),
        Ok(Some(end)) => Err(stream.cause(end)),
    }
}
