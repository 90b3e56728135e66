//! Splunk HEC, by its documentation.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;

use serde_json::{Value, json};

use super::server::{Accepted, Api, Event, Failure, Reply, Request};
use super::trials;

const TOKEN: &str = "MARKER-8088-hec-token";

/// An indexer, which acknowledges or not.
#[derive(Default)]
struct Hec {
    acknowledges: bool,
    /// Each connection leads to another indexer, which knows of its own events alone.
    is_balanced: bool,
    /// By channel: the next number, and those that were not told yet.
    channels: Mutex<BTreeMap<String, (u64, BTreeSet<u64>)>>,
}

impl Hec {
    fn code(status: u16, code: u16) -> Reply {
        Reply::new(status, json!({"text": "…", "code": code}).to_string())
    }

    /// Under which name a channel is known to whoever answers this request.
    fn indexer(&self, request: &Request, channel: &str) -> String {
        let number = if self.is_balanced { request.connection } else { 0 };
        format!("{number} {channel}")
    }

    fn acknowledged(&self, request: &Request) -> Result<Accepted, String> {
        let channel = request.header("x-splunk-request-channel").unwrap_or_default();
        let target = format!("/services/collector/ack?channel={channel}");
        let headers = [
            ("authorization", Some("Splunk MARKER-8088-hec-token")),
            ("content-type", Some("application/json")),
            ("x-splunk-request-channel", None),
        ];
        request.is_like("POST", &target, &headers)?;
        let asked: Value = serde_json::from_slice(&request.plain).map_err(|e| e.to_string())?;
        let mut channels = self.channels.lock().unwrap();
        let (_, open) = channels.entry(self.indexer(request, channel)).or_default();
        let mut acks = serde_json::Map::new();
        for number in asked["acks"].as_array().ok_or("no acks")? {
            // `true` is told once.
            let is_stored = open.remove(&number.as_u64().ok_or("no number")?);
            acks.insert(number.to_string(), is_stored.into());
        }
        Ok(Accepted::Other(Reply::new(200, json!({ "acks": acks }).to_string())))
    }
}

impl Api for Hec {
    fn keys(&self, url: &str, dir: &Path) -> String {
        let file = dir.join("hec.token");
        std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
        let acknowledge = self.acknowledges;
        format!(
            "type = \"splunk_hec\"\nurl = \"{url}\"\ntoken = {{ file = {file:?} }}\n\
             index = \"security\"\nsource = \"spoolgate\"\nacknowledge = {acknowledge}\n"
        )
    }

    fn secrets(&self) -> Vec<String> {
        vec![TOKEN.to_owned()]
    }

    fn accept(&self, request: &Request) -> Result<Accepted, String> {
        if request.target.starts_with("/services/collector/ack") {
            return self.acknowledged(request);
        }
        let health = "/services/collector/health";
        if request.target == health {
            return Ok(Accepted::Other(Hec::code(200, 17)));
        }
        let mut headers = vec![
            ("authorization", Some("Splunk MARKER-8088-hec-token")),
            ("content-type", Some("application/json")),
            ("content-encoding", Some("gzip")),
        ];
        if self.acknowledges {
            headers.push(("x-splunk-request-channel", None));
        }
        request.is_like("POST", "/services/collector/event", &headers)?;
        let stream = serde_json::Deserializer::from_slice(&request.plain).into_iter::<Value>();
        let mut events = Vec::new();
        for value in stream {
            let value = value.map_err(|error| error.to_string())?;
            let keys: Vec<_> = value.as_object().ok_or("no object")?.keys().collect();
            if keys != ["event", "host", "index", "source", "time"] {
                return Err(format!("{keys:?}"));
            }
            let time = value["time"].as_f64().ok_or("time is no number")?;
            let is_like = value["host"] == "outpost.example.net"
                && value["index"] == "security"
                && value["source"] == "spoolgate"
                && time > 1_700_000_000.0;
            if !is_like {
                return Err(value.to_string());
            }
            let id = value["event"]["id"].as_str().ok_or("no id")?.to_owned();
            events.push(Event { id, value });
        }
        if events.len() > 100 || request.plain.len() > 1024 * 1024 {
            return Err(format!("{} events, {} bytes", events.len(), request.plain.len()));
        }
        Ok(Accepted::Events(events))
    }

    fn stored(&self, request: &Request, _events: &[Event]) -> Reply {
        let Some(channel) = request.header("x-splunk-request-channel") else {
            return Hec::code(200, 0);
        };
        let mut channels = self.channels.lock().unwrap();
        let (next, open) = channels.entry(self.indexer(request, channel)).or_default();
        let number = *next;
        *next += 1;
        open.insert(number);
        let body = json!({"text": "Success", "code": 0, "ackId": number});
        Reply::new(200, body.to_string())
    }

    fn failures(&self) -> Vec<Failure> {
        let mut all: Vec<Failure> =
            [(500, 8), (503, 9), (400, 11), (503, 18), (503, 19), (503, 20), (503, 23), (429, 26)]
                .map(|(status, code)| Failure::Refuse(Hec::code(status, code)))
                .to_vec();
        all.push(Failure::Refuse(Hec::code(429, 27)));
        all
    }

    /// Events before the bad one may be in, and are sent again.
    fn reject(&self, _events: &[Event], bad: &[usize]) -> Option<(Vec<usize>, Reply)> {
        let body =
            json!({"text": "Invalid data format", "code": 6, "invalid-event-number": bad[0]});
        Some(((0..bad[0]).collect(), Reply::new(400, body.to_string())))
    }
}

#[test]
fn events_arrive_exactly_once() {
    trials::exactly_once(Hec::default());
}

#[test]
fn none_is_lost_to_any_failure() {
    trials::none_lost(Hec::default());
}

#[test]
fn refused_events_are_in_the_dead_letter() {
    trials::rejects(Hec::default(), "splunk_hec");
}

#[test]
fn a_wrong_token_holds_everything() {
    trials::held(Hec::default(), Hec::code(403, 4));
    trials::held(Hec::default(), Hec::code(401, 3));
}

#[test]
fn the_indexer_acknowledges() {
    trials::exactly_once(Hec { acknowledges: true, ..Hec::default() });
}

/// Behind a balancer of connections, a question has to go where the events went.
#[test]
fn each_indexer_is_asked_for_its_own_events() {
    trials::exactly_once(Hec { acknowledges: true, is_balanced: true, ..Hec::default() });
}

#[test]
fn what_no_indexer_acknowledged_is_not_lost_either() {
    trials::none_lost(Hec { acknowledges: true, ..Hec::default() });
}
