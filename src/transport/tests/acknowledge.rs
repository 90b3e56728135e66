//! The three rules against a model that knows everything.

use std::time::{Duration, Instant};

use crate::transport::acknowledge::{Acknowledged, HOLD_BACK_BYTES_MIN, Hold};

const SETTLE: Duration = Duration::from_secs(5);

#[test]
fn an_acknowledgement_is_enough_only_where_that_is_asked_for() {
    let now = Instant::now();
    let confirmed = |hold| {
        let mut account = Acknowledged::new(SETTLE, hold);
        account.written(1000);
        account.observe(now, 1000, 65_536);
        account.confirmed(now)
    };
    assert_eq!(confirmed(Hold::Acked), 1000);
    assert_eq!(confirmed(Hold::Settled), 0);
    assert_eq!(confirmed(Hold::Drained), 0);
}

#[test]
fn what_follows_confirms_what_precedes_it_by_two_windows() {
    let now = Instant::now();
    let mut account = Acknowledged::new(SETTLE, Hold::Drained);
    let window = 5_000_000;
    account.written(100_000_000);
    account.observe(now, 50_000_000, window);
    assert_eq!(account.confirmed(now), 40_000_000);
    // A window that shrinks later does not make older bytes surer.
    account.observe(now, 50_000_000, 1000);
    assert_eq!(account.confirmed(now), 40_000_000);
    let mut small = Acknowledged::new(SETTLE, Hold::Drained);
    small.written(20_000_000);
    small.observe(now, 20_000_000, 1000);
    assert_eq!(small.confirmed(now), 20_000_000 - HOLD_BACK_BYTES_MIN);
}

#[test]
fn a_quiet_tail_settles_in_time_and_a_drained_one_never() {
    let now = Instant::now();
    for (hold, settled) in [(Hold::Settled, 1000), (Hold::Drained, 0)] {
        let mut account = Acknowledged::new(SETTLE, hold);
        account.written(1000);
        assert!(account.outstanding());
        account.observe(now, 1000, 65_536);
        assert_eq!(account.confirmed(now + SETTLE - Duration::from_millis(200)), 0);
        assert_eq!(account.confirmed(now + SETTLE), settled);
    }
}

#[test]
fn nothing_settles_while_bytes_are_outstanding() {
    let now = Instant::now();
    let mut account = Acknowledged::new(SETTLE, Hold::Settled);
    account.written(1000);
    account.observe(now, 1000, 65_536);
    account.written(2000);
    assert_eq!(account.confirmed(now + SETTLE * 2), 0);
    assert_eq!(account.next_change(), None);
}

#[test]
fn an_answer_of_the_peer_confirms_at_once() {
    let now = Instant::now();
    let mut account = Acknowledged::new(SETTLE, Hold::Drained);
    account.written(1000);
    account.observe(now, 1000, 65_536);
    account.read(700);
    assert_eq!(account.confirmed(now), 700);
    // It cannot have read more than its kernel acknowledged.
    account.read(5000);
    assert_eq!(account.confirmed(now), 1000);
}

/// Random traffic: never is a byte confirmed that was acknowledged less than `settle` ago and is
/// not followed by two windows; and a steady trickle is confirmed `settle` (and a 60th) later.
#[test]
fn settled_bytes_are_old_enough_whatever_the_traffic() {
    for seed in 0..200 {
        let mut random = fastrand::Rng::with_seed(seed);
        let begin = Instant::now();
        let mut account = Acknowledged::new(SETTLE, Hold::Settled);
        let mut now = begin;
        let mut written = 0_u64;
        let mut acked = 0_u64;
        // When each acknowledged offset was first seen.
        let mut history: Vec<(Instant, u64)> = Vec::new();
        for _ in 0..400 {
            now += Duration::from_millis(random.u64(1..400));
            written += random.u64(0..2000);
            account.written(written);
            acked = if random.u8(0..4) > 0 { written } else { acked };
            account.observe(now, acked, 65_536);
            history.push((now, acked));
            let confirmed = account.confirmed(now);
            let oldest = history.iter().find(|(_, acked)| *acked >= confirmed);
            let seen = oldest.map_or(now, |(at, _)| *at);
            assert!(confirmed == 0 || now - seen >= SETTLE, "seed {seed}: {confirmed} too early");
            let slack = SETTLE + SETTLE / 30;
            let due = history.iter().rfind(|(at, _)| now - *at >= slack);
            if let Some((_, due)) = due
                && !account.outstanding()
            {
                assert!(confirmed >= *due, "seed {seed}: {due} is overdue, only {confirmed}");
            }
        }
    }
}
