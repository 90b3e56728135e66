//! How far the privacy guard reaches beyond the text of one key: paths, labels, and values that
//! were not escaped.

use crate::map::{Guard, Mapper, schema::Schema};
use crate::model::format::Format;

use super::build;

const SECRET: &str = "hunter2";

/// What leaves of an event of that form.
fn leaving(guard_keys: &[&str], format: Format, json: &str) -> String {
    let mut mapper = Mapper::new(Schema::built_in().unwrap(), Guard::new(guard_keys));
    build::try_map(&mut mapper, None, format, json).unwrap().everything()
}

fn cef(extension: &str) -> String {
    format!(
        r#"{{"cef":{{"version":"0","device_vendor":"A","device_product":"B","device_version":"1",
        "event_class_id":"id","name":"N","severity":"5"}},"extension":{{{extension}}}}}"#
    )
}

#[test]
fn behind_a_guarded_key_of_cef_everything_goes_up_to_the_next_known_key() {
    let check = |extension: &str, kept: &[&str]| {
        let leaves = leaving(&[], Format::Cef, &cef(extension));
        assert!(!leaves.contains(SECRET), "{leaves}");
        for kept in kept {
            assert!(leaves.contains(kept), "{kept}: {leaves}");
        }
    };
    check(r#""prompt":"log in with","password":"hunter2 now""#, &[]);
    check(
        r#""prompt":"a","b":"hunter2","c":"hunter2","src":"192.0.2.1","own":"x"}, "y":{"#,
        &["src=192.0.2.1", "own=x"],
    );
    check(
        r#""own":"x","prompt":"a","b":"hunter2","cs1Label":"Team","cs1":"red""#,
        &["own=x", "cs1=red"],
    );
    check(r#""cs1Label":"Prompt","cs1":"a","b":"hunter2","act":"blocked""#, &["act=blocked"]);
}

#[test]
fn a_slot_is_what_its_label_says() {
    for (label, slot) in [
        ("cs1Label", "cs1"),
        ("cn3Label", "cn3"),
        ("cfp2Label", "cfp2"),
        ("c6a4Label", "c6a4"),
        ("flexString1Label", "flexString1"),
        ("deviceCustomString6Label", "deviceCustomString6"),
    ] {
        for pair in [
            format!(r#""{label}":"User Prompt","{slot}":"hunter2""#),
            format!(r#""{slot}":"hunter2","{label}":"matchedText""#),
            format!(r#""{slot}":"hunter2","{label}":"prompt","{label}":"Team""#),
        ] {
            let pair = format!(r#"{pair},"cs2Label":"Team","cs2":"red""#);
            let leaves = leaving(&[], Format::Cef, &cef(&pair));
            assert!(!leaves.contains(SECRET) && leaves.contains("cs2=red"), "{leaves}");
            let json = format!(r#"{{"a":{{{pair}}},"b":{{"{slot}":"kept"}}}}"#);
            let leaves = leaving(&[], Format::Json, &json);
            assert!(!leaves.contains(SECRET) && leaves.contains("kept"), "{leaves}");
        }
    }
}

#[test]
fn a_key_of_several_parts_guards_the_flattened_and_the_nested_spelling() {
    for (key, json) in [
        ("user.email", r#"{"user.email":"hunter2"}"#),
        ("user.email", r#"{"a.User.E-Mail":"hunter2"}"#),
        ("user.email", r#"{"user":{"email":"hunter2"}}"#),
        ("user.email", r#"{"a":{"user":{"email":{"b":"hunter2"}}}}"#),
        ("user.email", r#"{"user":[{"x":1},{"email":"hunter2"}]}"#),
        ("user.email", r#"{"user[0]":{"email[1]":"hunter2"}}"#),
        ("user/email", r#"{"user":{"email.address":"hunter2"}}"#),
        ("a:b.c", r#"{"a.b":{"c":"hunter2"}}"#),
        ("a:b.c", r#"{"a":{"b/c":"hunter2"}}"#),
        ("user[email]", r#"{"user":{"email":"hunter2"}}"#),
        ("[email]", r#"{"user":{"email":"hunter2"}}"#),
        ("Über.Straße", r#"{"über":{"STRASSE":"hunter2"}}"#),
    ] {
        let leaves = leaving(&[key], Format::Json, json);
        assert!(!leaves.contains(SECRET), "{key}: {leaves}");
    }
    for json in [
        r#"{"email":"hunter2","user":{"name":"x"}}"#,
        r#"{"user":{"name":{"email":"hunter2"}}}"#,
        r#"{"user":{"name":1},"email":"hunter2"}"#,
        r#"{"email.user":"hunter2"}"#,
    ] {
        assert!(leaving(&["user.email"], Format::Json, json).contains(SECRET), "{json}");
    }
}

#[test]
fn letters_beyond_ascii_have_no_case_either() {
    for (key, spelling) in [
        ("Ärger", "ärger"),
        ("ärger", "ÄRGER"),
        ("ΛΌΓΟΣ", "λόγος"),
        ("straße", "STRASSE"),
        ("İd", "i̇d"),
        ("i̇d", "İD"),
    ] {
        assert!(Guard::new(&[key]).guards(spelling), "{key} {spelling}");
    }
    let long = "ü".repeat(50);
    assert!(Guard::new(&[&long]).guards(&long.to_uppercase()));
    assert!(!Guard::new(&["Ärger"]).guards("arger"));
}

#[test]
fn structured_data_ids_and_raw_events_are_guarded() {
    let json = r#"{"message":"kept","structured_data":{"prompt@32473":{"x":"hunter2"},
        "meta@32473":{"y":"z"}},"rawEvent":"hunter2"}"#;
    let leaves = leaving(&[], Format::Syslog, json);
    assert!(!leaves.contains(SECRET) && leaves.contains("kept"), "{leaves}");
    assert!(Guard::new::<&str>(&[]).guards("rawEvent"));
}
