//! A receiver that accepts and never reads: what it costs in memory, and what it does to others.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::agent::{Outpost, count, wait_until};
use crate::installed;
use crate::process::free_port;
use crate::sink::{Sink, Wire};

/// Listens, accepts, holds every connection and reads nothing; returns its port. It ends with the
/// test program.
fn stalled_receiver() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || listener.incoming().map(Result::unwrap).collect::<Vec<_>>());
    port
}

fn destination(name: &str, port: u16, keys: &str) -> String {
    format!(
        "[[destination]]\nname = \"{name}\"\naddress = \"tcp://127.0.0.1:{port}\"\n{keys}\n\
         [destination.retry]\ninitial_backoff = \"50ms\"\nmax_backoff = \"100ms\"\n"
    )
}

const SPOOL_BYTES: usize = 300_000_000;
/// ARCHITECTURE.md, "Memory".
const RESIDENT_MAX: u64 = 24 * 1024 * 1024;
/// A receiver is given up and filled again so often before memory is looked at.
const FILLED: u64 = 2;

/// Fills the spool with `first` and then with `block`, again and again, and lets that many
/// receivers stall.
#[track_caller]
fn check_memory(what: &str, first: &[u8], block: &[u8], destinations: usize, keys: &str) {
    let outpost = Outpost::new();
    let mut file = File::create(outpost.spool().join("a.jsonl")).unwrap();
    file.write_all(first).unwrap();
    for _ in 0..SPOOL_BYTES.div_ceil(block.len()) {
        file.write_all(block).unwrap();
    }
    let keys = format!("write_timeout = \"300ms\"\n{keys}");
    let all = (0..destinations)
        .map(|number| destination(&format!("siem-{number}"), stalled_receiver(), &keys));
    outpost.configure(&all.collect::<String>());
    let mut command = Command::new(installed::static_binary());
    command.env_remove("QRADAR_SYSLOG_HOST");
    let agent = outpost.start_as(command);
    wait_until("all receivers to be given up some times", || {
        let status = agent.status();
        let filled = |one: &serde_json::Value| {
            one["connections"].as_u64() > Some(FILLED)
                && one["last_error"]["code"] == "no_progress"
                && count(one, "in_flight") > 0
        };
        (status.len() == destinations && status.iter().all(filled)).then_some(())
    });
    let resident = agent.resident_max();
    println!("{what}, {destinations} destinations: {} KiB resident at most", resident / 1024);
    assert!(resident < RESIDENT_MAX, "{what}, {destinations} destinations: {resident}");
    assert!(agent.stop().success(), "{}", outpost.log());
}

#[test]
fn memory_is_bounded_with_ordinary_events() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples/json");
    let files = fs::read_dir(root).unwrap();
    let block: Vec<u8> = files.flat_map(|file| fs::read(file.unwrap().path()).unwrap()).collect();
    for destinations in [1, 3] {
        check_memory("events of many vendors", b"", &block, destinations, "");
    }
}

#[test]
fn memory_is_bounded_with_events_of_64_kib() {
    let mut event = "{\"type\":\"loop.detected\",\"id\":\"large\"".to_owned();
    while event.len() < 64 * 1024 {
        write!(event, ",\"key{}\":\"{}\"", event.len(), "x".repeat(500)).unwrap();
    }
    let block = (event + "}\n").repeat(20).into_bytes();
    let keys = "format = \"json\"\nmax_message_bytes = 131072";
    check_memory("events of 64 KiB", b"", &block, 3, keys);
}

/// Each line makes a message that is many times as long, or none but a record in the dead letter.
#[test]
fn memory_is_bounded_with_the_shortest_lines() {
    let events = b"{\"a\":1}\n".repeat(100_000);
    check_memory("lines that are none", &b"x\n".repeat(200_000), &events, 1, "");
    check_memory("the shortest events", b"", &events, 3, "");
}

fn events(numbers: std::ops::Range<u64>) -> Vec<u8> {
    let line = |number| format!("{{\"type\":\"loop.detected\",\"id\":\"event-{number}\"}}\n");
    numbers.map(line).collect::<String>().into_bytes()
}

/// One destination refuses, one never reads, one is well: the last notices nothing.
#[test]
fn a_dead_and_a_stalled_destination_cost_the_healthy_one_nothing() {
    const EVENTS: u64 = 60_000;
    let outpost = Outpost::new();
    let healthy = Sink::start(&outpost, Wire::Tcp, None);
    let keys = "settle = \"200ms\"";
    outpost.configure(&format!(
        "{}{}{}",
        destination("a-healthy", healthy.port, keys),
        destination("b-dead", free_port(), ""),
        destination("c-stalled", stalled_receiver(), ""),
    ));
    outpost.append("a.jsonl", &events(0..EVENTS));
    let mut agent = outpost.start();
    agent.wait_confirmed(EVENTS);
    let others = |agent: &crate::agent::Agent<'_>| {
        let status = agent.status();
        assert_eq!(status[1]["last_error"]["code"], "refused");
        assert!(count(&status[2], "read") < EVENTS, "it has to stall: {}", status[2]);
        for one in &status[1..] {
            assert_eq!(count(one, "confirmed"), 0, "{one}");
        }
    };
    others(&agent);
    // One at a time: each is there at once.
    let mut slowest = Duration::ZERO;
    for number in EVENTS..EVENTS + 20 {
        let written = Instant::now();
        outpost.append("a.jsonl", &events(number..number + 1));
        wait_until("the event at the healthy receiver", || {
            (healthy.stored_lines() as u64 == number + 1).then_some(())
        });
        slowest = slowest.max(written.elapsed());
    }
    println!("slowest of 20 events: {slowest:?}");
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    others(&agent);
    assert!(agent.stop().success(), "{}", outpost.log());
    outpost.verify(&[&healthy.stored]).assert_exactly_once();
}

/// `stop_timeout` is the whole of it: what is being written when the stop is asked for, and goes
/// out just before that is given up, does not come on top.
#[test]
fn a_stop_takes_stop_timeout_at_most() {
    const STOP_TIMEOUT: Duration = Duration::from_secs(3);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (read_some, told) = mpsc::channel();
    let receiver = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        told.recv().unwrap();
        stream.read_exact(&mut vec![0; 96 * 1024]).unwrap();
        // Holds the connection, and reads no more.
        told.recv().unwrap();
    });
    let outpost = Outpost::new();
    outpost.configure(&destination("siem", port, "stop_timeout = \"3s\""));
    outpost.append("a.jsonl", &events(0..100_000));
    let mut agent = outpost.start();
    let mut looks = (0, 0);
    agent.wait_for("a write that makes no progress", |status| {
        let read = count(status, "read");
        looks = if read == looks.0 { (read, looks.1 + 1) } else { (read, 0) };
        read > 0 && looks.1 == 20
    });
    let asked = Instant::now();
    agent.signal(Signal::SIGTERM);
    // The moment is the trial: before the write is given up at half of the time.
    thread::sleep(STOP_TIMEOUT * 2 / 5);
    read_some.send(()).unwrap();
    // Half a second for what is no waiting: threads, the last commit.
    let limit = STOP_TIMEOUT + Duration::from_millis(500);
    assert!(agent.stop_within(limit - asked.elapsed()).success(), "{}", outpost.log());
    println!("stopped after {:?}", asked.elapsed());
    read_some.send(()).unwrap();
    receiver.join().unwrap();
}
