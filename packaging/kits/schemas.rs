//! What the built-in schemas say of themselves: event ids, names, severities, and the rows of the
//! CEF extension with their sources.
//!
//! In: the schema files that are compiled into the program. Out: one [`Schema`] for each.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use spoolgate::map::schema::BUILT_IN;
use toml::{Table, Value};

/// A built-in schema, as far as a receiver has to know it.
#[derive(Debug)]
pub struct Schema {
    /// Its name.
    pub name: String,
    /// Device Vendor, where it is fixed or has a default.
    pub vendor: String,
    /// Every event class id that the file names.
    pub event_ids: BTreeSet<String>,
    /// CEF Name by event class id, where the file has a table of them.
    pub names: BTreeMap<String, String>,
    /// CEF severity by event class id, where the file has a table of them.
    pub severities: BTreeMap<String, u8>,
    /// The rows of the extension in their order, variants last.
    pub rows: Vec<Row>,
}

/// One extension key and where its value comes from.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    /// The CEF key.
    pub key: String,
    /// Of a labelled slot.
    pub label: Option<String>,
    /// In words: paths, built-in values, fixed texts.
    pub source: String,
    /// Where it is looked for in the event.
    pub paths: Vec<String>,
}

/// All of them, in the order of detection.
pub fn built_in() -> Result<Vec<Schema>, Box<dyn Error>> {
    BUILT_IN.iter().map(|(name, text)| schema(name, &text.parse()?)).collect()
}

fn schema(name: &str, file: &Table) -> Result<Schema, Box<dyn Error>> {
    let header = file.get("header").ok_or("a schema without `header`")?;
    let part = |key: &str| header.get(key).ok_or(format!("{name}: no header.{key}"));
    let class = part("event_class_id")?;
    let class_paths: BTreeSet<&str> = paths(class).into_iter().collect();
    let is_class = |source: &Value| paths(source).iter().any(|path| class_paths.contains(path));

    let mut event_ids: BTreeSet<String> = fixed(class).into_iter().collect();
    let mut names = BTreeMap::new();
    let mut severities = BTreeMap::new();
    let mut places = Vec::new();
    let whole = Value::Table(without(file, &["example"]));
    tables(&whole, &mut places);
    for place in places.iter().filter(|place| is_class(place)) {
        event_ids.extend(values(place));
    }
    places.clear();
    tables(part("name")?, &mut places);
    for (id, text) in places.iter().filter(|place| is_class(place)).flat_map(map) {
        names.entry(id).or_insert(text);
    }
    places.clear();
    let parts = || std::iter::once(file).chain(list(file, "variant").filter_map(Value::as_table));
    parts().filter_map(|part| part.get("severity")).for_each(|each| tables(each, &mut places));
    // Also of paths beside the id: the caller asks for what it knows to be of its kind.
    for (id, text) in places.iter().flat_map(map) {
        severities.entry(id).or_insert(text.parse()?);
    }
    let mut rows = Vec::new();
    for part in parts() {
        for row in list(part, "fields").filter_map(row) {
            if !rows.contains(&row) {
                rows.push(row);
            }
        }
    }
    let vendor = fixed(part("vendor")?).pop().unwrap_or_default();
    Ok(Schema { name: name.to_owned(), vendor, event_ids, names, severities, rows })
}

fn row(value: &Value) -> Option<Row> {
    let key = text(value, "key")?;
    let source = match value.get("first_of").and_then(Value::as_array) {
        Some(choices) => choices.iter().map(in_words).collect::<Vec<_>>().join(", else "),
        None => in_words(value),
    };
    let paths = paths(value).into_iter().map(str::to_owned).collect();
    Some(Row { key, label: text(value, "label"), source, paths })
}

fn in_words(source: &Value) -> String {
    if let Some(word) = text(source, "built_in") {
        return match word.as_str() {
            "time" => "the time of the event".to_owned(),
            "id" => "the id of the event".to_owned(),
            _ => "the whole event".to_owned(),
        };
    }
    if let Some(text) = text(source, "text") {
        return format!("always {text}");
    }
    if let Some(template) = text(source, "template") {
        return template;
    }
    let from = paths(source).join(" or ");
    match text(source, "only").as_deref() {
        Some("ipv4") => format!("{from} (IPv4)"),
        Some("ipv6") => format!("{from} (IPv6)"),
        _ => from,
    }
}

/// What a source says without looking at the event: its text or default.
fn fixed(source: &Value) -> Vec<String> {
    match source {
        Value::String(text) => vec![text.clone()],
        other => other.get("default").map(scalar).into_iter().collect(),
    }
}

/// Every table below, in the order of the file.
fn tables<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| tables(item, found)),
        Value::Table(table) => {
            found.push(value);
            table.values().for_each(|item| tables(item, found));
        }
        _ => {}
    }
}

/// The paths of a source and of its choices.
fn paths(source: &Value) -> Vec<&str> {
    let own = match source.get("path") {
        Some(Value::Array(paths)) => paths.iter().filter_map(Value::as_str).collect(),
        Some(path) => path.as_str().into_iter().collect(),
        None => Vec::new(),
    };
    let choices = source.get("first_of").and_then(Value::as_array).into_iter().flatten();
    own.into_iter().chain(choices.flat_map(paths)).collect()
}

/// What a table or test says that its path can hold.
fn values(place: &&Value) -> Vec<String> {
    let listed = place.get("one_of").and_then(Value::as_array).into_iter().flatten();
    let equal = place.get("equals").into_iter();
    let keys = map(place).into_iter().map(|(key, _)| key);
    keys.chain(listed.chain(equal).map(scalar)).collect()
}

fn map(place: &&Value) -> Vec<(String, String)> {
    let map = place.get("map").and_then(Value::as_table).into_iter().flatten();
    map.map(|(key, value)| (key.clone(), scalar(value))).collect()
}

fn list<'a>(table: &'a Table, key: &str) -> impl Iterator<Item = &'a Value> {
    table.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn without(table: &Table, keys: &[&str]) -> Table {
    let kept = table.iter().filter(|(key, _)| !keys.contains(&key.as_str()));
    kept.map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key).map(scalar)
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
