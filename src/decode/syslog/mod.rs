//! RFC 5424 and RFC 3164 headers onto the tape, by syslog_loose, which takes what devices send.
//!
//! ```text
//! {"protocol":"rfc5424|rfc3164","facility":"local0","severity":"info","severity_code":6,
//!  "timestamp":"2026-01-18T11:07:53.000000Z","hostname":…,"appname":…,"procid":…,"msgid":…,
//!  "structured_data":{"origin":{"ip":"192.0.2.1"}},"message":"…"}
//! ```
//!
//! What the header does not have is left out; `message` always stands, without a leading byte order
//! mark. `timestamp` is RFC 3339: as spelled in the line where it is that already, else to the
//! microsecond in UTC. A time without a zone is taken as UTC, and one without a year gets it from
//! [`Horizon`]. A structured data parameter may stand twice; readers of the tape take the last.
//!
//! What syslog_loose cannot make out is read by [`repair`], so a line keeps its host and severity:
//!
//! - A word is the tag when a colon follows it or it holds a process id (RFC 3164, section 5.3),
//!   and belongs to the message when not: the first field of a firewall's list is no tag. Nor
//!   is a Cisco `%FACILITY-6-302013:`, and an IP address in front of a colon is the host.
//! - Without a time behind it, PRI is still PRI, and a word that ends in a colon is still the tag
//!   (RFC 3164, section 4.3.3); the rest is the message.
//! - A fraction of a second behind a time of RFC 3164, and a time of RFC 3339 without its zone or
//!   without anything behind it, are read and not left in the message.
//! - A header of RFC 5424 that breaks off keeps what it has.
//! - A message that begins with `CEF:` or `LEEF:` has no tag of that name.
//!
//! Diagnostics: none; every text is a syslog message, at worst one that is nothing but message.

mod plain;
mod repair;
mod words;

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, TimeDelta, Timelike, Utc};
use syslog_loose::{
    IncompleteDate, Message, ProcId, Protocol, StructuredElement, SyslogFacility, SyslogSeverity,
    Variant, parse_message_with_year_exact_tz,
};

use super::{detect, place};
use crate::model::event::{Tape, Word};
use crate::model::text::{pair, push_ascii, trimmed};
use crate::model::time::{EventTime, is_in_every_year};

/// The last day that a time without a year may mean. A spool holds the past, so such a time lies in
/// the latest year that does not put it behind this day.
#[derive(Clone, Copy, Debug)]
pub(super) struct Horizon(NaiveDate);

impl Horizon {
    /// One day behind `now`, which leaves room for clocks and zones that differ. `None` for times
    /// beyond the calendar.
    pub(super) fn from_now(now: EventTime) -> Option<Horizon> {
        let now = DateTime::<Utc>::from_timestamp_micros(now.0)?;
        now.date_naive().checked_add_signed(TimeDelta::days(1)).map(Horizon)
    }

    /// All of that year.
    pub(super) fn from_year(year: i32) -> Option<Horizon> {
        NaiveDate::from_ymd_opt(year, 12, 31).map(Horizon)
    }

    fn year(self, month: u32, day: u32) -> i32 {
        if is_in_every_year(month, day) {
            let is_later = (month, day) > (self.0.month(), self.0.day());
            return self.0.year() - i32::from(is_later);
        }
        // February 29 needs a leap year, the furthest of which is 8 years away.
        (0..9)
            .map(|back| self.0.year() - back)
            .find(|year| {
                NaiveDate::from_ymd_opt(*year, month, day).is_some_and(|date| date <= self.0)
            })
            .unwrap_or(self.0.year())
    }
}

/// A day of the calendar: year, month and day, each as it is spoken.
#[derive(Clone, Copy, Debug)]
struct Day(u32, u32, u32);

/// A header and what stands behind it. All texts are pieces of the line.
#[derive(Debug)]
pub(super) struct Header<'l> {
    protocol: Word,
    facility: Option<SyslogFacility>,
    severity: Option<SyslogSeverity>,
    time: Option<Time<'l>>,
    hostname: Option<&'l str>,
    appname: Option<&'l str>,
    procid: Option<&'l str>,
    msgid: Option<&'l str>,
    structured_data: Vec<StructuredElement<&'l str>>,
    /// Empty where nothing follows the header.
    pub(super) message: &'l str,
}

#[derive(Debug)]
enum Time<'l> {
    /// RFC 3339, as it stands in the line.
    Spelled(&'l str),
    Resolved(DateTime<FixedOffset>),
    /// A day, and `hh:mm:ss` as it stands in the line; UTC.
    Dated(Day, [u8; 8]),
}

/// Reads what stands in front of a body that has a format of its own. The message is empty, unless
/// something else stands there.
pub(super) fn read_before_body(text: &str, horizon: Option<Horizon>) -> Header<'_> {
    let mut header = read(text, horizon);
    header.settle_before_body();
    header
}

/// Reads one message. Without `horizon`, times that lack a year are left out.
pub(super) fn read(text: &str, horizon: Option<Horizon>) -> Header<'_> {
    let text = trimmed(text);
    horizon
        .and_then(|horizon| plain::read(text, horizon))
        .unwrap_or_else(|| read_any(text, horizon))
}

/// Reads one message, however it is spelled.
fn read_any(text: &str, horizon: Option<Horizon>) -> Header<'_> {
    let year = |(month, day, ..): IncompleteDate| match horizon {
        Some(horizon) => horizon.year(month, day),
        // Any leap year does: the time is dropped below.
        None => 2000,
    };
    match parse_message_with_year_exact_tz(text, year, Some(Utc), Variant::Either) {
        Ok(message) => from_message(text, message, horizon.is_some()),
        Err(_) => repair::read(text),
    }
}

fn from_message<'l>(text: &'l str, message: Message<&'l str>, knows_year: bool) -> Header<'l> {
    let protocol = match message.protocol {
        Protocol::RFC3164 => words::RFC3164,
        Protocol::RFC5424(_) => words::RFC5424,
    };
    let spelled = time_of(text, &message.protocol);
    let time = message.timestamp.and_then(|time| match spelled {
        Some(spelled) if spelled.starts_with(|c: char| c.is_ascii_digit()) => {
            Some(Time::Spelled(spelled))
        }
        _ if knows_year || has_year(spelled, text) => Some(Time::Resolved(time)),
        _ => None,
    });
    let procid = message.procid.and_then(|procid| match procid {
        ProcId::Name(name) => Some(name),
        ProcId::PID(pid) => spelled_pid(text, message.appname, message.hostname, pid),
    });
    let mut header = Header {
        protocol,
        facility: message.facility,
        severity: message.severity,
        time,
        hostname: message.hostname,
        appname: message.appname,
        procid,
        msgid: message.msgid,
        structured_data: message.structured_data,
        message: message.msg.strip_prefix('\u{feff}').unwrap_or(message.msg),
    };
    if protocol == words::RFC3164 {
        header.take_fraction();
        header.settle_words(text);
    }
    header
}

/// The word that syslog_loose read as the time.
fn time_of<'l>(text: &'l str, protocol: &Protocol) -> Option<&'l str> {
    let mut rest = behind_pri(text).trim_start();
    if let Protocol::RFC5424(_) = protocol {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
    }
    rest.split(' ').next()
}

/// True when the year stands behind month and day: `Jan 18 2026 11:07:53`.
fn has_year(month: Option<&str>, text: &str) -> bool {
    let behind_month = month
        .and_then(|month| Some(place::offset(text, month)? + month.len()))
        .and_then(|at| text.get(at..));
    let third = behind_month.and_then(|rest| rest.split_ascii_whitespace().nth(1));
    third.is_some_and(|word| !word.contains(':'))
}

/// The digits of a process id, which syslog_loose gives as a number: they stand behind the appname,
/// or behind the hostname and a `-` where there is none.
fn spelled_pid<'l>(
    text: &'l str,
    appname: Option<&'l str>,
    hostname: Option<&'l str>,
    pid: i32,
) -> Option<&'l str> {
    let before = appname.or(hostname);
    let at = before.and_then(|word| Some(place::offset(text, word)? + word.len())).unwrap_or(0);
    text.get(at..)?
        .split(|c: char| c.is_whitespace() || c == '[' || c == ']')
        .find(|word| word.parse() == Ok(pid))
}

/// `text` without `<…>` in front, where that is a PRI of at most one byte.
fn behind_pri(text: &str) -> &str {
    match detect::pri(text) {
        Some((pri, rest)) if pri <= u16::from(u8::MAX) => rest,
        _ => text,
    }
}

impl Header<'_> {
    /// Adds the members to the object that is open on the tape.
    pub(super) fn write(&self, line: &str, tape: &mut Tape) {
        tape.word_key(words::PROTOCOL);
        tape.word(self.protocol);
        if let Some(facility) = self.facility.and_then(words::facility) {
            tape.word_key(words::FACILITY);
            tape.word(facility);
        }
        if let Some((severity, code)) = self.severity.and_then(words::severity) {
            tape.word_key(words::SEVERITY);
            tape.word(severity);
            tape.word_key(words::SEVERITY_CODE);
            tape.word_number(code);
        }
        self.write_time(line, tape);
        let texts = [
            (words::HOSTNAME, self.hostname),
            (words::APPNAME, self.appname),
            (words::PROCID, self.procid),
            (words::MSGID, self.msgid),
        ];
        for (key, text) in texts {
            if let Some(text) = text {
                place::member(tape, line, key, text);
            }
        }
        if !self.structured_data.is_empty() {
            tape.word_key(words::STRUCTURED_DATA);
            let elements = tape.open_object();
            for element in &self.structured_data {
                write_element(element, line, tape);
            }
            tape.close(elements);
        }
        place::member(tape, line, words::MESSAGE, self.message);
    }

    fn write_time(&self, line: &str, tape: &mut Tape) {
        let begin = tape.text_mut().len();
        let is_written = match &self.time {
            None => None,
            Some(Time::Spelled(time)) => {
                return place::member(tape, line, words::TIMESTAMP, time);
            }
            Some(Time::Dated(day, clock)) => push_dated(*day, *clock, tape.text_mut()),
            Some(Time::Resolved(time)) => push_resolved(time, tape.text_mut()),
        };
        if is_written.is_some() {
            tape.word_key(words::TIMESTAMP);
            tape.text_behind(begin);
        }
    }
}

/// Appends it as RFC 3339 has it; `None` for years that have no four digits.
fn push_dated(day: Day, clock: [u8; 8], out: &mut String) -> Option<()> {
    let mut octets = [0; 32];
    let (before, rest) = octets.split_first_chunk_mut::<11>()?;
    let (at, rest) = rest.split_first_chunk_mut::<8>()?;
    (*before, *at) = (day.spelled()?, clock);
    *rest.first_chunk_mut()? = *b".000000Z";
    push_ascii(&octets, 27, out);
    Some(())
}

/// The same of another time.
fn push_resolved(time: &DateTime<FixedOffset>, out: &mut String) -> Option<()> {
    let time = time.naive_utc();
    let year = u32::try_from(time.year()).ok()?;
    let day = Day(year, time.month(), time.day()).spelled()?;
    push_ascii(&day, day.len(), out);
    for (number, behind) in [(time.hour(), ':'), (time.minute(), ':'), (time.second(), '.')] {
        push_padded(number, 2, out);
        out.push(behind);
    }
    push_padded(time.nanosecond() / 1000, 6, out);
    out.push('Z');
    Some(())
}

impl Day {
    /// `2026-01-18T`, by hand: `fmt` costs as much as all of the parsing. `None` for years that
    /// have no four digits.
    fn spelled(self) -> Option<[u8; 11]> {
        let Day(year, month, day) = self;
        let [[y1, y2], [y3, y4], [m1, m2], [d1, d2]] =
            [year / 100, year % 100, month, day].map(pair);
        (year <= 9999).then_some([y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T'])
    }
}

/// That many digits, and more of a number that has more: a leap second's microseconds have seven.
fn push_padded(number: u32, digits: u32, out: &mut String) {
    let mut unit = 10_u32.pow(digits - 1);
    if number / 10 >= unit {
        unit *= 10;
    }
    while unit > 0 {
        out.push(char::from(b'0' + (number / unit % 10) as u8));
        unit /= 10;
    }
}

fn write_element(element: &StructuredElement<&str>, line: &str, tape: &mut Tape) {
    place::push_key(tape, line, element.id);
    let open = tape.open_object();
    for (name, value) in &element.params {
        place::push_key(tape, line, name);
        if value.contains('\\') {
            let begin = tape.text_mut().len();
            unescape(value, tape.text_mut());
            tape.text_behind(begin);
        } else {
            place::push(tape, line, value);
        }
    }
    tape.close(open);
}

/// `\"`, `\\` and `\]` lose their backslash; any other keeps it (RFC 5424, section 6.3.3).
fn unescape(value: &str, out: &mut String) {
    let mut chars = value.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some(&escaped @ ('"' | '\\' | ']'))) => {
                out.push(escaped);
                chars.next();
            }
            _ => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::{Event, Value};

    /// What is put on the tape.
    fn tape_of(header: &Header<'_>, line: &str) -> String {
        fn text(value: Value<'_>) -> String {
            let members = value.members().map(|(key, value)| format!("{key}: {}", text(value)));
            let members: Vec<_> = members.collect();
            format!("{:?} {members:?}", value.kind())
        }
        let mut tape = Tape::new();
        let root = tape.open_object();
        header.write(line, &mut tape);
        tape.close(root);
        text(Event::new(&tape, line).root().unwrap())
    }

    /// Every line of the samples, whole and damaged: what is read word by word is what the long way
    /// makes of it.
    #[test]
    fn the_short_way_reads_what_the_long_one_does() {
        let samples = concat!(
            include_str!("../../../tests/samples/syslog/metron_asa_ise_paloalto_etc.log"),
            include_str!("../../../tests/samples/syslog/rfc3164_parser_suite_inputs.log"),
            include_str!("../../../tests/samples/syslog/rsyslog_testbench_messages.log"),
            include_str!("../../../tests/samples/syslog/sc4s_rendered.log"),
        );
        let horizon = Horizon::from_year(2025).unwrap();
        let random = &mut fastrand::Rng::with_seed(8);
        let pieces = [
            "<",
            ">",
            "1",
            "9",
            " ",
            "  ",
            ":",
            ": ",
            "[",
            "]",
            "-",
            "%",
            ".",
            "\t",
            "\u{a0}",
            "é",
            "\u{feff}",
            "sshd[12]",
            "[a b=\"c\"]",
            "Feb 29 ",
            "Feb 30 ",
            " 2024 ",
            ".123",
            "Z",
            "60",
        ];
        let mut short = 0;
        for line in samples.lines() {
            for round in 0..200 {
                let mut line = line.to_owned();
                for _ in 0..round.min(3) {
                    let most = line.len().min(60);
                    let mut places = (0..=random.usize(0..=most)).rev();
                    let at = places.find(|at| line.is_char_boundary(*at)).unwrap();
                    let end = at + random.usize(0..3);
                    let end = if line.is_char_boundary(end) { end } else { at };
                    line.replace_range(at..end, pieces[random.usize(0..pieces.len())]);
                }
                let text = line.trim();
                if let Some(header) = plain::read(text, horizon) {
                    short += 1;
                    let long = read_any(text, Some(horizon));
                    assert_eq!(tape_of(&header, text), tape_of(&long, text), "{text:?}");
                }
            }
        }
        assert!(short > 10_000, "{short}");
    }
}
