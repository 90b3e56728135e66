//! From the spool into the queue, and from anywhere into the dead letter.

use std::time::Instant;

use memchr::memchr_iter;

use super::batch::Held;
use super::window::SegmentKey;
use super::{HELD_BYTES_MAX, HOLD, HttpDelivery};
use crate::checkpoint::DeadLetterEntry;
use crate::deliver::in_flight::Counts;
use crate::deliver::pipeline::Lines;
use crate::deliver::stages::{Prepared, Stages};
use crate::deliver::status::State;
use crate::http::{Connector, Item};
use crate::model::fields::{Severity, Slot};
use crate::model::outcome::Cause;
use crate::model::position::{Cursor, Position, TAIL_BYTES};
use crate::model::time::EventTime;
use crate::spool::{Read, tail_hash};

/// An event for the dead letter.
#[derive(Debug)]
pub(super) struct Dead {
    position: Position,
    cause: Cause,
    line: Vec<u8>,
    schema: Option<usize>,
    segment: SegmentKey,
}

impl Dead {
    pub(super) fn from_event(event: Held, cause: Cause) -> Dead {
        let Held { position, line, schema, segment, .. } = event;
        Dead { position, cause, line, schema: Some(schema), segment }
    }
}

/// What of a segment waits for its key.
enum Taken {
    Event {
        record: Vec<u8>,
        line: Vec<u8>,
        position: Position,
        schema: usize,
        id: String,
        severity: Severity,
    },
    Dead {
        position: Position,
        cause: Cause,
        line: Vec<u8>,
        schema: Option<usize>,
    },
}

/// A segment while it is read.
#[derive(Default)]
struct Segment {
    taken: Vec<Taken>,
    filtered: u64,
}

impl HttpDelivery {
    /// Reads until memory is full or there is nothing to read.
    pub(super) fn take_in(&mut self, now: Instant) {
        self.is_idle = false;
        if self.held_until.is_some_and(|until| now < until) {
            return;
        }
        let mut is_changed = false;
        while self.queue.held_bytes() < HELD_BYTES_MAX && self.dead.is_empty() {
            // A spool of events that the filter keeps back is read without a wait in between.
            self.status.beat().works(Instant::now());
            match self.read() {
                Ok(true) => is_changed = true,
                Ok(false) => {
                    self.is_idle = true;
                    break;
                }
                Err(cause) => {
                    self.held_until = Some(now + HOLD);
                    self.held(&cause);
                    break;
                }
            }
        }
        if is_changed {
            self.record();
        }
    }

    /// One run of lines; false when there is none.
    fn read(&mut self) -> Result<bool, Cause> {
        let HttpDelivery { reader, stages, connector, hostname, .. } = self;
        let now = EventTime(jiff::Timestamp::now().as_microsecond());
        let read =
            reader.read().map_err(|error| Cause::new("spool_unreadable", error.to_string()))?;
        let mut segments = Vec::new();
        match read {
            Read::Idle => return Ok(false),
            Read::Broken { position, reason, head, end, .. } => {
                let cause = Cause::new("unreadable", reason);
                let line = head.to_vec();
                let taken = vec![Taken::Dead { position, cause, line, schema: None }];
                segments.push((Segment { taken, filtered: 0 }, end));
            }
            Read::Lines { position, source, bytes, end } => {
                let lines = Lines { position, source, bytes, end };
                stages.set_reference_time(now);
                let mut maker = Maker { stages, connector: connector.as_ref(), hostname, now };
                maker.take(lines, &mut segments);
            }
        }
        let since = Instant::now();
        for (segment, end) in segments {
            self.keep(segment, end, since);
        }
        Ok(true)
    }

    /// Counts a segment and queues its events.
    fn keep(&mut self, segment: Segment, end: Cursor, since: Instant) {
        let Segment { taken, filtered } = segment;
        // What is for the dead letter counts as open until it is durable there.
        let counts = Counts { messages: taken.len() as u64, filtered, ..Counts::default() };
        let key = self.window.push(end, counts);
        for taken in taken {
            match taken {
                Taken::Event { record, line, position, schema, id, severity } => {
                    self.queue.push(Held {
                        record,
                        id,
                        severity,
                        line,
                        position,
                        schema,
                        segment: key,
                        attempts: 0,
                        was_sent: false,
                        since,
                    })
                }
                Taken::Dead { position, cause, line, schema } => {
                    self.dead.push(Dead { position, cause, line, schema, segment: key });
                }
            }
        }
    }

    /// Makes dead events durable; their cursors may pass then, and not before.
    pub(super) fn bury(&mut self, now: Instant) {
        let is_waiting = self.held_until.is_some_and(|until| now < until);
        if is_waiting {
            return;
        }
        if self.held_until.take().is_some() && self.status.snapshot().state == State::Held {
            self.enter(State::Connecting);
        }
        if self.dead.is_empty() {
            return;
        }
        let timestamp = EventTime(jiff::Timestamp::now().as_microsecond());
        let mut paths = std::collections::HashMap::new();
        for dead in &self.dead {
            let file = dead.position.file;
            paths.entry(file).or_insert_with(|| self.spool.path(file).unwrap_or_default());
        }
        let nowhere = std::path::PathBuf::new();
        let entries: Vec<DeadLetterEntry<'_>> = self
            .dead
            .iter()
            .map(|dead| DeadLetterEntry {
                timestamp,
                destination: &self.settings.name,
                connector: self.kind,
                cause: &dead.cause,
                position: dead.position,
                path: paths.get(&dead.position.file).unwrap_or(&nowhere),
                schema: dead.schema.map(|schema| self.stages.schema_name(schema)),
                event: &dead.line,
            })
            .collect();
        if let Err(error) = self.dead_letter.append(&entries) {
            self.held_until = Some(now + HOLD);
            return self.held(&Cause::new("dead_letter_unwritable", error.to_string()));
        }
        for dead in std::mem::take(&mut self.dead) {
            self.window.buried(dead.segment);
        }
        self.record();
    }
}

/// Makes records of lines.
struct Maker<'a> {
    stages: &'a mut Stages,
    connector: &'a dyn Connector,
    hostname: &'a str,
    now: EventTime,
}

impl Maker<'_> {
    /// A run of lines, cut wherever a cursor can stand.
    fn take(&mut self, lines: Lines<'_>, segments: &mut Vec<(Segment, Cursor)>) {
        let Lines { position, source, bytes, end } = lines;
        let mut segment = Segment::default();
        let mut begin = 0;
        for newline in memchr_iter(b'\n', bytes) {
            let line = bytes.get(begin..newline).unwrap_or_default();
            let at = Position { offset: position.offset + begin as u64, ..position };
            begin = newline + 1;
            if !self.take_line(line, at, source, &mut segment) {
                continue;
            }
            // A cursor needs the bytes before it, which the next run does not hold.
            if begin >= TAIL_BYTES && begin < bytes.len() {
                let before = bytes.get(..begin).unwrap_or_default();
                let offset = position.offset + begin as u64;
                let end = Cursor { file: position.file, offset, tail_hash: tail_hash(before) };
                segments.push((std::mem::take(&mut segment), end));
            }
        }
        segments.push((segment, end));
    }

    /// One line; false when nothing of it is to be sent or buried.
    fn take_line(
        &mut self,
        line: &[u8],
        position: Position,
        source: usize,
        segment: &mut Segment,
    ) -> bool {
        let (fields, event, schema, schema_name) = match self.stages.prepare(line, position, source)
        {
            Prepared::Empty => return false,
            Prepared::Filtered => {
                segment.filtered += 1;
                return false;
            }
            Prepared::Dead(cause) => {
                let line = line.to_vec();
                segment.taken.push(Taken::Dead { position, cause, line, schema: None });
                return true;
            }
            Prepared::Event { fields, event, schema, schema_name } => {
                (fields, event, schema, schema_name)
            }
        };
        let item = Item {
            fields,
            event,
            id: fields.get(Slot::Id, event),
            schema: schema_name,
            hostname: self.hostname,
            time: fields.time().unwrap_or(self.now),
        };
        let mut record = Vec::new();
        let made = self.connector.record(&item, &mut record);
        let made = made.and_then(|()| fits(&record, self.connector.limits().body_bytes_max));
        segment.taken.push(match made {
            Ok(()) => Taken::Event {
                record,
                line: line.to_vec(),
                position,
                schema,
                id: item.id.to_owned(),
                severity: fields.severity(),
            },
            Err(cause) => {
                Taken::Dead { position, cause, line: line.to_vec(), schema: Some(schema) }
            }
        });
        true
    }
}

fn fits(record: &[u8], bytes_max: usize) -> Result<(), Cause> {
    if record.len() <= bytes_max {
        return Ok(());
    }
    let text =
        format!("the event is {} bytes, more than the {bytes_max} of a request", record.len());
    Err(Cause::new("too_large", text))
}
