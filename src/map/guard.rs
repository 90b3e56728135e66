//! The privacy guard: members that carry raw content are taken off the tape, at any depth, before
//! detection, mapping and every encoder (design, section 4; seed MITRITY, "GDPR-Safe Audit
//! Contract").
//!
//! In: a tape. Out: the same tape without the members whose key is guarded, and how many those
//! were. Keys are compared without case, `_`, `-` and spaces; a key such as `gen_ai.prompt` is
//! guarded when any part between `.`, `:`, `/`, `@`, `[` and `]` is. Three more rules:
//!
//! - A configured key of several parts (`user.email`) guards the flattened key and the nested path,
//!   wherever both begin and whatever lists stand between.
//! - A slot is guarded when its label names a guarded key: `cs1Label=Prompt cs1=…`.
//! - Behind a guarded key of a CEF extension everything goes, up to the next key of the dictionary:
//!   many senders do not escape `=`, so that pieces of a value look like keys.
//!
//! Raw content that hides in the text of some other key is not found: the line itself therefore
//! never goes to a destination.
//!
//! Diagnostics: none; the count is for metrics.

use crate::model::cef;
use crate::model::event::Tape;

use super::lookup::Lookup;

/// The keys that are always guarded.
pub const BUILT_IN: [&str; 47] = [
    "value",
    "values",
    "matched_text",
    "match_text",
    "matched_value",
    "match_value",
    "matched_content",
    "matched_data",
    "raw_match",
    "raw_content",
    "raw_data",
    "raw_text",
    "raw_payload",
    "raw_ocsf",
    "raw_event",
    "content",
    "contents",
    "content_sample",
    "content_preview",
    "text_sample",
    "snippet",
    "excerpt",
    "prompt",
    "prompts",
    "prompt_text",
    "prompt_content",
    "system_prompt",
    "user_prompt",
    "user_message",
    "user_input",
    "messages",
    "input_text",
    "input_content",
    "response",
    "responses",
    "response_text",
    "response_content",
    "response_body",
    "request_body",
    "completion",
    "completions",
    "completion_text",
    "output_text",
    "output_content",
    "payload",
    "body",
    "redacted_text",
];

/// Of longer keys the beginning is compared; no built-in key is nearly as long.
const KEY_BYTES_MAX: usize = 64;

/// Which keys are guarded. The built-in ones are always among them.
#[derive(Clone, Debug)]
pub struct Guard {
    keys: Lookup,
    /// By the last two bytes, five bits of each: the least length of a guarded key that ends so.
    /// Most keys of most events are told from every guarded key by this table alone.
    least_lengths: Vec<u8>,
    /// The parts of those keys that have several.
    paths: Vec<Vec<String>>,
    /// The keys of CEF.
    dictionary: Lookup,
}

impl Guard {
    /// Guards the built-in keys and `more`. Of `more`, what has no letter or digit is ignored.
    pub fn new<K: AsRef<str>>(more: &[K]) -> Guard {
        let (mut keys, mut paths) = (Vec::new(), Vec::new());
        for key in BUILT_IN.into_iter().chain(more.iter().map(AsRef::as_ref)) {
            let mut path: Vec<String> = parts(key).map(normalized).collect();
            path.retain(|part| !part.is_empty());
            match path.len() {
                0 => {}
                1 => keys.append(&mut path),
                _ => paths.push(path),
            }
        }
        keys.sort_unstable();
        keys.dedup();
        let mut least_lengths = vec![u8::MAX; 1 << 10];
        for key in &keys {
            let length = key.len().min(KEY_BYTES_MAX) as u8;
            if let Some(least) = ending(key.as_bytes()).and_then(|at| least_lengths.get_mut(at)) {
                *least = length.min(*least);
            }
        }
        let dictionary = Lookup::new(cef::dictionary_keys());
        Guard { keys: Lookup::new(keys), least_lengths, paths, dictionary }
    }

    /// Takes guarded members out of the tape; returns how many.
    pub fn apply(&self, line: &str, tape: &mut Tape) -> usize {
        self.remove_nested(line, tape)
            + tape.remove_keys(line, |key| self.guards(key))
            + self.remove_labelled(line, tape)
    }

    /// Takes out what stands under a guarded path; returns how many.
    pub(super) fn remove_nested(&self, line: &str, tape: &mut Tape) -> usize {
        if self.paths.is_empty() {
            return 0;
        }
        tape.remove_nested(line, |keys| self.guards_path(keys))
    }

    /// Takes out the slots whose label names a guarded key, with the label; returns how many.
    pub(super) fn remove_labelled(&self, line: &str, tape: &mut Tape) -> usize {
        tape.remove_labelled(line, cef::labelled_slot, |label| self.guards(label))
    }

    /// Takes out of a CEF event's extension what may belong to a value that was taken out before;
    /// returns how many.
    pub(super) fn remove_followers(&self, line: &str, tape: &mut Tape) -> usize {
        tape.remove_followers(line, "extension", |key| self.dictionary.find(key).is_some())
    }

    /// True for a guarded key, whatever its spelling.
    pub fn guards(&self, key: &str) -> bool {
        let bytes = key.as_bytes();
        if has_divider(bytes) {
            return parts(key)
                .any(|part| self.might_guard(part.as_bytes()) && self.guards_part(part))
                || self.guards_path(&[key]);
        }
        self.might_guard(bytes) && self.guards_part(key)
    }

    /// True when a guarded path ends in the last of these keys, the outermost first.
    fn guards_path(&self, keys: &[&str]) -> bool {
        let Some((last, outer)) = keys.split_last() else { return false };
        let outer = || outer.iter().rev().flat_map(|key| parts(key).rev());
        self.paths.iter().any(|path| {
            // The path may end in any part of the last key; parts behind it are inside.
            let count = parts(last).count();
            (0..count)
                .any(|skipped| ends_with(parts(last).rev().skip(skipped).chain(outer()), path))
        })
    }

    /// False for most keys that are not guarded, true for all that are.
    fn might_guard(&self, part: &[u8]) -> bool {
        match part {
            // Letters beyond ASCII may have another length in the other case.
            [.., a, b] if !is_ignored(*a) && !is_ignored(*b) && part.is_ascii() => {
                let least = ending(part).and_then(|at| self.least_lengths.get(at));
                least.is_some_and(|least| part.len() >= usize::from(*least))
            }
            _ => true,
        }
    }

    fn guards_part(&self, part: &str) -> bool {
        if !part.is_ascii() {
            return self.keys.find(&normalized(part)).is_some();
        }
        let mut room = [0_u8; KEY_BYTES_MAX];
        let mut length = 0;
        for byte in part.bytes().filter(|byte| !is_ignored(*byte)) {
            let Some(place) = room.get_mut(length) else { break };
            *place = byte.to_ascii_lowercase();
            length += 1;
        }
        let normalized = room.get(..length).and_then(|bytes| std::str::from_utf8(bytes).ok());
        normalized.is_some_and(|key| self.keys.find(key).is_some())
    }
}

/// Between the parts of a flattened key.
const fn is_divider(byte: u8) -> bool {
    matches!(byte, b'.' | b':' | b'/' | b'@' | b'[' | b']')
}

/// One load for each byte: keys are too short for wider steps.
fn has_divider(key: &[u8]) -> bool {
    key.iter().fold(0, |found, byte| found | DIVIDERS.get(usize::from(*byte)).unwrap_or(&0)) != 0
}

static DIVIDERS: [u8; 256] = {
    let mut table = [0; 256];
    let mut rest: &mut [u8] = &mut table;
    let mut byte = 0_u8;
    while let Some((place, behind)) = rest.split_first_mut() {
        *place = is_divider(byte) as u8;
        rest = behind;
        byte = byte.wrapping_add(1);
    }
    table
};

/// What the comparison of keys does not see.
fn is_ignored(byte: u8) -> bool {
    matches!(byte, b'_' | b'-' | b' ')
}

/// The parts of a key between its dividers; some may be empty.
fn parts(key: &str) -> impl DoubleEndedIterator<Item = &str> {
    key.split(|c: char| u8::try_from(c).is_ok_and(is_divider))
}

/// True when `path` stands at the end of `parts`, of which the last comes first. Numbers between
/// them are places in lists.
fn ends_with<'k>(parts: impl Iterator<Item = &'k str>, path: &[String]) -> bool {
    let mut wanted = path.iter().rev().peekable();
    for (behind, part) in parts.filter(|part| !part.is_empty()).enumerate() {
        let Some(next) = wanted.peek() else { return true };
        if is_same(part, next) {
            wanted.next();
        } else if behind == 0 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return false;
        }
    }
    wanted.peek().is_none()
}

fn is_same(part: &str, normalized: &str) -> bool {
    folded(part).eq(normalized.chars())
}

/// Without what is ignored, and in the one form of all cases: `ß`, `ẞ` and `SS` are `ss`.
fn folded(key: &str) -> impl Iterator<Item = char> {
    let letters = key.chars().filter(|c| !u8::try_from(*c).is_ok_and(is_ignored));
    letters.flat_map(char::to_uppercase).flat_map(char::to_lowercase)
}

fn normalized(key: &str) -> String {
    let mut normalized: String = folded(key).collect();
    let end = (0..=KEY_BYTES_MAX).rev().find(|at| normalized.is_char_boundary(*at));
    normalized.truncate(end.unwrap_or(0).min(normalized.len()));
    normalized
}

/// Five bits of each of the last two bytes; the case of ASCII letters is not among them.
fn ending(key: &[u8]) -> Option<usize> {
    match key {
        [.., a, b] => Some((usize::from(*a & 0x1f) << 5) | usize::from(*b & 0x1f)),
        _ => None,
    }
}
