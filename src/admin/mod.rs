//! The status socket: it writes one JSON object to whoever connects, and reads nothing.
//!
//! In: a function that makes a [`Report`]. Out: the report, once per connection. Diagnostics: a
//! socket that cannot be bound is a warning; delivery goes on without it.

pub mod settings;

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixListener;
use tokio::time::timeout;

use crate::deliver::status::DestinationStatus;

/// What `spoolgate status` reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The program's version.
    pub version: String,
    /// Its process.
    pub pid: u32,
    /// Since when it runs, RFC 3339.
    pub since: String,
    /// RFC 5424 HOSTNAME of all messages.
    pub hostname: String,
    /// Why progress cannot be made durable at the moment.
    pub state_trouble: Option<String>,
    /// What the process is confined to.
    #[serde(default)]
    pub sandbox: Confinement,
    /// One for each destination, by name.
    pub destinations: Vec<DestinationStatus>,
}

/// What holds a process that was taken over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confinement {
    /// `best-effort`, `required` or `off`.
    pub mode: String,
    /// The parts in force.
    pub in_force: Vec<String>,
    /// The parts that this kernel does not have.
    pub missing: Vec<String>,
}

/// A bound status socket; the file goes when it is dropped.
#[derive(Debug)]
pub struct Admin {
    listener: UnixListener,
    path: PathBuf,
}

/// A client that takes longer than this to read a report is let go.
const WRITE_TIMEOUT: Duration = Duration::from_secs(2);

impl Admin {
    /// Binds the socket, mode 0660; one that was left behind by a killed process is replaced.
    pub fn bind(path: &Path) -> io::Result<Admin> {
        let is_socket = std::fs::symlink_metadata(path).is_ok_and(|at| at.file_type().is_socket());
        if is_socket && std::os::unix::net::UnixStream::connect(path).is_err() {
            std::fs::remove_file(path)?;
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
        Ok(Admin { listener, path: path.to_owned() })
    }

    /// Answers for ever, one connection after the other.
    pub async fn serve(&self, report: impl Fn() -> Report) {
        loop {
            let Ok((mut stream, _)) = self.listener.accept().await else {
                // Out of descriptors, most likely: the next second may be better.
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            };
            let mut text = serde_json::to_vec(&report()).unwrap_or_default();
            text.push(b'\n');
            // A client that goes away or does not read is its own loss.
            let _ = timeout(WRITE_TIMEOUT, stream.write_all(&text)).await;
        }
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        // Nothing depends on it: the next start replaces what is left.
        let _ = std::fs::remove_file(&self.path);
    }
}
