//! The shipped example: it parses as it is, and with every comment that is a key taken at its word.

use std::path::Path;

use super::*;
use crate::config::findings::Findings;
use crate::config::section::Section;
use crate::config::typed;

const EXAMPLE: &str = include_str!("../../../config/spoolgate.toml");

/// Explanations have a space behind their `#`, keys and sections have none. HTTP needs the policy's
/// consent, and a build with it.
fn uncommented() -> String {
    const DEFAULT: &str = "allow = false\n# Names, \"*.example.net\", addresses or networks (\"192.0.2.0/24\"); no scheme, no port.\nhosts = []\n";
    let text = with_all_keys();
    match text.split_once("# --- HTTP,") {
        Some((before, _)) if cfg!(not(feature = "http")) => before.to_owned(),
        Some(_) => {
            assert!(text.contains(DEFAULT));
            text.replace(DEFAULT, "allow = true\nhosts = [\"*.example.net\", \"127.0.0.1\", \"*.microsoftonline.com\", \"*.datadoghq.com\"]\n")
        }
        None => panic!("no part about HTTP"),
    }
}

fn with_all_keys() -> String {
    let key = |text: &str| text.starts_with(|c: char| c.is_ascii_lowercase() || "[\"".contains(c));
    let lines = EXAMPLE.lines().map(|line| match line.strip_prefix('#') {
        Some(rest) if key(rest) => rest,
        _ => line,
    });
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn parses_as_shipped_without_warnings() {
    let config = parse(EXAMPLE).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.warnings, Vec::<String>::new());
    assert_eq!(config.destinations.len(), 1);
}

#[test]
fn comments_are_keys_at_their_defaults() {
    let shipped = parse(EXAMPLE).unwrap();
    let full = parse(&uncommented()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(full.warnings, Vec::<String>::new());
    assert!(full.destinations.len() >= 3);
    assert_eq!(full.spool.sources.len(), 2);

    // What has no default is the user, the schemas directory, the second spool and the other
    // destinations.
    let mut expected = full.clone();
    expected.egress = shipped.egress.clone();
    expected.map.schemas_dir = None;
    expected.service.user = None;
    expected.spool.sources.truncate(1);
    expected.destinations.truncate(1);
    assert_eq!(shipped, expected);
}

#[test]
fn every_key_that_is_read_is_in_the_example_and_nothing_else() {
    let text = uncommented();
    let findings = Findings::new(Path::new("example"), &text);
    let table = toml::de::DeTable::parse(&text).unwrap();
    typed::file::read(&findings, Section::top(&findings, table.get_ref()));

    let document: toml::Table = text.parse().unwrap();
    let mut missing = Vec::new();
    for (section, key) in findings.known() {
        let path: Vec<&str> =
            section.split('.').filter(|part| !part.is_empty()).chain([key]).collect();
        if !contains(&toml::Value::Table(document.clone()), &path) {
            missing.push(format!("[{section}] {key}"));
        }
    }
    assert_eq!(missing, Vec::<String>::new());
    assert_eq!(findings.finish(), Ok(Vec::new()), "the example names unknown keys");
}

/// Whether the path leads somewhere, through any item of repeated sections.
fn contains(value: &toml::Value, path: &[&str]) -> bool {
    let Some((first, rest)) = path.split_first() else {
        return true;
    };
    match value {
        toml::Value::Array(items) => items.iter().any(|item| contains(item, path)),
        toml::Value::Table(table) => table.get(*first).is_some_and(|value| contains(value, rest)),
        _ => false,
    }
}
