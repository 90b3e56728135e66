//! A compiled schema: what is looked at and what is written, in which order.
//!
//! Plain data, made by `schema/` and carried out by `emit.rs`. Paths are named by their place in
//! the schema's list, so that all lookups of an event happen in one walk (`trie.rs`).

use crate::model::fields::{Severity, Slot};
use crate::model::head::Head;
use crate::model::texts::TextId;

use super::lookup::Lookup;
use super::time::TimeKind;

/// A path by its place in the schema's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PathId(pub(super) u16);

/// The most paths of one schema.
pub(super) const PATHS_MAX: usize = u16::MAX as usize;

/// How one kind of event becomes fields.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// All must hold; the last plan of a schema has none.
    pub(super) when: Vec<Test>,
    /// The first that is there names the event.
    pub(super) id: Vec<PathId>,
    /// The first that can be read is the event's time.
    pub(super) time: Vec<(PathId, TimeKind)>,
    /// What filters look at; the event class id where it is absent.
    pub(super) event_type: Option<Source>,
    /// The text parts of the CEF header.
    pub(super) header: [Source; HEADER.len()],
    /// CEF severity.
    pub(super) severity: SeverityPlan,
    /// The extension, in its order.
    pub(super) rows: Vec<Row>,
}

/// The text parts of the CEF header by their names in schema files.
pub(super) const HEADER: [(&str, Slot); 5] = [
    ("vendor", Slot::DeviceVendor),
    ("product", Slot::DeviceProduct),
    ("version", Slot::DeviceVersion),
    ("event_class_id", Slot::EventClassId),
    ("name", Slot::Name),
];

/// One thing that must hold.
#[derive(Clone, Debug)]
pub(super) enum Test {
    /// There is a value other than `null`, or there is none.
    Exists(PathId, bool),
    /// The scalar is spelled as one of these.
    OneOf(PathId, Lookup),
    /// The scalar begins so.
    Prefix(PathId, String),
    /// At least one holds.
    Any(Vec<Test>),
}

/// Where a value comes from.
#[derive(Clone, Debug, Default)]
pub(super) struct Source {
    /// The first that is there counts.
    pub(super) choices: Vec<Choice>,
    /// When none is.
    pub(super) default: Option<TextId>,
}

/// One way to a value.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    /// Where it begins.
    pub(super) from: From,
    /// Which values count.
    pub(super) only: Option<Only>,
    /// What they are turned into.
    pub(super) turn: Turn,
}

impl Choice {
    /// Any value counts, and is taken as it is.
    pub(super) fn is_as_it_stands(&self) -> bool {
        self.only.is_none() && matches!(self.turn, Turn::Nothing)
    }
}

/// Where a choice begins.
#[derive(Clone, Debug)]
pub(super) enum From {
    /// Always the same.
    Text(TextId),
    /// The first path with a value that counts.
    Paths(Vec<PathId>),
    /// Absent when one of its paths is.
    Template(Vec<Piece>),
    /// Not a value of the event, but of its mapping.
    BuiltIn(BuiltIn),
}

/// A part of a template.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    /// As it stands.
    Text(String),
    /// The value there.
    Path(PathId),
}

/// Values that the mapper makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BuiltIn {
    /// The event's time in milliseconds since the epoch.
    Time,
    /// The event's own or derived id as `externalId` carries it.
    Id,
    /// The whole guarded event as compact JSON.
    Event,
}

impl BuiltIn {
    pub(super) const WORDS: [&'static str; 3] = ["time", "id", "event"];
    pub(super) const ALL: [BuiltIn; 3] = [BuiltIn::Time, BuiltIn::Id, BuiltIn::Event];
}

/// A condition on a value's form: CEF keys have types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Only {
    /// `src` and its like take IPv4 addresses.
    Ipv4,
    /// `c6a2` and its like take IPv6 addresses.
    Ipv6,
    /// `cn1` and ports take whole numbers.
    Integer,
    /// Text, number or truth value that is no address: for host names.
    Name,
    /// Text, number or truth value: no list and no object.
    Scalar,
}

impl Only {
    pub(super) const WORDS: [&'static str; 5] = ["ipv4", "ipv6", "integer", "name", "scalar"];
    pub(super) const ALL: [Only; 5] =
        [Only::Ipv4, Only::Ipv6, Only::Integer, Only::Name, Only::Scalar];
}

/// What a value is turned into.
#[derive(Clone, Debug)]
pub(super) enum Turn {
    /// As spelled; lists joined by commas, objects as JSON.
    Nothing,
    /// A time to milliseconds since the epoch.
    EpochMillis,
    /// JSON, lists too.
    Json,
    /// By a table.
    Map(ValueMap),
}

/// A table from values to values; the case of ASCII letters and surrounding space do not matter.
#[derive(Clone, Debug)]
pub(super) struct ValueMap {
    /// What stands in the event.
    pub(super) keys: Lookup,
    /// What is written instead, by the place of the key.
    pub(super) values: Vec<TextId>,
    /// A value that is not listed stays as it is; else it counts as absent.
    pub(super) unlisted_stay: bool,
}

/// How the severity is found.
#[derive(Clone, Debug)]
pub(super) struct SeverityPlan {
    /// The first whose value is there and listed counts.
    pub(super) choices: Vec<SeverityChoice>,
    /// When none is.
    pub(super) default: Severity,
}

/// One source of the severity.
#[derive(Clone, Debug)]
pub(super) struct SeverityChoice {
    /// The first that is there.
    pub(super) paths: Vec<PathId>,
    /// How it is read.
    pub(super) scale: Scale,
}

/// How a severity is read.
#[derive(Clone, Debug)]
pub(super) enum Scale {
    /// Already a CEF severity: a number from 0 to 10.
    Cef,
    /// By a table.
    Map(Lookup, Vec<Severity>),
}

/// One row of the extension.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// All must hold, or the row is left out.
    pub(super) when: Vec<Test>,
    /// What it writes.
    pub(super) write: Write,
}

/// What a row writes.
#[derive(Clone, Debug)]
pub(super) enum Write {
    /// A pair, and its label before it.
    Pair {
        /// The extension key, and its label.
        head: Head,
        /// The value.
        source: Source,
        /// An absent value is written as `key=`; else pair and label are left out.
        keep_empty: bool,
    },
    /// All members of an object as pairs.
    Copy {
        /// The object.
        path: PathId,
        /// Members that are left out.
        except: Lookup,
    },
}
