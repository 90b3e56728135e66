//! The store: sled, kept at arm's length. The only file that names it.
//!
//! In: batches of keys and values. Out: all of them, when it is opened. Everything sled does is
//! done on a thread of its own per store, `checkpoint-sled`, because sled 0.34
//! - panics on damaged files (assertions on what it reads), and may do so in its own threads,
//!   whereupon the one that waits for them waits for ever;
//! - remembers an I/O error for as long as it is open: after a full disk only a new one helps;
//! - answers `flush` when the kernel began to write (`sync_file_range`), which no power cut
//!   respects: its files are synced here, after it.
//!
//! So a call that panics or takes longer than its patience ends the store, not the program: the
//! thread is left behind and the caller makes a new store elsewhere. It is never asked again.
//!
//! *Diagnostics*: none of its own; every failure is a [`Flaw`]. The seven threads of sled's pool
//! (`sled-io-…`) wake once a second whatever happens, and there is no switch for that: the kernel
//! is told that their timers may be late, so that an idle machine need not wake for them.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::directory;
use super::error::Flaw;
use super::state::Write;

/// The name of a store's thread; with it a panic hook tells a contained panic from others.
pub(super) const THREAD: &str = "checkpoint-sled";

/// How the threads of sled's own pool are called.
pub(super) const POOL_THREADS: &str = "sled-io-";

/// How long a store may take to open and be read. It is kilobytes, at most 64 MiB of log.
const OPEN_PATIENCE: Duration = Duration::from_secs(30);

/// How long a commit may take: longer than any disk that still works.
const COMMIT_PATIENCE: Duration = Duration::from_secs(60);

/// How long a store that was just closed in this process may hold sled's own lock.
const RELEASE_PATIENCE: Duration = Duration::from_secs(5);

/// sled's page cache, bytes. The data set is smaller; its default is 1 GiB.
const CACHE_BYTES: u64 = 1 << 20;

/// How late timers of sled's threads may be. Nothing of theirs is waited for by time: work wakes
/// them at once.
const TIMER_SLACK: Duration = Duration::from_secs(60);

/// What a store held when it was opened.
pub(super) type Contents = Vec<(Vec<u8>, Vec<u8>)>;

/// A store that is open.
#[derive(Debug)]
pub(super) struct Store {
    requests: Sender<Request>,
    thread: JoinHandle<()>,
    bytes: u64,
}

struct Request {
    batch: Vec<Write>,
    reply: SyncSender<Result<u64, Flaw>>,
}

impl Store {
    /// Opens the store in that directory, or makes one, and reads all of it.
    ///
    /// # Errors
    /// `Disk` when the disk failed, else the flaw of the store.
    pub(super) fn open(path: &Path) -> Result<(Store, Contents), Flaw> {
        let (requests, served) = channel();
        let (opened, open) = sync_channel(1);
        let path = path.to_owned();
        let thread = thread::Builder::new()
            .name(THREAD.to_owned())
            .spawn(move || serve(&path, &opened, &served))?;
        match open.recv_timeout(OPEN_PATIENCE) {
            Ok(contents) => Ok((Store { requests, thread, bytes: 0 }, contents?)),
            Err(RecvTimeoutError::Disconnected) => Err(panicked(thread)),
            Err(RecvTimeoutError::Timeout) => Err(hung(OPEN_PATIENCE)),
        }
    }

    /// Writes a batch, all of it or nothing; when this returns it survives a power cut. After an
    /// error the store is of no use.
    pub(super) fn commit(&mut self, batch: Vec<Write>) -> Result<(), Flaw> {
        let (reply, answer) = sync_channel(1);
        // A thread that is gone answers nothing, which is noticed below.
        let _gone = self.requests.send(Request { batch, reply });
        match answer.recv_timeout(COMMIT_PATIENCE) {
            Ok(bytes) => {
                self.bytes = bytes?;
                Ok(())
            }
            Err(RecvTimeoutError::Disconnected) => {
                Err(Flaw::Panicked { what: "its thread is gone".to_owned() })
            }
            Err(RecvTimeoutError::Timeout) => Err(hung(COMMIT_PATIENCE)),
        }
    }

    /// How large its directory was after the last commit.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Closes it in order, and waits for that a little: an idle store closes at once.
    pub(super) fn close(self) {
        let Store { requests, thread, .. } = self;
        drop(requests);
        let deadline = Instant::now() + RELEASE_PATIENCE;
        while !thread.is_finished() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// The thread: opens, hands out the contents, then commits batch after batch.
fn serve(path: &Path, opened: &SyncSender<Result<Contents, Flaw>>, requests: &Receiver<Request>) {
    // The threads of the pool inherit it, prctl(2). Where it is refused they wake as they like.
    let nanoseconds = u64::try_from(TIMER_SLACK.as_nanos()).unwrap_or(u64::MAX);
    let _refused = nix::sys::prctl::set_timerslack(nanoseconds);
    let (db, mut durable) = match open_and_read(path) {
        Ok((db, durable, contents)) => {
            if opened.send(Ok(contents)).is_err() {
                return;
            }
            (db, durable)
        }
        Err(flaw) => {
            // Nobody listens any more when the patience is over.
            let _late = opened.send(Err(flaw));
            return;
        }
    };
    while let Ok(Request { batch, reply }) = requests.recv() {
        let done = write(&db, batch).and_then(|()| Ok(durable.sync()?));
        let failed = done.is_err();
        if reply.send(done).is_err() || failed {
            return;
        }
    }
}

fn open_and_read(path: &Path) -> Result<(sled::Db, Durable, Contents), Flaw> {
    fs::create_dir_all(path)?;
    let db = open(path)?;
    let mut contents = Contents::new();
    for item in db.iter() {
        let (key, value) = item.map_err(flaw)?;
        contents.push((key.to_vec(), value.to_vec()));
    }
    Ok((db, Durable::of(path)?, contents))
}

/// Opens sled; waits for a store that this process just closed to let go of its files.
fn open(path: &Path) -> Result<sled::Db, Flaw> {
    let deadline = Instant::now() + RELEASE_PATIENCE;
    loop {
        let config = sled::Config::new()
            .path(path)
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(None)
            .mode(sled::Mode::LowSpace);
        match config.open() {
            Err(sled::Error::Io(error))
                if error.to_string().contains("could not acquire lock")
                    && Instant::now() < deadline =>
            {
                // A matter of microseconds, and a sleep may be late by the timers' slack.
                thread::yield_now();
            }
            opened => return opened.map_err(flaw),
        }
    }
}

fn write(db: &sled::Db, writes: Vec<Write>) -> Result<(), Flaw> {
    let mut batch = sled::Batch::default();
    for (key, value) in writes {
        match value {
            Some(value) => batch.insert(key, value),
            None => batch.remove(key),
        }
    }
    db.apply_batch(batch).map_err(flaw)?;
    db.flush().map_err(flaw)?;
    Ok(())
}

/// What sled says, in our terms. An error that a short or missing file explains is damage; one
/// that the disk explains is not.
fn flaw(error: sled::Error) -> Flaw {
    match error {
        sled::Error::Io(error) => match error.kind() {
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::InvalidData
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::NotFound => Flaw::damaged(error.to_string()),
            _ => Flaw::Disk(error),
        },
        sled::Error::Corruption { .. } => Flaw::damaged("a checksum in it does not match"),
        other => Flaw::damaged(other.to_string()),
    }
}

/// sled's files, made durable after it has written them.
struct Durable {
    path: PathBuf,
    log: File,
    names: Vec<PathBuf>,
}

impl Durable {
    fn of(path: &Path) -> io::Result<Durable> {
        let log = File::open(path.join("db"))?;
        let mut durable = Durable { path: path.to_owned(), log, names: Vec::new() };
        durable.sync()?;
        Ok(durable)
    }

    /// Syncs the log; and every file and directory when one came or went (a snapshot, a blob).
    /// Returns how many bytes they have.
    fn sync(&mut self) -> io::Result<u64> {
        let mut names = Vec::new();
        let mut bytes = 0;
        for dir in [self.path.clone(), self.path.join("blobs")] {
            for entry in fs::read_dir(&dir)? {
                let entry = entry?;
                // sled removes blobs and snapshots that it no longer needs when it likes.
                let Some(metadata) = present(entry.metadata())? else { continue };
                if metadata.is_file() {
                    bytes += metadata.len();
                    names.push(entry.path());
                }
            }
        }
        names.sort_unstable();
        if names == self.names {
            self.log.sync_data()?;
            return Ok(bytes);
        }
        for name in &names {
            if let Some(file) = present(File::open(name))? {
                file.sync_all()?;
            }
        }
        directory::sync(&self.path.join("blobs"))?;
        directory::sync(&self.path)?;
        self.names = names;
        Ok(bytes)
    }
}

/// `None` for something that is no longer there.
fn present<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}

fn hung(patience: Duration) -> Flaw {
    Flaw::Hung { seconds: patience.as_secs() }
}

/// Why a thread ended that should have answered.
fn panicked(thread: JoinHandle<()>) -> Flaw {
    let what = match thread.join() {
        Ok(()) => "it gave no answer".to_owned(),
        Err(payload) => match payload.downcast::<String>() {
            Ok(text) => *text,
            Err(payload) => {
                let text = payload.downcast_ref::<&str>();
                text.map_or_else(|| "a panic without words".to_owned(), ToString::to_string)
            }
        },
    };
    // Assertions quote what they compare over many lines; the first says which one it was.
    Flaw::Panicked { what: what.lines().next().unwrap_or_default().to_owned() }
}
