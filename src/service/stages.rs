//! What the configuration makes of the stages: the spool's sources, replayed lines among them, and
//! each destination's way from a line to a message.

use std::path::{Path, PathBuf};

use tracing::warn;

use super::ServiceError;
use crate::config::{Config, Destination};
use crate::deliver::pair::Pair;
use crate::deliver::pipeline::{Pipeline, SourcePlan};
use crate::encode::Encoder;
use crate::map::schema::Schema;
use crate::map::{Filter, Guard, Mapper};
use crate::model::format::Format;
use crate::spool::settings::{AfterDelivery, Source};

/// The stages between the spool and the link, as `destination` wants them.
pub fn pipeline(
    config: &Config,
    schemas: &[Schema],
    destination: &Destination,
) -> Result<Pipeline, ServiceError> {
    let guard = Guard::new(&config.map.guard_keys);
    let mapper = Mapper::new(schemas.to_vec(), guard);
    let schema = |name: &String| {
        mapper.schema_index(name).ok_or_else(|| {
            let known: Vec<&str> = schemas.iter().map(Schema::name).collect();
            ServiceError::UnknownSchema { name: name.clone(), known: known.join(", ") }
        })
    };
    let plan = |source: &Source| -> Result<SourcePlan, ServiceError> {
        let schema = source.schema.as_ref().map(schema).transpose()?;
        Ok(SourcePlan { format: source.format, schema })
    };
    let sources = spool_settings(config).sources.iter().map(plan).collect::<Result<_, _>>()?;
    let portion_events =
        destination.deliver.max_eps.map_or(usize::MAX, |rate| (rate as usize / 10).max(1));
    let filter = Filter::new(&destination.filter);
    let encoder = Encoder::new(destination.encode.clone());
    Ok(Pipeline::new(sources, mapper, filter, encoder, portion_events))
}

/// As [`pipeline`], on two threads where that pays: there is a core that no syslog destination has,
/// and messages neither carry their number nor wait for a rate. HTTP destinations wait for answers
/// more than they compute: one of them beside it shall not slow a syslog destination down.
pub(super) fn pair(
    config: &Config,
    schemas: &[Schema],
    destination: &Destination,
) -> Result<Pair, ServiceError> {
    let near = pipeline(config, schemas, destination)?;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let syslog = config.destinations.iter().filter(|destination| !destination.is_http()).count();
    if cores <= syslog
        || destination.encode.structured_data
        || destination.deliver.max_eps.is_some()
    {
        return Ok(Pair::alone(near));
    }
    let name = format!("beside-{}", destination.deliver.name);
    Ok(Pair::shared(near, pipeline(config, schemas, destination)?, name))
}

/// The configured spool, and for each destination the directory that `dead-letter replay` fills:
/// one source for each way in which the lines of the spool are read.
pub fn spool_settings(config: &Config) -> crate::spool::settings::Settings {
    let mut settings = config.spool.clone();
    let mut ways = vec![(Format::Auto, None)];
    for source in &config.spool.sources {
        let way = (source.format, source.schema.clone());
        if !ways.contains(&way) {
            ways.push(way);
        }
    }
    for destination in &config.destinations {
        let name = &destination.deliver.name;
        for (format, schema) in &ways {
            let pattern = format!("*{}", replay_suffix(*format, schema.as_deref()));
            let path = replay_dir(&config.state.dir, name).join(pattern);
            settings.sources.push(Source {
                path: path.to_string_lossy().into_owned(),
                format: *format,
                schema: schema.clone(),
                after_delivery: AfterDelivery::Delete,
                only: Some(name.clone()),
            });
        }
    }
    settings
}

/// How the name of a replayed file ends, so that it is read as it was the first time. Neither part
/// can hold a `+`.
pub fn replay_suffix(format: Format, schema: Option<&str>) -> String {
    let format = match format {
        Format::Auto => "auto",
        Format::Json => "json",
        Format::Syslog => "syslog",
        Format::Cef => "cef",
    };
    format!("+{format}+{}.log", schema.unwrap_or("auto"))
}

/// So that the spool has something to watch; what goes wrong here, it reports.
pub(super) fn make_replay_dirs(config: &Config) {
    for destination in &config.destinations {
        let dir = replay_dir(&config.state.dir, &destination.deliver.name);
        if let Err(error) = std::fs::create_dir_all(&dir) {
            warn!("{}: cannot be made: {error}", dir.display());
        }
    }
}

/// Where lines from the dead letter wait to be delivered again to one destination.
pub fn replay_dir(state_dir: &Path, destination: &str) -> PathBuf {
    state_dir.join("replay").join(destination)
}
