//! Azure Monitor's HTTP Data Collector API: a JSON array of events for one custom log of a Log
//! Analytics workspace.
//!
//! Its vendor retired it on 2026-09-14 in favour of what [`sentinel`](super::sentinel) speaks. It
//! is here for the products whose documents name it (seeds of Aegis and RESK) and for workspaces
//! that still answer; a new destination should be `sentinel`.
//!
//! In: events, Aegis's as OCSF. Out: the array, signed with the workspace key (HMAC-SHA256,
//! `SharedKey`). Diagnostics: the service's error code, never its message. The service cuts texts
//! over 32 KiB without a word, and gives no answer per event.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::hmac;
use serde::Deserialize;

use super::body;
use super::instant::{http_date, push_rfc3339};
use super::json::push_text;
use super::ocsf::{is_mapped, push_ocsf};
use super::secret::Secret;
use super::settings::{Endpoint, SecretSource};
use super::{
    Connector, Context, Item, Limits, Method, Outcome, Record, Request, Response, Verdict,
    outcome_of_status,
};
use crate::model::outcome::Cause;

/// `type = "azure_data_collector"`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `https://<workspace>.ods.opinsights.azure.com`, another domain in sovereign clouds.
    pub endpoint: Endpoint,
    /// The workspace id, a GUID.
    pub workspace_id: String,
    /// The workspace's primary or secondary key, in base64 as the portal shows it.
    pub shared_key: SecretSource,
    /// `Log-Type`: the custom log, to whose name the service adds `_CL`; letters, digits and `_`,
    /// at most 100.
    pub log_type: String,
    /// `time-generated-field`: the member that holds the time of an event, RFC 3339; added to
    /// events that have none. `None`: the service takes the time of arrival.
    pub time_generated_field: Option<String>,
    /// `x-ms-AzureResourceId`: the resource that the events are told to be of.
    pub resource_id: Option<String>,
}

/// The connector.
#[derive(Debug)]
pub struct AzureDataCollector {
    settings: Settings,
}

/// The API's limit for a post: 30 MB.
const BODY_BYTES_MAX: usize = 30 * 1000 * 1000;
/// The name of the secret.
const SHARED_KEY: &str = "shared_key";
const RESOURCE: &str = "/api/logs";
const API_VERSION: &str = "2016-04-01";
const CONTENT_TYPE: &str = "application/json";

impl AzureDataCollector {
    /// The connector of those settings.
    pub fn new(settings: Settings) -> AzureDataCollector {
        AzureDataCollector { settings }
    }

    /// `SharedKey <workspace>:<signature>` for a body of that length at that date.
    fn authorization(&self, key: &Secret, bytes: usize, date: &str) -> Result<Secret, Cause> {
        let key = BASE64.decode(key.expose().trim()).map_err(|_| {
            Cause::new("bad_secret", "the workspace key is not base64; check `shared_key`")
        })?;
        let signed = format!("POST\n{bytes}\n{CONTENT_TYPE}\nx-ms-date:{date}\n{RESOURCE}");
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        let signature = BASE64.encode(hmac::sign(&key, signed.as_bytes()));
        Ok(Secret::new(format!("SharedKey {}:{signature}", self.settings.workspace_id)))
    }
}

impl Connector for AzureDataCollector {
    fn endpoint(&self) -> &Endpoint {
        &self.settings.endpoint
    }

    fn limits(&self) -> Limits {
        Limits {
            events_max: usize::MAX,
            body_bytes_max: BODY_BYTES_MAX,
            bytes_beside_record: 1,
            bytes_beside_batch: 1,
            // The signature covers Content-Length, and no encoding is documented.
            takes_gzip: false,
        }
    }

    fn secrets(&self) -> Vec<(&'static str, SecretSource)> {
        vec![(SHARED_KEY, self.settings.shared_key.clone())]
    }

    fn record(&self, item: &Item<'_>, out: &mut Vec<u8>) -> Result<(), Cause> {
        let start = out.len();
        push_ocsf(item, out);
        if let Some(field) = &self.settings.time_generated_field {
            // An attestation stands inside its OCSF form, which has `time_dt`.
            let is_there = match is_mapped(item) {
                true => field == "time_dt",
                false => item.event.at(field).is_some(),
            };
            if !is_there && out.pop() == Some(b'}') {
                push_time(field, item, out);
            }
        }
        body::keep_within(
            BODY_BYTES_MAX - "[]".len(),
            start,
            out,
            || "the event is over the API's 30 MB for a post",
        )
    }

    fn request(&self, batch: &[Record<'_>], context: &Context<'_>) -> Result<Request, Cause> {
        let key = context.secrets.need(SHARED_KEY, "the workspace key")?;
        let body = body::array(batch);
        let date = http_date(context.now);
        let settings = &self.settings;
        let mut headers = vec![
            ("authorization", self.authorization(key, body.len(), &date)?),
            ("content-type", Secret::new(CONTENT_TYPE)),
            ("log-type", Secret::new(&settings.log_type)),
            ("x-ms-date", Secret::new(date)),
        ];
        let optional = [
            ("time-generated-field", &settings.time_generated_field),
            ("x-ms-azureresourceid", &settings.resource_id),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                headers.push((name, Secret::new(value)));
            }
        }
        Ok(Request {
            endpoint: None,
            method: Method::Post,
            path: Secret::new(format!("{RESOURCE}?api-version={API_VERSION}")),
            headers,
            body,
            may_gzip: false,
        })
    }

    fn verdict(&self, _batch: &[Record<'_>], response: &Response) -> Verdict {
        let code = error_code(response);
        let hold = |name, text: &str| {
            Outcome::Hold(Cause::new(name, format!("{} {code}: {text}", response.status)))
        };
        let outcome = match (response.status, code) {
            (400, "InactiveCustomer") => hold("inactive", "the workspace is closed"),
            (400, "InvalidCustomerId") => hold("unknown_workspace", "check `workspace_id`"),
            (400, "InvalidLogType" | "MissingLogType") => hold("bad_log_type", "check `log_type`"),
            (
                400,
                "InvalidApiVersion"
                | "MissingApiVersion"
                | "MissingContentType"
                | "UnsupportedContentType",
            ) => hold("retired", "the API is not what it was; use `sentinel`"),
            (403, _) => hold("forbidden", "check `shared_key`, `workspace_id` and the clock"),
            (404, _) => hold("not_found", "check `url`; the API may be gone: use `sentinel`"),
            (410, _) => hold("retired", "the API is retired; use `sentinel`"),
            (status, _) => outcome_of_status(status),
        };
        // A wrong key is answered with 403: it may have been renewed meanwhile.
        let new_token = [401, 403].contains(&response.status);
        Verdict { new_token, ..Verdict::from(outcome) }
    }
}

/// Appends `,"field":"2026-06-08T14:32:01.442Z"}`, in place of the brace that was taken.
fn push_time(field: &str, item: &Item<'_>, out: &mut Vec<u8>) {
    if out.last() != Some(&b'{') {
        out.push(b',');
    }
    push_text(field, out);
    out.extend_from_slice(b":\"");
    push_rfc3339(item.time, out);
    out.extend_from_slice(b"\"}");
}

/// The documented codes; what is none of them is not repeated, it might quote something.
const CODES: [&str; 11] = [
    "InactiveCustomer",
    "InvalidApiVersion",
    "InvalidCustomerId",
    "InvalidDataFormat",
    "InvalidLogType",
    "MissingApiVersion",
    "MissingContentType",
    "MissingLogType",
    "UnsupportedContentType",
    "InvalidAuthorization",
    "UnspecifiedError",
];

fn error_code(response: &Response) -> &'static str {
    #[derive(Default, Deserialize)]
    struct Body {
        #[serde(rename = "Error")]
        code: String,
    }
    let body: Body = serde_json::from_slice(&response.body).unwrap_or_default();
    CODES.into_iter().find(|code| *code == body.code).unwrap_or("")
}

#[cfg(test)]
mod tests;
