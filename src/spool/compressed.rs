//! Compressed files and what they were made of: a `.gz` goes on under the key of its original.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use tracing::info;

use super::content;
use super::inventory::{Entry, Inventory, Presence, is_quiet};
use super::notice::Writer;
use super::pattern;
use super::probe::{self, Probe};
use crate::model::position::{FileKey, FileRecord};

impl Inventory {
    /// What is known of files that a compressed one may have been made of can be a moment old:
    /// they are compared as they are now. That is the one beside it, and those that have lost
    /// their names and are held open.
    pub(super) fn refresh_originals(&mut self, directory: usize, name: &OsStr) {
        let stem = Path::new(name).file_stem().unwrap_or_default();
        if self.directories.get(directory).is_some_and(|place| place.names.contains_key(stem)) {
            self.notice(directory, stem, Writer::Done);
        }
        let is_lost = |entry: &Entry| {
            entry.directory == directory
                && entry.presence != Presence::Present
                && !entry.is_compressed
        };
        let held: Vec<_> = self
            .files
            .iter()
            .filter(|(_, entry)| is_lost(entry))
            .filter_map(|(key, entry)| Some((*key, entry.file.clone()?)))
            .collect();
        for (key, file) in held {
            if let Ok(probe) = probe::probe_open(file, false) {
                self.update(key, probe);
            }
        }
    }

    /// Like [`Inventory::original_of`], among the files of the checkpoint.
    pub(super) fn take_pending_original(
        &mut self,
        directory: usize,
        name: &OsStr,
        probe: &Probe,
    ) -> Option<FileRecord> {
        let place = self.directories.get(directory)?.path.clone();
        let original = self
            .pending
            .records()
            .filter(|record| {
                record.head_bytes > 0
                    && record.path.parent() == Some(&place)
                    && !record.path.file_name().is_some_and(pattern::is_compressed)
                    && probe.head.begins_with(record.head_bytes, record.head_hash)
            })
            .max_by_key(|record| {
                let old = record.path.file_name().unwrap_or_default();
                (is_named_after(name, old), record.head_bytes)
            });
        let record = self.pending.take(original?.key)?;
        info!(key = %record.key, path = %self.path_of(directory, name).display(),
            "spool file was compressed while nothing ran; it is continued");
        Some(record)
    }

    /// The vanished file that a compressed one was made of: it begins with the same bytes. If
    /// several do, the one whose name it has made longer; the hash before the cursor then decides.
    pub(super) fn original_of(
        &self,
        directory: usize,
        name: &OsStr,
        probe: &Probe,
    ) -> Option<FileKey> {
        self.files
            .iter()
            .filter(|(_, entry)| {
                entry.directory == directory
                    && entry.presence != Presence::Present
                    && !entry.is_compressed
                    && entry.head_bytes > 0
                    && probe.head.begins_with(entry.head_bytes, entry.head_hash)
            })
            .max_by_key(|(_, entry)| {
                (is_named_after(name, &entry.name), entry.head_bytes, u64::MAX - entry.order)
            })
            .map(|(key, _)| *key)
    }

    /// Whether it is the compressed copy of a file that is still there: gzip has not removed the
    /// original yet, or was told to keep it. It is remembered, and looked at again if it changes.
    pub(super) fn is_copy(&mut self, directory: usize, name: &OsStr, probe: &Probe) -> bool {
        let Some(place) = self.directories.get_mut(directory) else { return false };
        let stem = Path::new(name).file_stem().unwrap_or_default();
        let original = place.names.get(stem).and_then(|key| self.files.get(key));
        let Some(original) = original.filter(|original| original.head_bytes > 0) else {
            return false;
        };
        let is_alike = probe.head.begins_with(original.head_bytes, original.head_hash);
        let length = content::stated_length(&probe.file, probe.status.size).map(u64::from);
        if is_alike && length == Some(original.status.size & u64::from(u32::MAX)) {
            place.copies.insert(name.into(), probe.status);
            return true;
        }
        // It may still be in the writing; the poll looks again.
        let is_early = is_alike || probe.head.bytes() < original.head_bytes;
        let is_early = is_early && !is_quiet(&probe.status, SystemTime::now());
        place.is_early |= is_early;
        is_early
    }

    /// The file goes on as its compressed copy, at the same uncompressed offsets.
    pub(super) fn convert(&mut self, key: FileKey, directory: usize, name: &OsStr, probe: Probe) {
        let is_matched = self.source_of(directory, name).is_some();
        self.leave_inode(key);
        let Some(entry) = self.files.get_mut(&key) else { return };
        let length = content::stated_length(&probe.file, probe.status.size);
        let is_whole = length
            .is_some_and(|length| u64::from(length) == entry.status.size & u64::from(u32::MAX));
        // Nothing needs to be decompressed for those who have read all of the original.
        entry.end = is_whole.then_some(entry.status.size);
        self.inodes.insert((probe.status.device, probe.status.inode), key);
        entry.status = probe.status;
        entry.is_compressed = true;
        entry.is_matched = is_matched;
        entry.directory = directory;
        entry.name = name.into();
        entry.presence = Presence::Present;
        if let Some(place) = self.directories.get_mut(directory) {
            entry.seen = place.listings;
            place.names.insert(name.into(), key);
        }
        info!(%key, path = %self.path_of(directory, name).display(),
            "spool file was compressed; it is continued");
        self.upserts.insert(key);
        self.hold(key, Arc::clone(&probe.file));
        self.wake(key);
    }
}

/// What gzip calls it.
pub(super) fn compressed_name(name: &OsStr) -> OsString {
    let mut compressed = name.to_owned();
    compressed.push(".gz");
    compressed
}

/// Whether rotation or compression has made `name` of `old`, by adding to it.
pub(super) fn is_named_after(name: &OsStr, old: &OsStr) -> u8 {
    if compressed_name(old) == name {
        return 2;
    }
    u8::from(name.as_encoded_bytes().starts_with(old.as_encoded_bytes()))
}
