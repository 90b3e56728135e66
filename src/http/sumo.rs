//! Sumo Logic HTTP source: `POST` to a URL that is the secret; one event a line.
//!
//! In: events. Out: lines of JSON with `X-Sumo-Category`, `X-Sumo-Host`, `X-Sumo-Name` and
//! `X-Sumo-Fields` (seed, Sumo Logic). There is no answer per event and no idempotency key: after a
//! 408 the events may be there and are sent again. Diagnostics: never the URL.

use super::body::{keep_within, lines};
use super::payload::{self, Payload};
use super::secret::Secret;
use super::settings::{Endpoint, SecretSource};
use super::url::secret_path;
use super::{
    Connector, Context, Item, Limits, Method, Record, Request, Response, Verdict, outcome_of_status,
};
use crate::model::outcome::Cause;

/// `type = "sumo"`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The collector's host, as the URL names it: the egress policy is asked for it at load.
    pub endpoint: Endpoint,
    /// The URL of the HTTP source, whole, or its part from `/receiver` on.
    pub url: SecretSource,
    /// `X-Sumo-Category`; `arbitex/audit` in the seed.
    pub category: Option<String>,
    /// `X-Sumo-Host`; `None`: the source decides.
    pub host: Option<String>,
    /// `X-Sumo-Name`
    pub name: Option<String>,
    /// `X-Sumo-Fields`: names and values.
    pub fields: Vec<(String, String)>,
    /// The shape of a line.
    pub payload: Payload,
}

/// The connector.
#[derive(Debug)]
pub struct Sumo {
    settings: Settings,
}

/// What the vendor advises as the most of one request, before compression.
const BODY_BYTES_MAX: usize = 1_000_000;
/// The name of the secret.
const URL: &str = "secret_url";

impl Sumo {
    /// The connector of those settings.
    pub fn new(settings: Settings) -> Sumo {
        Sumo { settings }
    }
}

impl Connector for Sumo {
    fn endpoint(&self) -> &Endpoint {
        &self.settings.endpoint
    }

    fn limits(&self) -> Limits {
        Limits {
            events_max: usize::MAX,
            body_bytes_max: BODY_BYTES_MAX,
            bytes_beside_record: 1,
            bytes_beside_batch: 0,
            takes_gzip: true,
        }
    }

    fn secrets(&self) -> Vec<(&'static str, SecretSource)> {
        vec![(URL, self.settings.url.clone())]
    }

    fn record(&self, item: &Item<'_>, out: &mut Vec<u8>) -> Result<(), Cause> {
        let start = out.len();
        payload::push(self.settings.payload, item, out);
        keep_within(BODY_BYTES_MAX - 1, start, out, || "the event is over 1 MB, Sumo Logic's limit")
    }

    fn request(&self, batch: &[Record<'_>], context: &Context<'_>) -> Result<Request, Cause> {
        let url = context.secrets.need(URL, "the URL of the HTTP source")?;
        let settings = &self.settings;
        let mut headers = vec![("content-type", Secret::new("application/json"))];
        let named = [
            ("x-sumo-category", &settings.category),
            ("x-sumo-host", &settings.host),
            ("x-sumo-name", &settings.name),
        ];
        for (name, text) in named {
            if let Some(text) = text {
                headers.push((name, Secret::new(text)));
            }
        }
        if !settings.fields.is_empty() {
            let fields: Vec<String> =
                settings.fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
            headers.push(("x-sumo-fields", Secret::new(fields.join(","))));
        }
        Ok(Request {
            endpoint: None,
            method: Method::Post,
            path: secret_path(url, &settings.endpoint)?,
            headers,
            body: lines(batch),
            may_gzip: true,
        })
    }

    fn verdict(&self, _batch: &[Record<'_>], response: &Response) -> Verdict {
        let mut verdict = Verdict::from(outcome_of_status(response.status));
        // The URL is read again: a source that was made anew has another one.
        verdict.new_token = matches!(response.status, 401 | 404);
        verdict
    }
}

#[cfg(test)]
mod tests;
