//! `after_delivery`: what was delivered goes, what was not stays.
//!
//! A file is closed when it is not the newest and was not written to for a minute. The tests set
//! times of modification back instead of waiting; files are looked at every five seconds.

use std::fs::{self, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::agent::{Outpost, count, wait_until};
use crate::sink::{Sink, Wire};

const EVENTS: u64 = 300;
const KEYS: &str = "settle = \"200ms\"";

/// Events of one file.
fn events(name: &str) -> Vec<u8> {
    let line = |number| format!("{{\"type\":\"loop.detected\",\"id\":\"{name}-{number}\"}}\n");
    (0..EVENTS).map(line).collect::<String>().into_bytes()
}

/// As if nobody had written to it since.
fn age(path: &Path, minutes: u64) {
    let file = File::options().append(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(60 * minutes)).unwrap();
}

/// Writes a file of that age, and a copy that stays.
fn write(outpost: &Outpost, name: &str, content: &[u8], minutes: u64) {
    outpost.append(name, content);
    age(&outpost.spool().join(name), minutes);
    fs::write(outpost.path("copy").join(name), content).unwrap();
}

fn names(dir: &Path) -> Vec<String> {
    let names = fs::read_dir(dir).unwrap();
    let mut names: Vec<String> =
        names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn outpost() -> Outpost {
    let outpost = Outpost::new();
    for dir in ["copy", "archive"] {
        fs::create_dir(outpost.path(dir)).unwrap();
    }
    outpost
}

/// The spool's files are followed with `keys`, to `destinations`.
fn configure(outpost: &Outpost, keys: &str, destinations: &str) {
    let path = outpost.configure(destinations);
    let text = fs::read_to_string(&path).unwrap();
    let spool = format!("[[spool]]\n{keys}\n");
    // Times that are set back are noticed at the poll.
    fs::write(path, "poll_interval = \"50ms\"\n".to_owned() + &text.replace("[[spool]]\n", &spool))
        .unwrap();
}

/// `gone`: what has become of a file that left the spool.
#[track_caller]
fn check_closed_files(keys: &str, gone: impl Fn(&Outpost, &str)) {
    let outpost = outpost();
    let sink = Sink::start(&outpost, Wire::Tcp, None);
    configure(&outpost, keys, &sink.destination(KEYS));
    write(&outpost, "closed.jsonl", &events("closed"), 5);
    let unfinished = [events("unfinished"), b"{\"type\":\"loop.detected\",".to_vec()].concat();
    write(&outpost, "unfinished.jsonl", &unfinished, 4);
    write(&outpost, "newest.jsonl", &events("newest"), 3);
    let mut agent = outpost.start();
    agent.wait_confirmed(3 * EVENTS);
    let leaves = |name: &str| {
        wait_until(&format!("{name} to leave"), || {
            (!outpost.spool().join(name).exists()).then_some(())
        });
        gone(&outpost, name);
    };
    leaves("closed.jsonl");
    assert_eq!(names(&outpost.spool()), ["newest.jsonl", "unfinished.jsonl"]);

    // The newest is no more the newest; the one that is now was just written to.
    write(&outpost, "newer.jsonl", &events("newer"), 0);
    agent.wait_confirmed(4 * EVENTS);
    leaves("newest.jsonl");
    assert_eq!(names(&outpost.spool()), ["newer.jsonl", "unfinished.jsonl"]);

    // The tail is completed, delivered, and old at last.
    let rest = b"\"id\":\"last\"}\n";
    outpost.append("unfinished.jsonl", rest);
    let finished = [&unfinished[..], rest].concat();
    fs::write(outpost.path("copy/unfinished.jsonl"), finished).unwrap();
    agent.wait_confirmed(4 * EVENTS + 1);
    age(&outpost.spool().join("unfinished.jsonl"), 2);
    leaves("unfinished.jsonl");
    assert_eq!(names(&outpost.spool()), ["newer.jsonl"]);
    assert!(agent.stop().success(), "{}", outpost.log());

    // What has left is not missed, and not read again.
    let mut agent = outpost.start();
    let status = agent.wait_for("a connection", |status| status["state"] == "up");
    assert_eq!(count(&status, "read"), 4 * EVENTS + 1, "{status}");
    assert!(agent.stop().success());
    assert!(!outpost.log().contains("lost"), "{}", outpost.log());
    outpost.verify_copy("copy/*.jsonl", &[&sink.stored]).assert_exactly_once();
}

#[test]
fn delivered_files_are_deleted() {
    check_closed_files("after_delivery = \"delete\"", |outpost, _| {
        assert!(names(&outpost.path("archive")).is_empty());
    });
}

#[test]
fn delivered_files_are_archived() {
    let keys = "after_delivery = \"archive\"\narchive_dir = \"archive\"";
    check_closed_files(keys, |outpost, name| {
        let archive = outpost.path("archive");
        let original = fs::read(outpost.path("copy").join(name)).unwrap();
        if name == "unfinished.jsonl" {
            assert_eq!(fs::read(archive.join(name)).unwrap(), b"taken", "what is there stays");
            assert_eq!(fs::read(archive.join("unfinished.jsonl.1")).unwrap(), original);
        } else {
            assert_eq!(fs::read(archive.join(name)).unwrap(), original);
            fs::write(archive.join("unfinished.jsonl"), "taken").unwrap();
        }
    });
}

#[test]
fn nothing_is_deleted_before_every_destination_has_it() {
    let outpost = outpost();
    let first = Sink::start(&outpost, Wire::Tcp, None);
    let other = Outpost::new();
    let mut second = Sink::start(&other, Wire::Tcp, None);
    second.end(nix::sys::signal::Signal::SIGTERM);
    let destinations = first.destination(KEYS)
        + &second.destination(KEYS).replace("name = \"siem\"", "name = \"then\"");
    configure(&outpost, "after_delivery = \"delete\"", &destinations);
    write(&outpost, "closed.jsonl", &events("closed"), 5);
    write(&outpost, "newest.jsonl", &events("newest"), 3);
    // What is replayed to the first alone waits for the first alone: when it is gone, everything
    // was looked at that the first had confirmed by then.
    let replay = outpost.path("state/replay/siem");
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&replay).unwrap();
    let mut agent = outpost.start();
    agent.wait_confirmed(2 * EVENTS);
    for (name, minutes) in [("1+auto+auto.log", 3), ("2+auto+auto.log", 2)] {
        let partial = outpost.path(name);
        fs::write(&partial, events(name)).unwrap();
        age(&partial, minutes);
        fs::rename(partial, replay.join(name)).unwrap();
    }
    agent.wait_confirmed(4 * EVENTS);
    wait_until("the replayed file to be deleted", || {
        (!replay.join("1+auto+auto.log").exists()).then_some(())
    });
    assert_eq!(names(&outpost.spool()), ["closed.jsonl", "newest.jsonl"]);

    second.start_again();
    wait_until("the file to be deleted", || {
        (!outpost.spool().join("closed.jsonl").exists()).then_some(())
    });
    assert_eq!(names(&outpost.spool()), ["newest.jsonl"]);
    assert!(agent.stop().success(), "{}", outpost.log());
    outpost.verify_copy("copy/*.jsonl", &[&second.stored]).assert_exactly_once();
}
