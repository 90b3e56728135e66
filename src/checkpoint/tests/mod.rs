//! What the stage promises, tried on real directories, in killed processes, on a full disk.

mod behaviour;
mod corruption;
mod dead_letter;
mod full_disk;
mod growth;
mod kill;
pub(super) mod layout;
mod restoration;
mod text;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::model::ledger::Ledger;
use crate::model::position::{Cursor, FileKey, FileRecord};

use super::settings::Settings;
use super::{Checkpoint, Progress, Restored};

/// A checkpoint of that directory that commits as often as it can.
fn open(dir: &Path) -> (Checkpoint, Restored) {
    let settings = Settings { dir: dir.to_owned(), interval: Duration::from_millis(1) };
    Checkpoint::open(settings).expect("the directory opens")
}

/// One that commits only when it is asked to: the first interval begins with the opening.
fn open_lazy(dir: &Path) -> Checkpoint {
    let settings = Settings { dir: dir.to_owned(), interval: Duration::from_secs(3600) };
    Checkpoint::open(settings).expect("the directory opens").0
}

fn file(key: u64) -> FileRecord {
    FileRecord {
        key: FileKey(key),
        device: 64_768,
        inode: 1000 + key,
        head_bytes: 4096,
        head_hash: key.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        path: PathBuf::from(format!("/var/spool/spoolgate/events {key}.jsonl")),
    }
}

fn cursor(key: u64, offset: u64) -> Cursor {
    Cursor { file: FileKey(key), offset, tail_hash: offset ^ 0x5555 }
}

fn progress(cursors: Vec<Cursor>, count: u64) -> Progress {
    let ledger = Ledger { read: count, confirmed: count, ..Ledger::default() };
    Progress { cursors, ledger, sequence: u32::try_from(count).expect("a small count") }
}

/// The offset that came back for a destination in a file.
fn offset(restored: &Restored, destination: &str, key: u64) -> Option<u64> {
    let cursors = &restored.destinations.get(destination)?.cursors;
    cursors.iter().find(|cursor| cursor.file == FileKey(key)).map(|cursor| cursor.offset)
}

/// This test binary again, for one test that finds `variable` set and then acts as the child.
fn child(test: &str, variable: &str, value: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("the test binary"));
    let name = format!("{}::{test}", module_path!().split_once("::").expect("a crate").1);
    command.args([&name, "--exact", "--nocapture", "--test-threads=1"]).env(variable, value);
    command
}
