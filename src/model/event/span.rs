//! Where a text stands: in the line, or in the tape's own text.

use std::ops::Range;

use super::words::Word;

/// A range of bytes in the line, or (with the high bit set in both) in the tape's own text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

const IN_TEXT: u32 = 1 << 31;

/// The longest line a tape can describe, in bytes: spans hold 31 bits.
pub const LINE_BYTES_MAX: usize = (IN_TEXT - 1) as usize;

impl Span {
    #[inline]
    pub(super) fn in_line(start: usize, end: usize) -> Span {
        debug_assert!(end <= LINE_BYTES_MAX);
        Span { start: start as u32, end: end as u32 }
    }

    #[inline]
    pub(super) fn in_text(start: usize, end: usize) -> Span {
        Span { start: start as u32 | IN_TEXT, end: end as u32 | IN_TEXT }
    }

    #[inline]
    pub(super) fn of_word(word: Word) -> Span {
        let place = word.range();
        Span::in_text(place.start, place.end)
    }

    #[inline]
    pub(super) fn resolve<'a>(self, line: &'a str, text: &'a str) -> &'a str {
        let (source, part) = self.part(line, text);
        source.get(part).unwrap_or("")
    }

    /// The text that it is a part of, and which.
    #[inline]
    pub(super) fn part<'a>(self, line: &'a str, text: &'a str) -> (&'a str, Range<usize>) {
        let source = if self.start & IN_TEXT == 0 { line } else { text };
        (source, (self.start & !IN_TEXT) as usize..(self.end & !IN_TEXT) as usize)
    }

    /// The part of the line that it is; `None` in the tape's own text.
    #[inline]
    pub(super) fn of_line(self) -> Option<Range<usize>> {
        (self.start & IN_TEXT == 0).then_some(self.start as usize..self.end as usize)
    }
}
