//! `dead-letter list|replay|export` on files that are not as one would wish. What the running
//! program does with them is in `service.rs`.

use std::fs;
use std::process::Output;

use crate::agent::Outpost;

/// A record of the file, its event given as JSON members.
fn record(time: &str, destination: &str, path: &str, event: &str) -> String {
    format!(
        "{{\"timestamp\":\"{time}\",\"destination\":\"{destination}\",\"connector\":\"syslog\",\
         \"error\":\"e\",\"code\":\"undecodable\",\"position\":\"00000000000000a1:0\",\
         \"path\":\"{path}\",{event}}}\n"
    )
}

/// An outpost whose spool has a format and a schema, and its dead letter.
fn outpost(records: &[String]) -> Outpost {
    let outpost = Outpost::new();
    let config =
        outpost.configure("[[destination]]\nname = \"siem\"\naddress = \"tcp://127.0.0.1\"\n");
    let text = fs::read_to_string(&config).unwrap();
    let glob = format!("path = {:?}", outpost.spool_glob());
    assert!(text.contains(&glob), "{text}");
    let with = text.replace(&glob, &format!("{glob}\nformat = \"json\"\nschema = \"aisg\""));
    fs::write(&config, with).unwrap();
    fs::create_dir_all(outpost.path("state")).unwrap();
    fs::write(outpost.path("state/dead-letter.jsonl"), records.concat()).unwrap();
    outpost
}

#[track_caller]
fn said(output: &Output, code: i32) -> (Vec<u8>, String) {
    let error = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{error}");
    (output.stdout.clone(), error)
}

fn replayed(outpost: &Outpost) -> Vec<(String, Vec<u8>)> {
    let files = fs::read_dir(outpost.path("state/replay/siem")).into_iter().flatten();
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, fs::read(path).unwrap())
    };
    files.map(read).collect()
}

#[test]
fn a_bad_line_is_reported_and_the_others_are_taken() {
    let outpost = outpost(&[
        "no record\n".to_owned(),
        record("2026-01-01T00:00:00Z", "siem", "/a", "\"event\":\"caf?\",\"raw\":\"Y2Fm6Q==\""),
        record("2026-01-01T00:00:01Z", "siem", "/a", "\"event\":\"x\",\"raw\":\"!\""),
        record("2026-01-01T00:00:02Z", "siem", "/a", "\"event\":\"last\""),
    ]);
    let (list, error) = said(&outpost.command(&["dead-letter", "list"]), 0);
    assert_eq!(list.iter().filter(|byte| **byte == b'\n').count(), 2);
    assert!(error.contains("line 1") && error.contains("line 3"), "{error}");
    let (events, _) = said(&outpost.command(&["dead-letter", "export"]), 0);
    assert_eq!(events, b"caf\xe9\nlast\n", "bytes come back as they stood");
    let (json, _) = said(&outpost.command(&["dead-letter", "list", "--json"]), 0);
    assert!(String::from_utf8(json).unwrap().contains("\"raw\":\"Y2Fm6Q==\""));
    said(&outpost.command(&["dead-letter", "replay"]), 0);
    let files = replayed(&outpost);
    assert_eq!(files.len(), 1);
    assert_eq!(files[0].1, b"caf\xe9\nlast\n");
    let (list, _) = said(&outpost.command(&["dead-letter", "list"]), 0);
    assert_eq!(list, b"");
}

#[test]
fn a_new_file_is_not_taken_for_the_one_that_was_replayed() {
    let outpost = outpost(&[record("2026-01-01T00:00:00Z", "siem", "/a", "\"event\":\"one\"")]);
    said(&outpost.command(&["dead-letter", "replay"]), 0);
    let file = outpost.path("state/dead-letter.jsonl");
    let next = record("2026-01-01T00:00:07Z", "siem", "/a", "\"event\":\"two\"");
    fs::write(&file, &next).unwrap();
    let (events, _) = said(&outpost.command(&["dead-letter", "export"]), 0);
    assert_eq!(events, b"two\n");
    // And one more in the file whose first record was replayed.
    said(&outpost.command(&["dead-letter", "replay"]), 0);
    let more = record("2026-01-01T00:00:08Z", "siem", "/a", "\"event\":\"three\"");
    fs::write(&file, next + &more).unwrap();
    let (events, _) = said(&outpost.command(&["dead-letter", "export"]), 0);
    assert_eq!(events, b"three\n");
}

#[test]
fn what_has_no_destination_any_more_stays_listed() {
    let outpost = outpost(&[
        record("2026-01-01T00:00:00Z", "gone", "/a", "\"event\":\"lonely\""),
        record("2026-01-01T00:00:01Z", "siem", "/a", "\"event\":\"two\""),
    ]);
    let (_, error) = said(&outpost.command(&["dead-letter", "replay"]), 64);
    assert!(error.contains("\"gone\"") && error.contains("siem"), "{error}");
    let (events, _) = said(&outpost.command(&["dead-letter", "export"]), 0);
    assert_eq!(events, b"lonely\n");
    let only = outpost.command(&["dead-letter", "replay", "--destination", "gone"]);
    assert!(said(&only, 64).1.contains("\"gone\""));
    assert!(!outpost.path("state/replay/gone").exists());
    let (events, _) = said(&outpost.command(&["dead-letter", "export"]), 0);
    assert_eq!(events, b"lonely\n");
}

#[test]
fn a_replayed_line_is_read_as_its_spool_says() {
    let outpost = outpost(&[]);
    let path = outpost.spool().join("a.jsonl").display().to_string();
    let records = [
        record("2026-01-01T00:00:00Z", "siem", &path, "\"event\":{\"id\":\"1\"}"),
        record("2026-01-01T00:00:01Z", "siem", "/elsewhere", "\"event\":{\"id\":\"2\"}"),
    ];
    fs::write(outpost.path("state/dead-letter.jsonl"), records.concat()).unwrap();
    said(&outpost.command(&["dead-letter", "replay"]), 0);
    let mut files = replayed(&outpost);
    files.sort_by(|a, b| a.1.cmp(&b.1));
    assert_eq!(files.len(), 2, "{files:?}");
    assert!(files[0].0.ends_with("+json+aisg.log"), "{files:?}");
    assert_eq!(files[0].1, b"{\"id\":\"1\"}\n");
    assert!(files[1].0.ends_with("+auto+auto.log"), "{files:?}");
}
