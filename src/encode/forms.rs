//! The extensions of events of one form: what stands before their values, put together once.
//!
//! Events of one kind have the same keys and labels in the same order, and nothing about most of
//! their values is special. Their extension is written in one go: for each pair what stands before
//! its value (` cs1Label=OrgId cs1=`), then the value. In: fields whose keys and labels were seen
//! before. Out: the extension as `cef.rs` would write it pair by pair, or the answer that it has
//! to: for a value that does not fit its key's type or length, for keys that stand twice. Memory:
//! bounded, [`FORMS`] forms of at most [`PAIRS_MAX`] pairs. Diagnostics: none.

use super::cef::{clean_key, push_value};
use super::dictionary::{Dictionary, Kind, Rule, mix, spread};
use super::scan::{Windowed, is_same, trim};
use super::values;
use super::{Encoded, settings::CefSettings};
use crate::model::event::Event;
use crate::model::fields::{Fields, Pair, PairKey};
use crate::model::head::{Head, HeadKey};
use crate::model::text::append;
use crate::model::texts::{BEHIND, Texts};

/// How many forms are kept, each in the place that its sum says.
const FORMS: usize = 128;
/// Events with more pairs have no form.
const PAIRS_MAX: usize = 256;

/// The forms that were seen.
#[derive(Debug)]
pub(super) struct Forms {
    kept: Vec<Kept>,
    is_version_1: bool,
    is_strict: bool,
}

#[derive(Clone, Debug, Default)]
struct Kept {
    /// Of the heads that were here last: a form is made when they come again.
    sum: u64,
    form: Option<Form>,
}

#[derive(Clone, Debug)]
struct Form {
    /// Those that the heads name.
    texts: Texts,
    pairs: Vec<Opening>,
    /// What stands before the values, and [`BEHIND`].
    bytes: Vec<u8>,
}

/// What stands before a value, and what the value has to be. Small: an event has dozens.
#[derive(Clone, Debug)]
struct Opening {
    head: Head,
    /// Where it is in the bytes.
    begin: u32,
    length: u32,
    /// `u32::MAX` where the dictionary names none.
    value_bytes_max: u32,
    kind: Kind,
}

impl Forms {
    pub(super) fn new(settings: &CefSettings) -> Forms {
        Forms {
            kept: vec![Kept::default(); FORMS],
            is_version_1: settings.version == 1,
            is_strict: settings.strict,
        }
    }

    /// Appends the extension and returns how many values do not fit their key's type; `None`, and
    /// anything may be appended, if it has to be written pair by pair.
    #[inline]
    pub(super) fn write(
        &mut self,
        fields: &Fields,
        event: Event<'_>,
        dictionary: &Dictionary,
        out: &mut Vec<u8>,
    ) -> Option<u32> {
        let sum = sum(fields, event);
        let kept = self.kept.get_mut((sum >> (u64::BITS - FORMS.ilog2())) as usize)?;
        if kept.sum == sum
            && let Some(form) = &kept.form
            && form.texts.is_same(fields.texts())
        {
            return form.write(fields, event, self.is_strict, out);
        }
        let is_again = std::mem::replace(&mut kept.sum, sum) == sum;
        let may_make = |rule: &Rule| {
            !rule.is_consumer && (self.is_version_1 || !self.is_strict || !rule.is_since_1)
        };
        kept.form = is_again.then(|| Form::new(fields, event, dictionary, may_make)).flatten();
        None
    }
}

/// Two lists of heads with one sum are nearly always equal.
#[inline]
fn sum(fields: &Fields, event: Event<'_>) -> u64 {
    fields.list().iter().fold(0, |sum: u64, pair| {
        let head = pair.head();
        let code = match head.key() {
            HeadKey::Listed(_) => head.code() ^ spread(fields.key(head, event).text().as_bytes()),
            _ => head.code(),
        };
        mix(sum.rotate_left(5) ^ code)
    })
}

impl Form {
    /// `None` if the pairs have to be looked at one by one in each event. `may_be` is false for
    /// rules of that kind.
    #[cold]
    fn new(
        fields: &Fields,
        event: Event<'_>,
        dictionary: &Dictionary,
        may_be: impl Fn(&Rule) -> bool,
    ) -> Option<Form> {
        if fields.list().len() > PAIRS_MAX {
            return None;
        }
        let mut form = Form { texts: fields.texts().clone(), pairs: Vec::new(), bytes: Vec::new() };
        let mut written: Vec<&str> = Vec::new();
        for pair in fields.list() {
            let begin = form.bytes.len();
            let key = fields.key(pair.head(), event);
            let label = pair.head().label().and_then(|label| fields.label_pair(label, key));
            if let Some((PairKey::Dictionary(label), text)) = label {
                let rule = dictionary.rule(label.row()).filter(|rule| may_be(rule))?;
                form.open(rule.key);
                let value = form.bytes.len();
                push_value(trim(text), &mut form.bytes);
                if rule.kind != Kind::String || form.bytes.len() - value > rule.value_bytes_max {
                    return None;
                }
                written.push(rule.key);
            }
            let rule = match key {
                PairKey::Dictionary(key) => Some(dictionary.rule(key.row())?),
                PairKey::Text(text) => dictionary.find(text),
            };
            let is_known = rule.is_none_or(&may_be);
            let is_clean = clean_key(key.text(), &mut String::new(), &mut Encoded::default());
            if !is_known || !is_clean {
                return None;
            }
            form.open(key.text());
            written.push(key.text());
            form.pairs.push(Opening {
                head: pair.head(),
                begin: u32::try_from(begin).ok()?,
                length: u32::try_from(form.bytes.len() - begin).ok()?,
                value_bytes_max: rule
                    .and_then(|rule| u32::try_from(rule.value_bytes_max).ok())
                    .unwrap_or(u32::MAX),
                kind: rule.map_or(Kind::String, |rule| rule.kind),
            });
        }
        written.sort_unstable();
        let is_twice = written.windows(2).any(|two| two.first() == two.last());
        form.bytes.extend_from_slice(BEHIND.as_bytes());
        (!is_twice).then_some(form)
    }

    /// The first pair has no space before it.
    fn open(&mut self, key: &str) {
        if !self.bytes.is_empty() {
            self.bytes.push(b' ');
        }
        self.bytes.extend_from_slice(key.as_bytes());
        self.bytes.push(b'=');
    }

    fn write(
        &self,
        fields: &Fields,
        event: Event<'_>,
        is_strict: bool,
        out: &mut Vec<u8>,
    ) -> Option<u32> {
        let list = fields.list();
        if list.len() != self.pairs.len() {
            return None;
        }
        let mut mismatched = 0;
        for (pair, opening) in list.iter().zip(&self.pairs) {
            if !self.is_head(opening, pair.head(), fields, event) {
                return None;
            }
            self.push_opening(opening, out);
            if !opening.push_value(pair, fields, event, out)? {
                mismatched += 1;
            }
        }
        (mismatched == 0 || !is_strict).then_some(mismatched)
    }

    #[inline]
    fn is_head(&self, opening: &Opening, head: Head, fields: &Fields, event: Event<'_>) -> bool {
        if opening.head != head {
            return false;
        }
        if !matches!(head.key(), HeadKey::Listed(_)) {
            return true;
        }
        // No label stands before a key that is not of the dictionary, but a space may.
        let opening = self.opening(opening).trim_ascii_start();
        let key = fields.key(head, event).text();
        opening.strip_suffix(b"=").is_some_and(|opening| is_same(opening, key.as_bytes()))
    }

    fn opening(&self, opening: &Opening) -> &[u8] {
        let (begin, length) = (opening.begin as usize, opening.length as usize);
        self.bytes.get(begin..begin + length).unwrap_or_default()
    }

    #[inline]
    fn push_opening(&self, opening: &Opening, out: &mut Vec<u8>) {
        let bytes = self.bytes.get(opening.begin as usize..).unwrap_or_default();
        match Windowed::new(bytes, opening.length as usize) {
            Some(short) => short.append_to(out),
            None => append(self.opening(opening), out),
        }
    }
}

impl Opening {
    /// Says whether the value fits its key's type; `None` if it needs another look.
    #[inline]
    fn push_value(
        &self,
        pair: &Pair,
        fields: &Fields,
        event: Event<'_>,
        out: &mut Vec<u8>,
    ) -> Option<bool> {
        let (octets, length) = fields.value_and_behind(pair, event);
        let start = out.len();
        let is_fitting = match Windowed::new(octets, length) {
            Some(value) if value.is_trimmed() && value.is_clean(b'\\', b'=') => {
                value.append_to(out);
                self.kind == Kind::String
                    // Times and counters are nearly always plain digits; 18 are below 2^63.
                    || (matches!(self.kind, Kind::TimeStamp | Kind::Long)
                        && value.is_digits_up_to(18))
                    || values::fits(self.kind, fields.value(pair, event))
            }
            _ => {
                let value = trim(fields.value(pair, event));
                if value.is_empty() && self.kind != Kind::String {
                    return None;
                }
                push_value(value, out);
                values::fits(self.kind, value)
            }
        };
        (out.len() - start <= self.value_bytes_max as usize).then_some(is_fitting)
    }
}
