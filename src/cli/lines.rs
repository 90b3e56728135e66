//! Lines of a file, read with bounded memory whatever the file holds.

use std::io::{self, BufRead, BufReader, Read};

/// Reads line by line.
pub struct BoundedLines {
    input: BufReader<Box<dyn Read>>,
    bytes_max: usize,
    line: Vec<u8>,
}

/// One line, with its newline; a last line that had none is given one.
pub struct BoundedLine<'a> {
    /// The line, or its beginning.
    pub bytes: &'a [u8],
    /// It ended with a newline.
    pub is_whole: bool,
    /// It has more bytes than the bound, and was cut.
    pub is_cut: bool,
}

impl BoundedLines {
    /// Lines of at most `bytes_max` bytes, their newline not counted; longer ones are cut.
    pub fn new(input: Box<dyn Read>, bytes_max: usize) -> BoundedLines {
        let input = BufReader::with_capacity(256 * 1024, input);
        BoundedLines { input, bytes_max, line: Vec::new() }
    }

    /// The next line; `None` at the end.
    ///
    /// # Errors
    /// Those of the input; what stands before them was given already, but for a last piece.
    pub fn read(&mut self) -> io::Result<Option<BoundedLine<'_>>> {
        self.line.clear();
        let most = (self.bytes_max as u64).saturating_add(1);
        if Read::by_ref(&mut self.input).take(most).read_until(b'\n', &mut self.line)? == 0 {
            return Ok(None);
        }
        let mut is_whole = self.line.last() == Some(&b'\n');
        let is_cut = !is_whole && self.line.len() as u64 == most;
        if is_cut {
            is_whole = self.skip_line()?;
            self.line.pop();
        }
        if self.line.last() != Some(&b'\n') {
            self.line.push(b'\n');
        }
        Ok(Some(BoundedLine { bytes: &self.line, is_whole, is_cut }))
    }

    /// Passes over the rest of a line; false when it has no end.
    fn skip_line(&mut self) -> io::Result<bool> {
        loop {
            let held = self.input.fill_buf()?;
            if held.is_empty() {
                return Ok(false);
            }
            let newline = memchr::memchr(b'\n', held);
            let used = newline.map_or(held.len(), |at| at + 1);
            self.input.consume(used);
            if newline.is_some() {
                return Ok(true);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_cut_and_the_next_is_found() {
        let check = |text: &'static str, expected: &[(&str, bool, bool)]| {
            let mut lines = BoundedLines::new(Box::new(text.as_bytes()), 4);
            let mut found = Vec::new();
            while let Some(line) = lines.read().unwrap() {
                let bytes = String::from_utf8(line.bytes.to_vec()).unwrap();
                found.push((bytes, line.is_whole, line.is_cut));
            }
            let found: Vec<_> =
                found.iter().map(|line| (line.0.as_str(), line.1, line.2)).collect();
            assert_eq!(found, expected, "{text:?}");
        };
        check("", &[]);
        check(
            "1234\n\n12",
            &[("1234\n", true, false), ("\n", true, false), ("12\n", false, false)],
        );
        check("12345\n1\n", &[("1234\n", true, true), ("1\n", true, false)]);
        check("1234", &[("1234\n", false, false)]);
        check("12345678", &[("1234\n", false, true)]);
    }

    #[test]
    fn an_endless_line_costs_its_bound() {
        let endless = Box::new(io::repeat(b'x').take(64 << 20));
        let mut lines = BoundedLines::new(endless, 1000);
        assert!(lines.read().unwrap().unwrap().is_cut);
        assert!(lines.line.capacity() < 10_000, "{}", lines.line.capacity());
        assert!(lines.read().unwrap().is_none());
    }
}
