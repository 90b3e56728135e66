//! Strings of JSON (RFC 8259, section 7): where they end, and what their escapes mean.

use super::Scan;
use crate::decode::error::DecodeError;

/// How many bytes are looked at in one step.
const STEP: usize = 16;

impl<'l> Scan<'l, '_> {
    /// Reads the string that begins here if it has no escapes: where its text begins, and the
    /// text. Else it stays where it is.
    #[inline]
    pub(super) fn plain_string(&mut self) -> Option<(usize, &'l str)> {
        let start = self.at + 1;
        let length = plain_length(self.bytes.get(start..)?);
        let end = start + length;
        if self.bytes.get(end) != Some(&b'"') {
            return None;
        }
        self.at = end + 1;
        Some((start, self.line.get(start..end)?))
    }

    /// Reads the string that begins here, with escapes or with an error, into `unescaped`.
    pub(super) fn escaped_string(&mut self) -> Result<(), DecodeError> {
        self.reader.unescaped.clear();
        self.at += 1;
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let end = self.at + plain_length(rest);
            self.reader.unescaped.push_str(self.line.get(self.at..end).unwrap_or(""));
            self.at = end;
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    let letter = self.escape()?;
                    self.reader.unescaped.push(letter);
                }
                Some(_) => return self.fail("a control character in a string must be escaped"),
                None => return self.fail(UNENDED),
            }
        }
    }

    /// Reads one escape, or the two of a surrogate pair.
    fn escape(&mut self) -> Result<char, DecodeError> {
        self.at += 1;
        let letter = match self.byte() {
            Some(letter @ (b'"' | b'\\' | b'/')) => char::from(letter),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            Some(_) => return self.fail("an unknown escape in a string"),
            None => return self.fail(UNENDED),
        };
        self.at += 1;
        Ok(letter)
    }

    fn unicode(&mut self) -> Result<char, DecodeError> {
        let backslash = self.at - 1;
        let first = self.four_digits()?;
        if let Some(letter) = char::from_u32(first) {
            return Ok(letter);
        }
        let is_high = (0xd800..0xdc00).contains(&first);
        let follows = self.bytes.get(self.at..).unwrap_or_default().starts_with(br"\u");
        if is_high && follows {
            self.at += 1;
            let second = self.four_digits()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
        }
        self.at = backslash;
        self.fail("half a surrogate pair in a `\\u` escape")
    }

    /// Reads `u` and four hexadecimal digits.
    fn four_digits(&mut self) -> Result<u32, DecodeError> {
        self.at += 1;
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.byte().and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit else {
                return match self.byte() {
                    Some(_) => self.fail("an unknown escape in a string"),
                    None => self.fail(UNENDED),
                };
            };
            code = code << 4 | digit;
            self.at += 1;
        }
        Ok(code)
    }
}

const UNENDED: &str = "the line ends inside a string";

/// How many bytes precede the first quote, backslash or control character.
#[inline]
fn plain_length(text: &[u8]) -> usize {
    let mut rest = text;
    let mut length = 0;
    while let Some((step, behind)) = rest.split_first_chunk::<STEP>() {
        let (low, high) = halves(*step);
        let (low, high) = (marks(low), marks(high));
        if low | high != 0 {
            let in_step = if low != 0 { low.trailing_zeros() } else { 64 + high.trailing_zeros() };
            return length + in_step as usize / 8;
        }
        length += STEP;
        rest = behind;
    }
    let is_mark = |byte: &u8| matches!(byte, b'"' | b'\\' | ..b' ');
    length + rest.iter().position(is_mark).unwrap_or(rest.len())
}

fn halves(step: [u8; STEP]) -> (u64, u64) {
    let both = u128::from_le_bytes(step);
    (both as u64, (both >> 64) as u64)
}

/// The high bit of each octet that is a quote, a backslash or a control character. The carries of
/// the subtractions may set bits above the first that is right, so only the lowest is exact.
#[inline]
fn marks(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let quotes = word ^ (ONES * b'"' as u64);
    let backslashes = word ^ (ONES * b'\\' as u64);
    let marks = quotes.wrapping_sub(ONES) & !quotes
        | backslashes.wrapping_sub(ONES) & !backslashes
        | word.wrapping_sub(ONES * b' ' as u64) & !word;
    marks & HIGHS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_found_wherever_it_stands() {
        for mark in [b'"', b'\\', 0, 0x1f, b'\n'] {
            for length in 0..70 {
                for at in 0..length {
                    let mut text = vec![b'x'; length];
                    text[at] = mark;
                    assert_eq!(plain_length(&text), at, "{mark} at {at} of {length}");
                }
            }
        }
        let clean: Vec<u8> = (0x20..=0xff).filter(|byte| !b"\"\\".contains(byte)).collect();
        assert_eq!(plain_length(&clean), clean.len());
    }
}
