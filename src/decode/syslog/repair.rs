//! Headers that syslog_loose does not make out, or not whole. The rules are in [`super`].

use std::net::IpAddr;

use chrono::{DateTime, Timelike};
use syslog_loose::decompose_pri;

use super::{Header, Time, behind_pri, words};
use crate::decode::{detect, place};

/// A message of which PRI, a time of RFC 3339, and the words behind it can be told, at best.
pub(super) fn read(text: &str) -> Header<'_> {
    let (facility, severity) = match detect::pri(text) {
        Some((pri, _)) => u8::try_from(pri).map_or((None, None), decompose_pri),
        None => (None, None),
    };
    let mut header = Header {
        protocol: words::RFC3164,
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
        header.protocol = words::RFC5424;
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
        match with_process(tag) {
            Some((appname, procid)) => {
                self.appname = Some(appname);
                self.procid = Some(procid);
            }
            None => self.appname = Some(tag),
        }
    }

    /// Puts the words between time and message where they belong: syslog_loose takes the first for
    /// the host and the second for the tag, whatever they are.
    pub(super) fn settle_words(&mut self, text: &'l str) {
        match (self.hostname, self.appname) {
            (_, Some(word)) if !self.is_tag(text, word) => {
                self.appname = None;
                self.procid = None;
                self.structured_data.clear();
                self.message = from(text, word);
                if let Some((appname, procid)) = self.hostname.and_then(with_process) {
                    self.hostname = None;
                    self.appname = Some(appname);
                    self.procid = Some(procid);
                }
            }
            (Some(word), None) if word.starts_with('%') => {
                self.hostname = None;
                self.message = from(text, word);
            }
            (Some(word), None) if behind(text, word).starts_with(':') => {
                let is_host = word.parse::<IpAddr>().is_ok() || self.message.starts_with('%');
                if !is_host {
                    self.appname = self.hostname.take();
                }
            }
            // Two spaces behind the time hide the words.
            (None, None) if !before(text, self.message).trim_end().ends_with(':') => {
                self.take_host();
                self.take_tag();
            }
            _ => {}
        }
    }

    /// A tag ends in a colon or holds a process id; a Cisco `%FACILITY-…:` is none.
    fn is_tag(&self, text: &str, word: &str) -> bool {
        let is_marked = self.procid.is_some() || behind(text, word).starts_with(':');
        is_marked && !word.is_empty() && !word.starts_with('%')
    }

    /// What is left in front of a body such as CEF: `word`, `word:` and `word -:` are its tag.
    pub(super) fn settle_before_body(&mut self) {
        let word = self.message.trim_end_matches([':', '-', ' ']);
        if word.contains(' ') || self.appname.is_some() && !word.is_empty() {
            return;
        }
        self.message = "";
        if !word.is_empty() {
            self.appname = Some(word);
        }
    }
}

/// `name[process]` in its parts.
fn with_process(word: &str) -> Option<(&str, &str)> {
    let (name, process) = word.strip_suffix(']')?.split_once('[')?;
    (!name.is_empty()).then_some((name, process))
}

/// The text in front of a piece of it.
fn before<'l>(text: &'l str, piece: &str) -> &'l str {
    place::offset(text, piece).and_then(|at| text.get(..at)).unwrap_or("")
}

/// The text from a piece of it on.
fn from<'l>(text: &'l str, piece: &str) -> &'l str {
    place::offset(text, piece).and_then(|at| text.get(at..)).unwrap_or("")
}

/// The text behind a piece of it.
fn behind<'l>(text: &'l str, piece: &str) -> &'l str {
    place::offset(text, piece).and_then(|at| text.get(at + piece.len()..)).unwrap_or("")
}

/// A decimal fraction of a second; digits behind the ninth are cut off.
fn nanoseconds(digits: &str) -> u32 {
    digits
        .bytes()
        .chain(std::iter::repeat(b'0'))
        .take(9)
        .fold(0, |sum, digit| sum * 10 + u32::from(digit.wrapping_sub(b'0')))
}
