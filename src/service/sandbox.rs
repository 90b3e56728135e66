//! The sandbox: what this process can still do when somebody has taken it over.
//!
//! In: the configuration, once, before any thread is started. Out: a process that runs as the
//! configured user, without capabilities, sees the files of its configuration alone, connects over
//! TCP to the configured ports alone, and makes the system calls that delivering needs alone. It
//! holds without systemd, and within a systemd unit it is a second wall.
//!
//! Nothing of it can be taken back, so a reload that needs more is refused: see
//! [`Sandbox::admits`].
//!
//! Diagnostics: what is in force, and what this kernel cannot do, is in the status. With
//! `sandbox = "required"` anything missing is fatal.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::Uid;
use thiserror::Error;
use tracing::{info, warn};

use super::settings::Mode;
use crate::admin::Confinement;
use crate::config::Config;

mod confine;
pub mod grants;
mod privileges;
mod system_calls;

use grants::Grants;

/// Why there is no sandbox, or why it does not admit something.
#[derive(Debug, Error)]
pub enum SandboxError {
    /// `user` cannot be had.
    #[error(
        "user = \"{name}\": {reason}; start as root or as that user, correct the name, or remove \
         the key"
    )]
    User {
        /// As configured.
        name: String,
        /// Why.
        reason: String,
    },
    /// The kernel does not let capabilities go.
    #[error("capabilities cannot be given up: {0}; start as another user than root")]
    Capabilities(String),
    /// The kernel refused what it has.
    #[error("landlock: {0}; free some memory, or set sandbox = \"best-effort\"")]
    Landlock(#[from] landlock::RulesetError),
    /// The kernel refused what it has, or has none.
    #[error("seccomp: {0}; use a kernel with CONFIG_SECCOMP_FILTER, or sandbox = \"best-effort\"")]
    SystemCalls(#[from] seccompiler::Error),
    /// Something is missing and all of it is wanted.
    #[error(
        "sandbox = \"required\", but {0}; use a newer kernel with landlock among its LSMs, or set \
         sandbox = \"best-effort\""
    )]
    Missing(String),
    /// A new configuration needs more than the sandbox gives.
    #[error(
        "it needs to {0}, which the sandbox that this process entered at its start does not allow; \
         restart the program to give it that"
    )]
    Beyond(String),
}

/// What holds for this process.
#[derive(Debug, Default)]
pub struct Sandbox {
    /// What the kernel allows; a part that is not in force allows everything.
    grants: Option<Grants>,
    has_ports: bool,
    /// The configuration file, of which every reload asks again.
    file: PathBuf,
    is_root: bool,
    confinement: Confinement,
    /// Files and directories that were allowed for themselves, not by the directory above: should
    /// another take their names, it is out of reach.
    pinned: Vec<(PathBuf, u64, u64)>,
}

/// What this kernel could do, for `check`; nothing is confined by asking.
pub fn offered(mode: Mode) -> Confinement {
    let mut confinement = Confinement { mode: word(mode).to_owned(), ..Confinement::default() };
    let landlock = confine::offered();
    note_landlock(&mut confinement, landlock);
    note(&mut confinement, system_calls::is_offered(), "system calls");
    confinement
}

/// Enters the sandbox for `config`, which was read from `file`. To be called before any thread is
/// started: landlock holds for the calling thread and those that it starts.
///
/// # Errors
/// The user cannot be had; or, with `sandbox = "required"`, anything cannot.
pub fn enter(config: &Config, file: &Path) -> Result<Sandbox, SandboxError> {
    let mode = config.service.sandbox;
    let socket = config.admin.socket.as_deref().and_then(Path::parent);
    let own = [Some((config.state.dir.as_path(), 0o700)), socket.map(|dir| (dir, 0o755))];
    let own: Vec<_> = own.into_iter().flatten().collect();
    match &config.service.user {
        Some(name) => privileges::become_user(name, &own)?,
        None => privileges::make_directories(&own),
    }
    let is_root = Uid::effective().is_root();
    let mut sandbox = Sandbox { file: file.to_path_buf(), is_root, ..Sandbox::default() };
    sandbox.confinement.mode = word(mode).to_owned();
    sandbox.confinement.in_force.push(format!("user {}", Uid::effective()));
    if mode == Mode::Off {
        return Ok(sandbox);
    }
    if is_root {
        warn!("running as root; start as a user of its own, or set `user`");
    }
    let tolerated = |error: SandboxError| match mode {
        Mode::Required => Err(error),
        Mode::BestEffort | Mode::Off => {
            warn!("a part of the sandbox is missing: {error}");
            Ok(())
        }
    };
    let dropped = privileges::drop_capabilities();
    note(&mut sandbox.confinement, dropped.is_ok(), "capabilities");
    dropped.or_else(tolerated)?;
    sandbox.confine_files(config).or_else(tolerated)?;
    let system_calls = system_calls::confine().map_err(SandboxError::from);
    note(&mut sandbox.confinement, system_calls.is_ok(), "system calls");
    system_calls.map(|_| ()).or_else(tolerated)?;
    match missing(&sandbox.confinement) {
        Some(missing) if mode == Mode::Required => return Err(SandboxError::Missing(missing)),
        Some(missing) => warn!("sandbox: {missing}"),
        None => {}
    }
    info!(confined = sandbox.confinement.in_force.join(", "), "in the sandbox");
    Ok(sandbox)
}

impl Sandbox {
    /// What is in force, for the status.
    pub fn confinement(&self) -> &Confinement {
        &self.confinement
    }

    /// Whether files are confined, so that a refusal may be the sandbox's.
    pub fn has_files(&self) -> bool {
        self.grants.is_some()
    }

    /// Whether `config` can be run with in here.
    ///
    /// # Errors
    /// [`SandboxError::Beyond`], with what it needs.
    pub fn admits(&self, config: &Config) -> Result<(), SandboxError> {
        let Some(in_force) = &self.grants else { return Ok(()) };
        let mut needed = Grants::of(config, &self.file, self.is_root);
        if !self.has_ports {
            needed.ports.clear();
        }
        needed.beyond(in_force).map_or(Ok(()), |beyond| Err(SandboxError::Beyond(beyond)))
    }

    /// Paths whose files are others than at the start, and which are out of reach therefore; each
    /// is told once.
    pub fn out_of_reach(&mut self) -> Vec<PathBuf> {
        let is_same = |(path, device, inode): &(PathBuf, u64, u64)| {
            // What is not there is missed elsewhere.
            std::fs::metadata(path)
                .map_or(true, |data| (data.dev(), data.ino()) == (*device, *inode))
        };
        let (kept, replaced): (Vec<_>, Vec<_>) = self.pinned.drain(..).partition(is_same);
        self.pinned = kept;
        replaced.into_iter().map(|(path, _, _)| path).collect()
    }

    fn confine_files(&mut self, config: &Config) -> Result<(), SandboxError> {
        let grants = Grants::of(config, &self.file, self.is_root);
        let result = confine::confine(&grants);
        let confined = result.as_ref().copied().unwrap_or_default();
        note_landlock(&mut self.confinement, confined);
        result?;
        if confined.has_files {
            self.pinned = pinned(&grants);
            self.has_ports = confined.has_ports;
            self.grants = Some(grants);
        }
        Ok(())
    }
}

/// Paths that no other grant includes.
fn pinned(grants: &Grants) -> Vec<(PathBuf, u64, u64)> {
    let is_alone = |path: &Path| {
        let above = |other: &grants::Grant| other.path != path && path.starts_with(&other.path);
        !grants.paths.iter().any(above)
    };
    let mut pinned: Vec<(PathBuf, u64, u64)> = grants
        .paths
        .iter()
        .filter(|grant| is_alone(&grant.path))
        .filter_map(|grant| {
            let data = std::fs::metadata(&grant.path).ok()?;
            Some((grant.path.clone(), data.dev(), data.ino()))
        })
        .collect();
    pinned.sort();
    pinned.dedup();
    pinned
}

fn note_landlock(confinement: &mut Confinement, landlock: confine::Confined) {
    note(confinement, landlock.has_files, "files");
    note(confinement, landlock.has_ports, "TCP ports");
    note(confinement, landlock.has_scopes, "signals and abstract sockets");
}

fn note(confinement: &mut Confinement, is_in_force: bool, part: &str) {
    let list = if is_in_force { &mut confinement.in_force } else { &mut confinement.missing };
    list.push(part.to_owned());
}

fn missing(confinement: &Confinement) -> Option<String> {
    let missing = &confinement.missing;
    (!missing.is_empty()).then(|| format!("this kernel does not confine {}", missing.join(", ")))
}

fn word(mode: Mode) -> &'static str {
    Mode::WORDS.iter().find(|(_, known)| *known == mode).map_or("off", |(word, _)| word)
}
