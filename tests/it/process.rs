//! Child processes on loopback ports: started, awaited, signalled, and never left behind.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long a condition may take: longer than any honest wait on a machine with busy cores.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Tries a condition every few milliseconds; panics with `what` at the deadline.
#[track_caller]
pub fn wait_until<T>(
    what: &str,
    deadline: Duration,
    mut condition: impl FnMut() -> Option<T>,
) -> T {
    let end = Instant::now() + deadline;
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(Instant::now() < end, "waited {deadline:?} in vain for: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A child process; killed, by its own id, when dropped. It also dies with the thread that
/// started it, so that an aborted test run leaves nothing behind.
#[derive(Debug)]
pub struct Process {
    child: Child,
    output: PathBuf,
}

impl Process {
    /// Starts it; what it says goes to the file `output`, behind what is there.
    pub fn start(command: &Command, output: &Path) -> Process {
        let file = File::options().create(true).append(true).open(output).unwrap();
        let mut bound_to_us = Command::new("setpriv");
        bound_to_us.args(["--pdeathsig", "KILL", "--"]).arg(command.get_program());
        bound_to_us.args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => bound_to_us.env(name, value),
                None => bound_to_us.env_remove(name),
            };
        }
        if let Some(dir) = command.get_current_dir() {
            bound_to_us.current_dir(dir);
        }
        bound_to_us.stdin(Stdio::null()).stderr(file.try_clone().unwrap()).stdout(file);
        let child = bound_to_us.spawn().unwrap_or_else(|error| {
            panic!("cannot start {command:?}: {error}; setpriv is in util-linux, see tests/run")
        });
        Process { child, output: output.to_owned() }
    }

    /// What it has said so far.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.output).unwrap_or_default()).into_owned()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// SIGSTOP, and waits until it has come to a stop.
    pub fn pause(&self) {
        self.signal(Signal::SIGSTOP);
        wait_until("the process to stop", DEADLINE, || (self.state() == Some('T')).then_some(()));
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// SIGKILL, and waits for its end.
    pub fn kill(&mut self) {
        if self.ended().is_none() {
            self.signal(Signal::SIGKILL);
        }
        let status = self.child.wait().unwrap();
        assert!(status.signal().is_some(), "ended by itself: {status}: {}", self.said());
    }

    /// SIGTERM, and waits for its end.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        wait_until("the process to end", DEADLINE, || self.ended())
    }

    /// Whether this process itself has the port, TCP (listening) or UDP.
    pub fn has_port(&self, port: u16) -> bool {
        let fds = format!("/proc/{}/fd", self.child.id());
        let Ok(fds) = fs::read_dir(fds) else { return false };
        let links: Vec<_> = fds
            .filter_map(|fd| fs::read_link(fd.ok()?.path()).ok())
            .map(|link| link.display().to_string())
            .collect();
        socket_inodes(port).iter().any(|inode| links.contains(&format!("socket:[{inode}]")))
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    /// The state letter of proc(5).
    fn state(&self) -> Option<char> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        stat.rsplit_once(") ")?.1.chars().next()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Already ended is just as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The sockets on a loopback port: listening ones of TCP, all of UDP.
pub fn socket_inodes(port: u16) -> Vec<String> {
    let mut inodes = Vec::new();
    for (table, states) in [("tcp", &["0A"][..]), ("udp", &["07", "01"][..])] {
        let rows = fs::read_to_string(format!("/proc/net/{table}")).unwrap();
        for row in rows.lines().skip(1) {
            // proc(5): sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode
            let columns: Vec<_> = row.split_ascii_whitespace().collect();
            if columns[1].ends_with(&format!(":{port:04X}")) && states.contains(&columns[3]) {
                inodes.push(columns[9].to_owned());
            }
        }
    }
    inodes
}

/// A port that nobody has at this moment, for programs that cannot be given port 0. It lies below
/// Linux's ephemeral ports (from 32768): no outgoing connection takes it while its owner is down.
pub fn free_port() -> u16 {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test processes that run side by side begin at different places.
    let begin = (std::process::id().wrapping_mul(97) % u32::from(COUNT)) as u16;
    let is_free = |port| -> io::Result<()> {
        TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        UdpSocket::bind((Ipv4Addr::LOCALHOST, port))?;
        Ok(())
    };
    (0..COUNT)
        .map(|_| FIRST + begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT)
        .find(|port| is_free(*port).is_ok())
        .expect("no free port between 20000 and 31999")
}
