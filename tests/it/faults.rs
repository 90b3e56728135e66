//! What can be wrong between here and the receiver: one clear line, the state shown, tries going
//! on, and delivery as soon as the cause is gone, with nothing lost.

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;
use spoolgate::cli::receive::{Authority, Purpose, Subject, throw_away_ca};

use crate::agent::{Agent, Outpost, count};
use crate::process::free_port;
use crate::sink::{Sink, Wire};

const EVENTS: u64 = 50;

fn events() -> Vec<u8> {
    let line = |number| {
        format!(
            "{{\"type\":\"loop.detected\",\"severity\":\"high\",\"id\":\"event-{number}\",\
             \"timestamp\":\"2026-06-08T14:36:20.777Z\",\"org_id\":\"org_def456\"}}\n"
        )
    };
    (0..EVENTS).map(line).collect::<String>().into_bytes()
}

/// The receiver's directory, with its certificates, before anything is started.
fn prepared(outpost: &Outpost) -> PathBuf {
    let dir = outpost.path("receiver");
    fs::create_dir_all(&dir).unwrap();
    throw_away_ca(&dir).unwrap();
    dir
}

/// A certificate of that authority in place of the receiver's own.
fn server_certificate(authority: &Authority, dir: &Path, subject: &Subject) {
    let issued = authority.issue(subject).unwrap();
    issued.write(&dir.join("server.pem"), &dir.join("server.key")).unwrap();
    fs::write(dir.join("ca.pem"), authority.pem()).unwrap();
}

/// Waits until the fault shows in the status and was met several times; the log has one line.
fn expect_down(outpost: &Outpost, agent: &mut Agent<'_>, code: &str, remedy: &str) {
    let status = agent.wait_for(&format!("{code} in the status"), |status| {
        status["state"] == "down" && status["last_error"]["code"] == code
    });
    let first = status["last_error"]["at"].clone();
    let text = status["last_error"]["text"].as_str().unwrap();
    assert!(text.contains(remedy), "{text}");
    for _ in 0..2 {
        agent.wait_for("another try", |status| status["last_error"]["at"] != first);
    }
    let log = outpost.log();
    let lines = log.lines().filter(|line| line.contains("cannot deliver")).count();
    assert_eq!(lines, 1, "one line for the outage, whatever the number of tries: {log}");
    assert_eq!(count(&status, "confirmed"), 0);
}

/// The cause is gone: everything arrives, each event once.
fn expect_delivery(outpost: &Outpost, mut agent: Agent<'_>, sink: &Sink) {
    agent.wait_confirmed(EVENTS);
    assert!(agent.stop().success(), "{}", outpost.log());
    outpost.verify(&[&sink.stored]).assert_exactly_once();
}

const QUICK: &str = "settle = \"300ms\"";

#[test]
fn refused_port() {
    let outpost = Outpost::new();
    let mut sink = Sink::start(&outpost, Wire::Tcp, None);
    sink.end(Signal::SIGTERM);
    outpost.configure(&sink.destination(QUICK));
    outpost.append("a.jsonl", &events());
    let mut agent = outpost.start();
    expect_down(&outpost, &mut agent, "refused", &sink.port.to_string());
    sink.start_again();
    expect_delivery(&outpost, agent, &sink);
}

#[test]
fn unresolvable_name_then_a_corrected_configuration() {
    let outpost = Outpost::new();
    let sink = Sink::start(&outpost, Wire::Tcp, None);
    let good = sink.destination(QUICK);
    outpost.configure(&good.replace("127.0.0.1", "nosuchhost.invalid"));
    outpost.append("a.jsonl", &events());
    let mut agent = outpost.start();
    expect_down(&outpost, &mut agent, "unresolved", "nosuchhost.invalid");
    outpost.configure(&good);
    agent.signal(Signal::SIGHUP);
    expect_delivery(&outpost, agent, &sink);
}

#[test]
fn wrong_authority() {
    let outpost = Outpost::new();
    let dir = prepared(&outpost);
    let good = fs::read(dir.join("ca.pem")).unwrap();
    let sink = Sink::start(&outpost, Wire::MutualTls, None);
    let other = Authority::new("Another authority").unwrap();
    fs::write(dir.join("ca.pem"), other.pem()).unwrap();
    outpost.configure(&sink.destination(QUICK));
    outpost.append("a.jsonl", &events());
    let mut agent = outpost.start();
    expect_down(&outpost, &mut agent, "unknown_ca", "ca_file");
    fs::write(dir.join("ca.pem"), good).unwrap();
    expect_delivery(&outpost, agent, &sink);
}

#[test]
fn expired_certificate() {
    let outpost = Outpost::new();
    let dir = prepared(&outpost);
    let authority = Authority::new("The plant").unwrap();
    let names = ["localhost", "127.0.0.1"];
    let mut subject = Subject::new("siem", &names, Purpose::Server);
    subject.not_before = jiff::civil::date(2020, 1, 1);
    subject.not_after = jiff::civil::date(2021, 1, 1);
    server_certificate(&authority, &dir, &subject);
    client_certificate(&authority, &dir);
    let mut sink = Sink::start(&outpost, Wire::MutualTls, None);
    outpost.configure(&sink.destination(QUICK));
    outpost.append("a.jsonl", &events());
    let mut agent = outpost.start();
    expect_down(&outpost, &mut agent, "expired", "renew");
    server_certificate(&authority, &dir, &Subject::new("siem", &names, Purpose::Server));
    sink.end(Signal::SIGTERM);
    sink.start_again();
    expect_delivery(&outpost, agent, &sink);
}

#[test]
fn wrong_name() {
    let outpost = Outpost::new();
    let dir = prepared(&outpost);
    let authority = Authority::new("The plant").unwrap();
    let subject = Subject::new("siem", &["siem.example.net"], Purpose::Server);
    server_certificate(&authority, &dir, &subject);
    client_certificate(&authority, &dir);
    let sink = Sink::start(&outpost, Wire::MutualTls, None);
    let destination = sink.destination(QUICK);
    outpost.configure(&destination);
    outpost.append("a.jsonl", &events());
    let mut agent = outpost.start();
    expect_down(&outpost, &mut agent, "wrong_name", "siem.example.net");
    outpost.configure(&(destination + "server_name = \"siem.example.net\"\n"));
    agent.signal(Signal::SIGHUP);
    expect_delivery(&outpost, agent, &sink);
}

#[test]
fn refused_client_certificate() {
    let outpost = Outpost::new();
    let dir = prepared(&outpost);
    let (good, key) = (dir.join("client.pem"), dir.join("client.key"));
    let kept = (fs::read(&good).unwrap(), fs::read(&key).unwrap());
    let sink = Sink::start(&outpost, Wire::MutualTls, None);
    client_certificate(&Authority::new("Another authority").unwrap(), &dir);
    outpost.configure(&sink.destination(QUICK));
    outpost.append("a.jsonl", &events());
    let mut agent = outpost.start();
    expect_down(&outpost, &mut agent, "client_certificate_refused", "cert_file");
    fs::write(&key, kept.1).unwrap();
    fs::write(&good, kept.0).unwrap();
    expect_delivery(&outpost, agent, &sink);
}

#[test]
fn unreadable_key() {
    let outpost = Outpost::new();
    let dir = prepared(&outpost);
    let key = dir.join("client.key");
    let kept = fs::read(&key).unwrap();
    let sink = Sink::start(&outpost, Wire::MutualTls, None);
    outpost.configure(&sink.destination(QUICK));
    fs::write(&key, "not a key\n").unwrap();
    outpost.append("a.jsonl", &events());
    let mut agent = outpost.start();
    expect_down(&outpost, &mut agent, "unreadable_key", "client.key");
    fs::write(&key, kept).unwrap();
    expect_delivery(&outpost, agent, &sink);
}

/// Certificate files are looked at every 30 s; a link that works is renewed when they have changed,
/// and nothing is lost or sent twice by that.
#[test]
fn renewed_certificates_are_taken_up_while_the_link_is_in_use() {
    let outpost = Outpost::new();
    let dir = prepared(&outpost);
    let authority = Authority::new("The plant's authority").unwrap();
    let server = Subject::new("localhost", &["localhost", "127.0.0.1"], Purpose::Server);
    server_certificate(&authority, &dir, &server);
    client_certificate(&authority, &dir);
    let sink = Sink::start(&outpost, Wire::MutualTls, None);
    outpost.configure(&sink.destination(QUICK));
    outpost.append("a.jsonl", &events());
    let mut agent = outpost.start();
    agent.wait_confirmed(EVENTS);
    client_certificate(&authority, &dir);
    let status = agent.wait_for("a link with the new one", |status| {
        status["connections"] == 2 && status["state"] == "up"
    });
    assert!(outpost.log().contains("its certificates changed on disk"), "{status}");
    outpost
        .append("b.jsonl", b"{\"type\":\"loop.detected\",\"severity\":\"low\",\"id\":\"last\"}\n");
    agent.wait_confirmed(EVENTS + 1);
    assert!(agent.stop().success(), "{}", outpost.log());
    outpost.verify(&[&sink.stored]).assert_exactly_once();
}

#[test]
fn a_dead_destination_does_not_stop_another_and_fail_over_comes_back() {
    let outpost = Outpost::new();
    let mut preferred = Sink::start(&outpost, Wire::Tcp, None);
    let spare = Outpost::new();
    let second = Sink::start(&spare, Wire::Tcp, None);
    preferred.end(Signal::SIGTERM);
    let dead = free_port();
    outpost.configure(&format!(
        "[[destination]]\nname = \"pair\"\n\
         address = [\"tcp://127.0.0.1:{}\", \"tcp://127.0.0.1:{}\"]\n\
         settle = \"200ms\"\nfail_back_after = \"300ms\"\n\
         [[destination]]\nname = \"zombie\"\naddress = \"tcp://127.0.0.1:{dead}\"\n\
         [destination.retry]\ninitial_backoff = \"50ms\"\nmax_backoff = \"100ms\"\n",
        preferred.port, second.port
    ));
    outpost.append("a.jsonl", &events());
    let mut agent = outpost.start();
    agent.wait_confirmed(EVENTS);
    assert_eq!(count(&agent.status()[1], "confirmed"), 0, "nothing listens there");
    preferred.start_again();
    let back = format!("tcp://127.0.0.1:{}", preferred.port);
    agent.wait_for("the preferred receiver in use", |status| status["address"] == back.as_str());
    outpost
        .append("b.jsonl", b"{\"type\":\"loop.detected\",\"severity\":\"low\",\"id\":\"last\"}\n");
    agent.wait_confirmed(EVENTS + 1);
    assert!(agent.stop().success());
    let verdict = outpost.verify(&[&second.stored, &preferred.stored]);
    verdict.assert_exactly_once();
    assert!(fs::read_to_string(&preferred.stored).unwrap().contains("- last -"));
}

fn client_certificate(authority: &Authority, dir: &Path) {
    let subject = Subject::new("outpost", &["outpost"], Purpose::Client);
    let issued = authority.issue(&subject).unwrap();
    issued.write(&dir.join("client.pem"), &dir.join("client.key")).unwrap();
}
