//! Requests, limits and result codes, without a network.

use super::*;
use crate::http::authorization::HeaderName;
use crate::http::trial::{
    batch, endpoint, headers, record, response, shared, source, with_context,
};

fn connector(authorization: Authorization, event_bytes_max: usize) -> QradarHttp {
    QradarHttp::new(Settings {
        endpoint: endpoint("qradar.example.net"),
        authorization,
        event_bytes_max,
        payload: Payload::Event,
    })
}

/// IBM documents 413; the others are those of any server and of a proxy before it.
#[test]
fn each_status_has_its_outcome() {
    let check = |status: u16, expected: &str| {
        let connector = connector(Authorization::None, 8192);
        let verdict = connector.verdict(&batch(), &response(status, ""));
        assert_eq!(shared(&verdict), expected, "{status}");
        assert_eq!(verdict.new_token, status == 401, "{status}");
    };
    check(200, "Ok");
    for status in [401, 403, 404, 405, 407, 301] {
        check(status, "Hold");
    }
    for status in [408, 429, 500, 502, 503, 504] {
        check(status, "Retry");
    }
    for status in [400, 413] {
        check(status, "Split");
    }
}

#[test]
fn requests_are_lines_of_json() {
    let name = HeaderName::parse("x-proxy-key").unwrap();
    let connector = connector(Authorization::Header { name, key: source() }, 8192);
    let request = with_context(&[("api_key", "MARKER")], None, |context| {
        connector.request(&batch(), context).unwrap()
    });
    assert_eq!(request.body, b"{1}\n{2}\n{3}\n");
    assert_eq!(request.path.expose(), "/");
    assert_eq!(
        headers(&request),
        [("content-type", "application/json"), ("x-proxy-key", "MARKER")]
    );
    assert!(!format!("{request:?}").contains("MARKER"));
}

/// QRadar finds the beginnings of events by their first bytes, also when events hold the same.
#[test]
fn every_line_begins_alike_and_holds_that_beginning_once() {
    let connector = connector(Authorization::None, 8192);
    let hostile = [("spoolgate_id", "x"), (START, START), ("line", "a\nb")];
    let line = record(&connector, "generic", &hostile).unwrap();
    assert!(line.starts_with(START));
    assert!(!line.contains('\n'));
    assert_eq!(
        line,
        concat!(
            r#"{ "spoolgate_id":"sg0000000000000001-0","time":"2026-06-08T14:32:01.442Z","#,
            r#""schema":"generic","severity":5,"event":{"spoolgate_id":"x","#,
            r#""{ \"spoolgate_id\":":"{ \"spoolgate_id\":","line":"a\nb"}}"#
        )
    );
    assert_eq!(line.matches(START).count(), 1);
}

#[test]
fn an_event_that_qradar_would_cut_is_not_sent() {
    let whole = record(&connector(Authorization::None, 8192), "generic", &[("a", "b")]).unwrap();
    let least = whole.len();
    let with = |most| record(&connector(Authorization::None, most), "generic", &[("a", "b")]);
    assert!(with(least).is_ok());
    assert_eq!(with(least - 1), Err("too_large".to_owned()));
}
