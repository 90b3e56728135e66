//! A value of the tape as compact JSON: for objects in a labelled slot and for the whole event.
//!
//! In: a value, guarded keys already taken out. Out: RFC 8259 text without white space between
//! tokens; numbers as they were spelled. A text without escapes in a line of JSON goes out as it
//! stands there, and is not looked at again.

use std::fmt::Write;

use crate::model::event::{Kind, Value};

/// Appends `value` to `out`.
pub(super) fn write(value: Value<'_>, out: &mut String) {
    match value.kind() {
        Kind::Null => out.push_str("null"),
        Kind::Bool(truth) => out.push_str(if truth { "true" } else { "false" }),
        Kind::Number(digits) => out.push_str(digits),
        Kind::Text(text) => match value.quoted() {
            Some(quoted) => out.push_str(quoted),
            None => write_text(text, out),
        },
        Kind::Array => {
            out.push('[');
            for (at, item) in value.items().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Kind::Object => {
            out.push('{');
            let mut members = value.members();
            let mut is_first = true;
            while let Some((key, member)) = members.next_entry() {
                if !std::mem::take(&mut is_first) {
                    out.push(',');
                }
                match value.event().quoted_key(key) {
                    Some(quoted) => out.push_str(quoted),
                    None => write_text(key.text(), out),
                }
                out.push(':');
                write(member, out);
            }
            out.push('}');
        }
    }
}

/// RFC 8259, section 7: `"`, `\` and controls are escaped, nothing else.
fn write_text(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|b| b == b'"' || b == b'\\' || b < 0x20) {
        let Some((before, behind)) = rest.split_at_checked(at) else { break };
        out.push_str(before);
        let mut behind = behind.chars();
        match behind.next() {
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some(c @ ('"' | '\\')) => {
                out.push('\\');
                out.push(c);
            }
            // Writing to a String cannot fail.
            Some(control) => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            None => {}
        }
        rest = behind.as_str();
    }
    out.push_str(rest);
    out.push('"');
}
