//! What is sent next, and what becomes of each event when an answer comes. Pure: the clock and the
//! jitter are arguments, the requests are made elsewhere.
//!
//! In: events as they are read, answers as they come. Out: [`Take`], the next batch or how long to
//! wait; [`Settled`], what is stored, what goes to the dead letter, and what the operator should
//! know. What is neither stored nor buried stays here and is sent again.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::answer::{Answer, Settled, Trouble};
use super::batch::{Batch, Held};
use super::size::Size;
use super::window::SegmentKey;
use crate::http::settings::RetrySettings;
use crate::http::{Limits, Outcome, Outcomes, Verdict};
use crate::model::outcome::Cause;

/// How far apart requests are while the receiver wants less.
const SLOW_GAP: Duration = Duration::from_secs(1);

/// What the queue is told.
#[derive(Clone, Copy, Debug)]
pub struct QueueSettings {
    /// What the API allows, narrowed by the configuration.
    pub limits: Limits,
    /// The longest that an event waits for others.
    pub linger: Duration,
    /// Requests in flight, at least 1.
    pub requests_max: usize,
    /// When to try again, and when to stop.
    pub retry: RetrySettings,
}

/// See the module's text.
#[derive(Debug)]
pub struct Queue {
    settings: QueueSettings,
    /// Never sent, in the order of the spool.
    fresh: VecDeque<Held>,
    fresh_bytes: usize,
    critical: usize,
    /// Sent once at least, or parts of what was.
    again: Vec<Batch>,
    in_flight: usize,
    size: Size,
    /// Bytes of memory that all events here and in flight hold.
    held_bytes: usize,
    /// Failures of the receiver in a row.
    failures: u32,
    paused_until: Option<Instant>,
    slow_until: Option<Instant>,
    sent_at: Option<Instant>,
    /// When the credentials were read anew, if since the last success: a 401 to what was sent after
    /// that is a fault.
    renewed_at: Option<Instant>,
}

/// What to do now.
#[derive(Debug)]
pub enum Take {
    /// Send this.
    Send(Batch),
    /// Nothing before then, unless something comes.
    Wait(Option<Instant>),
}

impl Queue {
    /// An empty one.
    pub fn new(settings: QueueSettings) -> Queue {
        let size = Size::new(settings.limits.events_max, settings.limits.body_bytes_max);
        Queue {
            settings,
            fresh: VecDeque::new(),
            fresh_bytes: 0,
            critical: 0,
            again: Vec::new(),
            in_flight: 0,
            size,
            held_bytes: 0,
            failures: 0,
            paused_until: None,
            slow_until: None,
            sent_at: None,
            renewed_at: None,
        }
    }

    /// An event from the spool.
    pub fn push(&mut self, event: Held) {
        self.held_bytes += event.bytes();
        self.fresh_bytes += self.body_bytes(&event);
        self.critical += usize::from(event.is_critical());
        self.fresh.push_back(event);
    }

    /// Bytes of memory that all events here and in flight hold.
    pub fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// Nothing waits here; requests may be in flight.
    pub fn is_empty(&self) -> bool {
        self.fresh.is_empty() && self.again.is_empty()
    }

    /// Requests in flight.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// The receiver fails, and is tried with one request at a time.
    pub fn is_failing(&self) -> bool {
        self.failures > 0
    }

    /// Failures in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Nothing is sent before then.
    pub fn paused_until(&self) -> Option<Instant> {
        self.paused_until
    }

    /// The operator did something (SIGHUP): try at once.
    pub fn hurry(&mut self, now: Instant) {
        self.paused_until = None;
        self.renewed_at = None;
        self.again.iter_mut().for_each(|batch| batch.due = batch.due.min(now));
    }

    /// The next batch. `flush`: waits for no further events.
    pub fn take(&mut self, now: Instant, flush: bool) -> Take {
        let requests_max =
            if self.is_failing() || self.is_slow(now) { 1 } else { self.settings.requests_max };
        if self.in_flight >= requests_max {
            return Take::Wait(None);
        }
        let gap = self.sent_at.filter(|_| self.is_slow(now)).map(|sent| sent + SLOW_GAP);
        let pause = [self.paused_until, gap].into_iter().flatten().max();
        if let Some(until) = pause.filter(|until| now < *until) {
            return Take::Wait(Some(until));
        }
        let earliest = self.again.iter().enumerate().min_by_key(|(_, batch)| batch.due);
        let earliest = earliest.map(|(at, batch)| (at, batch.due));
        if let Some((at, _)) = earliest.filter(|(_, due)| *due <= now) {
            let batch = self.again.swap_remove(at);
            return self.send(batch, now);
        }
        let fresh_due = self.fresh.front().map(|event| event.since + self.settings.linger);
        let is_full = self.fresh.len() >= self.size.events() || self.fresh_bytes >= self.room();
        let is_due =
            is_full || flush || self.critical > 0 || fresh_due.is_some_and(|due| due <= now);
        if is_due && !self.fresh.is_empty() {
            return self.send_fresh(now);
        }
        Take::Wait([fresh_due, earliest.map(|(_, due)| due)].into_iter().flatten().min())
    }

    /// What the answer means for each event of the batch. `jitter` is between 0.0 and 1.0.
    pub fn settle(&mut self, batch: Batch, answer: Answer, now: Instant, jitter: f64) -> Settled {
        self.in_flight = self.in_flight.saturating_sub(1);
        let mut settled = Settled::default();
        match answer {
            Answer::Failed { cause, is_timeout } => {
                if is_timeout {
                    self.size.halve();
                }
                self.all_again(batch, &cause, None, now, jitter, &mut settled);
            }
            Answer::Stale => self.again.push(Batch { due: now, ..batch }),
            Answer::Unmade(cause) => self.hold(batch, cause, now, jitter, &mut settled),
            Answer::Verdict { verdict, status, retry_after } => {
                if matches!(status, 413 | 429) {
                    self.size.halve();
                }
                let is_old = self.renewed_at.is_some_and(|at| batch.due <= at);
                settled.renew = verdict.new_token && !is_old;
                self.judge(batch, verdict, retry_after, now, jitter, &mut settled);
            }
        }
        let gone = settled.dead.iter().map(|(event, _)| event.bytes()).sum::<usize>();
        self.held_bytes = self.held_bytes.saturating_sub(gone);
        settled
    }

    /// There can be no request before something else is in order, such as a token.
    pub fn fail(&mut self, now: Instant, jitter: f64) {
        self.pause(None, now, jitter);
    }

    /// What waited for an acknowledgement has it.
    pub fn acknowledged(&mut self, batch: Batch) -> Vec<SegmentKey> {
        self.release(batch)
    }

    /// What waited for an acknowledgement will not get it: again.
    pub fn unacknowledged(&mut self, batch: Batch, now: Instant) {
        self.again.push(Batch { due: now, ..batch });
    }

    fn judge(
        &mut self,
        batch: Batch,
        verdict: Verdict,
        retry_after: Option<Duration>,
        now: Instant,
        jitter: f64,
        settled: &mut Settled,
    ) {
        match verdict.events {
            Outcomes::All(Outcome::Ok) => {
                self.succeeded(settled);
                self.stored(batch, verdict.acknowledgement, settled);
            }
            Outcomes::All(Outcome::Slow(time)) => {
                self.succeeded(settled);
                self.slow_until = Some(now + time);
                self.stored(batch, verdict.acknowledgement, settled);
            }
            Outcomes::All(Outcome::Retry(cause)) => {
                self.all_again(batch, &cause, retry_after, now, jitter, settled);
            }
            Outcomes::All(Outcome::Hold(_))
                if verdict.new_token && self.renewed_at.is_none_or(|at| batch.due <= at) =>
            {
                // The token may have ended a moment ago: once more with a new one, at once.
                self.renewed_at.get_or_insert(now);
                self.again.push(Batch { due: now, ..batch });
            }
            Outcomes::All(Outcome::Hold(cause)) => self.hold(batch, cause, now, jitter, settled),
            Outcomes::All(Outcome::Split(cause)) => self.split(batch, cause, now, settled),
            Outcomes::All(Outcome::Quarantine(cause)) => {
                settled.dead.extend(batch.events.into_iter().map(|event| (event, cause.clone())));
            }
            Outcomes::Each(outcomes) if outcomes.len() == batch.events.len() => {
                self.each(batch, outcomes, retry_after, now, jitter, settled);
            }
            Outcomes::Each(_) => {
                let text = "the answer is about another number of events than were sent";
                let cause = Cause::new("unclear_answer", text);
                self.all_again(batch, &cause, retry_after, now, jitter, settled);
            }
        }
    }

    /// Each event has an outcome of its own.
    fn each(
        &mut self,
        batch: Batch,
        outcomes: Vec<Outcome>,
        retry_after: Option<Duration>,
        now: Instant,
        jitter: f64,
        settled: &mut Settled,
    ) {
        let (mut retry, mut hold, mut split) = (Vec::new(), Vec::new(), Vec::new());
        let (mut retry_cause, mut hold_cause, mut split_cause) = (None, None, None);
        for (event, outcome) in batch.events.into_iter().zip(outcomes) {
            match outcome {
                Outcome::Ok => self.release_one(event, settled),
                Outcome::Slow(time) => {
                    self.slow_until = Some(now + time);
                    self.release_one(event, settled);
                }
                Outcome::Retry(cause) => {
                    retry.push(event);
                    retry_cause.get_or_insert(cause);
                }
                Outcome::Hold(cause) => {
                    hold.push(event);
                    hold_cause.get_or_insert(cause);
                }
                Outcome::Split(cause) => {
                    split.push(event);
                    split_cause.get_or_insert(cause);
                }
                Outcome::Quarantine(cause) => settled.dead.push((event, cause)),
            }
        }
        let is_partly_good = !settled.delivered.is_empty() || !settled.dead.is_empty();
        if !settled.delivered.is_empty() {
            self.succeeded(settled);
        }
        if let Some(cause) = split_cause {
            self.split(Batch { events: split, due: now }, cause, now, settled);
        }
        if let Some(cause) = retry_cause {
            let batch = Batch { events: retry, due: now };
            if is_partly_good {
                // The receiver works; these events alone wait.
                let wait = self.wait(batch.attempts(), retry_after, jitter);
                self.count_attempt(batch, &cause, now + wait, settled);
            } else {
                self.all_again(batch, &cause, retry_after, now, jitter, settled);
            }
        }
        if let Some(cause) = hold_cause {
            self.hold(Batch { events: hold, due: now }, cause, now, jitter, settled);
        }
    }

    /// The receiver cannot take it now: everything waits.
    fn all_again(
        &mut self,
        batch: Batch,
        cause: &Cause,
        retry_after: Option<Duration>,
        now: Instant,
        jitter: f64,
        settled: &mut Settled,
    ) {
        let until = self.pause(retry_after, now, jitter);
        settled.trouble = Some(Trouble::Down(cause.clone()));
        self.count_attempt(batch, cause, until, settled);
    }

    /// Somebody has to mend something: everything waits, and nothing is ever given up.
    fn hold(
        &mut self,
        batch: Batch,
        cause: Cause,
        now: Instant,
        jitter: f64,
        settled: &mut Settled,
    ) {
        let due = self.pause(None, now, jitter);
        settled.trouble = Some(Trouble::Held(cause));
        self.again.push(Batch { due, ..batch });
    }

    /// In halves; an event alone is the one that is not taken.
    fn split(&mut self, batch: Batch, cause: Cause, now: Instant, settled: &mut Settled) {
        let mut events = batch.events;
        if events.len() <= 1 {
            settled.dead.extend(events.into_iter().map(|event| (event, cause.clone())));
            return;
        }
        let second = events.split_off(events.len().div_ceil(2));
        self.again.push(Batch { events, due: now });
        self.again.push(Batch { events: second, due: now });
    }

    /// One more failed attempt; those that had their last one go to the dead letter.
    fn count_attempt(&mut self, batch: Batch, cause: &Cause, due: Instant, settled: &mut Settled) {
        let attempts_max = self.settings.retry.max_attempts.unwrap_or(u32::MAX);
        let mut kept = Vec::with_capacity(batch.events.len());
        for mut event in batch.events {
            event.attempts = event.attempts.saturating_add(1);
            if event.attempts < attempts_max {
                kept.push(event);
            } else {
                let text = format!("given up after {attempts_max} attempts: {cause}");
                settled.dead.push((event, Cause::new("given_up", text)));
            }
        }
        if !kept.is_empty() {
            self.again.push(Batch { events: kept, due });
        }
    }

    fn succeeded(&mut self, settled: &mut Settled) {
        settled.is_success = true;
        self.failures = 0;
        self.paused_until = None;
        self.renewed_at = None;
        self.size.grow();
    }

    fn stored(&mut self, batch: Batch, acknowledgement: Option<u64>, settled: &mut Settled) {
        match acknowledgement {
            Some(number) => settled.unacknowledged = Some((number, batch)),
            None => settled.delivered = self.release(batch),
        }
    }

    fn release(&mut self, batch: Batch) -> Vec<SegmentKey> {
        let bytes = batch.events.iter().map(Held::bytes).sum::<usize>();
        self.held_bytes = self.held_bytes.saturating_sub(bytes);
        batch.events.iter().map(|event| event.segment).collect()
    }

    fn release_one(&mut self, event: Held, settled: &mut Settled) {
        self.held_bytes = self.held_bytes.saturating_sub(event.bytes());
        settled.delivered.push(event.segment);
    }

    /// Counts a failure of the receiver and answers until when everything waits.
    fn pause(&mut self, retry_after: Option<Duration>, now: Instant, jitter: f64) -> Instant {
        if let Some(paused) = self.paused_until.filter(|paused| now < *paused) {
            // Requests that were in flight together fail together: one failure.
            return retry_after.map_or(paused, |_| {
                let until = paused.max(now + self.wait(0, retry_after, jitter));
                self.paused_until = Some(until);
                until
            });
        }
        let until = now + self.wait(self.failures, retry_after, jitter);
        self.failures = self.failures.saturating_add(1);
        self.paused_until = Some(until);
        until
    }

    /// Doubles with each failure, between half of it and the whole by `jitter`; what the receiver
    /// asks for, where it does, up to a cap, and not less than the first wait: some ask for none.
    fn wait(&self, failures: u32, retry_after: Option<Duration>, jitter: f64) -> Duration {
        let retry = &self.settings.retry;
        let share = 0.5 + jitter.clamp(0.0, 1.0) / 2.0;
        if let Some(asked) = retry_after {
            return asked.min(retry.retry_after_max).max(retry.initial_backoff.mul_f64(share));
        }
        let factor = 1_u32.checked_shl(failures).unwrap_or(u32::MAX);
        retry.initial_backoff.saturating_mul(factor).min(retry.max_backoff).mul_f64(share)
    }

    fn send_fresh(&mut self, now: Instant) -> Take {
        let (events_max, room) = (self.size.events(), self.room());
        let (mut events, mut bytes) = (Vec::new(), 0);
        while let Some(event) = self.fresh.front() {
            let more = self.body_bytes(event);
            if !events.is_empty() && (events.len() >= events_max || bytes + more > room) {
                break;
            }
            let Some(event) = self.fresh.pop_front() else { break };
            bytes += more;
            self.fresh_bytes -= more;
            self.critical -= usize::from(event.is_critical());
            events.push(event);
        }
        self.send(Batch { events, due: now }, now)
    }

    /// A batch that was made when more was allowed is cut; its rest follows.
    fn send(&mut self, mut batch: Batch, now: Instant) -> Take {
        let (events_max, room) = (self.size.events(), self.room());
        let mut bytes = 0;
        let fits = batch.events.iter().take_while(|event| {
            bytes += self.body_bytes(event);
            bytes <= room
        });
        let count = fits.count().clamp(1, events_max);
        if count < batch.events.len() {
            let rest = batch.events.split_off(count);
            self.again.push(Batch { events: rest, due: batch.due });
        }
        batch.due = now;
        self.in_flight += 1;
        self.sent_at = Some(now);
        Take::Send(batch)
    }

    fn body_bytes(&self, event: &Held) -> usize {
        event.record.len() + self.settings.limits.bytes_beside_record
    }

    /// For records, in a body of the present size.
    fn room(&self) -> usize {
        self.size.bytes().saturating_sub(self.settings.limits.bytes_beside_batch)
    }

    fn is_slow(&self, now: Instant) -> bool {
        self.slow_until.is_some_and(|until| now < until)
    }
}

#[cfg(test)]
mod tests;
