//! Tests of the decode stage. Each file has one `check` that every case goes through.

mod cef;
mod json;
mod limits;
mod mutation;
mod samples;
mod syslog;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json};

use super::*;
use crate::model::event::Value;

/// What a line decodes to, as serde_json's value; numbers become those that serde_json reads.
fn decoded(format: Format, line: &str) -> Result<(Format, Json), DecodeError> {
    decoded_by(&mut Decoder::new(), format, line)
}

fn decoded_by(
    decoder: &mut Decoder,
    format: Format,
    line: &str,
) -> Result<(Format, Json), DecodeError> {
    let mut tape = Tape::new();
    let decoded = decoder.decode(format, line.as_bytes(), &mut tape)?;
    assert_eq!(decoded.line, line);
    let root = Event::new(&tape, decoded.line).root().expect("a decoded event has a root");
    Ok((decoded.format, rebuilt(root)))
}

/// The tape as serde_json's value. Of a key that stands twice, the last remains in both.
fn rebuilt(value: Value<'_>) -> Json {
    match value.kind() {
        Kind::Null => Json::Null,
        Kind::Bool(value) => Json::Bool(value),
        Kind::Number(digits) => serde_json::from_str(digits).expect("the tape holds JSON numbers"),
        Kind::Text(text) => Json::String(text.to_owned()),
        Kind::Array => Json::Array(value.items().map(rebuilt).collect()),
        Kind::Object => Json::Object(
            value
                .members()
                .map(|(key, value)| (key.to_owned(), rebuilt(value)))
                .collect::<Map<_, _>>(),
        ),
    }
}

fn tests_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests")
}

/// Every file below `tests/samples/<folder>`, in the order of their names.
fn sample_files(folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![tests_folder().join("samples").join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    assert!(!files.is_empty());
    files
}

/// Compares with `tests/golden/<name>`, or writes it when `UPDATE_GOLDEN` is set.
fn check_golden(name: &str, found: &str) {
    let path = tests_folder().join("golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, found).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "{} differs; look at what changed with UPDATE_GOLDEN=1 and git diff",
        path.display()
    );
}
