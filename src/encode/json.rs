//! The event itself as one line of compact JSON (RFC 8259).
//!
//! In: the tape, from which the privacy guard took what must not leave; never the line as it stood
//! in the spool. Out: keys in their order, numbers as they were spelled, strings escaped anew.
//! A message over its limit has its longest strings cut to one common length, then loses members
//! from the end; `"spoolgateTruncated"` lists them. Diagnostics: true is returned for a cut.

use super::scan::{Escapes, Pieces, cut};
use super::truncate::{MARKER, Marker, VALUE_BYTES_MIN};
use crate::model::event::{Event, Kind, Value};

/// The deepest nesting that is written; decoders refuse more than this.
const DEPTH_MAX: usize = 256;

/// Appends the event so that `out` ends at most at `end`; true if something was cut for that.
pub(super) fn body(event: Event<'_>, end: usize, out: &mut Vec<u8>) -> bool {
    let Some(root) = event.root() else {
        out.extend_from_slice(b"{}");
        return false;
    };
    let start = out.len();
    let mut whole = Writer { out, end, level: usize::MAX, path: String::new(), marker: None };
    if whole.value(root, 0) {
        return false;
    }
    out.truncate(start);
    shorten(root, end, out);
    true
}

/// The rare path: bisects for the greatest length of strings that fits.
fn shorten(root: Value<'_>, end: usize, out: &mut Vec<u8>) {
    let start = out.len();
    let (mut low, mut high) = (VALUE_BYTES_MIN, end.saturating_sub(start).max(VALUE_BYTES_MIN));
    if !attempt(root, low, false, end, out) {
        out.truncate(start);
        attempt(root, low, true, end, out);
        return;
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        out.truncate(start);
        if attempt(root, middle, false, end, out) {
            low = middle;
        } else {
            high = middle;
        }
    }
    out.truncate(start);
    attempt(root, low, false, end, out);
}

/// Writes the root with strings of at most `level` octets and the list of what was cut. With
/// `may_leave`, members without room are left out; it always fits then.
fn attempt(root: Value<'_>, level: usize, may_leave: bool, end: usize, out: &mut Vec<u8>) -> bool {
    let room = end.saturating_sub(out.len());
    let marker = Marker::new(room);
    let reserved = if may_leave { room.min(Marker::BYTES_MIN + marker.room()) } else { 0 };
    let end_of_members = end - reserved;
    let path = String::new();
    let mut writer = Writer { out, end: end_of_members, level, path, marker: Some(marker) };
    let first = writer.out.len() + 1;
    writer.out.push(b'{');
    let is_object = root.kind() == Kind::Object;
    let whole = (!is_object).then_some(("event", root));
    for (key, value) in root.members().chain(whole).filter(|(key, _)| *key != MARKER) {
        let before = writer.out.len();
        if before > first {
            writer.out.push(b',');
        }
        if writer.member(key, value, 1) {
            continue;
        }
        if !may_leave {
            return false;
        }
        writer.out.truncate(before);
        if let Some(marker) = &mut writer.marker {
            marker.add(key);
        }
    }
    let names = writer.marker.map(Marker::finish).unwrap_or_default();
    close(&names, out.len() > first, out);
    out.len() <= end
}

/// Appends the marker and the closing brace.
fn close(names: &[String], is_behind: bool, out: &mut Vec<u8>) {
    if is_behind {
        out.push(b',');
    }
    push_text(MARKER, out);
    out.extend_from_slice(b":[");
    for (at, name) in names.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        push_text(name, out);
    }
    out.extend_from_slice(b"]}");
}

struct Writer<'o> {
    out: &'o mut Vec<u8>,
    /// Writing stops behind this.
    end: usize,
    /// The most octets of a string, escaped.
    level: usize,
    /// Keys from the root to here, with dots between; kept only with a marker.
    path: String,
    marker: Option<Marker>,
}

impl Writer<'_> {
    /// False as soon as the limit is passed.
    fn value(&mut self, value: Value<'_>, depth: usize) -> bool {
        match value.kind() {
            Kind::Null => self.out.extend_from_slice(b"null"),
            Kind::Bool(true) => self.out.extend_from_slice(b"true"),
            Kind::Bool(false) => self.out.extend_from_slice(b"false"),
            Kind::Number(digits) if is_number(digits) => {
                self.out.extend_from_slice(digits.as_bytes());
            }
            Kind::Number(text) | Kind::Text(text) => self.text(text),
            Kind::Array | Kind::Object if depth >= DEPTH_MAX => {
                if self.marker.is_none() {
                    return false;
                }
                self.note();
                self.out.extend_from_slice(b"null");
            }
            Kind::Array => return self.array(value, depth),
            Kind::Object => return self.object(value, depth),
        }
        self.out.len() <= self.end
    }

    fn array(&mut self, value: Value<'_>, depth: usize) -> bool {
        self.out.push(b'[');
        for (at, item) in value.items().enumerate() {
            if at > 0 {
                self.out.push(b',');
            }
            if !self.value(item, depth + 1) {
                return false;
            }
        }
        self.out.push(b']');
        self.out.len() <= self.end
    }

    fn object(&mut self, value: Value<'_>, depth: usize) -> bool {
        self.out.push(b'{');
        for (at, (key, member)) in value.members().enumerate() {
            if at > 0 {
                self.out.push(b',');
            }
            if !self.member(key, member, depth + 1) {
                return false;
            }
        }
        self.out.push(b'}');
        self.out.len() <= self.end
    }

    fn member(&mut self, key: &str, value: Value<'_>, depth: usize) -> bool {
        push_text(key, self.out);
        self.out.push(b':');
        if self.marker.is_none() {
            return self.value(value, depth);
        }
        let outer = self.path.len();
        if outer > 0 {
            self.path.push('.');
        }
        self.path.push_str(key);
        let is_within = self.value(value, depth);
        self.path.truncate(outer);
        is_within
    }

    fn text(&mut self, text: &str) {
        let start = self.out.len() + 1;
        push_text(text, self.out);
        if self.out.len() - start <= self.level {
            return;
        }
        let kept = self.out.get(start..).map_or(0, |text| cut_escaped(text, self.level));
        self.out.truncate(start + kept);
        self.out.push(b'"');
        self.note();
    }

    fn note(&mut self) {
        if let Some(marker) = &mut self.marker {
            marker.add(&self.path);
        }
    }
}

/// Appends a string with its quotes.
fn push_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut pieces = Pieces::new(text.as_bytes(), b'"', b'\\');
    for piece in pieces.by_ref() {
        piece.append_to(out);
        match piece.special {
            b'"' => out.extend_from_slice(br#"\""#),
            b'\\' => out.extend_from_slice(br"\\"),
            b'\n' => out.extend_from_slice(br"\n"),
            b'\r' => out.extend_from_slice(br"\r"),
            b'\t' => out.extend_from_slice(br"\t"),
            0x7f => out.push(0x7f),
            control => {
                let digit =
                    |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
                out.extend_from_slice(br"\u00");
                out.extend_from_slice(&[digit(control >> 4), digit(control & 15)]);
            }
        }
    }
    out.extend_from_slice(pieces.rest());
    out.push(b'"');
}

/// The length of the longest beginning that ends neither within a character nor within an escape,
/// of which `\u00XX` is one.
fn cut_escaped(text: &[u8], most: usize) -> usize {
    let kept = cut(text, most, Escapes::Backslash);
    // An odd run of backslashes that ends before a `u` begins an escape of six octets.
    let mut at = kept.len().saturating_sub(6);
    while let Some(offset) = kept.get(at..).and_then(|rest| memchr::memchr(b'u', rest)) {
        let place = at + offset;
        let before = kept.get(..place).unwrap_or(b"");
        let backslashes = before.iter().rev().take_while(|byte| **byte == b'\\').count();
        if backslashes % 2 == 1 && place + 5 > kept.len() {
            return place - 1;
        }
        at = place + 1;
    }
    kept.len()
}

/// RFC 8259, section 6: digits, after an optional minus, and then what may follow them.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits.bytes().next().is_some_and(|byte| byte.is_ascii_digit())
        && digits.bytes().next_back().is_some_and(|byte| byte.is_ascii_digit())
        && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'))
}
