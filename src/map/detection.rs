//! Which schemas an event of a shape may be of.
//!
//! Most of what schemas look at to know their events is not there, in all events of a shape, so
//! they are not asked again. In: the schemas that one event of the shape does not rule out. Out:
//! the same, for all of them. Memory: bounded by the number of shapes that are kept.

use super::shapes::{SHAPES, ShapeId};
use crate::model::format::Format;

/// The candidates of each shape.
#[derive(Debug)]
pub(super) struct Candidates(Vec<Kept>);

#[derive(Clone, Debug, Default)]
struct Kept {
    shape: ShapeId,
    format: Format,
    schemas: Vec<usize>,
}

impl Candidates {
    pub(super) fn new() -> Candidates {
        Candidates(vec![Kept::default(); SHAPES])
    }

    /// The numbers of the schemas that may know the events of that shape and format, in their
    /// order; `all` names them for one of those events.
    #[inline]
    pub(super) fn of(
        &mut self,
        shape: ShapeId,
        format: Format,
        all: impl Iterator<Item = usize>,
    ) -> &[usize] {
        let Some(kept) = self.0.get_mut(shape.place) else { return &[] };
        if kept.shape != shape || kept.format != format {
            kept.shape = shape;
            kept.format = format;
            kept.schemas.clear();
            kept.schemas.extend(all);
        }
        &kept.schemas
    }
}
