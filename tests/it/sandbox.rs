//! The sandbox, tried from inside, and what it means for the running program.

use std::collections::BTreeMap;
use std::env;
use std::ffi::CString;
use std::fs::{self, File, Permissions};
use std::io;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::num::NonZeroUsize;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};
use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use nix::unistd::{Uid, chroot, execv, getppid, sethostname, setresuid, setuid};

use spoolgate::config::{Config, ThisMachine};
use spoolgate::service::sandbox;

use crate::agent::{Outpost, wait_until};
use crate::process::free_port;
use crate::sink::{Sink, Wire};

/// Set for the process that goes in: the configuration, and a TCP port that is not of it.
const FILE: &str = "SPOOLGATE_TEST_SANDBOX_FILE";
const OTHER_PORT: &str = "SPOOLGATE_TEST_SANDBOX_PORT";

/// By landlock.
const CLOSED: &str = "EACCES";
/// By seccomp.
const REFUSED: &str = "EPERM";

/// Every forbidden thing, and who refuses it; then what must go on.
const EXPECTED: &[(&str, &str)] = &[
    ("append to a spool file", CLOSED),
    ("make a file in the spool", CLOSED),
    ("remove a spool file", CLOSED),
    ("write the configuration", CLOSED),
    ("read /etc/shadow", CLOSED),
    ("read a file of another program", CLOSED),
    ("read /proc/self/environ", CLOSED),
    ("list /", CLOSED),
    ("connect to another TCP port", CLOSED),
    ("listen on a TCP port", CLOSED),
    ("start a program", REFUSED),
    ("execve", REFUSED),
    ("ptrace itself", REFUSED),
    ("ptrace the parent", REFUSED),
    ("signal the parent", REFUSED),
    ("open a raw socket", REFUSED),
    ("open a packet socket", REFUSED),
    ("open a netlink socket", REFUSED),
    ("mount", REFUSED),
    ("chroot", REFUSED),
    ("new namespaces", REFUSED),
    ("setuid", REFUSED),
    ("setresuid", REFUSED),
    ("set the host name", REFUSED),
    ("map executable memory", REFUSED),
    ("the same from another thread", REFUSED),
    ("read a spool file", "ok"),
    ("write, rename and remove a state file", "ok"),
    ("connect to a port of the configuration", "ok"),
    ("open a UDP socket", "ok"),
    ("read /etc/hosts", "ok"),
    ("read the configuration again", "ok"),
    ("start a thread", "ok"),
];

/// The test starts itself again, and the second process goes into the sandbox and tries.
#[test]
fn forbidden_things_are_refused_from_inside() {
    if let Some(file) = env::var_os(FILE) {
        try_everything(&PathBuf::from(file));
    }
    let is_root = Uid::effective().is_root();
    for user in [None, Some("nobody")].into_iter().filter(|user| user.is_none() || is_root) {
        let outpost = Outpost::new();
        fs::set_permissions(outpost.path(""), Permissions::from_mode(0o755)).unwrap();
        let allowed = TcpListener::bind("127.0.0.1:0").unwrap();
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
        outpost.append("a.jsonl", b"{}\n");
        let file = outpost.configure(&destination(port(&allowed)));
        confine(&file, "required", user);
        // Whoever may remove a socket may remove its neighbours.
        let apart = fs::read_to_string(&file).unwrap().replace("admin.sock", "run/admin.sock");
        fs::write(&file, apart).unwrap();
        let output = Command::new(env::current_exe().unwrap())
            .args(["--exact", "sandbox::forbidden_things_are_refused_from_inside", "--nocapture"])
            .env(FILE, &file)
            .env(OTHER_PORT, port(&other).to_string())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        println!("{said}");
        let results: BTreeMap<_, _> =
            said.lines().filter_map(|line| line.strip_prefix("TRIED ")?.split_once(": ")).collect();
        let expected: BTreeMap<_, _> = EXPECTED.iter().copied().collect();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(results, expected, "as {user:?}: {said}{error}");
    }
}

/// Adds the keys of the top to a configuration.
fn confine(file: &Path, mode: &str, user: Option<&str>) {
    let user = user.map_or(String::new(), |user| format!("user = {user:?}\n"));
    let text = fs::read_to_string(file).unwrap();
    fs::write(file, format!("sandbox = {mode:?}\n{user}{text}")).unwrap();
}

fn destination(port: u16) -> String {
    format!("[[destination]]\nname = \"siem\"\naddress = \"tcp://127.0.0.1:{port}\"\n")
}

/// Ends the process.
fn try_everything(file: &Path) -> ! {
    let config = Config::load(file, &ThisMachine).unwrap();
    let allowed = config.destinations[0].transport.addresses[0].port;
    let other: u16 = env::var(OTHER_PORT).unwrap().parse().unwrap();
    sandbox::enter(&config, file).unwrap();
    try_files(file);
    tell("connect to another TCP port", TcpStream::connect(("127.0.0.1", other)));
    tell("listen on a TCP port", TcpListener::bind("127.0.0.1:0"));
    tell("connect to a port of the configuration", TcpStream::connect(("127.0.0.1", allowed)));
    tell("open a UDP socket", UdpSocket::bind("127.0.0.1:0"));
    try_processes();
    try_sockets();
    try_system();
    let mount_root = || mount(Some("/"), "/", None::<&str>, MsFlags::MS_BIND, None::<&str>);
    let thread = std::thread::Builder::new().spawn(mount_root);
    match thread {
        Ok(thread) => {
            tell("start a thread", Ok::<_, Errno>(()));
            tell("the same from another thread", thread.join().unwrap());
        }
        Err(error) => tell("start a thread", Err::<(), _>(error)),
    }
    std::process::exit(0);
}

fn try_files(file: &Path) {
    let home = file.parent().unwrap();
    let (spool, state) = (home.join("spool"), home.join("state"));
    let spooled = spool.join("a.jsonl");
    tell("append to a spool file", File::options().append(true).open(&spooled));
    tell("make a file in the spool", File::create(spool.join("b.jsonl")));
    tell("remove a spool file", fs::remove_file(&spooled));
    tell("write the configuration", File::options().append(true).open(file));
    tell("read /etc/shadow", fs::read("/etc/shadow"));
    tell("read a file of another program", fs::read("/usr/bin/env"));
    tell("read /proc/self/environ", fs::read("/proc/self/environ"));
    tell("list /", fs::read_dir("/"));
    tell("read a spool file", fs::read(&spooled));
    let (new, old) = (state.join("new"), state.join("old"));
    let own = fs::write(&new, "x")
        .and_then(|()| fs::rename(&new, &old))
        .and_then(|()| fs::remove_file(&old));
    tell("write, rename and remove a state file", own);
    tell("read /etc/hosts", fs::read("/etc/hosts"));
    tell("read the configuration again", fs::read(file));
}

fn try_processes() {
    tell("start a program", Command::new("/bin/true").spawn());
    let program = CString::new("/bin/true").unwrap();
    tell("execve", execv(&program, &[&program]));
    tell("ptrace itself", ptrace::traceme());
    tell("ptrace the parent", ptrace::attach(getppid()));
    tell("signal the parent", kill(getppid(), None));
}

fn try_sockets() {
    let open = |family, kind| socket(family, kind, SockFlag::empty(), None);
    tell("open a raw socket", open(AddressFamily::Inet, SockType::Raw));
    tell("open a packet socket", open(AddressFamily::Packet, SockType::Datagram));
    tell("open a netlink socket", open(AddressFamily::Netlink, SockType::Datagram));
}

#[expect(unsafe_code, reason = "memory that nobody uses is mapped, to see that it is refused")]
fn try_system() {
    tell("mount", mount(Some("/"), "/", None::<&str>, MsFlags::MS_BIND, None::<&str>));
    tell("chroot", chroot("/tmp"));
    tell("new namespaces", unshare(CloneFlags::CLONE_NEWUSER));
    tell("setuid", setuid(Uid::from_raw(1)));
    let user = Uid::from_raw(1);
    tell("setresuid", setresuid(user, user, user));
    tell("set the host name", sethostname("somebody-else"));
    let (length, protection) = (NonZeroUsize::new(4096).unwrap(), ProtFlags::PROT_EXEC);
    // SAFETY: a new mapping at an address that the kernel chooses touches no memory in use.
    let mapped = unsafe { mmap_anonymous(None, length, protection, MapFlags::MAP_PRIVATE) };
    tell("map executable memory", mapped);
}

/// One line for the process outside.
fn tell<T, E: Into<io::Error>>(what: &str, result: Result<T, E>) {
    let answer = match result.map_err(Into::into) {
        Ok(_) => "ok".to_owned(),
        Err(error) => match error.raw_os_error() {
            Some(number) => format!("{:?}", Errno::from_raw(number)),
            None => error.to_string(),
        },
    };
    println!("TRIED {what}: {answer}");
}

#[test]
fn a_program_started_as_root_delivers_as_another_user() {
    let outpost = Outpost::new();
    let sink = Sink::start(&outpost, Wire::MutualTls, None);
    for directory in ["", "receiver"] {
        fs::set_permissions(outpost.path(directory), Permissions::from_mode(0o755)).unwrap();
    }
    let file = outpost.configure(&sink.destination("settle = \"200ms\""));
    let key = outpost.path("receiver/client.key");
    let user = if Uid::effective().is_root() {
        nix::unistd::chown(&key, Some(Uid::from_raw(65534)), None).unwrap();
        // The socket's directory is the outpost's own here, which nobody may not write to.
        fs::set_permissions(outpost.path(""), Permissions::from_mode(0o777)).unwrap();
        Some("nobody")
    } else {
        None
    };
    confine(&file, "required", user);
    outpost.append("a.jsonl", b"{\"type\":\"loop.detected\",\"id\":\"1\"}\n");
    let mut agent = outpost.start();
    agent.wait_confirmed(1);
    let status = outpost.command(&["status"]);
    let said = String::from_utf8(status.stdout).unwrap();
    assert!(said.contains("system calls") && said.contains("files"), "{said}");
    assert!(!said.contains("missing"), "{said}");
    let wanted = if user.is_some() { "user 65534" } else { "user " };
    assert!(said.contains(wanted), "{said}");
    assert!(agent.stop().success());
    outpost.verify(&[&sink.stored]).assert_exactly_once();
}

#[test]
fn a_reload_that_needs_more_is_refused_and_the_old_configuration_stays() {
    let outpost = Outpost::new();
    let sink = Sink::start(&outpost, Wire::Tcp, None);
    let good = sink.destination("settle = \"200ms\"");
    outpost.configure(&good);
    outpost.append("a.jsonl", b"{\"type\":\"loop.detected\",\"id\":\"1\"}\n");
    let mut agent = outpost.start();
    agent.wait_confirmed(1);
    let port = free_port();
    let more = destination(port).replace("siem", "more");
    outpost.configure(&(good.clone() + &more));
    agent.signal(Signal::SIGHUP);
    wait_until("the refusal of the port", || {
        let log = outpost.log();
        let phrase = format!("connect to TCP port {port}");
        (log.contains("reload refused") && log.contains(&phrase)).then_some(())
    });
    let elsewhere = Outpost::new();
    let spool = format!("[[spool]]\npath = \"{}\"\n", elsewhere.spool_glob());
    outpost.configure(&(spool + &good));
    agent.signal(Signal::SIGHUP);
    wait_until("the refusal of the spool", || {
        outpost.log().contains("a restart gives new ones").then_some(())
    });
    outpost.append("a.jsonl", b"{\"type\":\"loop.detected\",\"id\":\"2\"}\n");
    agent.wait_confirmed(2);
    assert_eq!(agent.status().len(), 1, "the old configuration stays in force");
    assert!(agent.stop().success());
}

#[test]
fn an_unknown_user_is_a_configuration_error() {
    let outpost = Outpost::new();
    let file = outpost.configure(&destination(free_port()));
    confine(&file, "best-effort", Some("no-such-user-here"));
    let output = outpost.command(&["run"]);
    assert_eq!(output.status.code(), Some(78));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("no-such-user-here") && said.contains("no such user"), "{said}");
}

#[test]
fn delivered_files_are_deleted_and_archived_from_inside() {
    let outpost = Outpost::new();
    let sink = Sink::start(&outpost, Wire::Tcp, None);
    let directories = ["delete", "archive", "done"].map(|name| outpost.path(name));
    directories.iter().for_each(|directory| fs::create_dir(directory).unwrap());
    let [delete, archive, done] = &directories;
    outpost.configure(&format!(
        "[[spool]]\npath = {:?}\nafter_delivery = \"delete\"\n\
         [[spool]]\npath = {:?}\nafter_delivery = \"archive\"\narchive_dir = {done:?}\n{}",
        delete.join("*.jsonl"),
        archive.join("*.jsonl"),
        sink.destination("settle = \"200ms\""),
    ));
    let event = |id: String| format!("{{\"type\":\"loop.detected\",\"id\":\"{id}\"}}\n");
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    for (number, directory) in [delete, archive].into_iter().enumerate() {
        let path = directory.join("old.jsonl");
        fs::write(&path, event(format!("old-{number}"))).unwrap();
        File::options().append(true).open(&path).unwrap().set_modified(long_ago).unwrap();
        // The newest file of a spool may still be written to, and stays.
        fs::write(directory.join("new.jsonl"), event(format!("new-{number}"))).unwrap();
    }
    let mut agent = outpost.start();
    agent.wait_confirmed(4);
    wait_until("both files to leave the spool", || {
        let is_gone = |directory: &Path| !directory.join("old.jsonl").exists();
        (is_gone(delete) && is_gone(archive) && !is_gone(done)).then_some(())
    });
    assert!(agent.stop().success());
    assert!(outpost.log().contains("in the sandbox"), "{}", outpost.log());
}
