//! What TCP and TLS links have in common: sending, noticing the end, draining.
//!
//! In: whole batches. Out: the wire offset behind each, or the end of the link. A read is pending
//! whenever a write is, so that FIN, RST, close_notify and alerts are seen even while the receiver
//! does not read; what a receiver says is discarded, for syslog has no answers.
//!
//! Diagnostics: none here; causes are returned.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;

use super::cause::{self, Place};
use super::link::Drained;
use super::wire::{Progress, Wire};
use crate::model::outcome::Cause;

/// How much of what a receiver says is read at a time.
const DISCARD_BYTES: usize = 4096;

/// How many times in a row, before others have their turn.
const DISCARD_READS_MAX: u32 = 64;

/// How long to wait between looks for the acknowledgement of our FIN, which nothing announces.
const FIN_LOOK_INTERVAL: Duration = Duration::from_millis(2);

/// A byte stream above a [`Wire`]: the wire itself, or TLS.
pub trait Carrier: AsyncRead + AsyncWrite + Unpin {
    /// What it means when it ends in order.
    const END: End;

    /// The connection beneath.
    fn wire(&mut self) -> &mut Wire;
}

impl Carrier for Wire {
    const END: End = End::Closed;

    fn wire(&mut self) -> &mut Wire {
        self
    }
}

/// An established stream.
#[derive(Debug)]
pub struct Stream<C> {
    pub(super) carrier: C,
    pub(super) place: Place,
    write_timeout: Duration,
    /// A batch was begun and not finished.
    torn: bool,
}

impl<C: Carrier> Stream<C> {
    /// Nothing may have been sent by `carrier` but a handshake.
    pub fn new(carrier: C, place: Place, write_timeout: Duration) -> Stream<C> {
        Stream { carrier, place, write_timeout, torn: false }
    }

    /// See `Link::send`.
    pub async fn send(&mut self, batch: &[u8]) -> Result<u64, Cause> {
        if self.torn {
            return Err(cause::torn(&self.place));
        }
        self.torn = true;
        let mut rest = batch;
        self.flush_out(&mut rest).await?;
        self.torn = false;
        Ok(self.carrier.wire().written())
    }

    /// Writes all of `rest` and whatever lies above the wire.
    pub(super) async fn flush_out(&mut self, rest: &mut &[u8]) -> Result<(), Cause> {
        let mut acked = 0;
        loop {
            let limit = self.write_timeout;
            match timeout(limit, poll_fn(|cx| self.poll_send(cx, rest))).await {
                Ok(Ok(Sent::Everything)) => return Ok(()),
                Ok(Ok(Sent::Some)) => {}
                Ok(Err(error)) => return Err(self.cause(error)),
                // The kernel asks for more only when half of UNSENT_BYTES_MAX has gone; a slow
                // receiver that still acknowledges is not a dead one.
                Err(_) => {
                    let now = self.progress()?.acked;
                    if now <= acked {
                        return Err(cause::no_progress(&self.place, limit));
                    }
                    acked = now;
                }
            }
        }
    }

    /// Writes what it can. Ready when everything is out, or something is and no more can be now.
    fn poll_send(&mut self, cx: &mut Context<'_>, rest: &mut &[u8]) -> Poll<Result<Sent, End>> {
        if let Poll::Ready(end) = self.poll_end(cx) {
            return Poll::Ready(Err(end));
        }
        let before = self.carrier.wire().written();
        let written = self.poll_write_out(cx, rest);
        match written {
            Poll::Ready(Ok(())) => Poll::Ready(Ok(Sent::Everything)),
            Poll::Pending if self.carrier.wire().written() > before => Poll::Ready(Ok(Sent::Some)),
            Poll::Pending => Poll::Pending,
            // What the receiver said last, such as an alert, tells more than a broken pipe.
            Poll::Ready(Err(error)) => match self.poll_end(cx) {
                Poll::Ready(End::Failed(last)) => Poll::Ready(Err(End::Failed(last))),
                Poll::Ready(End::Closed | End::Notified) | Poll::Pending => {
                    Poll::Ready(Err(End::Failed(error)))
                }
            },
        }
    }

    fn poll_write_out(&mut self, cx: &mut Context<'_>, rest: &mut &[u8]) -> Poll<io::Result<()>> {
        while !rest.is_empty() {
            let written = ready!(Pin::new(&mut self.carrier).poll_write(cx, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *rest = rest.get(written..).unwrap_or(&[]);
        }
        Pin::new(&mut self.carrier).poll_flush(cx)
    }

    /// Discards what the receiver says; ready when it has ended the stream.
    pub(super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        let mut scratch = [0_u8; DISCARD_BYTES];
        for _ in 0..DISCARD_READS_MAX {
            let mut buffer = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut self.carrier).poll_read(cx, &mut buffer)) {
                Ok(()) if buffer.filled().is_empty() => return Poll::Ready(C::END),
                Ok(()) => {}
                // A FIN without close_notify.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Poll::Ready(End::Closed);
                }
                Err(error) => return Poll::Ready(End::Failed(error)),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// See `Link::ended`.
    pub async fn ended(&mut self) -> Cause {
        let end = poll_fn(|cx| self.poll_end(cx)).await;
        self.cause(end)
    }

    /// See `Link::progress`.
    pub fn progress(&mut self) -> Result<Progress, Cause> {
        let looked = self.carrier.wire().progress();
        looked.map_err(|error| cause::of_link(&self.place, &error))
    }

    /// See `Link::drain`.
    pub async fn drain(mut self, deadline: Duration) -> Drained {
        if self.torn {
            return Drained::Refuted(cause::torn(&self.place));
        }
        match timeout(deadline, self.half_close()).await {
            Ok(Ok(drained)) => drained,
            Ok(Err(end)) => Drained::Refuted(self.cause(end)),
            Err(_) => Drained::NoAnswer,
        }
    }

    /// [`Drained::Proven`] or [`Drained::Closed`].
    async fn half_close(&mut self) -> Result<Drained, End> {
        // A FIN that is here before ours is no answer to ours. The kernel knows of one that the
        // reactor has not been told of.
        if let Poll::Ready(end) = poll_fn(|cx| Poll::Ready(self.poll_end(cx))).await {
            return Err(end);
        }
        if self.carrier.wire().peer_ended_first().map_err(End::Failed)? {
            return Err(End::Closed);
        }
        // Under TLS this is close_notify and then SHUT_WR.
        poll_fn(|cx| Pin::new(&mut self.carrier).poll_shutdown(cx)).await.map_err(End::Failed)?;
        if self.carrier.wire().peer_ended_first().map_err(End::Failed)? {
            return Err(End::Closed);
        }
        let answer = match poll_fn(|cx| self.poll_end(cx)).await {
            End::Closed => Drained::Closed,
            End::Notified => Drained::Proven,
            failed @ End::Failed(_) => return Err(failed),
        };
        // close_notify may cross ours; only the FIN beneath it tells that nothing lies unread.
        let mut scratch = [0_u8; DISCARD_BYTES];
        loop {
            let mut buffer = ReadBuf::new(&mut scratch);
            poll_fn(|cx| Pin::new(self.carrier.wire()).poll_read(cx, &mut buffer))
                .await
                .map_err(End::Failed)?;
            if buffer.filled().is_empty() {
                break;
            }
        }
        while !self.carrier.wire().end_acknowledged().map_err(End::Failed)? {
            tokio::time::sleep(FIN_LOOK_INTERVAL).await;
        }
        Ok(answer)
    }

    pub(super) fn cause(&self, end: End) -> Cause {
        match end {
            End::Closed | End::Notified => cause::closed(&self.place),
            End::Failed(error) => cause::of_link(&self.place, &error),
        }
    }
}

/// How far one turn of writing came.
enum Sent {
    Everything,
    Some,
}

/// How a stream ended.
#[derive(Debug)]
pub enum End {
    /// FIN.
    Closed,
    /// close_notify.
    Notified,
    /// RST, an alert, a timeout.
    Failed(io::Error),
}
