//! Finds the octets that need care, and places where text may be cut.
//!
//! In: UTF-8. Out: positions. Most values need no care, so the question "is there any?" is answered
//! for many octets at a time; values are short, and this beats a call into a vector search.
//! Diagnostics: none.

use crate::model::text::append;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// True if no octet is `first`, `second`, DEL or below the space.
#[inline]
pub(super) fn is_clean(text: &[u8], first: u8, second: u8) -> bool {
    let is_clean = |word| !word_has_special(word, first, second);
    let [.., all] = &FIRST;
    // Overlapping words: what is looked at twice costs less than a loop over single octets.
    if let Some(tail) = text.last_chunk::<WINDOW>() {
        let (windows, _) = text.as_chunks::<WINDOW>();
        windows.iter().chain([tail]).all(|window| !has_special(window, all, first, second))
    } else if let (Some(head), Some(tail)) = (text.first_chunk(), text.last_chunk()) {
        half_marks(head, first, second) | half_marks(tail, first, second) == 0
    } else if let (Some(head), Some(tail)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        is_clean(u64::from_le_bytes(*head)) && is_clean(u64::from_le_bytes(*tail))
    } else if let Some(word) = pack(text) {
        is_clean(word)
    } else {
        !text.iter().any(|byte| is_special(*byte, first, second))
    }
}

/// Like `==`, without a call: the texts are short and nearly always equal.
#[inline]
pub(super) fn is_same(text: &[u8], other: &[u8]) -> bool {
    if text.len() != other.len() {
        return false;
    }
    let ((words, rest), (other_words, other_rest)) =
        (text.as_chunks::<8>(), other.as_chunks::<8>());
    let differs = |(word, other): (&[u8; 8], &[u8; 8])| {
        u64::from_le_bytes(*word) ^ u64::from_le_bytes(*other)
    };
    words.iter().zip(other_words).map(differs).all(|differs| differs == 0)
        && rest.iter().zip(other_rest).all(|(octet, other)| octet == other)
}

/// A short text and what stands behind it, so that it is read and copied at once, whatever its
/// length.
#[derive(Clone, Copy, Debug)]
pub(super) struct Windowed<'a> {
    window: &'a [u8; WINDOW],
    /// 1 to [`WINDOW`].
    length: usize,
}

const WINDOW: usize = 32;

/// All bits of so many octets.
static FIRST: [[u8; WINDOW]; WINDOW + 1] = {
    let mut masks = [[0; WINDOW]; WINDOW + 1];
    let mut rest: &mut [[u8; WINDOW]] = &mut masks;
    let mut length = 0;
    while let Some((mask, behind)) = rest.split_first_mut() {
        let (mut octets, _) = mask.split_at_mut(length);
        while let Some((octet, after)) = octets.split_first_mut() {
            *octet = u8::MAX;
            octets = after;
        }
        rest = behind;
        length += 1;
    }
    masks
};

impl<'a> Windowed<'a> {
    /// `None` for texts that are empty or long, and where too little stands behind them.
    #[inline]
    pub(super) fn new(octets: &'a [u8], length: usize) -> Option<Windowed<'a>> {
        let window = octets.first_chunk::<WINDOW>()?;
        (1..=WINDOW).contains(&length).then_some(Windowed { window, length })
    }

    /// True if neither the first octet nor the last is a space, DEL, or below the space.
    #[inline]
    pub(super) fn is_trimmed(self) -> bool {
        let [first, ..] = self.window;
        let last = self.window.get(self.length - 1).unwrap_or(first);
        !is_blank(*first) && !is_blank(*last)
    }

    /// Like [`is_clean`].
    #[inline]
    pub(super) fn is_clean(self, first: u8, second: u8) -> bool {
        FIRST.get(self.length).is_some_and(|mask| !has_special(self.window, mask, first, second))
    }

    /// True for at most so many decimal digits.
    #[inline]
    pub(super) fn is_digits_up_to(self, most: usize) -> bool {
        self.length <= most
            && FIRST
                .get(self.length)
                .is_some_and(|mask| !has_any(self.window, mask, |octet| !octet.is_ascii_digit()))
    }

    #[inline]
    pub(super) fn append_to(self, out: &mut Vec<u8>) {
        let end = out.len() + self.length;
        out.extend_from_slice(self.window);
        out.truncate(end);
    }
}

/// True if an octet is special that the mask has.
#[inline]
fn has_special(window: &[u8; WINDOW], mask: &[u8; WINDOW], first: u8, second: u8) -> bool {
    has_any(window, mask, |octet| is_special(octet, first, second))
}

/// True if an octet is wanted that the mask has. Not inlined: on its own the loop becomes a few
/// vector instructions, in larger functions it does not.
#[inline(never)]
fn has_any(window: &[u8; WINDOW], mask: &[u8; WINDOW], is_wanted: impl Fn(u8) -> bool) -> bool {
    let mark = |octet| u8::from(is_wanted(octet)).wrapping_neg();
    window.iter().zip(mask).fold(0, |found, (octet, mask)| found | mark(*octet) & mask) != 0
}

/// All bits of each octet that is special. Not inlined, like [`has_any`], and no truth value: for
/// one the compiler folds octet by octet.
#[inline(never)]
fn half_marks(half: &[u8; WINDOW / 2], first: u8, second: u8) -> u128 {
    let mut marks = [0; WINDOW / 2];
    for (mark, octet) in marks.iter_mut().zip(half) {
        *mark = if is_special(*octet, first, second) { u8::MAX } else { 0 };
    }
    u128::from_le_bytes(marks)
}

/// All octets of a text of 4 to 7, some of them twice.
#[inline]
pub(super) fn pack(text: &[u8]) -> Option<u64> {
    let (head, tail) = (text.first_chunk::<4>()?, text.last_chunk::<4>()?);
    Some(u64::from(u32::from_le_bytes(*head)) | u64::from(u32::from_le_bytes(*tail)) << 32)
}

/// A part of a text that needs no care, and the octet behind it that does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece<'t> {
    /// From the piece on to the end of the text.
    octets: &'t [u8],
    length: usize,
    /// What stands behind it.
    pub special: u8,
}

impl Piece<'_> {
    pub(super) fn is_empty(self) -> bool {
        self.length == 0
    }

    #[inline]
    pub(super) fn append_to(self, out: &mut Vec<u8>) {
        match Windowed::new(self.octets, self.length) {
            Some(short) => short.append_to(out),
            None => append(self.octets.get(..self.length).unwrap_or_default(), out),
        }
    }
}

/// The pieces of a text, each of which ends at `first`, `second`, DEL or an octet below the space.
#[derive(Debug)]
pub(super) struct Pieces<'t> {
    text: &'t [u8],
    first: u8,
    second: u8,
    /// Where the next piece begins.
    begin: usize,
    /// The step that was looked at, and the marks of it that are left.
    step: usize,
    marks: u32,
    /// Where the next step begins.
    next: usize,
}

impl<'t> Pieces<'t> {
    pub(super) fn new(text: &'t [u8], first: u8, second: u8) -> Pieces<'t> {
        Pieces { text, first, second, begin: 0, step: 0, marks: 0, next: 0 }
    }

    /// What stands behind the last octet that needs care.
    pub(super) fn rest(&self) -> &'t [u8] {
        self.text.get(self.begin..).unwrap_or_default()
    }

    /// Looks for marks; false at the end.
    fn look(&mut self) -> bool {
        while self.marks == 0 {
            let rest = self.text.get(self.next..).unwrap_or_default();
            if rest.is_empty() {
                return false;
            }
            self.step = self.next;
            self.next += STEP;
            let missing = STEP.saturating_sub(rest.len());
            self.marks = if let Some(step) = rest.first_chunk() {
                marks(step, self.first, self.second)
            } else if let Some(tail) = self.text.last_chunk() {
                // Some of it was looked at before.
                marks(tail, self.first, self.second) >> missing
            } else {
                let mut step = [b' '; STEP];
                step.iter_mut().zip(rest).for_each(|(place, octet)| *place = *octet);
                marks(&step, self.first, self.second)
            };
        }
        true
    }
}

impl<'t> Iterator for Pieces<'t> {
    type Item = Piece<'t>;

    #[inline]
    fn next(&mut self) -> Option<Piece<'t>> {
        if !self.look() {
            return None;
        }
        let at = self.step + self.marks.trailing_zeros() as usize;
        self.marks &= self.marks - 1;
        let octets = self.text.get(self.begin..)?;
        let length = at - self.begin;
        self.begin = at + 1;
        Some(Piece { octets, length, special: *self.text.get(at)? })
    }
}

/// How many octets are looked at in one step.
const STEP: usize = 32;

/// A bit for each octet that is special, the first octet's the lowest. Not inlined, like
/// [`has_any`].
#[inline(never)]
fn marks(step: &[u8; STEP], first: u8, second: u8) -> u32 {
    let mut bits = [0; STEP];
    for (at, (bit, octet)) in bits.iter_mut().zip(step).enumerate() {
        *bit = u8::from(is_special(*octet, first, second)) << (at % 8);
    }
    // Eight octets with a bit each, and no two the same: their sum is all of them.
    let (eights, _) = bits.as_chunks::<8>();
    let joined = |eight: &[u8; 8]| u64::from_le_bytes(*eight).wrapping_mul(ONES) >> 56;
    eights.iter().rev().fold(0, |marks, eight| marks << 8 | joined(eight) as u32)
}

/// Without a branch, so that it can be done for many octets at once.
#[inline]
fn is_special(byte: u8, first: u8, second: u8) -> bool {
    (byte == first) | (byte == second) | (byte < b' ') | (byte == 0x7f)
}

/// Exact as to whether there is one; the carries of the subtractions make it inexact as to where.
#[inline]
fn word_has_special(word: u64, first: u8, second: u8) -> bool {
    let is_zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGHS;
    let below_space = word.wrapping_sub(ONES * u64::from(b' ')) & !word & HIGHS;
    let equal = |byte: u8| is_zero(word ^ (ONES * u64::from(byte)));
    (below_space | equal(first) | equal(second) | equal(0x7f)) != 0
}

/// A space, DEL, or below the space.
#[inline]
fn is_blank(octet: u8) -> bool {
    octet <= b' ' || octet == 0x7f
}

/// Without the spaces and control characters at both ends.
#[inline]
pub(super) fn trim(text: &str) -> &str {
    let (first, last) = (text.as_bytes().first(), text.as_bytes().last());
    if ![first, last].into_iter().flatten().any(|octet| is_blank(*octet)) {
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
