//! Why a line is no event. What is said here goes into logs and the dead letter, so it names
//! places and rules, never what the line holds.

/// Why a line cannot be decoded. `column` counts bytes from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The writer of the spool uses another encoding, or the line was damaged.
    #[error("invalid UTF-8 at column {column}; the spool must be written in UTF-8")]
    InvalidUtf8 {
        /// The first byte that does not belong.
        column: usize,
    },
    /// What a torn write leaves after a power cut, or binary data.
    #[error("NUL byte at column {column}; the line was torn or is binary, write it again")]
    Nul {
        /// The first NUL.
        column: usize,
    },
    /// The file was saved by an editor, or UTF-16 was converted.
    #[error("byte order mark at column 1; write the spool as UTF-8 without one")]
    ByteOrderMark,
    /// Nothing but white space.
    #[error("the line is blank; write one event a line")]
    Blank,
    /// The tape addresses 31 bits; `max_event_bytes` stops such a line long before.
    #[error("the line has {bytes} bytes, which is more than can be decoded; split the event")]
    TooLong {
        /// Length of the line.
        bytes: usize,
    },
    /// Detection found none of the formats.
    #[error(
        "the line begins neither like JSON nor like CEF, a syslog header or a syslog time; \
         set `format` of the spool to say what it is"
    )]
    Unrecognised,
    /// LEEF is something that is sent, not something that is read.
    #[error(
        "bare LEEF is not a spool format; write JSON, CEF or syslog, or set format = \"syslog\""
    )]
    Leef,
    /// The line is not JSON (RFC 8259).
    #[error("not valid JSON at column {column}: {problem}; write one JSON object a line")]
    Json {
        /// Where reading stopped.
        column: usize,
        /// What should have been there.
        problem: &'static str,
    },
    /// Containers inside containers beyond [`super::DEPTH_MAX`].
    #[error("nested deeper than {} at column {column}; flatten the event", super::DEPTH_MAX)]
    TooDeep {
        /// The bracket that is one too many.
        column: usize,
    },
    /// Valid JSON, but nothing with members.
    #[error("an event is a JSON object and this is {found}; write one object a line")]
    NotAnObject {
        /// `an array`, `a string` …
        found: &'static str,
    },
    /// `format = "cef"`, and there is no `CEF:` with a version behind it.
    #[error("no CEF header in the line; write `CEF:0|…`, or set `format` to what it is")]
    NotCef,
    /// A version of CEF that nobody has defined.
    #[error("the CEF version at column {column} is neither 0 nor 1; write `CEF:0|…`")]
    CefVersion {
        /// The version.
        column: usize,
    },
    /// The header ends too early.
    #[error("the CEF header ends at column {column} without {missing}; write all seven fields")]
    CefHeader {
        /// Behind the last byte of the line.
        column: usize,
        /// The name of the first missing field.
        missing: &'static str,
    },
    /// Neither a number from 0 to 10 nor a word.
    #[error("the CEF severity at column {column} is neither 0 to 10 nor a word such as High")]
    CefSeverity {
        /// The severity.
        column: usize,
    },
    /// Text in front of the first key would be lost.
    #[error("the CEF extension at column {column} does not begin with `key=`; write pairs only")]
    CefExtension {
        /// The extension.
        column: usize,
    },
}

impl DecodeError {
    /// A short stable word for counters and tests.
    pub fn kind(&self) -> &'static str {
        match self {
            DecodeError::InvalidUtf8 { .. } => "invalid_utf8",
            DecodeError::Nul { .. } => "nul",
            DecodeError::ByteOrderMark => "byte_order_mark",
            DecodeError::Blank => "blank",
            DecodeError::TooLong { .. } => "too_long",
            DecodeError::Unrecognised => "unrecognised",
            DecodeError::Leef => "leef",
            DecodeError::Json { .. } => "json",
            DecodeError::TooDeep { .. } => "too_deep",
            DecodeError::NotAnObject { .. } => "not_an_object",
            DecodeError::NotCef => "not_cef",
            DecodeError::CefVersion { .. } => "cef_version",
            DecodeError::CefHeader { .. } => "cef_header",
            DecodeError::CefSeverity { .. } => "cef_severity",
            DecodeError::CefExtension { .. } => "cef_extension",
        }
    }
}
