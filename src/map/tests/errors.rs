//! The texts of schema errors, as administrators read them.

use crate::map::schema::Schema;

const NAME: &str = "name = \"t\"\ntitle = \"test\"\n";
const HEADER: &str = "header = { vendor = \"V\", product = \"P\", version = \"1\", \
                      event_class_id = \"C\", name = \"N\" }\n";
const SEVERITY: &str = "severity.default = 5\n";

/// Each text stands between `before` and `behind`; the error is given behind the file's name.
fn check(before: &str, behind: &str, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        let whole = format!("{before}{text}{behind}");
        let error = Schema::parse("s/t.toml", &whole).expect_err(text);
        assert_eq!(error.to_string(), format!("s/t.toml:{expected}"), "{text}");
    }
}

#[test]
fn of_the_file() {
    check(&format!("{NAME}{HEADER}{SEVERITY}"), "", FILE);
}

/// From line 5 on.
const FILE: &[(&str, &str)] = &[
    ("fields = [", "5:11: this is not TOML: unclosed array, expected `]`"),
    ("x = 1\nx = 2", "6:1: this is not TOML: duplicate key"),
    (
        "colour = 1",
        "5:1: a schema has no key `colour`; use one of: name, title, format, detect, id, \
             time, event_type, header, severity, fields, variant, example",
    ),
    ("feilds = []", "5:1: a schema has no key `feilds`; did you mean `fields`?"),
    (
        "",
        "1:1: a schema needs the key `fields`; add fields = [{ key = \"suser\", path = \
             \"user.name\" }]",
    ),
    (
        "fields = 5",
        "5:10: `fields` must be a list, not a number; write fields = [{ key = \"suser\", \
             path = \"user.name\" }]",
    ),
    (
        "format = \"yaml\"\nfields = []",
        "5:10: `format` cannot be \"yaml\"; use one of: json, syslog, cef",
    ),
    ("format = \"jsn\"\nfields = []", "5:10: `format` cannot be \"jsn\"; did you mean `json`?"),
    ("id = []\nfields = []", "5:6: `id` is empty; name at least one path, or remove the key"),
    (
        "id = \"a..b\"\nfields = []",
        "5:6: `a..b` is not a path: a key is missing; write keys with dots, as in \
             `actor.user.uid`, and `[]` behind a list",
    ),
    (
        "id = 5\nfields = []",
        "5:6: `id` must be a text, not a number; write a path such as \"actor.user.uid\"",
    ),
    (
        "time = { path = \"t\", kind = \"epoch\" }\nfields = []",
        "5:29: `kind` cannot be \"epoch\"; did you mean `epoch_s`?",
    ),
    (
        "time = { kind = \"auto\" }\nfields = []",
        "5:8: an entry of `time` needs the key `path`; add path = \"timestamp\"",
    ),
    (
        "event_type = { path = \"t\", default = [] }\nfields = []",
        "5:38: `default` must be a text, a number or true or false, not a list; write \
             default = \"none\"",
    ),
    (
        "detect = [{ path = \"a\" }]\nfields = []",
        "5:11: a test must check one thing; use exactly one of `exists`, `equals`, \
             `one_of`, `prefix` and `any`",
    ),
    (
        "detect = [{ equals = 1 }]\nfields = []",
        "5:11: a test needs the key `path`; add path = \"event_type\"",
    ),
    (
        "detect = [{ path = \"a\", exists = \"yes\" }]\nfields = []",
        "5:34: `exists` must be true or false, not a text; write exists = true",
    ),
    (
        "detect = [{ path = \"a\", any = [] }]\nfields = []",
        "5:20: `path` has no meaning beside `any`; remove one of them",
    ),
    ("detect = [{ any = [] }]\nfields = []", "5:19: `any` is empty; name at least one test"),
    (
        "fields = []\n[[variant]]\nseverity.default = 4",
        "6:1: a variant needs the key `when`; add when = [{ path = \"event_type\", equals = \
             \"…\" }]",
    ),
    (
        "fields = []\n[[variant]]\nwhen = []",
        "7:8: `when` is empty; name at least one test; events without a variant follow the \
             schema itself",
    ),
    (
        "fields = []\n[[example]]\ntitle = \"e\"\nevent = \"{}\"\nexpect = { header = \
             \"a|b\" }",
        "9:21: `header` must look like \"vendor|product|version|event class \
             id|name|severity\"",
    ),
    (
        "fields = []\n[[example]]\ntitle = \"e\"\nevent = \"{}\"\nexpect = { time = \"now\" \
             }",
        "9:19: `time` must look like \"2026-03-13T00:00:00.123Z\"",
    ),
];

#[test]
fn of_rows() {
    check(&format!("{NAME}{HEADER}{SEVERITY}fields = [\n  {{ "), " },\n]", ROWS);
}

/// In line 6.
const ROWS: &[(&str, &str)] = &[
    (
        r#"key = "act""#,
        "6:3: a row of `fields` must say once where its value comes from; use exactly one \
             of `path`, `text`, `template`, `built_in` and `first_of`",
    ),
    (
        r#"key = "act", path = "a", text = "b""#,
        "6:3: a row of `fields` must say once where its value comes from; use exactly one \
             of `path`, `text`, `template`, `built_in` and `first_of`",
    ),
    (r#"path = "a""#, "6:3: a row of `fields` needs the key `key`; add key = \"suser\""),
    (
        r#"key = "a.b", path = "a""#,
        "6:11: `a.b` is not a CEF extension key; use ASCII letters and digits only",
    ),
    (
        r#"key = "cs1", path = "a""#,
        "6:11: `cs1` is a free slot of CEF and needs a label; add `label = \"…\"` that \
             names what it holds",
    ),
    (
        r#"key = "act", label = "A", path = "a""#,
        "6:26: `act` has no label in CEF; remove `label`, or use a free slot such as `cs1` \
             or `cn1`",
    ),
    (r#"key = "act", pth = "a""#, "6:18: a row of `fields` has no key `pth`; did you mean `path`?"),
    (
        r#"key = "act", path = "a", when_absent = "emtpy""#,
        "6:44: `when_absent` cannot be \"emtpy\"; did you mean `empty`?",
    ),
    (
        r#"key = "act", path = []"#,
        "6:25: `path` is empty; name at least one path, or remove the key",
    ),
    (
        r#"key = "act", path = "a", map = 5"#,
        "6:36: `map` must be a table, not a number; write a table such as { inbound = \
             \"0\", outbound = \"1\" }",
    ),
    (
        r#"key = "act", path = "a", map = { a = [] }"#,
        "6:42: `a` must be a text, a number or true or false, not a list; write a text or a \
             number",
    ),
    (
        r#"key = "act", path = "a", map = {}, convert = "json""#,
        "6:50: `convert` has no meaning beside `map`; remove one of them",
    ),
    (
        r#"key = "act", path = "a", convert = "upper""#,
        "6:40: `convert` cannot be \"upper\"; use one of: epoch_ms, json",
    ),
    (
        r#"key = "act", path = "a", unlisted = "keep""#,
        "6:41: `unlisted` has no meaning beside `path` without `map`; remove one of them",
    ),
    (
        r#"key = "act", path = "a", only = "ip""#,
        "6:37: `only` cannot be \"ip\"; did you mean `ipv4`?",
    ),
    (
        r#"key = "act", text = "a", only = "ipv4""#,
        "6:37: `only` has no meaning beside `text`, `template` or `built_in`; remove one of \
             them",
    ),
    (
        r#"key = "act", template = "{a""#,
        "6:29: the template \"{a\" has a brace without its partner; write paths in braces, \
             as in \"{user.name} at {host}\", and a brace itself as `{{` or `}}`",
    ),
    (
        r#"key = "act", template = "{a b}}""#,
        "6:29: the template \"{a b}}\" has a brace without its partner; write paths in \
             braces, as in \"{user.name} at {host}\", and a brace itself as `{{` or `}}`",
    ),
    (
        r#"key = "act", template = "{}""#,
        "6:29: the template \"{}\" has ``, which is no path: a key is missing; write paths \
             in braces, as in \"{user.name} at {host}\", and a brace itself as `{{` or `}}`",
    ),
    (
        r#"key = "act", built_in = "tiem""#,
        "6:29: `built_in` cannot be \"tiem\"; did you mean `time`?",
    ),
    (
        r#"key = "act", first_of = [{ text = "a" }], path = "b""#,
        "6:3: a row of `fields` must say once where its value comes from; use exactly one \
             of `path`, `text`, `template`, `built_in` and `first_of`",
    ),
    (
        r#"key = "act", first_of = [{ default = "a" }]"#,
        "6:32: an entry of `first_of` has no key `default`; use one of: path, text, \
             template, built_in, map, unlisted, only, convert",
    ),
    (
        r#"copy = "extension", key = "a""#,
        "6:31: `key` has no meaning beside `copy`; remove one of them",
    ),
    (
        r#"key = "act", path = "a", except = []"#,
        "6:39: `except` has no meaning beside `key`; remove one of them",
    ),
    (
        r#"key = "act", path = "a" }, { key = "act", path = "b""#,
        "6:32: `act` stands in two rows without `when`, but may stand once in an event; \
             join them with `path = [\"a\", \"b\"]` or `first_of`",
    ),
];

#[test]
fn of_the_header() {
    check("", "", HEADERS);
}

/// From line 1 on.
const HEADERS: &[(&str, &str)] = &[
    ("name = 5", "1:8: `name` must be a text, not a number; write name = \"my-product\""),
    (r#"title = "x""#, "1:1: a schema needs the key `name`; add name = \"my-product\""),
    (
        "name = \"t\"\ntitle = \"x\"",
        "1:1: a schema needs the key `header`; add header.vendor = \"…\", and .product, \
             .version, .event_class_id and .name",
    ),
    (
        "name = \"t\"\ntitle = \"x\"\nheader.vendor = \"V\"\nseverity.default = 5\nfields = \
             []",
        "3:1: `header` needs the key `product`; add a text, or { path = \"…\", default = \
             \"…\" }",
    ),
    (
        "name = \"t\"\ntitle = \"x\"\nheader = { vendor = { path = \"v\" } \
             }\nseverity.default = 5\nfields = []",
        "3:21: `vendor` may never be empty; add `default = \"…\"` for events without that \
             value",
    ),
    (
        "name = \"t\"\ntitle = \"x\"\nheader.vendor = \" \"\nseverity.default = 5\nfields = \
             []",
        "3:17: `vendor` may never be empty; add `default = \"…\"` for events without that \
             value",
    ),
    (
        "name = \"t\"\ntitle = \"x\"\nheader.vendro = \"V\"\nseverity.default = 5\nfields = \
             []",
        "3:8: `header` has no key `vendro`; did you mean `vendor`?",
    ),
];

#[test]
fn of_the_severity() {
    check(&format!("{NAME}{HEADER}"), "\nfields = []", SEVERITIES);
}

/// In line 4.
const SEVERITIES: &[(&str, &str)] = &[
    (
        "severity.default = 11",
        "4:20: 11 is not a CEF severity; use 0 to 10: 0 to 3 low, 4 to 6 medium, 7 and 8 \
             high, 9 and 10 very high",
    ),
    (
        r#"severity.default = "5""#,
        "4:20: `default` must be a number, not a text; write a CEF severity from 0 to 10",
    ),
    (
        "severity = { from = [] }",
        "4:12: `severity` needs the key `default`; add severity.default = 5",
    ),
    (
        r#"severity = { default = 5, from = [{ path = "s" }] }"#,
        "4:35: an entry of `from` needs the key `map`; add map = { low = 3, high = 8 }",
    ),
    (
        r#"severity = { default = 5, from = [{ path = "s", map = { low = 12 } }] }"#,
        "4:63: 12 is not a CEF severity; use 0 to 10: 0 to 3 low, 4 to 6 medium, 7 and 8 \
             high, 9 and 10 very high",
    ),
    (
        r#"severity = { default = 5, from = [{ path = "s", map = {}, scale = "cef" }] }"#,
        "4:67: `scale` has no meaning beside `map`; remove one of them",
    ),
];
