//! Lengths, letters, words and names.

use super::{Complaint, Source};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
const LINE_LETTERS_MAX: usize = 100;

/// Files, functions and lines that are too long. Text inside a string literal does not count for
/// its line: cutting it would make it harder to search for.
pub fn lengths(source: &Source) -> Vec<Complaint> {
    if !source.path.ends_with(".rs") {
        return Vec::new();
    }
    let mut complaints = Vec::new();
    let count = source.text.lines().count();
    if count > FILE_LINES_MAX {
        let rule = format!(
            "{count} lines; at most {FILE_LINES_MAX}. Split the file along its section headings; \
             tests go to a sibling tests.rs"
        );
        complaints.push(source.complain(count, rule));
    }
    let code_lines = source.code.lines().chain(std::iter::repeat(""));
    for (index, (code, text)) in code_lines.zip(source.text.lines()).enumerate() {
        let comment = text.trim_start().trim_start_matches(['/', '!']).trim_start();
        let is_comment = text.trim_start().starts_with("//");
        if is_comment && comment.starts_with('|') {
            continue; // A row of a table cannot be wrapped.
        }
        let letters = if is_comment { text } else { code.trim_end() }.chars().count();
        if letters > LINE_LETTERS_MAX {
            let rule = format!("{letters} letters; at most {LINE_LETTERS_MAX}: wrap the line");
            complaints.push(source.complain(index + 1, rule));
        }
    }
    for (line, name, lines) in functions(&source.code) {
        if lines > FUNCTION_LINES_MAX {
            let rule = format!(
                "function {name} has {lines} lines; at most {FUNCTION_LINES_MAX}. Keep the \
                 decisions, move straight-line work into functions that earn a name"
            );
            complaints.push(source.complain(line, rule));
        }
    }
    complaints
}

/// Every function with a body: its line, name, and how many lines of code the body has.
fn functions(code: &str) -> Vec<(usize, String, usize)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        if code[..at].ends_with(|letter: char| letter.is_alphanumeric() || letter == '_') {
            continue;
        }
        let signature = &code[at + 3..];
        let name: String = signature
            .chars()
            .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
            .collect();
        // A declaration without a body ends in `;`, but so does `[u8; 4]` inside a signature.
        let mut brackets = 0_i32;
        let begin = signature.find(|letter: char| {
            brackets += i32::from(letter == '[') - i32::from(letter == ']');
            letter == '{' || letter == ';' && brackets == 0
        });
        let Some(begin) = begin.filter(|at| signature[*at..].starts_with('{')) else { continue };
        if name.is_empty() {
            continue;
        }
        let mut depth = 0_i32;
        let end = signature[begin..].find(|letter: char| {
            depth += i32::from(letter == '{') - i32::from(letter == '}');
            depth == 0
        });
        let body = &signature[begin..begin + end.unwrap_or(0)];
        let lines = body.lines().skip(1).filter(|line| !line.trim().is_empty()).count();
        found.push((1 + code[..at].matches('\n').count(), name, lines));
    }
    found
}

/// Letters that do not show, and a last line that does not end.
pub fn letters(source: &Source) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (index, line) in source.text.split('\n').enumerate() {
        let rule = if line.ends_with([' ', '\t']) {
            "white space at the end of the line: take it out"
        } else if line.contains('\t') {
            "a tab: indent with spaces; inside a literal write \\t"
        } else if line.contains('\r') {
            "a carriage return: lines end with a line feed alone"
        } else if line.chars().any(|letter| letter.is_control() || letter == '\u{feff}') {
            "a control character: write it as an escape"
        } else {
            continue;
        };
        complaints.push(source.complain(index + 1, rule));
    }
    if !source.text.is_empty() && !source.text.ends_with('\n') {
        complaints.push(source.complain(source.text.lines().count(), "the last line has no end"));
    }
    complaints
}

/// Words that no file of the project may hold. Spelled in two parts, because this is one too.
const WORDS: [(&str, &str); 11] = [
    (concat!("TO", "DO"), "finish it, or open an issue"),
    (concat!("FIX", "ME"), "mend it, or open an issue"),
    (concat!("XX", "X"), "say what is meant"),
    (concat!("/wo", "rk/"), "a path of one machine: use one below the project or a temporary one"),
    (concat!("/ro", "ot/"), "a path of one machine: use one below the project or a temporary one"),
    (concat!("crates", ".io"), "no registry is named: it differs from site to site"),
    (concat!("pypi", ".org"), "no registry is named: it differs from site to site"),
    (concat!("registry", ".npmjs"), "no registry is named: it differs from site to site"),
    (concat!("deb.deb", "ian.org"), "no registry is named: it differs from site to site"),
    (concat!("to", "do!("), "finish it"),
    (concat!("unimple", "mented!("), "finish it"),
];

/// Unfinished work, and what belongs to one workplace.
pub fn words(source: &Source) -> Vec<Complaint> {
    let is_letter = |letter: char| letter.is_alphanumeric() || letter == '_';
    let mut complaints = Vec::new();
    for (index, line) in source.text.lines().enumerate() {
        for (word, instead) in WORDS {
            let stands_alone = line.match_indices(word).any(|(at, _)| {
                let before = line[..at].ends_with(is_letter) && word.starts_with(is_letter);
                let behind = line[at + word.len()..].starts_with(is_letter);
                !(before || behind && word.ends_with(is_letter))
            });
            if stands_alone {
                complaints.push(source.complain(index + 1, format!("`{word}`: {instead}")));
            }
        }
    }
    complaints
}

/// Switched-off tests, and lints switched off without a reason.
pub fn attributes(source: &Source) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (line, code) in source.code_lines() {
        let holds = |attribute: &str| code.contains(attribute);
        if holds("#[ignore") {
            complaints.push(source.complain(line, "an ignored test: mend it or take it out"));
        }
        if holds("#[allow(") || holds("#![allow(") {
            let rule = "use #[expect(…, reason = \"…\")]: it says why, and when it is no longer so";
            complaints.push(source.complain(line, rule));
        }
        if holds("#[path") {
            complaints.push(source.complain(line, "a module lies where its name says"));
        }
        if let Some((_, behind)) = code.split_once("[expect(") {
            let rest: Vec<_> = source.code.lines().skip(line).take(10).collect();
            let attribute = format!("{behind}{}", rest.join(" "));
            let end = attribute.find(")]").unwrap_or(attribute.len());
            if !attribute[..end].contains("reason") {
                let rule = "an exception without its reason: add reason = \"…\"";
                complaints.push(source.complain(line, rule));
            }
        }
    }
    complaints
}

/// Names that say nothing of what is inside.
pub fn names(source: &Source) -> Vec<Complaint> {
    const EMPTY: [&str; 8] =
        ["util", "utils", "common", "helper", "helpers", "misc", "manager", "managers"];
    let mut complaints = Vec::new();
    let parts = source.path.trim_end_matches(".rs").split('/');
    for part in parts.filter(|part| EMPTY.contains(part)) {
        let rule = format!("`{part}` says nothing of what is inside: name the noun or the verb");
        complaints.push(source.complain(1, rule));
    }
    for (line, code) in source.code_lines() {
        let words = code.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
        let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
        for pair in words.windows(2) {
            let is_type = ["struct", "enum", "trait", "type"].contains(&pair[0]);
            if pair[0] == "mod" && EMPTY.contains(&pair[1])
                || is_type && ["Manager", "Helper", "Util"].iter().any(|end| pair[1].ends_with(end))
            {
                let rule = format!("`{}` says nothing of what it does: find its noun", pair[1]);
                complaints.push(source.complain(line, rule));
            }
            if pair[0] == "fn" && (pair[1].starts_with("get_") || pair[1].starts_with("do_")) {
                let rule = format!("`{}`: the name without its first word says as much", pair[1]);
                complaints.push(source.complain(line, rule));
            }
        }
    }
    complaints
}
