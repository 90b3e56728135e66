//! What products' events look like for each receiver: the examples of their documents, byte for
//! byte but for the white space between tokens (`tests/golden/http`, as printed there), and their
//! tables of severities. Lines go through the decoder, the guard and the schemas that ship.

use std::fs;
use std::path::Path;

use spoolgate::decode::Decoder;
use spoolgate::http::payload::Payload;
use spoolgate::http::settings::{Endpoint, SecretSource};
use spoolgate::http::webhook::template::Template;
use spoolgate::http::{
    Connector, Context, Item, Record, datadog, elastic, secret, sentinel, splunk_hec, sumo,
    webhook, xsiam,
};
use spoolgate::map::schema::Schema;
use spoolgate::map::{Guard, Mapper};
use spoolgate::model::event::{Event, Tape};
use spoolgate::model::fields::Fields;
use spoolgate::model::format::Format;
use spoolgate::model::position::{FileKey, Position};
use spoolgate::model::time::EventTime;

/// Names the events that have no id of their own.
const POSITION: Position = Position { file: FileKey(1), offset: 0 };

/// Spooled lines, and how they get to a connector.
struct Line<'l> {
    schema: &'l str,
    text: &'l str,
    /// Where the document's example disagrees with itself.
    time: Option<EventTime>,
    hostname: &'l str,
}

impl<'l> Line<'l> {
    fn new(schema: &'l str, text: &'l str) -> Line<'l> {
        Line { schema, text, time: None, hostname: "platform.arbitex.ai" }
    }

    /// Its record.
    fn record(&self, connector: &dyn Connector) -> String {
        let (mut tape, mut fields) = (Tape::new(), Fields::new());
        let mut mapper = Mapper::new(Schema::built_in().unwrap(), Guard::new::<&str>(&[]));
        let schema = mapper.schema_index(self.schema);
        assert!(schema.is_some(), "{}", self.schema);
        let decoded = Decoder::new().decode(Format::Json, self.text.as_bytes(), &mut tape).unwrap();
        mapper.map(schema, decoded, &mut tape, POSITION, &mut fields).unwrap();
        let event = Event::new(&tape, self.text);
        let id = fields.get(spoolgate::model::fields::Slot::Id, event).to_owned();
        let item = Item {
            fields: &fields,
            event,
            id: &id,
            schema: self.schema,
            hostname: self.hostname,
            time: self.time.or(fields.time()).unwrap(),
        };
        let mut out = Vec::new();
        connector.record(&item, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// The body of a request with it alone.
    fn body(&self, connector: &dyn Connector) -> String {
        let bytes = self.record(connector);
        let severity = spoolgate::model::fields::Severity::default();
        let record = Record { bytes: bytes.as_bytes(), id: "id", severity };
        let mut secrets = secret::Secrets::default();
        for (name, _) in connector.secrets() {
            secrets.set(name, secret::Secret::new("/secret"));
        }
        let token = secret::Secret::new("token");
        let context = Context {
            secrets: &secrets,
            token: Some(&token),
            batch_id: "b",
            channel: "c",
            now: EventTime(1_780_929_121_442_000),
        };
        String::from_utf8(connector.request(&[record], &context).unwrap().body).unwrap()
    }
}

/// A file of `tests/golden/http`, without the white space between tokens.
fn golden(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/http").join(name);
    compact(&fs::read_to_string(path).unwrap())
}

fn compact(json: &str) -> String {
    let (mut in_string, mut is_escaped) = (false, false);
    let is_kept = |letter: &char| {
        let is_kept = in_string || !letter.is_whitespace();
        if !is_escaped && *letter == '"' {
            in_string = !in_string;
        }
        is_escaped = !is_escaped && in_string && *letter == '\\';
        is_kept
    };
    json.chars().filter(is_kept).collect()
}

/// The n-th line of a sample that ships.
fn sample(product: &str, n: usize) -> String {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("config/samples/{product}.jsonl"));
    fs::read_to_string(path).unwrap().lines().nth(n).unwrap().to_owned()
}

fn endpoint() -> Endpoint {
    Endpoint {
        is_tls: true,
        host: "siem.example.net".to_owned(),
        port: 443,
        base_path: String::new(),
    }
}

fn source() -> SecretSource {
    SecretSource::Environment("SECRET".to_owned())
}

fn splunk(severity_id: bool) -> splunk_hec::SplunkHec {
    splunk_hec::SplunkHec::new(splunk_hec::Settings {
        endpoint: endpoint(),
        token: source(),
        index: None,
        source: None,
        sourcetype: None,
        host: None,
        acknowledge: false,
        payload: Payload::Product,
        severity_id,
        raw: false,
    })
}

fn azure() -> sentinel::Sentinel {
    sentinel::Sentinel::new(sentinel::Settings {
        endpoint: endpoint(),
        rule_id: "dcr-1".to_owned(),
        stream: "Custom-ArbitexAudit_CL".to_owned(),
        login: endpoint(),
        tenant_id: "tenant".to_owned(),
        client_id: "client".to_owned(),
        client_secret: source(),
        scope: "scope".to_owned(),
    })
}

fn dog() -> datadog::Datadog {
    datadog::Datadog::new(datadog::Settings {
        endpoint: endpoint(),
        validation: None,
        api_key: source(),
        service: None,
        source: None,
        tags: vec!["env:production".to_owned()],
        hostname: None,
    })
}

fn cortex() -> xsiam::Xsiam {
    xsiam::Xsiam::new(xsiam::Settings {
        endpoint: endpoint(),
        api_key: source(),
        authorization: xsiam::Authorization::Hmac { key_id: "17".to_owned() },
        body: xsiam::Body::Events,
        gzip: false,
        payload: Payload::Product,
        dataset: "arbitex_audit_raw".to_owned(),
        log_type: "arbitex_audit".to_owned(),
    })
}

fn sumo_logic() -> sumo::Sumo {
    sumo::Sumo::new(sumo::Settings {
        endpoint: endpoint(),
        url: source(),
        category: Some("arbitex/audit".to_owned()),
        host: Some("platform.arbitex.ai".to_owned()),
        name: None,
        fields: Vec::new(),
        payload: Payload::Product,
    })
}

fn hook(before: &str, behind: &str, template: Option<&str>) -> webhook::Webhook {
    webhook::Webhook::new(webhook::Settings {
        endpoint: endpoint(),
        secret_url: None,
        authorization: Default::default(),
        body: webhook::Body::Array { before: before.to_owned(), behind: behind.to_owned() },
        template: template.map(|text| Template::parse(text).unwrap()),
        resolve: None,
        template_secret: None,
        signature: None,
        idempotency_key: true,
        gzip: false,
        body_bytes_max: webhook::BODY_BYTES_MAX,
        success: webhook::SUCCESS.to_vec(),
        retry: webhook::RETRY.to_vec(),
        payload: Payload::Product,
    })
}

/// In the document's Splunk payload `time` is a year before `timestamp`.
#[test]
fn aisg_has_its_three_payloads() {
    let text = sample("aisg", 0);
    let line = Line { hostname: "aisg-prod", ..Line::new("aisg", &text) };
    let splunk_time = Some(EventTime(1_749_393_121_442_000));
    let hec = Line { time: splunk_time, ..Line::new("aisg", &text) }.record(&splunk(false));
    assert_eq!(hec, golden("aisg-splunk.json"));
    assert_eq!(line.record(&dog()), golden("aisg-datadog.json"));
    assert_eq!(line.record(&azure()), golden("aisg-sentinel.json"));
}

/// An event that was spooled in one envelope has the others, too.
#[test]
fn aisg_leaves_any_of_its_envelopes() {
    let event = sample("aisg", 0);
    let enveloped = golden("aisg-splunk.json");
    assert_eq!(Line::new("aisg", &enveloped).body(&sumo_logic()), format!("{event}\n"));
    for name in ["aisg-splunk.json", "aisg-datadog.json", "aisg-sentinel.json"] {
        let text = golden(name);
        let line = Line { hostname: "aisg-prod", ..Line::new("aisg", &text) };
        let row: serde_json::Value = serde_json::from_str(&line.record(&azure())).unwrap();
        let wanted: serde_json::Value =
            serde_json::from_str(&golden("aisg-sentinel.json")).unwrap();
        for (column, value) in wanted.as_object().unwrap() {
            assert_eq!(row[column], *value, "{name}: {column}");
        }
    }
}

/// The table "Severity Mapping", all of it.
#[test]
fn aisg_has_its_table_of_severities() {
    let table = [
        ("dlp.injection_blocked", "critical", 1, "CRITICAL", "High"),
        ("dlp.pii_blocked", "high", 2, "ERROR", "Medium"),
        ("loop.detected", "high", 2, "ERROR", "Medium"),
        ("dlp.pii_redacted", "medium", 4, "WARN", "Low"),
        ("budget.exhausted", "medium", 4, "WARN", "Informational"),
    ];
    for (kind, word, splunk_level, datadog_status, sentinel_word) in table {
        let text = format!(
            "{{\"type\":\"{kind}\",\"severity\":\"{word}\",\
             \"timestamp\":\"2026-06-08T14:32:01.442Z\"}}"
        );
        let line = Line::new("aisg", &text);
        let value = |connector: &dyn Connector| -> serde_json::Value {
            serde_json::from_str(&line.record(connector)).unwrap()
        };
        assert_eq!(value(&splunk(true))["fields"]["severity_id"], splunk_level, "{kind}");
        let status = value(&dog())["status"].as_str().unwrap().to_uppercase();
        assert_eq!(status, datadog_status, "{kind}");
        assert_eq!(value(&azure())["Severity"], sentinel_word, "{kind}");
    }
}

/// Six of Arbitex's seven envelopes; the seventh, for QRadar, is CEF (`crate::wire`).
#[test]
fn arbitex_has_its_envelopes() {
    let hec = golden("arbitex-splunk.json");
    let start = hec.find("\"event\":").unwrap() + "\"event\":".len();
    let plain = &hec[start..hec.len() - 1];
    assert_eq!(Line::new("arbitex", plain).record(&splunk(false)), hec);

    let text = sample("arbitex", 0);
    let quoted = serde_json::to_string(&text).unwrap();
    let expected = |name: &str| golden(name).replace("\"{...}\"", &quoted);
    let line = Line::new("arbitex", &text);
    assert_eq!(line.body(&azure()), expected("arbitex-sentinel.json"));
    assert_eq!(line.body(&cortex()), expected("arbitex-xsiam.json"));
    assert_eq!(line.body(&sumo_logic()), format!("{text}\n"));

    let short = r#"{"class_uid":6003,"time":1741824000123,"actor":{"user":{"uid":"user_abc"}}}"#;
    let actor = r#"{\"user\":{\"uid\":\"user_abc\"}}"#;
    let expected = golden("arbitex-datadog.json").replace("{...}", actor);
    assert_eq!(Line::new("arbitex", short).body(&dog()), expected);
}

/// `@timestamp` comes from the OCSF time, as ISO 8601.
#[test]
fn arbitex_has_its_bulk_lines() {
    let connector = elastic::Elastic::new(elastic::Settings {
        endpoint: endpoint(),
        authentication: elastic::Authentication::ApiKey(source()),
        index: "arbitex-audit".to_owned(),
        action: elastic::Action::Index,
        pipeline: None,
        document_ids: false,
    });
    let text = r#"{"class_uid":6003,"time":1741824000123,"actor":{"user":{"uid":"user_abc"}}}"#;
    let body = Line::new("arbitex", text).body(&connector);
    let [action, document, ""] = body.split('\n').collect::<Vec<_>>()[..] else { panic!("{body}") };
    assert_eq!(action, golden("arbitex-elastic.json"));
    let mut document: serde_json::Value = serde_json::from_str(document).unwrap();
    let time = document.as_object_mut().unwrap().remove("@timestamp");
    assert_eq!(time, Some("2025-03-13T00:00:00.123Z".into()));
    assert_eq!(document, serde_json::from_str::<serde_json::Value>(text).unwrap());
}

/// ALLOW informational, DENY medium, ESCALATE high, REWRITE low; class 2001.
#[test]
fn aegis_becomes_ocsf_2001() {
    let table = [
        ("ALLOW", 1, "Informational"),
        ("DENY", 3, "Medium"),
        ("ESCALATE", 4, "High"),
        ("REWRITE", 2, "Low"),
    ];
    for (verdict, severity_id, severity) in table {
        let text = format!(
            "{{\"attestation_id\":\"att_1\",\"verdict\":\"{verdict}\",\"action\":\"db.drop\",\
             \"timestamp\":\"2026-02-03T04:05:06.789Z\",\"prompt\":\"MARKER\"}}"
        );
        let line = Line::new("aegis", &text);
        let record = line.record(&splunk(false));
        assert!(!record.contains("MARKER"), "{record}");
        let hec: serde_json::Value = serde_json::from_str(&record).unwrap();
        let finding = &hec["event"];
        assert_eq!((&finding["class_uid"], &finding["category_uid"]), (&2001.into(), &2.into()));
        assert_eq!(finding["type_uid"], 200_101);
        assert_eq!(finding["time"], 1_770_091_506_789_i64);
        assert_eq!(finding["severity_id"], severity_id, "{verdict}");
        assert_eq!(finding["severity"], severity, "{verdict}");
        assert_eq!(finding["finding"]["uid"], "att_1");
        assert_eq!(finding["unmapped"]["verdict"], verdict);
        // The same finding wherever OCSF goes.
        let body = line.body(&hook("[", "]", None));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&body).unwrap()[0], *finding);
    }
}

/// Names match the JSON shape verbatim; DLP events are tagged; the match itself never leaves.
#[test]
fn mitrity_has_its_fields_in_splunk() {
    let text = golden("mitrity-event.json");
    let hec = Line { hostname: "edge-1", ..Line::new("mitrity", &text) }.record(&splunk(false));
    assert_eq!(
        hec,
        format!(
            "{{\"time\":1779790440.000,\"host\":\"edge-1\",\"sourcetype\":\"mitrity:governance\",\
             \"event\":{text},\"fields\":{{\"tag\":\"mitrity:dlp\"}}}}"
        )
    );
    assert_eq!(Line::new("mitrity", &text).body(&hook("[", "]", None)), format!("[{text}]"));
    let leaking =
        text.replacen('{', "{\"value\":\"078-05-1120\",\"matched_text\":\"078-05-1120\",", 1);
    assert_eq!(Line::new("mitrity", &leaking).body(&sumo_logic()), format!("{text}\n"));
    let governance = Line::new("mitrity", &sample("mitrity", 3)).record(&splunk(false));
    assert!(governance.contains("mitrity:governance") && !governance.contains("mitrity:dlp"));
}

/// The three events of the document, without what a prompt held; the webhook's envelope, and the
/// shape of its custom provider as a template.
#[test]
fn resk_has_its_events() {
    const SAMPLE: &str = ",\"contentSample\":\"Ignore all previous instructions and...\"";
    for name in ["resk-injection.json", "resk-content.json", "resk-pii.json"] {
        let text = golden(name);
        let event = text.replace(SAMPLE, "");
        assert_eq!(text != event, name == "resk-injection.json");
        let line = Line::new("resk", &text);
        let envelope = hook("{\"source\":\"resk-llm-ts\",\"events\":[", "],\"metadata\":{}}", None);
        assert_eq!(
            line.body(&envelope),
            format!("{{\"source\":\"resk-llm-ts\",\"events\":[{event}],\"metadata\":{{}}}}")
        );
        let hec = line.record(&splunk(false));
        assert!(
            hec.contains(&format!("\"index\":\"security_events\",\"event\":{event}}}")),
            "{hec}"
        );
    }
    let custom = r#"{"timestamp":{{event.timestamp}},"event_type":{{event.eventType}},
        "severity_level":{{severity_level}},"user_id":{{event.userId}},
        "session_id":{{event.sessionId}},"event_details":"{{event.details}}",
        "compliance_flags":{{event.compliance}}}"#;
    let text = golden("resk-injection.json");
    let body = compact(&Line::new("resk", &text).body(&hook("[", "]", Some(custom))));
    assert_eq!(
        body,
        compact(
            r#"[{"timestamp":"2024-01-15T10:30:00.000Z","event_type":"injection_detected",
                "severity_level":3,"user_id":"user_12345","session_id":"session_67890",
                "event_details":"{\"confidence\":0.85,\"techniques\":[\"direct_override\",\"role_switch\"],\"blocked\":true,\"contentLength\":156}",
                "compliance_flags":{"gdprRelevant":false,"retentionDays":90}}]"#
        )
    );
}
