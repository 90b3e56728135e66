//! IBM QRadar HTTP Receiver: `POST`, one event a line.
//!
//! In: events. Out: lines that all begin with [`START`], for the receiver cuts a body into events
//! where its "Message Pattern" matches; without a pattern a body is one event, and
//! `batch.events = 1` is needed. The receiver has no authentication but TLS client certificates; a
//! proxy before it may want a header. It answers for the body as a whole and documents 413 alone
//! (its "Max POST method Request Length", 5 MB by default).

use super::authorization::Authorization;
use super::body::{keep_within, lines};
use super::instant::rfc3339;
use super::json::Object;
use super::payload::{self, Payload};
use super::secret::Secret;
use super::settings::{Endpoint, SecretSource};
use super::{
    Connector, Context, Item, Limits, Method, Record, Request, Response, Verdict, outcome_of_status,
};
use crate::model::outcome::Cause;

/// `type = "qradar_http"`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The receiver: the log source's listen port, 12469 by default.
    pub endpoint: Endpoint,
    /// What a proxy before the receiver wants.
    pub authorization: Authorization,
    /// The log source's "Max Payload Length", 8,192 bytes by default: QRadar cuts a longer event
    /// into several, so it is not sent.
    pub event_bytes_max: usize,
    /// The shape under `event`.
    pub payload: Payload,
}

/// What every line begins with; as a pattern, `\{ "spoolgate_id":`. No event can hold it and so
/// forge the beginning of another: JSON of ours has no space behind a brace, and a quote inside a
/// string has a backslash before it.
pub const START: &str = "{ \"spoolgate_id\":";

/// Below the receiver's default for a POST.
const BODY_BYTES_MAX: usize = 4_000_000;

/// The connector.
#[derive(Debug)]
pub struct QradarHttp {
    settings: Settings,
}

impl QradarHttp {
    /// The connector of those settings.
    pub fn new(settings: Settings) -> QradarHttp {
        QradarHttp { settings }
    }
}

impl Connector for QradarHttp {
    fn endpoint(&self) -> &Endpoint {
        &self.settings.endpoint
    }

    fn limits(&self) -> Limits {
        Limits {
            events_max: usize::MAX,
            body_bytes_max: BODY_BYTES_MAX,
            bytes_beside_record: 1,
            bytes_beside_batch: 0,
            takes_gzip: false,
        }
    }

    fn secrets(&self) -> Vec<(&'static str, SecretSource)> {
        self.settings.authorization.secrets()
    }

    fn record(&self, item: &Item<'_>, out: &mut Vec<u8>) -> Result<(), Cause> {
        let start = out.len();
        out.extend_from_slice(b"{ ");
        let mut object = Object::behind_brace(out);
        object.text("spoolgate_id", item.id);
        object.text("time", &rfc3339(item.time));
        object.text("schema", item.schema);
        object.number("severity", item.fields.severity().get().into());
        payload::push(self.settings.payload, item, object.member("event"));
        object.end();
        let bytes_max = self.settings.event_bytes_max.min(BODY_BYTES_MAX - 1);
        keep_within(bytes_max, start, out, || {
            format!(
                "the event is over {bytes_max} bytes, which QRadar would cut; raise the log \
                 source's Max Payload Length and `max_event_bytes`"
            )
        })
    }

    fn request(&self, batch: &[Record<'_>], context: &Context<'_>) -> Result<Request, Cause> {
        let mut headers = vec![("content-type", Secret::new("application/json"))];
        headers.extend(self.settings.authorization.header(context)?);
        Ok(Request {
            endpoint: None,
            method: Method::Post,
            path: Secret::new("/"),
            headers,
            body: lines(batch),
            may_gzip: false,
        })
    }

    fn verdict(&self, _batch: &[Record<'_>], response: &Response) -> Verdict {
        let mut verdict = Verdict::from(outcome_of_status(response.status));
        verdict.new_token = response.status == 401;
        verdict
    }
}

#[cfg(test)]
mod tests;
