//! What can be wrong with a schema file, in words for whoever wrote it.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a schema cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The directory or a file in it.
    #[error("{}: cannot be read ({error}); check the path and its permissions", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Something in a file.
    #[error("{place}: {fault}")]
    Faulty {
        /// Where.
        place: Place,
        /// What, and what to do.
        fault: Box<Fault>,
    },
    /// Two files of the directory.
    #[error("{second}: the schema `{name}` stands in {first} too; rename one or remove it")]
    Twice {
        /// The name in both.
        name: String,
        /// The file read first.
        first: String,
        /// The file read second.
        second: String,
    },
}

/// A place in a schema file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

impl Place {
    /// The place of a byte offset in `text`.
    pub(super) fn at(file: &str, text: &str, offset: usize) -> Place {
        let before = text.get(..offset).unwrap_or(text);
        let line_begin = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place {
            file: file.to_owned(),
            line: before.bytes().filter(|byte| *byte == b'\n').count() + 1,
            column: before.get(line_begin..).unwrap_or("").chars().count() + 1,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// What is wrong with a schema file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// In the words of the TOML parser.
    #[error("this is not TOML: {0}")]
    Syntax(String),
    /// A key that means nothing here.
    #[error("{what} has no key `{key}`; {}", hint(nearest.as_deref(), known))]
    UnknownKey {
        /// Whose key it would be.
        what: &'static str,
        /// As written.
        key: String,
        /// What was probably meant.
        nearest: Option<String>,
        /// All keys.
        known: Vec<String>,
    },
    /// A key that must be there.
    #[error("{what} needs the key `{key}`; add {example}")]
    MissingKey {
        /// Whose key it is.
        what: &'static str,
        /// Its name.
        key: &'static str,
        /// A line to copy.
        example: &'static str,
    },
    /// A value of another type.
    #[error("`{key}` must be {expected}, not {found}; write {example}")]
    WrongType {
        /// Whose value it is.
        key: String,
        /// With its article.
        expected: &'static str,
        /// With its article.
        found: String,
        /// Something to copy.
        example: &'static str,
    },
    /// A word that is not one of a fixed set.
    #[error("`{key}` cannot be \"{word}\"; {}", hint(nearest.as_deref(), known))]
    UnknownWord {
        /// Whose value it is.
        key: &'static str,
        /// As written.
        word: String,
        /// What was probably meant.
        nearest: Option<String>,
        /// All words.
        known: Vec<String>,
    },
    /// See the path's grammar.
    #[error(
        "`{path}` is not a path: {reason}; \
         write keys with dots, as in `actor.user.uid`, and `[]` behind a list"
    )]
    Path {
        /// As written.
        path: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// See the template's grammar.
    #[error(
        "the template \"{template}\" {reason}; \
         write paths in braces, as in \"{{user.name}} at {{host}}\", \
         and a brace itself as `{{{{` or `}}}}`"
    )]
    Template {
        /// As written.
        template: String,
        /// What is wrong.
        reason: String,
    },
    /// No source, or more than one.
    #[error(
        "{what} must say once where its value comes from; \
         use exactly one of `path`, `text`, `template`, `built_in` and `first_of`"
    )]
    Source {
        /// What needs a value.
        what: &'static str,
    },
    /// A header part may not stay empty.
    #[error("`{key}` may never be empty; add `default = \"…\"` for events without that value")]
    NoDefault {
        /// The part.
        key: &'static str,
    },
    /// CEF keys are ASCII letters and digits (CEF 27, "Extension").
    #[error("`{key}` is not a CEF extension key; use ASCII letters and digits only")]
    ExtensionKey {
        /// As written.
        key: String,
    },
    /// A slot without a meaning.
    #[error(
        "`{key}` is a free slot of CEF and needs a label; \
         add `label = \"…\"` that names what it holds"
    )]
    LabelMissing {
        /// The slot.
        key: String,
    },
    /// Only the free slots have labels in CEF.
    #[error(
        "`{key}` has no label in CEF; remove `label`, or use a free slot such as `cs1` or `cn1`"
    )]
    LabelOutOfPlace {
        /// The key.
        key: String,
    },
    /// A key may stand once in an event.
    #[error(
        "`{key}` stands in two rows without `when`, but may stand once in an event; \
         join them with `path = [\"a\", \"b\"]` or `first_of`"
    )]
    KeyTwice {
        /// The key.
        key: String,
    },
    /// CEF 27, "severity".
    #[error(
        "{number} is not a CEF severity; \
         use 0 to 10: 0 to 3 low, 4 to 6 medium, 7 and 8 high, 9 and 10 very high"
    )]
    Severity {
        /// As written.
        number: String,
    },
    /// No check or more than one.
    #[error(
        "a test must check one thing; \
         use exactly one of `exists`, `equals`, `one_of`, `prefix` and `any`"
    )]
    Test,
    /// Nothing in a list that needs something.
    #[error("`{key}` is empty; {remedy}")]
    Empty {
        /// The list.
        key: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// Two keys that do not go together.
    #[error("`{key}` has no meaning beside `{beside}`; remove one of them")]
    Beside {
        /// The one.
        key: &'static str,
        /// The other.
        beside: &'static str,
    },
    /// More than a plan can hold.
    #[error("this schema has more than {most} {what}; split it")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are possible.
        most: usize,
    },
    /// The expectation of an example.
    #[error("`{key}` must look like {example}")]
    Expectation {
        /// The part.
        key: &'static str,
        /// Something to copy.
        example: &'static str,
    },
}

fn hint(nearest: Option<&str>, known: &[String]) -> String {
    match nearest {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!("use one of: {}", known.join(", ")),
    }
}

/// The known word that is at most a third of its letters away, and the closest of them.
pub(super) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let distances = known.iter().map(|known| (distance(word, known), *known));
    let (distance, known) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= known.chars().count().max(word.chars().count()).div_ceil(3)).then_some(known)
}

/// Levenshtein's.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (at, a) in a.chars().enumerate() {
        let mut diagonal = at;
        let mut left = at + 1;
        for (place, b) in row.iter_mut().zip(std::iter::once(None).chain(b.iter().map(Some))) {
            let Some(b) = b else {
                *place = at + 1;
                continue;
            };
            let above = *place;
            *place = (above + 1).min(left + 1).min(diagonal + usize::from(a != *b));
            diagonal = above;
            left = *place;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_nearest_word() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("same", "same"), 0);
        let known = ["path", "label", "when_absent"];
        assert_eq!(nearest("pth", &known), Some("path"));
        assert_eq!(nearest("when_absnet", &known), Some("when_absent"));
        assert_eq!(nearest("colour", &known), None);
    }
}
