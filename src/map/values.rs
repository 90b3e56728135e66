//! Values as the text that a pair has, and whether there is any.
//!
//! In: values of the tape. Out: text: scalars as they are spelled, lists joined by commas, objects
//! as JSON. A value that is `null`, an empty list or object, or text of nothing but spaces counts
//! as absent: CEF receivers refuse such values where a key has a type.

use std::net::Ipv6Addr;

use crate::model::address::is_ipv4;
use crate::model::event::{Kind, Value};
use crate::model::text::decimal;

use super::json;
use super::path::{self, Step};
use super::plan::Only;

#[inline]
pub(super) fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_whitespace())
}

pub(super) fn is_there(value: Value<'_>) -> bool {
    match value.kind() {
        Kind::Null => false,
        Kind::Bool(_) => true,
        Kind::Number(text) | Kind::Text(text) => !is_blank(text),
        Kind::Array => value.items().any(is_there),
        Kind::Object => value.members().next().is_some(),
    }
}

pub(super) fn fits(text: &str, only: Only) -> bool {
    match only {
        Only::Ipv4 => is_ipv4(text),
        Only::Ipv6 => is_ipv6(text),
        Only::Integer => text.parse::<i64>().is_ok(),
        Only::Name => !is_ipv4(text) && !is_ipv6(text),
        Only::Scalar => true,
    }
}

/// Names and the other kind of address are told by a colon, before they are parsed.
fn is_ipv6(text: &str) -> bool {
    text.bytes().take(5).any(|octet| octet == b':') && text.parse::<Ipv6Addr>().is_ok()
}

pub(super) fn write_value(value: Value<'_>, out: &mut String) {
    match value.kind() {
        Kind::Array => write_joined(value, &[Step::Each], out),
        Kind::Object => json::write(value, out),
        _ => value.push_scalar(out),
    }
}

/// What `steps` lead to, joined by commas; what counts as absent is left out.
pub(super) fn write_joined(value: Value<'_>, steps: &[Step], out: &mut String) {
    let begin = out.len();
    path::for_each(value, steps, &mut |value| {
        if is_there(value) {
            if out.len() > begin {
                out.push(',');
            }
            write_value(value, out);
        }
        true
    });
}

/// Epoch milliseconds are in every event; `fmt` costs several times as much.
pub(super) fn write_number(number: i64, out: &mut String) {
    let (digits, length) = decimal(number.unsigned_abs());
    if number < 0 {
        out.push('-');
    }
    let digits = std::str::from_utf8(&digits).unwrap_or("");
    out.push_str(digits.get(digits.len() - length..).unwrap_or(""));
}
