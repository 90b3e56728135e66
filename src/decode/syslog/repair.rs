//! Headers that syslog_loose does not make out, or not whole. The rules are in [`super`].

use std::net::IpAddr;

use chrono::{DateTime, Timelike};
use syslog_loose::decompose_pri;

use super::{Header, Time, behind_pri};
use crate::decode::{detect, place};

/// A message of which PRI, a time of RFC 3339, and the words behind it can be told, at best.
pub(super) fn read(text: &str) -> Header<'_> {
    let (facility, severity) = match detect::pri(text) {
        Some((pri, _)) => u8::try_from(pri).map_or((None, None), decompose_pri),
        None => (None, None),
    };
    let mut header = Header {
        protocol: "rfc3164",
        facility,
        severity,
        time: None,
        hostname: None,
        appname: None,
        procid: None,
        msgid: None,
        structured_data: Vec::new(),
        message: behind_pri(text).trim_start(),
    };
    if let Some(words) = header.message.strip_prefix("1 ")
        && let Some((time, words)) = date_time(words)
    {
        header.protocol = "rfc5424";
        header.time = Some(time);
        header.message = words;
        header.take_words();
    } else if let Some((time, words)) = date_time(header.message) {
        header.time = Some(time);
        header.message = words;
        header.take_host();
        header.take_tag();
    } else if severity.is_some() {
        header.take_tag();
    }
    header
}

/// The time of RFC 3339 that the text begins with, and what follows it. Without a zone it is UTC.
fn date_time(text: &str) -> Option<(Time<'_>, &str)> {
    if !detect::begins_with_date_time(text) {
        return None;
    }
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let time = if DateTime::parse_from_rfc3339(word).is_ok() {
        Time::Spelled(word)
    } else {
        Time::Resolved(DateTime::parse_from_rfc3339(&format!("{word}Z")).ok()?)
    };
    Some((time, rest.trim_start()))
}

impl<'l> Header<'l> {
    /// The words of an RFC 5424 header that breaks off before its structured data. Behind the name
    /// of the program, only a number or `-` is the process, and only then a message id follows.
    fn take_words(&mut self) {
        self.hostname = self.next_word();
        self.appname = self.next_word();
        let process = self.message.split(' ').next().unwrap_or("");
        let is_process = process.bytes().all(|byte| byte.is_ascii_digit()) || process == "-";
        if is_process && !process.is_empty() {
            self.procid = self.next_word();
            self.msgid = self.next_word();
        }
    }

    /// Takes a word off the message; `None` for `-` (RFC 5424, NILVALUE) and at the end.
    fn next_word(&mut self) -> Option<&'l str> {
        let (word, rest) = self.message.split_once(' ').unwrap_or((self.message, ""));
        self.message = rest.trim_start();
        Some(word).filter(|word| !matches!(*word, "" | "-"))
    }

    /// Moves the first word of the message to its place, unless it is a tag.
    fn take_host(&mut self) {
        let word = self.message.split(' ').next().unwrap_or("");
        if !word.ends_with(':') {
            self.hostname = self.next_word();
        }
    }

    /// `Jan 18 11:07:53.123 host tag: message`: syslog_loose leaves the fraction, and all that
    /// follows, in the message.
    pub(super) fn take_fraction(&mut self) {
        let Some(rest) = self.message.strip_prefix('.') else { return };
        let behind = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let digits = rest.get(..rest.len() - behind.len()).unwrap_or("");
        if self.hostname.is_some() || self.appname.is_some() || digits.is_empty() {
            return;
        }
        if let Some(Time::Resolved(time)) = &mut self.time {
            *time = time.with_nanosecond(nanoseconds(digits)).unwrap_or(*time);
        }
        match behind.strip_prefix(':') {
            Some(message) => self.message = message.trim_start(),
            None => {
                self.message = behind.trim_start();
                self.take_host();
                self.take_tag();
            }
        }
    }

    /// Moves `tag:` or `tag[pid]:` from the message to its place.
    fn take_tag(&mut self) {
        let word = self.message.split(' ').next().unwrap_or("");
        let Some(tag) = word.strip_suffix(':').filter(|tag| !tag.is_empty()) else { return };
        self.message = self.message.get(word.len()..).unwrap_or("").trim_start();
        match tag.strip_suffix(']').and_then(|tag| tag.split_once('[')) {
            Some((appname, procid)) => {
                self.appname = Some(appname);
                self.procid = Some(procid);
            }
            None => self.appname = Some(tag),
        }
    }

    /// syslog_loose takes a single word for the host.
    pub(super) fn tell_tag_from_host(&mut self, text: &'l str) {
        let (Some(word), None) = (self.hostname, self.appname) else { return };
        let behind = place::offset(text, word).and_then(|at| text.get(at + word.len()..));
        let is_tag = behind.is_some_and(|behind| behind.starts_with(':'))
            && word.parse::<IpAddr>().is_err()
            && !self.message.starts_with('%')
            && self.protocol == "rfc3164";
        if is_tag {
            self.appname = self.hostname.take();
        }
    }
}

/// A decimal fraction of a second; digits behind the ninth are cut off.
fn nanoseconds(digits: &str) -> u32 {
    digits
        .bytes()
        .chain(std::iter::repeat(b'0'))
        .take(9)
        .fold(0, |sum, digit| sum * 10 + u32::from(digit.wrapping_sub(b'0')))
}
