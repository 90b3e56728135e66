//! The keys that objects were seen to have, as small numbers.
//!
//! Events of one product have the same keys in the same order, over and over. A key that was seen
//! before is told by one comparison with the key that followed the last one then, and whoever
//! decides something about a key (is it guarded? does a schema want it?) decides it once for its
//! number. In: keys as they are decoded. Out: a [`KeyId`] each. Memory: bounded by [`KEYS_MAX`].

use std::sync::Arc;

/// How many keys are numbered. All built-in schemas together have some 300.
const KEYS_MAX: usize = 1024;
/// Longer keys are not numbered.
const KEY_BYTES_MAX: usize = 64;
/// A key in its quotes and with its colon is compared at once up to this length.
const SPELLED_BYTES_MAX: usize = 32;
/// Two tables in one: at most half full, so that a search ends soon.
const TABLE: usize = KEYS_MAX * 2;
/// A search gives up behind so many other keys: nobody can make it slow by choosing keys.
const PROBES_MAX: usize = 16;

/// The number of a key, or none: keys that are too long or too many are told by their text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyId(u16);

impl KeyId {
    /// No number.
    pub const NONE: KeyId = KeyId(0);

    /// From 0, for tables of what was decided about keys; `None` for [`KeyId::NONE`].
    #[inline]
    pub fn index(self) -> Option<usize> {
        usize::from(self.0).checked_sub(1)
    }
}

/// Stands for one numbering: the numbers of another mean other keys.
#[derive(Clone, Debug, Default)]
pub struct Numbering(Arc<()>);

impl PartialEq for Numbering {
    fn eq(&self, other: &Numbering) -> bool {
        // Whoever compares holds one of them, so its address is not used again.
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// The keys and their numbers.
#[derive(Debug)]
pub struct Keys {
    entries: Vec<Entry>,
    table: Vec<u16>,
    numbering: Numbering,
}

#[derive(Debug)]
struct Entry {
    /// `"key":`, as two words; all zero bits in `masks` for a key that is too long.
    words: [u128; 2],
    masks: [u128; 2],
    spelled_bytes: usize,
    /// The key that followed this one when it was last looked at.
    next: KeyId,
    text: Box<str>,
}

impl Default for Keys {
    fn default() -> Keys {
        let mut keys =
            Keys { entries: Vec::new(), table: vec![0; TABLE], numbering: Numbering::default() };
        keys.restart();
        keys
    }
}

impl Keys {
    /// Which numbering is in force. It changes when there are too many keys, and never between
    /// [`Keys::begin`] and the next.
    #[inline]
    pub fn numbering(&self) -> &Numbering {
        &self.numbering
    }

    /// An event begins.
    pub(super) fn begin(&mut self) {
        if self.entries.len() >= KEYS_MAX {
            self.restart();
        }
    }

    /// The key behind `before` by experience, if `rest` of the line begins with it, its quotes and
    /// its colon; and how long that is.
    #[inline]
    pub(super) fn expect(&self, before: KeyId, rest: &[u8]) -> Option<(KeyId, usize)> {
        let next = self.entries.get(usize::from(before.0))?.next;
        let entry = self.entries.get(usize::from(next.0))?;
        let (low, high) = rest.first_chunk::<SPELLED_BYTES_MAX>()?.split_at(16);
        let low = u128::from_le_bytes(*low.first_chunk()?);
        let high = u128::from_le_bytes(*high.first_chunk()?);
        let [low_word, high_word] = entry.words;
        let [low_mask, high_mask] = entry.masks;
        let differs = ((low & low_mask) ^ low_word) | ((high & high_mask) ^ high_word);
        (differs == 0 && entry.spelled_bytes > 0).then_some((next, entry.spelled_bytes))
    }

    /// The number of `key`, which is given one if there is room; it stands behind `before`.
    pub(super) fn number(&mut self, before: KeyId, key: &str) -> KeyId {
        let next = self.entries.get(usize::from(before.0)).map_or(KeyId::NONE, |entry| entry.next);
        if next != KeyId::NONE
            && self.entries.get(usize::from(next.0)).is_some_and(|entry| *entry.text == *key)
        {
            return next;
        }
        let id = self.find_or_add(key).unwrap_or(KeyId::NONE);
        if id != KeyId::NONE
            && let Some(entry) = self.entries.get_mut(usize::from(before.0))
        {
            entry.next = id;
        }
        id
    }

    fn find_or_add(&mut self, key: &str) -> Option<KeyId> {
        if key.len() > KEY_BYTES_MAX {
            return None;
        }
        let first = hash(key.as_bytes());
        for at in first..first + PROBES_MAX {
            let place = self.table.get_mut(at % TABLE)?;
            if *place == 0 {
                if self.entries.len() >= KEYS_MAX {
                    return None;
                }
                *place = self.entries.len() as u16;
                let id = KeyId(*place);
                self.entries.push(Entry::new(key));
                return Some(id);
            }
            if self.entries.get(usize::from(*place)).is_some_and(|entry| *entry.text == *key) {
                return Some(KeyId(*place));
            }
        }
        None
    }

    /// The first entry is no key: it stands before the first key of an event.
    fn restart(&mut self) {
        self.entries.clear();
        self.entries.push(Entry {
            words: [0; 2],
            masks: [0; 2],
            spelled_bytes: 0,
            next: KeyId::NONE,
            text: "".into(),
        });
        self.table.fill(0);
        self.numbering = Numbering::default();
    }
}

impl Entry {
    fn new(key: &str) -> Entry {
        let mut entry = Entry {
            words: [0; 2],
            masks: [0; 2],
            spelled_bytes: 0,
            next: KeyId::NONE,
            text: key.into(),
        };
        // A key with escapes is spelled otherwise than it reads.
        let is_plain = key.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\');
        let spelled_bytes = key.len() + "\"\":".len();
        if !is_plain || spelled_bytes > SPELLED_BYTES_MAX {
            return entry;
        }
        let spelled = [b"\"", key.as_bytes(), b"\":"].concat();
        for (at, byte) in spelled.iter().enumerate() {
            let (word, shift) = (at / 16, at % 16 * 8);
            if let (Some(word), Some(mask)) =
                (entry.words.get_mut(word), entry.masks.get_mut(word))
            {
                *word |= u128::from(*byte) << shift;
                *mask |= 0xff << shift;
            }
        }
        entry.spelled_bytes = spelled_bytes;
        entry
    }
}

/// FNV-1a; searched for only when a key was not expected.
fn hash(key: &[u8]) -> usize {
    let hash = key.iter().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    });
    (hash ^ (hash >> 15)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_keeps_its_number_and_is_expected_where_it_stood() {
        let mut keys = Keys::default();
        let time = keys.number(KeyId::NONE, "time");
        let uid = keys.number(time, "uid");
        assert_ne!(time, uid);
        assert_eq!(keys.number(uid, "time"), time);
        let line = br#""uid":"of a user whose id fills the line""#;
        assert_eq!(keys.expect(time, line), Some((uid, 6)));
        assert_eq!(keys.expect(KeyId::NONE, line), None, "there it was `time`");
        for other in [
            br#""uix":"of a user whose id fills the line""#.as_slice(),
            br#""uid" :"of a user whose id fills the line"#,
            br#""uid2":"of a user whose id fills the line"#,
            br#""uid":"short""#,
        ] {
            assert_eq!(keys.expect(time, other), None, "{}", String::from_utf8_lossy(other));
        }
    }

    #[test]
    fn keys_that_are_too_long_or_spelled_with_escapes_are_not_expected() {
        let mut keys = Keys::default();
        let long = "k".repeat(SPELLED_BYTES_MAX - 2);
        for key in [long.as_str(), "a\"b", "a\\b", "a\nb"] {
            let id = keys.number(KeyId::NONE, key);
            assert_ne!(id, KeyId::NONE);
            let line = format!("\"{key}\":\"{}\"", "x".repeat(40));
            assert_eq!(keys.expect(KeyId::NONE, line.as_bytes()), None, "{key:?}");
        }
        assert_eq!(keys.number(KeyId::NONE, &"k".repeat(KEY_BYTES_MAX + 1)), KeyId::NONE);
    }

    #[test]
    fn a_flood_of_keys_costs_their_numbers_and_begins_a_new_numbering() {
        let mut keys = Keys::default();
        let first = keys.numbering().clone();
        let numbered = (0..10_000)
            .filter(|number| keys.number(KeyId::NONE, &format!("key{number}")) != KeyId::NONE)
            .count();
        assert!((KEYS_MAX / 2..KEYS_MAX).contains(&numbered), "{numbered}");
        assert!(*keys.numbering() == first);
        keys.begin();
        assert!(*keys.numbering() != first);
        assert_ne!(keys.number(KeyId::NONE, "key9999"), KeyId::NONE);
    }
}
