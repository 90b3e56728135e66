//! Batches of events to requests, and responses to an outcome for each event.
//!
//! In: mapped events, one by one, then a batch of their records. Out: a [`Request`], and from its
//! [`Response`] a [`Verdict`]. A [`Connector`] is pure: no socket, no clock, no file; `deliver`
//! sends what it makes, reads secrets, retries and moves cursors. Diagnostics: every fault is a
//! [`Cause`], without event content and without secrets.

pub mod aisg;
pub mod authorization;
pub mod azure_data_collector;
pub mod body;
pub mod datadog;
pub mod elastic;
pub mod instant;
pub mod json;
pub mod ocsf;
pub mod payload;
pub mod percent;
pub mod qradar_http;
pub mod secret;
pub mod sentinel;
pub mod settings;
mod signature;
pub mod splunk_hec;
pub mod sumo;
#[cfg(test)]
mod trial;
mod url;
pub mod webhook;
pub mod xsiam;

use std::time::Duration;

use self::secret::{Secret, Secrets};
use self::settings::{ConnectorSettings, Endpoint, SecretSource, Settings};
use crate::model::event::Event;
use crate::model::fields::{Fields, Severity};
use crate::model::outcome::Cause;
use crate::model::time::EventTime;

/// The connectors; one line for each, here and in [`ConnectorSettings`].
pub fn connector(settings: &Settings) -> Box<dyn Connector> {
    match &settings.connector {
        ConnectorSettings::SplunkHec(settings) => {
            Box::new(splunk_hec::SplunkHec::new(settings.clone()))
        }
        ConnectorSettings::QradarHttp(settings) => {
            Box::new(qradar_http::QradarHttp::new(settings.clone()))
        }
        ConnectorSettings::Sumo(settings) => Box::new(sumo::Sumo::new(settings.clone())),
        ConnectorSettings::Webhook(settings) => Box::new(webhook::Webhook::new(settings.clone())),
        ConnectorSettings::Xsiam(settings) => Box::new(xsiam::Xsiam::new(settings.clone())),
        ConnectorSettings::Sentinel(settings) => {
            Box::new(sentinel::Sentinel::new(settings.clone()))
        }
        ConnectorSettings::AzureDataCollector(settings) => {
            Box::new(azure_data_collector::AzureDataCollector::new(settings.clone()))
        }
        ConnectorSettings::Elastic(settings) => Box::new(elastic::Elastic::new(settings.clone())),
        ConnectorSettings::Datadog(settings) => Box::new(datadog::Datadog::new(settings.clone())),
    }
}

/// One API. All its methods are pure; a batch is never empty.
pub trait Connector: Send {
    /// Where requests go, but for a token's.
    fn endpoint(&self) -> &Endpoint;

    /// What the API allows.
    fn limits(&self) -> Limits;

    /// The secrets it needs: the names it asks [`Secrets`] for, and where each is read from.
    fn secrets(&self) -> Vec<(&'static str, SecretSource)>;

    /// Appends the record of one event: the bytes it has in a body, without a separator.
    ///
    /// # Errors
    /// The event can never be sent (too large for the API, say): the dead letter, with this reason.
    fn record(&self, item: &Item<'_>, out: &mut Vec<u8>) -> Result<(), Cause>;

    /// A batch as one request. `gzip` is the engine's work: the body is plain here.
    ///
    /// # Errors
    /// A secret is missing or of the wrong form: the batch is held.
    fn request(&self, batch: &[Record<'_>], context: &Context<'_>) -> Result<Request, Cause>;

    /// What the response means for the events of the batch.
    fn verdict(&self, batch: &[Record<'_>], response: &Response) -> Verdict;

    /// The request that fetches a token, for APIs that want one; the token is then
    /// [`Context::token`]. It has an endpoint of its own.
    fn token_request(&self, _context: &Context<'_>) -> Option<Result<Request, Cause>> {
        None
    }

    /// The token in the answer to [`Connector::token_request`].
    ///
    /// # Errors
    /// There is none in it; the text says why, without the body.
    fn token(&self, _response: &Response) -> Result<Token, Cause> {
        Err(Cause::new("no_token", "this API has no tokens"))
    }

    /// A question whether these batches are stored, for APIs that acknowledge later.
    fn acknowledgement_request(
        &self,
        _waiting: &[u64],
        _context: &Context<'_>,
    ) -> Option<Result<Request, Cause>> {
        None
    }

    /// Which of `waiting` the answer says are stored. A number it leaves out is unknown.
    ///
    /// # Errors
    /// The answer cannot be read: nothing is known.
    fn acknowledged(&self, _waiting: &[u64], _response: &Response) -> Result<Vec<u64>, Cause> {
        Ok(Vec::new())
    }

    /// A request that proves the credentials and stores nothing; `None` where the API has none.
    fn probe(&self, _context: &Context<'_>) -> Option<Result<Request, Cause>> {
        None
    }

    /// What the answer to [`Connector::probe`] says.
    ///
    /// # Errors
    /// The credentials or the destination are not in order.
    fn probed(&self, _response: &Response) -> Result<(), Cause> {
        Ok(())
    }
}

/// What an API allows; the engine never goes beyond it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most events of a request; 1 for APIs that take one at a time.
    pub events_max: usize,
    /// The most bytes of a body before gzip.
    pub body_bytes_max: usize,
    /// What a body has for each event beside its record: a separator, an action line.
    pub bytes_beside_record: usize,
    /// What a body has once beside its records: brackets, an envelope.
    pub bytes_beside_batch: usize,
    /// `Content-Encoding: gzip` is understood.
    pub takes_gzip: bool,
}

/// One event on its way into a batch, behind the privacy guard and the filter.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    /// The mapped event.
    pub fields: &'a Fields,
    /// The event itself, without guarded keys. [`Event::line`] still has them: never send it.
    pub event: Event<'a>,
    /// The stable id, the same however often the event is sent.
    pub id: &'a str,
    /// The schema that mapped it: `aisg`, `arbitex`, `ocsf` …
    pub schema: &'a str,
    /// HOSTNAME of this outpost.
    pub hostname: &'a str,
    /// When it happened, or else when it was read.
    pub time: EventTime,
}

/// One event of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// What [`Connector::record`] wrote.
    pub bytes: &'a [u8],
    /// The stable id.
    pub id: &'a str,
    /// CEF severity.
    pub severity: Severity,
}

/// What a request may depend on beside its batch.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// What the sources of [`Connector::secrets`] held when they were last read.
    pub secrets: &'a Secrets,
    /// The token, for APIs that want one.
    pub token: Option<&'a Secret>,
    /// The same for each attempt at the same batch: a UUID in lower case with hyphens.
    pub batch_id: &'a str,
    /// The same for the life of the connector, new after [`Verdict::new_channel`]: a UUID.
    pub channel: &'a str,
    /// The wall clock.
    pub now: EventTime,
}

/// A request, ready but for `Host`, `Content-Length`, `Content-Encoding`, `User-Agent`.
#[derive(Debug)]
pub struct Request {
    /// Where it goes, where that is not [`Connector::endpoint`].
    pub endpoint: Option<Endpoint>,
    /// The method.
    pub method: Method,
    /// Path and query behind the endpoint's `base_path`, from its slash on. It can be a secret
    /// (Sumo Logic), so it is never shown.
    pub path: Secret,
    /// Names in lower case. A value can be a secret, so it is never shown.
    pub headers: Vec<(&'static str, Secret)>,
    /// The body, not compressed.
    pub body: Vec<u8>,
    /// The engine may compress the body.
    pub may_gzip: bool,
}

/// The methods in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET, for probes.
    Get,
    /// POST.
    Post,
    /// PUT.
    Put,
}

/// A response, read whole (to a bound of the engine's).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, decompressed.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of that name, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// What a response means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// For the events of the batch.
    pub events: Outcomes,
    /// Stored only when [`Connector::acknowledged`] says this number; `Ok` waits for it.
    pub acknowledgement: Option<u64>,
    /// The receiver wants another channel.
    pub new_channel: bool,
    /// Fetch a new token and read the secrets again before the next attempt.
    pub new_token: bool,
}

/// All alike, or one by one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcomes {
    /// The same for all.
    All(Outcome),
    /// One for each event of the batch, in its order.
    Each(Vec<Outcome>),
}

impl From<Outcome> for Verdict {
    fn from(outcome: Outcome) -> Verdict {
        Verdict {
            events: Outcomes::All(outcome),
            acknowledgement: None,
            new_channel: false,
            new_token: false,
        }
    }
}

impl Verdict {
    /// The same with other outcomes.
    pub fn with_events(self, events: Outcomes) -> Verdict {
        Verdict { events, ..self }
    }
}

/// What becomes of one event. There is no way to drop it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Stored.
    Ok,
    /// Not now: again after the backoff, or after `Retry-After` where the response has one.
    Retry(Cause),
    /// Stored, but send less for so long.
    Slow(Duration),
    /// The batch is too large or holds a bad event: in halves; alone, the event is quarantined.
    Split(Cause),
    /// A fault of configuration or rights: hold the data, raise an alarm, try slowly.
    Hold(Cause),
    /// Never: to the dead letter.
    Quarantine(Cause),
}

/// An access token.
#[derive(Debug)]
pub struct Token {
    /// The token.
    pub value: Secret,
    /// How long it is good for, as the server says; the engine renews 5 minutes before.
    pub lifetime: Duration,
}

/// What the status alone says, for every API (connectors' common classes): 2xx is stored, 413 is
/// too large, 400 and 422 hide a bad event, 408, 425, 429 and 5xx pass, the rest is a fault of
/// configuration. A redirect is never followed.
pub fn outcome_of_status(status: u16) -> Outcome {
    match status {
        200..=299 => Outcome::Ok,
        413 => Outcome::Split(Cause::new("too_large", "413: the request is too large")),
        400 | 422 => Outcome::Split(Cause::new(
            "bad_request",
            format!("{status}: the receiver does not take an event of the batch"),
        )),
        401 => Outcome::Hold(Cause::new(
            "unauthorized",
            "401: the receiver does not take the credentials; check the secret",
        )),
        403 => Outcome::Hold(Cause::new(
            "forbidden",
            "403: the credentials lack the right to send; grant it at the receiver",
        )),
        404 => Outcome::Hold(Cause::new(
            "not_found",
            "404: the receiver does not know the address; check the URL and its parts",
        )),
        408 | 425 | 429 | 500..=599 => {
            Outcome::Retry(Cause::new("unavailable", format!("{status}: the receiver is busy")))
        }
        300..=399 => Outcome::Hold(Cause::new(
            "redirected",
            format!("{status}: redirects are not followed; set the final URL"),
        )),
        _ => Outcome::Hold(Cause::new(
            "unexpected_status",
            format!("{status}: the receiver refuses the request; check URL and settings"),
        )),
    }
}
