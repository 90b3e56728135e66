//! Text to checked settings.
//!
//! In: `spoolgate.toml`, or the Arbitex environment variables, and the machine that holds the files
//! they name. Out: a [`Config`] in which every default is filled in, or a [`ConfigError`] with
//! everything that is wrong. Two steps: what was typed (`typed`), and what the program needs
//! (`resolve`). Nothing is guessed: an unknown key, an unreadable file or a contradiction stops the
//! program.
//!
//! Diagnostics: every problem names file, line and column, and the way out. What is unwise but can
//! be run with is in [`Config::warnings`].

use std::fs;
use std::io;
use std::path::Path;

use toml::de::DeTable;

use crate::model::egress::Policy;
use crate::{admin, checkpoint, deliver, encode, map, service, spool, transport};
use fault::Fault;
use findings::{At, Findings};
use section::Section;

mod environment;
mod fault;
mod findings;
#[cfg(feature = "http")]
mod http;
mod machine;
mod profile;
mod resolve;
mod section;
mod typed;
mod value;

#[cfg(test)]
mod tests;

pub use findings::{ConfigError, Problem};
pub use machine::{Entry, Machine, ThisMachine};

/// Where the configuration is looked for unless another path is named.
pub const DEFAULT_PATH: &str = "/etc/spoolgate/spoolgate.toml";

/// Everything the program is told. Equal destinations need no restart at a reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// HOSTNAME of every message, already in each destination's `encode`.
    pub hostname: String,
    /// The least urgent log line.
    pub log_level: tracing::Level,
    /// `[state]`
    pub state: checkpoint::settings::Settings,
    /// Every `[[spool]]`.
    pub spool: spool::settings::Settings,
    /// Schemas and the privacy guard.
    pub map: map::settings::Settings,
    /// Every `[[destination]]`, at least one, names unique.
    pub destinations: Vec<Destination>,
    /// `[egress]`
    pub egress: Policy,
    /// `[admin]`
    pub admin: admin::settings::Settings,
    /// As whom the program runs, and how confined.
    pub service: service::settings::Settings,
    /// What is unwise, with its place; to be shown or logged once.
    pub warnings: Vec<String>,
}

/// One `[[destination]]`, for each stage its part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Name, pace, and when bytes count.
    pub deliver: deliver::settings::Settings,
    /// How messages look.
    pub encode: encode::settings::Settings,
    /// Where they go.
    pub transport: transport::settings::Settings,
    /// Which events pass.
    pub filter: map::settings::FilterSettings,
    /// Set for an HTTP connector; `encode` is without meaning then.
    #[cfg(feature = "http")]
    pub http: Option<crate::http::settings::Settings>,
}

impl Destination {
    /// True for an HTTP connector, false for syslog.
    pub fn is_http(&self) -> bool {
        #[cfg(feature = "http")]
        return self.http.is_some();
        #[cfg(not(feature = "http"))]
        false
    }
}

impl Config {
    /// The configuration of a run: the file at `path`; or, when none was named, the file at
    /// `default_path`; or, where that does not exist, the environment if it sets
    /// `QRADAR_SYSLOG_HOST`, or a required variable of an HTTP connector.
    ///
    /// # Errors
    /// Everything that is wrong; also when there is neither file nor variable.
    pub fn find(
        path: Option<&Path>,
        default_path: &Path,
        variable: &dyn Fn(&str) -> Option<String>,
        machine: &dyn Machine,
    ) -> Result<Config, ConfigError> {
        let by_environment = environment::asked(variable);
        let used = path.unwrap_or(default_path);
        let absent = matches!(machine.examine(used), Err(e) if e.kind() == io::ErrorKind::NotFound);
        if path.is_none() && absent {
            if by_environment.is_some() {
                return Config::from_environment(variable, machine);
            }
            let fault = Fault::NoConfiguration(used.display().to_string());
            return Err(refuse(used, fault));
        }
        let mut config = Config::load(used, machine)?;
        if let Some(name) = by_environment {
            let warning = Fault::IgnoredVariables(name);
            config.warnings.push(format!("{}: {warning}", used.display()));
        }
        Ok(config)
    }

    /// Reads and checks the file at `path`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(path: &Path, machine: &dyn Machine) -> Result<Config, ConfigError> {
        let bytes =
            fs::read(path).map_err(|error| refuse(path, Fault::Unreadable(error.to_string())))?;
        let text = String::from_utf8(bytes).map_err(|_| refuse(path, Fault::NotUtf8))?;
        let mut config = Config::parse(&text, path, machine)?;
        if let Ok(entry) = machine.examine(path)
            && entry.mode & OTHERS_WRITE != 0
        {
            let warning = Fault::WorldWritable(entry.mode);
            config.warnings.insert(0, format!("{}: {warning}", path.display()));
        }
        Ok(config)
    }

    /// Checks the text of a file. Messages name `path`, and relative paths start at its directory.
    ///
    /// # Errors
    /// Everything that is wrong with it; of broken TOML only what breaks it.
    pub fn parse(text: &str, path: &Path, machine: &dyn Machine) -> Result<Config, ConfigError> {
        let findings = Findings::new(path, text);
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let at = error.span().map_or(At::Whole, |span| At::Byte(span.start));
            let message = error.message().replace('\n', "; ");
            findings.problem(at, "", Fault::Syntax(message));
        }
        if !errors.is_empty() {
            // What the parser made of broken text would only add misleading problems.
            findings.finish()?;
            return Err(refuse(path, Fault::Syntax("unreadable".to_owned())));
        }
        let typed = typed::file::read(&findings, Section::top(&findings, table.get_ref()));
        resolve::resolve(typed, findings, machine)
    }

    /// A run without a file, by the Arbitex variables: `QRADAR_SYSLOG_HOST`,
    /// `QRADAR_SYSLOG_PORT`, `QRADAR_SYSLOG_PROTOCOL`, `QRADAR_CEF_DEVICE_VENDOR`,
    /// `QRADAR_CEF_DEVICE_PRODUCT`, `QRADAR_CEF_DEVICE_VERSION`, `QRADAR_TLS_CA_BUNDLE`; and
    /// `SPOOLGATE_SPOOL`, `SPOOLGATE_STATE_DIR`, `SPOOLGATE_HOSTNAME`, `SPOOLGATE_TLS_CERT`,
    /// `SPOOLGATE_TLS_KEY`. In a build with HTTP also `SPLUNK_HEC_*`, `SENTINEL_*`, `ELASTIC_*`,
    /// `DATADOG_*`, `SUMO_*` and `XSIAM_*`, a destination each, with `SPOOLGATE_EGRESS_ALLOW`,
    /// `SPOOLGATE_EGRESS_HOSTS`, `SPOOLGATE_TLS_CA_FILE`, `SPOOLGATE_TLS_SYSTEM_ROOTS` and
    /// `SPOOLGATE_MAX_ATTEMPTS` for all of them.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn from_environment(
        variable: &dyn Fn(&str) -> Option<String>,
        machine: &dyn Machine,
    ) -> Result<Config, ConfigError> {
        let findings = Findings::new(Path::new("environment"), "");
        let typed = environment::read(variable, &findings);
        resolve::resolve(typed, findings, machine)
    }
}

/// The mode bits that let others write.
const OTHERS_WRITE: u32 = 0o002;

fn refuse(path: &Path, fault: Fault) -> ConfigError {
    let (file, section, text) = (path.display().to_string(), String::new(), fault.to_string());
    ConfigError { problems: vec![Problem { file, position: None, section, text }] }
}
