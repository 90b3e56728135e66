//! QRadar's log source extension, and the list of custom properties.
//!
//! In: the keys that the schemas write, and what tells events of one id apart. Out: XML (IBM, "Log
//! source extensions") and a table.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::events::{CATEGORY, Category, Known};
use super::schemas::Schema;

/// QRadar's field and the CEF keys that it is taken from, the first one first. DeviceTime is not
/// here: QRadar takes it from the syslog header, which carries the event's own time.
const FIELDS: [(&str, &[&str]); 12] = [
    ("SourceIp", &["src"]),
    ("SourcePort", &["spt"]),
    ("SourceMAC", &["smac"]),
    ("SourceIpv6", &["c6a2"]),
    ("DestinationIp", &["dst"]),
    ("DestinationPort", &["dpt"]),
    ("DestinationMAC", &["dmac"]),
    ("DestinationIpv6", &["c6a3"]),
    ("Protocol", &["proto"]),
    ("UserName", &["suser", "duser", "duid", "suid"]),
    ("HostName", &["shost", "dvchost"]),
    ("GroupName", &["sntdom"]),
];

/// A part of the CEF header; possessive, for Java's matcher recurses otherwise.
const PART: &str = r"(?:[^|\\]++|\\.)*+\|";

/// What a value ends with: the next key, or the end.
const END: &str = r"(?= [A-Za-z0-9]+=|\s*$)";

/// `log-source-extension.xml`
pub fn xml(schemas: &[Schema], known: &Known) -> String {
    let written: BTreeSet<&str> =
        schemas.iter().flat_map(|schema| &schema.rows).map(|row| row.key.as_str()).collect();
    let mut patterns = String::new();
    let mut matchers = String::new();
    let header = format!(r"CEF:[01]\|{PART}{PART}{PART}");
    // A type_uid is a class that is known and its activity: OCSF has few, and 99 for others.
    let classes = schemas.iter().filter(|schema| schema.name == "ocsf");
    let classes = classes.flat_map(|schema| &schema.event_ids).map(String::as_str);
    let classes = classes.filter(|class| class.len() == 4).collect::<Vec<_>>().join("|");
    let ocsf = format!(r"{header}({classes})(?:[012]\d|99)\|");
    let id = format!(r"{header}((?:[^|\\]++|\\.)*+)\|");
    regex(&mut patterns, "ocsf-class", &ocsf);
    regex(&mut patterns, "event-id", &id);
    let mut order = 0;
    let mut match_category = |patterns: &mut String, name: &str, pattern: &str| {
        regex(patterns, name, pattern);
        order += 1;
        matcher("EventCategory", order, name)
    };
    let mut categories = String::new();
    for (name, category) in by_key(known) {
        let pattern = format!(r"{header}{}", category);
        categories.push_str(&match_category(&mut patterns, &name, &pattern));
    }
    let constant = format!(r"({CATEGORY}):[01]\|");
    categories.push_str(&match_category(&mut patterns, "category", &constant));

    let mut keys = BTreeSet::from(["$id$"]);
    matchers.push_str(&matcher("EventName", 1, "ocsf-class"));
    matchers.push_str(&cef_matcher("EventName", 2, "$id$"));
    matchers.push_str(&matcher("EventName", 3, "event-id"));
    matchers.push_str(&categories);
    for (field, candidates) in FIELDS {
        let found = candidates.iter().filter(|key| written.contains(*key));
        for (index, key) in found.enumerate() {
            keys.insert(key);
            matchers.push_str(&cef_matcher(field, index + 1, key));
        }
    }
    for key in keys {
        let _ = writeln!(
            patterns,
            "  <pattern id=\"{}\" type=\"CefKey\">{key}</pattern>",
            pattern_id(key)
        );
    }
    regex(&mut patterns, "all", "(.*)");
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!-- Made from Spoolgate's schemas; guide.md says how to use it. -->\n\
         <device-extension xmlns=\"event_parsing/device_extension\">\n{patterns}  \
         <match-group order=\"1\" description=\"Spoolgate, CEF\">\n{matchers}    \
         <event-match-multiple pattern-id=\"all\" capture-group-index=\"1\" \
         send-identity=\"OverrideAndNeverSend\" force-qidmap-lookup-on-fixup=\"true\"/>\n  \
         </match-group>\n</device-extension>\n"
    )
}

/// For each key that tells events of one id apart, the rest of a pattern that captures its value.
fn by_key(known: &Known) -> Vec<(String, String)> {
    let mut keys: BTreeMap<&str, Vec<&Category>> = BTreeMap::new();
    for category in known.category.values() {
        keys.entry(&category.key).or_default().push(category);
    }
    let mut all = Vec::new();
    for (key, categories) in keys {
        let ids: BTreeSet<_> = categories.iter().map(|each| each.id.replace('.', r"\.")).collect();
        let values: BTreeSet<_> =
            categories.iter().flat_map(|each| &each.values).map(String::as_str).collect();
        let ids = ids.into_iter().collect::<Vec<_>>().join("|");
        let values = values.into_iter().collect::<Vec<_>>().join("|");
        let rest = format!(r"(?:{ids})\|{PART}{PART}(?:.*? )?{key}=({values}){END}");
        all.push((format!("category-{key}"), rest));
    }
    all
}

fn pattern_id(key: &str) -> String {
    format!("cef-{}", key.trim_matches('$'))
}

fn regex(out: &mut String, id: &str, pattern: &str) {
    let _ = writeln!(
        out,
        "  <pattern id=\"{id}\" type=\"JavaPattern\" use-default-pattern=\"true\">\
         <![CDATA[{pattern}]]></pattern>"
    );
}

fn matcher(field: &str, order: usize, pattern: &str) -> String {
    format!(
        "    <matcher field=\"{field}\" order=\"{order}\" pattern-id=\"{pattern}\" \
         capture-group=\"1\"/>\n"
    )
}

fn cef_matcher(field: &str, order: usize, key: &str) -> String {
    let pattern = pattern_id(key);
    format!("    <cef-matcher field=\"{field}\" order=\"{order}\" pattern-id=\"{pattern}\"/>\n")
}

/// `custom-properties.tsv`: what the schemas write and QRadar has no field for. A labelled slot is
/// found by its label, for its number differs from product to product.
pub fn properties(schemas: &[Schema]) -> String {
    let own: BTreeSet<&str> = FIELDS.iter().flat_map(|(_, keys)| *keys).copied().collect();
    let mut all: BTreeMap<String, (&str, String, BTreeSet<usize>)> = BTreeMap::new();
    for (place, schema) in schemas.iter().enumerate() {
        for row in &schema.rows {
            let (name, kind, expression) = match &row.label {
                Some(label) => (label.as_str(), kind(&row.key), by_label(label)),
                None => (row.key.as_str(), kind(&row.key), format!("CEF\t{}\t", row.key)),
            };
            if own.contains(row.key.as_str()) || row.key == "rt" {
                continue;
            }
            // QRadar does not tell names by case: AISG's Model and Arbitex's model.
            let name = if name == "model" { "ModelIdentifier" } else { name };
            all.entry(name.to_owned())
                .or_insert_with(|| (kind, expression, BTreeSet::new()))
                .2
                .insert(place);
        }
    }
    let everywhere: BTreeSet<usize> = (0..schemas.len()).collect();
    // The agent of MITRITY stands in src, or, under `strict`, in deviceExternalId.
    let agent = format!(r"Regex{}(?:src|deviceExternalId)=(.*?){END}{}1", "\t(?:^|[ |])", "\t");
    all.insert("Agent".to_owned(), ("AlphaNumeric", agent, everywhere.clone()));
    for (name, reference) in
        [("EventClassId", "$id$"), ("Vendor", "$vendor$"), ("Product", "$product$")]
    {
        let expression = format!("CEF\t{reference}\t");
        all.insert(name.to_owned(), ("AlphaNumeric", expression, everywhere.clone()));
    }
    all.insert("Severity".to_owned(), ("Numeric", "CEF\t$severity$\t".to_owned(), everywhere));

    let mut out =
        String::from("property\ttype\texpression type\texpression\tcapture group\tschemas\n");
    for (name, (kind, expression, places)) in all {
        let users = schemas.iter().enumerate().filter(|(place, _)| places.contains(place));
        let users = users.map(|(_, schema)| schema.name.as_str()).collect::<Vec<_>>().join(" ");
        let _ = writeln!(out, "Spoolgate {name}\t{kind}\t{expression}\t{users}");
    }
    out
}

fn by_label(label: &str) -> String {
    let slot = r"(?:cs|cn|cfp|c6a)\d";
    format!("Regex\t{slot}Label={label} {slot}=(.*?){END}\t1")
}

fn kind(key: &str) -> &'static str {
    let is_number = ["cn", "cfp"]
        .iter()
        .any(|slot| key.strip_prefix(slot).is_some_and(|digit| digit.parse::<u8>().is_ok()));
    let is_count = ["cnt", "in", "out", "fsize", "spid", "dpid", "dvcpid", "tokenIn", "tokenOut"];
    if is_number || is_count.contains(&key) { "Numeric" } else { "AlphaNumeric" }
}
