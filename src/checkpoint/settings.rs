//! What the checkpoint stage is told (design, section 7, `[state]`).

use std::path::PathBuf;
use std::time::Duration;

/// Where and how often progress is made durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The state directory; made when absent, mode 0700.
    pub dir: PathBuf,
    /// The least time between two commits.
    pub interval: Duration,
}
