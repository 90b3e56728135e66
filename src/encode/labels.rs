//! Labels with the key behind them, escaped and put together once: ` cs1Label=OrgId cs1=`.
//!
//! A schema names the label of each of its slots, and every event has the same. In: a rule of the
//! dictionary and the label's text. Out: an [`Opening`]. Memory: one for each key. Where schemas
//! label a key in turn, it costs what it would without this. Diagnostics: none.

use super::cef::push_label;
use super::dictionary::{Dictionary, Rule};
use super::scan::is_same;

/// The pair of a label, and the key of the pair behind it.
#[derive(Clone, Debug)]
pub(super) struct Opening {
    /// The label as the schema has it.
    label: String,
    /// With a space before either key.
    pub(super) bytes: Vec<u8>,
    /// Where the label's value begins in them, and where it ends.
    pub(super) label_value: usize,
    pub(super) label_end: usize,
    /// The rule of the label's key.
    pub(super) label_rule: u8,
}

/// Those of all keys.
#[derive(Debug, Default)]
pub(super) struct Openings {
    /// By the index of the rule.
    made: Vec<Option<Opening>>,
}

impl Openings {
    /// The opening for that key and label; `None` for a key that no other labels, and for a label
    /// that has to be cut.
    #[inline]
    pub(super) fn of(
        &mut self,
        rule: &Rule,
        label: &str,
        dictionary: &Dictionary,
    ) -> Option<&Opening> {
        let index = usize::from(rule.index);
        let is_made = self.made.get(index).is_some_and(|made| {
            made.as_ref().is_some_and(|made| is_same(made.label.as_bytes(), label.as_bytes()))
        });
        if !is_made {
            self.make(rule, label, dictionary);
        }
        self.made.get(index)?.as_ref()
    }

    #[cold]
    fn make(&mut self, rule: &Rule, label: &str, dictionary: &Dictionary) {
        let index = usize::from(rule.index);
        if index >= self.made.len() {
            self.made.resize(index + 1, None);
        }
        if let Some(place) = self.made.get_mut(index) {
            *place = Opening::new(rule, label, dictionary);
        }
    }
}

impl Opening {
    fn new(rule: &Rule, label: &str, dictionary: &Dictionary) -> Option<Opening> {
        let label_rule = dictionary.rule(rule.partner?)?;
        let is_label = label_rule.key.strip_suffix("Label") == Some(rule.key);
        let mut bytes = label_rule.opening.clone().into_bytes();
        let label_value = bytes.len();
        push_label(label, &mut bytes);
        let label_end = bytes.len();
        if !is_label || label_end - label_value > label_rule.value_bytes_max {
            return None;
        }
        bytes.extend_from_slice(rule.opening.as_bytes());
        let label = label.to_owned();
        Some(Opening { label, bytes, label_value, label_end, label_rule: label_rule.index })
    }
}
