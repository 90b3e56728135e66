//! CEF: the header's fields, the extension's pairs, and every escape of the format.
//!
//! In: [`Fields`], unescaped and uncut. Out: `CEF:0|…|` and the extension behind the seventh pipe,
//! with the lengths and types of the dictionary enforced. Nothing else in the program escapes CEF.
//! Source: the CEF implementation standard, version 27. Diagnostics: what could not be expressed is
//! counted in [`Encoded`].

use super::dictionary::{Dictionary, Kind, Rule};
use super::forms::Forms;
use super::pairs::Pairs;
use super::scan::{Escapes, Pieces, cut, is_clean, trim};
use super::settings::CefSettings;
use super::truncate::Form;
use super::values;
use super::{Encoded, strict};
use crate::model::event::Event;
use crate::model::fields::{Fields, Labelled, PairKey, Slot};
use crate::model::text::append;

/// The most octets of a header field, escaped (CEF standard, header field definitions).
pub(super) const VENDOR_BYTES_MAX: usize = 63;
pub(super) const PRODUCT_BYTES_MAX: usize = 63;
pub(super) const VERSION_BYTES_MAX: usize = 31;
const EVENT_CLASS_ID_BYTES_MAX: usize = 1023;
const NAME_BYTES_MAX: usize = 512;

/// The most octets of a custom key; the longest key of the dictionary has 36.
const KEY_BYTES_MAX: usize = 128;

/// How an oversize CEF message is cut: the readable name first, what a QID is mapped from late.
pub(super) const FORM: Form = Form {
    separator: b" ",
    escapes: Escapes::Backslash,
    fields: &[
        (5, "name"),
        (4, "deviceEventClassId"),
        (3, "deviceVersion"),
        (2, "deviceProduct"),
        (1, "deviceVendor"),
    ],
};

/// Writes CEF bodies.
#[derive(Debug)]
pub(super) struct Cef {
    dictionary: Dictionary,
    /// `CEF:1`
    is_version_1: bool,
    is_strict: bool,
    pub(super) pairs: Pairs,
    /// Dictionary keys of this message that are written.
    written: Marks,
    /// Labels of this message whose value is not there: they would be alone.
    withheld: Marks,
    key: String,
    forms: Forms,
}

impl Cef {
    pub(super) fn new(settings: &CefSettings) -> Cef {
        Cef {
            dictionary: Dictionary::new(),
            is_version_1: settings.version == 1,
            is_strict: settings.strict,
            pairs: Pairs::default(),
            written: Marks::default(),
            withheld: Marks::default(),
            key: String::new(),
            forms: Forms::new(settings),
        }
    }

    /// Appends what stands behind the device's three fields. A message that ends behind `end` has
    /// to be cut.
    pub(super) fn body(
        &mut self,
        fields: &Fields,
        event: Event<'_>,
        end: usize,
        out: &mut Vec<u8>,
        encoded: &mut Encoded,
    ) {
        let (class, name) = class_and_name(fields, event);
        encoded.truncated |= push_field(class, "event", EVENT_CLASS_ID_BYTES_MAX, out);
        out.push(b'|');
        encoded.truncated |= push_field(name, "event", NAME_BYTES_MAX, out);
        let severity = fields.severity().get();
        match severity {
            0..10 => out.extend_from_slice(&[b'|', b'0' + severity, b'|']),
            _ => out.extend_from_slice(b"|10|"),
        }
        let extension = out.len();
        let mismatched = self.forms.write(fields, event, &self.dictionary, out);
        if let Some(mismatched) = mismatched.filter(|_| out.len() <= end) {
            encoded.mismatched += mismatched;
            return;
        }
        out.truncate(extension);
        self.pair_by_pair(fields, event, out, encoded);
    }

    /// Appends the extension.
    fn pair_by_pair(
        &mut self,
        fields: &Fields,
        event: Event<'_>,
        out: &mut Vec<u8>,
        encoded: &mut Encoded,
    ) {
        self.pairs.begin(out);
        self.written = Marks::default();
        self.withheld = Marks::default();
        let mut line = Line {
            dictionary: &self.dictionary,
            is_version_1: self.is_version_1,
            is_strict: self.is_strict,
            fields,
            event,
            pairs: &mut self.pairs,
            written: &mut self.written,
            withheld: &mut self.withheld,
            out,
            encoded,
        };
        for Labelled { label, key, value } in fields.labelled(event) {
            if let Some((key, label)) = label.and_then(|label| fields.label_pair(label, key)) {
                line.pair(key, label, &mut self.key);
            }
            line.pair(key, value, &mut self.key);
        }
    }
}

/// Neither is empty as long as the event has a type.
pub(super) fn class_and_name<'a>(fields: &'a Fields, event: Event<'a>) -> (&'a str, &'a str) {
    let class =
        first_of(fields.get(Slot::EventClassId, event), || fields.get(Slot::EventType, event));
    let name = first_of(fields.get(Slot::Name, event), || class);
    (first_of(class, || name), name)
}

#[inline]
fn first_of<'a>(text: &'a str, other: impl FnOnce() -> &'a str) -> &'a str {
    if trim(text).is_empty() { other() } else { text }
}

/// The extension of one message while it is written.
pub(super) struct Line<'a> {
    pub(super) dictionary: &'a Dictionary,
    is_version_1: bool,
    is_strict: bool,
    pub(super) fields: &'a Fields,
    pub(super) event: Event<'a>,
    pairs: &'a mut Pairs,
    pub(super) written: &'a mut Marks,
    withheld: &'a mut Marks,
    out: &'a mut Vec<u8>,
    pub(super) encoded: &'a mut Encoded,
}

impl Line<'_> {
    fn pair(&mut self, key: PairKey<'_>, value: &str, cleaned: &mut String) {
        let rule = match key {
            PairKey::Dictionary(key) => self.dictionary.rule(key.row()),
            PairKey::Text(text) => self.dictionary.find(text),
        };
        match rule {
            Some(rule) => self.known(rule, value),
            None => self.other(key.text(), value, cleaned),
        }
    }

    fn other(&mut self, key: &str, value: &str, cleaned: &mut String) {
        let dictionary = self.dictionary;
        if clean_key(key, cleaned, self.encoded) {
            return self.custom(key, value);
        }
        match dictionary.find(cleaned) {
            Some(rule) => self.known(rule, value),
            None if cleaned.is_empty() => self.encoded.dropped += 1,
            None => self.custom(cleaned, value),
        }
    }

    fn known(&mut self, rule: &Rule, value: &str) {
        if rule.is_consumer || self.written.has(rule.index) {
            self.encoded.dropped += 1;
            return;
        }
        if self.withheld.has(rule.index) {
            return;
        }
        let value = trim(value);
        let mut fits = true;
        if rule.kind != Kind::String {
            if value.is_empty() {
                return self.withhold_label(rule);
            }
            fits = values::fits(rule.kind, value);
            self.encoded.mismatched += u32::from(!fits);
        }
        if self.is_strict && (!fits || (rule.is_since_1 && !self.is_version_1)) {
            return strict::relocate(self, rule, value);
        }
        let may_cut = if rule.kind == Kind::String { rule.key != "externalId" } else { !fits };
        self.write(rule, value, may_cut);
    }

    fn custom(&mut self, key: &str, value: &str) {
        if self.pairs.is_full() || self.pairs.has_custom(key, self.out) {
            self.encoded.dropped += 1;
            return;
        }
        let piece = self.pairs.open(FORM.separator, key, self.out);
        push_value(trim(value), self.out);
        self.pairs.close_custom(piece, key, true, self.out);
    }

    /// Writes the pair of a dictionary key, its value cut to the length that the key allows.
    pub(super) fn write(&mut self, rule: &Rule, value: &str, may_cut: bool) {
        if self.pairs.is_full() {
            self.encoded.dropped += 1;
            return;
        }
        let piece = self.pairs.open_known(rule, self.out);
        self.written.add(rule.index);
        let start = self.out.len();
        push_value(value, self.out);
        if self.out.len() - start > rule.value_bytes_max {
            cut_at(self.out, start, rule.value_bytes_max);
            self.encoded.truncated = true;
        }
        self.pairs.close_known(piece, rule, may_cut, self.out);
    }

    /// A label without its value makes some receivers refuse the whole event.
    pub(super) fn withhold_label(&mut self, rule: &Rule) {
        let Some(partner) = rule.partner else { return };
        self.withheld.add(partner);
        if self.written.has(partner) {
            self.written.remove(partner);
            self.pairs.remove(partner, self.out);
        }
    }
}

/// True if the key is one word of letters and digits that is not too long; else `cleaned` is what
/// remains of it.
pub(super) fn clean_key(key: &str, cleaned: &mut String, encoded: &mut Encoded) -> bool {
    let is_word = key.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if is_word && (1..=KEY_BYTES_MAX).contains(&key.len()) {
        return true;
    }
    cleaned.clear();
    cleaned.extend(key.chars().filter(char::is_ascii_alphanumeric));
    encoded.truncated |= cleaned.len() > KEY_BYTES_MAX;
    cleaned.truncate(KEY_BYTES_MAX);
    false
}

/// Appends a header field; true if it had to be cut. `default` stands in for an empty one, which
/// some receivers refuse.
pub(super) fn push_field(text: &str, default: &str, most: usize, out: &mut Vec<u8>) -> bool {
    let text = match trim(text) {
        "" => default,
        text => text,
    };
    let start = out.len();
    push_text(text, b'|', b" ", out);
    let is_long = out.len() - start > most;
    if is_long {
        cut_at(out, start, most);
    }
    is_long
}

/// Appends an extension value: `\\`, `\=` and `\n` are its only escapes. CR LF and CR become `\n`,
/// which all receivers agree on; TAB, a separator to some, becomes a space; other control
/// characters have no form and go.
#[inline]
pub(super) fn push_value(value: &str, out: &mut Vec<u8>) {
    push_text(value, b'=', br"\n", out);
}

/// Appends a text, a backslash before each backslash and each `escaped`.
#[inline]
fn push_text(text: &str, escaped: u8, line_break: &[u8], out: &mut Vec<u8>) {
    if is_clean(text.as_bytes(), b'\\', escaped) {
        append(text.as_bytes(), out);
    } else {
        push_pieces(text, escaped, line_break, out);
    }
}

fn push_pieces(text: &str, escaped: u8, line_break: &[u8], out: &mut Vec<u8>) {
    let mut pieces = Pieces::new(text.as_bytes(), b'\\', escaped);
    let mut is_behind_cr = false;
    for piece in pieces.by_ref() {
        piece.append_to(out);
        let byte = piece.special;
        match byte {
            // Of CR LF, CR was written.
            b'\n' if is_behind_cr && piece.is_empty() => {}
            b'\r' | b'\n' => out.extend_from_slice(line_break),
            b'\t' => out.push(b' '),
            _ if byte == b'\\' || byte == escaped => out.extend_from_slice(&[b'\\', byte]),
            _ => {}
        }
        is_behind_cr = byte == b'\r';
    }
    append(pieces.rest(), out);
}

fn cut_at(out: &mut Vec<u8>, start: usize, most: usize) {
    let kept = out.get(start..).map_or(0, |text| cut(text, most, Escapes::Backslash).len());
    out.truncate(start + kept);
}

/// A set of dictionary rules.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Marks([u64; 4]);

impl Marks {
    pub(super) fn has(&self, index: u8) -> bool {
        self.0.get(usize::from(index / 64)).is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    pub(super) fn add(&mut self, index: u8) {
        if let Some(word) = self.0.get_mut(usize::from(index / 64)) {
            *word |= 1 << (index % 64);
        }
    }

    fn remove(&mut self, index: u8) {
        if let Some(word) = self.0.get_mut(usize::from(index / 64)) {
            *word &= !(1 << (index % 64));
        }
    }
}
