//! An outpost in a temporary directory: spool, state, configuration, and the real program.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

/// Nothing in these tests takes longer on a healthy machine.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The program under test.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spoolgate"));
    command.env_remove("QRADAR_SYSLOG_HOST").stdin(Stdio::null());
    command
}

/// Waits for a condition; the text says what was missing when it never came.
pub fn wait_until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "did not happen within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A machine with software that writes events.
pub struct Outpost {
    dir: TempDir,
}

impl Outpost {
    pub fn new() -> Outpost {
        let dir = tempfile::Builder::new().prefix("outpost-").tempdir().unwrap();
        fs::create_dir(dir.path().join("spool")).unwrap();
        Outpost { dir }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn spool(&self) -> PathBuf {
        self.path("spool")
    }

    pub fn spool_glob(&self) -> String {
        self.path("spool/*.jsonl").display().to_string()
    }

    /// Appends whole lines to a spool file.
    pub fn append(&self, name: &str, lines: &[u8]) {
        let path = self.spool().join(name);
        OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(lines).unwrap();
    }

    /// Writes the configuration: what all outposts share, then `destinations`.
    pub fn configure(&self, destinations: &str) -> PathBuf {
        let path = self.path("spoolgate.toml");
        let text = format!(
            "hostname = \"outpost.example.net\"\n\
             [state]\ndir = {state:?}\n\
             [[spool]]\npath = {glob:?}\n\
             [admin]\nsocket = {socket:?}\n\
             {destinations}",
            state = self.path("state"),
            glob = self.spool_glob(),
            socket = self.path("admin.sock"),
        );
        fs::write(&path, text).unwrap();
        path
    }

    /// Runs a command of the program with this outpost's configuration.
    pub fn command(&self, arguments: &[&str]) -> Output {
        program().args(arguments).arg("--config").arg(self.path("spoolgate.toml")).output().unwrap()
    }

    /// Starts `run`; its log goes to `agent.log`.
    pub fn start(&self) -> Agent<'_> {
        self.start_as(program())
    }

    /// Starts `run` by another command line, for instance below strace.
    pub fn start_as(&self, mut command: Command) -> Agent<'_> {
        let log =
            OpenOptions::new().create(true).append(true).open(self.path("agent.log")).unwrap();
        let child = command
            .arg("run")
            .arg("--config")
            .arg(self.path("spoolgate.toml"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Agent { outpost: self, child }
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.path("agent.log")).unwrap_or_default()
    }

    /// `verify` against what a receiver stored.
    pub fn verify(&self, received: &[&Path]) -> Verdict {
        self.verify_copy("spool/*.jsonl", received)
    }

    /// The same with files of the spool that stand elsewhere in the outpost's directory.
    pub fn verify_copy(&self, pattern: &str, received: &[&Path]) -> Verdict {
        let glob = self.path(pattern).display().to_string();
        let mut arguments = vec!["verify", "--json", "--spool", &glob];
        let received: Vec<String> =
            received.iter().map(|path| path.display().to_string()).collect();
        arguments.extend(received.iter().map(String::as_str));
        let output = self.command(&arguments);
        let text = String::from_utf8(output.stdout).unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("verify said {text:?}: {error}"))
    }
}

/// What `verify --json` says.
#[derive(Debug, serde::Deserialize)]
pub struct Verdict {
    pub expected: u64,
    pub found: u64,
    pub lost: u64,
    pub duplicated: u64,
    pub altered: u64,
    pub unknown: u64,
    pub dead_lettered: u64,
    pub filtered: u64,
}

impl Verdict {
    /// Every event once, none altered, nothing else.
    pub fn assert_exactly_once(&self) {
        self.assert_nothing_lost();
        assert_eq!((self.duplicated, self.unknown), (0, 0), "{self:?}");
    }

    /// Every event, none altered, nothing that is not from the spool.
    pub fn assert_nothing_lost(&self) {
        assert!(self.expected > 0, "{self:?}");
        assert_eq!((self.lost, self.altered), (0, 0), "{self:?}");
        assert_eq!(self.found, self.expected, "{self:?}");
    }
}

/// A running `spoolgate run`; killed when dropped.
pub struct Agent<'a> {
    outpost: &'a Outpost,
    child: Child,
}

impl Agent<'_> {
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).unwrap();
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The status of each destination; empty while the program does not answer.
    pub fn status(&self) -> Vec<Value> {
        self.report()
            .map_or_else(Vec::new, |report| report["destinations"].as_array().unwrap().clone())
    }

    /// What the status socket says.
    fn report(&self) -> Option<Value> {
        let mut text = String::new();
        let read = UnixStream::connect(self.outpost.path("admin.sock"))
            .and_then(|mut socket| socket.read_to_string(&mut text));
        (read.is_ok() && !text.is_empty()).then(|| serde_json::from_str(&text).unwrap())
    }

    /// Waits until the status of the first destination is as wanted.
    pub fn wait_for(&mut self, what: &str, mut wanted: impl FnMut(&Value) -> bool) -> Value {
        wait_until(what, || {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the program ended with {status}: {}", self.outpost.log());
            }
            let status = self.status();
            for destination in &status {
                assert_adds_up(destination);
            }
            status.into_iter().next().filter(|status| wanted(status))
        })
    }

    /// Waits until that many events are confirmed.
    pub fn wait_confirmed(&mut self, events: u64) -> Value {
        self.wait_for(&format!("{events} events confirmed"), |status| {
            count(status, "confirmed") >= events
        })
    }

    /// The most memory that was ever resident, in bytes.
    pub fn resident_max(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
    }

    /// SIGTERM, and the exit within ten seconds.
    pub fn stop(self) -> ExitStatus {
        self.stop_within(Duration::from_secs(10))
    }

    /// SIGTERM, and the exit within that time.
    pub fn stop_within(mut self, limit: Duration) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        let asked = Instant::now();
        let status = wait_until("an exit after SIGTERM", || self.child.try_wait().unwrap());
        let took = asked.elapsed();
        assert!(took < limit, "the stop took {took:?}, longer than {limit:?}");
        status
    }

    /// Ends a program that runs below another one, such as strace, which ends with it.
    pub fn stop_below(mut self) {
        let pid = self.report().unwrap()["pid"].as_i64().unwrap();
        kill(Pid::from_raw(i32::try_from(pid).unwrap()), Signal::SIGTERM).unwrap();
        wait_until("an exit after SIGTERM", || self.child.try_wait().unwrap());
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Agent<'_> {
    fn drop(&mut self) {
        // Already gone after stop() and kill().
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A count of a destination's ledger.
pub fn count(status: &Value, name: &str) -> u64 {
    status["ledger"][name].as_u64().unwrap_or_else(|| panic!("no {name} in {status}"))
}

/// `read = confirmed + in flight + filtered + dead-lettered`.
pub fn assert_adds_up(status: &Value) {
    let of = |name| count(status, name);
    assert_eq!(
        of("read"),
        of("confirmed") + of("in_flight") + of("filtered") + of("dead_lettered"),
        "{status}"
    );
}
