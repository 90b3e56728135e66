//! The command line: one file for each command. The only place that prints.
//!
//! Every command returns [`Failure`] or nothing; `main` turns that into text on standard error and
//! an exit code of sysexits.

pub mod check;
pub mod dead_letter;
pub mod demo;
pub mod lines;
pub mod logs;
pub mod preview;
pub mod receive;
pub mod run;
pub mod schema;
pub mod send_test;
pub mod status;
pub mod verify;

use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};

use crate::config::{Config, ConfigError, ThisMachine};

/// Arguments of the whole program.
#[derive(Debug, Parser)]
#[command(
    name = "spoolgate",
    version = VERSION,
    about = "Delivers a spool of security events to QRadar and ArcSight as CEF over syslog, and \
             proves it"
)]
pub struct Arguments {
    /// The configuration file
    #[arg(long, global = true, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    pub config: PathBuf,
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Deliver until stopped
    Run(run::Arguments),
    /// Check the configuration, its files and certificates
    Check(check::Arguments),
    /// Show the whole way on this machine: sample spool, delivery, receiver, ledger
    Demo(demo::Arguments),
    /// Receive syslog, for acceptance tests
    Receive(receive::Arguments),
    /// Send one test event to a destination
    SendTest(send_test::Arguments),
    /// Show what would be sent for the events of a file; nothing is sent
    Preview(preview::Arguments),
    /// Hold what a receiver has against the spool: lost, duplicated, altered
    Verify(verify::Arguments),
    /// List, replay or export events that could not be delivered
    DeadLetter(dead_letter::Arguments),
    /// List, show or test schemas
    Schema(schema::Arguments),
    /// Show what the running program does
    Status(status::Arguments),
}

/// Where the configuration is looked for.
pub use crate::config::DEFAULT_PATH as DEFAULT_CONFIG;

/// The text of `--version` for one target.
macro_rules! version {
    ($target:literal, $http:literal) => {
        concat!(
            env!("CARGO_PKG_VERSION"),
            " (",
            $target,
            ", TLS by rustls with ring, ",
            $http,
            " HTTP connectors)"
        )
    };
}

/// The same with and without the connectors.
macro_rules! version_of {
    ($target:literal) => {
        if cfg!(feature = "http") {
            version!($target, "with")
        } else {
            version!($target, "without")
        }
    };
}

/// What `--version` says: the version, the target, who does the cryptography, and whether there are
/// HTTP connectors.
pub const VERSION: &str = match (cfg!(target_arch = "aarch64"), cfg!(target_env = "musl")) {
    (false, true) => version_of!("x86_64-unknown-linux-musl"),
    (false, false) => version_of!("x86_64-unknown-linux-gnu"),
    (true, true) => version_of!("aarch64-unknown-linux-musl"),
    (true, false) => version_of!("aarch64-unknown-linux-gnu"),
};

/// Exit codes of sysexits(3) that the commands use.
pub mod exit {
    /// The command ran, and its answer is no: events are missing, a check failed.
    pub const NO: u8 = 1;
    /// Wrong arguments.
    pub const USAGE: u8 = 64;
    /// Bad input data.
    pub const DATA: u8 = 65;
    /// A receiver or the running program cannot be reached.
    pub const UNAVAILABLE: u8 = 69;
    /// The operating system refused something.
    pub const OS: u8 = 71;
    /// A file or socket cannot be read or written.
    pub const IO: u8 = 74;
    /// The configuration is wrong.
    pub const CONFIG: u8 = 78;
}

/// Why a command failed.
#[derive(Debug)]
pub struct Failure {
    /// One of [`exit`].
    pub code: u8,
    /// For standard error: what, where, why, and what to do; may have several lines.
    pub text: String,
}

impl Failure {
    /// A failure of that code.
    pub fn new(code: u8, text: impl Into<String>) -> Failure {
        Failure { code, text: text.into() }
    }
}

/// Runs one command.
pub fn run(arguments: Arguments) -> Result<(), Failure> {
    let config = arguments.config;
    match arguments.command {
        Command::Run(arguments) => run::run(&config, &arguments),
        Command::Check(arguments) => check::run(&config, &arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Receive(arguments) => receive::run(&arguments),
        Command::SendTest(arguments) => send_test::run(&config, &arguments),
        Command::Preview(arguments) => preview::run(&config, &arguments),
        Command::Verify(arguments) => verify::run(&config, &arguments),
        Command::DeadLetter(arguments) => dead_letter::run(&config, &arguments),
        Command::Schema(arguments) => schema::run(&config, &arguments),
        Command::Status(arguments) => status::run(&config, &arguments),
    }
}

/// The configuration file, or at the default path without one, the environment (seed: Arbitex).
pub fn load_config(path: &Path) -> Result<Config, ConfigError> {
    let default = Path::new(DEFAULT_CONFIG);
    let named = (path != default).then_some(path);
    Config::find(named, default, &|name| std::env::var(name).ok(), &ThisMachine)
}

/// [`load_config`] for a command that cannot go on without it.
pub fn required_config(path: &Path) -> Result<Config, Failure> {
    load_config(path).map_err(|error| Failure::new(exit::CONFIG, error.to_string()))
}

/// Writes to standard output. A reader that went away (`| head`) ends the program quietly.
pub fn print(text: &str) -> Result<(), Failure> {
    print_bytes(text.as_bytes())
}

/// The same for what may be no text.
pub fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => Err(Failure::new(exit::IO, format!("standard output: {error}"))),
        Ok(()) => Ok(()),
    }
}

/// Writes a failure to standard error.
pub fn complain(failure: &Failure) {
    use std::io::Write;
    // A closed standard error leaves nobody to tell.
    let _ = writeln!(std::io::stderr(), "spoolgate: {}", failure.text);
}
