//! JSON bodies.

use super::*;

/// A tape as a decoder would fill it, from a value; numbers are spelled as given.
fn tape_of(text: &str) -> Tape {
    fn fill(value: &serde_json::Value, tape: &mut Tape) {
        match value {
            serde_json::Value::Null => tape.null(),
            serde_json::Value::Bool(value) => tape.bool(*value),
            serde_json::Value::Number(number) => tape.number(&number.to_string()),
            serde_json::Value::String(text) => tape.text(text),
            serde_json::Value::Array(items) => {
                let open = tape.open_array();
                items.iter().for_each(|item| fill(item, tape));
                tape.close(open);
            }
            serde_json::Value::Object(members) => {
                let open = tape.open_object();
                for (key, value) in members {
                    tape.key(key);
                    fill(value, tape);
                }
                tape.close(open);
            }
        }
    }
    let mut tape = Tape::new();
    fill(&serde_json::from_str(text).expect("JSON"), &mut tape);
    tape
}

fn body(tape: &Tape, max_message_bytes: usize) -> (String, Encoded) {
    let settings = Settings { body: Body::Json, max_message_bytes, ..qradar() };
    let event = Event::new(tape, "the line must not be sent");
    let (line, encoded) = encode_with(&mut Encoder::new(settings), &with_pairs(&[]), event, 1);
    assert!(line.len() <= max_message_bytes + 1, "{}", line.len());
    let (_, text) = line.trim_end_matches('\n').split_once(" Guard - - - ").expect("a header");
    (text.to_owned(), encoded)
}

#[test]
fn keeps_order_spelling_and_escapes() {
    let mut tape = Tape::new();
    let root = tape.open_object();
    tape.key("z");
    tape.number("1.50e+03");
    tape.key("a\"b");
    let array = tape.open_array();
    tape.null();
    tape.bool(true);
    tape.bool(false);
    tape.text("\u{0}\n\r\t\u{1f}\u{7f}\\/é🦀\u{2028}");
    tape.close(array);
    tape.key("empty");
    let empty = tape.open_object();
    tape.close(empty);
    tape.key("odd");
    tape.number("NaN");
    tape.close(root);
    let (text, encoded) = body(&tape, 4096);
    assert_eq!(
        text,
        "{\"z\":1.50e+03,\"a\\\"b\":[null,true,false,\
         \"\\u0000\\n\\r\\t\\u001f\u{7f}\\\\/é🦀\u{2028}\"],\"empty\":{},\"odd\":\"NaN\"}"
    );
    assert_eq!(encoded, Encoded::default());
    assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
}

#[test]
fn guarded_members_are_absent() {
    let mut tape = tape_of(r#"{"a":1,"value":"secret","b":{"value":{"x":1},"c":2}}"#);
    tape.remove_keys("", |key| key == "value");
    assert_eq!(body(&tape, 4096).0, r#"{"a":1,"b":{"c":2}}"#);
}

#[test]
fn an_empty_tape_is_an_empty_object() {
    assert_eq!(body(&Tape::new(), 4096).0, "{}");
}

#[test]
fn the_longest_strings_are_cut_first() {
    let long = "\\\u{1}é\"🦀".repeat(400);
    let tape = tape_of(
        &serde_json::json!({"id": "short", "n": 1, "deep": {"text": long, "list": [long, 2]}})
            .to_string(),
    );
    for limit in (300..4000).step_by(37) {
        let (text, encoded) = body(&tape, limit);
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert!(encoded.truncated);
        assert_eq!((&value["id"], &value["n"]), (&"short".into(), &1.into()));
        let kept = value["deep"]["text"].as_str().expect("a string");
        assert!(long.starts_with(kept) && !kept.is_empty());
        assert_eq!(value["deep"]["list"][1], 2);
        let marker = serde_json::json!(["deep.list", "deep.text"]);
        assert!(
            value["spoolgateTruncated"] == marker || value["spoolgateTruncated"].is_array(),
            "{text}"
        );
    }
    let (text, _) = body(&tape, 1000);
    assert!(
        text.ends_with(r#","spoolgateTruncated":["deep.text","deep.list"]}"#)
            || text.ends_with(r#","spoolgateTruncated":["deep.list","deep.text"]}"#),
        "{text}"
    );
    assert!(text.len() > 860, "the room is used: {}", text.len());
}

#[test]
fn members_go_when_cutting_is_not_enough() {
    let numbers: Vec<u32> = (0..5000).collect();
    let wide: serde_json::Map<String, serde_json::Value> =
        (0..500).map(|n| (format!("key,\"{n}\""), n.into())).collect();
    for root in [
        serde_json::json!({"id": "kept", "numbers": numbers, "spoolgateTruncated": "own"}),
        serde_json::json!(numbers),
        serde_json::json!("é".repeat(9000)),
        serde_json::Value::Object(wide),
    ] {
        let tape = tape_of(&root.to_string());
        for limit in (200..2000).step_by(11) {
            let (text, encoded) = body(&tape, limit);
            let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            assert!(encoded.truncated);
            assert!(value["spoolgateTruncated"].as_array().is_some_and(|list| !list.is_empty()));
            assert_eq!(text.matches("spoolgateTruncated").count(), 1);
            if limit > 260 && root["id"] == "kept" {
                assert_eq!(value["id"], "kept");
            }
        }
    }
}

#[test]
fn nesting_has_an_end() {
    let mut tape = Tape::new();
    let opens: Vec<_> = (0..100_000).map(|_| tape.open_array()).collect();
    opens.into_iter().rev().for_each(|open| tape.close(open));
    let (text, encoded) = body(&tape, 4096);
    assert!(encoded.truncated && text.contains("null") && text.contains("spoolgateTruncated"));
}
