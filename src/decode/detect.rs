//! What a line looks like, told from its beginning (design, section 3).

use std::sync::LazyLock;

use memchr::memmem::Finder;

/// What a line begins with, after white space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// `{`
    Object,
    /// `[`
    Array,
    /// `CEF:`
    Cef,
    /// `LEEF:`
    Leef,
    /// PRI, or a time as syslog writes it.
    Syslog,
    /// None of these.
    Unknown,
}

/// What a line begins with.
pub(super) fn shape(line: &str) -> Shape {
    let line = line.trim_ascii_start();
    match line.as_bytes().first() {
        Some(b'{') => Shape::Object,
        Some(b'[') => Shape::Array,
        Some(b'<') if pri(line).is_some() => Shape::Syslog,
        Some(b'C') if line.starts_with("CEF:") => Shape::Cef,
        Some(b'L') if line.starts_with("LEEF:") => Shape::Leef,
        _ if begins_with_time(line) => Shape::Syslog,
        _ => Shape::Unknown,
    }
}

/// PRI and what follows it: `<`, one to three digits, `>` (RFC 5424, section 6.2.1). The value is
/// not bounded here: a line with `<999>` is still meant to be syslog.
pub(super) fn pri(line: &str) -> Option<(u16, &str)> {
    let mut value = 0;
    for (at, octet) in line.strip_prefix('<')?.bytes().enumerate().take(4) {
        match octet {
            b'0'..=b'9' if at < 3 => value = value * 10 + u16::from(octet - b'0'),
            b'>' if at > 0 => return Some((value, line.get(at + 2..)?)),
            _ => return None,
        }
    }
    None
}

/// True for `Jan 18 11:07:53`, `Jan 18 2026 11:07:53` and `2026-01-18T11:07:53` with a space or a
/// colon somewhere behind: the times of RFC 3164 (section 4.1.2), of Cisco, and of RFC 3339.
pub(super) fn begins_with_time(text: &str) -> bool {
    begins_with_date_time(text) || begins_with_month(text)
}

/// True for `2026-01-18T11:07:53` and anything behind it.
pub(super) fn begins_with_date_time(text: &str) -> bool {
    matches(text, "dddd-dd-ddTdd:dd:dd") || matches(text, "dddd-dd-ddtdd:dd:dd")
}

/// The month that the text begins with, from 1, in three letters of any case; and what follows it.
pub(super) fn month(text: &str) -> Option<(u32, &str)> {
    const MONTHS: [&[u8; 3]; 12] = [
        b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov",
        b"dec",
    ];
    let [a, b, c, ..] = *text.as_bytes() else { return None };
    let letters = [a, b, c].map(|octet| octet.to_ascii_lowercase());
    let mut months = MONTHS.iter().zip(1..);
    let (_, month) = months.find(|(name, _)| ***name == letters)?;
    Some((month, text.get(3..)?))
}

fn begins_with_month(text: &str) -> bool {
    let Some((_, rest)) = month(text).filter(|(_, rest)| rest.starts_with(' ')) else {
        return false;
    };
    let (day, rest) = digits(rest.trim_start_matches(' '));
    let Some(rest) = rest.strip_prefix(' ').filter(|_| (1..=2).contains(&day)) else {
        return false;
    };
    let (first, behind) = digits(rest.trim_start_matches(' '));
    let (hour, behind) = match (first, behind.strip_prefix(' ')) {
        (4, Some(behind)) => digits(behind.trim_start_matches(' ')),
        _ => (first, behind),
    };
    (1..=2).contains(&hour) && matches(behind, ":dd:dd")
}

/// How many digits the text begins with, and what follows them.
fn digits(text: &str) -> (usize, &str) {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    (text.len() - rest.len(), rest)
}

/// True when the text begins like `pattern`, in which `d` stands for a digit.
fn matches(text: &str, pattern: &str) -> bool {
    text.len() >= pattern.len()
        && text.bytes().zip(pattern.bytes()).all(|(byte, wanted)| match wanted {
            b'd' => byte.is_ascii_digit(),
            _ => byte == wanted,
        })
}

/// What a syslog message may hold instead of plain text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// Common Event Format.
    Cef,
    /// Log Event Extended Format.
    Leef,
}

/// The first `CEF:` or `LEEF:` that begins a word and that a version follows, and its offset.
/// Spaces before the version are allowed for: one product writes `CEF: 0|`.
pub(super) fn body(line: &str) -> Option<(usize, Body)> {
    // Both names end alike; what precedes tells them apart. To make ready for a search costs more
    // than to search a line.
    static ENDING: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("EF:"));
    ENDING.find_iter(line.as_bytes()).find_map(|at| {
        let (before, rest) = line.split_at_checked(at)?;
        let version = rest.get(3..)?.trim_start_matches(' ');
        if !version.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let (before, body) = match before.strip_suffix('C') {
            Some(before) => (before, Body::Cef),
            None => (before.strip_suffix("LE")?, Body::Leef),
        };
        let is_word = !before.ends_with(|c: char| c.is_ascii_alphanumeric());
        is_word.then_some((before.len(), body))
    })
}
