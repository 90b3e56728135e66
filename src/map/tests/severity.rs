//! The severity tables, complete.

use crate::model::format::Format;

use super::build::{self, map};

fn check(event: impl Fn(&str) -> String, table: &[(&str, u8)]) {
    for (word, severity) in table {
        let event = event(word);
        assert_eq!(map(&event).fields.severity().get(), *severity, "{event}");
    }
}

#[test]
fn ocsf_and_arbitex_by_id() {
    let table = [
        ("0", 5),
        ("1", 3),
        ("2", 4),
        ("3", 6),
        ("4", 8),
        ("5", 9),
        ("6", 10),
        ("99", 5),
        ("7", 5),
        ("-1", 5),
        ("null", 5),
        ("\"4\"", 8),
        ("[4]", 5),
    ];
    let ocsf = |id: &str| format!(r#"{{"class_uid":2004,"activity_id":1,"severity_id":{id}}}"#);
    check(ocsf, &table);
    let arbitex = |id: &str| {
        format!(
            r#"{{"class_uid":6003,"severity_id":{id},
            "metadata":{{"product":{{"vendor_name":"Arbitex"}}}}}}"#
        )
    };
    check(arbitex, &table);
    check(|_| r#"{"class_uid":2004,"activity_id":1}"#.to_owned(), &[("", 5)]);
    let words = [("Informational ", 3), ("low", 4), ("HIGH", 8), ("Fatal", 10), ("odd", 5)];
    check(|word| format!(r#"{{"class_uid":1,"activity_id":1,"severity":"{word}"}}"#), &words);
}

#[test]
fn mitrity() {
    let base = [
        ("policy.deny", 8),
        ("policy.alert", 6),
        ("policy.hold", 6),
        ("policy.allow", 3),
        ("drift.warning", 6),
        ("drift.critical", 9),
        ("agent.connected", 3),
        ("agent.disconnected", 6),
        ("hold.approved", 3),
        ("hold.denied", 8),
        ("hold.expired", 6),
        ("dlp.match", 5),
    ];
    check(|word| format!(r#"{{"event_type":"{word}"}}"#), &base);
    let dlp =
        [("blocked", 8), ("redacted", 6), ("flagged", 6), ("alerted", 6), ("logged", 3), ("x", 5)];
    check(|word| format!(r#"{{"event_type":"dlp.match","action_taken":"{word}"}}"#), &dlp);
}

#[test]
fn aisg_resk_and_aegis() {
    // The type decides, whatever the word of the envelope's receiver says.
    let aisg = [
        ("dlp.injection_blocked", 9),
        ("dlp.pii_blocked", 8),
        ("loop.detected", 8),
        ("dlp.pii_redacted", 6),
        ("budget.exhausted", 6),
    ];
    check(|word| format!(r#"{{"type":"{word}","severity":"low"}}"#), &aisg);
    let other = [("critical", 9), ("High", 8), ("medium", 6), ("low", 3), ("odd", 5)];
    let envelope = |word: &str| {
        format!(r#"{{"sourcetype":"aisg:security","event":{{"type":"new","severity":"{word}"}}}}"#)
    };
    check(envelope, &other);
    let resk = [("low", 3), ("medium", 6), ("high", 8), ("critical", 9)];
    let event = |word: &str| {
        format!(r#"{{"eventId":"1","eventType":"content_blocked","severity":"{word}"}}"#)
    };
    check(event, &resk);
    let aegis = [("ALLOW", 3), ("DENY", 6), ("ESCALATE", 8), ("REWRITE", 4), ("deny", 6)];
    check(|word| format!(r#"{{"attestation_id":"1","verdict":"{word}"}}"#), &aegis);
}

#[test]
fn generic() {
    let words = [
        ("\"emergency\"", 10),
        ("\"critical\"", 9),
        ("\"ERROR\"", 8),
        ("\"warning\"", 6),
        ("\"info\"", 3),
        ("\"debug\"", 1),
        ("7", 7),
        ("0", 0),
        ("11", 5),
        ("{}", 5),
    ];
    check(|word| format!(r#"{{"severity":{word}}}"#), &words);
}

#[test]
fn syslog_and_cef() {
    let mut mapper = build::mapper();
    let mut check = |format, tape: String, severity: u8| {
        let mapped = build::try_map(&mut mapper, None, format, &tape).unwrap();
        assert_eq!(mapped.fields.severity().get(), severity, "{tape}");
    };
    let words = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];
    let expected = [10, 10, 9, 8, 6, 3, 3, 1];
    for (code, (word, severity)) in words.iter().zip(expected).enumerate() {
        check(Format::Syslog, format!(r#"{{"severity":"{word}","message":""}}"#), severity);
        check(Format::Syslog, format!(r#"{{"severity_code":{code},"message":""}}"#), severity);
    }
    let words = [("Low", 3), ("Medium", 6), ("High", 8), ("Very-High", 9), ("Unknown", 5)];
    for (word, severity) in words {
        check(Format::Cef, format!(r#"{{"cef":{{"severity":"{word}"}}}}"#), severity);
    }
    for number in 0..=10 {
        check(Format::Cef, format!(r#"{{"cef":{{"severity":"{number}"}}}}"#), number);
    }
}
