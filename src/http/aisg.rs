//! What an event of the AI Security Gateway says (seed, "SIEM Connectors"), in whichever of the
//! three envelopes it was spooled, and its severities at each receiver.
//!
//! In: an event that the `aisg` schema mapped. Out: its facts by their names in the event itself.

use super::Item;
use crate::model::event::{Kind, Value};
use crate::model::fields::{Severity, Slot};

/// One event; nothing is copied.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    item: Item<'a>,
    /// The event itself or its Sentinel record.
    root: Option<Value<'a>>,
    /// The object with the facts: Splunk's `event`, Datadog's `attributes`, else the root.
    inner: Option<Value<'a>>,
}

/// The names of the facts that each receiver gets, in the order of the seed's payloads: in the
/// event, then in a Sentinel record. `entities_detected` is a list and stands apart.
const NAMES: [(&str, &str); 5] = [
    ("org_id", "OrgId"),
    ("project_id", "ProjectId"),
    ("action", "Action"),
    ("model", "Model"),
    ("provider", "Provider"),
];

/// Members that [`Facts::others`] leaves out, for they are said otherwise.
const SAID: [&str; 8] = [
    "type",
    "event_type",
    "severity",
    "timestamp",
    "entities_detected",
    // The envelope of a Sentinel record, which has its own spelling.
    "TimeGenerated",
    "EventType",
    "Source",
];

impl<'a> Facts<'a> {
    /// The facts of that event.
    pub fn new(item: Item<'a>) -> Facts<'a> {
        let root = item.event.root();
        let member = |key| root.and_then(|root| root.get(key)).filter(|inner| inner.is_object());
        Facts { item, root, inner: member("event").or_else(|| member("attributes")).or(root) }
    }

    /// `dlp.pii_blocked` …
    pub fn event_type(&self) -> &'a str {
        self.item.fields.get(Slot::EventType, self.item.event)
    }

    /// A fact by its name in the event: `org_id`, `project_id`, `action`, `model`, `provider`.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        let column = NAMES.iter().find(|(known, _)| *known == name).map(|(_, column)| column);
        let inner = self.inner.and_then(|inner| inner.get(name));
        inner.or_else(|| self.root?.get(column?)).and_then(Value::scalar)
    }

    /// `entities_detected`: types such as `SSN`, never what was found.
    pub fn entities(&self) -> Vec<&'a str> {
        let listed = self.inner.and_then(|inner| inner.get("entities_detected"));
        let value = listed.or_else(|| self.root?.get("EntitiesDetected"));
        match value.map(|value| (value, value.kind())) {
            Some((list, Kind::Array)) => list.items().filter_map(Value::scalar).collect(),
            Some((_, Kind::Text(joined))) => {
                joined.split(',').map(str::trim).filter(|entity| !entity.is_empty()).collect()
            }
            _ => Vec::new(),
        }
    }

    /// AISG's own word: `critical`, `high`, `medium`, `low`.
    pub fn severity_word(&self) -> &'a str {
        let own = self.inner.and_then(|inner| inner.get("severity")).and_then(Value::scalar);
        own.unwrap_or(match self.item.fields.severity().get() {
            9.. => "critical",
            7..=8 => "high",
            4..=6 => "medium",
            _ => "low",
        })
    }

    /// What the event has beside all that, by names of its own.
    pub fn others(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> {
        let members = self.inner.into_iter().flat_map(Value::members);
        members.filter(|(name, _)| {
            let is_fact = |(fact, column): &(&str, &str)| fact == name || column == name;
            let is_sentinel = ["Severity", "EntitiesDetected"].contains(name);
            !is_sentinel && !SAID.contains(name) && !NAMES.iter().any(is_fact)
        })
    }
}

/// Datadog's status (seed, table "Severity Mapping": CRITICAL, ERROR, WARN), spelled as in the
/// seed's payload.
pub fn datadog_status(severity: Severity) -> &'static str {
    match severity.get() {
        9.. => "critical",
        7..=8 => "error",
        4..=6 => "warn",
        _ => "info",
    }
}

/// Sentinel's severity (seed, table "Severity Mapping"). Two events that AISG calls Medium differ
/// there, so the type goes first.
pub fn sentinel_severity(event_type: &str, severity: Severity) -> &'static str {
    match severity.get() {
        _ if event_type == "budget.exhausted" => "Informational",
        9.. => "High",
        7..=8 => "Medium",
        4..=6 => "Low",
        _ => "Informational",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severities_are_those_of_the_table() {
        // The columns AISG, Datadog and Sentinel of the seed; CEF as in the aisg schema.
        let table = [
            ("dlp.injection_blocked", 9, "CRITICAL", "High"),
            ("dlp.pii_blocked", 8, "ERROR", "Medium"),
            ("loop.detected", 8, "ERROR", "Medium"),
            ("dlp.pii_redacted", 6, "WARN", "Low"),
            ("budget.exhausted", 6, "WARN", "Informational"),
        ];
        for (event_type, cef, datadog, sentinel) in table {
            let severity = Severity::new(cef).unwrap();
            assert_eq!(datadog_status(severity).to_uppercase(), datadog, "{event_type}");
            assert_eq!(sentinel_severity(event_type, severity), sentinel, "{event_type}");
        }
        assert_eq!(datadog_status(Severity::new(3).unwrap()), "info");
        assert_eq!(sentinel_severity("x", Severity::new(3).unwrap()), "Informational");
    }
}
