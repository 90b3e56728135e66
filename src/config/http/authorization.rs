//! `token`, or `api_key` with `api_key_header`: for receivers without a scheme of their own.

use super::Keys;
use crate::http::authorization::{Authorization, HeaderName};

/// Reads the keys; `None` when they do not go together, which was then reported.
pub(super) fn read(keys: &mut Keys<'_, '_>) -> Option<Authorization> {
    let (token, key) = (keys.secret("token"), keys.secret("api_key"));
    let name = header(keys, "api_key_header");
    match (token, key, name) {
        (None, None, None) => Some(Authorization::None),
        (Some(token), None, None) => Some(Authorization::Bearer(token)),
        (None, Some(key), name) => {
            let name = name.or_else(|| HeaderName::parse("x-api-key").ok())?;
            Some(Authorization::Header { name, key })
        }
        (Some(_), Some(_), _) => {
            keys.refuse("`token` excludes `api_key`; remove one or the other");
            None
        }
        (_, None, Some(_)) => {
            keys.refuse("`api_key_header` needs `api_key`; add it, or remove the header");
            None
        }
    }
}

/// The name of a header.
pub(super) fn header(keys: &mut Keys<'_, '_>, key: &'static str) -> Option<HeaderName> {
    let text = keys.checked_text(key, |text| HeaderName::parse(text).map(|_| ()))?;
    HeaderName::parse(&text).ok()
}
