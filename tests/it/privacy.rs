//! No guarded key's value leaves by any encoder, for any format of the spool.

use std::fmt::Write as _;
use std::fs;

use spoolgate::map::GUARDED_KEYS;

use crate::agent::Outpost;

/// Every way in which a message can be written.
const FORMS: [&str; 7] = [
    "",
    "profile = \"generic\"\n",
    "header = \"rfc3164\"\nprofile = \"arcsight\"\n",
    "format = \"leef\"\n",
    "format = \"leef\"\nleef_version = \"2.0\"\n",
    "format = \"json\"\n",
    "[destination.cef]\nversion = 1\nstrict = true\n",
];

/// Stands where raw content would.
const SECRET: &str = "S3CRET";
/// Stands where nothing is guarded, to show that the rest does leave.
const OPEN: &str = "0PEN";

#[test]
fn guarded_values_never_leave_and_others_do() {
    let lines = lines();
    for form in FORMS {
        let outpost = Outpost::new();
        let path = outpost.path("spoolgate.toml");
        let text = format!(
            "hostname = \"h.example.net\"\n[state]\ndir = {:?}\n[[spool]]\npath = {:?}\n\
             [[destination]]\nname = \"siem\"\naddress = \"tcp://127.0.0.1:514\"\n\
             max_message_bytes = 32000\n{form}",
            outpost.path("state"),
            outpost.spool_glob()
        );
        fs::write(path, text).unwrap();
        outpost.append("a.jsonl", lines.join("").as_bytes());
        let events = outpost.spool().join("a.jsonl");
        let output = outpost.command(&["preview", &events.display().to_string()]);
        let shown = String::from_utf8(output.stdout).unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(shown.lines().count(), lines.len(), "{form:?}: {said}");
        assert!(!shown.contains(SECRET) && !said.contains(SECRET), "{form:?}: {shown}{said}");
        assert!(shown.matches(OPEN).count() >= lines.len(), "{form:?}: {shown}");
    }
}

/// Each guarded key as it is, in other spellings, nested, in lists, and with containers below it;
/// in events that each schema takes.
fn lines() -> Vec<String> {
    let mut lines = Vec::new();
    for key in GUARDED_KEYS {
        for key in [(*key).to_owned(), key.to_uppercase(), camel(key), key.replace('_', "-")] {
            let body = format!(
                "\"{key}\":\"{SECRET}\",\"message\":\"{OPEN}\",\"a\":{{\"{key}\":[\"{SECRET}\"]}},\
                 \"b\":[{{\"c\":{{\"{key}\":{{\"d\":\"{SECRET}\"}}}}}}],\
                 \"details\":{{\"{key}\":\"{SECRET}\",\"context\":\"{OPEN}\"}}"
            );
            lines.push(format!("{{{body}}}\n"));
            lines.push(format!(
                "{{\"eventId\":\"r-1\",\"eventType\":\"injection_detected\",\"severity\":\"high\",\
                 \"source\":\"frontend\",\"timestamp\":\"2024-01-15T10:30:00Z\",{body}}}\n"
            ));
            lines.push(format!(
                "{{\"class_uid\":2001,\"severity_id\":4,\"time\":1735689600000,{body}}}\n"
            ));
            let mut syslog = String::from("<165>1 2026-01-01T00:00:00Z gw app - ID47 ");
            write!(syslog, "[x@32473 {key}=\"{SECRET}\" other=\"{OPEN}\"] {OPEN}").unwrap();
            lines.push(syslog + "\n");
            lines.push(format!(
                "<165>1 2026-01-01T00:00:00Z gw app - ID47 [{}@32473 x=\"{SECRET}\"] {OPEN}\n",
                key.replace(' ', "_")
            ));
        }
        // A CEF key has no dash and no underscore.
        let key = camel(key);
        lines
            .push(format!("CEF:0|Acme|Guard|1|id|Name|5|{key}={SECRET} suser={OPEN} cs1={OPEN}\n"));
        // A sender that does not escape, and a slot that is what its label says.
        for hidden in [
            format!("{key}=log in with password={SECRET} now pin={SECRET}"),
            format!("cs2Label={key} cs2={SECRET} flexString1={SECRET} flexString1Label={key}"),
            format!("cs2=log in with password={SECRET} cs2Label={key}"),
        ] {
            lines.push(format!("CEF:0|Acme|Guard|1|id|Name|5|{hidden} suser={OPEN} cs1={OPEN}\n"));
        }
    }
    lines
}

fn camel(key: &str) -> String {
    let mut words = key.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| name + &word[..1].to_uppercase() + &word[1..])
}
