//! Short texts behind others, without a call for each.
//!
//! Most texts of an event have a few octets. To copy one of them costs less than to call the
//! function that copies, and much less with a C library whose function is made for long ones. So a
//! piece of a known length is copied, and what that has too much is cut off again. In: texts. Out:
//! the same, appended. Diagnostics: none.

use std::ops::Range;

/// The length of a piece of text; more octets are copied by the function.
const PIECE: usize = 32;

/// Like `trim`, for texts that mostly have nothing to trim.
#[inline]
pub fn trimmed(text: &str) -> &str {
    let is_graphic = |octet: Option<&u8>| octet.is_some_and(u8::is_ascii_graphic);
    if is_graphic(text.as_bytes().first()) && is_graphic(text.as_bytes().last()) {
        return text;
    }
    text.trim()
}

/// Like `extend_from_slice`.
#[inline]
pub fn append(text: &[u8], out: &mut Vec<u8>) {
    let end = out.len() + text.len();
    if text.len() <= 16 {
        out.extend_from_slice(&up_to_16(text));
        out.truncate(end);
    } else if text.len() > 64 {
        out.extend_from_slice(text);
    } else if let (Some(head), Some(tail)) = (text.first_chunk::<32>(), text.last_chunk::<32>()) {
        both(head, tail, end, out);
    } else if let (Some(head), Some(tail)) = (text.first_chunk::<16>(), text.last_chunk::<16>()) {
        both(head, tail, end, out);
    }
}

/// At most 16 octets, and zeros behind them. Head and tail overlap where the text is shorter than
/// both; there they agree.
#[inline]
fn up_to_16(text: &[u8]) -> [u8; 16] {
    let behind = |head: usize| 8 * (text.len() - head);
    if let (Some(head), Some(tail)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        let (head, tail) = (u64::from_le_bytes(*head), u64::from_le_bytes(*tail));
        (u128::from(head) | u128::from(tail) << behind(8)).to_le_bytes()
    } else if let (Some(head), Some(tail)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        let (head, tail) = (u32::from_le_bytes(*head), u32::from_le_bytes(*tail));
        u128::from(u64::from(head) | u64::from(tail) << behind(4)).to_le_bytes()
    } else {
        let word = text.iter().rev().fold(0, |word: u32, octet| word << 8 | u32::from(*octet));
        u128::from(word).to_le_bytes()
    }
}

/// Head and tail of a text that is shorter than both: the tail is written over what the head has of
/// it.
#[inline(always)]
fn both<const N: usize>(head: &[u8; N], tail: &[u8; N], end: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(head);
    out.truncate(end - N);
    out.extend_from_slice(tail);
}

/// Like `push_str` of that part of `text`; nothing for a part that it has not.
#[inline]
pub fn push_part(text: &str, part: Range<usize>, out: &mut String) {
    let end = out.len() + part.len();
    let piece = text.get(part.start..part.start + PIECE);
    match piece.filter(|_| part.len() <= PIECE && text.is_char_boundary(part.end)) {
        Some(piece) => {
            out.push_str(piece);
            out.truncate(end);
        }
        None => out.push_str(text.get(part).unwrap_or("")),
    }
}

/// The two digits of a number below 100.
#[inline]
pub fn pair(number: u32) -> [u8; 2] {
    PAIRS.get(number as usize).copied().unwrap_or(*b"00")
}

/// The digits of a number, behind zeros, and how many they are.
pub fn decimal(number: u64) -> ([u8; DIGITS], usize) {
    let mut digits = [b'0'; DIGITS];
    let length = number.checked_ilog10().unwrap_or(0) as usize + 1;
    let mut rest = number;
    for place in digits.as_chunks_mut::<2>().0.iter_mut().rev().take(length.div_ceil(2)) {
        *place = pair((rest % 100) as u32);
        rest /= 100;
    }
    (digits, length)
}

/// 2^64 has 20; to ask whether 32 octets are UTF-8 costs less.
const DIGITS: usize = 32;

static PAIRS: [[u8; 2]; 100] = {
    let mut table = [[0; 2]; 100];
    let mut rest: &mut [[u8; 2]] = &mut table;
    let mut number = 0_u8;
    while let Some((pair, behind)) = rest.split_first_mut() {
        *pair = [b'0' + number / 10, b'0' + number % 10];
        rest = behind;
        number += 1;
    }
    table
};

/// Like `push_str` of the first `length` of these octets, which are all ASCII.
#[inline]
pub fn push_ascii<const N: usize>(octets: &[u8; N], length: usize, out: &mut String) {
    let end = out.len() + length.min(N);
    out.push_str(std::str::from_utf8(octets).unwrap_or_default());
    out.truncate(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pushed_is_the_part_whatever_its_length_and_what_follows() {
        let ascii = "0123456789".repeat(9);
        let wide = "aöü€😀".repeat(9);
        for text in [ascii.as_str(), wide.as_str()] {
            for start in 0..text.len() {
                for end in start..text.len() {
                    let mut out = "before".to_owned();
                    push_part(text, start..end, &mut out);
                    assert_eq!(
                        out.strip_prefix("before"),
                        Some(text.get(start..end).unwrap_or(""))
                    );
                }
            }
        }
        let mut out = String::new();
        push_part("short", 3..99, &mut out);
        assert_eq!(out, "");
    }

    #[test]
    fn octets_are_pushed_up_to_a_length() {
        for length in 0..6 {
            let mut out = "é".to_owned();
            push_ascii(b"01234", length, &mut out);
            assert_eq!(out, format!("é{}", &"01234"[..length.min(5)]));
        }
    }

    #[test]
    fn what_is_appended_is_what_was_given_whatever_its_length() {
        let text: Vec<u8> = (1..=100).collect();
        for length in 0..=text.len() {
            let mut out = b"before".to_vec();
            append(&text[..length], &mut out);
            append(b"|", &mut out);
            let expected = [b"before", &text[..length], b"|"].concat();
            assert_eq!(out, expected, "{length}");
        }
    }
}
