//! Every text of an error, as golden files: `tests/golden/config/<case>.toml` gives `<case>.err`.
//!
//! `UPDATE_GOLDEN=1` writes the `.err` files anew. Warnings are rendered behind the errors, each
//! line with `warning: ` before it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::{fs, io};

use super::*;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/config")
}

/// What the file of that case is answered with.
fn answer(case: &str) -> String {
    let name = format!("{case}.toml");
    let text = fs::read_to_string(golden().join(&name)).unwrap();
    let mut shown = String::new();
    match Config::parse(&text, Path::new(&name), &MACHINE) {
        Ok(config) => {
            for warning in config.warnings {
                shown += &format!("warning: {warning}\n");
            }
        }
        Err(error) => shown = format!("{error}\n"),
    }
    shown
}

fn check(case: &str) -> Result<(), String> {
    let file = golden().join(format!("{case}.err"));
    let actual = answer(case);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&file, &actual).unwrap();
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    if actual == expected && !actual.is_empty() {
        return Ok(());
    }
    Err(format!("{case}:\n--- expected\n{expected}--- actual\n{actual}"))
}

#[test]
fn every_text_is_as_recorded() {
    let files = fs::read_dir(golden()).unwrap().map(|entry| entry.unwrap().path());
    let (mut cases, mut answers) = (BTreeSet::new(), BTreeSet::new());
    for file in files {
        let case = file.file_stem().unwrap().to_str().unwrap().to_owned();
        match file.extension().unwrap().to_str().unwrap() {
            "toml" => cases.insert(case),
            "err" => answers.insert(case),
            other => panic!("{case}.{other} is no golden file"),
        };
    }
    assert!(cases.len() >= 40, "{} cases", cases.len());
    // What is said of HTTP depends on whether this build has it.
    match cfg!(feature = "http") {
        true => drop((cases.remove("http-missing"), answers.remove("http-missing"))),
        false => {
            let is_common = |case: &String| !case.starts_with("http-") || case == "http-missing";
            cases.retain(is_common);
            answers.retain(is_common);
        }
    }
    let wrong: Vec<String> = cases.iter().filter_map(|case| check(case).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let orphans: Vec<&String> = answers.difference(&cases).collect();
    assert!(orphans.is_empty(), "answers without a question: {orphans:?}");
}

/// A secret that stands in the file where none may stand is not repeated in the message.
#[test]
fn a_refused_secret_is_not_shown() {
    assert!(!answer("secret-in-file").contains("hunter2"));
    assert!(!answer("secret-as-path").contains("MIIB"));
    assert!(!answer("addresses").contains("hunter2"));
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("spoolgate.toml");
    fs::write(&file, b"hostname = \"\xff\"\n").unwrap();
    let error = Config::load(&file, &MACHINE).unwrap_err();
    assert_eq!(error.to_string(), format!("{}: is not UTF-8; save it as UTF-8", file.display()));
}

#[test]
fn a_file_that_others_may_write_is_warned_of() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("spoolgate.toml");
    let spool = directory.path().join("*.jsonl");
    let text = format!(
        "hostname = \"h\"\n[[spool]]\npath = \"{}\"\n\
         [[destination]]\nname = \"d\"\naddress = \"tcp://10.0.0.5\"\n",
        spool.display()
    );
    fs::write(&file, text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    let config = Config::load(&file, &crate::config::ThisMachine).unwrap();
    assert_eq!(
        config.warnings,
        [format!(
            "{}: others may write this file (mode 0666), and so direct events elsewhere; run \
             `chmod o-w` on it",
            file.display()
        )]
    );
}

#[test]
fn a_machine_without_a_name_of_its_own_needs_a_hostname() {
    let text = format!("{HEAD}address = \"tcp://10.0.0.5\"\n");
    let nameless = FakeMachine("");
    let error = Config::parse(&text, Path::new("f"), &nameless).unwrap_err().to_string();
    assert_eq!(
        error,
        "f: this machine's name is \"\", which tells the receiver nothing; set `hostname` to the \
         Log Source Identifier that the receiver knows"
    );
    let local = FakeMachine("localhost.localdomain");
    let config = Config::parse(&text, Path::new("f"), &local).unwrap();
    assert_eq!(config.warnings.len(), 1);
    let named = Config::parse(&format!("hostname = \"h\"\n{text}"), Path::new("f"), &nameless);
    assert_eq!(named.unwrap().hostname, "h");
}

/// The fake machine, where systemd has started the program.
struct Service;

impl Machine for Service {
    fn hostname(&self) -> String {
        MACHINE.hostname()
    }

    fn examine(&self, path: &Path) -> io::Result<Entry> {
        MACHINE.examine(path)
    }

    fn variable(&self, name: &str) -> Option<String> {
        (name == "INVOCATION_ID").then(|| "5f3b".to_owned())
    }
}

#[test]
fn a_service_that_does_not_see_its_spool_is_shown_the_drop_in() {
    let text =
        HEAD.replace("/var/spool/spoolgate", "/home/absent") + "address = \"tcp://10.0.0.5\"\n";
    let error = Config::parse(&text, Path::new("f"), &Service).unwrap_err().to_string();
    assert_eq!(
        error,
        "f:2:8: spool \"/home/absent/*.jsonl\": `path` /home/absent: does not exist; create it, or \
         correct the path; if it is there, the service does not see it: `spoolgate check \
         --systemd-dropin` prints what its unit needs"
    );
}
