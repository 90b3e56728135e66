//! A connection for a protocol that is spoken elsewhere, such as HTTP.
//!
//! In: an address, and a proxy where one stands before it. Out: a [`ByteStream`], under the same
//! policy, deadlines and trust as a link. Diagnostics: causes are returned.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::client::TlsStream;

use super::cause::{self, Place, code};
use super::connect::{Connector, Socket};
use super::settings::{Address, Protocol};
use super::tls::Tls;
use super::wire::Wire;
use crate::model::outcome::Cause;

/// The most bytes of a proxy's answer to CONNECT.
const PROXY_ANSWER_BYTES_MAX: usize = 8 * 1024;

/// An established connection, in the clear or under TLS.
#[derive(Debug)]
pub struct ByteStream(Kind);

#[derive(Debug)]
enum Kind {
    Plain(TcpStream),
    Tls(Box<TlsStream<Wire>>),
}

impl Connector {
    /// Connects to `address` as [`Connector::connect`] does; by way of `proxy`, the proxy resolves
    /// the name, and the policy is asked for the name and for the proxy's address.
    ///
    /// # Errors
    /// Every code of [`cause::code`] that belongs to connecting.
    pub async fn open_stream(
        &self,
        address: &Address,
        proxy: Option<&Address>,
    ) -> Result<ByteStream, Cause> {
        let trust = match address.protocol {
            Protocol::Tls => Some(self.trust()?),
            Protocol::Tcp | Protocol::Udp => None,
        };
        let deadline = Instant::now() + self.settings.connect_timeout;
        let first = proxy.unwrap_or(address);
        if proxy.is_some() {
            self.policy.permits(&address.host, None).map_err(|denied| {
                Cause::new(code::EGRESS_DENIED, format!("{address}: {denied}"))
            })?;
        }
        let addresses = self.permitted(first, deadline).await?;
        let (place, socket) = self.first_of(first, &addresses, deadline).await?;
        let Socket::Stream(mut stream) = socket else {
            return Err(Cause::new(
                code::UNREACHABLE,
                format!("{address}: needs tcp:// or tls://"),
            ));
        };
        if proxy.is_some() {
            let asked = timeout_at(deadline, connect_through(&mut stream, address));
            let answered = asked.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
            answered.map_err(|error| refused_by_proxy(address, &place, &error))?;
        }
        let Some(trust) = trust else { return Ok(ByteStream(Kind::Plain(stream))) };
        let place = Place { address: address.clone(), ..place };
        let name = self.settings.tls.as_ref().and_then(|tls| tls.server_name.as_deref());
        let name = name.unwrap_or(&address.host).to_owned();
        let limit = self.settings.handshake_timeout;
        let shaking =
            Tls::handshake(stream, place.clone(), self.settings.write_timeout, &trust, name);
        let tls = timeout(limit, shaking)
            .await
            .map_err(|_| cause::handshake_timeout(&place, limit))??;
        self.trusted().used = Some(trust);
        Ok(ByteStream(Kind::Tls(Box::new(tls.stream.carrier))))
    }
}

/// RFC 9110, section 9.3.6: behind the blank line of a 2xx answer the bytes are the receiver's.
async fn connect_through(stream: &mut TcpStream, address: &Address) -> io::Result<()> {
    let host = match address.host.parse::<IpAddr>() {
        Ok(IpAddr::V6(ip)) => format!("[{ip}]:{}", address.port),
        _ => format!("{}:{}", address.host, address.port),
    };
    let request = format!("CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        // One by one: what follows is not ours to take, and this happens once a connection.
        answer.push(stream.read_u8().await?);
        if answer.len() > PROXY_ANSWER_BYTES_MAX {
            return Err(io::Error::other("its answer to CONNECT has no end"));
        }
    }
    let line = answer.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let text = String::from_utf8_lossy(line);
    match text.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok()) {
        Some(200..=299) if text.starts_with("HTTP/1.") => Ok(()),
        Some(status) => Err(io::Error::other(format!("it answered CONNECT with {status}"))),
        None => Err(io::Error::other("it does not answer CONNECT as an HTTP proxy does")),
    }
}

fn refused_by_proxy(address: &Address, proxy: &Place, error: &io::Error) -> Cause {
    Cause::new(
        "proxy",
        format!("{address}: the proxy {proxy}: {error}; check `proxy` and what it permits"),
    )
}

impl AsyncRead for ByteStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Kind::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Kind::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for ByteStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.0 {
            Kind::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Kind::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Kind::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Kind::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.0 {
            Kind::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Kind::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
