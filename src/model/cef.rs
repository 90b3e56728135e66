//! The keys of the CEF extension dictionary, which the encoder writes and the privacy guard
//! needs, to know where the value of a guarded key ends.

use std::sync::LazyLock;

/// The producer and consumer tables of the CEF implementation standard, with the keys that CEF 1.2
/// added. The columns: key, full name, type, longest value, CEF version, audience.
pub const DICTIONARY: &str = include_str!("cef_dictionary.tsv");

/// The keys, without those of the sender's own making.
pub fn dictionary_keys() -> impl Iterator<Item = &'static str> {
    DICTIONARY.lines().skip(1).filter_map(|line| line.split('\t').next())
}

/// One of those keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DictionaryKey(u8);

static KEYS: LazyLock<Vec<&'static str>> = LazyLock::new(|| dictionary_keys().collect());

/// The label of each key.
static LABELS: LazyLock<Vec<Option<DictionaryKey>>> =
    LazyLock::new(|| KEYS.iter().map(|key| DictionaryKey::find(&format!("{key}Label"))).collect());

impl DictionaryKey {
    /// The key that is spelled so, case included.
    pub fn find(key: &str) -> Option<DictionaryKey> {
        let row = KEYS.iter().position(|known| *known == key)?;
        u8::try_from(row).ok().map(DictionaryKey)
    }

    /// The key of that row; one without a text where there is no such row.
    #[inline]
    pub(super) fn at(row: u8) -> DictionaryKey {
        DictionaryKey(row)
    }

    /// The key that labels this one, as `cs1Label` does `cs1`.
    #[inline]
    pub fn label(self) -> Option<DictionaryKey> {
        LABELS.get(usize::from(self.0)).copied().flatten()
    }

    /// Its row in [`DICTIONARY`], from 0.
    #[inline]
    pub fn row(self) -> u8 {
        self.0
    }

    /// The key as it is written.
    pub fn text(self) -> &'static str {
        KEYS.get(usize::from(self.0)).copied().unwrap_or_default()
    }
}

/// The slot that a label names: `cs1` for `cs1Label`. All labels of the dictionary end so, those
/// under full names (`deviceCustomString1Label`) too.
pub fn labelled_slot(key: &str) -> Option<&str> {
    let (slot, label) = key.split_at_checked(key.len().checked_sub("Label".len())?)?;
    let is_label = label.eq_ignore_ascii_case("label");
    (is_label && slot.ends_with(|last: char| last.is_ascii_digit())).then_some(slot)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_dictionary_is_found_by_its_row() {
        for (row, key) in dictionary_keys().enumerate() {
            let found = DictionaryKey::find(key).unwrap();
            assert_eq!((usize::from(found.row()), found.text()), (row, key));
        }
        assert_eq!(DictionaryKey::find("RT"), None);
    }

    #[test]
    fn every_label_of_the_dictionary_names_a_slot() {
        let mut labels = 0;
        for key in dictionary_keys().filter(|key| key.ends_with("Label")) {
            let slot = labelled_slot(key).unwrap();
            assert!(dictionary_keys().any(|key| key == slot), "{slot}");
            labels += 1;
        }
        assert!(labels > 20, "{labels}");
        let label = |key| DictionaryKey::find(key).unwrap().label().map(DictionaryKey::text);
        assert_eq!((label("cs1"), label("cs1Label"), label("rt")), (Some("cs1Label"), None, None));
        assert_eq!(labelled_slot("deviceCustomString1Label"), Some("deviceCustomString1"));
        for other in ["", "Label", "csLabel", "cs1", "cs1Labels", "üLabel"] {
            assert_eq!(labelled_slot(other), None, "{other}");
        }
    }
}
