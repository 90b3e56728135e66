use super::*;

#[test]
fn what_no_format_allows() {
    let check = |line: &[u8], error: &str| {
        for format in [Format::Auto, Format::Json, Format::Syslog, Format::Cef] {
            let mut tape = Tape::new();
            let found = Decoder::new().decode(format, line, &mut tape).unwrap_err();
            assert!(tape.is_empty());
            assert_eq!(found.to_string(), error);
        }
    };
    check(b"{\"a\":\"\xff\"}", "invalid UTF-8 at column 7; the spool must be written in UTF-8");
    check(
        b"{\"a\":\"b\0\"}",
        "NUL byte at column 8; the line was torn or is binary, write it again",
    );
    check(
        "\u{feff}{\"a\":1}".as_bytes(),
        "byte order mark at column 1; write the spool as UTF-8 without one",
    );
    check(b"", "the line is blank; write one event a line");
    check(b" \t", "the line is blank; write one event a line");
}

#[test]
fn tells_formats_apart() {
    let check = |line: &str, expected: Result<Format, &str>| {
        let found = decoded(Format::Auto, line);
        let found = found.as_ref().map(|(format, _)| *format).map_err(|error| error.kind());
        assert_eq!(found, expected, "{line}");
    };
    check(r#"  {"a":1}"#, Ok(Format::Json));
    check("{broken", Err("json"));
    check(r#"[{"a":1}]"#, Err("not_an_object"));
    check("[1427925689] SERVICE ALERT: down", Err("unrecognised"));
    check("<34>Oct 11 22:14:15 host su: failed", Ok(Format::Syslog));
    check("  <34>1 2003-10-11T22:14:15Z host su - - - failed", Ok(Format::Syslog));
    check("<999>nonsense", Ok(Format::Syslog));
    check("<html>", Err("unrecognised"));
    check("Jan 18 11:07:53 host text", Ok(Format::Syslog));
    check("Jan  8 2026 1:07:53 host text", Ok(Format::Syslog));
    check("2026-01-18T11:07:53.5+01:00 host text", Ok(Format::Syslog));
    check("Janitor 18 left", Err("unrecognised"));
    check("Jan 18 left", Err("unrecognised"));
    check("2026-01-18 11:07:53 an application's own log", Err("unrecognised"));
    check("CEF:0|a|b|c|d|e|5|", Ok(Format::Cef));
    check("CEF:nothing", Err("not_cef"));
    check("CEF:7|a|b|c|d|e|5|", Err("cef_version"));
    check("<14>CEF:0|a|b|c|d|e|5|", Ok(Format::Cef));
    check("<14>Jan 18 11:07:53 host CEF:0|a|b|c|d|e|5|", Ok(Format::Cef));
    check("<14>Jan 18 11:07:53 host tag: CEF:0|a|b|c|d|e|5|", Ok(Format::Cef));
    check("Jan 18 11:07:53 host CEF:0|a|b|c|d|e|5|", Ok(Format::Cef));
    check("<14>1 2026-01-18T11:07:53Z h a p m - CEF:0|a|b|c|d|e|5|", Ok(Format::Cef));
    check("<14>1 2026-01-18T11:07:53Z h a p m - \u{feff}CEF:0|a|b|c|d|e|5|", Ok(Format::Cef));
    check("<14>1 2026-01-18T11:07:53Z host CEF:0|a|b|c|d|e|5|", Ok(Format::Cef));
    check("<14>1 2026-01-18T11:07:53Z host app 12 - CEF:0|a|b|c|d|e|5|", Ok(Format::Cef));
    check("2026-01-18T11:07:53Z CEF:0|a|b|c|d|e|5|", Ok(Format::Cef));
    check("<14> 2026-01-18T11:07:53 host CEF:0|a|b|c|d|e|5|", Ok(Format::Cef));
    check("<14>Jan 18 11:07:53 host tag -: CEF:0|a|b|c|d|e|5|", Ok(Format::Cef));
    check("<14>tag[7]: CEF:0|a|b|c|d|e|5|", Ok(Format::Cef));
    check("<14>Jan 18 11:07:53 host tag: saw CEF:0|a|b|c|d|e|5|", Ok(Format::Syslog));
    check("<14>Jan 18 11:07:53 host tag CEF:0|a|b|c|d|e|5|", Ok(Format::Cef));
    check("<14>Jan 18 11:07:53 host we saw CEF:0|a|b|c|d|e|5|", Ok(Format::Syslog));
    check("<14>Jan 18 11:07:53 host tag: NOCEF:0|a|b|c|d|e|5|", Ok(Format::Syslog));
    check("LEEF:1.0|a|b|c|d|x=1", Err("leef"));
    check("<14>Jan 18 11:07:53 host LEEF:1.0|a|b|c|d|x=1", Ok(Format::Syslog));
    check("msgnum:1", Err("unrecognised"));
}

#[test]
fn a_configured_format_is_taken_at_its_word() {
    let check = |format, line: &str, expected: Result<Format, &str>| {
        let found = decoded(format, line);
        let found = found.as_ref().map(|(format, _)| *format).map_err(|error| error.kind());
        assert_eq!(found, expected, "{line}");
    };
    check(Format::Syslog, "nothing but message", Ok(Format::Syslog));
    check(Format::Syslog, r#"{"a":1}"#, Ok(Format::Syslog));
    check(Format::Syslog, "<14>Jan 18 11:07:53 host CEF:0|a|b|c|d|e|5|", Ok(Format::Syslog));
    check(Format::Cef, "anything before CEF:0|a|b|c|d|e|5|", Ok(Format::Cef));
    check(Format::Cef, r#"{"a":1}"#, Err("not_cef"));
    check(Format::Cef, "LEEF:1.0|a|b|c|d|x=1", Err("not_cef"));
    check(Format::Json, "CEF:0|a|b|c|d|e|5|", Err("json"));
    check(Format::Json, "<14>Jan 18 11:07:53 host text", Err("json"));
}
