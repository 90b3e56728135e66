//! The binary that is shipped needs nothing around it.

use std::fs;
use std::process::Command;

use crate::agent::{Outpost, wait_until};
use crate::installed;
use crate::sink::{Sink, Wire};

#[test]
fn it_runs_in_an_empty_root() {
    let root = tempfile::tempdir().unwrap();
    fs::copy(installed::static_binary(), root.path().join("spoolgate")).unwrap();
    let mut command = Command::new("unshare");
    command.arg("--map-root-user").arg("--root").arg(root.path()).arg("/spoolgate");
    let output = command.arg("--version").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("linux-musl") && text.contains("ring"), "{text}");
}

/// Without a libc, a shell, /proc, /dev or /etc beside it: it delivers all the same.
#[test]
fn it_delivers_from_an_empty_root() {
    let outpost = Outpost::new();
    let mut sink = Sink::start(&outpost, Wire::Tcp, None);
    let root = outpost.path("root");
    for dir in ["spool", "state"] {
        fs::create_dir_all(root.join(dir)).unwrap();
    }
    fs::copy(installed::static_binary(), root.join("spoolgate")).unwrap();
    let line = |number| format!("{{\"type\":\"loop.detected\",\"id\":\"event-{number}\"}}\n");
    fs::write(root.join("spool/a.jsonl"), (0..1000).map(line).collect::<String>()).unwrap();
    fs::write(
        root.join("spoolgate.toml"),
        format!(
            "hostname = \"outpost.example.net\"\n[state]\ndir = \"/state\"\n\
             [[spool]]\npath = \"/spool/*.jsonl\"\n[admin]\nsocket = \"/admin.sock\"\n{}",
            sink.destination("settle = \"200ms\"")
        ),
    )
    .unwrap();
    let mut command = Command::new("unshare");
    command.arg("--root").arg(&root).arg("/spoolgate");
    command.args(["run", "--config", "/spoolgate.toml"]);
    let mut child = command.spawn().unwrap();
    wait_until("all events stored", || {
        let stored = fs::read_to_string(&sink.stored).unwrap_or_default();
        (stored.lines().count() == 1000).then_some(())
    });
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let resident = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    println!("resident after 1,000 events: {resident}");
    child.kill().unwrap();
    child.wait().unwrap();
    sink.end(nix::sys::signal::Signal::SIGTERM);
}
