//! `spoolgate dead-letter list|replay|export`: events that could not be delivered.
//!
//! The file is only ever appended to. `replay` copies lines into the directory that the running
//! program reads for their destination, and remembers for each how far it came, so that no event is
//! replayed twice unless it fails again. A line that is no record is reported and passed over.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::checkpoint::{CheckpointError, DeadLetter, DeadLetterRecord};
use crate::config::Config;
use crate::model::position::TAIL_BYTES;
use crate::service::{replay_dir, replay_suffix, spool_settings};
use crate::spool::settings::Source;
use crate::spool::{source_of, tail_hash};

use super::{Failure, complain, exit, print, print_bytes, required_config};

/// Arguments of `dead-letter`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// One line for each event: when, where to, why
    List(Selection),
    /// Deliver them again; the running program picks them up by itself
    Replay(Selection),
    /// Print the events themselves, as they stood in the spool
    Export(Selection),
}

#[derive(Debug, clap::Args)]
struct Selection {
    /// Only those of one destination
    #[arg(long, value_name = "NAME")]
    destination: Option<String>,
    /// Those that were replayed already, too
    #[arg(long)]
    all: bool,
    /// The records as they are in the file: one JSON object a line
    #[arg(long)]
    json: bool,
}

/// Holds how many records were replayed.
const REPLAYED: &str = "dead-letter.replayed";

/// Lists, replays or exports.
pub fn run(config: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let config = required_config(config)?;
    let dir = &config.state.dir;
    match &arguments.action {
        Action::List(selection) => {
            select(dir, selection, |record| print(&line(record, selection.json)))?;
        }
        Action::Export(selection) => {
            select(dir, selection, |record| match selection.json {
                true => print(&line(record, true)),
                false => print_bytes(&[record.event.as_slice(), b"\n"].concat()),
            })?;
        }
        Action::Replay(selection) => replay(&config, selection)?,
    }
    Ok(())
}

/// Calls `each` with the selected records; answers how many lines the file holds.
fn select(
    dir: &Path,
    selection: &Selection,
    mut each: impl FnMut(&DeadLetterRecord) -> Result<(), Failure>,
) -> Result<u64, Failure> {
    let replayed = Replayed::read(dir).map_err(|error| failure(dir, &error))?;
    let mut count = 0;
    for record in DeadLetter::read(dir) {
        count += 1;
        let record = match record {
            Ok(record) => record,
            Err(error @ CheckpointError::DeadLetter { .. }) => return Err(failure(dir, &error)),
            Err(error) => {
                complain(&Failure::new(exit::DATA, error.to_string()));
                continue;
            }
        };
        let is_listed = selection.all || count > replayed.until(&record.destination);
        let wanted = selection.destination.as_deref();
        if is_listed && wanted.is_none_or(|wanted| record.destination == wanted) {
            each(&record)?;
        }
    }
    Ok(count)
}

fn line(record: &DeadLetterRecord, json: bool) -> String {
    if json {
        let mut object = serde_json::json!({
            "timestamp": record.timestamp,
            "destination": record.destination,
            "connector": record.connector,
            "error": record.error,
            "code": record.code,
            "position": record.position,
            "path": record.path,
            "event": String::from_utf8_lossy(&record.event),
        });
        if let Some(members) = object.as_object_mut() {
            if let Some(schema) = &record.schema {
                members.insert("schema".to_owned(), schema.as_str().into());
            }
            if std::str::from_utf8(&record.event).is_err() {
                members.insert("raw".to_owned(), STANDARD.encode(&record.event).into());
            }
        }
        return format!("{object}\n");
    }
    let DeadLetterRecord { timestamp, destination, position, code, error, .. } = record;
    format!("{timestamp} {destination} {position} {code}: {error}\n")
}

fn replay(config: &Config, selection: &Selection) -> Result<(), Failure> {
    let dir = &config.state.dir;
    let known: BTreeSet<&str> =
        config.destinations.iter().map(|destination| destination.deliver.name.as_str()).collect();
    let sources = spool_settings(config).sources;
    // By destination and by the way in which the lines are read.
    let mut lines: BTreeMap<(String, String), Vec<Vec<u8>>> = BTreeMap::new();
    let mut gone: BTreeMap<String, u64> = BTreeMap::new();
    let count = select(dir, selection, |record| {
        if known.contains(record.destination.as_str()) {
            let key = (record.destination.clone(), suffix(&sources, record));
            lines.entry(key).or_default().push(record.event.clone());
        } else {
            *gone.entry(record.destination.clone()).or_default() += 1;
        }
        Ok(())
    })?;
    for ((destination, suffix), lines) in &lines {
        write_replay(dir, destination, suffix, lines).map_err(|error| failure(dir, &error))?;
    }
    let mut replayed = Replayed::read(dir).map_err(|error| failure(dir, &error))?;
    for (destination, _) in lines.keys() {
        replayed.counts.insert(destination.clone(), count);
    }
    replayed.write(dir).map_err(|error| failure(dir, &error))?;
    let total: usize = lines.values().map(Vec::len).sum();
    print(&format!("{total} events will be delivered again\n"))?;
    if let Some(wanted) = selection.destination.as_deref().filter(|name| !known.contains(name)) {
        gone.entry(wanted.to_owned()).or_default();
    }
    match unknown(&gone, &known) {
        None => Ok(()),
        Some(text) => Err(Failure::new(exit::USAGE, text)),
    }
}

fn unknown(gone: &BTreeMap<String, u64>, known: &BTreeSet<&str>) -> Option<String> {
    if gone.is_empty() {
        return None;
    }
    let known: Vec<&str> = known.iter().copied().collect();
    let mut text = String::new();
    for (name, count) in gone {
        // Writing to a String cannot fail.
        let _ = write!(text, "no destination {name:?} in the configuration ({count} records); ");
    }
    let _ = write!(text, "its records stay listed; there is: {}", known.join(", "));
    Some(text)
}

/// A record is read again as the `[[spool]]` says that its file is of.
fn suffix(sources: &[Source], record: &DeadLetterRecord) -> String {
    let source = source_of(sources, Path::new(&record.path)).and_then(|at| sources.get(at));
    match source {
        Some(source) => replay_suffix(source.format, source.schema.as_deref()),
        None => replay_suffix(crate::model::format::Format::Auto, None),
    }
}

fn write_replay(
    state_dir: &Path,
    destination: &str,
    suffix: &str,
    lines: &[Vec<u8>],
) -> io::Result<()> {
    let dir = replay_dir(state_dir, destination);
    fs::create_dir_all(&dir)?;
    let name = jiff::Timestamp::now().as_microsecond().to_string();
    let (hidden, path) = (dir.join(format!("{name}.writing")), dir.join(name + suffix));
    let mut file = OpenOptions::new().write(true).create_new(true).open(&hidden)?;
    for line in lines {
        file.write_all(line)?;
        file.write_all(b"\n")?;
    }
    file.sync_all()?;
    for made in [&dir, &hidden] {
        give_to_owner_of(state_dir, made)?;
    }
    fs::rename(&hidden, &path)?;
    File::open(&dir)?.sync_all()
}

/// The command may run as root; what it makes belongs to whoever owns the state.
fn give_to_owner_of(state_dir: &Path, path: &Path) -> io::Result<()> {
    let owner = fs::metadata(state_dir)?;
    let parent = path.parent().unwrap_or(path);
    for path in [parent, path] {
        if fs::metadata(path)?.uid() != owner.uid() {
            std::os::unix::fs::chown(path, Some(owner.uid()), Some(owner.gid()))?;
        }
    }
    Ok(())
}

/// How far `replay` came in this dead letter, for each destination.
///
/// On disk: the hash of the file's beginning, then a line `COUNT NAME` for each destination. A dead
/// letter that begins otherwise is another one, whose records were never replayed.
#[derive(Debug, Default)]
struct Replayed {
    counts: BTreeMap<String, u64>,
}

impl Replayed {
    fn read(dir: &Path) -> io::Result<Replayed> {
        let text = match fs::read_to_string(dir.join(REPLAYED)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Replayed::default()),
            Err(error) => return Err(error),
        };
        let mut lines = text.lines();
        if lines.next() != Some(identity(dir)?.as_str()) {
            return Ok(Replayed::default());
        }
        let counts = lines.filter_map(|line| {
            let (count, name) = line.split_once(' ')?;
            Some((name.to_owned(), count.parse().ok()?))
        });
        Ok(Replayed { counts: counts.collect() })
    }

    fn until(&self, destination: &str) -> u64 {
        self.counts.get(destination).copied().unwrap_or(0)
    }

    fn write(&self, dir: &Path) -> io::Result<()> {
        let hidden = dir.join("dead-letter.replayed.writing");
        let mut file = File::create(&hidden)?;
        writeln!(file, "{}", identity(dir)?)?;
        for (name, count) in &self.counts {
            writeln!(file, "{count} {name}")?;
        }
        file.sync_all()?;
        fs::rename(&hidden, dir.join(REPLAYED))?;
        File::open(dir)?.sync_all()
    }
}

/// Of the first record's beginning, which holds its time to the microsecond: an inode may be that
/// of a file that was removed.
fn identity(dir: &Path) -> io::Result<String> {
    let mut head = Vec::new();
    match File::open(dir.join("dead-letter.jsonl")) {
        Ok(file) => file.take(TAIL_BYTES as u64).read_to_end(&mut head)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error),
    };
    Ok(format!("{:016x}", tail_hash(&head)))
}

fn failure(dir: &Path, error: &dyn std::fmt::Display) -> Failure {
    let path: PathBuf = dir.join("dead-letter.jsonl");
    Failure::new(exit::IO, format!("{}: {error}", path.display()))
}
