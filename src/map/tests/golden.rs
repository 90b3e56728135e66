//! What each seed prints, against what its events become.

use crate::model::fields::Slot;
use crate::model::format::Format;
use crate::model::id;
use crate::model::time::EventTime;

use super::build::{self, map};

/// IBM QRadar section of the Arbitex seed, with `time_dt` for the header's TIMESTAMP.
#[test]
fn arbitex_wire_example() {
    let event = r#"{"class_uid":6003,"category_uid":6,"activity_id":1,"time":1741824000123,
        "time_dt":"2026-03-13T00:00:00.123Z","severity_id":1,
        "actor":{"user":{"uid":"user_abc","email_addr":"alice@example.com"}},
        "api":{"request":{"uid":"req_xyz"},"operation":"chat_completion"},
        "metadata":{"version":"1.1.0","product":{"name":"Arbitex","vendor_name":"Arbitex"}},
        "unmapped":{"model":"gpt-4o","policy_action":"allow","dlp_labels":[],"token_in":512,
        "token_out":256,"group_ids":["finance-team"]}}"#;
    let mapped = map(event);
    let body = format!("CEF:0|{}|{}", mapped.header(), mapped.extension());
    assert_eq!(
        body,
        "CEF:0|Arbitex|ArbitexPlatform|1.0|6003|chat_completion|3|rt=1741824000123 \
         suser=alice@example.com duid=user_abc act=allow model=gpt-4o tokenIn=512 tokenOut=256 \
         cs1Label=PolicyAction cs1=allow cs2Label=DlpLabels cs2= cs3Label=GroupIds \
         cs3=finance-team"
    );
    // <134>1 2026-03-13T00:00:00.123Z … - req_xyz -
    assert_eq!(mapped.fields.severity().syslog(), 6);
    assert_eq!(mapped.fields.time(), EventTime::from_millis(1_773_360_000_123));
    assert_eq!(id::msgid(mapped.slot(Slot::Id)), "req_xyz");
    assert_eq!(mapped.slot(Slot::EventType), "chat_completion");
}

#[test]
fn arbitex_without_time_dt_has_one_time() {
    let event = r#"{"class_uid":6003,"time":1741824000123,
        "metadata":{"product":{"vendor_name":"Arbitex"}}}"#;
    let mapped = map(event);
    assert_eq!(mapped.fields.time(), EventTime::from_millis(1_741_824_000_123));
    assert_eq!(mapped.pair("rt"), Some("1741824000123"));
    assert_eq!(mapped.slot(Slot::Id), build::DERIVED_ID);
    assert_eq!(mapped.pair("externalId"), None);
}

/// The table "CEF extension fields" of the MITRITY seed, row by row.
#[test]
fn mitrity_dlp_table() {
    let event = |patch: &str| {
        format!(
            r#"{{"id":"e1","agent_id":"a1","event_type":"dlp.match","pattern_name":"SSN (US)",
            "pattern_id":"f1c2","tool_pattern_matched":"drive:create",
            "detection_reason":"pattern_match","position":247,"length":11,"redaction_count":2,
            "action_taken":"redacted","occurred_at":"2026-05-26T10:14:00Z"{patch}}}"#
        )
    };
    let rows = "cs1Label=PatternName cs1=SSN (US) cs2Label=PatternId cs2=f1c2 \
                cs3Label=ToolPattern cs3=drive:create cs4Label=DetectionReason cs4=pattern_match \
                cn1Label=MatchPosition cn1=247 cn2Label=MatchLength cn2=11 \
                cn3Label=RedactionCount cn3=2";
    let mapped = map(&event(""));
    assert!(mapped.extension().contains(rows), "{}", mapped.extension());
    let base = [("src", "a1"), ("act", "redacted"), ("outcome", "redacted"), ("externalId", "e1")];
    for (key, value) in base {
        assert_eq!(mapped.pair(key), Some(value), "{key}");
    }
    // "Omitted when null", label and all; "Empty for legacy classifier events".
    let legacy = r#","redaction_count":null,"pattern_name":null,"pattern_id":null"#;
    let mapped = map(&event(legacy));
    assert!(!mapped.extension().contains("cn3"), "{}", mapped.extension());
    assert!(mapped.extension().contains("cs1Label=PatternName cs1= cs2Label=PatternId cs2= cs3"));
}

/// The table "CEF field mapping" of the MITRITY seed.
#[test]
fn mitrity_base_table() {
    let event = r#"{"id":"g1","agent_id":"agent-7","event_type":"policy.deny",
        "action_type":"drive:create","outcome":"deny","policy_name":"No exports",
        "drift_score":0.420,"behavioral_hash":"9f2c","timestamp":"2026-05-26T10:14:00Z"}"#;
    let mapped = map(event);
    assert_eq!(mapped.header(), "MITRITY|MITRITY Platform|1.0|policy.deny|No exports|8");
    for (key, value) in [
        ("src", "agent-7"),
        ("act", "drive:create"),
        ("outcome", "deny"),
        ("cs1Label", "DriftScore"),
        ("cs1", "0.420"),
        ("cs2Label", "BehavioralHash"),
        ("cs2", "9f2c"),
    ] {
        assert_eq!(mapped.pair(key), Some(value), "{key}");
    }
    let anonymous = map(r#"{"event_type":"drift.warning","agent_id":"a"}"#);
    assert_eq!(anonymous.slot(Slot::Name), "behavioral_anomaly");
    assert_eq!(anonymous.pair("cs1Label"), None);
}

/// The line's tape as the decode stage makes it.
#[test]
fn cef_is_passed_on() {
    let tape = r#"{"cef":{"version":"0","device_vendor":"Security","device_product":"threat",
        "device_version":"1.0","event_class_id":"100","name":"worm","severity":"10"},
        "extension":{"src":"10.0.0.1","zz":"1","cs1Label":"x","cs1":"","msg":"prompt=1"},
        "syslog":{"protocol":"rfc3164","timestamp":"2026-01-15T09:30:00Z","message":"CEF:0|…"}}"#;
    let mapped = build::try_map(&mut build::mapper(), None, Format::Cef, tape).unwrap();
    assert_eq!(mapped.schema, "cef");
    assert_eq!(mapped.header(), "Security|threat|1.0|100|worm|10");
    assert_eq!(
        mapped.extension(),
        "src=10.0.0.1 zz=1 cs1Label=x cs1= msg=prompt=1 externalId=sg0000000000000001-0"
    );
    assert_eq!(mapped.fields.time(), EventTime::from_millis(1_768_469_400_000));
    let own = tape.replace(r#""zz":"1""#, r#""externalId":"77","rt":"1768469400123""#);
    let mapped = build::try_map(&mut build::mapper(), None, Format::Cef, &own).unwrap();
    assert_eq!(mapped.slot(Slot::Id), "77");
    assert_eq!(mapped.fields.time(), EventTime::from_millis(1_768_469_400_123));
    assert_eq!(mapped.extension().matches("externalId").count(), 1);
}

#[test]
fn syslog_header_and_message() {
    let tape = r#"{"protocol":"rfc5424","facility":"local4","severity":"notice",
        "severity_code":5,"timestamp":"2003-10-11T22:14:15.003Z","hostname":"2001:db8::7",
        "appname":"evntslog","procid":"8710","msgid":"ID47",
        "structured_data":{"ex@32473":{"iut":"3","prompt":"x"}},"message":"An event"}"#;
    let mapped = build::try_map(&mut build::mapper(), None, Format::Syslog, tape).unwrap();
    assert_eq!(mapped.header(), "Syslog|evntslog|1.0|evntslog:ID47|evntslog message|3");
    assert_eq!(
        mapped.extension(),
        "rt=1065910455003 externalId=sg0000000000000001-0 c6a1Label=Device IPv6 Address \
         c6a1=2001:db8::7 deviceProcessName=evntslog dvcpid=8710 deviceFacility=local4 \
         cs1Label=MessageId cs1=ID47 cs6Label=StructuredData cs6={\"ex@32473\":{\"iut\":\"3\"}} \
         msg=An event"
    );
    let bare = r#"{"protocol":"rfc3164","message":""}"#;
    let mapped = build::try_map(&mut build::mapper(), None, Format::Syslog, bare).unwrap();
    assert_eq!(mapped.header(), "Syslog|syslog|1.0|syslog|Syslog message|5");
    assert_eq!(mapped.extension(), "externalId=sg0000000000000001-0");
}

#[test]
fn long_ids_fit_external_id() {
    let long = "x".repeat(99);
    let mapped = map(&format!(r#"{{"id":"{long}","event_type":"policy.deny"}}"#));
    assert_eq!(mapped.slot(Slot::Id), long);
    assert_eq!(mapped.pair("externalId"), Some(id::external_id(&long).as_ref()));
}
