//! Carries out a plan: the values that one walk found become fields.
//!
//! In: a plan, the slots of an event. Out: [`Fields`]. A value that is missing, `null`, an empty
//! list or object, or text of nothing but spaces counts as absent: CEF receivers refuse such
//! values where a key has a type.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::model::event::{Event, Kind, Place as TextPlace, Value};
use crate::model::fields::{Fields, PairKey, Severity, Slot};
use crate::model::head::{Head, HeadKey};
use crate::model::id;
use crate::model::position::Position;
use crate::model::text::push_ascii;
use crate::model::texts::{TextId, Texts};
use crate::model::time::EventTime;

use super::json;
use super::keys::DictionaryKeys;
use super::lookup::Lookup;
use super::path::{self, Path, Step};
use super::plan::{
    BuiltIn, Choice, From, HEADER, Only, PathId, Piece, Plan, Row, Scale, SeverityPlan, Source,
    Test, Turn, ValueMap, Write,
};
use super::program::{Op, Program};
use super::time::{self, TimeKind};
use super::trie::Indices;

/// What was found in one event, seen by one schema.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found<'a> {
    pub(super) event: Event<'a>,
    pub(super) slots: Indices<'a>,
    /// The schema's paths and, by the same places, where their values are.
    pub(super) paths: &'a [Path],
    pub(super) places: &'a [Place],
    /// The texts that the schema names.
    pub(super) texts: &'a Texts,
}

/// Where the value of a path is found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// Its head's slot.
    pub(super) slot: u32,
    /// Steps follow the head.
    pub(super) has_tail: bool,
}

/// A value on its way to the fields. Small, since it is handed on several times: containers are
/// named by their index in the tape.
#[derive(Clone, Copy)]
enum Ready<'a> {
    Fixed(TextId),
    /// A scalar that is written as it stands, and where that is.
    Scalar(Option<TextPlace>, &'a str),
    Value(u32),
    Json(u32),
    Each(u32, &'a [Step]),
    Template(&'a [Piece]),
    Millis(i64),
    /// The id, which has its own slot.
    Id,
    /// An id that `externalId` has no room for.
    LongId(&'a str),
}

/// Memory that is kept from event to event.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// Composed header parts.
    composed: String,
    /// What is known of the keys of objects that are copied.
    keys: DictionaryKeys,
}

/// The index of the whole event.
const ROOT: u32 = 0;

/// Fills `out`, which is empty. `program` is that of the plan and of the event's shape, if there is
/// one.
pub(super) fn emit<'a>(
    plan: &'a Plan,
    program: Option<&Program>,
    found: Found<'a>,
    position: Position,
    scratch: &'a mut Scratch,
    out: &mut Fields,
) {
    let Scratch { composed: scratch, keys } = scratch;
    let own_id = plan.id.iter().find_map(|path| found.placed(*path));
    let time = plan.time.iter().find_map(|(path, kind)| time::parse(found.scalar(*path)?, *kind));
    out.use_texts(found.texts);
    match own_id {
        Some((Some(place), _)) => out.set_in_event(Slot::Id, place),
        Some((None, id)) => out.set(Slot::Id, id),
        None => out.set_with(Slot::Id, |id| id::derive(position, id)),
    }
    let long_id = own_id.map(|(_, id)| id).filter(|id| !id::is_external_id(id));
    let made = Made { found, long_id, time };
    out.set_time(time);
    out.set_severity(found.severity(&plan.severity));
    for ((_, slot), source) in HEADER.iter().zip(&plan.header) {
        made.set(*slot, source, scratch, out);
    }
    let event_type = plan.event_type.as_ref();
    if !event_type.is_some_and(|source| made.set(Slot::EventType, source, scratch, out)) {
        out.set_as(Slot::EventType, Slot::EventClassId);
    }
    match program {
        Some(program) => program.ops.iter().for_each(|op| made.carry_out(*op, plan, keys, out)),
        None => plan.rows.iter().for_each(|row| made.push(row, keys, out)),
    }
    out.finish();
}

impl<'a> Found<'a> {
    /// True when every test holds.
    pub(super) fn holds_all(&self, tests: &[Test]) -> bool {
        tests.iter().all(|test| self.holds(test))
    }

    fn holds(&self, test: &Test) -> bool {
        let scalar = |path: &PathId| self.value(*path).and_then(Value::scalar);
        match test {
            Test::Exists(path, wanted) => {
                // Behind `[]` an element must be there, not only the list.
                let steps = self.steps(*path);
                let is_there = self.value(*path).is_some_and(|value| {
                    steps.is_empty() || !path::for_each(value, steps, &mut |_| false)
                });
                is_there == *wanted
            }
            Test::OneOf(path, known) => scalar(path).is_some_and(|text| known.find(text).is_some()),
            Test::Prefix(path, prefix) => scalar(path).is_some_and(|text| text.starts_with(prefix)),
            Test::Any(tests) => tests.iter().any(|test| self.holds(test)),
        }
    }

    /// Where the value at the path's head is, and whether steps follow.
    pub(super) fn index(&self, path: PathId) -> Option<(u32, bool)> {
        let place = self.places.get(usize::from(path.0))?;
        Some((self.slots.index(place.slot)?, place.has_tail))
    }

    /// The value at the path's head.
    fn value(&self, path: PathId) -> Option<Value<'a>> {
        self.slots.value(self.places.get(usize::from(path.0))?.slot, self.event)
    }

    fn by_index(&self, index: u32, write: impl FnOnce(Value<'a>)) {
        if let Some(value) = self.event.by_index(index) {
            write(value);
        }
    }

    /// What follows the path's first `[]`.
    fn steps(&self, path: PathId) -> &'a [Step] {
        self.paths.get(usize::from(path.0)).map_or(&[], |path| &path.tail)
    }

    fn scalar(&self, path: PathId) -> Option<&'a str> {
        self.placed(path).map(|(_, text)| text)
    }

    /// The same, and where it stands.
    #[inline]
    fn placed(&self, path: PathId) -> Option<(Option<TextPlace>, &'a str)> {
        let value = self.value(path)?;
        let text = value.scalar().filter(|text| !is_blank(text))?;
        Some((value.place(), text))
    }

    fn severity(&self, plan: &SeverityPlan) -> Severity {
        let read = |text: &str, scale: &Scale| match scale {
            Scale::Cef => text.trim().parse().ok().and_then(Severity::new),
            Scale::Map(keys, values) => values.get(keys.find_ignoring_case(text.trim())?).copied(),
        };
        let first = plan.choices.iter().find_map(|choice| {
            choice.paths.iter().find_map(|path| read(self.scalar(*path)?, &choice.scale))
        });
        first.unwrap_or(plan.default)
    }
}

/// What was found, and what the mapper made of it.
struct Made<'a> {
    found: Found<'a>,
    /// The event's own id, where it is not written as it stands.
    long_id: Option<&'a str>,
    time: Option<EventTime>,
}

impl<'a> Made<'a> {
    /// False when there is nothing to set.
    fn set(&self, slot: Slot, source: &'a Source, scratch: &mut String, out: &mut Fields) -> bool {
        match self.find(source) {
            Some(Ready::Fixed(text)) => out.set_fixed(slot, text),
            Some(Ready::Scalar(Some(place), _)) => out.set_in_event(slot, place),
            Some(Ready::Id) => out.set_as(slot, Slot::Id),
            Some(ready) => {
                scratch.clear();
                self.write(ready, scratch);
                out.set(slot, scratch);
            }
            None => return false,
        }
        true
    }

    #[inline]
    fn carry_out(&self, op: Op, plan: &'a Plan, keys: &mut DictionaryKeys, out: &mut Fields) {
        let (Op::Value { row, .. } | Op::Row(row)) = op;
        let Some(row) = plan.rows.get(usize::from(row)) else { return };
        let is_written = match op {
            Op::Value { index, .. } => self.push_plain(row, index, out),
            Op::Row(_) => false,
        };
        if !is_written {
            self.push(row, keys, out);
        }
    }

    /// Writes the pair of a row whose value is that text or number; false if it is none, or blank.
    #[inline]
    fn push_plain(&self, row: &Row, index: u32, out: &mut Fields) -> bool {
        let Write::Pair { head, .. } = &row.write else { return false };
        let event = self.found.event;
        let Some(place) = event.by_index(index).and_then(Value::place) else { return false };
        if event.first_octet(place).is_none_or(|octet| octet <= b' ') {
            return false;
        }
        out.push_in_event(*head, place);
        true
    }

    fn push(&self, row: &'a Row, keys: &mut DictionaryKeys, out: &mut Fields) {
        if !self.found.holds_all(&row.when) {
            return;
        }
        match &row.write {
            Write::Pair { head, source, keep_empty } => {
                let ready = self.find(source);
                if ready.is_some() || *keep_empty {
                    self.push_value(*head, ready, out);
                }
            }
            Write::Copy { path, except } => {
                if let Some(object) = self.found.value(*path) {
                    self.copy(object, except, keys, out);
                }
            }
        }
    }

    /// Members that are texts, as all of a CEF extension are, stay where they stand.
    fn copy(
        &self,
        object: Value<'_>,
        except: &Lookup,
        keys: &mut DictionaryKeys,
        out: &mut Fields,
    ) {
        keys.turn_to(self.found.event.numbering());
        let mut members = object.members();
        while let Some((key, value)) = members.next_entry() {
            if !except.is_empty() && except.find(key.text()).is_some() {
                continue;
            }
            let known = keys.find(key);
            match (known, value.place()) {
                (Some(known), Some(place)) => {
                    out.push_in_event(Head::new(HeadKey::Dictionary(known)), place);
                }
                (None, Some(place)) => out.push_member(key.place(), place),
                (_, None) => {
                    let ready = value.scalar().map(|text| Ready::Scalar(None, text));
                    let ready = ready.unwrap_or(Ready::Value(value.index()));
                    let key = known.map_or(PairKey::Text(key.text()), PairKey::Dictionary);
                    let head = out.head(key);
                    self.push_value(head, Some(ready), out);
                }
            }
        }
    }

    #[inline]
    fn push_value(&self, head: Head, ready: Option<Ready<'_>>, out: &mut Fields) {
        match ready {
            Some(Ready::Scalar(Some(place), _)) => out.push_in_event(head, place),
            Some(Ready::Fixed(text)) => out.push_fixed(head, text),
            Some(Ready::Id) => out.push_as(head, Slot::Id),
            Some(ready) => out.push_with(head, |text| self.write(ready, text)),
            None => out.push_with(head, |_| {}),
        }
    }

    fn find(&self, source: &'a Source) -> Option<Ready<'a>> {
        let first = match source.plain.as_slice() {
            [path] => self.at_plain(*path),
            [] => source.choices.iter().find_map(|choice| self.choose(choice)),
            paths => paths.iter().find_map(|path| self.at_plain(*path)),
        };
        first.or(source.default.map(Ready::Fixed))
    }

    fn choose(&self, choice: &'a Choice) -> Option<Ready<'a>> {
        match &choice.from {
            From::Text(text) => Some(Ready::Fixed(*text)),
            From::Paths(paths) => paths.iter().find_map(|path| self.at(*path, choice)),
            From::Template(pieces) => {
                let is_there = |piece: &Piece| match piece {
                    Piece::Text(_) => true,
                    Piece::Path(path) => self.at_plain(*path).is_some(),
                };
                pieces.iter().all(is_there).then_some(Ready::Template(pieces))
            }
            From::BuiltIn(BuiltIn::Time) => self.time.map(|time| Ready::Millis(time.millis())),
            From::BuiltIn(BuiltIn::Id) => Some(self.long_id.map_or(Ready::Id, Ready::LongId)),
            From::BuiltIn(BuiltIn::Event) => Some(Ready::Json(ROOT)),
        }
    }

    #[inline(always)]
    fn at(&self, path: PathId, choice: &'a Choice) -> Option<Ready<'a>> {
        let ready = self.at_plain(path)?;
        self.turned(ready, path, choice)
    }

    fn turned(&self, ready: Ready<'a>, path: PathId, choice: &'a Choice) -> Option<Ready<'a>> {
        if choice.only.is_none() && matches!(choice.turn, Turn::Nothing) {
            return Some(ready);
        }
        let scalar = match ready {
            Ready::Scalar(_, text) => Some(text),
            _ => None,
        };
        if let Some(only) = choice.only
            && !scalar.is_some_and(|text| only == Only::Scalar || fits(text.trim(), only))
        {
            return None;
        }
        match (&choice.turn, ready) {
            (Turn::Nothing, ready) => Some(ready),
            (Turn::EpochMillis, _) => {
                time::parse(scalar?, TimeKind::Auto).map(|time| Ready::Millis(time.millis()))
            }
            (Turn::Json, _) => self.found.value(path).map(|value| Ready::Json(value.index())),
            (Turn::Map(map), ready) => match scalar.and_then(|text| listed(map, text)) {
                Some(text) => Some(Ready::Fixed(text)),
                None => map.unlisted_stay.then_some(ready),
            },
        }
    }

    /// The value there, unless it counts as absent. Most paths of most sources lead nowhere, which
    /// is found out without a call.
    #[inline(always)]
    fn at_plain(&self, path: PathId) -> Option<Ready<'a>> {
        let place = self.found.places.get(usize::from(path.0))?;
        let index = self.found.slots.index(place.slot)?;
        self.plain(path, place.has_tail, index)
    }

    fn plain(&self, path: PathId, has_tail: bool, index: u32) -> Option<Ready<'a>> {
        let value = self.found.event.by_index(index)?;
        if has_tail {
            let steps = self.found.steps(path);
            let is_empty = path::for_each(value, steps, &mut |value| !is_there(value));
            return (!is_empty).then_some(Ready::Each(value.index(), steps));
        }
        match value.scalar() {
            Some(text) => (!is_blank(text)).then_some(Ready::Scalar(value.place(), text)),
            None => is_there(value).then_some(Ready::Value(value.index())),
        }
    }

    fn write(&self, ready: Ready<'_>, out: &mut String) {
        match ready {
            Ready::Fixed(text) => out.push_str(self.found.texts.get(text)),
            Ready::Scalar(_, text) => out.push_str(text),
            Ready::Value(index) => {
                self.found.by_index(index, |value| write_value(value, out));
            }
            Ready::Json(index) => self.found.by_index(index, |value| json::write(value, out)),
            Ready::Each(index, steps) => {
                self.found.by_index(index, |value| write_joined(value, steps, out));
            }
            Ready::Template(pieces) => {
                for piece in pieces {
                    match piece {
                        Piece::Text(text) => out.push_str(text),
                        Piece::Path(path) => {
                            if let Some(ready) = self.at_plain(*path) {
                                self.write(ready, out);
                            }
                        }
                    }
                }
            }
            Ready::Millis(millis) => write_number(millis, out),
            // Nobody writes what stands in a slot.
            Ready::Id => {}
            Ready::LongId(text) => out.push_str(&id::external_id(text)),
        }
    }
}

#[inline]
fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_whitespace())
}

fn is_there(value: Value<'_>) -> bool {
    match value.kind() {
        Kind::Null => false,
        Kind::Bool(_) => true,
        Kind::Number(text) | Kind::Text(text) => !is_blank(text),
        Kind::Array => value.items().any(is_there),
        Kind::Object => value.members().next().is_some(),
    }
}

fn fits(text: &str, only: Only) -> bool {
    match only {
        Only::Ipv4 => is_ipv4(text),
        Only::Ipv6 => is_ipv6(text),
        Only::Integer => text.parse::<i64>().is_ok(),
        Only::Name => !is_ipv4(text) && !is_ipv6(text),
        Only::Scalar => true,
    }
}

/// Names and the other kind of address are told by an octet, before they are parsed.
fn is_ipv4(text: &str) -> bool {
    text.as_bytes().first().is_some_and(u8::is_ascii_digit) && text.parse::<Ipv4Addr>().is_ok()
}

fn is_ipv6(text: &str) -> bool {
    text.bytes().take(5).any(|octet| octet == b':') && text.parse::<Ipv6Addr>().is_ok()
}

fn listed(map: &ValueMap, text: &str) -> Option<TextId> {
    map.values.get(map.keys.find_ignoring_case(text.trim())?).copied()
}

fn write_value(value: Value<'_>, out: &mut String) {
    match value.kind() {
        Kind::Array => write_joined(value, &[Step::Each], out),
        Kind::Object => json::write(value, out),
        _ => value.push_scalar(out),
    }
}

/// What `steps` lead to, joined by commas; what counts as absent is left out.
fn write_joined(value: Value<'_>, steps: &[Step], out: &mut String) {
    let begin = out.len();
    path::for_each(value, steps, &mut |value| {
        if is_there(value) {
            if out.len() > begin {
                out.push(',');
            }
            write_value(value, out);
        }
        true
    });
}

/// Epoch milliseconds are in every event; `fmt` costs several times as much.
fn write_number(number: i64, out: &mut String) {
    let mut digits = [b'0'; 20];
    let mut rest = number.unsigned_abs();
    let length = rest.checked_ilog10().unwrap_or(0) as usize + 1;
    for place in digits.iter_mut().take(length).rev() {
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    if number < 0 {
        out.push('-');
    }
    push_ascii(&digits, length, out);
}
