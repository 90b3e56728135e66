//! The paths of all schemas in one tree, and the one walk over an event that finds them all.
//!
//! In: paths, when the mapper is built; then an event. Out: for each path the place of its value
//! in the tape. Objects in which no schema wants anything are passed over in one step.

use crate::model::event::{Event, Value};

use super::lookup::Lookup;

/// No value.
const ABSENT: u32 = u32::MAX;

/// The tree, while paths are added and keys are not yet in tables.
#[derive(Debug)]
pub(super) struct Builder {
    branches: Vec<Branch>,
    slots: u32,
}

#[derive(Debug, Default)]
struct Branch {
    keys: Vec<String>,
    children: Vec<usize>,
    slot: Option<u32>,
}

/// The tree.
#[derive(Debug)]
pub(super) struct Trie {
    nodes: Vec<Node>,
    slots: usize,
}

#[derive(Debug)]
struct Node {
    keys: Lookup,
    /// Node of each key, by its place in `keys`.
    children: Vec<u32>,
    slot: u32,
}

/// Where an event's values stand. Reused from event to event.
#[derive(Debug, Default)]
pub(super) struct Slots {
    /// Index in the tape by slot.
    found: Vec<u32>,
    /// The slots that were set, so that clearing costs what setting cost.
    touched: Vec<u32>,
    /// The event in which a node was last entered, to notice keys that stand twice.
    entered: Vec<u64>,
    event: u64,
}

impl Builder {
    /// A tree of no paths.
    pub(super) fn new() -> Builder {
        Builder { branches: vec![Branch::default()], slots: 0 }
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
        let node = |branch: Branch| Node {
            keys: Lookup::new(branch.keys),
            children: branch.children.into_iter().map(|child| child as u32).collect(),
            slot: branch.slot.unwrap_or(ABSENT),
        };
        Trie { nodes: self.branches.into_iter().map(node).collect(), slots: self.slots as usize }
    }

    fn child(&mut self, at: usize, key: &str) -> usize {
        let new = self.branches.len();
        let Some(branch) = self.branches.get_mut(at) else { return at };
        let known = branch.keys.iter().position(|known| known == key);
        if let Some(child) = known.and_then(|place| branch.children.get(place)) {
            return *child;
        }
        branch.keys.push(key.to_owned());
        branch.children.push(new);
        self.branches.push(Branch::default());
        new
    }
}

impl Trie {
    /// Finds every path of the tree in `event`. Of a key that stands twice the last counts, and
    /// `null` is no value.
    pub(super) fn walk(&self, event: Event<'_>, slots: &mut Slots) {
        slots.begin(self);
        if let (Some(root), Some(node)) = (event.root(), self.nodes.first()) {
            self.walk_object(node, root, slots);
        }
    }

    fn walk_object(&self, node: &Node, object: Value<'_>, slots: &mut Slots) {
        for (key, value) in object.members() {
            let Some(&child) = node.keys.find(key).and_then(|place| node.children.get(place))
            else {
                continue;
            };
            let Some(below) = self.nodes.get(child as usize) else { continue };
            if !below.children.is_empty() {
                if slots.enter(child) {
                    self.forget(below, slots);
                }
                if value.is_object() {
                    self.walk_object(below, value, slots);
                }
            }
            if below.slot != ABSENT {
                slots.set(below.slot, if value.is_null() { ABSENT } else { value.index() });
            }
        }
    }

    /// Takes back what was found below a key that now stands there again.
    fn forget(&self, node: &Node, slots: &mut Slots) {
        for child in &node.children {
            if let Some(below) = self.nodes.get(*child as usize) {
                slots.set(below.slot, ABSENT);
                self.forget(below, slots);
            }
        }
    }
}

impl Slots {
    /// The value that was found for a slot.
    #[inline]
    pub(super) fn value<'a>(&self, slot: u32, event: Event<'a>) -> Option<Value<'a>> {
        match self.found.get(slot as usize) {
            None | Some(&ABSENT) => None,
            Some(&index) => event.by_index(index),
        }
    }

    fn begin(&mut self, trie: &Trie) {
        self.found.resize(trie.slots, ABSENT);
        self.entered.resize(trie.nodes.len(), 0);
        self.event += 1;
        for slot in self.touched.drain(..) {
            if let Some(found) = self.found.get_mut(slot as usize) {
                *found = ABSENT;
            }
        }
    }

    fn set(&mut self, slot: u32, index: u32) {
        if let Some(found) = self.found.get_mut(slot as usize) {
            *found = index;
            self.touched.push(slot);
        }
    }

    /// Notes that a node was entered; true when it was before, in the same event.
    fn enter(&mut self, node: u32) -> bool {
        self.entered
            .get_mut(node as usize)
            .is_some_and(|entered| std::mem::replace(entered, self.event) == self.event)
    }
}
