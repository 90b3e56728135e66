//! Which schemas an event of a shape may be of.
//!
//! Most of what schemas look at to know their events is not there, in all events of a shape, so
//! they are not asked again. In: schemas in their order, and what was found in an event. Out: the
//! numbers of those that are left. Memory: bounded by the number of shapes that are kept.

use super::emit::Found;
use super::plan::Test;
use super::program::decided;
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
    /// order. `tests` answers what each schema asks, and what it finds in one of those events;
    /// `None` for schemas of other formats.
    #[inline]
    pub(super) fn of<'s>(
        &mut self,
        shape: ShapeId,
        format: Format,
        schemas: impl Iterator<Item = Option<(&'s [Test], Found<'s>)>>,
    ) -> &[usize] {
        let Some(kept) = self.0.get_mut(shape.place) else { return &[] };
        if kept.shape != shape || kept.format != format {
            kept.shape = shape;
            kept.format = format;
            kept.schemas.clear();
            kept.schemas.extend(schemas.enumerate().filter_map(|(number, schema)| {
                let (tests, found) = schema?;
                let is_out = tests.iter().any(|test| decided(test, found) == Some(false));
                (!is_out).then_some(number)
            }));
        }
        &kept.schemas
    }
}
