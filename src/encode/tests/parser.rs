//! A strict parser of RFC 5424 headers and CEF, written from the grammars and sharing no code with
//! the encoder: the judge of the property test.

/// A message taken apart.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) hostname: String,
    /// Version, vendor, product, device version, class id, name, severity.
    pub(super) header: Vec<String>,
    pub(super) pairs: Vec<(String, String)>,
}

impl Parsed {
    pub(super) fn value(&self, key: &str) -> Option<&str> {
        self.pairs.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

/// One message without its framing.
pub(super) fn parse(message: &str) -> Result<Parsed, String> {
    if let Some(control) = message.chars().find(|letter| letter.is_ascii_control()) {
        return Err(format!("control character {control:?}"));
    }
    let (hostname, body) = syslog(message)?;
    let body = body.strip_prefix('\u{feff}').unwrap_or(body);
    let (header, extension) = header(body.strip_prefix("CEF:").ok_or("no CEF")?)?;
    Ok(Parsed { hostname, header, pairs: pairs(extension)? })
}

/// HOSTNAME and MSG.
fn syslog(message: &str) -> Result<(String, &str), String> {
    let (priority, rest) =
        message.strip_prefix('<').and_then(|rest| rest.split_once('>')).ok_or("no PRI")?;
    let number: u8 = priority.parse().map_err(|_| "PRI is no number")?;
    if number > 191 || number.to_string() != priority {
        return Err(format!("PRI {priority}"));
    }
    let fields: Vec<&str> = rest.splitn(7, ' ').collect();
    let [version, time, hostname, app_name, procid, msgid, rest] = fields[..] else {
        return Err("too few header fields".into());
    };
    let is_time = time == "-" || (time.len() == 24 && time.ends_with('Z'));
    if version != "1" || !is_time || procid != "-" {
        return Err(format!("version, time or PROCID: {version} {time} {procid}"));
    }
    for (field, most) in [(hostname, 255), (app_name, 48), (msgid, 32)] {
        let is_printable = field.bytes().all(|byte| (33..=126).contains(&byte));
        if !(1..=most).contains(&field.len()) || !is_printable {
            return Err(format!("header field {field:?}"));
        }
    }
    if let Some(body) = rest.strip_prefix("- ") {
        return Ok((hostname.into(), body));
    }
    let (elements, body) = rest.split_once("] ").ok_or("no structured data")?;
    if !elements.starts_with("[origin software=\"spoolgate\"][meta sequenceId=\"") {
        return Err(format!("structured data {elements}"));
    }
    Ok((hostname.into(), body))
}

/// The seven fields, unescaped, and what stands behind the seventh pipe.
fn header(text: &str) -> Result<(Vec<String>, &str), String> {
    let mut fields = vec![String::new()];
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        let count = fields.len();
        let field = fields.last_mut().unwrap();
        match letter {
            '\\' => match letters.next() {
                Some((_, escaped @ ('\\' | '|'))) => field.push(escaped),
                other => return Err(format!("escape {other:?} in the header")),
            },
            '|' if field.is_empty() => return Err("an empty header field".into()),
            '|' if count == 7 => return Ok((fields, &text[at + 1..])),
            '|' => fields.push(String::new()),
            letter => field.push(letter),
        }
    }
    Err("no seventh pipe".into())
}

/// Every equals sign that is not escaped ends a key; a key begins the text or follows a space.
fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let bytes = text.as_bytes();
    let mut starts = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'=' => {
                let start = bytes[..at]
                    .iter()
                    .rposition(|byte| !byte.is_ascii_alphanumeric())
                    .map_or(0, |before| before + 1);
                if start == at || (start > 0 && bytes[start - 1] != b' ') {
                    return Err(format!("no key before the equals sign at {at}"));
                }
                starts.push((start, at));
            }
            _ => {}
        }
        at += 1;
    }
    if starts.first().map_or(!text.is_empty(), |(start, _)| *start != 0) {
        return Err("the extension does not begin with a key".into());
    }
    let mut pairs: Vec<(String, String)> = Vec::new();
    for (number, (start, equals)) in starts.iter().enumerate() {
        let end = starts.get(number + 1).map_or(text.len(), |(next, _)| next - 1);
        let key = &text[*start..*equals];
        if pairs.iter().any(|(name, _)| name == key) {
            return Err(format!("{key} stands twice"));
        }
        let value = text.get(equals + 1..end).ok_or("no space between pairs")?;
        if value != value.trim_matches(' ') {
            return Err(format!("spaces around the value of {key}"));
        }
        pairs.push((key.into(), unescape(value)?));
    }
    Ok(pairs)
}

fn unescape(value: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some(escaped @ ('\\' | '=')) => out.push(escaped),
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                other => return Err(format!("escape {other:?} in a value")),
            },
            letter => out.push(letter),
        }
    }
    Ok(out)
}
