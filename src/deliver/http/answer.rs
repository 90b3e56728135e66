//! What comes of a request, and what that makes of its events. Nouns only.

use std::time::Duration;

use super::batch::{Batch, Held};
use super::window::SegmentKey;
use crate::http::Verdict;
use crate::model::outcome::Cause;

/// What came of a request.
#[derive(Debug)]
pub enum Answer {
    /// A response, as the connector understands it.
    Verdict {
        /// Its word.
        verdict: Verdict,
        /// The status code.
        status: u16,
        /// `Retry-After`, as a time from now.
        retry_after: Option<Duration>,
    },
    /// No response.
    Failed {
        /// Why.
        cause: Cause,
        /// A smaller request may make it.
        is_timeout: bool,
    },
    /// A kept connection was closed before it had the request: no attempt at all.
    Stale,
    /// There was no request: a secret, a token or the like is missing.
    Unmade(Cause),
}

/// What became of a batch.
#[derive(Debug, Default)]
pub struct Settled {
    /// Stored.
    pub delivered: Vec<SegmentKey>,
    /// For the dead letter.
    pub dead: Vec<(Held, Cause)>,
    /// Stored when that number is acknowledged, and waiting for it.
    pub unacknowledged: Option<(u64, Batch)>,
    /// What the operator should know.
    pub trouble: Option<Trouble>,
    /// At least one event was stored.
    pub is_success: bool,
    /// Read the secrets and fetch the token anew.
    pub renew: bool,
}

/// Why events are not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The receiver cannot take them now.
    Down(Cause),
    /// Somebody has to mend something.
    Held(Cause),
}
