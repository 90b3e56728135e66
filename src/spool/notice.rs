//! What becomes of one name in a directory: a new file, a known one that grew or moved, one that
//! was rewritten, or none any more. A wake-up costs one name, however many there are.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;
use std::sync::Arc;

use tracing::{debug, info};

use super::compressed::{compressed_name, is_named_after};
use super::inventory::{Entry, Inventory, Presence};
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
        self.look(directory, name, writer, None);
    }

    /// The same; `early` is what was found there a moment ago, if it was opened already.
    pub(super) fn look(
        &mut self,
        directory: usize,
        name: &OsStr,
        writer: Writer,
        early: Option<Probe>,
    ) {
        self.examined += 1;
        let source = self.source_of(directory, name);
        let known = self.directories.get(directory).and_then(|d| d.names.get(name)).copied();
        let early = early.filter(|_| known.is_none());
        let status = match &early {
            Some(probe) => Ok(probe.status),
            None => probe::status(&self.path_of(directory, name)),
        };
        let status = match status {
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
            || self.pending.has_inode(status.inode)
            || (is_compressed && self.is_missing_any(directory))
        {
            self.adopt(directory, name, source, early);
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
        // Its last lines may be unnoticed, and come before those of its successor; or it was
        // truncated just before, and its compressed copy would not be known again.
        let held = entry.file.clone().filter(|_| !entry.is_compressed);
        let probe = held.and_then(|file| probe::probe_open(file, false).ok());
        let is_deleted = probe.as_ref().is_some_and(|probe| probe.status.links == 0);
        let key = probe.map_or(key, |probe| self.update(key, probe));
        let Some(entry) = self.files.get_mut(&key) else { return };
        let Some(place) = self.directories.get_mut(directory) else { return };
        entry.presence = Presence::Missing(place.listings);
        if place.names.get(&name) == Some(&key) {
            place.names.remove(&name);
        }
        self.wake(key);
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
        let is_held = entry.file.is_some();
        let is_compressed = entry.is_compressed;
        if !is_held && pattern::is_compressed(name) != is_compressed {
            return self.replace(key, directory, name);
        }
        let opened = match &entry.file {
            Some(file) => Ok(Arc::clone(file)),
            None => probe::open(&self.path_of(directory, name)).map(Arc::new),
        };
        let probe = match opened.and_then(|file| probe::probe_open(file, is_compressed)) {
            Ok(probe) if probe.status.is_same_file(status) => probe,
            Ok(_) => return, // Another file by now, which is told of too.
            Err(error) => return self.fail(key, &error),
        };
        let is_alike = probe.head.begins_with(entry.head_bytes, entry.head_hash);
        // An empty file is like any other: the inode is not enough, the name must be its own.
        let is_told_apart = entry.head_bytes > 0 || is_named_after(name, &entry.name) > 0;
        if !is_held && !is_told_apart {
            return self.replace(key, directory, name);
        }
        if !is_alike && !is_held {
            return self.replace(key, directory, name);
        }
        if has_moved || entry.presence != Presence::Present {
            self.rename(key, directory, name);
        }
        self.hold(key, Arc::clone(&probe.file));
        let key = self.update(key, probe);
        let Some(entry) = self.files.get_mut(&key) else { return };
        if std::mem::replace(&mut entry.is_failing, false) {
            self.recovered(directory, name, true);
        }
        self.wake(key);
    }

    /// Notes what a new look at the same inode has shown. The key it has from then on is another
    /// if its content is.
    pub(super) fn update(&mut self, key: FileKey, probe: Probe) -> FileKey {
        let Some(entry) = self.files.get_mut(&key) else { return key };
        if !probe.head.begins_with(entry.head_bytes, entry.head_hash)
            || !entry.is_compressed && probe.status.size < entry.status.size
        {
            return self.rekey(key, probe);
        }
        if !probe.status.is_unchanged(&entry.status) {
            entry.end = None;
        }
        entry.status = probe.status;
        if probe.head.bytes() > entry.head_bytes {
            entry.head_bytes = probe.head.bytes();
            entry.head_hash = probe.head.hash();
            self.upserts.insert(key);
        }
        key
    }

    /// The name has the inode of a file that was not held open, but not its content: that file
    /// was deleted (and perhaps compressed before) and its inode used again.
    fn replace(&mut self, key: FileKey, directory: usize, name: &OsStr) {
        self.lose(key);
        self.leave_inode(key);
        let source = self.source_of(directory, name);
        if source.is_some() || pattern::is_compressed(name) {
            self.adopt(directory, name, source, None);
        }
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
        debug!(%key, path = ?path, "spool file was renamed");
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
    pub(super) fn rekey(&mut self, key: FileKey, probe: Probe) -> FileKey {
        let new_key = self.new_key(&probe);
        let Some(entry) = self.files.get(&key) else { return key };
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
        info!(%key, %new_key, path = ?path,
            "spool file was truncated or rewritten; it is read from its beginning");
        self.forget(key);
        let order = self.next_order(source);
        self.insert(new_key, Entry { order, ..entry }, probe.file);
        self.wake(new_key);
        new_key
    }

    /// A file that is not known by its inode.
    fn adopt(
        &mut self,
        directory: usize,
        name: &OsStr,
        source: Option<usize>,
        early: Option<Probe>,
    ) {
        let is_compressed = pattern::is_compressed(name);
        let path = self.path_of(directory, name);
        let probe = match early.map_or_else(|| probe::probe(&path, is_compressed), Ok) {
            Ok(probe) => probe,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound && source.is_some() {
                    self.warn_once(directory, name, &format!("cannot be read: {error}"));
                }
                return;
            }
        };
        self.recovered(directory, name, true);
        if is_compressed {
            self.refresh_originals(directory, name);
            if self.inodes.contains_key(&(probe.status.device, probe.status.inode)) {
                return; // It has just taken its original's place.
            }
        }
        let record = self.take_pending(directory, name, &probe);
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
        debug!(%key, path = ?path, is_known = record.is_some(), "spool file found");
        let order = self.next_order(source);
        let entry = Entry {
            directory,
            name: name.into(),
            is_matched: self.source_of(directory, name).is_some(),
            is_compressed,
            seen: self.directories.get(directory).map_or(0, |directory| directory.listings),
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
    fn take_pending(
        &mut self,
        directory: usize,
        name: &OsStr,
        probe: &Probe,
    ) -> Option<FileRecord> {
        let path = self.path_of(directory, name);
        let key = self.pending.of_inode(probe.status.inode).find(|record| {
            let old = record.path.file_name().unwrap_or_default();
            pattern::is_compressed(old) == pattern::is_compressed(name)
                && (record.device == probe.status.device || record.path == path)
                && (record.head_bytes > 0 || is_named_after(name, old) > 0)
                && probe.head.begins_with(record.head_bytes, record.head_hash)
        });
        let record = self.pending.take(key?.key)?;
        if record.device != probe.status.device || record.path != path {
            self.upserts.insert(record.key);
        }
        Some(record)
    }
}
