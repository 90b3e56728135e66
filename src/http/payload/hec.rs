//! What each product calls itself in Splunk: `source`, `sourcetype`, `index`, and the order of
//! members in its example (seeds).

use super::{Payload, Product, aisg};
use crate::http::Item;
use crate::model::fields::Slot;

/// The names of a product; settings of the destination go before them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// `source`
    pub source: Option<&'static str>,
    /// `sourcetype`
    pub sourcetype: Option<&'static str>,
    /// `index`
    pub index: Option<&'static str>,
    /// An indexed field `tag`, for narrower searches.
    pub tag: Option<&'static str>,
    /// An indexed field `severity_id`: the severity in Splunk's numbers.
    pub severity_id: Option<u8>,
    /// The example has `event` first, whole seconds, and no `host`.
    pub is_event_first: bool,
}

/// The names for an item; none with `payload = "event"`.
pub fn names(payload: Payload, item: &Item<'_>) -> Names {
    match payload.product(item) {
        Some(Product::Arbitex) => Names {
            source: Some("arbitex-platform"),
            sourcetype: Some("arbitex:audit"),
            index: Some("arbitex"),
            ..Names::default()
        },
        Some(Product::Aisg) => Names {
            sourcetype: Some("aisg:security"),
            index: Some("main"),
            severity_id: Some(aisg::splunk_severity(item)),
            is_event_first: true,
            ..Names::default()
        },
        Some(Product::Mitrity) => {
            let is_match = item.fields.get(Slot::EventType, item.event) == "dlp.match";
            Names {
                sourcetype: Some("mitrity:governance"),
                tag: is_match.then_some("mitrity:dlp"),
                ..Names::default()
            }
        }
        Some(Product::Resk) => Names { index: Some("security_events"), ..Names::default() },
        Some(Product::Aegis) | None => Names::default(),
    }
}
