//! The thread `spool-watch`: tells the inventory what happens in the directories.
//!
//! It sleeps in poll(2) on inotify, for a poll interval at most, and ends when the last [`Shared`]
//! is dropped, whose end of a socket pair then closes. Where inotify cannot be had (a limit, a
//! missing directory) the poll alone must do, and inotify is tried again at each.
//! Diagnostics: one line when inotify is lost and one when it is back. Nothing is fatal.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Weak;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};
use nix::sys::statfs::{
    BTRFS_SUPER_MAGIC, EXT4_SUPER_MAGIC, F2FS_SUPER_MAGIC, FsType, TMPFS_MAGIC, statfs,
};
use tracing::{info, warn};

use super::Shared;
use super::listing::Round;
use super::notice::Writer;
use super::pace::Pace;
use super::probe::{self, Status};
use crate::model::beat::Beat;

/// After too many wake-ups the events of this time are gathered: a program that writes line by line
/// would else wake us for each of a hundred thousand.
const GATHER: Duration = Duration::from_millis(1);

/// Where inotify tells of everything the poll is a precaution, and to look at ten thousand files
/// costs 40 ms: it is made so many times more rarely.
const CALM_FACTOR: u32 = 12;

/// linux/magic.h; nix has it, but not for musl.
const XFS: FsType = FsType(0x5846_5342);

/// The directories under watch.
#[derive(Debug)]
pub(super) struct Watch {
    inotify: Option<Inotify>,
    /// By directory: the watch and what it was put on, to notice that another directory (or a
    /// mount) has taken the path.
    watched: Vec<Option<(WatchDescriptor, Status)>>,
    paths: Vec<PathBuf>,
    is_reported: bool,
}

impl Watch {
    pub(super) fn new(paths: Vec<PathBuf>) -> Watch {
        let mut watch = Watch { inotify: None, watched: Vec::new(), paths, is_reported: false };
        watch.watched.resize(watch.paths.len(), None);
        watch.renew();
        watch
    }

    /// Watches what is not watched, as far as it can be. True if there was any that can be.
    fn renew(&mut self) -> bool {
        let (mut error, mut is_renewed) = (None, false);
        if self.inotify.is_none() {
            match Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC) {
                Ok(inotify) => self.inotify = Some(inotify),
                Err(errno) => error = Some((errno, PathBuf::new())),
            }
        }
        let flags = AddWatchFlags::IN_MODIFY
            | AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_MOVED_FROM
            | AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_ONLYDIR;
        for (path, watched) in self.paths.iter().zip(&mut self.watched) {
            let Some(inotify) = &self.inotify else { break };
            let Ok(status) = probe::status(path) else {
                *watched = None; // The listing reports it.
                continue;
            };
            if watched.is_some_and(|(_, old)| old.is_same_file(&status)) {
                continue;
            }
            match inotify.add_watch(path, flags) {
                Ok(descriptor) => {
                    *watched = Some((descriptor, status));
                    is_renewed = true;
                }
                Err(errno) => error = Some((errno, path.clone())),
            }
        }
        match error {
            Some((errno, path)) if !self.is_reported => {
                warn!(%errno, directory = ?path, "inotify cannot be had (see \
                    fs.inotify.max_user_watches and max_user_instances); new lines are noticed at \
                    the poll only");
                self.is_reported = true;
            }
            None if self.is_reported => {
                info!("inotify can be had again");
                self.is_reported = false;
            }
            _ => {}
        }
        is_renewed
    }

    /// Ends `begun`, then runs until `bell`'s other end is closed. `interval`: between two looks
    /// whether a whole listing is needed.
    pub(super) fn run(
        mut self,
        shared: Weak<Shared>,
        mut bell: UnixStream,
        interval: Duration,
        beat: &Beat,
        mut begun: Round,
    ) {
        while let Some(shared) = shared.upgrade() {
            beat.works(Instant::now());
            if !begun.step(&shared) {
                break;
            }
        }
        let (mut check_at, mut listed) = (Instant::now() + interval, Instant::now());
        let mut pace = Pace::new(Instant::now());
        loop {
            beat.waits();
            let is_over = self.wait(&bell, check_at.saturating_duration_since(Instant::now()));
            beat.works(Instant::now());
            if is_over && matches!(bell.read(&mut [0; 16]), Ok(0)) {
                return;
            }
            let Some(shared) = shared.upgrade() else { return };
            let (events, has_lost) = self.events();
            let has_events = !events.is_empty();
            // Under one lock, so that a reader sees all of a rotation or nothing.
            let mut inventory = shared.lock();
            for (directory, name, writer) in events {
                if writer == Writer::Done || !inventory.is_queued(directory, &name) {
                    inventory.notice(directory, &name, writer);
                }
            }
            drop(inventory);
            if has_lost || Instant::now() >= check_at {
                let is_renewed = self.renew();
                let is_calm = !has_lost && !is_renewed && self.sees_everything();
                let is_calm = is_calm && shared.lock().is_calm();
                if !is_calm || listed.elapsed() >= interval * CALM_FACTOR {
                    list_all(&shared, beat);
                    listed = Instant::now();
                }
                check_at = Instant::now() + interval;
            }
            drop(shared);
            if has_events && !pace.allows(Instant::now()) {
                std::thread::sleep(GATHER);
            }
        }
    }

    /// Whether inotify tells of all that happens in the directories.
    fn sees_everything(&self) -> bool {
        self.inotify.is_some()
            && self.watched.iter().all(Option::is_some)
            && self.paths.iter().all(|path| is_announced(path))
    }

    /// Sleeps until something happens. True if it is about `bell`.
    fn wait(&self, bell: &UnixStream, most: Duration) -> bool {
        // Rounded up, lest the last millisecond is spent in a circle.
        let most = PollTimeout::try_from(most + Duration::from_millis(1));
        let mut polled = vec![PollFd::new(bell.as_fd(), PollFlags::POLLIN)];
        if let Some(inotify) = &self.inotify {
            polled.push(PollFd::new(inotify.as_fd(), PollFlags::POLLIN));
        }
        // A time-out beyond what poll can take is as good as its longest.
        match poll(&mut polled, most.unwrap_or(PollTimeout::MAX)) {
            Ok(_) | Err(Errno::EINTR) => {}
            // Cannot happen with these arguments but for ENOMEM: do not spin on it.
            Err(_) => std::thread::sleep(Duration::from_millis(100)),
        }
        polled.first().and_then(PollFd::any).unwrap_or(false)
    }

    /// The names that something happened to, each once, in the order of their first events; and
    /// whether there were more than the kernel could keep.
    fn events(&mut self) -> (Vec<(usize, OsString, Writer)>, bool) {
        let mut names: Vec<(usize, OsString, Writer)> = Vec::new();
        let mut places: HashMap<(usize, OsString), usize> = HashMap::new();
        let mut has_lost = false;
        while let Some(events) = self.inotify.as_ref().and_then(|i| i.read_events().ok()) {
            for event in events {
                has_lost |= event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW);
                self.unwatch_removed(&event);
                let Some(name) = event.name else { continue };
                let writes = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CREATE;
                let is_writing = writes.contains(event.mask);
                let writer = if is_writing { Writer::Writes } else { Writer::Done };
                let watched = self.watched.iter().enumerate();
                for (directory, _) in
                    watched.filter(|(_, w)| w.is_some_and(|(wd, _)| wd == event.wd))
                {
                    let place = *places.entry((directory, name.clone())).or_insert(names.len());
                    match names.get_mut(place) {
                        Some((_, _, known)) if writer == Writer::Done => *known = writer,
                        Some(_) => {}
                        None => names.push((directory, name.clone(), writer)),
                    }
                }
            }
        }
        (names, has_lost)
    }

    /// The kernel drops the watch of a directory that was removed; the poll puts a new one.
    fn unwatch_removed(&mut self, event: &InotifyEvent) {
        if event.mask.contains(AddWatchFlags::IN_IGNORED) {
            for watched in &mut self.watched {
                if watched.is_some_and(|(descriptor, _)| descriptor == event.wd) {
                    *watched = None;
                }
            }
        }
    }
}

/// A whole listing of every directory.
pub(super) fn list_all(shared: &Shared, beat: &Beat) {
    let mut round = Round::default();
    while round.step(shared) {
        beat.works(Instant::now());
    }
}

/// Whether the kernel announces all that is written there: another machine can write to a network
/// file system, and layers have inodes below.
fn is_announced(path: &Path) -> bool {
    let local = [BTRFS_SUPER_MAGIC, EXT4_SUPER_MAGIC, F2FS_SUPER_MAGIC, TMPFS_MAGIC, XFS];
    statfs(path).is_ok_and(|status| local.contains(&status.filesystem_type()))
}
