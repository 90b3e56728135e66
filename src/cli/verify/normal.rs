//! The form in which two sendings of one event are equal.

use std::borrow::Cow;

use memchr::memmem;

use crate::model::id;

/// A message without `meta sequenceId` and ids derived from the line's place, which may differ from
/// one sending to the next.
#[derive(Debug, PartialEq, Eq)]
pub struct Normal {
    /// The header's TIMESTAMP; empty where there is none.
    pub timestamp: String,
    /// Everything else.
    pub rest: String,
    /// The id that was derived from the line's place, if there is one.
    pub derived_id: Option<String>,
}

/// Takes a message apart.
pub fn normal_form(message: &[u8]) -> Normal {
    let text = as_text(message);
    let mut out = String::with_capacity(text.len());
    let (timestamp, rest) = match header_5424(&text) {
        Some((pri, timestamp, rest)) => {
            out.push_str(pri);
            (timestamp, rest)
        }
        None => split_timestamp_3164(&text, &mut out),
    };
    let derived_id = without_derived_ids(&without_sequence_id(rest), &mut out);
    Normal { timestamp: timestamp.to_owned(), rest: out, derived_id }
}

/// Bytes that are no UTF-8 stay what they are: none becomes U+FFFD, which a sender may have sent.
/// NUL stands before them, which no message of ours holds.
fn as_text(message: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(message) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(message.len());
    for chunk in message.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push('\0');
            text.push(char::from(*byte));
        }
    }
    Cow::Owned(text)
}

/// Every id made from a place becomes `sg`, wherever it stands as a word of its own; the first of
/// them is returned.
fn without_derived_ids(text: &str, out: &mut String) -> Option<String> {
    let mut copied = 0;
    let mut first = None;
    for (at, _) in text.match_indices("sg") {
        let before = text.get(copied..at).unwrap_or_default();
        if at < copied || before.ends_with(|last: char| last.is_ascii_alphanumeric()) {
            continue;
        }
        let word = text.get(at..).unwrap_or_default();
        let end = word.find(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        let word = word.get(..end.unwrap_or(word.len())).unwrap_or_default();
        if id::is_derived(word) {
            out.push_str(before);
            out.push_str("sg");
            copied = at + word.len();
            first.get_or_insert_with(|| word.to_owned());
        }
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    first
}

/// What identifies the event: MSGID, else `externalId`.
pub fn message_id(message: &[u8]) -> Option<&[u8]> {
    if let Ok(text) = std::str::from_utf8(message)
        && let Some((_, _, rest)) = header_5424(text)
        && let Some(msgid) = rest.split(' ').nth(3)
        && msgid != "-"
    {
        return Some(msgid.as_bytes()).filter(|_| !id::is_derived(msgid));
    }
    let at = memmem::find(message, b"externalId=")? + b"externalId=".len();
    let value = message.get(at..)?;
    let end = memchr::memchr(b' ', value).unwrap_or(value.len());
    let value = value.get(..end)?;
    std::str::from_utf8(value).is_ok_and(|id| !id::is_derived(id)).then_some(value)
}

/// `<PRI>1`, the TIMESTAMP, and what stands behind: `HOSTNAME APP-NAME PROCID MSGID …`.
fn header_5424(text: &str) -> Option<(&str, &str, &str)> {
    let (pri, rest) = text.split_once(' ')?;
    if !pri.starts_with('<') || !pri.ends_with(">1") {
        return None;
    }
    let (timestamp, rest) = rest.split_once(' ')?;
    Some((pri, timestamp, rest))
}

/// `<PRI>Mmm dd hh:mm:ss `: the PRI goes to `out`; the 16 octets behind it are the time.
fn split_timestamp_3164<'a>(text: &'a str, out: &mut String) -> (&'a str, &'a str) {
    let Some((pri, rest)) = text.split_once('>').filter(|(pri, _)| pri.starts_with('<')) else {
        return ("", text);
    };
    out.push_str(pri);
    out.push('>');
    match rest.split_at_checked(16) {
        Some((timestamp, rest)) if timestamp.ends_with(' ') => (timestamp, rest),
        _ => ("", rest),
    }
}

fn without_sequence_id(text: &str) -> Cow<'_, str> {
    const BEGIN: &str = "[meta sequenceId=\"";
    let Some((before, rest)) = text.split_once(BEGIN) else { return Cow::Borrowed(text) };
    match rest.split_once('"') {
        Some((_, behind)) => Cow::Owned(format!("{before}{BEGIN}{behind}")),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_equal(first: &str, second: &str) {
        assert_eq!(normal_form(first.as_bytes()).rest, normal_form(second.as_bytes()).rest);
    }

    fn check_different(first: &str, second: &str) {
        assert_ne!(normal_form(first.as_bytes()).rest, normal_form(second.as_bytes()).rest);
    }

    #[test]
    fn two_sendings_of_one_event_are_equal() {
        let sent = |time: &str, place: &str, number: u32| {
            format!(
                "<134>1 {time} h app - {place} [meta sequenceId=\"{number}\"] CEF:0|a|b|1|c|d|5|\
                 externalId={place} msg=x"
            )
        };
        check_equal(
            &sent("2026-01-01T00:00:00.000Z", "sg0000000000000007-1f", 1),
            &sent("2026-01-01T00:00:09.000Z", "sg0000000000000009-2f", 2),
        );
        check_different(
            &sent("2026-01-01T00:00:00.000Z", "own-id", 1),
            &sent("2026-01-01T00:00:00.000Z", "other-id", 1),
        );
        check_equal("<13>Jan  1 00:00:00 h CEF:0|x", "<13>Feb 11 10:20:30 h CEF:0|x");
        check_different("<13>Jan  1 00:00:00 h CEF:0|x", "<13>Jan  1 00:00:00 h CEF:0|y");
    }

    #[test]
    fn bytes_that_are_no_text_stay_different() {
        let normal = |bytes: &[u8]| normal_form(bytes).rest;
        assert_ne!(normal(b"<134>1 t h \xff"), normal("<134>1 t h \u{fffd}".as_bytes()));
        assert_ne!(normal(b"<134>1 t h \xff"), normal(b"<134>1 t h \xfe"));
        assert_eq!(normal(b"<134>1 t h \xff"), normal(b"<134>1 u h \xff"));
    }

    #[test]
    fn the_time_and_the_derived_id_are_told() {
        let normal = normal_form(b"<134>1 2026-01-01T00:00:00Z h app - sg0000000000000007-1f - x");
        assert_eq!(normal.timestamp, "2026-01-01T00:00:00Z");
        assert_eq!(normal.derived_id.as_deref(), Some("sg0000000000000007-1f"));
        assert_eq!(normal_form(b"<13>Jan  1 00:00:00 h x").timestamp, "Jan  1 00:00:00 ");
        assert_eq!(normal_form(b"x").derived_id, None);
    }

    #[test]
    fn ids_are_found() {
        let id = |text: &'static str| message_id(text.as_bytes());
        assert_eq!(id("<134>1 t h app - req_1 - CEF:0|x"), Some(b"req_1".as_slice()));
        assert_eq!(id("<13>Jan  1 00:00:00 h CEF:0| externalId=e1 m=2"), Some(b"e1".as_slice()));
        assert_eq!(id("<134>1 t h app - sg0000000000000007-1 - CEF:0|x"), None);
        assert_eq!(id("nothing"), None);
    }
}
