//! Two pipelines that share a long run of lines, on two cores.
//!
//! In: runs of lines, in their order. Out: batches, in the same order. Of a long run the second
//! half is worked on by a thread of its own, while the first is done here and sent; it is the next
//! batch.
//! Short runs, which are what a spool without a backlog gives, stay here: a hand-over costs more
//! than they do. At most one half is under way, so memory stays what two batches take.
//! Diagnostics: one line if the thread is lost, after which everything is done here.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use memchr::memrchr;
use tracing::error;

use super::pipeline::{Batch, Lines, Pipeline, next_sequence_behind};
use crate::model::position::{Cursor, Position, TAIL_BYTES};
use crate::model::time::EventTime;
use crate::spool::tail_hash;

/// Shorter runs are not shared. A hand-over costs as much as some ten events.
const SHARED_BYTES_MIN: usize = 64 * 1024;

/// One pipeline, or two.
#[derive(Debug)]
pub struct Pair {
    near: Pipeline,
    far: Option<Far>,
    /// Bytes of the spool in the half that is under way; 0 for none.
    under_way_bytes: u64,
}

/// A pipeline on a thread of its own. It ends when this is dropped.
#[derive(Debug)]
struct Far {
    to: SyncSender<Half>,
    from: Receiver<Half>,
    /// For the next hand-over; its memory is used again.
    spare: Half,
}

/// Lines on their way to the thread, and what has become of them on their way back.
#[derive(Debug, Default)]
struct Half {
    bytes: Vec<u8>,
    task: Option<Task>,
    batch: Batch,
}

/// What [`Lines`] say beside their bytes, and when they were read.
#[derive(Clone, Copy, Debug)]
struct Task {
    position: Position,
    source: usize,
    end: Cursor,
    now: EventTime,
}

/// The half that was under way is lost, and has to be read again.
#[derive(Debug, PartialEq, Eq)]
pub struct Lost;

impl Pair {
    /// Everything is done by whoever calls.
    pub fn alone(near: Pipeline) -> Pair {
        Pair { near, far: None, under_way_bytes: 0 }
    }

    /// The second half of long runs is done by a thread called `name`. Both pipelines must be of
    /// the same making, and messages must not carry their number (`meta sequenceId`): a half does
    /// not know how many come before it. Without a thread everything is done here.
    pub fn shared(near: Pipeline, far: Pipeline, name: String) -> Pair {
        Pair { near, far: Far::start(far, name), under_way_bytes: 0 }
    }

    /// Turns a run of lines, or its first half, into a batch; [`Pair::rest`] has the other half.
    pub fn fill(&mut self, lines: Lines<'_>, now: EventTime, sequence: &mut u32, out: &mut Batch) {
        debug_assert!(self.under_way_bytes == 0);
        let halves = self.far.as_mut().and_then(|far| Some((far, halves(lines)?)));
        let Some((far, (first, second))) = halves else {
            return self.near.fill(lines, now, sequence, out);
        };
        if !far.hand_over(second, now) {
            return self.near.fill(lines, now, sequence, out);
        }
        self.under_way_bytes = second.bytes.len() as u64;
        self.near.fill(first, now, sequence, out);
    }

    /// The batch of the second half of the last run; false if there is none.
    ///
    /// # Errors
    /// The thread has ended, with the half that was under way.
    pub fn rest(&mut self, sequence: &mut u32, out: &mut Batch) -> Result<bool, Lost> {
        if std::mem::take(&mut self.under_way_bytes) == 0 {
            return Ok(false);
        }
        let done = self.far.as_mut().and_then(|far| far.take_back(out));
        if done.is_none() {
            error!("the second thread of a destination has ended; going on with one");
            self.far = None;
            return Err(Lost);
        }
        out.renumber(|messages| {
            *sequence = next_sequence_behind(*sequence, messages);
            *sequence
        });
        Ok(true)
    }

    /// Bytes of the spool that are under way: read, and in no batch yet.
    pub fn under_way_bytes(&self) -> u64 {
        self.under_way_bytes
    }

    /// Forgets the half that is under way.
    pub fn discard(&mut self) {
        let mut forgotten = Batch::default();
        if std::mem::take(&mut self.under_way_bytes) > 0
            && self.far.as_mut().and_then(|far| far.take_back(&mut forgotten)).is_none()
        {
            self.far = None;
        }
    }
}

impl Far {
    fn start(mut pipeline: Pipeline, name: String) -> Option<Far> {
        let (to, received) = sync_channel::<Half>(1);
        let (done, from) = sync_channel(1);
        let work = move || {
            while let Ok(mut half) = received.recv() {
                if let Some(Task { position, source, end, now }) = half.task {
                    let lines = Lines { position, source, bytes: &half.bytes, end };
                    // Numbers are given when the half is taken back.
                    pipeline.fill(lines, now, &mut 1, &mut half.batch);
                }
                if done.send(half).is_err() {
                    break;
                }
            }
        };
        let thread = thread::Builder::new().name(name).spawn(work);
        thread
            .inspect_err(|cause| error!("no second thread for a destination: {cause}"))
            .ok()
            .map(|_| Far { to, from, spare: Half::default() })
    }

    fn hand_over(&mut self, lines: Lines<'_>, now: EventTime) -> bool {
        let mut half = std::mem::take(&mut self.spare);
        half.bytes.clear();
        half.bytes.extend_from_slice(lines.bytes);
        let Lines { position, source, end, .. } = lines;
        half.task = Some(Task { position, source, end, now });
        self.to.send(half).is_ok()
    }

    fn take_back(&mut self, out: &mut Batch) -> Option<()> {
        let mut half = self.from.recv().ok()?;
        std::mem::swap(&mut half.batch, out);
        self.spare = half;
        Some(())
    }
}

/// A long run cut behind the line that holds its middle.
fn halves(lines: Lines<'_>) -> Option<(Lines<'_>, Lines<'_>)> {
    if lines.bytes.len() < SHARED_BYTES_MIN {
        return None;
    }
    let middle = lines.bytes.get(..lines.bytes.len() / 2)?;
    let (first, second) = lines.bytes.split_at_checked(memrchr(b'\n', middle)? + 1)?;
    // A cursor needs the bytes before it.
    if first.len() < TAIL_BYTES {
        return None;
    }
    let Position { file, offset } = lines.position;
    let cut = offset + first.len() as u64;
    let end = Cursor { file, offset: cut, tail_hash: tail_hash(first) };
    let behind = Position { file, offset: cut };
    Some((Lines { bytes: first, end, ..lines }, Lines { bytes: second, position: behind, ..lines }))
}

#[cfg(test)]
mod tests;
