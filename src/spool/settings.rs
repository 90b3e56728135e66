//! What the spool stage is told (design, section 7, `[[spool]]`).

use std::path::PathBuf;
use std::time::Duration;

use crate::model::format::Format;

/// The whole spool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The files to follow, in the order of the configuration.
    pub sources: Vec<Source>,
    /// Longer lines go to the dead letter, cut. Bytes, without the newline.
    pub max_event_bytes: usize,
    /// How often directories are listed although inotify said nothing (NFS, missed events).
    pub poll_interval: Duration,
}

/// One `[[spool]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// A glob over file names; the directory part holds no wildcard.
    pub path: String,
    /// What its lines are.
    pub format: Format,
    /// The schema's name; `None` for detection.
    pub schema: Option<String>,
    /// What becomes of a closed file that every destination has passed.
    pub after_delivery: AfterDelivery,
    /// The one destination that reads it; `None` for all. Replayed dead letters use it.
    pub only: Option<String>,
}

/// What becomes of a closed file that every destination has passed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AfterDelivery {
    /// It stays.
    #[default]
    Keep,
    /// It is removed.
    Delete,
    /// It is moved into that directory, which is on the same file system.
    Archive(PathBuf),
}
