//! One connection: read, split, hand over, and answer its end.
//!
//! On plain TCP a chunk is looked at (MSG_PEEK), handed to the sink, and only then taken from the
//! socket. So a receiver that is killed has either stored a byte or left it unread, where the
//! sender's kernel hears of it by a reset: nothing is lost between the two. Under TLS that cannot
//! be, since the record must be taken to be opened; there the sink gets everything that was opened
//! before anything is waited for.
//!
//! A clean end of stream is answered by ours (FIN; under TLS close_notify first): the sender reads
//! it as the proof that everything before it was read.

use std::io::{self, Read};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// The most bytes looked at in one go.
pub(super) const CHUNK_BYTES_MAX: usize = 64 * 1024;

/// How long a closing side waits for its last bytes to leave.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// An accepted connection.
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// The next bytes; 0 at a clean end. On plain TCP they stay in the socket until
    /// [`Stream::take`].
    pub(super) async fn look(&mut self, chunk: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Plain(stream) => stream.peek(chunk).await,
            Stream::Tls(stream) => stream.read(chunk).await,
        }
    }

    /// More bytes that were taken from the socket already: records that TLS opened in one go.
    pub(super) fn taken(&mut self, chunk: &mut [u8]) -> Option<usize> {
        match self {
            Stream::Plain(_) => None,
            Stream::Tls(stream) => {
                let (_, tls) = stream.get_mut();
                tls.reader().read(chunk).ok().filter(|length| *length > 0)
            }
        }
    }

    /// Takes what was looked at; `looked` is that part of the chunk.
    pub(super) async fn take(&mut self, looked: &mut [u8]) -> io::Result<()> {
        match self {
            Stream::Plain(stream) => stream.read_exact(looked).await.map(|_| ()),
            Stream::Tls(_) => Ok(()),
        }
    }

    /// Answers a clean end of stream with ours.
    pub(super) async fn close(mut self) -> io::Result<()> {
        let closing = async {
            match &mut self {
                Stream::Plain(stream) => stream.shutdown().await,
                Stream::Tls(stream) => stream.shutdown().await,
            }
        };
        tokio::time::timeout(CLOSE_TIMEOUT, closing).await?
    }
}

/// Reads no faster than so many bytes a second, to play a slow receiver.
#[derive(Clone, Copy, Debug)]
pub(super) struct Throttle {
    bytes_per_second: Option<u64>,
}

impl Throttle {
    pub(super) fn new(bytes_per_second: Option<u64>) -> Throttle {
        Throttle { bytes_per_second: bytes_per_second.map(|rate| rate.max(1)) }
    }

    /// A tenth of a second's bytes, so that the rate is even.
    pub(super) fn chunk_bytes(self) -> usize {
        match self.bytes_per_second {
            Some(rate) => {
                usize::try_from(rate / 10).unwrap_or(CHUNK_BYTES_MAX).clamp(1, CHUNK_BYTES_MAX)
            }
            None => CHUNK_BYTES_MAX,
        }
    }

    /// Waits as long as so many bytes may take.
    pub(super) async fn wait(self, bytes: usize) {
        if let Some(rate) = self.bytes_per_second {
            tokio::time::sleep(Duration::from_secs_f64(bytes as f64 / rate as f64)).await;
        }
    }
}
