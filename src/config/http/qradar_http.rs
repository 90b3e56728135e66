//! `type = "qradar_http"`

use super::{Keys, authorization};
use crate::http::qradar_http::Settings;
use crate::http::settings::ConnectorSettings;

/// Reads its keys.
pub(super) fn read(keys: &mut Keys<'_, '_>) -> Option<ConnectorSettings> {
    let endpoint = keys.required_endpoint("url", "url = \"https://qradar.example.net:12469\"");
    let authorization = authorization::read(keys);
    // What QRadar lets a log source have.
    let event_bytes_max = keys.number("max_event_bytes", 1024..=32_767).unwrap_or(8192);
    let payload = keys.payload();
    Some(ConnectorSettings::QradarHttp(Settings {
        endpoint: endpoint?,
        authorization: authorization?,
        event_bytes_max: event_bytes_max as usize,
        payload,
    }))
}
