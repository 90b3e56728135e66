//! Who may import whom, and where certain crates and calls may be named.

use std::collections::{BTreeMap, BTreeSet};

use super::{Complaint, Source};

const BEGIN: &str = "<!-- imports -->";
const END: &str = "<!-- /imports -->";

/// The import table of the architecture.
pub struct Table {
    rows: BTreeMap<String, Allowed>,
}

enum Allowed {
    Everything,
    /// Modules, or `stage::settings` for one module of a stage.
    Only(BTreeSet<String>),
}

impl Table {
    /// Reads the markdown table between the two markers: a module in the first column, in the
    /// second what it may import, apart by commas, or `everything`.
    pub fn read(markdown: &str) -> Result<Table, String> {
        let (_, behind) = markdown.split_once(BEGIN).ok_or(format!("no {BEGIN}"))?;
        let (table, _) = behind.split_once(END).ok_or(format!("no {END}"))?;
        let mut rows = BTreeMap::new();
        for line in table.lines().filter(|line| line.starts_with('|')).skip(2) {
            let columns: Vec<_> = line.trim_matches('|').split('|').collect();
            let [module, allowed] = columns.as_slice() else {
                return Err(format!("two columns expected: {line}"));
            };
            let names = allowed.split(',').map(str::trim).filter(|name| !name.is_empty());
            let allowed = match allowed.trim() {
                "everything" => Allowed::Everything,
                _ => Allowed::Only(names.map(str::to_owned).collect()),
            };
            rows.insert(module.trim().to_owned(), allowed);
        }
        Ok(Table { rows })
    }

    /// Modules of the library that the table does not speak of.
    pub fn missing_rows(&self, project: &[Source]) -> Vec<Complaint> {
        let has_no_row = |source: &&Source| {
            module_of(&source.path).is_some_and(|module| !self.rows.contains_key(module))
        };
        let rule = "its module has no row in the import table of src/ARCHITECTURE.md: add one";
        project.iter().filter(has_no_row).map(|source| source.complain(1, rule)).collect()
    }

    /// Imports that the table does not allow.
    pub fn check(&self, source: &Source) -> Vec<Complaint> {
        let Some(module) = module_of(&source.path) else { return Vec::new() };
        let Some(Allowed::Only(allowed)) = self.rows.get(module) else { return Vec::new() };
        let mut complaints = Vec::new();
        for (line, path) in imports(source) {
            let (target, inside) = path.split_once("::").unwrap_or((&path, ""));
            // Only names of the table are modules; the rest are macros and the like.
            if target == module || !self.rows.contains_key(target) {
                continue;
            }
            let inside = inside.split("::").next().unwrap_or_default();
            if allowed.contains(target) {
                continue;
            }
            // `use crate::map;` is judged by what the file then names: `map::settings`, say.
            let named = if inside.is_empty() { inner(source, target) } else { vec![inside] };
            let is_allowed = |name: &&str| allowed.contains(&format!("{target}::{name}"));
            if !named.is_empty() && named.iter().all(is_allowed) {
                continue;
            }
            complaints.push(source.complain(
                line,
                format!(
                    "{module} imports {path}, which the import table of src/ARCHITECTURE.md does \
                     not allow. Move the noun to model, or let deliver (or service) pass the value"
                ),
            ));
        }
        complaints
    }
}

/// The top module a file belongs to; `main` for the binary.
fn module_of(path: &str) -> Option<&str> {
    let below = path.strip_prefix("src/")?.strip_suffix(".rs")?;
    match below.split_once('/') {
        Some((module, _)) => Some(module),
        None => (below != "lib").then_some(below),
    }
}

/// The `b` of every `module::b` in a file.
fn inner<'s>(source: &'s Source, module: &str) -> Vec<&'s str> {
    let start = format!("{module}::");
    let code = &source.code;
    let whole = code.match_indices(&start).filter(|(at, _)| {
        !code[..*at].ends_with(|letter: char| letter.is_alphanumeric() || letter == '_')
    });
    let behind = whole.map(|(at, _)| {
        let behind = &code[at + start.len()..];
        let end = behind.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
        &behind[..end.unwrap_or(behind.len())]
    });
    behind.collect()
}

/// Paths from the root of the library that a file names, with their line.
fn imports(source: &Source) -> Vec<(usize, String)> {
    // In the binary, the library is called by its name.
    let root = if source.path == "src/main.rs" { "spoolgate::" } else { "crate::" };
    let code = &source.code;
    let mut found = Vec::new();
    let mut add = |at: usize| {
        let line = 1 + code[..at].matches('\n').count();
        for path in paths(&code[at..]) {
            found.push((line, path));
        }
    };
    for (at, _) in code.match_indices(root) {
        if !code[..at].ends_with(|letter: char| letter.is_alphanumeric() || letter == '_') {
            add(at + root.len());
        }
    }
    // So many `super` lead from this file to the root.
    let below = source.path.trim_start_matches("src/").trim_end_matches(".rs");
    let depth = below.trim_end_matches("/mod").split('/').count();
    let up = "super::".repeat(depth);
    for (at, _) in code.match_indices(&up) {
        if !code[..at].ends_with("::") {
            let behind = at + up.len();
            add(behind
                + (code[behind..].len() - code[behind..].trim_start_matches("super::").len()));
        }
    }
    found
}

/// The first two steps of every path that begins at `text`: `a::b` of `a::b::C`, and of
/// `{a::{b, c::D}, e}` the three `a::b`, `a::c` and `e`.
fn paths(text: &str) -> Vec<String> {
    let end = text.find(|letter: char| !is_path_letter(letter)).unwrap_or(text.len());
    let (prefix, behind) = text.split_at(end);
    let whole: Vec<_> = match behind.strip_prefix('{') {
        Some(group) if prefix.is_empty() || prefix.ends_with("::") => items(group)
            .iter()
            .flat_map(|item| paths(item))
            .map(|path| format!("{prefix}{path}"))
            .collect(),
        _ => vec![prefix.trim_end_matches(':').to_owned()],
    };
    let two_steps = |path: &String| path.splitn(3, "::").take(2).collect::<Vec<_>>().join("::");
    whole.iter().map(two_steps).collect()
}

/// What stands between the commas of a group, up to its closing brace; without white space.
fn items(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut items = vec![String::new()];
    for letter in group.chars().filter(|letter| !letter.is_whitespace()) {
        match letter {
            '}' if depth == 0 => break,
            ',' if depth == 0 => {
                items.push(String::new());
                continue;
            }
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        items.last_mut().unwrap().push(letter);
    }
    items.retain(|item| !item.is_empty());
    items
}

fn is_path_letter(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_' || letter == ':'
}

/// What may be named only in certain files below `src/`, and what to do instead.
const CONFINED: [(&[&str], &[&str], &str); 10] = [
    (&["sled::"], &["checkpoint/store.rs"], "the store behind it can be replaced: use checkpoint"),
    (
        &["rustls::", "tokio_rustls::"],
        &["transport/", "cli/receive/", "cli/demo"],
        "TLS is the transport's: ask it",
    ),
    (&["toml::"], &["config/", "map/"], "settings come parsed"),
    (
        &["libc::"],
        &["transport/kernel.rs", "service/sandbox/system_calls.rs"],
        "use nix, or add a safe function there",
    ),
    (
        &["landlock::", "seccompiler::", "caps::"],
        &["service/sandbox"],
        "the sandbox is entered once",
    ),
    (
        &["hyper::", "http_body_util::"],
        &["deliver/http/client.rs"],
        "the client speaks HTTP: hand it a request",
    ),
    (&["clap::"], &["cli/", "main.rs"], "arguments are read in cli/"),
    (&["process::exit"], &["main.rs", "cli/"], "return an error: main names the exit code"),
    (
        &["println!", "print!", "eprintln!", "eprint!"],
        &["main.rs", "cli/"],
        "only commands print: use tracing",
    ),
    (&["unsafe"], &["transport/kernel.rs"], "use a crate with a safe interface"),
];

/// The stages that take values and return values, and the clocks that they do not read.
const PURE: [&str; 4] = ["decode/", "map/", "encode/", "model/"];
const CLOCKS: [&str; 5] =
    ["Instant::now", "SystemTime::now", "Timestamp::now", "Zoned::now", "OffsetDateTime::now"];

/// Crates and calls outside their place. Tests may do as they need.
pub fn confined(source: &Source) -> Vec<Complaint> {
    let Some(below) = source.path.strip_prefix("src/") else { return Vec::new() };
    let is_in = |places: &[&str]| places.iter().any(|place| below.starts_with(place));
    let mut complaints = Vec::new();
    for (line, code) in source.shipped_lines() {
        for (names, places, instead) in CONFINED {
            let named = names.iter().find(|name| names_word(code, name));
            if let Some(name) = named.filter(|_| !is_in(places)) {
                let places = places.join(", ");
                let rule = format!("`{name}` is only for {places}: {instead}");
                complaints.push(source.complain(line, rule));
            }
        }
        let clock = CLOCKS.iter().find(|clock| code.contains(*clock));
        if let Some(clock) = clock.filter(|_| is_in(&PURE)) {
            let rule = format!("`{clock}` in a pure stage: take the time as an argument");
            complaints.push(source.complain(line, rule));
        }
    }
    complaints
}

/// Whether `code` holds `name` as whole words; `sled::` is also found in `use sled;`.
fn names_word(code: &str, name: &str) -> bool {
    let is_letter = |letter: char| letter.is_alphanumeric() || letter == '_';
    let imported = name.strip_suffix("::").map(|root| format!("use {root};"));
    let whole = |(at, _): (usize, &str)| {
        let behind = &code[at + name.len()..];
        let ends = name.ends_with([':', '!']) || !behind.starts_with(is_letter);
        !code[..at].ends_with(is_letter) && ends
    };
    code.match_indices(name).any(whole) || imported.is_some_and(|line| code.contains(&line))
}
