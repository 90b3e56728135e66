//! Sources and tests of a schema file: the small tables that stand inside its parts.

use crate::map::lookup::{KEYS_MAX, Lookup};
use crate::map::path::Path;
use crate::map::plan::{
    BuiltIn, Choice, From, Only, PATHS_MAX, PathId, Piece, Source, Test, Turn, ValueMap,
};

use crate::model::cef::DictionaryKey;
use crate::model::head::HeadKey;
use crate::model::texts::TextId;

use super::error::{Fault, SchemaError};
use super::reader::{Document, Item, Table, free_pairs};

/// The paths and the texts of a schema while it is compiled; equal ones share one place.
#[derive(Debug, Default)]
pub(super) struct Paths {
    pub(super) paths: Vec<Path>,
    pub(super) texts: Vec<String>,
}

/// Keys of a source that leads to one value.
pub(super) const CHOICE_KEYS: [&str; 8] =
    ["path", "text", "template", "built_in", "map", "unlisted", "only", "convert"];

/// What only a whole source has.
pub(super) const SOURCE_KEYS: [&str; 2] = ["first_of", "default"];

const PATH_EXAMPLE: &str = "a path such as \"actor.user.uid\"";
const TESTS_EXAMPLE: &str = "a list of tests such as [{ path = \"class_uid\", exists = true }]";
const MAP_EXAMPLE: &str = "a table such as { inbound = \"0\", outbound = \"1\" }";

impl Paths {
    /// A path.
    pub(super) fn path(
        &mut self,
        document: &Document<'_>,
        key: &str,
        item: &Item<'_>,
    ) -> Result<PathId, SchemaError> {
        let text = document.text(key, item, PATH_EXAMPLE)?;
        let path = Path::parse(text).map_err(|reason| {
            document.fault(item.span(), Fault::Path { path: text.to_owned(), reason })
        })?;
        self.place(path).ok_or_else(|| {
            document.fault(item.span(), Fault::TooMany { what: "paths", most: PATHS_MAX })
        })
    }

    /// A path or a list of them, none of it empty.
    pub(super) fn paths(
        &mut self,
        document: &Document<'_>,
        key: &'static str,
        item: &Item<'_>,
    ) -> Result<Vec<PathId>, SchemaError> {
        let items = document.one_or_more(item);
        if items.is_empty() {
            let remedy = "name at least one path, or remove the key";
            return Err(document.fault(item.span(), Fault::Empty { key, remedy }));
        }
        items.into_iter().map(|item| self.path(document, key, item)).collect()
    }

    fn place(&mut self, path: Path) -> Option<PathId> {
        let known = self.paths.iter().position(|known| *known == path);
        let place = known.unwrap_or(self.paths.len());
        if known.is_none() {
            self.paths.push(path);
        }
        (place < PATHS_MAX).then_some(PathId(place as u16))
    }

    /// A text that the schema names.
    pub(super) fn text(&mut self, text: String) -> TextId {
        let known = self.texts.iter().position(|known| *known == text);
        let place = known.unwrap_or(self.texts.len());
        if known.is_none() {
            self.texts.push(text);
        }
        TextId::at(place)
    }

    /// The key of a pair.
    pub(super) fn head_key(&mut self, key: &str) -> HeadKey {
        match DictionaryKey::find(key) {
            Some(known) => HeadKey::Dictionary(known),
            None => HeadKey::Fixed(self.text(key.to_owned())),
        }
    }

    /// How a key is spelled that [`Paths::head_key`] made.
    pub(super) fn spelled(&self, key: HeadKey) -> String {
        match key {
            HeadKey::Dictionary(key) => key.text().to_owned(),
            HeadKey::Fixed(text) => self.texts.get(text.place()).cloned().unwrap_or_default(),
            HeadKey::Listed(_) => String::new(),
        }
    }

    /// True for a text of nothing but spaces.
    pub(super) fn is_blank(&self, text: TextId) -> bool {
        self.texts.get(text.place()).is_none_or(|text| text.trim().is_empty())
    }

    /// A source: a text stands for itself, a table says where to look.
    pub(super) fn source(
        &mut self,
        document: &Document<'_>,
        what: &'static str,
        item: &Item<'_>,
    ) -> Result<Source, SchemaError> {
        if let Some(text) = item.get_ref().as_str() {
            let from = From::Text(self.text(text.to_owned()));
            let choices = vec![Choice { from, only: None, turn: Turn::Nothing }];
            return Ok(Source { choices, default: None });
        }
        let known: Vec<&str> = CHOICE_KEYS.into_iter().chain(SOURCE_KEYS).collect();
        self.source_in(&Table::of(document, what, item, &known)?)
    }

    /// The source whose keys stand in that table.
    pub(super) fn source_in(&mut self, table: &Table<'_, '_>) -> Result<Source, SchemaError> {
        let document = table.document;
        let default = match table.item("default") {
            Some(item) => {
                Some(self.text(document.scalar("default", item, "default = \"none\"")?))
            }
            None => None,
        };
        let Some(first_of) = table.item("first_of") else {
            return Ok(Source { choices: vec![self.choice(table)?], default });
        };
        if CHOICE_KEYS.iter().any(|key| table.item(key).is_some()) {
            return Err(table.fault(Fault::Source { what: table.what }));
        }
        let example = "a list of sources such as [{ path = \"a\" }, { text = \"b\" }]";
        let choices = document.list("first_of", first_of, example)?.iter().map(|item| {
            self.choice(&Table::of(document, "an entry of `first_of`", item, &CHOICE_KEYS)?)
        });
        Ok(Source { choices: choices.collect::<Result<_, _>>()?, default })
    }

    fn choice(&mut self, table: &Table<'_, '_>) -> Result<Choice, SchemaError> {
        let document = table.document;
        let item = |key| table.item(key);
        let from = match (item("path"), item("text"), item("template"), item("built_in")) {
            (Some(path), None, None, None) => From::Paths(self.paths(document, "path", path)?),
            (None, Some(text), None, None) => {
                From::Text(self.text(document.scalar("text", text, "text = \"allow\"")?))
            }
            (None, None, Some(template), None) => self.template(document, template)?,
            (None, None, None, Some(word)) => {
                let example = "\"time\", \"id\" or \"event\"";
                let place = document.word("built_in", word, &BuiltIn::WORDS, example)?;
                From::BuiltIn(BuiltIn::ALL.get(place).copied().unwrap_or(BuiltIn::Id))
            }
            _ => return Err(table.fault(Fault::Source { what: table.what })),
        };
        if !matches!(from, From::Paths(_)) {
            for key in ["map", "only", "convert"] {
                if let Some(item) = table.item(key) {
                    let beside = "text`, `template` or `built_in";
                    return Err(document.fault(item.span(), Fault::Beside { key, beside }));
                }
            }
        }
        let only = match table.item("only") {
            Some(item) => {
                let place = document.word("only", item, &Only::WORDS, "only = \"ipv4\"")?;
                Only::ALL.get(place).copied()
            }
            None => None,
        };
        Ok(Choice { from, only, turn: self.turn(table)? })
    }

    fn template(&mut self, document: &Document<'_>, item: &Item<'_>) -> Result<From, SchemaError> {
        let template = document.text("template", item, "a text with paths in braces")?;
        let refuse = |reason: String| {
            document.fault(item.span(), Fault::Template { template: template.to_owned(), reason })
        };
        let mut pieces = Vec::new();
        let mut text = String::new();
        let mut rest = template;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, behind) = rest.split_at_checked(at).unwrap_or((rest, ""));
            text.push_str(before);
            if let Some(behind) = behind.strip_prefix("{{") {
                text.push('{');
                rest = behind;
            } else if let Some(behind) = behind.strip_prefix("}}") {
                text.push('}');
                rest = behind;
            } else if let Some((path, behind)) =
                behind.strip_prefix('{').and_then(|behind| behind.split_once('}'))
            {
                let parsed = Path::parse(path).map_err(|reason| {
                    refuse(format!("has `{path}`, which is no path: {reason}"))
                })?;
                let place = self.place(parsed).ok_or_else(|| {
                    document.fault(item.span(), Fault::TooMany { what: "paths", most: PATHS_MAX })
                })?;
                pieces.push(Piece::Text(std::mem::take(&mut text)));
                pieces.push(Piece::Path(place));
                rest = behind;
            } else {
                return Err(refuse("has a brace without its partner".to_owned()));
            }
        }
        text.push_str(rest);
        pieces.push(Piece::Text(text));
        pieces.retain(|piece| !matches!(piece, Piece::Text(text) if text.is_empty()));
        Ok(From::Template(pieces))
    }

    /// The tests of `detect`, `when` or `any`; none when the key is absent.
    pub(super) fn tests(
        &mut self,
        document: &Document<'_>,
        key: &'static str,
        item: Option<&Item<'_>>,
    ) -> Result<Vec<Test>, SchemaError> {
        let Some(item) = item else { return Ok(Vec::new()) };
        let items = document.list(key, item, TESTS_EXAMPLE)?;
        items.iter().map(|item| self.test(document, item)).collect()
    }

    fn test(&mut self, document: &Document<'_>, item: &Item<'_>) -> Result<Test, SchemaError> {
        let known = ["path", "exists", "equals", "one_of", "prefix", "any"];
        let table = Table::of(document, "a test", item, &known)?;
        let checks = ["exists", "equals", "one_of", "prefix", "any"];
        if checks.iter().filter(|key| table.item(key).is_some()).count() != 1 {
            return Err(table.fault(Fault::Test));
        }
        if let Some(any) = table.item("any") {
            if let Some(path) = table.item("path") {
                let fault = Fault::Beside { key: "path", beside: "any" };
                return Err(document.fault(path.span(), fault));
            }
            let tests = self.tests(document, "any", Some(any))?;
            if tests.is_empty() {
                let fault = Fault::Empty { key: "any", remedy: "name at least one test" };
                return Err(document.fault(any.span(), fault));
            }
            return Ok(Test::Any(tests));
        }
        let path = table.required("path", "path = \"event_type\"")?;
        let path = self.path(document, "path", path)?;
        if let Some(exists) = table.item("exists") {
            let wanted = exists.get_ref().as_bool().ok_or_else(|| {
                document.wrong_type("exists", exists, "true or false", "exists = true")
            })?;
            return Ok(Test::Exists(path, wanted));
        }
        if let Some(prefix) = table.item("prefix") {
            let prefix = document.text("prefix", prefix, "prefix = \"dlp.\"")?;
            return Ok(Test::Prefix(path, prefix.to_owned()));
        }
        let (key, item) = match table.item("equals") {
            Some(item) => ("equals", item),
            None => ("one_of", table.required("one_of", "one_of = [\"a\", \"b\"]")?),
        };
        let values = match key {
            "equals" => vec![item],
            _ => document.list(key, item, "a list such as [\"a\", \"b\"]")?.iter().collect(),
        };
        let values = values.into_iter().map(|item| document.scalar(key, item, "equals = 6003"));
        Ok(Test::OneOf(path, Lookup::new(values.collect::<Result<Vec<_>, _>>()?)))
    }

    fn turn(&mut self, table: &Table<'_, '_>) -> Result<Turn, SchemaError> {
        let document = table.document;
        match (table.item("map"), table.item("convert")) {
            (Some(_), Some(convert)) => {
                let fault = Fault::Beside { key: "convert", beside: "map" };
                Err(document.fault(convert.span(), fault))
            }
            (None, None) => match table.item("unlisted") {
                Some(item) => {
                    let fault = Fault::Beside { key: "unlisted", beside: "path` without `map" };
                    Err(document.fault(item.span(), fault))
                }
                None => Ok(Turn::Nothing),
            },
            (None, Some(convert)) => {
                let words = ["epoch_ms", "json"];
                match document.word("convert", convert, &words, "convert = \"epoch_ms\"")? {
                    0 => Ok(Turn::EpochMillis),
                    _ => Ok(Turn::Json),
                }
            }
            (Some(map), None) => {
                let pairs = free_pairs(document, "map", map, MAP_EXAMPLE)?;
                if pairs.len() > KEYS_MAX {
                    let fault = Fault::TooMany { what: "entries in a `map`", most: KEYS_MAX };
                    return Err(document.fault(map.span(), fault));
                }
                let values = pairs
                    .iter()
                    .map(|(key, item)| document.scalar(key, item, "a text or a number"));
                let values = values.map(|value| value.map(|text| self.text(text)));
                let values = values.collect::<Result<_, _>>()?;
                let keys = Lookup::new(pairs.iter().map(|(key, _)| *key));
                let unlisted_stay = match table.item("unlisted") {
                    Some(item) => {
                        let example = "unlisted = \"keep\"";
                        document.word("unlisted", item, &["keep", "omit"], example)? == 0
                    }
                    None => false,
                };
                Ok(Turn::Map(ValueMap { keys, values, unlisted_stay }))
            }
        }
    }
}
