//! Escapes, lengths, keys and types of CEF.

use super::super::dictionary::{Dictionary, Kind};
use super::super::values;
use super::*;
use crate::model::cef::DictionaryKey;

#[test]
fn header_escapes() {
    let check = |input: &str, wire: &str| {
        let event = fields(["v", "p", "1"], [input, "n"], 5, &[]);
        let (line, _) = encode(qradar(), &event);
        let expected = format!(" CEF:0|v|p|1|{wire}|n|5|\n");
        assert!(line.ends_with(&expected), "{input:?}: {line:?}");
    };
    check("a|b", r"a\|b");
    check(r"a\b", r"a\\b");
    check(r"a\|b", r"a\\\|b");
    check("a=b", "a=b");
    check("two\nlines", "two lines");
    check("two\r\nlines", "two lines");
    check("two\rlines", "two lines");
    check("a\tb\0c\x7fd", "a bcd");
    check("ends\\", r"ends\\");
    check("  spaces \r\n", "spaces");
    check("値|", r"値\|");
}

#[test]
fn empty_header_fields_have_defaults() {
    let mut event = fields(["", " ", "\n"], ["", ""], 0, &[]);
    let (line, _) = encode(qradar(), &event);
    assert!(
        line.ends_with(" _ - - - CEF:0|Spoolgate|Spoolgate|unknown|event|event|0|\n"),
        "{line}"
    );
    event.set(Slot::EventType, "dlp.match");
    let (line, _) = encode(qradar(), &event);
    assert!(line.contains("|unknown|dlp.match|dlp.match|0|"), "{line}");
}

#[test]
fn header_fields_are_cut_to_their_lengths() {
    let long = "x".repeat(2000);
    let event = fields([&long, &long, &long], [&long, &long], 10, &[]);
    let (line, encoded) = encode(qradar(), &event);
    let lengths: Vec<usize> = line.split('|').map(str::len).collect();
    assert_eq!(lengths[1..], [63, 63, 31, 1023, 512, 2, 1]);
    assert!(encoded.truncated);
    // 62 octets and an escape of two: the escape goes whole.
    let event = fields([&format!("{}|", "x".repeat(62)), "p", "1"], ["i", "n"], 5, &[]);
    let (line, _) = encode(qradar(), &event);
    assert!(line.contains(&format!("CEF:0|{}|p|", "x".repeat(62))), "{line}");
}

#[test]
fn value_escapes() {
    let check = |input: &str, wire: &str| {
        let (text, encoded) = extension(CefSettings::default(), &[("msg", input), ("act", "x")]);
        assert_eq!(text, format!("msg={wire} act=x"), "{input:?}");
        assert_eq!(encoded, Encoded::default());
    };
    check("a=b", r"a\=b");
    check(r"a\b", r"a\\b");
    check(r"a\=b", r"a\\\=b");
    check("a|b", "a|b");
    check("l1\nl2", r"l1\nl2");
    check("l1\r\nl2", r"l1\nl2");
    check("l1\rl2", r"l1\nl2");
    check("l1\r\r\n\nl2", r"l1\n\n\nl2");
    check(r"C:\new\readme", r"C:\\new\\readme");
    check("x y=z w=1", r"x y\=z w\=1");
    check(r"ends\", r"ends\\");
    check(r"\n", r"\\n");
    check("日本語=値", r"日本語\=値");
    check("a\tb", "a b");
    check("a\x00\x01b\x7f", "ab");
    check("  both ends \n", "both ends");
    check("12345678901234567890=", r"12345678901234567890\=");
    check("", "");
    check("\"quoted\"", "\"quoted\"");
}

#[test]
fn values_are_cut_to_the_lengths_of_the_dictionary() {
    let check = |key: &str, value: &str, kept: &str| {
        let (text, encoded) = extension(CefSettings::default(), &[(key, value)]);
        assert_eq!(text, format!("{key}={kept}"));
        assert_eq!(encoded.truncated, value != kept, "{key}");
    };
    let x = |times| "x".repeat(times);
    check("act", &x(63), &x(63));
    check("act", &x(64), &x(63));
    check("externalId", &x(41), &x(40));
    check("app", &format!("{}é", x(30)), &x(30));
    check("app", &format!("{}é", x(29)), &format!("{}é", x(29)));
    check("app", &format!("{}=", x(30)), &x(30));
    check("app", &format!("{} {}", x(30), x(9)), &x(30));
    check("cs1", &x(4001), &x(4000)[..4000]);
    // A custom key has no length of its own.
    check("model", &x(3000), &x(3000));
    let (text, encoded) = extension(CefSettings::default(), &[("app", &"\\".repeat(40))]);
    assert_eq!((text.as_str(), encoded.truncated), (&*format!("app={}", "\\".repeat(30)), true));
}

#[test]
fn keys() {
    let check = |pairs: &[(&str, &str)], wire: &str, dropped: u32| {
        let (text, encoded) = extension(CefSettings::default(), pairs);
        assert_eq!((text.as_str(), encoded.dropped), (wire, dropped), "{pairs:?}");
    };
    check(&[("act", "1"), ("act", "2")], "act=1", 1);
    check(&[("model", "1"), ("model", "2"), ("Model", "3")], "model=1 Model=3", 1);
    check(&[("user.name", "1"), ("user_name", "2")], "username=1", 1);
    check(&[("a.c-t", "1"), ("act", "2")], "act=1", 1);
    check(&[("", "1"), ("値=", "2"), ("a b", "3")], "ab=3", 2);
    check(&[("aid", "1"), ("rawEvent", "2"), ("at", "3"), ("msg", "4")], "msg=4", 3);
    check(&[(&"k".repeat(300), "1")], &format!("{}=1", "k".repeat(128)), 0);
    check(&[("reportedResourceType", "vm")], "reportedResourceType=vm", 0);
}

#[test]
fn types_are_counted_and_empty_typed_values_left_out() {
    let check = |pairs: &[(&str, &str)], wire: &str, mismatched: u32| {
        let (text, encoded) = extension(CefSettings::default(), pairs);
        assert_eq!((text.as_str(), encoded.mismatched), (wire, mismatched), "{pairs:?}");
        assert_eq!(encoded.dropped, 0);
    };
    check(&[("src", "192.0.2.1"), ("dst", "::1")], "src=192.0.2.1 dst=::1", 1);
    check(&[("src", "agent-7f3a")], "src=agent-7f3a", 1);
    check(&[("src", ""), ("msg", "")], "msg=", 0);
    check(&[("spt", "65535"), ("dpt", "70000")], "spt=65535 dpt=70000", 1);
    // A label does not stay behind without its value, wherever it stands.
    check(&[("cn1Label", "A"), ("cn1", " "), ("msg", "x")], "msg=x", 0);
    check(&[("msg", "x"), ("cn1", ""), ("cn1Label", "A")], "msg=x", 0);
    check(&[("act", "y"), ("cn1Label", "A"), ("cn1", ""), ("msg", "x")], "act=y msg=x", 0);
    check(&[("act", "y"), ("cn1Label", "A"), ("cn1", "")], "act=y", 0);
    check(&[("cn1Label", "A"), ("cn1", "1")], "cn1Label=A cn1=1", 0);
}

#[test]
fn kinds() {
    let check = |kind: Kind, good: &[&str], bad: &[&str]| {
        for value in good {
            assert!(values::fits(kind, value), "{kind:?} {value}");
        }
        for value in bad {
            assert!(!values::fits(kind, value), "{kind:?} {value}");
        }
    };
    check(Kind::Ipv4, &["0.0.0.0", "255.255.255.255"], &["", "1.2.3", "256.1.1.1", "::1", "a"]);
    check(Kind::Ipv6, &["::1", "2001:db8::1", "::ffff:1.2.3.4"], &["1.2.3.4", "[::1]", "g::"]);
    check(Kind::Ip, &["::1", "1.2.3.4"], &["host"]);
    check(Kind::Mac, &["00:1b:44:11:3a:B7"], &["00-1b-44-11-3a-b7", "001b44113ab7", "0:1:2:3:4:5"]);
    check(Kind::Port, &["0", "65535"], &["65536", "-1", "+1", "http"]);
    check(Kind::Integer, &["-2147483648", "2147483647"], &["2147483648", "1.0", "+1", "1e3", "-"]);
    check(Kind::Long, &["9223372036854775807"], &["9223372036854775808", "0x10"]);
    check(Kind::FloatingPoint, &["0.87", "-1e-3", "5"], &["NaN", "inf", "1,5", "0.8.7", "e"]);
    check(
        Kind::TimeStamp,
        &[
            "1741824000123",
            "Mar 13 2026 00:00:00",
            "Mar 3 00:00:00.123",
            "Mar 13 2026 00:00:00.123 CET",
            "Mar 13 00:00:00 GMT+01:00",
        ],
        &[
            "2026-03-13T00:00:00Z",
            "Mrz 13 2026 00:00:00",
            "Mar 32 00:00:00",
            "Mar 13",
            "",
            "Mar 13 2026 24:00:00",
            "Mar 13 2026 00:00:00.12",
            "Mar 13 2026 00:00:00 CET x",
        ],
    );
}

#[test]
fn the_dictionary_is_whole() {
    let dictionary = Dictionary::new();
    let rules: Vec<_> = (0..=u8::MAX).filter_map(|index| dictionary.rule(index)).collect();
    assert_eq!(rules.len(), 177);
    for rule in &rules {
        assert_eq!(dictionary.find(rule.key).map(|found| found.index), Some(rule.index));
        let known = DictionaryKey::find(rule.key).unwrap();
        assert_eq!((known.row(), known.text()), (rule.index, rule.key));
        assert_eq!(rule.opening, format!(" {}=", rule.key));
    }
    assert_eq!(rules.iter().filter(|rule| rule.is_since_1).count(), 17);
    assert_eq!(rules.iter().filter(|rule| rule.kind == Kind::Port).count(), 4);
    assert_eq!(dictionary.find("externalId").map(|rule| rule.value_bytes_max), Some(40));
    for key in ["", "CS1", "cs7", "spoolgateTruncated", "srcx"] {
        assert!(dictionary.find(key).is_none(), "{key}");
    }
    let label = dictionary.find("deviceCustomDate1Label").unwrap();
    let value = dictionary.find("deviceCustomDate1").unwrap();
    assert_eq!((label.partner, value.partner), (Some(value.index), Some(label.index)));
}
