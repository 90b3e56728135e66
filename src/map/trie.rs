//! The paths of all schemas in one tree, and the one walk over an event that finds them all and
//! takes out what the privacy guard does not let pass.
//!
//! In: paths, when the mapper is built; then an event. Out: for each path the place of its value
//! in the tape, which has lost its guarded members.

use crate::model::event::{ELSEWHERE, Event, Kind, Tape, Value};

use super::guard::Guard;
use super::keys::{KnownKeys, Meaning};
use super::lookup::Lookup;
use super::shapes::{Result, ShapeId, Shapes};

/// No value.
pub(super) const ABSENT: u32 = u32::MAX;

/// The tree, while paths are added and keys are not yet in tables.
#[derive(Debug)]
pub(super) struct Builder {
    words: Vec<String>,
    branches: Vec<Branch>,
    slots: u32,
}

#[derive(Debug, Default)]
struct Branch {
    children: Vec<(u16, usize)>,
    slot: Option<u32>,
}

/// The tree. A place in it is a node that has children.
#[derive(Debug)]
pub(super) struct Trie {
    /// All keys of all paths; a word is its place here.
    words: Lookup,
    known: KnownKeys,
    branches: Vec<Branch>,
    /// The children of all places by place and word: open addressing, at most half full.
    steps: Vec<Step>,
    slots: usize,
    shapes: Shapes,
    /// What the walk at hand finds, until it is kept.
    result: Result,
}

/// From a place by a word to a child.
#[derive(Clone, Copy, Debug)]
struct Step {
    place: u32,
    word: u16,
    child: Child,
}

#[derive(Clone, Copy, Debug)]
struct Child {
    /// [`ELSEWHERE`] for one without children.
    place: u32,
    /// [`ABSENT`] for one where no path ends.
    slot: u32,
}

const FREE: Step =
    Step { place: ELSEWHERE, word: 0, child: Child { place: ELSEWHERE, slot: ABSENT } };

/// Where an event's values stand, seen by slot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Indices<'a>(&'a [u32]);

impl<'a> Indices<'a> {
    /// The value that was found for a slot.
    #[inline]
    pub(super) fn value(self, slot: u32, event: Event<'a>) -> Option<Value<'a>> {
        event.by_index(self.index(slot)?)
    }

    /// Its index in the tape.
    #[inline]
    pub(super) fn index(self, slot: u32) -> Option<u32> {
        self.0.get(slot as usize).copied().filter(|index| *index != ABSENT)
    }
}

/// What a walk over the keys of an event notes. Reused from event to event.
#[derive(Debug, Default)]
pub(super) struct Slots {
    /// Index in the tape by slot; says nothing while `shape` is set.
    found: Vec<u32>,
    /// The event in which a node was last entered, to notice keys that stand twice.
    entered: Vec<u64>,
    event: u64,
    /// What was found is what is kept for that shape.
    shape: Option<ShapeId>,
}

/// What a walk came across.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Walked {
    /// Members that the guard took out.
    pub(super) removed: usize,
    /// Some member labels a slot and names a guarded key.
    pub(super) has_guarded_label: bool,
}

impl Builder {
    /// A tree of no paths.
    pub(super) fn new() -> Builder {
        Builder { words: Vec::new(), branches: vec![Branch::default()], slots: 0 }
    }

    /// Adds a path of object keys; returns its slot. Equal paths share one.
    pub(super) fn add(&mut self, keys: &[String]) -> u32 {
        let at = keys.iter().fold(0, |at, key| self.child(at, key));
        let next = self.slots;
        let Some(branch) = self.branches.get_mut(at) else { return next };
        if branch.slot.is_none() {
            self.slots += 1;
        }
        *branch.slot.get_or_insert(next)
    }

    /// Puts the keys into tables.
    pub(super) fn build(self) -> Trie {
        let count: usize = self.branches.iter().map(|branch| branch.children.len()).sum();
        let mut steps = vec![FREE; (count * 2).next_power_of_two().max(2)];
        for (place, branch) in self.branches.iter().enumerate() {
            for (word, child) in &branch.children {
                let Some(below) = self.branches.get(*child) else { continue };
                let is_leaf = below.children.is_empty();
                let child = Child {
                    place: if is_leaf { ELSEWHERE } else { *child as u32 },
                    slot: below.slot.unwrap_or(ABSENT),
                };
                let step = Step { place: place as u32, word: *word, child };
                let mut at = first_try(step.place, *word);
                while let Some(taken) = steps.get(at % steps.len()).copied() {
                    if taken.place == ELSEWHERE {
                        break;
                    }
                    at += 1;
                }
                let length = steps.len();
                if let Some(free) = steps.get_mut(at % length) {
                    *free = step;
                }
            }
        }
        Trie {
            words: Lookup::new(self.words),
            known: KnownKeys::default(),
            branches: self.branches,
            steps,
            slots: self.slots as usize,
            shapes: Shapes::new(),
            result: Result::default(),
        }
    }

    fn child(&mut self, at: usize, key: &str) -> usize {
        let word = self.word(key);
        let new = self.branches.len();
        let Some(branch) = self.branches.get_mut(at) else { return at };
        if let Some((_, child)) = branch.children.iter().find(|(known, _)| *known == word) {
            return *child;
        }
        branch.children.push((word, new));
        self.branches.push(Branch::default());
        new
    }

    fn word(&mut self, key: &str) -> u16 {
        let known = self.words.iter().position(|word| word == key);
        let word = known.unwrap_or_else(|| {
            self.words.push(key.to_owned());
            self.words.len() - 1
        });
        // `Lookup` finds fewer words than this anyway.
        u16::try_from(word).unwrap_or(u16::MAX)
    }
}

impl Trie {
    /// Takes guarded members out of `tape` and finds every path of the tree in what stays. Of a
    /// key that stands twice the last counts, and `null` is no value.
    pub(super) fn walk(
        &mut self,
        guard: &Guard,
        line: &str,
        tape: &mut Tape,
        slots: &mut Slots,
    ) -> Walked {
        if self.known.turn_to(tape.numbering()) {
            self.shapes.forget();
        }
        let series = tape.series();
        if let Some(same) = self.shapes.find(tape, series) {
            slots.shape = Some(same.shape);
            same.removed.iter().for_each(|key| tape.take_out(*key));
            return same.walked(guard, Event::new(tape, line));
        }
        slots.begin(self.slots, self.branches.len());
        self.walk_keys(guard, line, tape, slots);
        self.result.indices.clone_from(&slots.found);
        self.shapes.keep(&mut self.result);
        self.result.walked(guard, Event::new(tape, line))
    }

    /// Where the value of each slot stands in the tape that was walked over last with `slots`.
    #[inline]
    pub(super) fn indices<'a>(&'a self, slots: &'a Slots) -> Indices<'a> {
        let kept = slots.shape.and_then(|shape| self.shapes.kept(shape));
        Indices(kept.map_or(&slots.found, |kept| &kept.indices))
    }

    fn walk_keys(&mut self, guard: &Guard, line: &str, tape: &mut Tape, slots: &mut Slots) {
        let (known, words) = (&mut self.known, &self.words);
        let (steps, branches) = (self.steps.as_slice(), self.branches.as_slice());
        let Result { removed, labels, .. } = &mut self.result;
        removed.clear();
        labels.clear();
        tape.walk(line, ROOT, |place, key, member| {
            let word = match known.meaning(key, guard, words) {
                Meaning::Guarded => {
                    // The key stands before its value.
                    removed.push(member.index - 1);
                    return None;
                }
                Meaning::Word(word) => word,
                Meaning::Label(word) => {
                    labels.push(member.index);
                    word
                }
                _ => return Some(ELSEWHERE),
            };
            if place == ELSEWHERE {
                return Some(ELSEWHERE);
            }
            let Some(child) = step(steps, place, word) else { return Some(ELSEWHERE) };
            if child.place != ELSEWHERE && slots.enter(child.place) {
                forget(branches, child.place, slots);
            }
            if child.slot != ABSENT {
                slots.set(child.slot, if member.is_null { ABSENT } else { member.index });
            }
            Some(child.place)
        });
    }
}

impl Result {
    /// What that means for an event of which it holds. The text of a label is another in each.
    fn walked(&self, guard: &Guard, event: Event<'_>) -> Walked {
        let is_guarded = |index: &u32| match event.by_index(*index).map(Value::kind) {
            Some(Kind::Text(label)) => guard.guards(label),
            _ => false,
        };
        Walked {
            removed: self.removed.len(),
            has_guarded_label: self.labels.iter().any(is_guarded),
        }
    }
}

const ROOT: u32 = 0;

/// Words are numbered as they come, so those of one place stand close together and rarely meet.
#[inline]
fn first_try(place: u32, word: u16) -> usize {
    (place as usize).wrapping_mul(0x9E37) ^ usize::from(word)
}

#[inline]
fn step(steps: &[Step], place: u32, word: u16) -> Option<Child> {
    let mask = steps.len().checked_sub(1)?;
    let mut at = first_try(place, word) & mask;
    loop {
        let step = steps.get(at)?;
        if step.place == place && step.word == word {
            return Some(step.child);
        }
        if step.place == ELSEWHERE {
            return None;
        }
        at = (at + 1) & mask;
    }
}

/// Takes back what was found below a key that now stands there again.
fn forget(branches: &[Branch], place: u32, slots: &mut Slots) {
    let below = branches.get(place as usize);
    for (_, child) in below.into_iter().flat_map(|branch| &branch.children) {
        if let Some(branch) = branches.get(*child) {
            if let Some(slot) = branch.slot {
                slots.set(slot, ABSENT);
            }
            forget(branches, *child as u32, slots);
        }
    }
}

impl Slots {
    /// The shape that says what was found, if it was kept before.
    pub(super) fn shape(&self) -> Option<ShapeId> {
        self.shape
    }

    fn begin(&mut self, slots: usize, nodes: usize) {
        self.found.clear();
        self.found.resize(slots, ABSENT);
        self.entered.resize(nodes, 0);
        self.event += 1;
        self.shape = None;
    }

    fn set(&mut self, slot: u32, index: u32) {
        if let Some(found) = self.found.get_mut(slot as usize) {
            *found = index;
        }
    }

    /// Notes that a node was entered; true when it was before, in the same event.
    fn enter(&mut self, node: u32) -> bool {
        self.entered
            .get_mut(node as usize)
            .is_some_and(|entered| std::mem::replace(entered, self.event) == self.event)
    }
}
