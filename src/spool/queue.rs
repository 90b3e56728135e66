//! Which file a reader turns to next.

use std::collections::{BTreeSet, HashSet, VecDeque};

use crate::model::position::FileKey;

/// An empty queue keeps the memory of so many; at a start there may have been thousands.
const FILES_KEPT: usize = 1024;

/// In which turn a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rank {
    /// Backlog and closed files: in the order of their first appearance, each to its end.
    First,
    /// Files that grow: in the order in which they grew, a piece of each in turn.
    Live,
    /// Compressed files that seem to be read to the end: only when there is nothing else to do.
    Last,
}

/// Files with something to read, each named at least once.
///
/// A file may stand in two ranks after it was promoted; the reader then finds nothing new at the
/// second, which costs one read.
#[derive(Debug, Default)]
pub(super) struct Queue {
    first: BTreeSet<(u64, FileKey)>,
    live: VecDeque<FileKey>,
    last: VecDeque<FileKey>,
    queued: HashSet<FileKey>,
}

impl Queue {
    /// `order`: of first appearance.
    pub(super) fn push(&mut self, key: FileKey, order: u64, rank: Rank) {
        let is_new = self.queued.insert(key);
        match rank {
            Rank::First => {
                self.first.insert((order, key));
            }
            Rank::Live if is_new => self.live.push_back(key),
            Rank::Last if is_new => self.last.push_back(key),
            Rank::Live | Rank::Last => {}
        }
    }

    /// Takes the next file out before it is read, so that growth during the read queues it anew.
    pub(super) fn pop(&mut self) -> Option<(FileKey, Rank)> {
        if let Some((_, key)) = self.first.pop_first() {
            self.queued.remove(&key);
            return Some((key, Rank::First));
        }
        while let Some(key) = self.live.pop_front() {
            if self.queued.remove(&key) {
                return Some((key, Rank::Live));
            }
        }
        while let Some(key) = self.last.pop_front() {
            if self.queued.remove(&key) {
                return Some((key, Rank::Last));
            }
        }
        if self.queued.capacity() > FILES_KEPT {
            self.clear();
        }
        None
    }

    pub(super) fn contains(&self, key: FileKey) -> bool {
        self.queued.contains(&key)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queued.is_empty()
    }

    /// Every queued file once.
    pub(super) fn keys(&self) -> impl Iterator<Item = FileKey> {
        self.queued.iter().copied()
    }

    pub(super) fn clear(&mut self) {
        *self = Queue::default();
    }
}
