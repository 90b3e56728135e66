//! Results of items and of requests, ids, requests and documents, without a network.

use super::*;
use crate::http::trial::{
    batch, endpoint, headers, name, record, response, shared, source, with_context,
};

fn settings(action: Action) -> Settings {
    Settings {
        endpoint: endpoint("my-cluster.es.io"),
        authentication: Authentication::ApiKey(source()),
        index: "arbitex-audit".to_owned(),
        action,
        pipeline: None,
        document_ids: true,
    }
}

fn connector(action: Action) -> Elastic {
    Elastic::new(settings(action))
}

/// The outcomes of a batch of three, whose items have those results.
fn outcomes(action: Action, results: [(u16, &str, &str); 3]) -> Vec<Outcome> {
    let items = results.map(|(status, kind, reason)| {
        let error = format!(r#","error":{{"type":"{kind}","reason":"{reason}"}}"#);
        let error = if kind.is_empty() { "" } else { &error };
        format!(r#"{{"{}":{{"status":{status}{error}}}}}"#, action.name())
    });
    let body = format!(r#"{{"errors":true,"items":[{}]}}"#, items.join(","));
    let verdict = connector(action).verdict(&batch(), &response(200, &body));
    let Outcomes::Each(outcomes) = verdict.events else { panic!("not one by one: {body}") };
    outcomes
}

#[test]
fn each_item_has_its_outcome() {
    let check = |action, status: u16, kind: &str, reason: &str, expected: &str| {
        let results = [(201, "", ""), (status, kind, reason), (200, "", "")];
        let outcomes = outcomes(action, results);
        let names: Vec<_> = outcomes.iter().map(name).collect();
        assert_eq!(names, ["Ok", expected, "Ok"], "{status} {kind}");
        assert!(!format!("{outcomes:?}").contains("MARKER"), "{outcomes:?}");
    };
    use Action::{Create, Index};
    check(Create, 201, "", "", "Ok");
    check(Create, 409, "version_conflict_engine_exception", "MARKER", "Ok");
    check(Index, 409, "version_conflict_engine_exception", "", "Retry");
    check(Create, 400, "document_parsing_exception", "value: 'MARKER'", "Quarantine");
    check(Create, 400, "mapper_parsing_exception", "MARKER", "Quarantine");
    check(Create, 400, "illegal_argument_exception", "Limit of total fields", "Quarantine");
    check(Create, 400, "MARKER in the type", "", "Quarantine");
    check(Create, 413, "too_large", "", "Quarantine");
    let wants_create = "only write ops with an op_type of create are allowed in data streams";
    check(Index, 400, "illegal_argument_exception", wants_create, "Hold");
    let no_pipeline = "pipeline with id [MARKER] does not exist";
    check(Create, 400, "illegal_argument_exception", no_pipeline, "Hold");
    check(Create, 400, "invalid_index_name_exception", "MARKER", "Hold");
    check(Create, 401, "security_exception", "", "Hold");
    check(Index, 403, "security_exception", "", "Hold");
    check(Create, 403, "cluster_block_exception", "", "Hold");
    check(Create, 404, "index_not_found_exception", "", "Hold");
    check(Create, 429, "es_rejected_execution_exception", "", "Retry");
    for status in [500, 502, 503, 504] {
        check(Create, status, "unavailable_shards_exception", "", "Retry");
    }
    check(Create, 302, "", "", "Retry");
}

#[test]
fn each_request_has_its_outcome() {
    let check = |status: u16, body: &str, expected: &str| {
        let verdict = connector(Action::Create).verdict(&batch(), &response(status, body));
        assert_eq!(shared(&verdict), expected, "{status} {body}");
        assert_eq!(verdict.new_token, status == 401, "{status}");
    };
    check(200, r#"{"errors":false,"items":[]}"#, "Ok");
    check(200, r#"{"errors":false}"#, "Ok");
    // 200 without a word on what is stored proves nothing.
    check(200, "", "Retry");
    check(200, "{}", "Retry");
    check(200, r#"{"errors":true}"#, "Retry");
    check(200, r#"{"errors":true,"items":[{"create":{"status":201}}]}"#, "Retry");
    check(200, r#"{"errors":true,"items":[{},{},{}]}"#, "Retry");
    check(400, r#"{"error":{"type":"illegal_argument_exception"}}"#, "Split");
    check(413, "", "Split");
    for status in [401, 403, 404, 405, 302] {
        check(status, "", "Hold");
    }
    for status in [408, 429, 500, 502, 503, 504] {
        check(status, "", "Retry");
    }
}

#[test]
fn of_a_cut_answer_the_beginning_counts() {
    let check = |items: &str, expected: &[&str]| {
        let mut body = format!(r#"{{"errors":true,"items":[{items}"#);
        body += &"x".repeat(LONG_BYTES_MIN);
        let verdict = connector(Action::Create).verdict(&batch(), &response(200, &body));
        match verdict.events {
            Outcomes::Each(outcomes) => {
                assert_eq!(outcomes.iter().map(name).collect::<Vec<_>>(), expected, "{items}");
            }
            Outcomes::All(outcome) => assert_eq!([name(&outcome)], *expected, "{items}"),
        }
    };
    let (good, bad) = (
        r#"{"create":{"status":201}}"#,
        r#"{"create":{"status":400,"error":{"type":"document_parsing_exception","reason":""#,
    );
    check(&format!("{good},{bad}"), &["Ok", "Retry", "Retry"]);
    check(&format!("{good},{bad}\"}}}}}},{good}"), &["Ok", "Quarantine", "Ok"]);
    check(&format!("{good},{bad}\"}}}}}},"), &["Ok", "Quarantine", "Retry"]);
    // Nothing is known: in halves, and alone to the dead letter.
    check(bad, &["Split"]);
    check("", &["Split"]);
    // A short answer that is no JSON is none at all.
    let short = response(200, r#"{"errors":true,"items":[{"create":{"status":201}},"#);
    assert_eq!(shared(&connector(Action::Create).verdict(&batch(), &short)), "Retry");
}

#[test]
fn requests_are_as_documented() {
    let request = |settings: Settings, secrets: &[(&'static str, &str)]| {
        with_context(secrets, None, |context| {
            Elastic::new(settings).request(&batch(), context).map_err(|cause| cause.code)
        })
    };
    let piped = Settings { pipeline: Some("a b".to_owned()), ..settings(Action::Create) };
    let made = request(piped, &[(API_KEY, "ZW5jb2RlZA==")]).unwrap();
    assert_eq!(made.body, b"{1}{2}{3}");
    assert_eq!(
        made.path.expose(),
        "/_bulk?filter_path=errors%2Citems.%2A.status%2Citems.%2A.error.type%2C\
         items.%2A.error.reason%2Cerror.type&pipeline=a%20b"
    );
    assert_eq!(
        headers(&made),
        [
            ("authorization", "ApiKey ZW5jb2RlZA=="),
            ("content-type", "application/x-ndjson"),
            ("accept", "application/json"),
        ]
    );
    assert!(!format!("{made:?}").contains("ZW5jb2RlZA"));
    // printf id:key | openssl base64
    let made = request(settings(Action::Create), &[(API_KEY, "id:key")]).unwrap();
    assert_eq!(headers(&made)[0], ("authorization", "ApiKey aWQ6a2V5"));
    let basic = Authentication::Basic { user: "elastic".to_owned(), password: source() };
    let basic = Settings { authentication: basic, ..settings(Action::Create) };
    // printf elastic:changeme | openssl base64
    let made = request(basic.clone(), &[(PASSWORD, "changeme")]).unwrap();
    assert_eq!(headers(&made)[0], ("authorization", "Basic ZWxhc3RpYzpjaGFuZ2VtZQ=="));
    let open = Settings { authentication: Authentication::None, ..settings(Action::Create) };
    assert_eq!(headers(&request(open, &[]).unwrap())[0].0, "content-type");
    assert_eq!(request(settings(Action::Create), &[]).err(), Some("no_secret"));
    assert_eq!(request(basic, &[]).err(), Some("no_secret"));
}

#[test]
fn documents_have_the_time_and_an_action() {
    let check = |settings: Settings, members: &[(&str, &str)], expected: &str| {
        let made = record(&Elastic::new(settings), "generic", members);
        assert_eq!(made.as_deref(), Ok(expected));
    };
    let id = r#""_index":"arbitex-audit","_id":"sg0000000000000001-0"}}"#;
    let time = r#""@timestamp":"2026-06-08T14:32:01.442Z""#;
    check(
        settings(Action::Create),
        &[("a", "1")],
        &format!("{{\"create\":{{{id}\n{{{time},\"a\":\"1\"}}\n"),
    );
    check(settings(Action::Index), &[], &format!("{{\"index\":{{{id}\n{{{time}}}\n"));
    let without = Settings { document_ids: false, ..settings(Action::Index) };
    check(
        without,
        &[("@timestamp", "2026-01-01T00:00:00Z")],
        "{\"index\":{\"_index\":\"arbitex-audit\"}}\n{\"@timestamp\":\"2026-01-01T00:00:00Z\"}\n",
    );
    let huge = "x".repeat(BODY_BYTES_MAX);
    let made = record(&connector(Action::Create), "generic", &[("a", &huge)]);
    assert_eq!(made, Err("too_large".to_owned()));
}

#[test]
fn ids_are_the_events_alone() {
    let check = |id: &str, source: &str, expected: &str| {
        assert_eq!(document_id(id, source.as_bytes()), expected);
    };
    check("sg0000000000000001-ff", "{}", "sg0000000000000001-ff");
    // printf '{}' | sha256sum, its first 12 bytes
    check("req_xyz", "{}", "req_xyz-44136fa355b3678a1146ad16");
    assert_ne!(document_id("req_xyz", b"{1}"), document_id("req_xyz", b"{2}"));
    assert!(document_id(&"x".repeat(9999), b"").len() <= 512, "the most bytes of an _id");
}

#[test]
fn the_root_proves_the_credentials() {
    let request = with_context(&[(API_KEY, "k")], None, |context| {
        connector(Action::Create).probe(context).unwrap().unwrap()
    });
    assert_eq!((request.method, request.path.expose()), (Method::Get, "/"));
    let check = |status, body: &str, is_good| {
        let probed = connector(Action::Create).probed(&response(status, body));
        assert_eq!(probed.is_ok(), is_good, "{status} {body}");
    };
    check(200, r#"{"version":{"number":"9.2.0"}}"#, true);
    check(403, r#"{"error":{"type":"security_exception"},"status":403}"#, true);
    check(403, "<html>a proxy", false);
    check(401, r#"{"error":{"type":"security_exception"},"status":401}"#, false);
    check(400, "", false);
    check(503, "", false);
}
