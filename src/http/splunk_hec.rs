//! Splunk HTTP Event Collector: `POST /services/collector/event`, JSON objects one after another,
//! or `/raw`, one event a line.
//!
//! In: events. Out: `time`, `host`, `source`, `sourcetype`, `index`, `event` for each (seed, Splunk
//! HEC), or as the product's example has them; codes 0 to 27 of the response as outcomes.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Deserialize;

use super::body::{keep_within, lines};
use super::json::Object;
use super::payload::{self, Payload, hec};
use super::percent::push_encoded;
use super::secret::Secret;
use super::settings::{Endpoint, SecretSource};
use super::{
    Connector, Context, Item, Limits, Method, Outcome, Outcomes, Record, Request, Response,
    Verdict, outcome_of_status,
};
use crate::model::outcome::Cause;

/// `type = "splunk_hec"`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The receiver; `base_path` is what stands before `/services/collector`.
    pub endpoint: Endpoint,
    /// The HEC token.
    pub token: SecretSource,
    /// `index`; `None` leaves the choice to the token.
    pub index: Option<String>,
    /// `source`
    pub source: Option<String>,
    /// `sourcetype`
    pub sourcetype: Option<String>,
    /// `host`; `None`: HOSTNAME of this outpost.
    pub host: Option<String>,
    /// The indexer acknowledges (`useACK` of the token): an event is confirmed by that alone.
    pub acknowledge: bool,
    /// The shape under `event`, and which names stand where no setting gives any.
    pub payload: Payload,
    /// Adds the indexed field `severity_id`, the severity in Splunk's numbers, for products that
    /// document it (AISG).
    pub severity_id: bool,
    /// Events alone, one a line, to `/services/collector/raw`: for tokens whose sourcetype does
    /// the parsing. Names travel in the query.
    pub raw: bool,
}

/// The connector.
#[derive(Debug)]
pub struct SplunkHec {
    settings: Settings,
}

/// The most bytes of a body: good clients stay far below the server's 800 MB.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// How long to send less when a queue is near its capacity (codes 24 and 25).
const SLOW: Duration = Duration::from_secs(10);
/// The name of the secret.
const TOKEN: &str = "token";

/// What every HEC answer can carry.
#[derive(Debug, Default, Deserialize)]
struct Answer {
    code: Option<u16>,
    #[serde(rename = "ackId")]
    acknowledgement: Option<u64>,
    #[serde(rename = "invalid-event-number")]
    invalid_event: Option<usize>,
}

impl SplunkHec {
    /// The connector of those settings.
    pub fn new(settings: Settings) -> SplunkHec {
        SplunkHec { settings }
    }

    fn headers(&self, context: &Context<'_>) -> Result<Vec<(&'static str, Secret)>, Cause> {
        let token = context.secrets.need(TOKEN, "the HEC token")?;
        let mut headers = vec![
            ("authorization", Secret::new(format!("Splunk {}", token.expose()))),
            ("content-type", Secret::new("application/json")),
        ];
        if self.settings.acknowledge || self.settings.raw {
            headers.push(("x-splunk-request-channel", Secret::new(context.channel)));
        }
        Ok(headers)
    }

    fn is_index_per_batch(&self) -> bool {
        self.settings.index.is_some() || self.settings.payload == Payload::Product
    }

    fn path(&self, context: &Context<'_>) -> String {
        if !self.settings.raw {
            return "/services/collector/event".to_owned();
        }
        let mut path = format!("/services/collector/raw?channel={}", context.channel);
        let settings = &self.settings;
        let named = [
            ("host", &settings.host),
            ("source", &settings.source),
            ("sourcetype", &settings.sourcetype),
            ("index", &settings.index),
        ];
        for (key, text) in named {
            if let Some(text) = text {
                let _ = write!(path, "&{key}=");
                push_encoded(text, &mut path);
            }
        }
        path
    }

    /// Members in the order of the product's example.
    fn push_record(&self, item: &Item<'_>, out: &mut Vec<u8>) {
        let settings = &self.settings;
        let names = hec::names(settings.payload, item);
        let mut object = Object::begin(out);
        if names.is_event_first {
            payload::push(settings.payload, item, object.member("event"));
        } else {
            push_time(item, object.member("time"));
        }
        let host = settings.host.as_deref().or((!names.is_event_first).then_some(item.hostname));
        let named = [
            ("host", host),
            ("source", settings.source.as_deref().or(names.source)),
            ("sourcetype", settings.sourcetype.as_deref().or(names.sourcetype)),
            ("index", settings.index.as_deref().or(names.index)),
        ];
        for (key, text) in named {
            if let Some(text) = text {
                object.text(key, text);
            }
        }
        if names.is_event_first {
            object.number("time", item.time.millis().div_euclid(1000));
        } else {
            payload::push(settings.payload, item, object.member("event"));
        }
        let severity_id = names.severity_id.filter(|_| settings.severity_id);
        if names.tag.is_some() || severity_id.is_some() {
            let mut fields = Object::begin(object.member("fields"));
            if let Some(tag) = names.tag {
                fields.text("tag", tag);
            }
            if let Some(severity_id) = severity_id {
                fields.number("severity_id", severity_id.into());
            }
            fields.end();
        }
        object.end();
    }
}

/// Seconds since the epoch with three fraction digits.
fn push_time(item: &Item<'_>, out: &mut Vec<u8>) {
    let millis = item.time.millis();
    let (seconds, rest) = (millis.div_euclid(1000), millis.rem_euclid(1000));
    out.extend_from_slice(format!("{seconds}.{rest:03}").as_bytes());
}

impl Connector for SplunkHec {
    fn endpoint(&self) -> &Endpoint {
        &self.settings.endpoint
    }

    fn limits(&self) -> Limits {
        Limits {
            events_max: usize::MAX,
            body_bytes_max: BODY_BYTES_MAX,
            bytes_beside_record: 1,
            bytes_beside_batch: 0,
            takes_gzip: true,
        }
    }

    fn secrets(&self) -> Vec<(&'static str, SecretSource)> {
        vec![(TOKEN, self.settings.token.clone())]
    }

    fn record(&self, item: &Item<'_>, out: &mut Vec<u8>) -> Result<(), Cause> {
        let start = out.len();
        if self.settings.raw {
            payload::push(self.settings.payload, item, out);
        } else {
            self.push_record(item, out);
        }
        keep_within(BODY_BYTES_MAX - 1, start, out, || "the event is over 1 MiB as an HEC record")
    }

    fn request(&self, batch: &[Record<'_>], context: &Context<'_>) -> Result<Request, Cause> {
        Ok(Request {
            endpoint: None,
            method: Method::Post,
            path: Secret::new(self.path(context)),
            headers: self.headers(context)?,
            body: lines(batch),
            may_gzip: true,
        })
    }

    fn verdict(&self, batch: &[Record<'_>], response: &Response) -> Verdict {
        let answer: Answer = serde_json::from_slice(&response.body).unwrap_or_default();
        let mut verdict = match answer.code {
            Some(6) => Verdict::from(Outcome::Ok).with_events(bad_event(batch, &answer)),
            Some(code) => Verdict::from(outcome_of_code(code, response.status, self)),
            None => Verdict::from(outcome_of_status(response.status)),
        };
        verdict.new_token = response.status == 401;
        verdict.new_channel = answer.code == Some(11);
        if !self.settings.acknowledge || !(200..300).contains(&response.status) {
            return verdict;
        }
        verdict.acknowledgement = answer.acknowledgement;
        if answer.acknowledgement.is_none() {
            let text = "no ackId in the answer: the token does not acknowledge; switch it on there";
            return Verdict::from(Outcome::Hold(Cause::new("no_acknowledgement", text)));
        }
        verdict
    }

    fn acknowledgement_request(
        &self,
        waiting: &[u64],
        context: &Context<'_>,
    ) -> Option<Result<Request, Cause>> {
        let numbers: Vec<String> = waiting.iter().map(u64::to_string).collect();
        Some(self.headers(context).map(|headers| Request {
            endpoint: None,
            method: Method::Post,
            path: Secret::new(format!("/services/collector/ack?channel={}", context.channel)),
            headers,
            body: format!("{{\"acks\":[{}]}}", numbers.join(",")).into_bytes(),
            may_gzip: false,
        }))
    }

    fn acknowledged(&self, waiting: &[u64], response: &Response) -> Result<Vec<u64>, Cause> {
        #[derive(Deserialize)]
        struct Acks {
            acks: std::collections::HashMap<String, bool>,
        }
        let read = serde_json::from_slice::<Acks>(&response.body);
        let Ok(Acks { acks }) = read else {
            let text = format!("{}: the answer about acks cannot be read", response.status);
            return Err(Cause::new("no_acknowledgement", text));
        };
        let is_stored = |number: &&u64| acks.get(&number.to_string()) == Some(&true);
        Ok(waiting.iter().filter(is_stored).copied().collect())
    }

    fn probe(&self, context: &Context<'_>) -> Option<Result<Request, Cause>> {
        Some(self.headers(context).map(|headers| Request {
            endpoint: None,
            method: Method::Get,
            path: Secret::new("/services/collector/health"),
            headers,
            body: Vec::new(),
            may_gzip: false,
        }))
    }

    fn probed(&self, response: &Response) -> Result<(), Cause> {
        let answer: Answer = serde_json::from_slice(&response.body).unwrap_or_default();
        match answer.code {
            Some(17) if response.status == 200 => Ok(()),
            code => Err(Cause::new(
                "unhealthy",
                format!("HEC health: status {}, code {code:?}; 200, 17 expected", response.status),
            )),
        }
    }
}

/// Code 6 names one bad event; what stands before it may be stored already, and is sent again.
fn bad_event(batch: &[Record<'_>], answer: &Answer) -> Outcomes {
    let cause = |text: &str| Cause::new("invalid_data", format!("code 6: {text}"));
    let Some(bad) = answer.invalid_event.filter(|bad| *bad < batch.len()) else {
        return Outcomes::All(Outcome::Split(cause("invalid data format in some event")));
    };
    let of = |at| match at == bad {
        true => Outcome::Quarantine(cause("invalid data format")),
        false => Outcome::Retry(cause("another event of the batch was invalid")),
    };
    Outcomes::Each((0..batch.len()).map(of).collect())
}

/// Codes 0 to 27 but 6 (Splunk's documentation of HEC; connectors, section 5.1).
fn outcome_of_code(code: u16, status: u16, connector: &SplunkHec) -> Outcome {
    let cause = |name, text: &str| Cause::new(name, format!("code {code} [{status}]: {text}"));
    match code {
        0 | 17 if (200..300).contains(&status) => Outcome::Ok,
        1 | 22 => Outcome::Hold(cause("token_disabled", "the token is disabled; enable it")),
        2..=4 | 21 => {
            Outcome::Hold(cause("invalid_token", "the token is not taken; check `token`"))
        }
        5 => Outcome::Split(cause("no_data", "no data")),
        7 if connector.is_index_per_batch() => {
            Outcome::Hold(cause("incorrect_index", "the token may not write to `index`"))
        }
        7 => Outcome::Split(cause("incorrect_index", "incorrect index")),
        10 => Outcome::Hold(cause("no_channel", "the token wants a channel: set `acknowledge`")),
        11 => Outcome::Retry(cause("invalid_channel", "invalid channel; a new one is taken")),
        12 | 13 => Outcome::Split(cause("no_event", "an event is missing or blank")),
        14 => Outcome::Hold(cause("ack_disabled", "the token does not acknowledge; switch it on")),
        15 => Outcome::Split(cause("indexed_fields", "error in indexed fields")),
        16 => Outcome::Hold(cause("query_string", "query-string authorization is not enabled")),
        24 | 25 => Outcome::Slow(SLOW),
        8 | 9 | 18..=20 | 23 | 26 | 27 => Outcome::Retry(cause("busy", "the server is busy")),
        _ => outcome_of_status(status),
    }
}

#[cfg(test)]
mod tests;
