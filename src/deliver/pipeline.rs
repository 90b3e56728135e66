//! Lines to messages: decode, map, filter, encode, in that order, into one reused batch.
//!
//! In: a run of whole lines. Out: a [`Batch`] of portions ready to send, and the lines that can
//! never become messages. Nothing here knows of sockets, files or clocks.

use memchr::memchr_iter;

use crate::encode::Encoder;
use crate::map::{Filter, Mapper};
use crate::model::outcome::Cause;
use crate::model::position::{Cursor, FileKey, Position, TAIL_BYTES};
use crate::model::time::EventTime;
use crate::spool::tail_hash;

use super::in_flight::{Counts, Portion};
use super::stages::{Prepared, Stages};

pub use super::stages::SourcePlan;

/// The stages in their order.
#[derive(Debug)]
pub struct Pipeline {
    stages: Stages,
    encoder: Encoder,
    portion_events_max: usize,
}

/// A portion is sent in one piece and confirmed in one piece; this many encoded bytes keep the
/// cost of both small beside the work on the events.
const PORTION_BYTES: usize = 64 * 1024;

/// A run of whole lines of one file, as the spool gave it.
#[derive(Clone, Copy, Debug)]
pub struct Lines<'a> {
    /// Where the first byte stands.
    pub position: Position,
    /// Which `[[spool]]` it is of.
    pub source: usize,
    /// The lines, the last with its newline.
    pub bytes: &'a [u8],
    /// The cursor behind them.
    pub end: Cursor,
}

/// Messages ready to send. Reused from run to run.
#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    ends: Vec<u32>,
    portions: Vec<Planned>,
    /// Lines for the dead letter, in their order.
    pub dead: Vec<Dead>,
    /// Values that did not fit their CEF key's type.
    pub mismatched: u64,
    /// Pairs that could not be written.
    pub dropped: u64,
}

/// A line that can never become a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dead {
    /// Where it stands.
    pub position: Position,
    /// Why, with the column.
    pub cause: Cause,
    /// The line, or its beginning.
    pub line: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Planned {
    bytes_end: usize,
    ends_end: usize,
    end: Cursor,
    counts: Counts,
    sequence: u32,
}

impl Batch {
    /// Number of portions.
    pub fn len(&self) -> usize {
        self.portions.len()
    }

    /// True when it holds no portion.
    pub fn is_empty(&self) -> bool {
        self.portions.is_empty()
    }

    /// The file its lines are of; `None` for an empty batch.
    pub fn file(&self) -> Option<FileKey> {
        self.portions.first().map(|portion| portion.end.file)
    }

    /// All events of the batch, by what became of them.
    pub fn counts(&self) -> Counts {
        self.portions.iter().fold(Counts::default(), |sum, portion| Counts {
            messages: sum.messages + portion.counts.messages,
            filtered: sum.filtered + portion.counts.filtered,
            dead_lettered: sum.dead_lettered + portion.counts.dead_lettered,
            truncated: sum.truncated + portion.counts.truncated,
        })
    }

    /// The framed bytes of a portion, the end of each message in them, and the portion itself,
    /// its `wire_end` still 0.
    pub fn portion(&self, at: usize) -> Option<(&[u8], &[u32], Portion)> {
        let planned = self.portions.get(at)?;
        let before = at.checked_sub(1).and_then(|at| self.portions.get(at));
        let bytes_begin = before.map_or(0, |planned| planned.bytes_end);
        let ends_begin = before.map_or(0, |planned| planned.ends_end);
        let portion = Portion {
            wire_end: 0,
            end: planned.end,
            counts: planned.counts,
            sequence: planned.sequence,
        };
        Some((
            self.bytes.get(bytes_begin..planned.bytes_end)?,
            self.ends.get(ends_begin..planned.ends_end)?,
            portion,
        ))
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.portions.clear();
        self.dead.clear();
        self.mismatched = 0;
        self.dropped = 0;
    }

    /// Sets the number behind each portion to what `behind` answers for its count of messages.
    pub(super) fn renumber(&mut self, mut behind: impl FnMut(u64) -> u32) {
        for portion in &mut self.portions {
            portion.sequence = behind(portion.counts.messages);
        }
    }

    /// A batch of one line that the spool itself refused.
    pub fn broken(&mut self, dead: Dead, end: Cursor, sequence: u32) {
        self.clear();
        self.dead.push(dead);
        let counts = Counts { dead_lettered: 1, ..Counts::default() };
        self.portions.push(Planned { bytes_end: 0, ends_end: 0, end, counts, sequence });
    }
}

/// What became of one line.
enum Line {
    Message { truncated: bool },
    Filtered,
    Empty,
    Dead(Cause),
}

impl Pipeline {
    /// Puts the stages together. `portion_events_max` makes portions small enough for `max_eps`.
    pub fn new(
        sources: Vec<SourcePlan>,
        mapper: Mapper,
        filter: Filter,
        encoder: Encoder,
        portion_events_max: usize,
    ) -> Pipeline {
        Pipeline { stages: Stages::new(sources, mapper, filter), encoder, portion_events_max }
    }

    /// The stages before the encoder, for a destination that encodes in its own way.
    pub fn into_stages(self) -> Stages {
        self.stages
    }

    /// Turns a run of lines into a batch. `sequence` numbers the messages and is advanced.
    pub fn fill(&mut self, lines: Lines<'_>, now: EventTime, sequence: &mut u32, out: &mut Batch) {
        out.clear();
        self.stages.set_reference_time(now);
        let mut counts = Counts::default();
        let (mut begin, mut message_bytes_begin, mut portion_bytes_begin) = (0, 0, 0);
        for newline in memchr_iter(b'\n', lines.bytes) {
            let line = lines.bytes.get(begin..newline).unwrap_or_default();
            let position =
                Position { offset: lines.position.offset + begin as u64, ..lines.position };
            begin = newline + 1;
            match self.line(line, position, lines.source, now, *sequence, out) {
                Line::Message { truncated } => {
                    counts.messages += 1;
                    counts.truncated += u64::from(truncated);
                    *sequence = next_sequence(*sequence);
                    out.ends.push((out.bytes.len() - portion_bytes_begin) as u32);
                    message_bytes_begin = out.bytes.len();
                }
                Line::Filtered => counts.filtered += 1,
                Line::Empty => {}
                Line::Dead(cause) => {
                    counts.dead_lettered += 1;
                    out.dead.push(Dead { position, cause, line: line.to_vec() });
                }
            }
            let is_full = message_bytes_begin - portion_bytes_begin >= PORTION_BYTES
                || counts.messages as usize >= self.portion_events_max;
            // A cursor needs the bytes before it, which the next run does not hold any more.
            if is_full && begin >= TAIL_BYTES && begin < lines.bytes.len() {
                let before = lines.bytes.get(..begin).unwrap_or_default();
                let end = Cursor {
                    file: lines.position.file,
                    offset: lines.position.offset + begin as u64,
                    tail_hash: tail_hash(before),
                };
                out.plan(end, std::mem::take(&mut counts), *sequence);
                portion_bytes_begin = out.bytes.len();
            }
        }
        out.plan(lines.end, counts, *sequence);
    }

    fn line(
        &mut self,
        line: &[u8],
        position: Position,
        source: usize,
        now: EventTime,
        sequence: u32,
        out: &mut Batch,
    ) -> Line {
        let (fields, event) = match self.stages.prepare(line, position, source) {
            Prepared::Event { fields, event, .. } => (fields, event),
            Prepared::Filtered => return Line::Filtered,
            Prepared::Empty => return Line::Empty,
            Prepared::Dead(cause) => return Line::Dead(cause),
        };
        let encoded = self.encoder.encode(fields, event, now, sequence, &mut out.bytes);
        out.mismatched += u64::from(encoded.mismatched);
        out.dropped += u64::from(encoded.dropped);
        Line::Message { truncated: encoded.truncated }
    }
}

impl Batch {
    fn plan(&mut self, end: Cursor, counts: Counts, sequence: u32) {
        let (bytes_end, ends_end) = (self.bytes.len(), self.ends.len());
        self.portions.push(Planned { bytes_end, ends_end, end, counts, sequence });
    }
}

/// The number behind so many messages, of which the first has the number `sequence`.
pub(super) fn next_sequence_behind(sequence: u32, messages: u64) -> u32 {
    const COUNT: u64 = i32::MAX as u64;
    let from_zero = (u64::from(sequence.max(1)) - 1 + messages) % COUNT;
    from_zero as u32 + 1
}

/// RFC 5424, section 7.3.1: after 2147483647 comes 1.
fn next_sequence(sequence: u32) -> u32 {
    if sequence >= i32::MAX as u32 { 1 } else { sequence + 1 }
}
