//! `type = "webhook"`

use std::ops::RangeInclusive;

use super::{Keys, authorization};
use crate::http::settings::ConnectorSettings;
use crate::http::webhook::template::Template;
use crate::http::webhook::{
    BODY_BYTES_MAX, Body, RETRY, Resolve, SUCCESS, Settings, Signature, SignatureScheme, glob_set,
    preset,
};

/// `body`
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Array,
    Lines,
    Template,
    Slack,
    Pagerduty,
}

/// What the words for `body` mean.
const KINDS: [(&str, Kind); 5] = [
    ("array", Kind::Array),
    ("lines", Kind::Lines),
    ("template", Kind::Template),
    ("slack", Kind::Slack),
    ("pagerduty", Kind::Pagerduty),
];

/// Reads its keys.
pub(super) fn read(keys: &mut Keys<'_, '_>) -> Option<ConnectorSettings> {
    let endpoint = keys.required_endpoint("url", "url = \"https://hooks.example.net/events\"");
    let secret_url = keys.secret("secret_url");
    let authorization = authorization::read(keys);
    let kind = keys.word("body", &KINDS).unwrap_or(Kind::Array);
    let records = records(keys, kind);
    let template_secret = keys.secret("template_secret");
    let envelope = keys.envelope();
    let signature = signature(keys);
    let idempotency_key = keys.flag("idempotency_key").unwrap_or(true);
    let gzip = keys.flag("takes_gzip").unwrap_or(false);
    let most = keys.number("max_body_bytes", 1024..=67_108_864);
    let wrong = "`success` holds statuses from 200 to 599, for example \"202\" or \"200-299\"";
    let success = statuses(keys, "success", wrong).unwrap_or_else(|| SUCCESS.to_vec());
    let wrong =
        "`retry_statuses` holds statuses from 200 to 599, for example \"429\" or \"500-599\"";
    let retry = statuses(keys, "retry_statuses", wrong).unwrap_or_else(|| RETRY.to_vec());
    let payload = keys.payload();
    let (template, resolve) = records?;
    if envelope.is_some() && kind != Kind::Array {
        keys.refuse("`envelope` is for `body = \"array\"` alone; remove it");
    }
    let resolving = resolve.as_ref().map(|resolve| &resolve.template);
    let has_secret = template.iter().chain(resolving).any(Template::has_secret);
    if has_secret != template_secret.is_some() {
        keys.refuse("`template_secret` goes with {{secret}} in a template (PagerDuty's routing key has that place); add or remove it");
    }
    let least = if kind == Kind::Pagerduty { preset::PAGERDUTY_BYTES_MAX } else { BODY_BYTES_MAX };
    let endpoint = endpoint?;
    if secret_url.is_some() && !endpoint.base_path.is_empty() {
        keys.refuse("`url` names the host alone beside `secret_url`; remove its path");
    }
    Some(ConnectorSettings::Webhook(Settings {
        endpoint,
        secret_url,
        authorization: authorization?,
        body: match kind {
            Kind::Array => {
                let (before, behind) = envelope.unwrap_or_default();
                Body::Array { before: format!("{before}["), behind: format!("]{behind}") }
            }
            Kind::Lines => Body::Lines,
            Kind::Template | Kind::Slack | Kind::Pagerduty => Body::One,
        },
        template,
        resolve,
        template_secret,
        signature: signature?,
        idempotency_key,
        gzip,
        body_bytes_max: most.map_or(least, |most| most as usize),
        success,
        retry,
        payload,
    }))
}

/// What a record is, and what it is for the events that end a fault.
fn records(keys: &mut Keys<'_, '_>, kind: Kind) -> Option<(Option<Template>, Option<Resolve>)> {
    let example = "template = '''{\"id\": \"{{id}}\"}'''";
    let template = keys.template("template", (kind == Kind::Template).then_some(example));
    let event_types = keys.texts("resolve_event_types");
    let example = "resolve_template = '''{\"id\": \"{{id}}\"}'''";
    let needs_resolve = event_types.is_some() && kind != Kind::Pagerduty;
    let resolve_template = keys.template("resolve_template", needs_resolve.then_some(example));
    let dedup_key = keys.text("dedup_key");
    if glob_set(event_types.iter().flatten().map(String::as_str)).is_err() {
        keys.refuse(
            "`resolve_event_types` has a text that is no glob; write for example \"hold.*\"",
        );
    }
    if dedup_key.is_some() && kind != Kind::Pagerduty {
        keys.refuse("`dedup_key` is for `body = \"pagerduty\"` alone; remove it");
    }
    let dedup_key = dedup_key.unwrap_or_else(|| "{{id:255}}".to_owned());
    let (trigger, resolve) = preset::pagerduty(&dedup_key);
    let (usual, usual_resolve) = match kind {
        Kind::Slack => (Some(preset::SLACK.to_owned()), None),
        Kind::Pagerduty => (Some(trigger), Some(resolve)),
        Kind::Array | Kind::Lines | Kind::Template => (None, None),
    };
    let parse = |text: String| Template::parse(&text).ok();
    let is_wrong = usual.clone().is_some_and(|usual| parse(usual).is_none());
    if is_wrong {
        keys.refuse(
            "`dedup_key` is no text with placeholders; write for example \"{{event.agent_id}}\"",
        );
    }
    let template = template.or_else(|| usual.and_then(parse));
    let resolve_template = resolve_template.or_else(|| usual_resolve.and_then(parse));
    let resolve = event_types
        .zip(resolve_template)
        .map(|(event_types, template)| Resolve { event_types, template });
    (!is_wrong).then_some((template, resolve))
}

/// `None` when something is wrong.
#[expect(clippy::option_option, reason = "no signature, or one that is wrong and was reported")]
fn signature(keys: &mut Keys<'_, '_>) -> Option<Option<Signature>> {
    let key = keys.secret("signature_key");
    let header = authorization::header(keys, "signature_header");
    let scheme = header.map_or(SignatureScheme::StandardWebhooks, SignatureScheme::Body);
    if key.is_none() && header.is_some() {
        keys.refuse("`signature_header` needs `signature_key`; add it, or remove the header");
        return None;
    }
    Some(key.map(|key| Signature { key, scheme }))
}

/// `"200"` and `"500-599"`.
fn statuses(
    keys: &mut Keys<'_, '_>,
    key: &'static str,
    why: &'static str,
) -> Option<Vec<RangeInclusive<u16>>> {
    let texts = keys.texts(key)?;
    let parse = |text: &String| {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
        let is_status = (200..=599).contains(&first) && (first..=599).contains(&last);
        is_status.then_some(first..=last)
    };
    let ranges: Option<Vec<_>> = texts.iter().map(parse).collect();
    if ranges.is_none() {
        keys.refuse(why);
    }
    ranges
}
