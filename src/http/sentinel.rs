//! Microsoft Sentinel by the Logs Ingestion API of Azure Monitor: a JSON array of rows for one
//! stream of a data collection rule (DCR).
//!
//! In: events. Out: rows with the columns of the seeds: AISG's table, Arbitex's with `RawOCSF`;
//! other events have columns that all events have, and the whole event in `RawOCSF` or
//! `RawEvent`. The token is OAuth 2.0 client credentials (RFC 6749, section 4.4). Diagnostics:
//! the service's error code, never its message.
//!
//! Columns that the stream does not declare are dropped by the DCR, and texts over 64 KiB are cut
//! there, both without a word: declare what is listed here.

use std::time::Duration;

use serde::Deserialize;

use super::aisg::{self, Facts};
use super::body;
use super::instant::push_rfc3339;
use super::json::{push_event, push_member, push_text, push_value};
use super::ocsf::{is_ocsf, push_quoted, push_quoted_ocsf, severity_id};
use super::percent;
use super::secret::Secret;
use super::settings::{Endpoint, SecretSource};
use super::{
    Connector, Context, Item, Limits, Method, Outcome, Record, Request, Response, Token, Verdict,
    outcome_of_status,
};
use crate::model::event::Value;
use crate::model::fields::Slot;
use crate::model::outcome::Cause;

/// `type = "sentinel"`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The data collection endpoint, or the ingestion endpoint of the DCR itself.
    pub endpoint: Endpoint,
    /// Immutable id of the DCR: `dcr-…`.
    pub rule_id: String,
    /// A stream of the DCR: `Custom-ArbitexAudit_CL`.
    pub stream: String,
    /// Who gives tokens: `https://login.microsoftonline.com`, another in sovereign clouds.
    pub login: Endpoint,
    /// The Entra tenant.
    pub tenant_id: String,
    /// The app registration; it needs the role Monitoring Metrics Publisher on the DCR.
    pub client_id: String,
    /// Its secret.
    pub client_secret: SecretSource,
    /// What the token is for: `https://monitor.azure.com/.default`.
    pub scope: String,
}

/// The connector.
#[derive(Debug)]
pub struct Sentinel {
    settings: Settings,
}

/// The API's limit for a call, of the body before and after gzip.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// The name of the secret.
const CLIENT_SECRET: &str = "client_secret";
const API_VERSION: &str = "2023-01-01";

impl Sentinel {
    /// The connector of those settings.
    pub fn new(settings: Settings) -> Sentinel {
        Sentinel { settings }
    }

    fn upload(&self, body: Vec<u8>, context: &Context<'_>) -> Result<Request, Cause> {
        let token = context.token.ok_or_else(|| {
            Cause::new("no_token", "there is no access token yet; see the login's error")
        })?;
        let mut path = "/dataCollectionRules/".to_owned();
        percent::push_encoded(&self.settings.rule_id, &mut path);
        path.push_str("/streams/");
        percent::push_encoded(&self.settings.stream, &mut path);
        path.push_str("?api-version=");
        path.push_str(API_VERSION);
        Ok(Request {
            endpoint: None,
            method: Method::Post,
            path: Secret::new(path),
            headers: vec![
                ("authorization", Secret::new(format!("Bearer {}", token.expose()))),
                ("content-type", Secret::new("application/json")),
                ("x-ms-client-request-id", Secret::new(context.batch_id)),
            ],
            body,
            may_gzip: true,
        })
    }
}

impl Connector for Sentinel {
    fn endpoint(&self) -> &Endpoint {
        &self.settings.endpoint
    }

    fn limits(&self) -> Limits {
        Limits {
            events_max: usize::MAX,
            body_bytes_max: BODY_BYTES_MAX,
            bytes_beside_record: 1,
            bytes_beside_batch: 1,
            takes_gzip: true,
        }
    }

    fn secrets(&self) -> Vec<(&'static str, SecretSource)> {
        vec![(CLIENT_SECRET, self.settings.client_secret.clone())]
    }

    fn record(&self, item: &Item<'_>, out: &mut Vec<u8>) -> Result<(), Cause> {
        let start = out.len();
        let mut row = Row { out };
        row.time(item);
        match item.schema {
            "aisg" => row.aisg(item),
            _ if item.event.at("class_uid").is_some() => row.ocsf(item),
            _ => row.any(item),
        }
        out.push(b'}');
        body::keep_within(
            BODY_BYTES_MAX - "[]".len(),
            start,
            out,
            || "the row is over the API's 1 MiB for a call",
        )
    }

    fn request(&self, batch: &[Record<'_>], context: &Context<'_>) -> Result<Request, Cause> {
        self.upload(body::array(batch), context)
    }

    fn verdict(&self, _batch: &[Record<'_>], response: &Response) -> Verdict {
        let code = error_code(response);
        let outcome = match (response.status, code.as_deref()) {
            // The rule or its stream is another than configured: no event is to blame.
            (400, Some("InvalidStream" | "InvalidDcrImmutableId" | "InvalidApiVersion")) => {
                Outcome::Hold(Cause::new(
                    "unknown_stream",
                    "400: the data collection rule has no such stream; check `rule_id` and `stream`",
                ))
            }
            (403, _) => Outcome::Hold(Cause::new(
                "forbidden",
                "403: the app may not write to the rule; give it the role Monitoring Metrics \
                 Publisher there, which can take 30 minutes to have effect",
            )),
            (404, _) => Outcome::Hold(Cause::new(
                "not_found",
                "404: the rule or the stream is unknown there; check `url`, `rule_id`, `stream`",
            )),
            (status, _) => outcome_of_status(status),
        };
        let new_token = response.status == 401;
        Verdict { new_token, ..Verdict::from(with_code(outcome, code)) }
    }

    fn token_request(&self, context: &Context<'_>) -> Option<Result<Request, Cause>> {
        let settings = &self.settings;
        let secret = match context.secrets.need(CLIENT_SECRET, "the client secret") {
            Ok(secret) => secret,
            Err(cause) => return Some(Err(cause)),
        };
        let mut path = "/".to_owned();
        percent::push_encoded(&settings.tenant_id, &mut path);
        path.push_str("/oauth2/v2.0/token");
        let form = percent::pairs(&[
            ("grant_type", "client_credentials"),
            ("client_id", &settings.client_id),
            ("client_secret", secret.expose()),
            ("scope", &settings.scope),
        ]);
        Some(Ok(Request {
            endpoint: Some(settings.login.clone()),
            method: Method::Post,
            path: Secret::new(path),
            headers: vec![
                ("content-type", Secret::new("application/x-www-form-urlencoded")),
                ("accept", Secret::new("application/json")),
            ],
            body: form.into_bytes(),
            may_gzip: false,
        }))
    }

    fn token(&self, response: &Response) -> Result<Token, Cause> {
        #[derive(Default, Deserialize)]
        struct Answer {
            access_token: Option<String>,
            expires_in: Option<u64>,
            error: Option<String>,
        }
        let answer: Answer = serde_json::from_slice(&response.body).unwrap_or_default();
        match (response.status, answer) {
            (200..=299, Answer { access_token: Some(value), expires_in, .. })
                if !value.is_empty() =>
            {
                // RFC 6749, section 5.1: it may be absent. The service's own shortest is an hour.
                let lifetime = Duration::from_secs(expires_in.unwrap_or(3600));
                Ok(Token { value: Secret::new(value), lifetime })
            }
            (status, answer) => {
                let error = answer.error.as_deref().map_or("no access_token", word);
                let text = format!(
                    "the login says {status}, {error}; check `tenant_id`, `client_id`, \
                     `client_secret` and its expiry"
                );
                Err(Cause::new("no_token", text))
            }
        }
    }

    fn probe(&self, context: &Context<'_>) -> Option<Result<Request, Cause>> {
        // No rows: answered with 204 when rule, stream, token and role are in order.
        Some(self.upload(b"[]".to_vec(), context))
    }

    fn probed(&self, response: &Response) -> Result<(), Cause> {
        match self.verdict(&[], response).events {
            super::Outcomes::All(Outcome::Ok) => Ok(()),
            super::Outcomes::All(
                Outcome::Hold(cause)
                | Outcome::Retry(cause)
                | Outcome::Split(cause)
                | Outcome::Quarantine(cause),
            ) => Err(cause),
            _ => Err(Cause::new("unexpected_status", "the endpoint does not answer as documented")),
        }
    }
}

/// One row, member by member.
struct Row<'o> {
    out: &'o mut Vec<u8>,
}

impl Row<'_> {
    fn time(&mut self, item: &Item<'_>) {
        self.out.extend_from_slice(b"{\"TimeGenerated\":\"");
        push_rfc3339(item.time, self.out);
        self.out.push(b'"');
    }

    fn text(&mut self, column: &str, text: &str) {
        self.out.push(b',');
        push_member(column, text, self.out);
    }

    /// A text column from a member of the event; absent where that is.
    fn text_at(&mut self, column: &str, item: &Item<'_>, path: &str) {
        if let Some(text) = item.event.at(path).and_then(Value::scalar) {
            self.text(column, text);
        }
    }

    /// A column of the member's own type.
    fn value_at(&mut self, column: &str, item: &Item<'_>, path: &str) {
        if let Some(value) = item.event.at(path).filter(|value| !value.is_null()) {
            self.name(column);
            push_value(value, self.out);
        }
    }

    fn name(&mut self, column: &str) {
        self.out.push(b',');
        push_text(column, self.out);
        self.out.push(b':');
    }

    /// The columns of AISG's payload for Sentinel (seed, "Payload Examples").
    fn aisg(&mut self, item: &Item<'_>) {
        let facts = Facts::new(*item);
        self.text("EventType", facts.event_type());
        let severity = aisg::sentinel_severity(facts.event_type(), item.fields.severity());
        self.text("Severity", severity);
        let before = [("OrgId", "org_id"), ("ProjectId", "project_id")];
        let behind = [("Action", "action"), ("Model", "model"), ("Provider", "provider")];
        for (column, name) in before {
            facts.text(name).into_iter().for_each(|text| self.text(column, text));
        }
        self.text("EntitiesDetected", &facts.entities().join(","));
        for (column, name) in behind {
            facts.text(name).into_iter().for_each(|text| self.text(column, text));
        }
        self.text("Source", "AISecurityGateway");
    }

    /// The columns of Arbitex's stream (seed, "Microsoft Sentinel"); any OCSF event fills those
    /// that it has.
    fn ocsf(&mut self, item: &Item<'_>) {
        self.text("EventId", item.id);
        self.text_at("UserId", item, "actor.user.uid");
        self.text_at("UserEmail", item, "actor.user.email_addr");
        self.text_at("Operation", item, "api.operation");
        self.text_at("ModelId", item, "unmapped.model");
        self.text_at("PolicyAction", item, "unmapped.policy_action");
        self.name("DlpLabels");
        match item.event.at("unmapped.dlp_labels").filter(|labels| !labels.is_null()) {
            Some(labels) => push_quoted(labels, self.out),
            None => self.out.extend_from_slice(b"\"[]\""),
        }
        self.value_at("TokensInput", item, "unmapped.token_in");
        self.value_at("TokensOutput", item, "unmapped.token_out");
        self.name("SeverityId");
        self.out.extend_from_slice(severity_id(item).to_string().as_bytes());
        self.name("RawOCSF");
        push_quoted_ocsf(item, self.out);
    }

    /// What every event has.
    fn any(&mut self, item: &Item<'_>) {
        let (fields, event) = (item.fields, item.event);
        let event_type = fields.get(Slot::EventType, event);
        self.text("EventId", item.id);
        self.text("EventType", event_type);
        self.text("Severity", aisg::sentinel_severity(event_type, fields.severity()));
        self.text("Computer", item.hostname);
        self.text("DeviceVendor", fields.get(Slot::DeviceVendor, event));
        self.text("DeviceProduct", fields.get(Slot::DeviceProduct, event));
        self.text("Message", fields.get(Slot::Name, event));
        if is_ocsf(item) {
            self.name("RawOCSF");
            push_quoted_ocsf(item, self.out);
        } else {
            self.name("RawEvent");
            let mut text = Vec::new();
            push_event(item.event, &mut text);
            push_text(&String::from_utf8_lossy(&text), self.out);
        }
    }
}

/// The service's word for what is wrong: in a header, or else in the body.
fn error_code(response: &Response) -> Option<String> {
    #[derive(Deserialize)]
    struct Body {
        error: Error,
    }
    #[derive(Deserialize)]
    struct Error {
        code: String,
    }
    if response.status < 300 {
        return None;
    }
    let of_body = || serde_json::from_slice(&response.body).ok().map(|body: Body| body.error.code);
    let code = response.header("x-ms-error-code").map(str::to_owned).or_else(of_body)?;
    Some(word(&code).to_owned())
}

/// Adds the service's word to what the operator reads.
fn with_code(outcome: Outcome, code: Option<String>) -> Outcome {
    let Some(code) = code else { return outcome };
    let told = |cause: Cause| Cause { text: format!("{} ({code})", cause.text), ..cause };
    match outcome {
        Outcome::Retry(cause) => Outcome::Retry(told(cause)),
        Outcome::Split(cause) => Outcome::Split(told(cause)),
        Outcome::Hold(cause) => Outcome::Hold(told(cause)),
        Outcome::Quarantine(cause) => Outcome::Quarantine(told(cause)),
        Outcome::Ok | Outcome::Slow(_) => outcome,
    }
}

/// A word of a service if it is one: what is longer, or more than a word, might quote something.
fn word(text: &str) -> &str {
    let is_word = text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if is_word { text } else { "an error without a code" }
}

#[cfg(test)]
mod tests;
