//! Strict CEF: no key holds what its type does not allow.

use super::*;

fn check(version: u8, pairs: &[(&str, &str)], wire: &str, mismatched: u32, dropped: u32) {
    let settings = CefSettings { version, strict: true, ..CefSettings::default() };
    let (text, encoded) = extension(settings, pairs);
    assert_eq!(text, wire, "{pairs:?}");
    assert_eq!((encoded.mismatched, encoded.dropped), (mismatched, dropped), "{pairs:?}");
}

#[test]
fn addresses_move_to_the_keys_for_ipv6() {
    check(
        0,
        &[("src", "2001:db8::1"), ("dst", "2001:db8::2"), ("dvc", "::3")],
        "c6a2Label=Source IPv6 Address c6a2=2001:db8::1 \
         c6a3Label=Destination IPv6 Address c6a3=2001:db8::2 \
         c6a1Label=Device IPv6 Address c6a1=::3",
        3,
        0,
    );
    check(
        0,
        &[("sourceTranslatedAddress", "::1"), ("src", "::2"), ("c6a2", "::3"), ("c6a2Label", "x")],
        "cs1Label=sourceTranslatedAddress cs1=::1 cs2Label=sourceAddress cs2=::2 \
         c6a2=::3 c6a2Label=x",
        2,
        0,
    );
}

#[test]
fn agent_ids_move_to_the_external_id_or_a_slot() {
    check(0, &[("src", "agent-7f3a"), ("act", "x")], "deviceExternalId=agent-7f3a act=x", 1, 0);
    check(0, &[("src", "192.0.2.1")], "src=192.0.2.1", 0, 0);
    check(
        0,
        &[("src", "agent-1"), ("dvc", "agent-2")],
        "deviceExternalId=agent-1 cs1Label=deviceAddress cs1=agent-2",
        2,
        0,
    );
    check(
        0,
        &[("src", "agent-1"), ("cs1Label", "A"), ("cs1", "1"), ("deviceExternalId", "d")],
        "cs2Label=sourceAddress cs2=agent-1 cs1Label=A cs1=1 deviceExternalId=d",
        1,
        0,
    );
    let long = "=".repeat(130);
    check(0, &[("src", &long)], &format!("cs1Label=sourceAddress cs1={}", r"\=".repeat(130)), 1, 0);
}

#[test]
fn numbers_move_with_their_label() {
    check(
        0,
        &[("cn1Label", "MatchPosition"), ("cn1", "n/a"), ("dpt", "70000"), ("rt", "2026-03-13")],
        "cs1Label=MatchPosition cs1=n/a cs2Label=destinationPort cs2=70000 \
         cs3Label=deviceReceiptTime cs3=2026-03-13",
        3,
        0,
    );
}

#[test]
fn without_a_free_slot_a_value_is_dropped() {
    let mut pairs: Vec<(String, &str)> = (1..=6).map(|n| (format!("cs{n}"), "x")).collect();
    pairs.push(("dst".into(), "host"));
    let pairs: Vec<_> = pairs.iter().map(|(key, value)| (key.as_str(), *value)).collect();
    check(0, &pairs, "cs1=x cs2=x cs3=x cs4=x cs5=x cs6=x", 1, 1);
}

#[test]
fn keys_of_cef_1_are_used_with_cef_1_alone() {
    let pairs = [("threatActor", "APT 99")];
    check(0, &pairs, "cs1Label=Threat actor cs1=APT 99", 0, 0);
    check(1, &pairs, "threatActor=APT 99", 0, 0);
}
