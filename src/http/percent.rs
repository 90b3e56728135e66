//! Percent-encoding (RFC 3986, section 2) of what stands in a path, a query or a form.

use std::fmt::Write as _;

/// Appends `text`; all but the unreserved characters is encoded, so that it fits in any place.
pub fn push_encoded(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            // Writing to a String cannot fail.
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
}

/// `name=value&name=value`, for a query or for `application/x-www-form-urlencoded`.
pub fn pairs(pairs: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (at, (name, value)) in pairs.iter().enumerate() {
        if at > 0 {
            text.push('&');
        }
        push_encoded(name, &mut text);
        text.push('=');
        push_encoded(value, &mut text);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unreserved_characters_stay() {
        assert_eq!(
            pairs(&[("a", "b c&d=é/~-._"), ("scope", "")]),
            "a=b%20c%26d%3D%C3%A9%2F~-._&scope="
        );
        assert_eq!(pairs(&[]), "");
    }
}
