//! What one destination says of itself; written by its loop, read by the status socket.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::model::beat::Beat;
use crate::model::ledger::Ledger;
use crate::model::outcome::Cause;

/// A destination's state in words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Before the first try, or between tries.
    #[default]
    Connecting,
    /// The link is up.
    Up,
    /// The last try failed; waiting for the next.
    Down,
    /// Something on this machine holds delivery: a full disk, an unwritable dead letter.
    Held,
    /// The loop has ended.
    Stopped,
}

/// The last failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastError {
    /// The stable word, for instance `refused`.
    pub code: String,
    /// The sentence.
    pub text: String,
    /// When, RFC 3339.
    pub at: String,
}

/// What `status` shows of one destination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DestinationStatus {
    /// Its name in the configuration.
    pub name: String,
    /// Its state.
    pub state: State,
    /// Since when, RFC 3339.
    pub since: String,
    /// The address in use or tried last.
    pub address: String,
    /// The confirmation rule in force.
    pub confirm: String,
    /// Bytes of the spool that are in no message yet. Its own account has those that were read;
    /// those that were not are added for whoever asks.
    pub backlog_bytes: u64,
    /// The account.
    pub ledger: Ledger,
    /// Connections made since the start.
    pub connections: u64,
    /// The last failure; stays after recovery, its time tells.
    pub last_error: Option<LastError>,
    /// Values that did not fit their CEF key's type, since the start.
    pub mismatched_values: u64,
    /// Pairs that could not be written, since the start.
    pub dropped_pairs: u64,
}

/// A shared [`DestinationStatus`], and whether its loop works or waits.
#[derive(Clone, Debug)]
pub struct Status {
    shown: Arc<Mutex<DestinationStatus>>,
    beat: Beat,
}

impl Status {
    /// A status of that name.
    pub fn new(name: &str) -> Status {
        let status = DestinationStatus { name: name.to_owned(), ..DestinationStatus::default() };
        Status { shown: Arc::new(Mutex::new(status)), beat: Beat::new(Instant::now()) }
    }

    /// The loop's beat.
    pub fn beat(&self) -> &Beat {
        &self.beat
    }

    /// Changes it.
    pub fn update(&self, change: impl FnOnce(&mut DestinationStatus)) {
        // The status is whole between any two statements, so a poisoned lock holds no harm.
        change(&mut self.shown.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Shows a failure; true when it is of another kind than the last one.
    pub fn note_error(&self, cause: &Cause) -> bool {
        let at = jiff::Timestamp::now().to_string();
        let mut is_new = false;
        self.update(|status| {
            is_new = status.last_error.as_ref().is_none_or(|last| last.code != cause.code);
            status.last_error =
                Some(LastError { code: cause.code.to_owned(), text: cause.text.clone(), at });
        });
        is_new
    }

    /// A copy of it.
    pub fn snapshot(&self) -> DestinationStatus {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
