//! What was read and is not yet proven: a ring of portions, and the account that goes with it.
//! Pure: no clock, no I/O.

use std::collections::{HashMap, VecDeque};

use crate::model::ledger::Ledger;
use crate::model::position::{Cursor, FileKey};

/// Events by what became of them at reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Encoded as messages.
    pub messages: u64,
    /// Kept back by the filter.
    pub filtered: u64,
    /// Put into the dead letter.
    pub dead_lettered: u64,
    /// Of `messages`: cut to the size limit.
    pub truncated: u64,
}

/// A run of lines of one file that was sent in one piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Portion {
    /// Where it ends on the wire, in bytes since the connection began.
    pub wire_end: u64,
    /// The cursor behind its last line.
    pub end: Cursor,
    /// What it holds.
    pub counts: Counts,
    /// `meta sequenceId` of the first message behind it.
    pub sequence: u32,
}

/// The most portions in flight: a bound on memory (under 6 MiB), never reached before the window
/// of the receiver unless single events trickle by the ten thousand.
pub const PORTIONS_MAX: usize = 65_536;

/// What an empty ring keeps of its memory; that many are seldom in flight.
const PORTIONS_KEPT: usize = 1024;

/// See the module's text.
#[derive(Debug)]
pub struct InFlight {
    portions: VecDeque<Portion>,
    /// Passed cursors, by file.
    cursors: HashMap<FileKey, Cursor>,
    /// The account of what the cursors have passed: this is what is made durable.
    passed: Ledger,
    /// Messages read and not passed, and what was kept back among them.
    open: Counts,
    sequence: u32,
}

/// What a confirmation moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// The new cursors, one for each file that moved.
    pub cursors: Vec<Cursor>,
    /// The account at these cursors.
    pub ledger: Ledger,
    /// `meta sequenceId` of the next message.
    pub sequence: u32,
}

impl InFlight {
    /// Continues from durable progress.
    pub fn new(cursors: Vec<Cursor>, mut ledger: Ledger, sequence: u32) -> InFlight {
        ledger.in_flight = 0;
        ledger.read = ledger.confirmed + ledger.filtered + ledger.dead_lettered;
        InFlight {
            portions: VecDeque::new(),
            cursors: cursors.into_iter().map(|cursor| (cursor.file, cursor)).collect(),
            passed: ledger,
            open: Counts::default(),
            sequence: sequence.max(1),
        }
    }

    /// Counts what was taken from the spool, before any of it is sent.
    pub fn take(&mut self, counts: Counts) {
        self.open.messages += counts.messages;
        self.open.filtered += counts.filtered;
        self.open.dead_lettered += counts.dead_lettered;
        self.open.truncated += counts.truncated;
    }

    /// A portion was handed to the kernel. One without messages takes the wire offset of the one
    /// before it.
    pub fn push(&mut self, portion: Portion) {
        self.portions.push_back(portion);
    }

    /// True when no more may be taken before something is confirmed.
    pub fn is_full(&self) -> bool {
        self.portions.len() >= PORTIONS_MAX
    }

    /// True when nothing waits for a proof.
    pub fn is_empty(&self) -> bool {
        self.portions.is_empty()
    }

    /// Moves the cursors over all portions that end at or before `wire`; `None` when none does.
    pub fn confirm(&mut self, wire: u64) -> Option<Passed> {
        let mut moved: HashMap<FileKey, Cursor> = HashMap::new();
        while let Some(portion) = self.portions.front().copied() {
            if portion.wire_end > wire {
                break;
            }
            self.portions.pop_front();
            self.pass(&portion);
            moved.insert(portion.end.file, portion.end);
        }
        if self.portions.is_empty() {
            self.portions.shrink_to(PORTIONS_KEPT);
        }
        (!moved.is_empty()).then_some(Passed {
            cursors: moved.into_values().collect(),
            ledger: self.passed,
            sequence: self.sequence,
        })
    }

    /// Confirms everything that was sent.
    pub fn confirm_all(&mut self) -> Option<Passed> {
        self.confirm(u64::MAX)
    }

    /// The connection ended: everything not passed will be read again, from [`InFlight::cursors`];
    /// messages that had been written count as resent.
    pub fn rewind(&mut self) {
        let written: u64 = self.portions.iter().map(|portion| portion.counts.messages).sum();
        self.passed.resent += written;
        self.portions.clear();
        self.open = Counts::default();
    }

    /// The passed cursors of all files.
    pub fn cursors(&self) -> Vec<Cursor> {
        self.cursors.values().copied().collect()
    }

    /// `meta sequenceId` of the first message that is not passed.
    pub fn sequence(&self) -> u32 {
        self.sequence
    }

    /// The cursors behind what was last sent of each file, proven or not.
    pub fn read_cursors(&self) -> Vec<Cursor> {
        let mut cursors = self.cursors.clone();
        cursors.extend(self.portions.iter().map(|portion| (portion.end.file, portion.end)));
        cursors.into_values().collect()
    }

    /// The live account: what was passed, and what is open.
    pub fn ledger(&self) -> Ledger {
        let Counts { messages, filtered, dead_lettered, truncated } = self.open;
        Ledger {
            read: self.passed.read + messages + filtered + dead_lettered,
            in_flight: messages,
            filtered: self.passed.filtered + filtered,
            dead_lettered: self.passed.dead_lettered + dead_lettered,
            truncated: self.passed.truncated + truncated,
            ..self.passed
        }
    }

    /// The file is gone and passed: nothing will ask for its cursor again.
    pub fn forget(&mut self, file: FileKey) {
        self.cursors.remove(&file);
    }

    fn pass(&mut self, portion: &Portion) {
        let Counts { messages, filtered, dead_lettered, truncated } = portion.counts;
        self.passed.read += messages + filtered + dead_lettered;
        self.passed.confirmed += messages;
        self.passed.filtered += filtered;
        self.passed.dead_lettered += dead_lettered;
        self.passed.truncated += truncated;
        self.open.messages -= messages;
        self.open.filtered -= filtered;
        self.open.dead_lettered -= dead_lettered;
        self.open.truncated -= truncated;
        self.cursors.insert(portion.end.file, portion.end);
        self.sequence = portion.sequence;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn portion(wire_end: u64, file: u64, offset: u64, messages: u64, filtered: u64) -> Portion {
        Portion {
            wire_end,
            end: Cursor { file: FileKey(file), offset, tail_hash: 9 },
            counts: Counts { messages, filtered, ..Counts::default() },
            sequence: wire_end as u32 + 1,
        }
    }

    fn sent(in_flight: &mut InFlight, portion: Portion) {
        in_flight.take(portion.counts);
        in_flight.push(portion);
        assert!(in_flight.ledger().adds_up());
    }

    #[test]
    fn cursors_move_only_over_confirmed_portions() {
        let mut in_flight = InFlight::new(Vec::new(), Ledger::default(), 1);
        sent(&mut in_flight, portion(100, 1, 1000, 10, 1));
        sent(&mut in_flight, portion(150, 2, 500, 5, 0));
        sent(&mut in_flight, portion(150, 2, 700, 0, 2));
        assert_eq!(in_flight.confirm(99), None);
        let passed = in_flight.confirm(149).unwrap();
        assert_eq!(passed.cursors.len(), 1);
        assert_eq!((passed.ledger.confirmed, passed.ledger.read), (10, 11));
        assert_eq!(passed.sequence, 101);
        assert_eq!((in_flight.ledger().in_flight, in_flight.ledger().read), (5, 18));
        let passed = in_flight.confirm_all().unwrap();
        assert_eq!(passed.cursors, [portion(150, 2, 700, 0, 0).end]);
        assert!(in_flight.is_empty() && in_flight.ledger().adds_up());
    }

    #[test]
    fn a_lost_link_takes_back_what_was_open() {
        let known = Cursor { file: FileKey(1), offset: 77, tail_hash: 3 };
        let mut in_flight = InFlight::new(vec![known], Ledger::default(), 5);
        sent(&mut in_flight, portion(100, 1, 1000, 10, 1));
        sent(&mut in_flight, portion(150, 2, 500, 5, 0));
        in_flight.take(Counts { messages: 3, ..Counts::default() });
        let mut read = in_flight.read_cursors();
        read.sort_by_key(|cursor| cursor.file);
        assert_eq!(read, [portion(100, 1, 1000, 0, 0).end, portion(150, 2, 500, 0, 0).end]);
        in_flight.rewind();
        assert_eq!(in_flight.cursors(), [known]);
        assert_eq!(in_flight.sequence(), 5);
        let ledger = in_flight.ledger();
        assert_eq!((ledger.read, ledger.in_flight, ledger.resent), (0, 0, 15));
        assert!(ledger.adds_up());
    }
}
