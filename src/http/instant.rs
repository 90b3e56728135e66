//! Instants as the APIs spell them.

use jiff::Timestamp;
use jiff::fmt::{rfc2822, temporal};

use crate::model::time::EventTime;

/// Appends `2026-06-08T14:32:01.442Z` (RFC 3339): always three fraction digits, rounded down.
pub fn push_rfc3339(time: EventTime, out: &mut Vec<u8>) {
    const PRINTER: temporal::DateTimePrinter = temporal::DateTimePrinter::new().precision(Some(3));
    // The printer cuts towards zero, which before 1970 is upwards.
    let Some(millis) = EventTime::from_millis(time.millis()) else { return };
    // Printing to a Vec cannot fail.
    let _ = PRINTER.print_timestamp(&timestamp(millis), out);
}

/// The same as text.
pub fn rfc3339(time: EventTime) -> String {
    let mut out = Vec::with_capacity(24);
    push_rfc3339(time, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// `Mon, 08 Jun 2026 14:32:01 GMT` (RFC 9110, section 5.6.7), which Azure calls RFC 1123.
pub fn http_date(time: EventTime) -> String {
    const PRINTER: rfc2822::DateTimePrinter = rfc2822::DateTimePrinter::new();
    // Only years before 0 have no such date.
    PRINTER.timestamp_to_rfc9110_string(&timestamp(time)).unwrap_or_default()
}

/// Times that no calendar has become the nearest that it has.
fn timestamp(time: EventTime) -> Timestamp {
    let nearest = if time.0 < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_microsecond(time.0).unwrap_or(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_spelled_as_in_the_documents() {
        let check = |micros, expected: &str| assert_eq!(rfc3339(EventTime(micros)), expected);
        check(1_780_929_121_442_000, "2026-06-08T14:32:01.442Z");
        check(1_780_929_121_442_999, "2026-06-08T14:32:01.442Z");
        check(0, "1970-01-01T00:00:00.000Z");
        check(-1, "1969-12-31T23:59:59.999Z");
        check(i64::MAX, "9999-12-30T22:00:00.999Z");
        assert_eq!(http_date(EventTime(1_780_929_121_442_000)), "Mon, 08 Jun 2026 14:32:01 GMT");
        assert_eq!(http_date(EventTime(784_111_777_000_000)), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
