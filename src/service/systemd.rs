//! What systemd is told: ready, reloading, stopping, a line for `systemctl status`, and that the
//! watchdog need not bark (sd_notify(3), "the notification protocol").
//!
//! In: `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`. Out: datagrams, none of which blocks
//! for long.
//! The socket is connected once, before the sandbox: afterwards an abstract one is out of reach.
//! These lines stand in place of a crate, which would connect for each message.
//! Diagnostics: a socket that cannot be used is one warning; everything goes on without it.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use tracing::warn;

use crate::deliver::status::{DestinationStatus, State};

/// How long a message may wait for a manager that is busy.
const PATIENCE: Duration = Duration::from_secs(1);

/// The way to the service manager; without one nothing is said.
#[derive(Debug, Default)]
pub struct Systemd {
    socket: Option<UnixDatagram>,
    watchdog: Option<Duration>,
    /// The last line that was shown.
    shown: String,
}

impl Systemd {
    /// As the environment of this process says.
    pub fn from_environment() -> Systemd {
        Systemd::new(&|name| std::env::var_os(name), std::process::id())
    }

    fn new(variable: &dyn Fn(&str) -> Option<OsString>, process: u32) -> Systemd {
        let socket = variable("NOTIFY_SOCKET").filter(|path| !path.is_empty()).and_then(|path| {
            connect(&path)
                .inspect_err(|error| warn!("NOTIFY_SOCKET {}: {error}", path.display()))
                .ok()
        });
        let number = |name: &str| variable(name)?.to_str()?.parse::<u64>().ok();
        let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(process));
        let watchdog = number("WATCHDOG_USEC").filter(|micros| is_ours && *micros > 0);
        let watchdog = watchdog.map(Duration::from_micros).filter(|_| socket.is_some());
        Systemd { socket, watchdog, shown: String::new() }
    }

    /// How long the watchdog waits; `None` when there is none.
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// The state is open and the configuration good; also after a reload.
    pub fn ready(&self) {
        self.send("READY=1");
    }

    /// The configuration is being read again; [`Systemd::ready`] follows.
    pub fn reloading(&self) {
        // Type=notify-reload wants the time, so that a late message of an earlier reload is none.
        let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from).unwrap_or_default();
        self.send(&format!("RELOADING=1\nMONOTONIC_USEC={}", now.as_micros()));
    }

    /// The end has begun.
    pub fn stopping(&self) {
        self.send("STOPPING=1\nSTATUS=Proving what was sent");
    }

    /// Shows a line in `systemctl status`, if it is another one.
    pub fn show(&mut self, line: String) {
        if line != self.shown {
            // What was not heard is said again.
            if self.send(&format!("STATUS={line}")) {
                self.shown = line;
            }
        }
    }

    /// Everything moves.
    pub fn feed(&self) {
        if self.watchdog.is_some() {
            self.send("WATCHDOG=1");
        }
    }

    /// False when it was not heard: a manager that does not listen cannot be told of it either.
    fn send(&self, text: &str) -> bool {
        self.socket.as_ref().is_none_or(|socket| socket.send(text.as_bytes()).is_ok())
    }
}

fn connect(path: &OsStr) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    let address = match path.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(path)?,
    };
    socket.connect_addr(&address)?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(socket)
}

/// One line for a human: who is up, who is not and why, and how much waits in the spool.
pub fn line(destinations: &[DestinationStatus], trouble: Option<&str>) -> String {
    let is_up = |each: &&DestinationStatus| each.state == State::Up;
    let is_one = destinations.len() == 1;
    let mut parts = Vec::new();
    if !is_one {
        let up = destinations.iter().filter(is_up).count();
        parts.push(format!("{up} of {} destinations up", destinations.len()));
    }
    for each in destinations.iter().filter(|each| is_one || !is_up(each)) {
        let state = format!("{:?}", each.state).to_lowercase();
        let why = each.last_error.as_ref().filter(|_| !is_up(&each));
        let why = why.map(|error| format!(" ({})", error.code)).unwrap_or_default();
        parts.push(format!("{} {state}{why}", each.name));
    }
    let backlog = destinations.iter().map(|each| each.backlog_bytes).max().unwrap_or(0);
    parts.push(format!("backlog {}", size(backlog)));
    if let Some(trouble) = trouble {
        parts.push(format!("PROGRESS IS NOT DURABLE: {}", trouble.replace('\n', " ")));
    }
    parts.join("; ")
}

fn size(bytes: u64) -> String {
    let units = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];
    match units.iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests;
