//! The dead letter: events that can never be delivered, `<state>/dead-letter.jsonl`, mode 0600.
//!
//! One JSON object a line, made to be read by people and by `jq`:
//!
//! ```json
//! {"timestamp":"2026-03-13T00:00:00Z","destination":"qradar","connector":"syslog",
//!  "error":"line 1: expected a value","code":"not_json","position":"00000000000000a1:51200",
//!  "path":"/var/spool/spoolgate/a.jsonl","schema":"generic","event":{"id":7}}
//! ```
//!
//! - `timestamp`, `connector`, `error`, `event`: the seed's record; the others are ours.
//! - `event` is the JSON object itself, byte for byte, when the line was one; else the line as a
//!   string. When the line was not UTF-8 the string is an approximation, and `raw` has the bytes in
//!   base64.
//! - `path` is where the file was when the event was read, as far as it is UTF-8; `schema` is
//!   absent when none was found.
//!
//! A record is durable before the cursor passes its event: [`DeadLetter::append`] returns after
//! `fdatasync`. What a crash or a full disk left of a line is cut off before the next one is
//! written: its event has not been passed and comes again. The file may be renamed or removed at
//! any time (`dead-letter replay`, logrotate); the next append makes a new one.
//!
//! *Diagnostics*: none logged here; every failure is returned, and the caller holds its cursor.

use std::borrow::Cow;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::model::outcome::Cause;
use crate::model::position::Position;
use crate::model::time::EventTime;

use super::directory;
use super::error::CheckpointError;

/// How much is read at a time when the last newline is looked for.
const TAIL_BLOCK_BYTES: u64 = 64 * 1024;

/// The dead letter, open for appending: a handle, cheap to clone.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    path: Arc<PathBuf>,
    file: Arc<Mutex<Option<File>>>,
}

/// An event that can never be delivered, and why.
#[derive(Clone, Copy, Debug)]
pub struct DeadLetterEntry<'a> {
    /// When it was given up.
    pub timestamp: EventTime,
    /// The destination's name.
    pub destination: &'a str,
    /// The destination's type: `syslog`, `splunk_hec` …
    pub connector: &'a str,
    /// Why.
    pub cause: &'a Cause,
    /// Where its line begins.
    pub position: Position,
    /// The spool file.
    pub path: &'a Path,
    /// The schema's name, when one was found.
    pub schema: Option<&'a str>,
    /// The line, without its newline, or what is known of it.
    pub event: &'a [u8],
}

/// A line of the dead letter, read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterRecord {
    /// RFC 3339.
    pub timestamp: String,
    /// The destination's name.
    pub destination: String,
    /// The destination's type.
    pub connector: String,
    /// Why, in words.
    pub error: String,
    /// Why, as a stable word.
    pub code: String,
    /// `file key:offset`, as [`Position`] is shown.
    pub position: String,
    /// The spool file.
    pub path: String,
    /// The schema's name, when one was found.
    pub schema: Option<String>,
    /// The line as it was in the spool, byte for byte, without its newline.
    pub event: Vec<u8>,
}

/// A record as JSON.
#[derive(Serialize, Deserialize)]
struct Line<'a> {
    timestamp: String,
    #[serde(borrow)]
    destination: Cow<'a, str>,
    #[serde(borrow, default)]
    connector: Cow<'a, str>,
    #[serde(borrow)]
    error: Cow<'a, str>,
    #[serde(borrow, default)]
    code: Cow<'a, str>,
    #[serde(default)]
    position: String,
    #[serde(borrow, default)]
    path: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    schema: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    raw: Option<String>,
    #[serde(borrow)]
    event: Cow<'a, RawValue>,
}

impl DeadLetter {
    /// Opens the dead letter of a state directory, or makes it, and mends its last line.
    ///
    /// # Errors
    /// `DeadLetter` when it cannot be opened or written.
    pub fn open(dir: &Path) -> Result<DeadLetter, CheckpointError> {
        let path = path(dir);
        let file = open_file(&path).map_err(|source| failed(&path, source))?;
        let file = Arc::new(Mutex::new(Some(file)));
        Ok(DeadLetter { path: Arc::new(path), file })
    }

    /// Appends a record for each entry and makes them durable before it returns.
    ///
    /// # Errors
    /// `DeadLetter` when the disk failed: nothing may be assumed, the caller holds its cursor and
    /// tries again. No half line stays behind.
    pub fn append(&self, entries: &[DeadLetterEntry<'_>]) -> Result<(), CheckpointError> {
        let failed = |source| failed(&self.path, source);
        let mut lines = Vec::new();
        for entry in entries {
            write_line(entry, &mut lines).map_err(|error| failed(error.into()))?;
        }
        // A panic elsewhere leaves the file as it was; its length is looked at below.
        let mut held = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let mut file = match held.take() {
            Some(file) if is_at(&file, &self.path) => file,
            _ => open_file(&self.path).map_err(failed)?,
        };
        let length = file.metadata().map_err(failed)?.len();
        if let Err(source) = file.write_all(&lines).and_then(|()| file.sync_data()) {
            // What was written of it may be half a line; without this the next open mends it.
            if file.set_len(length).and_then(|()| file.sync_data()).is_ok() {
                *held = Some(file);
            }
            return Err(failed(source));
        }
        *held = Some(file);
        Ok(())
    }

    /// Reads the dead letter of a state directory, oldest first, without a lock; none at all is
    /// empty. A last line that has no newline yet is not read.
    pub fn read(
        dir: &Path,
    ) -> impl Iterator<Item = Result<DeadLetterRecord, CheckpointError>> + use<> {
        let path = path(dir);
        let (lines, error) = match File::open(&path) {
            Ok(file) => (Some(Lines { path, file: BufReader::new(file), line: 0 }), None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (None, None),
            Err(source) => (None, Some(Err(failed(&path, source)))),
        };
        error.into_iter().chain(lines.into_iter().flatten())
    }
}

/// Reads line by line; ends after an error of the disk, not after a line that is no record.
struct Lines {
    path: PathBuf,
    file: BufReader<File>,
    line: u64,
}

impl Iterator for Lines {
    type Item = Result<DeadLetterRecord, CheckpointError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut bytes = Vec::new();
        match self.file.read_until(b'\n', &mut bytes) {
            Ok(_) if bytes.last() != Some(&b'\n') => None,
            Ok(_) => {
                self.line += 1;
                Some(self.record(&bytes))
            }
            Err(source) => {
                // What follows cannot be told from a torn line.
                self.file = BufReader::new(File::open("/dev/null").ok()?);
                Some(Err(failed(&self.path, source)))
            }
        }
    }
}

impl Lines {
    fn record(&self, bytes: &[u8]) -> Result<DeadLetterRecord, CheckpointError> {
        let (path, line) = (&self.path, self.line);
        let malformed =
            |source| CheckpointError::DeadLetterLine { path: path.clone(), line, source };
        let record: Line<'_> = serde_json::from_slice(bytes).map_err(malformed)?;
        let event = match &record.raw {
            Some(raw) => STANDARD.decode(raw).map_err(|source| CheckpointError::DeadLetterRaw {
                path: path.clone(),
                line,
                source,
            })?,
            None if record.event.get().starts_with('"') => {
                let text: String = serde_json::from_str(record.event.get()).map_err(malformed)?;
                text.into_bytes()
            }
            None => record.event.get().as_bytes().to_vec(),
        };
        Ok(DeadLetterRecord {
            timestamp: record.timestamp,
            destination: record.destination.into_owned(),
            connector: record.connector.into_owned(),
            error: record.error.into_owned(),
            code: record.code.into_owned(),
            position: record.position,
            path: record.path.into_owned(),
            schema: record.schema.map(Cow::into_owned),
            event,
        })
    }
}

fn path(dir: &Path) -> PathBuf {
    dir.join("dead-letter.jsonl")
}

fn failed(path: &Path, source: io::Error) -> CheckpointError {
    CheckpointError::DeadLetter { path: path.to_owned(), source }
}

/// Appends the entry as one line.
fn write_line(entry: &DeadLetterEntry<'_>, lines: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    let text = String::from_utf8_lossy(entry.event);
    let is_text = matches!(text, Cow::Borrowed(_));
    let event = match serde_json::from_str::<&RawValue>(&text) {
        Ok(object) if is_text && is_object(object, &text) => Cow::Borrowed(object),
        _ => Cow::Owned(serde_json::value::to_raw_value(&text)?),
    };
    let line = Line {
        timestamp: rfc3339(entry.timestamp),
        destination: entry.destination.into(),
        connector: entry.connector.into(),
        error: entry.cause.text.as_str().into(),
        code: entry.cause.code.into(),
        position: entry.position.to_string(),
        path: entry.path.to_string_lossy(),
        schema: entry.schema.map(Cow::from),
        raw: (!is_text).then(|| STANDARD.encode(entry.event)),
        event,
    };
    serde_json::to_writer(&mut *lines, &line)?;
    lines.push(b'\n');
    Ok(())
}

/// Only what stays one line and comes back as the same bytes goes in as it is.
fn is_object(value: &RawValue, text: &str) -> bool {
    value.get().starts_with('{') && value.get().len() == text.len() && !text.contains('\n')
}

fn rfc3339(time: EventTime) -> String {
    // Times beyond the calendar cannot be written; the epoch is at least a date.
    jiff::Timestamp::from_microsecond(time.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string()
}

/// False after the file was renamed or removed.
fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

fn open_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let mut file = options.read(true).append(true).create(true).mode(0o600).open(path)?;
    mend(&mut file)?;
    if let Some(dir) = path.parent() {
        directory::sync(dir)?;
    }
    Ok(file)
}

/// Makes the last line whole: completes it when only its newline is missing, else cuts it off.
fn mend(file: &mut File) -> io::Result<()> {
    let length = file.metadata()?.len();
    let mut tail = Vec::new();
    let mut begin = length;
    let good = loop {
        if begin == 0 {
            break 0;
        }
        let block_begin = begin.saturating_sub(TAIL_BLOCK_BYTES);
        let mut block = Vec::new();
        file.seek(SeekFrom::Start(block_begin))?;
        Read::by_ref(file).take(begin - block_begin).read_to_end(&mut block)?;
        let newline = block.iter().rposition(|byte| *byte == b'\n');
        let behind = newline.map_or(0, |newline| newline + 1);
        tail.splice(0..0, block.iter().skip(behind).copied());
        if newline.is_some() {
            break block_begin + behind as u64;
        }
        begin = block_begin;
    };
    if good == length {
        return Ok(());
    }
    if serde_json::from_slice::<Line<'_>>(&tail).is_ok() {
        file.write_all(b"\n")?;
    } else {
        file.set_len(good)?;
    }
    file.sync_data()
}
