use super::*;

/// How many damaged lines are tried.
const MUTATIONS: usize = 50_000;

/// Damaged lines: whatever comes out, nothing panics, an error leaves the tape empty, and
/// everything on the tape can be read.
#[test]
fn damaged_lines_never_panic() {
    let lines = seeds();
    let mut random = fastrand::Rng::with_seed(20_260_118);
    let mut decoder = Decoder::new();
    decoder.set_reference_year(2025);
    let mut tape = Tape::new();
    let (mut decoded, mut refused) = (0, 0);
    for _ in 0..MUTATIONS {
        let mut line = random.choice(&lines).unwrap().clone();
        for _ in 0..random.usize(1..6) {
            mutate(&mut line, &lines, &mut random);
        }
        let format = random.choice([Format::Auto, Format::Json, Format::Syslog, Format::Cef]);
        match decoder.decode(format.unwrap(), &line, &mut tape) {
            Ok(event) => {
                decoded += 1;
                walk(Event::new(&tape, event.line).root().unwrap());
            }
            Err(error) => {
                refused += 1;
                assert!(tape.is_empty() && !error.to_string().is_empty());
            }
        }
    }
    assert!(decoded > MUTATIONS / 10 && refused > MUTATIONS / 10, "{decoded} {refused}");
}

/// Damaged JSON: ours reads what two other readers read, the same values, and nothing else. One
/// decoder and tape for all, so that keys are expected where others stand.
#[test]
fn damaged_json_is_judged_as_others_judge_it() {
    let mut lines = seeds();
    lines.retain(|line| line.starts_with(b"{"));
    assert!(lines.len() > 100, "{}", lines.len());
    let mut random = fastrand::Rng::with_seed(20_261_121);
    let mut decoder = Decoder::new();
    let mut tape = Tape::new();
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..MUTATIONS {
        let mut line = random.choice(&lines).unwrap().clone();
        for _ in 0..random.usize(0..4) {
            mutate(&mut line, &lines, &mut random);
        }
        let Ok(text) = std::str::from_utf8(&line) else { continue };
        if !text.starts_with('{') || text.contains('\0') {
            continue;
        }
        let ours = decoder.decode(Format::Json, &line, &mut tape);
        let theirs = jiter::JsonValue::parse(&line, false);
        assert_eq!(ours.is_ok(), theirs.is_ok(), "{ours:?} {theirs:?} {text}");
        match ours {
            Err(_) => refused += 1,
            Ok(event) => {
                accepted += 1;
                // It has no place for numbers beyond a float's range; ours keeps the spelling.
                if let Ok(expected) = serde_json::from_slice::<Json>(&line) {
                    let root = Event::new(&tape, event.line).root().unwrap();
                    assert_eq!(rebuilt(root), expected, "{text}");
                }
            }
        }
    }
    assert!(accepted > MUTATIONS / 10 && refused > MUTATIONS / 10, "{accepted} {refused}");
}

/// A few lines of every sample file, the long ones left out.
fn seeds() -> Vec<Vec<u8>> {
    let files = ["cef", "leef", "syslog", "json", "ocsf", "hostile"].map(sample_files);
    let content: Vec<_> = files.iter().flatten().map(|path| fs::read(path).unwrap()).collect();
    content
        .iter()
        .flat_map(|content| content.split(|byte| *byte == b'\n').take(40))
        .filter(|line| !line.is_empty() && line.len() < 1500)
        .map(<[u8]>::to_vec)
        .collect()
}

fn mutate(line: &mut Vec<u8>, lines: &[Vec<u8>], random: &mut fastrand::Rng) {
    const TELLING: &[u8] = b"\"\\{}[]:,|=<> \tnu0-9eE.\x00\x80\xef\xbb\xbf\xff";
    let at = random.usize(0..=line.len());
    match random.u8(0..7) {
        0 => line.truncate(at),
        1 => line.insert(at, *random.choice(TELLING).unwrap()),
        2 if at < line.len() => line[at] = random.u8(..),
        3 if at < line.len() => line[at] = *random.choice(TELLING).unwrap(),
        4 if at < line.len() => drop(line.remove(at)),
        5 => {
            let end = random.usize(at..=line.len());
            let piece = line[at..end].to_vec();
            line.splice(at..at, piece);
        }
        _ => {
            let other = random.choice(lines).unwrap();
            line.truncate(at);
            line.extend_from_slice(&other[random.usize(0..=other.len())..]);
        }
    }
}

/// Reads everything: every key finds a member, every number looks like one.
fn walk(value: Value<'_>) {
    for (key, member) in value.members() {
        assert!(value.get(key).is_some());
        walk(member);
    }
    value.items().for_each(walk);
    if let Kind::Number(digits) = value.kind() {
        assert!(digits.starts_with(|c: char| c == '-' || c.is_ascii_digit()));
    }
}
