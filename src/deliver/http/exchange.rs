//! Requests out, answers in.

use std::io::Write as _;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use tracing::warn;

use super::acknowledge::Question;
use super::answer::Answer;
use super::batch::Batch;
use super::client::{Failed, Packed};
use super::queue::Take;
use super::{HttpDelivery, random_uuid};
use crate::http::secret::Secrets;
use crate::http::{Context, Request, Response};
use crate::model::outcome::Cause;
use crate::model::time::EventTime;

/// What a task brings back.
pub(super) enum Done {
    /// A batch, the channel it went by, and what the receiver said.
    Sent(Batch, String, Result<Response, Failed>),
    /// What the receiver said of these.
    Asked(Question, Result<Response, Failed>),
    /// What the token's server said.
    Token(Result<Response, Failed>),
    /// What the sources held.
    Secrets(Result<Secrets, Cause>),
}

impl HttpDelivery {
    /// Begins whatever is due; answers when to look again without an event.
    pub(super) fn start_requests(&mut self, now: Instant, flush: bool) -> Option<Instant> {
        if !self.is_ready(now) {
            return self.queue_pause(now);
        }
        self.ask_for_acknowledgements(now);
        let limit = self.http.acknowledge_timeout;
        for batch in self.unacknowledged.overdue(now, limit) {
            self.queue.unacknowledged(batch, now);
        }
        // One that is due now waits for a free channel, and so for an answer.
        let ask_at = self.unacknowledged.ask_at().filter(|at| now < *at);
        let overdue_at = self.unacknowledged.overdue_at(limit);
        let next = [ask_at, overdue_at].into_iter().flatten().min();
        if let Some(until) = self.rate_until.filter(|until| now < *until) {
            return Some(next.map_or(until, |next| next.min(until)));
        }
        loop {
            match self.queue.take(now, flush) {
                Take::Wait(until) => return [until, next].into_iter().flatten().min(),
                Take::Send(batch) => {
                    let count = batch.events.len();
                    self.send(batch, now);
                    let wait = self.rate.as_mut().map(|rate| rate.take(count, now));
                    if let Some(wait) = wait.filter(|wait| !wait.is_zero()) {
                        self.rate_until = Some(now + wait);
                        return Some(next.map_or(now + wait, |next| next.min(now + wait)));
                    }
                }
            }
        }
    }

    /// What a task brought back.
    pub(super) fn done(&mut self, done: Done, now: Instant) {
        match done {
            Done::Sent(batch, channel, result) => {
                self.busy_channels.remove(&channel);
                self.answered(batch, &channel, result, now);
            }
            Done::Asked(question, result) => {
                let stored = match result {
                    Ok(response) => self.connector.acknowledged(&question.numbers, &response),
                    Err(failed) => Err(failed.cause),
                };
                // What is not known to be stored goes on waiting, and is sent again in the end.
                let stored = stored.unwrap_or_default();
                for batch in self.unacknowledged.answered(&question, &stored, now) {
                    for segment in self.queue.acknowledged(batch) {
                        self.window.delivered(segment);
                    }
                }
                self.record();
            }
            Done::Token(result) => {
                self.is_fetching_token = false;
                let token = match result {
                    Ok(response) => self.connector.token(&response),
                    Err(failed) => Err(failed.cause),
                };
                match token {
                    Ok(token) => self.credentials.keep_token(token, now),
                    Err(cause) => {
                        self.queue.fail(now, fastrand::f64());
                        self.held(&cause);
                    }
                }
            }
            Done::Secrets(result) => {
                self.is_reading_secrets = false;
                match result {
                    Ok(secrets) => self.credentials.keep(secrets, now),
                    Err(cause) if self.credentials.secrets().is_some() => {
                        self.credentials.unread(now);
                        let destination = self.settings.name.as_str();
                        warn!(destination, code = cause.code, "the old secret serves on: {cause}");
                    }
                    Err(cause) => {
                        self.queue.fail(now, fastrand::f64());
                        self.held(&cause);
                    }
                }
            }
        }
    }

    /// Whether there are secrets and, where the API wants one, a token; begins to get them if not.
    fn is_ready(&mut self, now: Instant) -> bool {
        if self.is_reading_secrets {
            return false;
        }
        let is_paused = self.queue.paused_until().is_some_and(|until| now < until);
        if self.credentials.are_old(now) {
            if is_paused && self.credentials.secrets().is_none() {
                return false;
            }
            self.is_reading_secrets = true;
            let sources = self.sources.clone();
            self.tasks.spawn_blocking(move || Done::Secrets(sources.read()));
            return false;
        }
        if self.is_fetching_token || !self.credentials.token_is_old(now) || is_paused {
            return !self.wants_token(now) || self.credentials.token(now).is_some();
        }
        let (batch_id, channel) = (String::new(), String::new());
        let Some(context) = self.context(&batch_id, &channel, now) else { return false };
        match self.connector.token_request(&context) {
            None => true,
            Some(Ok(request)) => {
                self.is_fetching_token = true;
                self.spawn_plain(request, None, Done::Token);
                self.credentials.token(now).is_some()
            }
            Some(Err(cause)) => {
                self.queue.fail(now, fastrand::f64());
                self.held(&cause);
                false
            }
        }
    }

    fn wants_token(&self, now: Instant) -> bool {
        self.context("", "", now)
            .is_some_and(|context| self.connector.token_request(&context).is_some())
    }

    fn queue_pause(&self, now: Instant) -> Option<Instant> {
        self.queue.paused_until().filter(|until| now < *until)
    }

    fn context<'a>(
        &'a self,
        batch_id: &'a str,
        channel: &'a str,
        now: Instant,
    ) -> Option<Context<'a>> {
        Some(Context {
            secrets: self.credentials.secrets()?,
            token: self.credentials.token(now),
            batch_id,
            channel,
            now: EventTime(Timestamp::now().as_microsecond()),
        })
    }

    fn send(&mut self, mut batch: Batch, now: Instant) {
        let endpoint = self.connector.endpoint().clone();
        let lease = self.client.lease(&endpoint, None);
        let channel = lease.as_ref().map_or_else(random_uuid, |lease| lease.channel.clone());
        let batch_id = batch.id();
        let made = match self.context(&batch_id, &channel, now) {
            Some(context) => self.connector.request(&batch.records(), &context),
            None => Err(Cause::new("no_secret", "the secrets were not read yet")),
        };
        let packed = match made.and_then(|request| self.pack(request)) {
            Ok(packed) => packed,
            Err(cause) => {
                let settled = self.queue.settle(batch, Answer::Unmade(cause), now, fastrand::f64());
                return self.settled(settled, &channel, now);
            }
        };
        let again = batch.events.iter().filter(|event| event.was_sent).count() as u64;
        self.window.resent(again);
        batch.events.iter_mut().for_each(|event| event.was_sent = true);
        let client = std::sync::Arc::clone(&self.client);
        let to = packed.head.endpoint.clone().unwrap_or(endpoint);
        self.busy_channels.insert(channel.clone());
        self.tasks.spawn(async move {
            let result = client.exchange(&to, lease, channel.clone(), packed).await;
            Done::Sent(batch, channel, result)
        });
    }

    fn ask_for_acknowledgements(&mut self, now: Instant) {
        let busy = &self.busy_channels;
        let question = self.unacknowledged.ask(now, |channel| !busy.contains(channel));
        let Some(question) = question else { return };
        let made = self.context("", &question.channel, now).and_then(|context| {
            self.connector.acknowledgement_request(&question.numbers, &context)
        });
        match made {
            Some(Ok(request)) => {
                let channel = Some(question.channel.clone());
                self.spawn_plain(request, channel, move |result| Done::Asked(question, result));
            }
            Some(Err(_)) | None => {
                self.unacknowledged.answered(&question, &[], now);
            }
        }
    }

    /// A request that is no batch, over a connection of its own or a kept one.
    fn spawn_plain(
        &mut self,
        request: Request,
        channel: Option<String>,
        done: impl FnOnce(Result<Response, Failed>) -> Done + Send + 'static,
    ) {
        let own = request.endpoint.clone();
        let to = own.unwrap_or_else(|| self.connector.endpoint().clone());
        let client = std::sync::Arc::clone(&self.client);
        let packed = plain(request);
        let lease = client.lease(&to, channel.as_deref());
        self.tasks
            .spawn(async move { done(client.exchange(&to, lease, random_uuid(), packed).await) });
    }

    fn answered(
        &mut self,
        batch: Batch,
        channel: &str,
        result: Result<Response, Failed>,
        now: Instant,
    ) {
        let answer = match result {
            Ok(response) => {
                let verdict = self.connector.verdict(&batch.records(), &response);
                if verdict.new_channel {
                    self.client.forget(channel);
                }
                let retry_after = response
                    .header("retry-after")
                    .and_then(|text| retry_after(text, Timestamp::now()));
                Answer::Verdict { verdict, status: response.status, retry_after }
            }
            Err(failed) if failed.is_stale => Answer::Stale,
            Err(failed) => Answer::Failed { cause: failed.cause, is_timeout: failed.is_timeout },
        };
        let settled = self.queue.settle(batch, answer, now, fastrand::f64());
        self.settled(settled, channel, now);
    }

    fn pack(&self, request: Request) -> Result<Packed, Cause> {
        let takes_gzip = self.http.gzip && self.connector.limits().takes_gzip;
        pack(request, takes_gzip)
    }
}

/// A request as it travels, compressed where both sides want it.
///
/// # Errors
/// The compressor failed; it has no reason to.
pub fn pack(mut request: Request, takes_gzip: bool) -> Result<Packed, Cause> {
    let body = std::mem::take(&mut request.body);
    if !takes_gzip || !request.may_gzip {
        return Ok(Packed { head: request, body, is_gzip: false });
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let packed = encoder.write_all(&body).and_then(|()| encoder.finish());
    let body = packed.map_err(|error| Cause::new("gzip", format!("gzip: {error}")))?;
    Ok(Packed { head: request, body, is_gzip: true })
}

/// A request without compression.
pub fn plain(mut request: Request) -> Packed {
    let body = std::mem::take(&mut request.body);
    Packed { head: request, body, is_gzip: false }
}

/// `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date.
fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text.trim()).ok()?;
    Some(Duration::try_from(date.duration_since(now)).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now: Timestamp = "2026-11-21T08:00:00Z".parse().unwrap();
        let of = |text| retry_after(text, now);
        assert_eq!(of("120"), Some(Duration::from_secs(120)));
        assert_eq!(of(" 0 "), Some(Duration::ZERO));
        assert_eq!(of("Sat, 21 Nov 2026 08:00:30 GMT"), Some(Duration::from_secs(30)));
        assert_eq!(of("Sat, 21 Nov 2026 07:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(of("soon"), None);
    }
}
