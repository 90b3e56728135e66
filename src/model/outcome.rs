//! What became of an attempt to deliver (design, section 2).

use std::fmt;

/// The three answers a transport can give. Anything unknown, mangled or timed out is `Defer`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Proven delivered; the cursor may pass.
    Delivered,
    /// Not now: hold the events and try again, for as long as it takes.
    Defer(Cause),
    /// Never: to the dead letter, then the cursor passes.
    Reject(Cause),
}

/// Why something did not work, in words for the operator: what, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// A short stable word for logs, status and tests: `refused`, `unresolved`, `bad_certificate` …
    pub code: &'static str,
    /// One sentence, with the address and the remedy, and never a secret or an event's content.
    pub text: String,
}

impl Cause {
    /// A cause of that code and text.
    pub fn new(code: &'static str, text: impl Into<String>) -> Cause {
        Cause { code, text: text.into() }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
