//! The account against a brute-force model, and case by case.

use std::time::{Duration, Instant};

use crate::transport::acknowledge::{Acknowledged, HOLD_BACK_BYTES_MIN, Hold, MARKS_PER_SETTLE};

const SETTLE: Duration = Duration::from_secs(5);
const MIB: u64 = 1024 * 1024;

/// What happened, at milliseconds since the start.
#[derive(Clone, Copy, Debug)]
enum Step {
    Written(u64),
    Observe { at: u64, acked: u64, window: u64 },
}
use Step::{Observe, Written};

#[track_caller]
fn check(hold: Hold, steps: &[Step], expected: &[(u64, u64)]) {
    let start = Instant::now();
    let mut account = Acknowledged::new(SETTLE, hold);
    for step in steps {
        apply(&mut account, start, *step);
    }
    for (at, confirmed) in expected {
        let now = start + Duration::from_millis(*at);
        assert_eq!(account.confirmed(now), *confirmed, "at {at} ms, {account:?}");
    }
}

fn apply(account: &mut Acknowledged, start: Instant, step: Step) {
    match step {
        Written(end) => account.written(end),
        Observe { at, acked, window } => {
            account.observe(start + Duration::from_millis(at), acked, window);
        }
    }
}

#[test]
fn an_acknowledgement_is_enough_when_configured() {
    let steps = [Written(1000), Observe { at: 0, acked: 600, window: 65536 }];
    check(Hold::Acked, &steps, &[(0, 600), (9000, 600)]);
}

#[test]
fn the_floor_and_twice_the_window_are_held_back() {
    let observe = |window| [Written(99 * MIB), Observe { at: 0, acked: 50 * MIB, window }];
    check(Hold::Settled, &observe(65536), &[(0, 50 * MIB - HOLD_BACK_BYTES_MIN)]);
    check(Hold::Settled, &observe(10 * MIB), &[(0, 30 * MIB)]);
    check(Hold::Settled, &observe(u64::MAX), &[(0, 0)]);
}

#[test]
fn the_largest_window_counts_not_the_present_one() {
    let steps = [
        Written(99 * MIB),
        Observe { at: 0, acked: 40 * MIB, window: 10 * MIB },
        Observe { at: 1, acked: 50 * MIB, window: 0 },
    ];
    check(Hold::Settled, &steps, &[(1, 30 * MIB)]);
}

#[test]
fn a_quiet_tail_settles_after_settle() {
    let steps = [Written(1000), Observe { at: 100, acked: 1000, window: 65536 }];
    check(Hold::Settled, &steps, &[(100, 0), (5099, 0), (5100, 1000), (90_000, 1000)]);
    check(Hold::Drained, &steps, &[(5100, 0), (90_000, 0)]);
}

#[test]
fn nothing_settles_while_something_is_outstanding() {
    let steps = [Written(1000), Observe { at: 0, acked: 999, window: 65536 }];
    check(Hold::Settled, &steps, &[(5000, 0), (90_000, 0)]);
}

/// An event every 100 ms, each acknowledged before the next: the old ones are confirmed although
/// newer ones are not, at most a 60th of `settle` late.
#[test]
fn a_trickle_settles_byte_by_byte() {
    let start = Instant::now();
    let mut account = Acknowledged::new(SETTLE, Hold::Settled);
    for event in 1..=1000_u64 {
        let now = start + Duration::from_millis(event * 100);
        account.written(event * 400);
        account.observe(now, event * 400, 65536);
        let oldest_unsettled = (event * 100).saturating_sub(5000) / 100 * 400;
        let confirmed = account.confirmed(now);
        assert!(confirmed <= oldest_unsettled, "{confirmed} at event {event}");
        assert!(confirmed + 2 * 400 >= oldest_unsettled, "{confirmed} at event {event}");
    }
}

#[test]
fn the_timer_says_when_the_tail_settles() {
    let start = Instant::now();
    let mut account = Acknowledged::new(SETTLE, Hold::Settled);
    assert_eq!(account.next_change(), None);
    account.written(1000);
    account.observe(start, 500, 65536);
    assert_eq!((account.next_change(), account.outstanding()), (None, true));
    account.observe(start + Duration::from_millis(10), 1000, 65536);
    let tail = account.tail_waits_since().unwrap();
    assert_eq!(account.next_change(), Some(tail + SETTLE));
    assert_eq!(account.confirmed(tail + SETTLE), 1000);
    account.written(1000 + HOLD_BACK_BYTES_MIN);
    account.observe(tail + SETTLE, 1000 + HOLD_BACK_BYTES_MIN, 65536);
    assert_eq!(account.confirmed(tail + SETTLE), 1000);
    assert_eq!(account.tail_waits_since(), Some(tail + SETTLE));
}

#[test]
fn an_endless_settle_never_overflows() {
    let mut account = Acknowledged::new(Duration::MAX, Hold::Settled);
    account.written(1);
    account.observe(Instant::now(), 1, 1);
    assert_eq!(account.next_change(), None);
    assert_eq!(account.confirmed(Instant::now() + Duration::from_secs(1 << 30)), 0);
}

/// Both rules from the whole history, without marks.
struct Model {
    history: Vec<(Duration, u64)>,
    written: u64,
    window_max: u64,
}

impl Model {
    /// The highest offset at `now` if the newest acknowledgements were dated `late` later.
    fn confirmed(&self, now: Duration, late: Duration) -> u64 {
        let acked = self.history.last().map_or(0, |last| last.1);
        let held = (2 * self.window_max).max(HOLD_BACK_BYTES_MIN);
        let sure = acked.saturating_sub(held);
        if acked < self.written {
            return sure;
        }
        let settled = self.history.iter().filter(|(at, _)| *at + SETTLE + late <= now);
        settled.map(|(_, acked)| *acked).max().unwrap_or(0).max(sure)
    }
}

/// Thousands of random histories of a receiver that reads by fits and starts: the account never
/// confirms more than the model, and never less than the model a 60th of `settle` ago.
#[test]
fn marks_lose_nothing_but_a_60th_of_settle() {
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..500 {
        let start = Instant::now();
        let mut account = Acknowledged::new(SETTLE, Hold::Settled);
        let mut model = Model { history: Vec::new(), written: 0, window_max: 0 };
        let (mut now, mut acked) = (Duration::ZERO, 0);
        let batch = 1 << random.u32(4..24);
        let pause = 1 << random.u32(0..12);
        for _ in 0..300 {
            now += Duration::from_millis(random.u64(0..pause));
            match random.u8(0..10) {
                0..4 => model.written += random.u64(0..batch),
                4..8 => {
                    let rest: u64 = model.written - acked;
                    acked += if random.bool() { rest } else { random.u64(0..=rest) };
                    model.window_max = model.window_max.max(random.u64(0..8 * MIB));
                    model.history.push((now, acked));
                }
                _ => now += Duration::from_millis(random.u64(0..6000)),
            }
            account.written(model.written);
            account.observe(start + now, acked, model.window_max);
            if model.history.last().map_or(0, |last| last.1) < acked {
                model.history.push((now, acked));
            }
            let confirmed = account.confirmed(start + now);
            let (most, least) = (
                model.confirmed(now, Duration::ZERO),
                model.confirmed(now, SETTLE / MARKS_PER_SETTLE),
            );
            assert!((least..=most).contains(&confirmed), "{least} {confirmed} {most}");
            assert!(account.marks.len() <= 62, "{} marks", account.marks.len());
            if let Some(at) = account.next_change() {
                let before = account.confirmed(start + now);
                assert!(account.confirmed(at.max(start + now)) >= before);
            }
        }
    }
}

/// A simulated receiver that holds at most what rule 2 allows for: whenever it dies, nothing that
/// was confirmed is unread.
#[test]
fn a_receiver_within_the_bound_loses_nothing_confirmed_by_what_follows() {
    let mut random = fastrand::Rng::with_seed(11);
    for _ in 0..300 {
        let start = Instant::now();
        let mut account = Acknowledged::new(SETTLE, Hold::Drained);
        let capacity = random.u64(1000..12 * MIB);
        let window = capacity.div_ceil(2).max(if capacity <= HOLD_BACK_BYTES_MIN { 0 } else { 1 });
        let (mut written, mut acked, mut read) = (0_u64, 0_u64, 0_u64);
        for step in 0..200 {
            written += random.u64(0..capacity);
            acked = written.min(read + capacity).max(acked);
            account.written(written);
            account.observe(start + Duration::from_millis(step), acked, window);
            let confirmed = account.confirmed(start + Duration::from_millis(step));
            assert!(confirmed <= read, "{confirmed} confirmed, {read} read of {acked}");
            if random.bool() {
                read += random.u64(0..=acked - read);
            }
        }
    }
}
