//! The forms a spool line may have (design, section 3).

use serde::Deserialize;

/// What a spool's lines are said to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Told apart line by line.
    #[default]
    Auto,
    /// One JSON object a line.
    Json,
    /// RFC 3164 or RFC 5424.
    Syslog,
    /// CEF, with or without a syslog header before it.
    Cef,
}

/// A line that a decoder has put on a tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded<'l> {
    /// The line, as text; the tape points into it.
    pub line: &'l str,
    /// What it was: never [`Format::Auto`].
    pub format: Format,
}
