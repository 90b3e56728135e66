//! The rules of style that a machine can hold, each with its remedy in the message.
//!
//! Rules are functions from the text of files to complaints, so that `tests` can plant a fault
//! and see it caught. The import table is the one in `src/ARCHITECTURE.md`: what people read is
//! what is enforced.

mod code;
mod imports;
mod tests;
mod text;
mod tree;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use code::code_of;

/// One file of the project.
struct Source {
    /// Below the project's folder, with `/`.
    path: String,
    text: String,
    /// Of Rust: the text without comments and without what stands in string literals, line by
    /// line as in `text`. Else empty.
    code: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Source {
        let code = if path.ends_with(".rs") { code_of(text) } else { String::new() };
        Source { path: path.to_owned(), text: text.to_owned(), code }
    }

    /// The code in lines, numbered from 1.
    fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// The same, without test files and without what follows a `#[cfg(test)]` module.
    fn shipped_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_shipped = self.path.starts_with("src/") && !is_tests_file(&self.path);
        let inline_tests = self.inline_tests();
        self.code_lines().take_while(move |(number, _)| is_shipped && *number < inline_tests)
    }

    /// The line of the attribute on an inline test module; tests come last in a file.
    fn inline_tests(&self) -> usize {
        let lines: Vec<_> = self.code.lines().collect();
        let found = lines.windows(2).position(|pair| {
            pair[0].trim() == "#[cfg(test)]" && pair[1].contains("mod ") && pair[1].ends_with('{')
        });
        found.map_or(usize::MAX, |index| index + 1)
    }

    fn complain(&self, line: usize, rule: impl Into<String>) -> Complaint {
        Complaint { path: self.path.clone(), line, rule: rule.into() }
    }
}

fn is_tests_file(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// What is wrong, where, and what to do.
#[derive(Debug, PartialEq, Eq)]
struct Complaint {
    path: String,
    line: usize,
    rule: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.rule)
    }
}

/// The text files of the project that people write, without data and build results.
fn project() -> Vec<Source> {
    const WRITTEN: [&str; 7] = ["rs", "toml", "md", "sh", "service", "conf", "html"];
    const SCRIPTS: [&str; 2] = ["tests/run", ".ci/run"];
    let mut sources = Vec::new();
    for (path, full) in files() {
        let extension = Path::new(&path).extension().unwrap_or_default();
        let is_data = path.starts_with("tests/golden/") || path.starts_with("config/samples/");
        let is_written = WRITTEN.iter().any(|written| extension == *written);
        if is_written && !is_data || SCRIPTS.contains(&path.as_str()) {
            sources.push(Source::new(&path, &fs::read_to_string(full).unwrap()));
        }
    }
    sources
}

/// Every file: its path below the project's folder, and its whole path.
fn files() -> Vec<(String, PathBuf)> {
    const NOT_OURS: [&str; 4] = ["target", ".git", "corpus", "artifacts"];
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if NOT_OURS.contains(&name) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                let below = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.push((below, path));
            }
        }
    }
    files.sort();
    files
}

#[track_caller]
fn check(complaints: impl IntoIterator<Item = Complaint>) {
    let complaints: Vec<_> = complaints.into_iter().map(|found| found.to_string()).collect();
    assert!(complaints.is_empty(), "{} untidy:\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn imports_follow_the_table_of_the_architecture() {
    let table = imports::Table::read(include_str!("../../../src/ARCHITECTURE.md")).unwrap();
    let project = project();
    check(table.missing_rows(&project));
    check(project.iter().flat_map(|source| table.check(source)));
}

#[test]
fn confined_things_stay_where_they_belong() {
    check(project().iter().flat_map(imports::confined));
}

#[test]
fn files_functions_and_lines_are_short() {
    check(project().iter().flat_map(text::lengths));
}

#[test]
fn text_is_clean() {
    check(project().iter().flat_map(text::letters));
    check(project().iter().flat_map(text::words));
}

#[test]
fn attributes_say_their_reason() {
    check(project().iter().flat_map(text::attributes));
}

#[test]
fn names_mean_something() {
    check(project().iter().flat_map(text::names));
}

#[test]
fn every_module_is_reached() {
    check(tree::orphans(&project()));
}

#[test]
fn every_golden_file_is_used() {
    let paths: Vec<_> = files().into_iter().map(|(path, _)| path).collect();
    check(tree::unused_golden(&paths, &project()));
}
