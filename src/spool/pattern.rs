//! A source's path, taken apart: one directory and a glob over the names in it.
//!
//! As in a shell, a name that begins with a dot matches only a pattern that begins with one: such
//! names are the temporary files of editors and copy programs.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use globset::{Glob, GlobMatcher};

use super::SpoolError;
use super::settings::Source;

/// A compiled [`super::settings::Source::path`].
#[derive(Debug)]
pub(super) struct Pattern {
    /// The directory, as written; `.` for a bare name.
    pub directory: PathBuf,
    matcher: GlobMatcher,
    matches_hidden: bool,
}

impl Pattern {
    /// Errors: a wildcard in the directory part, no file name, or a glob that does not compile.
    pub(super) fn new(path: &str) -> Result<Pattern, SpoolError> {
        let (directory, name) = path.rsplit_once('/').unwrap_or((".", path));
        let directory = if path.starts_with('/') && directory.is_empty() { "/" } else { directory };
        if directory.contains(['*', '?', '[', '{']) {
            return Err(SpoolError::WildcardInDirectory { path: path.to_owned() });
        }
        if name.is_empty() {
            return Err(SpoolError::NoName { path: path.to_owned() });
        }
        let glob = Glob::new(name).map_err(|error| SpoolError::Glob {
            path: path.to_owned(),
            reason: error.kind().to_string(),
        })?;
        Ok(Pattern {
            directory: PathBuf::from(directory),
            matcher: glob.compile_matcher(),
            matches_hidden: name.starts_with('.'),
        })
    }

    /// Whether a name in the directory belongs to the source.
    pub(super) fn matches(&self, name: &OsStr) -> bool {
        let is_hidden = name.as_bytes().starts_with(b".");
        (self.matches_hidden || !is_hidden) && self.matcher.is_match(Path::new(name))
    }
}

/// The first source whose pattern matches a file, however the two are spelled: their directories
/// are compared without symbolic links where they exist.
pub fn source_of(sources: &[Source], file: &Path) -> Option<usize> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    let directory = real(directory.unwrap_or(Path::new(".")));
    let name = file.file_name()?;
    sources.iter().position(|source| {
        Pattern::new(&source.path)
            .is_ok_and(|pattern| pattern.matches(name) && real(&pattern.directory) == directory)
    })
}

/// Whether the content of a file of that name is compressed.
pub(super) fn is_compressed(name: &OsStr) -> bool {
    name.as_bytes().ends_with(b".gz")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        #[track_caller]
        fn check(path: &str, name: &str, expected: bool) {
            assert_eq!(Pattern::new(path).unwrap().matches(OsStr::new(name)), expected);
        }
        check("/spool/*.jsonl", "a.jsonl", true);
        check("/spool/*.jsonl", "a.jsonl.1", false);
        check("/spool/*.jsonl", ".a.jsonl", false);
        check("/spool/.*.jsonl", ".a.jsonl", true);
        check("/spool/{a,b}.log", "b.log", true);
        check("events", "events", true);
        assert_eq!(Pattern::new("/*.log").unwrap().directory, Path::new("/"));
        assert_eq!(Pattern::new("x.log").unwrap().directory, Path::new("."));
    }

    #[test]
    fn bad_patterns_are_refused_with_their_path() {
        #[track_caller]
        fn check(path: &str) {
            let error = Pattern::new(path).unwrap_err().to_string();
            assert!(error.contains(path), "{error}");
        }
        check("/spool/*/a.jsonl");
        check("/spool/");
        check("/spool/[a");
    }
}
