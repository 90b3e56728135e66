//! `[[destination]]` of an HTTP type: the keys that all connectors share, and [`Keys`], with which
//! each reads its own.
//!
//! In: one section. Out: [`Typed`]; the endpoints and secrets that a connector read are judged in
//! `resolve`, so that no connector can forget to. A connector is a file with one function here and
//! one line in [`CONNECTORS`].

mod authorization;
mod azure_data_collector;
mod datadog;
pub(super) mod elastic;
mod qradar_http;
mod sentinel;
mod splunk_hec;
mod sumo;
mod webhook;
pub(super) mod xsiam;

use std::ops::RangeInclusive;
use std::time::Duration;

use super::fault::Fault;
use super::findings::{At, Given};
use super::section::Section;
use super::typed::file::{HOUR, MILLISECOND};
use super::value;
use crate::http::payload::Payload;
use crate::http::settings::{ConnectorSettings, Endpoint, SecretSource};
use crate::http::webhook::template::Template;

/// Reads the keys of one connector; `None` when something is wrong, which was then reported.
type Read = fn(&mut Keys<'_, '_>) -> Option<ConnectorSettings>;

/// One line for each connector: its type, and what reads its keys.
const CONNECTORS: [(&str, Read); 9] = [
    ("splunk_hec", splunk_hec::read),
    ("sentinel", sentinel::read),
    ("azure_data_collector", azure_data_collector::read),
    ("elastic", elastic::read),
    ("datadog", datadog::read),
    ("sumo", sumo::read),
    ("xsiam", xsiam::read),
    ("qradar_http", qradar_http::read),
    ("webhook", webhook::read),
];

/// The most requests in flight: each holds a body.
const IN_FLIGHT_MAX: u32 = 64;

/// Acknowledgements are asked for once a second.
const ACKNOWLEDGE_TIMEOUT_MIN: Duration = Duration::from_secs(2);

/// What was typed of an HTTP destination.
#[derive(Default)]
pub(super) struct Typed {
    /// `None` when it is wrong, which is reported already, or when this build does not have it.
    pub(super) connector: Option<ConnectorSettings>,
    /// False for a type that this build does not have.
    pub(super) is_known: bool,
    /// Everything that is to be reached.
    pub(super) endpoints: Vec<Given<Endpoint>>,
    /// Every secret that was named, by its key.
    pub(super) secrets: Vec<(&'static str, Given<SecretSource>)>,
    pub(super) proxy: Option<Given<Endpoint>>,
    pub(super) request_timeout: Option<Given<Duration>>,
    pub(super) acknowledge_timeout: Option<Given<Duration>>,
    pub(super) requests_in_flight: Option<Given<u32>>,
    pub(super) gzip: Option<Given<bool>>,
    pub(super) batch_events: Option<Given<u32>>,
    pub(super) batch_bytes: Option<Given<u32>>,
    pub(super) batch_linger: Option<Given<Duration>>,
}

/// Reads what all connectors share, then the connector's own keys.
pub(super) fn read(kind: &Given<String>, section: &mut Section<'_>) -> Typed {
    let mut typed = Typed {
        request_timeout: section.duration("request_timeout", MILLISECOND..=HOUR),
        acknowledge_timeout: section
            .duration("acknowledge_timeout", ACKNOWLEDGE_TIMEOUT_MIN..=HOUR),
        requests_in_flight: section.number("requests_in_flight", 1..=IN_FLIGHT_MAX),
        gzip: section.flag("gzip"),
        ..Typed::default()
    };
    let mut batch = section.section("batch", "destination.batch");
    typed.batch_events = batch.number("events", 1..=100_000);
    typed.batch_bytes = batch.number("bytes", 1024..=67_108_864);
    typed.batch_linger = batch.duration("linger", MILLISECOND..=HOUR);
    batch.finish();
    let mut keys = Keys { section, at: kind.at, endpoints: Vec::new(), secrets: Vec::new() };
    typed.proxy = keys.url("proxy", 8080);
    let found = CONNECTORS.iter().find(|(name, _)| *name == kind.value);
    typed.is_known = found.is_some();
    typed.connector = found.and_then(|(_, read)| read(&mut keys));
    typed.endpoints = keys.endpoints;
    typed.secrets = keys.secrets;
    typed
}

/// One `[[destination]]`, open for a connector. What is asked for is known; unknown keys, and
/// missing ones that were required, are reported with their line.
pub(super) struct Keys<'s, 't> {
    section: &'s mut Section<'t>,
    /// Where the type stands: the place of what is wrong with the whole.
    at: At,
    endpoints: Vec<Given<Endpoint>>,
    secrets: Vec<(&'static str, Given<SecretSource>)>,
}

impl Keys<'_, '_> {
    /// A text, not empty.
    pub(super) fn text(&mut self, key: &'static str) -> Option<String> {
        self.section.read(key, |text| Ok(text.to_owned())).map(|given| given.value)
    }

    /// A text that `check` finds nothing wrong with; it answers what is: "`key` = "value" …".
    pub(super) fn checked_text(
        &mut self,
        key: &'static str,
        check: impl FnOnce(&str) -> Result<(), &'static str>,
    ) -> Option<String> {
        let read = |text: &str| match check(text) {
            Ok(()) => Ok(text.to_owned()),
            Err(why) => Err(Fault::Text { key, value: text.to_owned(), why }),
        };
        self.section.read(key, read).map(|given| given.value)
    }

    /// The same for a key that must be there; `example` is the whole line.
    pub(super) fn required_checked_text(
        &mut self,
        key: &'static str,
        example: &'static str,
        check: impl FnOnce(&str) -> Result<(), &'static str>,
    ) -> Option<String> {
        self.section.require(key, example);
        self.checked_text(key, check)
    }

    /// Texts in a list, none empty.
    pub(super) fn texts(&mut self, key: &'static str) -> Option<Vec<String>> {
        let texts = self.section.texts(key, false)?.value;
        texts.whole.then(|| texts.items.into_iter().map(|text| text.value).collect())
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, key: &'static str) -> Option<bool> {
        self.section.flag(key).map(|given| given.value)
    }

    /// A whole number within `range`.
    pub(super) fn number(&mut self, key: &'static str, range: RangeInclusive<u32>) -> Option<u32> {
        self.section.number(key, range).map(|given| given.value)
    }

    /// One of a few words.
    pub(super) fn word<T: Clone>(
        &mut self,
        key: &'static str,
        words: &[(&'static str, T)],
    ) -> Option<T> {
        self.section.word(key, words).map(|given| given.value)
    }

    /// `payload`: the shape of events.
    pub(super) fn payload(&mut self) -> Payload {
        let words = [("event", Payload::Event), ("product", Payload::Product)];
        self.word("payload", &words).unwrap_or_default()
    }

    /// A body template; `example` is the whole line where one must be there.
    pub(super) fn template(
        &mut self,
        key: &'static str,
        example: Option<&'static str>,
    ) -> Option<Template> {
        if let Some(example) = example {
            self.section.require(key, example);
        }
        let read = |text: &str| {
            Template::parse(text).map_err(|why| Fault::Template { key, why: why.to_string() })
        };
        self.section.read(key, read).map(|given| given.value)
    }

    /// `envelope`: JSON in which `{{events}}` stands where the array goes; what is before and
    /// behind it.
    pub(super) fn envelope(&mut self) -> Option<(String, String)> {
        const KEY: &str = "envelope";
        let read = |text: &str| {
            let (before, behind) = text.split_once("{{events}}").ok_or(Fault::Template {
                key: KEY,
                why: "{{events}} does not stand in it".to_owned(),
            })?;
            let sample = format!("{before}[]{behind}");
            match serde_json::from_str::<serde::de::IgnoredAny>(&sample) {
                Ok(_) => Ok((before.to_owned(), behind.to_owned())),
                Err(why) => {
                    let why = format!("with an array for {{{{events}}}} it is no JSON: {why}");
                    Err(Fault::Template { key: KEY, why })
                }
            }
        };
        self.section.read(KEY, read).map(|given| given.value)
    }

    /// All pairs of the sub-section `key`, whose keys are the writer's own; `name` is its whole
    /// dotted name, `destination.headers`.
    pub(super) fn pairs(&mut self, key: &'static str, name: &'static str) -> Vec<(String, String)> {
        self.section.section(key, name).free()
    }

    /// `https://host[:port][/path]`, with 443 for no port; it will be held against the egress
    /// policy.
    pub(super) fn endpoint(&mut self, key: &'static str) -> Option<Endpoint> {
        let given = self.url(key, 443)?;
        self.endpoints.push(given.clone());
        Some(given.value)
    }

    /// The same for a key that must be there; `example` is the whole line.
    pub(super) fn required_endpoint(
        &mut self,
        key: &'static str,
        example: &'static str,
    ) -> Option<Endpoint> {
        self.section.require(key, example);
        self.endpoint(key)
    }

    /// An endpoint that follows from other keys: `https://host` on 443; it will be held against the
    /// egress policy.
    pub(super) fn implied_endpoint(&mut self, host: &str) -> Option<Endpoint> {
        let read = value::endpoint(&format!("https://{host}"), 443);
        let value = read.ok()?;
        self.endpoints.push(Given { value: value.clone(), at: self.at });
        Some(value)
    }

    /// Where a secret is read from: `{ file = "…" }`, `{ env = "…" }`, `{ credential = "…" }` or
    /// `{ exec = ["…"] }`.
    pub(super) fn secret(&mut self, key: &'static str) -> Option<SecretSource> {
        let given = self.section.secret(key)?;
        self.secrets.push((key, given.clone()));
        Some(given.value)
    }

    /// The same for a key that must be there.
    pub(super) fn required_secret(
        &mut self,
        key: &'static str,
        example: &'static str,
    ) -> Option<SecretSource> {
        self.section.require(key, example);
        self.secret(key)
    }

    /// Reports what is wrong with the keys together, at the destination's type.
    pub(super) fn refuse(&mut self, why: &'static str) {
        self.section.fault(self.at, Fault::Connector(why));
    }

    fn url(&mut self, key: &'static str, port: u16) -> Option<Given<Endpoint>> {
        self.section.read(key, |text| {
            value::endpoint(text, port).map_err(|why| {
                // What stands before an `@` or behind a `?` may be a secret.
                let value = text.rsplit('@').next().unwrap_or_default();
                let value = value.split(['?', '#']).next().unwrap_or_default().to_owned();
                Fault::Url { key, value, why }
            })
        })
    }
}

/// For names that stand in paths and headers.
pub(super) fn is_name(text: &str) -> Result<(), &'static str> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    match text.len() <= 256 && text.bytes().all(is_letter) {
        true => Ok(()),
        false => Err("is no name; it has up to 256 letters, digits, `-`, `_` and `.`"),
    }
}

/// For texts that stand in a header.
pub(super) fn is_header_text(text: &str) -> Result<(), &'static str> {
    match text.len() <= 1024 && text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        true => Ok(()),
        false => Err("cannot stand in a header; it has up to 1,024 printable ASCII characters"),
    }
}
