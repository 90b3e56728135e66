//! Carries out a plan: the values that one walk found become fields.
//!
//! In: a plan, the slots of an event. Out: [`Fields`]. A value that is missing, `null`, an empty
//! list or object, or text of nothing but spaces counts as absent: CEF receivers refuse such
//! values where a key has a type.

use crate::model::event::{Event, Place as TextPlace, Value};
use crate::model::fields::{Fields, PairKey, Severity, Slot};
use crate::model::head::{Head, HeadKey};
use crate::model::id::{self, Deriver};
use crate::model::position::Position;
use crate::model::text::trimmed;
use crate::model::texts::{TextId, Texts};
use crate::model::time::EventTime;

use super::json;
use super::keys::DictionaryKeys;
use super::lookup::Lookup;
use super::path::{self, Path, Step};
use super::plan::{
    BuiltIn, Choice, From, HEADER, Only, PathId, Piece, Plan, Scale, Source, Test, Turn, ValueMap,
    Write,
};
use super::program::{Op, Program, Route, Way};
use super::time::{self, TimeKind};
use super::trie::Indices;
use super::values::{fits, is_blank, is_there, write_joined, write_number, write_value};

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
    ids: Deriver,
}

/// The index of the whole event.
const ROOT: u32 = 0;

/// Fills `out`, which is empty. `program` is that of the plan and of the event's shape.
pub(super) fn emit<'a>(
    plan: &'a Plan,
    program: &Program,
    found: Found<'a>,
    position: Position,
    scratch: &'a mut Scratch,
    out: &mut Fields,
) {
    let Scratch { composed: scratch, keys, ids } = scratch;
    let own_id = program.ids.iter().find_map(|index| found.placed(*index));
    let mut times = program.times.iter();
    let time = times.find_map(|(index, kind)| time::parse(found.placed(*index)?.1, *kind));
    out.use_texts(found.texts);
    match own_id {
        Some((Some(place), _)) => out.set_in_event(Slot::Id, place),
        Some((None, id)) => out.set(Slot::Id, id),
        None => out.set_with(Slot::Id, |id| ids.derive(position, id)),
    }
    let long_id = own_id.map(|(_, id)| id).filter(|id| !id::is_external_id(id));
    let made = Made { found, long_id, time };
    out.set_time(time);
    out.set_severity(found.severity(plan, program));
    for (((_, slot), source), route) in HEADER.iter().zip(&plan.header).zip(program.header) {
        made.set(*slot, route, source, scratch, out);
    }
    let event_type = plan.event_type.as_ref();
    if !event_type
        .is_some_and(|source| made.set(Slot::EventType, program.event_type, source, scratch, out))
    {
        out.set_as(Slot::EventType, Slot::EventClassId);
    }
    if cfg!(test) {
        assert!(made.agrees(plan, program), "what is settled for a shape holds for all of it");
    }
    program.ops.iter().for_each(|op| made.carry_out(*op, plan, keys, out));
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

    /// The scalar with that index and where it stands, unless it is blank.
    #[inline]
    fn placed(&self, index: u32) -> Option<(Option<TextPlace>, &'a str)> {
        let value = self.event.by_index(index)?;
        let text = value.scalar().filter(|text| !is_blank(text))?;
        Some((value.place(), text))
    }

    fn severity(&self, plan: &Plan, program: &Program) -> Severity {
        let read = |text: &str, scale: &Scale| match scale {
            Scale::Cef => text.trim().parse().ok().and_then(Severity::new),
            Scale::Map(keys, values) => {
                values.get(keys.find_ignoring_case(trimmed(text))?).copied()
            }
        };
        let first = program.severities.iter().find_map(|(index, choice)| {
            let choice = plan.severity.choices.get(usize::from(*choice))?;
            read(self.placed(*index)?.1, &choice.scale)
        });
        first.unwrap_or(plan.severity.default)
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
    fn set(
        &self,
        slot: Slot,
        route: Route,
        source: &'a Source,
        scratch: &mut String,
        out: &mut Fields,
    ) -> bool {
        if let Way::Fixed(text) = route.way {
            out.set_fixed(slot, text);
            return true;
        }
        match self.along(route, source) {
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
        if let Op::Pair { head, route, has_tests: false, .. } = op
            && let Way::Value(index) = route.way
            && let Some(place) = self.plain_place(index)
        {
            return out.push_in_event(head, place);
        }
        let Some(row) = plan.rows.get(usize::from(op.row())) else { return };
        let has_tests = !matches!(op, Op::Pair { has_tests: false, .. });
        if has_tests && !self.found.holds_all(&row.when) {
            return;
        }
        match (op, &row.write) {
            (Op::Pair { head, route, .. }, Write::Pair { source, keep_empty, .. }) => {
                let ready = self.along(route, source);
                if ready.is_some() || *keep_empty {
                    self.push_value(head, ready, out);
                }
            }
            (_, Write::Copy { path, except }) => {
                if let Some(object) = self.found.value(*path) {
                    self.copy(object, except, keys, out);
                }
            }
            _ => {}
        }
    }

    /// Where the text or number stands that has that index; `None` for others, and for blank ones.
    #[inline]
    fn plain_place(&self, index: u32) -> Option<TextPlace> {
        let event = self.found.event;
        let place = event.by_index(index).and_then(Value::place)?;
        event.first_octet(place).is_some_and(|octet| octet > b' ').then_some(place)
    }

    /// The value of a source to which that is the first way.
    #[inline]
    fn along(&self, route: Route, source: &'a Source) -> Option<Ready<'a>> {
        let ready = match route.way {
            Way::Nothing => None,
            Way::Fixed(text) => Some(Ready::Fixed(text)),
            Way::Value(index) => self.plain(index),
            Way::Turned { index, path, choice } => {
                let choice = source.choices.get(usize::from(choice));
                choice.and_then(|choice| self.turned(self.plain(index)?, path, choice))
            }
            Way::Time => self.time.map(|time| Ready::Millis(time.millis())),
            Way::Id => Some(self.long_id.map_or(Ready::Id, Ready::LongId)),
            Way::Source => return self.find(source),
        };
        let ready = ready.or_else(|| if route.is_only { None } else { self.find(source) });
        if cfg!(test) {
            assert_eq!(self.text_of(ready), self.text_of(self.find(source)), "the way is right");
        }
        ready
    }

    /// For the assertions: tests hold each program to its plan with whatever they map.
    fn text_of(&self, ready: Option<Ready<'_>>) -> Option<String> {
        let mut text = String::new();
        self.write(ready?, &mut text);
        Some(text)
    }

    /// The same: what the program leaves out writes nothing, and tests that it leaves out hold.
    fn agrees(&self, plan: &'a Plan, program: &Program) -> bool {
        plan.rows.iter().zip(0..).all(|(row, number)| {
            let holds = self.found.holds_all(&row.when);
            match program.ops.iter().find(|op| op.row() == number) {
                Some(Op::Pair { has_tests, .. }) => *has_tests || holds,
                Some(Op::Copy(_)) => true,
                None if !holds => true,
                None => match &row.write {
                    Write::Pair { source, keep_empty, .. } => {
                        !keep_empty && self.find(source).is_none()
                    }
                    Write::Copy { .. } => false,
                },
            }
        })
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
        let first = source.choices.iter().find_map(|choice| self.choose(choice));
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

    fn at(&self, path: PathId, choice: &'a Choice) -> Option<Ready<'a>> {
        let ready = self.at_plain(path)?;
        self.turned(ready, path, choice)
    }

    fn turned(&self, ready: Ready<'a>, path: PathId, choice: &'a Choice) -> Option<Ready<'a>> {
        if choice.is_as_it_stands() {
            return Some(ready);
        }
        let scalar = match ready {
            Ready::Scalar(_, text) => Some(text),
            _ => None,
        };
        if let Some(only) = choice.only
            && !scalar.is_some_and(|text| only == Only::Scalar || fits(trimmed(text), only))
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

    /// The value there, unless it counts as absent.
    fn at_plain(&self, path: PathId) -> Option<Ready<'a>> {
        let (index, has_tail) = self.found.index(path)?;
        if !has_tail {
            return self.plain(index);
        }
        let value = self.found.event.by_index(index)?;
        let steps = self.found.steps(path);
        let is_empty = path::for_each(value, steps, &mut |value| !is_there(value));
        (!is_empty).then_some(Ready::Each(index, steps))
    }

    fn plain(&self, index: u32) -> Option<Ready<'a>> {
        let value = self.found.event.by_index(index)?;
        match value.scalar() {
            Some(text) => (!is_blank(text)).then_some(Ready::Scalar(value.place(), text)),
            None => is_there(value).then_some(Ready::Value(index)),
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

fn listed(map: &ValueMap, text: &str) -> Option<TextId> {
    map.values.get(map.keys.find_ignoring_case(trimmed(text))?).copied()
}
