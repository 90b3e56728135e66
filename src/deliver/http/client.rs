//! Requests over connections that are kept: HTTP/1.1 by hyper, over the streams of `transport`.
//!
//! In: a [`Request`]. Out: its [`Response`], read to a bound, or why there is none. No redirect is
//! followed, no proxy of the environment is used. Diagnostics: causes are returned, without paths
//! and headers, which may be secrets.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_ENCODING, HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;

use crate::http::settings::Endpoint;
use crate::http::{Method, Request, Response};
use crate::model::outcome::Cause;
use crate::transport::settings::{Address, Protocol};
use crate::transport::{ByteStream, Connector};

/// The most bytes of a response body that are read; what is behind them is not.
const RESPONSE_BYTES_MAX: usize = 1024 * 1024;
/// The most bytes of a response's header lines.
const HEADER_BYTES_MAX: usize = 64 * 1024;
/// Connections that are kept while they are idle; more than requests in flight are never made.
const IDLE_MAX: usize = 64;
/// What of a connection is copied at a time.
const READ_BYTES: usize = 16 * 1024;

/// Sends the requests of one destination.
pub struct Client {
    connector: Connector,
    proxy: Option<Address>,
    timeout: Duration,
    idle: Mutex<Vec<Lease>>,
    connections: AtomicU64,
}

/// A kept connection. It has a channel of its own (Splunk), so that what a receiver counts anew
/// after its restart is told from what it had counted before.
#[derive(Debug)]
pub struct Lease {
    endpoint: Endpoint,
    /// A UUID.
    pub channel: String,
    sender: SendRequest<Full<Bytes>>,
}

/// Why there is no response.
#[derive(Debug)]
pub struct Failed {
    /// In words.
    pub cause: Cause,
    /// The time was up: a smaller request may make it.
    pub is_timeout: bool,
    /// The receiver had closed the kept connection, and has nothing of the request: no failure.
    pub is_stale: bool,
}

/// A body as it travels.
#[derive(Debug)]
pub struct Packed {
    /// Where it goes, how, and with which headers; its body is empty.
    pub head: Request,
    /// The body, compressed or not.
    pub body: Vec<u8>,
    /// It is compressed.
    pub is_gzip: bool,
}

impl Client {
    /// `connector` is of the HTTP policy; `limit` is for one exchange without its connect.
    pub fn new(connector: Connector, proxy: Option<&Endpoint>, limit: Duration) -> Client {
        let (idle, connections) = (Mutex::default(), AtomicU64::new(0));
        Client { connector, proxy: proxy.map(address), timeout: limit, idle, connections }
    }

    /// Connections made so far.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// A kept connection to `endpoint`, if there is one: that of `channel`, where one is given and
    /// has one, for what stands before a receiver may send another connection to another machine.
    pub fn lease(&self, endpoint: &Endpoint, channel: Option<&str>) -> Option<Lease> {
        let mut idle = self.idle();
        if self.connector.trust_changed() {
            idle.clear();
        }
        idle.retain(|lease| !lease.sender.is_closed());
        let same = |lease: &Lease| channel.is_some_and(|channel| lease.channel == channel);
        let at = idle
            .iter()
            .position(same)
            .or_else(|| idle.iter().position(|lease| lease.endpoint == *endpoint))?;
        Some(idle.swap_remove(at))
    }

    /// Closes kept connections of that channel.
    pub fn forget(&self, channel: &str) {
        self.idle().retain(|lease| lease.channel != channel);
    }

    /// Sends `packed` over `lease`, or over a new connection to `endpoint` that then has `channel`.
    ///
    /// # Errors
    /// There is no whole response; unless it was stale, it is not known who has the request.
    pub async fn exchange(
        &self,
        endpoint: &Endpoint,
        lease: Option<Lease>,
        channel: String,
        packed: Packed,
    ) -> Result<Response, Failed> {
        let request = assemble(endpoint, packed).map_err(failed)?;
        match lease {
            Some(lease) => self.send(lease, request, true).await,
            None => {
                let sender = self.connect(endpoint).await.map_err(failed)?;
                let lease = Lease { endpoint: endpoint.clone(), channel, sender };
                self.send(lease, request, false).await
            }
        }
    }

    /// Connects, and keeps the connection for the next request.
    ///
    /// # Errors
    /// Every code that belongs to connecting.
    pub async fn open(&self, endpoint: &Endpoint, channel: String) -> Result<(), Cause> {
        let sender = self.connect(endpoint).await?;
        self.idle().push(Lease { endpoint: endpoint.clone(), channel, sender });
        Ok(())
    }

    async fn connect(&self, endpoint: &Endpoint) -> Result<SendRequest<Full<Bytes>>, Cause> {
        let to = address(endpoint);
        let stream = self.connector.open_stream(&to, self.proxy.as_ref()).await?;
        self.connections.fetch_add(1, Ordering::Relaxed);
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(HEADER_BYTES_MAX)
            .handshake(Stream(stream))
            .await
            .map_err(|error| cause(endpoint, &error))?;
        // It ends with the sender, or with the receiver; what went wrong, the sender hears.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(sender)
    }

    async fn send(
        &self,
        mut lease: Lease,
        request: hyper::Request<Full<Bytes>>,
        is_kept: bool,
    ) -> Result<Response, Failed> {
        let endpoint = lease.endpoint.clone();
        let exchanging = async {
            let broken = |error: hyper::Error| Failed {
                cause: cause(&endpoint, &error),
                is_timeout: false,
                is_stale: is_kept && error.is_canceled(),
            };
            lease.sender.ready().await.map_err(|error| Failed {
                cause: cause(&endpoint, &error),
                is_timeout: false,
                is_stale: is_kept,
            })?;
            let answer = lease.sender.send_request(request).await.map_err(broken)?;
            let (head, body) = answer.into_parts();
            let headers = head.headers.iter().map(|(name, value)| {
                (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            });
            let headers = headers.collect();
            let (body, is_whole) = read(body).await.map_err(broken)?;
            Ok((Response { status: head.status.as_u16(), headers, body }, is_whole))
        };
        let (response, is_whole) = timeout(self.timeout, exchanging).await.map_err(|_| {
            let limit = self.timeout;
            let text = format!(
                "{}: no whole answer within {limit:?}; raise `request_timeout`, or look why it is \
                 slow",
                host(&endpoint)
            );
            Failed { cause: Cause::new("timeout", text), is_timeout: true, is_stale: false }
        })??;
        let mut idle = self.idle();
        if is_whole && !lease.sender.is_closed() && idle.len() < IDLE_MAX {
            idle.push(lease);
        }
        drop(idle);
        Ok(response)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Lease>> {
        // Every change of it is whole, so a panic elsewhere leaves it usable.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failed(cause: Cause) -> Failed {
    Failed { cause, is_timeout: false, is_stale: false }
}

/// The body, and whether that is all of it.
async fn read(mut body: Incoming) -> Result<(Vec<u8>, bool), hyper::Error> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        let room = RESPONSE_BYTES_MAX.saturating_sub(bytes.len());
        bytes.extend_from_slice(data.get(..room.min(data.len())).unwrap_or_default());
        if data.len() > room {
            return Ok((bytes, false));
        }
    }
    Ok((bytes, body.is_end_stream()))
}

fn assemble(endpoint: &Endpoint, packed: Packed) -> Result<hyper::Request<Full<Bytes>>, Cause> {
    let unfit = |what: &str| {
        let text = format!("{}: {what} holds characters that HTTP has none of", host(endpoint));
        Cause::new("unfit_request", text)
    };
    let Packed { head, body, is_gzip } = packed;
    let method = match head.method {
        Method::Get => hyper::Method::GET,
        Method::Post => hyper::Method::POST,
        Method::Put => hyper::Method::PUT,
    };
    let path = format!("{}{}", endpoint.base_path, head.path.expose());
    let mut request = hyper::Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, host(endpoint))
        .header(USER_AGENT, concat!("spoolgate/", env!("CARGO_PKG_VERSION")))
        .body(Full::new(Bytes::from(body)))
        .map_err(|_| unfit("the path"))?;
    let headers = request.headers_mut();
    if is_gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    for (name, value) in &head.headers {
        let bad = || unfit(&format!("the header {name}"));
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        let mut value = HeaderValue::from_str(value.expose())
            .or_else(|_| HeaderValue::from_bytes(value.expose().as_bytes()))
            .map_err(|_| bad())?;
        value.set_sensitive(true);
        headers.append(key, value);
    }
    Ok(request)
}

/// `host[:port]`, as the Host header has it (RFC 9110, section 7.2).
fn host(endpoint: &Endpoint) -> String {
    let usual = if endpoint.is_tls { 443 } else { 80 };
    let name = match endpoint.host.contains(':') {
        true => format!("[{}]", endpoint.host),
        false => endpoint.host.clone(),
    };
    if endpoint.port == usual { name } else { format!("{name}:{}", endpoint.port) }
}

/// Where the socket goes.
fn address(endpoint: &Endpoint) -> Address {
    let protocol = if endpoint.is_tls { Protocol::Tls } else { Protocol::Tcp };
    Address { protocol, host: endpoint.host.clone(), port: endpoint.port }
}

/// hyper's errors name no secrets; the innermost of the chain says most.
fn cause(endpoint: &Endpoint, error: &hyper::Error) -> Cause {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    let failure = std::error::Error::source(error).and_then(|it| it.downcast_ref::<io::Error>());
    let is_end = failure.is_some_and(|it| it.kind() == io::ErrorKind::UnexpectedEof);
    let host = host(endpoint);
    if is_end || error.is_incomplete_message() || error.is_canceled() {
        let text = format!("{host}: the receiver closed the connection before its answer");
        return Cause::new("closed", text);
    }
    if error.is_parse() {
        let text = format!("{host}: the answer is not HTTP/1.1: {innermost}; check the port");
        return Cause::new("not_http", text);
    }
    Cause::new("reset", format!("{host}: the connection broke: {innermost}"))
}

/// A [`ByteStream`] as hyper wants one.
struct Stream(ByteStream);

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = [0; READ_BYTES];
        let room = buffer.remaining().min(READ_BYTES);
        let mut scratch = ReadBuf::new(bytes.get_mut(..room).unwrap_or_default());
        ready!(Pin::new(&mut self.0).poll_read(cx, &mut scratch))?;
        buffer.put_slice(scratch.filled());
        Poll::Ready(Ok(()))
    }
}

impl Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
