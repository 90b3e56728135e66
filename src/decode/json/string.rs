//! Strings of JSON (RFC 8259, section 7): where they end, and what their escapes mean.

use super::Scan;
use crate::decode::error::DecodeError;
use crate::model::text::push_part;

/// How many bytes are looked at in one step.
const STEP: usize = 16;

impl Scan<'_, '_> {
    /// Reads the string that begins here if it has no escapes: where its text begins and ends in
    /// the line. Else it stays where it is.
    #[inline]
    pub(super) fn plain_string(&mut self) -> Option<(usize, usize)> {
        let start = self.at + 1;
        let length = plain_length(self.bytes.get(start..)?);
        let end = start + length;
        if self.bytes.get(end) != Some(&b'"') {
            return None;
        }
        self.at = end + 1;
        Some((start, end))
    }

    /// Reads the string that begins here, with escapes or with an error, behind the texts of the
    /// tape; returns where it begins there.
    pub(super) fn escaped_string(&mut self) -> Result<usize, DecodeError> {
        let begin = self.tape.text_mut().len();
        self.at += 1;
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            let end = self.at + plain_length(rest);
            push_part(self.line, self.at..end, self.tape.text_mut());
            self.at = end;
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(begin);
                }
                Some(b'\\') => {
                    let letter = self.escape()?;
                    self.tape.text_mut().push(letter);
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
        let marks = marks(step);
        if marks != 0 {
            return length + marks.trailing_zeros() as usize / 8;
        }
        length += STEP;
        rest = behind;
    }
    length + rest.iter().position(|octet| is_mark(*octet)).unwrap_or(rest.len())
}

/// All bits of each octet that is a mark, the first octet's the lowest. Written as a plain loop,
/// which becomes a few vector instructions.
#[inline]
fn marks(step: &[u8; STEP]) -> u128 {
    let mut marks = [0; STEP];
    for (mark, octet) in marks.iter_mut().zip(step) {
        *mark = if is_mark(*octet) { u8::MAX } else { 0 };
    }
    u128::from_le_bytes(marks)
}

/// Without a branch, so that it can be done for many octets at once.
#[inline]
fn is_mark(octet: u8) -> bool {
    (octet == b'"') | (octet == b'\\') | (octet < b' ')
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
