//! Elasticsearch's `_bulk`, by its documentation.

use std::path::Path;

use serde_json::{Value, json};

use super::probes;
use super::server::{Accepted, Api, Event, Failure, Reply, Request, id};
use super::trials::{self, Trial};

const KEY: &str = "MARKERidOfTheKey:MARKERkey";
/// printf %s "$KEY" | openssl base64
const ENCODED: &str = "TUFSS0VSaWRPZlRoZUtleTpNQVJLRVJrZXk=";

/// A cluster that is written to with that action.
struct Cluster {
    action: &'static str,
}

const CREATE: Cluster = Cluster { action: "create" };

/// The answer with one status for each item; what is 400 and above has an error of that type.
fn items(results: impl Iterator<Item = (u16, &'static str)>) -> Reply {
    let items: Vec<Value> = results
        .map(|(status, kind)| match status {
            0..400 => json!({"create": {"status": status}}),
            _ => json!({"create": {"status": status, "error": {"type": kind, "reason": "…"}}}),
        })
        .collect();
    Reply::new(200, json!({"errors": true, "items": items}).to_string())
}

/// Every third item is stored, the others have that status.
fn partly(events: &[Event], status: u16, kind: &'static str) -> (Vec<usize>, Reply) {
    let is_stored = |at: &usize| at.is_multiple_of(3);
    let reply = items((0..events.len()).map(|at| match is_stored(&at) {
        true => (201, ""),
        false => (status, kind),
    }));
    ((0..events.len()).filter(is_stored).collect(), reply)
}

impl Api for Cluster {
    fn keys(&self, url: &str, dir: &Path) -> String {
        let file = dir.join("elastic.key");
        std::fs::write(&file, format!("{KEY}\n")).unwrap();
        let action = self.action;
        format!(
            "type = \"elastic\"\nurl = \"{url}\"\napi_key = {{ file = {file:?} }}\n\
             index = \"logs-aisg\"\naction = \"{action}\"\npipeline = \"aisg\"\n"
        )
    }

    fn secrets(&self) -> Vec<String> {
        vec![KEY.to_owned(), ENCODED.to_owned(), "MARKERkey".to_owned()]
    }

    fn accept(&self, request: &Request) -> Result<Accepted, String> {
        let authorization = format!("ApiKey {ENCODED}");
        let mut headers = vec![
            ("authorization", Some(authorization.as_str())),
            ("accept", Some("application/json")),
        ];
        if request.target == "/" {
            request.is_like("GET", "/", &headers)?;
            let version = json!({"version": {"number": "9.2.0"}});
            return Ok(Accepted::Other(Reply::new(200, version.to_string())));
        }
        headers.push(("content-type", Some("application/x-ndjson")));
        headers.push(("content-encoding", Some("gzip")));
        let filter = "errors%2Citems.%2A.status%2Citems.%2A.error.type%2Citems.%2A.error.reason\
                      %2Cerror.type";
        let target = format!("/_bulk?filter_path={filter}&pipeline=aisg");
        request.is_like("POST", &target, &headers)?;
        let text = str::from_utf8(&request.plain).map_err(|error| error.to_string())?;
        if !text.ends_with('\n') || text.len() > 5 * 1024 * 1024 {
            return Err(format!("{} bytes, or no newline at the end", text.len()));
        }
        let lines: Vec<&str> = text.lines().collect();
        let (pairs, rest) = lines.as_chunks::<2>();
        if pairs.is_empty() || !rest.is_empty() {
            return Err(format!("{} lines", lines.len()));
        }
        let pair = |[action, source]: &[&str; 2]| self.document(action, source);
        pairs.iter().map(pair).collect::<Result<_, _>>().map(Accepted::Events)
    }

    fn stored(&self, _request: &Request, events: &[Event]) -> Reply {
        let items: Vec<Value> =
            events.iter().map(|_| json!({self.action: {"status": 201}})).collect();
        Reply::new(200, json!({"errors": false, "items": items}).to_string())
    }

    fn failures(&self) -> Vec<Failure> {
        let busy = json!({"error": {"type": "es_rejected_execution_exception"}, "status": 429});
        vec![
            Failure::Refuse(Reply::new(429, busy.to_string())),
            Failure::Partly(|events| partly(events, 429, "es_rejected_execution_exception")),
            Failure::Partly(|events| partly(events, 503, "unavailable_shards_exception")),
            Failure::Partly(|events| partly(events, 500, "exception")),
            // All items are refused: 200 for the request means nothing.
            Failure::Partly(|events| {
                let busy = events.iter().map(|_| (429, "circuit_breaking_exception"));
                (Vec::new(), items(busy))
            }),
            // They are there already, of an attempt whose answer was lost.
            Failure::Partly(|events| {
                let there = events.iter().map(|_| (409, "version_conflict_engine_exception"));
                ((0..events.len()).collect(), items(there))
            }),
            // Stored, but the answer does not say so.
            Failure::StoreAndRefuse(Reply::new(200, "")),
        ]
    }

    fn reject(&self, events: &[Event], bad: &[usize]) -> Option<(Vec<usize>, Reply)> {
        let is_bad = |at: &usize| bad.contains(at);
        let reply = items((0..events.len()).map(|at| match is_bad(&at) {
            true => (400, "document_parsing_exception"),
            false => (201, ""),
        }));
        Some(((0..events.len()).filter(|at| !is_bad(at)).collect(), reply))
    }
}

impl Cluster {
    fn document(&self, action: &str, source: &str) -> Result<Event, String> {
        let parse = |text| serde_json::from_str::<Value>(text).map_err(|error| error.to_string());
        let (action, source) = (parse(action)?, parse(source)?);
        let target = &action[self.action];
        let keys: Vec<_> = target.as_object().ok_or(action.to_string())?.keys().collect();
        let event_id = source["id"].as_str().ok_or("no id")?.to_owned();
        let document_id = target["_id"].as_str().ok_or("no _id")?;
        let time: Result<jiff::Timestamp, _> =
            source["@timestamp"].as_str().ok_or("no @timestamp")?.parse();
        let is_like = keys == ["_id", "_index"]
            && target["_index"] == "logs-aisg"
            && document_id.starts_with(&event_id)
            && document_id.len() <= 512
            && time.is_ok()
            && source["type"] == "loop.detected";
        if !is_like {
            return Err(format!("{action} {source}"));
        }
        let value = json!({"_id": document_id, "_source": source});
        Ok(Event { id: event_id, value })
    }
}

#[test]
fn events_arrive_exactly_once() {
    trials::exactly_once(CREATE);
    trials::exactly_once(Cluster { action: "index" });
}

#[test]
fn none_is_lost_to_any_failure() {
    trials::none_lost(CREATE);
}

/// A cluster keeps one document of an `_id`: what comes twice has to bring the same.
#[test]
fn what_is_sent_twice_is_stored_once() {
    const EVENTS: usize = 2000;
    let trial = Trial::new(CREATE, "");
    trial.server.fail(50);
    trial.spool(EVENTS);
    let mut agent = trial.outpost.start();
    agent.wait_confirmed(EVENTS as u64);
    assert!(agent.stop().success());
    let stored = trial.server.stored();
    assert_eq!(stored.len(), EVENTS);
    let mut repeated = 0;
    for (event, documents) in &stored {
        let ids: std::collections::BTreeSet<_> =
            documents.iter().map(|document| document["_id"].to_string()).collect();
        assert_eq!(ids.len(), 1, "{event}: {ids:?}");
        repeated += usize::from(documents.len() > 1);
    }
    assert!(repeated > 20, "{repeated} came twice: too few to show anything");
    assert!(stored.contains_key(&id(0)));
}

#[test]
fn refused_events_are_in_the_dead_letter() {
    trials::rejects(CREATE, "elastic");
}

#[test]
fn a_wrong_key_holds_everything() {
    let error = json!({"error": {"type": "security_exception"}, "status": 401});
    trials::held(CREATE, Reply::new(401, error.to_string()));
}

#[test]
fn the_key_is_proven() {
    let error = |status: u16| {
        let body = json!({"error": {"type": "security_exception"}, "status": status});
        Reply::new(status, body.to_string())
    };
    let proxy = Reply::new(403, "<html>blocked</html>");
    probes::proven(|| CREATE, &[(error(401), "secret"), (proxy, "403")]);
}
