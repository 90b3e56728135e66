//! Syslog headers and framing.

use super::*;

#[test]
fn timestamps() {
    let check = |micros: i64, fraction_digits: u8, expected: &str| {
        let settings = Settings { header: Header::Rfc5424 { fraction_digits }, ..qradar() };
        let mut event = with_pairs(&[]);
        event.set_time(Some(EventTime(micros)));
        let (line, _) = encode(settings, &event);
        assert_eq!(line.split(' ').nth(1), Some(expected));
    };
    check(0, 3, "1970-01-01T00:00:00.000Z");
    check(-1, 6, "1969-12-31T23:59:59.999999Z");
    check(MILLIS * 1000 + 999, 3, "2026-03-13T00:00:00.123Z");
    check(MILLIS * 1000 + 456, 6, "2026-03-13T00:00:00.123456Z");
    check(MILLIS * 1000, 0, "2026-03-13T00:00:00Z");
    check(MILLIS * 1000, 1, "2026-03-13T00:00:00.1Z");
    check(MILLIS * 1000, 9, "2026-03-13T00:00:00.123000Z");
    check(951_782_400_000_000, 0, "2000-02-29T00:00:00Z");
    check(4_107_542_399_000_000, 0, "2100-02-28T23:59:59Z");
    check(4_107_542_400_000_000, 0, "2100-03-01T00:00:00Z");
    check(253_402_300_799_999_999, 6, "9999-12-31T23:59:59.999999Z");
    check(253_402_300_800_000_000, 6, "-");
    check(-62_167_219_200_000_000, 0, "0000-01-01T00:00:00Z");
    check(-62_167_219_200_000_001, 0, "-");
    check(i64::MAX, 3, "-");
    check(i64::MIN, 3, "-");
}

/// Every day of four centuries, against another calendar.
#[test]
fn dates_agree_with_jiff() {
    let mut civil = super::super::civil::Civil::new();
    for day in -60_000..90_000_i64 {
        let seconds = day * 86_400 + day.rem_euclid(86_400);
        let mut out = Vec::new();
        civil.rfc3339(EventTime(seconds * 1_000_000), 0, &mut out).unwrap();
        let expected = jiff::Timestamp::from_second(seconds).unwrap().to_string();
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

#[test]
fn an_event_without_a_time_gets_now() {
    let mut event = with_pairs(&[]);
    event.set_time(None);
    let (line, _) = encode(qradar(), &event);
    assert!(line.starts_with("<132>1 1970-01-01T00:00:00.000Z "), "{line}");
}

#[test]
fn rfc3164_pads_the_day_with_a_space() {
    let settings = Settings { header: Header::Rfc3164, ..qradar() };
    let mut event = with_pairs(&[]);
    event.set_time(EventTime::from_millis(1_772_500_000_000));
    let (line, _) = encode(settings.clone(), &event);
    assert!(line.starts_with("<132>Mar  3 01:06:40 platform.arbitex.ai CEF:0|"), "{line}");
    for micros in [i64::MAX, i64::MIN] {
        event.set_time(Some(EventTime(micros)));
        let (line, _) = encode(settings.clone(), &event);
        assert!(line.contains(" platform.arbitex.ai CEF:0|"), "{line}");
    }
}

#[test]
fn names_are_printable_and_short() {
    let check = |hostname: &str, product: &str, id: &str, expected: &str| {
        let settings = Settings { hostname: hostname.into(), ..qradar() };
        let mut event = fields(["v", product, "1"], ["i", "n"], 5, &[]);
        event.set(Slot::Id, id);
        let (line, _) = encode(settings, &event);
        let (header, _) = line.split_once(" CEF:0|").expect("CEF");
        assert_eq!(header.split_once("Z ").expect("a time").1, expected);
    };
    check("host", "Guard", "id-1", "host Guard - id-1 -");
    check("", "", "", "- Spoolgate - - -");
    check("hö st", "My Produkt ü", "id-1", "h__st My_Produkt__ - id-1 -");
    check("host", &"p".repeat(60), "", &format!("host {} - - -", "p".repeat(48)));
    check(&"h".repeat(300), "p", "", &format!("{} p - - -", "h".repeat(255)));
    check("CEF:", "LEEF:x", "CEF:0", "CEF_ LEEF_x - CEF_0 -");
    check(
        "host",
        "p",
        "e1c40000-0000-4000-8000-000000000000",
        "host p - e1c40000000040008000000000000000 -",
    );
}

#[test]
fn device_overrides_and_a_changing_device() {
    let cef = CefSettings {
        version: 1,
        device_product: Some("Other Product".into()),
        ..CefSettings::default()
    };
    let mut encoder = Encoder::new(Settings { cef, ..qradar() });
    let tape = Tape::new();
    for (vendor, version) in [("A", "1"), ("B", "1"), ("B", "2"), ("A", "1")] {
        let event = fields([vendor, "hidden", version], ["i", "n"], 5, &[]);
        let (line, _) = encode_with(&mut encoder, &event, Event::new(&tape, ""), 1);
        let expected =
            format!(" Other_Product - - - CEF:1|{vendor}|Other Product|{version}|i|n|5|\n");
        assert!(line.ends_with(&expected), "{line}");
    }
}

#[test]
fn priorities_follow_severity_and_facility() {
    let check = |facility: u8, severity: u8, expected: &str| {
        let settings = Settings { facility, ..qradar() };
        let (line, _) = encode(settings, &fields(["v", "p", "1"], ["i", "n"], severity, &[]));
        assert!(line.starts_with(expected), "{line}");
    };
    check(0, 10, "<2>1 ");
    check(16, 9, "<130>1 ");
    check(16, 7, "<131>1 ");
    check(16, 5, "<132>1 ");
    check(16, 0, "<134>1 ");
    check(23, 0, "<190>1 ");
}

#[test]
fn structured_data_and_bom() {
    let settings = Settings { structured_data: true, bom: true, ..qradar() };
    let mut encoder = Encoder::new(settings);
    let tape = Tape::new();
    let mut check = |sequence: u32, expected: &str| {
        let event = with_pairs(&[]);
        let (line, _) = encode_with(&mut encoder, &event, Event::new(&tape, ""), sequence);
        let expected = format!(
            " Guard - - [origin software=\"spoolgate\"][meta sequenceId=\"{expected}\"]\
             [timeQuality tzKnown=\"1\" isSynced=\"0\"] \u{feff}CEF:0|Acme|Guard|1|id|name|5|\n"
        );
        assert!(line.ends_with(&expected), "{line}");
    };
    check(1, "1");
    check(2_147_483_647, "2147483647");
    check(2_147_483_648, "1");
    check(u32::MAX, "1");
    check(0, "1");
}

#[test]
fn framings() {
    let check = |framing: Framing, before: &str, behind: &str| {
        let (plain, _) =
            encode(Settings { framing: Framing::Datagram, ..qradar() }, &with_pairs(&[]));
        let (line, _) = encode(Settings { framing, ..qradar() }, &with_pairs(&[]));
        assert_eq!(line, format!("{before}{plain}{behind}"));
        assert_eq!(plain.len(), 93);
    };
    check(Framing::Lf, "", "\n");
    check(Framing::CrLf, "", "\r\n");
    check(Framing::Nul, "", "\0");
    check(Framing::Datagram, "", "");
    check(Framing::OctetCounting, "93 ", "");
}

/// Counts of two to five digits, one behind the other in one buffer, with characters of several
/// octets and a BOM.
#[test]
fn octet_counts_are_right_whatever_came_before() {
    let settings = Settings {
        framing: Framing::OctetCounting,
        hostname: "h".into(),
        max_message_bytes: 32_000,
        bom: true,
        ..qradar()
    };
    let mut encoder = Encoder::new(settings);
    let tape = Tape::new();
    let mut out = Vec::new();
    let lengths = [0, 2000, 1, 15_000, 0, 900, 907, 908, 909, 910, 911, 912, 1000, 0];
    for length in lengths {
        let event = fields(["é", "p", "1"], ["i", "n"], 5, &[("model", &"é".repeat(length))]);
        encoder.encode(&event, Event::new(&tape, ""), EventTime(0), 1, &mut out);
    }
    let mut rest = String::from_utf8(out).unwrap();
    for length in lengths {
        let (count, message) = rest.split_once(' ').unwrap();
        let (message, behind) = message.split_at(count.parse().unwrap());
        assert!(message.starts_with("<132>1 ") && message.ends_with(&"é".repeat(length)));
        rest = behind.to_owned();
    }
    assert_eq!(rest, "");
}
