//! The keys that objects were seen to have, as small numbers.
//!
//! Events of one product have the same keys in the same order, over and over. A key that was seen
//! before is told by one comparison with the key that followed the last one then, and whoever
//! decides something about a key (is it guarded? does a schema want it?) decides it once for its
//! number. In: keys as they are decoded. Out: a [`KeyId`] each. Memory: bounded by [`KEYS_MAX`].

use std::sync::Arc;

use super::words::Word;

/// How many keys are numbered. All built-in schemas together have some 300.
const KEYS_MAX: usize = 1024;
/// Longer keys are not numbered.
const KEY_BYTES_MAX: usize = 64;
/// A key in its quotes and with its colon is compared at once up to this length.
const SPELLED_BYTES_MAX: usize = 32;
/// Two tables in one: at most half full, so that a search ends soon.
const TABLE: usize = KEYS_MAX * 2;
/// What follows what; see [`Keys::expect`].
const FOLLOWERS: usize = 1 << 12;
/// Of so many keys of an event it is kept in which order they stood.
const LAST_KEYS: usize = 1024;
/// A search gives up behind so many other keys: nobody can make it slow by choosing keys.
const PROBES_MAX: usize = 16;

/// The number of a key, or none: keys that are too long or too many are told by their text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyId(pub(super) u16);

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
    /// The key that followed two keys when they last stood together, by a hash of the two.
    followers: Vec<KeyId>,
    /// The keys of this event in their order and, behind them, of the last one.
    last: Vec<KeyId>,
    numbering: Numbering,
}

#[derive(Debug)]
struct Entry {
    /// `"key":`, as four words; all zero bits in `masks` for a key that is too long.
    words: [u64; 4],
    masks: [u64; 4],
    spelled_bytes: usize,
    /// The word it is, once it was given as one; an empty one before.
    word: Word,
    text: Box<str>,
}

impl Default for Keys {
    fn default() -> Keys {
        let mut keys = Keys {
            entries: Vec::new(),
            table: vec![0; TABLE],
            followers: vec![KeyId::NONE; FOLLOWERS],
            last: vec![KeyId::NONE; LAST_KEYS],
            numbering: Numbering::default(),
        };
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

    /// An event begins; true if a new numbering begins with it.
    pub(super) fn begin(&mut self) -> bool {
        let is_full = self.entries.len() >= KEYS_MAX;
        if is_full {
            self.restart();
        }
        is_full
    }

    /// The key by experience, if `rest` of the line begins with it, its quotes and its colon; and
    /// how long that is. First the key that had this place, from 0, in the last event: it is known
    /// before the key in front of it is read. Then the one that followed the same two keys, which
    /// tell more than the last alone: `uid` stands in every other object. A wrong guess costs time
    /// and nothing else.
    #[inline]
    pub(super) fn expect(&mut self, place: usize, rest: &[u8]) -> Option<(KeyId, usize)> {
        let last = *self.last.get(place)?;
        match self.spelled(last, rest) {
            Some(length) => Some((last, length)),
            None => self.follower(place, rest),
        }
    }

    #[cold]
    fn follower(&mut self, place: usize, rest: &[u8]) -> Option<(KeyId, usize)> {
        let next = *self.followers.get(self.behind_two(place))?;
        let length = self.spelled(next, rest)?;
        self.stands(place, next);
        Some((next, length))
    }

    /// An event has that key at that place.
    fn stands(&mut self, place: usize, id: KeyId) {
        if let Some(last) = self.last.get_mut(place) {
            *last = id;
        }
    }

    /// Where it is kept which key followed the two in front of that place.
    fn behind_two(&self, place: usize) -> usize {
        let before = |by: usize| {
            let id = place.checked_sub(by).and_then(|place| self.last.get(place));
            u32::from(id.copied().unwrap_or(KeyId::NONE).0)
        };
        // Numbers are below 2^10: the two fill 20 bits, which the multiplier spreads.
        let both = before(2) << 10 | before(1);
        (both.wrapping_mul(0x9E37_79B1) >> (u32::BITS - FOLLOWERS.ilog2())) as usize
    }

    /// The length of the key with its quotes and its colon, if `rest` begins with it.
    #[inline]
    fn spelled(&self, next: KeyId, rest: &[u8]) -> Option<usize> {
        let entry = self.entries.get(usize::from(next.0))?;
        let spelled = rest.first_chunk::<SPELLED_BYTES_MAX>()?;
        let (chunks, _) = spelled.as_chunks::<8>();
        let differs = chunks
            .iter()
            .zip(&entry.words)
            .zip(&entry.masks)
            .fold(0, |differs, ((chunk, word), mask)| {
                differs | ((u64::from_le_bytes(*chunk) & mask) ^ word)
            });
        (differs == 0 && entry.spelled_bytes > 0).then_some(entry.spelled_bytes)
    }

    /// The number of `key`, which is given one if there is room; it stands at that place.
    #[inline]
    pub(super) fn number(&mut self, place: usize, key: &str) -> KeyId {
        let is_same = |entry: &Entry| *entry.text == *key;
        let last = self.last.get(place).copied().unwrap_or(KeyId::NONE);
        if last != KeyId::NONE && self.entries.get(usize::from(last.0)).is_some_and(is_same) {
            return last;
        }
        let behind_two = self.behind_two(place);
        let follower = self.followers.get(behind_two).copied().unwrap_or(KeyId::NONE);
        let id = match self.entries.get(usize::from(follower.0)) {
            Some(entry) if follower != KeyId::NONE && is_same(entry) => follower,
            _ => self.find_or_add(key).unwrap_or(KeyId::NONE),
        };
        if let Some(next) = self.followers.get_mut(behind_two) {
            *next = id;
        }
        self.stands(place, id);
        id
    }

    /// The same for a key that is a word.
    #[inline]
    pub(super) fn number_of_word(&mut self, place: usize, key: Word) -> KeyId {
        let last = self.last.get(place).copied().unwrap_or(KeyId::NONE);
        match self.entries.get(usize::from(last.0)) {
            Some(entry) if entry.word == key => last,
            _ => self.number_of_other_word(place, key),
        }
    }

    #[cold]
    fn number_of_other_word(&mut self, place: usize, key: Word) -> KeyId {
        let id = self.number(place, key.text());
        if let Some(entry) = self.entries.get_mut(usize::from(id.0)).filter(|_| id != KeyId::NONE) {
            entry.word = key;
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
            words: [0; 4],
            masks: [0; 4],
            spelled_bytes: 0,
            word: Word::default(),
            text: "".into(),
        });
        self.table.fill(0);
        self.followers.fill(KeyId::NONE);
        self.last.fill(KeyId::NONE);
        self.numbering = Numbering::default();
    }
}

impl Entry {
    fn new(key: &str) -> Entry {
        let mut entry = Entry {
            words: [0; 4],
            masks: [0; 4],
            spelled_bytes: 0,
            word: Word::default(),
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
            let (word, shift) = (at / 8, at % 8 * 8);
            if let (Some(word), Some(mask)) = (entry.words.get_mut(word), entry.masks.get_mut(word))
            {
                *word |= u64::from(*byte) << shift;
                *mask |= 0xff << shift;
            }
        }
        entry.spelled_bytes = spelled_bytes;
        entry
    }
}

/// FNV-1a; searched for only when a key was not expected.
fn hash(key: &[u8]) -> usize {
    let hash = key
        .iter()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    (hash ^ (hash >> 15)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_keeps_its_number_and_is_expected_where_it_stood() {
        let mut keys = Keys::default();
        let time = keys.number(0, "time");
        let uid = keys.number(1, "uid");
        assert_ne!(time, uid);
        assert_eq!(keys.number(2, "time"), time);
        let line = br#""uid":"of a user whose id fills the line""#;
        assert_eq!(keys.expect(1, line), Some((uid, 6)), "by its place");
        assert_eq!(keys.expect(0, line), None, "there it was `time`");
        assert_eq!(keys.expect(3, line), None, "there was none");
        for other in [
            br#""uix":"of a user whose id fills the line""#.as_slice(),
            br#""uid" :"of a user whose id fills the line"#,
            br#""uid2":"of a user whose id fills the line"#,
            br#""uid":"short""#,
        ] {
            assert_eq!(keys.expect(1, other), None, "{}", String::from_utf8_lossy(other));
        }
    }

    #[test]
    fn a_key_is_expected_behind_the_two_it_followed() {
        let mut keys = Keys::default();
        for (place, key) in ["user", "name", "uid", "host", "name", "ip"].iter().enumerate() {
            keys.number(place, key);
        }
        // `user` is missing now and then, so that every key has another place.
        keys.number(0, "host");
        keys.number(1, "name");
        let line = br#""ip":"10.0.0.1","more":"to fill the line""#;
        let (ip, length) = keys.expect(2, line).unwrap();
        assert_eq!((ip, length), (keys.number(9, "ip"), 5));
        assert_eq!(keys.expect(2, line), Some((ip, 5)), "and now by its place");
    }

    #[test]
    fn a_word_has_the_number_of_the_key_that_reads_so() {
        let mut keys = Keys::default();
        let message = Word::of("message");
        let spelled = keys.number(0, "message");
        let other = keys.number(1, "severity");
        assert_eq!(keys.number_of_word(3, message), spelled);
        for place in [0, 1, 3, LAST_KEYS] {
            assert_eq!(keys.number_of_word(place, message), spelled, "known at its place or not");
            assert_eq!(keys.number_of_word(place, Word::of("severity")), other);
            assert_ne!(keys.number_of_word(place, Word::of("severity_code")), other);
        }
    }

    #[test]
    fn keys_that_are_too_long_or_spelled_with_escapes_are_not_expected() {
        let mut keys = Keys::default();
        let long = "k".repeat(SPELLED_BYTES_MAX - 2);
        for key in [long.as_str(), "a\"b", "a\\b", "a\nb"] {
            let id = keys.number(0, key);
            assert_ne!(id, KeyId::NONE);
            let line = format!("\"{key}\":\"{}\"", "x".repeat(40));
            assert_eq!(keys.expect(0, line.as_bytes()), None, "{key:?}");
        }
        assert_eq!(keys.number(0, &"k".repeat(KEY_BYTES_MAX + 1)), KeyId::NONE);
    }

    #[test]
    fn a_flood_of_keys_costs_their_numbers_and_begins_a_new_numbering() {
        let mut keys = Keys::default();
        let first = keys.numbering().clone();
        let numbered = (0..10_000)
            .filter(|number| keys.number(0, &format!("key{number}")) != KeyId::NONE)
            .count();
        assert!((KEYS_MAX / 2..KEYS_MAX).contains(&numbered), "{numbered}");
        assert!(*keys.numbering() == first);
        assert!(keys.begin());
        assert!(*keys.numbering() != first);
        assert_ne!(keys.number(0, "key9999"), KeyId::NONE);
        assert!(!keys.begin());
    }
}
