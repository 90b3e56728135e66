//! `spoolgate status`: what the running program does, read from its status socket.

use std::fmt::Write as _;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::admin::{Confinement, Report};
use crate::deliver::status::DestinationStatus;

use super::{Failure, exit, print, required_config};

/// Arguments of `status`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// One JSON object a line, one line for each destination
    #[arg(long)]
    json: bool,
    /// The status socket, where it is not the one of the configuration
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
}

const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// Prints the report of the running program.
pub fn run(config: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let socket = match &arguments.socket {
        Some(socket) => socket.clone(),
        None => required_config(config)?.admin.socket.ok_or_else(|| {
            Failure::new(
                exit::CONFIG,
                format!("{}: no status socket; set `socket` in [admin]", config.display()),
            )
        })?,
    };
    let report = read(&socket)?;
    if arguments.json {
        for destination in &report.destinations {
            print(&format!("{}\n", json(destination)?))?;
        }
        return Ok(());
    }
    print(&text(&report))
}

fn json(destination: &DestinationStatus) -> Result<String, Failure> {
    serde_json::to_string(destination)
        .map_err(|error| Failure::new(exit::DATA, format!("status: {error}")))
}

fn read(socket: &Path) -> Result<Report, Failure> {
    let unavailable = |error: &dyn std::fmt::Display| {
        Failure::new(
            exit::UNAVAILABLE,
            format!("status socket {}: {error}; is spoolgate running?", socket.display()),
        )
    };
    let mut stream = UnixStream::connect(socket).map_err(|error| unavailable(&error))?;
    stream.set_read_timeout(Some(READ_TIMEOUT)).map_err(|error| unavailable(&error))?;
    let mut text = String::new();
    stream.read_to_string(&mut text).map_err(|error| unavailable(&error))?;
    serde_json::from_str(&text).map_err(|error| unavailable(&error))
}

fn text(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "spoolgate {} as {}, process {}, since {}",
        report.version, report.hostname, report.pid, report.since
    );
    if let Some(trouble) = &report.state_trouble {
        let _ = writeln!(out, "PROGRESS IS NOT DURABLE: {trouble}");
    }
    let Confinement { mode, in_force, missing } = &report.sandbox;
    let missing = match missing.is_empty() {
        true => String::new(),
        false => format!("; missing: {}", missing.join(", ")),
    };
    let _ = writeln!(out, "sandbox {mode}: {}{missing}", in_force.join(", "));
    for destination in &report.destinations {
        describe(destination, &mut out);
    }
    out
}

fn describe(destination: &DestinationStatus, out: &mut String) {
    let DestinationStatus { name, state, since, address, confirm, ledger, .. } = destination;
    let state = format!("{state:?}").to_lowercase();
    let _ = writeln!(out, "\n{name}: {state} since {since}, {address}, confirm {confirm}");
    let _ = writeln!(
        out,
        "  read {} = confirmed {} + in flight {} + filtered {} + dead letter {}",
        ledger.read, ledger.confirmed, ledger.in_flight, ledger.filtered, ledger.dead_lettered
    );
    let _ = writeln!(
        out,
        "  resent {} (possible duplicates), cut {}, backlog {} bytes, connections {}",
        ledger.resent, ledger.truncated, destination.backlog_bytes, destination.connections
    );
    if destination.mismatched_values + destination.dropped_pairs > 0 {
        let _ = writeln!(
            out,
            "  CEF: {} values do not fit their key's type, {} pairs could not be written",
            destination.mismatched_values, destination.dropped_pairs
        );
    }
    if let Some(error) = &destination.last_error {
        let _ = writeln!(out, "  last error {} at {}: {}", error.code, error.at, error.text);
    }
}
