//! JSON (RFC 8259) onto the tape.
//!
//! One pass over the line without a copy of it: ends of strings are found sixteen bytes at a time,
//! a key that stands where it stood in the last events is told by one comparison, and a number is
//! checked but not computed. The stack is our own, so depth is bounded by [`DEPTH_MAX`] and not by
//! the thread's stack. What RFC 8259 leaves open is decided so:
//!
//! - A key that stands twice is kept twice; readers of the tape take the last (section 4).
//! - A number is any spelling the grammar allows, whatever its size.
//! - A `\u` escape that is half a surrogate pair is an error: the text would not be Unicode.
//! - `NaN`, `Infinity`, comments, trailing commas, a byte order mark: errors.
//!
//! Diagnostics: none; errors are returned. They name columns in bytes, from 1.

mod string;

use super::DEPTH_MAX;
use super::error::DecodeError;
use crate::model::event::{Open, Tape};

/// Reads values; keeps its memory from line to line.
#[derive(Debug, Default)]
pub(super) struct Reader {
    open: Vec<Container>,
}

#[derive(Debug)]
enum Container {
    Object(Open),
    Array(Open),
}

impl Reader {
    /// Adds the one value of `line`, of any kind, to the tape.
    pub(super) fn read(&mut self, line: &str, tape: &mut Tape) -> Result<(), DecodeError> {
        self.open.clear();
        tape.set_json();
        Scan { line, bytes: line.as_bytes(), at: 0, tape, reader: self }.document()
    }
}

/// One line while it is read.
struct Scan<'l, 's> {
    line: &'l str,
    bytes: &'l [u8],
    /// The next byte.
    at: usize,
    tape: &'s mut Tape,
    reader: &'s mut Reader,
}

impl Scan<'_, '_> {
    fn document(&mut self) -> Result<(), DecodeError> {
        loop {
            if self.value()? {
                continue;
            }
            // A value has ended: close what ends with it, and find the next.
            loop {
                let next = self.skip_space();
                let is_object = match self.reader.open.last() {
                    None if next.is_none() => return Ok(()),
                    None => return self.fail("something follows the value"),
                    Some(Container::Object(_)) => true,
                    Some(Container::Array(_)) => false,
                };
                match (next, is_object) {
                    (Some(b','), true) => {
                        self.at += 1;
                        if self.members(true)? {
                            break;
                        }
                    }
                    (Some(b','), false) => {
                        self.at += 1;
                        if self.skip_space() == Some(b']') {
                            return self.fail(TRAILING_COMMA);
                        }
                        break;
                    }
                    (Some(b'}'), true) | (Some(b']'), false) => self.close(),
                    (None, true) => return self.fail("the line ends inside an object"),
                    (None, false) => return self.fail("the line ends inside an array"),
                    (_, true) => return self.fail("a member is followed by `,` or `}`"),
                    (_, false) => return self.fail("an element is followed by `,` or `]`"),
                }
            }
        }
    }

    /// Reads a scalar or an empty container, or enters a container: then it answers true, and the
    /// next thing is a value.
    fn value(&mut self) -> Result<bool, DecodeError> {
        match self.skip_space() {
            Some(b'"') => self.string()?,
            Some(b'{') => {
                let open = self.tape.open_object();
                self.enter(Container::Object(open))?;
                if self.skip_space() != Some(b'}') {
                    return self.members(false);
                }
                self.close();
            }
            Some(b'[') => {
                let open = self.tape.open_array();
                self.enter(Container::Array(open))?;
                if self.skip_space() != Some(b']') {
                    return Ok(true);
                }
                self.close();
            }
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word(b"true")?,
            Some(b'f') => self.word(b"false")?,
            Some(b'n') => self.word(b"null")?,
            Some(_) => return self.fail("a value must stand here"),
            None if matches!(self.reader.open.last(), Some(Container::Array(_))) => {
                return self.fail("the line ends inside an array");
            }
            None => return self.fail("the line ends where a value must stand"),
        }
        Ok(false)
    }

    fn enter(&mut self, container: Container) -> Result<(), DecodeError> {
        self.at += 1;
        if self.reader.open.len() >= DEPTH_MAX {
            return Err(DecodeError::TooDeep { column: self.at });
        }
        self.reader.open.push(container);
        Ok(())
    }

    fn close(&mut self) {
        self.at += 1;
        if let Some(Container::Object(open) | Container::Array(open)) = self.reader.open.pop() {
            self.tape.close(open);
        }
    }

    /// Reads members on end whose keys are expected, as long as their values are strings, plain
    /// numbers or objects of such members and no space stands between them, as in most of a line.
    /// Answers true when a key was read and its value is the next thing, false behind a value.
    #[inline]
    fn members(&mut self, mut is_behind_comma: bool) -> Result<bool, DecodeError> {
        let bytes = self.bytes;
        loop {
            let rest = bytes.get(self.at..).unwrap_or_default();
            let Some(length) = self.tape.expected_key(rest, self.at) else {
                self.key(is_behind_comma)?;
                return Ok(true);
            };
            self.at += length;
            let value = rest.get(length..).unwrap_or_default();
            match value {
                [b'"', ..] => {
                    let Some((start, end)) = self.plain_string() else { return Ok(true) };
                    self.tape.text_in_line(start, end);
                }
                [b'1'..=b'9', ..] => {
                    let length = digit_count(value);
                    if !matches!(value.get(length), Some(b',' | b'}')) {
                        return Ok(true);
                    }
                    self.tape.number_in_line(self.at, self.at + length);
                    self.at += length;
                }
                [b'{', b'"', ..] => {
                    let open = self.tape.open_object();
                    self.enter(Container::Object(open))?;
                    is_behind_comma = false;
                    continue;
                }
                _ => return Ok(true),
            }
            while self.byte() == Some(b'}') {
                self.close();
                if !matches!(self.reader.open.last(), Some(Container::Object(_))) {
                    return Ok(false);
                }
            }
            if self.byte() != Some(b',') {
                return Ok(false);
            }
            self.at += 1;
            is_behind_comma = true;
        }
    }

    /// Reads a key and its colon.
    fn key(&mut self, is_behind_comma: bool) -> Result<(), DecodeError> {
        let next = self.skip_space();
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        match self.tape.expected_key(rest, self.at) {
            Some(length) => {
                self.at += length;
                Ok(())
            }
            None => self.other_key(next, is_behind_comma),
        }
    }

    /// Reads a key that was not expected, or that has spaces before its colon.
    #[cold]
    fn other_key(&mut self, next: Option<u8>, is_behind_comma: bool) -> Result<(), DecodeError> {
        match next {
            Some(b'"') => {}
            Some(b'}') if is_behind_comma => return self.fail(TRAILING_COMMA),
            Some(_) => return self.fail("a key must be a string in double quotes"),
            None => return self.fail("the line ends inside an object"),
        }
        match self.plain_string() {
            Some((start, end)) => {
                self.tape.key_in_line(start, self.line.get(start..end).unwrap_or(""));
            }
            None => {
                let begin = self.escaped_string()?;
                self.tape.key_behind(begin);
            }
        }
        match self.skip_space() {
            Some(b':') => self.at += 1,
            Some(_) => return self.fail("a key is followed by `:`"),
            None => return self.fail("the line ends inside an object"),
        }
        Ok(())
    }

    fn string(&mut self) -> Result<(), DecodeError> {
        match self.plain_string() {
            Some((start, end)) => self.tape.text_in_line(start, end),
            None => {
                let begin = self.escaped_string()?;
                self.tape.text_behind(begin);
            }
        }
        Ok(())
    }

    /// RFC 8259, section 6.
    fn number(&mut self) -> Result<(), DecodeError> {
        let start = self.at;
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        match self.byte() {
            Some(b'0') => {
                self.at += 1;
                if matches!(self.byte(), Some(b'0'..=b'9')) {
                    return self.fail(NUMBER);
                }
            }
            _ => self.digits()?,
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.byte(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.byte(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        self.tape.number_in_line(start, self.at);
        Ok(())
    }

    /// At least one.
    fn digits(&mut self) -> Result<(), DecodeError> {
        let count = digit_count(self.bytes.get(self.at..).unwrap_or_default());
        self.at += count;
        match count {
            0 if self.byte().is_none() => self.fail("the line ends inside a number"),
            0 => self.fail(NUMBER),
            _ => Ok(()),
        }
    }

    fn word(&mut self, word: &'static [u8]) -> Result<(), DecodeError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word) {
            return self.fail("a word other than true, false and null");
        }
        self.at += word.len();
        match word {
            b"true" => self.tape.bool(true),
            b"false" => self.tape.bool(false),
            _ => self.tape.null(),
        }
        Ok(())
    }

    #[inline]
    fn byte(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// The next byte that is no white space.
    #[inline]
    fn skip_space(&mut self) -> Option<u8> {
        while let Some(byte) = self.byte() {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    fn fail<T>(&self, problem: &'static str) -> Result<T, DecodeError> {
        Err(DecodeError::Json { column: self.at + 1, problem })
    }
}

/// How many digits `text` begins with, eight at a time: the lengths of numbers are hard to predict.
#[inline]
fn digit_count(text: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let mut rest = text;
    let mut count = 0;
    while let Some((step, behind)) = rest.split_first_chunk::<8>() {
        // A digit is 0x30 to 0x39: neither it nor it plus 6 leaves the upper half 0x3.
        let word = u64::from_le_bytes(*step);
        let upper = word & (ONES * 0xf0);
        let others = (upper | (word.wrapping_add(ONES * 6) & (ONES * 0xf0)) >> 4) ^ (ONES * 0x33);
        if others != 0 {
            return count + others.trailing_zeros() as usize / 8;
        }
        count += 8;
        rest = behind;
    }
    count + rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

const TRAILING_COMMA: &str = "a comma without anything behind it";
const NUMBER: &str = "a number that RFC 8259 does not allow";

#[cfg(test)]
mod tests {
    use super::digit_count;

    #[test]
    fn digits_are_counted_up_to_any_other_octet() {
        for other in (0..=u8::MAX).filter(|byte| !byte.is_ascii_digit()) {
            for length in 0..30 {
                let mut text = b"0192837465".repeat(4);
                text[length] = other;
                assert_eq!(digit_count(&text), length, "{other:#x} behind {length}");
                text.truncate(length + 1);
                assert_eq!(digit_count(&text), length, "{other:#x} behind {length}, at the end");
            }
        }
        assert_eq!(digit_count(b"0192837465"), 10);
    }
}
