//! Codes of the API, tokens, requests and rows, without a network.

use super::*;
use crate::http::trial::{
    batch, endpoint, headers, record, response, shared, source, with_context,
};

fn connector() -> Sentinel {
    Sentinel::new(Settings {
        endpoint: endpoint("dce-1.westeurope-1.ingest.monitor.azure.com"),
        rule_id: "dcr-00000000000000000000000000000001".to_owned(),
        stream: "Custom-ArbitexAudit_CL".to_owned(),
        login: endpoint("login.microsoftonline.com"),
        tenant_id: "tenant".to_owned(),
        client_id: "client".to_owned(),
        client_secret: source(),
        scope: "https://monitor.azure.com/.default".to_owned(),
    })
}

#[test]
fn each_code_has_its_outcome() {
    let check = |status: u16, code: &str, expected: &str| {
        let body = format!(r#"{{"error":{{"code":"{code}","message":"MARKER"}}}}"#);
        let mut answer = response(status, &body);
        let verdict = connector().verdict(&batch(), &answer);
        assert_eq!(shared(&verdict), expected, "{status} {code}");
        assert_eq!(verdict.new_token, status == 401, "{status} {code}");
        let shown = format!("{verdict:?}");
        assert!(!shown.contains("MARKER") && (status < 300 || shown.contains(code)), "{shown}");
        // The header says the same, and goes before a body that says otherwise.
        answer.body = br#"{"error":{"code":"Other"}}"#.to_vec();
        answer.headers = vec![("x-ms-error-code".to_owned(), code.to_owned())];
        assert_eq!(connector().verdict(&batch(), &answer), verdict, "{status} {code}");
    };
    check(204, "", "Ok");
    check(200, "", "Ok");
    check(400, "InvalidStream", "Hold");
    check(400, "InvalidDcrImmutableId", "Hold");
    check(400, "InvalidApiVersion", "Hold");
    check(400, "InvalidPayload", "Split");
    check(401, "AuthenticationFailed", "Hold");
    check(403, "OperationFailed", "Hold");
    check(404, "NotFound", "Hold");
    check(413, "ContentLengthLimitExceeded", "Split");
    check(408, "RequestTimeout", "Retry");
    check(429, "TooManyRequests", "Retry");
    for status in [500, 502, 503, 504] {
        check(status, "InternalServerError", "Retry");
    }
    check(308, "PermanentRedirect", "Hold");
}

#[test]
fn what_is_no_word_of_the_service_is_not_shown() {
    let check = |code: &str| {
        let mut answer = response(400, "");
        answer.headers = vec![("x-ms-error-code".to_owned(), code.to_owned())];
        let shown = format!("{:?}", connector().verdict(&batch(), &answer));
        assert!(shown.contains("an error without a code"), "{shown}");
    };
    check("user alice@example.com");
    check(&"A".repeat(65));
}

#[test]
fn requests_are_as_documented() {
    let request = with_context(&[], Some("MARKER"), |context| {
        connector().request(&batch(), context).unwrap()
    });
    assert_eq!(request.body, b"[{1},{2},{3}]");
    assert_eq!(
        request.path.expose(),
        "/dataCollectionRules/dcr-00000000000000000000000000000001/streams/\
         Custom-ArbitexAudit_CL?api-version=2023-01-01"
    );
    assert_eq!(
        headers(&request),
        [
            ("authorization", "Bearer MARKER"),
            ("content-type", "application/json"),
            ("x-ms-client-request-id", "7b2ffb45-90c3-4c2b-9c0e-000000000001"),
        ]
    );
    assert!(!format!("{request:?}").contains("MARKER"));
    let refused = with_context(&[], None, |context| {
        connector().request(&batch(), context).map(|request| request.body)
    });
    assert_eq!(refused.map_err(|cause| cause.code), Err("no_token"));
}

#[test]
fn the_token_is_asked_for_with_client_credentials() {
    let request = with_context(&[(CLIENT_SECRET, "a&b=~ü")], None, |context| {
        connector().token_request(context).unwrap().unwrap()
    });
    assert_eq!(request.endpoint, Some(endpoint("login.microsoftonline.com")));
    assert_eq!(request.path.expose(), "/tenant/oauth2/v2.0/token");
    assert_eq!(
        String::from_utf8(request.body.clone()).unwrap(),
        "grant_type=client_credentials&client_id=client&client_secret=a%26b%3D~%C3%BC\
         &scope=https%3A%2F%2Fmonitor.azure.com%2F.default"
    );
    assert_eq!(
        headers(&request),
        [("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json")]
    );
    let refused = with_context(&[], None, |context| {
        connector().token_request(context).unwrap().map(|request| request.body)
    });
    assert_eq!(refused.map_err(|cause| cause.code), Err("no_secret"));
}

#[test]
fn tokens_are_read_with_their_lifetime() {
    let read = |status, body: &str| connector().token(&response(status, body));
    let answer = r#"{"token_type":"Bearer","expires_in":3599,"access_token":"MARKER"}"#;
    let token = read(200, answer).unwrap();
    assert_eq!((token.value.expose(), token.lifetime.as_secs()), ("MARKER", 3599));
    let unbounded = read(200, r#"{"access_token":"t"}"#).unwrap();
    assert_eq!(unbounded.lifetime.as_secs(), 3600);
    let check = |status, body: &str, word: &str| {
        let cause = read(status, body).unwrap_err();
        assert!(cause.text.contains(&format!("{status}, {word};")), "{cause}");
        assert!(!cause.text.contains("MARKER"), "{cause}");
    };
    let description = r#"{"error":"invalid_client","error_description":"MARKER"}"#;
    check(401, description, "invalid_client");
    check(400, r#"{"error":"unauthorized_client"}"#, "unauthorized_client");
    check(400, r#"{"error":"MARKER with a space"}"#, "an error without a code");
    check(200, r#"{"access_token":""}"#, "no access_token");
    check(200, "<html>MARKER", "no access_token");
    check(503, "", "no access_token");
}

#[test]
fn an_empty_array_proves_the_credentials() {
    let request = with_context(&[], Some("t"), |context| connector().probe(context).unwrap());
    assert_eq!(request.unwrap().body, b"[]");
    assert_eq!(connector().probed(&response(204, "")), Ok(()));
    for status in [400, 401, 403, 404, 429, 503] {
        assert!(connector().probed(&response(status, "")).is_err(), "{status}");
    }
}

#[test]
fn a_row_has_what_every_event_has_and_is_no_larger_than_a_call() {
    assert_eq!(
        record(&connector(), "generic", &[("a", "\"b\"")]).as_deref(),
        Ok(
            r#"{"TimeGenerated":"2026-06-08T14:32:01.442Z","EventId":"sg0000000000000001-0","EventType":"thing.happened","Severity":"Low","Computer":"outpost","DeviceVendor":"","DeviceProduct":"","Message":"Something happened","RawEvent":"{\"a\":\"\\\"b\\\"\"}"}"#
        )
    );
    let row = |bytes: usize| {
        let made = record(&connector(), "generic", &[("a", &"x".repeat(bytes))]);
        made.map(|row| row.len())
    };
    let beside = row(0).unwrap();
    let most = BODY_BYTES_MAX - "[]".len() - beside;
    assert_eq!(row(most), Ok(BODY_BYTES_MAX - "[]".len()));
    assert_eq!(row(most + 1), Err("too_large".to_owned()));
}
