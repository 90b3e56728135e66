//! `spoolgate verify --spool GLOB RECEIVED`: holds what a receiver has against the spool.
//!
//! The spool is taken through the same stages as for delivery, and the messages it must yield are
//! counted against the lines of the received files. Two parts of a message differ from one try to
//! the next and are left out of the comparison: the header's TIMESTAMP and `meta sequenceId`; an
//! id derived from a line's place counts by being one, since the place may be another by now.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use globset::GlobBuilder;
use serde::Serialize;

use super::preview::{Preview, Shown, pick};
use super::{Failure, exit, print, required_config};

mod normal;

pub use normal::{message_id, normal_form};

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
    /// Where the first lost or altered events stand: file and line.
    pub examples: Vec<String>,
}

const EXAMPLES_MAX: usize = 10;

/// Prints the verdict; lost or altered events are a failure.
pub fn run(config: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let config = required_config(config)?;
    let destination = pick(&config, arguments.destination.as_deref())?;
    let mut preview = Preview::new(&config, &destination)?;
    let mut expected = Expected::default();
    for glob in &arguments.spool {
        let source = config.spool.sources.iter().position(|source| source.path == *glob);
        preview.set_source(source.unwrap_or(0));
        for file in files(glob)? {
            expected.read(&file, &mut preview)?;
        }
    }
    for file in &arguments.received {
        expected.receive(file)?;
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
         not expected: filtered {}, dead letter {}\n",
        verdict.filtered, verdict.dead_lettered
    );
    for example in &verdict.examples {
        text.push_str(example);
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
struct Wanted {
    times: u64,
    received: u64,
    file: u32,
    line: u64,
    id: u64,
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
    fn read(&mut self, path: &Path, preview: &mut Preview) -> Result<(), Failure> {
        let file = self.files.len() as u32;
        self.files.push(path.to_owned());
        each_line(path, |number, line, _| match preview.line(line) {
            Shown::Message(message) => {
                self.verdict.expected += 1;
                let message = message.strip_suffix(b"\n").unwrap_or(message);
                let wanted = Wanted {
                    times: 0,
                    received: 0,
                    file,
                    line: number,
                    id: message_id(message).map_or(0, hash),
                };
                self.messages.entry(key(message)).or_insert(wanted).times += 1;
            }
            Shown::Filtered => self.verdict.filtered += 1,
            Shown::Dead(_) => self.verdict.dead_lettered += 1,
            Shown::Empty => {}
        })
    }

    fn receive(&mut self, path: &Path) -> Result<(), Failure> {
        each_line(path, |_, line, is_whole| {
            let message = line.strip_suffix(b"\n").unwrap_or(line);
            match self.messages.get_mut(&key(message)) {
                Some(wanted) => wanted.received += 1,
                None if !is_whole => self.verdict.partial += 1,
                None => {
                    *self.strangers.entry(message_id(message).map_or(0, hash)).or_default() += 1;
                }
            }
        })
    }

    fn verdict(mut self) -> Verdict {
        let mut verdict = std::mem::take(&mut self.verdict);
        let mut missing: Vec<&Wanted> = Vec::new();
        for wanted in self.messages.values() {
            verdict.found += wanted.received.min(wanted.times);
            verdict.duplicated += wanted.received.saturating_sub(wanted.times);
            if wanted.received < wanted.times {
                missing.push(wanted);
            }
        }
        missing.sort_by_key(|wanted| (wanted.file, wanted.line));
        for wanted in missing {
            let mut short = wanted.times - wanted.received;
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

/// Calls `each` with the number of a line, the line with its newline, and whether it had one.
fn each_line(path: &Path, mut each: impl FnMut(u64, &[u8], bool)) -> Result<(), Failure> {
    let failed =
        |error: std::io::Error| Failure::new(exit::IO, format!("{}: {error}", path.display()));
    let file = std::fs::File::open(path).map_err(failed)?;
    let is_gz = path.extension().is_some_and(|extension| extension == "gz");
    let input: Box<dyn Read> =
        if is_gz { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let mut input = BufReader::with_capacity(256 * 1024, input);
    let mut line = Vec::new();
    let mut number = 0;
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line).map_err(failed)? == 0 {
            return Ok(());
        }
        number += 1;
        let is_whole = line.last() == Some(&b'\n');
        if !is_whole {
            line.push(b'\n');
        }
        each(number, &line, is_whole);
    }
}

/// Two independent 64-bit hashes of the normal form: 10 million messages collide with a chance
/// below one in 10^24.
fn key(message: &[u8]) -> u128 {
    let normal = normal_form(message);
    let first = hash(&normal);
    let second = hash((0x5bd1_e995_u32, &normal));
    (u128::from(first) << 64) | u128::from(second)
}

fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
