//! OCSF, for receivers that take events as such: an Aegis attestation becomes class 2001 (seed,
//! "OCSF mapping"), what is OCSF already stays as it is.
//!
//! In: a mapped event. Out: one JSON object. The seed names the class and the severities of the
//! four verdicts; which attribute holds what else follows OCSF 1.1, class Security Finding. All
//! that the attestation says is kept under `unmapped`.

use super::Item;
use super::instant::push_rfc3339;
use super::json::{push_event, push_member, push_text, push_value};
use crate::model::event::Value;

/// The name of the schema whose events become OCSF here.
const AEGIS: &str = "aegis";

/// Appends the event as OCSF where there is an OCSF form of it, else as it is.
pub fn push_ocsf(item: &Item<'_>, out: &mut Vec<u8>) {
    if is_mapped(item) { push_security_finding(item, out) } else { push_event(item.event, out) }
}

/// True when [`push_ocsf`] writes something else than the event as it is.
pub fn is_mapped(item: &Item<'_>) -> bool {
    item.schema == AEGIS
}

/// True when [`push_ocsf`] writes OCSF.
pub fn is_ocsf(item: &Item<'_>) -> bool {
    is_mapped(item) || item.event.at("class_uid").is_some()
}

/// OCSF's `severity_id`: the event's own; a verdict's (seed: ALLOW informational, DENY
/// medium, ESCALATE high, REWRITE low); else the one that the CEF severity came from (design,
/// section 4: 1, 2, 3, 4, 5, 6 become 3, 4, 6, 8, 9, 10, and what is unknown 5).
pub fn severity_id(item: &Item<'_>) -> u8 {
    let own = item.event.at("severity_id").and_then(Value::scalar);
    if let Some(own) = own.and_then(|digits| digits.parse().ok()) {
        return own;
    }
    match item.fields.severity().get() {
        10 => 6,
        9 => 5,
        7..=8 => 4,
        6 => 3,
        5 => 0,
        4 => 2,
        _ => 1,
    }
}

/// OCSF 1.1, class 2001: activity 1 (Create), state 1 (New).
fn push_security_finding(item: &Item<'_>, out: &mut Vec<u8>) {
    let severity = severity_id(item);
    let time = item.time.millis();
    out.extend_from_slice(
        b"{\"activity_id\":1,\"activity_name\":\"Create\",\"category_uid\":2,\
          \"category_name\":\"Findings\",\"class_uid\":2001,\
          \"class_name\":\"Security Finding\",\"type_uid\":200101,\
          \"type_name\":\"Security Finding: Create\",",
    );
    out.extend_from_slice(format!("\"time\":{time},\"time_dt\":\"").as_bytes());
    push_rfc3339(item.time, out);
    out.extend_from_slice(format!("\",\"severity_id\":{severity},").as_bytes());
    push_member("severity", caption(severity), out);
    out.extend_from_slice(b",\"state_id\":1,\"state\":\"New\"");
    let reason = first(item, &["reason", "rationale", "explanation"]);
    push_next("message", first(item, &["message", "summary"]).or(reason), out);
    out.extend_from_slice(b",\"finding\":{");
    push_member("uid", item.id, out);
    let action = first(item, &["action", "action_type", "action.type", "operation"]);
    push_next("title", action.or(Some("attestation")), out);
    push_next("desc", reason, out);
    out.push(b'}');
    push_analytic(item, out);
    if let Some(agent) = first(item, &["agent_id", "agent.id", "agent"]) {
        out.extend_from_slice(b",\"resources\":[{\"type\":\"agent\",");
        push_member("uid", agent, out);
        out.extend_from_slice(b"}]");
    }
    out.extend_from_slice(
        b",\"metadata\":{\"version\":\"1.1.0\",\
          \"product\":{\"name\":\"Aegis\",\"vendor_name\":\"Aegis\"}},\"unmapped\":",
    );
    push_event(item.event, out);
    out.push(b'}');
}

/// The policy that decided, as a rule.
fn push_analytic(item: &Item<'_>, out: &mut Vec<u8>) {
    let names = ["policy", "policy_name", "policy_id", "policy.name", "policy.id"];
    let Some(name) = first(item, &names) else { return };
    out.extend_from_slice(b",\"analytic\":{\"type_id\":1,\"type\":\"Rule\"");
    push_next("name", Some(name), out);
    push_next("version", first(item, &["policy_version", "policy.version"]), out);
    out.push(b'}');
}

/// The first of these that is there and a scalar: the names of the aegis schema.
fn first<'a>(item: &Item<'a>, paths: &[&str]) -> Option<&'a str> {
    paths.iter().find_map(|path| item.event.at(path)?.scalar())
}

/// A member behind another, if there is one.
fn push_next(key: &str, text: Option<&str>, out: &mut Vec<u8>) {
    if let Some(text) = text {
        out.push(b',');
        push_member(key, text, out);
    }
}

/// OCSF's captions of `severity_id`.
fn caption(severity_id: u8) -> &'static str {
    match severity_id {
        1 => "Informational",
        2 => "Low",
        3 => "Medium",
        4 => "High",
        5 => "Critical",
        6 => "Fatal",
        0 => "Unknown",
        _ => "Other",
    }
}

/// Appends a value as JSON inside a JSON string.
pub fn push_quoted(value: Value<'_>, out: &mut Vec<u8>) {
    let mut text = Vec::new();
    push_value(value, &mut text);
    push_text(&String::from_utf8_lossy(&text), out);
}

/// Appends what [`push_ocsf`] writes, inside a JSON string.
pub fn push_quoted_ocsf(item: &Item<'_>, out: &mut Vec<u8>) {
    let mut text = Vec::new();
    push_ocsf(item, &mut text);
    push_text(&String::from_utf8_lossy(&text), out);
}

#[cfg(test)]
mod tests;
