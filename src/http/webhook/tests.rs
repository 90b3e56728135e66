//! Requests, signatures, statuses and limits, without a network.

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::*;
use crate::http::trial::{
    batch, endpoint, headers, record, response, shared, source, with_context,
};

fn settings() -> Settings {
    Settings {
        endpoint: Endpoint { base_path: "/events".to_owned(), ..endpoint("hooks.example.net") },
        secret_url: None,
        authorization: Authorization::None,
        body: Body::Array { before: "[".to_owned(), behind: "]".to_owned() },
        template: None,
        resolve: None,
        template_secret: None,
        signature: None,
        idempotency_key: false,
        gzip: true,
        body_bytes_max: BODY_BYTES_MAX,
        success: SUCCESS.to_vec(),
        retry: RETRY.to_vec(),
        payload: Payload::Event,
    }
}

fn request(settings: Settings, secrets: &[(&'static str, &str)]) -> Result<Request, Cause> {
    with_context(secrets, None, |context| Webhook::new(settings).request(&batch(), context))
}

/// By default, then with sets of one's own; Slack's and PagerDuty's statuses are among them.
#[test]
fn each_status_has_its_outcome() {
    let check = |settings: &Settings, statuses: &[u16], expected: &str| {
        for status in statuses {
            let webhook = Webhook::new(settings.clone());
            let verdict = webhook.verdict(&batch(), &response(*status, ""));
            assert_eq!(shared(&verdict), expected, "{status}");
            assert_eq!(verdict.new_token, *status == 401, "{status}");
        }
    };
    let usual = settings();
    check(&usual, &[200, 201, 202, 204], "Ok");
    check(&usual, &[408, 425, 429, 500, 502, 503, 504, 599], "Retry");
    check(&usual, &[400, 413, 422], "Split");
    check(&usual, &[301, 302, 307, 401, 403, 404, 407, 410, 418], "Hold");
    let own = Settings { success: vec![200..=200, 409..=409], retry: vec![503..=503], ..usual };
    check(&own, &[200, 409], "Ok");
    check(&own, &[503], "Retry");
    check(&own, &[202, 429, 500, 401], "Hold");
    check(&own, &[400, 413], "Split");
}

#[test]
fn bodies_are_arrays_envelopes_lines_or_one_record() {
    let check = |body: Body, content_type: &str, expected: &[u8]| {
        let request = request(Settings { body, ..settings() }, &[]).unwrap();
        assert_eq!(request.body, expected);
        assert_eq!(headers(&request), [("content-type", content_type)]);
        assert_eq!((request.method, request.path.expose()), (Method::Post, ""));
        assert!(request.may_gzip);
    };
    let array = |before: &str, behind: &str| Body::Array {
        before: before.to_owned(),
        behind: behind.to_owned(),
    };
    check(array("[", "]"), "application/json", b"[{1},{2},{3}]");
    check(array("{\"events\":[", "]}"), "application/json", b"{\"events\":[{1},{2},{3}]}");
    check(Body::Lines, "application/x-ndjson", b"{1}\n{2}\n{3}\n");
    check(Body::One, "application/json", b"{1}");
    let one = Webhook::new(Settings { body: Body::One, ..settings() });
    assert_eq!(one.limits().events_max, 1);
}

#[test]
fn a_secret_url_is_the_path_and_is_not_shown() {
    let slack = || Settings {
        endpoint: endpoint("hooks.slack.example.net"),
        secret_url: Some(source()),
        ..settings()
    };
    let url = "https://hooks.slack.example.net/services/T/B/MARKER";
    let good = request(slack(), &[(URL, url)]).unwrap();
    assert_eq!(good.path.expose(), "/services/T/B/MARKER");
    assert!(!format!("{good:?}").contains("MARKER"));
    let elsewhere = request(slack(), &[(URL, "https://evil.example/MARKER")]).unwrap_err();
    assert_eq!(elsewhere.code, "wrong_secret");
    assert_eq!(request(slack(), &[]).unwrap_err().code, "no_secret");
    let root = Settings { endpoint: endpoint("hooks.example.net"), ..settings() };
    assert_eq!(request(root, &[]).unwrap().path.expose(), "/");
}

#[test]
fn keys_and_ids_are_headers() {
    let settings = Settings {
        authorization: Authorization::Bearer(source()),
        idempotency_key: true,
        ..settings()
    };
    let request = request(settings, &[("token", "MARKER")]).unwrap();
    assert_eq!(
        headers(&request),
        [
            ("content-type", "application/json"),
            ("authorization", "Bearer MARKER"),
            ("idempotency-key", "7b2ffb45-90c3-4c2b-9c0e-000000000001"),
        ]
    );
    assert!(!format!("{request:?}").contains("MARKER"));
}

/// Verified by another library, as a receiver would.
#[test]
fn signatures_are_those_of_the_documents() {
    let signed = |scheme, key: &str| {
        let signature = Some(Signature { key: source(), scheme });
        request(Settings { signature, ..settings() }, &[(SIGNATURE_KEY, key)])
    };
    let mac = |key: &[u8], parts: &[&[u8]]| {
        let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes()
    };
    for (secret, key) in [("whsec_TUFSS0VS", b"MARKER".as_slice()), ("MARKER", b"MARKER")] {
        let request = signed(SignatureScheme::StandardWebhooks, secret).unwrap();
        assert!(!request.may_gzip, "the signature is over the body as it travels");
        let shown = headers(&request);
        let [_, ("webhook-id", id), ("webhook-timestamp", seconds), last] = shown[..] else {
            panic!("{shown:?}")
        };
        assert_eq!(seconds, "1780929121");
        let start = format!("{id}.{seconds}.");
        let tag = BASE64_STANDARD.encode(mac(key, &[start.as_bytes(), &request.body]));
        assert_eq!(last, ("webhook-signature", format!("v1,{tag}").as_str()));
    }
    let name = HeaderName::parse("X-Hub-Signature-256").unwrap();
    let request = signed(SignatureScheme::Body(name), "MARKER").unwrap();
    let tag: Vec<String> =
        mac(b"MARKER", &[&request.body]).iter().map(|byte| format!("{byte:02x}")).collect();
    let expected = format!("sha256={}", tag.concat());
    assert_eq!(headers(&request)[1], ("x-hub-signature-256", expected.as_str()));
    let bad = signed(SignatureScheme::StandardWebhooks, "whsec_*").unwrap_err();
    assert_eq!(bad.code, "wrong_secret");
}

#[test]
fn the_routing_key_is_put_in_by_the_request_alone() {
    let (trigger, resolve) = preset::pagerduty("{{event.agent}}");
    let pagerduty = Settings {
        body: Body::One,
        template: Some(Template::parse(&trigger).unwrap()),
        resolve: Some(Resolve {
            event_types: vec!["other.*".to_owned()],
            template: Template::parse(&resolve).unwrap(),
        }),
        template_secret: Some(source()),
        ..settings()
    };
    let webhook = Webhook::new(pagerduty.clone());
    // An event that holds the mark's character cannot ask for the secret.
    let bytes = record(&webhook, "mitrity", &[("agent", "a\u{0}b")]).unwrap();
    assert_eq!(bytes.matches('\u{0}').count(), 1);
    let severity = Default::default();
    let batch = [Record { bytes: bytes.as_bytes(), id: "id", severity }];
    let request = with_context(&[(TEMPLATE_SECRET, "MAR\"KER")], None, |context| {
        webhook.request(&batch, context).unwrap()
    });
    let value: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(value["routing_key"], "MAR\"KER");
    assert_eq!(value["event_action"], "trigger");
    assert_eq!(value["dedup_key"], "a\u{0}b");
    let resolving =
        Resolve { event_types: vec!["thing.*".to_owned()], ..pagerduty.resolve.clone().unwrap() };
    let webhook = Webhook::new(Settings { resolve: Some(resolving), ..pagerduty });
    let bytes = record(&webhook, "mitrity", &[("agent", "a")]).unwrap();
    let value: serde_json::Value = serde_json::from_str(&bytes.replace('\u{0}', "MARKER")).unwrap();
    let expected =
        serde_json::json!({"routing_key": "MARKER", "event_action": "resolve", "dedup_key": "a"});
    assert_eq!(value, expected);
}

#[test]
fn an_event_over_the_limit_is_refused() {
    let with = |most| {
        let webhook = Webhook::new(Settings { body_bytes_max: most, ..settings() });
        record(&webhook, "generic", &[("a", "b")])
    };
    assert_eq!(with(r#"[{"a":"b"}]"#.len() + 1).as_deref(), Ok(r#"{"a":"b"}"#));
    assert_eq!(with(r#"[{"a":"b"}]"#.len()), Err("too_large".to_owned()));
}

#[test]
fn all_secrets_are_asked_for() {
    let signature = Signature { key: source(), scheme: SignatureScheme::StandardWebhooks };
    let full = Settings {
        secret_url: Some(source()),
        authorization: Authorization::Bearer(source()),
        template_secret: Some(source()),
        signature: Some(signature),
        ..settings()
    };
    let names: Vec<_> = Webhook::new(full).secrets().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["token", URL, TEMPLATE_SECRET, SIGNATURE_KEY]);
    assert!(Webhook::new(settings()).secrets().is_empty());
}
