//! Puts text on the tape: as a place in the line where it stands there, as a copy where not.

use crate::model::event::{Tape, Word};

/// Adds `text`, which a parser cut out of `line` or made anew.
pub(super) fn push(tape: &mut Tape, line: &str, text: &str) {
    match offset(line, text) {
        Some(start) => tape.text_in_line(start, start + text.len()),
        None => tape.text(text),
    }
}

/// Adds a key, likewise.
pub(super) fn push_key(tape: &mut Tape, line: &str, key: &str) {
    match offset(line, key) {
        Some(start) => tape.key_in_line(start, key),
        None => tape.key(key),
    }
}

/// Adds a member whose value a parser cut out of `line` or made anew.
pub(super) fn member(tape: &mut Tape, line: &str, key: Word, value: &str) {
    tape.word_key(key);
    push(tape, line, value);
}

/// Where `part` begins in `whole`, should it be a piece of it. Only addresses are compared: two
/// allocations never overlap, so a copy is never taken for the original.
pub(super) fn offset(whole: &str, part: &str) -> Option<usize> {
    let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    (start.checked_add(part.len())? <= whole.len()).then_some(start)
}
