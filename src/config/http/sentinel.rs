//! `type = "sentinel"`

use super::{Keys, is_name};
use crate::http::sentinel::Settings;
use crate::http::settings::ConnectorSettings;

/// Who gives tokens in the public cloud.
const LOGIN_HOST: &str = "login.microsoftonline.com";
/// What the token is for there (seed, "Microsoft Sentinel").
const SCOPE: &str = "https://monitor.azure.com/.default";

/// Reads its keys.
pub(super) fn read(keys: &mut Keys<'_, '_>) -> Option<ConnectorSettings> {
    let example = "url = \"https://outpost-1a2b.westeurope-1.ingest.monitor.azure.com\"";
    let endpoint = keys.required_endpoint("url", example);
    let rule_id =
        keys.required_checked_text("rule_id", "rule_id = \"dcr-0123456789abcdef\"", is_name);
    let stream = keys.required_checked_text("stream", "stream = \"Custom-Spoolgate_CL\"", is_name);
    let example = "tenant_id = \"00000000-0000-0000-0000-000000000000\"";
    let tenant_id = keys.required_checked_text("tenant_id", example, is_name);
    let example = "client_id = \"00000000-0000-0000-0000-000000000000\"";
    let client_id = keys.required_checked_text("client_id", example, is_name);
    let example = "client_secret = { file = \"/etc/spoolgate/sentinel.secret\" }";
    let client_secret = keys.required_secret("client_secret", example);
    let login = keys.endpoint("login_url").or_else(|| keys.implied_endpoint(LOGIN_HOST));
    let scope = keys.text("scope").unwrap_or_else(|| SCOPE.to_owned());
    Some(ConnectorSettings::Sentinel(Settings {
        endpoint: endpoint?,
        rule_id: rule_id?,
        stream: stream?,
        login: login?,
        tenant_id: tenant_id?,
        client_id: client_id?,
        client_secret: client_secret?,
        scope,
    }))
}
