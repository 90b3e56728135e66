//! Which events a destination gets (design, section 4).
//!
//! In: a mapped event and the guarded event it came from. Out: yes or no. Pure; the settings are
//! compiled once. Diagnostics: a glob that cannot be read is an error at start.

use globset::{Glob, GlobSet, GlobSetBuilder};

use crate::model::event::{Event, Value};
use crate::model::fields::{Fields, Slot};

use super::path::{self, Path};
use super::settings::FilterSettings;

/// The compiled filter of one destination.
#[derive(Clone, Debug)]
pub struct Filter {
    min_severity: u8,
    event_types: Globs,
    exclude_event_types: Globs,
    equals: Vec<(Path, String)>,
}

/// Why a filter cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// Not a glob.
    #[error("filter.{setting}: `{glob}` is not a glob ({reason}); `*` and `?` stand for any text")]
    Glob {
        /// `event_types` or `exclude_event_types`.
        setting: &'static str,
        /// As configured.
        glob: String,
        /// In the words of the glob parser.
        reason: String,
    },
    /// Not a path.
    #[error(
        "filter.equals: `{path}` is not a path ({reason}); write keys with dots, as in `actor.user.uid`"
    )]
    Path {
        /// As configured.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// Globs of event types. Most configurations say `*` or name types literally.
#[derive(Clone, Debug)]
struct Globs {
    matches_all: bool,
    literal: Vec<String>,
    set: GlobSet,
}

impl Filter {
    /// Compiles the settings.
    pub fn new(settings: FilterSettings) -> Result<Filter, FilterError> {
        let equals = settings.equals.into_iter().map(|(path, text)| match Path::parse(&path) {
            Ok(parsed) => Ok((parsed, text)),
            Err(reason) => Err(FilterError::Path { path, reason }),
        });
        Ok(Filter {
            min_severity: settings.min_severity.cef(),
            event_types: Globs::new("event_types", &settings.event_types)?,
            exclude_event_types: Globs::new("exclude_event_types", &settings.exclude_event_types)?,
            equals: equals.collect::<Result<_, _>>()?,
        })
    }

    /// True when the destination wants the event.
    pub fn passes(&self, fields: &Fields, event: Event<'_>) -> bool {
        let event_type = fields.get(Slot::EventType);
        fields.severity().get() >= self.min_severity
            && self.event_types.matches(event_type)
            && !self.exclude_event_types.matches(event_type)
            && self.equals.iter().all(|(path, text)| stands_at(event, path, text))
    }
}

/// True when the path leads to a scalar spelled `text`; behind `[]` one element is enough.
fn stands_at(event: Event<'_>, path: &Path, text: &str) -> bool {
    let head =
        path.head.iter().try_fold(event.root(), |value, key| value.map(|value| value.get(key)));
    let Some(value) = head.flatten() else { return false };
    let mut is_there = false;
    path::for_each(value, &path.tail, &mut |value: Value<'_>| {
        is_there = value.scalar() == Some(text);
        !is_there
    });
    is_there
}

impl Globs {
    fn new(setting: &'static str, globs: &[String]) -> Result<Globs, FilterError> {
        let mut set = GlobSetBuilder::new();
        let mut literal = Vec::new();
        for glob in globs.iter().filter(|glob| *glob != "*") {
            if glob.contains(['*', '?', '[', ']', '{', '}', '\\']) {
                set.add(Glob::new(glob).map_err(|error| refuse(setting, glob, &error))?);
            } else {
                literal.push(glob.clone());
            }
        }
        let set = set.build().map_err(|error| refuse(setting, &globs.join(", "), &error))?;
        Ok(Globs { matches_all: globs.iter().any(|glob| glob == "*"), literal, set })
    }

    fn matches(&self, event_type: &str) -> bool {
        self.matches_all
            || self.literal.iter().any(|literal| literal == event_type)
            || (!self.set.is_empty() && self.set.is_match(event_type))
    }
}

fn refuse(setting: &'static str, glob: &str, error: &globset::Error) -> FilterError {
    FilterError::Glob { setting, glob: glob.to_owned(), reason: error.kind().to_string() }
}
