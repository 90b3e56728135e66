//! How often the watch may wake up.
//!
//! A line that comes alone is noticed at once; thousands a second are noticed together, since to
//! wake for each would cost more than the lines. In: the times of wake-ups. Out: whether the next
//! may follow at once. Diagnostics: none.

use std::time::{Duration, Instant};

/// So many wake-ups may follow each other at once, and as many come back in [`REFILL`].
const WAKES_MAX: u32 = 2_000;
const REFILL: Duration = Duration::from_secs(1);

/// The wake-ups that are left.
#[derive(Debug)]
pub(super) struct Pace {
    left: u32,
    since: Instant,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Pace {
        Pace { left: WAKES_MAX, since: now }
    }

    /// Counts a wake-up at `now`; false when there were too many.
    pub(super) fn allows(&mut self, now: Instant) -> bool {
        let each = REFILL / WAKES_MAX;
        let back = now.saturating_duration_since(self.since).as_nanos() / each.as_nanos().max(1);
        let back = u32::try_from(back).unwrap_or(u32::MAX).min(WAKES_MAX);
        if back > 0 {
            self.left = self.left.saturating_add(back).min(WAKES_MAX);
            self.since = now;
        }
        let is_allowed = self.left > 0;
        self.left = self.left.saturating_sub(1);
        is_allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_lines_are_noticed_at_once_and_a_flood_is_not() {
        let begin = Instant::now();
        let mut pace = Pace::new(begin);
        // One thousand a second, for a minute.
        let slow = (0..60_000).all(|at| pace.allows(begin + Duration::from_millis(at)));
        assert!(slow);
        // A hundred thousand a second, for a second.
        let begin = begin + Duration::from_secs(60);
        let flood = (0..100_000).filter(|at| pace.allows(begin + Duration::from_micros(at * 10)));
        let allowed = flood.count();
        assert!((2_000..=4_100).contains(&allowed), "{allowed}");
    }
}
