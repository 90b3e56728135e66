//! The order of things, for one destination: connect, fill, send, confirm, checkpoint; and again
//! from the last proven place whenever a connection ends.
//!
//! Each destination runs [`Delivery::run`] on a thread and a reactor of its own, so a slow or dead
//! receiver costs nothing but its own lag. Reading the spool and appending to the dead letter
//! block that thread alone.
//!
//! Diagnostics: one line when a receiver goes down, one when it is up again, one when this machine
//! holds delivery (disk full) and one when it no longer does. Never a line per event or per try.

pub mod backoff;
#[cfg(feature = "http")]
pub mod http;
pub mod in_flight;
pub mod links;
pub mod pair;
pub mod pipeline;
pub mod rate;
mod session;
pub mod settings;
pub mod stages;
pub mod status;

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tracing::{error, info, warn};

use crate::checkpoint::{Checkpoint, DeadLetter, DeadLetterEntry, Progress};
use crate::model::beat::Beat;
use crate::model::outcome::Cause;
use crate::model::position::FileKey;
use crate::model::time::EventTime;
use crate::spool::{Read, Reader, Spool, SpoolError};
use crate::transport::Link;

use backoff::Backoff;
use in_flight::{InFlight, Passed};
use links::Links;
use pair::{Lost, Pair};
use pipeline::{Batch, Dead, Lines};
use rate::Rate;
use settings::Settings;
use status::{State, Status};

/// One destination and everything it needs.
pub struct Delivery {
    settings: Settings,
    links: Links,
    pipeline: Pair,
    spool: Spool,
    reader: Reader,
    checkpoint: Checkpoint,
    dead_letter: DeadLetter,
    in_flight: InFlight,
    status: Status,
    backoff: Backoff,
    rate: Option<Rate>,
    batch: Batch,
    /// The next portion of `batch` to send.
    next_portion: usize,
    /// `meta sequenceId` of the next message to be encoded.
    sequence: u32,
    /// Lines before this offset are in the dead letter already, should they be read again.
    dead_until: HashMap<FileKey, u64>,
    /// Since when the receiver is down, for the line that says it is up again.
    down_since: Option<Instant>,
    /// When a stop was first seen: `stop_timeout` is counted from here.
    stop_seen: Option<Instant>,
    /// The receiver has answered a half-close at least once.
    answers_half_close: bool,
    /// Half-closes in a row that a receiver which never answered one left unanswered.
    unanswered_half_closes: u32,
}

/// The parts that [`Delivery::new`] puts together.
pub struct Parts {
    /// The loop's own settings.
    pub settings: Settings,
    /// Where to.
    pub links: Links,
    /// decode, map, filter, encode.
    pub pipeline: Pair,
    /// For the identities of files.
    pub spool: Spool,
    /// This destination's own place in the spool.
    pub reader: Reader,
    /// Durable progress.
    pub checkpoint: Checkpoint,
    /// Lines that can never be delivered.
    pub dead_letter: DeadLetter,
    /// Where the last run left off.
    pub in_flight: InFlight,
    /// Shown by `status`.
    pub status: Status,
}

/// How a session on one link ended.
#[derive(Debug)]
enum SessionEnd {
    /// The link is gone; what is not confirmed will be sent again.
    Lost(Cause),
    /// We ended it ourselves, with everything proven: connect again at once.
    Renewed,
    /// We ended it for another, with everything proven.
    Switched(Box<Link>),
    /// A stop was asked for, and this is all that could be proven.
    Stopped,
}

/// How long delivery pauses when the dead letter or the spool cannot be used.
const HOLD: Duration = Duration::from_secs(1);

impl Delivery {
    /// Puts a destination together; nothing happens before [`Delivery::run`].
    pub fn new(parts: Parts) -> Delivery {
        let settings = parts.settings;
        let sequence = parts.in_flight.sequence();
        let now = Instant::now();
        Delivery {
            links: parts.links,
            pipeline: parts.pipeline,
            spool: parts.spool,
            reader: parts.reader,
            checkpoint: parts.checkpoint,
            dead_letter: parts.dead_letter,
            in_flight: parts.in_flight,
            status: parts.status,
            backoff: Backoff::new(settings.initial_backoff, settings.max_backoff),
            rate: settings.max_eps.map(|rate| Rate::new(rate, settings.slow_start, now)),
            batch: Batch::default(),
            next_portion: 0,
            sequence,
            dead_until: HashMap::new(),
            down_since: None,
            stop_seen: None,
            answers_half_close: false,
            unanswered_half_closes: 0,
            settings,
        }
    }

    /// Its name in the configuration.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// Delivers until `stop` turns true, then drains within `stop_timeout` and records what was
    /// proven. Making that durable is the caller's: [`Checkpoint::flush`]. Answers where a later
    /// run goes on. Its beat works while it is polled and waits in between: every wait of the loop
    /// has a deadline or an event that it waits for.
    pub async fn run(self, stop: watch::Receiver<bool>) -> InFlight {
        let beat = self.status.beat().clone();
        beating(beat, self.deliver(stop)).await
    }

    async fn deliver(mut self, mut stop: watch::Receiver<bool>) -> InFlight {
        self.enter(State::Connecting);
        self.show_ledger();
        let mut next_link = None;
        loop {
            let link = match next_link.take() {
                Some(link) => link,
                None => match self.connect(&mut stop).await {
                    Some(link) => Box::new(link),
                    None => break,
                },
            };
            match self.session(*link, &mut stop).await {
                SessionEnd::Stopped => break,
                SessionEnd::Renewed => {}
                SessionEnd::Switched(link) => next_link = Some(link),
                SessionEnd::Lost(cause) => {
                    self.rewind();
                    self.went_down(&cause);
                    if !self.pause(&mut stop).await {
                        break;
                    }
                }
            }
        }
        self.rewind();
        self.enter(State::Stopped);
        self.in_flight
    }

    /// A link, after as many tries as it takes; `None` when asked to stop.
    async fn connect(&mut self, stop: &mut watch::Receiver<bool>) -> Option<Link> {
        loop {
            let address = self.links.describe_next();
            self.status.update(|status| status.address = address);
            let tried = tokio::select! {
                biased;
                () = stopped(stop) => return None,
                tried = self.links.connect() => tried,
            };
            match tried {
                Ok(link) => {
                    self.went_up(&link);
                    return Some(link);
                }
                Err(cause) => self.went_down(&cause),
            }
            if self.links.has_untried() {
                continue;
            }
            if !self.pause(stop).await {
                return None;
            }
        }
    }

    /// Waits before the next try; false when asked to stop.
    async fn pause(&mut self, stop: &mut watch::Receiver<bool>) -> bool {
        let wait = self.backoff.failed(fastrand::f64());
        self.show_ledger();
        tokio::select! {
            biased;
            () = stopped(stop) => false,
            () = tokio::time::sleep(wait) => true,
        }
    }

    /// Reads the next run of lines and makes a batch of it; false when there is nothing to read.
    /// Lines that can never be delivered are durable in the dead letter when this returns.
    fn fill(&mut self) -> Result<bool, Cause> {
        debug_assert!(self.next_portion >= self.batch.len());
        // A spool of events that the filter keeps back is read without a wait in between.
        self.status.beat().works(Instant::now());
        let now = EventTime(jiff::Timestamp::now().as_microsecond());
        self.next_portion = 0;
        let sequence = self.sequence;
        let file = match self.pipeline.rest(&mut self.sequence, &mut self.batch) {
            Ok(true) => self.batch.file(),
            Ok(false) => self.read(now)?,
            Err(Lost) => {
                self.reader.rewind(&self.in_flight.read_cursors());
                self.read(now)?
            }
        };
        let Some(file) = file else {
            self.batch.clear();
            return Ok(false);
        };
        if let Err(cause) = self.bury(file) {
            self.batch.clear();
            self.pipeline.discard();
            self.reader.rewind(&self.in_flight.read_cursors());
            self.sequence = sequence;
            return Err(cause);
        }
        self.in_flight.take(self.batch.counts());
        let (mismatched, dropped) = (self.batch.mismatched, self.batch.dropped);
        self.status.update(|status| {
            status.mismatched_values += mismatched;
            status.dropped_pairs += dropped;
        });
        // Before the first portion of a run is proven, the rest of it shows as not yet sent.
        self.show_ledger();
        Ok(true)
    }

    /// Reads the spool and makes a batch; answers of which file, or `None` when there is nothing.
    fn read(&mut self, now: EventTime) -> Result<Option<FileKey>, Cause> {
        let read = self.reader.read().map_err(|error| spool_cause(&error))?;
        Ok(match read {
            Read::Idle => None,
            Read::Lines { position, source, bytes, end } => {
                let lines = Lines { position, source, bytes, end };
                self.pipeline.fill(lines, now, &mut self.sequence, &mut self.batch);
                Some(position.file)
            }
            Read::Broken { position, reason, head, end, .. } => {
                let cause = Cause::new("unreadable", reason);
                let dead = Dead { position, cause, line: head.to_vec() };
                self.batch.broken(dead, end, self.sequence);
                Some(position.file)
            }
        })
    }

    /// Puts the batch's dead lines into the dead letter, those that are not there already.
    fn bury(&mut self, file: FileKey) -> Result<(), Cause> {
        if self.batch.dead.is_empty() {
            return Ok(());
        }
        let timestamp = EventTime(jiff::Timestamp::now().as_microsecond());
        let path = self.spool.path(file).unwrap_or_default();
        let until = self.dead_until.get(&file).copied().unwrap_or(0);
        let entries: Vec<DeadLetterEntry<'_>> = self
            .batch
            .dead
            .iter()
            .filter(|dead| dead.position.offset >= until)
            .map(|dead| DeadLetterEntry {
                timestamp,
                destination: &self.settings.name,
                connector: "syslog",
                cause: &dead.cause,
                position: dead.position,
                path: &path,
                schema: None,
                event: &dead.line,
            })
            .collect();
        self.dead_letter
            .append(&entries)
            .map_err(|error| Cause::new("dead_letter_unwritable", error.to_string()))?;
        if let Some(last) = self.batch.dead.last() {
            // A rewind reads earlier lines again: the mark never goes back with it.
            self.dead_until.insert(file, until.max(last.position.offset + 1));
        }
        Ok(())
    }

    /// Everything that is not passed will be read again.
    fn rewind(&mut self) {
        self.in_flight.rewind();
        self.pipeline.discard();
        self.batch.clear();
        self.next_portion = 0;
        self.reader.rewind(&self.in_flight.cursors());
        self.sequence = self.in_flight.sequence();
        self.show_ledger();
    }

    /// Cursors moved: to the checkpoint, together with the identities they refer to.
    fn record(&mut self, passed: Passed) {
        let changed = self.spool.changed_records();
        if !changed.is_empty() {
            for file in &changed.gone {
                self.in_flight.forget(*file);
                self.dead_until.remove(file);
            }
            self.checkpoint.record_files(changed.upserts, changed.gone);
        }
        let Passed { cursors, ledger, sequence } = passed;
        self.checkpoint.record(&self.settings.name, Progress { cursors, ledger, sequence });
        self.show_ledger();
    }

    fn show_ledger(&self) {
        let ledger = self.in_flight.ledger();
        debug_assert!(ledger.adds_up(), "{ledger:?}");
        let under_way = self.pipeline.under_way_bytes();
        self.status.update(|status| {
            status.ledger = ledger;
            status.backlog_bytes = under_way;
        });
    }

    fn enter(&self, state: State) {
        let since = jiff::Timestamp::now().to_string();
        let confirm = self.confirm_in_force();
        self.status.update(|status| {
            if status.state != state {
                status.since = since;
            }
            status.state = state;
            status.confirm = format!("{confirm:?}").to_lowercase();
        });
    }

    fn went_up(&mut self, link: &Link) {
        let destination = self.settings.name.as_str();
        let address = self.links.describe_current();
        match self.down_since.take() {
            Some(since) => info!(
                destination,
                peer = link.describe(),
                down_seconds = since.elapsed().as_secs(),
                tries = self.backoff.failures(),
                "connected again"
            ),
            None => info!(destination, peer = link.describe(), "connected"),
        }
        if let Some(rate) = &mut self.rate {
            rate.restart(Instant::now());
        }
        self.status.update(|status| {
            status.connections += 1;
            status.address = address;
        });
        self.enter(State::Up);
    }

    fn went_down(&mut self, cause: &Cause) {
        let destination = self.settings.name.as_str();
        let is_new = self.status.note_error(cause);
        // One line for an outage, and one more when its cause changes; never one for each try.
        if self.down_since.is_none() || is_new {
            warn!(destination, code = cause.code, "cannot deliver, will try again: {cause}");
        }
        self.down_since.get_or_insert_with(Instant::now);
        self.enter(State::Down);
    }

    fn held(&mut self, cause: &Cause) {
        let destination = self.settings.name.as_str();
        let was = self.status.snapshot().state;
        self.status.note_error(cause);
        if was != State::Held {
            error!(destination, code = cause.code, "delivery is held: {cause}");
        }
        self.enter(State::Held);
    }

    fn released(&mut self) {
        if self.status.snapshot().state == State::Held {
            info!(destination = self.settings.name.as_str(), "delivery goes on");
            self.enter(State::Up);
        }
    }
}

/// Runs a loop: it works while it is polled, and waits in between.
async fn beating<T>(beat: Beat, working: impl Future<Output = T>) -> T {
    let mut working = pin!(working);
    poll_fn(move |context| {
        beat.works(Instant::now());
        let polled = working.as_mut().poll(context);
        beat.waits();
        polled
    })
    .await
}

/// Resolves when a stop is asked for.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // A sender that is gone can never ask again: that is a stop, too.
    let _ = stop.wait_for(|stop| *stop).await;
}

fn spool_cause(error: &SpoolError) -> Cause {
    Cause::new("spool_unreadable", error.to_string())
}
