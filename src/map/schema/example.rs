//! The examples of a schema file: events and what must become of them.
//!
//! In: a decoder, since this stage has none. Out: for each example what is not as expected.

use std::fmt::Write;

use crate::map::guard::Guard;
use crate::map::mapper::Mapper;
use crate::map::plan::HEADER;
use crate::map::time::{self, TimeKind};
use crate::model::event::{Event, Tape};
use crate::model::fields::{Fields, Slot};
use crate::model::format::{Decoded, Format};
use crate::model::position::{FileKey, Position};
use crate::model::time::EventTime;

use super::error::{Fault, SchemaError};
use super::reader::{Document, Item, Table};
use super::{Schema, error::Place};

/// Names the events of examples that have no id of their own.
const POSITION: Position = Position { file: FileKey(1), offset: 0 };

const HEADER_EXAMPLE: &str = "\"vendor|product|version|event class id|name|severity\"";
const LIST_EXAMPLE: &str = "a list of texts such as [\"act=allow\", \"cs2=\"]";

/// One `[[example]]`.
#[derive(Clone, Debug)]
pub(super) struct Example {
    title: String,
    place: Place,
    event: String,
    expected: Expected,
}

#[derive(Clone, Debug, Default)]
struct Expected {
    /// Vendor to name, then the severity.
    header: Option<Vec<String>>,
    id: Option<String>,
    event_type: Option<String>,
    time: Option<EventTime>,
    /// The whole extension.
    fields: Option<Vec<String>>,
    /// Pairs that must be among the others.
    contains: Vec<String>,
    /// Text that must not be anywhere.
    never: Vec<String>,
}

/// How one example came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExampleResult {
    /// The example's title.
    pub title: String,
    /// Where it stands.
    pub place: Place,
    /// What is not as expected, one sentence each; empty when all is.
    pub failures: Vec<String>,
}

/// Reads one `[[example]]`.
pub(super) fn read(
    document: &Document<'_>,
    item: &Item<'_>,
    format: Format,
) -> Result<Example, SchemaError> {
    let table = Table::of(document, "an example", item, &["title", "event", "expect"])?;
    let title = table.required_text("title", "title = \"a denied call\"")?;
    let event = table.required_text("event", "event = '''{ … }'''")?.trim();
    // The spool knows no line breaks inside an event; in a file they help to read it.
    let event = match format {
        Format::Json => event.replace(['\n', '\r'], " "),
        _ => event.to_owned(),
    };
    let expect = table.required("expect", "expect = { header = \"…\" }")?;
    let keys = ["header", "id", "event_type", "time", "fields", "contains", "never"];
    let expect = Table::of(document, "`expect`", expect, &keys)?;
    let text = |key: &'static str| {
        expect.item(key).map(|item| document.text(key, item, "a text")).transpose()
    };
    let texts = |key: &'static str| match expect.item(key) {
        None => Ok(Vec::new()),
        Some(item) => {
            let items = document.list(key, item, LIST_EXAMPLE)?.iter();
            let texts = items.map(|item| document.text(key, item, LIST_EXAMPLE));
            texts.map(|text| text.map(str::to_owned)).collect::<Result<Vec<_>, _>>()
        }
    };
    let expected = Expected {
        header: expect.item("header").map(|item| header(document, item)).transpose()?,
        id: text("id")?.map(str::to_owned),
        event_type: text("event_type")?.map(str::to_owned),
        time: expect.item("time").map(|item| instant(document, item)).transpose()?,
        fields: expect.item("fields").is_some().then(|| texts("fields")).transpose()?,
        contains: texts("contains")?,
        never: texts("never")?,
    };
    let place = document.place(item.span().start);
    Ok(Example { title: title.to_owned(), place, event, expected })
}

fn header(document: &Document<'_>, item: &Item<'_>) -> Result<Vec<String>, SchemaError> {
    let text = document.text("header", item, HEADER_EXAMPLE)?;
    let parts: Vec<String> = text.split('|').map(str::to_owned).collect();
    if parts.len() == HEADER.len() + 1 {
        return Ok(parts);
    }
    let fault = Fault::Expectation { key: "header", example: HEADER_EXAMPLE };
    Err(document.fault(item.span(), fault))
}

fn instant(document: &Document<'_>, item: &Item<'_>) -> Result<EventTime, SchemaError> {
    let example = "\"2026-03-13T00:00:00.123Z\"";
    let text = document.text("time", item, example)?;
    time::parse(text, TimeKind::Rfc3339)
        .ok_or_else(|| document.fault(item.span(), Fault::Expectation { key: "time", example }))
}

impl Schema {
    /// Maps every example and compares. `decode` fills the tape from a line, as the decode stage
    /// does, or says why it cannot.
    pub fn run_examples(
        &self,
        guard: &Guard,
        decode: &mut dyn FnMut(Format, &str, &mut Tape) -> Result<(), String>,
    ) -> Vec<ExampleResult> {
        let mut mapper = Mapper::new(vec![self.clone()], guard.clone());
        let run = |example: &Example| {
            let mut tape = Tape::new();
            let mut fields = Fields::new();
            let decoded = Decoded { line: &example.event, format: self.format };
            let mapped = decode(self.format, &example.event, &mut tape).and_then(|()| {
                let mapped = mapper.map(None, decoded, &mut tape, POSITION, &mut fields);
                mapped.map_err(|error| error.to_string())
            });
            let failures = match mapped {
                Ok(_) => {
                    let event = Event::new(&tape, &example.event);
                    example.expected.compare(&fields, event)
                }
                Err(reason) => vec![reason],
            };
            let (title, place) = (example.title.clone(), example.place.clone());
            ExampleResult { title, place, failures }
        };
        self.examples.iter().map(run).collect()
    }
}

impl Expected {
    fn compare(&self, fields: &Fields, event: Event<'_>) -> Vec<String> {
        let mut failures = Vec::new();
        let mut same = |what: &str, expected: &str, found: &str| {
            if expected != found {
                failures.push(format!("{what} is `{found}`, not `{expected}`"));
            }
        };
        let severity = fields.severity().get().to_string();
        let parts = HEADER.iter().map(|(key, slot)| (*key, fields.get(*slot, event)));
        let parts = parts.chain([("severity", severity.as_str())]);
        for ((key, found), expected) in parts.zip(self.header.iter().flatten()) {
            same(key, expected, found);
        }
        if let Some(id) = &self.id {
            same("id", id, fields.get(Slot::Id, event));
        }
        if let Some(event_type) = &self.event_type {
            same("event_type", event_type, fields.get(Slot::EventType, event));
        }
        if let Some(time) = self.time {
            let micros = |time: EventTime| format!("{} us since 1970", time.0);
            same("time", &micros(time), &fields.time().map_or("absent".to_owned(), micros));
        }
        let pairs: Vec<String> =
            fields.pairs(event).map(|(key, value)| format!("{key}={value}")).collect();
        if let Some(expected) = &self.fields {
            same("fields", &expected.join(" "), &pairs.join(" "));
        }
        for expected in self.contains.iter().filter(|expected| !pairs.contains(expected)) {
            failures.push(format!("`{expected}` is not among: {}", pairs.join(" ")));
        }
        let mut all = pairs.join(" ");
        for (_, slot) in HEADER.iter().chain(&[("id", Slot::Id), ("event_type", Slot::EventType)]) {
            // Writing to a String cannot fail.
            let _ = write!(all, " {}", fields.get(*slot, event));
        }
        for never in self.never.iter().filter(|never| all.contains(never.as_str())) {
            failures.push(format!("`{never}` must not be there, but is: {all}"));
        }
        failures
    }
}
