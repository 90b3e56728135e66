//! Fields to bytes on the wire.
//!
//! In: a mapped event, and the event itself for bodies that carry it whole. Out: one framed syslog
//! message, appended to a buffer: header, body, frame, in this order, the octet count last. It is
//! total: whatever the event holds, the message is valid UTF-8 on one line, parses, and stays
//! within the limit. Diagnostics: what could not be expressed is counted in [`Encoded`]; nothing is
//! logged.

pub mod settings;

mod cef;
mod civil;
mod device;
mod dictionary;
mod forms;
mod frame;
mod json;
mod leef;
mod pairs;
mod rfc3164;
mod rfc5424;
mod scan;
mod strict;
#[cfg(test)]
mod tests;
mod truncate;
mod values;

use self::cef::Cef;
use self::device::Device;
use self::frame::Frame;
use self::leef::Leef;
use self::rfc3164::Rfc3164;
use self::rfc5424::Rfc5424;
use self::settings::{Body, Framing, Header, Settings};
use crate::model::event::Event;
use crate::model::fields::Fields;
use crate::model::text::append;
use crate::model::time::EventTime;

/// The smallest limit that is obeyed: below it, no header has room. Receivers take at least 480
/// octets (RFC 5424, section 6.1).
pub const MESSAGE_BYTES_MIN: usize = 200;
/// The most octets of a UDP datagram on IPv4 (RFC 5426, section 3.2).
pub const DATAGRAM_BYTES_MAX: usize = 65_507;

/// The most octets of HOSTNAME (RFC 5424, section 6.2.4).
const HOSTNAME_BYTES_MAX: usize = 255;
/// What the syslog header leaves for the body at any limit: room for each body's least form.
const BODY_BYTES_MIN: usize = 48;

/// What became of one message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Encoded {
    /// A field or value is shorter than in the event, or missing for want of room.
    pub truncated: bool,
    /// Values that do not fit their CEF key's type. In strict mode they were moved.
    pub mismatched: u32,
    /// Pairs that are not in the message: keys that stand twice, that are ArcSight's own, that have
    /// no letter or digit; in strict mode, values without a free slot.
    pub dropped: u32,
}

/// Writes the messages of one destination.
#[derive(Debug)]
pub struct Encoder {
    limit: usize,
    header: HeaderWriter,
    device: Device,
    body: BodyWriter,
    frame: Frame,
}

#[derive(Debug)]
enum HeaderWriter {
    Rfc5424(Rfc5424),
    Rfc3164(Rfc3164),
}

#[derive(Debug)]
enum BodyWriter {
    Cef(Cef),
    Leef(Leef),
    Json,
}

impl Encoder {
    /// Prepares what all messages share.
    pub fn new(settings: Settings) -> Encoder {
        let mut limit = settings.max_message_bytes.max(MESSAGE_BYTES_MIN);
        if settings.framing == Framing::Datagram {
            limit = limit.min(DATAGRAM_BYTES_MAX);
        }
        Encoder {
            limit,
            header: match settings.header {
                Header::Rfc5424 { fraction_digits } => {
                    HeaderWriter::Rfc5424(Rfc5424::new(&settings, fraction_digits, limit))
                }
                Header::Rfc3164 => HeaderWriter::Rfc3164(Rfc3164::new(&settings, limit)),
            },
            device: Device::new(&settings),
            body: match settings.body {
                Body::Cef => BodyWriter::Cef(Cef::new(&settings.cef)),
                Body::Leef1 | Body::Leef2 { .. } => BodyWriter::Leef(Leef::new(settings.body)),
                Body::Json => BodyWriter::Json,
            },
            frame: Frame::new(settings.framing),
        }
    }

    /// Appends one framed message. Total: never fails. `now` is used as TIMESTAMP only for events
    /// without a time; `sequence` is the message's number, from 1.
    pub fn encode(
        &mut self,
        fields: &Fields,
        event: Event<'_>,
        now: EventTime,
        sequence: u32,
        out: &mut Vec<u8>,
    ) -> Encoded {
        let mut encoded = Encoded::default();
        let frame = self.frame.open(out);
        // Behind the room for an octet count, which is not part of the message.
        let end = out.len() + self.limit;
        self.device.turn_to(fields, event);
        match &mut self.header {
            HeaderWriter::Rfc5424(header) => {
                header.write(fields, event, &self.device.app_name, now, sequence, out);
            }
            HeaderWriter::Rfc3164(header) => header.write(fields, now, out),
        }
        let body = out.len();
        append(&self.device.prefix, out);
        encoded.truncated = self.device.is_cut;
        match &mut self.body {
            BodyWriter::Cef(cef) => {
                cef.body(fields, event, end, out, &mut encoded);
                if out.len() > end {
                    truncate::fit(out, body, end, &cef.pairs, cef::FORM);
                    encoded.truncated = true;
                }
            }
            BodyWriter::Leef(leef) => {
                leef.body(fields, event, out, &mut encoded);
                if out.len() > end {
                    truncate::fit(out, body, end, &leef.pairs, leef.form());
                    encoded.truncated = true;
                }
            }
            BodyWriter::Json => encoded.truncated |= json::body(event, end, out),
        }
        self.frame.close(frame, out);
        encoded
    }
}

/// Appends `text` as a header field of RFC 5424: PRINTUSASCII, each other character as `_`, at most
/// `most` octets; `-` for nothing.
fn printable(text: &str, most: usize, out: &mut Vec<u8>) {
    let start = out.len();
    let fitting = |letter: char| if letter.is_ascii_graphic() { letter as u8 } else { b'_' };
    out.extend(text.chars().take(most).map(fitting));
    if out.len() == start {
        out.push(b'-');
    }
    hide_marks(out, start);
}

/// Receivers look for the first `CEF:` or `LEEF:` of the line: none may stand in the header.
fn hide_marks(out: &mut [u8], start: usize) {
    let Some(field) = out.get_mut(start..) else { return };
    // A field has no other octet of those that are not clean.
    if scan::is_clean(field, b':', b':') {
        return;
    }
    for mark in [b"CEF:".as_slice(), b"EEF:"] {
        while let Some(at) = memchr::memmem::find(field, mark) {
            if let Some(colon) = field.get_mut(at + mark.len() - 1) {
                *colon = b'_';
            }
        }
    }
}
