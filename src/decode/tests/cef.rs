use serde_json::json;

use super::*;

fn header(name: &str, severity: &str) -> Json {
    json!({
        "version": "0", "device_vendor": "Acme", "device_product": "Guard",
        "device_version": "1.4", "event_class_id": "LOGIN", "name": name, "severity": severity,
    })
}

#[test]
fn headers() {
    let check = |line: &str, expected: Json| {
        assert_eq!(decoded(Format::Auto, line), Ok((Format::Cef, expected)), "{line}");
    };
    let plain = |severity: &str| json!({"cef": header("Name", severity), "extension": {}});
    check("CEF:0|Acme|Guard|1.4|LOGIN|Name|0|", plain("0"));
    check("CEF:0|Acme|Guard|1.4|LOGIN|Name|10", plain("10"));
    check(" CEF: 0|Acme|Guard|1.4|LOGIN|Name| Very-High |  ", plain("Very-High"));
    check(
        r"CEF:0|Acme|Guard|1.4|LOGIN|a\|b\\|7|",
        json!({"cef": header(r"a|b\", "7"), "extension": {}}),
    );
    check(
        r"CEF:0|Acme|Guard|1.4|LOGIN|a=b \n \\\| C:\x|7|",
        json!({"cef": header(r"a=b \n \| C:\x", "7"), "extension": {}}),
    );
    check(
        "<134>1 2026-01-15T09:30:00Z gw01 acme 2411 LOGIN - CEF:0|Acme|Guard|1.4|LOGIN|Name|6|a=1",
        json!({
            "cef": header("Name", "6"), "extension": {"a": "1"},
            "syslog": {
                "protocol": "rfc5424", "facility": "local0", "severity": "info",
                "severity_code": 6, "timestamp": "2026-01-15T09:30:00Z", "hostname": "gw01",
                "appname": "acme", "procid": "2411", "msgid": "LOGIN", "message": "",
            },
        }),
    );
    check(
        "2021-08-18T14:21:52.947-05:00 dam01 CEF:0|Acme|Guard|1.4|LOGIN|Name|Informative|a=1",
        json!({
            "cef": header("Name", "Informative"), "extension": {"a": "1"},
            "syslog": {
                "protocol": "rfc3164", "timestamp": "2021-08-18T14:21:52.947-05:00",
                "hostname": "dam01", "message": "",
            },
        }),
    );
}

#[test]
fn extensions() {
    let check = |extension: &str, expected: Json| {
        let line = format!("CEF:0|Acme|Guard|1.4|LOGIN|Name|5|{extension}");
        let expected = json!({"cef": header("Name", "5"), "extension": expected});
        assert_eq!(decoded(Format::Cef, &line), Ok((Format::Cef, expected)), "{line}");
    };
    check("a=1", json!({"a": "1"}));
    check("  a=1  b=2 ", json!({"a": "1 ", "b": "2"}));
    check("msg=two words here cs1Label=x y", json!({"msg": "two words here", "cs1Label": "x y"}));
    check("a= b= c=", json!({"a": "", "b": "", "c": ""}));
    check(r"a=x y\=z w\=1 b=2", json!({"a": "x y=z w=1", "b": "2"}));
    check(r"a=C:\\new\\readme b=l1\nl2\r", json!({"a": r"C:\new\readme", "b": "l1\nl2\r"}));
    check(r"a=\\\=b b=ends\\ c=end\", json!({"a": r"\=b", "b": r"ends\", "c": r"end\"}));
    check(r"a=corp\svc a|b \| c b=\t", json!({"a": r"corp\svc a|b \| c", "b": r"\t"}));
    check(r"a=ends\\ b=1", json!({"a": r"ends\", "b": "1"}));
    check("url=https://x/?q=1&r=2 b=1", json!({"url": "https://x/?q=1&r=2", "b": "1"}));
    check("a=b=c =d ?e=f g=h", json!({"a": "b=c =d ?e=f", "g": "h"}));
    check("ad.field[0]=x ad-y=z _u=1", json!({"ad.field[0]": "x", "ad-y": "z", "_u": "1"}));
    check("dvc=1 x=2 dvc=3", json!({"dvc": "3", "x": "2"}));
    check("a=日本語\\=値 b=ü", json!({"a": "日本語=値", "b": "ü"}));
    check("cat=x CEF:0|y|z b=1", json!({"cat": "x CEF:0|y|z", "b": "1"}));
}

#[test]
fn refuses() {
    let check = |line: &str, error: &str| {
        let found = decoded(Format::Auto, line).unwrap_err();
        assert_eq!(found.to_string(), error, "{line}");
    };
    check("CEF:2|a|b|c|d|e|5|", "the CEF version at column 5 is neither 0 nor 1; write `CEF:0|…`");
    check(
        "CEF:0.1|a|b|c|d|e|5|",
        "the CEF version at column 5 is neither 0 nor 1; write `CEF:0|…`",
    );
    check(
        r"CEF:0|a|b|c|d\|e|5",
        "the CEF header ends at column 19 without severity; write all seven fields",
    );
    check("CEF:0", "the CEF header ends at column 6 without device_vendor; write all seven fields");
    check(
        "CEF:0|a",
        "the CEF header ends at column 8 without device_product; write all seven fields",
    );
    let severity = "the CEF severity at column 17 is neither 0 to 10 nor a word such as High";
    check("CEF:0|a|b|c|d|e|11|", severity);
    check("CEF:0|a|b|c|d|e|-1|", severity);
    check("CEF:0|a|b|c|d|e||", severity);
    check("CEF:0|a|b|c|d|e|5.5|", severity);
    check(
        "CEF:0|a|b|c|d|e|5| text a=1",
        "the CEF extension at column 20 does not begin with `key=`; write pairs only",
    );
    check(
        "CEF:0|a|b|c|d|e|5|text",
        "the CEF extension at column 19 does not begin with `key=`; write pairs only",
    );
}
