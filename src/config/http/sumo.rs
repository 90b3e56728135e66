//! `type = "sumo"`

use super::{Keys, is_header_text};
use crate::http::settings::ConnectorSettings;
use crate::http::sumo::Settings;

/// Reads its keys.
pub(super) fn read(keys: &mut Keys<'_, '_>) -> Option<ConnectorSettings> {
    let example = "url = \"https://endpoint1.collection.sumologic.com\"";
    let endpoint = keys.required_endpoint("url", example);
    let example = "secret_url = { file = \"/etc/spoolgate/sumo.url\" }";
    let secret_url = keys.required_secret("secret_url", example);
    let settings = Settings {
        category: keys.checked_text("category", is_header_text),
        host: keys.checked_text("host", is_header_text),
        name: keys.checked_text("source_name", is_header_text),
        fields: keys.pairs("fields", "destination.fields"),
        payload: keys.payload(),
        endpoint: endpoint?,
        url: secret_url?,
    };
    let is_field = |text: &str| is_header_text(text).is_ok() && !text.contains([',', '=']);
    if !settings.fields.iter().all(|(name, value)| is_field(name) && is_field(value)) {
        keys.refuse("`fields` has a comma, an equals sign or no ASCII, which no header can tell");
    }
    if !settings.endpoint.base_path.is_empty() {
        keys.refuse("`url` names the host alone; the path is secret and stands in `secret_url`");
    }
    Some(ConnectorSettings::Sumo(settings))
}
