//! Schemas: TOML files that say how events of one product become CEF.
//!
//! In: the text of a file. Out: a checked [`Schema`] with a fixed plan, or a [`SchemaError`] that
//! names file, line, column, what is wrong and what to do. The format is described at the beginning
//! of `config/schemas/generic.toml`.
//!
//! Diagnostics: errors at start only.

mod compile;
mod error;
mod example;
mod load;
mod reader;
mod source;

pub use error::{Fault, Place, SchemaError};
pub use example::ExampleResult;
pub use load::load;

use crate::model::format::Format;

use super::path::Path;
use super::plan::{Plan, Test};
use crate::model::texts::Texts;

use example::Example;

/// The built-in schemas in the order of detection: from the most particular to any JSON.
pub const BUILT_IN: [(&str, &str); 9] = [
    ("arbitex", include_str!("../../../config/schemas/arbitex.toml")),
    ("mitrity", include_str!("../../../config/schemas/mitrity.toml")),
    ("aisg", include_str!("../../../config/schemas/aisg.toml")),
    ("resk", include_str!("../../../config/schemas/resk.toml")),
    ("aegis", include_str!("../../../config/schemas/aegis.toml")),
    ("ocsf", include_str!("../../../config/schemas/ocsf.toml")),
    ("syslog", include_str!("../../../config/schemas/syslog.toml")),
    ("cef", include_str!("../../../config/schemas/cef.toml")),
    ("generic", include_str!("../../../config/schemas/generic.toml")),
];

/// One compiled schema.
#[derive(Clone, Debug)]
pub struct Schema {
    pub(super) name: String,
    title: String,
    file: String,
    text: String,
    pub(super) format: Format,
    /// All must hold, in this order.
    pub(super) detect: Vec<Test>,
    /// Every path of the plans; they name them by their place here.
    pub(super) paths: Vec<Path>,
    /// The texts that its plans name.
    pub(super) texts: Texts,
    /// The variants in their order; the last is for everything else.
    pub(super) plans: Vec<Plan>,
    examples: Vec<Example>,
}

impl Schema {
    /// Reads a schema. `file` is its name in error texts.
    pub fn parse(file: &str, text: &str) -> Result<Schema, SchemaError> {
        compile::schema(file, text)
    }

    /// The built-in schemas in the order of detection.
    pub fn built_in() -> Result<Vec<Schema>, SchemaError> {
        let parse = |(name, text): &(&str, &str)| Schema::parse(&format!("{name}.toml"), text);
        BUILT_IN.iter().map(parse).collect()
    }

    /// Its name, as configurations say it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it maps, in a few words.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The file it was read from; for a built-in one the name of that file in the source tree.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The file's text, comments and all.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The form its events have in the spool.
    pub fn format(&self) -> Format {
        self.format
    }
}

/// Two schemas are the same when their files are.
impl PartialEq for Schema {
    fn eq(&self, other: &Schema) -> bool {
        self.file == other.file && self.text == other.text
    }
}
