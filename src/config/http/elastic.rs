//! `type = "elastic"`

use super::{Keys, is_header_text, is_name};
use crate::http::elastic::{Action, Authentication, Settings};
use crate::http::settings::ConnectorSettings;

/// Reads its keys.
pub(super) fn read(keys: &mut Keys<'_, '_>) -> Option<ConnectorSettings> {
    let endpoint = keys.required_endpoint("url", "url = \"https://elastic.example.net:9200\"");
    let index = keys.required_checked_text("index", "index = \"logs-spoolgate\"", is_index);
    let (api_key, user) = (keys.secret("api_key"), keys.checked_text("user", is_user));
    let password = keys.secret("password");
    let actions = [Action::Create, Action::Index].map(|action| (action.name(), action));
    let action = keys.word("action", &actions).unwrap_or(Action::Create);
    let pipeline = keys.checked_text("pipeline", is_name);
    let document_ids = keys.flag("document_ids").unwrap_or(true);
    let authentication = match (api_key, user, password) {
        (Some(source), None, None) => Some(Authentication::ApiKey(source)),
        (None, Some(user), Some(password)) => Some(Authentication::Basic { user, password }),
        (None, None, None) => Some(Authentication::None),
        (Some(_), ..) => {
            keys.refuse("`api_key` excludes `user` and `password`; remove one or the other");
            None
        }
        (None, ..) => {
            keys.refuse("`user` and `password` belong together; add the other, or use `api_key`");
            None
        }
    };
    Some(ConnectorSettings::Elastic(Settings {
        endpoint: endpoint?,
        authentication: authentication?,
        index: index?,
        action,
        pipeline,
        document_ids,
    }))
}

/// What Elasticsearch takes for the name of an index, a data stream or an alias.
pub(in crate::config) fn is_index(text: &str) -> Result<(), &'static str> {
    let is_letter = |letter: char| !letter.is_control() && !"\\/*?\"<>| ,#:".contains(letter);
    let is_good = text.len() <= 255
        && !text.starts_with(['-', '_', '+'])
        && ![".", ".."].contains(&text)
        && text.chars().all(|letter| is_letter(letter) && !letter.is_uppercase());
    match is_good {
        true => Ok(()),
        false => Err(
            "is no name of an index; it is lower case, without white space and \\ / * ? \" < > | , \
             # :, and does not begin with - _ +",
        ),
    }
}

/// A colon would end it (RFC 7617, section 2).
fn is_user(text: &str) -> Result<(), &'static str> {
    if text.contains(':') {
        Err("has a colon, which ends a user's name")
    } else {
        is_header_text(text)
    }
}
