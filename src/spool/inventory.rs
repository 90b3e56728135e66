//! Every file the spool knows, by key, by name and by inode, and who has read how much of it.
//!
//! One per process, behind one lock, which is taken per wake-up and per read of up to 256 KiB.
//! Memory: about 400 bytes a file and 50 for each of its readers; descriptors are held for at most
//! [`OPEN_FILES_MAX`] files, newest first.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;
use tracing::{info, warn};

use super::hash;
use super::pattern::Pattern;
use super::pending::Pending;
use super::probe::{self, Probe, Status};
use super::queue::Queue;
use super::settings::Settings;
use super::step::Progress;
use crate::model::position::{FileKey, FileRecord};

/// How many files are held open, so that a deletion does not take unread lines with it.
pub(super) const OPEN_FILES_MAX: usize = if cfg!(test) { 16 } else { 512 };
/// A file that was not written to for so long, and that is not the newest, is closed: a program
/// that rotates by rename has told its writers by then.
pub(super) const CLOSED_AFTER: Duration = Duration::from_secs(60);

/// A file.
#[derive(Debug)]
pub(super) struct Entry {
    pub source: usize,
    pub directory: usize,
    /// The last name it had in the directory.
    pub name: Box<OsStr>,
    /// Whether `name` is one of the source's pattern: false after a rename out of it.
    pub is_matched: bool,
    pub is_compressed: bool,
    pub status: Status,
    pub head_bytes: u32,
    pub head_hash: u64,
    /// Of first appearance, over all sources.
    pub order: u64,
    pub presence: Presence,
    /// Held while someone may need it; see [`OPEN_FILES_MAX`].
    pub file: Option<Arc<File>>,
    /// Of a compressed file: the cursor behind its content, once someone got there.
    pub end: Option<u64>,
    /// What [`super::Spool::settle`] last said.
    pub confirmed: Option<u64>,
    /// Could not be opened or read; tried again at the poll.
    pub is_failing: bool,
    /// The listing that last saw it.
    pub seen: u64,
}

/// Where an entry's name stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// In the directory.
    Present,
    /// Not there since that listing; perhaps it was renamed, which a whole listing will show.
    Missing(u64),
    /// Deleted or moved away; read through the descriptor.
    Unlinked,
}

/// A directory that holds sources.
#[derive(Debug, Default)]
pub(super) struct Directory {
    pub path: PathBuf,
    /// Indices of its sources.
    pub sources: Vec<usize>,
    pub names: HashMap<Box<OsStr>, FileKey>,
    /// Whole listings so far.
    pub listings: u64,
    /// Names that were warned about.
    pub warned: HashSet<Box<OsStr>>,
    /// Compressed copies of files that are still there.
    pub copies: HashMap<Box<OsStr>, Status>,
    /// Whether it was warned that it cannot be listed.
    pub is_unlisted: bool,
    /// Whether a file of it can be written to under a name in another directory.
    pub has_links: bool,
    /// Whether a compressed file seems to be in the writing, and is to be looked at again.
    pub is_early: bool,
}

/// One reader's side.
#[derive(Debug)]
pub(super) struct Consumer {
    pub destination: String,
    pub queue: Queue,
    pub progress: HashMap<FileKey, Progress>,
    pub changed: Arc<Notify>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Inventory {
    pub settings: Settings,
    pub patterns: Arc<Vec<Pattern>>,
    pub directories: Vec<Directory>,
    /// Boxed: a table that has grown is up to half empty.
    pub files: HashMap<FileKey, Box<Entry>>,
    /// By device and inode.
    pub inodes: HashMap<(u64, u64), FileKey>,
    /// Files of the checkpoint that were not found yet.
    pub pending: Pending,
    pub consumers: HashMap<u64, Consumer>,
    pub open: BTreeSet<(u64, FileKey)>,
    pub upserts: HashSet<FileKey>,
    pub gone: Vec<FileKey>,
    /// The order of the newest file.
    pub order: u64,
    /// The order of the file that a listing is about to enter.
    pub listed_order: Option<u64>,
    /// The order of the newest file, by source.
    pub newest: Vec<u64>,
    pub consumer_count: u64,
    /// Makes keys differ between runs.
    pub salt: u64,
    /// How many names were looked at, for the tests.
    pub examined: u64,
}

impl Inventory {
    pub(super) fn new(
        settings: Settings,
        patterns: Arc<Vec<Pattern>>,
        known: Vec<FileRecord>,
    ) -> Inventory {
        let mut directories: Vec<Directory> = Vec::new();
        for (source, pattern) in patterns.iter().enumerate() {
            match directories.iter_mut().find(|directory| directory.path == pattern.directory) {
                Some(directory) => directory.sources.push(source),
                None => directories.push(Directory {
                    path: pattern.directory.clone(),
                    sources: vec![source],
                    ..Directory::default()
                }),
            }
        }
        let pending = Pending::new(known);
        Inventory {
            newest: vec![0; settings.sources.len()],
            settings,
            patterns,
            directories,
            upserts: pending.records().map(|record| record.key).collect(),
            pending,
            files: HashMap::new(),
            inodes: HashMap::new(),
            consumers: HashMap::new(),
            open: BTreeSet::new(),
            gone: Vec::new(),
            order: 0,
            listed_order: None,
            consumer_count: 0,
            salt: fastrand::u64(..),
            examined: 0,
        }
    }

    pub(super) fn path_of(&self, directory: usize, name: &OsStr) -> PathBuf {
        let directory = self.directories.get(directory).map(|directory| directory.path.as_path());
        directory.map(|directory| directory.join(name)).unwrap_or_default()
    }

    pub(super) fn entry_path(&self, entry: &Entry) -> PathBuf {
        self.path_of(entry.directory, &entry.name)
    }

    /// The first source whose pattern matches.
    pub(super) fn source_of(&self, directory: usize, name: &OsStr) -> Option<usize> {
        let sources = &self.directories.get(directory)?.sources;
        sources
            .iter()
            .copied()
            .find(|source| self.patterns.get(*source).is_some_and(|pattern| pattern.matches(name)))
    }

    /// A key that no other file has or had.
    pub(super) fn new_key(&mut self, probe: &Probe) -> FileKey {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let nanoseconds = since_epoch.map_or(0, |time| time.as_nanos() as u64);
        loop {
            self.salt = self.salt.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let parts = [
                probe.status.device,
                probe.status.inode,
                probe.head.hash(),
                nanoseconds,
                self.salt,
            ];
            let key = FileKey(parts.iter().fold(0, |key, part| hash::mix(key ^ part)));
            if !self.files.contains_key(&key) {
                return key;
            }
        }
    }

    /// Enters a file under `key`, unread unless the readers have progress under that key.
    pub(super) fn insert(&mut self, key: FileKey, entry: Entry, probe_file: Arc<File>) {
        if let Some(directory) = self.directories.get_mut(entry.directory)
            && entry.presence == Presence::Present
        {
            directory.names.insert(entry.name.clone(), key);
        }
        self.inodes.insert((entry.status.device, entry.status.inode), key);
        self.files.insert(key, Box::new(entry));
        self.upserts.insert(key);
        self.hold(key, probe_file);
    }

    /// The order of a file that appears now, or the place that a listing has given it.
    pub(super) fn next_order(&mut self, source: usize) -> u64 {
        let order = self.listed_order.take().unwrap_or_else(|| {
            self.order += 1;
            self.order
        });
        if let Some(newest) = self.newest.get_mut(source) {
            *newest = order.max(*newest);
        }
        order
    }

    /// Keeps a descriptor for `key`; beyond the limit, that of the oldest file which can be opened
    /// again by its name is closed, or else of the oldest.
    pub(super) fn hold(&mut self, key: FileKey, file: Arc<File>) {
        let Some(entry) = self.files.get_mut(&key) else { return };
        entry.file = Some(file);
        self.open.insert((entry.order, key));
        if self.open.len() > OPEN_FILES_MAX {
            let is_present = |key: &FileKey| {
                self.files.get(key).is_some_and(|entry| entry.presence == Presence::Present)
            };
            let victim = self.open.iter().find(|(_, key)| is_present(key)).or(self.open.first());
            if let Some((_, victim)) = victim.copied() {
                self.release(victim);
            }
        }
    }

    /// Closes the descriptor of `key`. One that has no name is gone with it.
    pub(super) fn release(&mut self, key: FileKey) {
        let Some(entry) = self.files.get_mut(&key) else { return };
        entry.file = None;
        self.open.remove(&(entry.order, key));
        if entry.presence == Presence::Unlinked {
            self.forget(key);
        }
    }

    /// The file's descriptor, opened again if need be. `None` after a failure, which is logged
    /// once per file, or when another file has the name by now.
    pub(super) fn opened(&mut self, key: FileKey) -> Option<Arc<File>> {
        let entry = self.files.get(&key)?;
        if let Some(file) = &entry.file {
            return Some(Arc::clone(file));
        }
        let path = self.entry_path(entry);
        let opened = probe::open(&path).and_then(|file| Ok((probe::status_of(&file)?, file)));
        match opened {
            Ok((status, file)) if status.is_same_file(&entry.status) => {
                let file = Arc::new(file);
                self.hold(key, Arc::clone(&file));
                Some(file)
            }
            Ok(_) => None,
            Err(error) => {
                if error.kind() != std::io::ErrorKind::NotFound {
                    self.fail(key, &error);
                }
                None
            }
        }
    }

    /// The file cannot be read now; the others go on, and the poll tries again.
    pub(super) fn fail(&mut self, key: FileKey, error: &std::io::Error) {
        let Some(entry) = self.files.get_mut(&key) else { return };
        entry.is_failing = true;
        let (directory, name) = (entry.directory, entry.name.clone());
        self.warn_once(directory, &name, &format!("cannot be read: {error}"));
    }

    /// Says once per name that it is passed over, until [`Inventory::recovered`].
    pub(super) fn warn_once(&mut self, directory: usize, name: &OsStr, what: &str) {
        let path = self.path_of(directory, name);
        if let Some(directory) = self.directories.get_mut(directory)
            && directory.warned.insert(name.into())
        {
            warn!(path = ?path, "spool file {what}; it is looked at again at each poll");
        }
    }

    /// A name that was warned about is well, or is no more.
    pub(super) fn recovered(&mut self, directory: usize, name: &OsStr, is_well: bool) {
        let path = self.path_of(directory, name);
        if let Some(directory) = self.directories.get_mut(directory)
            && directory.warned.remove(name)
            && is_well
        {
            info!(path = ?path, "spool file can be read again");
        }
    }

    /// The inode is not, or not known to be, that file's any more.
    pub(super) fn leave_inode(&mut self, key: FileKey) {
        let Some(entry) = self.files.get(&key) else { return };
        let inode = (entry.status.device, entry.status.inode);
        if self.inodes.get(&inode) == Some(&key) {
            self.inodes.remove(&inode);
        }
    }

    /// Drops a file for ever, and says what was not delivered of it.
    pub(super) fn forget(&mut self, key: FileKey) {
        self.leave_inode(key);
        let Some(entry) = self.files.remove(&key) else { return };
        self.open.remove(&(entry.order, key));
        if let Some(directory) = self.directories.get_mut(entry.directory)
            && directory.names.get(&entry.name) == Some(&key)
        {
            directory.names.remove(&entry.name);
        }
        let path = self.entry_path(&entry);
        let only = self.settings.sources.get(entry.source).and_then(|s| s.only.as_deref());
        for consumer in self.consumers.values_mut() {
            let offset = consumer.progress.remove(&key).map_or(0, |progress| progress.offset);
            if only.is_none_or(|only| only == consumer.destination) {
                report_loss(&path, &entry, &consumer.destination, offset);
            }
        }
        self.upserts.remove(&key);
        self.gone.push(key);
    }

    /// Whether nobody is expected to append to the file any more.
    pub(super) fn is_closed(&self, entry: &Entry, now: SystemTime) -> bool {
        let newest = self.newest.get(entry.source).copied().unwrap_or_default();
        let is_newest = entry.is_matched && entry.order >= newest;
        is_quiet(&entry.status, now) && !is_newest
    }

    /// Whether the file is what it will ever be: nothing can be appended, or was for long.
    pub(super) fn is_final(&self, entry: &Entry, now: SystemTime) -> bool {
        (entry.is_compressed || entry.presence == Presence::Unlinked)
            && is_quiet(&entry.status, now)
    }

    /// Where the file is now, for the checkpoint. A name that is not UTF-8 is written as nearly as
    /// can be: it is for people, the file is known by its inode and head.
    pub(super) fn record(&self, key: FileKey) -> Option<FileRecord> {
        let Some(entry) = self.files.get(&key) else {
            return self.pending.get(key).cloned();
        };
        Some(FileRecord {
            key,
            device: entry.status.device,
            inode: entry.status.inode,
            head_bytes: entry.head_bytes,
            head_hash: entry.head_hash,
            path: PathBuf::from(self.entry_path(entry).to_string_lossy().into_owned()),
        })
    }
}

/// Not written to for [`CLOSED_AFTER`]. A time in the future counts as just now.
pub(super) fn is_quiet(status: &Status, now: SystemTime) -> bool {
    now.duration_since(status.modified).unwrap_or_default() >= CLOSED_AFTER
}

/// Says what `destination`, which had read up to `offset`, does not get any more.
fn report_loss(path: &Path, entry: &Entry, destination: &str, offset: u64) {
    if entry.is_compressed {
        if entry.end.is_none_or(|end| offset < end) {
            warn!(
                ?path,
                destination,
                offset,
                "compressed spool file is gone before it was read to its end; how much is lost \
                 is not known"
            );
        }
    } else if offset < entry.status.size {
        let bytes = entry.status.size - offset;
        warn!(
            ?path,
            destination,
            bytes,
            "spool file was deleted or truncated before it was read to its end; these bytes are \
             lost: rotate by rename, or keep files until they are delivered"
        );
    }
    if let Some(bytes) = entry.confirmed.and_then(|confirmed| offset.checked_sub(confirmed))
        && bytes > 0
    {
        warn!(
            ?path,
            destination,
            bytes,
            "spool file was deleted or truncated before all of it was confirmed; these bytes \
             cannot be sent again"
        );
    }
}
