//! How the state is laid out in the store: keys, values, version.
//!
//! Integers are big-endian, so that keys sort by number. Every value begins with the version.
//!
//! ```text
//! key                                      value (behind the version byte)
//! 'c' length:u16 destination file:u64      offset:u64 tail_hash:u64
//! 'd' destination                          sequence:u32 read:u64 confirmed:u64 in_flight:u64
//!                                          filtered:u64 dead_lettered:u64 resent:u64 truncated:u64
//! 'f' file:u64                             device:u64 inode:u64 head_bytes:u32 head_hash:u64 path
//! 's'                                      generation:u64 entries:u64 digest:u64
//! ```
//!
//! `s` is the seal, written with every commit: the number of the commit, how many other entries
//! there are, and the sum (modulo 2^64) of their digests. The store has checksums of its own, but
//! none that notices an entry that is missing or an old one that came back; the seal does.
//!
//! To change the layout: raise [`VERSION`], keep decoding the old version, encode only the new.
//! A store of a later version is not touched but moved aside, and the text copy is used.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use ring::digest::{Context, SHA256};

use crate::model::ledger::Ledger;
use crate::model::position::{Cursor, FileKey, FileRecord};

use super::error::Flaw;

/// The version of the layout, of the store and of the text copy alike.
pub(super) const VERSION: u32 = 1;

/// [`VERSION`] as the first byte of a value.
const VERSION_BYTE: u8 = 1;

/// What one key and its value say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// A spool file.
    File(FileRecord),
    /// A destination's account.
    Destination {
        /// Its name.
        name: String,
        /// Its counts.
        ledger: Ledger,
        /// The number of its last message.
        sequence: u32,
    },
    /// A destination's place in a file.
    Cursor {
        /// Its name.
        destination: String,
        /// The place.
        cursor: Cursor,
    },
    /// The proof that the others are whole.
    Seal(Seal),
}

/// What the last commit says of all entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seal {
    /// Counts commits.
    pub(super) generation: u64,
    /// How many other entries there are.
    pub(super) entries: u64,
    /// The sum of their digests.
    pub(super) digest: u64,
}

/// Key and value of a file's record.
pub(super) fn file(record: &FileRecord) -> (Vec<u8>, Vec<u8>) {
    let mut key = vec![b'f'];
    key.extend(record.key.0.to_be_bytes());
    let mut value = vec![VERSION_BYTE];
    value.extend(record.device.to_be_bytes());
    value.extend(record.inode.to_be_bytes());
    value.extend(record.head_bytes.to_be_bytes());
    value.extend(record.head_hash.to_be_bytes());
    value.extend(record.path.as_os_str().as_bytes());
    (key, value)
}

/// Key and value of a destination's account.
pub(super) fn destination(name: &str, ledger: &Ledger, sequence: u32) -> (Vec<u8>, Vec<u8>) {
    let mut key = vec![b'd'];
    key.extend(name.as_bytes());
    let mut value = vec![VERSION_BYTE];
    value.extend(sequence.to_be_bytes());
    for count in counts(ledger) {
        value.extend(count.to_be_bytes());
    }
    (key, value)
}

/// Key and value of a cursor.
pub(super) fn cursor(destination: &str, cursor: &Cursor) -> (Vec<u8>, Vec<u8>) {
    let mut key = vec![b'c'];
    // A name is a word of the configuration; one of 64 KiB would only sort oddly.
    key.extend(u16::try_from(destination.len()).unwrap_or(u16::MAX).to_be_bytes());
    key.extend(destination.as_bytes());
    key.extend(cursor.file.0.to_be_bytes());
    let mut value = vec![VERSION_BYTE];
    value.extend(cursor.offset.to_be_bytes());
    value.extend(cursor.tail_hash.to_be_bytes());
    (key, value)
}

/// Key and value of the seal.
pub(super) fn seal(seal: &Seal) -> (Vec<u8>, Vec<u8>) {
    let mut value = vec![VERSION_BYTE];
    for number in [seal.generation, seal.entries, seal.digest] {
        value.extend(number.to_be_bytes());
    }
    (vec![b's'], value)
}

/// Eight bytes that stand for a key with its value.
pub(super) fn digest(key: &[u8], value: &[u8]) -> u64 {
    let mut context = Context::new(&SHA256);
    context.update(&(key.len() as u64).to_be_bytes());
    context.update(key);
    context.update(value);
    context.finish().as_ref().first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
}

/// The counts of a ledger, in the order of the layout.
pub(super) fn counts(ledger: &Ledger) -> [u64; 7] {
    [
        ledger.read,
        ledger.confirmed,
        ledger.in_flight,
        ledger.filtered,
        ledger.dead_lettered,
        ledger.resent,
        ledger.truncated,
    ]
}

/// A ledger from its counts, in the order of the layout.
pub(super) fn ledger(counts: [u64; 7]) -> Ledger {
    let [read, confirmed, in_flight, filtered, dead_lettered, resent, truncated] = counts;
    Ledger { read, confirmed, in_flight, filtered, dead_lettered, resent, truncated }
}

/// Reads an entry back.
///
/// # Errors
/// `Newer` for a later version, `Damaged` for anything this layout does not know.
pub(super) fn decode(key: &[u8], value: &[u8]) -> Result<Entry, Flaw> {
    let Some((version, mut rest)) = value.split_first() else {
        return Err(Flaw::damaged("an empty value"));
    };
    if *version > VERSION_BYTE {
        return Err(Flaw::Newer { version: u32::from(*version) });
    }
    let entry = match key.split_first() {
        Some((b'f', name)) => decode_file(name, &mut rest),
        Some((b'd', name)) => decode_destination(name, &mut rest),
        Some((b'c', name)) => decode_cursor(name, &mut rest),
        Some((b's', [])) => decode_seal(&mut rest),
        _ => None,
    };
    match entry {
        Some(entry) if rest.is_empty() && *version == VERSION_BYTE => Ok(entry),
        _ => Err(Flaw::damaged(format!("unknown entry {}", key.escape_ascii()))),
    }
}

fn decode_file(mut name: &[u8], rest: &mut &[u8]) -> Option<Entry> {
    let key = FileKey(take_u64(&mut name)?);
    let (device, inode) = (take_u64(rest)?, take_u64(rest)?);
    let (head_bytes, head_hash) = (take_u32(rest)?, take_u64(rest)?);
    let path = PathBuf::from(OsStr::from_bytes(std::mem::take(rest)));
    let record = FileRecord { key, device, inode, head_bytes, head_hash, path };
    name.is_empty().then_some(Entry::File(record))
}

fn decode_destination(name: &[u8], rest: &mut &[u8]) -> Option<Entry> {
    let name = str::from_utf8(name).ok()?.to_owned();
    let sequence = take_u32(rest)?;
    let mut counts = [0; 7];
    for count in &mut counts {
        *count = take_u64(rest)?;
    }
    Some(Entry::Destination { name, ledger: ledger(counts), sequence })
}

fn decode_cursor(name: &[u8], rest: &mut &[u8]) -> Option<Entry> {
    let (_, name) = name.split_first_chunk::<2>()?;
    let (name, file) = name.split_last_chunk::<8>()?;
    let destination = str::from_utf8(name).ok()?.to_owned();
    let file = FileKey(u64::from_be_bytes(*file));
    let (offset, tail_hash) = (take_u64(rest)?, take_u64(rest)?);
    Some(Entry::Cursor { destination, cursor: Cursor { file, offset, tail_hash } })
}

fn decode_seal(rest: &mut &[u8]) -> Option<Entry> {
    let (generation, entries, digest) = (take_u64(rest)?, take_u64(rest)?, take_u64(rest)?);
    Some(Entry::Seal(Seal { generation, entries, digest }))
}

fn take_u64(rest: &mut &[u8]) -> Option<u64> {
    let (taken, behind) = rest.split_first_chunk::<8>()?;
    *rest = behind;
    Some(u64::from_be_bytes(*taken))
}

fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    let (taken, behind) = rest.split_first_chunk::<4>()?;
    *rest = behind;
    Some(u32::from_be_bytes(*taken))
}
