//! Whether a loop works or waits, for whoever watches it.
//!
//! In: the loop's own word at each change. Out: whether it has worked for too long without a sign.
//! A loop that waits for an event is well, however long; one that works and shows no progress hangs
//! in the disk or in a bug. Diagnostics: none.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Shared between a loop and its watcher. A new one waits.
#[derive(Clone, Debug)]
pub struct Beat {
    origin: Instant,
    /// Milliseconds after `origin`, plus one, of the last sign of work; 0 while the loop waits.
    worked_at: Arc<AtomicU64>,
}

impl Beat {
    /// `now` must not lie behind any later `now`.
    pub fn new(now: Instant) -> Beat {
        Beat { origin: now, worked_at: Arc::new(AtomicU64::new(0)) }
    }

    /// The loop begins to work, or works and has made progress.
    pub fn works(&self, now: Instant) {
        let at = now.saturating_duration_since(self.origin).as_millis();
        let at = u64::try_from(at).unwrap_or(u64::MAX - 1).saturating_add(1);
        self.worked_at.store(at, Ordering::Relaxed);
    }

    /// The loop waits for an event or a time.
    pub fn waits(&self) {
        self.worked_at.store(0, Ordering::Relaxed);
    }

    /// Whether it has worked for longer than `limit` without a sign.
    pub fn is_stalled(&self, now: Instant, limit: Duration) -> bool {
        let Some(at) = self.worked_at.load(Ordering::Relaxed).checked_sub(1) else { return false };
        now.saturating_duration_since(self.origin).saturating_sub(Duration::from_millis(at)) > limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_work_without_progress_is_a_stall() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let limit = Duration::from_secs(10);
        let beat = Beat::new(start);
        assert!(!beat.is_stalled(at(100), limit), "a new one waits");
        beat.works(at(100));
        assert!(!beat.is_stalled(at(110), limit));
        assert!(beat.is_stalled(at(111), limit));
        beat.clone().works(at(111));
        assert!(!beat.is_stalled(at(120), limit), "progress");
        beat.waits();
        assert!(!beat.is_stalled(at(1000), limit), "waiting");
    }
}
