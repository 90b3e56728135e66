//! Datadog's Logs API v2: `POST /api/v2/logs`, a JSON array of entries.
//!
//! In: events. Out: the entries of the seeds: AISG's with `attributes`, and for all others
//! Arbitex's, whose `message` is the event as a JSON text. Diagnostics: the status.
//!
//! Datadog drops entries whose `timestamp` is older than 18 hours, and answers 202 all the same. An
//! outage can last longer, so such an entry gets the time at which it is sent, and its own in
//! `original_timestamp`; a warning says when that begins. Entries over 1 MB would be cut without a
//! word: they go to the dead letter instead.

use std::cell::Cell;

use serde::Deserialize;

use super::aisg::{Facts, datadog_status};
use super::body::keep_within;
use super::instant::{push_rfc3339, rfc3339};
use super::json::{push_member, push_text, push_value};
use super::ocsf::push_quoted_ocsf;
use super::secret::Secret;
use super::settings::{Endpoint, SecretSource};
use super::{
    Connector, Context, Item, Limits, Method, Record, Request, Response, Verdict, outcome_of_status,
};
use crate::model::fields::Slot;
use crate::model::outcome::Cause;
use crate::model::time::EventTime;

/// `type = "datadog"`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `https://http-intake.logs.<site>`.
    pub endpoint: Endpoint,
    /// `https://api.<site>`, which tells whether a key is valid; `None`: it is not asked.
    pub validation: Option<Endpoint>,
    /// `DD-API-KEY`
    pub api_key: SecretSource,
    /// `service`; `None`: the name that goes with the event's schema.
    pub service: Option<String>,
    /// `ddsource`; `None`: the name that goes with the event's schema.
    pub source: Option<String>,
    /// `ddtags`, each `key:value`.
    pub tags: Vec<String>,
    /// `hostname`; `None`: HOSTNAME of this outpost.
    pub hostname: Option<String>,
}

/// The sites that `site` may name: the seed's, and those that the vendor added.
pub const SITES: [&str; 7] = [
    "datadoghq.com",
    "us3.datadoghq.com",
    "us5.datadoghq.com",
    "datadoghq.eu",
    "ap1.datadoghq.com",
    "ap2.datadoghq.com",
    "ddog-gov.com",
];

/// The connector.
#[derive(Debug)]
pub struct Datadog {
    settings: Settings,
    /// Entries were too old the last time: the warning is for the first.
    is_late: Cell<bool>,
}

/// The API's limits: 5 MB uncompressed, 1,000 entries, 1 MB for each.
const BODY_BYTES_MAX: usize = 5_000_000;
const ENTRIES_MAX: usize = 1000;
const ENTRY_BYTES_MAX: usize = 1_000_000;
/// 18 hours, less a minute on the way.
const AGE_MICROS_MAX: i64 = (18 * 3600 - 60) * 1_000_000;
/// The name of the secret.
const API_KEY: &str = "api_key";
/// What stands before and behind an entry's time. The comma and a bare quotation mark cannot meet
/// inside a string, and nothing before it is an object: the first one is the entry's own.
const TIMESTAMP: &[u8] = b",\"timestamp\":\"";
const TIMESTAMP_BYTES: usize = "2026-06-08T14:32:01.442Z".len();
const ORIGINAL: &[u8] = b",\"original_timestamp\":\"";

impl Datadog {
    /// The connector of those settings.
    pub fn new(settings: Settings) -> Datadog {
        Datadog { settings, is_late: Cell::new(false) }
    }

    fn headers(&self, context: &Context<'_>) -> Result<Vec<(&'static str, Secret)>, Cause> {
        let key = context.secrets.need(API_KEY, "the API key")?;
        Ok(vec![
            ("dd-api-key", key.clone()),
            ("content-type", Secret::new("application/json")),
            ("accept", Secret::new("application/json")),
        ])
    }

    /// `ddsource` and `service` of an event.
    fn names<'a>(&'a self, item: &Item<'a>) -> (&'a str, &'a str) {
        let (source, service) = match item.schema {
            "aisg" => ("ai-security-gateway", "aisg"),
            "arbitex" => ("arbitex-audit", "arbitex"),
            schema => ("spoolgate", schema),
        };
        let settings = &self.settings;
        (
            settings.source.as_deref().unwrap_or(source),
            settings.service.as_deref().unwrap_or(service),
        )
    }

    /// AISG's entry (seed, "Payload Examples").
    fn aisg(&self, item: &Item<'_>, out: &mut Vec<u8>) {
        let facts = Facts::new(*item);
        let (source, service) = self.names(item);
        let tags = std::iter::once(format!("service:{service}"))
            .chain(self.settings.tags.iter().cloned())
            .chain([format!("event_type:{}", facts.event_type())]);
        out.push(b'{');
        push_member("ddsource", source, out);
        next("ddtags", &tags.collect::<Vec<_>>().join(","), out);
        next("hostname", self.hostname(item), out);
        next("message", &sentence(item, &facts), out);
        next("status", datadog_status(item.fields.severity()), out);
        next("service", service, out);
        push_timestamp(item.time, out);
        out.extend_from_slice(b",\"attributes\":{");
        push_member("event_type", facts.event_type(), out);
        next("severity", facts.severity_word(), out);
        for name in ["org_id", "project_id"] {
            facts.text(name).into_iter().for_each(|text| next(name, text, out));
        }
        out.extend_from_slice(b",\"entities_detected\":[");
        for (at, entity) in facts.entities().into_iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            push_text(entity, out);
        }
        out.push(b']');
        for name in ["action", "model", "provider"] {
            facts.text(name).into_iter().for_each(|text| next(name, text, out));
        }
        for (name, value) in facts.others() {
            out.push(b',');
            push_text(name, out);
            out.push(b':');
            push_value(value, out);
        }
        out.extend_from_slice(b"}}");
    }

    /// Arbitex's entry (seed, "datadog"); other events have their status and time beside it.
    fn any(&self, item: &Item<'_>, out: &mut Vec<u8>) {
        let (source, service) = self.names(item);
        let tags = self.settings.tags.iter().cloned().chain([format!("service:{service}")]);
        out.push(b'{');
        push_member("ddsource", source, out);
        next("ddtags", &tags.collect::<Vec<_>>().join(","), out);
        next("hostname", self.hostname(item), out);
        next("service", service, out);
        if item.schema != "arbitex" {
            next("status", datadog_status(item.fields.severity()), out);
            push_timestamp(item.time, out);
        }
        out.extend_from_slice(b",\"message\":");
        push_quoted_ocsf(item, out);
        out.push(b'}');
    }

    fn hostname<'a>(&'a self, item: &Item<'a>) -> &'a str {
        self.settings.hostname.as_deref().unwrap_or(item.hostname)
    }

    /// Warns when entries begin to be too old, and says when they no longer are.
    fn note_late(&self, late: usize) {
        if self.is_late.replace(late > 0) == (late > 0) {
            return;
        }
        if late > 0 {
            tracing::warn!(
                events = late,
                "Datadog drops entries older than 18 hours: they get the time of sending, and \
                 theirs in original_timestamp"
            );
        } else {
            tracing::info!("entries for Datadog are again younger than 18 hours");
        }
    }
}

impl Connector for Datadog {
    fn endpoint(&self) -> &Endpoint {
        &self.settings.endpoint
    }

    fn limits(&self) -> Limits {
        Limits {
            events_max: ENTRIES_MAX,
            body_bytes_max: BODY_BYTES_MAX,
            // A comma, and what a late entry gets.
            bytes_beside_record: 1 + ORIGINAL.len() + TIMESTAMP_BYTES + 1,
            bytes_beside_batch: 1,
            takes_gzip: true,
        }
    }

    fn secrets(&self) -> Vec<(&'static str, SecretSource)> {
        vec![(API_KEY, self.settings.api_key.clone())]
    }

    fn record(&self, item: &Item<'_>, out: &mut Vec<u8>) -> Result<(), Cause> {
        let start = out.len();
        if item.schema == "aisg" {
            self.aisg(item, out);
        } else {
            self.any(item, out);
        }
        keep_within(
            ENTRY_BYTES_MAX - ORIGINAL.len() - TIMESTAMP_BYTES - 1,
            start,
            out,
            || "the entry is over 1 MB, behind which Datadog cuts it without a word",
        )
    }

    fn request(&self, batch: &[Record<'_>], context: &Context<'_>) -> Result<Request, Cause> {
        let oldest = rfc3339(EventTime(context.now.0.saturating_sub(AGE_MICROS_MAX)));
        let now = rfc3339(context.now);
        let mut late = 0;
        let mut body = vec![b'['];
        for (at, record) in batch.iter().enumerate() {
            if at > 0 {
                body.push(b',');
            }
            late += usize::from(push_entry(record.bytes, &oldest, &now, &mut body));
        }
        body.push(b']');
        self.note_late(late);
        Ok(Request {
            endpoint: None,
            method: Method::Post,
            path: Secret::new("/api/v2/logs"),
            headers: self.headers(context)?,
            body,
            may_gzip: true,
        })
    }

    fn verdict(&self, _batch: &[Record<'_>], response: &Response) -> Verdict {
        // A key that is not valid is answered with 403 or 401: it may have been renewed meanwhile.
        let new_token = [401, 403].contains(&response.status);
        Verdict { new_token, ..Verdict::from(outcome_of_status(response.status)) }
    }

    fn probe(&self, context: &Context<'_>) -> Option<Result<Request, Cause>> {
        let endpoint = self.settings.validation.clone()?;
        Some(self.headers(context).map(|headers| Request {
            endpoint: Some(endpoint),
            method: Method::Get,
            path: Secret::new("/api/v1/validate"),
            headers,
            body: Vec::new(),
            may_gzip: false,
        }))
    }

    fn probed(&self, response: &Response) -> Result<(), Cause> {
        #[derive(Default, Deserialize)]
        struct Answer {
            valid: bool,
        }
        let answer: Answer = serde_json::from_slice(&response.body).unwrap_or_default();
        match response.status {
            200 if answer.valid => Ok(()),
            status => Err(Cause::new(
                "invalid_key",
                format!("{status}: Datadog does not take the API key; check `api_key` and `site`"),
            )),
        }
    }
}

/// Appends a record; true if its time was too old and became `now`. Times of one form compare as
/// their instants do.
fn push_entry(record: &[u8], oldest: &str, now: &str, out: &mut Vec<u8>) -> bool {
    let found = memchr::memmem::find(record, TIMESTAMP)
        .and_then(|at| record.split_at_checked(at + TIMESTAMP.len()))
        .and_then(|(head, rest)| Some((head, rest.split_at_checked(TIMESTAMP_BYTES)?)));
    match found {
        Some((head, (time, rest))) if time < oldest.as_bytes() => {
            out.extend_from_slice(head);
            out.extend_from_slice(now.as_bytes());
            out.push(b'"');
            out.extend_from_slice(ORIGINAL);
            out.extend_from_slice(time);
            out.extend_from_slice(rest);
            true
        }
        _ => {
            out.extend_from_slice(record);
            false
        }
    }
}

/// What happened, in the words of the seed's example: what it is called, the types that were found,
/// the model.
fn sentence(item: &Item<'_>, facts: &Facts<'_>) -> String {
    let mut text = item.fields.get(Slot::Name, item.event).to_owned();
    let entities = facts.entities();
    if !entities.is_empty() {
        text.push_str(&format!(": {} detected", entities.join(", ")));
    }
    if let Some(model) = facts.text("model") {
        text.push_str(" in request to ");
        text.push_str(model);
    }
    text
}

/// A member behind another.
fn next(key: &str, text: &str, out: &mut Vec<u8>) {
    out.push(b',');
    push_member(key, text, out);
}

fn push_timestamp(time: EventTime, out: &mut Vec<u8>) {
    out.extend_from_slice(TIMESTAMP);
    push_rfc3339(time, out);
    out.push(b'"');
}

#[cfg(test)]
mod tests;
