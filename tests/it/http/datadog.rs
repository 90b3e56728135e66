//! Datadog's Logs API v2, by its documentation.

use std::path::Path;

use serde_json::Value;

use super::probes;
use super::server::{Accepted, Api, Event, Failure, Reply, Request};
use super::trials::{self, Trial};

const KEY: &str = "MARKER-datadog-api-key";

/// The intake; of entries that are written now, or of old ones.
struct Intake {
    is_late: bool,
}

const INTAKE: Intake = Intake { is_late: false };

impl Api for Intake {
    fn keys(&self, url: &str, dir: &Path) -> String {
        let file = dir.join("datadog.key");
        std::fs::write(&file, format!("{KEY}\n")).unwrap();
        format!(
            "type = \"datadog\"\nurl = \"{url}\"\nvalidation_url = \"{url}\"\n\
             api_key = {{ file = {file:?} }}\ntags = [\"env:production\"]\nhost = \"aisg-prod\"\n"
        )
    }

    fn secrets(&self) -> Vec<String> {
        vec![KEY.to_owned()]
    }

    fn line(&self, n: usize) -> String {
        let hours = if self.is_late { 19 } else { 0 };
        let time = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(hours);
        let id = super::server::id(n);
        format!(
            "{{\"type\":\"loop.detected\",\"severity\":\"high\",\"timestamp\":\"{time}\",\
             \"model\":\"gpt-4.1\",\"id\":\"{id}\"}}\n"
        )
    }

    fn accept(&self, request: &Request) -> Result<Accepted, String> {
        let mut headers = vec![
            ("dd-api-key", Some(KEY)),
            ("content-type", Some("application/json")),
            ("accept", Some("application/json")),
        ];
        if request.target == "/api/v1/validate" {
            request.is_like("GET", "/api/v1/validate", &headers)?;
            return Ok(Accepted::Other(Reply::new(200, "{\"valid\":true}")));
        }
        headers.push(("content-encoding", Some("gzip")));
        request.is_like("POST", "/api/v2/logs", &headers)?;
        let entries: Vec<Value> =
            serde_json::from_slice(&request.plain).map_err(|error| error.to_string())?;
        if entries.is_empty() || entries.len() > 1000 || request.plain.len() > 5_000_000 {
            return Err(format!("{} entries, {} bytes", entries.len(), request.plain.len()));
        }
        let entry = |value| entry(value, self.is_late);
        entries.into_iter().map(entry).collect::<Result<_, _>>().map(Accepted::Events)
    }

    fn stored(&self, _request: &Request, _events: &[Event]) -> Reply {
        Reply::new(202, "{}")
    }

    fn failures(&self) -> Vec<Failure> {
        let errors = "{\"errors\":[{\"detail\":\"…\",\"status\":\"…\",\"title\":\"…\"}]}";
        let mut all: Vec<_> =
            [408, 429, 500, 503].map(|status| Failure::Refuse(Reply::new(status, errors))).to_vec();
        all.push(Failure::RefuseMany(Reply::new(413, errors)));
        all
    }

    /// It refuses the whole request, and does not say which entry it was.
    fn reject(&self, _events: &[Event], _bad: &[usize]) -> Option<(Vec<usize>, Reply)> {
        Some((Vec::new(), Reply::new(400, "{\"errors\":[{\"title\":\"Bad Request\"}]}")))
    }
}

/// One entry, held against the document of the product and of the API.
fn entry(mut value: Value, is_late: bool) -> Result<Event, String> {
    let members = value.as_object_mut().ok_or("no object")?;
    if members.remove("original_timestamp").is_some() != is_late {
        return Err(value.to_string());
    }
    let keys: Vec<_> = value.as_object().ok_or("no object")?.keys().collect();
    let wanted = [
        "attributes",
        "ddsource",
        "ddtags",
        "hostname",
        "message",
        "service",
        "status",
        "timestamp",
    ];
    let time: jiff::Timestamp =
        value["timestamp"].as_str().ok_or("no timestamp")?.parse().map_err(|_| "no time")?;
    let age = jiff::Timestamp::now().as_second() - time.as_second();
    let is_like = keys == wanted
        && value["ddsource"] == "ai-security-gateway"
        && value["ddtags"] == "service:aisg,env:production,event_type:loop.detected"
        && value["hostname"] == "aisg-prod"
        && value["message"] == "Request loop detected in request to gpt-4.1"
        && value["service"] == "aisg"
        && value["status"] == "error"
        && (-5..18 * 3600).contains(&age);
    if !is_like {
        return Err(value.to_string());
    }
    let id = value["attributes"]["id"].as_str().ok_or("no id")?.to_owned();
    Ok(Event { id, value })
}

#[test]
fn events_arrive_exactly_once() {
    trials::exactly_once(INTAKE);
}

#[test]
fn none_is_lost_to_any_failure() {
    trials::none_lost(INTAKE);
}

/// Entries older than 18 hours would be answered with 202 and dropped.
#[test]
fn late_entries_are_stored_with_a_warning() {
    const EVENTS: usize = 300;
    let trial = Trial::new(Intake { is_late: true }, "");
    trial.spool(EVENTS);
    let mut agent = trial.outpost.start();
    agent.wait_confirmed(EVENTS as u64);
    trial.server.assert_content();
    assert_eq!(trial.server.count(), EVENTS);
    assert!(agent.stop().success());
    let log = trial.outpost.log();
    assert_eq!(log.matches("older than 18 hours").count(), 1, "{log}");
}

#[test]
fn refused_events_are_in_the_dead_letter() {
    trials::rejects(INTAKE, "datadog");
}

#[test]
fn a_wrong_key_holds_everything() {
    trials::held(INTAKE, Reply::new(403, "{\"errors\":[\"Forbidden\"]}"));
}

#[test]
fn the_key_is_proven() {
    let forbidden = Reply::new(403, "{\"errors\":[\"Forbidden\"]}");
    let invalid = Reply::new(200, "{\"valid\":false}");
    probes::proven(|| INTAKE, &[(forbidden, "`api_key`"), (invalid, "`api_key`")]);
}
