//! A Cortex XSIAM HTTP collector: with the signature of Arbitex's document, and with the plain key
//! of the vendor's.

use std::path::Path;

use hmac::{Hmac, Mac as _};
use serde_json::Value;
use sha2::Sha256;

use super::body::lines;
use super::server::{Accepted, Api, Event, Reply, Request};
use super::trials;

const KEY: &str = "MARKER-xsiam-api-key";
const KEY_ID: &str = "17";

/// With signatures, or with the key as it is.
struct Xsiam {
    is_signed: bool,
}

impl Xsiam {
    /// HMAC-SHA256 over key id, nonce and key with the key as the key; by another library.
    fn verify(request: &Request) -> Result<(), String> {
        let nonce = request.header("x-xdr-nonce").ok_or("no nonce")?;
        let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
        mac.update(format!("{KEY_ID}{nonce}{KEY}").as_bytes());
        let signature = request.header("x-xdr-hmac-sha256").ok_or("no signature")?;
        let pairs = signature.as_bytes().chunks(2).map(|pair| {
            std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok())
        });
        let octets: Option<Vec<u8>> = pairs.collect();
        mac.verify_slice(&octets.ok_or("no hex")?).map_err(|error| error.to_string())
    }
}

impl Api for Xsiam {
    fn keys(&self, url: &str, dir: &Path) -> String {
        let file = dir.join("xsiam.key");
        std::fs::write(&file, format!("{KEY}\n")).unwrap();
        let way = match self.is_signed {
            true => "api_key_id = \"17\"\npayload = \"product\"\n",
            false => "authorization = \"plain\"\ntakes_gzip = true\n",
        };
        format!("type = \"xsiam\"\nurl = \"{url}\"\napi_key = {{ file = {file:?} }}\n{way}")
    }

    fn secrets(&self) -> Vec<String> {
        vec![KEY.to_owned()]
    }

    fn accept(&self, request: &Request) -> Result<Accepted, String> {
        if request.plain.len() > 25_000_000 {
            return Err(format!("{} bytes", request.plain.len()));
        }
        if !self.is_signed {
            let headers = [
                ("content-type", Some("text/plain")),
                ("content-encoding", Some("gzip")),
                ("authorization", Some(KEY)),
            ];
            request.is_like("POST", "/logs/v1/event", &headers)?;
            return lines(request).map(Accepted::Events);
        }
        let headers = [
            ("content-type", Some("application/json")),
            ("x-xdr-auth-id", Some(KEY_ID)),
            ("x-xdr-nonce", None),
            ("x-xdr-hmac-sha256", None),
        ];
        request.is_like("POST", "/logs/v1/event", &headers)?;
        Xsiam::verify(request)?;
        let body: Value =
            serde_json::from_slice(&request.plain).map_err(|error| error.to_string())?;
        let values = body["events"].as_array().ok_or("no events")?;
        if values.len() > 100 || body.as_object().map(serde_json::Map::len) != Some(1) {
            return Err(format!("{} events", values.len()));
        }
        let mut events = Vec::new();
        for value in values {
            let is_like = value["_vendor"] == "AISG"
                && value["_product"] == "AI Security Gateway"
                && value["_dataset"] == "arbitex_audit_raw"
                && value["log_type"] == "arbitex_audit"
                && value["severity"] == "high"
                && value["event_id"] == value["event"]["id"];
            if !is_like {
                return Err(value.to_string());
            }
            let id = value["event_id"].as_str().ok_or("no id")?.to_owned();
            events.push(Event { id, value: value.clone() });
        }
        Ok(Accepted::Events(events))
    }

    /// Arbitex's document has 202, the vendor's 200.
    fn stored(&self, _request: &Request, _events: &[Event]) -> Reply {
        match self.is_signed {
            true => Reply::new(202, ""),
            false => Reply::new(200, "{ \"ok\": \"true\" }"),
        }
    }

    fn reject(&self, _events: &[Event], _bad: &[usize]) -> Option<(Vec<usize>, Reply)> {
        Some((Vec::new(), Reply::new(400, "")))
    }
}

#[test]
fn events_arrive_exactly_once() {
    trials::exactly_once(Xsiam { is_signed: true });
    trials::exactly_once(Xsiam { is_signed: false });
}

#[test]
fn none_is_lost_to_any_failure() {
    trials::none_lost(Xsiam { is_signed: true });
}

#[test]
fn refused_events_are_in_the_dead_letter() {
    trials::rejects(Xsiam { is_signed: true }, "xsiam");
}

#[test]
fn a_wrong_key_holds_everything() {
    trials::held(Xsiam { is_signed: true }, Reply::new(401, ""));
    trials::held(Xsiam { is_signed: false }, Reply::new(403, ""));
}
