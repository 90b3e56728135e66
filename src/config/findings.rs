//! What is wrong with a configuration, collected while it is read and rendered at the end.
//!
//! In: faults with the place they were found at. Out: one [`ConfigError`] with all of them in the
//! order of the file, and the warnings. Unknown keys wait until everything was read, since the
//! nearest valid key may belong to another section.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use super::fault::{Fault, Hint};

/// Everything that is wrong with a configuration, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// At least one.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    /// One problem a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            let newline = if index == 0 { "" } else { "\n" };
            write!(f, "{newline}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// One thing that is wrong: where, what, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The configuration file as it was named, or `environment`.
    pub file: String,
    /// Line and column from 1, columns in characters; `None` where no line is to blame.
    pub position: Option<(usize, usize)>,
    /// The part of the configuration, such as `destination "qradar"`; may be empty.
    pub section: String,
    /// What is wrong and the way out.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some((line, column)) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        f.write_str(": ")?;
        if !self.section.is_empty() {
            write!(f, "{}: ", self.section)?;
        }
        f.write_str(&self.text)
    }
}

/// Where a value was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum At {
    /// Nowhere in particular: the file as a whole.
    Whole,
    /// Byte offset in the file.
    Byte(usize),
    /// An environment variable.
    Variable(&'static str),
}

/// A value with the place it was typed at.
#[derive(Clone, Debug)]
pub(super) struct Given<T> {
    pub(super) value: T,
    pub(super) at: At,
}

/// The collector. Interior mutability lets every open section report while others are open too.
pub(super) struct Findings<'t> {
    /// The file's name for messages.
    file: String,
    /// What relative paths start from.
    base: PathBuf,
    text: &'t str,
    problems: RefCell<Vec<(At, String, Fault)>>,
    warnings: RefCell<Vec<(At, String, Fault)>>,
    unknown: RefCell<Vec<Unknown>>,
    known: RefCell<BTreeSet<(&'static str, &'static str)>>,
}

/// A key that its section did not ask for.
struct Unknown {
    at: At,
    title: String,
    key: String,
    asked: Vec<&'static str>,
}

impl<'t> Findings<'t> {
    /// `file` is named in messages; relative paths start at its directory.
    pub(super) fn new(file: &Path, text: &'t str) -> Findings<'t> {
        // The directory of a bare name is this one, and a path that shows it has a parent.
        let above = file.parent().filter(|above| !above.as_os_str().is_empty());
        Findings {
            file: file.display().to_string(),
            base: above.unwrap_or(Path::new(".")).to_path_buf(),
            text,
            problems: RefCell::default(),
            warnings: RefCell::default(),
            unknown: RefCell::default(),
            known: RefCell::default(),
        }
    }

    /// A path as typed, seen from the file's directory.
    pub(super) fn absolute(&self, path: &str) -> PathBuf {
        self.base.join(path)
    }

    pub(super) fn problem(&self, at: At, title: &str, fault: Fault) {
        self.problems.borrow_mut().push((at, title.to_owned(), fault));
    }

    pub(super) fn warning(&self, at: At, title: &str, fault: Fault) {
        self.warnings.borrow_mut().push((at, title.to_owned(), fault));
    }

    /// Remembers that `section` has `key`.
    pub(super) fn know(&self, section: &'static str, key: &'static str) {
        self.known.borrow_mut().insert((section, key));
    }

    /// Reports a key that is not among those `asked` for, once everything was read.
    pub(super) fn unknown(&self, at: At, title: &str, key: &str, asked: &[&'static str]) {
        let (title, key, asked) = (title.to_owned(), key.to_owned(), asked.to_vec());
        self.unknown.borrow_mut().push(Unknown { at, title, key, asked });
    }

    /// Every (section, key) that was asked for.
    #[cfg(test)]
    pub(super) fn known(&self) -> BTreeSet<(&'static str, &'static str)> {
        self.known.borrow().clone()
    }

    /// The warnings, or the error if there is any problem.
    pub(super) fn finish(self) -> Result<Vec<String>, ConfigError> {
        for unknown in self.unknown.take() {
            let hint = self.hint(&unknown);
            let fault = Fault::UnknownKey { key: unknown.key, hint };
            self.problem(unknown.at, &unknown.title, fault);
        }
        let render = |mut found: Vec<(At, String, Fault)>| -> Vec<Problem> {
            found.sort_by_key(|(at, ..)| *at);
            found.into_iter().map(|(at, section, fault)| self.locate(at, section, &fault)).collect()
        };
        let problems = render(self.problems.take());
        if problems.is_empty() {
            let warnings = render(self.warnings.take());
            Ok(warnings.iter().map(Problem::to_string).collect())
        } else {
            Err(ConfigError { problems })
        }
    }

    fn hint(&self, unknown: &Unknown) -> Hint {
        let key = unknown.key.as_str();
        if let Some(near) = nearest(key, unknown.asked.iter().copied()) {
            return Hint::Nearest(near.to_owned());
        }
        let known = self.known.borrow();
        let elsewhere = known.iter().find(|(_, other)| *other == key);
        match elsewhere {
            Some((section, _)) => Hint::Section((*section).to_owned()),
            None => Hint::Keys(unknown.asked.join(", ")),
        }
    }

    fn locate(&self, at: At, section: String, fault: &Fault) -> Problem {
        let (file, position) = match at {
            At::Whole => (self.file.clone(), None),
            At::Byte(byte) => (self.file.clone(), Some(self.line_and_column(byte))),
            At::Variable(name) => (format!("environment: {name}"), None),
        };
        Problem { file, position, section, text: fault.to_string() }
    }

    fn line_and_column(&self, byte: usize) -> (usize, usize) {
        let before = self.text.get(..byte).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (line, column)
    }
}

/// The candidate that is a slip of the keyboard away: a third of its letters at most, at least one.
pub(super) fn nearest<'c>(
    word: &str,
    candidates: impl Iterator<Item = &'c str>,
) -> Option<&'c str> {
    let lower = word.to_ascii_lowercase().replace('-', "_");
    candidates
        .map(|candidate| {
            let shape = candidate.to_ascii_lowercase().replace('-', "_");
            (strsim::osa_distance(&lower, &shape), candidate)
        })
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
