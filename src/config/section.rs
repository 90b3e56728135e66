//! One table of the TOML tree, read key by key into final types.
//!
//! In: a table with the span of every key and value. Out: values with their places; faults go to
//! `Findings`, so that one wrong value hides no other. A section remembers the keys it was asked
//! for: the code that reads a key is the list of valid keys.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use toml::de::{DeTable, DeValue};

use super::fault::{Fault, Hint};
use super::findings::{At, Findings, Given, nearest};
use super::typed::FilePlace;
use super::value;
#[cfg(feature = "http")]
use crate::http::settings::SecretSource;

/// An open table.
pub(super) struct Section<'t> {
    findings: &'t Findings<'t>,
    /// Its dotted name, `destination.tls`; empty for the top of the file.
    name: &'static str,
    /// How messages call it; empty for the top of the file.
    title: String,
    at: At,
    /// `None` when the section is not in the file.
    table: Option<&'t DeTable<'t>>,
    asked: Vec<&'static str>,
}

impl<'t> Section<'t> {
    /// The top of the file.
    pub(super) fn top(findings: &'t Findings<'t>, table: &'t DeTable<'t>) -> Section<'t> {
        let (title, at, asked) = (String::new(), At::Whole, Vec::new());
        Section { findings, name: "", title, at, table: Some(table), asked }
    }

    /// How messages call it.
    pub(super) fn title(&self) -> &str {
        &self.title
    }

    /// Where it begins, if it is in the file.
    pub(super) fn at(&self) -> Option<At> {
        self.table.is_some().then_some(self.at)
    }

    /// Names it by what it configures, once that is known.
    pub(super) fn retitle(&mut self, title: String) {
        self.title = title;
    }

    /// The sub-section `key`, empty where it is absent. `name` is its whole dotted name.
    pub(super) fn section(&mut self, key: &'static str, name: &'static str) -> Section<'t> {
        let mut table = None;
        let mut at = self.at;
        if let Some((value_at, value)) = self.take(key) {
            at = value_at;
            table = value.as_table();
            if table.is_none() {
                self.wrong_type::<()>(key, value_at, "a section", value, format!("write [{name}]"));
            }
        }
        let title = match self.title.as_str() {
            "" => format!("[{name}]"),
            outer => format!("{outer}, {key}"),
        };
        Section { findings: self.findings, name, title, at, table, asked: Vec::new() }
    }

    /// The repeated sub-sections `key`, at least one.
    pub(super) fn sections(&mut self, key: &'static str) -> Vec<Section<'t>> {
        let Some((at, value)) = self.take(key) else {
            self.refuse::<()>(At::Whole, Fault::NoSection(key));
            return Vec::new();
        };
        let example = format!("write [[{key}]]");
        let Some(array) = value.as_array() else {
            self.wrong_type::<()>(key, at, "repeated sections", value, example);
            return Vec::new();
        };
        if array.is_empty() {
            self.refuse::<()>(at, Fault::NoSection(key));
        }
        let mut sections = Vec::new();
        for item in array {
            let at = At::Byte(item.span().start);
            let Some(table) = item.get_ref().as_table() else {
                self.wrong_type::<()>(
                    key,
                    at,
                    "repeated sections",
                    item.get_ref(),
                    example.clone(),
                );
                continue;
            };
            let title = format!("[[{key}]]");
            let (findings, table) = (self.findings, Some(table));
            sections.push(Section { findings, name: key, title, at, table, asked: Vec::new() });
        }
        sections
    }

    /// Reports `key` as missing if it is; a wrong value is reported where it is read.
    pub(super) fn require(&self, key: &'static str, example: &'static str) {
        if self.table.is_some() && self.entries().all(|(name, ..)| name != key) {
            self.refuse::<()>(self.at, Fault::Missing { key, example });
        }
    }

    /// A text, not empty.
    fn text(&mut self, key: &'static str, example: &str) -> Option<Given<String>> {
        let (at, text) = self.any_text(key, example)?;
        if text.trim().is_empty() {
            return self.refuse(at, Fault::Empty(key));
        }
        Some(Given { value: text.to_owned(), at })
    }

    /// A text that is read further; `read` answers with the fault.
    pub(super) fn read<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&str) -> Result<T, Fault>,
    ) -> Option<Given<T>> {
        self.read_like(key, "…", read)
    }

    fn read_like<T>(
        &mut self,
        key: &'static str,
        example: &str,
        read: impl FnOnce(&str) -> Result<T, Fault>,
    ) -> Option<Given<T>> {
        let Given { value, at } = self.text(key, example)?;
        match read(&value) {
            Ok(value) => Some(Given { value, at }),
            Err(fault) => self.refuse(at, fault),
        }
    }

    /// One of a few words.
    pub(super) fn word<T: Clone>(
        &mut self,
        key: &'static str,
        words: &[(&'static str, T)],
    ) -> Option<Given<T>> {
        let example = words.first().map(|(word, _)| *word).unwrap_or_default();
        self.read_like(key, example, |text| {
            let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
            found.map(|(_, value)| value.clone()).ok_or_else(|| {
                let all = words.iter().map(|(word, _)| *word);
                let list = all.clone().collect::<Vec<_>>().join(", ");
                let hint = match nearest(text, all) {
                    Some(near) => Hint::NearestWord { nearest: near.to_owned(), all: list },
                    None => Hint::Words(list),
                };
                Fault::Word { key, value: text.to_owned(), hint }
            })
        })
    }

    /// A path; relative ones start at the directory of the configuration file.
    pub(super) fn path(&mut self, key: &'static str) -> Option<Given<PathBuf>> {
        let findings = self.findings;
        self.read(key, |text| {
            if text.trim_start().starts_with("-----BEGIN") {
                return Err(Fault::PastedPem(key));
            }
            Ok(findings.absolute(text))
        })
    }

    /// As [`Section::path`], or `{ credential = "…" }`; telling a wrong one (`None` within) from
    /// one that is not there, so that no second fault follows from the first.
    pub(super) fn file_if_given(&mut self, key: &'static str) -> Option<Given<Option<FilePlace>>> {
        let (at, value) = self.take(key)?;
        if let Some(table) = value.as_table() {
            return Some(Given { value: self.credential(key, at, table), at });
        }
        let path = self.path(key).map(|path| FilePlace::Path(path.value));
        Some(Given { value: path, at })
    }

    /// The one key of `{ credential = "client.key" }`, a file name.
    fn credential(&self, key: &'static str, at: At, table: &DeTable<'_>) -> Option<FilePlace> {
        let mut keys = table.iter();
        match (keys.next(), keys.next()) {
            (Some((name, value)), None) if name.get_ref() == "credential" => {
                let text = value.get_ref().as_str().unwrap_or_default();
                let is_name = !matches!(text, "" | "." | "..") && !text.contains(['/', '\0']);
                is_name.then(|| FilePlace::Credential(text.to_owned()))
            }
            _ => None,
        }
        .or_else(|| self.refuse(at, Fault::Credential(key)))
    }

    /// Where a secret is read from; the secret itself is refused and not repeated.
    #[cfg(feature = "http")]
    pub(super) fn secret(&mut self, key: &'static str) -> Option<Given<SecretSource>> {
        let (at, value) = self.take(key)?;
        let source = value.as_table().and_then(|table| {
            let mut keys = table.iter();
            let (Some((name, value)), None) = (keys.next(), keys.next()) else { return None };
            let text = value.get_ref().as_str().filter(|text| !text.trim().is_empty());
            match name.get_ref().as_ref() {
                "file" => text.map(|text| SecretSource::File(self.findings.absolute(text))),
                "env" => text.map(|text| SecretSource::Environment(text.to_owned())),
                "credential" => text
                    .filter(|text| !matches!(*text, "." | "..") && !text.contains(['/', '\0']))
                    .map(|text| SecretSource::Credential(text.to_owned())),
                "exec" => command(value.get_ref()).map(SecretSource::Command),
                _ => None,
            }
        });
        match source {
            Some(value) => Some(Given { value, at }),
            None => self.refuse(at, Fault::Secret(key)),
        }
    }

    /// Reports keys that have no meaning here although they have elsewhere.
    #[cfg(feature = "http")]
    pub(super) fn forbid(&mut self, keys: &[&'static str], fault: fn(&'static str) -> Fault) {
        for key in keys {
            let found = self.entries().find(|(name, ..)| name == key).map(|(_, at, _)| at);
            if let Some(at) = found {
                self.asked.push(key);
                self.refuse::<()>(at, fault(key));
            }
        }
    }

    /// Reports something that concerns more than one key.
    #[cfg(feature = "http")]
    pub(super) fn fault(&self, at: At, fault: Fault) {
        self.refuse::<()>(at, fault);
    }

    /// As [`Section::path`], where an empty text switches something off.
    pub(super) fn path_or_none(&mut self, key: &'static str) -> Option<Given<Option<PathBuf>>> {
        let (at, text) = self.any_text(key, "…")?;
        let path = (!text.is_empty()).then(|| self.findings.absolute(text));
        Some(Given { value: path, at })
    }

    /// A duration within `range`.
    pub(super) fn duration(
        &mut self,
        key: &'static str,
        range: RangeInclusive<Duration>,
    ) -> Option<Given<Duration>> {
        self.read_like(key, "5s", |text| {
            let no_duration = || Fault::Duration { key, value: text.to_owned() };
            let duration = value::duration(text).ok_or_else(no_duration)?;
            if range.contains(&duration) {
                return Ok(duration);
            }
            let value = value::duration_text(duration);
            let least = value::duration_text(*range.start());
            let most = value::duration_text(*range.end());
            Err(Fault::Range { key, value, least, most })
        })
    }

    /// As [`Section::duration`], where zero switches something off.
    pub(super) fn duration_or_zero(
        &mut self,
        key: &'static str,
        range: RangeInclusive<Duration>,
    ) -> Option<Given<Duration>> {
        let zero = self.entries().any(|(name, _, value)| {
            name == key && value.as_str().and_then(value::duration) == Some(Duration::ZERO)
        });
        let range = if zero { Duration::ZERO..=*range.end() } else { range };
        self.duration(key, range)
    }

    /// A whole number within `range`.
    pub(super) fn number(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u32>,
    ) -> Option<Given<u32>> {
        let (at, value) = self.take(key)?;
        let Some(integer) = value.as_integer() else {
            let example = format!("for example `{key} = {}`", range.start());
            return self.wrong_type(key, at, "a whole number", value, example);
        };
        let number = i64::from_str_radix(integer.as_str(), integer.radix()).ok();
        match number.and_then(|n| u32::try_from(n).ok()).filter(|n| range.contains(n)) {
            Some(value) => Some(Given { value, at }),
            None => {
                let (least, most) = (range.start().to_string(), range.end().to_string());
                let value = integer.to_string();
                self.refuse(at, Fault::Range { key, value, least, most })
            }
        }
    }

    /// `true` or `false`.
    pub(super) fn flag(&mut self, key: &'static str) -> Option<Given<bool>> {
        let (at, value) = self.take(key)?;
        match value.as_bool() {
            Some(value) => Some(Given { value, at }),
            None => {
                let example = format!("for example `{key} = true`");
                self.wrong_type(key, at, "true or false", value, example)
            }
        }
    }

    /// A list of texts, none empty; with `single` also one text alone.
    pub(super) fn texts(&mut self, key: &'static str, single: bool) -> Option<Given<Texts>> {
        let (at, value) = self.take(key)?;
        let example = format!("for example `{key} = [\"…\"]`");
        let wanted = if single { "a text or a list of texts" } else { "a list of texts" };
        let items: Vec<(At, &DeValue<'_>)> = match value {
            DeValue::String(_) if single => vec![(at, value)],
            DeValue::Array(array) => {
                array.iter().map(|item| (At::Byte(item.span().start), item.get_ref())).collect()
            }
            _ => return self.wrong_type(key, at, wanted, value, example),
        };
        let mut texts = Texts { items: Vec::new(), whole: true };
        for (at, item) in items {
            match item.as_str() {
                Some(text) if !text.trim().is_empty() => {
                    texts.items.push(Given { value: text.to_owned(), at });
                    continue;
                }
                Some(_) => self.refuse::<()>(at, Fault::Empty(key)),
                None => self.wrong_type(key, at, wanted, item, example.clone()),
            };
            texts.whole = false;
        }
        Some(Given { value: texts, at })
    }

    /// All keys of a section whose keys are the writer's own, with their values as text. Nested
    /// tables come from dots in unquoted keys and are joined again.
    pub(super) fn free(self) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        if let Some(table) = self.table {
            self.free_into("", table, &mut pairs);
        }
        pairs
    }

    fn free_into(&self, prefix: &str, table: &DeTable<'_>, pairs: &mut Vec<(String, String)>) {
        for (key, value) in table {
            let path = format!("{prefix}{}", key.get_ref());
            let text = match value.get_ref() {
                DeValue::String(text) => text.to_string(),
                DeValue::Integer(integer) => integer.to_string(),
                DeValue::Boolean(flag) => flag.to_string(),
                DeValue::Table(inner) => {
                    self.free_into(&format!("{path}."), inner, pairs);
                    continue;
                }
                other => {
                    let at = At::Byte(value.span().start);
                    let example = format!("for example `\"{path}\" = \"…\"`");
                    self.wrong_type::<()>(&path, at, "a text", other, example);
                    continue;
                }
            };
            pairs.push((path, text));
        }
    }

    /// Reports the keys nobody asked for.
    pub(super) fn finish(self) {
        self.refuse_secrets();
        for (key, at, _) in self.entries() {
            if !self.asked.contains(&key) && !self.is_plain_secret(key) {
                self.findings.unknown(at, &self.title, key, &self.asked);
            }
        }
    }

    /// Reports secrets in plain text alone, where the other keys cannot be judged.
    pub(super) fn refuse_secrets(&self) {
        for (key, at, _) in self.entries() {
            if !self.asked.contains(&key) && self.is_plain_secret(key) {
                self.refuse::<()>(at, Fault::PlainSecret(key.to_owned()));
            }
        }
    }

    fn is_plain_secret(&self, key: &str) -> bool {
        const SECRETS: [&str; 6] =
            ["token", "secret", "password", "passphrase", "api_key", "apikey"];
        let lower = key.to_ascii_lowercase().replace('-', "_");
        let is_text = self.entries().any(|(k, _, value)| k == key && value.is_str());
        is_text && SECRETS.iter().any(|secret| lower.contains(secret))
    }

    fn entries(&self) -> impl Iterator<Item = (&'t str, At, &'t DeValue<'t>)> {
        self.table.into_iter().flatten().map(|(key, value)| {
            (key.get_ref().as_ref(), At::Byte(key.span().start), value.get_ref())
        })
    }

    /// The value of `key` and where it stands.
    fn take(&mut self, key: &'static str) -> Option<(At, &'t DeValue<'t>)> {
        self.asked.push(key);
        self.findings.know(self.name, key);
        let table = self.table?;
        let (_, value) = table.iter().find(|(name, _)| name.get_ref() == key)?;
        Some((At::Byte(value.span().start), value.get_ref()))
    }

    fn any_text(&mut self, key: &'static str, example: &str) -> Option<(At, &'t str)> {
        let (at, value) = self.take(key)?;
        match value.as_str() {
            Some(text) => Some((at, text)),
            None => {
                let example = format!("for example `{key} = \"{example}\"`");
                self.wrong_type(key, at, "a text", value, example)
            }
        }
    }

    fn wrong_type<T>(
        &self,
        key: &str,
        at: At,
        wanted: &'static str,
        value: &DeValue<'_>,
        example: String,
    ) -> Option<T> {
        let found = match value {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a section",
        };
        self.refuse(at, Fault::Type { key: key.to_owned(), wanted, found, example })
    }

    fn refuse<T>(&self, at: At, fault: Fault) -> Option<T> {
        self.findings.problem(at, &self.title, fault);
        None
    }
}

/// A program by its whole path, then its arguments.
#[cfg(feature = "http")]
fn command(value: &DeValue<'_>) -> Option<Vec<String>> {
    let items = value.as_array()?.iter().map(|item| item.get_ref().as_str().map(str::to_owned));
    let command: Vec<String> = items.collect::<Option<_>>()?;
    command.first().is_some_and(|program| program.starts_with('/')).then_some(command)
}

/// A list with the places of its items.
pub(super) struct Texts {
    pub(super) items: Vec<Given<String>>,
    /// False when an item was wrong and is missing here.
    pub(super) whole: bool,
}
