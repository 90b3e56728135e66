//! What becomes of one name in a directory: a new file, a known one that grew or moved, one that
//! was rewritten, or none any more. A wake-up costs one name, however many there are.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use tracing::{debug, info};

use super::content;
use super::inventory::{Entry, Inventory, Presence, is_quiet};
use super::pattern;
use super::probe::{self, Probe, Status};
use crate::model::position::{FileKey, FileRecord};

/// What is known of the writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writer {
    /// It has closed the file, or nothing is known.
    Done,
    /// It has just created the file or written to it.
    Writes,
}

impl Inventory {
    /// Looks at one name.
    pub(super) fn notice(&mut self, directory: usize, name: &OsStr, writer: Writer) {
        self.examined += 1;
        let source = self.source_of(directory, name);
        let known = self.directories.get(directory).and_then(|d| d.names.get(name)).copied();
        let status = match probe::status(&self.path_of(directory, name)) {
            Ok(status) => status,
            Err(error) => {
                if error.kind() == io::ErrorKind::NotFound {
                    self.recovered(directory, name, false);
                    known.inspect(|key| self.lose(*key));
                } else if source.is_some() || known.is_some() {
                    self.warn_once(directory, name, &format!("cannot be read: {error}"));
                }
                return;
            }
        };
        if let Some(key) = known
            && self.files.get(&key).is_some_and(|entry| !entry.status.is_same_file(&status))
        {
            self.lose(key);
        }
        if !status.is_regular {
            if source.is_some() && !status.is_directory {
                self.warn_once(directory, name, "is not a regular file and is passed over");
            }
            return;
        }
        if let Some(key) = self.inodes.get(&(status.device, status.inode)).copied() {
            self.observe(key, directory, name, &status);
            return;
        }
        let is_compressed = pattern::is_compressed(name);
        if is_compressed && writer == Writer::Writes {
            return; // Its closing is noticed too; until then it would look cut off.
        }
        if source.is_some()
            || self.pending.contains_key(&status.inode)
            || (is_compressed && self.is_missing_any(directory))
        {
            self.adopt(directory, name, source);
        }
    }

    /// Whether a file of that directory is looked for.
    pub(super) fn is_missing_any(&self, directory: usize) -> bool {
        !self.pending.is_empty()
            || self
                .files
                .values()
                .any(|entry| entry.directory == directory && entry.presence != Presence::Present)
    }

    /// The file's name is no longer its own. If it was deleted and a compressed copy stands beside
    /// it, the copy takes its place at once; else the next whole listing searches for it.
    pub(super) fn lose(&mut self, key: FileKey) {
        let Some(entry) = self.files.get_mut(&key) else { return };
        let directory = entry.directory;
        let name = entry.name.clone();
        if entry.presence != Presence::Present {
            return;
        }
        let is_deleted = !entry.is_compressed
            && entry
                .file
                .as_ref()
                .is_some_and(|file| file.metadata().is_ok_and(|metadata| metadata.nlink() == 0));
        let Some(place) = self.directories.get_mut(directory) else { return };
        entry.presence = Presence::Missing(place.listings);
        // What was written to it last is older than whatever has its name now, and is read first.
        let length = entry.file.as_ref().and_then(|file| file.metadata().ok()).map(|at| at.len());
        let has_grown = !entry.is_compressed && length > Some(entry.status.size);
        if has_grown {
            entry.status.size = length.unwrap_or(entry.status.size);
        }
        if place.names.get(&name) == Some(&key) {
            place.names.remove(&name);
        }
        if has_grown {
            self.wake(key);
        }
        if is_deleted {
            self.notice(directory, &compressed_name(&name), Writer::Done);
        }
    }

    /// A known file: renamed, grown, rewritten, or as it was.
    fn observe(&mut self, key: FileKey, directory: usize, name: &OsStr, status: &Status) {
        let Some(entry) = self.files.get(&key) else { return };
        let has_moved = (entry.directory, &*entry.name) != (directory, name);
        if has_moved
            && entry.presence == Presence::Present
            && probe::status(&self.entry_path(entry)).is_ok_and(|old| old.is_same_file(status))
        {
            return; // A hard link: one file, read once, under its first name.
        }
        if has_moved || entry.presence != Presence::Present {
            self.rename(key, directory, name);
        }
        let Some(file) = self.opened(key) else { return };
        let Some(entry) = self.files.get_mut(&key) else { return };
        let probe = match probe::probe_open(file, entry.is_compressed) {
            Ok(probe) => probe,
            Err(error) => return self.fail(key, &error),
        };
        if !entry.is_compressed && probe.status.size < entry.status.size
            || !probe.head.begins_with(entry.head_bytes, entry.head_hash)
        {
            return self.rekey(key, probe);
        }
        if probe.status.size != entry.status.size
            || probe.status.modified != entry.status.modified && entry.is_compressed
        {
            entry.end = None;
        }
        entry.status = probe.status;
        if probe.head.bytes() > entry.head_bytes {
            entry.head_bytes = probe.head.bytes();
            entry.head_hash = probe.head.hash();
            self.upserts.insert(key);
        }
        if entry.is_failing {
            entry.is_failing = false;
            self.recovered(directory, name, true);
        }
        self.wake(key);
    }

    /// The file has another name, or its old one again.
    fn rename(&mut self, key: FileKey, directory: usize, name: &OsStr) {
        let is_matched = self.source_of(directory, name).is_some();
        let path = self.path_of(directory, name);
        let Some(entry) = self.files.get_mut(&key) else { return };
        if let Some(old) = self.directories.get_mut(entry.directory)
            && old.names.get(&entry.name) == Some(&key)
        {
            old.names.remove(&entry.name);
        }
        debug!(%key, path = %path.display(), "spool file was renamed");
        entry.directory = directory;
        entry.name = name.into();
        entry.is_matched = is_matched;
        entry.presence = Presence::Present;
        if let Some(new) = self.directories.get_mut(directory) {
            new.names.insert(name.into(), key);
        }
        self.upserts.insert(key);
    }

    /// The file's content was replaced: what it was is gone, and what is there is a new file.
    pub(super) fn rekey(&mut self, key: FileKey, probe: Probe) {
        let new_key = self.new_key(&probe);
        let Some(entry) = self.files.get(&key) else { return };
        let path = self.entry_path(entry);
        let (source, presence) = (entry.source, entry.presence);
        let entry = Entry {
            directory: entry.directory,
            name: entry.name.clone(),
            is_matched: entry.is_matched,
            is_compressed: entry.is_compressed,
            seen: entry.seen,
            presence,
            ..self.new_entry(source, &probe)
        };
        info!(%key, %new_key, path = %path.display(),
            "spool file was truncated or rewritten; it is read from its beginning");
        self.forget(key);
        let order = self.next_order(source);
        self.insert(new_key, Entry { order, ..entry }, probe.file);
        self.wake(new_key);
    }

    /// A file that is not known by its inode.
    fn adopt(&mut self, directory: usize, name: &OsStr, source: Option<usize>) {
        let is_compressed = pattern::is_compressed(name);
        let path = self.path_of(directory, name);
        let probe = match probe::probe(&path, is_compressed) {
            Ok(probe) => probe,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound && source.is_some() {
                    self.warn_once(directory, name, &format!("cannot be read: {error}"));
                }
                return;
            }
        };
        self.recovered(directory, name, true);
        let record = self.take_pending(&path, &probe);
        let record = match record {
            None if is_compressed => {
                if let Some(key) = self.original_of(directory, name, &probe) {
                    return self.convert(key, directory, name, probe);
                }
                if self.is_copy(directory, name, &probe) {
                    return;
                }
                self.take_pending_original(directory, name, &probe)
            }
            record => record,
        };
        let source = match (source, &record) {
            (Some(source), _) => source,
            (None, Some(record)) => self.source_of_renamed(directory, name, &record.path),
            (None, None) => return,
        };
        let key = record.as_ref().map_or_else(|| self.new_key(&probe), |record| record.key);
        // A file of the last run that was compressed since is older than all that came after it.
        let is_continued = is_compressed && record.is_some();
        let order = if is_continued { 0 } else { self.next_order(source) };
        let entry = Entry {
            directory,
            name: name.into(),
            is_matched: self.source_of(directory, name).is_some(),
            is_compressed,
            seen: self.directories.get(directory).map_or(0, |directory| directory.listings + 1),
            order,
            ..self.new_entry(source, &probe)
        };
        self.insert(key, entry, probe.file);
        self.wake(key);
    }

    fn new_entry(&self, source: usize, probe: &Probe) -> Entry {
        Entry {
            source,
            directory: 0,
            name: OsString::new().into_boxed_os_str(),
            is_matched: false,
            is_compressed: false,
            status: probe.status,
            head_bytes: probe.head.bytes(),
            head_hash: probe.head.hash(),
            order: 0,
            presence: Presence::Present,
            file: None,
            end: None,
            confirmed: None,
            is_failing: false,
            seen: 0,
        }
    }

    /// The source of a file that has a name outside every pattern: that of its old name, or of a
    /// name that rotation has made longer (`a.jsonl.1.gz` of `a.jsonl`), or the directory's first.
    fn source_of_renamed(&self, directory: usize, name: &OsStr, old: &Path) -> usize {
        let mut names = vec![old.file_name().unwrap_or_default(), name];
        while let Some(name) = names.pop() {
            if let Some(source) = self.source_of(directory, name) {
                return source;
            }
            if Path::new(name).extension().is_some() {
                names.push(Path::new(name).file_stem().unwrap_or_default());
            }
        }
        let sources = self.directories.get(directory).map(|directory| &directory.sources);
        sources.and_then(|sources| sources.first()).copied().unwrap_or_default()
    }

    /// The checkpoint's record of a file that has the same inode and begins as it did. Device
    /// numbers can change at a reboot, so the same path is as good as the same device.
    fn take_pending(&mut self, path: &Path, probe: &Probe) -> Option<FileRecord> {
        let records = self.pending.get_mut(&probe.status.inode)?;
        let index = records.iter().position(|record| {
            (record.device == probe.status.device || record.path == path)
                && probe.head.begins_with(record.head_bytes, record.head_hash)
        })?;
        let record = records.swap_remove(index);
        if records.is_empty() {
            self.pending.remove(&probe.status.inode);
        }
        if record.device != probe.status.device || record.path != path {
            self.upserts.insert(record.key);
        }
        Some(record)
    }

    /// Like [`Inventory::original_of`], among the files of the checkpoint.
    fn take_pending_original(
        &mut self,
        directory: usize,
        name: &OsStr,
        probe: &Probe,
    ) -> Option<FileRecord> {
        let place = self.directories.get(directory)?.path.clone();
        let (inode, index) = self
            .pending
            .iter()
            .flat_map(|(inode, records)| records.iter().enumerate().map(move |r| (*inode, r)))
            .filter(|(_, (_, record))| {
                record.head_bytes > 0
                    && record.path.parent() == Some(&place)
                    && !record.path.file_name().is_some_and(pattern::is_compressed)
                    && probe.head.begins_with(record.head_bytes, record.head_hash)
            })
            .max_by_key(|(_, (_, record))| {
                let old = record.path.file_name().unwrap_or_default();
                (is_named_after(name, old), record.head_bytes)
            })
            .map(|(inode, (index, _))| (inode, index))?;
        let records = self.pending.get_mut(&inode)?;
        let record = records.swap_remove(index);
        if records.is_empty() {
            self.pending.remove(&inode);
        }
        info!(key = %record.key, path = %self.path_of(directory, name).display(),
            "spool file was compressed while nothing ran; it is continued");
        Some(record)
    }

    /// The vanished file that a compressed one was made of: it begins with the same bytes. If
    /// several do, the one whose name it has made longer; the hash before the cursor then decides.
    fn original_of(&self, directory: usize, name: &OsStr, probe: &Probe) -> Option<FileKey> {
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
    fn is_copy(&mut self, directory: usize, name: &OsStr, probe: &Probe) -> bool {
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
        is_early && !is_quiet(&probe.status, SystemTime::now())
    }

    /// The file goes on as its compressed copy, at the same uncompressed offsets.
    fn convert(&mut self, key: FileKey, directory: usize, name: &OsStr, probe: Probe) {
        let is_matched = self.source_of(directory, name).is_some();
        let Some(entry) = self.files.get_mut(&key) else { return };
        let length = content::stated_length(&probe.file, probe.status.size);
        let is_whole = length
            .is_some_and(|length| u64::from(length) == entry.status.size & u64::from(u32::MAX));
        // Nothing needs to be decompressed for those who have read all of the original.
        entry.end = is_whole.then_some(entry.status.size);
        self.inodes.remove(&(entry.status.device, entry.status.inode));
        self.inodes.insert((probe.status.device, probe.status.inode), key);
        entry.status = probe.status;
        entry.is_compressed = true;
        entry.is_matched = is_matched;
        entry.directory = directory;
        entry.name = name.into();
        entry.presence = Presence::Present;
        if let Some(place) = self.directories.get_mut(directory) {
            entry.seen = place.listings + 1;
            place.names.insert(name.into(), key);
        }
        info!(%key, path = %self.path_of(directory, name).display(),
            "spool file was compressed; it is continued");
        self.upserts.insert(key);
        self.hold(key, Arc::clone(&probe.file));
        self.wake(key);
    }
}

fn compressed_name(name: &OsStr) -> OsString {
    let mut compressed = name.to_owned();
    compressed.push(".gz");
    compressed
}

/// Whether rotation or compression has made `name` of `old`, by adding to it.
fn is_named_after(name: &OsStr, old: &OsStr) -> u8 {
    if compressed_name(old) == name {
        return 2;
    }
    u8::from(name.as_encoded_bytes().starts_with(old.as_encoded_bytes()))
}
