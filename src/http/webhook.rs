//! Any receiver of JSON: `POST` of an array, of lines, or of one event at a time in a template.
//!
//! In: events. Out: requests with a bearer token, a key in a header or nothing, an idempotency key
//! that is the same for each attempt, and a signature with the time. Which statuses are success
//! and which pass is a setting; the defaults are those of all connectors. Diagnostics: never the
//! URL where that is a secret (Slack), a token or a key.

pub mod preset;
pub mod template;

use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use globset::{Glob, GlobSet, GlobSetBuilder};

use super::authorization::{Authorization, HeaderName};
use super::body::{enveloped, keep_within, lines};
use super::json::push_text;
use super::payload::{self, Payload};
use super::secret::Secret;
use super::settings::{Endpoint, SecretSource};
use super::signature::{hex, hmac_sha256};
use super::url::secret_path;
use super::{
    Connector, Context, Item, Limits, Method, Outcome, Record, Request, Response, Verdict,
    outcome_of_status,
};
use crate::model::fields::Slot;
use crate::model::outcome::Cause;

use self::template::{SECRET_MARK, Template};

/// `type = "webhook"`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where to: the whole URL, its path as `base_path`.
    pub endpoint: Endpoint,
    /// The whole URL, where that is a secret; the endpoint then names its host alone.
    pub secret_url: Option<SecretSource>,
    /// Who sends.
    pub authorization: Authorization,
    /// How a body is made of records.
    pub body: Body,
    /// What a record is; `None`: the event.
    pub template: Option<Template>,
    /// The template of the events that end a fault.
    pub resolve: Option<Resolve>,
    /// What `{{secret}}` stands for: PagerDuty's routing key.
    pub template_secret: Option<SecretSource>,
    /// How bodies are signed.
    pub signature: Option<Signature>,
    /// `Idempotency-Key`: the batch's id.
    pub idempotency_key: bool,
    /// The receiver takes gzip; bodies with a signature are never compressed.
    pub gzip: bool,
    /// The most bytes of a body.
    pub body_bytes_max: usize,
    /// Statuses that mean stored; 200 to 299 by default.
    pub success: Vec<RangeInclusive<u16>>,
    /// Statuses that pass; 408, 425, 429 and 500 to 599 by default.
    pub retry: Vec<RangeInclusive<u16>>,
    /// The shape of an event.
    pub payload: Payload,
}

/// How a body is made of records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// One record, as it is.
    One,
    /// A JSON array, in an envelope where there is one.
    Array {
        /// Ends with `[`.
        before: String,
        /// Begins with `]`.
        behind: String,
    },
    /// One record a line.
    Lines,
}

/// Events that end what others began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolve {
    /// Globs of event types.
    pub event_types: Vec<String>,
    /// What is sent for them.
    pub template: Template,
}

/// A signature over the body, by HMAC-SHA256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The key; `whsec_` and base64 as Standard Webhooks has it, else its octets.
    pub key: SecretSource,
    /// Where it stands.
    pub scheme: SignatureScheme,
}

/// Where a signature stands and what it covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignatureScheme {
    /// Standard Webhooks 1.0: `webhook-id`, `webhook-timestamp` and `webhook-signature` (`v1,` and
    /// base64), over all three, so that an old request cannot be played again.
    StandardWebhooks,
    /// `sha256=` and hex over the body alone, as GitHub has it.
    Body(HeaderName),
}

/// The statuses that mean stored, by default.
pub const SUCCESS: [RangeInclusive<u16>; 1] = [200..=299];
/// The statuses that pass, by default.
pub const RETRY: [RangeInclusive<u16>; 4] = [408..=408, 425..=425, 429..=429, 500..=599];
/// The most bytes of a body, by default.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

/// The names of the secrets.
const URL: &str = "secret_url";
const TEMPLATE_SECRET: &str = "template_secret";
const SIGNATURE_KEY: &str = "signature_key";

/// The connector.
#[derive(Debug)]
pub struct Webhook {
    settings: Settings,
    resolves: GlobSet,
}

impl Webhook {
    /// The connector of those settings.
    pub fn new(settings: Settings) -> Webhook {
        let globs = settings.resolve.iter().flat_map(|resolve| &resolve.event_types);
        let resolves = glob_set(globs.map(String::as_str)).unwrap_or_default();
        Webhook { settings, resolves }
    }

    fn template(&self, item: &Item<'_>) -> Option<&Template> {
        let ends = self.resolves.is_match(item.fields.get(Slot::EventType, item.event));
        let resolve = self.settings.resolve.as_ref().filter(|_| ends);
        resolve.map(|resolve| &resolve.template).or(self.settings.template.as_ref())
    }

    fn path(&self, context: &Context<'_>) -> Result<Secret, Cause> {
        let endpoint = &self.settings.endpoint;
        match &self.settings.secret_url {
            Some(_) => secret_path(secret(context, URL)?, endpoint),
            // The whole path is the endpoint's.
            None if endpoint.base_path.is_empty() => Ok(Secret::new("/")),
            None => Ok(Secret::new("")),
        }
    }

    fn body(&self, batch: &[Record<'_>], context: &Context<'_>) -> Result<Vec<u8>, Cause> {
        let body = match &self.settings.body {
            Body::One => batch.first().map(|record| record.bytes.to_vec()).unwrap_or_default(),
            Body::Array { before, behind } => enveloped(before, batch, behind),
            Body::Lines => lines(batch),
        };
        if self.settings.template_secret.is_none() {
            return Ok(body);
        }
        Ok(with_secret(&body, secret(context, TEMPLATE_SECRET)?))
    }

    fn sign(
        &self,
        body: &[u8],
        context: &Context<'_>,
        headers: &mut Vec<(&'static str, Secret)>,
    ) -> Result<(), Cause> {
        let Some(signature) = &self.settings.signature else { return Ok(()) };
        let key = key_octets(secret(context, SIGNATURE_KEY)?)?;
        match signature.scheme {
            SignatureScheme::Body(name) => {
                let tag = hmac_sha256(&key, body);
                headers.push((name.as_str(), Secret::new(format!("sha256={}", hex(&tag)))));
            }
            SignatureScheme::StandardWebhooks => {
                let seconds = context.now.0.div_euclid(1_000_000).to_string();
                let start = format!("{}.{seconds}.", context.batch_id);
                let tag = hmac_sha256(&key, &[start.as_bytes(), body].concat());
                let text = format!("v1,{}", BASE64_STANDARD.encode(tag.as_ref()));
                headers.push(("webhook-id", Secret::new(context.batch_id)));
                headers.push(("webhook-timestamp", Secret::new(seconds)));
                headers.push(("webhook-signature", Secret::new(text)));
            }
        }
        Ok(())
    }
}

impl Connector for Webhook {
    fn endpoint(&self) -> &Endpoint {
        &self.settings.endpoint
    }

    fn limits(&self) -> Limits {
        let (events_max, bytes_beside_batch) = match &self.settings.body {
            Body::One => (1, 0),
            Body::Array { before, behind } => (usize::MAX, before.len() + behind.len()),
            Body::Lines => (usize::MAX, 0),
        };
        Limits {
            events_max,
            body_bytes_max: self.settings.body_bytes_max,
            bytes_beside_record: 1,
            bytes_beside_batch,
            takes_gzip: self.settings.gzip && self.settings.signature.is_none(),
        }
    }

    fn secrets(&self) -> Vec<(&'static str, SecretSource)> {
        let settings = &self.settings;
        let mut secrets = settings.authorization.secrets();
        let signature = settings.signature.as_ref().map(|signature| &signature.key);
        let named = [
            (URL, settings.secret_url.as_ref()),
            (TEMPLATE_SECRET, settings.template_secret.as_ref()),
            (SIGNATURE_KEY, signature),
        ];
        secrets
            .extend(named.into_iter().filter_map(|(name, source)| Some((name, source?.clone()))));
        secrets
    }

    fn record(&self, item: &Item<'_>, out: &mut Vec<u8>) -> Result<(), Cause> {
        let start = out.len();
        match self.template(item) {
            Some(template) => template.push(self.settings.payload, item, out),
            None => payload::push(self.settings.payload, item, out),
        }
        let limits = self.limits();
        let most = limits.body_bytes_max.saturating_sub(limits.bytes_beside_batch);
        keep_within(most.saturating_sub(1), start, out, || {
            format!("the event is over max_body_bytes, {}", limits.body_bytes_max)
        })
    }

    fn request(&self, batch: &[Record<'_>], context: &Context<'_>) -> Result<Request, Cause> {
        let content_type = match self.settings.body {
            Body::Lines => "application/x-ndjson",
            Body::One | Body::Array { .. } => "application/json",
        };
        let mut headers = vec![("content-type", Secret::new(content_type))];
        headers.extend(self.settings.authorization.header(context)?);
        if self.settings.idempotency_key {
            headers.push(("idempotency-key", Secret::new(context.batch_id)));
        }
        let body = self.body(batch, context)?;
        self.sign(&body, context, &mut headers)?;
        Ok(Request {
            endpoint: None,
            method: Method::Post,
            path: self.path(context)?,
            headers,
            body,
            may_gzip: self.limits().takes_gzip,
        })
    }

    fn verdict(&self, _batch: &[Record<'_>], response: &Response) -> Verdict {
        let status = response.status;
        let is_in = |set: &[RangeInclusive<u16>]| set.iter().any(|range| range.contains(&status));
        let outcome = if is_in(&self.settings.success) {
            Outcome::Ok
        } else if is_in(&self.settings.retry) {
            Outcome::Retry(Cause::new("unavailable", format!("{status}: the receiver is busy")))
        } else {
            match outcome_of_status(status) {
                // What the settings left out of a set is not in it by default.
                Outcome::Ok | Outcome::Retry(_) => Outcome::Hold(Cause::new(
                    "unexpected_status",
                    format!("{status} is neither in `success` nor in `retry`; check the receiver"),
                )),
                outcome => outcome,
            }
        };
        let mut verdict = Verdict::from(outcome);
        verdict.new_token = status == 401;
        verdict
    }
}

/// The globs as one matcher.
///
/// # Errors
/// One of them is none.
pub fn glob_set<'g>(globs: impl Iterator<Item = &'g str>) -> Result<GlobSet, globset::Error> {
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        set.add(Glob::new(glob)?);
    }
    set.build()
}

fn secret<'c>(context: &Context<'c>, name: &str) -> Result<&'c Secret, Cause> {
    context.secrets.need(name, "the secret")
}

/// The body with the secret, as it stands inside a JSON string, in the place of each mark.
fn with_secret(body: &[u8], secret: &Secret) -> Vec<u8> {
    let mut quoted = Vec::new();
    push_text(secret.expose(), &mut quoted);
    let inner = quoted.get(1..quoted.len() - 1).unwrap_or_default();
    let pieces: Vec<&[u8]> = body.split(|byte| *byte == SECRET_MARK).collect();
    pieces.join(inner)
}

/// Standard Webhooks has keys as base64 behind `whsec_`.
fn key_octets(key: &Secret) -> Result<Vec<u8>, Cause> {
    match key.expose().strip_prefix("whsec_") {
        None => Ok(key.expose().as_bytes().to_vec()),
        Some(text) => BASE64_STANDARD.decode(text).map_err(|_| {
            Cause::new("wrong_secret", "what stands behind whsec_ in `signature_key` is no base64")
        }),
    }
}

#[cfg(test)]
mod tests;
