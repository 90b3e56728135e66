//! What a product's event looks like for a receiver, where the product's own documentation shows
//! another shape than the event itself (seeds).
//!
//! In: an item, mapped by the schema of its product. Out: JSON text. A connector that has a shape
//! of a product asks by [`Product`]; everything else is [`push`]. Diagnostics: none; what an event
//! lacks is `null` or left out, as said at each shape.

pub mod aisg;
pub mod arbitex;
pub mod hec;

use super::Item;
use super::json::push_event;
use super::ocsf::push_ocsf;

/// `payload`: which shape events have inside their record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Payload {
    /// The event as it stood in the spool, behind the privacy guard.
    #[default]
    Event,
    /// As the product's own connector for this receiver writes it; an event of a product without
    /// one is as with `event`.
    Product,
}

impl Payload {
    /// The product whose shapes an item has; `None` where it is sent as it is.
    pub fn product(self, item: &Item<'_>) -> Option<Product> {
        match self {
            Payload::Event => None,
            Payload::Product => Product::of_schema(item.schema),
        }
    }
}

/// The products whose documentation shows shapes of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Product {
    /// AI Security Gateway: its event out of an envelope, names in Splunk.
    Aisg,
    /// Arbitex: names in Splunk, an envelope for XSIAM.
    Arbitex,
    /// Aegis: attestations as OCSF 2001.
    Aegis,
    /// MITRITY: names in Splunk.
    Mitrity,
    /// RESK: names in Splunk.
    Resk,
}

impl Product {
    /// The product that the schema of that name maps.
    pub fn of_schema(schema: &str) -> Option<Product> {
        match schema {
            "aisg" => Some(Product::Aisg),
            "arbitex" => Some(Product::Arbitex),
            "aegis" => Some(Product::Aegis),
            "mitrity" => Some(Product::Mitrity),
            "resk" => Some(Product::Resk),
            _ => None,
        }
    }
}

/// Appends the event in the shape that suits any receiver of JSON: an attestation of Aegis as an
/// OCSF finding, an event of AISG out of the envelope it came in, all else as it is.
pub fn push(payload: Payload, item: &Item<'_>, out: &mut Vec<u8>) {
    match payload.product(item) {
        Some(Product::Aegis) => push_ocsf(item, out),
        Some(Product::Aisg) => aisg::push_event(item, out),
        Some(Product::Arbitex | Product::Mitrity | Product::Resk) | None => {
            push_event(item.event, out);
        }
    }
}
