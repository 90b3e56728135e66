//! What is known about a key, decided once for each number that the tape gives to keys.

use crate::model::cef::{DictionaryKey, labelled_slot};
use crate::model::event::{Key, Numbering};

use super::guard::Guard;
use super::lookup::Lookup;

/// What a key means to the guard and to the schemas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Not looked at so far.
    Undecided,
    /// The privacy guard takes it out.
    Guarded,
    /// No path of any schema has it.
    Unknown,
    /// It is that word of the schemas' paths.
    Word(u16),
    /// It labels a slot, as `cs1Label` does; beside that it is a word, or [`NO_WORD`].
    Label(u16),
}

/// No path has this word.
const NO_WORD: u16 = u16::MAX;

/// The meanings of the keys of one numbering.
#[derive(Debug, Default)]
pub(super) struct KnownKeys {
    numbering: Numbering,
    meanings: Vec<Meaning>,
}

/// Which keys of one numbering are of the CEF dictionary.
#[derive(Debug, Default)]
pub(super) struct DictionaryKeys {
    numbering: Numbering,
    /// `None` for a key that was not looked at so far.
    keys: Vec<Option<Option<DictionaryKey>>>,
}

impl DictionaryKeys {
    /// Forgets what is of another numbering.
    pub(super) fn turn_to(&mut self, numbering: &Numbering) {
        if self.numbering != *numbering {
            self.numbering = numbering.clone();
            self.keys.clear();
        }
    }

    /// The key of the dictionary that this one is.
    #[inline]
    pub(super) fn find(&mut self, key: Key<'_>) -> Option<DictionaryKey> {
        match key.id.index().and_then(|index| self.keys.get(index)) {
            Some(Some(known)) => *known,
            _ => self.decide(key),
        }
    }

    /// A key without a number is not looked for: the encoder does that better.
    #[cold]
    fn decide(&mut self, key: Key<'_>) -> Option<DictionaryKey> {
        let index = key.id.index()?;
        let found = DictionaryKey::find(key.text());
        if index >= self.keys.len() {
            self.keys.resize(index + 1, None);
        }
        if let Some(place) = self.keys.get_mut(index) {
            *place = Some(found);
        }
        found
    }
}

impl KnownKeys {
    /// Forgets the meanings if they are of another numbering, and answers whether they were.
    pub(super) fn turn_to(&mut self, numbering: &Numbering) -> bool {
        let is_other = self.numbering != *numbering;
        if is_other {
            self.numbering = numbering.clone();
            self.meanings.clear();
        }
        is_other
    }

    /// The meaning of a key of that numbering.
    #[inline]
    pub(super) fn meaning(&mut self, key: Key<'_>, guard: &Guard, words: &Lookup) -> Meaning {
        let known = key.id.index().and_then(|index| self.meanings.get(index));
        match known {
            Some(Meaning::Undecided) | None => self.decide(key, guard, words),
            Some(meaning) => *meaning,
        }
    }

    #[cold]
    fn decide(&mut self, key: Key<'_>, guard: &Guard, words: &Lookup) -> Meaning {
        let word = || words.find(key.text()).and_then(|word| u16::try_from(word).ok());
        let meaning = if guard.guards(key.text()) {
            Meaning::Guarded
        } else if labelled_slot(key.text()).is_some() {
            Meaning::Label(word().unwrap_or(NO_WORD))
        } else {
            word().map_or(Meaning::Unknown, Meaning::Word)
        };
        if let Some(index) = key.id.index() {
            if index >= self.meanings.len() {
                self.meanings.resize(index + 1, Meaning::Undecided);
            }
            if let Some(place) = self.meanings.get_mut(index) {
                *place = meaning;
            }
        }
        meaning
    }
}
