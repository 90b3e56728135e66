//! `spoolgate verify --spool GLOB RECEIVED`: holds what a receiver has against the spool.
//!
//! The spool is taken through the same stages as for delivery, and the messages it must yield are
//! counted against the lines of the received files. What differs from one try to the next is left
//! out of the comparison: `meta sequenceId`, and the header's TIMESTAMP of an event that has no
//! time of its own. An id derived from a line's place is not compared, since the place may be
//! another by now; but where several events are equal, one that came twice does not stand for two.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use globset::GlobBuilder;
use serde::Serialize;

use crate::spool::settings::Settings;
use crate::spool::source_of;

use super::lines::{BoundedLine, BoundedLines};
use super::preview::{Preview, Shown, pick};
use super::{Failure, exit, print, required_config};

mod normal;

pub use normal::{Normal, message_id, normal_form};

/// Arguments of `verify`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The spool's files, plain or .gz
    #[arg(long, value_name = "GLOB", required = true)]
    spool: Vec<String>,
    /// What the receiver stored: one raw message a line
    #[arg(required = true)]
    received: Vec<PathBuf>,
    /// The destination whose form the messages have; the first one by default
    #[arg(long, value_name = "NAME")]
    destination: Option<String>,
    /// Duplicates are a failure, too
    #[arg(long)]
    exactly_once: bool,
    /// One JSON object instead of text
    #[arg(long)]
    json: bool,
}

/// The result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Messages that the spool must yield.
    pub expected: u64,
    /// Of them, found at least as often as expected.
    pub found: u64,
    /// Expected and not found in any form.
    pub lost: u64,
    /// Found more often than expected.
    pub duplicated: u64,
    /// Found under their id, but not as expected.
    pub altered: u64,
    /// Received, and from nothing in this spool.
    pub unknown: u64,
    /// Received last lines without an end: a receiver that was killed while it wrote.
    pub partial: u64,
    /// Lines of the spool that the filter keeps back.
    pub filtered: u64,
    /// Lines of the spool that go to the dead letter.
    pub dead_lettered: u64,
    /// Last lines of the spool without an end: they are sent when it has come.
    pub waiting: u64,
    /// What else is to be known about the files.
    pub notes: Vec<String>,
    /// Where the first lost or altered events stand: file and line.
    pub examples: Vec<String>,
}

const EXAMPLES_MAX: usize = 10;
const NOTES_MAX: usize = 20;

/// Prints the verdict; lost or altered events are a failure.
pub fn run(config: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let config = required_config(config)?;
    let destination = pick(&config, arguments.destination.as_deref())?;
    let mut preview = Preview::new(&config, &destination)?;
    let mut expected = Expected::default();
    let mut seen = HashSet::new();
    for glob in &arguments.spool {
        for file in files(glob)? {
            let about = std::fs::metadata(&file)
                .map_err(|error| Failure::new(exit::IO, format!("{}: {error}", file.display())))?;
            // One file under two names is one file.
            if seen.insert((about.dev(), about.ino())) {
                expected.set_source(&file, &config.spool, &mut preview);
                expected.read(&file, config.spool.max_event_bytes, &mut preview)?;
            }
        }
    }
    // A message is longer than its event: it has a header, and escapes.
    let received_bytes_max = config.spool.max_event_bytes.saturating_mul(8).max(1 << 20);
    for file in &arguments.received {
        expected.receive(file, received_bytes_max)?;
    }
    let verdict = expected.verdict();
    print(&render(&verdict, arguments.json)?)?;
    let is_wrong =
        verdict.lost + verdict.altered > 0 || (arguments.exactly_once && verdict.duplicated > 0);
    if is_wrong {
        return Err(Failure::new(exit::NO, "the receiver does not hold what the spool says"));
    }
    Ok(())
}

fn render(verdict: &Verdict, json: bool) -> Result<String, Failure> {
    if json {
        return serde_json::to_string(verdict)
            .map(|text| text + "\n")
            .map_err(|error| Failure::new(exit::DATA, error.to_string()));
    }
    let Verdict { expected, found, lost, duplicated, altered, unknown, partial, .. } = verdict;
    let mut text = format!(
        "expected {expected}: found {found}, lost {lost}, altered {altered}\n\
         received beside that: duplicated {duplicated}, unknown {unknown}, partial {partial}\n\
         not expected: filtered {}, dead letter {}, waiting for their end {}\n",
        verdict.filtered, verdict.dead_lettered, verdict.waiting
    );
    for note in
        verdict.notes.iter().map(|note| format!("note: {note}")).chain(verdict.examples.clone())
    {
        text.push_str(&note);
        text.push('\n');
    }
    Ok(text)
}

fn files(glob: &str) -> Result<Vec<PathBuf>, Failure> {
    let path = Path::new(glob);
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let pattern = path.file_name().unwrap_or_default().to_string_lossy();
    let bad = |error: &dyn std::fmt::Display| Failure::new(exit::USAGE, format!("{glob}: {error}"));
    let matcher =
        GlobBuilder::new(&pattern).build().map_err(|error| bad(&error))?.compile_matcher();
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(|error| bad(&error))? {
        let entry = entry.map_err(|error| bad(&error))?;
        if matcher.is_match(Path::new(&entry.file_name())) && entry.path().is_file() {
            files.push(entry.path());
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(bad(&"no file matches; name the files of the spool"));
    }
    Ok(files)
}

/// One distinct expected message.
#[derive(Default)]
struct Wanted {
    times: u64,
    /// Of several equal ones, those received under different derived ids, and without any.
    ids: HashSet<u64>,
    unnamed: u64,
    received: u64,
    file: u32,
    line: u64,
    id: u64,
}

impl Wanted {
    fn receive(&mut self, derived_id: Option<&str>) {
        self.received += 1;
        match derived_id {
            // A single event may have been given another id after its place changed.
            Some(id) if self.times > 1 => {
                self.ids.insert(hash(id));
            }
            _ => self.unnamed += 1,
        }
    }

    fn found(&self) -> u64 {
        (self.ids.len() as u64 + self.unnamed).min(self.times)
    }
}

#[derive(Default)]
struct Expected {
    messages: HashMap<u128, Wanted>,
    /// Received under a known form of id, but not as expected: how often, by id.
    strangers: HashMap<u64, u64>,
    files: Vec<PathBuf>,
    verdict: Verdict,
}

impl Expected {
    /// The lines of `file` are read as its `[[spool]]` says.
    fn set_source(&mut self, file: &Path, spool: &Settings, preview: &mut Preview) {
        let source = source_of(&spool.sources, file);
        if source.is_none() {
            let note = format!(
                "{}: no [[spool]] of the configuration matches it; read as those of the first",
                file.display()
            );
            self.verdict.notes.push(note);
        }
        preview.set_source(source.unwrap_or(0));
    }

    fn read(&mut self, path: &Path, most: usize, preview: &mut Preview) -> Result<(), Failure> {
        let file = self.files.len() as u32;
        self.files.push(path.to_owned());
        let note = each_line(path, most, |number, line| {
            if line.is_cut {
                self.verdict.dead_lettered += 1;
                let place = format!("{}:{number}", path.display());
                self.note(format!("{place}: over max_event_bytes = {most}: to the dead letter"));
                return;
            }
            if !line.is_whole && is_compressed(path) {
                // Nothing is written to it any more.
                return self.verdict.dead_lettered += 1;
            }
            if !line.is_whole {
                self.verdict.waiting += 1;
                self.note(format!("{}: its last line has no newline yet", path.display()));
                return;
            }
            let message = match preview.line(line.bytes) {
                Shown::Message(message) => message.strip_suffix(b"\n").unwrap_or(message).to_vec(),
                Shown::Filtered => return self.verdict.filtered += 1,
                Shown::Dead(_) => return self.verdict.dead_lettered += 1,
                Shown::Empty => return,
            };
            self.verdict.expected += 1;
            let normal = normal_form(&message);
            let has_own_time = has_own_time(&normal, line.bytes, preview);
            let id = message_id(&message).map_or(0, hash);
            let wanted = Wanted { file, line: number, id, ..Wanted::default() };
            self.messages.entry(key(&normal, has_own_time)).or_insert(wanted).times += 1;
        })?;
        self.verdict.notes.extend(note);
        Ok(())
    }

    fn note(&mut self, note: String) {
        if self.verdict.notes.len() < NOTES_MAX {
            self.verdict.notes.push(note);
        }
    }

    fn receive(&mut self, path: &Path, most: usize) -> Result<(), Failure> {
        let note = each_line(path, most, |_, line| {
            let message = line.bytes.strip_suffix(b"\n").unwrap_or(line.bytes);
            let message = message.strip_suffix(b"\r").unwrap_or(message);
            let normal = normal_form(message);
            let keys = [key(&normal, true), key(&normal, false)];
            let known = keys.into_iter().find(|key| self.messages.contains_key(key));
            match known.and_then(|key| self.messages.get_mut(&key)) {
                Some(wanted) => wanted.receive(normal.derived_id.as_deref()),
                None if !line.is_whole => self.verdict.partial += 1,
                None => {
                    *self.strangers.entry(message_id(message).map_or(0, hash)).or_default() += 1;
                }
            }
        })?;
        self.verdict.notes.extend(note);
        Ok(())
    }

    fn verdict(mut self) -> Verdict {
        let mut verdict = std::mem::take(&mut self.verdict);
        let mut missing: Vec<&Wanted> = Vec::new();
        for wanted in self.messages.values() {
            verdict.found += wanted.found();
            verdict.duplicated += wanted.received - wanted.found();
            if wanted.found() < wanted.times {
                missing.push(wanted);
            }
        }
        missing.sort_by_key(|wanted| (wanted.file, wanted.line));
        for wanted in missing {
            let mut short = wanted.times - wanted.found();
            let stranger = self.strangers.get_mut(&wanted.id).filter(|_| wanted.id != 0);
            let altered = stranger.map_or(0, |times| {
                let altered = short.min(*times);
                *times -= altered;
                altered
            });
            verdict.altered += altered;
            short -= altered;
            verdict.lost += short;
            if verdict.examples.len() < EXAMPLES_MAX {
                let what = if altered > 0 { "altered" } else { "lost" };
                let file = self.files.get(wanted.file as usize).cloned().unwrap_or_default();
                verdict.examples.push(format!("{what}: {}:{}", file.display(), wanted.line));
            }
        }
        verdict.unknown = self.strangers.values().sum();
        verdict
    }
}

/// Calls `each` with the number of a line and the line. Answers what is to be said about a
/// compressed file that ends too early; its last piece is left out.
fn each_line(
    path: &Path,
    most: usize,
    mut each: impl FnMut(u64, BoundedLine<'_>),
) -> Result<Option<String>, Failure> {
    let failed =
        |error: std::io::Error| Failure::new(exit::IO, format!("{}: {error}", path.display()));
    let file = std::fs::File::open(path).map_err(failed)?;
    let is_gz = is_compressed(path);
    let input: Box<dyn Read> =
        if is_gz { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let mut lines = BoundedLines::new(input, most);
    let mut number = 0;
    loop {
        match lines.read() {
            Ok(Some(line)) => {
                number += 1;
                each(number, line);
            }
            Ok(None) => return Ok(None),
            Err(error) if is_gz => {
                let place = path.display();
                return Ok(Some(format!("{place}: unreadable behind line {number}: {error}")));
            }
            Err(error) => return Err(failed(error)),
        }
    }
}

fn is_compressed(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "gz")
}

/// False when the header's TIMESTAMP is the time of sending: it moves with the clock.
fn has_own_time(normal: &Normal, line: &[u8], preview: &mut Preview) -> bool {
    // Most times are told by their seconds, which no time zone changes.
    if !normal.timestamp.contains(&format!(":{:02}", preview.second())) {
        return true;
    }
    preview.advance(SECOND);
    let is_same = match preview.line(line) {
        Shown::Message(later) => normal_form(later).timestamp == normal.timestamp,
        _ => true,
    };
    preview.advance(-SECOND);
    is_same
}

const SECOND: i64 = 1_000_000;

/// Two independent 64-bit hashes: 10 million messages collide with a chance below one in 10^24.
fn key(normal: &Normal, with_time: bool) -> u128 {
    let text = (with_time.then_some(&normal.timestamp), &normal.rest);
    let first = hash(text);
    let second = hash((0x5bd1_e995_u32, text));
    (u128::from(first) << 64) | u128::from(second)
}

fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
