//! The rarer walks of the privacy guard over a tape: by the keys around a member, by the label
//! beside it, and by what was taken out before it.

use std::collections::HashSet;

use super::tape::{Node, Tape, behind};

impl Tape {
    /// Takes out every member of whose keys, the outermost first and its own last, `is_guarded`
    /// is true; lists between them are not seen. Returns how many.
    pub fn remove_nested(&mut self, line: &str, is_guarded: impl Fn(&[&str]) -> bool) -> usize {
        let Tape { nodes, text, .. } = self;
        let (mut keys, mut ends) = (Vec::new(), Vec::new());
        let (mut at, mut removed) = (0, 0);
        while let Some(node) = nodes.get(at).copied() {
            if let Node::Key(_, span) = node {
                while ends.pop_if(|end| *end <= at).is_some() {
                    keys.pop();
                }
                keys.push(span.resolve(line, text));
                ends.push(behind(nodes, at + 1));
                if is_guarded(&keys) {
                    removed += take_out(nodes, at);
                }
            }
            at = next(nodes, at);
        }
        self.is_shaped &= removed == 0;
        removed
    }

    /// Takes out the members of an object that one of its other members labels, and the labels.
    /// `slot_of` tells of a label's key which member it labels, `is_guarded` looks at its text.
    /// Returns how many.
    pub fn remove_labelled(
        &mut self,
        line: &str,
        slot_of: impl Fn(&str) -> Option<&str>,
        is_guarded: impl Fn(&str) -> bool,
    ) -> usize {
        let Tape { nodes, text, .. } = self;
        let mut guarded: HashSet<(usize, String)> = HashSet::new();
        each_key(nodes, |nodes, object, at| {
            if let Some(Node::Key(_, span)) = nodes.get(at)
                && let Some(slot) = slot_of(span.resolve(line, text))
                && let Some(Node::Text(label)) = nodes.get(at + 1)
                && is_guarded(label.resolve(line, text))
            {
                guarded.insert((object, slot.to_ascii_lowercase()));
            }
        });
        let mut removed = 0;
        if guarded.is_empty() {
            return removed;
        }
        each_key(nodes, |nodes, object, at| {
            if let Some(Node::Key(_, span)) = nodes.get(at) {
                let key = span.resolve(line, text);
                let slot = slot_of(key).unwrap_or(key);
                if guarded.contains(&(object, slot.to_ascii_lowercase())) {
                    removed += take_out(nodes, at);
                }
            }
        });
        self.is_shaped &= removed == 0;
        removed
    }

    /// In the object that is the event's member `object`, takes out what follows a member that was
    /// taken out before, up to the next whose key `is_known` names. Returns how many.
    pub fn remove_followers(
        &mut self,
        line: &str,
        object: &str,
        is_known: impl Fn(&str) -> bool,
    ) -> usize {
        let Tape { nodes, text, .. } = self;
        let (mut removed, mut at) = (0, 1);
        let end = behind(nodes, 0);
        while at < end {
            let is_it = matches!(nodes.get(at), Some(Node::Key(_, span))
                if span.resolve(line, text) == object);
            let inner_end = behind(nodes, at + 1);
            let mut inner = at + 2;
            let mut is_behind = false;
            while is_it && inner < inner_end {
                match nodes.get(inner) {
                    Some(Node::Key(_, span)) if is_behind => {
                        is_behind = !is_known(span.resolve(line, text));
                        if is_behind {
                            removed += take_out(nodes, inner);
                        }
                    }
                    node => is_behind = matches!(node, Some(Node::Removed)),
                }
                inner = behind(nodes, inner + 1);
            }
            at = inner_end;
        }
        self.is_shaped &= removed == 0;
        removed
    }
}

/// Calls `each` with the entries, the object around a key, and the key, for all keys.
fn each_key(nodes: &mut [Node], mut each: impl FnMut(&mut [Node], usize, usize)) {
    let mut open: Vec<(usize, usize)> = Vec::new();
    let mut at = 0;
    while let Some(node) = nodes.get(at).copied() {
        while open.pop_if(|(_, end)| *end <= at).is_some() {}
        match node {
            Node::Object { next } => open.push((at, next as usize)),
            Node::Key(..) => {
                if let Some((object, _)) = open.last() {
                    each(nodes, *object, at);
                }
            }
            _ => {}
        }
        at = next(nodes, at);
    }
}

/// The entry behind this one; behind a key that was taken out, the one behind its value.
fn next(nodes: &[Node], at: usize) -> usize {
    match nodes.get(at) {
        Some(Node::Removed) => behind(nodes, at + 1),
        _ => at + 1,
    }
}

fn take_out(nodes: &mut [Node], at: usize) -> usize {
    match nodes.get_mut(at) {
        Some(node) => {
            *node = Node::Removed;
            1
        }
        None => 0,
    }
}
