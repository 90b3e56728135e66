//! Where log lines go: to journald with structured fields under systemd, else to standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging. `level` is the least level; SPOOLGATE_LOG overrides it, for instance `debug`.
pub fn start(level: &str) {
    let filter =
        || EnvFilter::try_from_env("SPOOLGATE_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    // systemd sets JOURNAL_STREAM for a service whose output is the journal.
    let journald = std::env::var_os("JOURNAL_STREAM")
        .and_then(|_| tracing_journald::layer().ok())
        .map(|layer| layer.with_syslog_identifier("spoolgate".to_owned()));
    match journald {
        Some(journald) => tracing_subscriber::registry().with(filter()).with(journald).init(),
        None => {
            let lines = tracing_subscriber::fmt::layer()
                .with_writer(std::io::stderr)
                .with_ansi(std::io::stderr().is_terminal())
                .with_target(false);
            tracing_subscriber::registry().with(filter()).with(lines).init();
        }
    }
}
