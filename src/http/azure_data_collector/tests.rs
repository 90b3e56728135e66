//! Codes of the vendor's table, the signature, records, without a network.

use super::*;
use crate::http::trial::{
    batch, endpoint, headers, record, response, shared, source, with_context,
};

/// `spoolgate test key, 32 bytes long`
const KEY: &str = "c3Bvb2xnYXRlIHRlc3Qga2V5LCAzMiBieXRlcyBsb25n";

fn connector(time_generated_field: Option<&str>) -> AzureDataCollector {
    AzureDataCollector::new(Settings {
        endpoint: endpoint("ws.ods.opinsights.azure.com"),
        workspace_id: "8d7b0ff7-2ab8-4b3a-9f2e-3f1d5a6f0001".to_owned(),
        shared_key: source(),
        log_type: "ReskSecurity".to_owned(),
        time_generated_field: time_generated_field.map(str::to_owned),
        resource_id: None,
    })
}

#[test]
fn each_code_has_its_outcome() {
    let check = |status: u16, code: &str, expected: &str| {
        let body = format!(r#"{{"Error":"{code}","Message":"MARKER"}}"#);
        let verdict = connector(None).verdict(&batch(), &response(status, &body));
        assert_eq!(shared(&verdict), expected, "{status} {code}");
        assert_eq!(verdict.new_token, [401, 403].contains(&status), "{status} {code}");
        assert!(!format!("{verdict:?}").contains("MARKER"));
    };
    check(200, "", "Ok");
    for code in ["InactiveCustomer", "InvalidApiVersion", "InvalidCustomerId", "InvalidLogType"] {
        check(400, code, "Hold");
    }
    let about_headers =
        ["MissingApiVersion", "MissingContentType", "MissingLogType", "UnsupportedContentType"];
    for code in about_headers {
        check(400, code, "Hold");
    }
    check(400, "InvalidDataFormat", "Split");
    check(400, "unheard of", "Split");
    check(403, "InvalidAuthorization", "Hold");
    check(401, "", "Hold");
    check(404, "", "Hold");
    check(410, "", "Hold");
    check(413, "", "Split");
    check(429, "", "Retry");
    check(500, "UnspecifiedError", "Retry");
    check(503, "ServiceUnavailable", "Retry");
    check(307, "", "Hold");
}

#[test]
fn the_signature_is_the_one_that_openssl_makes() {
    // printf 'POST\n13\napplication/json\nx-ms-date:Mon, 08 Jun 2026 14:32:01 GMT\n/api/logs' |
    //   openssl dgst -sha256 -mac HMAC -macopt hexkey:… -binary | base64
    let request = with_context(&[(SHARED_KEY, KEY)], None, |context| {
        connector(Some("timestamp")).request(&batch(), context).unwrap()
    });
    assert_eq!(request.body, b"[{1},{2},{3}]");
    assert!(!request.may_gzip);
    assert_eq!(request.path.expose(), "/api/logs?api-version=2016-04-01");
    assert_eq!(
        headers(&request),
        [
            (
                "authorization",
                "SharedKey 8d7b0ff7-2ab8-4b3a-9f2e-3f1d5a6f0001:\
                 zFkQYKxi2qR2t0wFoJu6ZSnv+2WOHhAKU/jXsTJdMe4="
            ),
            ("content-type", "application/json"),
            ("log-type", "ReskSecurity"),
            ("x-ms-date", "Mon, 08 Jun 2026 14:32:01 GMT"),
            ("time-generated-field", "timestamp"),
        ]
    );
    assert!(!format!("{request:?}").contains("SharedKey"));
}

#[test]
fn a_key_that_is_none_holds_the_batch() {
    let check = |secrets: &[(&'static str, &str)], expected: &str| {
        let made = with_context(secrets, None, |context| {
            connector(None).request(&batch(), context).map(|request| request.body)
        });
        assert_eq!(made.map_err(|cause| cause.code), Err(expected));
    };
    check(&[], "no_secret");
    check(&[(SHARED_KEY, "not base64!")], "bad_secret");
}

#[test]
fn events_without_the_time_field_get_it() {
    let check = |field, members: &[(&str, &str)], expected: &str| {
        assert_eq!(record(&connector(field), "generic", members).as_deref(), Ok(expected));
    };
    check(None, &[("a", "1")], r#"{"a":"1"}"#);
    check(Some("timestamp"), &[("timestamp", "x")], r#"{"timestamp":"x"}"#);
    check(Some("timestamp"), &[("a", "1")], r#"{"a":"1","timestamp":"2026-06-08T14:32:01.442Z"}"#);
    check(Some("at"), &[], r#"{"at":"2026-06-08T14:32:01.442Z"}"#);
    let huge = "x".repeat(BODY_BYTES_MAX);
    assert_eq!(record(&connector(None), "generic", &[("a", &huge)]), Err("too_large".to_owned()));
}
