//! Azure Monitor's Logs Ingestion API and the token endpoint before it, by their documentation.

use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::server::{Accepted, Api, Event, Failure, Reply, Request};
use super::{probes, trials};

const SECRET: &str = "MARKER~client.secret&more=1";
const TENANT: &str = "0b7f5a10-0000-4000-8000-000000000001";

/// What the login documents (RFC 6749, section 5.2), and what every server can do.
const LOGIN_FAILURES: [(u16, &str); 7] = [
    (400, "invalid_request"),
    (401, "invalid_client"),
    (400, "unauthorized_client"),
    (400, "invalid_scope"),
    (429, "temporarily_unavailable"),
    (500, "server_error"),
    (503, "temporarily_unavailable"),
];

/// A data collection rule with one stream, and its tenant's login.
struct Rule {
    /// Requests for which a token is good: the end of its life comes unannounced.
    token_uses: u64,
    /// The login fails, too: three times before each token.
    is_login_flaky: bool,
    logins: AtomicUsize,
    tokens: AtomicU64,
    uses: AtomicU64,
}

impl Rule {
    fn new(token_uses: u64) -> Rule {
        Rule {
            token_uses,
            is_login_flaky: false,
            logins: AtomicUsize::new(0),
            tokens: AtomicU64::new(0),
            uses: AtomicU64::new(0),
        }
    }

    fn error(status: u16, code: &str) -> Reply {
        let body = json!({"error": {"code": code, "message": "…"}}).to_string();
        Reply::new(status, body).with("x-ms-error-code", code)
    }

    fn token(&self) -> String {
        format!("MARKER-token-{}", self.tokens.load(Ordering::SeqCst))
    }

    fn login(&self, request: &Request) -> Result<Accepted, String> {
        let headers = [
            ("content-type", Some("application/x-www-form-urlencoded")),
            ("accept", Some("application/json")),
        ];
        request.is_like("POST", &format!("/{TENANT}/oauth2/v2.0/token"), &headers)?;
        let form = "grant_type=client_credentials&client_id=app-1\
                    &client_secret=MARKER~client.secret%26more%3D1\
                    &scope=https%3A%2F%2Fmonitor.azure.com%2F.default";
        if request.body != form.as_bytes() {
            return Err(String::from_utf8_lossy(&request.body).into_owned());
        }
        let login = self.logins.fetch_add(1, Ordering::SeqCst);
        if self.is_login_flaky && login % 4 != 3 {
            let (status, error) = LOGIN_FAILURES[login % LOGIN_FAILURES.len()];
            let body = json!({"error": error, "error_description": "…", "error_codes": [7000215]});
            return Ok(Accepted::Other(Reply::new(status, body.to_string())));
        }
        self.tokens.fetch_add(1, Ordering::SeqCst);
        self.uses.store(0, Ordering::SeqCst);
        let token = json!({
            "token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599,
            "access_token": self.token(),
        });
        Ok(Accepted::Other(Reply::new(200, token.to_string())))
    }
}

impl Api for Rule {
    fn keys(&self, url: &str, dir: &Path) -> String {
        let file = dir.join("client.secret");
        std::fs::write(&file, format!("{SECRET}\n")).unwrap();
        format!(
            "type = \"sentinel\"\nurl = \"{url}\"\nlogin_url = \"{url}\"\nrule_id = \"dcr-1\"\n\
             stream = \"Custom-ArbitexAudit_CL\"\ntenant_id = \"{TENANT}\"\nclient_id = \"app-1\"\n\
             client_secret = {{ file = {file:?} }}\n"
        )
    }

    fn secrets(&self) -> Vec<String> {
        let encoded = "MARKER~client.secret%26more%3D1";
        vec![SECRET.to_owned(), encoded.to_owned(), "MARKER-token-".to_owned()]
    }

    fn line(&self, n: usize) -> String {
        let id = super::server::id(n);
        format!(
            "{{\"class_uid\":6003,\"time\":1773360000123,\"severity_id\":1,\"id\":\"{id}\",\
             \"api\":{{\"request\":{{\"uid\":\"{id}\"}},\"operation\":\"chat_completion\"}},\
             \"metadata\":{{\"product\":{{\"vendor_name\":\"Arbitex\"}}}}}}\n"
        )
    }

    fn accept(&self, request: &Request) -> Result<Accepted, String> {
        if request.target.ends_with("/token") {
            return self.login(request);
        }
        let target =
            "/dataCollectionRules/dcr-1/streams/Custom-ArbitexAudit_CL?api-version=2023-01-01";
        let is_probe = request.plain == b"[]";
        let mut headers = vec![
            ("authorization", None),
            ("content-type", Some("application/json")),
            ("x-ms-client-request-id", None),
        ];
        if !is_probe {
            headers.push(("content-encoding", Some("gzip")));
        }
        request.is_like("POST", target, &headers)?;
        let id = request.header("x-ms-client-request-id").unwrap_or_default();
        if id.len() != 36 {
            return Err(format!("{id} is no GUID"));
        }
        let given = request.header("authorization").unwrap_or_default();
        if !given.starts_with("Bearer MARKER-token-") {
            return Err("no token of ours".to_owned());
        }
        let uses = self.uses.fetch_add(1, Ordering::SeqCst);
        if given != format!("Bearer {}", self.token()) || uses >= self.token_uses {
            return Ok(Accepted::Other(Rule::error(401, "AuthenticationFailed")));
        }
        if is_probe {
            return Ok(Accepted::Other(Reply::new(204, "")));
        }
        let rows: Vec<Value> =
            serde_json::from_slice(&request.plain).map_err(|error| error.to_string())?;
        if rows.is_empty() || request.plain.len() > 1_048_576 {
            return Err(format!("{} rows, {} bytes", rows.len(), request.plain.len()));
        }
        rows.into_iter().map(row).collect::<Result<_, _>>().map(Accepted::Events)
    }

    fn stored(&self, _request: &Request, _events: &[Event]) -> Reply {
        Reply::new(204, "")
    }

    fn failures(&self) -> Vec<Failure> {
        let again = Rule::error(429, "TooManyRequests").with("Retry-After", "0");
        vec![
            Failure::Refuse(again),
            Failure::Refuse(Rule::error(500, "InternalServerError")),
            Failure::Refuse(Rule::error(503, "ServiceUnavailable")),
            Failure::Refuse(Rule::error(401, "AuthenticationFailed")),
            Failure::RefuseMany(Rule::error(413, "ContentLengthLimitExceeded")),
        ]
    }

    fn reject(&self, _events: &[Event], _bad: &[usize]) -> Option<(Vec<usize>, Reply)> {
        Some((Vec::new(), Rule::error(400, "InvalidPayload")))
    }
}

/// One row, held against the columns of the stream.
fn row(value: Value) -> Result<Event, String> {
    let columns: Vec<_> = value.as_object().ok_or("no object")?.keys().collect();
    let wanted = ["DlpLabels", "EventId", "Operation", "RawOCSF", "SeverityId", "TimeGenerated"];
    let id = value["EventId"].as_str().ok_or("no EventId")?.to_owned();
    let raw: Value = value["RawOCSF"]
        .as_str()
        .and_then(|text| serde_json::from_str(text).ok())
        .ok_or("RawOCSF is no JSON text")?;
    let is_like = columns == wanted
        && value["DlpLabels"] == "[]"
        && value["Operation"] == "chat_completion"
        && value["SeverityId"] == 1
        && value["TimeGenerated"] == "2026-03-13T00:00:00.123Z"
        && raw["api"]["request"]["uid"] == *id;
    if is_like { Ok(Event { id, value }) } else { Err(value.to_string()) }
}

#[test]
fn events_arrive_exactly_once() {
    trials::exactly_once(Rule::new(u64::MAX));
}

#[test]
fn none_is_lost_to_any_failure() {
    trials::none_lost(Rule { is_login_flaky: true, ..Rule::new(30) });
}

#[test]
fn refused_events_are_in_the_dead_letter() {
    trials::rejects(Rule::new(30), "sentinel");
}

#[test]
fn a_missing_role_and_a_wrong_stream_hold_everything() {
    trials::held(Rule::new(30), Rule::error(403, "OperationFailed"));
    trials::held(Rule::new(30), Rule::error(400, "InvalidStream"));
}

#[test]
fn role_and_stream_are_proven() {
    let refusals = [
        (Rule::error(403, "OperationFailed"), "Monitoring Metrics Publisher"),
        (Rule::error(400, "InvalidStream"), "`stream`"),
        (Rule::error(404, "NotFound"), "`rule_id`"),
    ];
    probes::proven(|| Rule::new(30), &refusals);
}
