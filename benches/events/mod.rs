//! Events of the benches: made by rule, the same in every run.
//!
//! `arbitex` is what the side-by-side measurement sends: an OCSF API Activity of about 763 bytes,
//! whose values hold what CEF has to escape (`=`, `|`, `\`, line breaks) and text that is not
//! ASCII, and which becomes a message of about 365 bytes.

use std::fmt::Write as _;

const MODELS: [&str; 4] = ["gpt-4o", "claude-opus", "mistral|large", "llama=3\\\\70b"];
const ACTIONS: [&str; 4] = ["allow", "redact", "block", "allow"];
const NAMES: [&str; 4] = ["alice", "bob", "jürgen", "名前"];

/// One Arbitex event, with its newline. `number` makes its id and everything else in it.
pub fn arbitex(number: u64, out: &mut String) {
    let at = |list: &[&'static str; 4], shift: u64| -> &'static str {
        list[((number >> shift) % 4) as usize]
    };
    let millis = 1_773_360_000_000 + number * 7;
    let labels = match number % 3 {
        0 => r#""ssn","credit_card""#,
        1 => r#""email=address""#,
        _ => "",
    };
    let reason = match number % 4 {
        0 => r"rule 12|b matched\nsee path C:\\policies\\dlp",
        1 => "no rule matched this request, the default of the group applies",
        2 => "Grüße aus Köln: Regel für Vertraulichkeit griff",
        _ => "quota=reset, window=60s, remaining=0",
    };
    let _ = writeln!(
        out,
        concat!(
            r#"{{"class_uid":6003,"category_uid":6,"activity_id":1,"type_uid":600301,"#,
            r#""time":{millis},"severity_id":{severity},"status_id":1,"message":"{reason}","#,
            r#""actor":{{"user":{{"uid":"user_{user:05}","email_addr":"{name}@example.com","#,
            r#""org":{{"uid":"org_{org}"}}}},"session":{{"uid":"sess_{number:012x}"}}}},"#,
            r#""src_endpoint":{{"ip":"10.{a}.{b}.17","port":{port}}},"#,
            r#""api":{{"request":{{"uid":"req_{number:012}"}},"operation":"chat_completion","#,
            r#""service":{{"name":"gateway"}}}},"#,
            r#""metadata":{{"version":"1.1.0","uid":"evt-{number:016x}","#,
            r#""product":{{"name":"Arbitex","vendor_name":"Arbitex","version":"4.2"}}}},"#,
            r#""unmapped":{{"model":"{model}","policy_action":"{action}","#,
            r#""dlp_labels":[{labels}],"token_in":{tokens},"token_out":{more},"#,
            r#""group_ids":["finance-team","emea|west"],"latency_ms":{latency}.25}}}}"#
        ),
        millis = millis,
        severity = number % 6 + 1,
        reason = reason,
        user = number % 50_000,
        name = at(&NAMES, 2),
        org = number % 17,
        number = number,
        a = number % 251,
        b = number % 241,
        port = 1024 + number % 60_000,
        model = at(&MODELS, 3),
        action = at(&ACTIONS, 1),
        labels = labels,
        tokens = number % 4096,
        more = number % 1024,
        latency = number % 900,
    );
}
