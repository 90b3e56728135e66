//! A mapped event: what the encoders write, in CEF's vocabulary, unescaped and not yet cut.
//!
//! Values that stand in the event as they shall be written are not copied: the fields know their
//! place, and whoever reads the pairs shows the event again.

use std::fmt;

use super::cef::DictionaryKey;
use super::event::{Event, Place};
use super::head::{Head, HeadKey};
use super::texts::{BEHIND, TextId, Texts};
use super::time::EventTime;

/// A range of bytes in the text of [`Fields`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Part {
    start: u32,
    end: u32,
}

/// The key of an extension pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairKey<'a> {
    /// One of the dictionary, so that nobody has to search for it.
    Dictionary(DictionaryKey),
    /// Any other; also one of the dictionary that nobody has searched for.
    Text(&'a str),
}

impl<'a> PairKey<'a> {
    /// The key as it is written.
    pub fn text(self) -> &'a str {
        match self {
            PairKey::Dictionary(key) => key.text(),
            PairKey::Text(text) => text,
        }
    }
}

impl fmt::Display for PairKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// A text that is kept, that a schema names, or that stands in the event.
#[derive(Clone, Copy, Debug)]
enum KeptText {
    Own(Part),
    Fixed(TextId),
    InEvent(Place),
}

impl Default for KeptText {
    fn default() -> KeptText {
        KeptText::Own(Part::default())
    }
}

/// A pair that is kept.
#[derive(Clone, Copy, Debug)]
pub struct Pair {
    head: Head,
    value: KeptText,
}

impl Pair {
    /// What stands before the value.
    #[inline]
    pub fn head(&self) -> Head {
        self.head
    }
}

/// An extension pair, and the label that stands before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Labelled<'a> {
    /// Another pair, under the key that labels this one; see [`Fields::label_pair`].
    pub label: Option<TextId>,
    /// The key.
    pub key: PairKey<'a>,
    /// The value, unescaped.
    pub value: &'a str,
}

/// The places of a mapped event that hold text and are not extension pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// CEF Device Vendor.
    DeviceVendor,
    /// CEF Device Product; also RFC 5424 APP-NAME.
    DeviceProduct,
    /// CEF Device Version.
    DeviceVersion,
    /// CEF Device Event Class ID: short, stable, what a QID is mapped from.
    EventClassId,
    /// CEF Name: readable, without variable data.
    Name,
    /// The event's stable id; see [`crate::model::id`].
    Id,
    /// What filters by event type look at, for instance `dlp.match`.
    EventType,
}

const SLOTS: usize = 7;

/// A mapped event. Reused from event to event: [`Fields::clear`] keeps the memory.
#[derive(Debug, Default)]
pub struct Fields {
    text: String,
    fixed: Texts,
    slots: [KeptText; SLOTS],
    severity: Severity,
    time: Option<EventTime>,
    pairs: Vec<Pair>,
    /// The keys that neither the dictionary nor the schema has.
    keys: Vec<KeptText>,
}

/// CEF severity, 0 to 10: 0 to 3 low, 4 to 6 medium, 7 and 8 high, 9 and 10 very high.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Severity(u8);

impl Default for Severity {
    /// What QRadar assumes of an event that names none.
    fn default() -> Severity {
        Severity(5)
    }
}

impl Severity {
    /// `None` above 10.
    pub const fn new(severity: u8) -> Option<Severity> {
        if severity <= 10 { Some(Severity(severity)) } else { None }
    }

    /// 0 to 10.
    pub fn get(self) -> u8 {
        self.0
    }

    /// The severity of PRI (RFC 5424, table 2) that goes with it (design, section 4).
    pub fn syslog(self) -> u8 {
        match self.0 {
            9.. => 2,
            7..=8 => 3,
            4..=6 => 4,
            _ => 6,
        }
    }
}

impl Fields {
    /// An empty one.
    pub fn new() -> Fields {
        Fields::default()
    }

    /// Forgets the last event and keeps the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.slots = [KeptText::default(); SLOTS];
        self.severity = Severity::default();
        self.time = None;
        self.pairs.clear();
        self.keys.clear();
    }

    /// Says which texts [`TextId`] means from here on; not to be changed between pairs.
    #[inline]
    pub fn use_texts(&mut self, texts: &Texts) {
        if !self.fixed.is_same(texts) {
            self.fixed = texts.clone();
        }
    }

    /// The texts in use.
    #[inline]
    pub fn texts(&self) -> &Texts {
        &self.fixed
    }

    /// Sets one text slot; an earlier value is forgotten.
    pub fn set(&mut self, slot: Slot, text: &str) {
        self.set_with(slot, |out| out.push_str(text));
    }

    /// Like [`Fields::set`], for a text that is written piece by piece. `write` only appends.
    pub fn set_with(&mut self, slot: Slot, write: impl FnOnce(&mut String)) {
        let part = self.keep(write);
        self.put(slot, KeptText::Own(part));
    }

    /// Like [`Fields::set`], for one of the texts in use.
    pub fn set_fixed(&mut self, slot: Slot, text: TextId) {
        self.put(slot, KeptText::Fixed(text));
    }

    /// Like [`Fields::set`], for a text that stands in the event.
    pub fn set_in_event(&mut self, slot: Slot, text: Place) {
        self.put(slot, KeptText::InEvent(text));
    }

    /// Sets a slot to what another one has.
    pub fn set_as(&mut self, slot: Slot, other: Slot) {
        self.put(slot, self.slots.get(other as usize).copied().unwrap_or_default());
    }

    fn put(&mut self, slot: Slot, text: KeptText) {
        if let Some(place) = self.slots.get_mut(slot as usize) {
            *place = text;
        }
    }

    /// One text slot; empty when it was not set. `event` is the one they were mapped from.
    pub fn get<'a>(&'a self, slot: Slot, event: Event<'a>) -> &'a str {
        self.slots.get(slot as usize).map_or("", |text| self.kept(*text, event))
    }

    /// The slot, if it is one of the texts in use.
    #[inline]
    pub fn fixed(&self, slot: Slot) -> Option<TextId> {
        match self.slots.get(slot as usize) {
            Some(KeptText::Fixed(text)) => Some(*text),
            _ => None,
        }
    }

    /// Sets the CEF severity.
    pub fn set_severity(&mut self, severity: Severity) {
        self.severity = severity;
    }

    /// CEF severity.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// Sets when the event happened.
    pub fn set_time(&mut self, time: Option<EventTime>) {
        self.time = time;
    }

    /// When the event happened, where it says so.
    pub fn time(&self) -> Option<EventTime> {
        self.time
    }

    /// Adds an extension pair behind the others. An empty value stays on the wire as `key=`:
    /// whoever maps leaves out the pairs that shall not be there.
    pub fn push(&mut self, key: PairKey<'_>, value: &str) {
        let head = self.head(key);
        self.push_with(head, |out| out.push_str(value));
    }

    /// The head of a pair with that key, for a pair that is added next.
    pub fn head(&mut self, key: PairKey<'_>) -> Head {
        match key {
            PairKey::Dictionary(key) => Head::new(HeadKey::Dictionary(key)),
            PairKey::Text(text) => {
                let part = self.keep(|out| out.push_str(text));
                self.list_key(KeptText::Own(part))
            }
        }
    }

    #[inline]
    fn list_key(&mut self, key: KeptText) -> Head {
        self.keys.push(key);
        Head::new(HeadKey::Listed(self.keys.len() - 1))
    }

    /// Like [`Fields::push`], for a value that is written piece by piece. `write` only appends.
    pub fn push_with(&mut self, head: Head, write: impl FnOnce(&mut String)) {
        let value = self.keep(write);
        self.add(head, KeptText::Own(value));
    }

    /// Like [`Fields::push`], for one of the texts in use.
    #[inline]
    pub fn push_fixed(&mut self, head: Head, value: TextId) {
        self.add(head, KeptText::Fixed(value));
    }

    /// Like [`Fields::push`], for the text of a slot.
    pub fn push_as(&mut self, head: Head, slot: Slot) {
        self.add(head, self.slots.get(slot as usize).copied().unwrap_or_default());
    }

    /// Like [`Fields::push`], for a value that stands in the event.
    #[inline]
    pub fn push_in_event(&mut self, head: Head, value: Place) {
        self.add(head, KeptText::InEvent(value));
    }

    /// Like [`Fields::push_in_event`], for a key of no dictionary that stands in the event, too.
    #[inline]
    pub fn push_member(&mut self, key: Place, value: Place) {
        let head = self.list_key(KeptText::InEvent(key));
        self.add(head, KeptText::InEvent(value));
    }

    #[inline]
    fn add(&mut self, head: Head, value: KeptText) {
        self.pairs.push(Pair { head, value });
    }

    /// Says that nothing is added any more; more than the last text may then be read at once.
    pub fn finish(&mut self) {
        self.text.push_str(BEHIND);
    }

    /// The extension pairs in their order, labels among them. `event` is the one they were mapped
    /// from.
    pub fn pairs<'a>(
        &'a self,
        event: Event<'a>,
    ) -> impl Iterator<Item = (PairKey<'a>, &'a str)> + use<'a> {
        self.labelled(event).flat_map(|pair| {
            let label = pair.label.and_then(|label| self.label_pair(label, pair.key));
            label.into_iter().chain([(pair.key, pair.value)])
        })
    }

    /// The pair that labels the key; `None` for a key that no other labels.
    pub fn label_pair<'a>(
        &'a self,
        label: TextId,
        key: PairKey<'a>,
    ) -> Option<(PairKey<'a>, &'a str)> {
        let PairKey::Dictionary(key) = key else { return None };
        Some((PairKey::Dictionary(key.label()?), self.fixed.get(label)))
    }

    /// The same, each label with the pair it stands before.
    pub fn labelled<'a>(
        &'a self,
        event: Event<'a>,
    ) -> impl Iterator<Item = Labelled<'a>> + use<'a> {
        self.pairs.iter().map(move |pair| Labelled {
            label: pair.head.label(),
            key: self.key(pair.head, event),
            value: self.value(pair, event),
        })
    }

    /// The same, neither key nor value looked up: see [`Fields::key`] and [`Fields::value`].
    #[inline]
    pub fn list(&self) -> &[Pair] {
        &self.pairs
    }

    /// The key of a head.
    #[inline]
    pub fn key<'a>(&'a self, head: Head, event: Event<'a>) -> PairKey<'a> {
        match head.key() {
            HeadKey::Dictionary(key) => PairKey::Dictionary(key),
            HeadKey::Fixed(text) => PairKey::Text(self.fixed.get(text)),
            HeadKey::Listed(place) => {
                PairKey::Text(self.keys.get(place).map_or("", |key| self.kept(*key, event)))
            }
        }
    }

    /// The value of a pair.
    #[inline]
    pub fn value<'a>(&'a self, pair: &Pair, event: Event<'a>) -> &'a str {
        self.kept(pair.value, event)
    }

    /// The same, and what stands behind it: octets of which the first so many are the value.
    #[inline]
    pub fn value_and_behind<'a>(&'a self, pair: &Pair, event: Event<'a>) -> (&'a [u8], usize) {
        let (text, part) = match pair.value {
            KeptText::Own(part) => (self.text.as_str(), part.start as usize..part.end as usize),
            KeptText::Fixed(text) => {
                let (text, length) = self.fixed.padded(text);
                (text, 0..length)
            }
            KeptText::InEvent(place) => event.part_at(place),
        };
        (text.as_bytes().get(part.start..).unwrap_or_default(), part.len())
    }

    /// The value of an extension key; the first, should it stand twice.
    pub fn pair<'a>(&'a self, key: &str, event: Event<'a>) -> Option<&'a str> {
        self.pairs(event).find(|(name, _)| name.text() == key).map(|(_, value)| value)
    }

    fn keep(&mut self, write: impl FnOnce(&mut String)) -> Part {
        let start = self.text.len() as u32;
        write(&mut self.text);
        Part { start, end: self.text.len() as u32 }
    }

    #[inline]
    fn kept<'a>(&'a self, text: KeptText, event: Event<'a>) -> &'a str {
        match text {
            KeptText::Own(part) => self.part(part),
            KeptText::Fixed(text) => self.fixed.get(text),
            KeptText::InEvent(place) => event.text_at(place),
        }
    }

    fn part(&self, part: Part) -> &str {
        self.text.get(part.start as usize..part.end as usize).unwrap_or("")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::{Tape, Value};

    #[test]
    fn holds_slots_and_pairs_in_order() {
        let mut fields = Fields::new();
        fields.set(Slot::Name, "first");
        fields.set(Slot::Name, "second");
        let rt = PairKey::Dictionary(DictionaryKey::find("rt").unwrap());
        let line = "a line with 1";
        let mut tape = Tape::new();
        tape.number_in_line(12, 13);
        let event = Event::new(&tape, line);
        let rt = fields.head(rt);
        fields.push_in_event(rt, event.root().and_then(Value::place).unwrap());
        fields.push(PairKey::Text("cs2"), "");
        fields.use_texts(&Texts::new(vec!["of the schema".to_owned()]));
        let msg = fields.head(PairKey::Text("msg"));
        fields.push_fixed(msg, TextId::at(0));
        let cs1 = fields.head(PairKey::Dictionary(DictionaryKey::find("cs1").unwrap()));
        fields.push_with(cs1.labelled(TextId::at(0)), |value| value.push('3'));
        fields.set_fixed(Slot::EventClassId, TextId::at(0));
        fields.set_as(Slot::EventType, Slot::EventClassId);
        fields.set_in_event(Slot::Id, event.root().and_then(Value::place).unwrap());
        assert_eq!(fields.get(Slot::EventType, event), "of the schema");
        assert_eq!(fields.get(Slot::Name, event), "second");
        assert_eq!(fields.get(Slot::Id, event), "1");
        let pairs: Vec<_> = fields.pairs(event).map(|(key, value)| (key.text(), value)).collect();
        let label = ("cs1Label", "of the schema");
        assert_eq!(
            pairs,
            [("rt", "1"), ("cs2", ""), ("msg", "of the schema"), label, ("cs1", "3")]
        );
        assert_eq!(fields.pair("cs2", event), Some(""));
        fields.clear();
        assert_eq!(fields.get(Slot::Id, event), "");
        assert_eq!(fields.pairs(event).count(), 0);
    }

    #[test]
    fn syslog_severity_follows_the_design() {
        let of = |n| Severity::new(n).map(Severity::syslog);
        assert_eq!(
            [of(0), of(3), of(4), of(6), of(7), of(8), of(9), of(10)],
            [Some(6), Some(6), Some(4), Some(4), Some(3), Some(3), Some(2), Some(2)]
        );
        assert_eq!(of(11), None);
    }
}
