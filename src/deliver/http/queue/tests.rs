//! Every decision, with a given clock and without a network.

use super::*;
use crate::deliver::http::window::Window;
use crate::deliver::in_flight::{Counts, InFlight};
use crate::model::fields::Severity;
use crate::model::ledger::Ledger;
use crate::model::position::{Cursor, FileKey, Position};

const SECOND: Duration = Duration::from_secs(1);

/// A queue for batches of four, and a pretended clock.
struct Bench {
    queue: Queue,
    window: Window,
    now: Instant,
    next: u64,
}

impl Bench {
    fn new() -> Bench {
        Bench::with(None)
    }

    fn with(max_attempts: Option<u32>) -> Bench {
        let limits = Limits {
            events_max: 4,
            body_bytes_max: 1000,
            bytes_beside_record: 1,
            bytes_beside_batch: 2,
            takes_gzip: true,
        };
        let retry = RetrySettings {
            initial_backoff: SECOND,
            max_backoff: 300 * SECOND,
            retry_after_max: 900 * SECOND,
            max_attempts,
        };
        let settings = QueueSettings { limits, linger: 5 * SECOND, requests_max: 3, retry };
        Bench {
            queue: Queue::new(settings),
            window: Window::new(&InFlight::new(Vec::new(), Ledger::default(), 1)),
            now: Instant::now(),
            next: 0,
        }
    }

    fn push(&mut self, count: usize) {
        (0..count).for_each(|_| self.push_one(10, 5));
    }

    fn push_one(&mut self, bytes: usize, severity: u8) {
        let offset = self.next;
        self.next += 1;
        let end = Cursor { file: FileKey(1), offset: offset + 1, tail_hash: 0 };
        let segment = self.window.push(end, Counts { messages: 1, ..Counts::default() });
        self.queue.push(Held {
            record: vec![b'x'; bytes],
            id: offset.to_string(),
            severity: Severity::new(severity).unwrap(),
            line: Vec::new(),
            position: Position { file: FileKey(1), offset },
            schema: 0,
            segment,
            attempts: 0,
            was_sent: false,
            since: self.now,
        });
    }

    /// The ids of the next batch, and the batch.
    #[track_caller]
    fn take(&mut self) -> (String, Batch) {
        match self.queue.take(self.now, false) {
            Take::Send(batch) => (ids(&batch), batch),
            Take::Wait(until) => panic!("waits {:?}", until.map(|until| until - self.now)),
        }
    }

    /// How long nothing is to be done; `None` without a limit.
    #[track_caller]
    fn waits(&mut self) -> Option<Duration> {
        match self.queue.take(self.now, false) {
            Take::Send(batch) => panic!("sends {}", ids(&batch)),
            Take::Wait(until) => until.map(|until| until - self.now),
        }
    }

    fn answer(&mut self, batch: Batch, events: Outcomes, status: u16) -> Settled {
        self.answer_later(batch, events, status, None)
    }

    fn answer_later(
        &mut self,
        batch: Batch,
        events: Outcomes,
        status: u16,
        retry_after: Option<Duration>,
    ) -> Settled {
        let verdict = Verdict::from(Outcome::Ok).with_events(events);
        let answer = Answer::Verdict { verdict, status, retry_after };
        self.queue.settle(batch, answer, self.now, 1.0)
    }

    fn fail(&mut self, batch: Batch, is_timeout: bool) -> Settled {
        let answer = Answer::Failed { cause: cause("gone"), is_timeout };
        self.queue.settle(batch, answer, self.now, 1.0)
    }
}

fn ids(batch: &Batch) -> String {
    batch.events.iter().map(|event| event.id.as_str()).collect::<Vec<_>>().join(" ")
}

fn cause(code: &'static str) -> Cause {
    Cause::new(code, code)
}

fn all(outcome: fn(Cause) -> Outcome) -> Outcomes {
    Outcomes::All(outcome(cause("why")))
}

const OK: Outcomes = Outcomes::All(Outcome::Ok);

#[test]
fn a_batch_goes_when_it_is_full_or_has_waited_or_is_critical() {
    let mut bench = Bench::new();
    bench.push(6);
    let (sent, _) = bench.take();
    assert_eq!(sent, "0 1 2 3");
    assert_eq!(bench.waits(), Some(5 * SECOND), "two more wait for others");
    bench.now += 5 * SECOND;
    assert_eq!(bench.take().0, "4 5");
    bench.push_one(10, 8);
    assert_eq!(bench.waits(), Some(5 * SECOND));
    bench.push_one(10, 9);
    assert_eq!(bench.take().0, "6 7", "the critical one takes those before it along");
    bench.push(4);
    assert_eq!(bench.waits(), None, "three requests are in flight");
}

#[test]
fn a_batch_is_bounded_by_its_bytes_and_one_event_always_goes() {
    let mut bench = Bench::new();
    bench.push_one(600, 5);
    bench.push_one(600, 5);
    bench.push_one(5000, 5);
    assert_eq!(bench.take().0, "0");
    assert_eq!(bench.take().0, "1");
    bench.now += 5 * SECOND;
    assert_eq!(bench.take().0, "2");
}

#[test]
fn failures_double_the_wait_and_a_success_ends_it() {
    let mut bench = Bench::new();
    bench.push(8);
    let (_, mut batch) = bench.take();
    for seconds in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
        let settled = bench.fail(batch, false);
        assert_eq!(settled.trouble, Some(Trouble::Down(cause("gone"))));
        assert_eq!(bench.waits(), Some(seconds * SECOND));
        bench.now += seconds * SECOND;
        batch = bench.take().1;
        assert_eq!(ids(&batch), "0 1 2 3");
        assert_eq!(bench.waits(), None, "one at a time while it fails");
    }
    assert_eq!(bench.answer(batch, OK, 200).delivered.len(), 4);
    let (sent, batch) = bench.take();
    assert_eq!(sent, "4 5 6 7");
    bench.fail(batch, false);
    assert_eq!(bench.waits(), Some(SECOND));
}

#[test]
fn requests_that_fail_together_are_one_failure() {
    let mut bench = Bench::new();
    bench.push(12);
    let batches = [bench.take().1, bench.take().1, bench.take().1];
    for batch in batches {
        bench.fail(batch, false);
    }
    assert_eq!(bench.waits(), Some(SECOND));
}

#[test]
fn retry_after_is_honoured_up_to_its_cap() {
    for (asked, want) in [(30, 30), (0, 1), (86_400, 900)] {
        let mut bench = Bench::new();
        bench.push(4);
        let (_, batch) = bench.take();
        let retry = all(Outcome::Retry);
        bench.answer_later(batch, retry, 503, Some(asked * SECOND));
        assert_eq!(bench.waits(), Some(want * SECOND));
        bench.now += want * SECOND;
        assert_eq!(bench.take().0, "0 1 2 3");
    }
}

#[test]
fn sizes_halve_for_an_overtaxed_receiver_and_grow_again() {
    let mut bench = Bench::new();
    bench.push(8);
    let (_, batch) = bench.take();
    bench.answer(batch, all(Outcome::Retry), 429);
    bench.now += SECOND;
    let (sent, batch) = bench.take();
    assert_eq!(sent, "0 1", "the rest of the old batch is a batch of its own");
    bench.answer(batch, OK, 200);
    let (sent, batch) = bench.take();
    assert_eq!(sent, "2 3");
    let settled = bench.fail(batch, true);
    assert!(settled.delivered.is_empty());
    bench.now += SECOND;
    let (sent, batch) = bench.take();
    assert_eq!(sent, "2");
    bench.answer(batch, OK, 200);
    for _ in 0..40 {
        bench.push(1);
        bench.now += 5 * SECOND;
        let batch = bench.take().1;
        bench.answer(batch, OK, 200);
    }
    bench.push(4);
    bench.now += 5 * SECOND;
    assert_eq!(bench.take().1.events.len(), 4);
}

#[test]
fn a_split_finds_the_one_bad_event_and_no_other_is_given_up() {
    let mut bench = Bench::new();
    bench.push(4);
    let (mut stored, mut dead) = (0, Vec::new());
    while let Take::Send(batch) = bench.queue.take(bench.now, true) {
        let is_bad = batch.events.iter().any(|event| event.id == "2");
        let outcomes = if is_bad { all(Outcome::Split) } else { OK };
        let settled = bench.answer(batch, outcomes, 400);
        assert_eq!(settled.trouble, None);
        stored += settled.delivered.len();
        dead.extend(settled.dead.into_iter().map(|(event, _)| event.id));
    }
    assert_eq!((stored, dead), (3, vec!["2".to_owned()]));
    assert_eq!(bench.queue.held_bytes(), 0);
}

#[test]
fn each_event_has_its_own_fate() {
    let mut bench = Bench::new();
    bench.push(4);
    let (_, batch) = bench.take();
    let outcomes = Outcomes::Each(vec![
        Outcome::Ok,
        Outcome::Quarantine(cause("bad")),
        Outcome::Retry(cause("busy")),
        Outcome::Ok,
    ]);
    let settled = bench.answer(batch, outcomes, 200);
    assert_eq!(settled.delivered.len(), 2);
    assert_eq!(settled.dead.len(), 1);
    assert!(settled.is_success && settled.trouble.is_none());
    assert!(!bench.queue.is_failing(), "the receiver works, one event waits");
    bench.push(4);
    assert_eq!(bench.take().0, "4 5 6 7");
    bench.now += SECOND;
    assert_eq!(bench.take().0, "2");
    let mut bench = Bench::new();
    bench.push(4);
    let (_, batch) = bench.take();
    let settled = bench.answer(batch, Outcomes::Each(vec![Outcome::Ok]), 200);
    assert!(
        settled.delivered.is_empty(),
        "an answer about another number of events proves nothing"
    );
    bench.now += SECOND;
    assert_eq!(bench.take().0, "0 1 2 3");
}

#[test]
fn a_hold_never_gives_up_and_a_new_token_is_tried_once_at_once() {
    let mut bench = Bench::with(Some(2));
    bench.push(4);
    let mut batch = bench.take().1;
    let held = || Verdict { new_token: true, ..Verdict::from(Outcome::Hold(cause("401"))) };
    let answer = || Answer::Verdict { verdict: held(), status: 401, retry_after: None };
    let settled = bench.queue.settle(batch, answer(), bench.now, 1.0);
    assert!(settled.renew && settled.trouble.is_none());
    bench.now += Duration::from_millis(1);
    batch = bench.take().1;
    for seconds in [1, 2, 4, 8] {
        let settled = bench.queue.settle(batch, answer(), bench.now, 1.0);
        assert_eq!(settled.trouble, Some(Trouble::Held(cause("401"))));
        assert!(settled.dead.is_empty() && settled.renew);
        assert_eq!(bench.waits(), Some(seconds * SECOND));
        bench.now += seconds * SECOND;
        batch = bench.take().1;
    }
    bench.queue.settle(batch, answer(), bench.now, 1.0);
    bench.queue.hurry(bench.now);
    assert_eq!(bench.take().0, "0 1 2 3", "the operator did something");
}

#[test]
fn a_token_that_ends_under_several_requests_is_no_fault() {
    let mut bench = Bench::new();
    bench.push(12);
    let batches = [bench.take().1, bench.take().1, bench.take().1];
    bench.now += SECOND;
    for (at, batch) in batches.into_iter().enumerate() {
        let verdict = Verdict { new_token: true, ..Verdict::from(Outcome::Hold(cause("401"))) };
        let answer = Answer::Verdict { verdict, status: 401, retry_after: None };
        let settled = bench.queue.settle(batch, answer, bench.now, 1.0);
        assert!(settled.trouble.is_none());
        assert_eq!(settled.renew, at == 0, "one new token is enough");
    }
    bench.now += SECOND;
    for _ in 0..3 {
        let (_, batch) = bench.take();
        assert_eq!(bench.answer(batch, OK, 200).delivered.len(), 4);
    }
}

#[test]
fn attempts_are_counted_where_they_are_bounded() {
    let mut bench = Bench::with(Some(3));
    bench.push(4);
    for attempt in 1..=3 {
        let (_, batch) = bench.take();
        let settled = bench.fail(batch, false);
        assert_eq!(settled.dead.len(), if attempt == 3 { 4 } else { 0 });
        if let Some((_, cause)) = settled.dead.first() {
            assert_eq!((cause.code, &*cause.text), ("given_up", "given up after 3 attempts: gone"));
        }
        bench.now += 300 * SECOND;
    }
    assert!(bench.queue.is_empty() && bench.queue.held_bytes() == 0);
    let mut unbounded = Bench::new();
    unbounded.push(4);
    for _ in 0..1000 {
        let (_, batch) = unbounded.take();
        assert!(unbounded.fail(batch, false).dead.is_empty());
        unbounded.now += 300 * SECOND;
    }
}

#[test]
fn a_stale_connection_is_no_failure() {
    let mut bench = Bench::with(Some(1));
    bench.push(4);
    let (_, batch) = bench.take();
    let settled = bench.queue.settle(batch, Answer::Stale, bench.now, 1.0);
    assert!(settled.dead.is_empty() && settled.trouble.is_none());
    assert_eq!(bench.take().0, "0 1 2 3");
}

#[test]
fn slow_means_one_request_a_second_for_a_while() {
    let mut bench = Bench::new();
    bench.push(16);
    let (_, batch) = bench.take();
    let slow = Outcomes::All(Outcome::Slow(10 * SECOND));
    assert_eq!(bench.answer(batch, slow, 200).delivered.len(), 4);
    assert_eq!(bench.waits(), Some(SECOND));
    bench.now += SECOND;
    let (_, batch) = bench.take();
    assert_eq!(bench.waits(), None);
    bench.answer(batch, OK, 200);
    bench.now += 9 * SECOND;
    bench.take();
    bench.take();
}

#[test]
fn what_waits_for_an_acknowledgement_still_holds_its_memory() {
    let mut bench = Bench::new();
    bench.push(4);
    let held = bench.queue.held_bytes();
    let (_, batch) = bench.take();
    let verdict = Verdict { acknowledgement: Some(7), ..Verdict::from(Outcome::Ok) };
    let answer = Answer::Verdict { verdict, status: 200, retry_after: None };
    let settled = bench.queue.settle(batch, answer, bench.now, 1.0);
    assert!(settled.delivered.is_empty() && settled.is_success);
    let (number, batch) = settled.unacknowledged.unwrap();
    assert_eq!((number, bench.queue.held_bytes()), (7, held));
    bench.queue.unacknowledged(batch, bench.now);
    let (sent, batch) = bench.take();
    assert_eq!(sent, "0 1 2 3");
    assert_eq!(bench.queue.acknowledged(batch).len(), 4);
    assert_eq!(bench.queue.held_bytes(), 0);
}

#[test]
fn a_batch_has_the_same_id_at_each_attempt_and_another_one_with_other_events() {
    let mut bench = Bench::new();
    bench.push(8);
    let (_, batch) = bench.take();
    let id = batch.id();
    bench.fail(batch, false);
    bench.now += SECOND;
    let (_, batch) = bench.take();
    assert_eq!(batch.id(), id);
    bench.answer(batch, OK, 200);
    assert_ne!(bench.take().1.id(), id);
}

/// Whatever is answered, each event is stored or buried, once, and nothing is left behind.
#[test]
fn no_order_of_answers_loses_or_doubles_an_event() {
    const EVENTS: usize = 60;
    for seed in 0..300 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut bench = Bench::with((seed % 3 == 0).then_some(4));
        let (mut flying, mut waiting) = (Vec::new(), Vec::new());
        let (mut stored, mut dead) = (0, 0);
        let mut pushed = 0;
        for step in 0.. {
            assert!(step < 100_000, "seed {seed}: no end");
            // Failures become rare, so that there is an end.
            let fails = step < 400 && random.u8(..100) < 60;
            if pushed < EVENTS && random.bool() {
                bench.push_one(random.usize(1..600), random.u8(..=10));
                pushed += 1;
            }
            bench.now += random.u32(..4) * SECOND;
            while let Take::Send(batch) = bench.queue.take(bench.now, pushed == EVENTS) {
                flying.push(batch);
            }
            let settled = if !flying.is_empty() {
                let batch = flying.swap_remove(random.usize(..flying.len()));
                let answer = answer_of(&mut random, &batch, fails);
                bench.queue.settle(batch, answer, bench.now, random.f64())
            } else if let Some((_, batch)) = waiting.pop() {
                match fails {
                    true => bench.queue.unacknowledged(batch, bench.now),
                    false => {
                        for segment in bench.queue.acknowledged(batch) {
                            bench.window.delivered(segment);
                            stored += 1;
                        }
                    }
                }
                Settled::default()
            } else if pushed == EVENTS && bench.queue.is_empty() {
                break;
            } else {
                continue;
            };
            stored += settled.delivered.len();
            settled.delivered.into_iter().for_each(|segment| bench.window.delivered(segment));
            dead += settled.dead.len();
            settled.dead.into_iter().for_each(|(event, _)| bench.window.buried(event.segment));
            waiting.extend(settled.unacknowledged);
            bench.window.pass();
            assert!(bench.window.ledger().adds_up());
        }
        bench.window.pass();
        let ledger = bench.window.ledger();
        assert_eq!(stored + dead, EVENTS, "seed {seed}");
        assert_eq!((ledger.confirmed, ledger.dead_lettered), (stored as u64, dead as u64));
        assert_eq!((ledger.in_flight, bench.queue.held_bytes()), (0, 0), "seed {seed}");
        let cursors = bench.window.cursors();
        assert_eq!(cursors.first().map(|cursor| cursor.offset), Some(EVENTS as u64));
    }
}

fn answer_of(random: &mut fastrand::Rng, batch: &Batch, fails: bool) -> Answer {
    let outcome = |random: &mut fastrand::Rng| match random.u8(..6) {
        _ if !fails => Outcome::Ok,
        0 => Outcome::Ok,
        1 => Outcome::Retry(cause("busy")),
        2 => Outcome::Slow(5 * SECOND),
        3 => Outcome::Split(cause("large")),
        4 => Outcome::Hold(cause("held")),
        _ => Outcome::Quarantine(cause("bad")),
    };
    let events = match random.u8(..4) {
        0 if fails => {
            let is_timeout = random.bool();
            return Answer::Failed { cause: cause("gone"), is_timeout };
        }
        1 if fails => return Answer::Stale,
        2 => Outcomes::Each(batch.events.iter().map(|_| outcome(random)).collect()),
        _ => Outcomes::All(outcome(random)),
    };
    let status = [200, 413, 429, 503][random.usize(..4)];
    let acknowledgement = random.bool().then_some(7);
    let verdict = Verdict { acknowledgement, ..Verdict::from(Outcome::Ok).with_events(events) };
    Answer::Verdict { verdict, status, retry_after: fails.then_some(2 * SECOND) }
}
