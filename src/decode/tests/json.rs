use std::collections::HashSet;

use super::*;
use crate::decode::json::Reader;

fn read(line: &str, tape: &mut Tape) -> Result<(), DecodeError> {
    tape.clear();
    Reader::default().read(line, tape)
}

/// The suite's files hold one document each, of any kind: it is the reader they test, and not
/// what the decoder asks of an event.
#[test]
fn json_test_suite() {
    let mut table = String::from("file\taccepted\n");
    let mut tape = Tape::new();
    let (mut must, mut may) = (0, 0);
    for path in sample_files("hostile/JSONTestSuite/test_parsing") {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let bytes = fs::read(&path).unwrap();
        let outcome = text(&bytes).and_then(|line| read(line, &mut tape));
        match name.as_bytes()[0] {
            b'y' => assert_eq!(outcome, Ok(()), "{name}"),
            b'n' => assert!(outcome.is_err(), "{name}"),
            _ => {
                may += 1;
                table.push_str(&match &outcome {
                    Ok(()) => format!("{name}\tyes\n"),
                    Err(error) => format!("{name}\tno: {error}\n"),
                });
            }
        }
        must += usize::from(name.as_bytes()[0] != b'i');
        // Whatever the format, nothing panics on them.
        for format in [Format::Auto, Format::Json, Format::Syslog, Format::Cef] {
            let _ = Decoder::new().decode(format, &bytes, &mut tape);
        }
    }
    assert_eq!((must, may), (283, 35));
    check_golden("json-test-suite.tsv", &table);
}

#[test]
fn naughty_strings_survive() {
    let path = tests_folder().join("samples/hostile/blns/blns.json");
    let strings: Vec<String> = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    assert!(strings.len() > 500);
    for string in strings {
        let line = serde_json::json!({ "text": string, &string: [string] }).to_string();
        let expected: Json = serde_json::from_str(&line).unwrap();
        assert_eq!(decoded(Format::Auto, &line), Ok((Format::Json, expected)));
    }
}

/// Every JSON sample, held against serde_json. Numbers beyond 64 bits are compared as floats.
#[test]
fn samples_equal_serde_json() {
    let mut decoder = Decoder::new();
    let mut tape = Tape::new();
    let mut compared = 0;
    for path in sample_files("json").into_iter().chain(sample_files("ocsf")) {
        for line in fs::read(&path).unwrap().split(|byte| *byte == b'\n') {
            if line.is_empty() {
                continue;
            }
            let expected: Json = serde_json::from_slice(line).unwrap();
            let decoded = decoder.decode(Format::Auto, line, &mut tape).unwrap();
            let root = Event::new(&tape, decoded.line).root().unwrap();
            assert!(rebuilt(root) == expected, "{}", path.display());
            compared += 1;
        }
    }
    assert!(compared > 3000, "{compared}");
}

#[test]
fn decodes() {
    let check = |line: &str| {
        let expected: Json = serde_json::from_str(line).unwrap();
        assert_eq!(decoded(Format::Auto, line), Ok((Format::Json, expected)), "{line}");
    };
    check("{}");
    check(" \t{ } ");
    check(r#"{"a":{},"b":[],"c":[{}],"d":[[],[1]]}"#);
    check(r#"{"a":"\"\\\/\b\f\n\r\t\u0041\ud83d\ude00 ü","é\n":""}"#);
    check(r#"{"a":[true,false,null,-0,1.5e-3,"x",{"b":[1,{"c":2}],"d":3}],"e":4}"#);
    check(r#"{"twice":1,"other":2,"twice":{"last":true}}"#);
}

#[test]
fn numbers_keep_their_spelling() {
    for digits in ["0", "-0", "1.10", "1E400", "-1e-9999", "123456789012345678901234567890.10"] {
        let line = format!("{{\"n\": {digits} }}");
        let mut tape = Tape::new();
        Decoder::new().decode(Format::Json, line.as_bytes(), &mut tape).unwrap();
        let number = Event::new(&tape, &line).at("n").unwrap();
        assert_eq!(number.kind(), Kind::Number(digits));
    }
}

/// Texts without escapes are read from the line and not copied.
#[test]
fn plain_texts_point_into_the_line() {
    let line = r#"{"plain":"text","esc\u0061ped":"a\tb","empty":""}"#;
    let mut tape = Tape::new();
    Decoder::new().decode(Format::Json, line.as_bytes(), &mut tape).unwrap();
    let event = Event::new(&tape, line);
    let range = line.as_bytes().as_ptr_range();
    let inside: HashSet<_> = event
        .root()
        .unwrap()
        .members()
        .flat_map(|(key, value)| [key, value.scalar().unwrap()])
        .filter(|text| !text.is_empty() && range.contains(&text.as_ptr()))
        .collect();
    assert_eq!(inside, HashSet::from(["plain", "text", "empty"]));
}

#[test]
fn refuses() {
    let check = |line: &str, error: &str| {
        let found = decoded(Format::Json, line).unwrap_err();
        assert_eq!(found.to_string(), error, "{line}");
    };
    let json = |column: usize, problem: &str| {
        format!("not valid JSON at column {column}: {problem}; write one JSON object a line")
    };
    check(r#"{"a":1}{"#, &json(8, "something follows the value"));
    check(r#"{"a":1,}"#, &json(8, "a comma without anything behind it"));
    check(r#"{"a" 1}"#, &json(6, "a key is followed by `:`"));
    check(r#"{"a":NaN}"#, &json(6, "a value must stand here"));
    check(r#"{"a":01}"#, &json(7, "a number that RFC 8259 does not allow"));
    check(r#"{"a":"\ud800"}"#, &json(7, "half a surrogate pair in a `\\u` escape"));
    check(r#"{"a":"\udc00"}"#, &json(7, "half a surrogate pair in a `\\u` escape"));
    check(r#"{"a":"x"#, &json(8, "the line ends inside a string"));
    check("{a:1}", &json(2, "a key must be a string in double quotes"));
    check("{\"a\":\"\x01\"}", &json(7, "a control character in a string must be escaped"));
    check("plain text", &json(1, "a value must stand here"));
    let object = |found: &str| {
        format!("an event is a JSON object and this is {found}; write one object a line")
    };
    check("[1]", &object("an array"));
    check("\"x\"", &object("a string"));
    check("1", &object("a number"));
    check("true", &object("a truth value"));
    check("null", &object("null"));
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| {
        let (open, close) = ("[".repeat(depth - 1), "]".repeat(depth - 1));
        decoded(Format::Json, &format!("{{\"a\":{open}{close}}}")).map(|_| ())
    };
    assert_eq!(nested(DEPTH_MAX), Ok(()));
    assert_eq!(nested(DEPTH_MAX + 1), Err(DecodeError::TooDeep { column: 133 }));
    assert_eq!(
        nested(100_000).unwrap_err().to_string(),
        "nested deeper than 128 at column 133; flatten the event"
    );
    // The reader is as good as new after an error.
    let mut decoder = Decoder::new();
    let mut tape = Tape::new();
    assert!(decoder.decode(Format::Json, br#"{"a":[[{"b":1"#, &mut tape).is_err());
    assert!(tape.is_empty());
    assert!(decoder.decode(Format::Json, br#"{"a":"b\n"}"#, &mut tape).is_ok());
}
