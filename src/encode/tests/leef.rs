//! LEEF 1.0 and 2.0.

use super::*;

fn check(body: Body, pairs: &[(&str, &str)], wire: &str) -> Encoded {
    let mut event = with_pairs(pairs);
    event.set(Slot::EventType, "policy.deny");
    let (line, encoded) = encode(Settings { body, ..qradar() }, &event);
    let (header, text) = line.trim_end_matches('\n').split_once("LEEF:").expect("LEEF");
    assert!(header.ends_with(" Guard - - - "), "{header}");
    assert_eq!(text, wire);
    encoded
}

#[test]
fn names_are_translated() {
    let encoded = check(
        Body::Leef1,
        &[
            ("rt", "1741824000123"),
            ("suser", "alice"),
            ("spt", "1"),
            ("dpt", "2"),
            ("smac", "00:1b:44:11:3a:b7"),
            ("dmac", "00:1b:44:11:3a:b8"),
            ("src", "192.0.2.1"),
            ("msg", r"C:\a=b|c"),
        ],
        "1.0|Acme|Guard|1|id|devTime=1773360000123\tsev=5\tcat=policy.deny\tname=name\t\
         usrName=alice\tsrcPort=1\tdstPort=2\tsrcMAC=00:1b:44:11:3a:b7\tdstMAC=00:1b:44:11:3a:b8\t\
         src=192.0.2.1\tmsg=C:\\a=b|c",
    );
    assert_eq!(encoded, Encoded::default());
}

#[test]
fn what_would_end_an_attribute_is_replaced() {
    let head = "devTime=1773360000123\tsev=5\tcat=policy.deny\tname=name\t";
    check(
        Body::Leef1,
        &[("msg", " a\tb\r\nc\nd\0e\r "), ("a.b", "1"), ("src", ""), ("cs1", "")],
        &format!("1.0|Acme|Guard|1|id|{head}msg=a b c de\tab=1\tcs1="),
    );
    check(
        Body::Leef2 { delimiter: '^' },
        &[("msg", "a^b\tc"), ("cat", "own")],
        "2.0|Acme|Guard|1|id|^|devTime=1773360000123^sev=5^name=name^msg=a b c^cat=own",
    );
}

#[test]
fn duplicates_and_mismatches_are_counted() {
    let encoded = check(
        Body::Leef1,
        &[("suser", "a"), ("usrName", "b"), ("sev", "9"), ("src", "agent"), ("%", "x")],
        "1.0|Acme|Guard|1|id|devTime=1773360000123\tsev=5\tcat=policy.deny\tname=name\t\
         usrName=a\tsrc=agent",
    );
    assert_eq!(encoded, Encoded { truncated: false, mismatched: 1, dropped: 3 });
}

#[test]
fn delimiters() {
    let check = |delimiter: char, name: &str, sign: &str| {
        let (line, _) =
            encode(Settings { body: Body::Leef2 { delimiter }, ..qradar() }, &with_pairs(&[]));
        let expected = format!("|id|{name}|devTime=1773360000123{sign}sev=5{sign}name=name\n");
        assert!(line.ends_with(&expected), "{delimiter:?}: {line:?}");
    };
    check('^', "^", "^");
    check('|', "x7C", "|");
    check('\t', "x09", "\t");
    check('¦', "x00A6", "¦");
    for unusable in ['\n', '\0', '=', 'a', '7', '\\', ' ', '\u{1f980}'] {
        check(unusable, "x09", "\t");
    }
}

#[test]
fn header_fields() {
    let event = fields(["a|b", "p\nq", ""], [&"i".repeat(300), "n"], 0, &[]);
    let (line, encoded) = encode(Settings { body: Body::Leef1, ..qradar() }, &event);
    let expected = format!("LEEF:1.0|a_b|p q|unknown|{}|devTime=", "i".repeat(255));
    assert!(line.contains(&expected) && line.contains("\tsev=1\t"), "{line}");
    assert!(encoded.truncated);
}
