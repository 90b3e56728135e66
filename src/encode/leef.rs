//! LEEF 1.0 and 2.0, QRadar's own format.
//!
//! In: [`Fields`], in CEF's vocabulary. Out: `LEEF:1.0|…|EventID|` and attributes under LEEF's
//! names. LEEF documents no escapes: what would end a field or an attribute is replaced. Source:
//! IBM, LEEF version 2 format guide. Diagnostics: see [`Encoded`].

use super::Encoded;
use super::cef::{class_and_name, clean_key};
use super::civil::push_decimal;
use super::dictionary::{Dictionary, Kind};
use super::pairs::Pairs;
use super::scan::{Escapes, cut, is_clean, trim};
use super::settings::Body;
use super::truncate::Form;
use super::values;
use crate::model::event::Event;
use crate::model::fields::{Fields, Slot};

const EVENT_ID_BYTES_MAX: usize = 255;
const USER_NAME_BYTES_MAX: usize = 255;

/// How an oversize LEEF message is cut; the separator is put in by [`Leef::form`].
const FIELDS: &[(usize, &str)] =
    &[(4, "eventId"), (3, "deviceVersion"), (2, "deviceProduct"), (1, "deviceVendor")];

/// Writes LEEF bodies.
#[derive(Debug)]
pub(super) struct Leef {
    dictionary: Dictionary,
    delimiter: char,
    separator: Vec<u8>,
    /// What stands behind EventID and its pipe: nothing, or the delimiter's name and a pipe.
    head: Vec<u8>,
    pub(super) pairs: Pairs,
    key: String,
}

impl Leef {
    pub(super) fn new(body: Body) -> Leef {
        let (delimiter, head) = match body {
            Body::Leef2 { delimiter } => delimiter_and_name(delimiter),
            _ => ('\t', Vec::new()),
        };
        Leef {
            dictionary: Dictionary::new(),
            delimiter,
            separator: delimiter.to_string().into_bytes(),
            head,
            pairs: Pairs::default(),
            key: String::new(),
        }
    }

    pub(super) fn form(&self) -> Form<'_> {
        Form { separator: &self.separator, escapes: Escapes::None, fields: FIELDS }
    }

    /// Appends what stands behind the device's three fields.
    pub(super) fn body(
        &mut self,
        fields: &Fields,
        event: Event<'_>,
        out: &mut Vec<u8>,
        encoded: &mut Encoded,
    ) {
        let (class, name) = class_and_name(fields, event);
        encoded.truncated |= push_field(class, "event", EVENT_ID_BYTES_MAX, out);
        out.push(b'|');
        out.extend_from_slice(&self.head);
        self.pairs.begin(out);
        let has_time = self.times(fields, out);
        self.open_and_close("sev", out, |out| {
            push_decimal(fields.severity().get().max(1).into(), out);
        });
        if fields.pair("cat", event).is_none() && !fields.get(Slot::EventType, event).is_empty() {
            self.attribute("cat", fields.get(Slot::EventType, event), true, out, encoded);
        }
        if name != class {
            self.attribute("name", name, true, out, encoded);
        }
        let mut cleaned = std::mem::take(&mut self.key);
        for (key, value) in fields.pairs(event) {
            let (mut key, value) = (key.text(), trim(value));
            let mut may_cut = true;
            if let Some(rule) = self.dictionary.find(key) {
                if rule.kind != Kind::String {
                    if value.is_empty() || (has_time && key == "rt") {
                        continue;
                    }
                    may_cut = !values::fits(rule.kind, value);
                    encoded.mismatched += u32::from(may_cut);
                }
                may_cut &= key != "externalId";
            } else if !clean_key(key, &mut cleaned, encoded) {
                key = &cleaned;
            }
            self.attribute(translated(key), value, may_cut, out, encoded);
        }
        self.key = cleaned;
    }

    /// `devTime` as milliseconds since the epoch, which needs no `devTimeFormat`. False if the
    /// event has no time of its own.
    fn times(&mut self, fields: &Fields, out: &mut Vec<u8>) -> bool {
        let Some(time) = fields.time().filter(|time| time.0 >= 0) else { return false };
        self.open_and_close("devTime", out, |out| push_decimal(time.millis() as u64, out));
        true
    }

    fn open_and_close(&mut self, key: &str, out: &mut Vec<u8>, write: impl Fn(&mut Vec<u8>)) {
        let piece = self.pairs.open(&self.separator, key, out);
        write(out);
        self.pairs.close_custom(piece, key, false, out);
    }

    fn attribute(
        &mut self,
        key: &str,
        value: &str,
        may_cut: bool,
        out: &mut Vec<u8>,
        encoded: &mut Encoded,
    ) {
        if key.is_empty() || self.pairs.is_full() || self.pairs.has_custom(key, out) {
            encoded.dropped += 1;
            return;
        }
        let piece = self.pairs.open(&self.separator, key, out);
        let start = out.len();
        replace(trim(value), self.delimiter, ' ', out);
        if key == "usrName" && out.len() - start > USER_NAME_BYTES_MAX {
            encoded.truncated |= cut_at(out, start, USER_NAME_BYTES_MAX);
        }
        self.pairs.close_custom(piece, key, may_cut, out);
    }
}

/// The names that differ between the two vocabularies.
fn translated(key: &str) -> &str {
    match key {
        "rt" => "devTime",
        "suser" => "usrName",
        "spt" => "srcPort",
        "dpt" => "dstPort",
        "smac" => "srcMAC",
        "dmac" => "dstMAC",
        key => key,
    }
}

/// Appends a header field; true if it had to be cut.
pub(super) fn push_field(text: &str, default: &str, most: usize, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let text = match trim(text) {
        "" => default,
        text => text,
    };
    replace(text, '|', '_', out);
    out.len() - start > most && cut_at(out, start, most)
}

fn cut_at(out: &mut Vec<u8>, start: usize, most: usize) -> bool {
    let kept = out.get(start..).map_or(0, |text| cut(text, most, Escapes::None).len());
    out.truncate(start + kept);
    true
}

/// Appends `text` with `from` replaced, line breaks and TAB as a space, and without other control
/// characters.
fn replace(text: &str, from: char, to: char, out: &mut Vec<u8>) {
    // The delimiter's first octet; a multi-octet one is told from its neighbours below.
    let mut octets = [0; 4];
    let first = from.encode_utf8(&mut octets).bytes().next().unwrap_or(b'\t');
    if is_clean(text.as_bytes(), first, b'\t') {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let letter = match letter {
            '\r' => {
                letters.next_if_eq(&'\n');
                ' '
            }
            '\n' | '\t' => ' ',
            letter if letter.is_ascii_control() => continue,
            letter if letter == from => to,
            letter => letter,
        };
        out.extend_from_slice(letter.encode_utf8(&mut octets).as_bytes());
    }
}

/// The delimiter and its form in the header, a pipe behind it. One that could stand in a key, or
/// that a receiver would take for the end of the line, becomes TAB.
fn delimiter_and_name(delimiter: char) -> (char, Vec<u8>) {
    let is_usable = delimiter.is_ascii_punctuation() && !matches!(delimiter, '=' | '\\')
        || (delimiter > '\u{9f}' && delimiter <= '\u{ffff}' && !delimiter.is_alphanumeric());
    let delimiter = if is_usable { delimiter } else { '\t' };
    let name = match delimiter {
        '\t' => "x09|".to_owned(),
        '|' => "x7C|".to_owned(),
        sign if sign.is_ascii() => format!("{sign}|"),
        sign => format!("x{:04X}|", u32::from(sign)),
    };
    (delimiter, name.into_bytes())
}
