//! `type = "azure_data_collector"`

use super::{Keys, is_header_text, is_name};
use crate::http::azure_data_collector::Settings;
use crate::http::settings::ConnectorSettings;

/// What stands behind the workspace in the public cloud.
const DOMAIN: &str = "ods.opinsights.azure.com";

/// Reads its keys.
pub(super) fn read(keys: &mut Keys<'_, '_>) -> Option<ConnectorSettings> {
    let example = "workspace_id = \"00000000-0000-0000-0000-000000000000\"";
    let workspace_id = keys.required_checked_text("workspace_id", example, is_name);
    let example = "shared_key = { file = \"/etc/spoolgate/workspace.key\" }";
    let shared_key = keys.required_secret("shared_key", example);
    let example = "log_type = \"SpoolgateSecurity\"";
    let log_type = keys.required_checked_text("log_type", example, is_log_type);
    let time_generated_field = keys.checked_text("time_generated_field", is_header_text);
    let resource_id = keys.checked_text("resource_id", is_header_text);
    let endpoint = keys.endpoint("url").or_else(|| {
        let workspace = workspace_id.as_ref()?;
        keys.implied_endpoint(&format!("{workspace}.{DOMAIN}"))
    });
    Some(ConnectorSettings::AzureDataCollector(Settings {
        endpoint: endpoint?,
        workspace_id: workspace_id?,
        shared_key: shared_key?,
        log_type: log_type?,
        time_generated_field,
        resource_id,
    }))
}

fn is_log_type(text: &str) -> Result<(), &'static str> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    match text.len() <= 100 && text.bytes().all(is_letter) {
        true => Ok(()),
        false => Err("is no log type; it has up to 100 letters, digits and `_`"),
    }
}
