//! Detection, configured schemas, and the directory of schemas.

use std::fs;

use crate::map::schema::{self, Schema};
use crate::map::settings::Settings;
use crate::map::{Guard, MapError, Mapper};
use crate::model::format::Format;

use super::build;

#[test]
fn detection_goes_from_the_particular_to_any_json() {
    let cases = [
        (r#"{"class_uid":6003,"metadata":{"product":{"vendor_name":"Arbitex"}}}"#, "arbitex"),
        (r#"{"class_uid":6003,"metadata":{"product":{"vendor_name":"AWS"}}}"#, "ocsf"),
        (r#"{"class_uid":6003}"#, "generic"),
        (r#"{"class_uid":null,"metadata":{}}"#, "generic"),
        (r#"{"event_type":"dlp.match"}"#, "mitrity"),
        (r#"{"event_type":"hold.expired"}"#, "mitrity"),
        (r#"{"event_type":"dlp.pii_blocked"}"#, "aisg"),
        (r#"{"type":"budget.exhausted"}"#, "aisg"),
        (r#"{"ddsource":"ai-security-gateway"}"#, "aisg"),
        (r#"{"Source":"AISecurityGateway"}"#, "aisg"),
        (r#"{"eventId":"1","eventType":"performance_metric"}"#, "resk"),
        (r#"{"eventType":"performance_metric"}"#, "generic"),
        (r#"{"attestation_id":"1","verdict":"REWRITE"}"#, "aegis"),
        (r#"{"attestation_id":"1","verdict":"?"}"#, "generic"),
        (r#"{}"#, "generic"),
    ];
    for (event, schema) in cases {
        assert_eq!(build::map(event).schema, schema, "{event}");
    }
    let mut mapper = build::mapper();
    let mut by_format = |format| build::try_map(&mut mapper, None, format, "{}").unwrap().schema;
    assert_eq!(by_format(Format::Syslog), "syslog");
    assert_eq!(by_format(Format::Cef), "cef");
}

#[test]
fn a_configured_schema_wins() {
    let mut mapper = build::mapper();
    let resk = mapper.schema_index("resk");
    assert!(resk.is_some() && mapper.schema_index("nobody").is_none());
    let event = r#"{"class_uid":1,"activity_id":1,"userId":"u"}"#;
    let mapped = build::try_map(&mut mapper, resk, Format::Json, event).unwrap();
    assert_eq!(mapped.schema, "resk");
    assert_eq!(mapped.pair("suser"), Some("u"));
    let error = build::try_map(&mut mapper, resk, Format::Cef, "{}").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the schema `resk` reads Json lines, but this is a Cef line; correct `format` or `schema` \
         of its spool"
    );
}

#[test]
fn what_is_no_object_is_refused() {
    let mut mapper = build::mapper();
    for (text, found) in [("[1]", "a list"), ("\"x\"", "a text"), ("1", "a number")] {
        let error = build::try_map(&mut mapper, None, Format::Json, text).unwrap_err();
        assert_eq!(error, MapError::NotAnObject { found });
    }
}

#[test]
fn nothing_stays_from_the_event_before() {
    let mut mapper = build::mapper();
    let full = r#"{"class_uid":4001,"activity_id":1,"severity_id":5,"time":1,"metadata":{"uid":"u",
        "product":{"name":"n","vendor_name":"v"}},"src_endpoint":{"ip":"192.0.2.1","port":1}}"#;
    build::try_map(&mut mapper, None, Format::Json, full).unwrap();
    let bare = r#"{"class_uid":4001,"activity_id":1}"#;
    let mapped = build::try_map(&mut mapper, None, Format::Json, bare).unwrap();
    assert_eq!(mapped.header(), "OCSF|OCSF|1.0|4001|Network Activity|5");
    assert_eq!(mapped.extension(), "externalId=sg0000000000000001-0");
    assert_eq!(mapped.fields.time(), None);
}

fn file(name: &str, vendor: &str, detect: &str) -> String {
    let header = format!(
        "header = {{ vendor = \"{vendor}\", product = \"P\", version = \"1\", \
         event_class_id = \"C\", name = \"N\" }}"
    );
    format!(
        "name = \"{name}\"\ntitle = \"t\"\ndetect = [{detect}]\n{header}\nseverity.default = 5\n\
         fields = []\n"
    )
}

#[test]
fn a_directory_adds_and_replaces() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| fs::write(directory.path().join(name), text).unwrap();
    let settings =
        Settings { schemas_dir: Some(directory.path().to_owned()), ..Settings::default() };
    write("b.toml", file("second", "B", "{ path = \"x\", exists = true }"));
    write("a.toml", file("first", "A", "{ path = \"x\", equals = 1 }"));
    write("mine.toml", file("generic", "Mine", ""));
    write("readme.txt", "not a schema".to_owned());
    let schemas = schema::load(&settings).unwrap();
    let names: Vec<&str> = schemas.iter().map(Schema::name).collect();
    assert_eq!(
        names,
        [
            "first", "second", "arbitex", "mitrity", "aisg", "resk", "aegis", "ocsf", "syslog",
            "cef", "generic"
        ]
    );
    assert!(schemas == schema::load(&settings).unwrap());
    let mut mapper = Mapper::new(schemas.clone(), Guard::new::<&str>(&[]));
    for (event, vendor) in [(r#"{"x":1}"#, "A"), (r#"{"x":2}"#, "B"), (r#"{"y":2}"#, "Mine")] {
        let mapped = build::try_map(&mut mapper, None, Format::Json, event).unwrap();
        assert!(mapped.header().starts_with(vendor), "{event}: {}", mapped.header());
    }
    write("a.toml", file("first", "AA", "{ path = \"x\", equals = 1 }"));
    assert!(schemas != schema::load(&settings).unwrap());
}

#[test]
fn a_directory_with_faults_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).display().to_string();
    let settings =
        Settings { schemas_dir: Some(directory.path().to_owned()), ..Settings::default() };
    fs::write(at("a.toml"), file("same", "A", "")).unwrap();
    fs::write(at("b.toml"), file("same", "B", "")).unwrap();
    let error = schema::load(&settings).unwrap_err();
    let (a, b) = (at("a.toml"), at("b.toml"));
    assert_eq!(
        error.to_string(),
        format!("{b}: the schema `same` stands in {a} too; rename one or remove it")
    );
    fs::write(at("a.toml"), "nmae = 1").unwrap();
    let error = schema::load(&settings).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{a}:1:1: a schema has no key `nmae`; did you mean `name`?")
    );
    let nowhere = directory.path().join("nowhere");
    let settings = Settings { schemas_dir: Some(nowhere.clone()), ..settings };
    let error = schema::load(&settings).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{}: cannot be read (", nowhere.display())), "{error}");
}
