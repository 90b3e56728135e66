//! A Sumo Logic HTTP source, by its documentation: the URL is the credential.

use std::path::Path;
use std::process::Stdio;

use super::body::lines;
use super::server::{Accepted, Api, Event, Reply, Request, Server};
use super::trials;
use crate::agent::{Outpost, program, wait_until};

/// The path, with the token of the source in it.
const PATH: &str = "/receiver/v1/http/MARKER-ZaVnC4dhaV0-sumo==";

struct Sumo;

impl Api for Sumo {
    fn keys(&self, url: &str, dir: &Path) -> String {
        let file = dir.join("sumo.url");
        std::fs::write(&file, format!("{url}{PATH}\n")).unwrap();
        format!(
            "type = \"sumo\"\nurl = \"{url}\"\nsecret_url = {{ file = {file:?} }}\n\
             category = \"arbitex/audit\"\nhost = \"platform.arbitex.ai\"\n\
             source_name = \"outpost-07\"\nfields = {{ environment = \"production\" }}\n"
        )
    }

    fn secrets(&self) -> Vec<String> {
        vec![PATH.to_owned()]
    }

    fn accept(&self, request: &Request) -> Result<Accepted, String> {
        let headers = [
            ("content-type", Some("application/json")),
            ("content-encoding", Some("gzip")),
            ("x-sumo-category", Some("arbitex/audit")),
            ("x-sumo-host", Some("platform.arbitex.ai")),
            ("x-sumo-name", Some("outpost-07")),
            ("x-sumo-fields", Some("environment=production")),
        ];
        request.is_like("POST", PATH, &headers)?;
        if request.plain.len() > 1_000_000 {
            return Err(format!("{} bytes", request.plain.len()));
        }
        lines(request).map(Accepted::Events)
    }

    fn stored(&self, _request: &Request, _events: &[Event]) -> Reply {
        Reply::new(200, "")
    }

    /// The source answers for a body as a whole.
    fn reject(&self, _events: &[Event], _bad: &[usize]) -> Option<(Vec<usize>, Reply)> {
        Some((Vec::new(), Reply::new(400, "")))
    }
}

#[test]
fn events_arrive_exactly_once() {
    trials::exactly_once(Sumo);
}

#[test]
fn none_is_lost_to_any_failure() {
    trials::none_lost(Sumo);
}

#[test]
fn refused_events_are_in_the_dead_letter() {
    trials::rejects(Sumo, "sumo");
}

#[test]
fn a_url_that_is_no_longer_good_holds_everything() {
    trials::held(Sumo, Reply::new(401, ""));
    trials::held(Sumo, Reply::new(404, ""));
}

/// Arbitex's variables and consent, without a file; the event as its document prints it.
#[test]
fn the_environment_alone_delivers() {
    let outpost = Outpost::new();
    let server = Server::start(Arbitex, &outpost.path(""));
    let event = "{\"class_uid\":6003,\"time\":1741824000123,\"api\":{\"request\":{\"uid\":\"req_1\"}},\
                 \"metadata\":{\"product\":{\"vendor_name\":\"Arbitex\"}}}";
    outpost.append("a.jsonl", format!("{event}\n").as_bytes());
    let mut command = program();
    command
        .env("SUMO_HTTP_SOURCE_URL", format!("{}{PATH}", server.url()))
        .env("SPOOLGATE_EGRESS_ALLOW", "true")
        .env("SPOOLGATE_EGRESS_HOSTS", "127.0.0.1")
        .env("SPOOLGATE_TLS_CA_FILE", server.ca_file())
        .env("SPOOLGATE_SPOOL", outpost.spool_glob())
        .env("SPOOLGATE_STATE_DIR", outpost.path("state"))
        .arg("run");
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    wait_until("the event", || (server.count() == 1).then_some(()));
    child.kill().unwrap();
    let said = child.wait_with_output().unwrap();
    server.assert_content();
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(!said.contains("MARKER"), "{said}");
}

/// The source of Arbitex's table: its category and host, and nothing beside them.
struct Arbitex;

impl Api for Arbitex {
    fn keys(&self, _url: &str, _dir: &Path) -> String {
        unreachable!("there is no file")
    }

    fn secrets(&self) -> Vec<String> {
        Sumo.secrets()
    }

    fn accept(&self, request: &Request) -> Result<Accepted, String> {
        let headers = [
            ("content-type", Some("application/json")),
            ("content-encoding", Some("gzip")),
            ("x-sumo-category", Some("arbitex/audit")),
            ("x-sumo-host", Some("platform.arbitex.ai")),
        ];
        request.is_like("POST", PATH, &headers)?;
        let value: serde_json::Value =
            serde_json::from_slice(&request.plain).map_err(|error| error.to_string())?;
        let id = value["api"]["request"]["uid"].as_str().ok_or("no id")?.to_owned();
        Ok(Accepted::Events(vec![Event { id, value }]))
    }

    fn stored(&self, _request: &Request, _events: &[Event]) -> Reply {
        Reply::new(200, "")
    }
}
