//! One program at a time: an flock on `<dir>/lock`, which also says whose it is.
//!
//! The kernel drops the lock with the process, so a stale file never keeps anyone out. Commands
//! that only read (`status`, `dead-letter list`) do not take it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::error::CheckpointError;

/// Held as long as it lives.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock of a state directory that exists.
    ///
    /// # Errors
    /// `Directory` when the file cannot be made or written, `Locked` when another process has it.
    pub(super) fn take(dir: &Path) -> Result<Lock, CheckpointError> {
        let path = dir.join("lock");
        let failed = |source| CheckpointError::Directory { path: path.clone(), source };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        let mut file = options.open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(source)) => return Err(failed(source)),
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let read = file.read_to_string(&mut pid);
                let known = read.is_ok() && !pid.trim().is_empty();
                let pid = if known { pid.trim().to_owned() } else { "unknown".to_owned() };
                return Err(CheckpointError::Locked { path: dir.to_owned(), pid });
            }
        }
        // The lock holds without its text; a full disk must not keep the program from starting.
        let written = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        if let Err(error) = written {
            tracing::warn!(path = %path.display(), %error, "the lock file does not name its holder");
        }
        Ok(Lock { file })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough: a process that is just being started still has a copy of the
        // descriptor, between its fork and its exec, and the lock lives as long as any copy.
        if let Err(error) = self.file.unlock() {
            tracing::warn!(%error, "the state directory's lock is not released");
        }
    }
}
