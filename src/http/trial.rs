//! What the tests of the connectors hand in: endpoints, responses, batches, contexts.

use super::secret::{Secret, Secrets};
use super::settings::{Endpoint, SecretSource};
use super::{Connector, Context, Item, Outcome, Outcomes, Record, Request, Response, Verdict};
use crate::model::event::{Event, Tape};
use crate::model::fields::{Fields, Severity, Slot};
use crate::model::time::EventTime;

/// 2026-06-08T14:32:01.442Z, the time of the seed's example.
pub const TIME: EventTime = EventTime(1_780_929_121_442_000);

pub fn endpoint(host: &str) -> Endpoint {
    Endpoint { is_tls: true, host: host.to_owned(), port: 443, base_path: String::new() }
}

pub fn source() -> SecretSource {
    SecretSource::Environment("SECRET".to_owned())
}

pub fn response(status: u16, body: &str) -> Response {
    Response { status, headers: Vec::new(), body: body.as_bytes().to_vec() }
}

/// Records `{1}`, `{2}`, `{3}`.
pub fn batch() -> [Record<'static>; 3] {
    [b"{1}", b"{2}", b"{3}"].map(|bytes: &[u8; 3]| Record {
        bytes,
        id: "id",
        severity: Severity::default(),
    })
}

/// Calls `use_context` with those secrets and that token.
pub fn with_context<T>(
    secrets: &[(&'static str, &str)],
    token: Option<&str>,
    use_context: impl FnOnce(&Context<'_>) -> T,
) -> T {
    let mut kept = Secrets::default();
    for (name, value) in secrets {
        kept.set(name, Secret::new(*value));
    }
    let token = token.map(Secret::new);
    use_context(&Context {
        secrets: &kept,
        token: token.as_ref(),
        batch_id: "7b2ffb45-90c3-4c2b-9c0e-000000000001",
        channel: "7b2ffb45-90c3-4c2b-9c0e-000000000002",
        now: TIME,
    })
}

/// The headers as pairs of text.
pub fn headers(request: &Request) -> Vec<(&'static str, &str)> {
    request.headers.iter().map(|(name, value)| (*name, value.expose())).collect()
}

/// The variant of an outcome that all events share.
pub fn shared(verdict: &Verdict) -> String {
    let Outcomes::All(outcome) = &verdict.events else { panic!("one by one: {verdict:?}") };
    name(outcome).to_owned()
}

/// The variant of an outcome.
pub fn name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "Ok",
        Outcome::Retry(_) => "Retry",
        Outcome::Slow(_) => "Slow",
        Outcome::Split(_) => "Split",
        Outcome::Hold(_) => "Hold",
        Outcome::Quarantine(_) => "Quarantine",
    }
}

/// The record of an event whose root has those members, all texts.
pub fn record(
    connector: &dyn Connector,
    schema: &str,
    members: &[(&str, &str)],
) -> Result<String, String> {
    let mut tape = Tape::new();
    let object = tape.open_object();
    for (key, text) in members {
        tape.member(key, text);
    }
    tape.close(object);
    let mut fields = Fields::new();
    fields.set(Slot::Name, "Something happened");
    fields.set(Slot::EventType, "thing.happened");
    let event = Event::new(&tape, "");
    let (id, hostname) = ("sg0000000000000001-0", "outpost");
    let item = Item { fields: &fields, event, id, schema, hostname, time: TIME };
    // What stands in the buffer already stays there, whatever happens.
    let mut out = b"before".to_vec();
    let recorded = connector.record(&item, &mut out);
    let text = String::from_utf8(out).unwrap();
    let text = text.strip_prefix("before").unwrap().to_owned();
    match recorded {
        Ok(()) => Ok(text),
        Err(cause) => {
            assert_eq!(text, "", "a failed record leaves something behind");
            Err(cause.code.to_owned())
        }
    }
}
