//! What a file on the disk is, seen through a descriptor, so that name and content belong together.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use nix::fcntl::OFlag;

use super::content::{self, Inflater};
use super::hash::{self, HEAD_BYTES_MAX};

/// A file that changes between so many looks is one that someone appends to all the time, and
/// whatever look is the last one is good.
const LOOKS_MAX: usize = 8;

/// What `stat` says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Status {
    pub device: u64,
    pub inode: u64,
    /// Bytes; of a compressed file, compressed.
    pub size: u64,
    pub modified: SystemTime,
    /// How many names it has.
    pub links: u64,
    pub is_regular: bool,
    pub is_directory: bool,
}

impl From<&Metadata> for Status {
    fn from(metadata: &Metadata) -> Status {
        Status {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
            links: metadata.nlink(),
            is_regular: metadata.is_file(),
            is_directory: metadata.is_dir(),
        }
    }
}

impl Status {
    pub(super) fn is_same_file(&self, other: &Status) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }

    /// Whether it was not written to in between.
    pub(super) fn is_unchanged(&self, other: &Status) -> bool {
        self.is_same_file(other) && (self.size, self.modified) == (other.size, other.modified)
    }
}

/// Follows symbolic links.
pub(super) fn status(path: &Path) -> io::Result<Status> {
    std::fs::metadata(path).map(|metadata| Status::from(&metadata))
}

pub(super) fn status_of(file: &File) -> io::Result<Status> {
    file.metadata().map(|metadata| Status::from(&metadata))
}

/// The beginning of a file's uncompressed content.
#[derive(Clone, Debug)]
pub(super) struct Head(Vec<u8>);

impl Head {
    pub(super) fn read(file: &Arc<File>, is_compressed: bool) -> io::Result<Head> {
        let mut bytes = vec![0; HEAD_BYTES_MAX];
        let count = if is_compressed {
            Inflater::new(Arc::clone(file)).read_at(0, &mut bytes)?
        } else {
            content::read_at(file, 0, &mut bytes)?
        };
        bytes.truncate(count);
        Ok(Head(bytes))
    }

    pub(super) fn bytes(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn hash(&self) -> u64 {
        hash::fnv1a(&self.0)
    }

    /// Whether it begins with the head of which the first `bytes` bytes have that hash.
    pub(super) fn begins_with(&self, bytes: u32, hash: u64) -> bool {
        let length = usize::try_from(bytes).unwrap_or(usize::MAX);
        self.0.get(..length).is_some_and(|head| hash::fnv1a(head) == hash)
    }
}

/// A regular file, open.
#[derive(Clone, Debug)]
pub(super) struct Probe {
    pub file: Arc<File>,
    pub status: Status,
    pub head: Head,
}

/// Opens and looks. Without O_NONBLOCK a fifo that took the name since would hold us for ever.
pub(super) fn probe(path: &Path, is_compressed: bool) -> io::Result<Probe> {
    probe_open(Arc::new(open(path)?), is_compressed)
}

/// Looks at an open file. Size and head must be of one moment: if the file changed in between,
/// which may have been a truncation, both are taken again.
pub(super) fn probe_open(file: Arc<File>, is_compressed: bool) -> io::Result<Probe> {
    let mut status = status_of(&file)?;
    let mut head = Head::read(&file, is_compressed)?;
    for _ in 0..LOOKS_MAX {
        let later = status_of(&file)?;
        if later.is_unchanged(&status) {
            break;
        }
        status = later;
        head = Head::read(&file, is_compressed)?;
    }
    Ok(Probe { file, status, head })
}

pub(super) fn open(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)
}
