//! Requests, limits and result codes, without a network.

use super::*;
use crate::http::trial::{
    batch, endpoint, headers, record, response, shared, source, with_context,
};

const HOST: &str = "endpoint.collection.sumologic.com";

fn connector(is_full: bool) -> Sumo {
    let text = |text: &str| is_full.then(|| text.to_owned());
    let fields = [("env", "prod"), ("org", "a")];
    Sumo::new(Settings {
        endpoint: endpoint(HOST),
        url: source(),
        category: text("arbitex/audit"),
        host: text("platform.arbitex.ai"),
        name: text("outpost-07"),
        fields: fields
            .iter()
            .filter(|_| is_full)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        payload: Payload::Event,
    })
}

fn request(is_full: bool, url: &str) -> Result<Request, Cause> {
    with_context(&[(URL, url)], None, |context| connector(is_full).request(&batch(), context))
}

/// The vendor's table (connectors, section 5.4) and what stands between it and the receiver.
#[test]
fn each_status_has_its_outcome() {
    let check = |status: u16, expected: &str| {
        let verdict = connector(true).verdict(&batch(), &response(status, ""));
        assert_eq!(shared(&verdict), expected, "{status}");
        assert_eq!(verdict.new_token, [401, 404].contains(&status), "{status}");
    };
    check(200, "Ok");
    for status in [401, 403, 404, 301, 302] {
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
fn requests_are_as_documented() {
    let request = request(true, &format!("https://{HOST}/receiver/v1/http/MARKER==")).unwrap();
    assert_eq!(request.method, Method::Post);
    assert_eq!(request.path.expose(), "/receiver/v1/http/MARKER==");
    assert_eq!(request.body, b"{1}\n{2}\n{3}\n");
    assert!(request.may_gzip);
    assert_eq!(
        headers(&request),
        [
            ("content-type", "application/json"),
            ("x-sumo-category", "arbitex/audit"),
            ("x-sumo-host", "platform.arbitex.ai"),
            ("x-sumo-name", "outpost-07"),
            ("x-sumo-fields", "env=prod,org=a"),
        ]
    );
    assert!(!format!("{request:?}").contains("MARKER"));
}

#[test]
fn what_is_not_set_is_not_sent() {
    let request = request(false, "/receiver/v1/http/token").unwrap();
    assert_eq!(headers(&request), [("content-type", "application/json")]);
}

/// Another host would be an escape from the egress policy, which was asked for the endpoint.
#[test]
fn a_url_that_is_missing_or_leads_elsewhere_holds() {
    let elsewhere = request(true, "https://collector.example.net/receiver/v1/http/MARKER");
    let cause = elsewhere.unwrap_err();
    assert_eq!(cause.code, "wrong_secret");
    assert!(!cause.text.contains("MARKER"));
    let missing = with_context(&[], None, |context| connector(true).request(&batch(), context));
    assert_eq!(missing.unwrap_err().code, "no_secret");
}

#[test]
fn a_line_holds_the_event_and_one_over_the_limit_is_refused() {
    let line = record(&connector(true), "aisg", &[("type", "loop.detected"), ("a", "x\ny")]);
    assert_eq!(line.as_deref(), Ok(r#"{"type":"loop.detected","a":"x\ny"}"#));
    let long = "x".repeat(BODY_BYTES_MAX);
    let refused = record(&connector(true), "aisg", &[("type", &long)]);
    assert_eq!(refused, Err("too_large".to_owned()));
}
