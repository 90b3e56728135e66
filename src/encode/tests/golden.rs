//! Whole lines: the wire examples of the source documents, byte for byte.

use super::*;

/// The example line of the Arbitex document; its PRI, 134, is local0 and informational.
#[test]
fn arbitex_wire_example() {
    let mut event = fields(
        ["Arbitex", "ArbitexPlatform", "1.0"],
        ["6003", "chat_completion"],
        3,
        &[
            ("rt", "1741824000123"),
            ("suser", "alice@example.com"),
            ("duid", "user_abc"),
            ("act", "allow"),
            ("model", "gpt-4o"),
            ("tokenIn", "512"),
            ("tokenOut", "256"),
            ("cs1Label", "PolicyAction"),
            ("cs1", "allow"),
            ("cs2Label", "DlpLabels"),
            ("cs2", ""),
            ("cs3Label", "GroupIds"),
            ("cs3", "finance-team"),
        ],
    );
    event.set(Slot::Id, "req_xyz");
    let expected = "<134>1 2026-03-13T00:00:00.123Z platform.arbitex.ai ArbitexPlatform - req_xyz \
        - CEF:0|Arbitex|ArbitexPlatform|1.0|6003|chat_completion|3|rt=1741824000123 \
        suser=alice@example.com duid=user_abc act=allow model=gpt-4o tokenIn=512 tokenOut=256 \
        cs1Label=PolicyAction cs1=allow cs2Label=DlpLabels cs2= cs3Label=GroupIds \
        cs3=finance-team\n";
    assert_eq!(encode(qradar(), &event), (expected.to_owned(), Encoded::default()));
}

/// A DLP event under the tables of the MITRITY document: the agent id stands in `src` although it
/// is no address, as the document has it; a null count is left out with its label.
#[test]
fn mitrity_dlp_match() {
    let mut event = fields(
        ["MITRITY", "MITRITY Platform", "1.0"],
        ["dlp.match", "SSN (US)"],
        8,
        &[
            ("src", "a1000000-0000-4000-8000-000000000000"),
            ("act", "blocked"),
            ("outcome", "blocked"),
            ("cs1Label", "PatternName"),
            ("cs1", "SSN (US)"),
            ("cs3Label", "ToolPattern"),
            ("cs3", "drive:create"),
            ("cs4Label", "DetectionReason"),
            ("cs4", "pattern_match"),
            ("cn1Label", "MatchPosition"),
            ("cn1", "247"),
            ("cn2Label", "MatchLength"),
            ("cn2", "11"),
            ("cn3Label", "RedactionCount"),
            ("cn3", ""),
        ],
    );
    event.set(Slot::Id, "e1c40000-0000-4000-8000-000000000000");
    let (line, encoded) = encode(qradar(), &event);
    assert_eq!(
        line,
        "<131>1 2026-03-13T00:00:00.123Z platform.arbitex.ai MITRITY_Platform - \
         e1c40000000040008000000000000000 - CEF:0|MITRITY|MITRITY Platform|1.0|dlp.match|\
         SSN (US)|8|src=a1000000-0000-4000-8000-000000000000 act=blocked outcome=blocked cs1Label=PatternName \
         cs1=SSN (US) cs3Label=ToolPattern cs3=drive:create cs4Label=DetectionReason \
         cs4=pattern_match cn1Label=MatchPosition cn1=247 cn2Label=MatchLength cn2=11\n"
    );
    assert_eq!(encoded, Encoded { truncated: false, mismatched: 1, dropped: 0 });
}

/// The full line of the fact sheet, 307 bytes; its PRI, APP-NAME, PROCID and MSGID are another
/// sender's, so the body is what has to agree.
#[test]
fn full_line() {
    let golden = "<134>1 2026-01-15T09:30:00.123Z gw01.example.com acmeguard 2411 LOGIN_FAIL - \
        CEF:0|Acme|Guard|1.4.2|LOGIN_FAIL|Login failed|6|rt=1768469400123 \
        dvchost=gw01.example.com deviceExternalId=agent-7f3a src=192.0.2.10 suser=j.doe act=deny \
        outcome=failure reason=bad password msg=3rd attempt \\= lockout\\nsee case 42";
    assert_eq!(golden.len(), 307);
    let mut event = fields(
        ["Acme", "Guard", "1.4.2"],
        ["LOGIN_FAIL", "Login failed"],
        6,
        &[
            ("rt", "1768469400123"),
            ("dvchost", "gw01.example.com"),
            ("deviceExternalId", "agent-7f3a"),
            ("src", "192.0.2.10"),
            ("suser", "j.doe"),
            ("act", "deny"),
            ("outcome", "failure"),
            ("reason", "bad password"),
            ("msg", "3rd attempt = lockout\nsee case 42"),
        ],
    );
    event.set(Slot::Id, "LOGIN_FAIL");
    event.set_time(EventTime::from_millis(1_768_469_400_123));
    let settings = Settings { hostname: "gw01.example.com".into(), ..qradar() };
    let (line, encoded) = encode(settings, &event);
    let expected = golden.replace("<134>", "<132>").replace("acmeguard 2411", "Guard -") + "\n";
    assert_eq!((line, encoded), (expected, Encoded::default()));
}

#[test]
fn arcsight_line() {
    let settings = Settings { header: Header::Rfc3164, hostname: "host".into(), ..qradar() };
    let mut event = with_pairs(&[]);
    event.set_time(EventTime::from_millis(1_547_809_673_000));
    let (line, _) = encode(settings, &event);
    assert_eq!(line, "<132>Jan 18 11:07:53 host CEF:0|Acme|Guard|1|id|name|5|\n");
}
