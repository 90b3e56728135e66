//! When an event happened.

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventTime(pub i64);

impl EventTime {
    /// From milliseconds since the epoch; `None` where that overflows.
    pub fn from_millis(millis: i64) -> Option<EventTime> {
        millis.checked_mul(1000).map(EventTime)
    }

    /// Milliseconds since the epoch, rounded down: what CEF's `rt` carries.
    pub fn millis(self) -> i64 {
        self.0.div_euclid(1000)
    }
}

/// How many days each month has in every year.
const MONTHS: [u32; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// True for a day that is in the calendar whatever the year: each but February 29.
#[inline]
pub fn is_in_every_year(month: u32, day: u32) -> bool {
    let days = month.checked_sub(1).and_then(|month| MONTHS.get(month as usize));
    days.is_some_and(|days| (1..=*days).contains(&day))
}
