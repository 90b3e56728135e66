//! Where in the spool something is.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Names one spool file for as long as it exists, whatever it is called and even after it was
/// compressed. Given once, when the file is first seen, and kept in the checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FileKey(pub u64);

impl fmt::Display for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A place in a spool file: a byte offset in its uncompressed content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The file.
    pub file: FileKey,
    /// Offset of the first byte of a line.
    pub offset: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.offset)
    }
}

/// How far one destination has come in one spool file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The file.
    pub file: FileKey,
    /// Offset of the first byte not yet passed, in the file's uncompressed content.
    pub offset: u64,
    /// Hash of the up to [`TAIL_BYTES`] bytes before `offset`: tells a file that was truncated and
    /// written again from the one that was read.
    pub tail_hash: u64,
}

/// How many bytes before a cursor are hashed.
pub const TAIL_BYTES: usize = 64;

/// How a spool file is known again after a rename or a restart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Its name for ever.
    pub key: FileKey,
    /// `st_dev`.
    pub device: u64,
    /// `st_ino`.
    pub inode: u64,
    /// How many bytes of the file's beginning `head_hash` covers; grows with a small file.
    pub head_bytes: u32,
    /// Hash of the file's beginning.
    pub head_hash: u64,
    /// Where it was last seen.
    pub path: PathBuf,
}
