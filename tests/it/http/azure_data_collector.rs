//! Azure Monitor's HTTP Data Collector API, by its documentation. Its signature is verified with
//! other libraries than the one that made it.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::server::{Accepted, Api, Event, Failure, Reply, Request};
use super::trials;

const WORKSPACE: &str = "8d7b0ff7-2ab8-4b3a-9f2e-3f1d5a6f0001";
const KEY: &str = "MARKER, the key of a workspace, which has 64 octets, as theirs do";

/// A workspace.
struct Workspace;

impl Workspace {
    fn error(status: u16, code: &str) -> Reply {
        Reply::new(status, json!({"Error": code, "Message": "…"}).to_string())
    }

    /// The signature covers length, type, date and resource.
    fn verify(&self, request: &Request) -> Result<(), String> {
        let date = request.header("x-ms-date").ok_or("no date")?;
        let time = jiff::fmt::rfc2822::parse(date).map_err(|error| error.to_string())?;
        let age = jiff::Timestamp::now().as_second() - time.timestamp().as_second();
        if !date.ends_with(" GMT") || age.abs() > 15 * 60 {
            return Err(format!("the date {date} is {age} s old"));
        }
        let signed =
            format!("POST\n{}\napplication/json\nx-ms-date:{date}\n/api/logs", request.body.len());
        let authorization = request.header("authorization").ok_or("no authorization")?;
        let signature = authorization
            .strip_prefix(&format!("SharedKey {WORKSPACE}:"))
            .ok_or(format!("authorization: {authorization}"))?;
        let signature = BASE64.decode(signature).map_err(|error| error.to_string())?;
        let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
        mac.update(signed.as_bytes());
        mac.verify_slice(&signature).map_err(|_| "the signature is wrong".to_owned())
    }
}

impl Api for Workspace {
    fn keys(&self, url: &str, dir: &Path) -> String {
        let file = dir.join("workspace.key");
        std::fs::write(&file, BASE64.encode(KEY)).unwrap();
        format!(
            "type = \"azure_data_collector\"\nurl = \"{url}\"\nworkspace_id = \"{WORKSPACE}\"\n\
             shared_key = {{ file = {file:?} }}\nlog_type = \"AegisAudit\"\n\
             time_generated_field = \"time_dt\"\n"
        )
    }

    fn secrets(&self) -> Vec<String> {
        vec![BASE64.encode(KEY), KEY.to_owned()]
    }

    fn line(&self, n: usize) -> String {
        let id = super::server::id(n);
        format!(
            "{{\"attestation_id\":\"{id}\",\"id\":\"{id}\",\"verdict\":\"DENY\",\
             \"timestamp\":\"2026-02-03T04:05:06.789Z\",\"action\":\"db.drop_table\"}}\n"
        )
    }

    fn accept(&self, request: &Request) -> Result<Accepted, String> {
        let headers = [
            ("authorization", None),
            ("content-type", Some("application/json")),
            ("log-type", Some("AegisAudit")),
            ("x-ms-date", None),
            ("time-generated-field", Some("time_dt")),
        ];
        request.is_like("POST", "/api/logs?api-version=2016-04-01", &headers)?;
        self.verify(request)?;
        let events: Vec<Value> =
            serde_json::from_slice(&request.body).map_err(|error| error.to_string())?;
        if events.is_empty() || request.body.len() > 30_000_000 {
            return Err(format!("{} events, {} bytes", events.len(), request.body.len()));
        }
        let event = |value: Value| {
            let is_like = value["class_uid"] == 2001
                && value["severity_id"] == 3
                && value["time_dt"] == "2026-02-03T04:05:06.789Z"
                && value["finding"]["title"] == "db.drop_table";
            let id = value["unmapped"]["id"].as_str().filter(|_| is_like);
            Ok(Event { id: id.ok_or(value.to_string())?.to_owned(), value })
        };
        events.into_iter().map(event).collect::<Result<_, _>>().map(Accepted::Events)
    }

    fn stored(&self, _request: &Request, _events: &[Event]) -> Reply {
        Reply::new(200, "")
    }

    fn failures(&self) -> Vec<Failure> {
        [(429, ""), (500, "UnspecifiedError"), (503, "ServiceUnavailable")]
            .map(|(status, code)| Failure::Refuse(Workspace::error(status, code)))
            .to_vec()
    }

    fn reject(&self, _events: &[Event], _bad: &[usize]) -> Option<(Vec<usize>, Reply)> {
        Some((Vec::new(), Workspace::error(400, "InvalidDataFormat")))
    }
}

#[test]
fn events_arrive_exactly_once() {
    trials::exactly_once(Workspace);
}

#[test]
fn none_is_lost_to_any_failure() {
    trials::none_lost(Workspace);
}

#[test]
fn refused_events_are_in_the_dead_letter() {
    trials::rejects(Workspace, "azure_data_collector");
}

#[test]
fn a_wrong_key_and_the_end_of_the_api_hold_everything() {
    trials::held(Workspace, Workspace::error(403, "InvalidAuthorization"));
    trials::held(Workspace, Reply::new(404, "<html>gone</html>"));
}
