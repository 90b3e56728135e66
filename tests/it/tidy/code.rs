//! Rust without its comments and without what stands in its literals, so that a word in a
//! sentence is not taken for code.

/// Line for line as `text`; literals keep their quotation marks.
pub fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let previous = code.chars().next_back().unwrap_or(' ');
        let in_word = previous.is_alphanumeric() || previous == '_';
        let (length, kept) = if rest.starts_with("//") {
            (rest.find('\n').unwrap_or(rest.len()), "")
        } else if rest.starts_with("/*") {
            (comment_length(rest), "")
        } else if letter == '"' {
            (1 + string_length(&rest[1..]), "\"\"")
        } else if letter == '\'' {
            match character_length(rest) {
                Some(length) => (length, "''"),
                None => (1, "'"),
            }
        } else if !in_word && let Some(length) = raw_string_length(rest) {
            (length, "\"\"")
        } else {
            code.push(letter);
            rest = &rest[letter.len_utf8()..];
            continue;
        };
        code.push_str(kept);
        // What is left out keeps its lines, so that numbers stay right.
        code.extend(rest[..length].chars().filter(|letter| *letter == '\n'));
        rest = &rest[length..];
    }
    code
}

/// Block comments nest.
fn comment_length(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// From behind the opening quotation mark to behind the closing one.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, letter) in text.char_indices() {
        match letter {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

/// `r"…"`, `r#"…"#`, `br"…"`, `cr"…"`.
fn raw_string_length(text: &str) -> Option<usize> {
    let prefix = ["r", "br", "cr"].into_iter().find(|prefix| {
        let behind = text.strip_prefix(prefix);
        behind.is_some_and(|behind| behind.trim_start_matches('#').starts_with('"'))
    })?;
    let behind = &text[prefix.len()..];
    let hashes = behind.len() - behind.trim_start_matches('#').len();
    let end = format!("\"{}", "#".repeat(hashes));
    let body = prefix.len() + hashes + 1;
    Some(text[body..].find(&end).map_or(text.len(), |at| body + at + end.len()))
}

/// A character literal; `None` for a lifetime.
fn character_length(text: &str) -> Option<usize> {
    let inner = &text[1..];
    let first = inner.chars().next()?;
    if first == '\\' {
        return Some(2 + inner[2..].find('\'')? + 2);
    }
    let behind = &inner[first.len_utf8()..];
    behind.starts_with('\'').then_some(1 + first.len_utf8() + 1)
}
