//! Arbitex: the envelopes for Sentinel, Datadog and Cortex XSIAM (seed "SIEM Integration — All
//! Connectors"); those for Splunk, Elastic and Sumo Logic hold the event as it is.
//!
//! In: an OCSF v1.1 API Activity of the schema `arbitex`. Out: the envelope. What OCSF has no place
//! for stands under `unmapped`. A value that the event lacks is `null`: columns are fixed.

use crate::http::Item;
use crate::http::json::{Object, push_event};
use crate::model::event::{Event, Kind, Value};
use crate::model::fields::Slot;

const USER: &str = "actor.user.uid";
const EMAIL: &str = "actor.user.email_addr";
const OPERATION: &str = "api.operation";
const MODEL: &str = "unmapped.model";
const ACTION: &str = "unmapped.policy_action";
const LABELS: &str = "unmapped.dlp_labels";
const TOKENS_INPUT: &str = "unmapped.token_in";
const TOKENS_OUTPUT: &str = "unmapped.token_out";

/// Appends the row of the DCR stream; `RawOCSF` holds the whole event.
pub fn push_sentinel(item: &Item<'_>, out: &mut Vec<u8>) {
    let event = item.event;
    let mut object = Object::begin(out);
    time(&mut object, "TimeGenerated", item);
    object.text("EventId", item.id);
    for (column, path) in [
        ("UserId", USER),
        ("UserEmail", EMAIL),
        ("Operation", OPERATION),
        ("ModelId", MODEL),
        ("PolicyAction", ACTION),
    ] {
        object.value(column, event.at(path));
    }
    object.nested("DlpLabels", |out| list(event.at(LABELS), out));
    for (column, path) in [
        ("TokensInput", TOKENS_INPUT),
        ("TokensOutput", TOKENS_OUTPUT),
        ("SeverityId", "severity_id"),
    ] {
        object.value(column, event.at(path));
    }
    object.nested("RawOCSF", |out| push_event(event, out));
    object.end();
}

/// How a Datadog destination calls itself.
#[derive(Clone, Copy, Debug)]
pub struct Datadog<'a> {
    /// `ddsource`; `arbitex-audit` in the document.
    pub source: &'a str,
    /// `service`; `arbitex` in the document.
    pub service: &'a str,
    /// Tags of the destination, `env:production` for instance; may be empty.
    pub tags: &'a str,
    /// `hostname`
    pub hostname: &'a str,
}

/// Appends the log object for Datadog; `message` holds the whole event.
pub fn push_datadog(item: &Item<'_>, names: &Datadog<'_>, out: &mut Vec<u8>) {
    let mut object = Object::begin(out);
    object.text("ddsource", names.source);
    let comma = if names.tags.is_empty() { "" } else { "," };
    object.text("ddtags", &format!("{}{comma}service:{}", names.tags, names.service));
    object.text("hostname", names.hostname);
    object.text("service", names.service);
    object.nested("message", |out| push_event(item.event, out));
    object.end();
}

/// Appends the event of Cortex XSIAM's envelope; `raw_ocsf` holds the whole event.
pub fn push_xsiam(item: &Item<'_>, dataset: &str, log_type: &str, out: &mut Vec<u8>) {
    let event = item.event;
    let mut object = Object::begin(out);
    time(&mut object, "_time", item);
    object.text("_vendor", item.fields.get(Slot::DeviceVendor));
    object.text("_product", item.fields.get(Slot::DeviceProduct));
    object.text("_dataset", dataset);
    object.text("log_type", log_type);
    object.text("event_id", item.id);
    for (key, path) in [
        ("user_id", USER),
        ("user_email", EMAIL),
        ("operation", OPERATION),
        ("model_id", MODEL),
        ("policy_action", ACTION),
    ] {
        object.value(key, event.at(path));
    }
    list(event.at(LABELS), object.member("dlp_labels"));
    object.value("tokens_input", event.at(TOKENS_INPUT));
    object.value("tokens_output", event.at(TOKENS_OUTPUT));
    object.text("severity", severity(event));
    object.nested("raw_ocsf", |out| push_event(event, out));
    object.end();
}

/// OCSF's caption of `severity_id`, in lower case.
fn severity(event: Event<'_>) -> &'static str {
    match event.at("severity_id").and_then(Value::scalar) {
        Some("1") => "informational",
        Some("2") => "low",
        Some("3") => "medium",
        Some("4") => "high",
        Some("5") => "critical",
        Some("6") => "fatal",
        Some("99") => "other",
        _ => "unknown",
    }
}

fn time(object: &mut Object<'_>, key: &str, item: &Item<'_>) {
    match super::rfc3339(item.time) {
        Some(time) => object.text(key, &time),
        None => object.value(key, None),
    }
}

/// An array stays one, also when it is absent: the document prints `[]` for no labels.
fn list(value: Option<Value<'_>>, out: &mut Vec<u8>) {
    match value.filter(|value| value.kind() == Kind::Array) {
        Some(value) => crate::http::json::push_value(value, out),
        None => out.extend_from_slice(b"[]"),
    }
}
