//! Cuts an oversize CEF or LEEF message down to its limit, and says so in the message.
//!
//! In: a written message, the places of its pairs, the limit. Out: a message within the limit that
//! parses: the longest values are cut to one common length; when that is not enough, pairs go from
//! the end, a label with its value, and the event's id last; when the header alone is too long, its
//! fields are cut. The pair `spoolgateTruncated` names what was cut or left out. Diagnostics: that
//! pair, and `Encoded::truncated`. This is the rare path: it allocates.

use super::pairs::{Pairs, Piece};
use super::scan::{Escapes, cut};

/// The key, in any body, of the list of what was cut.
pub(super) const MARKER: &str = "spoolgateTruncated";

/// No value is cut to fewer octets than this; beyond it, whole pairs go.
pub(super) const VALUE_BYTES_MIN: usize = 32;
/// No header field is cut to fewer: room for one character of any length.
const FIELD_BYTES_MIN: usize = 4;
/// What a header that has to be cut leaves for the extension.
const EXTENSION_BYTES_RESERVED: usize = 128;
/// The most octets of names in the marker; the others are counted.
const NAMES_BYTES_MAX: usize = 160;

/// What the cutting needs to know about a format.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form<'a> {
    /// Between pairs.
    pub(super) separator: &'a [u8],
    pub(super) escapes: Escapes,
    /// The fields of the header that may be cut, in that order: place and name.
    pub(super) fields: &'a [(usize, &'static str)],
}

/// Cuts the message that ends `out` and whose body begins at `body`, so that it ends at `end`.
pub(super) fn fit(out: &mut Vec<u8>, body: usize, end: usize, pairs: &Pairs, form: Form<'_>) {
    let text = out.split_off(pairs.base);
    let names = if out.len() + EXTENSION_BYTES_RESERVED > end {
        cut_header(out, body, end.saturating_sub(EXTENSION_BYTES_RESERVED), form)
    } else {
        Vec::new()
    };
    let room = end.saturating_sub(out.len());
    let tail = Tail { text: &text, pieces: &pairs.pieces, form, names, room };
    if let Some(extension) = tail.longest() {
        out.extend_from_slice(&extension);
    }
}

/// Cuts header fields until the header ends at `end`, or as far as that goes. Returns their names.
fn cut_header(out: &mut Vec<u8>, body: usize, end: usize, form: Form<'_>) -> Vec<&'static str> {
    let mut over = out.len().saturating_sub(end);
    let header = out.split_off(body);
    let mut fields = split_fields(&header, form.escapes);
    let mut names = Vec::new();
    for (place, name) in form.fields {
        let Some(field) = fields.get_mut(*place) else { continue };
        let kept = cut(field, field.len().saturating_sub(over).max(FIELD_BYTES_MIN), form.escapes);
        if kept.len() < field.len() {
            over = over.saturating_sub(field.len() - kept.len());
            *field = kept;
            names.push(*name);
        }
    }
    out.extend_from_slice(&fields.join(&b'|'));
    names
}

/// Splits at the pipes that are not escaped.
fn split_fields(header: &[u8], escapes: Escapes) -> Vec<&[u8]> {
    let mut is_escaped = false;
    header
        .split(|byte| {
            let is_end = *byte == b'|' && !is_escaped;
            is_escaped = escapes == Escapes::Backslash && *byte == b'\\' && !is_escaped;
            is_end
        })
        .collect()
}

/// An extension that is too long.
struct Tail<'a> {
    text: &'a [u8],
    pieces: &'a [Piece],
    form: Form<'a>,
    /// Header fields that were cut.
    names: Vec<&'static str>,
    room: usize,
}

impl Tail<'_> {
    /// The extension that loses least; `None` if not even the marker has room.
    fn longest(&self) -> Option<Vec<u8>> {
        let all = self.pieces.len();
        let longest = self.pieces.iter().map(|piece| piece.end - piece.value).max().unwrap_or(0);
        let at_least = |kept| self.build(kept, VALUE_BYTES_MIN);
        let (kept, floor) = match at_least(all) {
            Some(floor) => (all, floor),
            None => last_that_fits(0, all, at_least)?,
        };
        let levels = last_that_fits(VALUE_BYTES_MIN, longest + 1, |level| self.build(kept, level));
        Some(levels.map_or(floor, |(_, extension)| extension))
    }

    /// The extension with values of at most `level` octets, of the first `kept` pairs; `None` if it
    /// is too long. Pairs behind them that stay: the event's id, as long as any other stays.
    fn build(&self, kept: usize, level: usize) -> Option<Vec<u8>> {
        let mut built = Vec::with_capacity(self.room);
        let mut marker = Marker::new(self.room);
        self.names.iter().for_each(|name| marker.add(name));
        for (at, piece) in self.pieces.iter().enumerate() {
            let (key, value) = self.key_and_value(piece);
            if key == MARKER.as_bytes() {
                continue;
            }
            let is_id = key == b"externalId" && kept > 0;
            if !is_id && (at >= kept || self.lacks_partner(piece, kept)) {
                marker.add(str::from_utf8(key).unwrap_or(""));
                continue;
            }
            let value = match piece.may_cut && value.len() > level {
                true => {
                    marker.add(str::from_utf8(key).unwrap_or(""));
                    cut(value, level, self.form.escapes)
                }
                false => value,
            };
            for part in [self.separator(&built), key, b"=", value] {
                built.extend_from_slice(part);
            }
            if built.len() > self.room {
                return None;
            }
        }
        built.extend_from_slice(self.separator(&built));
        built.extend_from_slice(MARKER.as_bytes());
        built.push(b'=');
        built.extend_from_slice(marker.finish().join(",").as_bytes());
        (built.len() <= self.room).then_some(built)
    }

    fn separator(&self, built: &[u8]) -> &[u8] {
        if built.is_empty() { b"" } else { self.form.separator }
    }

    fn key_and_value(&self, piece: &Piece) -> (&[u8], &[u8]) {
        let key = self.text.get(piece.start..piece.value - 1).unwrap_or(b"");
        (key, self.text.get(piece.value..piece.end).unwrap_or(b""))
    }

    /// True if the label of this value, or the value of this label, is among those that go.
    fn lacks_partner(&self, piece: &Piece, kept: usize) -> bool {
        piece.may_have_partner()
            && self.pieces.iter().skip(kept).any(|other| piece.is_partner_of(other))
    }
}

/// The greatest number from `low` to below `high` for which `build` yields something, as far as
/// bisection finds it; `None` if it yields nothing for `low`.
fn last_that_fits<T>(
    low: usize,
    high: usize,
    build: impl Fn(usize) -> Option<T>,
) -> Option<(usize, T)> {
    let (mut low, mut high) = (low, high);
    let mut best = (low, build(low)?);
    while high.saturating_sub(low) > 1 {
        let middle = low + (high - low) / 2;
        match build(middle) {
            Some(built) => {
                best = (middle, built);
                low = middle;
            }
            None => high = middle,
        }
    }
    Some(best)
}

/// The list of what was cut: names while there is room for them, then `+` and how many more.
pub(super) struct Marker {
    names: Vec<String>,
    room: usize,
    more: usize,
}

impl Marker {
    /// What a list without names takes: the key, quotes, brackets and a count, in any body.
    pub(super) const BYTES_MIN: usize = 44;

    /// The names of the list take at most half of the `room` for everything behind the header.
    pub(super) fn new(room: usize) -> Marker {
        let room = NAMES_BYTES_MAX.min(room.saturating_sub(Marker::BYTES_MIN) / 2);
        Marker { names: Vec::new(), room, more: 0 }
    }

    /// The octets that names may still take, with quotes and commas.
    pub(super) fn room(&self) -> usize {
        self.room
    }

    /// A name that would need escapes is counted only.
    pub(super) fn add(&mut self, name: &str) {
        let is_plain =
            name.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'));
        let length = name.len() + 3;
        if self.more > 0 || !is_plain || length > self.room {
            self.more += 1;
            return;
        }
        self.room -= length;
        self.names.push(name.to_owned());
    }

    /// The names, and how many more there are.
    pub(super) fn finish(mut self) -> Vec<String> {
        if self.more > 0 {
            self.names.push(format!("+{}", self.more));
        }
        self.names
    }
}
