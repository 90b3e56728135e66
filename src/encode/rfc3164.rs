//! The syslog header of RFC 3164, section 4.1, as old ArcSight connectors expect it: `<PRI>`, time,
//! host, and the body where TAG would stand.
//!
//! In: severity and time of an event. Out: everything before the body. Times are UTC; there is no
//! year. Diagnostics: none.

use super::civil::Civil;
use super::rfc5424::priorities;
use super::settings::Settings;
use super::{BODY_BYTES_MIN, HOSTNAME_BYTES_MAX, printable};
use crate::model::fields::Fields;
use crate::model::time::EventTime;

/// `<191>`, the time and the spaces around the host.
const HEADER_BYTES_MAX: usize = 5 + 15 + 2;

/// Writes RFC 3164 headers.
#[derive(Debug)]
pub(super) struct Rfc3164 {
    /// `<PRI>` for each severity.
    priorities: [Vec<u8>; 8],
    /// HOSTNAME and the spaces around it.
    hostname: Vec<u8>,
    civil: Civil,
}

impl Rfc3164 {
    /// `limit`: octets of a whole message. Where it is too small, it costs the end of HOSTNAME.
    pub(super) fn new(settings: &Settings, limit: usize) -> Rfc3164 {
        let room = limit.saturating_sub(HEADER_BYTES_MAX + BODY_BYTES_MIN);
        let mut hostname = vec![b' '];
        printable(&settings.hostname, room.min(HOSTNAME_BYTES_MAX), &mut hostname);
        hostname.push(b' ');
        Rfc3164 { priorities: priorities(settings.facility, ""), hostname, civil: Civil::new() }
    }

    pub(super) fn write(&mut self, fields: &Fields, now: EventTime, out: &mut Vec<u8>) {
        let severity = usize::from(fields.severity().syslog());
        out.extend_from_slice(self.priorities.get(severity).map_or(b"", Vec::as_slice));
        self.civil.rfc3164(fields.time().unwrap_or(now), out);
        out.extend_from_slice(&self.hostname);
    }
}
