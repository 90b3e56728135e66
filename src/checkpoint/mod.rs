//! Outcome to durable progress.
//!
//! In: what every destination has passed ([`Progress`]) and what identifies the spool's files. Out,
//! after a restart: the same ([`Restored`]). Twice on the disk: in a store (sled, [`schema`]) and
//! as text beside it ([`text_copy`]); a start takes the newer one that is whole ([`restore`]).
//! Also here: the dead letter, for events that can never be delivered.
//!
//! What is promised: a cursor that comes back was recorded once; it may be older than the last one
//! recorded, by what was not yet committed, and is never newer. What `flush` acknowledged comes
//! back. A damaged directory never keeps the program from starting.
//!
//! | file | what it does |
//! |---|---|
//! | `directory.rs` | what lies where in the state directory |
//! | `lock.rs` | one program at a time |
//! | `state.rs` | the state as a value, and how it changes |
//! | `schema.rs` | its layout in the store |
//! | `store.rs` | sled, on a thread of its own |
//! | `text_copy.rs` | its layout as text |
//! | `restore.rs` | which copy a start begins with |
//! | `keeper.rs` | one commit: both copies; a new store when the old one fails or grows |
//! | `writer.rs` | the thread that commits |
//! | `dead_letter.rs` | the dead letter |
//!
//! *Diagnostics*: at a start an error `state_restored`, `state_lost` or `text_copy_damaged`; while
//! running one error when commits begin to fail and one line when they work again. Fatal, and only
//! at the start: a directory that cannot be made or written, or that another process holds.

mod dead_letter;
mod directory;
mod error;
mod keeper;
mod lock;
mod restore;
mod schema;
pub mod settings;
mod state;
mod store;
#[cfg(test)]
mod tests;
mod text_copy;
mod writer;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crate::model::ledger::Ledger;
use crate::model::outcome::Cause;
use crate::model::position::{Cursor, FileKey, FileRecord};

use self::keeper::Keeper;
use self::lock::Lock;
use self::settings::Settings;
use self::state::Change;
use self::writer::Shared;

pub use self::dead_letter::{DeadLetter, DeadLetterEntry, DeadLetterRecord};
pub use self::error::CheckpointError;

/// The durable progress of all destinations: a handle, cheap to clone. When the last one is
/// dropped, what was recorded is committed and the directory is free again.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    open: Arc<Open>,
}

/// How far one destination has come since it last said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The cursors that changed.
    pub cursors: Vec<Cursor>,
    /// The whole account.
    pub ledger: Ledger,
    /// The number of the last message.
    pub sequence: u32,
}

/// What the last run left behind.
#[derive(Debug)]
pub struct Restored {
    /// The spool files it knew.
    pub files: Vec<FileRecord>,
    /// Its destinations, by name; those no longer configured too.
    pub destinations: BTreeMap<String, DestinationState>,
    /// What the operator has to know: the state came from the text copy, or was lost. It has been
    /// logged as an error already.
    pub notice: Option<Cause>,
}

/// How far a destination was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DestinationState {
    /// Its cursor in each file.
    pub cursors: Vec<Cursor>,
    /// Its account.
    pub ledger: Ledger,
    /// The number of its last message.
    pub sequence: u32,
}

/// Ends the thread with the last handle, and only then lets go of the lock.
#[derive(Debug)]
struct Open {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
    _lock: Lock,
}

impl Checkpoint {
    /// Locks the directory, reads what the last run left, starts the thread that commits. Blocks
    /// on the disk, and for up to 30 s on a store that does not answer.
    ///
    /// # Errors
    /// Only when the directory cannot be made or written, or another process holds it. A damaged
    /// state is no error: it is set aside, and [`Restored::notice`] says so. Nor is a full disk:
    /// [`Checkpoint::trouble`] says so.
    pub fn open(settings: Settings) -> Result<(Checkpoint, Restored), CheckpointError> {
        let Settings { dir, interval } = settings;
        directory::make(&dir)
            .map_err(|source| CheckpointError::Directory { path: dir.clone(), source })?;
        let lock = Lock::take(&dir)?;
        let restoration = restore::restore(&dir);
        let notice = restoration.notice.clone();
        if let Some(notice) = &notice {
            tracing::error!(code = notice.code, "{notice}");
        }
        let (files, destinations) = restoration.state.restored();
        let mut keeper = Keeper::new(dir.clone(), restoration);
        // Now, and not with the first event, it shows whether the directory can be written.
        let begun = keeper.commit(Change::default(), true);
        let shared = Arc::new(Shared::new(keeper.state(), begun.trouble.clone()));
        let writer = thread::Builder::new()
            .name("checkpoint".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || writer::run(&shared, keeper, interval, &begun)
            })
            .map_err(|source| CheckpointError::Thread { path: dir, source })?;
        let open = Arc::new(Open { shared, writer: Some(writer), _lock: lock });
        Ok((Checkpoint { open }, Restored { files, destinations, notice }))
    }

    /// Merges a destination's progress into what the next commit writes; never blocks on the disk.
    pub fn record(&self, destination: &str, progress: Progress) {
        self.open.shared.record(|change| change.record(destination, progress));
    }

    /// Merges identities of spool files into what the next commit writes; never blocks on the
    /// disk. Files that are `gone` take their cursors with them.
    pub fn record_files(&self, upserts: Vec<FileRecord>, gone: Vec<FileKey>) {
        if !upserts.is_empty() || !gone.is_empty() {
            self.open.shared.record(|change| change.record_files(upserts, gone));
        }
    }

    /// How far a destination's cursor in a file survives a power cut.
    pub fn durable_offset(&self, destination: &str, file: FileKey) -> Option<u64> {
        self.open.shared.durable_offset(destination, file)
    }

    /// Blocks until everything recorded so far is durable.
    ///
    /// # Errors
    /// `Unsaved` when the commit that was made for this failed. Later commits try again.
    pub fn flush(&self) -> Result<(), CheckpointError> {
        self.open.shared.flush().map_err(CheckpointError::Unsaved)
    }

    /// Why the last commit failed, as long as none has worked since.
    pub fn trouble(&self) -> Option<Cause> {
        self.open.shared.trouble()
    }
}

/// True for threads whose panics the checkpoint expects and survives: those of the store. A panic
/// hook that ends the process must let them pass.
pub fn contains_panics_of(thread: &thread::Thread) -> bool {
    let name = thread.name().unwrap_or_default();
    name == store::THREAD || name.starts_with(store::POOL_THREADS)
}

impl Drop for Open {
    fn drop(&mut self) {
        self.shared.stop();
        if let Some(writer) = self.writer.take() {
            // It never panics; if it did, its end has been told to all who waited.
            let _ended = writer.join();
        }
    }
}
