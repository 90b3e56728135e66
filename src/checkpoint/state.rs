//! The whole of what is to survive: files, cursors, ledgers. Plain values, no I/O.
//!
//! [`Change`] gathers what callers record between two commits; [`State::apply`] turns it into the
//! keys that differ, and keeps the digest by which a copy proves that it is whole.

use std::collections::{BTreeMap, VecDeque};

use crate::model::ledger::Ledger;
use crate::model::position::{Cursor, FileKey, FileRecord};

use super::error::Flaw;
use super::schema::{self, Entry, Seal};
use super::{DestinationState, Progress};

/// How many files that are gone are remembered, so that a cursor that comes late for one of them
/// is not written for ever. Cursors come seconds late; thousands of files do not go in seconds.
const GONE_MAX: usize = 4096;

/// How far a state's generation jumps when it was restored from an older copy: further than the
/// copy can have missed, so that whatever is written next counts as the newest.
const GENERATION_LEAP: u64 = 1_000_000_000;

/// A key and what it is to hold; `None` removes it.
pub(super) type Write = (Vec<u8>, Option<Vec<u8>>);

/// Everything that is, or is to be, on the disk.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    /// Counts commits; the higher of two copies is the newer.
    pub(super) generation: u64,
    /// Known spool files.
    pub(super) files: BTreeMap<FileKey, FileRecord>,
    /// How far each destination is.
    pub(super) destinations: BTreeMap<String, Destination>,
    entries: u64,
    digest: u64,
    gone: VecDeque<FileKey>,
}

/// One destination, by file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Destination {
    /// Its cursor in each file.
    pub(super) cursors: BTreeMap<FileKey, Cursor>,
    /// Its account.
    pub(super) ledger: Ledger,
    /// The number of its last message.
    pub(super) sequence: u32,
}

/// What was recorded since the last commit; later values replace earlier ones.
#[derive(Clone, Debug, Default)]
pub(super) struct Change {
    /// Files seen; `None` for those that are gone.
    pub(super) files: BTreeMap<FileKey, Option<FileRecord>>,
    /// Destinations that moved; of their cursors only those that changed.
    pub(super) destinations: BTreeMap<String, Destination>,
}

impl Change {
    /// True when there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.destinations.is_empty()
    }

    /// Takes in one destination's progress.
    pub(super) fn record(&mut self, destination: &str, progress: Progress) {
        if !self.destinations.contains_key(destination) {
            self.destinations.insert(destination.to_owned(), Destination::default());
        }
        let Some(held) = self.destinations.get_mut(destination) else { return };
        held.ledger = progress.ledger;
        held.sequence = progress.sequence;
        held.cursors.extend(progress.cursors.into_iter().map(|cursor| (cursor.file, cursor)));
    }

    /// Takes in files that were seen and files that are gone.
    pub(super) fn record_files(&mut self, upserts: Vec<FileRecord>, gone: Vec<FileKey>) {
        self.files.extend(upserts.into_iter().map(|record| (record.key, Some(record))));
        for key in gone {
            self.files.insert(key, None);
            for destination in self.destinations.values_mut() {
                destination.cursors.remove(&key);
            }
        }
    }

    /// Takes in a later change.
    pub(super) fn merge(&mut self, later: Change) {
        self.files.extend(later.files);
        for (name, moved) in later.destinations {
            let held = self.destinations.entry(name).or_default();
            held.ledger = moved.ledger;
            held.sequence = moved.sequence;
            held.cursors.extend(moved.cursors);
        }
    }
}

impl State {
    /// Rebuilds the state from the keys and values of the store.
    ///
    /// # Errors
    /// `Unfinished` without a seal, `Newer` for a later format, `Damaged` when the entries are not
    /// those that were sealed: one is missing, stale or altered.
    pub(super) fn from_entries(contents: &[(Vec<u8>, Vec<u8>)]) -> Result<State, Flaw> {
        let mut state = State::default();
        let mut seal: Option<Seal> = None;
        for (key, value) in contents {
            match schema::decode(key, value)? {
                Entry::Seal(found) => {
                    seal = Some(found);
                    continue;
                }
                entry => state.insert(entry),
            }
            state.entries += 1;
            state.digest = state.digest.wrapping_add(schema::digest(key, value));
        }
        let Some(seal) = seal else { return Err(Flaw::Unfinished) };
        if (seal.entries, seal.digest) != (state.entries, state.digest) {
            return Err(Flaw::damaged(format!(
                "{} entries, {} were sealed",
                state.entries, seal.entries
            )));
        }
        state.generation = seal.generation;
        Ok(state)
    }

    /// Adds an entry that a copy holds.
    pub(super) fn insert(&mut self, entry: Entry) {
        match entry {
            Entry::Seal(_) => {}
            Entry::File(record) => {
                self.files.insert(record.key, record);
            }
            Entry::Destination { name, ledger, sequence } => {
                let destination = self.destinations.entry(name).or_default();
                destination.ledger = ledger;
                destination.sequence = sequence;
            }
            Entry::Cursor { destination, cursor } => {
                let destination = self.destinations.entry(destination).or_default();
                destination.cursors.insert(cursor.file, cursor);
            }
        }
    }

    /// Makes this state newer than every copy that may be left of the one it was restored from.
    pub(super) fn leap(&mut self) {
        self.generation = self.generation.saturating_add(GENERATION_LEAP);
    }

    /// Takes in a change and returns what differs from before, the seal last.
    pub(super) fn apply(&mut self, change: &Change) -> Vec<Write> {
        let mut writes = Vec::new();
        for (key, record) in &change.files {
            match record {
                Some(record) => self.see(record, &mut writes),
                None => self.forget(*key, &mut writes),
            }
        }
        for (name, moved) in &change.destinations {
            self.advance(name, moved, &mut writes);
        }
        self.generation = self.generation.saturating_add(1);
        for (key, value) in &writes {
            let Some(value) = value else { continue };
            self.entries += 1;
            self.digest = self.digest.wrapping_add(schema::digest(key, value));
        }
        writes.push(self.seal());
        writes
    }

    /// Everything, the seal last: what an empty store is filled with. Counts the entries anew,
    /// for a state that was put together from a text copy.
    pub(super) fn export(&mut self) -> Vec<Write> {
        let mut writes: Vec<Write> = self.files.values().map(schema::file).map(present).collect();
        for (name, destination) in &self.destinations {
            writes.push(present(schema::destination(
                name,
                &destination.ledger,
                destination.sequence,
            )));
            let cursors = destination.cursors.values();
            writes.extend(cursors.map(|cursor| present(schema::cursor(name, cursor))));
        }
        self.entries = writes.len() as u64;
        self.digest = writes
            .iter()
            .filter_map(|(key, value)| value.as_ref().map(|value| schema::digest(key, value)))
            .fold(0, u64::wrapping_add);
        writes.push(self.seal());
        writes
    }

    /// One destination's cursor in a file.
    pub(super) fn cursor(&self, destination: &str, file: FileKey) -> Option<Cursor> {
        self.destinations.get(destination)?.cursors.get(&file).copied()
    }

    /// What the caller begins with.
    pub(super) fn restored(&self) -> (Vec<FileRecord>, BTreeMap<String, DestinationState>) {
        let destinations = self.destinations.iter().map(|(name, destination)| {
            let state = DestinationState {
                cursors: destination.cursors.values().copied().collect(),
                ledger: destination.ledger,
                sequence: destination.sequence,
            };
            (name.clone(), state)
        });
        (self.files.values().cloned().collect(), destinations.collect())
    }

    fn see(&mut self, record: &FileRecord, writes: &mut Vec<Write>) {
        self.gone.retain(|key| *key != record.key);
        let old = self.files.insert(record.key, record.clone());
        if old.as_ref() == Some(record) {
            return;
        }
        if let Some(old) = old {
            self.subtract(schema::file(&old));
        }
        writes.push(present(schema::file(record)));
    }

    fn forget(&mut self, key: FileKey, writes: &mut Vec<Write>) {
        if self.gone.len() == GONE_MAX {
            self.gone.pop_front();
        }
        self.gone.push_back(key);
        let mut dropped: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        dropped.extend(self.files.remove(&key).as_ref().map(schema::file));
        for (name, destination) in &mut self.destinations {
            let cursor = destination.cursors.remove(&key);
            dropped.extend(cursor.map(|cursor| schema::cursor(name, &cursor)));
        }
        for (key, value) in dropped {
            writes.push((key.clone(), None));
            self.subtract((key, value));
        }
    }

    fn advance(&mut self, name: &str, moved: &Destination, writes: &mut Vec<Write>) {
        let mut replaced: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        let known = self.destinations.contains_key(name);
        let held = self.destinations.entry(name.to_owned()).or_default();
        if !known || (held.ledger, held.sequence) != (moved.ledger, moved.sequence) {
            if known {
                replaced.push(schema::destination(name, &held.ledger, held.sequence));
            }
            writes.push(present(schema::destination(name, &moved.ledger, moved.sequence)));
            held.ledger = moved.ledger;
            held.sequence = moved.sequence;
        }
        for (file, cursor) in &moved.cursors {
            if self.gone.contains(file) || held.cursors.get(file) == Some(cursor) {
                continue;
            }
            let old = held.cursors.insert(*file, *cursor);
            replaced.extend(old.map(|old| schema::cursor(name, &old)));
            writes.push(present(schema::cursor(name, cursor)));
        }
        for entry in replaced {
            self.subtract(entry);
        }
    }

    fn subtract(&mut self, (key, value): (Vec<u8>, Vec<u8>)) {
        self.entries = self.entries.saturating_sub(1);
        self.digest = self.digest.wrapping_sub(schema::digest(&key, &value));
    }

    fn seal(&self) -> Write {
        present(schema::seal(&Seal {
            generation: self.generation,
            entries: self.entries,
            digest: self.digest,
        }))
    }
}

fn present((key, value): (Vec<u8>, Vec<u8>)) -> Write {
    (key, Some(value))
}
