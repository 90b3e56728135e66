//! What one destination's loop is told (design, sections 2.1 and 5).

use std::time::Duration;

/// How one destination is driven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Its name in the configuration.
    pub name: String,
    /// When acknowledged bytes count as delivered.
    pub confirm: Confirm,
    /// How long acknowledged bytes must lie on a healthy link to count without what follows.
    pub settle: Duration,
    /// The first wait after a failed connection.
    pub initial_backoff: Duration,
    /// The longest wait.
    pub max_backoff: Duration,
    /// The most events a second; `None` for no limit.
    pub max_eps: Option<u32>,
    /// After an outage the rate grows from a tenth of `max_eps` to all of it over this time;
    /// zero for none, and none without `max_eps`.
    pub slow_start: Duration,
    /// How long to stay on a fail-over address before the preferred one is tried again.
    pub fail_back_after: Duration,
    /// How long a clean stop may take to drain.
    pub stop_timeout: Duration,
}

/// Design, section 2.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Confirm {
    /// The peer's kernel acknowledged the bytes: for receivers behind a balancer that resets links.
    Acked,
    /// Held back behind twice the largest window, or settled on a healthy link.
    #[default]
    Settled,
    /// As settled, but the tail is proven by a half-close and the peer's FIN.
    Drained,
}
