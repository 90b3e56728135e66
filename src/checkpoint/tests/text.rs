//! The text copy.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use super::*;
use crate::checkpoint::error::Flaw;
use crate::checkpoint::state::{Change, State};
use crate::checkpoint::text_copy;

fn render(state: &State) -> String {
    let mut text = Vec::new();
    text_copy::render(state, &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

fn parse(text: &[u8]) -> Result<State, Flaw> {
    text_copy::parse(text, None)
}

fn sample() -> State {
    let mut state = State::default();
    let mut change = Change::default();
    let hostile = OsString::from_vec(b"/spool/a b%\n\xff\xc3\xa9.jsonl".to_vec());
    change.record_files(vec![file(1), FileRecord { path: hostile.into(), ..file(2) }], vec![]);
    change.record("qradar", progress(vec![cursor(1, 10), cursor(2, u64::MAX)], 3));
    change.record("a name\nwith %", progress(vec![], 0));
    change.record("", progress(vec![cursor(1, 0)], 0));
    state.apply(change);
    state
}

#[test]
fn it_comes_back() {
    let state = sample();
    let read = parse(render(&state).as_bytes()).unwrap();
    assert_eq!(read.generation, state.generation);
    assert_eq!(read.files, state.files);
    assert_eq!(read.destinations, state.destinations);
    assert_eq!(parse(render(&State::default()).as_bytes()).unwrap().generation, 0);
}

#[test]
fn it_reads_as_documented() {
    let mut state = State::default();
    let mut change = Change::default();
    change.record_files(vec![file(0xa1)], vec![]);
    change.record("qradar", progress(vec![cursor(0xa1, 51_200)], 17));
    state.apply(change);
    let text = render(&state);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "spoolgate-checkpoint 1");
    assert!(lines[1].starts_with("# "));
    assert_eq!(
        lines[2..6],
        [
            "generation 1",
            "file 00000000000000a1 64768 1161 4096 80e38da90dd80935 \
             /var/spool/spoolgate/events%20161.jsonl",
            "destination qradar 17 17 17 0 0 0 0 0",
            "cursor 00000000000000a1 51200 0000000000009d55",
        ]
    );
    assert!(lines[6].starts_with("end sha256 ") && lines[6].len() == 11 + 64);
    assert_eq!(lines.len(), 7);
}

#[test]
fn any_altered_byte_is_noticed() {
    let text = render(&sample()).into_bytes();
    for index in 0..text.len() {
        for flip in [0x01, 0x10, 0x80] {
            let mut damaged = text.clone();
            damaged[index] ^= flip;
            parse(&damaged).expect_err("a byte is altered");
        }
        parse(&text[..index]).expect_err("it is cut");
    }
    parse(&[text.as_slice(), b"\n"].concat()).expect_err("something follows");
    parse(&vec![0; text.len()]).expect_err("zeros");
}

#[test]
fn a_later_version_is_named() {
    let text = render(&sample()).replacen("checkpoint 1", "checkpoint 2", 1);
    let flaw = parse(text.as_bytes()).expect_err("it is newer");
    assert!(matches!(flaw, Flaw::Newer { version: 2 }), "{flaw}");
}

#[test]
fn of_one_that_is_not_newer_only_the_generation_is_read() {
    let state = sample();
    let text = render(&state);
    let read = |known| text_copy::parse(text.as_bytes(), Some(known)).unwrap();
    assert_eq!(read(state.generation - 1).files, state.files);
    for known in [state.generation, state.generation + 1] {
        let read = read(known);
        assert_eq!(read.generation, state.generation);
        assert!(read.files.is_empty() && read.destinations.is_empty());
    }
    let damaged = text.replacen("qradar", "qradaz", 1);
    text_copy::parse(damaged.as_bytes(), Some(u64::MAX)).expect_err("a byte is altered");
}

#[test]
fn a_line_that_means_nothing_is_refused_where_it_would_be_used() {
    use sha2::{Digest, Sha256};
    let text = render(&sample()).replacen("\ncursor", "\ncursed", 1);
    let body = &text[..text.rfind("end sha256 ").unwrap()];
    let text = format!("{body}end sha256 {:x}\n", Sha256::digest(body));
    for known in [None, Some(0)] {
        let flaw = text_copy::parse(text.as_bytes(), known).expect_err("it means nothing");
        assert!(flaw.to_string().contains("line 7 means nothing"), "{flaw}");
    }
    assert_eq!(text_copy::parse(text.as_bytes(), Some(1)).unwrap().generation, 1);
}
