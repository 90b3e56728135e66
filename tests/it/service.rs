//! The running program: stop, reload, locks, dead letters, full disks.

use std::fs;
use std::process::Command;

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::agent::{Outpost, count, wait_until};
use crate::sink::{Sink, Wire};

const QUICK: &str = "settle = \"200ms\"";

fn events(numbers: std::ops::Range<u32>) -> Vec<u8> {
    let line = |number| format!("{{\"type\":\"loop.detected\",\"id\":\"event-{number}\"}}\n");
    numbers.map(line).collect::<String>().into_bytes()
}

#[test]
fn a_clean_stop_proves_everything_and_the_next_start_repeats_nothing() {
    let outpost = Outpost::new();
    let sink = Sink::start(&outpost, Wire::MutualTls, None);
    outpost.configure(&sink.destination("settle = \"60s\""));
    outpost.append("a.jsonl", &events(0..3000));
    let mut agent = outpost.start();
    // The stop proves what was sent; what was only read would be sent by the next start.
    agent.wait_for("everything stored", |_| sink.stored_lines() == 3000);
    assert!(agent.stop().success(), "{}", outpost.log());
    outpost.verify(&[&sink.stored]).assert_exactly_once();
    let mut agent = outpost.start();
    let status = agent.wait_for("a connection", |status| status["state"] == "up");
    assert_eq!((count(&status, "confirmed"), count(&status, "read")), (3000, 3000));
    outpost.append("a.jsonl", &events(3000..3010));
    agent.wait_for("the new ones stored", |_| sink.stored_lines() == 3010);
    assert!(agent.stop().success());
    outpost.verify(&[&sink.stored]).assert_exactly_once();
}

#[test]
fn a_reload_neither_loses_nor_repeats() {
    let outpost = Outpost::new();
    let first = Sink::start(&outpost, Wire::Tcp, None);
    let other = Outpost::new();
    let second = Sink::start(&other, Wire::Tcp, None);
    // The second receiver is named from the start, as what fails over: the sandbox admits a reload
    // to ports of the start alone.
    let preferred = format!("\"tcp://127.0.0.1:{}\"", first.port);
    let both = format!("[{preferred}, \"tcp://127.0.0.1:{}\"]", second.port);
    let untouched = first.destination(QUICK).replace(&preferred, &both);
    let added = second.destination(QUICK).replace("\"siem\"", "\"second\"");
    outpost.configure(&untouched);
    outpost.append("a.jsonl", &events(0..2000));
    let mut agent = outpost.start();
    agent.wait_for("some read", |status| count(status, "read") > 0);
    outpost.configure(&(untouched.clone() + &added));
    agent.signal(Signal::SIGHUP);
    wait_until("two destinations", || (agent.status().len() == 2).then_some(()));
    outpost.append("a.jsonl", &events(2000..4000));
    let changed = added.replace(QUICK, "settle = \"300ms\"");
    outpost.configure(&(untouched.clone() + &changed));
    agent.signal(Signal::SIGHUP);
    outpost.append("a.jsonl", &events(4000..5000));
    wait_until("both have everything", || {
        let all = agent.status();
        (all.len() == 2 && all.iter().all(|one| count(one, "confirmed") == 5000)).then_some(())
    });
    outpost.configure("[[destination]]\nname = \"siem\"\nadress = \"tcp://127.0.0.1\"\n");
    agent.signal(Signal::SIGHUP);
    wait_until("the refusal in the log", || {
        let log = outpost.log();
        (log.contains("reload refused") && log.contains("did you mean `address`")).then_some(())
    });
    assert_eq!(agent.status().len(), 2, "the old configuration stays in force");
    outpost.configure(&(untouched + &changed));
    assert!(agent.stop().success());
    outpost.verify(&[&first.stored]).assert_exactly_once();
    outpost.verify(&[&second.stored]).assert_exactly_once();
}

#[test]
fn the_log_says_no_more_than_log_level() {
    let outpost = Outpost::new();
    let sink = Sink::start(&outpost, Wire::Tcp, None);
    let config = outpost.configure(&sink.destination(QUICK));
    let text = fs::read_to_string(&config).unwrap();
    for (level, expected) in [("error", false), ("info", true)] {
        fs::write(&config, format!("log_level = \"{level}\"\n{text}")).unwrap();
        let mut agent = outpost.start();
        agent.wait_for("a connection", |status| status["state"] == "up");
        assert!(agent.stop().success());
        assert_eq!(outpost.log().contains("INFO"), expected, "{level}: {}", outpost.log());
    }
}

#[test]
fn two_programs_never_share_a_state_directory() {
    let outpost = Outpost::new();
    let sink = Sink::start(&outpost, Wire::Tcp, None);
    outpost.configure(&sink.destination(QUICK));
    let mut agent = outpost.start();
    agent.wait_for("a connection", |status| status["state"] == "up");
    let output = outpost.command(&["run"]);
    assert_eq!(output.status.code(), Some(74));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains(&outpost.path("state").display().to_string()), "{text}");
}

#[test]
fn a_link_that_breaks_over_and_over_buries_a_line_once() {
    let outpost = Outpost::new();
    // Far more than one read of the spool, a broken line in each hundred.
    let line = |number: u32| match number % 100 {
        0 => "{\"broken\":\n".to_owned(),
        _ => format!("{{\"id\":\"event-{number}\",\"text\":\"{}\"}}\n", "x".repeat(200)),
    };
    let lines: String = (0..5000).map(line).collect();
    outpost.append("a.jsonl", lines.as_bytes());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    outpost.configure(&format!(
        "[[destination]]\nname = \"siem\"\naddress = \"tcp://127.0.0.1:{port}\"\n\
         [destination.retry]\ninitial_backoff = \"10ms\"\nmax_backoff = \"20ms\"\n"
    ));
    let agent = outpost.start();
    let records = || {
        let output = outpost.command(&["dead-letter", "list", "--json"]);
        String::from_utf8(output.stdout).unwrap().lines().count()
    };
    // Every connection is read for a while and then reset, with bytes unread.
    for _ in 0..10 {
        let (mut stream, _) = listener.accept().unwrap();
        std::io::Read::read_exact(&mut stream, &mut [0; 400_000]).unwrap();
    }
    let (mut last, _) = listener.accept().unwrap();
    std::thread::spawn(move || std::io::copy(&mut last, &mut std::io::sink()));
    wait_until("all lines buried", || (records() >= 50).then_some(()));
    agent.signal(Signal::SIGKILL);
    assert_eq!(records(), 50);
}

#[test]
fn what_cannot_be_delivered_is_in_the_dead_letter_and_can_be_replayed() {
    let outpost = Outpost::new();
    let sink = Sink::start(&outpost, Wire::Tcp, None);
    let destination = sink.destination(QUICK);
    let config = outpost.configure(&destination);
    let long = format!("{{\"id\":\"long\",\"message\":\"{}\"}}\n", "x".repeat(3000));
    let small = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("max_event_bytes = 2000\n{small}")).unwrap();
    outpost.append("a.jsonl", &[&events(0..5), b"{\"broken\":\n".as_slice()].concat());
    outpost.append("a.jsonl", long.as_bytes());
    outpost.append("a.jsonl", &events(5..10));
    let mut agent = outpost.start();
    let status = agent.wait_confirmed(10);
    assert_eq!((count(&status, "dead_lettered"), count(&status, "read")), (2, 12), "{status}");
    let output = outpost.command(&["dead-letter", "list", "--json"]);
    let listed = String::from_utf8(output.stdout).unwrap();
    let records: Vec<Value> =
        listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let codes: Vec<_> = records.iter().map(|record| record["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["undecodable", "unreadable"]);
    assert!(records[1]["error"].as_str().unwrap().contains("max_event_bytes = 2000"), "{listed}");
    let output = outpost.command(&["dead-letter", "export"]);
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("{\"broken\":\n"));
    // The long one passes now; the broken one comes back.
    fs::write(&config, small).unwrap();
    agent.signal(Signal::SIGHUP);
    wait_until("the reload", || outpost.log().contains("reloaded").then_some(()));
    let output = outpost.command(&["dead-letter", "replay"]);
    assert!(output.status.success(), "{output:?}");
    let status = agent.wait_confirmed(11);
    assert_eq!(count(&status, "dead_lettered"), 3, "{status}");
    let stored = fs::read_to_string(&sink.stored).unwrap();
    assert_eq!(stored.matches("- long -").count(), 1);
}

#[test]
fn a_full_disk_holds_delivery_and_loses_nothing() {
    let outpost = Outpost::new();
    let sink = Sink::start(&outpost, Wire::Tcp, None);
    outpost.configure(&sink.destination(QUICK));
    let state = outpost.path("state");
    fs::create_dir(&state).unwrap();
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs"])
        .arg(&state)
        .status()
        .unwrap();
    assert!(mount.success(), "a full disk needs a small one: run as root");
    let _unmount = Unmount(state.clone());
    let mut agent = outpost.start();
    agent.wait_for("a connection", |status| status["state"] == "up");
    // The rest of the disk, less than a block.
    let filler = state.join("filler");
    let fill = Command::new("dd")
        .args(["if=/dev/zero", "bs=4096", &format!("of={}", filler.display())])
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(!fill.success(), "the disk is not full");
    let broken = "not an event, and long enough to need a block of its own\n".repeat(200);
    outpost.append("a.jsonl", &[events(0..5).as_slice(), broken.as_bytes()].concat());
    let status = agent.wait_for("the hold", |status| status["state"] == "held");
    assert_eq!(status["last_error"]["code"], "dead_letter_unwritable", "{status}");
    assert_eq!(count(&status, "dead_lettered"), 0, "{status}");
    fs::remove_file(filler).unwrap();
    let status = agent.wait_for("delivery", |status| count(status, "confirmed") == 5);
    assert_eq!(count(&status, "dead_lettered"), 200, "{status}");
    assert!(agent.stop().success());
    outpost.verify(&[&sink.stored]).assert_nothing_lost();
}

struct Unmount(std::path::PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        // A mount that stays behind goes with the machine.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_lost_state_directory_means_a_replay_and_no_loss() {
    let outpost = Outpost::new();
    let sink = Sink::start(&outpost, Wire::Tcp, None);
    outpost.configure(&sink.destination(QUICK));
    outpost.append("a.jsonl", &events(0..100));
    let mut agent = outpost.start();
    agent.wait_confirmed(100);
    assert!(agent.stop().success());
    fs::remove_dir_all(outpost.path("state")).unwrap();
    let mut agent = outpost.start();
    agent.wait_confirmed(100);
    assert!(agent.stop().success());
    let verdict = outpost.verify(&[&sink.stored]);
    verdict.assert_nothing_lost();
    assert_eq!(verdict.duplicated, 100);
}

#[test]
fn the_rate_is_kept() {
    let outpost = Outpost::new();
    let sink = Sink::start(&outpost, Wire::Tcp, None);
    outpost.configure(&sink.destination("settle = \"100ms\"\nmax_eps = 500"));
    outpost.append("a.jsonl", &events(0..1500));
    let began = std::time::Instant::now();
    let mut agent = outpost.start();
    agent.wait_confirmed(1500);
    let took = began.elapsed().as_secs_f64();
    assert!(took >= 2.5, "1,500 events at 500 a second took {took} s");
}
