//! What most devices send, `<PRI>Mmm dd hh:mm:ss host tag: message`, read word by word.
//!
//! In: a text. Out: the header that syslog_loose and the rules of [`super`] make of it, at a
//! fraction of their cost, or nothing for all that is spelled in any other way: a year or a
//! fraction in the time, structured data, words missing. A test holds one against the other, line
//! by line. Diagnostics: none.

use chrono::NaiveDate;
use syslog_loose::decompose_pri;

use super::{Header, Horizon, Time, detect};

/// The highest PRI: facility 23, severity 7 (RFC 5424, section 6.2.1).
const PRI_MAX: u8 = 191;

const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// `text` has no white space at either end.
pub(super) fn read(text: &str, horizon: Horizon) -> Option<Header<'_>> {
    let (pri, rest) = match detect::pri(text) {
        Some((pri, rest)) => (Some(u8::try_from(pri).ok().filter(|pri| *pri <= PRI_MAX)?), rest),
        None => (None, text),
    };
    let (time, rest) = time(rest, horizon)?;
    let (hostname, rest) = word(rest)?;
    // `name[process]` may be the tag, and what ends in a colon is.
    if hostname.ends_with([']', ':']) || hostname == "-" {
        return None;
    }
    let (appname, procid, message) = words(rest)?;
    let (facility, severity) = pri.map_or((None, None), decompose_pri);
    Some(Header {
        protocol: "rfc3164",
        facility,
        severity,
        time: Some(time),
        hostname: Some(hostname),
        appname,
        procid,
        msgid: None,
        structured_data: Vec::new(),
        message,
    })
}

/// `Jan  5 08:52:35 ` or `Jan 15 08:52:35 `, and what follows it.
fn time(text: &str, horizon: Horizon) -> Option<(Time<'_>, &str)> {
    let [m1, m2, m3, b' ', d1, d2, b' ', h1, h2, b':', n1, n2, b':', s1, s2, b' ', ..] =
        text.as_bytes()
    else {
        return None;
    };
    let month = MONTHS.iter().zip(1..).find(|(name, _)| ***name == [*m1, *m2, *m3])?.1;
    let digit = |octet: u8| Some(octet.wrapping_sub(b'0')).filter(|digit| *digit < 10);
    let number = |tens: u8, ones: u8| Some(digit(tens)? * 10 + digit(ones)?);
    let day = if *d1 == b' ' { digit(*d2)? } else { number(*d1, *d2)? };
    let is_clock = number(*h1, *h2)? < 24 && number(*n1, *n2)? < 60 && number(*s1, *s2)? < 60;
    let year = horizon.year(month, day.into());
    let date = NaiveDate::from_ymd_opt(year, month, day.into()).filter(|_| is_clock)?;
    Some((Time::Dated(date, text.get(7..15)?), text.get(16..)?))
}

/// A word and what follows the space behind it. Its letters are of ASCII, so that there is no
/// doubt about where it ends.
fn word(text: &str) -> Option<(&str, &str)> {
    let end = text.bytes().position(|octet| !octet.is_ascii_graphic())?;
    let (word, rest) = text.split_at_checked(end)?;
    Some((word, rest.strip_prefix(' ').filter(|_| !word.is_empty())?))
}

/// Tag, process and message.
fn words(text: &str) -> Option<(Option<&str>, Option<&str>, &str)> {
    let end = text.bytes().position(|octet| !octet.is_ascii_graphic() || octet == b':')?;
    let (word, rest) = text.split_at_checked(end)?;
    if word.is_empty() || word == "-" || !rest.starts_with([' ', ':']) {
        return None;
    }
    let (name, process) = match word.split_once('[') {
        Some((name, process)) => (name, Some(process.strip_suffix(']')?)),
        None => (word, None),
    };
    if process.is_some_and(|process| process.is_empty() || process.contains(']')) || name.is_empty()
    {
        return None;
    }
    let is_tag = process.is_some() || rest.starts_with(':');
    if !is_tag || word.starts_with('%') {
        return Some((None, None, text));
    }
    let blank = [' ', '\t'];
    let rest = rest.trim_start_matches(blank);
    let rest = rest.strip_prefix(':').unwrap_or(rest).trim_start_matches(blank);
    // Structured data, and a mark that goes.
    let message = Some(rest).filter(|rest| !rest.starts_with(['[', '-', '\u{feff}']))?;
    Some((Some(name), process, message))
}
