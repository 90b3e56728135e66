//! Lines: unfinished, over-long, large, many; and the order of reading.

use super::*;

/// What one read gave.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Lines(u64, Vec<u8>),
    Broken(u64, Vec<u8>, String),
}

fn reads(bench: &mut Bench) -> Vec<Found> {
    let mut found = Vec::new();
    loop {
        match bench.reader().read().unwrap() {
            Read::Idle => return found,
            Read::Lines { position, bytes, end, .. } => {
                assert_eq!(end.offset, position.offset + bytes.len() as u64);
                found.push(Found::Lines(position.offset, bytes.to_vec()));
            }
            Read::Broken { position, head, reason, .. } => {
                found.push(Found::Broken(position.offset, head.to_vec(), reason));
            }
        }
    }
}

#[test]
fn an_unfinished_line_waits_for_its_newline() {
    let mut bench = Bench::new("*.jsonl");
    bench.append("a.jsonl", "half");
    bench.list();
    assert_eq!(bench.read_all(), "");
    bench.append("a.jsonl", " and half\nne");
    bench.expect("half and half\n");
    bench.append("a.jsonl", "xt\n\n\r\n");
    bench.expect("next\n\n\r\n");
}

#[test]
fn short_lines_come_in_pieces_of_so_many_lines() {
    let mut bench = Bench::stopped("*.jsonl", |_| {});
    let text = "x\n".repeat(2 * READ_LINES_MAX + 1);
    bench.append("a.jsonl", &text);
    bench.start();
    let found = reads(&mut bench);
    let lengths: Vec<usize> = found
        .iter()
        .map(|found| match found {
            Found::Lines(_, bytes) => bytes.len() / 2,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(lengths, [READ_LINES_MAX, READ_LINES_MAX, 1]);
}

#[test]
fn large_files_come_in_pieces_of_whole_lines() {
    let mut bench = Bench::stopped("*.jsonl", |_| {});
    let text = lines("line", 20_000);
    assert!(text.len() > 4 * READ_BYTES_MAX);
    bench.append("a.jsonl", &text);
    bench.start();
    let mut all = Vec::new();
    for found in reads(&mut bench) {
        let Found::Lines(offset, bytes) = found else { panic!("{found:?}") };
        assert_eq!(offset, all.len() as u64);
        assert!(bytes.len() <= READ_BYTES_MAX && bytes.ends_with(b"\n"));
        all.extend(bytes);
    }
    assert_eq!(all, text.as_bytes());
}

#[test]
fn lines_up_to_the_limit_pass_and_longer_ones_are_broken() {
    #[track_caller]
    fn check(most: usize, lengths: &[usize]) {
        let mut bench = Bench::stopped("*.jsonl", |settings| settings.max_event_bytes = most);
        let mut expected: Vec<Found> = Vec::new();
        let mut offset = 0;
        for length in lengths {
            let mut line = vec![b'a' + (length % 26) as u8; *length];
            line.push(b'\n');
            bench.append("a.jsonl", &line);
            if *length > most {
                let head = line[..(*length).min(4096)].to_vec();
                let reason =
                    format!("line of {length} bytes, longer than max_event_bytes = {most}");
                expected.push(Found::Broken(offset, head, reason));
            } else {
                expected.push(Found::Lines(offset, line));
            }
            offset += *length as u64 + 1;
        }
        bench.start();
        let found = reads(&mut bench);
        // Neighbouring lines may come together: split them again.
        let mut split = Vec::new();
        for found in found {
            let Found::Lines(mut at, bytes) = found else {
                split.push(found);
                continue;
            };
            for line in bytes.split_inclusive(|byte| *byte == b'\n') {
                split.push(Found::Lines(at, line.to_vec()));
                at += line.len() as u64;
            }
        }
        assert!(split == expected, "limit {most}, lengths {lengths:?}");
        let buffer = bench.reader().buffer_bytes();
        assert!(buffer <= most.max(READ_BYTES_MAX) + READ_BYTES_MAX, "{buffer}");
    }
    check(10, &[0, 10, 11, 3, 12, 10]);
    check(10, &[11]);
    check(100, &[5000, 100, 101, 99]);
    check(300_000, &[300_000, 300_001, 5, 262_143, 262_144, 262_145, 299_999]);
    check(600_000, &[599_999, 2_000_000, 600_000, 600_001, 1]);
    check(1000, &[20_000_000, 1000, 17]);
}

#[test]
fn the_end_of_an_overlong_line_is_waited_for_without_keeping_it() {
    let mut bench = Bench::with("*.jsonl", |settings| settings.max_event_bytes = 1000);
    let nuls = vec![0; 3_000_000];
    for _ in 0..4 {
        bench.append("a.jsonl", &nuls);
        bench.list();
        assert_eq!(reads(&mut bench), []);
    }
    // The cursor still stands before it: a run that starts now sees the same.
    bench.append("a.jsonl", "end\nnext\n");
    bench.list();
    let found = reads(&mut bench);
    let [Found::Broken(0, head, reason), Found::Lines(offset, next)] = found.as_slice() else {
        panic!("{} found", found.len())
    };
    assert_eq!(head, &vec![0; 4096]);
    assert!(reason.contains("12000003 bytes") && reason.contains("max_event_bytes = 1000"));
    assert_eq!((*offset, next.as_slice()), (12_000_004, b"next\n".as_slice()));
    assert!(bench.reader().buffer_bytes() < 2 * READ_BYTES_MAX);
}

#[test]
fn a_truncation_within_an_overlong_line_is_noticed() {
    let mut bench = Bench::with("*.jsonl", |settings| settings.max_event_bytes = 1000);
    bench.append("a.jsonl", lines("good", 20));
    bench.append("a.jsonl", vec![b'x'; 50_000]);
    bench.list();
    assert_eq!(bench.read_all(), lines("good", 20));
    std::fs::write(bench.path("a.jsonl"), "new\n").unwrap();
    bench.expect("new\n");
}

#[test]
fn growing_files_are_read_in_turn() {
    let mut bench = Bench::new("*.jsonl");
    for name in ["a.jsonl", "b.jsonl"] {
        bench.append(name, "0\n");
        bench.expect("0\n");
    }
    let text = lines("x", 12_000);
    bench.append("a.jsonl", &text);
    bench.append("b.jsonl", &text);
    bench.list();
    let (a, b) = (bench.key_of("a.jsonl"), bench.key_of("b.jsonl"));
    let mut order = Vec::new();
    while let Read::Lines { position, .. } = bench.reader().read().unwrap() {
        order.push(position.file);
    }
    let per_file = text.len().div_ceil(READ_BYTES_MAX - 100);
    assert!(order.len() >= 2 * per_file && order.contains(&a) && order.contains(&b));
    let turns = order.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(turns >= per_file, "{order:?}");
}

#[test]
fn a_closed_file_is_drained_before_a_growing_one() {
    let mut bench = Bench::new("*.jsonl");
    bench.append("a.jsonl", "0\n");
    bench.expect("0\n");
    let old = lines("old", 12_000);
    bench.append("a.jsonl", &old);
    bench.rename("a.jsonl", "a.jsonl.1");
    bench.age("a.jsonl.1");
    let new = lines("new", 12_000);
    bench.append("a.jsonl", &new);
    bench.list();
    assert_eq!(bench.read_all(), old + &new);
}

#[test]
fn the_tail_hash_is_the_public_one() {
    let mut bench = Bench::stopped("*.jsonl", |_| {});
    let text = lines("line", 30);
    bench.append("a.jsonl", &text);
    bench.start();
    let Read::Lines { end, .. } = bench.reader().read().unwrap() else { panic!() };
    assert_eq!(end.tail_hash, tail_hash(text.as_bytes()));
    // A cursor at any line works, as the deliver stage makes them.
    for at in [0, 12, 60, 64, 65, 300] {
        let offset = at + text[at..].find('\n').unwrap() + 1;
        let cursor = Cursor {
            file: end.file,
            offset: offset as u64,
            tail_hash: tail_hash(&text.as_bytes()[..offset]),
        };
        bench.reader().rewind(&[cursor]);
        assert_eq!(bench.read_all(), text[offset..]);
    }
}
