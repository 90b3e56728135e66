//! Filters.

use crate::map::Filter;
use crate::map::settings::{FilterSettings, MinSeverity};
use crate::model::event::{Event, Tape};
use crate::model::fields::{Fields, Severity, Slot};

use super::build;

fn check(settings: &FilterSettings, event_type: &str, severity: u8, event: &str, passes: bool) {
    let mut tape = Tape::new();
    build::fill(event, &mut tape);
    let mut fields = Fields::new();
    fields.set(Slot::EventType, event_type);
    fields.set_severity(Severity::new(severity).unwrap());
    let found = Filter::new(settings).passes(&fields, Event::new(&tape, ""));
    assert_eq!(found, passes, "{event_type} {severity} {event} by {settings:?}");
}

#[test]
fn severity_words_are_bands() {
    let bands = [("informational", 0), ("low", 0), ("medium", 4), ("high", 7), ("critical", 9)];
    for (word, least) in bands {
        let min_severity = MinSeverity::parse(word).unwrap();
        assert_eq!(MinSeverity::parse(&word.to_uppercase()), Some(min_severity));
        let settings = FilterSettings { min_severity, ..FilterSettings::default() };
        for severity in 0..=10 {
            check(&settings, "x", severity, "{}", severity >= least);
        }
    }
    assert_eq!(MinSeverity::parse("loud"), None);
}

#[test]
fn policy_allow_is_opt_in() {
    let settings = FilterSettings::default();
    check(&settings, "policy.allow", 3, "{}", false);
    check(&settings, "policy.allowed", 3, "{}", true);
    check(&settings, "", 3, "{}", true);
    let all = FilterSettings { exclude_event_types: Vec::new(), ..settings };
    check(&all, "policy.allow", 3, "{}", true);
}

#[test]
fn event_types_are_globs() {
    let of = |include: &[&str], exclude: &[&str]| FilterSettings {
        event_types: include.iter().map(|glob| (*glob).to_owned()).collect(),
        exclude_event_types: exclude.iter().map(|glob| (*glob).to_owned()).collect(),
        ..FilterSettings::default()
    };
    let settings = of(&["dlp.*", "drift.critical"], &["*.allow", "dlp.test?"]);
    for (event_type, passes) in [
        ("dlp.match", true),
        ("dlp.a/b.c", true),
        ("drift.critical", true),
        ("drift.criticals", false),
        ("DLP.match", false),
        ("dlp.allow", false),
        ("dlp.test1", false),
        ("dlp.test", true),
        ("", false),
    ] {
        check(&settings, event_type, 5, "{}", passes);
    }
    check(&of(&[], &[]), "x", 5, "{}", false);
    check(&of(&["{a,b}.c"], &[]), "b.c", 5, "{}", true);
    check(&of(&["[z"], &[]), "[z", 5, "{}", true);
}

#[test]
fn equality_separates_organisations() {
    let of = |path: &str, text: &str| FilterSettings {
        equals: vec![(path.to_owned(), text.to_owned())],
        ..FilterSettings::default()
    };
    let event = r#"{"org_id":"a","n":5,"t":true,"u":{"org":"b"},"g":[{"id":"x"},{"id":"y"}],
        "tags":["p","q"],"z":null}"#;
    for (path, text, passes) in [
        ("org_id", "a", true),
        ("org_id", "A", false),
        ("n", "5", true),
        ("t", "true", true),
        ("u.org", "b", true),
        ("u", "b", false),
        ("u.org.x", "b", false),
        ("g[].id", "y", true),
        ("g[].id", "z", false),
        ("tags[]", "p", true),
        ("z", "", false),
        ("absent", "", false),
        ("a..b", "", false),
    ] {
        check(&of(path, text), "x", 5, event, passes);
    }
}
