//! Secrets in memory: texts that no log, error or debug output can show.

use std::fmt;

use crate::model::outcome::Cause;

/// A text that is sent and never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a text for a secret.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text, for the wire and for signatures only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// The secrets of one destination, by the names that its connector gave them.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    values: Vec<(&'static str, Secret)>,
}

impl Secrets {
    /// Keeps a secret; an earlier one of that name is forgotten.
    pub fn set(&mut self, name: &'static str, secret: Secret) {
        self.values.retain(|(known, _)| *known != name);
        self.values.push((name, secret));
    }

    /// The secret of that name; `None` when it has no source.
    pub fn find(&self, name: &str) -> Option<&Secret> {
        self.values.iter().find(|(known, _)| *known == name).map(|(_, secret)| secret)
    }

    /// The same, for what cannot be sent without it. Its name is its key in the configuration.
    ///
    /// # Errors
    /// It has not been read; the text says `what` it is and which key to check.
    pub fn need(&self, name: &str, what: &str) -> Result<&Secret, Cause> {
        self.find(name).ok_or_else(|| {
            Cause::new("no_secret", format!("{what} could not be read; check `{name}`"))
        })
    }

    /// A text in which every secret is replaced, for what a receiver said.
    pub fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (_, secret) in self.values.iter().filter(|(_, secret)| !secret.0.is_empty()) {
            text = text.replace(secret.expose(), "(secret)");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let mut secrets = Secrets::default();
        secrets.set("token", Secret::new("MARKER"));
        assert!(!format!("{secrets:?}").contains("MARKER"));
        assert_eq!(secrets.redact("bad MARKER, MARKER"), "bad (secret), (secret)");
        assert_eq!(secrets.find("token").map(Secret::expose), Some("MARKER"));
        assert_eq!(secrets.find("key"), None);
    }
}
