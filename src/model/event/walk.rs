//! The walk of the privacy guard over all members of an event, by their keys.

use super::tape::{Key, Node, Tape};

/// The value of a key that is walked over.
#[derive(Clone, Copy, Debug)]
pub struct Member {
    /// Where it stands; [`super::Event::by_index`] finds it again.
    pub index: u32,
    /// It is `null`.
    pub is_null: bool,
}

/// What stands around an entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Around {
    is_object: bool,
    end: usize,
    place: u32,
}

/// The place of whatever stands in a list.
pub const ELSEWHERE: u32 = u32::MAX;

impl Tape {
    /// Takes out every member, at any depth, whose key `is_guarded` names; returns how many.
    pub fn remove_keys(&mut self, line: &str, is_guarded: impl Fn(&str) -> bool) -> usize {
        self.walk(line, 0, |_, key, _| (!is_guarded(key.text())).then_some(0))
    }

    /// Shows every member to `visit`, outer ones first, with the place of its object: `root` for
    /// the outermost, [`ELSEWHERE`] in a list, else what `visit` answered for the object's own
    /// key. The answer `None` takes the member out, with all that is in it. Returns how many those
    /// were.
    pub fn walk(
        &mut self,
        line: &str,
        root: u32,
        mut visit: impl FnMut(u32, Key<'_>, Member) -> Option<u32>,
    ) -> usize {
        let mut removed = 0;
        let mut outer = std::mem::take(&mut self.open);
        outer.clear();
        // Keys are told from values by walking containers; the tape itself is the outermost.
        let mut around = Around { is_object: false, end: self.nodes.len(), place: ELSEWHERE };
        let mut at = 0;
        let mut inside = root;
        loop {
            if at >= around.end {
                let Some(container) = outer.pop() else { break };
                around = container;
                continue;
            }
            if around.is_object {
                let Some(key) = self.key_at(at, line) else {
                    // Taken out before: the value goes with it.
                    at = self.behind(at + 1);
                    continue;
                };
                let is_null = matches!(self.nodes.get(at + 1), Some(Node::Null) | None);
                let member = Member { index: (at + 1) as u32, is_null };
                let Some(place) = visit(around.place, key, member) else {
                    removed += 1;
                    self.take_out(at as u32);
                    at = self.behind(at + 1);
                    continue;
                };
                inside = place;
                at += 1;
            } else if at > 0 {
                inside = ELSEWHERE;
            }
            if let Some(Node::Object { next } | Node::Array { next }) = self.nodes.get(at) {
                outer.push(around);
                let is_object = matches!(self.nodes.get(at), Some(Node::Object { .. }));
                around = Around { is_object, end: *next as usize, place: inside };
            }
            at += 1;
        }
        self.open = outer;
        removed
    }
}
