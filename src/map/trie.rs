//! The paths of all schemas in one tree, and the one walk over an event that finds them all and
//! takes out what the privacy guard does not let pass.
//!
//! In: paths, when the mapper is built; then an event. Out: for each path the place of its value
//! in the tape, which has lost its guarded members.

use crate::model::event::{ELSEWHERE, Event, Member, Tape, Value};

use super::guard::Guard;
use super::keys::{KnownKeys, Meaning};
use super::lookup::Lookup;

/// No value.
const ABSENT: u32 = u32::MAX;

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

/// The tree.
#[derive(Debug)]
pub(super) struct Trie {
    /// All keys of all paths; a word is its place here.
    words: Lookup,
    known: KnownKeys,
    nodes: Vec<Node>,
    slots: usize,
}

#[derive(Debug)]
struct Node {
    children: Children,
    slot: u32,
}

/// Nodes by the word that leads to them: open addressing, at most half full. Words are numbered as
/// they come, so those of one node stand close together and rarely meet.
#[derive(Debug, Default)]
struct Children {
    table: Vec<Option<(u16, u32)>>,
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
        let node = |branch: Branch| Node {
            children: Children::new(&branch.children),
            slot: branch.slot.unwrap_or(ABSENT),
        };
        Trie {
            words: Lookup::new(self.words),
            known: KnownKeys::default(),
            nodes: self.branches.into_iter().map(node).collect(),
            slots: self.slots as usize,
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

impl Children {
    fn new(children: &[(u16, usize)]) -> Children {
        if children.is_empty() {
            return Children::default();
        }
        let size = (children.len() * 2).next_power_of_two();
        let mut table = vec![None; size];
        for (word, node) in children {
            let mut at = usize::from(*word) % size;
            while table.get(at).is_some_and(Option::is_some) {
                at = (at + 1) % size;
            }
            if let Some(free) = table.get_mut(at) {
                *free = Some((*word, *node as u32));
            }
        }
        Children { table }
    }

    #[inline]
    fn find(&self, word: u16) -> Option<u32> {
        let mask = self.table.len().checked_sub(1)?;
        let mut at = usize::from(word) & mask;
        loop {
            match self.table.get(at)? {
                Some((known, node)) if *known == word => return Some(*node),
                Some(_) => at = (at + 1) & mask,
                None => return None,
            }
        }
    }

    fn nodes(&self) -> impl Iterator<Item = u32> {
        self.table.iter().flatten().map(|(_, node)| *node)
    }
}

impl Trie {
    /// Takes guarded members out of `tape` and finds every path of the tree in what stays. Of a
    /// key that stands twice the last counts, and `null` is no value.
    pub(super) fn walk(&mut self, guard: &Guard, line: &str, tape: &mut Tape, slots: &mut Slots) {
        slots.begin(self.slots, self.nodes.len());
        self.known.turn_to(tape.numbering());
        let (known, words, nodes) = (&mut self.known, &self.words, &self.nodes);
        tape.walk(line, ROOT, |place, key, member| match known.meaning(key, guard, words) {
            Meaning::Guarded => None,
            Meaning::Unknown => Some(ELSEWHERE),
            Meaning::Word(word) => {
                let child = nodes.get(place as usize).and_then(|node| node.children.find(word));
                Some(child.map_or(ELSEWHERE, |child| found(nodes, child, member, slots)))
            }
        });
    }
}

const ROOT: u32 = 0;

/// Notes that a member stands on a path. Answers the place of what is in it.
fn found(nodes: &[Node], child: u32, member: Member, slots: &mut Slots) -> u32 {
    let Some(node) = nodes.get(child as usize) else { return ELSEWHERE };
    let is_branch = !node.children.table.is_empty();
    if is_branch && slots.enter(child) {
        forget(nodes, node, slots);
    }
    if node.slot != ABSENT {
        slots.set(node.slot, if member.is_null { ABSENT } else { member.index });
    }
    if is_branch { child } else { ELSEWHERE }
}

/// Takes back what was found below a key that now stands there again.
fn forget(nodes: &[Node], node: &Node, slots: &mut Slots) {
    for child in node.children.nodes() {
        if let Some(below) = nodes.get(child as usize) {
            slots.set(below.slot, ABSENT);
            forget(nodes, below, slots);
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

    fn begin(&mut self, slots: usize, nodes: usize) {
        self.found.resize(slots, ABSENT);
        self.entered.resize(nodes, 0);
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
