//! Messages over their limit.

use super::parser::{Parsed, parse};
use super::*;

fn limited(fields: &Fields, max_message_bytes: usize) -> (Parsed, usize) {
    let settings = Settings { max_message_bytes, framing: Framing::Datagram, ..qradar() };
    let (message, encoded) = encode(settings, fields);
    assert!(encoded.truncated && message.len() <= max_message_bytes, "{message}");
    (parse(&message).unwrap_or_else(|error| panic!("{error}: {message}")), message.len())
}

#[test]
fn the_longest_value_is_cut_and_named() {
    let long = "=\\é🦀 ".repeat(100);
    let event = with_pairs(&[("act", "block"), ("msg", &long), ("rt", "1741824000123")]);
    for limit in 300..700 {
        let (parsed, length) = limited(&event, limit);
        assert!(limit - length <= 8, "the room is used: {length} of {limit}");
        assert_eq!(parsed.value("act"), Some("block"));
        assert_eq!(parsed.value("rt"), Some("1741824000123"));
        assert_eq!(parsed.value("spoolgateTruncated"), Some("msg"));
        assert!(long.starts_with(parsed.value("msg").unwrap()));
    }
}

#[test]
fn several_long_values_are_cut_to_one_length() {
    let [a, b, c] = ["a", "b", "c"].map(|letter| letter.repeat(900));
    let event = with_pairs(&[("msg", &a), ("reason", &b), ("suser", "alice"), ("cs1", &c)]);
    let (parsed, length) = limited(&event, 1024);
    let lengths = ["msg", "reason", "cs1"].map(|key| parsed.value(key).unwrap().len());
    assert_eq!(lengths, [lengths[0]; 3]);
    assert!(lengths[0] > 200 && length > 1020, "{lengths:?} {length}");
    assert_eq!(parsed.value("spoolgateTruncated"), Some("msg,reason,cs1"));
}

#[test]
fn ids_numbers_and_addresses_are_never_cut() {
    let uuid = "e1c40000-0000-4000-8000-000000000000";
    let address = "2001:0db8:0000:0000:0000:0000:0000:0001";
    let event = with_pairs(&[
        ("c6a2Label", "Source IPv6 Address"),
        ("c6a2", address),
        ("msg", &"m".repeat(1000)),
        ("externalId", uuid),
    ]);
    for limit in 200..1000 {
        let (parsed, _) = limited(&event, limit);
        assert!([None, Some(address)].contains(&parsed.value("c6a2")));
        assert_eq!(parsed.value("c6a2").is_some(), parsed.value("c6a2Label").is_some());
        assert!([None, Some(uuid)].contains(&parsed.value("externalId")));
        assert!(parsed.value("spoolgateTruncated").is_some());
    }
}

/// Many short pairs: some go, from the end, each label with its value, the id last.
#[test]
fn pairs_go_from_the_end() {
    let names: Vec<(String, String)> = (0..500).map(|n| (format!("k{n}"), "v".into())).collect();
    let mut pairs: Vec<(&str, &str)> =
        names.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    pairs.insert(60, ("cs1Label", "Label"));
    pairs.insert(70, ("cs1", "value"));
    pairs.push(("externalId", "e1"));
    let event = with_pairs(&pairs);
    for limit in (300..2000).step_by(13) {
        let (parsed, length) = limited(&event, limit);
        assert_eq!(parsed.value("externalId"), Some("e1"));
        assert_eq!(parsed.value("cs1").is_some(), parsed.value("cs1Label").is_some());
        assert_eq!(parsed.value("k0"), Some("v"));
        assert!(limit - length < 40, "the room is used: {length} of {limit}");
        let marker = parsed.value("spoolgateTruncated").unwrap();
        let (_, more) = marker.split_once('+').expect("not all have room");
        let named = marker.matches(',').count();
        let left = parsed.pairs.len() - 1;
        assert_eq!(left + named + more.parse::<usize>().unwrap(), pairs.len(), "{marker}");
    }
}

#[test]
fn a_long_header_is_cut_where_it_hurts_least() {
    let long = r"|\é".repeat(300);
    let event = fields(["Acme", "Guard", "1"], [&long, &long], 5, &[("act", "block")]);
    let (parsed, _) = limited(&event, 1024);
    assert_eq!(parsed.header[1..4], ["Acme", "Guard", "1"]);
    assert!(long.starts_with(&parsed.header[4]) && long.starts_with(&parsed.header[5]));
    assert!(parsed.header[4].len() > 400 && parsed.header[5].len() < 8, "{:?}", parsed.header);
    assert_eq!(parsed.value("act"), Some("block"));
    let marker = parsed.value("spoolgateTruncated").unwrap();
    assert_eq!(marker, "name,deviceEventClassId");
}

/// All header fields at their longest, and the smallest limits: still a message.
#[test]
fn the_smallest_limits_hold() {
    let long = "é|".repeat(400);
    let mut event = fields([&long, &long, &long], [&long, &long], 10, &[("msg", &long)]);
    event.set(Slot::Id, &long);
    for hostname in ["h".repeat(255), "platform.arbitex.ai".into()] {
        for body in [Body::Cef, Body::Leef1, Body::Leef2 { delimiter: '¦' }, Body::Json] {
            for limit in (0..600).step_by(7) {
                let settings = Settings {
                    max_message_bytes: limit,
                    framing: Framing::Datagram,
                    hostname: hostname.clone(),
                    header: Header::Rfc5424 { fraction_digits: 6 },
                    structured_data: true,
                    bom: true,
                    body,
                    ..qradar()
                };
                let (message, encoded) = encode(settings, &event);
                assert!(message.len() <= limit.max(MESSAGE_BYTES_MIN), "{limit}: {message}");
                assert!(encoded.truncated || body == Body::Json);
            }
        }
    }
}

#[test]
fn leef_is_cut_likewise() {
    let long = "é\\ ".repeat(400);
    let event = with_pairs(&[("act", "block"), ("msg", &long)]);
    for limit in 300..1000 {
        let settings = Settings { body: Body::Leef1, max_message_bytes: limit, ..qradar() };
        let (line, encoded) = encode(settings, &event);
        let message = line.trim_end_matches('\n');
        assert!(encoded.truncated && message.len() <= limit);
        assert!(limit - message.len() <= 4, "the room is used: {} of {limit}", message.len());
        let mut attributes = message.split('\t').skip(3);
        assert_eq!(attributes.next(), Some("act=block"));
        let (key, value) = attributes.next().unwrap().split_once('=').unwrap();
        assert!(key == "msg" && long.starts_with(value));
        assert_eq!(attributes.next(), Some("spoolgateTruncated=msg"));
    }
}

/// The cut of an upstream forwarder is not said twice.
#[test]
fn an_own_marker_of_the_event_gives_way() {
    let event = with_pairs(&[("spoolgateTruncated", "old"), ("msg", &"m".repeat(900))]);
    let (parsed, _) = limited(&event, 400);
    assert_eq!(parsed.value("spoolgateTruncated"), Some("msg"));
}
