//! What stands before the value of an extension pair, in one word: its key and its label.
//!
//! Events of one kind have the same keys in the same order, and whoever writes them sees by one
//! comparison for each pair that it knows them.

use super::cef::DictionaryKey;
use super::texts::TextId;

/// The key of a pair, and the label that stands before the pair. Equal ones are spelled alike in
/// events whose [`super::texts::Texts`] are the same, unless their key is [`HeadKey::Listed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head(u64);

/// What the key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadKey {
    /// One of the dictionary.
    Dictionary(DictionaryKey),
    /// A text that the schema names.
    Fixed(TextId),
    /// That place in the event's own list of keys.
    Listed(usize),
}

/// The lower half is the key: a row of the dictionary, then texts, then places. The upper half is
/// the label's text and one more, 0 for none.
const KEY_BITS: u32 = 32;
const TEXTS: u32 = 1 << 8;
const PLACES: u32 = 1 << 31;

impl Head {
    /// A key without a label.
    #[inline]
    pub fn new(key: HeadKey) -> Head {
        // A schema has less than 2^16 texts, an event less than 2^31 octets.
        Head(u64::from(match key {
            HeadKey::Dictionary(key) => u32::from(key.row()),
            HeadKey::Fixed(text) => TEXTS + text.place() as u32,
            HeadKey::Listed(place) => PLACES + place as u32,
        }))
    }

    /// The same key with that label: a pair before it, under the key that labels this one. Without
    /// meaning for a key that no other labels.
    pub fn labelled(self, label: TextId) -> Head {
        Head(self.0 & u64::from(u32::MAX) | (label.place() as u64 + 1) << KEY_BITS)
    }

    /// The key.
    #[inline]
    pub fn key(self) -> HeadKey {
        let key = self.0 as u32;
        match u8::try_from(key) {
            Ok(row) => HeadKey::Dictionary(DictionaryKey::at(row)),
            Err(_) if key < PLACES => HeadKey::Fixed(TextId::at((key - TEXTS) as usize)),
            Err(_) => HeadKey::Listed((key - PLACES) as usize),
        }
    }

    /// The label's text.
    #[inline]
    pub fn label(self) -> Option<TextId> {
        let label = (self.0 >> KEY_BITS).checked_sub(1)?;
        Some(TextId::at(label as usize))
    }

    /// All of it as a number.
    #[inline]
    pub fn code(self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_what_it_was_made_of() {
        let rt = DictionaryKey::find("rt").unwrap();
        let keys = [HeadKey::Dictionary(rt), HeadKey::Fixed(TextId::at(0)), HeadKey::Listed(0)];
        for key in keys.into_iter().chain([
            HeadKey::Dictionary(DictionaryKey::at(u8::MAX)),
            HeadKey::Fixed(TextId::at(70_000)),
            HeadKey::Listed(1 << 30),
        ]) {
            assert_eq!((Head::new(key).key(), Head::new(key).label()), (key, None));
            for label in [0, 1, 70_000].map(TextId::at) {
                let head = Head::new(key).labelled(TextId::at(3)).labelled(label);
                assert_eq!((head.key(), head.label()), (key, Some(label)));
                assert_ne!(head, Head::new(key));
            }
        }
    }
}
