//! The test event to an HTTP destination: status, time, and what the receiver said.

use crate::config::{Config, Destination};
use crate::deliver::http::once::{Line, Once, make};
use crate::http::Outcome;
use crate::http::settings::Settings;
use crate::model::outcome::Cause;
use crate::model::position::{FileKey, Position};
use crate::model::time::EventTime;
use crate::service;

use super::super::{Failure, exit, print};
use super::{kept_back, test_line, unavailable};

/// Sends it, and fails unless it is stored.
pub(super) async fn send(
    config: &Config,
    destination: &Destination,
    settings: &Settings,
) -> Result<(), Failure> {
    let wrong = |text: String| Failure::new(exit::CONFIG, text);
    let schemas =
        crate::map::schema::load(&config.map).map_err(|error| wrong(error.to_string()))?;
    let pipeline = service::pipeline(config, &schemas, destination);
    let mut stages = pipeline.map_err(|error| wrong(error.to_string()))?.into_stages();
    let now = jiff::Timestamp::now();
    let line = test_line(now);
    let file = FileKey(now.as_microsecond().unsigned_abs());
    let connector = crate::http::connector(settings);
    // No source: the line's form is told from the line.
    let place = (Position { file, offset: 0 }, usize::MAX);
    let now = EventTime(now.as_microsecond());
    let line = line.trim_end().as_bytes();
    let made = match make(connector.as_ref(), &mut stages, &config.hostname, line, place, now) {
        Line::Made(made) => made,
        Line::Filtered => return Err(kept_back(destination)),
        Line::Empty => return Ok(()),
        Line::Dead(cause) => return Err(wrong(cause.to_string())),
    };
    let once = Once::new(settings, destination.transport.clone(), &config.egress)
        .await
        .map_err(|cause| unavailable(&cause))?;
    print(&format!("to {}: {}\n", once.describe(), made.shown()))?;
    let said = once.send(&made).await.map_err(|cause| unavailable(&cause))?;
    let took = said.took.as_secs_f64() * 1000.0;
    print(&format!("answer: {} in {took:.1} ms: {}\n", said.status, said.text))?;
    match said.outcome {
        Outcome::Ok | Outcome::Slow(_) => match said.is_acknowledged {
            None => print("stored: the receiver took the event\n"),
            Some(true) => print("stored: the receiver acknowledged the event\n"),
            Some(false) => Err(unavailable(&Cause::new(
                "unacknowledged",
                "the receiver took the event and did not acknowledge it within 10 s",
            ))),
        },
        Outcome::Retry(cause) | Outcome::Hold(cause) => Err(unavailable(&cause)),
        Outcome::Split(cause) | Outcome::Quarantine(cause) => {
            Err(Failure::new(exit::DATA, format!("{}: {cause}", cause.code)))
        }
    }
}
