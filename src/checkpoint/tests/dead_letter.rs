//! The dead letter: what is written, what comes back, and what a crash leaves.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::sync::LazyLock;

use super::*;
use crate::checkpoint::{CheckpointError, DeadLetter, DeadLetterEntry, DeadLetterRecord};
use crate::model::outcome::Cause;
use crate::model::position::Position;
use crate::model::time::EventTime;

/// An entry with that event and a reason of its own.
pub(super) fn entry(event: &[u8]) -> DeadLetterEntry<'_> {
    static CAUSE: LazyLock<Cause> =
        LazyLock::new(|| Cause::new("not_json", "expected a \"value\"\nat column 1"));
    DeadLetterEntry {
        timestamp: EventTime(1_773_360_000_000_000),
        destination: "qradar",
        connector: "syslog",
        cause: &CAUSE,
        position: Position { file: FileKey(0xa1), offset: 51_200 },
        path: Path::new("/var/spool/spoolgate/a.jsonl"),
        schema: Some("generic"),
        event,
    }
}

fn records(dir: &Path) -> Vec<DeadLetterRecord> {
    DeadLetter::read(dir).collect::<Result<_, _>>().expect("every line is a record")
}

fn path(dir: &Path) -> PathBuf {
    dir.join("dead-letter.jsonl")
}

#[test]
fn it_reads_as_documented() {
    let dir = tempfile::tempdir().unwrap();
    let letter = DeadLetter::open(dir.path()).unwrap();
    letter.append(&[entry(br#"{"id": 7.10}"#)]).unwrap();
    assert_eq!(
        fs::read_to_string(path(dir.path())).unwrap(),
        r#"{"timestamp":"2026-03-13T00:00:00Z","destination":"qradar","connector":"syslog","#
            .to_owned()
            + r#""error":"expected a \"value\"\nat column 1","code":"not_json","#
            + r#""position":"00000000000000a1:51200","path":"/var/spool/spoolgate/a.jsonl","#
            + r#""schema":"generic","event":{"id": 7.10}}"#
            + "\n"
    );
    assert_eq!(path(dir.path()).metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn every_event_comes_back_byte_for_byte() {
    fn check(event: &[u8], begins: &str) {
        let dir = tempfile::tempdir().unwrap();
        let letter = DeadLetter::open(dir.path()).unwrap();
        letter.append(&[entry(event), entry(b"next")]).unwrap();
        let found = records(dir.path());
        assert_eq!(found.len(), 2, "{}", event.escape_ascii());
        assert_eq!(found[0].event, event, "{}", event.escape_ascii());
        assert_eq!(found[0].code, "not_json");
        assert_eq!(found[0].position, "00000000000000a1:51200");
        assert_eq!(found[0].schema.as_deref(), Some("generic"));
        let text = fs::read_to_string(path(dir.path())).unwrap();
        let (_, written) = text.split_once("\"schema\":\"generic\",").unwrap();
        assert!(written.starts_with(begins), "{written}");
    }
    check(br#"{"id":7,"big":123456789012345678901234567890,"id":8}"#, r#""event":{"id":7,"#);
    check(br#" {"id":7}"#, r#""event":" {\"id"#);
    check(b"{\"id\":\n7}", r#""event":"{\"id\":\n7"#);
    check(br#"{"id":7"#, r#""event":"{\"id"#);
    check(b"[1,2]", r#""event":"[1,2]""#);
    check(br#""a string""#, r#""event":"\"a string"#);
    check(b"", r#""event":"""#);
    check(b"CEF:0|a\\|b|\x00\x1f", r#""event":"CEF:0|"#);
    check("ünïcode \u{2028}".as_bytes(), r#""event":"ünï"#);
    check(b"caf\xe9", r#""raw":"Y2Fm6Q==","event":"caf"#);
    check(b"{\"a\":\"\xff\"}", r#""raw":"#);
    check(&b"[".repeat(4000), r#""event":"[["#);
    check(&b"{\"a\":".repeat(4000), r#""event":"{\"a\"#);
}

#[test]
fn a_torn_line_is_mended() {
    fn check(torn: &[u8], kept: &[&[u8]]) {
        let dir = tempfile::tempdir().unwrap();
        DeadLetter::open(dir.path()).unwrap().append(&[entry(b"first")]).unwrap();
        let mut file = OpenOptions::new().append(true).open(path(dir.path())).unwrap();
        file.write_all(torn).unwrap();
        // A reader does not stumble over what is being written.
        assert_eq!(records(dir.path())[0].event, b"first");
        DeadLetter::open(dir.path()).unwrap().append(&[entry(b"last")]).unwrap();
        let events: Vec<_> = records(dir.path()).into_iter().map(|found| found.event).collect();
        assert_eq!(events, kept);
    }
    let whole = {
        let dir = tempfile::tempdir().unwrap();
        DeadLetter::open(dir.path()).unwrap().append(&[entry(b"second")]).unwrap();
        fs::read(path(dir.path())).unwrap()
    };
    check(b"", &[b"first", b"last"]);
    check(&whole, &[b"first", b"second", b"last"]);
    // Only its newline is missing: it is a record.
    check(&whole[..whole.len() - 1], &[b"first", b"second", b"last"]);
    for length in 1..whole.len() - 1 {
        check(&whole[..length], &[b"first", b"last"]);
    }
    // Torn across the blocks in which the last newline is looked for.
    check(&[b'{'; 64 * 1024 - 1], &[b"first", b"last"]);
    check(&vec![b'{'; 200_000], &[b"first", b"last"]);
}

#[test]
fn a_file_that_is_only_a_torn_line_is_emptied() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(path(dir.path()), vec![b'x'; 70_000]).unwrap();
    let letter = DeadLetter::open(dir.path()).unwrap();
    letter.append(&[entry(b"first")]).unwrap();
    assert_eq!(records(dir.path()).len(), 1);
}

#[test]
fn it_may_be_renamed_while_it_is_open() {
    let dir = tempfile::tempdir().unwrap();
    let letter = DeadLetter::open(dir.path()).unwrap();
    letter.append(&[entry(b"first")]).unwrap();
    fs::rename(path(dir.path()), dir.path().join("taken")).unwrap();
    letter.clone().append(&[entry(b"second")]).unwrap();
    fs::remove_file(path(dir.path())).unwrap();
    letter.append(&[entry(b"third")]).unwrap();
    let events: Vec<_> = records(dir.path()).into_iter().map(|found| found.event).collect();
    assert_eq!(events, [b"third"]);
    let taken = fs::read_to_string(dir.path().join("taken")).unwrap();
    assert_eq!(taken.lines().count(), 1);
}

#[test]
fn a_line_that_is_no_record_is_named_and_the_others_are_read() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(records(dir.path()), []);
    let letter = DeadLetter::open(dir.path()).unwrap();
    letter.append(&[entry(b"first")]).unwrap();
    let mut file = OpenOptions::new().append(true).open(path(dir.path())).unwrap();
    file.write_all(b"not a record\n").unwrap();
    // A record of the seed, which has no position.
    file.write_all(br#"{"timestamp":"t","destination":"d","error":"e","event":{}}"#).unwrap();
    file.write_all(b"\n").unwrap();
    letter.append(&[entry(b"last")]).unwrap();
    let read: Vec<_> = DeadLetter::read(dir.path()).collect();
    assert_eq!(read.len(), 4);
    assert!(matches!(read[1], Err(CheckpointError::DeadLetterLine { line: 2, .. })));
    assert_eq!(read[2].as_ref().unwrap().event, b"{}");
    assert_eq!(read[3].as_ref().unwrap().event, b"last");
}

#[test]
fn several_destinations_share_it() {
    let dir = tempfile::tempdir().unwrap();
    let letter = DeadLetter::open(dir.path()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let letter = letter.clone();
            scope.spawn(move || {
                for _ in 0..10 {
                    letter.append(&[entry(b"one"), entry(b"two")]).unwrap();
                }
            });
        }
    });
    let found = records(dir.path());
    assert_eq!(found.len(), 80);
    // Entries of one append stay together.
    assert!(found.chunks(2).all(|pair| pair[0].event == b"one" && pair[1].event == b"two"));
}
