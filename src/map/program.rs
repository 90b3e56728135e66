//! A plan's rows for events of one shape: which of them write anything, and where their values are.
//!
//! Most rows look along a list of paths for the first that leads somewhere. Where it does is the
//! same in all events of a shape, so it is found out once: rows that find nothing fall away, and
//! those that find a value know its place. In: plans and what was found. Out: a [`Program`]. What
//! depends on values (tests, tables, lists, spaces) is left to `emit.rs`. Memory: bounded by the
//! number of shapes that are kept; a schema has some 30 rows.

use super::emit::Found;
use super::plan::{Plan, Row, Write};
use super::shapes::{SHAPES, ShapeId};

/// What is to be done for one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    /// The value with that index is the one, unless it is no text or number, or blank.
    Value {
        /// The place of the row in the plan.
        row: u16,
        /// The value's index in the tape.
        index: u32,
    },
    /// All that the row says.
    Row(u16),
}

/// What is to be done for events of one shape by one plan, in the order of its rows.
#[derive(Clone, Debug, Default)]
pub(super) struct Program {
    shape: ShapeId,
    /// The schema's number and the plan's.
    plan: (usize, usize),
    pub(super) ops: Vec<Op>,
}

/// The last program of each shape.
#[derive(Debug)]
pub(super) struct Programs(Vec<Program>);

impl Programs {
    pub(super) fn new() -> Programs {
        Programs(vec![Program::default(); SHAPES])
    }

    /// The program for events of that shape and that plan, of which `found` is one. `number` is
    /// that of the schema and that of the plan.
    #[inline]
    pub(super) fn of(
        &mut self,
        shape: ShapeId,
        number: (usize, usize),
        plan: &Plan,
        found: Found<'_>,
    ) -> Option<&Program> {
        let program = self.0.get_mut(shape.place)?;
        if program.shape != shape || program.plan != number {
            program.write(shape, number, plan, found);
        }
        Some(program)
    }
}

impl Program {
    #[cold]
    fn write(&mut self, shape: ShapeId, number: (usize, usize), plan: &Plan, found: Found<'_>) {
        self.shape = shape;
        self.plan = number;
        self.ops.clear();
        // Rows are bounded by the size of a schema file, far below 2^16.
        let rows = plan.rows.iter().zip(0_u16..);
        self.ops.extend(rows.filter_map(|(row, number)| op(row, number, found)));
    }
}

/// `None` for a row that writes nothing.
fn op(row: &Row, number: u16, found: Found<'_>) -> Option<Op> {
    let Write::Pair { source, keep_empty, .. } = &row.write else { return Some(Op::Row(number)) };
    if source.plain.is_empty() {
        return Some(Op::Row(number));
    }
    let first = source.plain.iter().find_map(|path| found.index(*path));
    match first {
        Some((index, false)) if row.when.is_empty() => Some(Op::Value { row: number, index }),
        None if source.default.is_none() && !keep_empty => None,
        _ => Some(Op::Row(number)),
    }
}
