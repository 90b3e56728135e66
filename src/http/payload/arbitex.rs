//! Arbitex: the envelope for Cortex XSIAM (seed "SIEM Integration — All Connectors").
//!
//! In: an OCSF v1.1 API Activity of the schema `arbitex`. Out: the envelope. What OCSF has no place
//! for stands under `unmapped`. A value that the event lacks is `null`, as its fields are fixed.

use crate::http::Item;
use crate::http::instant::rfc3339;
use crate::http::json::{Object, push_event};
use crate::model::event::{Event, Kind, Value};
use crate::model::fields::Slot;

/// Appends the event of Cortex XSIAM's envelope; `raw_ocsf` holds the whole event.
pub fn push_xsiam(item: &Item<'_>, dataset: &str, log_type: &str, out: &mut Vec<u8>) {
    let event = item.event;
    let mut object = Object::begin(out);
    object.text("_time", &rfc3339(item.time));
    object.text("_vendor", item.fields.get(Slot::DeviceVendor, item.event));
    object.text("_product", item.fields.get(Slot::DeviceProduct, item.event));
    object.text("_dataset", dataset);
    object.text("log_type", log_type);
    object.text("event_id", item.id);
    for (key, path) in [
        ("user_id", "actor.user.uid"),
        ("user_email", "actor.user.email_addr"),
        ("operation", "api.operation"),
        ("model_id", "unmapped.model"),
        ("policy_action", "unmapped.policy_action"),
    ] {
        object.value(key, event.at(path));
    }
    list(event.at("unmapped.dlp_labels"), object.member("dlp_labels"));
    object.value("tokens_input", event.at("unmapped.token_in"));
    object.value("tokens_output", event.at("unmapped.token_out"));
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

/// An array stays one, also when it is absent: the document prints `[]` for no labels.
fn list(value: Option<Value<'_>>, out: &mut Vec<u8>) {
    match value.filter(|value| value.kind() == Kind::Array) {
        Some(value) => crate::http::json::push_value(value, out),
        None => out.extend_from_slice(b"[]"),
    }
}
