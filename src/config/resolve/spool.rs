//! `[[spool]]` and the two keys that hold for all of them.

use std::path::Path;
use std::time::Duration;

use globset::Glob;

use super::Context;
use crate::config::fault::Fault;
use crate::config::findings::{At, Given};
use crate::config::typed::{After, Spool};
use crate::spool::settings::{AfterDelivery, Settings, Source};

const WILDCARDS: [char; 4] = ['*', '?', '[', '{'];
const MAX_EVENT_BYTES: usize = 1 << 20;
const POLL_INTERVAL: Duration = Duration::from_secs(10);

/// All spools.
pub(super) fn resolve(
    context: &Context<'_>,
    spools: &[Spool],
    max_event_bytes: Option<&Given<u32>>,
    poll_interval: Option<&Given<Duration>>,
) -> Settings {
    for (index, spool) in spools.iter().enumerate() {
        for other in spools.iter().take(index) {
            overlap(context, spool, other);
        }
    }
    let sources = spools.iter().filter_map(|spool| source(context, spools, spool)).collect();
    let max_event_bytes = max_event_bytes
        .map_or(MAX_EVENT_BYTES, |given| usize::try_from(given.value).unwrap_or(usize::MAX));
    let poll_interval = poll_interval.map_or(POLL_INTERVAL, |given| given.value);
    Settings { sources, max_event_bytes, poll_interval }
}

fn source(context: &Context<'_>, spools: &[Spool], spool: &Spool) -> Option<Source> {
    let path = spool.path.as_ref()?;
    let text = path.value.to_str()?.to_owned();
    let fault = |fault| context.findings.problem(path.at, &spool.title, fault);
    let Some((directory, _)) = split(&path.value) else {
        fault(Fault::NoFileName(text));
        return None;
    };
    // A directory without its slash reads as a pattern that matches the directory alone.
    let plain = !text.contains(WILDCARDS);
    let directory_alone =
        plain && context.machine.examine(&path.value).is_ok_and(|entry| entry.directory);
    if text.ends_with('/') || directory_alone {
        fault(Fault::NoFileName(text));
        return None;
    }
    let mut device = None;
    if directory.to_string_lossy().contains(WILDCARDS) {
        fault(Fault::WildcardDirectory(text.clone()));
    } else if let Err(error) = Glob::new(&text) {
        let (value, why) = (text.clone(), error.kind().to_string());
        fault(Fault::Glob { key: "path", value, why });
    } else {
        let directory = Given { value: directory.to_path_buf(), at: path.at };
        device = context.directory(&spool.title, "path", &directory).map(|entry| entry.device);
    }
    Some(Source {
        path: text,
        format: spool.format.as_ref().map(|format| format.value).unwrap_or_default(),
        schema: spool.schema.as_ref().and_then(|schema| schema.value.clone()),
        after_delivery: after_delivery(context, spools, spool, device),
        only: None,
    })
}

/// `device`: the file system of the spool, if it could be seen.
fn after_delivery(
    context: &Context<'_>,
    spools: &[Spool],
    spool: &Spool,
    device: Option<u64>,
) -> AfterDelivery {
    let fault = |at, fault| context.findings.problem(at, &spool.title, fault);
    let after = spool.after_delivery.as_ref().map_or(After::Keep, |after| after.value);
    let dir = match (after, &spool.archive_dir) {
        (After::Archive, Some(dir)) => dir,
        (After::Archive, None) => {
            let at = spool.after_delivery.as_ref().map_or(At::Whole, |after| after.at);
            fault(at, Fault::NoArchiveDir);
            return AfterDelivery::Keep;
        }
        (After::Keep | After::Delete, unused) => {
            if let Some(dir) = unused {
                fault(dir.at, Fault::UnusedArchiveDir);
            }
            return match after {
                After::Delete => AfterDelivery::Delete,
                After::Keep | After::Archive => AfterDelivery::Keep,
            };
        }
    };
    let is_spool = |other: &Spool| {
        let path = other.path.as_ref().and_then(|path| split(&path.value));
        path.is_some_and(|(directory, _)| directory.components().eq(dir.value.components()))
    };
    if spools.iter().any(is_spool) {
        fault(dir.at, Fault::ArchiveIsSpool);
    } else if let Some(entry) = context.directory(&spool.title, "archive_dir", dir)
        && device.is_some_and(|device| device != entry.device)
    {
        fault(dir.at, Fault::ArchiveElsewhere);
    }
    AfterDelivery::Archive(dir.value.clone())
}

/// A file that two spools match would have two formats, two schemas and two fates.
fn overlap(context: &Context<'_>, spool: &Spool, other: &Spool) {
    let (Some(path), Some(other)) = (&spool.path, &other.path) else {
        return;
    };
    let (Some(a), Some(b)) = (split(&path.value), split(&other.value)) else {
        return;
    };
    if a.0.components().eq(b.0.components()) && may_overlap(a.1, b.1) {
        let shown = other.value.display().to_string();
        context.findings.problem(path.at, &spool.title, Fault::Overlap(shown));
    }
}

/// The directory and the pattern of file names.
fn split(path: &Path) -> Option<(&Path, &str)> {
    Some((path.parent()?, path.file_name()?.to_str()?))
}

/// Whether some file name matches both patterns. Classes and alternatives are not worked out: only
/// the same text twice counts as overlap there.
fn may_overlap(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    if a.contains(['[', '{', '\\']) || b.contains(['[', '{', '\\']) {
        return false;
    }
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    intersect(&a, &b)
}

/// Whether some text matches both. One row of the table "the rest of `a` and the rest of `b` have a
/// text in common" at a time, from the ends: patterns are short, but they are the user's.
fn intersect(a: &[char], b: &[char]) -> bool {
    let mut below: Vec<bool> = Vec::new();
    for i in (0..=a.len()).rev() {
        let mut row = vec![false; b.len() + 1];
        let mut right = false;
        for j in (0..=b.len()).rev() {
            let under = below.get(j).copied().unwrap_or(false);
            let diagonal = below.get(j + 1).copied().unwrap_or(false);
            let common = match (a.get(i), b.get(j)) {
                (None, None) => true,
                // A star is nothing, or takes one more of the other.
                (Some('*'), Some('*')) => under || right || diagonal,
                (Some('*'), _) => under || right,
                (_, Some('*')) => right || under,
                (Some(x), Some(y)) => (x == y || *x == '?' || *y == '?') && diagonal,
                _ => false,
            };
            if let Some(place) = row.get_mut(j) {
                *place = common;
            }
            right = common;
        }
        below = row;
    }
    below.first().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::may_overlap;

    #[test]
    fn patterns_overlap_when_one_name_matches_both() {
        for (a, b, expected) in [
            ("*.jsonl", "*.jsonl", true),
            ("*.jsonl", "audit-*", true),
            ("*.jsonl", "*.log", false),
            ("a*.jsonl", "b*.jsonl", false),
            ("a?.jsonl", "ab.jsonl", true),
            ("a*b*c", "*d*", true),
            ("events.jsonl", "*", true),
            ("[a-m]*", "[n-z]*", false),
            ("", "*", true),
            ("", "a", false),
            ("*a", "a*", true),
            ("*a*b", "*b*a", false),
            ("**", "", true),
        ] {
            assert_eq!(may_overlap(a, b), expected, "{a} {b}");
            assert_eq!(may_overlap(b, a), expected, "{b} {a}");
        }
        // The time to find out grows with the product of the lengths, not exponentially.
        assert!(!may_overlap(&"*a".repeat(40), &"*b".repeat(40)));
    }
}
