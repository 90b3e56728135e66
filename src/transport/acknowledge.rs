//! Decides which acknowledged bytes count as delivered (design, section 2.1).
//!
//! In: what was written, and what the peer's kernel was seen to have acknowledged, each with its
//! instant. Out: the wire offset up to which everything is confirmed. Pure: no clock, no I/O.
//!
//! An acknowledgement comes from the peer's kernel; a receiver that dies takes the bytes along that
//! its program had not read. Hence two rules, and the higher of their offsets counts:
//!
//! 1. *Hold back*: of the acknowledged bytes the last 2 x `window_max`, and at least
//!    [`HOLD_BACK_BYTES_MIN`], may sit unread in the peer, and wait for what follows them.
//! 2. *Settle*: what was acknowledged at least `settle` ago on a link with nothing outstanding.
//!
//! Diagnostics: none; it neither logs nor fails.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The least that is held back, whatever window was seen.
///
/// The advertised window is no bound for what a receiver can hold unread: Linux lets the receive
/// buffer grow ahead of the window, and a receiver that read 200 kB quickly and then hung had 1.3
/// MB acknowledged and unread behind a largest window of 95 kB (13.7 times; 1 trial in 100 was over
/// twice the window, the largest with 3.2 MB). What bounds it is the peer's `tcp_rmem` maximum, and
/// 6 MiB is the default of that on every Linux before 6.16.
pub const HOLD_BACK_BYTES_MIN: u64 = 6 * 1024 * 1024;

/// How many marks a `settle` is divided into: the resolution of rule 2, and the memory it needs.
pub(super) const MARKS_PER_SETTLE: u32 = 60;

/// Which acknowledged bytes need more than the acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// None: an acknowledgement is enough.
    Acked,
    /// Those that rules 1 and 2 leave.
    Settled,
    /// Those that rule 1 leaves: time alone proves nothing, a drain must.
    Drained,
}

/// One link's account. A new link begins with a new account; offsets are wire bytes since connect.
#[derive(Clone, Debug)]
pub struct Acknowledged {
    hold: Hold,
    settle: Duration,
    written: u64,
    acked: u64,
    window_max: u64,
    /// Ascending in both fields; the newest one is still open and may be moved.
    pub(super) marks: VecDeque<Mark>,
    /// When the newest mark was begun; it is closed a 60th of `settle` later.
    opened: Option<Instant>,
}

/// Everything before `acked` was acknowledged at `at` or earlier.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    at: Instant,
    acked: u64,
}

impl Acknowledged {
    /// An account of nothing yet.
    pub fn new(settle: Duration, hold: Hold) -> Acknowledged {
        Acknowledged {
            hold,
            settle,
            written: 0,
            acked: 0,
            window_max: 0,
            marks: VecDeque::new(),
            opened: None,
        }
    }

    /// Everything up to `wire_end` was handed to the kernel.
    pub fn written(&mut self, wire_end: u64) {
        self.written = self.written.max(wire_end);
    }

    /// The peer's kernel has acknowledged `acked` wire bytes; `window_max` is the largest window it
    /// ever advertised. `now` never goes back.
    pub fn observe(&mut self, now: Instant, acked: u64, window_max: u64) {
        self.window_max = self.window_max.max(window_max);
        if acked > self.acked {
            self.acked = acked;
            self.mark(now);
        }
        self.forget(now);
    }

    /// Wire offset up to which everything is confirmed.
    ///
    /// It can fall back when [`Acknowledged::written`] is called, because rule 2 wants nothing
    /// outstanding; what was confirmed once stays confirmed, so the caller keeps the highest.
    pub fn confirmed(&self, now: Instant) -> u64 {
        let sure = self.sure();
        if self.hold != Hold::Settled || self.outstanding() {
            return sure;
        }
        let settled = self.marks.iter().rev().find(|mark| self.has_settled(mark, now));
        settled.map_or(sure, |mark| mark.acked.max(sure))
    }

    /// When `confirmed` could next rise by itself, if ever: for a timer.
    pub fn next_change(&self) -> Option<Instant> {
        if self.hold != Hold::Settled || self.outstanding() {
            return None;
        }
        self.tail_waits_since()?.checked_add(self.settle)
    }

    /// Whether the peer's kernel has not yet acknowledged everything.
    pub fn outstanding(&self) -> bool {
        self.acked < self.written
    }

    /// Since when the oldest acknowledged bytes wait that rule 1 does not confirm; late by at
    /// most a 60th of `settle`. `None` when there are none.
    pub fn tail_waits_since(&self) -> Option<Instant> {
        let sure = self.sure();
        self.marks.iter().find(|mark| mark.acked > sure).map(|mark| mark.at)
    }

    /// What rule 1 confirms.
    fn sure(&self) -> u64 {
        if self.hold == Hold::Acked {
            return self.acked;
        }
        let held = self.window_max.saturating_mul(2).max(HOLD_BACK_BYTES_MIN);
        self.acked.saturating_sub(held)
    }

    fn has_settled(&self, mark: &Mark, now: Instant) -> bool {
        now.saturating_duration_since(mark.at) >= self.settle
    }

    /// Bytes may only be dated later than they came, never earlier: the open mark moves with each
    /// new acknowledgement until it is a 60th of `settle` old, and then stays.
    fn mark(&mut self, now: Instant) {
        let width = self.settle / MARKS_PER_SETTLE;
        let open = self.opened.is_some_and(|at| now.saturating_duration_since(at) < width);
        let acked = self.acked;
        match self.marks.back_mut() {
            Some(last) if open => *last = Mark { at: now, acked },
            _ => {
                self.marks.push_back(Mark { at: now, acked });
                self.opened = Some(now);
            }
        }
    }

    /// Of the settled marks only the newest matters; so there are never more than 62.
    fn forget(&mut self, now: Instant) {
        while self.marks.get(1).is_some_and(|mark| self.has_settled(mark, now)) {
            self.marks.pop_front();
        }
    }
}
