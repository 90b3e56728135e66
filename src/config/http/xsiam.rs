//! `type = "xsiam"`

use super::{Keys, is_name};
use crate::http::settings::ConnectorSettings;
use crate::http::xsiam::{Authorization, Body, Settings};

/// Reads its keys.
pub(super) fn read(keys: &mut Keys<'_, '_>) -> Option<ConnectorSettings> {
    let endpoint = keys.required_endpoint("url", "url = \"https://api-tenant.example.net\"");
    let example = "api_key = { file = \"/etc/spoolgate/xsiam.key\" }";
    let api_key = keys.required_secret("api_key", example);
    let ways = [("hmac", Way::Hmac), ("plain", Way::Plain), ("bearer", Way::Bearer)];
    let way = keys.word("authorization", &ways).unwrap_or(Way::Hmac);
    let key_id = match way {
        Way::Hmac => keys.required_checked_text("api_key_id", "api_key_id = \"17\"", is_number),
        Way::Plain | Way::Bearer => keys.checked_text("api_key_id", is_number),
    };
    let bodies = [("events", Body::Events), ("lines", Body::Lines)];
    let body = keys.word("body", &bodies);
    let gzip = keys.flag("takes_gzip").unwrap_or(false);
    let payload = keys.payload();
    let dataset = keys.checked_text("dataset", is_name);
    let log_type = keys.checked_text("log_type", is_name);
    let authorization = match (way, key_id) {
        (Way::Hmac, Some(key_id)) => Some(Authorization::Hmac { key_id }),
        (Way::Plain, None) => Some(Authorization::Plain),
        (Way::Bearer, None) => Some(Authorization::Bearer),
        (Way::Hmac, None) => None,
        (Way::Plain | Way::Bearer, Some(_)) => {
            keys.refuse("`api_key_id` is for `authorization = \"hmac\"` alone; remove it");
            None
        }
    };
    // The seed's collector takes an envelope, the vendor's lines.
    let usual = match way {
        Way::Hmac => Body::Events,
        Way::Plain | Way::Bearer => Body::Lines,
    };
    Some(ConnectorSettings::Xsiam(Settings {
        endpoint: endpoint?,
        api_key: api_key?,
        authorization: authorization?,
        body: body.unwrap_or(usual),
        gzip,
        payload,
        dataset: dataset.unwrap_or_else(|| "arbitex_audit_raw".to_owned()),
        log_type: log_type.unwrap_or_else(|| "arbitex_audit".to_owned()),
    }))
}

#[derive(Clone, Copy)]
enum Way {
    Hmac,
    Plain,
    Bearer,
}

pub(in crate::config) fn is_number(text: &str) -> Result<(), &'static str> {
    match text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => Ok(()),
        false => Err("is no key id; it is the number that the console shows beside the key"),
    }
}
