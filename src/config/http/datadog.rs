//! `type = "datadog"`

use super::{Keys, is_header_text};
use crate::http::datadog::{SITES, Settings};
use crate::http::settings::ConnectorSettings;

/// Reads its keys.
pub(super) fn read(keys: &mut Keys<'_, '_>) -> Option<ConnectorSettings> {
    let site = keys.word("site", &SITES.map(|site| (site, site))).unwrap_or("datadoghq.com");
    let example = "api_key = { file = \"/etc/spoolgate/datadog.key\" }";
    let api_key = keys.required_secret("api_key", example);
    let settings = Settings {
        service: keys.text("service"),
        source: keys.text("source"),
        tags: tags(keys),
        hostname: keys.checked_text("host", is_header_text),
        validation: keys.endpoint("validation_url"),
        endpoint: keys
            .endpoint("url")
            .or_else(|| keys.implied_endpoint(&format!("http-intake.logs.{site}")))?,
        api_key: api_key?,
    };
    Some(ConnectorSettings::Datadog(settings))
}

/// `ddtags` has commas between tags.
fn tags(keys: &mut Keys<'_, '_>) -> Vec<String> {
    let tags = keys.texts("tags").unwrap_or_default();
    if tags.iter().any(|tag| tag.contains(',')) {
        keys.refuse("`tags` has a tag with a comma; give each a text of its own");
    }
    tags
}
