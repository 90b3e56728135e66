//! What the packages bring for receivers, tried as far as it goes without one: QRadar's extension
//! with Java's XML and regular expressions on what the program sends, its script with a
//! qidmap_cli.sh that remembers.

mod qids;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::agent::Outpost;

fn kit(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging").join(path)
}

/// The rows of a table, without its head.
fn rows(path: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(kit(path)).unwrap();
    text.lines().skip(1).map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

/// An event of that schema that has this id and category; where the schema cannot be led to it,
/// the line of another sender that says the same.
fn event(schema: &str, id: &str, category: &str) -> String {
    let event = match (schema, id) {
        ("arbitex", _) => json!({"class_uid": 6003, "api": {"operation": "x"},
            "metadata": {"product": {"vendor_name": "Arbitex"}},
            "unmapped": {"policy_action": category}}),
        ("mitrity", "governance") | ("resk", "security_event") | ("syslog" | "cef", _) => {
            return format!("CEF:0|V|P|1|{id}|Name|5|msg=x");
        }
        ("mitrity", "dlp.match") if category == "CEF" => json!({"event_type": id, "id": "1"}),
        ("mitrity", _) => json!({"event_type": id, "action_taken": category,
            "policy_name": "a|b act=logged cat=Findings"}),
        ("aisg", "aisg.event") => json!({"sourcetype": "aisg:security"}),
        ("aisg", _) => json!({"type": id, "action": "blocked"}),
        ("resk", _) => json!({"eventId": "1", "eventType": id}),
        ("aegis", _) => json!({"attestation_id": "1", "verdict": category}),
        ("ocsf", "0") => json!({"class_uid": 0, "activity_id": 1}),
        // Even ones with the whole type, odd ones with the class alone.
        ("ocsf", _) => {
            let class: u32 = id.parse().unwrap();
            let mut event = json!({"class_uid": class, "category_uid": class / 1000});
            if class.is_multiple_of(2) {
                event["type_uid"] = Value::from(class * 100 + 99);
            }
            event
        }
        ("generic", _) => json!({"a": 1}),
        (other, _) => panic!("no event of {other} here"),
    };
    event.to_string()
}

/// What the program would send for these lines.
fn sent(lines: &[String]) -> Vec<String> {
    let outpost = Outpost::new();
    outpost.configure(
        "[[destination]]\nname = \"siem\"\naddress = \"tcp://127.0.0.1\"\n\
         [destination.filter]\nexclude_event_types = []\n",
    );
    let file = outpost.path("events");
    fs::write(&file, lines.join("\n") + "\n").unwrap();
    let output = outpost.command(&["preview", &file.display().to_string()]);
    let text = String::from_utf8(output.stdout).unwrap();
    let messages: Vec<String> = text.lines().map(str::to_owned).collect();
    assert_eq!(messages.len(), lines.len(), "{}", String::from_utf8_lossy(&output.stderr));
    messages
}

/// Fields and properties that the extension finds in each message; checks the extension itself
/// against what is known of its schema.
fn parsed(messages: &[String]) -> Vec<Vec<String>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/kits");
    let mut java = Command::new("java")
        .arg(here.join("Extension.java"))
        .arg(here.join("device-extension.xsd"))
        .arg(kit("qradar/log-source-extension.xml"))
        .arg(kit("qradar/custom-properties.tsv"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("java is not here; `tests/run` brings it");
    java.stdin.take().unwrap().write_all((messages.join("\n") + "\n").as_bytes()).unwrap();
    let output = java.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

/// Events of products whose ids are known: the samples, and the examples of the schemas.
fn samples() -> Vec<String> {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let mut events = Vec::new();
    for schema in ["arbitex", "mitrity", "aisg", "resk", "aegis", "ocsf"] {
        let sample = config.join(format!("samples/{schema}.jsonl"));
        let sample = fs::read_to_string(sample).unwrap_or_default();
        events.extend(sample.lines().map(str::to_owned));
        let file = fs::read_to_string(config.join(format!("schemas/{schema}.toml"))).unwrap();
        let file: toml::Table = file.parse().unwrap();
        for example in file["example"].as_array().unwrap() {
            events.push(example["event"].as_str().unwrap().replace('\n', " "));
        }
    }
    assert!(events.len() > 35, "{}", events.len());
    events
}

#[test]
fn samples_and_examples_are_mapped() {
    let mappings = rows("qradar/events.tsv");
    let messages = sent(&samples());
    for (message, fields) in messages.iter().zip(parsed(&messages)) {
        let found = |name: &str| {
            fields.iter().find_map(|field| field.strip_prefix(name)).unwrap_or_default().to_owned()
        };
        let (id, category) = (found("EventName="), found("EventCategory="));
        let is_mapped = mappings.iter().any(|row| row[1] == id && row[2] == category);
        assert!(is_mapped, "{id} {category} of {message}");
    }
}

#[test]
fn every_built_in_event_is_found_under_its_mapping() {
    let mappings = rows("qradar/events.tsv");
    assert!(mappings.len() > 90, "{}", mappings.len());
    let events: Vec<_> = mappings.iter().map(|row| event(&row[0], &row[1], &row[2])).collect();
    let messages = sent(&events);
    let found = parsed(&messages);
    for ((row, message), fields) in mappings.iter().zip(&messages).zip(&found) {
        for wanted in [format!("EventName={}", row[1]), format!("EventCategory={}", row[2])] {
            assert!(fields.contains(&wanted), "{wanted} is not in {fields:?} of {message}");
        }
    }
}

#[test]
fn fields_and_properties_are_those_of_the_event() {
    let lines = [
        r#"{"id":"e1","agent_id":"a1","event_type":"dlp.match","direction":"outbound",
            "action_taken":"redacted","detection_reason":"pattern_match","pattern_id":"f1",
            "pattern_name":"a=b | c\\d cs3=x","position":0,"length":11,"redaction_count":3,
            "tool_pattern_matched":"drive:create","destination_domain":"files.example.com",
            "sensitivity_tags":["pii","credentials"]}"#,
        r#"{"class_uid":4001,"category_uid":4,"type_uid":400101,"src_endpoint":{"ip":"192.0.2.1",
            "port":50123},"dst_endpoint":{"ip":"2001:db8::1","port":443,"mac":"00:11:22:33:44:55"},
            "connection_info":{"protocol_name":"tcp"},"actor":{"user":{"name":"j doe"}}}"#,
    ];
    let lines: Vec<String> = lines.iter().map(|line| line.replace('\n', " ")).collect();
    let found = parsed(&sent(&lines));
    let wanted: [&[&str]; 2] = [
        &[
            "EventName=dlp.match",
            "EventCategory=redacted",
            "Spoolgate Agent=a1",
            r"Spoolgate PatternName=a\=b | c\\d cs3\=x",
            "Spoolgate ToolPattern=drive:create",
            "Spoolgate DetectionReason=pattern_match",
            "Spoolgate RedactionCount=3",
            "Spoolgate SensitivityTags=pii,credentials",
            "Spoolgate act=redacted",
            "Spoolgate dhost=files.example.com",
            "Spoolgate EventClassId=dlp.match",
            "Spoolgate Severity=6",
        ],
        &[
            "EventName=4001",
            "SourceIp=192.0.2.1",
            "SourcePort=50123",
            "DestinationIpv6=2001:db8::1",
            "DestinationPort=443",
            "DestinationMAC=00:11:22:33:44:55",
            "Protocol=tcp",
            "UserName=j doe",
        ],
    ];
    for (wanted, fields) in wanted.iter().zip(&found) {
        for each in *wanted {
            assert!(fields.iter().any(|field| field == each), "{each} is not in {fields:?}");
        }
    }
}

#[test]
fn searches_ask_for_properties_that_are_listed() {
    let listed: Vec<String> =
        rows("qradar/custom-properties.tsv").into_iter().map(|row| row[0].clone()).collect();
    let mut alike: Vec<_> = listed.iter().map(|name| name.to_lowercase()).collect();
    alike.sort();
    alike.dedup();
    assert_eq!(alike.len(), listed.len(), "names that differ in case alone");
    let searches = fs::read_to_string(kit("qradar/searches.aql")).unwrap();
    let asked: Vec<_> = searches.split('"').filter(|part| part.starts_with("Spoolgate ")).collect();
    assert!(asked.len() > 10, "{asked:?}");
    for name in asked {
        assert!(listed.iter().any(|known| known == name), "{name} is no custom property");
    }
}

/// The searches of all kits are over members of events, under the names that the schemas read, and
/// the declared columns have what the searches ask for.
#[test]
fn names_in_searches_are_those_of_the_schemas() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rules = ["agent_id", "pattern_name", "tool_pattern_matched", "detection_reason"];
    let rules = rules.iter().chain(&["action_taken", "sensitivity_tags", "redaction_count"]);
    let injections = ["details.techniques", "details.confidence"];
    let arbitex = ["unmapped.policy_action", "actor.user.email_addr", "unmapped.model"];
    let all = rules.map(|name| ("mitrity", *name));
    let all = all.chain(injections.map(|name| ("resk", name)));
    let all: Vec<_> = all.chain(arbitex.map(|name| ("arbitex", name))).collect();
    for (schema, name) in &all {
        let text = fs::read_to_string(root.join(format!("config/schemas/{schema}.toml"))).unwrap();
        assert!(text.contains(&format!("\"{name}\"")), "{schema} does not read {name}");
    }
    for file in ["splunk/savedsearches.conf", "elastic/searches.esql"] {
        let searches = fs::read_to_string(kit(file)).unwrap();
        for (_, name) in &all {
            assert!(searches.contains(name), "{file} does not ask for {name}");
        }
    }
    let template: Value =
        serde_json::from_str(&fs::read_to_string(kit("elastic/index-template.json")).unwrap())
            .unwrap();
    for (_, name) in &all {
        let path = name.replace('.', "/properties/");
        let kind = template.pointer(&format!("/template/mappings/properties/{path}/type"));
        assert!(kind.is_some(), "the index template does not declare {name}");
    }
}

#[test]
fn sentinel_declares_one_list_of_columns_and_the_searches_use_it() {
    let json = |file: &str| -> Value {
        serde_json::from_str(&fs::read_to_string(kit(file)).unwrap()).unwrap()
    };
    let table = json("sentinel/table.json");
    let rule = json("sentinel/dcr.json");
    let columns = &table["properties"]["schema"]["columns"];
    let name = table["properties"]["schema"]["name"].as_str().unwrap();
    let stream = format!("Custom-{name}");
    let properties = &rule["resources"][0]["properties"];
    assert_eq!(columns, &properties["streamDeclarations"][&stream]["columns"]);
    assert_eq!(properties["dataFlows"][0]["outputStream"], *stream);
    let declared: Vec<_> = columns.as_array().unwrap().iter().map(|each| &each["name"]).collect();
    assert!(declared.len() > 20, "{declared:?}");
    let searches = fs::read_to_string(kit("sentinel/searches.kql")).unwrap();
    for asked in ["TimeGenerated", "EventType", "RawEvent", "PolicyAction", "UserEmail", "Source"] {
        assert!(searches.contains(asked), "{asked}");
        assert!(declared.contains(&&Value::from(asked)), "{asked} is not declared");
    }
    for line in searches.lines().filter(|line| line.ends_with("_CL")) {
        assert_eq!(line, name);
    }
}

#[test]
fn the_dashboard_shows_searches_that_there_are() {
    let searches = fs::read_to_string(kit("splunk/savedsearches.conf")).unwrap();
    let dashboard = fs::read_to_string(kit("dashboards/splunk.xml")).unwrap();
    let shown: Vec<_> = dashboard.split("<search ref=\"").skip(1).collect();
    assert!(shown.len() > 5, "{}", shown.len());
    for name in shown.iter().map(|rest| rest.split('"').next().unwrap()) {
        assert!(searches.contains(&format!("[{name}]\n")), "there is no search {name:?}");
    }
    // As many elements end as begin.
    let begun = dashboard.matches('<').count() - dashboard.matches("</").count();
    assert_eq!(begun, dashboard.matches("</").count() + dashboard.matches("/>").count());
}
