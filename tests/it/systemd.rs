//! What the service manager hears of the running program, from within its sandbox.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Instant;

use nix::sys::signal::Signal;

use crate::agent::{Outpost, PATIENCE, program};
use crate::sink::{Sink, Wire};

#[test]
fn the_manager_hears_of_start_reload_progress_and_end() {
    let outpost = Outpost::new();
    let sink = Sink::start(&outpost, Wire::Tcp, None);
    outpost.configure(&sink.destination("settle = \"200ms\""));
    // An abstract name: the sandbox of this kernel keeps others of them out of reach.
    let name = format!("spoolgate-it-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(name.as_bytes()).unwrap();
    let manager = UnixDatagram::bind_addr(&address).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let deadline = Instant::now() + PATIENCE;
    let hear = |wanted: &str| loop {
        assert!(Instant::now() < deadline, "never heard {wanted}");
        let mut bytes = [0; 4096];
        let count = manager.recv(&mut bytes).unwrap_or_else(|_| panic!("never heard {wanted}"));
        let text = String::from_utf8(bytes[..count].to_vec()).unwrap();
        if text.contains(wanted) {
            break text;
        }
    };
    let mut command = program();
    command.env("NOTIFY_SOCKET", format!("@{name}")).env("WATCHDOG_USEC", "600000");
    let mut agent = outpost.start_as(command);
    hear("READY=1");
    assert!(outpost.path("state/lock").exists(), "ready, and the state is not open");
    assert_eq!(hear("STATUS=siem up"), "STATUS=siem up; backlog 0 bytes");
    hear("WATCHDOG=1");
    outpost.append("a.jsonl", b"{\"type\":\"loop.detected\",\"id\":\"1\"}\n");
    agent.wait_confirmed(1);
    agent.signal(Signal::SIGHUP);
    assert!(hear("RELOADING=1").contains("MONOTONIC_USEC="));
    hear("READY=1");
    assert!(agent.stop().success());
    hear("STOPPING=1");
    assert!(outpost.log().contains("abstract sockets"), "{}", outpost.log());
}
