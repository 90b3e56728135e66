//! The syslog header of RFC 5424, section 6, and its structured data, section 7.
//!
//! In: severity, time and id of an event, APP-NAME, the message's number. Out: everything before
//! MSG, with the space and, where wanted, the BOM. Diagnostics: none; what a field cannot hold is
//! replaced or `-`.

use super::civil::{Civil, push_decimal};
use super::device::APP_NAME_BYTES_MAX;
use super::settings::Settings;
use super::{BODY_BYTES_MIN, HOSTNAME_BYTES_MAX, hide_marks, printable};
use crate::model::event::Event;
use crate::model::fields::{Fields, Slot};
use crate::model::id::{MSGID_BYTES_MAX, push_msgid};
use crate::model::text::append;
use crate::model::time::EventTime;

/// `<191>1 ` and the longest TIMESTAMP, then APP-NAME, PROCID, MSGID, `-`, a BOM and the spaces.
const HEADER_BYTES_MAX: usize =
    7 + 27 + 1 + 1 + APP_NAME_BYTES_MAX + 3 + MSGID_BYTES_MAX + 1 + 1 + 1 + BOM.len();

const BOM: &[u8] = b"\xef\xbb\xbf";

/// Structured data before and behind the number. `swVersion` asks for `enterpriseId` (section
/// 7.2.4), which Spoolgate has not. Whether the clock is synchronised is not known here, and the
/// times are mostly the events' own.
const BEFORE_SEQUENCE: &[u8] = b"[origin software=\"spoolgate\"][meta sequenceId=\"";
const BEHIND_SEQUENCE: &[u8] = b"\"][timeQuality tzKnown=\"1\" isSynced=\"0\"]";
const SEQUENCE_DIGITS_MAX: usize = 10;
/// `sequenceId` restarts at 1 behind this (section 7.3.1).
const SEQUENCE_MAX: u32 = 2_147_483_647;

/// Writes RFC 5424 headers.
#[derive(Debug)]
pub(super) struct Rfc5424 {
    /// `<PRI>1 ` for each severity.
    priorities: [Vec<u8>; 8],
    /// HOSTNAME and the spaces around it.
    hostname: Vec<u8>,
    fraction_digits: u8,
    has_structured_data: bool,
    has_bom: bool,
    civil: Civil,
}

impl Rfc5424 {
    /// `limit`: octets of a whole message. Where it is too small for the header, it costs
    /// structured data first and the end of HOSTNAME last.
    pub(super) fn new(settings: &Settings, fraction_digits: u8, limit: usize) -> Rfc5424 {
        let room = limit.saturating_sub(HEADER_BYTES_MAX + BODY_BYTES_MIN);
        let mut hostname = vec![b' '];
        printable(&settings.hostname, room.min(HOSTNAME_BYTES_MAX), &mut hostname);
        hostname.push(b' ');
        let structured = BEFORE_SEQUENCE.len() + SEQUENCE_DIGITS_MAX + BEHIND_SEQUENCE.len();
        Rfc5424 {
            priorities: priorities(settings.facility, "1 "),
            has_structured_data: settings.structured_data && hostname.len() + structured <= room,
            hostname,
            fraction_digits: fraction_digits.min(6),
            has_bom: settings.bom,
            civil: Civil::new(),
        }
    }

    pub(super) fn write(
        &mut self,
        fields: &Fields,
        event: Event<'_>,
        app_name: &[u8],
        now: EventTime,
        sequence: u32,
        out: &mut Vec<u8>,
    ) {
        let severity = usize::from(fields.severity().syslog());
        append(self.priorities.get(severity).map_or(b"", Vec::as_slice), out);
        let time = fields.time().unwrap_or(now);
        if self.civil.rfc3339(time, self.fraction_digits, out).is_none() {
            out.push(b'-');
        }
        append(&self.hostname, out);
        append(app_name, out);
        out.extend_from_slice(b" - ");
        match fields.get(Slot::Id, event) {
            "" => out.push(b'-'),
            id => {
                let start = out.len();
                push_msgid(id, out);
                hide_marks(out, start);
            }
        }
        out.push(b' ');
        if self.has_structured_data {
            out.extend_from_slice(BEFORE_SEQUENCE);
            push_decimal((sequence.saturating_sub(1) % SEQUENCE_MAX + 1).into(), out);
            out.extend_from_slice(BEHIND_SEQUENCE);
        } else {
            out.push(b'-');
        }
        out.push(b' ');
        if self.has_bom {
            out.extend_from_slice(BOM);
        }
    }
}

/// `<PRI>` and what follows it for each severity: PRI = facility x 8 + severity (section 6.2.1).
pub(super) fn priorities(facility: u8, behind: &str) -> [Vec<u8>; 8] {
    let facility = u32::from(facility.min(23));
    std::array::from_fn(|severity| {
        format!("<{}>{behind}", facility * 8 + severity as u32).into_bytes()
    })
}
