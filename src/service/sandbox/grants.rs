//! What a configuration needs of the machine: paths with what is done there, and TCP ports.
//!
//! In: a [`Config`]. Out: [`Grants`], which the kernel is told and against which every later
//! configuration is held. Nothing is opened here but for links to be followed. Diagnostics: none.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::config::Config;
#[cfg(feature = "http")]
use crate::config::Destination;
use crate::spool::settings::AfterDelivery;
use crate::transport::settings::Protocol;

/// What is done beneath a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Files are read and directories listed.
    Read,
    /// Files are removed as well.
    Remove,
    /// Files are moved into or out of it as well, and made.
    Move,
    /// Everything that a program does with files of its own.
    Own,
    /// A socket is made and removed.
    Socket,
}

impl Right {
    fn includes(self, other: Right) -> bool {
        let rank = |right| match right {
            Right::Read => 0,
            Right::Remove => 1,
            Right::Move => 2,
            Right::Own => 3,
            Right::Socket => 4,
        };
        match (self, other) {
            (Right::Socket, other) => other == Right::Socket,
            (_, Right::Socket) => false,
            _ => rank(self) >= rank(other),
        }
    }
}

/// One path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// A directory with everything beneath it, or a file.
    pub path: PathBuf,
    /// What is done there.
    pub right: Right,
    /// False where the program can do without, should it not be there.
    pub is_needed: bool,
}

/// Everything that a configuration needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Paths; one may lie beneath another.
    pub paths: Vec<Grant>,
    /// TCP ports that are connected to.
    pub ports: BTreeSet<u16>,
}

/// Name servers are asked over TCP when an answer is long (RFC 7766).
const NAME_SERVER_PORT: u16 = 53;

/// Read for names and their addresses.
const NAMES: [&str; 2] = ["/etc/hosts", "/etc/resolv.conf"];

impl Grants {
    /// What `config`, read from `file`, needs. A process that is root gets of /etc the files with
    /// names alone; for any other, /etc/shadow and its like are closed anyway, and a new
    /// /etc/resolv.conf is another file than the one that was there at the start.
    pub fn of(config: &Config, file: &Path, is_root: bool) -> Grants {
        let mut grants = Grants::default();
        grants.spool(config);
        grants.add(&config.state.dir, Right::Own);
        if let Some(directory) = config.admin.socket.as_deref().and_then(Path::parent) {
            grants.add(directory, Right::Socket);
        }
        grants.read_file(file);
        if let Some(directory) = &config.map.schemas_dir {
            grants.add(directory, Right::Read);
        }
        for destination in &config.destinations {
            let tls = destination.transport.tls.iter();
            let files = tls.flat_map(|tls| {
                [&tls.ca_file, &tls.cert_file, &tls.key_file, &tls.crl_file].into_iter().flatten()
            });
            files.for_each(|file| grants.read_file(file));
            #[cfg(feature = "http")]
            grants.secrets(destination);
            let addresses = destination.transport.addresses.iter();
            let streams = addresses.filter(|address| address.protocol != Protocol::Udp);
            grants.ports.extend(streams.map(|address| address.port));
        }
        grants.ports.insert(NAME_SERVER_PORT);
        for file in NAMES {
            grants.read_file(Path::new(file));
        }
        if !is_root {
            grants.wish(Path::new("/etc"));
        }
        grants
    }

    /// The first thing that `self` needs and `in_force` does not give, as a phrase.
    pub fn beyond(&self, in_force: &Grants) -> Option<String> {
        for needed in self.paths.iter().filter(|grant| grant.is_needed) {
            let gives =
                |grant: &Grant| needed.path.starts_with(&grant.path) && grant.includes(needed);
            if !in_force.paths.iter().any(gives) {
                let verb = match needed.right {
                    Right::Read => "read",
                    Right::Remove => "remove files in",
                    Right::Move => "move files in",
                    Right::Own => "write",
                    Right::Socket => "make a socket in",
                };
                return Some(format!("{verb} {}", needed.path.display()));
            }
        }
        let port = self.ports.difference(&in_force.ports).next()?;
        Some(format!("connect to TCP port {port}"))
    }

    #[cfg(feature = "http")]
    fn secrets(&mut self, destination: &Destination) {
        let Some(http) = &destination.http else { return };
        for (_, source) in crate::http::connector(http).secrets() {
            if let Some(file) = source.path(&http.credentials_dir) {
                self.read_file(&file);
            }
        }
    }

    fn spool(&mut self, config: &Config) {
        for source in &config.spool.sources {
            let Some(directory) = Path::new(&source.path).parent() else { continue };
            match &source.after_delivery {
                AfterDelivery::Keep => self.add(directory, Right::Read),
                AfterDelivery::Delete => self.add(directory, Right::Remove),
                AfterDelivery::Archive(archive) => {
                    self.add(directory, Right::Move);
                    self.add(archive, Right::Move);
                }
            }
            // A directory that is made anew, or mounted over, is another one to the kernel.
            if let Some(above) = directory.parent().filter(|above| !is_shared(above)) {
                self.wish(above);
            }
        }
    }

    /// A file and, since a new version of it is usually another file, its directory. Through a link
    /// both are where it leads.
    fn read_file(&mut self, file: &Path) {
        self.add(file, Right::Read);
        let target = file.canonicalize().unwrap_or_else(|_| file.to_path_buf());
        for place in [file, &target] {
            self.wish(place);
            if let Some(directory) = place.parent().filter(|directory| !is_shared(directory)) {
                self.wish(directory);
            }
        }
    }

    fn add(&mut self, path: &Path, right: Right) {
        self.paths.push(Grant { path: path.to_path_buf(), right, is_needed: true });
    }

    fn wish(&mut self, path: &Path) {
        let grant = Grant { path: path.to_path_buf(), right: Right::Read, is_needed: false };
        if !self.paths.contains(&grant) {
            self.paths.push(grant);
        }
    }
}

impl Grant {
    fn includes(&self, other: &Grant) -> bool {
        self.right.includes(other.right)
    }
}

/// `/`, `/etc`, `/var` and the like hold what is nobody's business here.
fn is_shared(directory: &Path) -> bool {
    directory.components().count() <= 2
}

#[cfg(test)]
mod tests;
