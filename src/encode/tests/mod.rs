//! Tests of the encode stage: wire bytes against golden lines, and a property test whose judge is a
//! parser of its own.

mod cef;
mod golden;
mod headers;
mod json;
mod leef;
mod oversize;
mod parser;
mod property;
mod strict;

use super::settings::{Body, CefSettings, Framing, Header, Settings};
use super::{Encoded, Encoder, MESSAGE_BYTES_MIN};
use crate::model::event::{Event, Tape};
use crate::model::fields::{Fields, PairKey, Severity, Slot};
use crate::model::time::EventTime;

/// 2026-03-13T00:00:00.123Z
const MILLIS: i64 = 1_773_360_000_123;

/// QRadar's profile with LF framing.
fn qradar() -> Settings {
    Settings {
        hostname: "platform.arbitex.ai".into(),
        facility: 16,
        header: Header::Rfc5424 { fraction_digits: 3 },
        framing: Framing::Lf,
        body: Body::Cef,
        cef: CefSettings::default(),
        max_message_bytes: 4096,
        structured_data: false,
        bom: false,
    }
}

/// Vendor, product, version, class id, name, severity, id; then the pairs.
fn fields(device: [&str; 3], event: [&str; 2], severity: u8, pairs: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::new();
    for (slot, text) in [Slot::DeviceVendor, Slot::DeviceProduct, Slot::DeviceVersion]
        .into_iter()
        .zip(device)
        .chain([Slot::EventClassId, Slot::Name].into_iter().zip(event))
    {
        fields.set(slot, text);
    }
    fields.set_severity(Severity::new(severity).unwrap());
    fields.set_time(EventTime::from_millis(MILLIS));
    for (key, value) in pairs {
        fields.push(PairKey::Text(key), value);
    }
    fields
}

/// Fields of which only the pairs matter.
fn with_pairs(pairs: &[(&str, &str)]) -> Fields {
    fields(["Acme", "Guard", "1"], ["id", "name"], 5, pairs)
}

/// The first message of its form, which all that follow are equal to.
fn encode(settings: Settings, fields: &Fields) -> (String, Encoded) {
    let tape = Tape::new();
    let mut encoder = Encoder::new(settings);
    let mut next = || encode_with(&mut encoder, fields, Event::new(&tape, ""), 1);
    let first = next();
    for _ in 0..3 {
        assert_eq!(next(), first);
    }
    first
}

fn encode_with(
    encoder: &mut Encoder,
    fields: &Fields,
    event: Event<'_>,
    sequence: u32,
) -> (String, Encoded) {
    let mut out = Vec::new();
    let encoded = encoder.encode(fields, event, EventTime(0), sequence, &mut out);
    (String::from_utf8(out).expect("the output is UTF-8"), encoded)
}

/// The extension of a CEF message made of these pairs.
fn extension(cef: CefSettings, pairs: &[(&str, &str)]) -> (String, Encoded) {
    let settings = Settings { cef, max_message_bytes: 32_000, ..qradar() };
    let (line, encoded) = encode(settings, &with_pairs(pairs));
    let extension = line.trim_end_matches('\n').split_once("|name|5|").expect("a header").1;
    (extension.to_owned(), encoded)
}
