//! One event through guard, detection and plan.

use crate::model::event::{Event, Kind, Tape};
use crate::model::fields::Fields;
use crate::model::format::{Decoded, Format};
use crate::model::position::Position;

use super::detection::Candidates;
use super::emit::{self, Found, Place, Scratch};
use super::guard::Guard;
use super::path::Path;
use super::program::{Programs, decided};
use super::schema::Schema;
use super::trie::{Builder, Indices, Slots, Trie};

/// Maps events by a list of schemas. Keeps its memory from event to event.
#[derive(Debug)]
pub struct Mapper {
    guard: Guard,
    schemas: Vec<Linked>,
    trie: Trie,
    slots: Slots,
    candidates: Candidates,
    programs: Programs,
    scratch: Scratch,
}

/// A schema and the places of its paths in the tree of all.
#[derive(Debug)]
struct Linked {
    schema: Schema,
    places: Vec<Place>,
}

/// Why an event cannot be mapped; it goes to the dead letter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    /// JSON, but not an object.
    #[error("the event is {found}, not a JSON object; write one object a line")]
    NotAnObject {
        /// With its article.
        found: &'static str,
    },
    /// Detection came to its end.
    #[error("no schema knows this event; name one with `schema`, or add one to `schemas_dir`")]
    NoSchema,
    /// The configured schema reads lines of another form.
    #[error(
        "the schema `{schema}` reads {expected:?} lines, but this is a {found:?} line; \
         correct `format` or `schema` of its spool"
    )]
    OtherFormat {
        /// The configured schema.
        schema: String,
        /// What it reads.
        expected: Format,
        /// What came.
        found: Format,
    },
    /// A schema that the mapper does not have.
    #[error("there is no schema number {0}; this is a fault of the program, please report it")]
    NoSuchSchema(usize),
}

impl Mapper {
    /// Puts the schemas together; their order is the order of detection.
    pub fn new(schemas: Vec<Schema>, guard: Guard) -> Mapper {
        let mut tree = Builder::new();
        let mut link = |schema: Schema| {
            let place =
                |path: &Path| Place { slot: tree.add(&path.head), has_tail: !path.tail.is_empty() };
            let places = schema.paths.iter().map(place).collect();
            Linked { schema, places }
        };
        let schemas = schemas.into_iter().map(&mut link).collect();
        Mapper {
            guard,
            schemas,
            trie: tree.build(),
            slots: Slots::default(),
            candidates: Candidates::new(),
            programs: Programs::new(),
            scratch: Scratch::default(),
        }
    }

    /// The number of the schema of that name.
    pub fn schema_index(&self, name: &str) -> Option<usize> {
        self.schemas.iter().position(|linked| linked.schema.name == name)
    }

    /// The schema of that number.
    pub fn schema(&self, index: usize) -> Option<&Schema> {
        self.schemas.get(index).map(|linked| &linked.schema)
    }

    /// Takes guarded keys out of `tape`, finds the schema unless `schema` is given, and fills
    /// `out`, which is cleared first. `position` names an event that has no id of its own.
    /// Returns the schema's number.
    pub fn map(
        &mut self,
        schema: Option<usize>,
        decoded: Decoded<'_>,
        tape: &mut Tape,
        position: Position,
        out: &mut Fields,
    ) -> Result<usize, MapError> {
        out.clear();
        self.guard_and_find(decoded, tape);
        let event = Event::new(tape, decoded.line);
        require_object(event)?;
        let index = match schema {
            Some(index) => self.configured(index, decoded.format)?,
            None => self.detect(event, decoded.format).ok_or(MapError::NoSchema)?,
        };
        let linked = self.schemas.get(index).ok_or(MapError::NoSuchSchema(index))?;
        let found = linked.found(event, self.trie.indices(&self.slots));
        let mut plans = linked.schema.plans.iter().enumerate();
        if let Some((number, plan)) = plans.find(|(_, plan)| found.holds_all(&plan.when)) {
            let program = self.programs.of(self.slots.shape(), (index, number), plan, found);
            emit::emit(plan, program, found, position, &mut self.scratch, out);
        }
        Ok(index)
    }

    /// One walk for most events; what needs a second look is rare.
    fn guard_and_find(&mut self, decoded: Decoded<'_>, tape: &mut Tape) {
        let line = decoded.line;
        let nested = self.guard.remove_nested(line, tape);
        let walked = self.trie.walk(&self.guard, line, tape, &mut self.slots);
        let mut more = 0;
        if walked.has_guarded_label {
            more += self.guard.remove_labelled(line, tape);
        }
        if decoded.format == Format::Cef && nested + walked.removed + more > 0 {
            more += self.guard.remove_followers(line, tape);
        }
        if more > 0 {
            // What was found may be gone.
            self.trie.walk(&self.guard, line, tape, &mut self.slots);
        }
    }

    fn configured(&self, index: usize, format: Format) -> Result<usize, MapError> {
        let schema = self.schema(index).ok_or(MapError::NoSuchSchema(index))?;
        if schema.format == format {
            return Ok(index);
        }
        Err(MapError::OtherFormat {
            schema: schema.name.clone(),
            expected: schema.format,
            found: format,
        })
    }

    fn detect(&mut self, event: Event<'_>, format: Format) -> Option<usize> {
        let slots = self.trie.indices(&self.slots);
        let schemas = self.schemas.as_slice();
        let reads = |linked: &Linked| linked.schema.format == format;
        let holds = |linked: &Linked| linked.found(event, slots).holds_all(&linked.schema.detect);
        let first = || schemas.iter().position(|linked| reads(linked) && holds(linked));
        let Some(shape) = self.slots.shape() else { return first() };
        let may_hold = |linked: &Linked| {
            let found = linked.found(event, slots);
            linked.schema.detect.iter().all(|test| decided(test, found) != Some(false))
        };
        let all = schemas.iter().zip(0..).filter(|(linked, _)| reads(linked) && may_hold(linked));
        let all = all.map(|(_, number)| number);
        let mut candidates = self.candidates.of(shape, format, all).iter().copied();
        let found = candidates.find(|number| schemas.get(*number).is_some_and(holds));
        if cfg!(test) {
            assert_eq!(found, first(), "what is settled for a shape holds for all of it");
        }
        found
    }
}

impl Linked {
    fn found<'a>(&'a self, event: Event<'a>, slots: Indices<'a>) -> Found<'a> {
        let Schema { paths, texts, .. } = &self.schema;
        Found { event, slots, paths, places: &self.places, texts }
    }
}

fn require_object(event: Event<'_>) -> Result<(), MapError> {
    let found = match event.root().map(|value| value.kind()) {
        Some(Kind::Object) => return Ok(()),
        Some(Kind::Array) => "a list",
        Some(Kind::Text(_)) => "a text",
        Some(Kind::Number(_)) => "a number",
        Some(Kind::Bool(_)) => "true or false",
        Some(Kind::Null) => "null",
        None => "empty",
    };
    Err(MapError::NotAnObject { found })
}
