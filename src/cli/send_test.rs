//! `spoolgate send-test DEST`: one test event, and what became of it.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::config::{Config, Destination};
use crate::deliver::pipeline::{Batch, Lines};
use crate::model::outcome::Cause;
use crate::model::position::{Cursor, FileKey, Position};
use crate::model::time::EventTime;
use crate::service;
use crate::transport::{Connector, Drained, Link};

use super::{Failure, exit, preview, print, required_config};

#[cfg(feature = "http")]
mod http;

/// Arguments of `send-test`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The destination's name
    destination: String,
}

const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
const ACKNOWLEDGE_TIMEOUT: Duration = Duration::from_secs(5);
const ACKNOWLEDGE_POLL: Duration = Duration::from_millis(10);

/// Connects to every address of the destination in turn, sends one event to the first that
/// answers, and says what the receiver has proven.
pub fn run(config: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let config = required_config(config)?;
    let destination = preview::pick(&config, Some(&arguments.destination))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(exit::OS, error.to_string()))?;
    #[cfg(feature = "http")]
    if let Some(settings) = &destination.http {
        return runtime.block_on(http::send(&config, &destination, settings));
    }
    let batch = test_event(&config, &destination)?;
    runtime.block_on(send(&config, &destination, &batch))
}

/// The test event as the destination wants it.
fn test_event(config: &Config, destination: &Destination) -> Result<Batch, Failure> {
    let schemas = crate::map::schema::load(&config.map)
        .map_err(|error| Failure::new(exit::CONFIG, error.to_string()))?;
    let mut pipeline = service::pipeline(config, &schemas, destination)
        .map_err(|error| Failure::new(exit::CONFIG, error.to_string()))?;
    let now = jiff::Timestamp::now();
    let line = test_line(now);
    let file = FileKey(now.as_microsecond().unsigned_abs());
    let lines = Lines {
        position: Position { file, offset: 0 },
        // No source: the line's form is told from the line.
        source: usize::MAX,
        bytes: line.as_bytes(),
        end: Cursor { file, offset: 0, tail_hash: 0 },
    };
    let mut batch = Batch::default();
    pipeline.fill(lines, EventTime(now.as_microsecond()), &mut 1, &mut batch);
    if batch.counts().messages == 0 {
        return Err(kept_back(destination));
    }
    Ok(batch)
}

/// A synthetic `dlp.pii_blocked` (seed: AISG, "Send Test Event"), with its newline.
fn test_line(now: jiff::Timestamp) -> String {
    format!(
        "{{\"type\":\"dlp.pii_blocked\",\"severity\":\"high\",\"timestamp\":\"{now:.3}\",\
         \"org_id\":\"spoolgate-test\",\"project_id\":\"spoolgate-test\",\
         \"entities_detected\":[\"EMAIL_ADDRESS\"],\"action\":\"blocked\",\
         \"model\":\"spoolgate-test\",\"provider\":\"spoolgate\"}}\n"
    )
}

fn kept_back(destination: &Destination) -> Failure {
    Failure::new(
        exit::CONFIG,
        format!(
            "the filter of {:?} keeps the test event dlp.pii_blocked (severity high) back; \
             nothing was sent",
            destination.deliver.name
        ),
    )
}

async fn send(config: &Config, destination: &Destination, batch: &Batch) -> Result<(), Failure> {
    let connector = Connector::new(destination.transport.clone(), config.egress.clone());
    let mut last = None;
    for address in &destination.transport.addresses {
        let began = Instant::now();
        match connector.connect(address).await {
            Ok(link) => {
                let took = began.elapsed().as_secs_f64() * 1000.0;
                print(&format!("connected: {} in {took:.1} ms\n", link.describe()))?;
                return exchange(&connector, link, batch)
                    .await
                    .map_err(|cause| unavailable(&cause));
            }
            Err(cause) => {
                print(&format!("{address}: {cause}\n"))?;
                last = Some(cause);
            }
        }
    }
    let cause = last.unwrap_or_else(|| Cause::new("no_address", "no address"));
    Err(unavailable(&cause))
}

async fn exchange(connector: &Connector, mut link: Link, batch: &Batch) -> Result<(), Cause> {
    let Some((bytes, ends, _)) = batch.portion(0) else { return Ok(()) };
    let text = String::from_utf8_lossy(bytes);
    let said = |text: String| print(&text).map_err(|failure| Cause::new("output", failure.text));
    said(format!("sent: {}\n", text.trim_end()))?;
    let began = Instant::now();
    let wire = link.send(bytes, ends).await?;
    while link.progress()?.acked < wire {
        if began.elapsed() > ACKNOWLEDGE_TIMEOUT {
            return Err(Cause::new(
                "unacknowledged",
                "the receiver's host did not acknowledge the bytes within 5 s",
            ));
        }
        tokio::time::sleep(ACKNOWLEDGE_POLL).await;
    }
    let took = began.elapsed().as_secs_f64() * 1000.0;
    said(format!("acknowledged: {wire} bytes by the receiver's host in {took:.1} ms\n"))?;
    match connector.prove(link, DRAIN_TIMEOUT).await {
        Drained::Proven => said("proven: the receiver read everything and closed\n".to_owned()),
        Drained::Refuted(cause) => Err(cause),
        Drained::NoAnswer | Drained::Closed => said(
            "not proven: the receiver did not answer the half-close within 5 s; look for the \
             event there\n"
                .to_owned(),
        ),
    }
}

fn unavailable(cause: &Cause) -> Failure {
    Failure::new(exit::UNAVAILABLE, format!("{}: {cause}", cause.code))
}
