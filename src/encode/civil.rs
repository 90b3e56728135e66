//! Microseconds since the epoch to the digits of a date, by hand and without a time zone.
//!
//! In: an [`EventTime`]. Out: ASCII. The date of the last day is kept, because events that follow
//! each other nearly always share it. Diagnostics: none; every value has a date.

use crate::model::text::{decimal, pair};
use crate::model::time::EventTime;

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// A proleptic Gregorian date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Date {
    pub(super) year: i64,
    /// 1 to 12.
    pub(super) month: u8,
    /// 1 to 31.
    pub(super) day: u8,
}

/// Writes times; remembers the date of the last one.
#[derive(Debug)]
pub(super) struct Civil {
    /// Days since 1970-01-01.
    number: i64,
    date: Date,
}

impl Civil {
    pub(super) fn new() -> Civil {
        Civil { number: 0, date: Date { year: 1970, month: 1, day: 1 } }
    }

    /// `2026-03-13T00:00:00.123Z` with that many fraction digits, rounded down; `None`, and nothing
    /// written, outside the years 0000 to 9999, which RFC 3339 cannot express.
    pub(super) fn rfc3339(
        &mut self,
        time: EventTime,
        fraction_digits: u8,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let (date, second, micros) = self.split(time);
        if !(0..=9999).contains(&date.year) {
            return None;
        }
        let [century, year] = [date.year / 100, date.year % 100].map(|part| pair(part as u32));
        let ([m1, m2], [d1, d2]) = (pair(date.month.into()), pair(date.day.into()));
        let [[h1, h2], [n1, n2], [s1, s2]] = clock(second);
        let [[c1, c2], [y1, y2]] = [century, year];
        out.extend_from_slice(&[
            c1, c2, y1, y2, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2,
        ]);
        if fraction_digits > 0 {
            let [[a, b], [c, d], [e, f]] =
                [micros / 10_000, micros / 100 % 100, micros % 100].map(pair);
            let end = out.len() + 1 + usize::from(fraction_digits.min(6));
            out.extend_from_slice(&[b'.', a, b, c, d, e, f]);
            out.truncate(end);
        }
        out.push(b'Z');
        Some(())
    }

    /// `Mar  3 00:00:00` (RFC 3164, section 4.1.2): no year, the day padded with a space.
    pub(super) fn rfc3164(&mut self, time: EventTime, out: &mut Vec<u8>) {
        let (date, second, _) = self.split(time);
        let month = MONTHS.get(usize::from(date.month) - 1).copied().unwrap_or(b"Jan");
        let [tens, ones] = pair(date.day.into());
        let tens = if tens == b'0' { b' ' } else { tens };
        let [[h1, h2], [n1, n2], [s1, s2]] = clock(second);
        out.extend_from_slice(month);
        out.extend_from_slice(&[b' ', tens, ones, b' ', h1, h2, b':', n1, n2, b':', s1, s2]);
    }

    /// The date, the second of the day, the microsecond of the second.
    fn split(&mut self, time: EventTime) -> (Date, u32, u32) {
        let seconds = time.0.div_euclid(MICROS_PER_SECOND);
        let number = seconds.div_euclid(SECONDS_PER_DAY);
        if number != self.number {
            self.number = number;
            self.date = date(number);
        }
        let second = seconds.rem_euclid(SECONDS_PER_DAY) as u32;
        (self.date, second, time.0.rem_euclid(MICROS_PER_SECOND) as u32)
    }
}

/// The date of a number of days since 1970-01-01. Years are counted from 1 March, so that the leap
/// day is a year's last; 400 years are 146,097 days.
fn date(number: i64) -> Date {
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    let shifted = number + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // March to January in steps of 153 days for five months.
    let from_march = (5 * day_of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    Date {
        year: era * 400 + year_of_era + i64::from(month <= 2),
        month: month as u8,
        day: (day_of_year - (153 * from_march + 2) / 5 + 1) as u8,
    }
}

fn clock(second: u32) -> [[u8; 2]; 3] {
    [second / 3600, second / 60 % 60, second % 60].map(pair)
}

/// Appends a number in decimal.
pub(super) fn push_decimal(number: u64, out: &mut Vec<u8>) {
    let (digits, length) = decimal(number);
    out.extend_from_slice(digits.get(digits.len() - length..).unwrap_or_default());
}
