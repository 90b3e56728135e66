//! Tidy itself: every rule catches a planted fault and lets its neighbour pass.

use super::*;

const TABLE: &str = "
<!-- imports -->
| module | may import |
|---|---|
| model | |
| decode | model |
| map | model |
| config | model, map::settings |
| cli | everything |
| main | cli |

<!-- /imports -->
";

/// The lines complained of.
fn lines(complaints: &[Complaint]) -> Vec<usize> {
    complaints.iter().map(|complaint| complaint.line).collect()
}

#[test]
fn code_is_told_from_comments_and_literals() {
    let check = |text: &str, want: &str| assert_eq!(code_of(text), want, "{text}");
    check("a // b\nc", "a \nc");
    check("a /* b /* c\n */ */ d", "a \n d");
    check(r#"a("b \" // c", 'd', '"', '\'', '\u{1}') e"#, r#"a("", '', '', '', '') e"#);
    check("r#\"b \" c\n\"# d br\"\\\" e", "\"\"\n d \"\" e");
    check("fn a<'a>(b: &'a str) {}", "fn a<'a>(b: &'a str) {}");
    check("for r in bar {}", "for r in bar {}");
}

#[test]
fn imports_outside_the_table_are_caught() {
    let table = imports::Table::read(TABLE).unwrap();
    let check = |path: &str, text: &str, want: &[usize]| {
        assert_eq!(lines(&table.check(&Source::new(path, text))), want, "{path}: {text}");
    };
    check("src/decode/json.rs", "use crate::model::event::Tape;\nuse crate::map::Plan;", &[2]);
    check("src/decode/json.rs", "use crate::{model, map::{Plan, x}, decode};", &[1, 1]);
    check("src/decode/json.rs", "// crate::map\nlet a = \"crate::map\";", &[]);
    check("src/decode/json.rs", "\nlet a = crate::cli::run();", &[2]);
    check("src/decode/json.rs", "use super::super::map::Plan;\nuse super::Decoded;", &[1]);
    check("src/decode/mod.rs", "use super::map::Plan;\nuse super::model::event::Tape;", &[1]);
    check("src/decode/tests.rs", "use crate::map::Plan;", &[1]);
    check("src/model/id.rs", "use crate::decode::Decoder;\nuse super::position::Position;", &[1]);
    check("src/config/mod.rs", "use crate::map::settings::Settings;\nuse crate::map::Plan;", &[2]);
    check("src/config/mod.rs", "use crate::map::{settings::A};\nuse crate::map::{Plan};", &[2]);
    check("src/config/mod.rs", "use crate::{map};\nmap::settings::Settings", &[]);
    check("src/config/mod.rs", "use crate::{map};\nmap::settings::A; map::Plan", &[1]);
    check("src/config/mod.rs", "use crate::map;\nlet bitmap::Plan = map;", &[1]);
    check("src/cli/run.rs", "use crate::map::Plan;", &[]);
    check("src/main.rs", "use spoolgate::cli;\nuse spoolgate::map;", &[2]);
    let strange = [Source::new("src/cli/mod.rs", ""), Source::new("src/novel/mod.rs", "")];
    assert_eq!(table.missing_rows(&strange).len(), 1);
    assert!(imports::Table::read("no markers").is_err());
}

#[test]
fn confined_things_are_caught_outside_their_place() {
    let check = |path: &str, text: &str, want: &[usize]| {
        assert_eq!(lines(&imports::confined(&Source::new(path, text))), want, "{path}: {text}");
    };
    check("src/checkpoint/store.rs", "use sled::Db;", &[]);
    check("src/checkpoint/mod.rs", "// sled::Db\nuse sled::Db;\nlet tussled = 1;", &[2]);
    check("src/deliver/mod.rs", "use tokio_rustls::rustls::Error;", &[1]);
    check("src/transport/tls.rs", "use tokio_rustls::rustls::Error;", &[]);
    check("src/spool/mod.rs", "toml::from_str(a)", &[1]);
    check("src/deliver/mod.rs", "println!(\"a\");\nstd::process::exit(1);", &[1, 2]);
    check("src/cli/status.rs", "println!(\"a\");", &[]);
    check("src/spool/mod.rs", "unsafe { a() }\n#![deny(unsafe_code)]", &[1]);
    check("src/transport/kernel.rs", "unsafe { libc::a() }", &[]);
    check("src/map/mod.rs", "let a = Instant::now();", &[1]);
    check("src/deliver/mod.rs", "let a = Instant::now();", &[]);
    check("src/map/mod.rs", "#[cfg(test)]\nmod tests {\n    println!(\"a\");\n}", &[]);
    check("src/map/tests.rs", "println!(\"a\");", &[]);
    check("tests/it/main.rs", "println!(\"a\");", &[]);
}

#[test]
fn what_is_too_long_is_caught() {
    let check = |text: &str, want: &[usize]| {
        let source = Source::new("src/model/a.rs", text);
        assert_eq!(lines(&text::lengths(&source)), want, "{}", text.len());
    };
    check(&"\n".repeat(500), &[]);
    check(&"\n".repeat(501), &[501]);
    let function = |lines: usize| {
        format!("fn a(b: [u8; 4]) {{\n{}    // said\n\n}}\nfn c();\n", "    b();\n".repeat(lines))
    };
    check(&function(70), &[]);
    check(&function(71), &[1]);
    check(&format!("let a = {};", "b".repeat(91)), &[]);
    check(&format!("let a = {};", "b".repeat(92)), &[1]);
    check(&format!("let a = \"{}\";", "b".repeat(200)), &[]);
    check(&format!("// {}", "é".repeat(97)), &[]);
    check(&format!("// {}", "é".repeat(98)), &[1]);
    check(&format!("//! | {} |", "é".repeat(98)), &[]);
}

#[test]
fn untidy_text_is_caught() {
    let check = |text: &str, want: &[usize]| {
        let source = Source::new("src/a.md", text);
        assert_eq!(lines(&text::letters(&source)), want, "{text:?}");
    };
    check("a\nb \n\tc\nd\re\n\u{1}\n\n", &[2, 3, 4, 5]);
    check("a", &[1]);
    let check = |text: &str, want: usize| {
        assert_eq!(text::words(&Source::new("src/a.rs", text)).len(), want, "{text}");
    };
    check(concat!("// TO", "DO: later"), 1);
    check(concat!("// TO", "DOS"), 0);
    check(concat!("cd /wo", "rk/main"), 1);
    check(concat!("https://crates", ".io/a"), 1);
    check(concat!("to", "do!()"), 1);
}

#[test]
fn switched_off_checks_are_caught() {
    let check = |text: &str, want: &[usize]| {
        let source = Source::new("src/model/a.rs", text);
        assert_eq!(lines(&text::attributes(&source)), want, "{text}");
    };
    check("#[test]\n#[ignore]\nfn a() {}", &[2]);
    check("#[allow(dead_code)]", &[1]);
    check("#![allow(dead_code)]", &[1]);
    check("#[expect(dead_code)]", &[1]);
    check("#[expect(dead_code, reason = \"a\")]", &[]);
    check("#![expect(\n    dead_code,\n    reason = \"a\"\n)]\nfn a() {}", &[]);
    check("#![expect(\n    dead_code,\n)]\nlet reason = 1;", &[1]);
    check("#[path = \"a.rs\"]\nmod b;", &[1]);
}

#[test]
fn empty_names_are_caught() {
    let check = |path: &str, text: &str, want: usize| {
        assert_eq!(text::names(&Source::new(path, text)).len(), want, "{path}: {text}");
    };
    check("src/map/util.rs", "", 1);
    check("src/common/mod.rs", "", 1);
    check("src/map/mod.rs", "mod helpers;", 1);
    check("src/map/mod.rs", "struct SpoolManager;\nstruct Managed;", 1);
    check("src/map/mod.rs", "fn get_name() {}\nfn target() {}", 1);
    check("src/map/mod.rs", "// a util and a manager", 0);
}

#[test]
fn files_that_nothing_leads_to_are_caught() {
    let of = |path: &str, text: &str| Source::new(path, text);
    let project = [
        of("src/lib.rs", "pub mod map;"),
        of("src/map/mod.rs", "pub(super) mod plan;\n// mod ghost;"),
        of("src/map/plan.rs", ""),
        of("src/map/ghost.rs", ""),
        of("src/spool/mod.rs", ""),
        of("tests/it/main.rs", "mod wire;"),
        of("tests/it/wire.rs", "\"golden/wire\" \"one.in\""),
    ];
    let orphans: Vec<_> = tree::orphans(&project).into_iter().map(|found| found.path).collect();
    assert_eq!(orphans, ["src/map/ghost.rs", "src/spool/mod.rs"]);
    let paths = ["tests/golden/wire/a.in", "tests/golden/one.in", "tests/golden/two.in", "src/b"];
    let unused = tree::unused_golden(&paths.map(str::to_owned), &project);
    assert_eq!(unused.iter().map(|found| &*found.path).collect::<Vec<_>>(), [paths[2]]);
}
