//! Spool files to raw lines with their positions.
//!
//! In: settings, the identities of files from the checkpoint, and a destination's cursors. Out:
//! runs of whole lines ([`Read`]), identities to be checkpointed ([`Changed`]).
//!
//! One [`Spool`] per process keeps the inventory of the files, which a thread of its own keeps up
//! to date by inotify and by a slow poll. Each destination has a [`Reader`], which works on its
//! caller's thread. Files are read in the order of first appearance (at the start: of
//! modification), closed ones to their ends first, then growing ones 256 KiB at a time in turn.
//! A file belongs to the first source whose pattern matches its name. Symbolic links to files are
//! followed, directories are not entered, anything else is passed over.
//!
//! What is read when a file is rotated, truncated, compressed or deleted is the table "What happens
//! to a spool file" of ARCHITECTURE.md.
//!
//! Diagnostics: transitions are logged, never content. Fatal: patterns that make no sense, and no
//! thread to be had ([`SpoolError`]).

mod compressed;
mod consumer;
mod content;
mod hash;
mod inventory;
mod listing;
mod notice;
mod pace;
mod pattern;
mod pending;
mod probe;
mod queue;
mod reader;
pub mod settings;
mod settle;
mod step;
#[cfg(test)]
mod tests;
mod watch;

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Instant, SystemTime};

use thiserror::Error;

pub use self::hash::tail as tail_hash;
pub use self::pattern::source_of;
pub use self::reader::Reader;

use self::inventory::Inventory;
use self::listing::Round;
use self::pattern::Pattern;
use self::settings::{AfterDelivery, Settings};
use self::watch::Watch;
use crate::model::beat::Beat;
use crate::model::position::{Cursor, FileKey, FileRecord, Position};

/// The most bytes of whole lines that one read returns, unless one line is longer.
pub const READ_BYTES_MAX: usize = 256 * 1024;
/// The most lines that one read returns. What is made of a line has a size of its own, a message
/// or a record in the dead letter, so that bytes alone bound no memory: 256 KiB of the shortest
/// lines took 24 MiB as messages, and 90 MiB as records. Ordinary events come to bytes first.
pub const READ_LINES_MAX: usize = 4096;

/// Why there can be no spool.
#[derive(Debug, Error)]
pub enum SpoolError {
    /// The directory part of a pattern must be literal.
    #[error("spool path \"{path}\": wildcard in the directory; only the file name may have one")]
    WildcardInDirectory {
        /// As configured.
        path: String,
    },
    /// The pattern ends with a slash.
    #[error("spool path \"{path}\": no file name; add one, for example *.jsonl")]
    NoName {
        /// As configured.
        path: String,
    },
    /// The file name is not a glob.
    #[error("spool path \"{path}\": {reason}; correct the pattern")]
    Glob {
        /// As configured.
        path: String,
        /// What the glob's parser says.
        reason: String,
    },
    /// An archived file would be found in the spool again.
    #[error("spool path \"{path}\": the archive is the spool directory; choose another")]
    ArchiveIsSpool {
        /// As configured.
        path: String,
    },
    /// The thread that watches the directories could not be started.
    #[error("spool: no thread to watch the directories: {0}; raise the limit of processes")]
    Thread(std::io::Error),
}

/// What a reader found. See [`Reader::read`].
#[derive(Debug, PartialEq, Eq)]
pub enum Read<'a> {
    /// Whole lines of one file.
    Lines {
        /// Where the first byte stands.
        position: Position,
        /// Index into [`Settings::sources`].
        source: usize,
        /// Ends with a newline. At most [`READ_LINES_MAX`] lines and [`READ_BYTES_MAX`], unless
        /// it is one longer line.
        bytes: &'a [u8],
        /// The cursor behind the last line.
        end: Cursor,
    },
    /// Something that can never become an event: for the dead letter, then pass.
    Broken {
        /// Where it begins.
        position: Position,
        /// Index into [`Settings::sources`].
        source: usize,
        /// At most 4 KiB of it.
        head: &'a [u8],
        /// What is wrong.
        reason: String,
        /// The cursor behind it.
        end: Cursor,
    },
    /// Nothing now: wait for [`Reader::changed`].
    Idle,
}

/// What the checkpoint has to learn. See [`Spool::changed_records`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// New or changed identities. They must be durable no later than a cursor in the file.
    pub upserts: Vec<FileRecord>,
    /// Files that are no more, each told once: their records and cursors can go.
    pub gone: Vec<FileKey>,
}

/// One per process; cheap to clone.
#[derive(Clone, Debug)]
pub struct Spool {
    shared: Arc<Shared>,
}

/// What the spool, its readers and its thread have in common.
#[derive(Debug)]
pub(crate) struct Shared {
    inventory: Mutex<Inventory>,
    patterns: Arc<Vec<Pattern>>,
    /// Paths, and which sources are there; as in the inventory, for listings without its lock.
    directories: Vec<(PathBuf, Vec<usize>)>,
    /// Of the thread that watches them.
    beat: Beat,
    /// Closes with the last user, which ends the thread.
    _bell: UnixStream,
}

impl Shared {
    /// A panic elsewhere leaves the inventory usable: every change is completed by the next look.
    fn lock(&self) -> MutexGuard<'_, Inventory> {
        self.inventory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Changed {
    /// True when there is nothing to learn.
    pub fn is_empty(&self) -> bool {
        self.upserts.is_empty() && self.gone.is_empty()
    }
}

impl Spool {
    /// Begins to watch the directories and lists them once. The oldest files are known when this
    /// returns; where there are many, the rest is entered in order by the spool's thread. `known`:
    /// identities from the checkpoint, so that keys survive restarts and renames.
    ///
    /// Errors: patterns that make no sense, and no thread to be had. A missing directory is none.
    pub fn open(settings: Settings, known: Vec<FileRecord>) -> Result<Spool, SpoolError> {
        Spool::start(settings, known).map(|(spool, _)| spool)
    }

    fn start(
        settings: Settings,
        known: Vec<FileRecord>,
    ) -> Result<(Spool, JoinHandle<()>), SpoolError> {
        let mut patterns = Vec::with_capacity(settings.sources.len());
        for source in &settings.sources {
            let pattern = Pattern::new(&source.path)?;
            if source.after_delivery == AfterDelivery::Archive(pattern.directory.clone()) {
                return Err(SpoolError::ArchiveIsSpool { path: source.path.clone() });
            }
            patterns.push(pattern);
        }
        let patterns = Arc::new(patterns);
        let interval = settings.poll_interval;
        let inventory = Inventory::new(settings, Arc::clone(&patterns), known);
        let directories: Vec<_> = inventory
            .directories
            .iter()
            .map(|directory| (directory.path.clone(), directory.sources.clone()))
            .collect();
        // Watched before it is listed: nothing falls between.
        let watch = Watch::new(directories.iter().map(|(path, _)| path.clone()).collect());
        let (bell, rung) = UnixStream::pair().map_err(SpoolError::Thread)?;
        rung.set_nonblocking(true).map_err(SpoolError::Thread)?;
        let shared = Arc::new(Shared {
            inventory: Mutex::new(inventory),
            patterns,
            directories,
            beat: Beat::new(Instant::now()),
            _bell: bell,
        });
        let mut round = Round::default();
        round.begin(&shared);
        let weak = Arc::downgrade(&shared);
        let watching = shared.beat.clone();
        let thread = std::thread::Builder::new()
            .name("spool-watch".to_owned())
            .spawn(move || watch.run(weak, rung, interval, &watching, round))
            .map_err(SpoolError::Thread)?;
        Ok((Spool { shared }, thread))
    }

    /// A consumer for one destination. `start`: all its cursors. Files without one are read from
    /// their beginnings; cursors of files that are not known any more are dropped and reported in
    /// [`Changed::gone`].
    pub fn reader(&self, destination: &str, start: Vec<Cursor>) -> Reader {
        Reader::new(Arc::clone(&self.shared), destination, &start)
    }

    /// The identities of all files, for another [`Spool`] that goes on from here.
    pub fn records(&self) -> Vec<FileRecord> {
        let inventory = self.shared.lock();
        let found = inventory.files.keys().filter_map(|key| inventory.record(*key));
        // Those of a directory that cannot be listed just now are not lost either.
        found.chain(inventory.pending.records().cloned()).collect()
    }

    /// Whether the thread that watches the directories works or waits; a file system that does not
    /// answer holds it.
    pub fn beat(&self) -> Beat {
        self.shared.beat.clone()
    }

    /// Bytes that a destination's reader has not read: exact for plain files at the last wake-up,
    /// compressed files with their compressed size. Costs a look at each file that has unread
    /// bytes: for whoever asks, not for every portion.
    pub fn backlog_bytes(&self, destination: &str) -> u64 {
        self.shared.lock().backlog_bytes(destination)
    }

    /// Where a file was seen last.
    pub fn path(&self, file: FileKey) -> Option<PathBuf> {
        self.shared.lock().record(file).map(|record| record.path)
    }

    /// Identities that changed since the last call; all of them on the first.
    pub fn changed_records(&self) -> Changed {
        let mut inventory = self.shared.lock();
        let upserts = std::mem::take(&mut inventory.upserts);
        let upserts = upserts.into_iter().filter_map(|key| inventory.record(key)).collect();
        Changed { upserts, gone: std::mem::take(&mut inventory.gone) }
    }

    /// Tells how far every destination has durably confirmed each file: the lowest offset of those
    /// that read it (the second argument names the only one, where a source has one), or `None`
    /// where one of them has no cursor yet. Files that were confirmed to their ends and were not
    /// written to for 60 s lose their descriptors; if they were deleted, they are forgotten; if
    /// they are closed, `after_delivery` is done to them. Call it every few seconds, whatever
    /// `after_delivery` says. `confirmed` must not call the spool.
    pub fn settle(&self, confirmed: &dyn Fn(FileKey, Option<&str>) -> Option<u64>) {
        self.shared.lock().settle(confirmed, SystemTime::now());
    }
}
