//! The main job: 100,000 real lines reach real receivers, each once and unaltered.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use spoolgate::cli::receive::{ThrowAwayCa, throw_away_ca};

use crate::agent::{Outpost, Verdict, count};
use crate::receivers::{Clients, Daemon, Product, ServerTls, Wire};

const EVENTS: usize = 100_000;
const DATAGRAMS: usize = 20_000;

#[test]
fn rsyslog_over_tcp_has_every_event_once() {
    deliver(Product::Rsyslog, &Wire::Tcp, "", EVENTS);
}

#[test]
fn rsyslog_over_tls_has_every_event_once() {
    let (_dir, files) = certificates();
    let wire = Wire::Tls(ServerTls::new(&files, Clients::Anyone));
    deliver(Product::Rsyslog, &wire, &tls(&files, false), EVENTS);
}

#[test]
fn rsyslog_over_mutual_tls_has_every_event_once() {
    let (_dir, files) = certificates();
    let wire = Wire::Tls(ServerTls::new(&files, Clients::Signed));
    deliver(Product::Rsyslog, &wire, &tls(&files, true), EVENTS);
}

#[test]
fn syslog_ng_with_octet_counting_has_every_event_once() {
    deliver(Product::SyslogNg, &Wire::TcpOctetCounting, "framing = \"octet-counting\"\n", EVENTS);
}

#[test]
fn rsyslog_over_udp_has_every_datagram_at_a_rate_it_keeps_up_with() {
    deliver(Product::Rsyslog, &Wire::Udp, "max_eps = 8000\n", DATAGRAMS);
}

/// Delivers `events` lines from files that are rotated meanwhile, and has `verify` compare.
fn deliver(product: Product, wire: &Wire, keys: &str, events: usize) {
    let daemon = Daemon::start(product, wire);
    let outpost = Outpost::new();
    let scheme = match wire {
        Wire::Tcp | Wire::TcpOctetCounting => "tcp",
        Wire::Tls(_) | Wire::TlsOctetCounting(_) => "tls",
        Wire::Udp => "udp",
    };
    let (destination, sections) = keys
        .split_once("[")
        .map_or((keys, String::new()), |parts| (parts.0, format!("[{}", parts.1)));
    outpost.configure(&format!(
        "[[destination]]\nname = \"siem\"\naddress = \"{scheme}://{}\"\n\
         max_message_bytes = 32000\n{destination}{sections}",
        daemon.address()
    ));
    let samples = sample_lines();
    let third = events / 3;
    outpost.append("a.jsonl", &numbered(&samples, 0..third));
    let mut agent = outpost.start();
    outpost.append("b.jsonl", &numbered(&samples, third..2 * third));
    agent.wait_for("reading", |status| count(status, "read") > 100);
    // Rotation by rename while both are read; the new name still matches.
    std::fs::rename(outpost.spool().join("a.jsonl"), outpost.spool().join("a.1.jsonl")).unwrap();
    outpost.append("a.jsonl", &numbered(&samples, 2 * third..events));
    let status = agent.wait_for("everything passed", |status| {
        count(status, "read") == events as u64 && count(status, "in_flight") == 0
    });
    assert!(agent.stop().success(), "{}", outpost.log());
    let confirmed = count(&status, "confirmed") as usize;
    let stored = outpost.path("stored.log");
    let mut text = Vec::new();
    for message in daemon.wait_for(confirmed) {
        text.extend_from_slice(&message);
        text.push(b'\n');
    }
    std::fs::write(&stored, text).unwrap();
    let verdict: Verdict = outpost.verify(&[&stored]);
    verdict.assert_exactly_once();
    assert_eq!(verdict.expected, count(&status, "confirmed"), "{status}");
    assert_eq!(verdict.dead_lettered, count(&status, "dead_lettered"), "{status}");
    assert!(verdict.dead_lettered > 0, "the samples hold broken lines: {status}");
    assert_eq!(verdict.filtered + verdict.dead_lettered + verdict.expected, events as u64);
}

fn certificates() -> (tempfile::TempDir, ThrowAwayCa) {
    let dir = tempfile::tempdir().unwrap();
    let files = throw_away_ca(dir.path()).unwrap();
    (dir, files)
}

/// The keys of `[destination.tls]` that reach a receiver with these certificates.
pub fn tls(files: &ThrowAwayCa, with_client: bool) -> String {
    let mut text = format!("[destination.tls]\nca_file = {:?}\n", files.ca_file);
    if with_client {
        write!(
            text,
            "cert_file = {:?}\nkey_file = {:?}\n",
            files.client_cert_file, files.client_key_file
        )
        .unwrap();
    }
    text
}

/// Lines of all kinds: JSON of many vendors, OCSF, syslog, CEF, and broken ones.
fn sample_lines() -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let mut files: Vec<PathBuf> = ["json", "ocsf", "syslog", "cef"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(root.join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let lines = files.iter().flat_map(|file| {
        let text = std::fs::read(file).unwrap();
        let lines: Vec<Vec<u8>> = text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        lines
    });
    lines.filter(|line| !line.trim_ascii().is_empty() && line.len() < 8000).collect()
}

/// The samples in turn. JSON lines get an id of their own where they have none, so that each is
/// another event; of the others, equal lines stand for equal events.
fn numbered(samples: &[Vec<u8>], numbers: std::ops::Range<usize>) -> Vec<u8> {
    let mut text = Vec::new();
    for number in numbers {
        let line = &samples[number % samples.len()];
        match line.strip_prefix(b"{\"") {
            Some(rest) => {
                text.extend_from_slice(format!("{{\"event_id\":\"sample-{number}\",\"").as_bytes());
                text.extend_from_slice(rest);
            }
            None => text.extend_from_slice(line),
        }
        text.push(b'\n');
    }
    text
}
