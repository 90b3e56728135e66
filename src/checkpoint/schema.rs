//! How the state is laid out in the store: keys, values, version.
//!
//! Files and cursors are kept in buckets: all of those whose file key has the same first byte, in
//! the order of their keys. Keys are hashes, so there are at most 256 buckets of files, and as many
//! of cursors for each destination, about equally full: sled's memory grows with every entry.
//!
//! Integers are big-endian, so that keys sort by number. Every value begins with the version.
//!
//! ```text
//! key                                      value (behind the version byte)
//! 'c' length:u16 destination bucket:u8     for each cursor: file:u64 offset:u64 tail_hash:u64
//! 'd' destination                          sequence:u32 read:u64 confirmed:u64 in_flight:u64
//!                                          filtered:u64 dead_lettered:u64 resent:u64 truncated:u64
//! 'f' bucket:u8                            for each file: file:u64 device:u64 inode:u64
//!                                          head_bytes:u32 head_hash:u64 length:u16 path
//! 's'                                      generation:u64 entries:u64 digest:u64
//! ```
//!
//! A bucket with nothing in it is no entry. A path is cut at 65,535 bytes; the system opens none
//! that is longer than 4096.
//!
//! `s` is the seal, written with every commit: the number of the commit, how many other entries
//! there are, and the sum (modulo 2^64) of their digests. The store has checksums of its own, but
//! none that notices an entry that is missing or an old one that came back; the seal does.
//!
//! To change the layout: raise [`VERSION`], keep decoding the old version, encode only the new.
//! A store of a later version is not touched but moved aside, and the text copy is used.

use std::ffi::OsStr;
use std::ops::RangeInclusive;
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

/// What a key names. The seal is not among them: it is about these.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// A bucket of spool files.
    Files(u8),
    /// A destination's account.
    Account(String),
    /// A bucket of a destination's cursors.
    Cursors(String, u8),
}

/// What one key and its value say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// Spool files of that bucket.
    Files(u8, Vec<FileRecord>),
    /// A destination's account.
    Account {
        /// Its name.
        name: String,
        /// Its counts.
        ledger: Ledger,
        /// The number of its last message.
        sequence: u32,
    },
    /// A destination's places in files of that bucket.
    Cursors(String, u8, Vec<Cursor>),
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

/// Which bucket a file is in.
pub(super) fn bucket(file: FileKey) -> u8 {
    let [bucket, ..] = file.0.to_be_bytes();
    bucket
}

/// The keys that a bucket may hold.
pub(super) fn keys(bucket: u8) -> RangeInclusive<FileKey> {
    let first = u64::from(bucket) << 56;
    FileKey(first)..=FileKey(first | u64::MAX >> 8)
}

/// The key of an entry.
pub(super) fn key(place: &Place) -> Vec<u8> {
    match place {
        Place::Files(bucket) => vec![b'f', *bucket],
        Place::Account(name) => [b"d", name.as_bytes()].concat(),
        Place::Cursors(name, bucket) => {
            // A name is a word of the configuration; one of 64 KiB would only sort oddly.
            let length = u16::try_from(name.len()).unwrap_or(u16::MAX).to_be_bytes();
            [b"c", length.as_slice(), name.as_bytes(), &[*bucket]].concat()
        }
    }
}

/// The value of a bucket of files, which come in the order of their keys; `None` without any.
pub(super) fn files<'a>(records: impl Iterator<Item = &'a FileRecord>) -> Option<Vec<u8>> {
    let mut value = vec![VERSION_BYTE];
    for record in records {
        value.extend(record.key.0.to_be_bytes());
        value.extend(record.device.to_be_bytes());
        value.extend(record.inode.to_be_bytes());
        value.extend(record.head_bytes.to_be_bytes());
        value.extend(record.head_hash.to_be_bytes());
        let path = record.path.as_os_str().as_bytes();
        let length = u16::try_from(path.len()).unwrap_or(u16::MAX);
        value.extend(length.to_be_bytes());
        value.extend(path.iter().take(usize::from(length)));
    }
    (value.len() > 1).then_some(value)
}

/// The value of a bucket of cursors, which come in the order of their files; `None` without any.
pub(super) fn cursors<'a>(cursors: impl Iterator<Item = &'a Cursor>) -> Option<Vec<u8>> {
    let mut value = vec![VERSION_BYTE];
    for cursor in cursors {
        value.extend(cursor.file.0.to_be_bytes());
        value.extend(cursor.offset.to_be_bytes());
        value.extend(cursor.tail_hash.to_be_bytes());
    }
    (value.len() > 1).then_some(value)
}

/// The value of a destination's account.
pub(super) fn account(ledger: &Ledger, sequence: u32) -> Vec<u8> {
    let mut value = vec![VERSION_BYTE];
    value.extend(sequence.to_be_bytes());
    for count in counts(ledger) {
        value.extend(count.to_be_bytes());
    }
    value
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
    let entry = match key {
        [b'f', bucket] => decode_files(*bucket, &mut rest),
        [b'd', name @ ..] => decode_account(name, &mut rest),
        [b'c', _, _, name @ .., bucket] => decode_cursors(name, *bucket, &mut rest),
        [b's'] => decode_seal(&mut rest),
        _ => None,
    };
    match entry {
        Some(entry) if rest.is_empty() && *version == VERSION_BYTE => Ok(entry),
        _ => Err(Flaw::damaged(format!("unknown entry {}", key.escape_ascii()))),
    }
}

fn decode_files(bucket: u8, rest: &mut &[u8]) -> Option<Entry> {
    let records = decode_bucket(bucket, rest, |key, rest| {
        let (device, inode) = (take_u64(rest)?, take_u64(rest)?);
        let (head_bytes, head_hash) = (take_u32(rest)?, take_u64(rest)?);
        let length = usize::from(u16::from_be_bytes(take(rest)?));
        let (path, behind) = rest.split_at_checked(length)?;
        *rest = behind;
        let path = PathBuf::from(OsStr::from_bytes(path));
        Some(FileRecord { key, device, inode, head_bytes, head_hash, path })
    })?;
    Some(Entry::Files(bucket, records))
}

fn decode_cursors(name: &[u8], bucket: u8, rest: &mut &[u8]) -> Option<Entry> {
    let name = str::from_utf8(name).ok()?.to_owned();
    let cursors = decode_bucket(bucket, rest, |file, rest| {
        Some(Cursor { file, offset: take_u64(rest)?, tail_hash: take_u64(rest)? })
    })?;
    Some(Entry::Cursors(name, bucket, cursors))
}

/// What a bucket holds: at least one record, each of this bucket, and no key after a higher one.
fn decode_bucket<T>(
    bucket: u8,
    rest: &mut &[u8],
    record: impl Fn(FileKey, &mut &[u8]) -> Option<T>,
) -> Option<Vec<T>> {
    let mut records = Vec::new();
    let mut last = None;
    while !rest.is_empty() {
        let key = FileKey(take_u64(rest)?);
        if self::bucket(key) != bucket || last >= Some(key) {
            return None;
        }
        last = Some(key);
        records.push(record(key, rest)?);
    }
    (!records.is_empty()).then_some(records)
}

fn decode_account(name: &[u8], rest: &mut &[u8]) -> Option<Entry> {
    let name = str::from_utf8(name).ok()?.to_owned();
    let sequence = take_u32(rest)?;
    let mut counts = [0; 7];
    for count in &mut counts {
        *count = take_u64(rest)?;
    }
    Some(Entry::Account { name, ledger: ledger(counts), sequence })
}

fn decode_seal(rest: &mut &[u8]) -> Option<Entry> {
    let (generation, entries, digest) = (take_u64(rest)?, take_u64(rest)?, take_u64(rest)?);
    Some(Entry::Seal(Seal { generation, entries, digest }))
}

fn take_u64(rest: &mut &[u8]) -> Option<u64> {
    take(rest).map(u64::from_be_bytes)
}

fn take_u32(rest: &mut &[u8]) -> Option<u32> {
    take(rest).map(u32::from_be_bytes)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(*taken)
}
