//! The extension pairs of the message at hand: where each stands, so that a key is written once and
//! an oversize message can be cut between and within them.
//!
//! In: keys and values, already escaped into the output. Out: [`Piece`]s. Diagnostics: none.

use super::dictionary::{Rule, spread};
use crate::model::text::append;

/// The most pairs of one message. Enough for 32,000 octets of the shortest pairs that say anything;
/// it bounds the search for a key that stands twice.
pub(super) const PAIRS_MAX: usize = 4096;

/// Stands for "no rule" and "no partner"; the dictionary has fewer rules.
const NONE: u8 = u8::MAX;

/// One written pair. Positions count from the start of the extension.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    /// Of the key.
    pub(super) start: usize,
    /// Of the value, behind the equals sign.
    pub(super) value: usize,
    /// Behind the value.
    pub(super) end: usize,
    hash: u64,
    rule: u8,
    partner: u8,
    /// False for values that mean nothing when they are cut: numbers, addresses, times, ids.
    pub(super) may_cut: bool,
}

impl Piece {
    /// True for labels and for what they label.
    pub(super) fn may_have_partner(&self) -> bool {
        self.partner != NONE
    }

    /// True if one of the two is the label of the other.
    pub(super) fn is_partner_of(&self, other: &Piece) -> bool {
        self.may_have_partner() && self.partner == other.rule
    }
}

/// The pairs in the order in which they stand.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    /// Where the extension begins in the output.
    pub(super) base: usize,
    pub(super) pieces: Vec<Piece>,
    /// Of each custom key that was written the bit that the top of its hash names: most keys are
    /// told from all of them at once.
    customs: u64,
}

impl Pairs {
    /// Forgets the last message; the extension of this one begins here.
    pub(super) fn begin(&mut self, out: &[u8]) {
        self.base = out.len();
        self.pieces.clear();
        self.customs = 0;
    }

    pub(super) fn is_full(&self) -> bool {
        self.pieces.len() >= PAIRS_MAX
    }

    /// Writes the key of the dictionary, its equals sign, and a space before it, unless this is the
    /// first pair.
    pub(super) fn open_known(&mut self, rule: &Rule, out: &mut Vec<u8>) -> Piece {
        let is_first = self.pieces.is_empty();
        let start = out.len() - self.base + usize::from(!is_first);
        let opening = rule.opening.as_bytes();
        append(opening.get(usize::from(is_first)..).unwrap_or(opening), out);
        let value = out.len() - self.base;
        Piece { start, value, end: value, hash: 0, rule: NONE, partner: NONE, may_cut: true }
    }

    /// Writes the separator, unless this is the first pair, then the key and the equals sign.
    pub(super) fn open(&mut self, separator: &[u8], key: &str, out: &mut Vec<u8>) -> Piece {
        if !self.pieces.is_empty() {
            append(separator, out);
        }
        let start = out.len() - self.base;
        append(key.as_bytes(), out);
        out.push(b'=');
        let value = out.len() - self.base;
        Piece { start, value, end: value, hash: 0, rule: NONE, partner: NONE, may_cut: true }
    }

    /// Notes the pair of a dictionary key, whose value ends here.
    pub(super) fn close_known(&mut self, piece: Piece, rule: &Rule, may_cut: bool, out: &[u8]) {
        let end = out.len() - self.base;
        let partner = rule.partner.unwrap_or(NONE);
        self.pieces.push(Piece { end, rule: rule.index, partner, may_cut, ..piece });
    }

    /// Notes the pair of a custom key, whose value ends here.
    pub(super) fn close_custom(&mut self, piece: Piece, key: &str, may_cut: bool, out: &[u8]) {
        let end = out.len() - self.base;
        let hash = spread(key.as_bytes());
        self.customs |= custom(hash);
        self.pieces.push(Piece { end, hash, may_cut, ..piece });
    }

    /// True if the custom key was written already.
    pub(super) fn has_custom(&self, key: &str, out: &[u8]) -> bool {
        let hash = spread(key.as_bytes());
        let may_be = self.customs & custom(hash) != 0;
        may_be
            && self.pieces.iter().any(|piece| {
                piece.hash == hash
                    && piece.rule == NONE
                    && out.get(self.base + piece.start..self.base + piece.value - 1)
                        == Some(key.as_bytes())
            })
    }

    /// Takes the pair of a dictionary key out again.
    pub(super) fn remove(&mut self, rule: u8, out: &mut Vec<u8>) {
        let Some(at) = self.pieces.iter().position(|piece| piece.rule == rule) else { return };
        let gone = self.pieces.remove(at);
        // The separator goes with it: the one before it, or the one behind the first pair.
        let from = match at.checked_sub(1).and_then(|before| self.pieces.get(before)) {
            Some(before) => before.end,
            None => gone.start,
        };
        let to = match self.pieces.get(at) {
            Some(next) if at == 0 => next.start,
            _ => gone.end,
        };
        out.drain(self.base + from..self.base + to);
        for piece in self.pieces.iter_mut().skip(at) {
            piece.start -= to - from;
            piece.value -= to - from;
            piece.end -= to - from;
        }
    }
}

/// One of 64 bits.
fn custom(hash: u64) -> u64 {
    1 << (hash >> 58)
}
