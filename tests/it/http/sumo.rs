//! A Sumo Logic HTTP source, by its documentation: the URL is the credential.

use std::path::Path;

use super::body::lines;
use super::server::{Accepted, Api, Event, Reply, Request};
use super::trials;

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
