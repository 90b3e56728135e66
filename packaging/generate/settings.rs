//! spoolgate.toml(5) from the commented example, which a test of `config` holds against every key
//! that the code reads.
//!
//! In: the example. Out: roff (man(7)): each key with what it does, what it can be, its default or
//! an example.

use std::fmt::Write as _;

use super::manual::escape;

const EXAMPLE: &str = include_str!("../../config/spoolgate.toml");

/// Longer examples are cut where their key is explained; they stand whole below EXAMPLES.
const VALUE_LETTERS_MAX: usize = 60;

/// What stands between sections and their keys.
#[derive(Debug)]
enum Part<'t> {
    Section(&'t str),
    Heading(&'t str),
    Paragraph(Vec<&'t str>),
    Keys(Entry<'t>),
}

/// Keys that share one explanation; mostly one.
#[derive(Debug)]
struct Entry<'t> {
    /// `key = value`, each with whether it is commented out.
    lines: Vec<(&'t str, bool)>,
    text: Vec<&'t str>,
    /// In a section that is an example as a whole.
    is_example: bool,
}

/// The page.
pub fn page(date: &str) -> String {
    let mut page = format!(
        ".TH spoolgate.toml 5 \"{date}\" spoolgate\n.SH NAME\nspoolgate.toml \\- configuration of \
         spoolgate\n.SH SYNOPSIS\n.I /etc/spoolgate/spoolgate.toml\n.SH DESCRIPTION\n"
    );
    let (introduction, parts) = parts(EXAMPLE);
    lines(&introduction, &mut page);
    page.push_str(".SH KEYS\nKeys before the first section stand at the top of the file.\n");
    for part in &parts {
        match part {
            Part::Section(name) => {
                let _ = writeln!(page, ".SS \"{}\"", escape(name));
            }
            Part::Heading(text) => {
                let _ = writeln!(page, ".PP\n.I {}", escape(text));
            }
            Part::Paragraph(text) => {
                page.push_str(".PP\n");
                lines(text, &mut page);
            }
            Part::Keys(entry) => keys(entry, &mut page),
        }
    }
    page.push_str(".SH EXAMPLES\nThree destinations beside the first one:\n.PP\n.nf\n");
    examples(&mut page);
    page.push_str(
        ".fi\n.SH FILES\n.TP\n.I /etc/spoolgate/spoolgate.toml\nThe same with every key, commented.\n\
         .SH \"SEE ALSO\"\n.BR spoolgate (8)\n",
    );
    page
}

/// The last paragraph of the file's own explanation, and everything behind it.
fn parts(example: &str) -> (Vec<&str>, Vec<Part<'_>>) {
    let mut introduction = Vec::new();
    let mut parts: Vec<Part<'_>> = Vec::new();
    let mut text: Vec<&str> = Vec::new();
    let mut loose: Vec<Vec<&str>> = Vec::new();
    let mut seen: Vec<(&str, &str)> = Vec::new();
    let (mut section, mut is_example) = ("", false);
    let mut follows_key = false;
    let mut heading = None;
    for line in example.lines() {
        let bare = line.strip_prefix('#').unwrap_or(line);
        let was_key = std::mem::take(&mut follows_key);
        if line.is_empty() {
            let paragraph = std::mem::take(&mut text);
            if introduction.is_empty() {
                let last = paragraph.rsplit(|line| line.is_empty()).next();
                introduction = last.unwrap_or_default().to_vec();
            } else if !paragraph.is_empty() {
                loose.push(paragraph);
            }
        } else if let Some(rule) = line.strip_prefix("# ---") {
            heading = Some(rule.trim_matches(['-', ' '])).filter(|heading| !heading.is_empty());
        } else if bare.starts_with('[') {
            // That of an example says only which one it is.
            heading = None;
            is_example = line.starts_with('#');
            section = bare;
            if !is_example {
                parts.push(Part::Section(bare));
                parts.extend(loose.drain(..).map(Part::Paragraph));
                if !text.is_empty() {
                    parts.push(Part::Paragraph(std::mem::take(&mut text)));
                }
            }
            // What stands above an example section is about the keys in it.
        } else if let Some(comment) = line.strip_prefix("# ").or((line == "#").then_some("")) {
            text.push(comment);
        } else if let Some((key, _)) = bare.split_once(" = ") {
            follows_key = true;
            if seen.contains(&(section, key)) {
                text.clear();
                continue;
            }
            seen.push((section, key));
            parts.extend(heading.take().map(Part::Heading));
            parts.extend(loose.drain(..).map(Part::Paragraph));
            let commented = line.starts_with('#');
            let text = std::mem::take(&mut text);
            match parts.last_mut() {
                Some(Part::Keys(entry)) if was_key && text.is_empty() && !entry.text.is_empty() => {
                    entry.lines.push((bare, commented));
                }
                _ => parts.push(Part::Keys(Entry {
                    lines: vec![(bare, commented)],
                    text,
                    is_example,
                })),
            }
        }
    }
    (introduction, in_sections(parts, example))
}

/// Keys that only an example section shows belong to the section of that name.
fn in_sections<'t>(parts: Vec<Part<'t>>, example: &'t str) -> Vec<Part<'t>> {
    let section_of = |entry: &Entry<'_>| -> &'t str {
        let first = entry.lines.first().map_or("", |(line, _)| *line);
        let mut section = "";
        for line in example.lines() {
            let bare = line.strip_prefix('#').unwrap_or(line);
            if bare.starts_with('[') {
                section = bare;
            } else if bare == first {
                break;
            }
        }
        section
    };
    let (later, mut sorted): (Vec<_>, Vec<_>) =
        parts.into_iter().partition(|part| matches!(part, Part::Keys(entry) if entry.is_example));
    for part in later {
        let Part::Keys(entry) = &part else { continue };
        let section = section_of(entry);
        let found =
            sorted.iter().position(|p| matches!(p, Part::Section(name) if *name == section));
        let Some(start) = found else {
            sorted.push(Part::Section(section));
            sorted.push(part);
            continue;
        };
        let rest = sorted.iter().skip(start + 1);
        let length = rest.take_while(|p| !matches!(p, Part::Section(_))).count();
        sorted.insert(start + 1 + length, part);
    }
    sorted
}

fn keys(entry: &Entry<'_>, page: &mut String) {
    for (index, (line, _)) in entry.lines.iter().enumerate() {
        let (key, value) = line.split_once(" = ").unwrap_or((line, ""));
        let request = if index == 0 { ".TP" } else { ".TQ" };
        let value = match value.char_indices().nth(VALUE_LETTERS_MAX) {
            Some((end, _)) => format!("{} ...", value.get(..end).unwrap_or(value)),
            None => value.to_owned(),
        };
        let _ = writeln!(page, "{request}\n\\fB{}\\fR = \\fI{}\\fR", escape(key), escape(&value));
    }
    lines(&entry.text, page);
    let Some((line, commented)) = entry.lines.first() else { return };
    let value = line.split_once(" = ").map_or("", |(_, value)| value);
    let _ = writeln!(page, "{}", escape(&facts(value, *commented, entry)));
}

/// What a value can be, and whether the one that is shown is the default.
fn facts(value: &str, commented: bool, entry: &Entry<'_>) -> String {
    let text = value.trim_matches('"');
    let digits = text.trim_start_matches(|letter: char| letter.is_ascii_digit());
    let is_duration = digits.len() < text.len() && ["ms", "s", "m", "h"].contains(&digits);
    let kind = match value {
        "true" | "false" => "true or false",
        _ if value.starts_with('[') => "List",
        _ if value.starts_with('{') => "Table",
        _ if value.starts_with('"') && is_duration => "Duration",
        _ if value.starts_with('"') => "Text",
        _ => "Whole number",
    };
    // Those that tell of a default themselves are shown at an example.
    let says = entry.text.join(" ");
    let tells =
        ["o default", "Default:", ", the default", "the default:", "by default", "instead of what"];
    let tells = tells.iter().any(|words| says.to_lowercase().contains(&words.to_lowercase()));
    let is_number = !["List", "Table", "Text"].contains(&kind);
    if says.contains("Required") || tells {
        format!("{kind}; what is shown is an example.")
    } else if commented && !entry.is_example {
        format!("{kind}; what is shown is the default.")
    } else if !entry.is_example {
        format!("{kind}; no default, what is shown is an example.")
    } else if is_number {
        // In an example it may be either; the text has the last word.
        format!("{kind}.")
    } else {
        format!("{kind}; what is shown is an example.")
    }
}

/// Text; lines of a table keep their columns.
fn lines(text: &[&str], page: &mut String) {
    let mut is_table = false;
    for line in text {
        if line.contains("   ") != is_table {
            is_table = !is_table;
            page.push_str(if is_table { ".nf\n" } else { ".fi\n" });
        }
        match *line {
            "" => page.push_str(".PP\n"),
            _ => {
                let _ = writeln!(page, "{}", escape(line));
            }
        }
    }
    if is_table {
        page.push_str(".fi\n");
    }
}

/// The sections that are commented out, as they would stand in a file.
fn examples(page: &mut String) {
    let mut is_example = false;
    for line in EXAMPLE.lines() {
        let bare = line.strip_prefix('#').filter(|bare| !bare.starts_with(' '));
        match bare {
            Some(bare) if bare.starts_with('[') => is_example = true,
            None if line.starts_with('[') => is_example = false,
            _ => {}
        }
        if let Some(bare) = bare.filter(|_| is_example) {
            let _ = writeln!(page, "{}", escape(bare));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example as it is with every key taken at its word: (section, key).
    fn every_key() -> Vec<(String, String)> {
        let is_key =
            |rest: &&str| rest.starts_with(|c: char| c.is_ascii_lowercase() || "[\"".contains(c));
        let lines =
            EXAMPLE.lines().map(|line| line.strip_prefix('#').filter(is_key).unwrap_or(line));
        let text: String = lines.map(|line| format!("{line}\n")).collect();
        let mut keys = Vec::new();
        collect("", &toml::Value::Table(text.parse().unwrap()), &mut keys);
        // A table within a line is a value.
        let is_section = |name: &str| name.is_empty() || text.contains(&format!("[{name}]"));
        for (section, key) in &mut keys {
            while !is_section(section) {
                let (above, last) = section.rsplit_once('.').unwrap();
                (*section, *key) = (above.to_owned(), last.to_owned());
            }
        }
        keys.sort();
        keys.dedup();
        keys
    }

    fn collect(section: &str, value: &toml::Value, keys: &mut Vec<(String, String)>) {
        match value {
            toml::Value::Array(items) => items.iter().for_each(|item| collect(section, item, keys)),
            toml::Value::Table(table) => {
                for (key, value) in table {
                    let is_section = value.is_table()
                        || value.as_array().is_some_and(|items| items.iter().any(|i| i.is_table()));
                    let below = format!("{section}.{key}");
                    if is_section {
                        collect(below.trim_start_matches('.'), value, keys);
                    } else {
                        keys.push((section.to_owned(), key.clone()));
                    }
                }
            }
            _ => {}
        }
    }

    /// The keys of the page below each section.
    fn documented(page: &str) -> Vec<(String, String)> {
        let (_, behind) = page.split_once(".SH KEYS").unwrap();
        let (body, _) = behind.split_once(".SH ").unwrap();
        let mut section = String::new();
        let mut keys = Vec::new();
        for line in body.lines() {
            if let Some(name) = line.strip_prefix(".SS ") {
                section = name.trim_matches(['"', '[', ']']).replace("\\-", "-");
            } else if let Some((key, _)) =
                line.strip_prefix("\\fB").and_then(|line| line.split_once("\\fR = "))
            {
                keys.push((section.clone(), key.replace("\\(dq", "").replace("\\-", "-")));
            }
        }
        keys.sort();
        keys
    }

    #[test]
    fn every_key_of_the_code_stands_once_below_its_section() {
        // `config` holds the example against what the code reads.
        let keys = every_key();
        assert!(keys.len() > 50, "{}", keys.len());
        assert_eq!(documented(&page("2026-01-01")), keys);
    }

    #[test]
    fn numbers_have_their_unit_and_no_key_lacks_an_explanation() {
        let (_, parts) = parts(EXAMPLE);
        let units = ["bytes", "events", "requests", "attempts", "CEF:0"];
        for part in &parts {
            let Part::Keys(entry) = part else { continue };
            let (line, _) = entry.lines[0];
            let says = entry.text.join(" ");
            assert!(!says.is_empty(), "no explanation: {line}");
            let value = line.split_once(" = ").unwrap().1;
            // Or the key says it itself.
            let says = format!("{says} {line}");
            if value.parse::<u64>().is_ok() {
                let has_unit =
                    units.iter().any(|unit| says.to_lowercase().contains(&unit.to_lowercase()));
                assert!(has_unit, "no unit: {line}: {says}");
            }
        }
    }

    #[test]
    fn the_page_says_what_is_a_default_and_what_is_not() {
        let page = page("2026-01-01");
        let facts = |key: &str| -> String {
            let head = format!("\n\\fB{key}\\fR = ");
            let (_, behind) = page.split_once(&head).unwrap_or_else(|| panic!("no {key}"));
            let end = behind.find("\n.").unwrap();
            behind[..end].lines().last().unwrap().replace('\\', "")
        };
        for (key, wanted) in [
            ("connect_timeout", "Duration; what is shown is the default."),
            ("max_event_bytes", "Whole number; what is shown is the default."),
            ("hostname", "Text; what is shown is an example."),
            ("structured_data", "true or false; what is shown is the default."),
            ("max_eps", "Whole number; what is shown is an example."),
            ("slow_start", "Duration; what is shown is an example."),
            ("ca_file", "Text; no default, what is shown is an example."),
            ("path", "Text; what is shown is an example."),
            ("event_types", "List; what is shown is the default."),
            ("archive_dir", "Text; what is shown is an example."),
        ] {
            assert_eq!(facts(key), wanted, "{key}");
        }
    }
}
