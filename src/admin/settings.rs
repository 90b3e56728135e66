//! What the status socket is told (design, section 7, `[admin]`).

use std::path::PathBuf;

/// Where status is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The Unix socket that `spoolgate status` reads; `None` for no socket.
    pub socket: Option<PathBuf>,
}
