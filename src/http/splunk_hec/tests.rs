//! Codes of the vendor's table, requests and records, without a network.

use super::*;
use crate::http::secret::Secrets;
use crate::model::event::{Event, Tape};
use crate::model::fields::{Fields, Severity};
use crate::model::time::EventTime;

fn connector(acknowledge: bool) -> SplunkHec {
    SplunkHec::new(Settings {
        endpoint: Endpoint {
            is_tls: true,
            host: "splunk.example.net".to_owned(),
            port: 8088,
            base_path: String::new(),
        },
        token: SecretSource::Environment("TOKEN".to_owned()),
        index: Some("arbitex".to_owned()),
        source: Some("arbitex-platform".to_owned()),
        sourcetype: Some("arbitex:audit".to_owned()),
        host: None,
        acknowledge,
        payload: Payload::Event,
        severity_id: false,
        raw: false,
    })
}

fn response(status: u16, body: &str) -> Response {
    Response { status, headers: Vec::new(), body: body.as_bytes().to_vec() }
}

fn batch() -> [Record<'static>; 3] {
    [b"{1}", b"{2}", b"{3}"].map(|bytes: &[u8; 3]| Record {
        bytes,
        id: "id",
        severity: Severity::default(),
    })
}

#[test]
fn each_code_has_its_outcome() {
    let check = |status, code: u16, expected: &str| {
        let body = format!("{{\"text\":\"x\",\"code\":{code}}}");
        let verdict = connector(false).verdict(&batch(), &response(status, &body));
        let Outcomes::All(outcome) = &verdict.events else { panic!("code {code}: one by one") };
        let shown = format!("{outcome:?}");
        assert!(shown.starts_with(expected), "code {code}: {shown}, not {expected}");
        assert_eq!(verdict.new_channel, code == 11);
        assert_eq!(verdict.new_token, status == 401);
    };
    check(200, 0, "Ok");
    for (status, code) in [(403, 1), (401, 2), (401, 3), (403, 4), (400, 7), (400, 10), (400, 14)] {
        check(status, code, "Hold");
    }
    for (status, code) in [(400, 16), (400, 21), (400, 22)] {
        check(status, code, "Hold");
    }
    for code in [5, 6, 12, 13, 15] {
        check(400, code, "Split");
    }
    for (status, code) in [(500, 8), (503, 9), (400, 11), (503, 18), (503, 19), (503, 20)] {
        check(status, code, "Retry");
    }
    for (status, code) in [(503, 23), (429, 26), (429, 27)] {
        check(status, code, "Retry");
    }
    check(200, 24, "Slow");
    check(200, 25, "Slow");
    check(503, 0, "Retry");
}

#[test]
fn an_invalid_event_is_quarantined_alone() {
    let answer = response(400, r#"{"code":6,"invalid-event-number":1}"#);
    let verdict = connector(false).verdict(&batch(), &answer);
    let Outcomes::Each(outcomes) = verdict.events else { panic!("not one by one") };
    assert!(matches!(
        outcomes.as_slice(),
        [Outcome::Retry(_), Outcome::Quarantine(_), Outcome::Retry(_)]
    ));
}

#[test]
fn records_and_requests_are_as_documented() {
    let mut tape = Tape::new();
    let object = tape.open_object();
    tape.member("a", "b\"");
    tape.close(object);
    let fields = Fields::new();
    let mut record = Vec::new();
    let item = Item {
        fields: &fields,
        event: Event::new(&tape, ""),
        id: "1",
        schema: "arbitex",
        hostname: "outpost",
        time: EventTime(0),
    };
    connector(false).record(&item, &mut record).unwrap();
    assert_eq!(
        String::from_utf8(record).unwrap(),
        "{\"time\":0.000,\"host\":\"outpost\",\"source\":\"arbitex-platform\",\
         \"sourcetype\":\"arbitex:audit\",\"index\":\"arbitex\",\"event\":{\"a\":\"b\\\"\"}}"
    );
    let mut secrets = Secrets::default();
    secrets.set(TOKEN, Secret::new("MARKER"));
    let context =
        Context { secrets: &secrets, token: None, batch_id: "b", channel: "c", now: EventTime(0) };
    let request = connector(true).request(&batch(), &context).unwrap();
    assert_eq!(request.body, b"{1}\n{2}\n{3}\n");
    assert!(!format!("{request:?}").contains("MARKER"));
    let names: Vec<_> =
        request.headers.iter().map(|(name, value)| (*name, value.expose())).collect();
    assert_eq!(
        names,
        [
            ("authorization", "Splunk MARKER"),
            ("content-type", "application/json"),
            ("x-splunk-request-channel", "c")
        ]
    );
}

#[test]
fn acknowledgement_is_proof_and_its_absence_none() {
    let connector = connector(true);
    let verdict = connector.verdict(&batch(), &response(200, r#"{"code":0,"ackId":7}"#));
    assert_eq!((verdict.events, verdict.acknowledgement), (Outcomes::All(Outcome::Ok), Some(7)));
    let verdict = connector.verdict(&batch(), &response(200, r#"{"code":0}"#));
    assert!(matches!(verdict.events, Outcomes::All(Outcome::Hold(_))));
    let answer = response(200, r#"{"acks":{"7":true,"8":false}}"#);
    assert_eq!(connector.acknowledged(&[7, 8, 9], &answer), Ok(vec![7]));
    assert!(connector.acknowledged(&[7], &response(200, "ok")).is_err());
}

/// Names travel in the query, and the channel in both places.
#[test]
fn raw_events_are_lines() {
    let mut settings = connector(false).settings;
    settings.raw = true;
    settings.source = Some("a b&c=d".to_owned());
    let raw = SplunkHec::new(settings);
    let line = crate::http::trial::record(&raw, "generic", &[("a", "x\ny")]);
    assert_eq!(line.as_deref(), Ok(r#"{"a":"x\ny"}"#));
    let request = crate::http::trial::with_context(&[(TOKEN, "MARKER")], None, |context| {
        raw.request(&batch(), context).unwrap()
    });
    assert_eq!(
        request.path.expose(),
        "/services/collector/raw?channel=7b2ffb45-90c3-4c2b-9c0e-000000000002\
         &source=a%20b%26c%3Dd&sourcetype=arbitex%3Aaudit&index=arbitex"
    );
    assert_eq!(request.body, b"{1}\n{2}\n{3}\n");
    let channel = request.headers.iter().find(|(name, _)| *name == "x-splunk-request-channel");
    assert!(channel.is_some());
}
