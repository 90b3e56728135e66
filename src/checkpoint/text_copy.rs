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

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ring::digest::{Context, Digest, SHA256, digest};

use crate::model::position::{Cursor, FileKey, FileRecord};

use super::error::Flaw;
use super::schema::{self, VERSION};
use super::state::State;
use super::{directory, schema::counts};

/// The first word of the file.
const TITLE: &str = "spoolgate-checkpoint";

/// What stands before the number of the commit.
const GENERATION: &str = "generation";

/// What stands before the checksum.
const END: &str = "end sha256 ";

/// How much of it is held in memory while it is written.
const BLOCK_BYTES: usize = 64 * 1024;

/// Where it is.
pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join("checkpoint.txt")
}

/// Reads the copy; `None` when there is none. One that is not newer than `known` is checked, and
/// comes back without its files and destinations: nobody asks for them.
///
/// # Errors
/// `Disk` when it cannot be read, `Newer` and `Damaged` when it does not say what was written.
pub(super) fn read(dir: &Path, known: Option<u64>) -> Result<Option<State>, Flaw> {
    match fs::read(path(dir)) {
        Ok(bytes) => parse(&bytes, known).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Flaw::Disk(error)),
    }
}

/// Replaces the copy; when this returns, the new one survives a power cut. On an error the old one
/// is still there. Returns how many bytes it has.
pub(super) fn write(dir: &Path, state: &State) -> io::Result<u64> {
    let new = dir.join("checkpoint.txt.new");
    let written = write_new(&new, state);
    let renamed = written.and_then(|bytes| fs::rename(&new, path(dir)).map(|()| bytes));
    if renamed.is_err() {
        // Half a copy would hold space that a full disk needs elsewhere.
        directory::remove(&new)?;
    }
    let bytes = renamed?;
    directory::sync(dir)?;
    Ok(bytes)
}

fn write_new(path: &Path, state: &State) -> io::Result<u64> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    render(state, &mut file)?;
    file.sync_all()?;
    Ok(file.metadata()?.len())
}

/// The state as text. With thousands of files it is megabytes, so that it is never held as a whole.
pub(super) fn render(state: &State, out: impl Write) -> io::Result<()> {
    let mut text =
        BufWriter::with_capacity(BLOCK_BYTES, Summed { out, sum: Context::new(&SHA256) });
    write!(
        text,
        "{TITLE} {VERSION}\n\
         # Private data, written anew with every commit; what is changed by hand is refused.\n\
         {GENERATION} {}\n",
        state.generation
    )?;
    for record in state.files.values() {
        let FileRecord { key, device, inode, head_bytes, head_hash, path } = record;
        let path = Escaped(path.as_os_str().as_bytes());
        writeln!(text, "file {key} {device} {inode} {head_bytes} {head_hash:016x} {path}")?;
    }
    for (name, destination) in &state.destinations {
        write!(text, "destination {} {}", Escaped(name.as_bytes()), destination.sequence)?;
        for count in counts(&destination.ledger) {
            write!(text, " {count}")?;
        }
        writeln!(text)?;
        for Cursor { file, offset, tail_hash } in destination.cursors.values() {
            writeln!(text, "cursor {file} {offset} {tail_hash:016x}")?;
        }
    }
    text.flush()?;
    let sum = text.get_ref().sum.clone().finish();
    writeln!(text, "{END}{}", hexadecimal_of(&sum))?;
    text.flush()
}

/// A writer that knows the checksum of what it has written.
struct Summed<W> {
    out: W,
    sum: Context,
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.sum.update(bytes.get(..written).unwrap_or(bytes));
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Text to state; of one that is not newer than `known` only the generation.
///
/// # Errors
/// `Newer` for a later version, `Damaged` when the checksum is not that of the text.
pub(super) fn parse(bytes: &[u8], known: Option<u64>) -> Result<State, Flaw> {
    let text = str::from_utf8(bytes).map_err(|_| Flaw::damaged("it is not text"))?;
    if let Some(version) = version(text)
        && version > VERSION
    {
        return Err(Flaw::Newer { version });
    }
    let body = text.strip_suffix('\n').and_then(|text| text.rsplit_once(END));
    let Some((body, sum)) = body else { return Err(Flaw::damaged("its end is missing")) };
    if sum != hexadecimal_of(&digest(&SHA256, body.as_bytes())) {
        return Err(Flaw::damaged("its checksum is not that of its text"));
    }
    let mut state = State::default();
    let mut destination: Option<String> = None;
    for (index, line) in body.lines().enumerate().skip(1) {
        parse_line(line, &mut state, &mut destination)
            .ok_or_else(|| Flaw::damaged(format!("line {} means nothing", index + 1)))?;
        if line.starts_with(GENERATION) && known.is_some_and(|known| state.generation <= known) {
            break;
        }
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
        [GENERATION, number] => state.generation = number.parse().ok()?,
        ["file", key, device, inode, head_bytes, head_hash, path] => {
            let key = FileKey(hexadecimal(key)?);
            let record = FileRecord {
                key,
                device: device.parse().ok()?,
                inode: inode.parse().ok()?,
                head_bytes: head_bytes.parse().ok()?,
                head_hash: hexadecimal(head_hash)?,
                path: PathBuf::from(std::ffi::OsString::from_vec(unescape(path)?)),
            };
            state.files.insert(key, record);
        }
        ["destination", name, sequence, ledger @ ..] => {
            let name = String::from_utf8(unescape(name)?).ok()?;
            let counts: Option<Vec<u64>> = ledger.iter().map(|count| count.parse().ok()).collect();
            let held = state.destinations.entry(name.clone()).or_default();
            held.ledger = schema::ledger(counts?.try_into().ok()?);
            held.sequence = sequence.parse().ok()?;
            *destination = Some(name);
        }
        ["cursor", file, offset, tail_hash] => {
            let file = FileKey(hexadecimal(file)?);
            let offset = offset.parse().ok()?;
            let cursor = Cursor { file, offset, tail_hash: hexadecimal(tail_hash)? };
            state.destinations.get_mut(destination.as_ref()?)?.cursors.insert(file, cursor);
        }
        _ => return None,
    }
    Some(())
}

fn hexadecimal(word: &str) -> Option<u64> {
    u64::from_str_radix(word, 16).ok()
}

/// Bytes as they stand in the text.
struct Escaped<'a>(&'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |byte: &u8| byte.is_ascii_graphic() && *byte != b'%';
        for run in self.0.chunk_by(|a, b| plain(a) && plain(b)) {
            match str::from_utf8(run) {
                Ok(text) if run.iter().all(plain) => f.write_str(text)?,
                _ => run.iter().try_for_each(|byte| write!(f, "%{byte:02x}"))?,
            }
        }
        Ok(())
    }
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

fn hexadecimal_of(sum: &Digest) -> String {
    sum.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
