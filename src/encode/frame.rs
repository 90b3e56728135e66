//! Framing: where a message begins and ends on the wire (RFC 6587, RFC 5425, RFC 5426).
//!
//! In: a message that holds neither CR, LF nor NUL. Out: the message with its trailer or its octet
//! count, which is taken last, when nothing is cut any more. Diagnostics: none.

use super::civil::push_decimal;
use super::settings::Framing;

/// Frames messages.
#[derive(Debug)]
pub(super) struct Frame {
    framing: Framing,
    /// Digits of the last count: the next one mostly has as many.
    digits: usize,
    count: Vec<u8>,
}

impl Frame {
    pub(super) fn new(framing: Framing) -> Frame {
        Frame { framing, digits: 3, count: Vec::new() }
    }

    /// Call before the message; the result goes to [`Frame::close`].
    pub(super) fn open(&self, out: &mut Vec<u8>) -> usize {
        let start = out.len();
        if self.framing == Framing::OctetCounting {
            out.resize(start + self.digits + 1, b' ');
        }
        start
    }

    /// Call behind the message.
    pub(super) fn close(&mut self, start: usize, out: &mut Vec<u8>) {
        match self.framing {
            Framing::Lf => out.push(b'\n'),
            Framing::Nul => out.push(0),
            Framing::CrLf => out.extend_from_slice(b"\r\n"),
            Framing::Datagram => {}
            Framing::OctetCounting => self.put_count(start, out),
        }
    }

    /// MSG-LEN counts the octets of SYSLOG-MSG alone, a BOM among them (RFC 6587, section 3.4.1).
    fn put_count(&mut self, start: usize, out: &mut Vec<u8>) {
        let length = out.len().saturating_sub(start + self.digits + 1);
        self.count.clear();
        push_decimal(length as u64, &mut self.count);
        let reserved = start..start + self.digits;
        if self.count.len() == self.digits {
            if let Some(place) = out.get_mut(reserved) {
                place.copy_from_slice(&self.count);
            }
        } else {
            out.splice(reserved, self.count.iter().copied());
            self.digits = self.count.len();
        }
    }
}
