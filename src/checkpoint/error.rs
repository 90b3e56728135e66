//! What can go wrong with the state directory, and what is wrong with a copy of the state.
//!
//! [`CheckpointError`] is for the caller. [`Flaw`] stays inside the stage: a flaw never stops the
//! program, it only decides which copy is used and what the operator is told.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use crate::model::outcome::Cause;

/// Why the state directory cannot be used, or progress could not be saved.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// It cannot be made or written to.
    #[error(
        "state directory {path}: {source}; make it writable for the user that runs the program, \
         or set [state] dir to a directory that is"
    )]
    Directory {
        /// The directory or the file in it.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process holds it.
    #[error(
        "state directory {path} is in use by process {pid}; stop that process, or give this one \
         another [state] dir"
    )]
    Locked {
        /// The directory.
        path: PathBuf,
        /// The process that holds the lock, as it wrote it down; `unknown` when it could not.
        pid: String,
    },
    /// The system gives no thread to write with.
    #[error("state directory {path}: no thread to write it with: {source}; raise the task limit")]
    Thread {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What was recorded is not on the disk; the next commit tries again.
    #[error("progress is not saved: {0}")]
    Unsaved(Cause),
    /// The dead letter cannot be opened, read or written.
    #[error("dead letter {path}: {source}; the events stay in the spool until it can be written")]
    DeadLetter {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A line of the dead letter is not a record.
    #[error(
        "dead letter {path}, line {line}: {source}; the other lines are good, \
         mend or remove this one"
    )]
    DeadLetterLine {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A dead letter's bytes are not what its record claims.
    #[error("dead letter {path}, line {line}: \"raw\" is not base64: {source}; mend or remove it")]
    DeadLetterRaw {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
        /// What is wrong with it.
        source: base64::DecodeError,
    },
}

/// Why a copy of the state cannot be used, or could not be written.
#[derive(Debug, Error)]
pub(super) enum Flaw {
    /// The disk failed; what is on it may be in perfect order.
    #[error("{0}")]
    Disk(#[from] io::Error),
    /// It was begun and never finished.
    #[error("it holds no finished commit")]
    Unfinished,
    /// A later version of this program wrote it.
    #[error("it has format version {version} and this program knows only version {known}", known = super::schema::VERSION)]
    Newer {
        /// The version found.
        version: u32,
    },
    /// Its content is not what was written.
    #[error("it is damaged ({what})")]
    Damaged {
        /// What does not fit.
        what: String,
    },
    /// Reading or writing it made the store's thread panic.
    #[error("the store failed on it ({what})")]
    Panicked {
        /// The panic's text.
        what: String,
    },
    /// The store did not answer.
    #[error("the store did not answer within {seconds} s")]
    Hung {
        /// How long it was given.
        seconds: u64,
    },
    /// An earlier start of the program ended while it was being read.
    #[error("an earlier start ended while the store was being read")]
    Interrupted,
}

impl Flaw {
    /// A flaw in what a copy says.
    pub(super) fn damaged(what: impl Into<String>) -> Flaw {
        Flaw::Damaged { what: what.into() }
    }

    /// True when the disk is to blame and not the copy: it is left where it is.
    pub(super) fn is_disk(&self) -> bool {
        matches!(self, Flaw::Disk(_))
    }

    /// True when the store's own code gave up, so that another try may cost another thread.
    pub(super) fn is_breakdown(&self) -> bool {
        matches!(self, Flaw::Panicked { .. } | Flaw::Hung { .. })
    }

    /// The stable word for logs and status.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Flaw::Disk(error) => match error.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "disk_full",
                io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                    "not_writable"
                }
                _ => "disk_failed",
            },
            Flaw::Newer { .. } => "newer_version",
            Flaw::Unfinished | Flaw::Damaged { .. } | Flaw::Interrupted => "state_damaged",
            Flaw::Panicked { .. } | Flaw::Hung { .. } => "store_failed",
        }
    }
}
