//! Requests, signatures, limits and result codes, without a network.

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use super::*;
use crate::http::trial::{
    batch, endpoint, headers, record, response, shared, source, with_context,
};
use crate::model::time::EventTime;

fn connector(authorization: Authorization, body: Body, payload: Payload) -> Xsiam {
    Xsiam::new(Settings {
        endpoint: endpoint("api-tenant.xsiam.example.net"),
        api_key: source(),
        authorization,
        body,
        gzip: false,
        payload,
        dataset: "arbitex_audit_raw".to_owned(),
        log_type: "arbitex_audit".to_owned(),
    })
}

fn hmac() -> Authorization {
    Authorization::Hmac { key_id: "17".to_owned() }
}

fn request(authorization: Authorization, body: Body) -> Request {
    let connector = connector(authorization, body, Payload::Product);
    with_context(&[(API_KEY, "MARKER")], None, |context| {
        connector.request(&batch(), context).unwrap()
    })
}

/// The vendor's table (connectors, section 5.7) and the 202 of the seed.
#[test]
fn each_status_has_its_outcome() {
    let check = |status: u16, expected: &str| {
        let connector = connector(hmac(), Body::Events, Payload::Product);
        // Judged by the status alone: the documented body is `{ "ok": "true" }`.
        let verdict = connector.verdict(&batch(), &response(status, r#"{"ok":"false"}"#));
        assert_eq!(shared(&verdict), expected, "{status}");
        assert_eq!(verdict.new_token, status == 401, "{status}");
    };
    check(200, "Ok");
    check(202, "Ok");
    for status in [401, 403, 404, 302] {
        check(status, "Hold");
    }
    for status in [408, 429, 500, 502, 503, 504] {
        check(status, "Retry");
    }
    for status in [400, 413] {
        check(status, "Split");
    }
}

/// Verified by another library: HMAC-SHA256 over key id, nonce and key, with the key as the key.
#[test]
fn the_signature_is_the_one_of_the_seed() {
    let request = request(hmac(), Body::Events);
    let [(id, key_id), (nonce_name, nonce), (signature_name, signature), content] =
        headers(&request)[..]
    else {
        panic!("{request:?}")
    };
    assert_eq!((id, key_id), ("x-xdr-auth-id", "17"));
    assert_eq!((nonce_name, signature_name), ("x-xdr-nonce", "x-xdr-hmac-sha256"));
    assert_eq!(content, ("content-type", "application/json"));
    assert!(nonce.len() >= 32 && nonce.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{nonce}");
    let mut mac = Hmac::<Sha256>::new_from_slice(b"MARKER").unwrap();
    mac.update(format!("17{nonce}MARKER").as_bytes());
    let expected: Vec<String> =
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(signature, expected.concat());
    assert!(!format!("{request:?}").contains("MARKER"));
}

#[test]
fn the_same_batch_has_another_nonce_at_another_time() {
    let nonce_at = |now| {
        with_context(&[], None, |context| nonce(&Context { now: EventTime(now), ..*context }))
    };
    assert_ne!(nonce_at(1), nonce_at(2));
    assert_eq!(nonce_at(1), nonce_at(1));
}

#[test]
fn the_plain_key_is_the_header() {
    let check = |authorization, expected: &str| {
        let request = request(authorization, Body::Lines);
        assert_eq!(
            headers(&request),
            [("authorization", expected), ("content-type", "text/plain")]
        );
        assert_eq!(request.body, b"{1}\n{2}\n{3}\n");
    };
    check(Authorization::Plain, "MARKER");
    check(Authorization::Bearer, "Bearer MARKER");
}

#[test]
fn bodies_and_paths_are_as_documented() {
    let request = request(hmac(), Body::Events);
    assert_eq!(request.path.expose(), "/logs/v1/event");
    assert_eq!(request.body, br#"{"events":[{1},{2},{3}]}"#);
    assert!(!request.may_gzip, "the collector was not made with gzip");
    let missing = with_context(&[], None, |context| {
        connector(hmac(), Body::Events, Payload::Event).request(&batch(), context).unwrap_err()
    });
    assert_eq!(missing.code, "no_secret");
}

#[test]
fn records_of_other_products_have_the_envelope_too() {
    let record = |payload, schema, value: &str| {
        record(&connector(hmac(), Body::Events, payload), schema, &[("a", value)])
    };
    assert_eq!(record(Payload::Event, "mitrity", "b").as_deref(), Ok(r#"{"a":"b"}"#));
    assert_eq!(
        record(Payload::Product, "mitrity", "b").as_deref(),
        Ok(concat!(
            r#"{"_time":"2026-06-08T14:32:01.442Z","_vendor":"","_product":"","#,
            r#""_dataset":"arbitex_audit_raw","log_type":"arbitex_audit","#,
            r#""event_id":"sg0000000000000001-0","event_type":"thing.happened","#,
            r#""severity":"medium","event":{"a":"b"}}"#
        ))
    );
    let long = "x".repeat(BODY_BYTES_MAX);
    assert_eq!(record(Payload::Event, "mitrity", &long), Err("too_large".to_owned()));
}
