//! What the program needs: every default filled in, every contradiction and missing file reported.
//!
//! In: [`Typed`], from a file or from the environment, and the machine. Out: [`Config`].

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::fault::Fault;
use super::findings::{At, ConfigError, Findings, Given};
use super::machine::{Entry, Machine};
use super::typed::{self, Typed, file::hostname};
use super::{Config, Destination};
use crate::model::egress::{HostRule, Policy};
use crate::{admin, checkpoint, map, service};

mod destination;
#[cfg(feature = "http")]
mod http;
mod spool;
mod tls;

const CHECKPOINT_INTERVAL: Duration = Duration::from_millis(250);
const STATE_DIR: &str = "/var/lib/spoolgate";
const ADMIN_SOCKET: &str = "/run/spoolgate/admin.sock";

/// What every part of this step needs.
struct Context<'c> {
    findings: &'c Findings<'c>,
    machine: &'c dyn Machine,
    policy: &'c Policy,
    hostname: &'c str,
    #[cfg(feature = "http")]
    sandbox: service::settings::Mode,
}

/// Makes settings of what was typed, or reports everything that is wrong with it.
pub(super) fn resolve(
    typed: Typed,
    findings: Findings<'_>,
    machine: &dyn Machine,
) -> Result<Config, ConfigError> {
    let hostname = own_hostname(&findings, typed.hostname, machine);
    let egress = policy(&findings, typed.egress_allow.as_ref(), &typed.egress_hosts);
    let context = Context {
        findings: &findings,
        machine,
        policy: &egress,
        hostname: &hostname,
        #[cfg(feature = "http")]
        sandbox: typed.sandbox.as_ref().map(|mode| mode.value).unwrap_or_default(),
    };
    if let Some(dir) = &typed.schemas_dir {
        context.directory("", "schemas_dir", dir);
    }
    let spool = spool::resolve(
        &context,
        &typed.spools,
        typed.max_event_bytes.as_ref(),
        typed.poll_interval.as_ref(),
    );
    duplicate_names(&findings, &typed.destinations);
    let destinations: Vec<Destination> = typed
        .destinations
        .into_iter()
        .filter_map(|destination| destination::resolve(&context, destination))
        .collect();
    let state = checkpoint::settings::Settings {
        dir: value_or(typed.state_dir, PathBuf::from(STATE_DIR)),
        interval: value_or(typed.checkpoint_interval, CHECKPOINT_INTERVAL),
    };
    let map = map::settings::Settings {
        schemas_dir: typed.schemas_dir.map(|dir| dir.value),
        guard_keys: typed.guard_keys,
    };
    let socket = value_or(typed.admin_socket, Some(PathBuf::from(ADMIN_SOCKET)));
    let admin = admin::settings::Settings { socket };
    let log_level = value_or(typed.log_level, tracing::Level::INFO);
    let service = service::settings::Settings {
        user: typed.user.map(|user| user.value),
        sandbox: typed.sandbox.map(|mode| mode.value).unwrap_or_default(),
    };
    let warnings = findings.finish()?;
    Ok(Config {
        hostname,
        log_level,
        state,
        spool,
        map,
        destinations,
        egress,
        admin,
        service,
        warnings,
    })
}

/// The name typed, or the machine's own if it can serve as HOSTNAME.
fn own_hostname(
    findings: &Findings<'_>,
    typed: Option<Given<String>>,
    machine: &dyn Machine,
) -> String {
    if let Some(typed) = typed {
        return typed.value;
    }
    let own = machine.hostname();
    match hostname(&own) {
        Err(_) => findings.problem(At::Whole, "", Fault::HostnameLocal(own.clone())),
        Ok(_) if own.split('.').next() == Some("localhost") => {
            findings.warning(At::Whole, "", Fault::HostnameLocal(own.clone()));
        }
        Ok(_) => {}
    }
    own
}

fn policy(
    findings: &Findings<'_>,
    allow: Option<&Given<bool>>,
    hosts: &[Given<HostRule>],
) -> Policy {
    let allowed = allow.is_some_and(|allow| allow.value);
    match (allow, hosts.first()) {
        (Some(allow), None) if allow.value => {
            findings.problem(allow.at, "[egress]", Fault::AllowWithoutHosts);
        }
        (_, Some(host)) if !allowed => {
            findings.problem(host.at, "[egress]", Fault::HostsWithoutAllow);
        }
        _ => {}
    }
    let hosts = hosts.iter().map(|host| host.value.clone()).collect();
    Policy { allow: allowed, hosts, ..Policy::default() }
}

fn duplicate_names(findings: &Findings<'_>, destinations: &[typed::Destination]) {
    let names: Vec<&Given<String>> =
        destinations.iter().filter_map(|destination| destination.name.as_ref()).collect();
    for (index, name) in names.iter().enumerate() {
        // Names become file names, and not every file system tells the cases apart.
        let same = |other: &&Given<String>| other.value.eq_ignore_ascii_case(&name.value);
        if names.iter().take(index).any(same) {
            findings.problem(name.at, "", Fault::DuplicateName(name.value.clone()));
        }
    }
}

fn value_or<T>(given: Option<Given<T>>, default: T) -> T {
    given.map_or(default, |given| given.value)
}

impl Context<'_> {
    /// Makes sure that a directory is there and can be listed.
    fn directory(&self, title: &str, key: &'static str, path: &Given<PathBuf>) -> Option<Entry> {
        self.examine(title, key, path.at, &path.value, true)
    }

    /// Makes sure that a file is there and can be read.
    fn file(&self, title: &str, key: &'static str, path: &Given<PathBuf>) -> Option<Entry> {
        self.examine(title, key, path.at, &path.value, false)
    }

    fn examine(
        &self,
        title: &str,
        key: &'static str,
        at: At,
        path: &Path,
        directory: bool,
    ) -> Option<Entry> {
        let (why, hint) = match self.machine.examine(path) {
            Ok(entry) if entry.directory == directory => return Some(entry),
            Ok(_) if directory => ("is not a directory".to_owned(), "name a directory"),
            Ok(_) => ("is a directory".to_owned(), "name a file in it"),
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound => ("does not exist".to_owned(), self.absent_hint()),
                io::ErrorKind::PermissionDenied => (
                    "cannot be read by this user".to_owned(),
                    "grant it to the user that spoolgate runs as",
                ),
                _ => (error.to_string(), "make it readable, or correct the path"),
            },
        };
        let fault = Fault::File { key, path: path.to_path_buf(), why, hint };
        self.findings.problem(at, title, fault);
        None
    }

    /// systemd tells a service its invocation (systemd.exec(5)); the packaged unit shows it a part
    /// of the file system.
    fn absent_hint(&self) -> &'static str {
        match self.machine.variable("INVOCATION_ID") {
            None => "create it, or correct the path",
            Some(_) => {
                "create it, or correct the path; if it is there, the service does not see it: \
                 `spoolgate check --systemd-dropin` prints what its unit needs"
            }
        }
    }
}
