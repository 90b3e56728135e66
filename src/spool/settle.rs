//! What becomes of files that every destination has passed: descriptors are closed, and closed
//! files are deleted or archived where the source says so.
//!
//! Deleting a file that someone appends to at that moment cannot be made safe from outside: the
//! size is compared just before, the descriptor is kept and compared again just after. Lines that
//! came in between are read through the descriptor; what is appended later still is lost, which
//! takes a writer that keeps a rotated file open and silent for [`CLOSED_AFTER`].
//!
//! [`CLOSED_AFTER`]: super::inventory::CLOSED_AFTER

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tracing::{debug, info, warn};

use super::inventory::{Entry, Inventory, Presence, is_quiet};
use super::probe;
use super::settings::AfterDelivery;
use crate::model::position::FileKey;

/// How many names are tried for a file in the archive.
const ARCHIVE_NAMES_MAX: u32 = 10_000;

impl Inventory {
    pub(super) fn settle(
        &mut self,
        confirmed: &dyn Fn(FileKey, Option<&str>) -> Option<u64>,
        now: SystemTime,
    ) {
        for key in self.unsettled() {
            let Some(entry) = self.files.get_mut(&key) else { continue };
            let source = self.settings.sources.get(entry.source);
            let only = source.and_then(|source| source.only.as_deref());
            let Some(offset) = confirmed(key, only).or((entry.status.size == 0).then_some(0))
            else {
                continue;
            };
            entry.confirmed = Some(offset);
            let Some(entry) = self.files.get(&key) else { continue };
            if !is_passed(entry, offset) || !is_quiet(&entry.status, now) {
                continue;
            }
            match entry.presence {
                Presence::Unlinked => self.forget(key),
                Presence::Missing(_) => {}
                Presence::Present if self.disposes(entry) && self.is_closed(entry, now) => {
                    self.dispose(key, offset);
                }
                Presence::Present => self.release(key),
            }
        }
    }

    /// Files that hold a descriptor, or are to be removed.
    fn unsettled(&self) -> BTreeSet<FileKey> {
        let mut keys: BTreeSet<FileKey> = self.open.iter().map(|(_, key)| *key).collect();
        let sources = &self.settings.sources;
        if sources.iter().any(|source| source.after_delivery != AfterDelivery::Keep) {
            let disposable = self.files.iter().filter(|(_, entry)| self.disposes(entry));
            keys.extend(disposable.map(|(key, _)| *key));
        }
        keys
    }

    fn disposes(&self, entry: &Entry) -> bool {
        self.settings
            .sources
            .get(entry.source)
            .is_some_and(|source| source.after_delivery != AfterDelivery::Keep)
    }

    fn dispose(&mut self, key: FileKey, confirmed: u64) {
        let Some(file) = self.opened(key) else { return };
        let Some(entry) = self.files.get(&key) else { return };
        let path = self.entry_path(entry);
        let is_as_known = |status: io::Result<probe::Status>| {
            status.is_ok_and(|status| status.is_unchanged(&entry.status))
        };
        // The last look before the deed.
        if !is_as_known(probe::status(&path)) {
            return;
        }
        let source = self.settings.sources.get(entry.source);
        let result = match source.map(|source| &source.after_delivery) {
            Some(AfterDelivery::Delete) => std::fs::remove_file(&path),
            Some(AfterDelivery::Archive(archive)) => self::archive(&path, &entry.name, archive),
            Some(AfterDelivery::Keep) | None => return,
        };
        let is_as_known = is_as_known(probe::status_of(&file));
        if let Err(error) = result {
            let (directory, name) = (entry.directory, entry.name.clone());
            return self.warn_once(
                directory,
                &name,
                &format!("was delivered but cannot be removed: {error}"),
            );
        }
        debug!(path = ?path, bytes = confirmed, "delivered spool file removed");
        if is_as_known {
            return self.forget(key);
        }
        warn!(path = ?path, "spool file was written to while it was removed; reading on");
        self.lose(key);
        if let Some(entry) = self.files.get_mut(&key) {
            entry.presence = Presence::Unlinked;
        }
        if let Some(entry) = self.files.get(&key) {
            let directory = entry.directory;
            self.revisit(directory);
        }
    }
}

/// Whether `offset` is the file's end.
fn is_passed(entry: &Entry, offset: u64) -> bool {
    if entry.is_compressed { entry.end == Some(offset) } else { entry.status.size == offset }
}

/// Moves a file into the archive under its own name, or with `.1`, `.2`, … where that is taken.
/// The new name is first created, which fails if it exists, and the file then takes its place.
fn archive(path: &Path, name: &OsStr, archive: &Path) -> io::Result<()> {
    std::fs::create_dir_all(archive)?;
    let mut place = archive.join(name);
    for number in 1..=ARCHIVE_NAMES_MAX {
        match OpenOptions::new().write(true).create_new(true).open(&place) {
            Ok(_) => {
                return std::fs::rename(path, &place).inspect_err(|error| {
                    info!(path = %place.display(), %error, "placeholder removed again");
                    // Nothing can be done about a placeholder that stays; it is empty.
                    let _ = std::fs::remove_file(&place);
                });
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                place = numbered(archive, name, number);
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "every name in the archive is taken"))
}

fn numbered(archive: &Path, name: &OsStr, number: u32) -> PathBuf {
    let mut numbered = OsString::from(name);
    numbered.push(format!(".{number}"));
    archive.join(numbered)
}
