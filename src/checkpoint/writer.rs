//! The thread that commits, and what it shares with those who record.
//!
//! Callers merge into a change under a mutex that is never held during I/O. The thread `checkpoint`
//! takes the change, at most once per interval, and has the keeper make it durable. With nothing
//! recorded it waits on a condition variable without a time limit: an idle program writes nothing
//! and is not woken.
//!
//! *Diagnostics*: one error when a commit fails that worked before (or fails for another reason
//! than the last), one line when it works again, with how long it did not. Nothing is fatal.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::model::outcome::Cause;
use crate::model::position::FileKey;

use super::keeper::{Committed, Keeper};
use super::state::{Change, State};

/// The least time between two tries of a commit that failed.
const RETRY_INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Between the callers and the thread.
#[derive(Debug)]
pub(super) struct Shared {
    desk: Mutex<Desk>,
    /// The thread waits here for something to do.
    asked: Condvar,
    /// Those who flush wait here for an answer.
    answered: Condvar,
}

/// What is under the mutex.
#[derive(Debug, Default)]
struct Desk {
    /// Not yet taken by the thread.
    change: Change,
    /// Counts what was recorded, and how far of it was taken and is durable.
    recorded: u64,
    durable: u64,
    /// Counts flushes asked for, and answered.
    flushes: u64,
    flushed: u64,
    offsets: BTreeMap<String, BTreeMap<FileKey, u64>>,
    trouble: Option<Cause>,
    stopping: bool,
    /// The thread has ended; nothing will be answered any more.
    stopped: bool,
}

/// What the thread is to do next.
struct Job {
    change: Change,
    recorded: u64,
    flushes: u64,
    settle: bool,
    stop: bool,
}

/// What has been taken and is not durable yet, by name: the values are in the state.
#[derive(Default)]
struct Moved {
    gone: BTreeSet<FileKey>,
    cursors: BTreeMap<String, BTreeSet<FileKey>>,
}

/// When the thread may and has to act, when nobody flushes.
#[derive(Clone, Copy, Debug)]
struct Due {
    /// Recorded changes, not before.
    change: Instant,
    /// Without any change: a retry, or the text copy of a large state.
    upkeep: Option<Instant>,
}

impl Shared {
    /// Begins with what was restored.
    pub(super) fn new(state: &State, trouble: Option<Cause>) -> Shared {
        let mut desk = Desk { trouble, ..Desk::default() };
        for (name, destination) in &state.destinations {
            let cursors = destination.cursors.values();
            let offsets = cursors.map(|cursor| (cursor.file, cursor.offset)).collect();
            desk.offsets.insert(name.clone(), offsets);
        }
        Shared { desk: Mutex::new(desk), asked: Condvar::new(), answered: Condvar::new() }
    }

    /// Merges something into the next commit.
    pub(super) fn record(&self, merge: impl FnOnce(&mut Change)) {
        let mut desk = self.desk();
        merge(&mut desk.change);
        desk.recorded += 1;
        drop(desk);
        self.asked.notify_one();
    }

    /// How far a destination's cursor in a file survives a power cut.
    pub(super) fn durable_offset(&self, destination: &str, file: FileKey) -> Option<u64> {
        self.desk().offsets.get(destination)?.get(&file).copied()
    }

    /// Why the last commit failed, as long as none has worked since.
    pub(super) fn trouble(&self) -> Option<Cause> {
        self.desk().trouble.clone()
    }

    /// Waits until what is recorded so far is durable, or a commit of it failed.
    pub(super) fn flush(&self) -> Result<(), Cause> {
        let mut desk = self.desk();
        let recorded = desk.recorded;
        desk.flushes += 1;
        let flush = desk.flushes;
        self.asked.notify_one();
        while desk.flushed < flush && !desk.stopped {
            desk = self.answered.wait(desk).unwrap_or_else(PoisonError::into_inner);
        }
        if desk.durable >= recorded {
            return Ok(());
        }
        Err(desk.trouble.clone().unwrap_or_else(stopped))
    }

    /// Asks the thread to make everything durable and end.
    pub(super) fn stop(&self) {
        self.desk().stopping = true;
        self.asked.notify_one();
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        // Nothing panics while it holds the mutex; whatever did, the values are whole.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for something to do.
    fn next(&self, due: Due) -> Job {
        let mut desk = self.desk();
        loop {
            let asked = desk.stopping || desk.flushed < desk.flushes;
            let changed = (!desk.change.is_empty()).then_some(due.change);
            let due = changed.into_iter().chain(due.upkeep).min();
            let now = Instant::now();
            if asked || due.is_some_and(|due| due <= now) {
                return Job {
                    change: std::mem::take(&mut desk.change),
                    recorded: desk.recorded,
                    flushes: desk.flushes,
                    settle: asked || changed.is_none(),
                    stop: desk.stopping,
                };
            }
            desk = match due {
                None => self.asked.wait(desk).unwrap_or_else(PoisonError::into_inner),
                Some(due) => {
                    let waited = self.asked.wait_timeout(desk, due.duration_since(now));
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Publishes what came of a job. `moved` is everything taken since the last durable commit.
    fn finish(&self, job: &Job, committed: &Committed, moved: &mut Moved, state: &State) {
        let mut desk = self.desk();
        desk.trouble.clone_from(&committed.trouble);
        desk.flushed = job.flushes;
        if committed.durable {
            desk.durable = job.recorded;
            desk.publish(std::mem::take(moved), state);
        }
        drop(desk);
        self.answered.notify_all();
    }
}

impl Desk {
    fn publish(&mut self, moved: Moved, state: &State) {
        for name in moved.cursors.keys() {
            self.offsets.entry(name.clone()).or_default();
        }
        for (name, offsets) in &mut self.offsets {
            for key in moved.cursors.get(name).into_iter().flatten().chain(&moved.gone) {
                match state.cursor(name, *key) {
                    Some(cursor) => offsets.insert(*key, cursor.offset),
                    None => offsets.remove(key),
                };
            }
        }
    }
}

impl Moved {
    fn add(&mut self, change: &Change) {
        let gone = change.files.iter().filter(|(_, record)| record.is_none());
        self.gone.extend(gone.map(|(key, _)| *key));
        for (name, destination) in &change.destinations {
            self.cursors.entry(name.clone()).or_default().extend(destination.cursors.keys());
        }
    }
}

/// The thread's whole life. `interval` is the least time between two commits, `begun` what came of
/// the first.
pub(super) fn run(shared: &Arc<Shared>, mut keeper: Keeper, interval: Duration, begun: &Committed) {
    let _ended = Ended(shared);
    let mut watch = TroubleWatch::default();
    watch.see(begun.trouble.as_ref());
    let mut due = due(begun, interval);
    // More than the last job when commits fail.
    let mut moved = Moved::default();
    loop {
        let mut job = shared.next(due);
        moved.add(&job.change);
        let committed = keeper.commit(std::mem::take(&mut job.change), job.settle);
        watch.see(committed.trouble.as_ref());
        due = self::due(&committed, interval);
        shared.finish(&job, &committed, &mut moved, keeper.state());
        if job.stop {
            keeper.close();
            return;
        }
    }
}

fn due(committed: &Committed, interval: Duration) -> Due {
    let now = Instant::now();
    let patience = if committed.retry { interval.max(RETRY_INTERVAL_MIN) } else { interval };
    let retry = committed.retry.then(|| now + patience);
    Due { change: now + patience, upkeep: retry.into_iter().chain(committed.text_due).min() }
}

fn stopped() -> Cause {
    Cause::new(
        "stopped",
        "the thread that writes the state directory has ended; progress is not saved: restart the \
         program, and report what it logged",
    )
}

/// Tells those who flush that nobody will answer, however the thread ends.
struct Ended<'a>(&'a Shared);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        let mut desk = self.0.desk();
        desk.stopped = true;
        if !desk.stopping {
            desk.trouble = Some(stopped());
        }
        drop(desk);
        self.0.answered.notify_all();
    }
}

/// Logs transitions, not failures.
#[derive(Default)]
struct TroubleWatch {
    since: Option<(Instant, &'static str)>,
}

impl TroubleWatch {
    fn see(&mut self, trouble: Option<&Cause>) {
        match (self.since, trouble) {
            (None, None) => {}
            (Some((_, code)), Some(cause)) if code == cause.code => {}
            (since, Some(cause)) => {
                let begin = since.map_or_else(Instant::now, |(begin, _)| begin);
                self.since = Some((begin, cause.code));
                tracing::error!(code = cause.code, "{cause}");
            }
            (Some((begin, code)), None) => {
                self.since = None;
                let seconds = begin.elapsed().as_secs();
                tracing::info!(code, seconds, "progress is saved again");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::tests::layout::random_change;

    #[test]
    fn what_is_published_is_what_is_durable() {
        let mut random = fastrand::Rng::with_seed(11);
        for _ in 0..50 {
            let (mut state, mut desk) = (State::default(), Desk::default());
            let mut moved = Moved::default();
            for _ in 0..40 {
                let change = random_change(&mut random);
                moved.add(&change);
                state.apply(change);
                // Every other commit fails, and what it took is published with the next.
                if random.bool() {
                    continue;
                }
                desk.publish(std::mem::take(&mut moved), &state);
                let held = Shared::new(&state, None);
                assert_eq!(desk.offsets, held.desk().offsets);
            }
        }
    }
}
