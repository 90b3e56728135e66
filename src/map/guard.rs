//! The privacy guard: members that carry raw content are taken off the tape, at any depth, before
//! detection, mapping and every encoder (design, section 4; seed MITRITY, "GDPR-Safe Audit
//! Contract").
//!
//! In: a tape. Out: the same tape without the members whose key is guarded, and how many those
//! were. Keys are compared without case, `_`, `-` and spaces; a key such as `gen_ai.prompt` is
//! guarded when any part between `.`, `:`, `/`, `[` and `]` is. Raw content that hides in the text
//! of some other key is not found: the line itself therefore never goes to a destination.
//!
//! Diagnostics: none; the count is for metrics.

use crate::model::event::Tape;

use super::lookup::Lookup;

/// The keys that are always guarded.
pub const BUILT_IN: [&str; 46] = [
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
}

impl Guard {
    /// Guards the built-in keys and `more`. Of `more`, what has no letter or digit is ignored.
    pub fn new<K: AsRef<str>>(more: &[K]) -> Guard {
        let more = more.iter().map(AsRef::as_ref);
        let mut keys: Vec<String> = BUILT_IN.into_iter().chain(more).map(normalized).collect();
        keys.retain(|key| !key.is_empty());
        keys.sort_unstable();
        keys.dedup();
        let mut least_lengths = vec![u8::MAX; 1 << 10];
        for key in &keys {
            let length = key.len().min(KEY_BYTES_MAX) as u8;
            if let Some(least) = ending(key.as_bytes()).and_then(|at| least_lengths.get_mut(at)) {
                *least = length.min(*least);
            }
        }
        Guard { keys: Lookup::new(keys), least_lengths }
    }

    /// Takes guarded members out of the tape; returns how many.
    pub fn apply(&self, line: &str, tape: &mut Tape) -> usize {
        tape.remove_keys(line, |key| self.guards(key))
    }

    /// True for a guarded key, whatever its spelling.
    pub fn guards(&self, key: &str) -> bool {
        let bytes = key.as_bytes();
        if has_divider(bytes) {
            return key
                .split(|c: char| u8::try_from(c).is_ok_and(is_divider))
                .any(|part| self.might_guard(part.as_bytes()) && self.guards_part(part));
        }
        self.might_guard(bytes) && self.guards_part(key)
    }

    /// False for most keys that are not guarded, true for all that are.
    fn might_guard(&self, part: &[u8]) -> bool {
        match part {
            [.., a, b] if !is_ignored(*a) && !is_ignored(*b) && b.is_ascii() && a.is_ascii() => {
                let least = ending(part).and_then(|at| self.least_lengths.get(at));
                least.is_some_and(|least| part.len() >= usize::from(*least))
            }
            _ => true,
        }
    }

    fn guards_part(&self, part: &str) -> bool {
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
    matches!(byte, b'.' | b':' | b'/' | b'[' | b']')
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

fn normalized(key: &str) -> String {
    let letters = key.bytes().filter(|byte| !is_ignored(*byte)).map(|b| b.to_ascii_lowercase());
    // Only ASCII bytes were changed or left out, so it is still UTF-8.
    String::from_utf8(letters.take(KEY_BYTES_MAX).collect()).unwrap_or_default()
}

/// Five bits of each of the last two bytes; the case of ASCII letters is not among them.
fn ending(key: &[u8]) -> Option<usize> {
    match key {
        [.., a, b] => Some((usize::from(*a & 0x1f) << 5) | usize::from(*b & 0x1f)),
        _ => None,
    }
}
