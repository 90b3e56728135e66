//! A TCP connection that counts what passes.
//!
//! In: a connected socket. Out: the same, with the wire bytes written since connect, those the
//! peer's kernel acknowledged, and the largest window it advertised. TLS runs above it, so that
//! these are bytes of ciphertext, handshake included.
//!
//! Diagnostics: none; errors of the socket are returned.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::kernel;

/// A counted connection.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    /// Bytes the kernel took since connect.
    written: u64,
    /// `bytes_acked` right after connect: 1, for the SYN.
    baseline: u64,
    window_max: u64,
    /// TLS records that came in, where someone wants to know.
    pub records: Option<Records>,
}

/// What the peer's kernel has acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Wire bytes acknowledged since connect.
    pub acked: u64,
    /// The largest window the peer was ever seen to advertise.
    pub window_max: u64,
}

impl Wire {
    /// Counts from here: nothing may have been written yet.
    ///
    /// # Errors
    /// The kernel does not tell of this socket.
    pub fn new(stream: TcpStream) -> io::Result<Wire> {
        let counters = kernel::counters(&stream)?;
        Ok(Wire {
            stream,
            written: 0,
            baseline: counters.bytes_acked.unwrap_or(0),
            window_max: counters.window.map_or(0, u64::from),
            records: None,
        })
    }

    /// Bytes the kernel took since connect.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Looks at the connection.
    ///
    /// # Errors
    /// The kernel does not tell of this socket any more.
    pub fn progress(&mut self) -> io::Result<Progress> {
        let counters = kernel::counters(&self.stream)?;
        self.window_max = self.window_max.max(counters.window.map_or(0, u64::from));
        // A FIN counts as one byte, which is none of ours.
        let acked = self.sequence_acked(&counters).min(self.written);
        Ok(Progress { acked, window_max: self.window_max })
    }

    /// Whether the peer's kernel has acknowledged every byte and the FIN behind them.
    ///
    /// # Errors
    /// The connection was reset, or has failed in another way.
    pub fn end_acknowledged(&self) -> io::Result<bool> {
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        let counters = kernel::counters(&self.stream)?;
        Ok(self.sequence_acked(&counters) > self.written)
    }

    /// Whether the peer's FIN was here before ours went out, and so is no answer to it.
    ///
    /// # Errors
    /// The kernel does not tell of this socket any more.
    pub fn peer_ended_first(&self) -> io::Result<bool> {
        Ok(kernel::counters(&self.stream)?.peer_ended_first)
    }

    /// Sequence numbers acknowledged since connect.
    fn sequence_acked(&self, counters: &kernel::Counters) -> u64 {
        match counters.bytes_acked {
            Some(acked) => acked.saturating_sub(self.baseline),
            // An old kernel: what is not in the queue any more, and the FIN with the last byte.
            None if counters.unacknowledged == 0 => self.written.saturating_add(1),
            None => self.written.saturating_sub(counters.unacknowledged),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if let Some(records) = &mut self.records {
            records.feed(buffer.filled().get(before..).unwrap_or(&[]));
        }
        polled
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.count(polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.count(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Wire {
    fn count(&mut self, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = &polled {
            self.written = self.written.saturating_add(u64::try_from(*bytes).unwrap_or(0));
        }
        polled
    }
}

/// Follows the record layer of incoming TLS (RFC 8446, section 5.1) without its keys.
#[derive(Debug, Default)]
pub struct Records {
    /// Of the header, what has come so far.
    header: [u8; 5],
    header_length: usize,
    /// Of the record's body, what is still to come.
    body_left: usize,
    /// All records since connect.
    pub all: u64,
}

impl Records {
    fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.body_left > 0 {
                let skip = self.body_left.min(bytes.len());
                self.body_left = self.body_left.saturating_sub(skip);
                bytes = bytes.get(skip..).unwrap_or(&[]);
                continue;
            }
            let Some((first, rest)) = bytes.split_first() else { return };
            bytes = rest;
            if let Some(slot) = self.header.get_mut(self.header_length) {
                *slot = *first;
            }
            self.header_length = self.header_length.saturating_add(1);
            if self.header_length == self.header.len() {
                self.begin_body();
            }
        }
    }

    fn begin_body(&mut self) {
        let [_, _, _, high, low] = self.header;
        self.body_left = usize::from(u16::from_be_bytes([high, low]));
        self.header_length = 0;
        self.all = self.all.saturating_add(1);
    }
}
