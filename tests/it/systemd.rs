//! What the service manager hears of the running program, from within its sandbox.

use std::fs;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::agent::{Agent, Outpost, PATIENCE, program, wait_until};
use crate::process::Process;
use crate::sink::{Sink, Wire};

const QUICK: &str = "settle = \"200ms\"";

/// Hears as systemd does, on an abstract name: the sandbox of this kernel keeps others of them out
/// of reach.
struct Listener {
    name: String,
    socket: UnixDatagram,
    deadline: Instant,
}

impl Listener {
    fn new(test: &str) -> Listener {
        let name = format!("spoolgate-it-{test}-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(name.as_bytes()).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        Listener { name, socket, deadline: Instant::now() + PATIENCE }
    }

    /// The program, as a unit with that `WatchdogSec=` starts it.
    fn program(&self, watchdog: Duration) -> Command {
        let mut command = program();
        command
            .env("NOTIFY_SOCKET", format!("@{}", self.name))
            .env("WATCHDOG_USEC", watchdog.as_micros().to_string());
        command
    }

    /// The next message that holds `wanted`.
    fn hear(&self, wanted: &str) -> String {
        loop {
            assert!(Instant::now() < self.deadline, "never heard {wanted}");
            let text = self.next(PATIENCE).unwrap_or_else(|| panic!("never heard {wanted}"));
            if text.contains(wanted) {
                return text;
            }
        }
    }

    /// The next message; `None` when there is silence for so long.
    fn next(&self, silence: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(silence)).unwrap();
        let mut bytes = [0; 4096];
        let count = self.socket.recv(&mut bytes).ok()?;
        Some(String::from_utf8(bytes[..count].to_vec()).unwrap())
    }
}

#[test]
fn the_manager_hears_of_start_reload_progress_and_end() {
    let outpost = Outpost::new();
    let sink = Sink::start(&outpost, Wire::Tcp, None);
    outpost.configure(&sink.destination(QUICK));
    let manager = Listener::new("course");
    let mut agent = outpost.start_as(manager.program(Duration::from_millis(600)));
    manager.hear("READY=1");
    assert!(outpost.path("state/lock").exists(), "ready, and the state is not open");
    assert_eq!(manager.hear("STATUS=siem up"), "STATUS=siem up; backlog 0 bytes");
    manager.hear("WATCHDOG=1");
    outpost.append("a.jsonl", b"{\"type\":\"loop.detected\",\"id\":\"1\"}\n");
    agent.wait_confirmed(1);
    agent.signal(Signal::SIGHUP);
    assert!(manager.hear("RELOADING=1").contains("MONOTONIC_USEC="));
    manager.hear("READY=1");
    assert!(agent.stop().success());
    manager.hear("STOPPING=1");
    assert!(outpost.log().contains("abstract sockets"), "{}", outpost.log());
}

/// strace holds one destination's thread where it reads the spool, as a disk that does not answer
/// would; every other thread goes on.
#[test]
fn the_watchdog_starves_while_one_loop_is_stalled() {
    let outpost = Outpost::new();
    let sink = Sink::start(&outpost, Wire::Tcp, None);
    outpost.configure(&sink.destination(QUICK));
    let manager = Listener::new("stall");
    let watchdog = Duration::from_millis(1500);
    let mut agent = outpost.start_as(manager.program(watchdog));
    manager.hear("STATUS=siem up");
    manager.hear("WATCHDOG=1");
    let thread = thread_of(&agent, "to-siem");
    let mut strace = Command::new("strace");
    strace.args(["-qq", "-p", thread.file_name().unwrap().to_str().unwrap()]);
    strace.args(["-e", "trace=pread64", "-e", "inject=pread64:delay_enter=600000000"]);
    let mut held = Process::start(&strace, &outpost.path("strace.log"));
    wait_until("strace to hold the thread", || {
        let status = fs::read_to_string(thread.join("status")).unwrap();
        (!status.contains("TracerPid:\t0\n")).then_some(())
    });
    outpost.append("a.jsonl", b"{\"type\":\"loop.detected\",\"id\":\"1\"}\n");
    let line = manager.hear("STALLED");
    assert_eq!(line, "STATUS=STALLED: destination siem makes no progress");
    // The measure itself: systemd ends a service that it has not heard of for so long.
    assert_eq!(manager.next(watchdog), None, "the watchdog was fed");
    assert!(outpost.log().contains("destination siem makes no progress"), "{}", outpost.log());
    held.kill();
    manager.hear("STATUS=siem up");
    manager.hear("WATCHDOG=1");
    agent.wait_confirmed(1);
    assert!(agent.stop().success());
}

/// The directory in /proc of the agent's thread with that name.
fn thread_of(agent: &Agent, name: &str) -> PathBuf {
    let tasks = fs::read_dir(format!("/proc/{}/task", agent.pid())).unwrap();
    let mut threads = tasks.map(|task| task.unwrap().path());
    let is_it = |task: &PathBuf| fs::read_to_string(task.join("comm")).unwrap().trim() == name;
    threads.find(is_it).unwrap_or_else(|| panic!("no thread {name}"))
}
