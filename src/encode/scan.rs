//! Finds the octets that need care, and places where text may be cut.
//!
//! In: UTF-8. Out: positions. Most values need no care, so the question "is there any?" is answered
//! eight octets at a time; values are short, and this beats a call into a vector search.
//! Diagnostics: none.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// The position of the first octet that is `first`, `second`, DEL or below the space.
pub(super) fn special(text: &[u8], first: u8, second: u8) -> Option<usize> {
    let is_special = |byte: &u8| *byte == first || *byte == second || *byte < b' ' || *byte == 0x7f;
    let (words, rest) = text.as_chunks::<8>();
    let clean = words
        .iter()
        .take_while(|word| !word_has_special(u64::from_le_bytes(**word), first, second))
        .count();
    let from = clean * 8;
    if clean < words.len() {
        return text.get(from..)?.iter().position(is_special).map(|at| from + at);
    }
    // The last octets again, with some before them that are known to be clean.
    if let (Some(last), false) = (text.last_chunk::<8>(), rest.is_empty())
        && !word_has_special(u64::from_le_bytes(*last), first, second)
    {
        return None;
    }
    rest.iter().position(is_special).map(|at| from + at)
}

/// Exact as to whether there is one; the carries of the subtractions make it inexact as to where.
fn word_has_special(word: u64, first: u8, second: u8) -> bool {
    let is_zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    let below_space = word.wrapping_sub(ONES * u64::from(b' ')) & !word & HIGHS;
    let equal = |byte: u8| is_zero(word ^ (ONES * u64::from(byte)));
    (below_space | equal(first) | equal(second) | equal(0x7f)) != 0
}

/// Without the spaces and control characters at both ends.
pub(super) fn trim(text: &str) -> &str {
    let is_blank = |byte: Option<u8>| byte.is_some_and(|byte| byte <= b' ' || byte == 0x7f);
    if !is_blank(text.bytes().next()) && !is_blank(text.bytes().next_back()) {
        return text;
    }
    text.trim_matches(|letter: char| letter == ' ' || letter.is_ascii_control())
}

/// How escapes are told in text that is already written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escapes {
    /// A backslash and its partner belong together.
    Backslash,
    /// There are none (LEEF).
    None,
}

/// The longest beginning of at most `most` octets that ends neither within a character nor within
/// an escape nor in a space.
pub(super) fn cut(text: &[u8], most: usize, escapes: Escapes) -> &[u8] {
    if text.len() <= most {
        return text;
    }
    let mut end = most;
    while text.get(end).is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000) {
        end -= 1;
    }
    let kept = text.get(..end).unwrap_or(text);
    let backslashes = kept.iter().rev().take_while(|byte| **byte == b'\\').count();
    let kept = match (escapes, kept.split_last()) {
        (Escapes::Backslash, Some((_, whole))) if backslashes % 2 == 1 => whole,
        _ => kept,
    };
    kept.trim_ascii_end()
}
