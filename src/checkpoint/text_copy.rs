//! The state as text, beside the store: what is left when the store is not.
//!
//! ```text
//! spoolgate-checkpoint 1
//! # Private data, written anew with every commit; what is changed by hand is refused.
//! generation 42
//! file 00000000000000a1 64768 131 4096 9c0f5e1d2b3a4c5d /var/spool/spoolgate/a%20b.jsonl
//! destination qradar 17 120 100 5 10 5 0 0
//! cursor 00000000000000a1 51200 77aa77aa77aa77aa
//! end sha256 <hex of the SHA-256 of everything above this line>
//! ```
//!
//! - `file`: key, device, inode, head_bytes, head_hash, path;
//! - `destination`: name, sequence, then the ledger: read, confirmed, in_flight, filtered,
//!   dead_lettered, resent, truncated;
//! - `cursor`, of the destination above it: file, offset, tail_hash.
//!
//! Keys and hashes are 16 hexadecimal digits, the rest decimal. In paths and names every byte that
//! is not a visible ASCII character, and `%`, is written as `%` and two digits. Lines that begin
//! with `#` mean nothing. A new version is a new number in the first line.
//!
//! It is written to `checkpoint.txt.new`, synced, renamed, and the directory is synced: whenever
//! the power fails there is a whole one.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};

use crate::model::position::{Cursor, FileKey, FileRecord};

use super::error::Flaw;
use super::schema::{self, Entry, VERSION};
use super::state::State;
use super::{directory, schema::counts};

/// The first word of the file.
const TITLE: &str = "spoolgate-checkpoint";

/// What stands before the checksum.
const END: &str = "end sha256 ";

/// Where it is.
pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join("checkpoint.txt")
}

/// Reads the copy; `None` when there is none.
///
/// # Errors
/// `Disk` when it cannot be read, `Newer` and `Damaged` when it does not say what was written.
pub(super) fn read(dir: &Path) -> Result<Option<State>, Flaw> {
    match fs::read(path(dir)) {
        Ok(bytes) => parse(&bytes).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Flaw::Disk(error)),
    }
}

/// Replaces the copy; when this returns, the new one survives a power cut. On an error the old one
/// is still there.
pub(super) fn write(dir: &Path, text: &str) -> io::Result<()> {
    let new = dir.join("checkpoint.txt.new");
    let written = write_new(&new, text).and_then(|()| fs::rename(&new, path(dir)));
    if written.is_err() {
        // Half a copy would hold space that a full disk needs elsewhere.
        directory::remove(&new)?;
    }
    written?;
    directory::sync(dir)
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file: File = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// The state as text.
pub(super) fn render(state: &State) -> String {
    let mut text = format!(
        "{TITLE} {VERSION}\n\
         # Private data, written anew with every commit; what is changed by hand is refused.\n\
         generation {}\n",
        state.generation
    );
    for record in state.files.values() {
        let FileRecord { key, device, inode, head_bytes, head_hash, path } = record;
        let path = escape(path.as_os_str().as_bytes());
        append(
            &mut text,
            format_args!("file {key} {device} {inode} {head_bytes} {head_hash:016x} {path}\n"),
        );
    }
    for (name, destination) in &state.destinations {
        let name = escape(name.as_bytes());
        append(&mut text, format_args!("destination {name} {}", destination.sequence));
        for count in counts(&destination.ledger) {
            append(&mut text, format_args!(" {count}"));
        }
        text.push('\n');
        for Cursor { file, offset, tail_hash } in destination.cursors.values() {
            append(&mut text, format_args!("cursor {file} {offset} {tail_hash:016x}\n"));
        }
    }
    let sum = checksum(text.as_bytes());
    append(&mut text, format_args!("{END}{sum}\n"));
    text
}

/// Text to state.
///
/// # Errors
/// `Newer` for a later version, `Damaged` when the checksum is not that of the text.
pub(super) fn parse(bytes: &[u8]) -> Result<State, Flaw> {
    let text = str::from_utf8(bytes).map_err(|_| Flaw::damaged("it is not text"))?;
    if let Some(version) = version(text)
        && version > VERSION
    {
        return Err(Flaw::Newer { version });
    }
    let body = text.strip_suffix('\n').and_then(|text| text.rsplit_once(END));
    let Some((body, sum)) = body else { return Err(Flaw::damaged("its end is missing")) };
    if sum != checksum(body.as_bytes()) {
        return Err(Flaw::damaged("its checksum is not that of its text"));
    }
    let mut state = State::default();
    let mut destination: Option<String> = None;
    for (index, line) in body.lines().enumerate().skip(1) {
        parse_line(line, &mut state, &mut destination)
            .ok_or_else(|| Flaw::damaged(format!("line {} means nothing", index + 1)))?;
    }
    Ok(state)
}

/// The version in the first line, when it is such a file at all.
fn version(text: &str) -> Option<u32> {
    text.lines().next()?.strip_prefix(TITLE)?.trim().parse().ok()
}

fn parse_line(line: &str, state: &mut State, destination: &mut Option<String>) -> Option<()> {
    let words: Vec<&str> = line.split(' ').collect();
    match words.as_slice() {
        [comment, ..] if comment.starts_with('#') => {}
        ["generation", number] => state.generation = number.parse().ok()?,
        ["file", key, device, inode, head_bytes, head_hash, path] => {
            state.insert(Entry::File(FileRecord {
                key: FileKey(hexadecimal(key)?),
                device: device.parse().ok()?,
                inode: inode.parse().ok()?,
                head_bytes: head_bytes.parse().ok()?,
                head_hash: hexadecimal(head_hash)?,
                path: PathBuf::from(std::ffi::OsString::from_vec(unescape(path)?)),
            }));
        }
        ["destination", name, sequence, ledger @ ..] => {
            let name = String::from_utf8(unescape(name)?).ok()?;
            let counts: Option<Vec<u64>> = ledger.iter().map(|count| count.parse().ok()).collect();
            let ledger = schema::ledger(counts?.try_into().ok()?);
            let sequence = sequence.parse().ok()?;
            *destination = Some(name.clone());
            state.insert(Entry::Destination { name, ledger, sequence });
        }
        ["cursor", file, offset, tail_hash] => {
            let cursor = Cursor {
                file: FileKey(hexadecimal(file)?),
                offset: offset.parse().ok()?,
                tail_hash: hexadecimal(tail_hash)?,
            };
            state.insert(Entry::Cursor { destination: destination.clone()?, cursor });
        }
        _ => return None,
    }
    Some(())
}

fn hexadecimal(word: &str) -> Option<u64> {
    u64::from_str_radix(word, 16).ok()
}

fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_graphic() && *byte != b'%' {
            text.push(char::from(*byte));
        } else {
            append(&mut text, format_args!("%{byte:02x}"));
        }
    }
    text
}

fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        let (digits, behind) = piece.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend(behind.as_bytes());
    }
    Some(bytes)
}

fn checksum(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in digest(&SHA256, bytes).as_ref() {
        append(&mut text, format_args!("{byte:02x}"));
    }
    text
}

/// Writing to a `String` cannot fail; its `Result` says nothing.
fn append(text: &mut String, what: std::fmt::Arguments<'_>) {
    let _: std::fmt::Result = text.write_fmt(what);
}
