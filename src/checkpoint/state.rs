//! The whole of what is to survive: files, cursors, ledgers. Plain values, no I/O.
//!
//! [`Change`] gathers what callers record between two commits; [`State::apply`] turns it into the
//! entries that differ, and keeps the digests by which a copy proves that it is whole.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::model::ledger::Ledger;
use crate::model::position::{Cursor, FileKey, FileRecord};

use super::error::Flaw;
use super::schema::{self, Entry, Place, Seal};
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
    /// The digest of every entry, as the store holds it or is to hold it.
    digests: BTreeMap<Place, u64>,
    gone: Gone,
}

/// The files that went last.
#[derive(Clone, Debug, Default)]
struct Gone {
    keys: BTreeSet<FileKey>,
    /// The same, the oldest first.
    order: VecDeque<FileKey>,
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
}

impl Gone {
    fn remember(&mut self, key: FileKey) {
        self.forget(key);
        if self.order.len() == GONE_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.keys.remove(&oldest);
        }
        self.keys.insert(key);
        self.order.push_back(key);
    }

    fn forget(&mut self, key: FileKey) {
        if self.keys.remove(&key) {
            self.order.retain(|gone| *gone != key);
        }
    }
}

impl State {
    /// Rebuilds the state from the keys and values of the store.
    ///
    /// # Errors
    /// `Unfinished` without a seal, `Newer` for a later format, `Damaged` when the entries are not
    /// those that were sealed: one is missing, stale or altered.
    pub(super) fn from_entries(
        contents: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>,
    ) -> Result<State, Flaw> {
        let mut state = State::default();
        let mut found: Option<Seal> = None;
        for (key, value) in contents {
            let place = match schema::decode(&key, &value)? {
                Entry::Seal(seal) => {
                    found = Some(seal);
                    continue;
                }
                Entry::Files(bucket, records) => {
                    state.files.extend(records.into_iter().map(|record| (record.key, record)));
                    Place::Files(bucket)
                }
                Entry::Account { name, ledger, sequence } => {
                    let destination = state.destinations.entry(name.clone()).or_default();
                    destination.ledger = ledger;
                    destination.sequence = sequence;
                    Place::Account(name)
                }
                Entry::Cursors(name, bucket, cursors) => {
                    let destination = state.destinations.entry(name.clone()).or_default();
                    destination.cursors.extend(cursors.into_iter().map(|c| (c.file, c)));
                    Place::Cursors(name, bucket)
                }
            };
            state.digests.insert(place, schema::digest(&key, &value));
        }
        let Some(found) = found else { return Err(Flaw::Unfinished) };
        state.generation = found.generation;
        let seal = state.seal();
        if found != seal {
            return Err(Flaw::damaged(format!(
                "{} entries, {} were sealed",
                seal.entries, found.entries
            )));
        }
        Ok(state)
    }

    /// Makes this state newer than every copy that may be left of the one it was restored from.
    pub(super) fn leap(&mut self) {
        self.generation = self.generation.saturating_add(GENERATION_LEAP);
    }

    /// Takes in a change and returns the entries that differ from before, the seal last.
    pub(super) fn apply(&mut self, change: Change) -> Vec<Write> {
        let mut touched = BTreeSet::new();
        for (key, record) in change.files {
            match record {
                Some(record) => self.see(record, &mut touched),
                None => self.forget(key, &mut touched),
            }
        }
        for (name, moved) in change.destinations {
            self.advance(name, moved, &mut touched);
        }
        self.generation = self.generation.saturating_add(1);
        self.write(touched)
    }

    /// Everything, the seal last: what an empty store is filled with. Counts the entries anew,
    /// for a state that was put together from a text copy.
    pub(super) fn export(&mut self) -> Vec<Write> {
        let files = self.files.keys().map(|file| Place::Files(schema::bucket(*file)));
        let mut all: BTreeSet<Place> = files.collect();
        for (name, destination) in &self.destinations {
            all.insert(Place::Account(name.clone()));
            let buckets = destination.cursors.keys().map(|file| schema::bucket(*file));
            all.extend(buckets.map(|bucket| Place::Cursors(name.clone(), bucket)));
        }
        self.digests.clear();
        self.write(all)
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

    fn see(&mut self, record: FileRecord, touched: &mut BTreeSet<Place>) {
        self.gone.forget(record.key);
        if self.files.get(&record.key) != Some(&record) {
            touched.insert(Place::Files(schema::bucket(record.key)));
            self.files.insert(record.key, record);
        }
    }

    fn forget(&mut self, key: FileKey, touched: &mut BTreeSet<Place>) {
        self.gone.remember(key);
        let bucket = schema::bucket(key);
        if self.files.remove(&key).is_some() {
            touched.insert(Place::Files(bucket));
        }
        for (name, destination) in &mut self.destinations {
            if destination.cursors.remove(&key).is_some() {
                touched.insert(Place::Cursors(name.clone(), bucket));
            }
        }
    }

    fn advance(&mut self, name: String, moved: Destination, touched: &mut BTreeSet<Place>) {
        let known = self.destinations.contains_key(&name);
        let held = self.destinations.entry(name.clone()).or_default();
        if !known || (held.ledger, held.sequence) != (moved.ledger, moved.sequence) {
            touched.insert(Place::Account(name.clone()));
            held.ledger = moved.ledger;
            held.sequence = moved.sequence;
        }
        for (file, cursor) in moved.cursors {
            if !self.gone.keys.contains(&file) && held.cursors.get(&file) != Some(&cursor) {
                touched.insert(Place::Cursors(name.clone(), schema::bucket(file)));
                held.cursors.insert(file, cursor);
            }
        }
    }

    /// These entries as they are now, and the seal of all.
    fn write(&mut self, places: BTreeSet<Place>) -> Vec<Write> {
        let mut writes = Vec::with_capacity(places.len() + 1);
        for place in places {
            let (key, value) = (schema::key(&place), self.value(&place));
            match &value {
                Some(value) => self.digests.insert(place, schema::digest(&key, value)),
                None => self.digests.remove(&place),
            };
            writes.push((key, value));
        }
        let (key, value) = schema::seal(&self.seal());
        writes.push((key, Some(value)));
        writes
    }

    /// What an entry is to hold; `None` when nothing is left of it.
    fn value(&self, place: &Place) -> Option<Vec<u8>> {
        match place {
            Place::Files(bucket) => {
                let files = self.files.range(schema::keys(*bucket));
                schema::files(files.map(|(_, record)| record))
            }
            Place::Account(name) => {
                let destination = self.destinations.get(name)?;
                Some(schema::account(&destination.ledger, destination.sequence))
            }
            Place::Cursors(name, bucket) => {
                let cursors = self.destinations.get(name)?.cursors.range(schema::keys(*bucket));
                schema::cursors(cursors.map(|(_, cursor)| cursor))
            }
        }
    }

    fn seal(&self) -> Seal {
        Seal {
            generation: self.generation,
            entries: self.digests.len() as u64,
            digest: self.digests.values().copied().fold(0, u64::wrapping_add),
        }
    }
}
