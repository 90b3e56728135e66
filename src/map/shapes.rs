//! What a walk found in events of the same shape.
//!
//! Events of one product differ in their values, not in their keys. A walk over the keys finds the
//! same places again, so its result is kept by the shape and taken from there: a comparison of a
//! few hundred bytes instead of a search for each key. In: tapes. Out: a [`Result`] of an earlier
//! walk. Memory: bounded, 256 KiB of shapes at the very most and 256 octets for each slot of the
//! schemas. A shape that was not seen costs a walk, as it would without this.

use crate::model::event::Tape;

/// How many shapes are kept, each in the place that its sum says.
pub(super) const SHAPES: usize = 64;

/// The shapes of one numbering of keys.
#[derive(Debug)]
pub(super) struct Shapes {
    kept: Vec<Kept>,
    /// The series of the shape that was found last, and its place.
    last: Option<(u64, usize)>,
    /// The shape that was looked for last and not found; empty when there was none.
    sought: Vec<u32>,
    /// How often something was kept.
    keeps: u64,
}

/// Names a shape that is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ShapeId {
    /// Below [`SHAPES`].
    pub(super) place: usize,
    /// Another one for each shape that was kept in that place; from 1.
    pub(super) version: u64,
}

#[derive(Clone, Debug, Default)]
struct Kept {
    /// Empty for none.
    shape: Vec<u32>,
    result: Result,
}

/// What a walk finds and does.
#[derive(Debug, Default)]
pub(super) struct Result {
    /// Where the value of each slot stands, or [`super::trie::ABSENT`].
    pub(super) indices: Vec<u32>,
    /// The keys that the guard took out.
    pub(super) removed: Vec<u32>,
    /// The values that are labels of slots.
    pub(super) labels: Vec<u32>,
    /// The shape that it is kept for.
    pub(super) shape: ShapeId,
}

impl Clone for Result {
    fn clone(&self) -> Result {
        let mut clone = Result::default();
        clone.clone_from(self);
        clone
    }

    /// Into the memory that is there.
    fn clone_from(&mut self, other: &Result) {
        self.indices.clone_from(&other.indices);
        self.removed.clone_from(&other.removed);
        self.labels.clone_from(&other.labels);
        self.shape = other.shape;
    }
}

impl Shapes {
    pub(super) fn new() -> Shapes {
        let kept = vec![Kept::default(); SHAPES];
        Shapes { kept, last: None, sought: Vec::new(), keeps: 0 }
    }

    /// The numbers of keys mean other keys from now on.
    pub(super) fn forget(&mut self) {
        self.kept.fill(Kept::default());
        self.last = None;
    }

    /// What is kept for that shape; nothing once another has taken its place.
    #[inline]
    pub(super) fn kept(&self, shape: ShapeId) -> Option<&Result> {
        let kept = self.kept.get(shape.place)?;
        (kept.result.shape == shape).then_some(&kept.result)
    }

    /// What a walk over a tape of this shape and series found, if there was one.
    #[inline]
    pub(super) fn find(&mut self, tape: &Tape, series: Option<u64>) -> Option<&Result> {
        match (self.last, series) {
            (Some((last, place)), Some(series)) if last == series => {
                self.kept.get(place).map(|kept| &kept.result)
            }
            _ => self.search(tape, series),
        }
    }

    fn search(&mut self, tape: &Tape, series: Option<u64>) -> Option<&Result> {
        self.sought.clear();
        let (series, shape) = (series?, tape.shape()?);
        let place = place(shape);
        let kept = self.kept.get(place)?;
        if !is_same(&kept.shape, shape) || shape.is_empty() {
            self.last = None;
            self.sought.extend_from_slice(shape);
            return None;
        }
        self.last = Some((series, place));
        Some(&kept.result)
    }

    /// Keeps what the walk found in the tape that was looked for last, unless nothing can be kept
    /// about it.
    pub(super) fn keep(&mut self, result: &mut Result) {
        let place = place(&self.sought);
        let Some(kept) = self.kept.get_mut(place).filter(|_| !self.sought.is_empty()) else {
            return;
        };
        self.keeps += 1;
        result.shape = ShapeId { place, version: self.keeps };
        kept.shape.clone_from(&self.sought);
        kept.result.clone_from(result);
    }
}

/// In wide steps; the comparison of a C library may go by single octets.
#[inline]
fn is_same(kept: &[u32], shape: &[u32]) -> bool {
    kept.len() == shape.len()
        && kept.iter().zip(shape).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

/// Different shapes in one place cost a walk each time, and nothing else.
#[inline]
fn place(shape: &[u32]) -> usize {
    let sum = shape.iter().fold(0_u32, |sum, word| sum.wrapping_add(*word));
    (sum.wrapping_mul(0x9E37_79B1) >> (u32::BITS - SHAPES.ilog2())) as usize
}
