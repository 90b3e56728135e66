//! AI Security Gateway in Splunk: its event and its severity there (seed "SIEM Connectors").
//!
//! In: an event of the schema `aisg`, on its own or in one of the three envelopes. Out: the event
//! out of Splunk's envelope, and Splunk's number for its severity.

use crate::http::Item;
use crate::http::json::{push_event as push_whole, push_value};

/// Appends what Splunk has under `event`. The envelopes of Datadog and Sentinel hold facts that the
/// event in them does not have, so they stay.
pub fn push_event(item: &Item<'_>, out: &mut Vec<u8>) {
    match item.event.at("event").filter(|inner| inner.is_object()) {
        Some(inner) => push_value(inner, out),
        None => push_whole(item.event, out),
    }
}

/// Splunk's column of the severity table: 1 critical, 2 high, 4 medium. The CEF severity says which
/// row it is, for the schema took it from the same table; what is below medium is not in it.
pub fn splunk_severity(item: &Item<'_>) -> u8 {
    match item.fields.severity().get() {
        9.. => 1,
        7..=8 => 2,
        4..=6 => 4,
        _ => 5,
    }
}
