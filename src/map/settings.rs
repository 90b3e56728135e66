//! What the map stage is told (design, section 4).

use std::path::PathBuf;

/// Schemas and the privacy guard, for all destinations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// A directory of `*.toml` schema files beside the built-in ones; a file whose `name` equals a
    /// built-in schema replaces it.
    pub schemas_dir: Option<PathBuf>,
    /// Keys that carry raw content, beside the built-in list. Case, `_`, `-` and spaces do not
    /// matter; `user.email` is the key of that name and `email` inside `user`.
    pub guard_keys: Vec<String>,
}

/// `[destination.filter]`: an event passes when it meets every part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterSettings {
    /// Events of a lower CEF severity are kept back.
    pub min_severity: MinSeverity,
    /// Globs; at least one must match the event's type.
    pub event_types: Vec<String>,
    /// Globs; none may match the event's type.
    pub exclude_event_types: Vec<String>,
    /// Dotted paths and the text that must stand there, for instance `("org_id", "org_abc123")`.
    pub equals: Vec<(String, String)>,
}

impl Default for FilterSettings {
    /// Everything but `policy.allow`, which is opt-in (seed: MITRITY, "Event Types").
    fn default() -> FilterSettings {
        FilterSettings {
            min_severity: MinSeverity::Informational,
            event_types: vec!["*".to_owned()],
            exclude_event_types: vec!["policy.allow".to_owned()],
            equals: Vec::new(),
        }
    }
}

/// The least severity that a destination wants, in words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MinSeverity {
    /// Everything.
    #[default]
    Informational,
    /// Everything: CEF's low band begins at 0.
    Low,
    /// CEF 4 and above.
    Medium,
    /// CEF 7 and above.
    High,
    /// CEF 9 and above.
    Critical,
}

impl MinSeverity {
    /// The words, in ascending order.
    pub const WORDS: [&'static str; 5] = ["informational", "low", "medium", "high", "critical"];

    /// Reads one of [`MinSeverity::WORDS`], whatever its case.
    pub fn parse(word: &str) -> Option<MinSeverity> {
        use MinSeverity::{Critical, High, Informational, Low, Medium};
        let all = [Informational, Low, Medium, High, Critical];
        let known = MinSeverity::WORDS.iter().position(|known| known.eq_ignore_ascii_case(word))?;
        all.get(known).copied()
    }

    /// The least CEF severity that passes.
    pub fn cef(self) -> u8 {
        match self {
            MinSeverity::Informational | MinSeverity::Low => 0,
            MinSeverity::Medium => 4,
            MinSeverity::High => 7,
            MinSeverity::Critical => 9,
        }
    }
}
