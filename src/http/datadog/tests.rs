//! Statuses, limits, late entries and requests, without a network.

use super::*;
use crate::http::trial::{
    TIME, batch, endpoint, headers, record, response, shared, source, with_context,
};
use crate::model::fields::Severity;

fn connector() -> Datadog {
    Datadog::new(Settings {
        endpoint: endpoint("http-intake.logs.datadoghq.eu"),
        validation: Some(endpoint("api.datadoghq.eu")),
        api_key: source(),
        service: None,
        source: None,
        tags: vec!["env:production".to_owned()],
        hostname: None,
    })
}

fn body(records: &[&[u8]]) -> String {
    let batch: Vec<_> = records
        .iter()
        .map(|bytes| Record { bytes, id: "id", severity: Severity::default() })
        .collect();
    let request = with_context(&[(API_KEY, "MARKER")], None, |context| {
        connector().request(&batch, context).unwrap()
    });
    String::from_utf8(request.body).unwrap()
}

#[test]
fn each_status_has_its_outcome() {
    let check = |status: u16, expected: &str| {
        let verdict = connector().verdict(&batch(), &response(status, r#"{"errors":[]}"#));
        assert_eq!(shared(&verdict), expected, "{status}");
        assert_eq!(verdict.new_token, [401, 403].contains(&status), "{status}");
    };
    check(202, "Ok");
    check(200, "Ok");
    check(400, "Split");
    check(413, "Split");
    for status in [401, 403, 404, 405, 302] {
        check(status, "Hold");
    }
    for status in [408, 429, 500, 502, 503, 504] {
        check(status, "Retry");
    }
}

#[test]
fn requests_are_as_documented() {
    let request = with_context(&[(API_KEY, "MARKER")], None, |context| {
        connector().request(&batch(), context).unwrap()
    });
    assert_eq!(request.body, b"[{1},{2},{3}]");
    assert_eq!(request.path.expose(), "/api/v2/logs");
    let expected = [
        ("dd-api-key", "MARKER"),
        ("content-type", "application/json"),
        ("accept", "application/json"),
    ];
    assert_eq!(headers(&request), expected);
    assert!(!format!("{request:?}").contains("MARKER"));
    let refused = with_context(&[], None, |context| {
        connector().request(&batch(), context).map(|request| request.body)
    });
    assert_eq!(refused.map_err(|cause| cause.code), Err("no_secret"));
}

#[test]
fn late_entries_get_the_time_of_sending() {
    let entry = |time: EventTime| {
        let mut entry = b"{\"message\":\",\\\"timestamp\\\":\\\"2000\"".to_vec();
        push_timestamp(time, &mut entry);
        entry.extend_from_slice(b",\"attributes\":{\"x\":1,\"timestamp\":\"2000\"}}");
        entry
    };
    let hours = |hours: i64| EventTime(TIME.0 - hours * 3_600_000_000);
    let young = entry(hours(17));
    assert_eq!(body(&[&young]), format!("[{}]", String::from_utf8(young.clone()).unwrap()));
    let late = body(&[&entry(hours(18)), &young]);
    let expected = "[{\"message\":\",\\\"timestamp\\\":\\\"2000\",\
        \"timestamp\":\"2026-06-08T14:32:01.442Z\",\
        \"original_timestamp\":\"2026-06-07T20:32:01.442Z\",\
        \"attributes\":{\"x\":1,\"timestamp\":\"2000\"}},";
    assert!(late.starts_with(expected), "{late}");
    let growth = late.len() - "[,]".len() - 2 * young.len();
    assert!(growth < connector().limits().bytes_beside_record, "{growth}");
}

#[test]
fn the_warning_comes_once_for_each_outage() {
    let connector = connector();
    connector.note_late(0);
    assert!(!connector.is_late.get());
    connector.note_late(2);
    connector.note_late(1);
    assert!(connector.is_late.get());
    connector.note_late(0);
    assert!(!connector.is_late.get());
}

#[test]
fn entries_that_would_be_cut_are_refused() {
    let entry = record(&connector(), "generic", &[("a", "\"b\"")]).unwrap();
    assert_eq!(
        entry,
        r#"{"ddsource":"spoolgate","ddtags":"env:production,service:generic","hostname":"outpost","service":"generic","status":"warn","timestamp":"2026-06-08T14:32:01.442Z","message":"{\"a\":\"\\\"b\\\"\"}"}"#
    );
    let huge = "x".repeat(ENTRY_BYTES_MAX);
    assert_eq!(record(&connector(), "generic", &[("a", &huge)]), Err("too_large".to_owned()));
}

#[test]
fn the_probe_asks_the_validating_host() {
    let (endpoint, path) = with_context(&[(API_KEY, "MARKER")], None, |context| {
        let request = connector().probe(context).unwrap().unwrap();
        (request.endpoint.unwrap().host, request.path.expose().to_owned())
    });
    assert_eq!((endpoint.as_str(), path.as_str()), ("api.datadoghq.eu", "/api/v1/validate"));
    assert_eq!(connector().probed(&response(200, r#"{"valid":true}"#)), Ok(()));
    for (status, body) in
        [(200, r#"{"valid":false}"#), (403, r#"{"errors":["Forbidden"]}"#), (200, "")]
    {
        assert!(connector().probed(&response(status, body)).is_err(), "{status} {body}");
    }
}
