//! Aegis: an attestation as an OCSF finding (seed "SIEM Integration": class 2001, Security Finding).
//!
//! In: an event of the schema `aegis`. Out: an object of OCSF 1.1 with every attribute that class
//! 2001 requires. The document names the class and the severities of the four verdicts and prints
//! no attestation: the attributes are chosen by the meaning of OCSF's, and everything that the
//! attestation says stands once more, as it was, under `unmapped`.

use crate::http::Item;
use crate::http::json::{Object, push_event};
use crate::model::event::{Event, Value};

/// OCSF `severity_id` and its caption, by verdict: ALLOW informational, DENY medium, ESCALATE high,
/// REWRITE low; unknown for any other.
pub fn severity(event: Event<'_>) -> (i64, &'static str) {
    let verdict = event.at("verdict").and_then(Value::scalar).unwrap_or_default();
    match verdict.to_ascii_uppercase().as_str() {
        "ALLOW" => (1, "Informational"),
        "REWRITE" => (2, "Low"),
        "DENY" => (3, "Medium"),
        "ESCALATE" => (4, "High"),
        _ => (0, "Unknown"),
    }
}

/// Appends the finding.
pub fn push_finding(item: &Item<'_>, out: &mut Vec<u8>) {
    let event = item.event;
    let text = |paths: &[&str]| super::first_text(event, paths);
    let (severity_id, severity) = severity(event);
    let mut object = Object::begin(out);
    object.number("class_uid", 2001);
    object.text("class_name", "Security Finding");
    object.number("category_uid", 2);
    object.text("category_name", "Findings");
    object.number("activity_id", 1);
    object.text("activity_name", "Create");
    object.number("type_uid", 200_101);
    object.text("type_name", "Security Finding: Create");
    object.number("time", item.time.millis());
    object.number("severity_id", severity_id);
    object.text("severity", severity);
    object.number("state_id", 1);
    object.text("state", "New");
    let reason = text(&["reason", "rationale", "explanation"]);
    if let Some(message) = text(&["message", "summary"]).or(reason) {
        object.text("message", message);
    }
    push_subject(item, reason, object.member("finding"));
    if let Some(name) = text(&["policy", "policy_name", "policy_id", "policy.name", "policy.id"]) {
        let mut analytic = Object::begin(object.member("analytic"));
        analytic.number("type_id", 1);
        analytic.text("type", "Rule");
        analytic.text("name", name);
        if let Some(version) = text(&["policy_version", "policy.version"]) {
            analytic.text("version", version);
        }
        analytic.end();
    }
    if let Some(agent) = text(&["agent_id", "agent.id", "agent"]) {
        let out = object.member("resources");
        out.push(b'[');
        let mut resource = Object::begin(out);
        resource.text("type", "agent");
        resource.text("uid", agent);
        resource.end();
        out.push(b']');
    }
    push_metadata(item, object.member("metadata"));
    push_event(event, object.member("unmapped"));
    object.end();
}

/// `finding`: what was decided about which action.
fn push_subject(item: &Item<'_>, reason: Option<&str>, out: &mut Vec<u8>) {
    let event = item.event;
    let verdict = super::first_text(event, &["verdict"]).unwrap_or("UNKNOWN");
    let mut finding = Object::begin(out);
    finding.text("uid", item.id);
    let action = ["action", "action_type", "action.type", "operation"];
    match super::first_text(event, &action) {
        Some(action) => finding.text("title", &format!("{verdict} {action}")),
        None => finding.text("title", verdict),
    }
    if let Some(reason) = reason {
        finding.text("desc", reason);
    }
    finding.end();
}

fn push_metadata(item: &Item<'_>, out: &mut Vec<u8>) {
    let mut metadata = Object::begin(out);
    metadata.text("version", "1.1.0");
    metadata.text("uid", item.id);
    let mut product = Object::begin(metadata.member("product"));
    product.text("name", "Aegis");
    product.text("vendor_name", "Aegis");
    product.end();
    metadata.end();
}
