//! The judges themselves: what they must accept, refuse, and agree on.

use super::*;

fn parts(header: [&str; 7], extension: &[(&str, &str)]) -> CefParts {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    CefParts { header: header.map(str::to_owned), extension: extension.iter().map(owned).collect() }
}

const PLAIN: [&str; 7] = ["0", "V", "P", "1", "id", "n", "5"];

#[test]
fn both_judges_read_what_was_meant() {
    let long = "x".repeat(60_000);
    let cases = [
        (r"CEF:0|V|P|1|id|n|5|".to_owned(), parts(PLAIN, &[])),
        (
            r"CEF:0|V\|v|P\\|1|id|a=b|5|msg=a\=b\\c\nd cs1=two words cs2=".to_owned(),
            parts(
                ["0", "V|v", "P\\", "1", "id", "a=b", "5"],
                &[("msg", "a=b\\c\nd"), ("cs1", "two words"), ("cs2", "")],
            ),
        ),
        (
            r#"CEF:1|V|P|1|id|n|10|cs1= cs2="q" msg=c\rr | é"#.to_owned(),
            parts(
                ["1", "V", "P", "1", "id", "n", "10"],
                &[("cs1", ""), ("cs2", "\"q\""), ("msg", "c\rr | é")],
            ),
        ),
        (
            "CEF:0| V |P|1|id|n|5|msg=  kept  ".to_owned(),
            parts(["0", " V ", "P", "1", "id", "n", "5"], &[("msg", "  kept  ")]),
        ),
        (format!("CEF:0|V|P|1|id|n|5|msg={long}"), parts(PLAIN, &[("msg", &long)])),
    ];
    let lines: Vec<_> = cases.iter().map(|(line, _)| line.clone()).collect();
    for (verdict, (line, want)) in judge_cef(&lines).into_iter().zip(&cases) {
        assert_eq!(verdict.as_ref(), Ok(want), "{line}");
    }
}

#[test]
fn each_judge_refuses_its_own() {
    let check = |line: &str, refused_by: &[Judge]| {
        for judge in [Judge::Vrl, Judge::Liblognorm] {
            let verdict = &judge.judge(&[line.to_owned()])[0];
            assert_eq!(verdict.is_err(), refused_by.contains(&judge), "{judge:?} {line}");
        }
        assert_eq!(judge_cef(&[line.to_owned()])[0].is_err(), !refused_by.is_empty(), "{line}");
    };
    check(r"CEF:0|V|P|1|id|n|5|msg=a=b", &[Judge::Vrl, Judge::Liblognorm]);
    check(r"CEF:0|V|P|1|id|n|5", &[Judge::Vrl, Judge::Liblognorm]);
    check(r"CEF:0|V\=|P|1|id|n|5|", &[Judge::Vrl, Judge::Liblognorm]);
    check(r"CEF:0|V|P|1|id|n|5|msg=a\x", &[Judge::Liblognorm]);
    check(r"CEF:0|V|P|1|id|n|5|msg=a\|b", &[Judge::Liblognorm]);
    check(r"CEF:0|V|P|1|id|n|5|m-g=a", &[Judge::Liblognorm]);
    check("CEF:0|V|P|1|id|n|5|msg=a\\", &[Judge::Vrl, Judge::Liblognorm]);
    check(r"CEF:0|V|P|1|id|n|5|msg=a", &[]);
}

#[test]
fn rsyslog_names_the_parts_of_a_message() {
    let messages = [
        &b"<134>1 2026-01-02T03:04:05.678Z outpost-07 Gate - sg01-0 - CEF:0|V|P|1|id|n|5|"[..],
        br#"<29>1 2026-01-02T03:04:05.000123+02:00 h a 7 m [x@1 k="\"v\]"][y@1] two  words"#,
        b"<13>Jan  2 03:04:05 h a: not RFC 5424",
    ];
    let [first, second, third]: [SyslogParts; 3] =
        judge_rfc5424(&messages.map(<[u8]>::to_vec)).try_into().unwrap();
    let want = SyslogParts {
        protocol_version: "1".to_owned(),
        pri: "134".to_owned(),
        timestamp: "2026-01-02T03:04:05.678Z".to_owned(),
        hostname: "outpost-07".to_owned(),
        app_name: "Gate".to_owned(),
        procid: "-".to_owned(),
        msgid: "sg01-0".to_owned(),
        structured_data: "-".to_owned(),
        msg: "CEF:0|V|P|1|id|n|5|".to_owned(),
    };
    assert_eq!(first, want);
    assert_eq!(second.structured_data, r#"[x@1 k="\"v\]"][y@1]"#);
    assert_eq!(second.timestamp, "2026-01-02T03:04:05.000123+02:00");
    assert_eq!((&*second.procid, &*second.msg), ("7", "two  words"));
    assert_eq!(third.protocol_version, "0");
}
