//! How receivers without a scheme of their own are shown who sends: a bearer token, a header with a
//! key, or nothing.

use std::sync::{Mutex, PoisonError};

use super::Context;
use super::secret::Secret;
use super::settings::SecretSource;
use crate::model::outcome::Cause;

/// One of three ways.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Authorization {
    /// The link alone: mutual TLS, or a receiver that takes from anybody.
    #[default]
    None,
    /// `Authorization: Bearer <token>`
    Bearer(SecretSource),
    /// `<name>: <key>`
    Header {
        /// The header.
        name: HeaderName,
        /// The key.
        key: SecretSource,
    },
}

/// The names of the secrets.
const TOKEN: &str = "token";
const API_KEY: &str = "api_key";

impl Authorization {
    /// The secrets that it needs.
    pub fn secrets(&self) -> Vec<(&'static str, SecretSource)> {
        match self {
            Authorization::None => Vec::new(),
            Authorization::Bearer(token) => vec![(TOKEN, token.clone())],
            Authorization::Header { key, .. } => vec![(API_KEY, key.clone())],
        }
    }

    /// The header of a request.
    ///
    /// # Errors
    /// The secret is missing: hold.
    pub fn header(&self, context: &Context<'_>) -> Result<Option<(&'static str, Secret)>, Cause> {
        let find = |name| context.secrets.need(name, "the secret");
        match self {
            Authorization::None => Ok(None),
            Authorization::Bearer(_) => {
                let token = find(TOKEN)?;
                Ok(Some(("authorization", Secret::new(format!("Bearer {}", token.expose())))))
            }
            Authorization::Header { name, .. } => Ok(Some((name.as_str(), find(API_KEY)?.clone()))),
        }
    }
}

/// The name of a header that the configuration chooses, in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderName(&'static str);

/// Headers that are the engine's or a connector's own.
const RESERVED: [&str; 12] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "idempotency-key",
    "te",
    "transfer-encoding",
    "user-agent",
    "webhook-id",
    "webhook-signature",
    "webhook-timestamp",
];

/// Every name that was ever configured: a name lives as long as the program, so that each is kept
/// once, however often the configuration is read.
static NAMES: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());

/// The longest name; none in use is half as long.
const NAME_BYTES_MAX: usize = 64;

impl HeaderName {
    /// Reads a token of RFC 9110, section 5.6.2.
    ///
    /// # Errors
    /// Why it is none, or may not be chosen, for "`key` = "value" …".
    pub fn parse(text: &str) -> Result<HeaderName, &'static str> {
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if text.is_empty() || text.len() > NAME_BYTES_MAX || !text.bytes().all(is_token) {
            return Err("is no name of a header: 1 to 64 letters, digits and hyphens");
        }
        let name = text.to_ascii_lowercase();
        if RESERVED.contains(&name.as_str()) {
            return Err("is a header with a meaning of its own");
        }
        let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = names.iter().find(|known| **known == name) {
            return Ok(HeaderName(known));
        }
        let name: &'static str = Box::leak(name.into_boxed_str());
        names.push(name);
        Ok(HeaderName(name))
    }

    /// The name.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::trial::{source, with_context};

    #[test]
    fn names_are_tokens_that_nobody_else_uses() {
        let name = HeaderName::parse("X-Api-Key").unwrap();
        assert_eq!(name.as_str(), "x-api-key");
        let again = HeaderName::parse("x-api-KEY").unwrap();
        assert!(std::ptr::eq(name.as_str(), again.as_str()), "kept twice");
        for bad in ["", "a b", "a:", "a\r\nb", "é", "Host", "Content-Type", &"x".repeat(65)] {
            assert!(HeaderName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn each_way_has_its_header() {
        let check = |way: Authorization, expected: Option<(&str, &str)>| {
            let secrets = [(TOKEN, "MARKER"), (API_KEY, "MARKER")];
            let header = with_context(&secrets, None, |context| way.header(context).unwrap());
            let shown = header.as_ref().map(|(name, value)| (*name, value.expose()));
            assert_eq!(shown, expected);
            let missing = with_context(&[], None, |context| way.header(context).is_err());
            assert_eq!(missing, way != Authorization::None);
            assert_eq!(way.secrets().len(), usize::from(missing));
        };
        check(Authorization::None, None);
        check(Authorization::Bearer(source()), Some(("authorization", "Bearer MARKER")));
        let name = HeaderName::parse("X-Api-Key").unwrap();
        check(Authorization::Header { name, key: source() }, Some(("x-api-key", "MARKER")));
    }
}
