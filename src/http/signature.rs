//! HMAC-SHA256 as requests carry it.

use std::fmt::Write as _;

use ring::hmac;

/// The tag of `message` under `key`.
pub(super) fn hmac_sha256(key: &[u8], message: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message)
}

/// Lower-case hex.
pub(super) fn hex(tag: &hmac::Tag) -> String {
    let mut hex = String::with_capacity(64);
    for byte in tag.as_ref() {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
