//! Webhooks: a strict receiver with signatures, one of lines, Slack and PagerDuty.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::body::lines;
use super::server::{Accepted, Api, Event, Reply, Request, id};
use super::trials::{self, Trial};
use crate::agent::count;

const TOKEN: &str = "MARKER-webhook-token";
const SIGNATURE_KEY: &str = "MARKER-webhook-signs";

/// A receiver as Standard Webhooks describes it, which knows the RESK envelope.
#[derive(Default)]
struct Signed {
    /// By idempotency key, the body that came with it.
    seen: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl Signed {
    fn verify(request: &Request, id: &str) -> Result<(), String> {
        if request.header("webhook-id") != Some(id) {
            return Err("another webhook-id".to_owned());
        }
        let seconds = request.header("webhook-timestamp").ok_or("no timestamp")?;
        let sent: i64 = seconds.parse().map_err(|_| "no seconds")?;
        if (jiff::Timestamp::now().as_second() - sent).abs() > 300 {
            return Err(format!("{sent} is not now"));
        }
        let signature = request.header("webhook-signature").and_then(|it| it.strip_prefix("v1,"));
        let signature = BASE64_STANDARD.decode(signature.ok_or("no v1")?).map_err(|_| "base64")?;
        let mut mac = Hmac::<Sha256>::new_from_slice(SIGNATURE_KEY.as_bytes()).unwrap();
        mac.update(format!("{id}.{seconds}.").as_bytes());
        mac.update(&request.body);
        mac.verify_slice(&signature).map_err(|error| error.to_string())
    }
}

impl Api for Signed {
    fn keys(&self, url: &str, dir: &Path) -> String {
        let (token, key) = (dir.join("webhook.token"), dir.join("webhook.key"));
        std::fs::write(&token, format!("{TOKEN}\n")).unwrap();
        let encoded = BASE64_STANDARD.encode(SIGNATURE_KEY);
        std::fs::write(&key, format!("whsec_{encoded}\n")).unwrap();
        format!(
            "type = \"webhook\"\nurl = \"{url}/api/security/events\"\n\
             token = {{ file = {token:?} }}\nsignature_key = {{ file = {key:?} }}\n\
             envelope = '''{{\"source\":\"resk-llm-ts\",\"events\":{{{{events}}}},\
             \"metadata\":{{}}}}'''\ntakes_gzip = true\n"
        )
    }

    fn secrets(&self) -> Vec<String> {
        vec![TOKEN.to_owned(), SIGNATURE_KEY.to_owned(), BASE64_STANDARD.encode(SIGNATURE_KEY)]
    }

    fn accept(&self, request: &Request) -> Result<Accepted, String> {
        let bearer = format!("Bearer {TOKEN}");
        let headers = [
            ("content-type", Some("application/json")),
            ("authorization", Some(bearer.as_str())),
            ("idempotency-key", None),
            ("webhook-id", None),
            ("webhook-timestamp", None),
            ("webhook-signature", None),
        ];
        request.is_like("POST", "/api/security/events", &headers)?;
        let key = request.header("idempotency-key").unwrap_or_default();
        Signed::verify(request, key)?;
        let mut seen = self.seen.lock().unwrap();
        let first = seen.entry(key.to_owned()).or_insert_with(|| request.body.clone());
        if *first != request.body {
            return Err(format!("{key} stands for two bodies"));
        }
        let body: Value =
            serde_json::from_slice(&request.plain).map_err(|error| error.to_string())?;
        if body["source"] != "resk-llm-ts" || body["metadata"] != json!({}) {
            return Err("no envelope".to_owned());
        }
        let values = body["events"].as_array().ok_or("no events")?;
        let event = |value: &Value| {
            let id = value["id"].as_str().ok_or("no id")?.to_owned();
            Ok(Event { id, value: value.clone() })
        };
        values.iter().map(event).collect::<Result<_, String>>().map(Accepted::Events)
    }

    fn stored(&self, _request: &Request, events: &[Event]) -> Reply {
        Reply::new(200, json!({"success": true, "processed": events.len()}).to_string())
    }

    fn reject(&self, _events: &[Event], _bad: &[usize]) -> Option<(Vec<usize>, Reply)> {
        Some((Vec::new(), Reply::new(422, "{\"error\":\"Invalid event format\"}")))
    }
}

/// A receiver of lines with a key in a header of its own and GitHub's signature.
struct Lines;

impl Api for Lines {
    fn keys(&self, url: &str, dir: &Path) -> String {
        let file = dir.join("webhook.token");
        std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
        format!(
            "type = \"webhook\"\nurl = \"{url}/lines\"\napi_key = {{ file = {file:?} }}\n\
             body = \"lines\"\nidempotency_key = false\ntakes_gzip = true\nsuccess = [\"202\"]\n"
        )
    }

    fn secrets(&self) -> Vec<String> {
        vec![TOKEN.to_owned()]
    }

    fn accept(&self, request: &Request) -> Result<Accepted, String> {
        let headers = [
            ("content-type", Some("application/x-ndjson")),
            ("content-encoding", Some("gzip")),
            ("x-api-key", Some(TOKEN)),
        ];
        request.is_like("POST", "/lines", &headers)?;
        lines(request).map(Accepted::Events)
    }

    fn stored(&self, _request: &Request, _events: &[Event]) -> Reply {
        Reply::new(202, "")
    }
}

/// Slack's incoming webhook: one message a request, and the URL is the secret.
struct Slack;

const SLACK_PATH: &str = "/services/T000/B000/MARKER-slack";

impl Api for Slack {
    fn keys(&self, url: &str, dir: &Path) -> String {
        let file = dir.join("slack.url");
        std::fs::write(&file, format!("{url}{SLACK_PATH}\n")).unwrap();
        format!(
            "type = \"webhook\"\nurl = \"{url}\"\nsecret_url = {{ file = {file:?} }}\n\
             body = \"slack\"\nidempotency_key = false\n"
        )
    }

    fn secrets(&self) -> Vec<String> {
        vec![SLACK_PATH.to_owned()]
    }

    fn accept(&self, request: &Request) -> Result<Accepted, String> {
        request.is_like("POST", SLACK_PATH, &[("content-type", Some("application/json"))])?;
        let message: Value =
            serde_json::from_slice(&request.plain).map_err(|error| error.to_string())?;
        let attachment = &message["attachments"][0];
        let fields = attachment["fields"].as_array().ok_or("no fields")?;
        let titles: Vec<_> = fields.iter().map(|field| field["title"].as_str()).collect();
        let is_like = message["text"] == "🚨 Security Alert: loop.detected"
            && attachment["color"] == "danger"
            && titles == ["Severity", "Event Type", "Time", "Details"].map(Some)
            && fields[0] == json!({"title": "Severity", "value": "high", "short": true});
        if !is_like {
            return Err(message.to_string());
        }
        let details = fields[3]["value"].as_str().ok_or("no details")?;
        let value: Value = serde_json::from_str(details).map_err(|error| error.to_string())?;
        let id = value["id"].as_str().ok_or("no id")?.to_owned();
        Ok(Accepted::Events(vec![Event { id, value }]))
    }

    fn stored(&self, _request: &Request, _events: &[Event]) -> Reply {
        Reply::new(200, "ok")
    }

    fn reject(&self, _events: &[Event], _bad: &[usize]) -> Option<(Vec<usize>, Reply)> {
        Some((Vec::new(), Reply::new(400, "invalid_payload")))
    }
}

/// PagerDuty Events API v2: faults begin and end.
struct PagerDuty;

impl Api for PagerDuty {
    fn keys(&self, url: &str, dir: &Path) -> String {
        let file = dir.join("pagerduty.key");
        std::fs::write(&file, "MARKER-routing-key-of-32-letters\n").unwrap();
        format!(
            "type = \"webhook\"\nurl = \"{url}/v2/enqueue\"\nbody = \"pagerduty\"\n\
             template_secret = {{ file = {file:?} }}\ndedup_key = \"{{{{event.agent_id}}}}\"\n\
             resolve_event_types = [\"agent.connected\"]\n"
        )
    }

    fn secrets(&self) -> Vec<String> {
        vec!["MARKER-routing-key-of-32-letters".to_owned()]
    }

    /// Every other event ends what the one before it began.
    fn line(&self, n: usize) -> String {
        let kind = if n.is_multiple_of(2) { "agent.disconnected" } else { "agent.connected" };
        let agent = n / 2;
        format!(
            "{{\"id\":\"{}\",\"event_type\":\"{kind}\",\"agent_id\":\"agent-{agent}\"}}\n",
            id(n)
        )
    }

    fn accept(&self, request: &Request) -> Result<Accepted, String> {
        let headers = [("content-type", Some("application/json")), ("idempotency-key", None)];
        request.is_like("POST", "/v2/enqueue", &headers)?;
        let value: Value =
            serde_json::from_slice(&request.plain).map_err(|error| error.to_string())?;
        if value["routing_key"] != "MARKER-routing-key-of-32-letters" {
            return Err("another routing key".to_owned());
        }
        let key = value["dedup_key"].as_str().ok_or("no dedup_key")?;
        let action = value["event_action"].as_str().ok_or("no event_action")?;
        let payload = &value["payload"];
        let is_like = match action {
            "resolve" => payload.is_null(),
            "trigger" => {
                payload["summary"].as_str().is_some_and(|it| (1..=1024).contains(&it.len()))
                    && payload["source"] == "outpost.example.net"
                    && payload["severity"] == "warning"
                    && payload["timestamp"].is_string()
                    && payload["custom_details"]["agent_id"] == key
            }
            _ => false,
        };
        match is_like && key.len() <= 255 && request.plain.len() <= 512 * 1024 {
            true => Ok(Accepted::Events(vec![Event { id: format!("{action} {key}"), value }])),
            false => Err(value.to_string()),
        }
    }

    fn stored(&self, _request: &Request, _events: &[Event]) -> Reply {
        Reply::new(202, json!({"status": "success", "message": "Event processed"}).to_string())
    }

    fn reject(&self, _events: &[Event], _bad: &[usize]) -> Option<(Vec<usize>, Reply)> {
        Some((Vec::new(), Reply::new(400, "{\"status\":\"invalid event\"}")))
    }
}

#[test]
fn events_arrive_exactly_once() {
    trials::exactly_once(Signed::default());
    trials::exactly_once(Lines);
}

#[test]
fn none_is_lost_to_any_failure() {
    trials::none_lost(Signed::default());
}

#[test]
fn refused_events_are_in_the_dead_letter() {
    trials::rejects(Signed::default(), "webhook");
    trials::rejects(Slack, "webhook");
}

#[test]
fn a_wrong_token_holds_everything() {
    trials::held(Signed::default(), Reply::new(401, ""));
    trials::held(Slack, Reply::new(404, "no_service"));
    trials::held(Slack, Reply::new(410, "channel_is_archived"));
}

/// One event a request, so fewer of them than elsewhere.
#[test]
fn slack_and_pagerduty_miss_no_alarm() {
    const EVENTS: usize = 300;
    let check = |trial: &Trial, wanted: BTreeSet<String>| {
        trial.server.fail(30);
        trial.spool(EVENTS);
        let mut agent = trial.outpost.start();
        let status = agent.wait_confirmed(EVENTS as u64);
        trial.server.assert_content();
        assert_eq!(trial.server.stored().into_keys().collect::<BTreeSet<_>>(), wanted);
        assert_eq!(count(&status, "dead_lettered"), 0);
        assert!(trial.server.failed() > 20, "{} failures", trial.server.failed());
        trial.assert_secrets_are_kept(Some(&agent));
        assert!(agent.stop().success());
    };
    check(&Trial::new(Slack, "requests_in_flight = 16\n"), (0..EVENTS).map(id).collect());
    let actions = (0..EVENTS / 2)
        .flat_map(|n| ["trigger", "resolve"].map(|action| format!("{action} agent-{n}")));
    check(&Trial::new(PagerDuty, "requests_in_flight = 16\n"), actions.collect());
}

/// The record as it would be sent, in one line, with a word where the routing key comes.
#[test]
fn preview_shows_the_place_of_a_secret() {
    let trial = Trial::new(PagerDuty, "");
    let file = trial.outpost.path("one.jsonl");
    std::fs::write(&file, PagerDuty.line(0)).unwrap();
    let output = trial.outpost.command(&["preview", file.to_str().unwrap()]);
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let value: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((shown.lines().count(), &value["routing_key"]), (1, &json!("(secret)")));
    assert!(trial.server.requests().is_empty(), "preview sends nothing");
}
