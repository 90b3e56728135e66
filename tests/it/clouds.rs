//! What the cloud connectors send, from the spool's line on: each `tests/golden/cloud/<product>.in`
//! (events) becomes the payload that the product's document shows for a receiver, byte for byte but
//! for the white space with which it is printed there.

use std::fs;
use std::path::Path;

use spoolgate::decode::Decoder;
use spoolgate::http::secret::{Secret, Secrets};
use spoolgate::http::settings::{Endpoint, SecretSource};
use spoolgate::http::{Connector, Context, Item, Record, azure_data_collector};
use spoolgate::http::{datadog, elastic, sentinel};
use spoolgate::map::schema::Schema;
use spoolgate::map::{Guard, Mapper};
use spoolgate::model::event::{Event, Tape};
use spoolgate::model::fields::{Fields, Slot};
use spoolgate::model::format::Format;
use spoolgate::model::position::{FileKey, Position};
use spoolgate::model::time::EventTime;

/// Names the events that have no id of their own.
const POSITION: Position = Position { file: FileKey(1), offset: 0 };

fn endpoint() -> Endpoint {
    let host = "receiver.example.net".to_owned();
    Endpoint { is_tls: true, host, port: 443, base_path: String::new() }
}

fn secret() -> SecretSource {
    SecretSource::Environment("SECRET".to_owned())
}

fn datadog() -> Box<dyn Connector> {
    Box::new(datadog::Datadog::new(datadog::Settings {
        endpoint: endpoint(),
        validation: None,
        api_key: secret(),
        service: None,
        source: None,
        tags: vec!["env:production".to_owned()],
        hostname: None,
    }))
}

fn sentinel() -> Box<dyn Connector> {
    Box::new(sentinel::Sentinel::new(sentinel::Settings {
        endpoint: endpoint(),
        rule_id: "dcr-1".to_owned(),
        stream: "Custom-ArbitexAudit_CL".to_owned(),
        login: endpoint(),
        tenant_id: "t".to_owned(),
        client_id: "c".to_owned(),
        client_secret: secret(),
        scope: "s".to_owned(),
    }))
}

fn azure() -> Box<dyn Connector> {
    Box::new(azure_data_collector::AzureDataCollector::new(azure_data_collector::Settings {
        endpoint: endpoint(),
        workspace_id: "w".to_owned(),
        shared_key: secret(),
        log_type: "Security".to_owned(),
        time_generated_field: None,
        resource_id: None,
    }))
}

fn elastic(action: elastic::Action, document_ids: bool) -> Box<dyn Connector> {
    let settings = elastic::Settings {
        endpoint: endpoint(),
        authentication: elastic::Authentication::None,
        index: "arbitex-audit".to_owned(),
        action,
        pipeline: None,
        document_ids,
    };
    Box::new(elastic::Elastic::new(settings))
}

/// The stages before a connector.
struct Stages {
    decoder: Decoder,
    mapper: Mapper,
    tape: Tape,
    fields: Fields,
}

impl Stages {
    fn new() -> Stages {
        Stages {
            decoder: Decoder::new(),
            mapper: Mapper::new(Schema::built_in().unwrap(), Guard::new::<&str>(&[])),
            tape: Tape::new(),
            fields: Fields::new(),
        }
    }

    /// The records that connectors make of a line; `None` for what is no event.
    fn records(
        &mut self,
        connectors: &[&dyn Connector],
        hostname: &str,
        line: &[u8],
    ) -> Option<Vec<Vec<u8>>> {
        let Stages { decoder, mapper, tape, fields } = self;
        let decoded = decoder.decode(Format::Auto, line, tape).ok()?;
        let index = mapper.map(None, decoded, tape, POSITION, fields).ok()?;
        let event = Event::new(tape, decoded.line);
        let item = Item {
            fields,
            event,
            id: fields.get(Slot::Id, event),
            schema: mapper.schema(index).unwrap().name(),
            hostname,
            time: fields.time().unwrap_or(EventTime(0)),
        };
        let record = |connector: &&dyn Connector| {
            let mut out = Vec::new();
            connector.record(&item, &mut out).unwrap();
            out
        };
        Some(connectors.iter().map(record).collect())
    }
}

/// The body of one request with all those lines.
fn body(connector: &dyn Connector, hostname: &str, lines: &str) -> String {
    let mut stages = Stages::new();
    let of =
        |line: &str| stages.records(&[connector], hostname, line.as_bytes()).unwrap().remove(0);
    let records: Vec<_> = lines.lines().map(of).collect();
    let batch: Vec<_> = records
        .iter()
        .map(|bytes| Record { bytes, id: "id", severity: Default::default() })
        .collect();
    let mut secrets = Secrets::default();
    for (name, _) in connector.secrets() {
        secrets.set(name, Secret::new("c2VjcmV0"));
    }
    let token = Secret::new("token");
    let context = Context {
        secrets: &secrets,
        token: Some(&token),
        batch_id: "b",
        channel: "c",
        // A minute after AISG's event.
        now: EventTime(1_780_929_181_442_000),
    };
    let request = connector.request(&batch, &context).unwrap();
    let limits = connector.limits();
    let beside = limits.bytes_beside_batch + limits.bytes_beside_record * batch.len();
    let counted = records.iter().map(Vec::len).sum::<usize>() + beside;
    assert!(request.body.len() <= counted, "{} over {counted}", request.body.len());
    String::from_utf8(request.body).unwrap()
}

fn golden(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cloud");
    fs::read_to_string(folder.join(name)).unwrap()
}

/// JSON without the white space between its tokens; line ends stay where `keep_lines` says so.
fn compact(text: &str, keep_lines: bool) -> String {
    let (mut compact, mut in_string, mut escaped) = (String::new(), false, false);
    for letter in text.chars() {
        if !in_string && letter.is_whitespace() && !(keep_lines && letter == '\n') {
            continue;
        }
        if letter == '"' && !escaped {
            in_string = !in_string;
        }
        escaped = letter == '\\' && !escaped;
        compact.push(letter);
    }
    compact
}

#[test]
fn payloads_are_those_of_the_documents() {
    let check = |connector: Box<dyn Connector>, product: &str, hostname: &str, expected: &str| {
        let sent = body(connector.as_ref(), hostname, &golden(&format!("{product}.in")));
        let shown = golden(expected);
        let shown = match shown.starts_with('[') {
            _ if expected.starts_with("elastic") => compact(&shown, true),
            true => compact(&shown, false),
            false => format!("[{}]", compact(&shown, false)),
        };
        assert_eq!(sent, shown, "{expected}");
    };
    check(datadog(), "arbitex", "platform.arbitex.ai", "datadog-arbitex.out");
    check(sentinel(), "arbitex", "platform.arbitex.ai", "sentinel-arbitex.out");
    check(elastic(elastic::Action::Index, false), "arbitex", "x", "elastic-arbitex.out");
    check(elastic(elastic::Action::Create, true), "arbitex", "x", "elastic-create.out");
    check(azure(), "resk", "x", "azure-resk.out");
    check(azure(), "aegis", "x", "azure-aegis.out");
}

/// However the event was spooled: by itself, or in the envelope of another receiver.
#[test]
fn aisg_events_leave_in_the_receivers_own_envelope() {
    let check = |connector: Box<dyn Connector>, expected: &str| {
        let expected = compact(&golden(expected), false);
        let lines = golden("aisg.in");
        assert_eq!(lines.lines().count(), 4);
        for line in lines.lines() {
            let sent = body(connector.as_ref(), "aisg-prod", line);
            assert_eq!(sent, format!("[{expected}]"), "of {line}");
        }
    };
    check(datadog(), "datadog-aisg.out");
    check(sentinel(), "sentinel-aisg.out");
}

/// The table "Severity Mapping" of AISG's document.
#[test]
fn aisg_severities_are_those_of_the_table() {
    let check = |event_type: &str, own: &str, datadog_status: &str, sentinel_severity: &str| {
        let line = format!(
            r#"{{"type":"{event_type}","severity":"{own}","timestamp":"2026-06-08T14:32:01.442Z"}}"#
        );
        let holds = |connector: Box<dyn Connector>, member: String| {
            let sent = body(connector.as_ref(), "aisg-prod", &line);
            assert!(sent.contains(&member), "{member} is not in {sent}");
        };
        holds(datadog(), format!("\"status\":\"{}\"", datadog_status.to_lowercase()));
        holds(datadog(), format!("\"severity\":\"{own}\""));
        holds(sentinel(), format!("\"Severity\":\"{sentinel_severity}\""));
    };
    check("dlp.injection_blocked", "critical", "CRITICAL", "High");
    check("dlp.pii_blocked", "high", "ERROR", "Medium");
    check("loop.detected", "high", "ERROR", "Medium");
    check("dlp.pii_redacted", "medium", "WARN", "Low");
    check("budget.exhausted", "medium", "WARN", "Informational");
}

/// What the privacy guard took is in no record, of whatever schema.
#[test]
fn raw_content_is_in_no_record() {
    let lines = [golden("resk.in"), golden("aegis.in")].concat();
    for connector in [datadog(), sentinel(), azure(), elastic(elastic::Action::Create, true)] {
        let sent = body(connector.as_ref(), "x", &lines);
        assert!(!sent.contains("Ignore all previous") && !sent.contains("please drop"), "{sent}");
    }
}

/// Whatever the spool holds: each record is JSON, one text on a line.
#[test]
fn every_record_is_json() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders =
        ["config/samples", "tests/samples/json", "tests/samples/ocsf", "tests/samples/cef"];
    let more = ["tests/samples/syslog", "tests/samples/hostile/blns"];
    let files = folders.into_iter().chain(more).flat_map(|folder| {
        let files = fs::read_dir(root.join(folder)).unwrap();
        files.map(|file| file.unwrap().path()).filter(|path| path.is_file())
    });
    let made = [datadog(), sentinel(), azure(), elastic(elastic::Action::Create, true)];
    let connectors = made.each_ref().map(AsRef::as_ref);
    let (mut stages, mut count) = (Stages::new(), 0);
    for file in files {
        let text = fs::read(&file).unwrap();
        for line in text.split(|byte| *byte == b'\n').take(300) {
            let records = stages.records(&connectors, "outpost", line).unwrap_or_default();
            records.iter().for_each(|record| assert_is_json(record));
            count += records.len();
        }
    }
    assert!(count > 8000, "{count} records");
}

#[track_caller]
fn assert_is_json(record: &[u8]) {
    // Elastic's are two lines with their ends.
    let lines = record.strip_suffix(b"\n").unwrap_or(record).split(|byte| *byte == b'\n');
    let mut count = 0;
    for line in lines {
        let parsed = serde_json::from_slice::<&serde_json::value::RawValue>(line);
        assert!(parsed.is_ok(), "{parsed:?}: {}", String::from_utf8_lossy(line));
        count += 1;
    }
    assert_eq!(count, 1 + usize::from(record.ends_with(b"\n")));
}
