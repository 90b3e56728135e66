//! Keeps the copies on the disk equal to the state: one commit after the other.
//!
//! A commit is one batch in the store, then the text copy. Either of them makes it durable, for a
//! start takes the newer of the two; the one that failed is what the trouble is about.
//!
//! A store that failed is never used again. A new one is made from the state in memory, in
//! `db/<n+1>`, and the old one removed when the new one is durable. The same is done when a store
//! has grown too large. If the program dies between the two, the next start finds both, and the
//! higher number counts if it is whole.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::model::outcome::Cause;

use super::error::Flaw;
use super::restore::Restoration;
use super::state::{Change, State};
use super::store::Store;
use super::{directory, text_copy};

/// A text copy of up to this many bytes is written with every commit.
const TEXT_SMALL_BYTES: u64 = 64 * 1024;

/// A larger one is written at most this often.
pub(super) const TEXT_INTERVAL: Duration = Duration::from_secs(10);

/// A store that is larger is built anew.
const STORE_BYTES_MAX: u64 = if cfg!(test) { 2 << 20 } else { 64 << 20 };

/// A store is not built anew before it has this many times the size it had when it was new.
const STORE_GROWTH_MIN: u64 = 4;

/// After so many panics or hang-ups of the store in one process it is left alone until the next
/// start: each may have cost a thread, of the store's own or of its pool of seven.
const BREAKDOWNS_MAX: u32 = 3;

/// The state and its copies.
pub(super) struct Keeper {
    dir: PathBuf,
    state: State,
    store: Option<Store>,
    number: u64,
    new_bytes: u64,
    breakdowns: u32,
    text: Option<TextCopy>,
}

/// The text copy as it was last written by this process.
struct TextCopy {
    written: Instant,
    generation: u64,
    bytes: u64,
}

/// What came of a commit.
pub(super) struct Committed {
    /// Whether all of the state survives a power cut now.
    pub(super) durable: bool,
    /// What is wrong, durable or not.
    pub(super) trouble: Option<Cause>,
    /// Whether another try may help.
    pub(super) retry: bool,
    /// When the text copy, which is behind the store, has to be written.
    pub(super) text_due: Option<Instant>,
}

impl Keeper {
    /// Takes over what was restored.
    pub(super) fn new(dir: PathBuf, restoration: Restoration) -> Keeper {
        let (store, number) = match restoration.store {
            Some((store, number)) => (Some(store), number),
            None => (None, 0),
        };
        let keeper = Keeper {
            dir,
            state: restoration.state,
            store,
            number,
            new_bytes: 0,
            breakdowns: 0,
            text: None,
        };
        if let Err(error) = keeper.remove_older() {
            tracing::warn!(%error, "an old state store cannot be removed");
        }
        keeper
    }

    /// The state as it is, or is to be, on the disk.
    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// Takes in a change and makes it durable. `settle` asks for the text copy however large.
    pub(super) fn commit(&mut self, change: Change, settle: bool) -> Committed {
        let writes = if change.is_empty() { Vec::new() } else { self.state.apply(change) };
        let committed = self
            .store
            .as_mut()
            .map(|store| if writes.is_empty() { Ok(()) } else { store.commit(writes) });
        if let Some(Err(flaw)) = &committed {
            self.breakdowns += u32::from(flaw.is_breakdown());
            self.store = None;
        }
        let text = self.write_text(settle || self.store.is_none());
        let stored = match committed {
            Some(committed) => committed,
            // Plain files first: on a disk that takes not even those a new store would break too.
            None if text.is_ok() && self.store_may_work() => self.rebuild(),
            None => Err(Flaw::Unfinished),
        };
        if self.overgrown() {
            self.shrink();
        }
        self.judge(&stored, &text)
    }

    /// Ends in order. What was committed before is durable.
    pub(super) fn close(self) {
        if let Some(store) = self.store {
            store.close();
        }
    }

    fn judge(&self, stored: &Result<(), Flaw>, text: &Result<(), Flaw>) -> Committed {
        let text_behind = self.text.as_ref().is_none_or(|t| t.generation != self.state.generation);
        let trouble = match (stored, text) {
            (Ok(()), Ok(())) => None,
            (_, Err(flaw)) => Some(self.trouble(flaw, stored.is_ok())),
            (Err(_), Ok(())) if !self.store_may_work() => Some(Cause::new(
                "store_failed",
                format!(
                    "state store {} failed {} times; progress is kept in the text copy alone \
                     until the program is started again",
                    directory::stores_path(&self.dir).display(),
                    self.breakdowns
                ),
            )),
            (Err(flaw), Ok(())) => Some(self.trouble(flaw, true)),
        };
        let retry = trouble.is_some() && (self.store_may_work() || text.is_err());
        let written = self.text.as_ref().map(|text| text.written + TEXT_INTERVAL);
        Committed {
            durable: stored.is_ok() || !text_behind,
            trouble,
            retry,
            // One that could not be written is tried again with the store, not when it was due.
            text_due: if text_behind && text.is_ok() { written } else { None },
        }
    }

    fn trouble(&self, flaw: &Flaw, saved: bool) -> Cause {
        let dir = self.dir.display();
        let text = if saved {
            format!("state directory {dir}: {flaw}; progress is saved in one copy of two")
        } else {
            format!(
                "state directory {dir}: {flaw}; delivery goes on, but progress is not saved, and a \
                 restart would send events again: free space or make the directory writable"
            )
        };
        Cause::new(flaw.code(), text)
    }

    fn store_may_work(&self) -> bool {
        self.breakdowns < BREAKDOWNS_MAX
    }

    fn overgrown(&self) -> bool {
        let bytes = self.store.as_ref().map_or(0, Store::bytes);
        bytes > STORE_BYTES_MAX && bytes / STORE_GROWTH_MIN > self.new_bytes
    }

    /// Builds the store anew while the old one still works: a failure costs nothing but space.
    fn shrink(&mut self) {
        let bytes = self.store.as_ref().map_or(0, Store::bytes);
        match self.rebuild() {
            Ok(()) => tracing::debug!(bytes, new_bytes = self.new_bytes, "state store built anew"),
            Err(error) => {
                tracing::warn!(bytes, %error, "state store is large and cannot be built anew");
                // Not again before it has grown as much once more.
                self.new_bytes = bytes;
            }
        }
    }

    /// Makes a new store of the whole state, and then removes the older ones.
    fn rebuild(&mut self) -> Result<(), Flaw> {
        let built = self.build();
        if let Err(flaw) = &built {
            self.breakdowns += u32::from(flaw.is_breakdown());
        }
        built?;
        if let Err(error) = self.remove_older() {
            // It is complete and older; the next start passes over it and removes it.
            tracing::warn!(%error, "an old state store cannot be removed");
        }
        Ok(())
    }

    fn remove_older(&self) -> io::Result<()> {
        let mut numbers = directory::store_numbers(&self.dir)?;
        numbers.retain(|number| *number < self.number);
        for number in &numbers {
            directory::remove(&directory::store_path(&self.dir, *number))?;
        }
        if numbers.is_empty() {
            Ok(())
        } else {
            directory::sync(&directory::stores_path(&self.dir))
        }
    }

    fn build(&mut self) -> Result<(), Flaw> {
        let highest = directory::store_numbers(&self.dir)?.first().copied();
        let number = highest.unwrap_or(0).max(self.number) + 1;
        let path = directory::store_path(&self.dir, number);
        let built = Store::open(&path).and_then(|(mut store, contents)| {
            if !contents.is_empty() {
                return Err(Flaw::damaged("a new store is not empty"));
            }
            store.commit(self.state.export())?;
            directory::sync(&directory::stores_path(&self.dir))?;
            directory::sync(&self.dir)?;
            Ok(store)
        });
        match built {
            Ok(store) => {
                self.number = number;
                self.new_bytes = store.bytes();
                if let Some(old) = self.store.replace(store) {
                    old.close();
                }
                Ok(())
            }
            Err(flaw) => {
                directory::remove(&path)?;
                Err(flaw)
            }
        }
    }

    fn write_text(&mut self, now: bool) -> Result<(), Flaw> {
        if let Some(text) = &self.text {
            let current = text.generation == self.state.generation;
            let large = text.bytes >= TEXT_SMALL_BYTES;
            if current || (large && !now && text.written.elapsed() < TEXT_INTERVAL) {
                return Ok(());
            }
        }
        let bytes = text_copy::write(&self.dir, &self.state)?;
        let generation = self.state.generation;
        self.text = Some(TextCopy { written: Instant::now(), generation, bytes });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::{Progress, restore};
    use crate::model::ledger::Ledger;

    #[test]
    fn a_directory_that_is_gone_is_tried_now_and_then_and_not_all_the_time() {
        let dir = tempfile::tempdir().unwrap();
        let mut keeper = Keeper::new(dir.path().to_owned(), restore::restore(dir.path()));
        assert!(keeper.commit(Change::default(), true).durable);
        let text = keeper.text.as_mut().unwrap();
        text.written = text.written.checked_sub(TEXT_INTERVAL * 2).unwrap();
        std::fs::remove_dir_all(dir.path()).unwrap();
        let mut change = Change::default();
        let ledger = Ledger::default();
        change.record("siem", Progress { cursors: Vec::new(), ledger, sequence: 7 });
        let committed = keeper.commit(change, true);
        assert!(!committed.durable && committed.retry);
        assert_eq!(committed.text_due, None, "the pause of the retry holds for the text as well");
    }
}
