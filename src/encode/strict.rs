//! Strict CEF: where a value goes that its key's type does not allow.
//!
//! In: a key of the dictionary and a value that may not stand there. Out: a pair that may: an IPv6
//! key, `deviceExternalId` or a labelled `cs` slot. Diagnostics: without a free slot the value is
//! dropped, and counted.

use std::net::Ipv6Addr;

use super::cef::Line;
use super::dictionary::{Kind, Rule};
use super::scan::trim;

/// Labelled slots for text, in the order in which they are taken.
const SLOTS: [(&str, &str); 6] = [
    ("cs1", "cs1Label"),
    ("cs2", "cs2Label"),
    ("cs3", "cs3Label"),
    ("cs4", "cs4Label"),
    ("cs5", "cs5Label"),
    ("cs6", "cs6Label"),
];

/// Writes `value` to where it may stand.
pub(super) fn relocate(line: &mut Line<'_>, rule: &Rule, value: &str) {
    line.withhold_label(rule);
    let is_ipv6 = rule.kind == Kind::Ipv4 && value.parse::<Ipv6Addr>().is_ok();
    if is_ipv6 && let Some((key, label_key, label)) = ipv6_key(rule.key) {
        if is_free(line, key, label_key) {
            return write_labelled(line, key, label_key, label, value);
        }
    } else if let ("src" | "dvc", Some(target)) =
        (rule.key, line.dictionary.find("deviceExternalId"))
        && !line.written.has(target.index)
        && line.fields.pair(target.key, line.event).is_none()
        && escaped_bytes(value) <= target.value_bytes_max
    {
        return line.write(target, value, true);
    }
    // A labelled number that is none keeps the label that the schema gave it.
    let own_label = rule.partner.and_then(|partner| line.dictionary.rule(partner));
    let own_label = own_label.and_then(|label| line.fields.pair(label.key, line.event)).map(trim);
    let label = own_label.filter(|label| !label.is_empty()).unwrap_or(rule.full_name);
    match SLOTS.iter().find(|(key, label_key)| is_free(line, key, label_key)) {
        Some((key, label_key)) => write_labelled(line, key, label_key, label, value),
        None => line.encoded.dropped += 1,
    }
}

/// The standard's own place and label for an IPv6 address of each end.
fn ipv6_key(key: &str) -> Option<(&'static str, &'static str, &'static str)> {
    match key {
        "dvc" => Some(("c6a1", "c6a1Label", "Device IPv6 Address")),
        "src" => Some(("c6a2", "c6a2Label", "Source IPv6 Address")),
        "dst" => Some(("c6a3", "c6a3Label", "Destination IPv6 Address")),
        _ => None,
    }
}

/// Neither written already nor to come.
fn is_free(line: &Line<'_>, key: &str, label_key: &str) -> bool {
    [key, label_key].into_iter().all(|key| {
        let is_written = line.dictionary.find(key).is_none_or(|rule| line.written.has(rule.index));
        !is_written && line.fields.pair(key, line.event).is_none()
    })
}

fn write_labelled(line: &mut Line<'_>, key: &str, label_key: &str, label: &str, value: &str) {
    let (Some(key), Some(label_key)) = (line.dictionary.find(key), line.dictionary.find(label_key))
    else {
        return;
    };
    line.write(label_key, label, true);
    line.write(key, value, key.kind == Kind::String);
}

/// At most that many: each octet that needs an escape takes two.
fn escaped_bytes(value: &str) -> usize {
    value.len() + value.bytes().filter(|byte| matches!(byte, b'\\' | b'=' | b'\n' | b'\r')).count()
}
