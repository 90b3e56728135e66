//! CEF (OpenText, Common Event Format Implementation Standard) onto the tape.
//!
//! ```text
//! {"cef":{"version":"0","device_vendor":…,"device_product":…,"device_version":…,
//!         "event_class_id":…,"name":…,"severity":"5"},
//!  "extension":{"src":"192.0.2.1",…},"syslog":{…}}
//! ```
//!
//! `syslog` is there when a syslog header precedes; see [`super::syslog`].
//!
//! The header is taken strictly: version 0 or 1, seven fields, severity 0 to 10 or a word. Two
//! liberties: spaces around version and severity, and a missing seventh `|` when nothing follows.
//! `\\` and `\|` are unescaped.
//!
//! The extension is taken as real products write it, for many do not escape:
//!
//! - A key is a word of `A-Z a-z 0-9 _ . - [ ]` that stands at the beginning or behind a space,
//!   with an `=` behind it that no backslash escapes. Any other `=` belongs to the value.
//! - One space parts a value from the next key; further ones belong to the value, save at the end.
//! - `\\`, `\=`, `\n` and `\r` are unescaped; any other backslash is one.
//! - A key that stands twice is kept twice; readers of the tape take the last.
//!
//! Diagnostics: none; errors are returned.

use std::ops::Range;

use memchr::memchr2;

use super::error::DecodeError;
use super::place;
use super::syslog::Header;
use crate::model::event::{Tape, Word};

/// The fields behind the version, as members of `cef`.
const FIELDS: [Word; 5] = [
    Word::of("device_vendor"),
    Word::of("device_product"),
    Word::of("device_version"),
    Word::of("event_class_id"),
    Word::of("name"),
];
const SEVERITY: Word = Word::of("severity");

/// Adds the event whose `CEF:` stands at `start` of `line`.
pub(super) fn read(
    line: &str,
    start: usize,
    syslog: Option<&Header<'_>>,
    tape: &mut Tape,
) -> Result<(), DecodeError> {
    let root = tape.open_object();
    tape.word_key(const { Word::of("cef") });
    let header = tape.open_object();
    let extension = read_header(line, start + "CEF:".len(), tape)?;
    tape.close(header);
    tape.word_key(const { Word::of("extension") });
    let pairs = tape.open_object();
    read_extension(line, extension, tape)?;
    tape.close(pairs);
    if let Some(syslog) = syslog {
        tape.word_key(const { Word::of("syslog") });
        let header = tape.open_object();
        syslog.write(line, tape);
        tape.close(header);
    }
    tape.close(root);
    Ok(())
}

/// Returns where the extension begins.
fn read_header(line: &str, start: usize, tape: &mut Tape) -> Result<usize, DecodeError> {
    let mut at = start;
    let mut next = |missing: &'static str| {
        let (end, has_escapes) = field_end(line, at)
            .ok_or(DecodeError::CefHeader { column: line.len() + 1, missing })?;
        let range = at..end;
        at = end + 1;
        Ok((range, has_escapes))
    };
    let (range, _) = next("device_vendor")?;
    let version = line.get(range.clone()).unwrap_or("").trim();
    if !matches!(version, "0" | "1") {
        return Err(DecodeError::CefVersion { column: range.start + 1 });
    }
    place::member(tape, line, const { Word::of("version") }, version);
    // A field ends where the next begins: without its `|`, it is the next that is missing.
    for (key, following) in FIELDS.into_iter().zip(FIELDS.into_iter().skip(1).chain([SEVERITY])) {
        let (range, has_escapes) = next(following.text())?;
        tape.word_key(key);
        match has_escapes {
            true => push_unescaped(line, range, is_escaped_in_header, tape),
            false => tape.text_in_line(range.start, range.end),
        }
    }
    let end = field_end(line, at).map_or(line.len(), |(end, _)| end);
    let severity = line.get(at..end).unwrap_or("").trim();
    if !is_severity(severity) {
        return Err(DecodeError::CefSeverity { column: at + 1 });
    }
    place::member(tape, line, SEVERITY, severity);
    Ok(line.len().min(end + 1))
}

/// The first `|` at or behind `at` that is not escaped, and whether there are escapes before it.
fn field_end(line: &str, mut at: usize) -> Option<(usize, bool)> {
    let mut has_escapes = false;
    loop {
        let rest = line.as_bytes().get(at..)?;
        let found = memchr2(b'|', b'\\', rest)?;
        match rest.get(found) {
            Some(b'|') => return Some((at + found, has_escapes)),
            _ => {
                has_escapes = true;
                at += found + 2;
            }
        }
    }
}

/// 0 to 10, or a word: the standard knows five, products write more (`Informative`).
fn is_severity(text: &str) -> bool {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return text.parse::<u8>().is_ok_and(|severity| severity <= 10);
    }
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-')
}

fn read_extension(line: &str, start: usize, tape: &mut Tape) -> Result<(), DecodeError> {
    let text = line.trim_ascii_end();
    let bytes = text.as_bytes();
    let blank = bytes.iter().skip(start).take_while(|byte| **byte == b' ').count();
    let start = start + blank;
    let mut at = start;
    // Where the value began that has not ended yet, and whether a backslash stood in it.
    let mut value: Option<usize> = None;
    let mut has_escapes = false;
    let push = |range: Range<usize>, has_escapes: bool, tape: &mut Tape| match has_escapes {
        true => push_unescaped(text, range, is_escaped_in_extension, tape),
        false => tape.text_in_line(range.start, range.end),
    };
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr2(b'=', b'\\', rest)) {
        let found = at + found;
        if bytes.get(found) == Some(&b'\\') {
            has_escapes = true;
            at = found + 2;
            continue;
        }
        at = found + 1;
        let Some(key) = key_before(bytes, value.unwrap_or(start), found, value.is_some()) else {
            continue;
        };
        match value {
            // No key holds a backslash, so those that were seen stand in the value.
            Some(value) => push(value..key - 1, std::mem::take(&mut has_escapes), tape),
            None if key > start => return Err(DecodeError::CefExtension { column: start + 1 }),
            None => {}
        }
        tape.key_in_line(key, text.get(key..found).unwrap_or(""));
        value = Some(found + 1);
    }
    match value {
        Some(value) => {
            push(value..text.len(), has_escapes, tape);
            Ok(())
        }
        None if start < text.len() => Err(DecodeError::CefExtension { column: start + 1 }),
        None => Ok(()),
    }
}

/// Where the key begins that ends at the `=` at `end`; `None` when the `=` is part of a value.
/// Behind a value, a key must have a space in front.
fn key_before(bytes: &[u8], from: usize, end: usize, in_value: bool) -> Option<usize> {
    let before = bytes.get(from..end)?;
    let length = before.iter().rev().take_while(|byte| is_key_byte(**byte)).count();
    let key = end - length;
    let is_key = match key.checked_sub(1).filter(|_| key > from) {
        Some(space) => bytes.get(space) == Some(&b' '),
        None => !in_value,
    };
    (is_key && length > 0).then_some(key)
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'[' | b']')
}

/// Adds a value that holds backslashes without those escapes that `meaning` knows.
fn push_unescaped(
    line: &str,
    range: Range<usize>,
    meaning: fn(char) -> Option<char>,
    tape: &mut Tape,
) {
    let text = line.get(range).unwrap_or("");
    let out = tape.text_mut();
    let begin = out.len();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        // An unknown escape stays, and what follows it cannot begin another.
        match chars.next() {
            Some(escaped) => match meaning(escaped) {
                Some(c) => out.push(c),
                None => out.extend(['\\', escaped]),
            },
            None => out.push('\\'),
        }
    }
    tape.text_behind(begin);
}

fn is_escaped_in_header(c: char) -> Option<char> {
    matches!(c, '\\' | '|').then_some(c)
}

fn is_escaped_in_extension(c: char) -> Option<char> {
    match c {
        '\\' | '=' => Some(c),
        'n' => Some('\n'),
        'r' => Some('\r'),
        _ => None,
    }
}
