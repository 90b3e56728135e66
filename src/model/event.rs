//! A decoded event: one JSON-shaped value, held as a flat tape over the line it came from.
//!
//! The tape is reused from event to event, so decoding allocates nothing once it has grown to the
//! size of the largest event. Strings without escapes point into the line; others are unescaped
//! into the tape's own text. Numbers keep the spelling they had in the line.

/// A range of bytes in the line, or (with the high bit set in `start`) in the tape's own text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    start: u32,
    end: u32,
}

const IN_TEXT: u32 = 1 << 31;

/// The longest line a tape can describe, in bytes: spans hold 31 bits.
pub const LINE_BYTES_MAX: usize = (IN_TEXT - 1) as usize;

/// One entry of the tape. A container is followed by its children; `next` is the index of the
/// first entry behind it. An object's children alternate: a `Text` key, then its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node {
    /// JSON `null`.
    Null,
    /// JSON `true` or `false`.
    Bool(bool),
    /// A number, spelled as in the line.
    Number(Span),
    /// A string or an object's key, without its escapes.
    Text(Span),
    /// `[…]`
    Array {
        /// Index of the first entry behind the array.
        next: u32,
    },
    /// `{…}`
    Object {
        /// Index of the first entry behind the object.
        next: u32,
    },
    /// A key that the privacy guard took out, together with the value that follows it.
    Removed,
}

/// The store behind an [`Event`]; a decoder fills it, the privacy guard takes keys out of it.
#[derive(Debug, Default)]
pub struct Tape {
    nodes: Vec<Node>,
    text: String,
    /// The containers around an entry while keys are taken out: is it an object, where it ends.
    open: Vec<(bool, usize)>,
}

/// Names an open container while a decoder fills the tape.
#[derive(Debug)]
pub struct Open(usize);

impl Tape {
    /// An empty tape.
    pub fn new() -> Tape {
        Tape::default()
    }

    /// Forgets the last event and keeps the memory.
    pub fn clear(&mut self) {
        self.nodes.clear();
        self.text.clear();
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// True before the first entry.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Adds `null`.
    pub fn null(&mut self) {
        self.nodes.push(Node::Null);
    }

    /// Adds `true` or `false`.
    pub fn bool(&mut self, value: bool) {
        self.nodes.push(Node::Bool(value));
    }

    /// Adds a number that stands at `start..end` of the line.
    pub fn number_in_line(&mut self, start: usize, end: usize) {
        self.nodes.push(Node::Number(span_in_line(start, end)));
    }

    /// Adds a number that is not spelled in the line.
    pub fn number(&mut self, digits: &str) {
        let span = self.keep(digits);
        self.nodes.push(Node::Number(span));
    }

    /// Adds a string or key that stands without escapes at `start..end` of the line.
    pub fn text_in_line(&mut self, start: usize, end: usize) {
        self.nodes.push(Node::Text(span_in_line(start, end)));
    }

    /// Adds a string or key that is not in the line in this form.
    pub fn text(&mut self, text: &str) {
        let span = self.keep(text);
        self.nodes.push(Node::Text(span));
    }

    /// Adds a member whose key and value are not in the line in this form.
    pub fn member(&mut self, key: &str, value: &str) {
        self.text(key);
        self.text(value);
    }

    /// Begins an object; hand the result to [`Tape::close`] behind its last member.
    pub fn open_object(&mut self) -> Open {
        self.nodes.push(Node::Object { next: 0 });
        Open(self.nodes.len() - 1)
    }

    /// Begins an array; hand the result to [`Tape::close`] behind its last element.
    pub fn open_array(&mut self) -> Open {
        self.nodes.push(Node::Array { next: 0 });
        Open(self.nodes.len() - 1)
    }

    /// Ends the container.
    pub fn close(&mut self, open: Open) {
        let behind = self.nodes.len() as u32;
        match self.nodes.get_mut(open.0) {
            Some(Node::Object { next } | Node::Array { next }) => *next = behind,
            _ => unreachable!("Open is made by open_object and open_array alone"),
        }
    }

    /// Takes out every member, at any depth, whose key `is_guarded` names; returns how many.
    pub fn remove_keys(&mut self, line: &str, is_guarded: impl Fn(&str) -> bool) -> usize {
        let mut removed = 0;
        let mut outer = std::mem::take(&mut self.open);
        outer.clear();
        // Keys are told from values by walking containers; the tape itself is the outermost.
        let (mut at, mut is_object, mut end) = (0, false, self.nodes.len());
        loop {
            if at >= end {
                let Some(container) = outer.pop() else { break };
                (is_object, end) = container;
                continue;
            }
            if is_object {
                let key = match self.nodes.get(at) {
                    Some(Node::Text(span)) => resolve(*span, line, &self.text),
                    // Taken out before, or not there: the value goes with it.
                    _ => {
                        at = self.behind(at + 1);
                        continue;
                    }
                };
                if is_guarded(key) {
                    removed += 1;
                    if let Some(node) = self.nodes.get_mut(at) {
                        *node = Node::Removed;
                    }
                    at = self.behind(at + 1);
                    continue;
                }
                at += 1;
            }
            match self.nodes.get(at) {
                Some(Node::Object { next }) => {
                    outer.push((is_object, end));
                    (is_object, end) = (true, *next as usize);
                }
                Some(Node::Array { next }) => {
                    outer.push((is_object, end));
                    (is_object, end) = (false, *next as usize);
                }
                _ => {}
            }
            at += 1;
        }
        self.open = outer;
        removed
    }

    /// Index of the first entry behind the value at `at`.
    fn behind(&self, at: usize) -> usize {
        match self.nodes.get(at) {
            Some(Node::Object { next } | Node::Array { next }) => *next as usize,
            _ => at + 1,
        }
    }

    fn keep(&mut self, text: &str) -> Span {
        let start = self.text.len() as u32 | IN_TEXT;
        self.text.push_str(text);
        Span { start, end: self.text.len() as u32 | IN_TEXT }
    }
}

fn span_in_line(start: usize, end: usize) -> Span {
    debug_assert!(end <= LINE_BYTES_MAX);
    Span { start: start as u32, end: end as u32 }
}

#[inline]
fn resolve<'a>(span: Span, line: &'a str, text: &'a str) -> &'a str {
    let source = if span.start & IN_TEXT == 0 { line } else { text };
    let range = (span.start & !IN_TEXT) as usize..(span.end & !IN_TEXT) as usize;
    source.get(range).unwrap_or("")
}

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

    #[inline]
    fn value(self, at: usize) -> Option<Value<'a>> {
        let node = *self.tape.nodes.get(at)?;
        Some(Value { event: self, at, node })
    }

    #[inline]
    fn resolve(self, span: Span) -> &'a str {
        resolve(span, self.line, &self.tape.text)
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

    /// What this value is.
    #[inline]
    pub fn kind(self) -> Kind<'a> {
        match self.node {
            Node::Null | Node::Removed => Kind::Null,
            Node::Bool(value) => Kind::Bool(value),
            Node::Number(span) => Kind::Number(self.event.resolve(span)),
            Node::Text(span) => Kind::Text(self.event.resolve(span)),
            Node::Array { .. } => Kind::Array,
            Node::Object { .. } => Kind::Object,
        }
    }

    /// Where it stands in the tape; [`Event::by_index`] finds it again.
    #[inline]
    pub fn index(self) -> u32 {
        self.at as u32
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

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        while self.at < self.end {
            let key = self.event.value(self.at)?;
            let value = self.event.value(self.at + 1)?;
            self.at = self.event.tape.behind(self.at + 1);
            if let Node::Text(span) = key.node {
                return Some((self.event.resolve(span), value));
            }
        }
        None
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

#[cfg(test)]
mod tests {
    use super::*;

    /// `{"a":1,"value":{"value":2,"b":[{"prompt":"x","c":true}]},"d":[1,{"value":3}],"e":null}`
    fn sample(line: &str) -> Tape {
        let mut tape = Tape::new();
        let root = tape.open_object();
        tape.text("a");
        tape.number_in_line(line.find('1').unwrap(), line.find('1').unwrap() + 1);
        tape.text("value");
        let inner = tape.open_object();
        tape.member("value", "2");
        tape.close(inner);
        tape.text("d");
        let array = tape.open_array();
        tape.number("7");
        let object = tape.open_object();
        tape.member("value", "3");
        tape.member("keep", "4");
        tape.close(object);
        tape.close(array);
        tape.text("e");
        tape.null();
        tape.close(root);
        tape
    }

    #[test]
    fn reads_what_was_written() {
        let line = "a line with 1 in it";
        let tape = sample(line);
        let event = Event::new(&tape, line);
        assert_eq!(event.at("a").and_then(Value::scalar), Some("1"));
        assert_eq!(event.at("value.value").and_then(Value::scalar), Some("2"));
        let items: Vec<_> = event.at("d").unwrap().items().collect();
        assert_eq!(items.len(), 2);
        assert_eq!(items[1].get("keep").and_then(Value::scalar), Some("4"));
        assert_eq!(event.at("e").map(Value::kind), Some(Kind::Null));
        assert!(event.at("a.b").is_none());
    }

    #[test]
    fn removes_keys_at_any_depth() {
        let line = "a line with 1 in it";
        let mut tape = sample(line);
        assert_eq!(tape.remove_keys(line, |key| key == "value"), 2);
        let event = Event::new(&tape, line);
        assert!(event.at("value").is_none());
        let keys: Vec<_> = event.root().unwrap().members().map(|(key, _)| key).collect();
        assert_eq!(keys, ["a", "d", "e"]);
        let item = event.at("d").unwrap().items().nth(1).unwrap();
        assert!(item.get("value").is_none());
        assert_eq!(item.get("keep").and_then(Value::scalar), Some("4"));
        assert_eq!(tape.remove_keys(line, |key| key == "value"), 0);
    }
}
