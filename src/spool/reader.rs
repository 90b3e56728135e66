//! One destination's way through the spool.

use std::ops::Range;
use std::sync::Arc;

use tokio::sync::Notify;

use super::consumer::Work;
use super::content::Inflater;
use super::probe::Status;
use super::step::{self, Content, Step};
use super::{Read, Shared, SpoolError};
use crate::model::position::{Cursor, FileKey, Position};

/// How many files one `read` tries before it lets its caller do something else.
const FILES_PER_READ_MAX: usize = 256;

/// Made by [`super::Spool::reader`]. Dropping it ends its part in the spool.
///
/// Memory: a buffer of 256 KiB or `max_event_bytes`, whichever is more, and while a compressed
/// file is read a decompressor and once more as much.
#[derive(Debug)]
pub struct Reader {
    shared: Arc<Shared>,
    id: u64,
    changed: Arc<Notify>,
    buffer: Vec<u8>,
    inflater: Option<(FileKey, Status, Inflater)>,
}

/// A step's result without a borrow.
enum Found {
    Lines(Range<usize>),
    Broken(Range<usize>, String),
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>, destination: &str, start: &[Cursor]) -> Reader {
        let changed = Arc::new(Notify::new());
        let id = shared.lock().add_consumer(destination, start, Arc::clone(&changed));
        Reader { shared, id, changed, buffer: Vec::new(), inflater: None }
    }

    /// The next run of whole lines of one file, or nothing to read now. Blocking, bounded work: up
    /// to 256 KiB, or a part of an over-long line or of a compressed file that is passed over; if
    /// that part did not reach the end, the answer is `Idle` and [`Reader::changed`] resolves at
    /// once.
    ///
    /// Errors: none at present; a file that cannot be read is passed over, logged once, and tried
    /// again at each poll.
    pub fn read(&mut self) -> Result<Read<'_>, SpoolError> {
        for _ in 0..FILES_PER_READ_MAX {
            let Some(mut work) = self.shared.lock().take_work(self.id) else { break };
            let offset = work.progress.offset;
            let Some(found) = self.work(&mut work) else { continue };
            let position = Position { file: work.key, offset };
            let (offset, tail_hash) = (work.progress.offset, work.progress.tail_hash);
            let end = Cursor { file: work.key, offset, tail_hash };
            let source = work.source;
            return Ok(match found {
                Found::Lines(range) => {
                    let bytes = self.buffer.get(range).unwrap_or_default();
                    Read::Lines { position, source, bytes, end }
                }
                Found::Broken(range, reason) => {
                    let head = self.buffer.get(range).unwrap_or_default();
                    Read::Broken { position, source, head, reason, end }
                }
            });
        }
        Ok(Read::Idle)
    }

    /// Resolves when there may be something to read. Safe to cancel; a change between a `read`
    /// that was idle and this call is not missed.
    pub async fn changed(&mut self) {
        loop {
            let changed = self.changed.notified();
            if self.has_work() {
                return;
            }
            changed.await;
        }
    }

    /// Goes back: forgets what was read and continues from `to`, which must hold *all* cursors of
    /// the destination, since a file without one is read from its beginning.
    pub fn rewind(&mut self, to: &[Cursor]) {
        self.inflater = None;
        self.shared.lock().restart(self.id, to, false);
    }

    fn has_work(&self) -> bool {
        self.shared.lock().consumers.get(&self.id).is_some_and(|c| !c.queue.is_empty())
    }

    /// One step on one file. `None`: nothing for the caller.
    fn work(&mut self, work: &mut Work) -> Option<Found> {
        let mut inflater = None;
        let content = if work.is_compressed {
            let kept = self.inflater.take();
            let fitting = kept
                .filter(|(key, status, _)| *key == work.key && status.is_unchanged(&work.status));
            let fitting = fitting.map(|(_, _, inflater)| inflater);
            Content::Compressed(
                inflater.insert(fitting.unwrap_or_else(|| Inflater::new(Arc::clone(&work.file)))),
            )
        } else {
            Content::Plain(&work.file)
        };
        let result = step::step(content, &mut work.progress, work.limits, &mut self.buffer);
        let mut inventory = self.shared.lock();
        let step = match result {
            Ok(step) => step,
            Err(error) => {
                inventory.fail(work.key, &error);
                return None;
            }
        };
        if !inventory.put_back(self.id, work, &step) {
            return None;
        }
        if step == Step::Rewritten {
            inventory.rewritten(work);
        }
        drop(inventory);
        if matches!(step, Step::Lines(_) | Step::Broken { .. } | Step::Unfinished) {
            self.inflater = inflater.map(|inflater| (work.key, work.status, inflater));
        }
        match step {
            Step::Lines(range) => Some(Found::Lines(range)),
            Step::Broken { head, reason } => Some(Found::Broken(head, reason)),
            Step::Waits | Step::Finished | Step::Unfinished | Step::Rewritten => None,
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.shared.lock().consumers.remove(&self.id);
    }
}

#[cfg(test)]
impl Reader {
    pub(super) fn buffer_bytes(&self) -> usize {
        self.buffer.capacity()
    }
}
