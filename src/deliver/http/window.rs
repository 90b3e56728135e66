//! How far each file is passed while requests overtake each other, and the account that goes with
//! it. Pure: no clock, no I/O.
//!
//! In: segments of a file as they are read, and for each event what became of it. Out: cursors that
//! move over segments without a gap, file by file.

use std::collections::{BTreeSet, HashMap, VecDeque};

use crate::deliver::in_flight::{Counts, InFlight, Passed};
use crate::model::ledger::Ledger;
use crate::model::position::{Cursor, FileKey};

/// A segment of a file: lines up to a place where a cursor can stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SegmentKey {
    file: FileKey,
    number: u64,
}

/// See the module's text.
#[derive(Debug)]
pub struct Window {
    files: HashMap<FileKey, File>,
    /// Files whose first segment may be done.
    touched: BTreeSet<FileKey>,
    cursors: HashMap<FileKey, Cursor>,
    passed: Ledger,
    open: Counts,
    sequence: u32,
}

#[derive(Debug, Default)]
struct File {
    /// The number of the first segment.
    first: u64,
    segments: VecDeque<Segment>,
}

#[derive(Debug)]
struct Segment {
    end: Cursor,
    counts: Counts,
    /// Events of it that nothing has become of yet.
    pending: u64,
}

impl Window {
    /// Goes on from there.
    pub fn new(from: &InFlight) -> Window {
        let cursors = from.cursors().into_iter().map(|cursor| (cursor.file, cursor)).collect();
        let (files, touched) = (HashMap::new(), BTreeSet::new());
        let (passed, sequence) = (from.ledger(), from.sequence());
        Window { files, touched, cursors, passed, open: Counts::default(), sequence }
    }

    /// What the cursors have passed, for another loop to go on from.
    pub fn into_in_flight(self) -> InFlight {
        InFlight::new(self.cursors.into_values().collect(), self.passed, self.sequence)
    }

    /// Lines up to `end` were read; `counts.messages` of them are events that shall be sent.
    pub fn push(&mut self, end: Cursor, counts: Counts) -> SegmentKey {
        self.open.messages += counts.messages;
        self.open.filtered += counts.filtered;
        self.open.dead_lettered += counts.dead_lettered;
        let file = self.files.entry(end.file).or_default();
        self.touched.insert(end.file);
        if let Some(last) = file.segments.back_mut().filter(|last| last.pending == 0) {
            // Behind one that waits for an earlier one, it costs no memory of its own.
            last.end = end;
            last.pending = counts.messages;
            last.counts.messages += counts.messages;
            last.counts.filtered += counts.filtered;
            last.counts.dead_lettered += counts.dead_lettered;
        } else {
            file.segments.push_back(Segment { end, counts, pending: counts.messages });
        }
        let number = file.first + file.segments.len() as u64 - 1;
        SegmentKey { file: end.file, number }
    }

    /// An event of that segment is stored.
    pub fn delivered(&mut self, key: SegmentKey) {
        self.settle(key, |_| 0);
    }

    /// An event of that segment is durable in the dead letter.
    pub fn buried(&mut self, key: SegmentKey) {
        self.settle(key, |counts| {
            counts.messages -= 1;
            counts.dead_lettered += 1;
            1
        });
    }

    /// So many events go again.
    pub fn resent(&mut self, events: u64) {
        self.passed.resent += events;
    }

    /// Moves the cursors as far as they can go; `None` when none moves.
    pub fn pass(&mut self) -> Option<Passed> {
        let mut moved = Vec::new();
        for key in std::mem::take(&mut self.touched) {
            let Some(file) = self.files.get_mut(&key) else { continue };
            let mut last = None;
            while file.segments.front().is_some_and(|segment| segment.pending == 0) {
                let Some(segment) = file.segments.pop_front() else { break };
                file.first += 1;
                last = Some(segment.end);
                let Counts { messages, filtered, dead_lettered, .. } = segment.counts;
                self.passed.read += messages + filtered + dead_lettered;
                self.passed.confirmed += messages;
                self.passed.filtered += filtered;
                self.passed.dead_lettered += dead_lettered;
                self.open.messages -= messages;
                self.open.filtered -= filtered;
                self.open.dead_lettered -= dead_lettered;
            }
            if file.segments.is_empty() {
                // Nobody holds a key of it any more, so its numbers may begin anew.
                self.files.remove(&key);
            }
            if let Some(cursor) = last {
                self.cursors.insert(key, cursor);
                moved.push(cursor);
            }
        }
        let (ledger, sequence) = (self.passed, self.sequence);
        (!moved.is_empty()).then_some(Passed { cursors: moved, ledger, sequence })
    }

    /// The live account: what was passed, and what is open. What is stored behind an event that is
    /// not counts as in flight, for a restart sends it again.
    pub fn ledger(&self) -> Ledger {
        let Counts { messages, filtered, dead_lettered, .. } = self.open;
        Ledger {
            read: self.passed.read + messages + filtered + dead_lettered,
            in_flight: messages,
            filtered: self.passed.filtered + filtered,
            dead_lettered: self.passed.dead_lettered + dead_lettered,
            ..self.passed
        }
    }

    /// The passed cursors of all files.
    pub fn cursors(&self) -> Vec<Cursor> {
        self.cursors.values().copied().collect()
    }

    /// The file is gone: nothing will ask for its cursor again. Events of it that were read before
    /// it was cut short go on.
    pub fn forget(&mut self, file: FileKey) {
        self.cursors.remove(&file);
    }

    fn settle(&mut self, key: SegmentKey, change: impl FnOnce(&mut Counts) -> u64) {
        let Some(file) = self.files.get_mut(&key.file) else { return };
        let at = key.number.checked_sub(file.first).and_then(|at| usize::try_from(at).ok());
        let Some(segment) = at.and_then(|at| file.segments.get_mut(at)) else { return };
        let buried = change(&mut segment.counts);
        self.open.messages -= buried;
        self.open.dead_lettered += buried;
        segment.pending -= 1;
        self.touched.insert(key.file);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(file: u64, offset: u64) -> Cursor {
        Cursor { file: FileKey(file), offset, tail_hash: offset }
    }

    fn counts(messages: u64, filtered: u64, dead_lettered: u64) -> Counts {
        Counts { messages, filtered, dead_lettered, ..Counts::default() }
    }

    fn empty() -> Window {
        Window::new(&InFlight::new(Vec::new(), Ledger::default(), 1))
    }

    #[test]
    fn a_cursor_waits_for_every_event_before_it_in_its_file_alone() {
        let mut window = empty();
        let a1 = window.push(cursor(1, 10), counts(2, 1, 0));
        let a2 = window.push(cursor(1, 20), counts(1, 0, 1));
        let b1 = window.push(cursor(2, 5), counts(1, 0, 0));
        assert_eq!(window.pass(), None);
        window.delivered(a2);
        window.delivered(b1);
        let passed = window.pass().unwrap();
        assert_eq!(passed.cursors, [cursor(2, 5)]);
        assert_eq!(passed.ledger.confirmed, 1);
        window.delivered(a1);
        assert_eq!(window.pass(), None);
        window.buried(a1);
        assert!(window.ledger().adds_up(), "{:?}", window.ledger());
        let passed = window.pass().unwrap();
        assert_eq!(passed.cursors, [cursor(1, 20)]);
        let Ledger { read, confirmed, filtered, dead_lettered, in_flight, .. } = window.ledger();
        assert_eq!((read, confirmed, filtered, dead_lettered, in_flight), (6, 3, 1, 2, 0));
    }

    #[test]
    fn what_is_kept_back_behind_a_waiting_event_takes_one_segment() {
        let mut window = empty();
        let waiting = window.push(cursor(1, 10), counts(1, 0, 0));
        for offset in 11..1000 {
            window.push(cursor(1, offset), counts(0, 5, 0));
        }
        assert_eq!(window.files.values().map(|file| file.segments.len()).sum::<usize>(), 2);
        let behind = window.push(cursor(1, 1000), counts(1, 0, 0));
        window.delivered(waiting);
        assert_eq!(window.pass().unwrap().cursors, [cursor(1, 10)]);
        window.delivered(behind);
        assert_eq!(window.pass().unwrap().cursors, [cursor(1, 1000)]);
        assert!(window.ledger().adds_up());
    }

    #[test]
    fn events_of_a_file_that_is_gone_are_still_accounted_for() {
        let mut window = empty();
        let read = window.push(cursor(1, 10), counts(2, 0, 0));
        window.forget(FileKey(1));
        window.delivered(read);
        window.delivered(read);
        assert_eq!(window.pass().unwrap().ledger.confirmed, 2);
        assert_eq!(window.ledger().in_flight, 0);
        let again = window.push(cursor(1, 20), counts(1, 0, 0));
        window.delivered(again);
        assert_eq!(window.pass().unwrap().cursors, [cursor(1, 20)]);
    }

    #[test]
    fn another_loop_goes_on_from_what_was_passed() {
        let mut window = empty();
        let first = window.push(cursor(1, 10), counts(1, 0, 0));
        window.push(cursor(1, 20), counts(1, 0, 0));
        window.delivered(first);
        window.pass();
        window.resent(3);
        let next = Window::new(&window.into_in_flight());
        assert_eq!(next.cursors(), [cursor(1, 10)]);
        let ledger = next.ledger();
        assert_eq!((ledger.read, ledger.in_flight, ledger.resent), (1, 0, 3));
    }
}
