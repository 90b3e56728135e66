//! Templates and what they make of events.

use super::super::preset;
use super::*;
use crate::model::event::{Event, Tape};
use crate::model::fields::{Fields, PairKey};
use crate::model::time::EventTime;

/// What a template makes of `{"a":"x\"y","n":7,"o":{"p":[true]},"z":null}`.
fn filled(template: &str) -> Result<String, TemplateError> {
    let template = Template::parse(template)?;
    let mut tape = Tape::new();
    let root = tape.open_object();
    tape.member("a", "x\"y");
    tape.key("n");
    tape.number("7");
    tape.key("o");
    let inner = tape.open_object();
    tape.key("p");
    let list = tape.open_array();
    tape.bool(true);
    tape.close(list);
    tape.close(inner);
    tape.key("z");
    tape.null();
    tape.close(root);
    let mut fields = Fields::new();
    fields.set(Slot::Name, "Grüße");
    fields.set(Slot::EventType, "thing.happened");
    fields.set_severity(Severity::new(8).unwrap());
    fields.push(PairKey::Text("act"), "blocked");
    let item = Item {
        fields: &fields,
        event: Event::new(&tape, ""),
        id: "id-1",
        schema: "generic",
        hostname: "outpost",
        time: EventTime(1_780_929_121_442_000),
    };
    let mut out = Vec::new();
    template.push(Payload::Event, &item, &mut out);
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn placeholders_are_values_outside_strings_and_text_inside() {
    let check = |template: &str, expected: &str| {
        let shown = filled(template).unwrap();
        assert_eq!(shown, expected);
        serde_json::from_str::<serde_json::Value>(&shown).unwrap();
    };
    check("[{{event.a}}, {{event.n}}]", r#"["x\"y",7]"#);
    check("{\n  \"a b\" : [ 1,\n\t\"c \\\\\" , \"\\\" d\" ]\n}", r#"{"a b":[1,"c \\","\" d"]}"#);
    check(r#""{{event.a}} {{ event.n }}""#, r#""x\"y 7""#);
    check(r#"["{{event.o}}",{{event.o}}]"#, r#"["{\"p\":[true]}",{"p":[true]}]"#);
    check(r#"["{{event.none}}{{event.z}}",{{event.none}},{{event.z}}]"#, r#"["",null,null]"#);
    check("{{event}}", r#"{"a":"x\"y","n":7,"o":{"p":[true]},"z":null}"#);
    check("{{details}}", r#"{"a":"x\"y","n":7,"o":{"p":[true]},"z":null}"#);
    check("[{{id}},{{schema}},{{hostname}}]", r#"["id-1","generic","outpost"]"#);
    check("{{time}}", r#""2026-06-08T14:32:01.442Z""#);
    check("[{{cef.act}},{{cef.none}},\"{{cef.none}}\"]", r#"["blocked",null,""]"#);
    check("[{{severity}},{{severity_word}},{{severity_level}}]", r#"[8,"high",3]"#);
    check("[{{pagerduty_severity}},{{slack_color}}]", r#"["error","danger"]"#);
    check(r#"["{{name:3}}","{{name:5}}","{{name:9}}"]"#, r#"["Grü","Grüße","Grüße"]"#);
    // A quote inside a string does not end it.
    check(r#""\"{{event.a}}\\{{id}}""#, r#""\"x\"y\\id-1""#);
}

#[test]
fn what_is_no_template_is_told_at_load() {
    let check = |template: &str, expected: &str| {
        let error = Template::parse(template).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    check("{{id", "not closed");
    check("{{nonsense}}", "there is no placeholder {{nonsense}}");
    check("{{event.}}", "there is no placeholder");
    check("{{name:10}}", "outside a string");
    check("\"{{name:x}}\"", "no number");
    check("\"{{name:0}}\"", "no number");
    check("{\"a\": {{id}}", "no JSON");
    check("{{id}} {{id}}", "no JSON");
    check("[1 2]", "no JSON");
    check("", "no JSON");
}

#[test]
fn bands_are_those_of_the_seed() {
    let table = [(3, "low", "good"), (6, "medium", "warning"), (8, "high", "danger")];
    for (cef, word, colour) in table {
        let band = band(Severity::new(cef).unwrap());
        assert_eq!((band.word, band.slack), (word, colour));
    }
    let levels = [3, 6, 8, 9].map(|cef| band(Severity::new(cef).unwrap()).level);
    assert_eq!(levels, ["1", "2", "3", "4"]);
    assert_eq!(band(Severity::new(10).unwrap()).slack, "#ff0000");
}

#[test]
fn the_presets_are_templates() {
    assert!(!Template::parse(preset::SLACK).unwrap().has_secret());
    let (trigger, resolve) = preset::pagerduty("{{id}}");
    assert!(Template::parse(&trigger).unwrap().has_secret());
    assert!(Template::parse(&resolve).unwrap().has_secret());
}

/// Nothing that an event holds breaks the JSON or its shape.
#[test]
fn no_text_breaks_out_of_a_preset() {
    let (trigger, _) = preset::pagerduty("{{event.text:255}}");
    let hostile = [
        "\",\"routing_key\":\"x",
        "\\",
        "\\\"",
        "\u{0}\u{1f}\n\r\t",
        "{{secret}}",
        "\u{2028}\u{fffd}😀",
        &"é".repeat(5000),
        &"\\\"".repeat(1500),
    ];
    for text in hostile {
        let mut tape = Tape::new();
        let root = tape.open_object();
        tape.member("text", text);
        tape.member(text, text);
        tape.close(root);
        let mut fields = Fields::new();
        [Slot::Name, Slot::EventType, Slot::DeviceVendor, Slot::DeviceProduct]
            .into_iter()
            .for_each(|slot| fields.set(slot, text));
        let item = Item {
            fields: &fields,
            event: Event::new(&tape, ""),
            id: text,
            schema: "generic",
            hostname: text,
            time: EventTime(0),
        };
        for (preset, keys) in [(preset::SLACK, 2), (trigger.as_str(), 4)] {
            let mut out = Vec::new();
            Template::parse(preset).unwrap().push(Payload::Event, &item, &mut out);
            let marks = out.iter().filter(|byte| **byte == SECRET_MARK).count();
            assert_eq!(marks, usize::from(keys == 4), "{text:?}");
            let shown = String::from_utf8(out).unwrap().replace('\u{0}', "key");
            let value: serde_json::Value = serde_json::from_str(&shown).unwrap();
            assert_eq!(value.as_object().map(serde_json::Map::len), Some(keys), "{text:?}");
            if keys == 4 {
                assert_eq!(value["routing_key"], "key");
                let summary = value["payload"]["summary"].as_str().unwrap();
                assert!(summary.chars().count() <= 1024);
                assert!(value["dedup_key"].as_str().unwrap().chars().count() <= 255);
            }
        }
    }
}
