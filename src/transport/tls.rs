//! TLS above a counted connection (RFC 5425).
//!
//! In: a connected socket and what to trust. Out: a stream whose wire offsets count ciphertext.
//!
//! Diagnostics: none here; causes are returned.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConnection, ProtocolVersion};

use super::cause::{self, Place, code};
use super::stream::{Carrier, End, Stream};
use super::trust::Trust;
use super::wire::{Records, Wire};
use crate::model::outcome::Cause;

/// How long to wait, after a TLS 1.3 handshake, for the receiver's verdict on our certificate: it
/// comes as an alert, and acceptance shows in the session ticket nearly every server sends. Without
/// the wait the first batch would be written to a receiver that has refused us.
const VERDICT_WAIT_MAX: Duration = Duration::from_millis(250);

/// The most ciphertext that waits for the kernel: one record. Four of them at a time, as by
/// default, cost fewer system calls, but musl's allocator gives the pages of all back and takes
/// them anew, which is a tenth of the static binary's time.
const RECORD_BYTES_MAX: usize = 16 * 1024;

impl Carrier for TlsStream<Wire> {
    const END: End = End::Notified;

    fn wire(&mut self) -> &mut Wire {
        self.get_mut().0
    }
}

/// An established TLS link.
#[derive(Debug)]
pub struct Tls {
    pub(super) stream: Stream<TlsStream<Wire>>,
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
        let connector = TlsConnector::from(config);
        let record_by_record = |connection: &mut ClientConnection| {
            connection.set_buffer_limit(Some(RECORD_BYTES_MAX));
        };
        let connected = connector.connect_with(server, wire, record_by_record).await;
        let carrier = connected
            .map_err(|error| cause::of_handshake(&place, &error, seen.get().map(String::as_str)))?;
        let mut stream = Stream::new(carrier, place, write_timeout);
        if version(&stream.carrier) == Some(ProtocolVersion::TLSv1_3) {
            verdict(&mut stream).await?;
        }
        Ok(Tls { stream })
    }

    /// `1.3` or `1.2`.
    pub fn version(&self) -> &'static str {
        match version(&self.stream.carrier) {
            Some(ProtocolVersion::TLSv1_3) => "1.3",
            _ => "1.2",
        }
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
