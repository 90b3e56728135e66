//! What is kept about shapes of events changes nothing.

use std::fmt::Write as _;

use super::build;
use crate::model::event::{Event, Tape};
use crate::model::fields::Fields;
use crate::model::format::{Decoded, Format};

const KEYS: [&str; 14] = [
    "time",
    "severity_id",
    "actor",
    "user",
    "uid",
    "prompt",
    "unmapped",
    "model",
    "cs1",
    "cs1Label",
    "metadata",
    "dlp_labels",
    "content",
    "name",
];

/// An object of few keys in many arrangements, so that shapes come again and again with other
/// values; some keys are guarded, some values are `null` or blank, some keys stand twice.
fn object(random: &mut fastrand::Rng, depth: u32, out: &mut String) {
    out.push('{');
    for member in 0..random.u32(0..6) {
        let separator = if member == 0 { "" } else { "," };
        write!(out, "{separator}\"{}\":", KEYS[random.usize(0..KEYS.len())]).unwrap();
        value(random, depth, out);
    }
    out.push('}');
}

fn value(random: &mut fastrand::Rng, depth: u32, out: &mut String) {
    match random.u32(0..10) {
        0 => out.push_str("null"),
        8 => out.push_str(["\"\"", "\" \"", "true"][random.usize(0..3)]),
        1 => write!(out, "{}", random.u32(0..7)).unwrap(),
        2 => out.push_str(r#""Prompt""#),
        3 if depth < 3 => {
            out.push('[');
            for item in 0..random.u32(0..3) {
                out.push_str(if item == 0 { "" } else { "," });
                value(random, depth + 1, out);
            }
            out.push(']');
        }
        4 | 5 if depth < 3 => object(random, depth + 1, out),
        _ => write!(out, "\"text {}\"", random.u32(0..1000)).unwrap(),
    }
}

#[test]
fn an_event_is_mapped_as_if_it_were_the_first() {
    let mut random = fastrand::Rng::with_seed(11);
    let mut lines: Vec<String> = Vec::new();
    for _ in 0..400 {
        let mut line = String::new();
        object(&mut random, 0, &mut line);
        lines.push(line);
    }
    let mut mapper = build::mapper();
    let mut map = |line: &str, tape: &mut Tape| {
        build::fill(line, tape);
        let decoded = Decoded { line: "", format: Format::Json };
        let mut fields = Fields::new();
        let schema = mapper.map(None, decoded, tape, build::POSITION, &mut fields).unwrap();
        let pairs: Vec<_> = fields.pairs(Event::new(tape, "")).collect();
        format!("{schema} {pairs:?} {fields:?}")
    };
    // A tape of its own has numbers of its own: nothing that was kept applies to it.
    let expected: Vec<_> = lines.iter().map(|line| map(line, &mut Tape::new())).collect();
    let mut tape = Tape::new();
    for _ in 0..20_000 {
        let at = random.usize(0..lines.len());
        // In a row, as events of one kind come; some lines never reach the mapper.
        for _ in 0..random.usize(1..4) {
            assert_eq!(map(&lines[at], &mut tape), expected[at], "{}", lines[at]);
        }
        if random.u8(0..4) == 0 {
            build::fill(&lines[random.usize(0..lines.len())], &mut tape);
        }
    }
}
