//! The store behind an event: entries in the order of the line, and what walks over their keys.

use std::ops::Range;

use super::keys::{KeyId, Keys, Numbering};
use super::span::Span;
use super::walk::Around;
use super::words::{WORDS, Word};
use crate::model::text::push_part;

/// One entry of the tape. A container is followed by its children; `next` is the index of the
/// first entry behind it. An object's children alternate: a `Key`, then its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// JSON `null`.
    Null,
    /// JSON `true` or `false`.
    Bool(bool),
    /// A number, spelled as in the line.
    Number(Span),
    /// A string, without its escapes.
    Text(Span),
    /// An object's key, without its escapes.
    Key(KeyId, Span),
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

/// The store behind an [`super::Event`]; a decoder fills it, the privacy guard takes keys out of
/// it.
#[derive(Debug)]
pub struct Tape {
    pub(super) nodes: Vec<Node>,
    /// Its own text, behind all [`WORDS`].
    pub(super) text: String,
    /// Everything about the entries but their texts, one word for each; see [`Tape::shape`]. Behind
    /// the words of this event stand some of earlier ones.
    shape: Vec<u32>,
    /// A word is another than the one that stood there before.
    is_other: bool,
    /// The number of entries and of the series when the series was last asked for.
    series: (usize, u64),
    /// What points into the line is spelled there as JSON spells it, texts between quotes.
    is_json: bool,
    /// The shape says everything: no key is without a number, and nothing was taken out.
    pub(super) is_shaped: bool,
    keys: Keys,
    /// How many keys were added.
    key_count: usize,
    /// The containers around an entry while keys are walked over.
    pub(super) open: Vec<Around>,
}

/// Names an open container while a decoder fills the tape.
#[derive(Debug)]
pub struct Open(usize);

/// A key while the members of an event are walked over.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    /// Its number.
    pub id: KeyId,
    span: Span,
    line: &'a str,
    text: &'a str,
}

/// Where a text stands: in the line or in the tape's own text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(pub(super) Span);

/// Longer tapes have no shape; an event has fewer entries than this by far.
const SHAPE_WORDS_MAX: usize = 1024;
/// A word of a shape is a kind and, above it, a key's number or where a container ends.
const SHAPE_KIND_BITS: u32 = 3;
const SHAPE_KIND: u32 = (1 << SHAPE_KIND_BITS) - 1;
const NULL: u32 = 0;
const SCALAR: u32 = 1;
const KEY: u32 = 2;
const ARRAY: u32 = 3;
const OBJECT: u32 = 4;

impl Default for Tape {
    fn default() -> Tape {
        Tape {
            nodes: Vec::new(),
            text: WORDS.to_owned(),
            shape: Vec::new(),
            is_other: false,
            series: (0, 0),
            is_json: false,
            is_shaped: false,
            keys: Keys::default(),
            key_count: 0,
            open: Vec::new(),
        }
    }
}

impl Tape {
    /// An empty tape.
    pub fn new() -> Tape {
        Tape::default()
    }

    /// Forgets the last event; keeps the memory, and the numbers of keys.
    pub fn clear(&mut self) {
        self.nodes.clear();
        self.text.truncate(WORDS.len());
        self.is_json = false;
        self.is_shaped = true;
        self.is_other |= self.keys.begin();
        self.key_count = 0;
    }

    /// Says of this event that its line is JSON.
    pub fn set_json(&mut self) {
        self.is_json = true;
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
        self.add(Node::Null, NULL);
    }

    /// Adds `true` or `false`.
    pub fn bool(&mut self, value: bool) {
        self.add(Node::Bool(value), SCALAR);
    }

    /// Adds a number that stands at `start..end` of the line.
    #[inline]
    pub fn number_in_line(&mut self, start: usize, end: usize) {
        self.add(Node::Number(Span::in_line(start, end)), SCALAR);
    }

    /// Adds a number that is not spelled in the line.
    pub fn number(&mut self, digits: &str) {
        let span = self.keep(digits);
        self.add(Node::Number(span), SCALAR);
    }

    /// Adds a string that stands without escapes at `start..end` of the line.
    #[inline]
    pub fn text_in_line(&mut self, start: usize, end: usize) {
        self.add(Node::Text(Span::in_line(start, end)), SCALAR);
    }

    /// Adds a string that is not in the line in this form.
    pub fn text(&mut self, text: &str) {
        let span = self.keep(text);
        self.add(Node::Text(span), SCALAR);
    }

    /// Adds a key, if `rest`, which stands at `start` of the line, begins with the key that is
    /// expected here, in quotes and with its colon; returns how long that is.
    #[inline(always)]
    pub fn expected_key(&mut self, rest: &[u8], start: usize) -> Option<usize> {
        let (id, length) = self.keys.expect(self.key_count, rest)?;
        self.key_count += 1;
        // Behind the first quote; before the second and the colon.
        let span = Span::in_line(start + 1, start + length - 2);
        self.add(Node::Key(id, span), key_word(id));
        Some(length)
    }

    /// Adds a key that stands without escapes at `start` of the line.
    pub fn key_in_line(&mut self, start: usize, key: &str) {
        self.add_key(key, Span::in_line(start, start + key.len()));
    }

    /// Adds a key that is not in the line in this form.
    pub fn key(&mut self, key: &str) {
        let span = self.keep(key);
        self.add_key(key, span);
    }

    /// Adds a member whose key and value are not in the line in this form.
    pub fn member(&mut self, key: &str, value: &str) {
        self.key(key);
        self.text(value);
    }

    /// Adds a key that is a word.
    #[inline]
    pub fn word_key(&mut self, key: Word) {
        let id = self.keys.number_of_word(self.key_count, key);
        self.add_numbered_key(id, Span::of_word(key));
    }

    /// Adds a number that is a word.
    #[inline]
    pub fn word_number(&mut self, digits: Word) {
        self.add(Node::Number(Span::of_word(digits)), SCALAR);
    }

    /// Adds a string that is a word.
    #[inline]
    pub fn word(&mut self, text: Word) {
        self.add(Node::Text(Span::of_word(text)), SCALAR);
    }

    /// Begins an object; hand the result to [`Tape::close`] behind its last member.
    #[inline]
    pub fn open_object(&mut self) -> Open {
        self.open(Node::Object { next: 0 }, OBJECT)
    }

    /// Begins an array; hand the result to [`Tape::close`] behind its last element.
    #[inline]
    pub fn open_array(&mut self) -> Open {
        self.open(Node::Array { next: 0 }, ARRAY)
    }

    /// Ends the container.
    #[inline]
    pub fn close(&mut self, open: Open) {
        let behind = self.nodes.len() as u32;
        match self.nodes.get_mut(open.0) {
            Some(Node::Object { next } | Node::Array { next }) => *next = behind,
            _ => unreachable!("Open is made by open_object and open_array alone"),
        }
        let kind = self.shape.get(open.0).map_or(NULL, |word| word & SHAPE_KIND);
        self.put_word(open.0, behind << SHAPE_KIND_BITS | kind);
    }

    /// The numbering of the keys on this tape.
    #[inline]
    pub fn numbering(&self) -> &Numbering {
        self.keys.numbering()
    }

    /// Everything but the texts: of two tapes with one numbering and equal shapes, the same keys
    /// stand at the same places, and the same values are `null`. `None` when that does not hold,
    /// since a key has no number or a member was taken out, and for very long tapes.
    #[inline]
    pub fn shape(&self) -> Option<&[u32]> {
        self.shape.get(..self.nodes.len()).filter(|_| self.is_shaped)
    }

    /// The same number for events that follow each other and are of one shape, and another for
    /// others: it stands for [`Tape::shape`], and costs nothing to compare. To be asked for once an
    /// event, when the tape is full.
    #[inline]
    pub fn series(&mut self) -> Option<u64> {
        let (length, number) = &mut self.series;
        if std::mem::take(&mut self.is_other) || *length != self.nodes.len() {
            *length = self.nodes.len();
            *number += 1;
        }
        (self.is_shaped && *length <= SHAPE_WORDS_MAX).then_some(*number)
    }

    /// Takes out the member whose key stands at `key`.
    pub fn take_out(&mut self, key: u32) {
        self.is_shaped = false;
        if let Some(node) = self.nodes.get_mut(key as usize) {
            *node = Node::Removed;
        }
    }

    /// The key at `at`, if one stands there.
    #[inline]
    pub(super) fn key_at<'a>(&'a self, at: usize, line: &'a str) -> Option<Key<'a>> {
        match self.nodes.get(at) {
            Some(Node::Key(id, span)) => Some(Key { id: *id, span: *span, line, text: &self.text }),
            _ => None,
        }
    }

    #[inline]
    pub(super) fn node(&self, at: usize) -> Option<Node> {
        self.nodes.get(at).copied()
    }

    #[inline]
    pub(super) fn resolve<'a>(&'a self, span: Span, line: &'a str) -> &'a str {
        span.resolve(line, &self.text)
    }

    #[inline]
    pub(super) fn part<'a>(&'a self, span: Span, line: &'a str) -> (&'a str, Range<usize>) {
        span.part(line, &self.text)
    }

    #[inline]
    pub(super) fn first_octet(&self, span: Span, line: &str) -> Option<u8> {
        let (source, part) = span.part(line, &self.text);
        source.as_bytes().get(part.start).copied().filter(|_| !part.is_empty())
    }

    /// Appends the same.
    pub(super) fn push(&self, span: Span, line: &str, out: &mut String) {
        let (source, part) = span.part(line, &self.text);
        push_part(source, part, out);
    }

    /// The text in its quotes, if the line is JSON and the text stands there: then it needs no
    /// escapes.
    #[inline]
    pub(super) fn quoted<'a>(&self, span: Span, line: &'a str) -> Option<&'a str> {
        let part = span.of_line().filter(|_| self.is_json)?;
        line.get(part.start.checked_sub(1)?..part.end + 1)
    }

    /// Index of the first entry behind the value at `at`.
    pub(super) fn behind(&self, at: usize) -> usize {
        behind(&self.nodes, at)
    }

    #[inline]
    fn add(&mut self, node: Node, word: u32) {
        self.put_word(self.nodes.len(), word);
        self.nodes.push(node);
    }

    /// Most words are what they were in the last event.
    #[inline]
    fn put_word(&mut self, at: usize, word: u32) {
        match self.shape.get_mut(at) {
            Some(kept) if *kept == word => {}
            Some(kept) => {
                *kept = word;
                self.is_other = true;
            }
            None => self.add_word(word),
        }
    }

    #[cold]
    fn add_word(&mut self, word: u32) {
        self.is_other = true;
        if self.shape.len() < SHAPE_WORDS_MAX {
            self.shape.push(word);
        }
    }

    /// The word of a container is whole when it is closed.
    #[inline]
    fn open(&mut self, node: Node, kind: u32) -> Open {
        let at = self.nodes.len();
        let kept = self.shape.get(at).copied().filter(|word| word & SHAPE_KIND == kind);
        self.add(node, kept.unwrap_or(kind));
        Open(at)
    }

    /// The tape's own text. What is put together behind it, piece by piece, is then added by
    /// [`Tape::text_behind`] or [`Tape::key_behind`].
    pub fn text_mut(&mut self) -> &mut String {
        &mut self.text
    }

    /// Adds as text what stands in the tape's own text from `begin` on.
    pub fn text_behind(&mut self, begin: usize) {
        let span = self.span_behind(begin);
        self.add(Node::Text(span), SCALAR);
    }

    /// The same as key.
    #[cold]
    pub fn key_behind(&mut self, begin: usize) {
        let span = self.span_behind(begin);
        let id = self.keys.number(self.key_count, self.text.get(begin..).unwrap_or(""));
        self.add_numbered_key(id, span);
    }

    fn span_behind(&self, begin: usize) -> Span {
        Span::in_text(begin, self.text.len())
    }

    fn add_key(&mut self, key: &str, span: Span) {
        let id = self.keys.number(self.key_count, key);
        self.add_numbered_key(id, span);
    }

    #[inline]
    fn add_numbered_key(&mut self, id: KeyId, span: Span) {
        self.key_count += 1;
        self.is_shaped &= id != KeyId::NONE;
        self.add(Node::Key(id, span), key_word(id));
    }

    fn keep(&mut self, text: &str) -> Span {
        let begin = self.text.len();
        self.text.push_str(text);
        self.span_behind(begin)
    }
}

impl<'a> Key<'a> {
    /// The key, without its escapes.
    #[inline]
    pub fn text(self) -> &'a str {
        self.span.resolve(self.line, self.text)
    }

    /// Where it stands; [`super::Event::text_at`] reads it again.
    #[inline]
    pub fn place(self) -> Place {
        Place(self.span)
    }
}

#[inline]
fn key_word(id: KeyId) -> u32 {
    u32::from(id.0) << SHAPE_KIND_BITS | KEY
}

/// Index of the first entry behind the value at `at`.
#[inline]
pub(super) fn behind(nodes: &[Node], at: usize) -> usize {
    match nodes.get(at) {
        Some(Node::Object { next } | Node::Array { next }) => *next as usize,
        _ => at + 1,
    }
}
