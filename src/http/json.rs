//! JSON text (RFC 8259) for records: values of an event and strings of ours.

use crate::model::event::{Event, Kind, Value};

/// Appends the event behind the privacy guard: keys in their order, numbers as they were spelled.
pub fn push_event(event: Event<'_>, out: &mut Vec<u8>) {
    match event.root() {
        Some(root) => push_value(root, out),
        None => out.extend_from_slice(b"{}"),
    }
}

/// Appends a value. Decoders bound the depth of nesting.
pub fn push_value(value: Value<'_>, out: &mut Vec<u8>) {
    match value.kind() {
        Kind::Null => out.extend_from_slice(b"null"),
        Kind::Bool(true) => out.extend_from_slice(b"true"),
        Kind::Bool(false) => out.extend_from_slice(b"false"),
        Kind::Number(digits) => out.extend_from_slice(digits.as_bytes()),
        Kind::Text(text) => push_text(text, out),
        Kind::Object => {
            out.push(b'{');
            for (at, (key, member)) in value.members().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                push_text(key, out);
                out.push(b':');
                push_value(member, out);
            }
            out.push(b'}');
        }
        Kind::Array => {
            out.push(b'[');
            for (at, item) in value.items().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                push_value(item, out);
            }
            out.push(b']');
        }
    }
}

/// Appends a string with its quotes.
pub fn push_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// An object of ours, written member by member.
#[derive(Debug)]
pub struct Object<'o> {
    out: &'o mut Vec<u8>,
    is_empty: bool,
}

impl<'o> Object<'o> {
    /// Writes `{`.
    pub fn begin(out: &'o mut Vec<u8>) -> Object<'o> {
        out.push(b'{');
        Object::behind_brace(out)
    }

    /// Goes on behind a `{` that stands already.
    pub fn behind_brace(out: &'o mut Vec<u8>) -> Object<'o> {
        Object { out, is_empty: true }
    }

    /// A member whose value the caller writes.
    pub fn member(&mut self, key: &str) -> &mut Vec<u8> {
        if !self.is_empty {
            self.out.push(b',');
        }
        self.is_empty = false;
        push_text(key, self.out);
        self.out.push(b':');
        self.out
    }

    /// A member that is a string.
    pub fn text(&mut self, key: &str, text: &str) {
        push_text(text, self.member(key));
    }

    /// A member that is a whole number.
    pub fn number(&mut self, key: &str, number: i64) {
        self.member(key).extend_from_slice(number.to_string().as_bytes());
    }

    /// A member as it stands in the event; `null` where it does not.
    pub fn value(&mut self, key: &str, value: Option<Value<'_>>) {
        let out = self.member(key);
        match value {
            Some(value) => push_value(value, out),
            None => out.extend_from_slice(b"null"),
        }
    }

    /// A member that is a string which holds JSON: what `write` appends.
    pub fn nested(&mut self, key: &str, write: impl FnOnce(&mut Vec<u8>)) {
        let mut inner = Vec::new();
        write(&mut inner);
        push_text(&String::from_utf8_lossy(&inner), self.member(key));
    }

    /// Writes `}`.
    pub fn end(self) {
        self.out.push(b'}');
    }
}

/// Appends `"key":"text"`; the caller writes the commas.
pub fn push_member(key: &str, text: &str, out: &mut Vec<u8>) {
    push_text(key, out);
    out.push(b':');
    push_text(text, out);
}
