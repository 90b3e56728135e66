//! `type = "splunk_hec"`

use super::Keys;
use crate::http::settings::ConnectorSettings;
use crate::http::splunk_hec::Settings;

/// Reads its keys.
pub(super) fn read(keys: &mut Keys<'_, '_>) -> Option<ConnectorSettings> {
    let endpoint = keys.required_endpoint("url", "url = \"https://splunk.example.net:8088\"");
    let token = keys.required_secret("token", "token = { file = \"/etc/spoolgate/token\" }");
    let settings = Settings {
        index: keys.text("index"),
        source: keys.text("source"),
        sourcetype: keys.text("sourcetype"),
        host: keys.text("host"),
        acknowledge: keys.flag("acknowledge").unwrap_or(false),
        payload: keys.payload(),
        severity_id: keys.flag("severity_id").unwrap_or(false),
        raw: keys.flag("raw").unwrap_or(false),
        endpoint: endpoint?,
        token: token?,
    };
    if settings.raw && settings.severity_id {
        keys.refuse("`raw` sends events alone; remove `severity_id`, which stands beside them");
    }
    Some(ConnectorSettings::SplunkHec(settings))
}
