//! Raw line to event.
//!
//! A line of the spool goes in, without its newline; a filled [`Tape`] comes out, whose texts point
//! into the line where they stand there without escapes. Formats are JSON, syslog (RFC 3164 and
//! RFC 5424) and CEF, the last with or without a syslog header; [`Format::Auto`] tells them apart
//! line by line:
//!
//! | the line begins with (after white space) | it is |
//! |---|---|
//! | `{` | JSON |
//! | `CEF:` | CEF |
//! | `<digits>`, `Jan 18 11:07:53`, `2026-01-18T11:07:53` | syslog, or CEF when `CEF:` follows |
//! | `[`, `LEEF:`, anything else | an error that says what to do |
//!
//! Diagnostics: none; a line that is no event is a [`DecodeError`], meant for the dead letter. It
//! names places, not content.

mod cef;
mod detect;
mod error;
mod json;
mod place;
mod syslog;

#[cfg(test)]
mod tests;

use memchr::memchr;

pub use error::DecodeError;

use crate::model::event::{Event, Kind, LINE_BYTES_MAX, Tape};
pub use crate::model::format::Decoded;
use crate::model::format::Format;

use crate::model::time::EventTime;
use detect::{Body, Shape};
use syslog::Horizon;

/// How many JSON containers may be open at once. Events have fewer than ten; what has more is an
/// attack on whoever reads it by recursion behind us.
pub const DEPTH_MAX: usize = 128;

/// Decodes lines; keeps its memory from line to line.
#[derive(Debug, Default)]
pub struct Decoder {
    json: json::Reader,
    horizon: Option<Horizon>,
}

impl Decoder {
    /// A decoder that leaves out times without a year, until it is told what time it is.
    pub fn new() -> Decoder {
        Decoder::default()
    }

    /// Says what time it is, for the times of RFC 3164, which have no year: they lie in the latest
    /// year that does not put them more than a day behind `now`. So December read in January is
    /// last year's, and a clock that is fast at New Year's Eve is next year's.
    pub fn set_reference_time(&mut self, now: EventTime) {
        self.horizon = Horizon::from_now(now);
    }

    /// Says that times without a year lie in that one.
    pub fn set_reference_year(&mut self, year: i32) {
        self.horizon = Horizon::from_year(year);
    }

    /// Decodes one line, without its newline, onto `tape`, which is cleared first and is empty
    /// after an error. Never panics, whatever the bytes.
    pub fn decode<'l>(
        &mut self,
        format: Format,
        line: &'l [u8],
        tape: &mut Tape,
    ) -> Result<Decoded<'l>, DecodeError> {
        tape.clear();
        let line = text(line)?;
        let outcome = match format {
            Format::Auto => self.detect(line, tape),
            Format::Json => self.json(line, tape),
            Format::Syslog => Ok(self.syslog(line, detect::body(line), tape)),
            Format::Cef => self.cef(line, tape),
        };
        match outcome {
            Ok(format) => Ok(Decoded { line, format }),
            Err(error) => {
                tape.clear();
                Err(error)
            }
        }
    }

    fn detect(&mut self, line: &str, tape: &mut Tape) -> Result<Format, DecodeError> {
        match detect::shape(line) {
            Shape::Object => self.json(line, tape),
            // `[` also begins many a plain log line: only what is JSON is called JSON.
            Shape::Array => match self.json(line, tape) {
                Err(DecodeError::Json { .. }) => Err(DecodeError::Unrecognised),
                outcome => outcome,
            },
            Shape::Cef => self.cef(line, tape),
            Shape::Syslog => {
                let body = detect::body(line);
                if let Some((at, Body::Cef)) = body {
                    let header = self.header(line, at);
                    if header.message.is_empty() {
                        return self.cef_at(line, at, Some(&header), tape);
                    }
                }
                Ok(self.syslog(line, body, tape))
            }
            Shape::Leef => Err(DecodeError::Leef),
            Shape::Unknown => Err(DecodeError::Unrecognised),
        }
    }

    fn json(&mut self, line: &str, tape: &mut Tape) -> Result<Format, DecodeError> {
        self.json.read(line, tape)?;
        let found = match Event::new(tape, line).root().map(|root| root.kind()) {
            Some(Kind::Object) => return Ok(Format::Json),
            Some(Kind::Array) => "an array",
            Some(Kind::Text(_)) => "a string",
            Some(Kind::Number(_)) => "a number",
            Some(Kind::Bool(_)) => "a truth value",
            Some(Kind::Null) | None => "null",
        };
        Err(DecodeError::NotAnObject { found })
    }

    /// `body` is what [`detect::body`] finds in the line.
    fn syslog(&mut self, line: &str, body: Option<(usize, Body)>, tape: &mut Tape) -> Format {
        let mut header = syslog::read(line, self.horizon);
        // `CEF` and `LEEF` would be taken for the tag.
        if let Some((at, _)) = body {
            let before = self.header(line, at);
            if before.message.is_empty() {
                header = before;
                header.message = line.get(at..).unwrap_or("").trim_ascii_end();
            }
        }
        let root = tape.open_object();
        header.write(line, tape);
        tape.close(root);
        Format::Syslog
    }

    fn cef(&mut self, line: &str, tape: &mut Tape) -> Result<Format, DecodeError> {
        let Some((at, _)) = detect::body(line).filter(|(_, body)| *body == Body::Cef) else {
            return Err(DecodeError::NotCef);
        };
        let is_bare = line.get(..at).is_some_and(|before| before.trim().is_empty());
        let header = (!is_bare).then(|| self.header(line, at));
        self.cef_at(line, at, header.as_ref(), tape)
    }

    fn cef_at(
        &mut self,
        line: &str,
        at: usize,
        syslog: Option<&syslog::Header<'_>>,
        tape: &mut Tape,
    ) -> Result<Format, DecodeError> {
        cef::read(line, at, syslog, tape)?;
        Ok(Format::Cef)
    }

    /// The syslog header in front of a body at `at`.
    fn header<'l>(&self, line: &'l str, at: usize) -> syslog::Header<'l> {
        syslog::read_before_body(line.get(..at).unwrap_or(""), self.horizon)
    }
}

/// The line as text, if it can be an event at all.
fn text(line: &[u8]) -> Result<&str, DecodeError> {
    if line.len() > LINE_BYTES_MAX {
        return Err(DecodeError::TooLong { bytes: line.len() });
    }
    if let Some(at) = memchr(0, line) {
        return Err(DecodeError::Nul { column: at + 1 });
    }
    let line = simdutf8::compat::from_utf8(line)
        .map_err(|error| DecodeError::InvalidUtf8 { column: error.valid_up_to() + 1 })?;
    if line.starts_with('\u{feff}') {
        return Err(DecodeError::ByteOrderMark);
    }
    if line.trim_ascii_start().is_empty() {
        return Err(DecodeError::Blank);
    }
    Ok(line)
}
