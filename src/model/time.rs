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
