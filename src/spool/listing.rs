//! A whole listing of a directory: at the start, at each poll, and when inotify has lost events.

use std::ffi::OsStr;
use std::io;
use std::os::unix::fs::DirEntryExt;
use std::path::Path;
use std::time::SystemTime;

use tracing::{info, warn};

use super::inventory::{Inventory, Presence};
use super::notice::Writer;
use super::pattern;
use super::probe::{self, Status};
use crate::model::position::{FileKey, FileRecord};

/// One name.
#[derive(Debug)]
pub(super) struct Listed {
    name: Box<OsStr>,
    /// Of the name itself: a symbolic link's own.
    inode: u64,
    /// Of the file, where the name belongs to a source.
    status: Option<Status>,
}

/// Reads a directory, without the lock: with many files it takes a while. Only names for which
/// `is_matched` are looked at; of the others the inode is enough.
pub(super) fn scan(
    path: &Path,
    is_matched: impl Fn(&OsStr) -> bool,
) -> io::Result<(Status, Vec<Listed>)> {
    let place = probe::status(path)?;
    let mut listed = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name().into_boxed_os_str();
        let status = if is_matched(&name) { probe::status(&entry.path()).ok() } else { None };
        listed.push(Listed { name, inode: entry.ino(), status });
    }
    Ok((place, listed))
}

impl Inventory {
    /// Brings the inventory up to date with a directory.
    pub(super) fn list(&mut self, directory: usize, scanned: io::Result<(Status, Vec<Listed>)>) {
        let Some(place) = self.directories.get_mut(directory) else { return };
        let (status, listed) = match scanned {
            Ok(scanned) => scanned,
            Err(error) => {
                if !std::mem::replace(&mut place.is_unlisted, true) {
                    warn!(directory = ?place.path, %error,
                        "spool directory cannot be listed; tried again at each poll");
                }
                return;
            }
        };
        if std::mem::replace(&mut place.is_unlisted, false) {
            info!(directory = ?place.path, "spool directory can be listed");
        }
        self.examined += listed.len() as u64;
        let generation = self.directories.get(directory).map_or(0, |place| place.listings) + 1;
        let is_missing_any = self.is_missing_any(directory);
        let mut news: Vec<&Listed> = Vec::new();
        for listed in &listed {
            let is_candidate = is_missing_any && pattern::is_compressed(&listed.name);
            if self.is_news(directory, &status, listed, generation) || is_candidate {
                news.push(listed);
            }
        }
        self.notice_news(directory, news, generation);
        if let Some(place) = self.directories.get_mut(directory) {
            place.listings = generation;
        }
        self.give_up_missing(directory, generation);
        self.revisit(directory);
    }

    /// The order of files is that of their modification, but originals are looked at before
    /// compressed files, which are then compared with what is truly missing.
    fn notice_news(&mut self, directory: usize, news: Vec<&Listed>, generation: u64) {
        let mut dated: Vec<(SystemTime, &OsStr)> = Vec::with_capacity(news.len());
        for listed in news {
            let status = listed
                .status
                .or_else(|| probe::status(&self.path_of(directory, &listed.name)).ok());
            let modified = status.map_or(SystemTime::UNIX_EPOCH, |status| status.modified);
            dated.push((modified, &listed.name));
        }
        dated.sort();
        let ordered = (self.order + 1..).zip(dated.into_iter().map(|(_, name)| name));
        let (compressed, originals): (Vec<_>, Vec<_>) =
            ordered.partition(|(_, name)| pattern::is_compressed(name));
        self.order += (compressed.len() + originals.len()) as u64;
        self.notice_in_order(directory, originals, generation);
        self.lose_unseen(directory, generation);
        self.notice_in_order(directory, compressed, generation);
    }

    fn notice_in_order(&mut self, directory: usize, names: Vec<(u64, &OsStr)>, generation: u64) {
        for (order, name) in names {
            self.listed_order = Some(order);
            self.notice(directory, name, Writer::Done);
            self.listed_order = None;
            let place = self.directories.get(directory);
            if let Some(key) = place.and_then(|place| place.names.get(name)).copied()
                && let Some(entry) = self.files.get_mut(&key)
            {
                entry.seen = generation;
            }
        }
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
            || self.pending.contains_key(&listed.inode)
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
        let mut gone = Vec::new();
        self.pending.retain(|_, records| {
            gone.extend(records.extract_if(.., |record| is_gone(record)).map(|record| record.key));
            !records.is_empty()
        });
        if gone.is_empty() {
            return;
        }
        info!(
            files = gone.len(),
            "spool files of the last run are gone; whether more was written to them than was read \
             is not known"
        );
        for key in gone {
            for consumer in self.consumers.values_mut() {
                consumer.progress.remove(&key);
            }
            self.upserts.remove(&key);
            self.gone.push(key);
        }
    }
}
