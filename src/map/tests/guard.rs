//! The privacy guard: what it takes, what it leaves, and that nothing gets past it.

use crate::map::{GUARDED_KEYS, Guard};
use crate::model::event::{Event, Tape};
use crate::model::fields::Fields;
use crate::model::format::{Decoded, Format};

use super::build;

const SECRET: &str = "sk-live-4242";

#[test]
fn knows_keys_in_any_spelling() {
    let guard = Guard::new(&["Customer-Note"]);
    for key in [
        "value",
        "VALUE",
        "matched_text",
        "matchedText",
        "MATCHED-TEXT",
        "Matched Text",
        "_value_",
        "v-a-l-u-e",
        "contentSample",
        "ContentSample",
        "content_sample",
        "system_prompt",
        "systemPrompt",
        "responses",
        "gen_ai.prompt",
        "prompt.0.text",
        "messages[0]",
        "llm:completion",
        "a/rawData",
        "customer_note",
        "customernote",
    ] {
        assert!(guard.guards(key), "{key}");
    }
    for key in GUARDED_KEYS {
        assert!(guard.guards(key) && guard.guards(&key.to_uppercase()), "{key}");
    }
}

/// What the seeds and OCSF carry as structure must survive.
#[test]
fn leaves_structure_alone() {
    let guard = Guard::new::<&str>(&[]);
    for key in [
        "",
        "v",
        "_",
        "-",
        ".",
        "message",
        "msg",
        "payload_size_bytes",
        "contentLength",
        "content_type",
        "metadata",
        "data",
        "prompt_tokens",
        "response_code",
        "response_time",
        "http_response",
        "value_type",
        "pattern_name",
        "matched_rules",
        "token_in",
        "event",
        "agent",
        "action",
        "entities_detected",
        "details",
        "values_count",
        "wert",
        "überprompt",
        "promptü",
    ] {
        assert!(!guard.guards(key), "{key}");
    }
}

#[test]
fn long_keys_are_compared_by_their_beginning() {
    let long = "k".repeat(100);
    let guard = Guard::new(&[&long]);
    assert!(guard.guards(&long));
    assert!(!guard.guards(&"k".repeat(63)));
    assert!(!Guard::new(&["", "_-"]).guards("anything"));
}

/// Every built-in schema, with the secret under guarded keys at every depth the mapping looks at.
#[test]
fn nothing_gets_past_it() {
    let wrap = |inner: &str| {
        format!(
            r#"{{{inner},"value":"{SECRET}","details":{{"contentSample":"{SECRET}","blocked":true,
            "deep":[{{"Matched-Text":["{SECRET}"]}},[{{"PROMPT":{{"a":"{SECRET}"}}}}]]}},
            "unmapped":{{"systemPrompt":"{SECRET}","model":"m"}},"raw.prompt":"{SECRET}",
            "message":"kept","extension":{{"prompt":"{SECRET}","msg":"kept"}},
            "structured_data":{{"id@1":{{"response_text":"{SECRET}","k":"kept"}}}}}}"#
        )
    };
    let cases = [
        (r#""class_uid":6003,"metadata":{"product":{"vendor_name":"Arbitex"}}"#, "arbitex"),
        (r#""event_type":"policy.deny""#, "mitrity"),
        (r#""event_type":"dlp.match""#, "mitrity"),
        (r#""type":"loop.detected""#, "aisg"),
        (r#""eventId":"1","eventType":"pii_detected""#, "resk"),
        (r#""attestation_id":"1","verdict":"DENY""#, "aegis"),
        (r#""class_uid":1001,"activity_id":1"#, "ocsf"),
        (r#""a":1"#, "generic"),
    ];
    let mut mapper = build::mapper();
    for (inner, schema) in cases {
        let event = wrap(inner);
        let mapped = build::try_map(&mut mapper, None, Format::Json, &event).unwrap();
        assert_eq!(mapped.schema, schema);
        assert!(!mapped.everything().contains(SECRET), "{}", mapped.everything());
    }
    for format in [Format::Syslog, Format::Cef] {
        let mapped = build::try_map(&mut mapper, None, format, &wrap(r#""a":1"#)).unwrap();
        assert!(mapped.everything().contains("kept"), "{}", mapped.everything());
        assert!(!mapped.everything().contains(SECRET), "{}", mapped.everything());
    }
}

/// A guarded key cannot steer detection either, and cannot name or time an event.
#[test]
fn runs_before_detection() {
    let mapped = build::map(r#"{"payload":{"event_type":"policy.deny"},"type":"x"}"#);
    assert_eq!(mapped.schema, "generic");
}

#[test]
fn counts_what_it_takes() {
    let mut tape = Tape::new();
    build::fill(r#"{"value":1,"value":2,"a":[{"prompt":null},{"b":{"content":{}}}]}"#, &mut tape);
    assert_eq!(Guard::new::<&str>(&[]).apply("", &mut tape), 4);
    let event = Event::new(&tape, "");
    assert_eq!(event.root().unwrap().members().count(), 1);
}

/// The tape numbers keys, and what a number means is remembered: numbers run out in a flood of
/// keys, and those of another tape mean other keys.
#[test]
fn guards_whatever_number_a_key_has() {
    let flood: String = (0..5000).map(|number| format!(r#""k{number}":1,"#)).collect();
    let lines = [
        format!(r#"{{"a":"x",{flood}"prompt":"{SECRET}","content":"{SECRET}"}}"#),
        format!(r#"{{"prompt":"{SECRET}","a":"x"}}"#),
        format!(r#"{{"b":"x","a":"y","payload":"{SECRET}"}}"#),
        format!(r#"{{"payload":"{SECRET}","content":"{SECRET}","a":{{"prompt":"{SECRET}"}}}}"#),
    ];
    let mut mapper = build::mapper();
    let (mut one, mut other) = (Tape::new(), Tape::new());
    for round in 0..3 {
        for line in lines.iter().skip(round) {
            for tape in [&mut one, &mut other] {
                build::fill(line, tape);
                let decoded = Decoded { line: "", format: Format::Json };
                let mut fields = Fields::new();
                mapper.map(None, decoded, tape, build::POSITION, &mut fields).unwrap();
                let pairs: Vec<_> = fields.pairs(Event::new(tape, "")).collect();
                let everything = format!("{pairs:?} {fields:?}");
                assert!(!everything.contains(SECRET), "{everything}");
            }
        }
    }
}
