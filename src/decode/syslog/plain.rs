//! What most devices send, `<PRI>Mmm dd hh:mm:ss host tag: message`, read word by word.
//!
//! In: a text. Out: the header that syslog_loose and the rules of [`super`] make of it, at a
//! fraction of their cost, or nothing for all that is spelled in any other way: a fraction in the
//! time, structured data, words missing. A test holds one against the other, line by line.
//! Diagnostics: none.

use chrono::NaiveDate;
use syslog_loose::decompose_pri;

use super::{Day, Header, Horizon, Time, detect, words};
use crate::model::time::is_in_every_year;

/// The highest PRI: facility 23, severity 7 (RFC 5424, section 6.2.1).
const PRI_MAX: u8 = 191;

/// `text` has no white space at either end.
pub(super) fn read(text: &str, horizon: Horizon) -> Option<Header<'_>> {
    let (pri, rest) = match detect::pri(text) {
        Some((pri, rest)) => (Some(u8::try_from(pri).ok().filter(|pri| *pri <= PRI_MAX)?), rest),
        None => (None, text),
    };
    let (day, rest) = day(rest, horizon)?;
    let (clock, rest) = clock(rest)?;
    let words = rest.strip_prefix(':').unwrap_or(rest).strip_prefix(' ')?;
    let (hostname, appname, procid, message) = match words.strip_prefix('%') {
        Some(mark) => (None, None, None, marked(mark).map(|()| words)?),
        None => {
            let (hostname, rest) = word(words)?;
            // `name[process]` may be the tag, and what ends in a colon is.
            if hostname.ends_with([']', ':']) || hostname == "-" {
                return None;
            }
            let (appname, procid, message) = tagged(rest)?;
            (Some(hostname), appname, procid, message)
        }
    };
    let (facility, severity) = pri.map_or((None, None), decompose_pri);
    Some(Header {
        protocol: words::RFC3164,
        facility,
        severity,
        time: Some(Time::Dated(day, clock)),
        hostname,
        appname,
        procid,
        msgid: None,
        structured_data: Vec::new(),
        message,
    })
}

/// `Jan  5 `, `Jan 15 ` or, as Cisco writes it, `Jan 15 2016 `, and what follows it.
fn day(text: &str, horizon: Horizon) -> Option<(Day, &str)> {
    let (month, rest) = detect::month(text)?;
    let [b' ', d1, d2, b' ', ..] = rest.as_bytes() else { return None };
    let day = if *d1 == b' ' { number(b'0', *d2)? } else { number(*d1, *d2)? };
    let rest = rest.get(4..)?;
    let (year, rest) = match rest.as_bytes() {
        [y1, y2, y3, y4, b' ', ..] => (number(*y1, *y2)? * 100 + number(*y3, *y4)?, rest.get(5..)?),
        _ => (u32::try_from(horizon.year(month, day)).ok()?, rest),
    };
    let is_there = is_in_every_year(month, day)
        || NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day).is_some();
    is_there.then_some((Day(year, month, day), rest))
}

/// `hh:mm:ss`, and what follows it.
fn clock(text: &str) -> Option<([u8; 8], &str)> {
    let (clock, _) = text.as_bytes().split_first_chunk()?;
    let [h1, h2, b':', n1, n2, b':', s1, s2] = *clock else { return None };
    let is_clock = number(h1, h2)? < 24 && number(n1, n2)? < 60 && number(s1, s2)? < 60;
    Some((*clock, text.get(8..)?)).filter(|_| is_clock)
}

fn number(tens: u8, ones: u8) -> Option<u32> {
    let digit = |octet: u8| Some(u32::from(octet.wrapping_sub(b'0'))).filter(|digit| *digit < 10);
    Some(digit(tens)? * 10 + digit(ones)?)
}

/// What may stand behind the `%` of a Cisco `%ASA-6-302013: ` that has no host before it.
fn marked(text: &str) -> Option<()> {
    let end = text.bytes().position(|octet| !octet.is_ascii_graphic() || octet == b':')?;
    let (word, rest) = text.split_at_checked(end)?;
    let rest = rest.strip_prefix(": ")?.trim_start_matches([' ', '\t']);
    (!word.contains('[') && !rest.starts_with(['[', '-'])).then_some(())
}

/// A word and what follows the space behind it. Its letters are of ASCII, so that there is no
/// doubt about where it ends.
fn word(text: &str) -> Option<(&str, &str)> {
    let end = text.bytes().position(|octet| !octet.is_ascii_graphic())?;
    let (word, rest) = text.split_at_checked(end)?;
    Some((word, rest.strip_prefix(' ').filter(|_| !word.is_empty())?))
}

/// Tag, process and message.
fn tagged(text: &str) -> Option<(Option<&str>, Option<&str>, &str)> {
    let end = text.bytes().position(|octet| !octet.is_ascii_graphic() || octet == b':')?;
    let (word, rest) = text.split_at_checked(end)?;
    if word.is_empty() || word == "-" || !rest.starts_with([' ', ':']) {
        return None;
    }
    let (name, process) = match word.bytes().position(|octet| octet == b'[') {
        Some(at) => (word.get(..at)?, Some(word.get(at + 1..)?.strip_suffix(']')?)),
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
