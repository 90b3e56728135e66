//! Elasticsearch and OpenSearch: `POST /_bulk`, an action line and a source line for each event.
//!
//! In: events, Aegis's as OCSF. Out: the event with `@timestamp` (seed, "elastic"), and from the
//! response an outcome for each item: 200 for the request does not mean that anything is stored.
//! Diagnostics: status and type of the first error, never its reason, which quotes the event.
//!
//! Each document has an `_id` made of the event, so that what is sent twice is stored once:
//! `create` then answers 409, which is as good as 201. A data stream that rolls over between the
//! two stores it twice, for it looks only into its newest index.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::digest;
use serde::Deserialize;

use super::body;
use super::instant::push_rfc3339;
use super::json::push_member;
use super::ocsf::{is_mapped, push_ocsf};
use super::percent;
use super::secret::Secret;
use super::settings::{Endpoint, SecretSource};
use super::{
    Connector, Context, Item, Limits, Method, Outcome, Outcomes, Record, Request, Response,
    Verdict, outcome_of_status,
};
use crate::model::event::Value;
use crate::model::id;
use crate::model::outcome::Cause;
use crate::model::time::EventTime;

/// `type = "elastic"`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The cluster; `base_path` is what a proxy puts before `/_bulk`.
    pub endpoint: Endpoint,
    /// The credentials.
    pub authentication: Authentication,
    /// `_index`: an index, an alias or a data stream.
    pub index: String,
    /// How documents are stored.
    pub action: Action,
    /// `pipeline`: an ingest pipeline.
    pub pipeline: Option<String>,
    /// Documents get an `_id` made of the event.
    pub document_ids: bool,
}

/// How the cluster knows us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// `Authorization: ApiKey`: what Kibana shows as "Encoded", or `id:key` as it is.
    ApiKey(SecretSource),
    /// `Authorization: Basic`.
    Basic {
        /// The user.
        user: String,
        /// Its password.
        password: SecretSource,
    },
    /// By the TLS client certificate, or not at all.
    None,
}

/// The action of every item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Only new documents; the one that data streams take.
    Create,
    /// New documents, or the same again in the place of the old.
    Index,
}

impl Action {
    /// The action's name in the request and in the response.
    pub fn name(self) -> &'static str {
        match self {
            Action::Create => "create",
            Action::Index => "index",
        }
    }
}

/// The connector.
#[derive(Debug)]
pub struct Elastic {
    settings: Settings,
}

/// The seed's limit; servers take 100 MB.
const BODY_BYTES_MAX: usize = 5 * 1024 * 1024;
/// The names of the secrets.
const API_KEY: &str = "api_key";
const PASSWORD: &str = "password";
/// The most events of a request: the answer to so many has room in what the engine reads of it.
const EVENTS_MAX: usize = 10_000;
/// An answer of this length that cannot be read was cut; a shorter one is none.
const LONG_BYTES_MIN: usize = 512 * 1024;
/// Nothing else of the response is read.
const FILTER: &str = "errors,items.*.status,items.*.error.type,items.*.error.reason,error.type";

impl Elastic {
    /// The connector of those settings.
    pub fn new(settings: Settings) -> Elastic {
        Elastic { settings }
    }

    fn authorization(&self, context: &Context<'_>) -> Result<Option<Secret>, Cause> {
        match &self.settings.authentication {
            Authentication::ApiKey(_) => {
                let key = context.secrets.need(API_KEY, "the API key")?.expose();
                // A colon is no letter of base64.
                let encoded = match key.contains(':') {
                    true => Cow::Owned(BASE64.encode(key)),
                    false => Cow::Borrowed(key),
                };
                Ok(Some(Secret::new(format!("ApiKey {encoded}"))))
            }
            Authentication::Basic { user, .. } => {
                let password = context.secrets.need(PASSWORD, "the password")?;
                let pair = format!("{user}:{}", password.expose());
                Ok(Some(Secret::new(format!("Basic {}", BASE64.encode(pair)))))
            }
            Authentication::None => Ok(None),
        }
    }

    fn headers(
        &self,
        content_type: Option<&'static str>,
        context: &Context<'_>,
    ) -> Result<Vec<(&'static str, Secret)>, Cause> {
        let authorization = self.authorization(context)?.map(|value| ("authorization", value));
        let content_type = content_type.map(|value| ("content-type", Secret::new(value)));
        let accept = ("accept", Secret::new("application/json"));
        Ok(authorization.into_iter().chain(content_type).chain([accept]).collect())
    }

    fn push_action(&self, item: &Item<'_>, source: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"");
        out.extend_from_slice(self.settings.action.name().as_bytes());
        out.extend_from_slice(b"\":{");
        push_member("_index", &self.settings.index, out);
        if self.settings.document_ids {
            out.push(b',');
            push_member("_id", &document_id(item.id, source), out);
        }
        out.extend_from_slice(b"}}\n");
    }
}

impl Connector for Elastic {
    fn endpoint(&self) -> &Endpoint {
        &self.settings.endpoint
    }

    fn limits(&self) -> Limits {
        Limits {
            events_max: EVENTS_MAX,
            body_bytes_max: BODY_BYTES_MAX,
            bytes_beside_record: 0,
            bytes_beside_batch: 0,
            takes_gzip: true,
        }
    }

    fn secrets(&self) -> Vec<(&'static str, SecretSource)> {
        match &self.settings.authentication {
            Authentication::ApiKey(source) => vec![(API_KEY, source.clone())],
            Authentication::Basic { password, .. } => vec![(PASSWORD, password.clone())],
            Authentication::None => Vec::new(),
        }
    }

    fn record(&self, item: &Item<'_>, out: &mut Vec<u8>) -> Result<(), Cause> {
        let mut source = Vec::new();
        push_source(item, &mut source);
        let start = out.len();
        self.push_action(item, &source, out);
        out.extend_from_slice(&source);
        out.push(b'\n');
        body::keep_within(BODY_BYTES_MAX, start, out, || "the document is over 5 MiB")
    }

    fn request(&self, batch: &[Record<'_>], context: &Context<'_>) -> Result<Request, Cause> {
        let mut query = vec![("filter_path", FILTER)];
        if let Some(pipeline) = &self.settings.pipeline {
            query.push(("pipeline", pipeline));
        }
        Ok(Request {
            endpoint: None,
            method: Method::Post,
            path: Secret::new(format!("/_bulk?{}", percent::pairs(&query))),
            headers: self.headers(Some("application/x-ndjson"), context)?,
            body: body::concatenated(batch),
            may_gzip: true,
        })
    }

    fn verdict(&self, batch: &[Record<'_>], response: &Response) -> Verdict {
        if response.status != 200 {
            let new_token = response.status == 401;
            return Verdict { new_token, ..Verdict::from(outcome_of_status(response.status)) };
        }
        let unclear =
            |text: &str| Verdict::from(Outcome::Retry(Cause::new("unclear_answer", text)));
        let Some(answer) = Answer::read(&response.body) else {
            return unclear("200, but the answer does not say whether it is stored");
        };
        if answer.errors == Some(false) {
            return Verdict::from(Outcome::Ok);
        }
        let results: Vec<_> = answer.items.iter().map_while(AnswerItem::result).collect();
        let is_all = results.len() == batch.len() && answer.items.len() == batch.len();
        if answer.is_cut && results.is_empty() {
            // A success takes 26 bytes: an answer that is too long for its first item is a refusal.
            let text = "the answer is too long to be read";
            return Verdict::from(Outcome::Split(Cause::new("long_answer", text)));
        }
        let is_part = answer.is_cut && results.len() < batch.len();
        if !(is_all || is_part) {
            return unclear("the answer has not one result for each event");
        }
        let unknown = || Outcome::Retry(Cause::new("long_answer", "the answer was cut before it"));
        let known = results.into_iter().map(|result| outcome_of_item(result, self.settings.action));
        let each = known.chain(std::iter::repeat_with(unknown)).take(batch.len());
        Verdict::from(Outcome::Ok).with_events(Outcomes::Each(each.collect()))
    }

    fn probe(&self, context: &Context<'_>) -> Option<Result<Request, Cause>> {
        Some(self.headers(None, context).map(|headers| Request {
            endpoint: None,
            method: Method::Get,
            path: Secret::new("/"),
            headers,
            body: Vec::new(),
            may_gzip: false,
        }))
    }

    fn probed(&self, response: &Response) -> Result<(), Cause> {
        let answer: Refusal = serde_json::from_slice(&response.body).unwrap_or_default();
        match response.status {
            200 => Ok(()),
            // The key is good, but may not ask for the version: the usual case for one that can
            // only write.
            403 if answer.error.kind == "security_exception" => Ok(()),
            status => match outcome_of_status(status) {
                Outcome::Hold(cause) | Outcome::Retry(cause) => Err(cause),
                _ => Err(Cause::new(
                    "unexpected_status",
                    format!("{status}: this is not the root of a cluster; check `url`"),
                )),
            },
        }
    }
}

/// The answer to `_bulk`, as [`FILTER`] leaves it.
#[derive(Deserialize)]
struct Answer {
    errors: Option<bool>,
    #[serde(default)]
    items: Vec<AnswerItem>,
    /// More followed than was read.
    #[serde(skip)]
    is_cut: bool,
}

impl Answer {
    /// The answer, or what is there of one that was cut; `None` for anything else. A cluster may
    /// explain each refusal at the length of the event, and the engine reads 1 MiB.
    fn read(body: &[u8]) -> Option<Answer> {
        match serde_json::from_slice(body) {
            Ok(answer @ Answer { errors: Some(_), .. }) => Some(answer),
            Ok(_) => None,
            Err(_) if body.len() < LONG_BYTES_MIN => None,
            Err(_) => {
                const ITEMS: &[u8] = b"\"items\":[";
                let begin = memchr::memmem::find(body, ITEMS)? + ITEMS.len();
                let items = first_items(body.get(begin..)?);
                Some(Answer { errors: None, items, is_cut: true })
            }
        }
    }
}

/// The whole items at the beginning of a list that was cut.
fn first_items(mut list: &[u8]) -> Vec<AnswerItem> {
    let mut items = Vec::new();
    loop {
        let mut stream = serde_json::Deserializer::from_slice(list).into_iter();
        let Some(Ok(item)) = stream.next() else { return items };
        items.push(item);
        let rest = list.get(stream.byte_offset()..).unwrap_or_default();
        let Some(rest) = rest.strip_prefix(b",") else { return items };
        list = rest;
    }
}

/// `{"create":{"status":201}}`
#[derive(Deserialize)]
struct AnswerItem {
    create: Option<ItemResult>,
    index: Option<ItemResult>,
}

impl AnswerItem {
    fn result(&self) -> Option<&ItemResult> {
        self.create.as_ref().or(self.index.as_ref())
    }
}

#[derive(Deserialize)]
struct ItemResult {
    status: u16,
    #[serde(default)]
    error: Fault,
}

/// An answer that is an error as a whole.
#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    error: Fault,
}

#[derive(Default, Deserialize)]
struct Fault {
    #[serde(rename = "type", default)]
    kind: String,
    /// It may quote the event: read to tell faults apart, never shown.
    #[serde(default)]
    reason: String,
}

/// One item's status (connectors, section 5.2).
fn outcome_of_item(result: &ItemResult, action: Action) -> Outcome {
    let kind = match result.error.kind.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
        true => result.error.kind.as_str(),
        false => "an error of no known type",
    };
    let status = result.status;
    let cause = |code, text: &str| Cause::new(code, format!("{status} {kind}: {text}"));
    match status {
        200..=299 => Outcome::Ok,
        // It is there already: an earlier attempt stored it.
        409 if action == Action::Create => Outcome::Ok,
        408 | 409 | 429 | 500..=599 => Outcome::Retry(cause("unavailable", "the index is busy")),
        // Faults of the destination as a whole, under the same status as those of a document.
        400 if result.error.reason.starts_with("only write ops with an op_type of create") => {
            Outcome::Hold(cause("data_stream", "`index` is a data stream: set action = \"create\""))
        }
        400 if result.error.reason.starts_with("pipeline with id") => {
            Outcome::Hold(cause("no_pipeline", "the ingest pipeline is missing there"))
        }
        400 if kind == "invalid_index_name_exception" => {
            Outcome::Hold(cause("bad_index", "check `index`"))
        }
        400 | 413 | 422 => Outcome::Quarantine(cause("rejected", "the index does not take it")),
        401 | 403 => Outcome::Hold(cause(
            "forbidden",
            "the credentials may not write there, or the index is read-only; a data stream wants \
             action = \"create\" and the right create_doc",
        )),
        404 => Outcome::Hold(cause("not_found", "there is no such index and none is made")),
        _ => Outcome::Retry(cause("unexpected_status", "an undocumented result")),
    }
}

/// The event with `@timestamp` before all else, unless it brings its own.
fn push_source(item: &Item<'_>, out: &mut Vec<u8>) {
    let has_own =
        !is_mapped(item) && item.event.root().is_some_and(|r| r.get("@timestamp").is_some());
    let start = out.len();
    push_ocsf(item, out);
    if has_own {
        return;
    }
    let event = out.split_off(start);
    out.extend_from_slice(b"{\"@timestamp\":\"");
    push_rfc3339(timestamp(item), out);
    out.push(b'"');
    let members = event.strip_prefix(b"{").unwrap_or(b"}");
    if members != b"}" {
        out.push(b',');
    }
    out.extend_from_slice(members);
}

/// "from the OCSF time field (Unix milliseconds)", and else when it happened.
fn timestamp(item: &Item<'_>) -> EventTime {
    let is_ocsf = item.event.at("class_uid").is_some();
    let time = item.event.at("time").filter(|_| is_ocsf).and_then(Value::scalar);
    let millis = time.and_then(|digits| digits.parse().ok());
    millis.and_then(EventTime::from_millis).unwrap_or(item.time)
}

/// The same for the same event, however often it is sent, and another for every other: an event's
/// own id need not be its alone, and `create` would take the second for stored.
fn document_id<'a>(event_id: &'a str, source: &[u8]) -> Cow<'a, str> {
    if id::is_derived(event_id) {
        return Cow::Borrowed(event_id);
    }
    let mut text = id::external_id(event_id).into_owned();
    text.push('-');
    for byte in digest::digest(&digest::SHA256, source).as_ref().iter().take(12) {
        text.push_str(&format!("{byte:02x}"));
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests;
