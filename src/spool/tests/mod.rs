//! The spool against real files. Nothing sleeps to wait: a test that expects something waits for
//! `changed()`, or asks for a whole listing.

mod compressed;
mod lines;
mod model;
mod restart;
mod rotation;
mod settle;
mod watching;

use std::collections::HashMap;
use std::fs::{File, FileTimes, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use super::settings::{AfterDelivery, Settings, Source};
use super::*;
use crate::model::format::Format;

const PATIENCE: Duration = Duration::from_secs(20);
/// Longer than any test: what is seen, inotify or a listing that was asked for has shown.
const NO_POLL: Duration = Duration::from_secs(3600);

/// A spool directory and one reader, which can be stopped and started with what it has kept.
struct Bench {
    directory: TempDir,
    settings: Settings,
    records: HashMap<FileKey, FileRecord>,
    cursors: HashMap<FileKey, Cursor>,
    gone: Vec<FileKey>,
    running: Option<(Spool, Reader)>,
    runtime: Runtime,
}

impl Bench {
    fn new(pattern: &str) -> Bench {
        Bench::with(pattern, |_| {})
    }

    /// Not started yet.
    fn stopped(pattern: &str, change: impl FnOnce(&mut Settings)) -> Bench {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(pattern).to_str().unwrap().to_owned();
        let mut settings = Settings {
            sources: vec![source(path)],
            max_event_bytes: 1 << 20,
            poll_interval: NO_POLL,
        };
        change(&mut settings);
        Bench {
            directory,
            settings,
            records: HashMap::new(),
            cursors: HashMap::new(),
            gone: Vec::new(),
            running: None,
            runtime: Builder::new_current_thread().enable_time().build().unwrap(),
        }
    }

    fn with(pattern: &str, change: impl FnOnce(&mut Settings)) -> Bench {
        let mut bench = Bench::stopped(pattern, change);
        bench.start();
        bench
    }

    fn start(&mut self) {
        let known = self.records.values().cloned().collect();
        let spool = Spool::open(self.settings.clone(), known).unwrap();
        let reader = spool.reader("siem", self.cursors.values().copied().collect());
        self.running = Some((spool, reader));
    }

    /// Stops, keeping identities and cursors as a checkpoint does.
    fn stop(&mut self) {
        self.save();
        self.running = None;
    }

    fn save(&mut self) {
        let changed = self.spool().changed_records();
        for record in changed.upserts {
            let json = serde_json::to_string(&record).unwrap();
            self.records.insert(record.key, serde_json::from_str(&json).unwrap());
        }
        for key in changed.gone {
            self.records.remove(&key);
            self.cursors.remove(&key);
            self.gone.push(key);
        }
    }

    fn spool(&self) -> &Spool {
        &self.running.as_ref().unwrap().0
    }

    fn reader(&mut self) -> &mut Reader {
        &mut self.running.as_mut().unwrap().1
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn append(&self, name: &str, text: impl AsRef<[u8]>) {
        let mut file = OpenOptions::new().append(true).create(true).open(self.path(name)).unwrap();
        file.write_all(text.as_ref()).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        std::fs::rename(self.path(from), self.path(to)).unwrap();
    }

    fn delete(&self, name: &str) {
        std::fs::remove_file(self.path(name)).unwrap();
    }

    /// What gzip does: the compressed file beside it, then the original removed.
    fn gzip(&self, name: &str) {
        let content = std::fs::read(self.path(name)).unwrap();
        let modified = std::fs::metadata(self.path(name)).unwrap().modified().unwrap();
        let compressed = File::create(self.path(&format!("{name}.gz"))).unwrap();
        (&compressed).write_all(&gzipped(&content)).unwrap();
        compressed.set_modified(modified).unwrap();
        drop(compressed);
        self.delete(name);
    }

    /// As if the file had not been written to for long.
    fn age(&self, name: &str) {
        age(&File::options().write(true).open(self.path(name)).unwrap());
    }

    fn exists(&self, name: &str) -> bool {
        self.path(name).exists()
    }

    /// A whole listing now, as at a poll.
    fn list(&self) {
        watch::list_all(&self.spool().shared, &self.spool().beat());
    }

    /// The listing of the start goes on behind the first files.
    fn until_listed(&self) {
        let begin = std::time::Instant::now();
        while self.spool().shared.lock().directories[0].listings == 0 {
            assert!(begin.elapsed() < PATIENCE, "the listing does not end");
            std::thread::yield_now();
        }
    }

    /// One read, with its cursor kept. `None` when idle.
    fn read(&mut self) -> Option<String> {
        let (text, end) = match self.reader().read().unwrap() {
            Read::Idle => return None,
            Read::Lines { bytes, end, .. } => {
                assert_eq!(bytes.last(), Some(&b'\n'));
                (String::from_utf8(bytes.to_vec()).unwrap(), end)
            }
            Read::Broken { reason, end, .. } => (format!("<{reason}>"), end),
        };
        self.cursors.insert(end.file, end);
        Some(text)
    }

    /// Everything there is now.
    fn read_all(&mut self) -> String {
        let mut all = String::new();
        while let Some(text) = self.read() {
            all += &text;
        }
        all
    }

    /// Reads until that much has come.
    fn read_until(&mut self, length: usize) -> String {
        let mut all = self.read_all();
        while all.len() < length {
            self.wait(&all);
            all += &self.read_all();
        }
        all
    }

    fn wait(&mut self, so_far: &str) {
        let reader = &mut self.running.as_mut().unwrap().1;
        let changed = async { tokio::time::timeout(PATIENCE, reader.changed()).await };
        let waited = self.runtime.block_on(changed);
        assert!(waited.is_ok(), "nothing came after {so_far:?}");
    }

    #[track_caller]
    fn expect(&mut self, expected: &str) {
        assert_eq!(self.read_until(expected.len()), expected);
    }

    /// Nothing more comes, also not after whole listings, which make the inventory certain.
    #[track_caller]
    fn expect_nothing(&mut self) {
        self.list();
        self.list();
        self.list();
        assert_eq!(self.read_all(), "");
    }

    /// As the service does it: every cursor that was kept is confirmed.
    fn settle(&self) {
        self.spool().settle(&|key, _| self.cursors.get(&key).map(|cursor| cursor.offset));
    }

    fn key_of(&mut self, name: &str) -> FileKey {
        self.save();
        let path = self.path(name);
        self.records.values().find(|record| record.path == path).unwrap().key
    }
}

fn source(path: String) -> Source {
    Source {
        path,
        format: Format::Auto,
        schema: None,
        after_delivery: AfterDelivery::Keep,
        only: None,
    }
}

fn gzipped(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn age(file: &File) {
    let long_ago = SystemTime::now() - 2 * inventory::CLOSED_AFTER;
    file.set_times(FileTimes::new().set_modified(long_ago)).unwrap();
}

/// `count` lines that are all different.
fn lines(tag: &str, count: usize) -> String {
    (0..count).map(|number| format!("{tag} {number} {}\n", "x".repeat(number % 90))).collect()
}
