//! `max_eps` and slow start: how many events may go now. Pure: time is an argument.

use std::time::{Duration, Instant};

/// A token bucket of a tenth of a second, which opens slowly after an outage.
#[derive(Clone, Debug)]
pub struct Rate {
    events_per_second: f64,
    slow_start: Duration,
    started: Instant,
    filled: Instant,
    tokens: f64,
}

/// The bucket holds this much of a second, so that a pause is not followed by a burst.
const BUCKET: f64 = 0.1;
/// Slow start begins with this share of the full rate.
const FIRST_SHARE: f64 = 0.1;

impl Rate {
    /// A bucket at its full rate.
    pub fn new(events_per_second: u32, slow_start: Duration, now: Instant) -> Rate {
        let started = now.checked_sub(slow_start).unwrap_or(now);
        let events_per_second = f64::from(events_per_second.max(1));
        Rate { events_per_second, slow_start, started, filled: now, tokens: 1.0 }
    }

    /// The link is up after an outage: begin with a tenth of the rate.
    pub fn restart(&mut self, now: Instant) {
        self.started = now;
        self.filled = now;
        self.tokens = 1.0;
    }

    /// How many events a portion should hold, so that the rate is met in small steps.
    pub fn portion_events(&self) -> usize {
        ((self.events_per_second * BUCKET) as usize).max(1)
    }

    /// Takes `events` from the bucket, which may go below zero, and answers how long to wait
    /// before they are sent.
    pub fn take(&mut self, events: usize, now: Instant) -> Duration {
        let rate = self.rate(now);
        let elapsed = now.saturating_duration_since(self.filled).as_secs_f64();
        self.filled = now;
        self.tokens = (self.tokens + elapsed * rate).min((rate * BUCKET).max(1.0));
        self.tokens -= events as f64;
        if self.tokens >= 0.0 {
            return Duration::ZERO;
        }
        Duration::from_secs_f64(-self.tokens / rate)
    }

    fn rate(&self, now: Instant) -> f64 {
        let since = now.saturating_duration_since(self.started).as_secs_f64();
        let ramp = self.slow_start.as_secs_f64();
        if since >= ramp {
            return self.events_per_second;
        }
        let share = FIRST_SHARE + (1.0 - FIRST_SHARE) * since / ramp;
        (self.events_per_second * share).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends portions for `seconds` of pretended time and counts the events.
    fn events_sent(rate: &mut Rate, begin: Instant, seconds: u64) -> usize {
        let mut now = begin;
        let mut sent = 0;
        while now < begin + Duration::from_secs(seconds) {
            let portion = rate.portion_events();
            now += rate.take(portion, now);
            sent += portion;
        }
        sent
    }

    #[test]
    fn keeps_the_rate() {
        let begin = Instant::now();
        for events_per_second in [1, 7, 100, 5000] {
            let mut rate = Rate::new(events_per_second, Duration::ZERO, begin);
            let sent = events_sent(&mut rate, begin, 20) as f64 / 20.0;
            let wanted = f64::from(events_per_second);
            assert!((sent - wanted).abs() <= wanted * 0.1 + 0.1, "{sent} instead of {wanted}");
        }
    }

    #[test]
    fn starts_slowly_after_an_outage() {
        let begin = Instant::now();
        let mut rate = Rate::new(1000, Duration::from_secs(10), begin);
        rate.restart(begin);
        let first = events_sent(&mut rate, begin, 1);
        assert!((50..=350).contains(&first), "{first} in the first second");
        let later = events_sent(&mut rate, begin + Duration::from_secs(20), 1);
        assert!((900..=1200).contains(&later), "{later} at full rate");
    }
}
