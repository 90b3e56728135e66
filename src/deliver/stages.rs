//! A line to a mapped event, or to the reason why it is none: decode, map behind the privacy guard,
//! filter. What encodes comes after, and differs with the kind of destination. Nothing here knows
//! of sockets, files or clocks.

use crate::decode::Decoder;
use crate::map::schema::Schema;
use crate::map::{Filter, Mapper};
use crate::model::event::{Event, Tape};
use crate::model::fields::Fields;
use crate::model::format::Format;
use crate::model::outcome::Cause;
use crate::model::position::Position;
use crate::model::time::EventTime;

/// How the lines of one `[[spool]]` are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourcePlan {
    /// The configured format.
    pub format: Format,
    /// The configured schema, as the mapper counts them; `None` for detection.
    pub schema: Option<usize>,
}

/// The stages before an encoder. Keeps its memory from line to line.
#[derive(Debug)]
pub struct Stages {
    sources: Vec<SourcePlan>,
    decoder: Decoder,
    mapper: Mapper,
    filter: Filter,
    tape: Tape,
    fields: Fields,
}

/// What became of one line.
#[derive(Debug)]
pub enum Prepared<'a> {
    /// It shall be sent.
    Event {
        /// Mapped.
        fields: &'a Fields,
        /// The event, without guarded keys.
        event: Event<'a>,
        /// The schema that mapped it.
        schema: usize,
        /// Its name.
        schema_name: &'a str,
    },
    /// Kept back.
    Filtered,
    /// White space alone.
    Empty,
    /// It can never become an event.
    Dead(Cause),
}

impl Stages {
    /// Puts them together.
    pub fn new(sources: Vec<SourcePlan>, mapper: Mapper, filter: Filter) -> Stages {
        Stages {
            sources,
            decoder: Decoder::new(),
            mapper,
            filter,
            tape: Tape::new(),
            fields: Fields::new(),
        }
    }

    /// The time by which years are guessed that a line leaves out.
    pub fn set_reference_time(&mut self, now: EventTime) {
        self.decoder.set_reference_time(now);
    }

    /// The name of the schema that [`Prepared::Event`] numbers.
    pub fn schema_name(&self, schema: usize) -> &str {
        self.mapper.schema(schema).map_or("", Schema::name)
    }

    /// Takes one line of `[[spool]]` number `source`, without its newline.
    pub fn prepare<'a>(
        &'a mut self,
        line: &'a [u8],
        position: Position,
        source: usize,
    ) -> Prepared<'a> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.iter().all(u8::is_ascii_whitespace) {
            return Prepared::Empty;
        }
        let plan = self.sources.get(source);
        let format = plan.map_or(Format::Auto, |plan| plan.format);
        let decoded = match self.decoder.decode(format, line, &mut self.tape) {
            Ok(decoded) => decoded,
            Err(error) => return Prepared::Dead(Cause::new("undecodable", error.to_string())),
        };
        let text = decoded.line;
        let schema = plan.and_then(|plan| plan.schema);
        let mapped = self.mapper.map(schema, decoded, &mut self.tape, position, &mut self.fields);
        let schema = match mapped {
            Ok(schema) => schema,
            Err(error) => return Prepared::Dead(Cause::new("unmappable", error.to_string())),
        };
        let event = Event::new(&self.tape, text);
        if !self.filter.passes(&self.fields, event) {
            return Prepared::Filtered;
        }
        let schema_name = self.mapper.schema(schema).map_or("", Schema::name);
        Prepared::Event { fields: &self.fields, event, schema, schema_name }
    }
}
