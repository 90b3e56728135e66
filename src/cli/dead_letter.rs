//! `spoolgate dead-letter list|replay|export`: events that could not be delivered.
//!
//! The file is only ever appended to. `replay` copies lines into the directory that the running
//! program reads for their destination, and remembers how far it came, so that no event is
//! replayed twice unless it fails again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::checkpoint::{DeadLetter, DeadLetterRecord};
use crate::service::replay_dir;

use super::{Failure, exit, print, required_config};

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
    let dir = required_config(config)?.state.dir;
    match &arguments.action {
        Action::List(selection) => {
            select(&dir, selection, |record| print(&line(record, selection.json)))?;
        }
        Action::Export(selection) => {
            select(&dir, selection, |record| {
                let text = if selection.json { line(record, true) } else { event(record) };
                print(&text)
            })?;
        }
        Action::Replay(selection) => replay(&dir, selection)?,
    }
    Ok(())
}

/// Calls `each` with the selected records; answers how many records the file holds.
fn select(
    dir: &Path,
    selection: &Selection,
    mut each: impl FnMut(&DeadLetterRecord) -> Result<(), Failure>,
) -> Result<u64, Failure> {
    let replayed = if selection.all { 0 } else { replayed(dir)? };
    let mut count = 0;
    for record in DeadLetter::read(dir) {
        count += 1;
        let record = record.map_err(|error| failure(dir, &error))?;
        let wanted = selection.destination.as_deref();
        if count > replayed && wanted.is_none_or(|wanted| record.destination == wanted) {
            each(&record)?;
        }
    }
    Ok(count)
}

fn line(record: &DeadLetterRecord, json: bool) -> String {
    if json {
        let object = serde_json::json!({
            "timestamp": record.timestamp,
            "destination": record.destination,
            "connector": record.connector,
            "error": record.error,
            "code": record.code,
            "position": record.position,
            "path": record.path,
            "event": String::from_utf8_lossy(&record.event),
        });
        return format!("{object}\n");
    }
    let DeadLetterRecord { timestamp, destination, position, code, error, .. } = record;
    format!("{timestamp} {destination} {position} {code}: {error}\n")
}

fn event(record: &DeadLetterRecord) -> String {
    let mut text = String::from_utf8_lossy(&record.event).into_owned();
    text.push('\n');
    text
}

fn replay(dir: &Path, selection: &Selection) -> Result<(), Failure> {
    let mut lines: Vec<(String, Vec<u8>)> = Vec::new();
    let count = select(dir, selection, |record| {
        lines.push((record.destination.clone(), record.event.clone()));
        Ok(())
    })?;
    let mut destinations: Vec<&str> = lines.iter().map(|(name, _)| name.as_str()).collect();
    destinations.sort_unstable();
    destinations.dedup();
    for name in destinations {
        let of_it = lines.iter().filter(|(of, _)| of == name).map(|(_, line)| line.as_slice());
        write_replay(dir, name, of_it).map_err(|error| failure(dir, &error))?;
    }
    // With a selection by destination the others stay listed, at the price that these do, too.
    if selection.destination.is_none() {
        remember(dir, count).map_err(|error| failure(dir, &error))?;
    }
    print(&format!("{} events will be delivered again\n", lines.len()))
}

fn write_replay<'a>(
    state_dir: &Path,
    destination: &str,
    lines: impl Iterator<Item = &'a [u8]>,
) -> io::Result<()> {
    let dir = replay_dir(state_dir, destination);
    fs::create_dir_all(&dir)?;
    let name = jiff::Timestamp::now().as_microsecond().to_string();
    let (hidden, path) = (dir.join(format!("{name}.writing")), dir.join(format!("{name}.log")));
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

fn replayed(dir: &Path) -> Result<u64, Failure> {
    match fs::read_to_string(dir.join(REPLAYED)) {
        Ok(text) => Ok(text.trim().parse().unwrap_or(0)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(failure(dir, &error)),
    }
}

fn remember(dir: &Path, count: u64) -> io::Result<()> {
    let hidden = dir.join("dead-letter.replayed.writing");
    let mut file = File::create(&hidden)?;
    writeln!(file, "{count}")?;
    file.sync_all()?;
    fs::rename(&hidden, dir.join(REPLAYED))?;
    File::open(dir)?.sync_all()
}

fn failure(dir: &Path, error: &dyn std::fmt::Display) -> Failure {
    let path: PathBuf = dir.join("dead-letter.jsonl");
    Failure::new(exit::IO, format!("{}: {error}", path.display()))
}
