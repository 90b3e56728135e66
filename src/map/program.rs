//! A plan for events of one shape: what of it leads nowhere falls away, and the rest knows where
//! its values are.
//!
//! Most of a plan is a list of paths of which the first that leads somewhere counts. Where it does
//! is the same in all events of a shape, so it is found out once. In: plans, and what was found in
//! an event. Out: a [`Program`]. What depends on values (tests, tables, lists, spaces) is left to
//! `emit.rs`. Memory: bounded by the number of shapes that are kept; a schema has some 30 rows.

use super::emit::Found;
use super::plan::{BuiltIn, Choice, From, HEADER, PathId, Piece, Plan, Source, Test, Write};
use super::shapes::{SHAPES, ShapeId};
use super::time::TimeKind;
use crate::model::head::Head;
use crate::model::texts::TextId;

/// The first way to try to the value of a source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    pub(super) way: Way,
    /// There is no other: where it leads nowhere, the source has no value.
    pub(super) is_only: bool,
}

/// What leads to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// There is none.
    Nothing,
    /// A text of the schema.
    Fixed(TextId),
    /// The value with that index in the tape, unless it is no text or number, or blank.
    Value(u32),
    /// The same value, by what the source's choice of that number makes of it.
    Turned {
        /// In the tape.
        index: u32,
        /// What leads there.
        path: PathId,
        /// From 0.
        choice: u16,
    },
    /// The time of the event.
    Time,
    /// Its id.
    Id,
    /// All that the source says.
    Source,
}

/// What is to be done for one row.
#[derive(Clone, Copy, Debug)]
pub(super) enum Op {
    /// A pair.
    Pair {
        /// The row's number.
        row: u16,
        /// Its tests have to be made.
        has_tests: bool,
        /// Key and label.
        head: Head,
        /// The value.
        route: Route,
    },
    /// The copy of an object; the row's number.
    Copy(u16),
}

impl Op {
    /// The row's number in the plan.
    #[inline]
    pub(super) fn row(self) -> u16 {
        match self {
            Op::Pair { row, .. } | Op::Copy(row) => row,
        }
    }
}

/// What is to be done for events of one shape by one plan.
#[derive(Clone, Debug)]
pub(super) struct Program {
    shape: ShapeId,
    /// The schema's number and the plan's.
    plan: (usize, usize),
    /// Where ids are; the first that is no blank counts.
    pub(super) ids: Vec<u32>,
    /// The same for times.
    pub(super) times: Vec<(u32, TimeKind)>,
    /// The same for the severity, with the number of the choice.
    pub(super) severities: Vec<(u32, u16)>,
    /// In the order of [`HEADER`].
    pub(super) header: [Route; HEADER.len()],
    pub(super) event_type: Route,
    /// In the order of the rows.
    pub(super) ops: Vec<Op>,
}

/// The last program of each shape.
#[derive(Debug)]
pub(super) struct Programs {
    kept: Vec<Program>,
    /// For events whose shape is not kept.
    other: Program,
}

impl Programs {
    pub(super) fn new() -> Programs {
        Programs { kept: vec![Program::default(); SHAPES], other: Program::default() }
    }

    /// The program for events of that shape and that plan, of which `found` is one. `number` is
    /// that of the schema and that of the plan.
    #[inline]
    pub(super) fn of(
        &mut self,
        shape: Option<ShapeId>,
        number: (usize, usize),
        plan: &Plan,
        found: Found<'_>,
    ) -> &Program {
        let kept = shape.and_then(|shape| Some((shape, self.kept.get_mut(shape.place)?)));
        let Some((shape, program)) = kept else {
            self.other.write(plan, found);
            return &self.other;
        };
        if program.shape != shape || program.plan != number {
            program.shape = shape;
            program.plan = number;
            program.write(plan, found);
        }
        program
    }
}

impl Default for Program {
    /// Of no shape.
    fn default() -> Program {
        Program {
            shape: ShapeId::default(),
            plan: (0, 0),
            ids: Vec::new(),
            times: Vec::new(),
            severities: Vec::new(),
            header: [Route::NOWHERE; HEADER.len()],
            event_type: Route::NOWHERE,
            ops: Vec::new(),
        }
    }
}

impl Program {
    #[cold]
    fn write(&mut self, plan: &Plan, found: Found<'_>) {
        let index = |path: &PathId| found.index(*path).map(|(index, _)| index);
        self.ids.clear();
        self.ids.extend(plan.id.iter().filter_map(index));
        self.times.clear();
        self.times.extend(plan.time.iter().filter_map(|(path, kind)| Some((index(path)?, *kind))));
        self.severities.clear();
        // What a schema has of anything is bounded by the size of its file, far below 2^16.
        for (choice, number) in plan.severity.choices.iter().zip(0..) {
            let found = choice.paths.iter().filter_map(index);
            self.severities.extend(found.map(|index| (index, number)));
        }
        for (route, source) in self.header.iter_mut().zip(&plan.header) {
            *route = Route::of(source, found);
        }
        let event_type = plan.event_type.as_ref();
        self.event_type = event_type.map_or(Route::NOWHERE, |source| Route::of(source, found));
        self.ops.clear();
        for (row, number) in plan.rows.iter().zip(0..) {
            let tests = || row.when.iter().map(|test| decided(test, found));
            if tests().any(|holds| holds == Some(false)) {
                continue;
            }
            let op = match &row.write {
                Write::Copy { .. } => Op::Copy(number),
                Write::Pair { head, source, keep_empty } => {
                    let route = Route::of(source, found);
                    if route.way == Way::Nothing && !keep_empty {
                        continue;
                    }
                    let has_tests = tests().any(|holds| holds.is_none());
                    Op::Pair { row: number, has_tests, head: *head, route }
                }
            };
            self.ops.push(op);
        }
    }
}

impl Route {
    const NOWHERE: Route = Route { way: Way::Nothing, is_only: true };

    fn of(source: &Source, found: Found<'_>) -> Route {
        let mut ways = source.choices.iter().zip(0..).flat_map(|(choice, number)| {
            let paths = match &choice.from {
                From::Paths(paths) => paths.as_slice(),
                _ => &[],
            };
            let at_path = move |path: &PathId| Way::at_path(*path, choice, number, found);
            Way::of(choice, found).into_iter().chain(paths.iter().filter_map(at_path))
        });
        let way = ways.next().or(source.default.map(Way::Fixed));
        let is_only = ways.next().is_none() && source.default.is_none();
        Route { way: way.unwrap_or(Way::Nothing), is_only }
    }
}

impl Way {
    /// To what comes from no path alone, if it leads anywhere.
    fn of(choice: &Choice, found: Found<'_>) -> Option<Way> {
        match &choice.from {
            From::Text(text) => Some(Way::Fixed(*text)),
            From::BuiltIn(BuiltIn::Time) => Some(Way::Time),
            From::BuiltIn(BuiltIn::Id) => Some(Way::Id),
            From::BuiltIn(BuiltIn::Event) => Some(Way::Source),
            From::Template(pieces) => {
                let is_there = |piece: &Piece| match piece {
                    Piece::Text(_) => true,
                    Piece::Path(path) => found.index(*path).is_some(),
                };
                pieces.iter().all(is_there).then_some(Way::Source)
            }
            From::Paths(_) => None,
        }
    }

    fn at_path(path: PathId, choice: &Choice, number: u16, found: Found<'_>) -> Option<Way> {
        Some(match found.index(path)? {
            (_, true) => Way::Source,
            (index, false) if choice.is_as_it_stands() => Way::Value(index),
            (index, false) => Way::Turned { index, path, choice: number },
        })
    }
}

/// Whether the test holds for all events of the shape; `None` where it depends on values.
pub(super) fn decided(test: &Test, found: Found<'_>) -> Option<bool> {
    match test {
        Test::Exists(path, wanted) => match found.index(*path) {
            None => Some(!wanted),
            Some((_, false)) => Some(*wanted),
            Some((_, true)) => None,
        },
        Test::OneOf(path, _) | Test::Prefix(path, _) => {
            found.index(*path).is_none().then_some(false)
        }
        Test::Any(tests) => {
            let mut all = tests.iter().map(|test| decided(test, found));
            let most = all.try_fold(false, |_, holds| match holds {
                Some(false) => Ok(false),
                Some(true) => Err(Some(true)),
                None => Err(None),
            });
            most.map_or_else(|holds| holds, Some)
        }
    }
}
