//! Random events, hostile values, every profile, framing and limit: what comes out parses back to
//! what went in, or says what it cut.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::super::dictionary::Dictionary;
use super::parser::{Parsed, parse};
use super::*;
use crate::model::cef::DictionaryKey;
use crate::model::texts::{TextId, Texts};

/// Seconds in the dev profile. Raise it after a change to the encoder: 20,000 have passed.
const ROUNDS: u64 = 2_000;

const KEYS: &[&str] = &[
    "act",
    "app",
    "msg",
    "reason",
    "suser",
    "duid",
    "externalId",
    "deviceExternalId",
    "request",
    "cs1",
    "cs1Label",
    "cs2",
    "cs2Label",
    "cs6",
    "cs6Label",
    "cn1",
    "cn1Label",
    "cfp1",
    "cfp1Label",
    "c6a2",
    "c6a2Label",
    "src",
    "dst",
    "dvc",
    "spt",
    "rt",
    "smac",
    "in",
    "cnt",
    "sourceTranslatedAddress",
    "deviceCustomDate1",
    "deviceCustomDate1Label",
    "threatActor",
    "reportedDuration",
    "aid",
    "rawEvent",
    "model",
    "tokenIn",
    "user.name",
    "username",
    "値",
    "a b",
    "",
    "spoolgateTruncated",
    "Act",
    "k=v",
    "x\ny",
];

const FRAGMENTS: &[&str] = &[
    "a",
    "value",
    "=",
    "\\",
    "|",
    "\n",
    "\r",
    "\r\n",
    "\t",
    "\0",
    "\u{1b}[0m",
    "\u{7f}",
    " ",
    "  ",
    "é",
    "e\u{301}\u{327}",
    "日本語",
    "🦀",
    "👩‍👩‍👧",
    "\u{202e}",
    "\u{feff}",
    "\u{85}",
    "\u{2028}",
    "\\n",
    "\\=",
    "key=value",
    " act=allow",
    "CEF:0|",
    "<134>1 ",
    "\"",
    "]",
    "192.0.2.1",
    "::1",
    "2001:db8::1",
    "42",
    "-7",
    "70000",
    "4294967296",
    "1741824000123",
    "0.5",
    "NaN",
    "00:1b:44:11:3a:b7",
    "Mar 13 2026 00:00:00",
    "\u{10ffff}",
    "C:\\new\\readme",
    "\u{fffd}",
];

fn text(random: &mut fastrand::Rng) -> String {
    let most = match random.u8(0..20) {
        0 => 3000,
        1..=3 => 200,
        4..=8 => 1,
        _ => 8,
    };
    (0..random.usize(0..=most)).map(|_| FRAGMENTS[random.usize(0..FRAGMENTS.len())]).collect()
}

fn event(random: &mut fastrand::Rng) -> Fields {
    let mut fields = Fields::new();
    let slots = [
        Slot::DeviceVendor,
        Slot::DeviceProduct,
        Slot::DeviceVersion,
        Slot::EventClassId,
        Slot::Name,
        Slot::Id,
        Slot::EventType,
    ];
    for slot in slots {
        if random.bool() {
            fields.set(slot, &text(random));
        }
    }
    fields.set_severity(Severity::new(random.u8(0..=10)).unwrap());
    if random.bool() {
        fields.set_time(Some(EventTime(random.i64(0..4_000_000_000_000_000))));
    }
    for _ in 0..random.usize(0..30) {
        let key = match random.u8(0..8) {
            0 => format!("custom{}", random.u8(..)),
            _ => KEYS[random.usize(0..KEYS.len())].to_owned(),
        };
        let value = text(random);
        match DictionaryKey::find(&key) {
            Some(known) if random.bool() => fields.push(PairKey::Dictionary(known), &value),
            _ => fields.push(PairKey::Text(&key), &value),
        }
    }
    fields
}

fn settings(random: &mut fastrand::Rng) -> Settings {
    let framings =
        [Framing::Lf, Framing::OctetCounting, Framing::Nul, Framing::CrLf, Framing::Datagram];
    Settings {
        framing: framings[random.usize(0..framings.len())],
        cef: CefSettings {
            version: random.u8(0..2),
            strict: random.bool(),
            ..CefSettings::default()
        },
        max_message_bytes: match random.u8(0..4) {
            0 => random.usize(200..600),
            1 => [480, 1024, 2048, 4096][random.usize(0..4)],
            2 => 32_000,
            _ => random.usize(200..32_000),
        },
        structured_data: random.bool(),
        bom: random.bool(),
        ..qradar()
    }
}

/// The message without its framing.
fn unframe(framing: Framing, framed: &str) -> &str {
    match framing {
        Framing::Lf => framed.strip_suffix('\n').expect("LF"),
        Framing::CrLf => framed.strip_suffix("\r\n").expect("CR LF"),
        Framing::Nul => framed.strip_suffix('\0').expect("NUL"),
        Framing::Datagram => framed,
        Framing::OctetCounting => {
            let (count, message) = framed.split_once(' ').expect("a count");
            assert_eq!(count, message.len().to_string());
            message
        }
    }
}

/// What a value is on arrival if nothing is cut, by the rules of the fact sheet.
fn expected(value: &str) -> String {
    let ends = |letter: char| letter == ' ' || letter.is_ascii_control();
    value
        .trim_matches(ends)
        .replace("\r\n", "\n")
        .replace('\r', "\n")
        .replace('\t', " ")
        .chars()
        .filter(|letter| *letter == '\n' || !letter.is_ascii_control())
        .collect()
}

/// True if the marker names the key, or the dictionary does not allow the value its length.
fn may_be_cut(key: &str, source: &str, marker: &str, dictionary: &Dictionary) -> bool {
    let escaped = source.replace('\\', r"\\").replace('=', r"\=").replace('\n', r"\n");
    marker.contains('+')
        || marker.split(',').any(|name| name == key)
        || dictionary.find(key).is_some_and(|rule| escaped.len() > rule.value_bytes_max)
}

fn check_pairs(parsed: &Parsed, fields: &Fields, encoded: Encoded, dictionary: &Dictionary) {
    let tape = Tape::new();
    let event = Event::new(&tape, "");
    let marker = parsed.value("spoolgateTruncated").unwrap_or("");
    for (key, value) in &parsed.pairs {
        let is_word = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
        assert!(is_word && !matches!(key.as_str(), "aid" | "rawEvent"), "{key}");
        let clean = |key: &str| key.replace(|letter: char| !letter.is_ascii_alphanumeric(), "");
        let sources: Vec<String> = fields
            .pairs(event)
            .filter(|(name, _)| clean(name.text()) == *key)
            .map(|(_, source)| expected(source))
            .collect();
        if sources.is_empty() || key == "spoolgateTruncated" {
            // Moved here by strict mode, or the marker.
            continue;
        }
        let is_whole = sources.contains(value);
        let is_part = sources.iter().any(|source| {
            source.starts_with(value.as_str()) && may_be_cut(key, source, marker, dictionary)
        });
        let is_moved = encoded.mismatched > 0;
        assert!(is_whole || is_moved || (is_part && encoded.truncated), "{key}={value:?} {marker}");
    }
}

fn check_strict(parsed: &Parsed) {
    for (key, value) in &parsed.pairs {
        let fits = match key.as_str() {
            "src" | "dst" | "dvc" | "sourceTranslatedAddress" => value.parse::<Ipv4Addr>().is_ok(),
            "c6a1" | "c6a2" | "c6a3" => value.parse::<Ipv6Addr>().is_ok(),
            "spt" => value.parse::<u16>().is_ok(),
            "cnt" => value.parse::<i32>().is_ok(),
            "cn1" | "in" => value.parse::<i64>().is_ok(),
            "cfp1" => value.parse::<f64>().is_ok_and(f64::is_finite),
            "rt" | "deviceCustomDate1" => {
                value.parse::<i64>().is_ok() || value.starts_with("Mar 13 2026")
            }
            "smac" => value.matches(':').count() == 5,
            _ => true,
        };
        assert!(fits, "{key}={value}");
    }
}

#[test]
fn every_message_parses_back() {
    let tape = Tape::new();
    let dictionary = Dictionary::new();
    for seed in 0..ROUNDS {
        let mut random = fastrand::Rng::with_seed(seed);
        let settings = settings(&mut random);
        let mut encoder = Encoder::new(settings.clone());
        for _ in 0..3 {
            let fields = event(&mut random);
            let no_event = Event::new(&tape, "");
            let (framed, encoded) = encode_with(&mut encoder, &fields, no_event, random.u32(..));
            let message = unframe(settings.framing, &framed);
            assert!(message.len() <= settings.max_message_bytes, "seed {seed}");
            let parsed =
                parse(message).unwrap_or_else(|error| panic!("seed {seed}: {error}: {message:?}"));
            assert_eq!(parsed.hostname, settings.hostname);
            assert_eq!(parsed.header[0], settings.cef.version.to_string());
            assert_eq!(parsed.header[6], fields.severity().get().to_string());
            check_pairs(&parsed, &fields, encoded, &dictionary);
            if settings.cef.strict {
                check_strict(&parsed);
            }
            if !encoded.truncated && encoded.dropped == 0 && !settings.cef.strict {
                let sent =
                    fields.pairs(no_event).filter(|(_, value)| !expected(value).is_empty()).count();
                let filled = parsed.pairs.iter().filter(|(_, value)| !value.is_empty()).count();
                // A label goes with an empty value of its own.
                assert!(filled <= sent && filled + 4 >= sent, "seed {seed}: {filled} of {sent}");
            }
        }
    }
}

/// The same events as LEEF and over RFC 3164: one line, UTF-8, within the limit, each key once.
#[test]
fn every_leef_message_splits_back() {
    for seed in 0..ROUNDS / 4 {
        let mut random = fastrand::Rng::with_seed(seed);
        let delimiter = ['\t', '^', '|', '¦', '\n'][random.usize(0..5)];
        let settings = Settings {
            body: if random.bool() { Body::Leef1 } else { Body::Leef2 { delimiter } },
            header: Header::Rfc3164,
            ..settings(&mut random)
        };
        let sign = match settings.body {
            Body::Leef2 { delimiter } if delimiter != '\n' => delimiter,
            _ => '\t',
        };
        let fields = event(&mut random);
        let (framed, encoded) = encode(settings.clone(), &fields);
        let message = unframe(settings.framing, &framed);
        assert!(message.len() <= settings.max_message_bytes, "seed {seed}");
        let is_plain = |letter: char| letter == sign || !letter.is_ascii_control();
        assert!(message.chars().all(is_plain), "seed {seed}: {message:?}");
        let fields = if matches!(settings.body, Body::Leef1) { 5 } else { 6 };
        let (_, body) = message.split_once("LEEF:").expect("LEEF");
        let attributes = body.splitn(fields + 1, '|').last().expect("attributes");
        let mut keys = Vec::new();
        for attribute in attributes.split(sign).filter(|text| !text.is_empty()) {
            let (key, _) = attribute.split_once('=').expect("an attribute");
            assert!(key.bytes().all(|byte| byte.is_ascii_alphanumeric()), "seed {seed}: {key}");
            assert!(!keys.contains(&key), "seed {seed}: {key}");
            keys.push(key);
        }
        assert!(keys.contains(&"sev") || encoded.truncated, "seed {seed}");
    }
}

/// An event is written as if no other had been written before: what is kept of the form of earlier
/// events changes nothing, whatever the values are.
#[test]
fn an_event_is_written_as_if_it_were_the_first_of_its_form() {
    let random = &mut fastrand::Rng::with_seed(6);
    let texts = Texts::new((0..12).map(|_| text(random)).collect());
    let mut long_values = 0;
    for _ in 0..ROUNDS / 20 {
        let settings = settings(random);
        let mut kept = Encoder::new(settings.clone());
        let keys: Vec<(String, bool, usize)> = (0..random.usize(0..12))
            .map(|_| match random.u8(0..6) {
                0 => (format!("custom{}", random.u8(..)), random.bool(), 0),
                _ => {
                    (KEYS[random.usize(0..KEYS.len())].to_owned(), random.bool(), random.usize(..))
                }
            })
            .collect();
        for _ in 0..12 {
            let mut fields = Fields::new();
            fields.use_texts(&texts);
            for (key, is_known, label) in &keys {
                let known = DictionaryKey::find(key).filter(|_| *is_known);
                let head = fields.head(known.map_or(PairKey::Text(key), PairKey::Dictionary));
                let head = match known {
                    Some(_) if label % 2 == 0 => head.labelled(TextId::at(label % 12)),
                    _ => head,
                };
                match random.u8(0..8) {
                    0 => fields.push_fixed(head, TextId::at(random.usize(0..12))),
                    1 => fields.push_with(head, |value| value.push_str("1741824000123")),
                    2 => fields.push_with(head, |value| value.push_str("192.0.2.1")),
                    _ => fields.push_with(head, |value| value.push_str(&text(random))),
                }
            }
            if random.bool() {
                fields.finish();
            }
            let (tape, now) = (Tape::new(), EventTime(0));
            let event = Event::new(&tape, "");
            let (mut out, mut expected) = (Vec::new(), Vec::new());
            let encoded = kept.encode(&fields, event, now, 1, &mut out);
            let wanted =
                Encoder::new(settings.clone()).encode(&fields, event, now, 1, &mut expected);
            assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(&expected));
            assert_eq!(encoded, wanted);
            long_values += u32::from(encoded.truncated);
        }
    }
    assert!(long_values > 100, "{long_values}");
}

/// A label that comes with its pair is written as one that comes as a pair of its own, whatever the
/// event, and whatever else was written before under the same keys.
#[test]
fn a_label_is_written_as_the_pair_that_it_is() {
    let random = &mut fastrand::Rng::with_seed(5);
    let labelled: Vec<DictionaryKey> = KEYS
        .iter()
        .filter_map(|key| DictionaryKey::find(key))
        .filter(|key| key.label().is_some())
        .collect();
    let texts: Vec<String> = (0..12).map(|_| text(random)).collect();
    for _ in 0..ROUNDS / 20 {
        let settings = settings(random);
        let (mut together, mut apart) =
            (Encoder::new(settings.clone()), Encoder::new(settings.clone()));
        for _ in 0..20 {
            let (mut with, mut before) = (Fields::new(), Fields::new());
            with.use_texts(&Texts::new(texts.clone()));
            for _ in 0..random.usize(0..10) {
                let (value, at) = (text(random), random.usize(0..texts.len()));
                let key = match random.u8(0..4) {
                    0 => PairKey::Text(KEYS[random.usize(0..KEYS.len())]),
                    _ => PairKey::Dictionary(labelled[random.usize(0..labelled.len())]),
                };
                let mut head = with.head(key);
                if let PairKey::Dictionary(known) = key {
                    head = head.labelled(TextId::at(at));
                    before.push(PairKey::Dictionary(known.label().unwrap()), &texts[at]);
                }
                with.push_with(head, |text| text.push_str(&value));
                before.push(key, &value);
            }
            let (tape, now) = (Tape::new(), EventTime(0));
            let event = Event::new(&tape, "");
            let (mut out, mut expected) = (Vec::new(), Vec::new());
            let encoded = together.encode(&with, event, now, 1, &mut out);
            let wanted = apart.encode(&before, event, now, 1, &mut expected);
            assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(&expected));
            assert_eq!(encoded, wanted);
        }
    }
}
