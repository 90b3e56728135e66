//! Where in an event a value stands: `actor.user.uid`, `entities[].type`, `unmapped."a.b"`.
//!
//! In: the text of a schema file. Out: steps. `[]` goes through every element of an array.

use crate::model::event::Value;

/// A parsed path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    /// Object keys from the outermost object on; never empty.
    pub(super) head: Vec<String>,
    /// What follows the first `[]`; empty for a path without one.
    pub(super) tail: Vec<Step>,
}

/// One step behind the first `[]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Every element of an array.
    Each,
    /// The member of that key.
    Key(String),
}

impl Path {
    /// Reads a path; the error says what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Path, &'static str> {
        let (mut head, mut tail) = (Vec::new(), Vec::new());
        let mut rest = text;
        loop {
            let key;
            (key, rest) = take_key(rest)?;
            if tail.is_empty() {
                head.push(key)
            } else {
                tail.push(Step::Key(key))
            }
            while let Some(behind) = rest.strip_prefix("[]") {
                tail.push(Step::Each);
                rest = behind;
            }
            if rest.is_empty() {
                return Ok(Path { head, tail });
            }
            rest =
                rest.strip_prefix('.').ok_or("a key is followed by `.`, by `[]` or by nothing")?;
        }
    }
}

fn take_key(text: &str) -> Result<(String, &str), &'static str> {
    if let Some(quoted) = text.strip_prefix('"') {
        let (key, rest) = quoted.split_once('"').ok_or("a quoted key has no closing `\"`")?;
        return Ok((key.to_owned(), rest));
    }
    let end = text.find(['.', '[']).unwrap_or(text.len());
    match text.split_at_checked(end) {
        Some((key, rest)) if !key.is_empty() => Ok((key.to_owned(), rest)),
        _ => Err("a key is missing"),
    }
}

/// Calls `each` with every value that `steps` lead to from `value`, until it answers `false`.
pub(super) fn for_each<'a>(
    value: Value<'a>,
    steps: &[Step],
    each: &mut impl FnMut(Value<'a>) -> bool,
) -> bool {
    match steps.split_first() {
        None => each(value),
        Some((Step::Each, rest)) => value.items().all(|item| for_each(item, rest, each)),
        Some((Step::Key(key), rest)) => {
            value.get(key).is_none_or(|member| for_each(member, rest, each))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, head: &[&str], tail: &[Step]) {
        let path = Path::parse(text).unwrap();
        assert_eq!(path.head, head, "{text}");
        assert_eq!(path.tail, tail, "{text}");
    }

    #[test]
    fn reads_paths() {
        check("id", &["id"], &[]);
        check("actor.user.uid", &["actor", "user", "uid"], &[]);
        check("tags[]", &["tags"], &[Step::Each]);
        check("a.b[].c", &["a", "b"], &[Step::Each, Step::Key("c".into())]);
        check("a[][].c", &["a"], &[Step::Each, Step::Each, Step::Key("c".into())]);
        check("unmapped.\"a.b[]\".c", &["unmapped", "a.b[]", "c"], &[]);
    }

    #[test]
    fn refuses_what_is_no_path() {
        for text in ["", ".", "a.", ".a", "a..b", "a[0]", "a[", "\"a", "\"a\"b", "a[]b"] {
            assert!(Path::parse(text).is_err(), "{text}");
        }
    }
}
