//! Which events a destination gets (design, section 4).
//!
//! In: a mapped event and the guarded event it came from. Out: yes or no. Pure; the settings are
//! compiled once. Diagnostics: none.

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

/// Globs of event types. Most configurations say `*` or name types literally.
#[derive(Clone, Debug)]
struct Globs {
    matches_all: bool,
    literal: Vec<String>,
    set: GlobSet,
}

impl Filter {
    /// Compiles the settings. The configuration refuses what is no glob; here such a text would
    /// stand for itself, and a text that is no path for keys with dots between them.
    pub fn new(settings: &FilterSettings) -> Filter {
        let path = |text: &str| {
            Path::parse(text).unwrap_or_else(|_| Path {
                head: text.split('.').map(str::to_owned).collect(),
                tail: Vec::new(),
            })
        };
        let equals = settings.equals.iter().map(|(text, value)| (path(text), value.clone()));
        Filter {
            min_severity: settings.min_severity.cef(),
            event_types: Globs::new(&settings.event_types),
            exclude_event_types: Globs::new(&settings.exclude_event_types),
            equals: equals.collect(),
        }
    }

    /// True when the destination wants the event.
    pub fn passes(&self, fields: &Fields, event: Event<'_>) -> bool {
        let event_type = || fields.get(Slot::EventType, event);
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
    fn new(globs: &[String]) -> Globs {
        let mut set = GlobSetBuilder::new();
        let mut literal = Vec::new();
        for glob in globs.iter().filter(|glob| *glob != "*") {
            match Glob::new(glob) {
                Ok(pattern) if glob.contains(['*', '?', '[', '{', '\\']) => {
                    set.add(pattern);
                }
                _ => literal.push(glob.clone()),
            }
        }
        let matches_all = globs.iter().any(|glob| glob == "*");
        Globs { matches_all, literal, set: set.build().unwrap_or_default() }
    }

    /// The event type is asked for only where there is something to match.
    fn matches<'a>(&self, event_type: impl Fn() -> &'a str) -> bool {
        self.matches_all
            || self.literal.iter().any(|literal| literal == event_type())
            || (!self.set.is_empty() && self.set.is_match(event_type()))
    }
}
