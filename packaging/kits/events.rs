//! Which event ids QRadar sees, and what it is to make of them.
//!
//! In: the schemas and `events.toml`. Out: the list of event mappings. An id that only one of the
//! two knows is an error, so that neither can drift from the other.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;

use serde::Deserialize;

use super::schemas::Schema;

/// The constant that stands for the category where the id tells enough: the first word of CEF.
pub const CATEGORY: &str = "CEF";

const TABLE: &str = include_str!("events.toml");
const NAME_BYTES_MAX: usize = 255;
const DESCRIPTION_BYTES_MAX: usize = 2048;

/// `events.toml`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    low_level: BTreeMap<String, String>,
    /// By schema.
    pub category: BTreeMap<String, Category>,
    /// Low-level category by OCSF class or its first digit.
    ocsf: BTreeMap<String, u32>,
    event: Vec<Entry>,
}

/// Events with one id that differ in the value of a key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Category {
    /// The event class id.
    pub id: String,
    /// The CEF key whose value is the category.
    pub key: String,
    /// What it can be.
    pub values: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    schema: String,
    id: String,
    category: Option<String>,
    name: Option<String>,
    description: String,
    severity: Option<u8>,
    low_level: u32,
}

/// One event mapping and its QID.
#[derive(Debug)]
pub struct Mapping {
    schema: String,
    /// What the log source extension finds as event id.
    pub id: String,
    /// And as event category.
    pub category: String,
    /// The name of the QID.
    pub name: String,
    description: String,
    severity: u8,
    low_level: u32,
}

/// The table, parsed.
pub fn known() -> Result<Known, Box<dyn Error>> {
    Ok(toml::from_str(TABLE)?)
}

/// All mappings, in the order of detection.
pub fn mappings(schemas: &[Schema], known: &Known) -> Result<Vec<Mapping>, Box<dyn Error>> {
    let mut all = Vec::new();
    for schema in schemas {
        for entry in known.event.iter().filter(|entry| entry.schema == schema.name) {
            all.push(mapping(schema, entry)?);
        }
        if schema.name == "ocsf" {
            ocsf(schema, known, &mut all)?;
        }
    }
    complete(schemas, known, &all)?;
    Ok(all)
}

fn mapping(schema: &Schema, entry: &Entry) -> Result<Mapping, Box<dyn Error>> {
    let (id, category) = (entry.id.as_str(), entry.category.as_deref().unwrap_or(CATEGORY));
    let by_schema = |names: &BTreeMap<String, String>| {
        names.get(id).map(|name| format!("{}: {name}", schema.vendor))
    };
    let name = entry.name.clone().or_else(|| by_schema(&schema.names));
    // Verdicts and actions have severities of their own in some schemas; the table is read
    // whatever the case.
    let severities = &schema.severities;
    let said = severities.get(category).or_else(|| severities.get(&category.to_uppercase()));
    let said = said.or_else(|| severities.get(id)).copied();
    if let (Some(said), Some(severity)) = (said, entry.severity)
        && said != severity
    {
        return Err(format!("{id} {category}: {severity}, but the schema says {said}").into());
    }
    Ok(Mapping {
        schema: schema.name.clone(),
        id: id.to_owned(),
        category: category.to_owned(),
        name: name.ok_or(format!("{id} {category}: no name"))?,
        description: entry.description.clone(),
        severity: entry.severity.or(said).ok_or(format!("{id} {category}: no severity"))?,
        low_level: entry.low_level,
    })
}

/// OCSF classes: the extension leaves the class of a type_uid, and the schema names the classes.
fn ocsf(schema: &Schema, known: &Known, all: &mut Vec<Mapping>) -> Result<(), Box<dyn Error>> {
    for id in &schema.event_ids {
        let name = schema.names.get(id).ok_or(format!("OCSF class {id}: no name"))?;
        let first = if id.len() == 4 { id.get(..1).unwrap_or("0") } else { "0" };
        let low_level = known.ocsf.get(id).or_else(|| known.ocsf.get(first));
        all.push(Mapping {
            schema: schema.name.clone(),
            id: id.clone(),
            category: CATEGORY.to_owned(),
            name: format!("OCSF: {name}"),
            description: format!("An event of OCSF class {id}: {name}."),
            severity: 5,
            low_level: *low_level.ok_or(format!("OCSF class {id}: no low-level category"))?,
        });
    }
    Ok(())
}

/// Every id of every schema is there, with every category it can have, once, and nothing else.
fn complete(schemas: &[Schema], known: &Known, all: &[Mapping]) -> Result<(), Box<dyn Error>> {
    let mut wanted = BTreeSet::new();
    for schema in schemas {
        for id in &schema.event_ids {
            wanted.insert((id.as_str(), CATEGORY));
        }
        if let Some(category) = known.category.get(&schema.name) {
            wanted
                .extend(category.values.iter().map(|value| (category.id.as_str(), value.as_str())));
        }
    }
    let mut found = BTreeSet::new();
    for each in all {
        if !found.insert((each.id.as_str(), each.category.as_str())) {
            return Err(format!("{} {}: mapped twice", each.id, each.category).into());
        }
        let fits = each.name.len() <= NAME_BYTES_MAX
            && each.description.len() <= DESCRIPTION_BYTES_MAX
            && (1..=10).contains(&each.severity)
            && known.low_level.contains_key(&each.low_level.to_string());
        let is_plain = |text: &str| !text.contains(['\t', '\n', '"', ',']);
        if !fits || !is_plain(&each.name) || !is_plain(&each.description) {
            return Err(format!("{} {}: cannot be a QID", each.id, each.category).into());
        }
    }
    let missing: Vec<_> = wanted.difference(&found).collect();
    let unknown: Vec<_> = found.difference(&wanted).collect();
    if missing.is_empty() && unknown.is_empty() {
        return Ok(());
    }
    Err(format!("events.toml: not mapped: {missing:?}; of no schema: {unknown:?}").into())
}

/// `events.tsv`
pub fn list(known: &Known, all: &[Mapping]) -> Result<String, Box<dyn Error>> {
    let mut out = String::from(
        "schema\tevent id\tevent category\tQID name\tdescription\tseverity\tlow-level category id\t\
         low-level category\n",
    );
    for each in all {
        let Mapping { schema, id, category, name, description, severity, low_level } = each;
        let category_name = known.low_level.get(&low_level.to_string());
        let category_name = category_name.ok_or(format!("no low-level category {low_level}"))?;
        writeln!(
            out,
            "{schema}\t{id}\t{category}\t{name}\t{description}\t{severity}\t{low_level}\t\
             {category_name}"
        )?;
    }
    Ok(out)
}
