//! A whole listing of a directory: at the start, at each poll, and when inotify has lost events.
//!
//! It is done in pieces, and the disk is asked without the lock, so that readers go on meanwhile:
//! at a start, delivery begins when the first files are entered, however many there are.

use std::ffi::OsStr;
use std::io;
use std::os::unix::fs::DirEntryExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::vec;

use tracing::{info, warn};

use super::Shared;
use super::inventory::{Entry, Inventory, Presence};
use super::notice::Writer;
use super::pattern;
use super::probe::{self, Probe, Status};
use crate::model::position::{FileKey, FileRecord};

/// How many files one step opens.
const STEP_FILES: usize = 64;
/// So many files are entered at the start before anyone reads.
const FIRST_FILES: usize = 256;

/// One name.
#[derive(Debug)]
pub(super) struct Listed {
    name: Box<OsStr>,
    /// Of the name itself: a symbolic link's own.
    inode: u64,
    /// Whether a name that belongs to a source is a symbolic link.
    is_link: bool,
    /// Of the file, where the name belongs to a source.
    status: Option<Status>,
}

/// A name that needs a closer look.
#[derive(Debug)]
struct News {
    name: Box<OsStr>,
    /// Of the file, should it be a new one.
    order: u64,
    /// A regular file under a name that is not known: whatever it is, it has to be opened.
    is_unknown: bool,
}

/// A directory that is being brought up to date.
#[derive(Debug)]
struct Listing {
    directory: usize,
    path: PathBuf,
    generation: u64,
    /// In the order of their modification.
    originals: vec::IntoIter<News>,
    compressed: vec::IntoIter<News>,
}

/// A listing of all directories.
#[derive(Debug, Default)]
pub(super) struct Round {
    directory: usize,
    listing: Option<Listing>,
    entered: usize,
}

impl Round {
    /// One bounded piece of work. False when all is done.
    pub(super) fn step(&mut self, shared: &Shared) -> bool {
        if let Some(listing) = &mut self.listing {
            match listing.step(shared) {
                0 => self.listing = None,
                entered => self.entered += entered,
            }
            return true;
        }
        let Some((path, sources)) = shared.directories.get(self.directory) else { return false };
        let scanned = scan(path, |name| {
            sources.iter().any(|source| {
                shared.patterns.get(*source).is_some_and(|pattern| pattern.matches(name))
            })
        });
        self.listing = shared.lock().begin(self.directory, scanned);
        self.directory += 1;
        true
    }

    /// Steps until reading can begin: enough is entered. What has no more than its end left is
    /// ended.
    pub(super) fn begin(&mut self, shared: &Shared) {
        let must_end = |listing: &Listing| listing.originals.len() == 0;
        while self.entered < FIRST_FILES || self.listing.as_ref().is_some_and(must_end) {
            if !self.step(shared) {
                return;
            }
        }
    }
}

impl Listing {
    /// How many files were looked at; 0 when all is done.
    fn step(&mut self, shared: &Shared) -> usize {
        if self.compressed.len() > 0 {
            return self.enter_at_once(shared);
        }
        let news = self.originals.by_ref().take(STEP_FILES);
        let look = |news: News| {
            let path = self.path.join(&*news.name);
            let probe = news.is_unknown.then(|| probe::probe(&path, false).ok());
            (probe.flatten(), news)
        };
        let looked: Vec<(Option<Probe>, News)> = news.map(look).collect();
        let count = looked.len();
        let mut inventory = shared.lock();
        if looked.is_empty() {
            inventory.lose_unseen(self.directory, self.generation);
            inventory.complete(self.directory, self.generation);
        }
        inventory.enter(self.directory, looked, self.generation);
        count
    }

    /// Compressed files are compared with originals that are truly missing, and may come before
    /// any of those that are not: readers see all of them or none.
    fn enter_at_once(&mut self, shared: &Shared) -> usize {
        let unopened = |news: News| (None, news);
        let originals: Vec<_> = self.originals.by_ref().map(unopened).collect();
        let compressed: Vec<_> = self.compressed.by_ref().map(unopened).collect();
        let count = originals.len() + compressed.len();
        let mut inventory = shared.lock();
        inventory.enter(self.directory, originals, self.generation);
        inventory.lose_unseen(self.directory, self.generation);
        inventory.enter(self.directory, compressed, self.generation);
        count
    }
}

/// Reads a directory. Only names for which `is_matched` are looked at; of the others the inode is
/// enough.
fn scan(path: &Path, is_matched: impl Fn(&OsStr) -> bool) -> io::Result<(Status, Vec<Listed>)> {
    let place = probe::status(path)?;
    let mut listed = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name().into_boxed_os_str();
        let is_matched = is_matched(&name);
        let is_link = is_matched && entry.file_type().is_ok_and(|kind| kind.is_symlink());
        let status = match is_matched {
            false => None,
            true if is_link => probe::status(&entry.path()).ok(),
            true => entry.metadata().ok().map(|metadata| Status::from(&metadata)),
        };
        listed.push(Listed { name, inode: entry.ino(), is_link, status });
    }
    Ok((place, listed))
}

impl Inventory {
    /// Compares what is known with what was found. `None` if the directory could not be listed.
    fn begin(
        &mut self,
        directory: usize,
        scanned: io::Result<(Status, Vec<Listed>)>,
    ) -> Option<Listing> {
        let place = self.directories.get_mut(directory)?;
        let (status, listed) = match scanned {
            Ok(scanned) => scanned,
            Err(error) => {
                if !std::mem::replace(&mut place.is_unlisted, true) {
                    warn!(directory = ?place.path, %error,
                        "spool directory cannot be listed; tried again at each poll");
                }
                return None;
            }
        };
        if std::mem::replace(&mut place.is_unlisted, false) {
            info!(directory = ?place.path, "spool directory can be listed");
        }
        let has_links = |status: Status| status.links > 1;
        place.has_links =
            listed.iter().any(|listed| listed.is_link || listed.status.is_some_and(has_links));
        place.is_early = false;
        let (path, generation) = (place.path.clone(), place.listings + 1);
        self.examined += listed.len() as u64;
        let is_missing_any = self.is_missing_any(directory);
        let mut news: Vec<Listed> = Vec::new();
        for listed in listed {
            let is_candidate = is_missing_any && pattern::is_compressed(&listed.name);
            if self.is_news(directory, &status, &listed, generation) || is_candidate {
                news.push(listed);
            }
        }
        let (compressed, originals) = self.ordered(directory, news);
        Some(Listing {
            directory,
            path,
            generation,
            originals: originals.into_iter(),
            compressed: compressed.into_iter(),
        })
    }

    /// The order of files is that of their modification. Compressed ones come first in the answer.
    fn ordered(&mut self, directory: usize, news: Vec<Listed>) -> (Vec<News>, Vec<News>) {
        let mut dated: Vec<(SystemTime, Box<OsStr>, bool)> = Vec::with_capacity(news.len());
        for listed in news {
            let path = || self.path_of(directory, &listed.name);
            let status = listed.status.or_else(|| probe::status(&path()).ok());
            let modified = status.map_or(SystemTime::UNIX_EPOCH, |status| status.modified);
            let names = self.directories.get(directory).map(|place| &place.names);
            let is_unknown = listed.status.is_some_and(|status| status.is_regular)
                && names.is_some_and(|names| !names.contains_key(&listed.name));
            dated.push((modified, listed.name, is_unknown));
        }
        dated.sort();
        let first = self.order + 1;
        self.order += dated.len() as u64;
        (first..)
            .zip(dated)
            .map(|(order, (_, name, is_unknown))| News { name, order, is_unknown })
            .partition(|news| pattern::is_compressed(&news.name))
    }

    fn enter(&mut self, directory: usize, looked: Vec<(Option<Probe>, News)>, generation: u64) {
        for (probe, News { name, order, .. }) in looked {
            self.listed_order = Some(order);
            self.look(directory, &name, Writer::Done, probe);
            self.listed_order = None;
            let place = self.directories.get(directory);
            if let Some(key) = place.and_then(|place| place.names.get(&name)).copied()
                && let Some(entry) = self.files.get_mut(&key)
            {
                entry.seen = generation;
            }
        }
    }

    /// Whether nothing waits for a listing: nothing failed, is missing, or can be written to
    /// unannounced.
    pub(super) fn is_calm(&self) -> bool {
        let is_calm = |entry: &Entry| !entry.is_failing && entry.presence == Presence::Present;
        self.pending.is_empty()
            && self.files.values().all(|entry| is_calm(entry))
            && self.directories.iter().all(|directory| {
                let waits = directory.is_unlisted || directory.has_links || directory.is_early;
                !waits && directory.warned.is_empty()
            })
    }

    fn complete(&mut self, directory: usize, generation: u64) {
        if let Some(place) = self.directories.get_mut(directory) {
            place.listings = generation;
        }
        self.give_up_missing(directory, generation);
        self.revisit(directory);
    }

    /// Whether a listed name needs a closer look. A file that is as it was is marked as seen.
    fn is_news(&mut self, directory: usize, at: &Status, listed: &Listed, generation: u64) -> bool {
        let Some(place) = self.directories.get(directory) else { return false };
        if let Some(key) = place.names.get(&listed.name)
            && let Some(entry) = self.files.get_mut(key)
        {
            let is_same = listed.status.is_some_and(|status| status.is_unchanged(&entry.status))
                && !entry.is_failing;
            if is_same {
                entry.seen = generation;
            }
            return !is_same;
        }
        if let Some(status) = listed.status {
            let copy = place.copies.get(&listed.name);
            return !copy.is_some_and(|copy| copy.is_unchanged(&status));
        }
        self.source_of(directory, &listed.name).is_some()
            || self.inodes.contains_key(&(at.device, listed.inode))
            || self.pending.has_inode(listed.inode)
    }

    fn lose_unseen(&mut self, directory: usize, generation: u64) {
        let lost: Vec<FileKey> = self
            .files
            .iter()
            .filter(|(_, entry)| {
                entry.directory == directory
                    && entry.presence == Presence::Present
                    && entry.seen != generation
            })
            .map(|(key, _)| *key)
            .collect();
        for key in lost {
            // A file that came after the scan has no `seen` of it, but it has its name.
            let Some(entry) = self.files.get_mut(&key) else { continue };
            let name = entry.name.clone();
            entry.seen = generation;
            self.notice(directory, &name, Writer::Done);
        }
        if let Some(place) = self.directories.get_mut(directory) {
            let names = &place.names;
            place.copies.retain(|copy, _| {
                Path::new(copy).file_stem().is_some_and(|stem| names.contains_key(stem))
            });
        }
    }

    /// A file that was missing before this listing began, and that it did not find, is no more.
    /// One listing is not enough: a file that is renamed during it can be overlooked.
    fn give_up_missing(&mut self, directory: usize, generation: u64) {
        let missing: Vec<FileKey> = self
            .files
            .iter()
            .filter(|(_, entry)| {
                entry.directory == directory
                    && matches!(entry.presence, Presence::Missing(since) if since + 1 < generation)
            })
            .map(|(key, _)| *key)
            .collect();
        for key in missing {
            let Some(entry) = self.files.get_mut(&key) else { continue };
            if entry.file.is_some() {
                entry.presence = Presence::Unlinked;
            } else {
                self.forget(key);
            }
        }
        if generation >= 2 {
            self.give_up_pending(directory);
        }
    }

    /// The same for the files of the checkpoint. Those of directories that are no source's any
    /// more are kept as long as they are there.
    fn give_up_pending(&mut self, directory: usize) {
        let places: Vec<&Path> =
            self.directories.iter().map(|place| place.path.as_path()).collect();
        let here = places.get(directory).copied();
        let is_gone = |record: &FileRecord| {
            let parent = record.path.parent();
            if parent.is_some_and(|parent| places.contains(&parent)) {
                return parent == here;
            }
            !probe::status(&record.path).is_ok_and(|status| status.inode == record.inode)
        };
        let gone = self.pending.records().filter(|record| is_gone(record));
        let gone: Vec<FileKey> = gone.map(|record| record.key).collect();
        if gone.is_empty() {
            return;
        }
        info!(
            files = gone.len(),
            "spool files of the last run are gone; whether more was written to them than was read \
             is not known"
        );
        for key in gone {
            self.pending.take(key);
            for consumer in self.consumers.values_mut() {
                consumer.progress.remove(&key);
            }
            self.upserts.remove(&key);
            self.gone.push(key);
        }
    }
}
