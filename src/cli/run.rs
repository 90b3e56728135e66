//! `spoolgate run`: deliver until stopped.

use std::path::Path;

use tracing::warn;

use crate::service::sandbox::SandboxError;
use crate::service::{self, ServiceError};

use super::{Failure, exit, load_config, logs, required_config};

/// Arguments of `run`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Log so much instead of what the configuration says
    #[arg(long, value_name = "LEVEL", value_parser = ["error", "warn", "info", "debug", "trace"])]
    log: Option<String>,
}

/// Runs until SIGTERM or SIGINT; SIGHUP loads the configuration again.
pub fn run(config: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let loaded = required_config(config)?;
    let level = loaded.log_level.as_str().to_ascii_lowercase();
    logs::start(arguments.log.as_deref().unwrap_or(&level));
    for warning in &loaded.warnings {
        warn!("{warning}");
    }
    service::run(loaded, config, || load_config(config)).map_err(|error| {
        let code = match error {
            ServiceError::Checkpoint(_) => exit::IO,
            ServiceError::Spool(_)
            | ServiceError::Schema(_)
            | ServiceError::UnknownSchema { .. }
            | ServiceError::Config { .. }
            | ServiceError::Sandbox(SandboxError::User { .. }) => exit::CONFIG,
            ServiceError::Sandbox(_) | ServiceError::System { .. } => exit::OS,
        };
        Failure::new(code, error.to_string())
    })
}
