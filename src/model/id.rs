//! The stable id of an event and the two forms in which it travels (design, section 2).

use std::borrow::Cow;

use ring::digest;

use super::position::{FileKey, Position};
use super::text::{append, push_ascii};

/// The most octets that RFC 5424 (section 6) allows in MSGID.
pub const MSGID_BYTES_MAX: usize = 32;
/// The most octets that the CEF dictionary allows in `externalId`.
pub const EXTERNAL_ID_BYTES_MAX: usize = 40;

/// Makes the ids of events that have none of their own, and keeps what those of one file have in
/// common.
#[derive(Debug, Default)]
pub struct Deriver {
    file: Option<FileKey>,
    /// `sg0000000000000007-`
    begin: String,
}

impl Deriver {
    /// Appends `sg` + file key + `-` + offset, both in hex. It fits MSGID: 2 + 16 + 1 + at most 13
    /// octets for offsets below 2^52. It is the same however often the event is sent, and
    /// [`is_derived`] knows it.
    pub fn derive(&mut self, position: Position, out: &mut String) {
        if self.file != Some(position.file) {
            self.file = Some(position.file);
            self.begin.clear();
            self.begin.push_str("sg");
            push_hex(position.file.0, 16, &mut self.begin);
            self.begin.push('-');
        }
        out.push_str(&self.begin);
        push_hex(position.offset, 1, out);
    }
}

/// At least `least` lower-case digits, and at most 16. `fmt` costs several times as much.
fn push_hex(number: u64, least: u32, out: &mut String) {
    const DIGITS: u32 = 16;
    let count = (u64::BITS - number.leading_zeros()).div_ceil(4).max(least);
    // The first digit that is wanted comes first.
    let number = number << (4 * (DIGITS - count));
    let mut digits = [0; DIGITS as usize];
    for (pair, octet) in digits.as_chunks_mut::<2>().0.iter_mut().zip(number.to_be_bytes()) {
        *pair = HEX.get(usize::from(octet)).copied().unwrap_or_default();
    }
    push_ascii(&digits, count as usize, out);
}

/// The two digits of each octet.
static HEX: [[u8; 2]; 256] = {
    const fn digit(nibble: u8) -> u8 {
        nibble + if nibble < 10 { b'0' } else { b'a' - 10 }
    }
    let mut table = [[0; 2]; 256];
    let mut rest: &mut [[u8; 2]] = &mut table;
    let mut octet = 0_u8;
    while let Some((pair, behind)) = rest.split_first_mut() {
        *pair = [digit(octet >> 4), digit(octet & 0xf)];
        rest = behind;
        octet = octet.wrapping_add(1);
    }
    table
};

/// True for an id made by [`Deriver`].
pub fn is_derived(id: &str) -> bool {
    let Some((file, offset)) = id.strip_prefix("sg").and_then(|rest| rest.split_once('-')) else {
        return false;
    };
    let is_hex = |text: &str| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    file.len() == 16 && is_hex(file) && is_hex(offset)
}

/// The id as MSGID: itself where it fits, a UUID without its hyphens, else the first 32 hex digits
/// of its SHA-256.
pub fn msgid(id: &str) -> Cow<'_, str> {
    if fits(id, MSGID_BYTES_MAX) {
        return Cow::Borrowed(id);
    }
    if let Some(parts) = uuid(id) {
        return Cow::Owned(parts.concat());
    }
    Cow::Owned(hex_digest(id, MSGID_BYTES_MAX))
}

/// Appends what [`msgid`] returns, without an allocation for the usual ids.
pub fn push_msgid(id: &str, out: &mut Vec<u8>) {
    match uuid(id) {
        Some(parts) => parts.iter().for_each(|part| append(part.as_bytes(), out)),
        None => append(msgid(id).as_bytes(), out),
    }
}

/// The id as `externalId`: itself where it fits, else the first 40 hex digits of its SHA-256.
pub fn external_id(id: &str) -> Cow<'_, str> {
    if is_external_id(id) {
        Cow::Borrowed(id)
    } else {
        Cow::Owned(hex_digest(id, EXTERNAL_ID_BYTES_MAX))
    }
}

/// True if `externalId` carries the id as it stands; it does so for all that [`Deriver`] makes.
pub fn is_external_id(id: &str) -> bool {
    fits(id, EXTERNAL_ID_BYTES_MAX)
}

/// PRINTUSASCII (RFC 5424, section 6) of 1 to `most` octets.
fn fits(id: &str, most: usize) -> bool {
    // Without a branch for each octet: all of them nearly always are.
    (1..=most).contains(&id.len()) && id.bytes().fold(true, |all, b| all & b.is_ascii_graphic())
}

/// The hexadecimal parts of a UUID.
fn uuid(id: &str) -> Option<[&str; 5]> {
    if id.len() != 36 {
        return None;
    }
    let parts = [(0, 8), (9, 13), (14, 18), (19, 23), (24, 36)];
    let mut found = [""; 5];
    for (place, (begin, end)) in found.iter_mut().zip(parts) {
        let part = id.get(begin..end)?;
        let is_parted = end == id.len() || id.as_bytes().get(end) == Some(&b'-');
        // Without a branch for each octet: all of them are nearly always digits.
        let is_hex = part.bytes().fold(true, |is_hex, octet| is_hex & octet.is_ascii_hexdigit());
        if !is_parted || !is_hex {
            return None;
        }
        *place = part;
    }
    Some(found)
}

fn hex_digest(id: &str, length: usize) -> String {
    let mut hex = String::with_capacity(64);
    for byte in digest::digest(&digest::SHA256, id.as_bytes()).as_ref() {
        push_hex((*byte).into(), 2, &mut hex);
    }
    hex.truncate(length);
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_fit_their_fields() {
        assert_eq!(msgid("req_xyz"), "req_xyz");
        assert_eq!(
            msgid("e1c4aaaa-0000-1111-2222-333344445555"),
            "e1c4aaaa000011112222333344445555"
        );
        assert_eq!(
            external_id("e1c4aaaa-0000-1111-2222-333344445555"),
            "e1c4aaaa-0000-1111-2222-333344445555"
        );
        assert_eq!(msgid("with space").len(), 32);
        for id in ["req_xyz", "with space", "e1c4aaaa-0000-1111-2222-333344445555"] {
            let mut pushed = Vec::new();
            push_msgid(id, &mut pushed);
            assert_eq!(pushed, msgid(id).as_bytes());
        }
        assert_eq!(msgid(&"x".repeat(99)).len(), 32);
        assert_eq!(external_id(&"x".repeat(99)).len(), 40);
    }

    #[test]
    fn derived_ids_are_known_again() {
        let mut id = String::new();
        Deriver::default().derive(Position { file: FileKey(7), offset: (1 << 52) - 1 }, &mut id);
        assert_eq!(id, "sg0000000000000007-fffffffffffff");
        assert!(id.len() <= MSGID_BYTES_MAX && is_derived(&id));
        assert!(!is_derived("sg7-1") && !is_derived("req_xyz"));
    }
}
