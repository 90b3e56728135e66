//! Why the program ends before it was asked to.

use thiserror::Error;

use super::sandbox::SandboxError;
use crate::checkpoint::CheckpointError;
use crate::config::ConfigError;
use crate::map::schema::SchemaError;
use crate::spool::SpoolError;

/// Why the program cannot start.
#[derive(Debug, Error)]
pub enum ServiceError {
    /// The state directory cannot be used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The spool cannot be used.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// A schema file is wrong.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The sandbox cannot be entered, or does not admit a new configuration.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The configuration cannot be read as the user that the program became.
    #[error("as user = \"{user}\": {source}")]
    Config {
        /// As configured.
        user: String,
        /// What is wrong.
        source: ConfigError,
    },
    /// A `[[spool]]` names a schema that is not there.
    #[error("there is no schema `{name}`, which a [[spool]] names; there are: {known}")]
    UnknownSchema {
        /// As configured.
        name: String,
        /// Their names.
        known: String,
    },
    /// The operating system refused a thread, a signal handler or a reactor.
    #[error("{what}: {source}; raise the limits of this service")]
    System {
        /// What was asked for.
        what: &'static str,
        /// Its answer.
        source: std::io::Error,
    },
}
