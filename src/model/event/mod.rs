//! A decoded event: one JSON-shaped value, held as a flat tape over the line it came from.
//!
//! The tape is reused from event to event, so decoding allocates nothing once it has grown to the
//! size of the largest event. Strings without escapes point into the line; others are unescaped
//! into the tape's own text, and what decoders say in their own words points there too (`words`).
//! Numbers keep the spelling they had in the line.

mod keys;
mod removal;
mod span;
mod tape;
#[cfg(test)]
mod tests;
mod walk;
mod words;

pub use keys::{KeyId, Keys, Numbering};
pub use span::LINE_BYTES_MAX;
pub use tape::{Key, Open, Place, Tape};
pub use walk::{ELSEWHERE, Member};
pub use words::Word;

use std::ops::Range;

use span::Span;
use tape::Node;

/// One event: a tape and the line it points into.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    tape: &'a Tape,
    line: &'a str,
}

impl<'a> Event<'a> {
    /// Reads `tape`, which a decoder filled from `line`.
    pub fn new(tape: &'a Tape, line: &'a str) -> Event<'a> {
        Event { tape, line }
    }

    /// The line as it stood in the spool, without its newline.
    pub fn line(self) -> &'a str {
        self.line
    }

    /// A key as it stands in a line of JSON, in its quotes; `None` for one that has escapes there.
    #[inline]
    pub fn quoted_key(self, key: Key<'_>) -> Option<&'a str> {
        self.tape.quoted(key.place().0, self.line)
    }

    /// The numbering of its keys.
    #[inline]
    pub fn numbering(self) -> &'a Numbering {
        self.tape.numbering()
    }

    /// The outermost value; `None` for an empty tape.
    pub fn root(self) -> Option<Value<'a>> {
        self.value(0)
    }

    /// The value at a dotted path of object keys, for instance `actor.user.uid`.
    /// Keys that hold a dot themselves cannot be reached this way.
    pub fn at(self, path: &str) -> Option<Value<'a>> {
        path.split('.').try_fold(self.root()?, |value, key| value.get(key))
    }

    /// The value of that [`Value::index`], for whoever kept it; the tape must not have changed.
    #[inline]
    pub fn by_index(self, index: u32) -> Option<Value<'a>> {
        self.value(index as usize)
    }

    /// The first octet of the text there; `None` for an empty one.
    #[inline]
    pub fn first_octet(self, place: Place) -> Option<u8> {
        self.tape.first_octet(place.0, self.line)
    }

    /// The text at a [`Value::place`], for whoever kept it; the tape must not have changed.
    #[inline]
    pub fn text_at(self, place: Place) -> &'a str {
        self.resolve(place.0)
    }

    /// The text that it is a part of, and which: for whoever reads beyond its end.
    #[inline]
    pub fn part_at(self, place: Place) -> (&'a str, Range<usize>) {
        self.tape.part(place.0, self.line)
    }

    #[inline]
    fn value(self, at: usize) -> Option<Value<'a>> {
        let node = self.tape.node(at)?;
        Some(Value { event: self, at, node })
    }

    #[inline]
    fn resolve(self, span: Span) -> &'a str {
        self.tape.resolve(span, self.line)
    }
}

/// One value inside an [`Event`].
#[derive(Clone, Copy, Debug)]
pub struct Value<'a> {
    event: Event<'a>,
    at: usize,
    node: Node,
}

/// What a [`Value`] is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number as spelled in the line.
    Number(&'a str),
    /// A string without its escapes.
    Text(&'a str),
    /// `[…]`
    Array,
    /// `{…}`
    Object,
}

impl<'a> Value<'a> {
    /// True for `null`, and for what the privacy guard took out.
    #[inline]
    pub fn is_null(self) -> bool {
        matches!(self.node, Node::Null | Node::Removed)
    }

    /// True for `{…}`.
    #[inline]
    pub fn is_object(self) -> bool {
        matches!(self.node, Node::Object { .. })
    }

    /// The event that it is of.
    #[inline]
    pub fn event(self) -> Event<'a> {
        self.event
    }

    /// What this value is.
    #[inline(always)]
    pub fn kind(self) -> Kind<'a> {
        match self.node {
            Node::Null | Node::Removed => Kind::Null,
            Node::Bool(value) => Kind::Bool(value),
            Node::Number(span) => Kind::Number(self.event.resolve(span)),
            Node::Text(span) | Node::Key(_, span) => Kind::Text(self.event.resolve(span)),
            Node::Array { .. } => Kind::Array,
            Node::Object { .. } => Kind::Object,
        }
    }

    /// Where it stands in the tape; [`Event::by_index`] finds it again.
    #[inline]
    pub fn index(self) -> u32 {
        self.at as u32
    }

    /// Where its text stands, for texts and numbers; [`Event::text_at`] reads it again.
    #[inline]
    pub fn place(self) -> Option<Place> {
        match self.node {
            Node::Number(span) | Node::Text(span) => Some(Place(span)),
            _ => None,
        }
    }

    /// A text as it stands in a line of JSON, in its quotes; `None` for one that has escapes there,
    /// and for anything else.
    #[inline]
    pub fn quoted(self) -> Option<&'a str> {
        match self.node {
            Node::Text(span) => self.event.tape.quoted(span, self.event.line),
            _ => None,
        }
    }

    /// Appends [`Value::scalar`], if there is one.
    pub fn push_scalar(self, out: &mut String) {
        match self.node {
            Node::Text(span) | Node::Number(span) => {
                self.event.tape.push(span, self.event.line, out);
            }
            _ => out.push_str(self.scalar().unwrap_or("")),
        }
    }

    /// Text, number or truth value as text; `None` for `null` and containers.
    #[inline]
    pub fn scalar(self) -> Option<&'a str> {
        match self.kind() {
            Kind::Text(text) | Kind::Number(text) => Some(text),
            Kind::Bool(true) => Some("true"),
            Kind::Bool(false) => Some("false"),
            Kind::Null | Kind::Array | Kind::Object => None,
        }
    }

    /// The member of that key; of a key that stands twice, the last.
    pub fn get(self, key: &str) -> Option<Value<'a>> {
        self.members().filter(|(name, _)| *name == key).last().map(|(_, value)| value)
    }

    /// The members of an object in their order, without those that the privacy guard took out;
    /// empty for anything else.
    pub fn members(self) -> Members<'a> {
        let (at, end) = match self.node {
            Node::Object { next } => (self.at + 1, next as usize),
            _ => (0, 0),
        };
        Members { event: self.event, at, end }
    }

    /// The elements of an array in their order; empty for anything else.
    pub fn items(self) -> Items<'a> {
        let (at, end) = match self.node {
            Node::Array { next } => (self.at + 1, next as usize),
            _ => (0, 0),
        };
        Items { event: self.event, at, end }
    }
}

/// See [`Value::members`].
#[derive(Debug)]
pub struct Members<'a> {
    event: Event<'a>,
    at: usize,
    end: usize,
}

impl<'a> Members<'a> {
    /// The next member, with all that is known of its key.
    #[inline]
    pub fn next_entry(&mut self) -> Option<(Key<'a>, Value<'a>)> {
        while self.at < self.end {
            let key = self.event.tape.key_at(self.at, self.event.line);
            let value = self.event.value(self.at + 1)?;
            self.at = self.event.tape.behind(self.at + 1);
            if let Some(key) = key {
                return Some((key, value));
            }
        }
        None
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.next_entry().map(|(key, value)| (key.text(), value))
    }
}

/// See [`Value::items`].
#[derive(Debug)]
pub struct Items<'a> {
    event: Event<'a>,
    at: usize,
    end: usize,
}

impl<'a> Iterator for Items<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        if self.at >= self.end {
            return None;
        }
        let value = self.event.value(self.at)?;
        self.at = self.event.tape.behind(self.at);
        Some(value)
    }
}
