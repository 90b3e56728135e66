//! `verify` and `preview` on spools and receivers' files that are not as one would wish.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use crate::agent::{Outpost, Verdict};

/// An outpost and what `preview` says of its `a.jsonl`.
fn outpost(top: &str, lines: &[u8]) -> (Outpost, Vec<String>) {
    let outpost = Outpost::new();
    let config =
        outpost.configure("[[destination]]\nname = \"siem\"\naddress = \"tcp://127.0.0.1\"\n");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{top}\n{text}")).unwrap();
    outpost.append("a.jsonl", lines);
    let shown = outpost.command(&["preview", &outpost.spool().join("a.jsonl").to_string_lossy()]);
    let messages = String::from_utf8(shown.stdout).unwrap();
    (outpost, messages.lines().map(str::to_owned).collect())
}

fn store(outpost: &Outpost, content: impl AsRef<[u8]>) -> PathBuf {
    let path = outpost.path("received.log");
    fs::write(&path, content).unwrap();
    path
}

fn verify(outpost: &Outpost, content: impl AsRef<[u8]>) -> Verdict {
    outpost.verify(&[&store(outpost, content)])
}

/// What `verify` says in words.
fn said(outpost: &Outpost, glob: &str, content: impl AsRef<[u8]>) -> String {
    let received = store(outpost, content).display().to_string();
    let output = outpost.command(&["verify", "--spool", glob, &received]);
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn one_of_several_equal_events_does_not_stand_for_the_others() {
    let line = "{\"type\":\"loop.detected\"}\n";
    let (outpost, messages) = outpost("", line.repeat(3).as_bytes());
    let all = messages.join("\n") + "\n";
    verify(&outpost, &all).assert_exactly_once();
    let one = format!("{}\n", messages[0]).repeat(3);
    let verdict = verify(&outpost, one);
    assert_eq!((verdict.found, verdict.lost, verdict.duplicated), (1, 2, 2), "{verdict:?}");
    let verdict = verify(&outpost, format!("{all}{}\n", messages[1]));
    assert_eq!((verdict.found, verdict.lost, verdict.duplicated), (3, 0, 1), "{verdict:?}");
}

#[test]
fn only_the_time_of_sending_may_differ() {
    let (outpost, messages) = outpost(
        "",
        b"{\"type\":\"loop.detected\",\"id\":\"timed\",\"timestamp\":\"2026-01-01T00:00:01Z\"}\n\
          {\"type\":\"loop.detected\",\"id\":\"untimed\",\"note\":\"\xef\xbf\xbd\"}\n",
    );
    let times: Vec<&str> = messages.iter().map(|message| &message[..26]).collect();
    assert!(times[0].contains(" 2026-01-01T00:00:01"), "{times:?}");
    assert!(!times[1].contains("2026-01-01T00:00:01"), "{times:?}");
    let later = |message: &str| {
        let (head, rest) = message.split_once(' ').unwrap();
        let (_, rest) = rest.split_once(' ').unwrap();
        format!("{head} 2027-02-02T02:02:02.000Z {rest}\n")
    };
    verify(&outpost, format!("{}\n{}", messages[0], later(&messages[1]))).assert_exactly_once();
    let verdict = verify(&outpost, format!("{}{}\n", later(&messages[0]), messages[1]));
    assert_eq!((verdict.found, verdict.altered), (1, 1), "{verdict:?}");
}

#[test]
fn bytes_that_are_no_text_are_not_the_replacement_character() {
    let (outpost, messages) = outpost("", "{\"id\":\"a\",\"message\":\"x\u{fffd}y\"}\n".as_bytes());
    let message = format!("{}\n", messages[0]);
    assert!(message.contains("x\u{fffd}y"), "{message}");
    verify(&outpost, &message).assert_exactly_once();
    let (before, behind) = message.split_once('\u{fffd}').unwrap();
    let broken = [before.as_bytes(), b"\xff", behind.as_bytes()].concat();
    let verdict = verify(&outpost, broken);
    assert_eq!((verdict.found, verdict.altered + verdict.lost), (0, 1), "{verdict:?}");
}

#[test]
fn what_is_not_sent_is_not_lost() {
    let long = format!("{{\"id\":\"long\",\"message\":\"{}\"}}\n", "x".repeat(3000));
    let lines = format!("{{\"id\":\"one\"}}\n{long}{{\"id\":\"waits\"}}");
    let (outpost, messages) = outpost("max_event_bytes = 2000", lines.as_bytes());
    fs::hard_link(outpost.spool().join("a.jsonl"), outpost.spool().join("b.jsonl")).unwrap();
    let stored = format!("{}\r\n", messages[0]);
    verify(&outpost, &stored).assert_exactly_once();
    let said = said(&outpost, &outpost.spool_glob(), &stored);
    for part in ["expected 1: found 1", "dead letter 1", "no newline yet", "max_event_bytes = 2000"]
    {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
}

#[test]
fn a_cut_gz_has_a_verdict_for_its_rest() {
    let (outpost, messages) = outpost("", b"{\"id\":\"one\"}\n");
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    writer.write_all(b"{\"id\":\"one\"}\n").unwrap();
    writer.flush().unwrap();
    writer.write_all(&b"{\"id\":\"cut\"}\n".repeat(100)).unwrap();
    let whole = writer.finish().unwrap();
    fs::create_dir(outpost.path("old")).unwrap();
    fs::write(outpost.path("old/a.jsonl.gz"), &whole[..whole.len() - 20]).unwrap();
    let glob = outpost.path("old/*.gz").display().to_string();
    let said = said(&outpost, &glob, messages.join("\n") + "\n");
    assert!(said.contains("unreadable behind line"), "{said}");
    assert!(said.contains("found 1"), "{said}");
    assert!(said.contains("no [[spool]] of the configuration matches"), "{said}");
}

#[test]
fn a_file_is_read_as_its_spool_says_however_it_is_named() {
    let (outpost, _) = outpost("", b"{\"id\":\"one\"}\n");
    let config = outpost.path("spoolgate.toml");
    let text = fs::read_to_string(&config).unwrap();
    let second =
        format!("[[spool]]\npath = {:?}\nformat = \"syslog\"\n", outpost.spool().join("*.log"));
    fs::write(&config, text + &second).unwrap();
    outpost.append("b.log", b"no header at all\n");
    let odd = outpost.spool().join("../spool");
    let shown = outpost.command(&["preview", &odd.join("b.log").to_string_lossy()]);
    let message = String::from_utf8(shown.stdout).unwrap();
    assert!(message.contains("no header at all"), "{message}");
    let said = said(&outpost, &odd.join("*.log").to_string_lossy(), &message);
    assert!(said.contains("expected 1: found 1") && !said.contains("note:"), "{said}");
}
