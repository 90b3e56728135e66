//! What is known about a key, decided once for each number that the tape gives to keys.

use crate::model::event::{Key, Numbering};

use super::guard::Guard;
use super::lookup::Lookup;

/// What a key means to the guard and to the schemas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The privacy guard takes it out.
    Guarded,
    /// No path of any schema has it.
    Unknown,
    /// It is that word of the schemas' paths.
    Word(u16),
}

/// The meanings of the keys of one numbering.
#[derive(Debug, Default)]
pub(super) struct KnownKeys {
    numbering: Numbering,
    meanings: Vec<Option<Meaning>>,
}

impl KnownKeys {
    /// Forgets the meanings if they are of another numbering.
    pub(super) fn turn_to(&mut self, numbering: &Numbering) {
        if self.numbering != *numbering {
            self.numbering = numbering.clone();
            self.meanings.clear();
        }
    }

    /// The meaning of a key of that numbering.
    #[inline]
    pub(super) fn meaning(&mut self, key: Key<'_>, guard: &Guard, words: &Lookup) -> Meaning {
        let Some(index) = key.id.index() else { return decide(key.text(), guard, words) };
        if let Some(Some(meaning)) = self.meanings.get(index) {
            return *meaning;
        }
        let meaning = decide(key.text(), guard, words);
        if index >= self.meanings.len() {
            self.meanings.resize(index + 1, None);
        }
        if let Some(place) = self.meanings.get_mut(index) {
            *place = Some(meaning);
        }
        meaning
    }
}

fn decide(key: &str, guard: &Guard, words: &Lookup) -> Meaning {
    if guard.guards(key) {
        return Meaning::Guarded;
    }
    match words.find(key).and_then(|word| u16::try_from(word).ok()) {
        Some(word) => Meaning::Word(word),
        None => Meaning::Unknown,
    }
}
