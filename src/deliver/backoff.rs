//! How long to wait before the next try. Pure: the jitter is an argument.

use std::time::Duration;

/// Doubling wait with full jitter, from `initial` to `most`; only a confirmed delivery resets it,
/// so a receiver that accepts connections and drops them is not hammered.
#[derive(Clone, Debug)]
pub struct Backoff {
    initial: Duration,
    most: Duration,
    failures: u32,
}

impl Backoff {
    /// `initial` is the ceiling of the first wait, `most` that of all.
    pub fn new(initial: Duration, most: Duration) -> Backoff {
        Backoff { initial, most, failures: 0 }
    }

    /// Counts a failure and answers how long to wait: between half of the ceiling and the whole
    /// of it, by `jitter` in 0.0 to 1.0. Half is kept so that the first wait is not nothing.
    pub fn failed(&mut self, jitter: f64) -> Duration {
        let ceiling = self
            .initial
            .saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX))
            .min(self.most);
        self.failures = (self.failures + 1).min(31);
        ceiling.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0)
    }

    /// A delivery was confirmed.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// Failures since the last confirmed delivery.
    pub fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_to_its_ceiling_and_starts_again_after_a_delivery() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(300));
        let waits: Vec<u64> = (0..12).map(|_| backoff.failed(1.0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        for _ in 0..100 {
            backoff.failed(0.0);
        }
        assert_eq!(backoff.failed(0.0), Duration::from_secs(150));
        backoff.reset();
        assert_eq!(backoff.failed(0.5), Duration::from_millis(750));
    }
}
