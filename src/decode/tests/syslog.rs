use serde_json::json;

use super::*;

/// 2026-01-18T12:00:00Z
const NOW: EventTime = EventTime(1_768_737_600_000_000);

fn check(line: &str, expected: Json) {
    let mut decoder = Decoder::new();
    decoder.set_reference_time(NOW);
    let found = decoded_by(&mut decoder, Format::Syslog, line);
    assert_eq!(found, Ok((Format::Syslog, expected)), "{line}");
}

#[test]
fn rfc5424() {
    check(
        r#"<165>1 2003-10-11T22:14:15-07:00 host evntslog 007 ID47 [a@1 x="1" y="\"\\\]\n"][b] x"#,
        json!({
            "protocol": "rfc5424", "facility": "local4", "severity": "notice", "severity_code": 5,
            "timestamp": "2003-10-11T22:14:15-07:00", "hostname": "host",
            "appname": "evntslog", "procid": "007", "msgid": "ID47",
            "structured_data": {"a@1": {"x": "1", "y": "\"\\]\\n"}, "b": {}},
            "message": "x",
        }),
    );
    check(
        "<14>1 - - - - - -",
        json!({
            "protocol": "rfc5424", "facility": "user", "severity": "info", "severity_code": 6,
            "message": "",
        }),
    );
    check(
        "<14>1 2026-01-18T11:07:53Z h a worker-1 - - \u{feff}MSG ",
        json!({
            "protocol": "rfc5424", "facility": "user", "severity": "info", "severity_code": 6,
            "timestamp": "2026-01-18T11:07:53Z", "hostname": "h", "appname": "a",
            "procid": "worker-1", "message": "MSG",
        }),
    );
}

#[test]
fn rfc3164() {
    check(
        "<34>Jan  8 11:07:53 mymachine su[42]: 'su root' failed",
        json!({
            "protocol": "rfc3164", "facility": "auth", "severity": "crit", "severity_code": 2,
            "timestamp": "2026-01-08T11:07:53.000000Z", "hostname": "mymachine", "appname": "su",
            "procid": "42", "message": "'su root' failed",
        }),
    );
    check(
        "Jan 18 11:07:53 kernel: up",
        json!({
            "protocol": "rfc3164", "timestamp": "2026-01-18T11:07:53.000000Z",
            "appname": "kernel", "message": "up",
        }),
    );
    check(
        "<166>Nov 20 2022 02:32:35 192.0.2.1: %ASA-6-302013: Built",
        json!({
            "protocol": "rfc3164", "facility": "local4", "severity": "info", "severity_code": 6,
            "timestamp": "2022-11-20T02:32:35.000000Z", "hostname": "192.0.2.1",
            "message": "%ASA-6-302013: Built",
        }),
    );
    check(
        "<28>2019-12-02T16:49:23+02:00 host app[23410]: Test",
        json!({
            "protocol": "rfc3164", "facility": "daemon", "severity": "warning", "severity_code": 4,
            "timestamp": "2019-12-02T16:49:23+02:00", "hostname": "host", "appname": "app",
            "procid": "23410", "message": "Test",
        }),
    );
}

#[test]
fn what_devices_send_instead() {
    check(
        "<30>2006-01-02T15:04:05.25 localhost foo[7]: bar",
        json!({
            "protocol": "rfc3164", "facility": "daemon", "severity": "info", "severity_code": 6,
            "timestamp": "2006-01-02T15:04:05.250000Z", "hostname": "localhost", "appname": "foo",
            "procid": "7", "message": "bar",
        }),
    );
    check(
        "Jan 14 12:17:01.234 host.example CRON[869567]: closed",
        json!({
            "protocol": "rfc3164", "timestamp": "2026-01-14T12:17:01.234000Z",
            "hostname": "host.example", "appname": "CRON", "procid": "869567", "message": "closed",
        }),
    );
    check(
        "<191>Jan 14 11:28:30.407: %LINEPROTO-5-UPDOWN: Line",
        json!({
            "protocol": "rfc3164", "facility": "local7", "severity": "debug", "severity_code": 7,
            "timestamp": "2026-01-14T11:28:30.407000Z", "message": "%LINEPROTO-5-UPDOWN: Line",
        }),
    );
    check(
        "<164>fenotify-1.alert: text",
        json!({
            "protocol": "rfc3164", "facility": "local4", "severity": "warning", "severity_code": 4,
            "appname": "fenotify-1.alert", "message": "text",
        }),
    );
    check(
        "<132>1 2022-04-05T19:56:42.387Z fw - - - src=192.0.2.1 spt=1",
        json!({
            "protocol": "rfc5424", "facility": "local0", "severity": "warning", "severity_code": 4,
            "timestamp": "2022-04-05T19:56:42.387Z", "hostname": "fw",
            "message": "src=192.0.2.1 spt=1",
        }),
    );
    check(
        "<132>1 2022-04-05T19:56:42Z fw app some text",
        json!({
            "protocol": "rfc5424", "facility": "local0", "severity": "warning", "severity_code": 4,
            "timestamp": "2022-04-05T19:56:42Z", "hostname": "fw", "appname": "app",
            "message": "some text",
        }),
    );
    check("<999>x", json!({"protocol": "rfc3164", "message": "<999>x"}));
    check("tag: text", json!({"protocol": "rfc3164", "message": "tag: text"}));
    check(
        "<13>Jan 18 11:07:53 192.0.2.1 LEEF:1.0|a|b|c|d|x=1",
        json!({
            "protocol": "rfc3164", "facility": "user", "severity": "notice", "severity_code": 5,
            "timestamp": "2026-01-18T11:07:53.000000Z", "hostname": "192.0.2.1",
            "message": "LEEF:1.0|a|b|c|d|x=1",
        }),
    );
}

#[test]
fn only_what_is_marked_as_a_tag_leaves_the_message() {
    let check = |line: &str, host: Option<&str>, tag: Option<&str>, message: &str| {
        let (_, event) = decoded(Format::Auto, line).unwrap();
        let text = |key: &str| event.get(key).and_then(Json::as_str);
        assert_eq!((text("hostname"), text("appname")), (host, tag), "{line}");
        assert_eq!(text("message"), Some(message), "{line}");
    };
    check(
        "<14>Jan  5 12:51:34 fw 1,2015/01/05 12:51:34,x",
        Some("fw"),
        None,
        "1,2015/01/05 12:51:34,x",
    );
    check("Jan  5 08:52:35 10.22.8.216 %ASA-7-1: x", Some("10.22.8.216"), None, "%ASA-7-1: x");
    check("Aug 11 2016 11:43:02: %ASA-4-1: x", None, None, "%ASA-4-1: x");
    check("Jan  5 08:52:35 asa : %ASA-7-1: x", Some("asa"), None, "%ASA-7-1: x");
    check("Jan  5 08:52:35 fw date=2024-03-17 a=b", Some("fw"), None, "date=2024-03-17 a=b");
    check("Jan  5 08:52:35  fw RT_IDP: x", Some("fw"), Some("RT_IDP"), "x");
    check("Jan  5 08:52:35 mdm[173] [*] x", None, Some("mdm"), "[*] x");
    check("Jan  5 08:52:35 mac login[9] <Notice>: x", Some("mac"), Some("login"), "<Notice>: x");
    check("Jan  5 08:52:35 : x", None, None, "x");
}

#[test]
fn a_time_without_a_year_lies_in_the_past() {
    let check = |now: &str, time: &str, expected: Option<&str>| {
        let mut decoder = Decoder::new();
        if !now.is_empty() {
            let now: jiff::Timestamp = now.parse().unwrap();
            decoder.set_reference_time(EventTime(now.as_microsecond()));
        }
        let line = format!("{time} host tag: text");
        let (_, event) = decoded_by(&mut decoder, Format::Auto, &line).unwrap();
        assert_eq!(event.get("timestamp").and_then(Json::as_str), expected, "{now} {time}");
        assert_eq!(event["hostname"], "host");
    };
    let expected = |text| Some(text);
    check("2026-01-18T12:00:00Z", "Jan 18 11:07:53", expected("2026-01-18T11:07:53.000000Z"));
    check("2026-01-18T12:00:00Z", "Jan 19 01:00:00", expected("2026-01-19T01:00:00.000000Z"));
    check("2026-01-18T12:00:00Z", "Jan 20 01:00:00", expected("2025-01-20T01:00:00.000000Z"));
    check("2026-01-01T00:00:00Z", "Dec 31 23:59:59", expected("2025-12-31T23:59:59.000000Z"));
    check("2025-12-31T23:59:59Z", "Jan  1 00:00:01", expected("2026-01-01T00:00:01.000000Z"));
    check("2026-01-18T12:00:00Z", "Feb 29 00:00:00", expected("2024-02-29T00:00:00.000000Z"));
    check("", "Jan 18 11:07:53", None);
    check("", "Jan 18 2020 11:07:53", expected("2020-01-18T11:07:53.000000Z"));
    check("", "2020-01-18T11:07:53Z", expected("2020-01-18T11:07:53Z"));
    let mut decoder = Decoder::new();
    decoder.set_reference_year(1999);
    let (_, event) = decoded_by(&mut decoder, Format::Auto, "Dec 31 00:00:00 h t: x").unwrap();
    assert_eq!(event["timestamp"], "1999-12-31T00:00:00.000000Z");
}
