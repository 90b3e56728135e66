//! AI Security Gateway: three payloads and the severity table (seed "SIEM Connectors").
//!
//! In: an event of the schema `aisg`, on its own or in one of the three envelopes. Out: the
//! payload for Splunk, Datadog or Sentinel. What the document leaves open: the texts of the types
//! it shows no payload for follow the one it shows; a type that is not in its table counts by its
//! own `severity` word.

use crate::http::Item;
use crate::http::json::{Object, push_event as push_whole, push_text, push_value};
use crate::model::event::{Event, Kind, Value};
use crate::model::fields::Slot;

const TYPE: [&str; 5] =
    ["type", "event.type", "attributes.event_type", "event_type", "EventType"];
const SEVERITY: [&str; 4] = ["severity", "event.severity", "attributes.severity", "Severity"];
const ENTITIES: [&str; 4] = [
    "entities_detected",
    "event.entities_detected",
    "attributes.entities_detected",
    "EntitiesDetected",
];

/// One row of the severity table: what a severity is called by each receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Severities {
    /// AISG's word.
    pub aisg: &'static str,
    /// Splunk's number: 1 critical, 2 high, 4 medium.
    pub splunk: u8,
    /// Datadog's status; its table has them in capitals, its payload in lower case.
    pub datadog: &'static str,
    /// Sentinel's word.
    pub sentinel: &'static str,
}

const CRITICAL: Severities =
    Severities { aisg: "critical", splunk: 1, datadog: "critical", sentinel: "High" };
const HIGH: Severities =
    Severities { aisg: "high", splunk: 2, datadog: "error", sentinel: "Medium" };
const MEDIUM: Severities =
    Severities { aisg: "medium", splunk: 4, datadog: "warn", sentinel: "Low" };
/// Sentinel tells it apart from the other events of medium severity.
const BUDGET: Severities =
    Severities { aisg: "medium", splunk: 4, datadog: "warn", sentinel: "Informational" };
/// Not in the table: one step below medium in each of its columns.
const LOW: Severities =
    Severities { aisg: "low", splunk: 5, datadog: "info", sentinel: "Informational" };

/// The row of an event.
pub fn severities(event: Event<'_>) -> Severities {
    match super::first_text(event, &TYPE) {
        Some("dlp.injection_blocked") => CRITICAL,
        Some("dlp.pii_blocked" | "loop.detected") => HIGH,
        Some("dlp.pii_redacted") => MEDIUM,
        Some("budget.exhausted") => BUDGET,
        _ => of_word(super::first_text(event, &SEVERITY).unwrap_or_default()),
    }
}

fn of_word(word: &str) -> Severities {
    match word.to_ascii_lowercase().as_str() {
        "critical" => CRITICAL,
        "high" => HIGH,
        "low" | "info" | "informational" => LOW,
        _ => MEDIUM,
    }
}

/// Appends the event alone: what Splunk has under `event`.
pub fn push_event(item: &Item<'_>, out: &mut Vec<u8>) {
    match inner(item.event) {
        Some(inner) => push_value(inner, out),
        None => push_whole(item.event, out),
    }
}

/// The part of an envelope that is the event.
fn inner(event: Event<'_>) -> Option<Value<'_>> {
    super::first(event, &["event", "attributes"]).filter(|value| value.is_object())
}

/// How a Datadog destination calls itself.
#[derive(Clone, Copy, Debug)]
pub struct Datadog<'a> {
    /// `ddsource`; `ai-security-gateway` in the document.
    pub source: &'a str,
    /// `service`; `aisg` in the document.
    pub service: &'a str,
    /// Tags of the destination, `env:production` for instance; may be empty.
    pub tags: &'a str,
    /// `hostname`
    pub hostname: &'a str,
}

/// Appends the payload for Datadog's logs API.
pub fn push_datadog(item: &Item<'_>, names: &Datadog<'_>, out: &mut Vec<u8>) {
    let event_type = super::first_text(item.event, &TYPE).unwrap_or("aisg.event");
    let mut object = Object::begin(out);
    object.text("ddsource", names.source);
    let service = format!("service:{}", names.service);
    let kind = format!("event_type:{event_type}");
    let tags = [service.as_str(), names.tags, kind.as_str()];
    let tags: Vec<&str> = tags.into_iter().filter(|tag| !tag.is_empty()).collect();
    object.text("ddtags", &tags.join(","));
    object.text("hostname", names.hostname);
    object.text("message", &message(item));
    object.text("status", severities(item.event).datadog);
    object.text("service", names.service);
    if let Some(time) = super::rfc3339(item.time) {
        object.text("timestamp", &time);
    }
    let out = object.member("attributes");
    let mut attributes = Object::begin(out);
    attributes.text("event_type", event_type);
    let members = inner(item.event).or(item.event.root());
    let is_elsewhere = |key: &str| matches!(key, "type" | "event_type" | "timestamp");
    for (key, value) in members.into_iter().flat_map(Value::members) {
        if !is_elsewhere(key) {
            attributes.value(key, Some(value));
        }
    }
    attributes.end();
    object.end();
}

/// `PII blocked: SSN, EMAIL_ADDRESS detected in request to gpt-4.1`; metadata alone.
fn message(item: &Item<'_>) -> String {
    let mut text = item.fields.get(Slot::Name).to_owned();
    let entities = entities(item.event);
    if !entities.is_empty() {
        text.push_str(": ");
        text.push_str(&entities.join(", "));
        text.push_str(" detected");
    }
    let models = ["model", "event.model", "attributes.model", "Model"];
    if let Some(model) = super::first_text(item.event, &models) {
        text.push_str(" in request to ");
        text.push_str(model);
    }
    text
}

/// The types of what was found, never what was found.
fn entities(event: Event<'_>) -> Vec<&str> {
    let Some(value) = super::first(event, &ENTITIES) else { return Vec::new() };
    match value.kind() {
        Kind::Text(list) => list.split(',').map(str::trim).filter(|it| !it.is_empty()).collect(),
        _ => value.items().filter_map(Value::scalar).collect(),
    }
}

/// Appends the row for a table of Sentinel; an absent value is `null`, for columns are fixed.
pub fn push_sentinel(item: &Item<'_>, out: &mut Vec<u8>) {
    let event = item.event;
    let mut object = Object::begin(out);
    let time = super::rfc3339(item.time);
    text_or_null(&mut object, "TimeGenerated", time.as_deref());
    text_or_null(&mut object, "EventType", super::first_text(event, &TYPE));
    object.text("Severity", severities(event).sentinel);
    let columns = [
        ("OrgId", ["org_id", "event.org_id", "attributes.org_id", "OrgId"]),
        ("ProjectId", ["project_id", "event.project_id", "attributes.project_id", "ProjectId"]),
    ];
    for (column, paths) in columns {
        text_or_null(&mut object, column, super::first_text(event, &paths));
    }
    object.text("EntitiesDetected", &entities(event).join(","));
    let columns = [
        ("Action", ["action", "event.action", "attributes.action", "Action"]),
        ("Model", ["model", "event.model", "attributes.model", "Model"]),
        ("Provider", ["provider", "event.provider", "attributes.provider", "Provider"]),
    ];
    for (column, paths) in columns {
        text_or_null(&mut object, column, super::first_text(event, &paths));
    }
    object.text("Source", "AISecurityGateway");
    object.end();
}

fn text_or_null(object: &mut Object<'_>, key: &str, text: Option<&str>) {
    match text {
        Some(text) => push_text(text, object.member(key)),
        None => object.value(key, None),
    }
}
