//! What the event's device contributes: APP-NAME, and the head of the body up to the version.
//!
//! In: vendor, product and version of an event, or the destination's overrides. Out: bytes that are
//! made once and kept, because events that follow each other mostly share their device.
//! Diagnostics: a field that had to be cut is reported with each message.

use super::scan::is_same;
use super::settings::{Body, CefSettings, Settings};
use super::{cef, leef, printable};
use crate::model::event::Event;
use crate::model::fields::{Fields, Slot};
use crate::model::texts::{TextId, Texts};

/// The most octets of APP-NAME (RFC 5424, section 6.2.5).
pub(super) const APP_NAME_BYTES_MAX: usize = 48;

/// Stand in for fields that are empty, which some receivers refuse.
const VENDOR_DEFAULT: &str = "Spoolgate";
const PRODUCT_DEFAULT: &str = "Spoolgate";
const VERSION_DEFAULT: &str = "unknown";

#[derive(Debug)]
pub(super) struct Device {
    body: Body,
    settings: CefSettings,
    vendor: String,
    product: String,
    version: String,
    /// The texts of the schema that these were, if all three were that: then they need no look.
    fixed: Option<(Texts, [TextId; 3])>,
    /// PRINTUSASCII, 1 to 48 octets.
    pub(super) app_name: Vec<u8>,
    /// `CEF:0|vendor|product|version|` or its like in LEEF; empty for JSON.
    pub(super) prefix: Vec<u8>,
    /// A field was longer than the format allows.
    pub(super) is_cut: bool,
}

impl Device {
    pub(super) fn new(settings: &Settings) -> Device {
        let mut device = Device {
            body: settings.body,
            settings: settings.cef.clone(),
            vendor: String::new(),
            product: String::new(),
            version: String::new(),
            fixed: None,
            app_name: Vec::new(),
            prefix: Vec::new(),
            is_cut: false,
        };
        device.make();
        device
    }

    /// Makes the bytes anew if the event's device is another one than the last event's.
    #[inline]
    pub(super) fn turn_to(&mut self, fields: &Fields, event: Event<'_>) {
        let now = schema_texts(fields);
        let is_same = self.fixed.as_ref().is_some_and(|(texts, kept)| {
            now.as_ref() == Some(kept) && texts.is_same(fields.texts())
        });
        if !is_same {
            self.turn_to_texts(fields, event);
            self.fixed = now.map(|now| (fields.texts().clone(), now));
        }
    }

    fn turn_to_texts(&mut self, fields: &Fields, event: Event<'_>) {
        let overrides = &self.settings;
        let vendor = overrides.device_vendor.as_deref();
        let product = overrides.device_product.as_deref();
        let version = overrides.device_version.as_deref();
        let vendor = vendor.unwrap_or_else(|| fields.get(Slot::DeviceVendor, event));
        let product = product.unwrap_or_else(|| fields.get(Slot::DeviceProduct, event));
        let version = version.unwrap_or_else(|| fields.get(Slot::DeviceVersion, event));
        let same = |now: &str, kept: &str| is_same(now.as_bytes(), kept.as_bytes());
        if same(vendor, &self.vendor)
            && same(product, &self.product)
            && same(version, &self.version)
        {
            return;
        }
        for (kept, now) in
            [(&mut self.vendor, vendor), (&mut self.product, product), (&mut self.version, version)]
        {
            kept.clear();
            kept.push_str(now);
        }
        self.make();
    }

    fn make(&mut self) {
        self.app_name.clear();
        let product = if self.product.is_empty() { PRODUCT_DEFAULT } else { &self.product };
        printable(product, APP_NAME_BYTES_MAX, &mut self.app_name);
        let out = &mut self.prefix;
        out.clear();
        let push: fn(&str, &str, usize, &mut Vec<u8>) -> bool = match self.body {
            Body::Json => return,
            Body::Cef => {
                out.extend_from_slice(if self.settings.version == 1 {
                    b"CEF:1|"
                } else {
                    b"CEF:0|"
                });
                cef::push_field
            }
            Body::Leef1 => {
                out.extend_from_slice(b"LEEF:1.0|");
                leef::push_field
            }
            Body::Leef2 { .. } => {
                out.extend_from_slice(b"LEEF:2.0|");
                leef::push_field
            }
        };
        self.is_cut = false;
        for (text, default, most) in [
            (&self.vendor, VENDOR_DEFAULT, cef::VENDOR_BYTES_MAX),
            (&self.product, PRODUCT_DEFAULT, cef::PRODUCT_BYTES_MAX),
            (&self.version, VERSION_DEFAULT, cef::VERSION_BYTES_MAX),
        ] {
            self.is_cut |= push(text, default, most, out);
            out.push(b'|');
        }
    }
}

#[inline]
fn schema_texts(fields: &Fields) -> Option<[TextId; 3]> {
    Some([
        fields.fixed(Slot::DeviceVendor)?,
        fields.fixed(Slot::DeviceProduct)?,
        fields.fixed(Slot::DeviceVersion)?,
    ])
}
