//! The texts that a schema itself names, and how events name them.

use std::sync::Arc;

/// The texts that a schema itself names: what does not come from events. Whoever maps shows them
/// once, and names them by their place from then on.
#[derive(Clone, Debug, Default)]
pub struct Texts(Arc<Vec<Text>>);

/// A text and [`BEHIND`] octets behind it, for whoever copies more at once than it has.
#[derive(Debug)]
struct Text {
    padded: String,
    length: usize,
}

/// What stands behind a text that may be read with more than it has.
pub const BEHIND: &str = "                                ";

/// One of them, by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextId(u32);

impl Texts {
    /// The texts in the order of their ids, which count from 0.
    pub fn new(texts: Vec<String>) -> Texts {
        let text = |text: String| Text { length: text.len(), padded: text + BEHIND };
        Texts(Arc::new(texts.into_iter().map(text).collect()))
    }

    /// True for these texts and their clones.
    #[inline]
    pub fn is_same(&self, other: &Texts) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// That text; empty for an id of other texts.
    #[inline]
    pub fn get(&self, id: TextId) -> &str {
        self.0.get(id.place()).and_then(|text| text.padded.get(..text.length)).unwrap_or("")
    }

    /// The same with [`BEHIND`], and the length of the text alone.
    #[inline]
    pub fn padded(&self, id: TextId) -> (&str, usize) {
        self.0.get(id.place()).map_or(("", 0), |text| (&text.padded, text.length))
    }
}

impl TextId {
    /// The id of the text at that place, from 0.
    pub fn at(place: usize) -> TextId {
        TextId(u32::try_from(place).unwrap_or(u32::MAX))
    }

    /// The place of the text.
    #[inline]
    pub fn place(self) -> usize {
        self.0 as usize
    }
}
