//! Text and numbers to instants: epoch seconds to nanoseconds, RFC 3339, and the dates of CEF.
//!
//! In: a scalar as spelled. Out: microseconds since the epoch, or nothing for what is no time.
//! Text without a zone is read as UTC; nothing is read by the machine's clock or zone.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, fmt::strtime};

use crate::model::text::trimmed;
use crate::model::time::{EventTime, is_in_every_year};

/// How a time is spelled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum TimeKind {
    /// A number by its magnitude, text by its form.
    #[default]
    Auto,
    /// Seconds since the epoch, with or without a fraction.
    EpochSeconds,
    /// Milliseconds since the epoch, with or without a fraction.
    EpochMillis,
    /// RFC 3339 and its relatives of ISO 8601.
    Rfc3339,
    /// What a syslog or CEF line carries: RFC 3339 or `MMM dd yyyy HH:mm:ss[.SSS] [zone]`.
    Syslog,
}

impl TimeKind {
    /// The words of schema files, in the order of [`TimeKind::ALL`].
    pub(super) const WORDS: [&'static str; 5] =
        ["auto", "epoch_s", "epoch_ms", "rfc3339", "syslog"];
    /// All kinds.
    pub(super) const ALL: [TimeKind; 5] = [
        TimeKind::Auto,
        TimeKind::EpochSeconds,
        TimeKind::EpochMillis,
        TimeKind::Rfc3339,
        TimeKind::Syslog,
    ];
}

/// Reads `text`; `None` where it is no time of that kind.
pub(super) fn parse(text: &str, kind: TimeKind) -> Option<EventTime> {
    let text = trimmed(text);
    match kind {
        TimeKind::EpochSeconds => decimal(text, 6),
        TimeKind::EpochMillis => epoch_millis(text).or_else(|| decimal(text, 3)),
        TimeKind::Rfc3339 => date(text),
        // Thirteen digits are no date, which takes long to find out.
        TimeKind::Syslog => epoch_millis(text)
            .or_else(|| date(text))
            .or_else(|| cef_date(text))
            .or_else(|| by_magnitude(text)),
        // What most events have first; it is never a number.
        TimeKind::Auto => zulu(text.as_bytes())
            .or_else(|| by_magnitude(text))
            .or_else(|| date(text))
            .or_else(|| cef_date(text)),
    }
}

/// Seconds reach 10^11 in the year 5138, milliseconds passed it in 1973, and so on by 1000.
fn by_magnitude(text: &str) -> Option<EventTime> {
    if let Some(time) = epoch_millis(text) {
        return Some(time);
    }
    let digits = text.strip_prefix('-').unwrap_or(text);
    let whole = digits.split_once('.').map_or(digits, |(whole, _)| whole);
    match whole.len() {
        0..=11 => decimal(text, 6),
        12..=14 => decimal(text, 3),
        15..=17 => decimal(text, 0),
        _ => decimal(text, 0).map(|time| EventTime(time.0.div_euclid(1000))),
    }
}

/// What most events have: milliseconds of this age, thirteen digits without a fraction.
#[inline]
fn epoch_millis(text: &str) -> Option<EventTime> {
    let digits: &[u8; 13] = text.as_bytes().try_into().ok()?;
    let number = digits.iter().try_fold(0_i64, |number, byte| {
        byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0'))
    })?;
    Some(EventTime(number * 1000))
}

/// A decimal number times 10^`places`, the rest of its fraction cut off.
fn decimal(text: &str, places: usize) -> Option<EventTime> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() || (fraction.is_empty() && digits.contains('.')) {
        return None;
    }
    let fraction_bytes = fraction.bytes();
    if !fraction_bytes.clone().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let padded = fraction_bytes.chain(std::iter::repeat(b'0')).take(places);
    let number = whole.bytes().chain(padded).try_fold(0_i64, |number, digit| {
        let digit = digit.is_ascii_digit().then(|| i64::from(digit - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })?;
    number.checked_mul(sign).map(EventTime)
}

fn date(text: &str) -> Option<EventTime> {
    // An instant has a zone, a date alone has none; both begin with a year of four digits.
    if !text.as_bytes().get(..4)?.iter().all(u8::is_ascii_digit) {
        return None;
    }
    if let Some(instant) = zulu(text.as_bytes()) {
        return Some(instant);
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(EventTime(instant.as_microsecond()));
    }
    utc(text.parse::<DateTime>().ok()?)
}

/// `YYYY-MM-DDTHH:MM:SS[.fraction]Z`, which almost all events have; the rest is left to jiff, as
/// are leap days, leap seconds and dates that do not exist.
fn zulu(text: &[u8]) -> Option<EventTime> {
    let (date_time, rest) = text.split_first_chunk()?;
    let [y1, y2, y3, y4, b'-', o1, o2, b'-', d1, d2, t, h1, h2, b':', m1, m2, b':', s1, s2] =
        *date_time
    else {
        return None;
    };
    let digits = [y1, y2, y3, y4, o1, o2, d1, d2, h1, h2, m1, m2, s1, s2];
    if !matches!(t, b'T' | b't') || !are_digits(&digits) {
        return None;
    }
    let micros = match *rest {
        [b'Z' | b'z'] => 0,
        [b'.', a, b, c, b'Z' | b'z'] if are_digits(&[a, b, c]) => {
            number(a, b) * 10_000 + number(c, b'0') * 100
        }
        [b'.', a, b, c, d, e, f, b'Z' | b'z'] if are_digits(&[a, b, c, d, e, f]) => {
            number(a, b) * 10_000 + number(c, d) * 100 + number(e, f)
        }
        _ => micros(rest)?,
    };
    let (year, month, day) =
        (number(y1, y2) * 100 + number(y3, y4), number(o1, o2), number(d1, d2));
    let (hour, minute, second) = (number(h1, h2), number(m1, m2), number(s1, s2));
    if !is_in_every_year(month, day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let second_of_day = (hour * 60 + minute) * 60 + second;
    let seconds = days(year, month, day) * 86_400 + i64::from(second_of_day);
    Some(EventTime(seconds * 1_000_000 + i64::from(micros)))
}

/// Without a branch for each octet: all of them nearly always are.
#[inline]
fn are_digits(octets: &[u8]) -> bool {
    octets.iter().fold(true, |all, octet| all & octet.is_ascii_digit())
}

/// Two digits.
#[inline]
fn number(tens: u8, ones: u8) -> u32 {
    u32::from((tens - b'0') * 10 + (ones - b'0'))
}

/// `.fraction`, of any length, and `Z`.
fn micros(text: &[u8]) -> Option<u32> {
    let (zone, fraction) = text.strip_prefix(b".")?.split_last()?;
    if !matches!(zone, b'Z' | b'z') || fraction.is_empty() || !are_digits(fraction) {
        return None;
    }
    let padded = fraction.iter().chain(std::iter::repeat(&b'0'));
    Some(padded.take(6).fold(0, |micros, octet| micros * 10 + u32::from(octet - b'0')))
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar. The year begins in March, so that the
/// leap day is its last; 719468 days lie between 0000-03-01 and 1970-01-01. The calendar repeats
/// itself after 400 years, which are added so that no year is negative.
fn days(year: u32, month: u32, day: u32) -> i64 {
    let year = year + 400 - u32::from(month < 3);
    let month = (month + 9) % 12;
    let leap_days = year / 4 - year / 100 + year / 400;
    let day_of_year = (month * 153 + 2) / 5 + day - 1;
    i64::from(year * 365 + leap_days + day_of_year) - (719_468 + 146_097)
}

/// CEF, appendix A: `MMM dd yyyy HH:mm:ss`, perhaps with a fraction, perhaps with UTC or an offset.
/// Other zone names are ambiguous, and a date without a year needs a clock: neither is read.
fn cef_date(text: &str) -> Option<EventTime> {
    let text = text.strip_suffix(" UTC").or_else(|| text.strip_suffix(" GMT")).unwrap_or(text);
    if let Ok(instant) = Timestamp::strptime("%b %d %Y %H:%M:%S%.f %z", text) {
        return Some(EventTime(instant.as_microsecond()));
    }
    utc(strtime::parse("%b %d %Y %H:%M:%S%.f", text).ok()?.to_datetime().ok()?)
}

fn utc(date: DateTime) -> Option<EventTime> {
    let instant = TimeZone::UTC.to_timestamp(date).ok()?;
    Some(EventTime(instant.as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: TimeKind, cases: &[(&str, Option<i64>)]) {
        for (text, micros) in cases {
            assert_eq!(parse(text, kind).map(|time| time.0), *micros, "{text} as {kind:?}");
        }
    }

    #[test]
    fn auto_reads_by_magnitude_and_form() {
        let micros = 1_741_824_000_123_000;
        check(
            TimeKind::Auto,
            &[
                ("1741824000123", Some(micros)),
                ("1741824000.123", Some(micros)),
                ("1741824000.1234567", Some(micros + 456)),
                ("1741824000123000", Some(micros)),
                ("1741824000123000999", Some(micros)),
                ("2025-03-13T00:00:00.123Z", Some(micros)),
                ("2025-03-13T01:00:00.123+01:00", Some(micros)),
                ("2025-03-13t00:00:00.123z", Some(micros)),
                ("2025-03-13 00:00:00.123Z", Some(micros)),
                ("2025-03-13T00:00:00.123", Some(micros)),
                ("Mar 13 2025 00:00:00.123", Some(micros)),
                ("Mar 13 2025 00:00:00", Some(micros - 123_000)),
                (" 1741824000 ", Some(micros - 123_000)),
                ("0", Some(0)),
                ("-1", Some(-1_000_000)),
                ("", None),
                ("soon", None),
                ("1741824000.", None),
                ("99999999999999999999999", None),
                ("9223372036854", Some(9_223_372_036_854_000)),
                ("1e3", None),
                ("2025-13-01T00:00:00Z", None),
                ("Mar 13 00:00:00", None),
                ("ü025", None),
            ],
        );
    }

    #[test]
    fn the_short_way_agrees_with_jiff() {
        let jiffs = |text: &str| text.parse::<Timestamp>().ok().map(|time| time.as_microsecond());
        // jiff's own time ends two days before the year 10000.
        for year in [0, 1, 1600, 1900, 1969, 1970, 1999, 2000, 2024, 2026, 2100, 9998] {
            for month in 0..=13 {
                for day in 0..=32 {
                    let text = format!("{year:04}-{month:02}-{day:02}T23:59:58.012345Z");
                    let is_leap_day = (month, day) == (2, 29);
                    let expected = jiffs(&text).filter(|_| !is_leap_day);
                    assert_eq!(zulu(text.as_bytes()).map(|time| time.0), expected, "{text}");
                    assert_eq!(parse(&text, TimeKind::Auto).map(|time| time.0), jiffs(&text));
                }
            }
        }
        for digits in 1..=9 {
            let text = format!("2026-02-03T04:05:06.{}Z", &"987654321"[..digits]);
            assert_eq!(zulu(text.as_bytes()).map(|time| time.0), jiffs(&text), "{text}");
        }
        for text in ["2026-02-29T00:00:00Z", "2026-01-01T00:00:60Z", "2026-01-01T00:00:00.Z"] {
            assert_eq!(zulu(text.as_bytes()), None, "{text}");
        }
        assert!(parse("2026-02-29T00:00:00Z", TimeKind::Auto).is_none());
    }

    #[test]
    fn the_short_way_takes_nothing_that_jiff_does_not() {
        let random = &mut fastrand::Rng::with_seed(6);
        let mut taken = 0;
        for _ in 0..100_000 {
            let fraction = &".123456789"[..random.usize(0..=10)];
            let mut text = format!("2026-01-30T09:15:42{fraction}Z").into_bytes();
            let at = random.usize(..text.len());
            text[at] = *random.choice(b"0123456789 -:.TtZz+/").unwrap();
            let text = String::from_utf8(text).unwrap();
            let Some(time) = zulu(text.as_bytes()) else { continue };
            taken += 1;
            // Digits are cut off, also before 1970.
            let expected = text.parse::<Timestamp>().map(|time| time.as_nanosecond());
            assert_eq!(expected.ok().map(|n| n.div_euclid(1000)), Some(time.0.into()), "{text}");
        }
        assert!(taken > 10_000, "{taken}");
    }

    #[test]
    fn kinds_read_only_their_own() {
        check(TimeKind::EpochSeconds, &[("1741824000", Some(1_741_824_000_000_000))]);
        check(TimeKind::EpochMillis, &[("5", Some(5000)), ("5.5", Some(5500))]);
        check(
            TimeKind::Rfc3339,
            &[("5", None), ("2025-03-13T00:00:00Z", Some(1_741_824_000_000_000))],
        );
        check(
            TimeKind::Syslog,
            &[
                ("Mar 13 2025 00:00:00.123 +0100", Some(1_741_820_400_123_000)),
                ("Mar 13 2025 00:00:00 UTC", Some(1_741_824_000_000_000)),
                ("1741824000123", Some(1_741_824_000_123_000)),
                ("Mar 13 2025 00:00:00 CET", None),
            ],
        );
    }
}
