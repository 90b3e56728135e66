//! What each reader has read and what it may turn to.

use std::collections::HashMap;
use std::fs::File;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::Notify;

use super::content;
use super::hash::HEAD_BYTES_MAX;
use super::inventory::{Consumer, Entry, Inventory, Presence};
use super::probe::{self, Status};
use super::queue::{Queue, Rank};
use super::step::{Limits, Progress, Step};
use crate::model::position::{Cursor, FileKey};

/// One file for one step.
#[derive(Debug)]
pub(super) struct Work {
    pub key: FileKey,
    pub source: usize,
    pub file: Arc<File>,
    pub is_compressed: bool,
    /// Tells whether an open decompressor still fits.
    pub status: Status,
    pub progress: Progress,
    pub limits: Limits,
    pub rank: Rank,
}

impl Inventory {
    /// Enters a reader. Everything it may see is queued, oldest first; files that it has read to
    /// their ends too, once, so that the hash before the cursor is checked.
    pub(super) fn add_consumer(
        &mut self,
        destination: &str,
        start: &[Cursor],
        changed: Arc<Notify>,
    ) -> u64 {
        self.consumer_count += 1;
        let id = self.consumer_count;
        let consumer = Consumer {
            destination: destination.to_owned(),
            queue: Queue::default(),
            progress: HashMap::new(),
            changed,
        };
        self.consumers.insert(id, consumer);
        self.restart(id, start, true);
        id
    }

    /// Sets a reader back to `to`, and what has no cursor there to its beginning.
    pub(super) fn restart(&mut self, id: u64, to: &[Cursor], is_first: bool) {
        for cursor in to {
            let is_known =
                self.files.contains_key(&cursor.file) || self.pending.get(cursor.file).is_some();
            if is_first && !is_known && !self.gone.contains(&cursor.file) {
                self.gone.push(cursor.file);
            }
        }
        let Some(mut consumer) = self.consumers.remove(&id) else { return };
        consumer.queue.clear();
        consumer.progress = to
            .iter()
            .map(|cursor| (cursor.file, Progress::at(cursor.offset, cursor.tail_hash)))
            .collect();
        for (key, entry) in &self.files {
            if self.sees(&consumer, entry) && (is_first || wants(&consumer, *key, entry)) {
                let rank =
                    if is_probably_read(&consumer, *key, entry) { Rank::Last } else { Rank::First };
                consumer.queue.push(*key, entry.order, rank);
            }
        }
        consumer.changed.notify_one();
        self.consumers.insert(id, consumer);
    }

    fn sees(&self, consumer: &Consumer, entry: &Entry) -> bool {
        let only = self.settings.sources.get(entry.source).and_then(|s| s.only.as_deref());
        only.is_none_or(|only| only == consumer.destination)
    }

    /// Queues a file for every reader that has something to read of it.
    pub(super) fn wake(&mut self, key: FileKey) {
        let Some(entry) = self.files.get(&key) else { return };
        let now = SystemTime::now();
        let is_first = self.comes_first(entry, now);
        // As at a restart: what was read to its end too, so that the hash before the cursor is
        // checked.
        let was_there = self.was_there(entry);
        let is_final = self.is_final(entry, now);
        let only = self.settings.sources.get(entry.source).and_then(|s| s.only.as_deref());
        for consumer in self.consumers.values_mut() {
            let sees = only.is_none_or(|only| only == consumer.destination);
            let is_to_end = was_there || is_final && !entry.is_compressed;
            if !sees || !(is_to_end || wants(consumer, key, entry)) {
                continue;
            }
            let rank = match is_first {
                _ if is_probably_read(consumer, key, entry) => Rank::Last,
                true => Rank::First,
                false => Rank::Live,
            };
            consumer.queue.push(key, entry.order, rank);
            consumer.changed.notify_one();
        }
    }

    /// Whether the first listing of its directory is under way: what it enters was there.
    fn was_there(&self, entry: &Entry) -> bool {
        self.directories.get(entry.directory).is_some_and(|directory| directory.listings == 0)
    }

    /// Files that were there at the start, and those that are rotated away, are finished before
    /// those that came later or took their places.
    fn comes_first(&self, entry: &Entry, now: SystemTime) -> bool {
        if self.was_there(entry) {
            return true;
        }
        let is_rotated = !entry.is_matched || entry.presence != Presence::Present;
        entry.is_compressed || is_rotated || self.is_closed(entry, now)
    }

    /// Whether every reader has that file queued already, so that more growth is no news.
    pub(super) fn is_queued(&self, directory: usize, name: &std::ffi::OsStr) -> bool {
        let key = self.directories.get(directory).and_then(|d| d.names.get(name));
        key.is_some_and(|key| {
            !self.consumers.is_empty()
                && self.consumers.values().all(|consumer| consumer.queue.contains(*key))
        })
    }

    /// The next file of a reader, taken out of its queue.
    pub(super) fn take_work(&mut self, id: u64) -> Option<Work> {
        loop {
            let consumer = self.consumers.get_mut(&id)?;
            let (key, rank) = consumer.queue.pop()?;
            let progress = consumer.progress.get(&key).cloned().unwrap_or_else(Progress::start);
            let Some(file) = self.opened(key) else { continue };
            let Some(entry) = self.files.get(&key) else { continue };
            let now = SystemTime::now();
            let rank = match rank {
                Rank::Live if self.comes_first(entry, now) => Rank::First,
                rank => rank,
            };
            return Some(Work {
                key,
                source: entry.source,
                file,
                is_compressed: entry.is_compressed,
                status: entry.status,
                progress,
                limits: Limits {
                    event_bytes_max: self.settings.max_event_bytes,
                    is_final: self.is_final(entry, now),
                    head: (entry.head_bytes, entry.head_hash),
                },
                rank,
            });
        }
    }

    /// Notes how a step ended. A file with perhaps more to read is queued again. False if the file
    /// was found to be another one meanwhile: what was read is not of that key.
    pub(super) fn put_back(&mut self, id: u64, work: &Work, step: &Step) -> bool {
        let offset = work.progress.offset;
        let is_grown = |entry: &Entry| {
            let head_bytes = u64::from(entry.head_bytes);
            head_bytes < HEAD_BYTES_MAX as u64 && head_bytes < offset
        };
        // A cursor is worth no more than the head by which its file is found again.
        if self.files.get(&work.key).is_some_and(|entry| is_grown(entry))
            && let Ok(probe) = probe::probe_open(Arc::clone(&work.file), work.is_compressed)
            && self.is_same(work)
            && self.update(work.key, probe) != work.key
        {
            return false;
        }
        let Some(entry) = self.files.get_mut(&work.key) else { return false };
        if entry.is_compressed && work.is_compressed {
            if *step == Step::Finished && entry.status.is_unchanged(&work.status) {
                entry.end = Some(offset);
            }
            // It ends too early, perhaps because it is still being written.
            entry.is_failing |= *step == Step::Waits;
        } else if !entry.is_compressed {
            // It has grown since it was last noticed.
            entry.status.size = entry.status.size.max(offset);
        }
        let Some(consumer) = self.consumers.get_mut(&id) else { return false };
        consumer.progress.insert(work.key, work.progress.clone());
        match step {
            Step::Lines(_) | Step::Broken { .. } | Step::Unfinished => {
                consumer.queue.push(work.key, entry.order, work.rank);
            }
            Step::Waits | Step::Finished | Step::Rewritten => {}
        }
        true
    }

    /// Bytes that were not read. A compressed file counts with its compressed size until it was.
    pub(super) fn backlog_bytes(&self, destination: &str) -> u64 {
        let mut consumers = self.consumers.values();
        let Some(consumer) = consumers.find(|consumer| consumer.destination == destination) else {
            return 0;
        };
        let unread = |key: FileKey| {
            let entry = self.files.get(&key)?;
            let offset = consumer.progress.get(&key).map_or(0, |progress| progress.offset);
            Some(match entry.end {
                Some(end) => end.saturating_sub(offset),
                None if entry.is_compressed => entry.status.size,
                None => entry.status.size.saturating_sub(offset),
            })
        };
        consumer.queue.keys().filter_map(unread).sum()
    }

    /// Whether the key still means the file that was worked on, and not its compressed copy.
    fn is_same(&self, work: &Work) -> bool {
        self.files.get(&work.key).is_some_and(|entry| {
            entry.is_compressed == work.is_compressed && entry.status.is_same_file(&work.status)
        })
    }

    /// The file was found to have other content than was read.
    pub(super) fn rewritten(&mut self, work: &Work) {
        if !self.is_same(work) {
            return self.wake(work.key);
        }
        match probe::probe_open(Arc::clone(&work.file), work.is_compressed) {
            Ok(probe) => {
                self.rekey(work.key, probe);
            }
            Err(error) => self.fail(work.key, &error),
        }
    }

    /// Files that could not be read are tried again, and those without a name are looked at
    /// through their descriptors.
    pub(super) fn revisit(&mut self, directory: usize) {
        let keys: Vec<FileKey> = self
            .files
            .iter()
            .filter(|(_, entry)| {
                entry.directory == directory
                    && (entry.is_failing || entry.presence == Presence::Unlinked)
            })
            .map(|(key, _)| *key)
            .collect();
        for key in keys {
            let Some(entry) = self.files.get_mut(&key) else { continue };
            entry.is_failing = false;
            let file = entry.file.clone().filter(|_| !entry.is_compressed);
            let probe = file.and_then(|file| probe::probe_open(file, false).ok());
            let key = probe.map_or(key, |probe| self.update(key, probe));
            self.wake(key);
        }
    }
}

/// Whether the reader is not at the file's end. A cursor behind the end is a reason too: the file
/// was rewritten, which the reader finds out.
fn wants(consumer: &Consumer, key: FileKey, entry: &Entry) -> bool {
    let offset = consumer.progress.get(&key).map_or(0, |progress| progress.offset);
    if entry.is_compressed {
        entry.end.is_none_or(|end| offset < end)
    } else {
        offset != entry.status.size
    }
}

/// Whether a compressed file's trailer says that it ends at the cursor. It may have more members,
/// so it is read all the same, but with a cursor this large file comes last.
fn is_probably_read(consumer: &Consumer, key: FileKey, entry: &Entry) -> bool {
    let Some(progress) = consumer.progress.get(&key).filter(|_| entry.is_compressed) else {
        return false;
    };
    let file = entry.file.as_ref();
    let length = file.and_then(|file| content::stated_length(file, entry.status.size));
    progress.offset > 0 && length.map(u64::from) == Some(progress.offset & u64::from(u32::MAX))
}
