//! Events on their way, and a batch of them. Pure.

use std::time::Instant;

use ring::digest;

use super::window::SegmentKey;
use crate::http::Record;
use crate::model::fields::Severity;
use crate::model::position::Position;

/// One event, from the moment it was read until it is stored or buried.
#[derive(Debug)]
pub struct Held {
    /// What the connector made of it.
    pub record: Vec<u8>,
    /// The stable id.
    pub id: String,
    /// CEF severity.
    pub severity: Severity,
    /// The line, for the dead letter.
    pub line: Vec<u8>,
    /// Where the line stands.
    pub position: Position,
    /// The number of its schema.
    pub schema: usize,
    /// The segment that waits for it.
    pub segment: SegmentKey,
    /// Failed attempts that count.
    pub attempts: u32,
    /// It was sent before.
    pub was_sent: bool,
    /// Since when it waits for others.
    pub since: Instant,
}

/// What an event costs beside its own bytes.
const EVENT_BYTES: usize = 256;

impl Held {
    /// What of the memory it holds.
    pub fn bytes(&self) -> usize {
        self.record.len() + self.id.len() + self.line.len() + EVENT_BYTES
    }

    /// It does not wait for others.
    pub fn is_critical(&self) -> bool {
        self.severity.get() >= 9
    }
}

/// Events that go together.
#[derive(Debug)]
pub struct Batch {
    /// At least one.
    pub events: Vec<Held>,
    /// Not before then; of one in flight, when it was sent.
    pub due: Instant,
}

impl Batch {
    /// The same for the same events: a UUID by name (RFC 9562, version 8) of their ids, so that a
    /// receiver that knows it takes no batch twice, not even after a restart.
    pub fn id(&self) -> String {
        let mut hash = digest::Context::new(&digest::SHA256);
        for event in &self.events {
            hash.update(event.id.as_bytes());
            hash.update(b"\n");
        }
        uuid(hash.finish().as_ref(), 0x80)
    }

    /// As the connector sees them.
    pub fn records(&self) -> Vec<Record<'_>> {
        let events = self.events.iter();
        events
            .map(|Held { record, id, severity, .. }| Record {
                bytes: record,
                id,
                severity: *severity,
            })
            .collect()
    }

    /// The most failed attempts of any event in it.
    pub fn attempts(&self) -> u32 {
        self.events.iter().map(|event| event.attempts).max().unwrap_or(0)
    }
}

/// The first 16 octets as a UUID of that version (its high four bits).
pub fn uuid(octets: &[u8], version: u8) -> String {
    let mut text = String::with_capacity(36);
    for (at, octet) in octets.iter().take(16).enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        let octet = match at {
            6 => octet & 0x0f | version,
            8 => octet & 0x3f | 0x80,
            _ => *octet,
        };
        text.push_str(&format!("{octet:02x}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_has_its_form() {
        assert_eq!(uuid(&[0xff; 32], 0x40), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(uuid(&[0; 16], 0x80), "00000000-0000-8000-8000-000000000000");
    }
}
