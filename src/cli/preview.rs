//! `spoolgate preview FILE`: what would be sent for the events of a file; nothing is sent.

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::config::{Config, Destination};
#[cfg(feature = "http")]
use crate::deliver::http::once::{Line, make};
use crate::deliver::in_flight::Counts;
use crate::deliver::pipeline::{Batch, Lines, Pipeline};
#[cfg(feature = "http")]
use crate::deliver::stages::Stages;
use crate::encode::settings::Framing;
use crate::model::position::{Cursor, FileKey, Position};
use crate::model::time::EventTime;
use crate::service;
use crate::spool::source_of;

use super::lines::BoundedLines;
use super::{Failure, exit, print, required_config};

/// Arguments of `preview`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// A file of events; `-` for standard input
    file: PathBuf,
    /// The destination whose form is shown; the first one by default
    #[arg(long, value_name = "NAME")]
    destination: Option<String>,
    /// Stop after so many lines
    #[arg(long, value_name = "N")]
    lines: Option<u64>,
}

/// Prints each message without its framing, one a line; what is not sent goes to standard error.
pub fn run(config: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let config = required_config(config)?;
    let destination = pick(&config, arguments.destination.as_deref())?;
    let mut preview = Preview::new(&config, &destination)?;
    let failed = |error: std::io::Error| {
        Failure::new(exit::IO, format!("{}: {error}", arguments.file.display()))
    };
    let input: Box<dyn Read> = if arguments.file == Path::new("-") {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(&arguments.file).map_err(failed)?)
    };
    preview.set_source(source_of(&config.spool.sources, &arguments.file).unwrap_or(0));
    let mut input = BoundedLines::new(input, config.spool.max_event_bytes);
    let mut number = 0;
    while arguments.lines.is_none_or(|most| number < most) {
        let Some(line) = input.read().map_err(failed)? else { break };
        number += 1;
        if line.is_cut {
            let most = config.spool.max_event_bytes;
            note(&format!("line {number}: to the dead letter: over max_event_bytes = {most}"));
            continue;
        }
        match preview.line(line.bytes) {
            Shown::Message(message) => {
                print(&String::from_utf8_lossy(message))?;
                print("\n")?;
            }
            Shown::Filtered => note(&format!("line {number}: kept back by the filter")),
            Shown::Dead(why) => note(&format!("line {number}: to the dead letter: {why}")),
            Shown::Empty => {}
        }
    }
    Ok(())
}

fn note(text: &str) {
    super::complain(&Failure::new(0, text));
}

/// The named destination, or the first.
pub fn pick(config: &Config, name: Option<&str>) -> Result<Destination, Failure> {
    let mut all = config.destinations.iter();
    let found = match name {
        Some(name) => all.find(|destination| destination.deliver.name == name),
        None => all.next(),
    };
    found.cloned().ok_or_else(|| {
        let known: Vec<&str> =
            config.destinations.iter().map(|it| it.deliver.name.as_str()).collect();
        let wanted = name.unwrap_or("any");
        let known = known.join(", ");
        Failure::new(
            exit::USAGE,
            format!("no destination {wanted:?} in the configuration; there is: {known}"),
        )
    })
}

/// Takes lines through the stages of one destination, one by one.
pub struct Preview {
    pipeline: Pipeline,
    /// Set for an HTTP destination, whose form is the connector's.
    #[cfg(feature = "http")]
    connector: Option<HttpForm>,
    batch: Batch,
    now: EventTime,
    sequence: u32,
    source: usize,
    offset: u64,
}

/// How an HTTP destination shows a line: as the record that it has in a body.
#[cfg(feature = "http")]
struct HttpForm {
    connector: Box<dyn crate::http::Connector>,
    stages: Stages,
    hostname: String,
    record: String,
}

/// What became of a line.
pub enum Shown<'a> {
    /// The message without framing.
    Message(&'a [u8]),
    /// Kept back.
    Filtered,
    /// Never a message, and why.
    Dead(String),
    /// An empty line.
    Empty,
}

impl Preview {
    /// The stages of `destination`, with lines of the first `[[spool]]`.
    pub fn new(config: &Config, destination: &Destination) -> Result<Preview, Failure> {
        let schemas = crate::map::schema::load(&config.map)
            .map_err(|error| Failure::new(exit::CONFIG, error.to_string()))?;
        let mut unframed = destination.clone();
        unframed.encode.framing = Framing::Datagram;
        let pipeline = service::pipeline(config, &schemas, &unframed)
            .map_err(|error| Failure::new(exit::CONFIG, error.to_string()))?;
        #[cfg(feature = "http")]
        let connector = match &destination.http {
            Some(settings) => Some(HttpForm {
                connector: crate::http::connector(settings),
                stages: service::pipeline(config, &schemas, destination)
                    .map_err(|error| Failure::new(exit::CONFIG, error.to_string()))?
                    .into_stages(),
                hostname: config.hostname.clone(),
                record: String::new(),
            }),
            None => None,
        };
        Ok(Preview {
            pipeline,
            #[cfg(feature = "http")]
            connector,
            batch: Batch::default(),
            now: EventTime(jiff::Timestamp::now().as_microsecond()),
            sequence: 1,
            source: 0,
            offset: 0,
        })
    }

    /// Reads the following lines as those of that `[[spool]]`.
    pub fn set_source(&mut self, source: usize) {
        self.source = source;
    }

    /// Encodes the following lines as if it were so much later.
    pub fn advance(&mut self, microseconds: i64) {
        self.now = EventTime(self.now.0.saturating_add(microseconds));
    }

    /// The second of the minute in which the lines are encoded.
    pub fn second(&self) -> i64 {
        self.now.0.div_euclid(1_000_000).rem_euclid(60)
    }

    /// Takes one line, with its newline.
    pub fn line(&mut self, line: &[u8]) -> Shown<'_> {
        let file = FileKey(0);
        let lines = Lines {
            position: Position { file, offset: self.offset },
            source: self.source,
            bytes: line,
            end: Cursor { file, offset: 0, tail_hash: 0 },
        };
        self.offset += line.len() as u64;
        #[cfg(feature = "http")]
        if let Some(form) = &mut self.connector {
            return form.line(line, lines.position, self.source, self.now);
        }
        self.pipeline.fill(lines, self.now, &mut self.sequence, &mut self.batch);
        if let Some(dead) = self.batch.dead.first() {
            return Shown::Dead(dead.cause.text.clone());
        }
        let Counts { filtered, messages, .. } = self.batch.counts();
        match self.batch.portion(0) {
            Some((message, ..)) if messages > 0 => Shown::Message(message),
            _ if filtered > 0 => Shown::Filtered,
            _ => Shown::Empty,
        }
    }
}

#[cfg(feature = "http")]
impl HttpForm {
    fn line(
        &mut self,
        line: &[u8],
        position: Position,
        source: usize,
        now: EventTime,
    ) -> Shown<'_> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let (connector, stages) = (self.connector.as_ref(), &mut self.stages);
        match make(connector, stages, &self.hostname, line, (position, source), now) {
            Line::Made(made) => {
                self.record = made.shown();
                Shown::Message(self.record.as_bytes())
            }
            Line::Filtered => Shown::Filtered,
            Line::Empty => Shown::Empty,
            Line::Dead(cause) => Shown::Dead(cause.text),
        }
    }
}
