//! From the text of a schema file to a [`Schema`]: what cannot be carried out is refused here.

use toml::de::DeTable;

use crate::map::lookup::Lookup;
use crate::map::plan::{
    HEADER, PathId, Plan, Row, Scale, SeverityChoice, SeverityPlan, Source, Write,
};
use crate::map::time::TimeKind;
use crate::model::fields::Severity;
use crate::model::format::Format;
use crate::model::head::{Head, HeadKey};
use crate::model::texts::Texts;

use super::Schema;
use super::error::{Fault, SchemaError};
use super::example;
use super::reader::{Document, Item, Table, free_pairs};
use super::source::{CHOICE_KEYS, Paths, SOURCE_KEYS};

const SCHEMA_KEYS: [&str; 12] = [
    "name",
    "title",
    "format",
    "detect",
    "id",
    "time",
    "event_type",
    "header",
    "severity",
    "fields",
    "variant",
    "example",
];
const VARIANT_KEYS: [&str; 8] =
    ["title", "when", "id", "time", "event_type", "header", "severity", "fields"];
const ROW_KEYS: [&str; 6] = ["key", "label", "when", "when_absent", "copy", "except"];

const FIELDS_EXAMPLE: &str = "fields = [{ key = \"suser\", path = \"user.name\" }]";
const SEVERITY_EXAMPLE: &str = "severity.default = 5";

/// Reads a schema file.
pub(super) fn schema(file: &str, text: &str) -> Result<Schema, SchemaError> {
    let document = Document { file, text };
    let parsed = DeTable::parse(text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        document.fault(span, Fault::Syntax(error.message().trim_end().to_owned()))
    })?;
    // A fault of the whole file is shown at its beginning.
    let root = Table::from(&document, "a schema", 0..0, parsed.get_ref(), &SCHEMA_KEYS)?;
    let name = root.required_text("name", "name = \"my-product\"")?;
    let title = root.required_text("title", "title = \"Events of My Product\"")?;
    let format = match root.item("format") {
        None => Format::Json,
        Some(item) => {
            let words = ["json", "syslog", "cef"];
            match document.word("format", item, &words, "format = \"json\"")? {
                0 => Format::Json,
                1 => Format::Syslog,
                _ => Format::Cef,
            }
        }
    };
    let mut paths = Paths::default();
    let detect = paths.tests(&document, "detect", root.item("detect"))?;
    let base = base_plan(&mut paths, &root)?;
    let mut plans = Vec::new();
    for item in list(&document, "variant", root.item("variant"))? {
        plans.push(variant(&mut paths, &document, item, &base)?);
    }
    plans.push(base);
    let examples = list(&document, "example", root.item("example"))?.iter();
    let examples = examples.map(|item| example::read(&document, item, format));
    Ok(Schema {
        name: name.to_owned(),
        title: title.to_owned(),
        file: file.to_owned(),
        text: text.to_owned(),
        format,
        detect,
        plans,
        examples: examples.collect::<Result<_, _>>()?,
        paths: paths.paths,
        texts: Texts::new(paths.texts),
    })
}

fn list<'d, 't>(
    document: &Document<'_>,
    key: &'static str,
    item: Option<&'d Item<'t>>,
) -> Result<&'d [Item<'t>], SchemaError> {
    match item {
        Some(item) => document.list(key, item, "[[variant]] or [[example]] above its keys"),
        None => Ok(&[]),
    }
}

fn base_plan(paths: &mut Paths, root: &Table<'_, '_>) -> Result<Plan, SchemaError> {
    let header = root.required(
        "header",
        "header.vendor = \"…\", and .product, .version, .event_class_id and .name",
    )?;
    let severity = root.required("severity", SEVERITY_EXAMPLE)?;
    let fields = root.required("fields", FIELDS_EXAMPLE)?;
    let document = root.document;
    Ok(Plan {
        when: Vec::new(),
        id: id(paths, root)?.unwrap_or_default(),
        time: time(paths, root)?.unwrap_or_default(),
        event_type: event_type(paths, root)?,
        header: header_parts(paths, document, header, None)?,
        severity: severity_plan(paths, document, severity)?,
        rows: rows(paths, document, fields)?,
    })
}

/// What a variant does not say is as in the base.
fn variant(
    paths: &mut Paths,
    document: &Document<'_>,
    item: &Item<'_>,
    base: &Plan,
) -> Result<Plan, SchemaError> {
    let table = Table::of(document, "a variant", item, &VARIANT_KEYS)?;
    let when_item = table.required("when", "when = [{ path = \"event_type\", equals = \"…\" }]")?;
    let when = paths.tests(document, "when", Some(when_item))?;
    if when.is_empty() {
        let remedy = "name at least one test; events without a variant follow the schema itself";
        return Err(document.fault(when_item.span(), Fault::Empty { key: "when", remedy }));
    }
    let mut plan = Plan { when, ..base.clone() };
    if let Some(id) = id(paths, &table)? {
        plan.id = id;
    }
    if let Some(time) = time(paths, &table)? {
        plan.time = time;
    }
    if let Some(event_type) = event_type(paths, &table)? {
        plan.event_type = Some(event_type);
    }
    if let Some(item) = table.item("header") {
        plan.header = header_parts(paths, document, item, Some(&base.header))?;
    }
    if let Some(item) = table.item("severity") {
        plan.severity = severity_plan(paths, document, item)?;
    }
    if let Some(item) = table.item("fields") {
        plan.rows = rows(paths, document, item)?;
    }
    Ok(plan)
}

fn id(paths: &mut Paths, table: &Table<'_, '_>) -> Result<Option<Vec<PathId>>, SchemaError> {
    table.item("id").map(|item| paths.paths(table.document, "id", item)).transpose()
}

fn event_type(paths: &mut Paths, table: &Table<'_, '_>) -> Result<Option<Source>, SchemaError> {
    let item = table.item("event_type");
    item.map(|item| paths.source(table.document, "`event_type`", item)).transpose()
}

type Times = Vec<(PathId, TimeKind)>;

fn time(paths: &mut Paths, table: &Table<'_, '_>) -> Result<Option<Times>, SchemaError> {
    let Some(item) = table.item("time") else { return Ok(None) };
    let document = table.document;
    let mut times = Vec::new();
    for item in document.one_or_more(item) {
        if item.get_ref().as_str().is_some() {
            times.push((paths.path(document, "time", item)?, TimeKind::Auto));
            continue;
        }
        let source = Table::of(document, "an entry of `time`", item, &["path", "kind"])?;
        let kind = match source.item("kind") {
            Some(word) => {
                let place = document.word("kind", word, &TimeKind::WORDS, "kind = \"epoch_ms\"")?;
                TimeKind::ALL.get(place).copied().unwrap_or_default()
            }
            None => TimeKind::Auto,
        };
        let path = source.required("path", "path = \"timestamp\"")?;
        times.extend(paths.paths(document, "path", path)?.into_iter().map(|path| (path, kind)));
    }
    Ok(Some(times))
}

fn header_parts(
    paths: &mut Paths,
    document: &Document<'_>,
    item: &Item<'_>,
    base: Option<&[Source; HEADER.len()]>,
) -> Result<[Source; HEADER.len()], SchemaError> {
    let known = HEADER.map(|(key, _)| key);
    let table = Table::of(document, "`header`", item, &known)?;
    let mut parts = base.cloned().unwrap_or_default();
    for (part, key) in parts.iter_mut().zip(known) {
        let item = match (table.item(key), base) {
            (Some(item), _) => item,
            (None, Some(_)) => continue,
            (None, None) => table.required(key, "a text, or { path = \"…\", default = \"…\" }")?,
        };
        let source = paths.source(document, "a part of `header`", item)?;
        let is_text = item.get_ref().as_str().is_some_and(|text| !text.trim().is_empty());
        let has_default = source.default.is_some_and(|text| !paths.is_blank(text));
        if !is_text && !has_default {
            return Err(document.fault(item.span(), Fault::NoDefault { key }));
        }
        *part = source;
    }
    Ok(parts)
}

fn severity_plan(
    paths: &mut Paths,
    document: &Document<'_>,
    item: &Item<'_>,
) -> Result<SeverityPlan, SchemaError> {
    let table = Table::of(document, "`severity`", item, &["from", "default"])?;
    let default = table.required("default", SEVERITY_EXAMPLE)?;
    let default = severity_of(document.severity("default", default)?);
    let example = "from = [{ path = \"severity\", map = { low = 3, high = 8 } }]";
    let items = match table.item("from") {
        Some(item) => document.list("from", item, example)?,
        None => &[],
    };
    let mut choices = Vec::new();
    for item in items {
        let entry = Table::of(document, "an entry of `from`", item, &["path", "map", "scale"])?;
        let from = paths.paths(document, "path", entry.required("path", "path = \"severity\"")?)?;
        let scale = match (entry.item("map"), entry.item("scale")) {
            (Some(_), Some(scale)) => {
                let fault = Fault::Beside { key: "scale", beside: "map" };
                return Err(document.fault(scale.span(), fault));
            }
            (_, Some(word)) => {
                document.word("scale", word, &["cef"], "scale = \"cef\"")?;
                Scale::Cef
            }
            (_, None) => {
                let map = entry.required("map", "map = { low = 3, high = 8 }")?;
                let pairs = free_pairs(document, "map", map, "map = { low = 3, high = 8 }")?;
                let numbers = pairs.iter().map(|(key, item)| document.severity(key, item));
                let numbers = numbers.map(|number| number.map(severity_of));
                let keys = Lookup::new(pairs.iter().map(|(key, _)| *key));
                Scale::Map(keys, numbers.collect::<Result<_, _>>()?)
            }
        };
        choices.push(SeverityChoice { paths: from, scale });
    }
    Ok(SeverityPlan { choices, default })
}

/// The reader lets only 0 to 10 through.
fn severity_of(number: u8) -> Severity {
    Severity::new(number).unwrap_or_default()
}

fn rows(
    paths: &mut Paths,
    document: &Document<'_>,
    item: &Item<'_>,
) -> Result<Vec<Row>, SchemaError> {
    let mut rows: Vec<Row> = Vec::new();
    for item in document.list("fields", item, FIELDS_EXAMPLE)? {
        let row = row(paths, document, item)?;
        if let Write::Pair { head, .. } = &row.write
            && row.when.is_empty()
            && rows.iter().any(|earlier| earlier.when.is_empty() && writes(earlier, head.key()))
        {
            let key = paths.spelled(head.key());
            return Err(document.fault(item.span(), Fault::KeyTwice { key }));
        }
        rows.push(row);
    }
    Ok(rows)
}

fn writes(row: &Row, wanted: HeadKey) -> bool {
    matches!(&row.write, Write::Pair { head, .. } if head.key() == wanted)
}

fn row(paths: &mut Paths, document: &Document<'_>, item: &Item<'_>) -> Result<Row, SchemaError> {
    let known: Vec<&str> = ROW_KEYS.into_iter().chain(CHOICE_KEYS).chain(SOURCE_KEYS).collect();
    let table = Table::of(document, "a row of `fields`", item, &known)?;
    let when = paths.tests(document, "when", table.item("when"))?;
    if let Some(copy) = table.item("copy") {
        let pair_keys = ["key", "label", "when_absent", "first_of", "default"];
        if let Some(key) =
            pair_keys.into_iter().chain(CHOICE_KEYS).find(|key| table.item(key).is_some())
        {
            let span = table.item(key).map_or(copy.span(), toml::Spanned::span);
            return Err(document.fault(span, Fault::Beside { key, beside: "copy" }));
        }
        let except = match table.item("except") {
            Some(item) => document.list("except", item, "except = [\"rawEvent\"]")?,
            None => &[],
        };
        let except = except.iter().map(|item| document.text("except", item, "a list of keys"));
        let except = Lookup::new(except.collect::<Result<Vec<_>, _>>()?);
        let path = paths.path(document, "copy", copy)?;
        return Ok(Row { when, write: Write::Copy { path, except } });
    }
    if let Some(except) = table.item("except") {
        let fault = Fault::Beside { key: "except", beside: "key" };
        return Err(document.fault(except.span(), fault));
    }
    let key_item = table.required("key", "key = \"suser\"")?;
    let key = document.text("key", key_item, "key = \"suser\"")?;
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        let fault = Fault::ExtensionKey { key: key.to_owned() };
        return Err(document.fault(key_item.span(), fault));
    }
    let label = match (table.item("label"), is_free_slot(key)) {
        (Some(item), true) => {
            let label = document.text("label", item, "label = \"PolicyAction\"")?;
            Some(paths.text(label.to_owned()))
        }
        (None, false) => None,
        (Some(item), false) => {
            let fault = Fault::LabelOutOfPlace { key: key.to_owned() };
            return Err(document.fault(item.span(), fault));
        }
        (None, true) => {
            let fault = Fault::LabelMissing { key: key.to_owned() };
            return Err(document.fault(key_item.span(), fault));
        }
    };
    let keep_empty = match table.item("when_absent") {
        Some(item) => {
            document.word("when_absent", item, &["omit", "empty"], "when_absent = \"empty\"")? == 1
        }
        None => false,
    };
    let source = paths.source_in(&table)?;
    let head = Head::new(paths.head_key(key));
    let head = label.map_or(head, |label| head.labelled(label));
    Ok(Row { when, write: Write::Pair { head, source, keep_empty } })
}

/// CEF 27, "Custom Dictionary Extensions": the keys that have a label beside them.
fn is_free_slot(key: &str) -> bool {
    let numbered = [
        ("cs", 6),
        ("cn", 3),
        ("cfp", 4),
        ("c6a", 4),
        ("deviceCustomDate", 2),
        ("flexDate", 1),
        ("flexString", 2),
    ];
    numbered.into_iter().any(|(stem, most)| {
        let number = key.strip_prefix(stem).and_then(|number| number.parse::<u8>().ok());
        number.is_some_and(|number| (1..=most).contains(&number))
    })
}
