//! QRadar's HTTP Receiver, by its documentation: the body is cut into events where the log source's
//! Message Pattern matches, wherever that is.

use std::path::Path;

use serde_json::Value;

use super::server::{Accepted, Api, Event, Reply, Request};
use super::trials;

/// As the regular expression `\{ "spoolgate_id":` in the log source.
const PATTERN: &str = "{ \"spoolgate_id\":";
/// The default of Max Payload Length.
const EVENT_BYTES_MAX: usize = 8192;
const KEY: &str = "MARKER-qradar-proxy";

struct Qradar;

impl Api for Qradar {
    fn keys(&self, url: &str, dir: &Path) -> String {
        let file = dir.join("qradar.key");
        std::fs::write(&file, format!("{KEY}\n")).unwrap();
        format!(
            "type = \"qradar_http\"\nurl = \"{url}\"\napi_key = {{ file = {file:?} }}\n\
             api_key_header = \"X-Proxy-Key\"\n"
        )
    }

    fn secrets(&self) -> Vec<String> {
        vec![KEY.to_owned()]
    }

    /// Events that hold the pattern in their text, to forge the beginning of another.
    fn line(&self, n: usize) -> String {
        let id = super::server::id(n);
        let forged = "{ \\\"spoolgate_id\\\":";
        format!(
            "{{\"spoolgate_id\":1,\"type\":\"loop.detected\",\"severity\":\"high\",\"id\":\"{id}\",\
             \"note\":\"{forged}\"}}\n"
        )
    }

    fn accept(&self, request: &Request) -> Result<Accepted, String> {
        let headers = [("content-type", Some("application/json")), ("x-proxy-key", Some(KEY))];
        request.is_like("POST", "/", &headers)?;
        let text = std::str::from_utf8(&request.plain).map_err(|error| error.to_string())?;
        let starts: Vec<usize> = text.match_indices(PATTERN).map(|(at, _)| at).collect();
        if starts.first() != Some(&0) {
            return Err("the body does not begin with an event".to_owned());
        }
        let ends = starts.iter().skip(1).copied().chain([text.len()]);
        let cut = starts.iter().zip(ends).map(|(start, end)| text[*start..end].trim_end());
        let mut events = Vec::new();
        for payload in cut {
            if payload.len() > EVENT_BYTES_MAX {
                return Err(format!("{} bytes would be cut", payload.len()));
            }
            let value: Value = serde_json::from_str(payload).map_err(|error| error.to_string())?;
            if value["spoolgate_id"] != value["event"]["id"] || value["severity"] != 8 {
                return Err(payload.to_owned());
            }
            let id = value["event"]["id"].as_str().ok_or("no id")?.to_owned();
            events.push(Event { id, value });
        }
        Ok(Accepted::Events(events))
    }

    fn stored(&self, _request: &Request, _events: &[Event]) -> Reply {
        Reply::new(200, "")
    }

    fn reject(&self, _events: &[Event], _bad: &[usize]) -> Option<(Vec<usize>, Reply)> {
        Some((Vec::new(), Reply::new(400, "")))
    }
}

#[test]
fn events_arrive_exactly_once() {
    trials::exactly_once(Qradar);
}

#[test]
fn none_is_lost_to_any_failure() {
    trials::none_lost(Qradar);
}

#[test]
fn refused_events_are_in_the_dead_letter() {
    trials::rejects(Qradar, "qradar_http");
}

#[test]
fn a_proxy_that_refuses_holds_everything() {
    trials::held(Qradar, Reply::new(407, ""));
}
