//! A fixed set of short keys, found by length and three bytes and then compared once.
//!
//! In: the keys, when a schema is compiled. Out: a key's place in the set. A general hash map
//! hashes every byte of every key of every event; the keys of one object differ long before.

/// The set. Places are those of [`Lookup::new`]'s keys.
#[derive(Clone, Debug, Default)]
pub(super) struct Lookup {
    keys: Vec<Box<str>>,
    /// Open addressing, at most half full: a key's place plus one, or 0.
    table: Vec<u16>,
    shift: u32,
}

/// The most keys of one set: places are kept in 16 bits and the table is twice as large.
pub(super) const KEYS_MAX: usize = 1 << 14;

impl Lookup {
    /// The set of those keys; of a key that stands twice, the first is found. Keys beyond
    /// [`KEYS_MAX`] are not found: whoever reads a schema refuses them first.
    pub(super) fn new<K: Into<Box<str>>>(keys: impl IntoIterator<Item = K>) -> Lookup {
        let keys: Vec<Box<str>> = keys.into_iter().take(KEYS_MAX).map(Into::into).collect();
        let size = (keys.len() * 2).next_power_of_two().max(2);
        let shift = u32::BITS - size.trailing_zeros();
        let mut table = vec![0_u16; size];
        for (place, key) in keys.iter().enumerate() {
            let mut at = hash(key.as_bytes()) >> shift;
            while table.get(at as usize).is_some_and(|taken| *taken != 0) {
                at = (at + 1) & (size as u32 - 1);
            }
            if let Some(free) = table.get_mut(at as usize) {
                *free = place as u16 + 1;
            }
        }
        Lookup { keys, table, shift }
    }

    /// True for the set of no keys.
    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The place of `key`.
    pub(super) fn find(&self, key: &str) -> Option<usize> {
        self.probe(key, |known| known == key)
    }

    /// The place of `key`, whatever the case of its ASCII letters.
    pub(super) fn find_ignoring_case(&self, key: &str) -> Option<usize> {
        // Most are spelled as they are here.
        self.probe(key, |known| known == key || known.eq_ignore_ascii_case(key))
    }

    fn probe(&self, key: &str, is_same: impl Fn(&str) -> bool) -> Option<usize> {
        let mask = (self.table.len() as u32).checked_sub(1)?;
        let mut at = hash(key.as_bytes()) >> self.shift;
        loop {
            let place = (*self.table.get(at as usize)? as usize).checked_sub(1)?;
            if is_same(self.keys.get(place)?) {
                return Some(place);
            }
            at = (at + 1) & mask;
        }
    }
}

/// The top bits are good: length, first, middle and last byte, spread by Knuth's multiplier.
/// Bit 5 tells the case of ASCII letters, so it is set.
fn hash(key: &[u8]) -> u32 {
    let byte = |at: usize| u32::from(key.get(at).copied().unwrap_or(0) | 0x20);
    let (length, middle) = (key.len() as u32, key.len() / 2);
    let mixed =
        length ^ (byte(0) << 8) ^ (byte(middle) << 16) ^ (byte(key.len().wrapping_sub(1)) << 24);
    mixed.wrapping_mul(0x9E37_79B1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_its_keys_and_no_others() {
        let words = ["", "a", "id", "type", "Type", "time", "tame", "severity_id", "ü"];
        let lookup = Lookup::new(words);
        for (place, word) in words.iter().enumerate() {
            assert_eq!(lookup.find(word), Some(place), "{word:?}");
        }
        for other in ["b", "di", "TYPE", "tome", "severity_ie"] {
            assert_eq!(lookup.find(other), None, "{other:?}");
        }
        assert_eq!(lookup.find_ignoring_case("TIME"), Some(5));
        assert_eq!(lookup.find_ignoring_case("SEVERITY_ID"), Some(7));
        assert_eq!(Lookup::default().find("a"), None);
        assert_eq!(Lookup::new(Vec::<String>::new()).find(""), None);
    }

    #[test]
    fn holds_many() {
        let words: Vec<String> = (0..1000).map(|number| format!("key{number}")).collect();
        let lookup = Lookup::new(words.clone());
        for (place, word) in words.iter().enumerate() {
            assert_eq!(lookup.find(word), Some(place));
        }
        assert_eq!(lookup.find("key1000"), None);
    }
}
