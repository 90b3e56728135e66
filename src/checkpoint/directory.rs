//! The state directory: what lies where, and the few moves that are made in it.
//!
//! ```text
//! <dir>/                         mode 0700
//!   lock                         held by flock as long as the program runs; the holder's pid
//!   db/<n>/                      the store; the highest number that is whole counts
//!   db.opening                   exists only while a store is being read (see restore.rs)
//!   checkpoint.txt               the text copy; checkpoint.txt.new while it is being written
//!   dead-letter.jsonl            mode 0600
//!   db.corrupt-<unix time>       set aside, at most three
//!   checkpoint.txt.corrupt-<unix time>
//! ```
//!
//! A name counts as made, changed or removed only when the directory that holds it was synced.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// How many copies of a kind are kept after they were set aside.
const SET_ASIDE_MAX: usize = 3;

/// What stands between a name and the time when the thing was set aside.
const SET_ASIDE_MARK: &str = ".corrupt-";

/// The directory that holds the stores.
pub(super) fn stores_path(dir: &Path) -> PathBuf {
    dir.join("db")
}

/// The store of that number.
pub(super) fn store_path(dir: &Path, number: u64) -> PathBuf {
    stores_path(dir).join(number.to_string())
}

/// Exists while a store is being read.
pub(super) fn opening_path(dir: &Path) -> PathBuf {
    dir.join("db.opening")
}

/// Makes the state directory, and those above it, for this user alone.
pub(super) fn make(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// The numbers of the stores there are, the highest first. Nothing there is no error.
pub(super) fn store_numbers(dir: &Path) -> io::Result<Vec<u64>> {
    let entries = match fs::read_dir(stores_path(dir)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?,
    };
    let mut numbers = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        numbers.extend(name.to_str().and_then(|name| name.parse::<u64>().ok()));
    }
    numbers.sort_unstable_by(|a, b| b.cmp(a));
    Ok(numbers)
}

/// Makes the names in a directory durable.
pub(super) fn sync(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Gives something unreadable a new name, `<name>.corrupt-<unix time>`, and removes the oldest of
/// those beyond three. Returns the new name.
pub(super) fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut time = since_epoch.as_secs();
    let mut aside = aside_path(path, time);
    while aside.symlink_metadata().is_ok() {
        time += 1;
        aside = aside_path(path, time);
    }
    fs::rename(path, &aside)?;
    if let Some(dir) = path.parent() {
        prune(path, dir)?;
        sync(dir)?;
    }
    Ok(aside)
}

/// Removes a file or a whole directory; nothing there is no error.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    let removed = match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn aside_path(path: &Path, time: u64) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!("{SET_ASIDE_MARK}{time}"));
    PathBuf::from(name)
}

fn prune(path: &Path, dir: &Path) -> io::Result<()> {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return Ok(()) };
    let mark = format!("{name}{SET_ASIDE_MARK}");
    let mut aside: Vec<(u64, PathBuf)> = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let found = entry.file_name();
        let time = found.to_str().and_then(|found| found.strip_prefix(&mark)?.parse().ok());
        aside.extend(time.map(|time| (time, entry.path())));
    }
    aside.sort_unstable_by(|a, b| b.cmp(a));
    for (_, oldest) in aside.iter().skip(SET_ASIDE_MAX) {
        remove(oldest)?;
    }
    Ok(())
}
