//! Palo Alto Cortex XSIAM HTTP collector: `POST /logs/v1/event`.
//!
//! In: events. Out: `{"events": […]}` in Arbitex's envelope with the HMAC headers of its document
//! (seed, Cortex XSIAM), or lines with the plain key of the vendor's documentation; by setting.
//! There is no answer per event and no idempotency key: an answer that is lost means a second copy.
//! Diagnostics: never the key.

use std::fmt::Write as _;

use super::body::{enveloped, keep_within, lines};
use super::instant::rfc3339;
use super::json::{Object, push_event};
use super::payload::{self, Payload, Product, arbitex};
use super::secret::Secret;
use super::settings::{Endpoint, SecretSource};
use super::signature::{hex, hmac_sha256};
use super::{
    Connector, Context, Item, Limits, Method, Record, Request, Response, Verdict, outcome_of_status,
};
use crate::model::fields::{Severity, Slot};
use crate::model::outcome::Cause;

/// `type = "xsiam"`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The tenant's API host; `base_path` is what stands before `/logs/v1/event`.
    pub endpoint: Endpoint,
    /// The API key.
    pub api_key: SecretSource,
    /// How the key is shown to the collector.
    pub authorization: Authorization,
    /// What a body is.
    pub body: Body,
    /// The collector was made with gzip: then bodies have to be gzip, else they must not be.
    pub gzip: bool,
    /// The shape of a record.
    pub payload: Payload,
    /// `_dataset`; `arbitex_audit_raw` in the seed.
    pub dataset: String,
    /// `log_type`; `arbitex_audit` in the seed.
    pub log_type: String,
}

/// How the key is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorization {
    /// `x-xdr-auth-id`, `x-xdr-nonce` and `x-xdr-hmac-sha256` (seed): the key itself is not sent.
    Hmac {
        /// The key's id, a number.
        key_id: String,
    },
    /// `Authorization: <key>`, as the vendor's sample has it.
    Plain,
    /// `Authorization: Bearer <key>`, as some clients write it.
    Bearer,
}

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// `{"events": […]}`
    Events,
    /// One record a line, for a collector of the type JSON.
    Lines,
}

/// The connector.
#[derive(Debug)]
pub struct Xsiam {
    settings: Settings,
}

/// Far below the 25 MB above which the collector answers 413: a smaller batch costs less to repeat.
const BODY_BYTES_MAX: usize = 5_000_000;
/// Before and behind the records of [`Body::Events`].
const BEFORE: &str = "{\"events\":[";
const BEHIND: &str = "]}";
/// The name of the secret.
const API_KEY: &str = "api_key";

impl Xsiam {
    /// The connector of those settings.
    pub fn new(settings: Settings) -> Xsiam {
        Xsiam { settings }
    }

    fn headers(&self, context: &Context<'_>) -> Result<Vec<(&'static str, Secret)>, Cause> {
        let key = context.secrets.need(API_KEY, "the API key")?;
        let mut headers = match &self.settings.authorization {
            Authorization::Plain => vec![("authorization", key.clone())],
            Authorization::Bearer => {
                vec![("authorization", Secret::new(format!("Bearer {}", key.expose())))]
            }
            Authorization::Hmac { key_id } => {
                let nonce = nonce(context);
                let signature = sign(key, key_id, &nonce);
                vec![
                    ("x-xdr-auth-id", Secret::new(key_id)),
                    ("x-xdr-nonce", Secret::new(nonce)),
                    ("x-xdr-hmac-sha256", Secret::new(signature)),
                ]
            }
        };
        let content_type = match self.settings.body {
            Body::Events => "application/json",
            Body::Lines => "text/plain",
        };
        headers.push(("content-type", Secret::new(content_type)));
        Ok(headers)
    }

    /// Arbitex's envelope; for other products what of it they can fill, and the event.
    fn push_enveloped(&self, item: &Item<'_>, out: &mut Vec<u8>) {
        let settings = &self.settings;
        if settings.payload.product(item) == Some(Product::Arbitex) {
            arbitex::push_xsiam(item, &settings.dataset, &settings.log_type, out);
            return;
        }
        let mut object = Object::begin(out);
        object.text("_time", &rfc3339(item.time));
        object.text("_vendor", item.fields.get(Slot::DeviceVendor, item.event));
        object.text("_product", item.fields.get(Slot::DeviceProduct, item.event));
        object.text("_dataset", &settings.dataset);
        object.text("log_type", &settings.log_type);
        object.text("event_id", item.id);
        object.text("event_type", item.fields.get(Slot::EventType, item.event));
        object.text("severity", severity(item.fields.severity()));
        payload::push(settings.payload, item, object.member("event"));
        object.end();
    }
}

impl Connector for Xsiam {
    fn endpoint(&self) -> &Endpoint {
        &self.settings.endpoint
    }

    fn limits(&self) -> Limits {
        Limits {
            events_max: usize::MAX,
            body_bytes_max: BODY_BYTES_MAX,
            bytes_beside_record: 1,
            bytes_beside_batch: BEFORE.len() + BEHIND.len(),
            takes_gzip: self.settings.gzip,
        }
    }

    fn secrets(&self) -> Vec<(&'static str, SecretSource)> {
        vec![(API_KEY, self.settings.api_key.clone())]
    }

    fn record(&self, item: &Item<'_>, out: &mut Vec<u8>) -> Result<(), Cause> {
        let start = out.len();
        match self.settings.payload {
            Payload::Product => self.push_enveloped(item, out),
            Payload::Event => push_event(item.event, out),
        }
        keep_within(
            BODY_BYTES_MAX - BEFORE.len() - BEHIND.len() - 1,
            start,
            out,
            || "the event is over 5 MB as a record for XSIAM",
        )
    }

    fn request(&self, batch: &[Record<'_>], context: &Context<'_>) -> Result<Request, Cause> {
        Ok(Request {
            endpoint: None,
            method: Method::Post,
            path: Secret::new("/logs/v1/event"),
            headers: self.headers(context)?,
            body: match self.settings.body {
                Body::Events => enveloped(BEFORE, batch, BEHIND),
                Body::Lines => lines(batch),
            },
            may_gzip: self.settings.gzip,
        })
    }

    fn verdict(&self, _batch: &[Record<'_>], response: &Response) -> Verdict {
        let mut verdict = Verdict::from(outcome_of_status(response.status));
        verdict.new_token = response.status == 401;
        verdict
    }
}

/// No two requests have the same: batch ids are random, and the same batch is sent at other times.
fn nonce(context: &Context<'_>) -> String {
    let mut nonce: String = context.batch_id.chars().filter(char::is_ascii_alphanumeric).collect();
    // Writing to a String cannot fail.
    let _ = write!(nonce, "{:016x}", context.now.0);
    nonce
}

/// HMAC-SHA256 over key id, nonce and key, with the key as the key (seed), in hex.
fn sign(key: &Secret, key_id: &str, nonce: &str) -> String {
    let message = format!("{key_id}{nonce}{}", key.expose());
    hex(&hmac_sha256(key.expose().as_bytes(), message.as_bytes()))
}

/// The word for a CEF severity, as the seed's `informational`.
fn severity(severity: Severity) -> &'static str {
    match severity.get() {
        9.. => "critical",
        7..=8 => "high",
        4..=6 => "medium",
        // The ocsf schema's 3 is informational.
        _ => "informational",
    }
}

#[cfg(test)]
mod tests;
