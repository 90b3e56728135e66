//! `spoolgate receive` as a receiver that can be stalled, killed and started again on its port.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::agent::{Outpost, program};
use super::process::free_port;

/// How a receiver is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    Tcp,
    MutualTls,
}

/// A receiver process and the file it stores into.
pub struct Sink {
    child: Child,
    wire: Wire,
    pub port: u16,
    dir: PathBuf,
    pub stored: PathBuf,
    throttle: Option<u64>,
}

impl Sink {
    /// Starts a receiver whose files stand in the outpost's directory.
    pub fn start(outpost: &Outpost, wire: Wire, throttle: Option<u64>) -> Sink {
        let dir = outpost.path("receiver");
        std::fs::create_dir_all(&dir).unwrap();
        if wire == Wire::MutualTls && !dir.join("ca.pem").exists() {
            spoolgate::cli::receive::throw_away_ca(&dir).unwrap();
        }
        let stored = dir.join("stored.log");
        let port = free_port();
        let child = spawn(wire, port, &dir, &stored, throttle);
        Sink { child, wire, port, dir, stored, throttle }
    }

    /// The destination that reaches it, with further keys of `[[destination]]`.
    pub fn destination(&self, keys: &str) -> String {
        let scheme = match self.wire {
            Wire::Tcp => "tcp",
            Wire::MutualTls => "tls",
        };
        let mut text = format!(
            "[[destination]]\nname = \"siem\"\naddress = \"{scheme}://127.0.0.1:{}\"\n{keys}\n\
             [destination.retry]\ninitial_backoff = \"50ms\"\nmax_backoff = \"200ms\"\n",
            self.port
        );
        if self.wire == Wire::MutualTls {
            text += &format!(
                "[destination.tls]\nca_file = {:?}\ncert_file = {:?}\nkey_file = {:?}\n",
                self.dir.join("ca.pem"),
                self.dir.join("client.pem"),
                self.dir.join("client.key"),
            );
        }
        text
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }

    /// SIGKILL, or SIGTERM for a clean end; the port is free afterwards.
    pub fn end(&mut self, signal: Signal) {
        self.signal(signal);
        self.child.wait().unwrap();
    }

    /// Starts it again on its port; it appends to what it had stored.
    pub fn start_again(&mut self) {
        self.child = spawn(self.wire, self.port, &self.dir, &self.stored, self.throttle);
    }

    pub fn stored_lines(&self) -> usize {
        std::fs::read_to_string(&self.stored).unwrap_or_default().lines().count()
    }

    pub fn stored_bytes(&self) -> u64 {
        std::fs::metadata(&self.stored).map_or(0, |metadata| metadata.len())
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // Already gone after end().
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(wire: Wire, port: u16, dir: &Path, stored: &Path, throttle: Option<u64>) -> Child {
    let mut command = program();
    let scheme = match wire {
        Wire::Tcp => "tcp",
        Wire::MutualTls => "tls",
    };
    command.arg("receive").arg("--listen").arg(format!("{scheme}://127.0.0.1:{port}"));
    command.arg("--output").arg(stored);
    if let Some(rate) = throttle {
        command.arg("--throttle").arg(rate.to_string());
    }
    if wire == Wire::MutualTls {
        command.arg("--cert").arg(dir.join("server.pem"));
        command.arg("--key").arg(dir.join("server.key"));
        command.arg("--client-ca").arg(dir.join("ca.pem"));
    }
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut said = String::new();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    while !said.contains("listening") {
        let read = lines.read_line(&mut said).unwrap();
        assert!(read > 0, "the receiver did not start on {port}: {said}");
    }
    // Later warnings have to go somewhere, or the receiver blocks.
    std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
    child
}
