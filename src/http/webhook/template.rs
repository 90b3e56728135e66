//! Body templates: JSON text with `{{…}}` where values of the event stand.
//!
//! In: a text, at load; then items. Out: JSON in one line, whatever the event holds and however the
//! template is laid out: a placeholder inside a string becomes escaped text without quotes, one
//! outside becomes a value with its own.
//!
//! | placeholder | value |
//! |---|---|
//! | `{{event}}`, `{{event.a.b}}` | the event, or what stands at that path |
//! | `{{id}}` `{{time}}` `{{schema}}` `{{hostname}}` | as every record has them; time as RFC 3339 |
//! | `{{name}}` `{{event_type}}` `{{vendor}}` `{{product}}` | as mapped for CEF |
//! | `{{cef.act}}` | an extension value of CEF |
//! | `{{severity}}` | CEF, 0 to 10 |
//! | `{{severity_word}}` `{{severity_level}}` | low, medium, high, critical; 1 to 4 |
//! | `{{pagerduty_severity}}` `{{slack_color}}` | in the receiver's words |
//! | `{{details}}` | `event.details` where there is one, else the event |
//! | `{{secret}}` | the destination's `template_secret` |
//!
//! `:n` behind it cuts inside a string: `{{name:1024}}` is at most 1,024 characters.

use std::borrow::Cow;

use crate::http::Item;
use crate::http::instant::rfc3339;
use crate::http::json::{push_text, push_value};
use crate::http::payload::{self, Payload};
use crate::model::event::Value;
use crate::model::fields::{Severity, Slot};

/// A parsed template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Place { source: Source, in_string: bool, characters_max: Option<usize> },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    Event,
    Path(String),
    Details,
    Id,
    Time,
    Schema,
    Hostname,
    Slot(Slot),
    Cef(String),
    Severity,
    SeverityWord,
    SeverityLevel,
    PagerdutySeverity,
    SlackColor,
    Secret,
}

/// Stands in a record for the secret, which only a request knows: no JSON holds this octet, for
/// control characters in strings are escaped.
pub const SECRET_MARK: u8 = 0;

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// `{{` without `}}`.
    #[error("a placeholder is not closed: {{{{ without }}}}")]
    Open,
    /// A name that is none of the table.
    #[error(
        "there is no placeholder {{{{{0}}}}}; known are event, event.PATH, details, id, time, \
         schema, hostname, name, event_type, vendor, product, cef.KEY, severity, severity_word, \
         severity_level, pagerduty_severity, slack_color, secret"
    )]
    Unknown(String),
    /// The limit behind the colon.
    #[error("the limit in {{{{{0}}}}} is no number, or the placeholder stands outside a string")]
    Limit(String),
    /// It does not make JSON.
    #[error("with its placeholders filled it is no JSON: {0}")]
    Json(String),
}

impl Template {
    /// Reads a template, and tries whether it makes JSON.
    pub fn parse(text: &str) -> Result<Template, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text.trim();
        let mut in_string = false;
        while let Some((literal, behind)) = rest.split_once("{{") {
            in_string = ends_in_string(literal, in_string);
            parts.push(Part::Literal(literal.to_owned()));
            let (name, behind) = behind.split_once("}}").ok_or(TemplateError::Open)?;
            parts.push(place(name.trim(), in_string)?);
            rest = behind;
        }
        parts.push(Part::Literal(rest.to_owned()));
        let template = Template { parts };
        let sample = template.sample();
        match serde_json::from_str::<serde::de::IgnoredAny>(&sample) {
            Ok(_) => Ok(template.in_one_line()),
            Err(why) => Err(TemplateError::Json(why.to_string())),
        }
    }

    /// Whether the secret stands in it.
    pub fn has_secret(&self) -> bool {
        let is_secret = |part: &Part| matches!(part, Part::Place { source: Source::Secret, .. });
        self.parts.iter().any(is_secret)
    }

    /// Appends the record of an item; [`SECRET_MARK`] stands for the secret.
    pub fn push(&self, payload: Payload, item: &Item<'_>, out: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                Part::Literal(text) => out.extend_from_slice(text.as_bytes()),
                Part::Place { source: Source::Secret, in_string, .. } => {
                    let quote = if *in_string { "" } else { "\"" };
                    out.extend_from_slice(quote.as_bytes());
                    out.push(SECRET_MARK);
                    out.extend_from_slice(quote.as_bytes());
                }
                Part::Place { source, in_string: false, .. } => {
                    push_json(source, payload, item, out);
                }
                Part::Place { source, in_string: true, characters_max } => {
                    push_inside(&text_of(source, payload, item), *characters_max, out);
                }
            }
        }
    }

    /// Without the white space between tokens: a record is one line.
    fn in_one_line(mut self) -> Template {
        let mut in_string = false;
        for part in &mut self.parts {
            if let Part::Literal(text) = part {
                let mut is_escaped = false;
                text.retain(|letter| {
                    let is_kept = in_string || !letter.is_ascii_whitespace();
                    let ends = letter == '"' && !is_escaped;
                    is_escaped = in_string && letter == '\\' && !is_escaped;
                    in_string ^= ends;
                    is_kept
                });
            }
        }
        self
    }

    fn sample(&self) -> String {
        let filled = |part: &Part| match part {
            Part::Literal(text) => text.clone(),
            Part::Place { in_string: true, .. } => String::new(),
            Part::Place { in_string: false, .. } => "null".to_owned(),
        };
        self.parts.iter().map(filled).collect()
    }
}

/// Whether text that began inside or outside a string ends inside one.
fn ends_in_string(text: &str, mut in_string: bool) -> bool {
    let mut is_escaped = false;
    for byte in text.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            _ => {}
        }
    }
    in_string
}

fn place(text: &str, in_string: bool) -> Result<Part, TemplateError> {
    let (name, characters_max) = match text.split_once(':') {
        None => (text, None),
        Some((name, digits)) => {
            let limit = digits.trim().parse().ok().filter(|limit| *limit > 0 && in_string);
            let limit = limit.ok_or_else(|| TemplateError::Limit(text.to_owned()))?;
            (name.trim(), Some(limit))
        }
    };
    let source = match name {
        "event" => Source::Event,
        "details" => Source::Details,
        "id" => Source::Id,
        "time" => Source::Time,
        "schema" => Source::Schema,
        "hostname" => Source::Hostname,
        "name" => Source::Slot(Slot::Name),
        "event_type" => Source::Slot(Slot::EventType),
        "vendor" => Source::Slot(Slot::DeviceVendor),
        "product" => Source::Slot(Slot::DeviceProduct),
        "severity" => Source::Severity,
        "severity_word" => Source::SeverityWord,
        "severity_level" => Source::SeverityLevel,
        "pagerduty_severity" => Source::PagerdutySeverity,
        "slack_color" => Source::SlackColor,
        "secret" => Source::Secret,
        _ => match name.split_once('.') {
            Some(("event", path)) if !path.is_empty() => Source::Path(path.to_owned()),
            Some(("cef", key)) if !key.is_empty() => Source::Cef(key.to_owned()),
            _ => return Err(TemplateError::Unknown(name.to_owned())),
        },
    };
    Ok(Part::Place { source, in_string, characters_max })
}

/// Outside a string: a value with its own quotes; `null` for what is not there.
fn push_json(source: &Source, payload: Payload, item: &Item<'_>, out: &mut Vec<u8>) {
    match source {
        Source::Event => payload::push(payload, item, out),
        Source::Details => push_details(payload, item, out),
        Source::Path(path) => match item.event.at(path) {
            Some(value) => push_value(value, out),
            None => out.extend_from_slice(b"null"),
        },
        Source::Severity | Source::SeverityLevel => {
            out.extend_from_slice(text_of(source, payload, item).as_bytes());
        }
        Source::Cef(key) if item.fields.pair(key, item.event).is_none() => {
            out.extend_from_slice(b"null")
        }
        _ => push_text(&text_of(source, payload, item), out),
    }
}

/// Inside a string: what is no scalar is compact JSON; empty for what is not there.
fn text_of<'a>(source: &'a Source, payload: Payload, item: &Item<'a>) -> Cow<'a, str> {
    let written = |write: &dyn Fn(&mut Vec<u8>)| {
        let mut out = Vec::new();
        write(&mut out);
        Cow::Owned(String::from_utf8_lossy(&out).into_owned())
    };
    let severity = item.fields.severity();
    match source {
        Source::Event => written(&|out| payload::push(payload, item, out)),
        Source::Details => written(&|out| push_details(payload, item, out)),
        Source::Path(path) => match item.event.at(path) {
            None => Cow::Borrowed(""),
            Some(value) if value.is_null() => Cow::Borrowed(""),
            Some(value) => match value.scalar() {
                Some(text) => Cow::Borrowed(text),
                None => written(&|out| push_value(value, out)),
            },
        },
        Source::Id => Cow::Borrowed(item.id),
        Source::Time => Cow::Owned(rfc3339(item.time)),
        Source::Schema => Cow::Borrowed(item.schema),
        Source::Hostname => Cow::Borrowed(item.hostname),
        Source::Slot(slot) => Cow::Borrowed(item.fields.get(*slot, item.event)),
        Source::Cef(key) => Cow::Borrowed(item.fields.pair(key, item.event).unwrap_or_default()),
        Source::Severity => Cow::Owned(severity.get().to_string()),
        Source::SeverityWord => Cow::Borrowed(band(severity).word),
        Source::SeverityLevel => Cow::Borrowed(band(severity).level),
        Source::PagerdutySeverity => Cow::Borrowed(band(severity).pagerduty),
        Source::SlackColor => Cow::Borrowed(band(severity).slack),
        Source::Secret => Cow::Borrowed(""),
    }
}

fn push_details(payload: Payload, item: &Item<'_>, out: &mut Vec<u8>) {
    match item.event.at("details").filter(|details: &Value<'_>| !details.is_null()) {
        Some(details) => push_value(details, out),
        None => payload::push(payload, item, out),
    }
}

/// A CEF severity in the words of receivers.
struct Band {
    word: &'static str,
    level: &'static str,
    pagerduty: &'static str,
    slack: &'static str,
}

/// Levels and colours are those of the RESK seed; PagerDuty has four words.
fn band(severity: Severity) -> Band {
    match severity.get() {
        9.. => Band { word: "critical", level: "4", pagerduty: "critical", slack: "#ff0000" },
        7..=8 => Band { word: "high", level: "3", pagerduty: "error", slack: "danger" },
        4..=6 => Band { word: "medium", level: "2", pagerduty: "warning", slack: "warning" },
        _ => Band { word: "low", level: "1", pagerduty: "info", slack: "good" },
    }
}

/// Appends text as it stands between quotes.
fn push_inside(text: &str, characters_max: Option<usize>, out: &mut Vec<u8>) {
    let end = characters_max.and_then(|most| text.char_indices().nth(most)).map(|(at, _)| at);
    let text = end.and_then(|end| text.get(..end)).unwrap_or(text);
    let start = out.len();
    push_text(text, out);
    // Without the quotes that `push_text` puts around it.
    out.pop();
    if start < out.len() {
        out.remove(start);
    }
}

#[cfg(test)]
mod tests;
