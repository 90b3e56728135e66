//! TOML values with their places: the only code that knows the `toml` crate's types.
//!
//! In: parsed TOML. Out: texts, numbers, lists and tables, or an error at the value's place.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Fault, Place, SchemaError, nearest};

/// A value and where it stands.
pub(super) type Item<'t> = Spanned<DeValue<'t>>;

/// A file while it is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Document<'t> {
    /// Its name in error texts.
    pub(super) file: &'t str,
    /// Its text.
    pub(super) text: &'t str,
}

impl Document<'_> {
    /// A fault at a byte range.
    pub(super) fn fault(&self, span: Range<usize>, fault: Fault) -> SchemaError {
        SchemaError::Faulty { place: self.place(span.start), fault: Box::new(fault) }
    }

    /// The place of a byte offset.
    pub(super) fn place(&self, offset: usize) -> Place {
        Place::at(self.file, self.text, offset)
    }

    /// The value as text.
    pub(super) fn text<'d>(
        &self,
        key: &str,
        item: &'d Item<'_>,
        example: &'static str,
    ) -> Result<&'d str, SchemaError> {
        item.get_ref().as_str().ok_or_else(|| self.wrong_type(key, item, "a text", example))
    }

    /// The value as a list.
    pub(super) fn list<'d, 't>(
        &self,
        key: &str,
        item: &'d Item<'t>,
        example: &'static str,
    ) -> Result<&'d [Item<'t>], SchemaError> {
        match item.get_ref() {
            DeValue::Array(items) => Ok(items),
            _ => Err(self.wrong_type(key, item, "a list", example)),
        }
    }

    /// The value, or each of a list of them.
    pub(super) fn one_or_more<'d, 't>(&self, item: &'d Item<'t>) -> Vec<&'d Item<'t>> {
        match item.get_ref() {
            DeValue::Array(items) => items.iter().collect(),
            _ => vec![item],
        }
    }

    /// One of `words`; the place in them.
    pub(super) fn word(
        &self,
        key: &'static str,
        item: &Item<'_>,
        words: &[&str],
        example: &'static str,
    ) -> Result<usize, SchemaError> {
        let word = self.text(key, item, example)?;
        words.iter().position(|known| *known == word).ok_or_else(|| {
            let fault = Fault::UnknownWord {
                key,
                word: word.to_owned(),
                nearest: nearest(word, words).map(str::to_owned),
                known: words.iter().map(|word| (*word).to_owned()).collect(),
            };
            self.fault(item.span(), fault)
        })
    }

    /// Text, number or truth value, spelled as events spell it.
    pub(super) fn scalar(
        &self,
        key: &str,
        item: &Item<'_>,
        example: &'static str,
    ) -> Result<String, SchemaError> {
        match item.get_ref() {
            DeValue::String(text) => Ok(text.as_ref().to_owned()),
            DeValue::Integer(number) => Ok(number.as_str().to_owned()),
            DeValue::Float(number) => Ok(number.as_str().to_owned()),
            DeValue::Boolean(truth) => Ok(truth.to_string()),
            _ => Err(self.wrong_type(key, item, "a text, a number or true or false", example)),
        }
    }

    /// CEF severity, 0 to 10.
    pub(super) fn severity(&self, key: &str, item: &Item<'_>) -> Result<u8, SchemaError> {
        let DeValue::Integer(number) = item.get_ref() else {
            return Err(self.wrong_type(key, item, "a number", "a CEF severity from 0 to 10"));
        };
        match number.as_str().parse::<u8>() {
            Ok(severity) if severity <= 10 => Ok(severity),
            _ => {
                let number = number.as_str().to_owned();
                Err(self.fault(item.span(), Fault::Severity { number }))
            }
        }
    }

    /// The value has another type than it should.
    pub(super) fn wrong_type(
        &self,
        key: &str,
        item: &Item<'_>,
        expected: &'static str,
        example: &'static str,
    ) -> SchemaError {
        let found = match item.get_ref() {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) | DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        let (key, found) = (key.to_owned(), found.to_owned());
        self.fault(item.span(), Fault::WrongType { key, expected, found, example })
    }
}

/// A table whose keys are all known.
#[derive(Clone, Debug)]
pub(super) struct Table<'d, 't> {
    /// The file it is in.
    pub(super) document: &'d Document<'d>,
    /// How error texts call it.
    pub(super) what: &'static str,
    /// Where it stands.
    pub(super) span: Range<usize>,
    table: &'d DeTable<'t>,
}

impl<'d, 't> Table<'d, 't> {
    /// The value as a table that has no other keys than those of `known`.
    pub(super) fn of(
        document: &'d Document<'d>,
        what: &'static str,
        item: &'d Item<'t>,
        known: &[&str],
    ) -> Result<Table<'d, 't>, SchemaError> {
        let DeValue::Table(table) = item.get_ref() else {
            return Err(document.wrong_type(what, item, "a table", "{ key = value, … }"));
        };
        Table::from(document, what, item.span(), table, known)
    }

    /// The outermost table.
    pub(super) fn from(
        document: &'d Document<'d>,
        what: &'static str,
        span: Range<usize>,
        table: &'d DeTable<'t>,
        known: &[&str],
    ) -> Result<Table<'d, 't>, SchemaError> {
        // Tables are sorted by key; the first fault in the file is the one to report.
        let strangers = table.keys().filter(|key| !known.contains(&key.get_ref().as_ref()));
        if let Some(stranger) = strangers.min_by_key(|key| key.span().start) {
            let key = stranger.get_ref().as_ref();
            let fault = Fault::UnknownKey {
                what,
                key: key.to_owned(),
                nearest: nearest(key, known).map(str::to_owned),
                known: known.iter().map(|key| (*key).to_owned()).collect(),
            };
            return Err(document.fault(stranger.span(), fault));
        }
        Ok(Table { document, what, span, table })
    }

    /// The value of a key.
    pub(super) fn item(&self, key: &str) -> Option<&'d Item<'t>> {
        self.table.iter().find(|(name, _)| name.get_ref().as_ref() == key).map(|(_, item)| item)
    }

    /// The value of a key that must be there.
    pub(super) fn required(
        &self,
        key: &'static str,
        example: &'static str,
    ) -> Result<&'d Item<'t>, SchemaError> {
        self.item(key).ok_or_else(|| {
            let fault = Fault::MissingKey { what: self.what, key, example };
            self.document.fault(self.span.clone(), fault)
        })
    }

    /// The text of a key that must be there.
    pub(super) fn required_text(
        &self,
        key: &'static str,
        example: &'static str,
    ) -> Result<&'d str, SchemaError> {
        self.document.text(key, self.required(key, example)?, example)
    }

    /// A fault of the table as a whole.
    pub(super) fn fault(&self, fault: Fault) -> SchemaError {
        self.document.fault(self.span.clone(), fault)
    }
}

/// The pairs of a free table in the order of the file.
pub(super) fn free_pairs<'d, 't>(
    document: &Document<'_>,
    key: &str,
    item: &'d Item<'t>,
    example: &'static str,
) -> Result<Vec<(&'d str, &'d Item<'t>)>, SchemaError> {
    let DeValue::Table(table) = item.get_ref() else {
        return Err(document.wrong_type(key, item, "a table", example));
    };
    let mut pairs: Vec<_> = table.iter().collect();
    pairs.sort_by_key(|(key, _)| key.span().start);
    Ok(pairs.into_iter().map(|(key, item)| (key.get_ref().as_ref(), item)).collect())
}
