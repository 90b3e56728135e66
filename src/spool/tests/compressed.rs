//! Files that are compressed while they are read, before, or after.

use super::*;

#[test]
fn compression_while_running_changes_nothing() {
    let mut bench = Bench::new("*.jsonl");
    bench.append("a.jsonl", "1\n");
    bench.expect("1\n");
    let key = bench.key_of("a.jsonl");
    bench.append("a.jsonl", "2\n");
    bench.rename("a.jsonl", "a.jsonl.1");
    bench.gzip("a.jsonl.1");
    bench.append("a.jsonl", "3\n");
    bench.list();
    bench.list();
    bench.expect("2\n3\n");
    assert_eq!(bench.key_of("a.jsonl.1.gz"), key);
    bench.expect_nothing();
    bench.stop();
    bench.start();
    bench.expect_nothing();
    assert_eq!(bench.gone, []);
}

#[test]
fn compression_while_stopped_is_continued_inside() {
    #[track_caller]
    fn check(pattern: &str, rotated: &str, first: usize, rest: usize) {
        let mut bench = Bench::new(pattern);
        let text = lines("first", first);
        bench.append("a.jsonl", &text);
        assert_eq!(bench.read_until(text.len()), text);
        let key = bench.key_of("a.jsonl");
        bench.stop();
        let more = lines("more", rest);
        bench.append("a.jsonl", &more);
        bench.rename("a.jsonl", rotated);
        bench.gzip(rotated);
        bench.append("a.jsonl", "new\n");
        bench.start();
        bench.expect(&format!("{more}new\n"));
        assert_eq!(bench.key_of(&format!("{rotated}.gz")), key, "{pattern} {rotated}");
        bench.expect_nothing();
        bench.stop();
        bench.start();
        bench.expect_nothing();
        assert_eq!(bench.gone, []);
    }
    check("*.jsonl", "a.jsonl.1", 3, 4);
    check("*.jsonl*", "a.jsonl.1", 3, 4);
    check("*.jsonl*", "a.jsonl.1", 100, 30_000);
    check("*.jsonl*", "a.jsonl.1", 40_000, 100);
    check("*.jsonl*", "a.jsonl.1", 50, 0);
    check("*.jsonl", "2026-01-01", 50, 50);
}

#[test]
fn a_read_file_that_is_compressed_later_is_not_read_again() {
    let mut bench = Bench::new("*.jsonl*");
    let text = lines("x", 1000);
    bench.append("a.jsonl", &text);
    bench.expect(&text);
    let key = bench.key_of("a.jsonl");
    bench.gzip("a.jsonl");
    bench.expect_nothing();
    assert_eq!(bench.key_of("a.jsonl.gz"), key);
    bench.rename("a.jsonl.gz", "a.jsonl.2.gz");
    bench.expect_nothing();
    bench.stop();
    bench.rename("a.jsonl.2.gz", "a.jsonl.3.gz");
    bench.start();
    bench.expect_nothing();
    assert_eq!(bench.key_of("a.jsonl.3.gz"), key);
}

#[test]
fn an_unknown_compressed_file_is_read_from_its_beginning() {
    let mut bench = Bench::stopped("*.gz", |_| {});
    let text = lines("x", 20_000);
    let (one, two) = text.split_at(text.len() / 2);
    let members = [gzipped(one.as_bytes()), gzipped(two.as_bytes())].concat();
    std::fs::write(bench.path("a.gz"), members).unwrap();
    bench.start();
    assert!(bench.spool().backlog_bytes("siem") > 0);
    bench.expect(&text);
    assert_eq!(bench.spool().backlog_bytes("siem"), 0);
    std::fs::write(bench.path("b.gz"), gzipped(b"later\n")).unwrap();
    bench.expect("later\n");
    bench.expect_nothing();
    bench.stop();
    bench.start();
    bench.expect_nothing();
}

#[test]
fn a_second_member_of_the_same_length_is_read() {
    let mut bench = Bench::stopped("*.gz", |_| {});
    std::fs::write(bench.path("a.gz"), gzipped(b"one\n")).unwrap();
    bench.start();
    bench.expect("one\n");
    bench.stop();
    bench.append("a.gz", gzipped(b"two\n"));
    bench.start();
    bench.expect("two\n");
}

#[test]
fn a_copy_beside_its_original_is_not_read() {
    let mut bench = Bench::new("*");
    bench.append("a", "1\n");
    bench.expect("1\n");
    std::fs::write(bench.path("a.gz"), gzipped(b"1\n")).unwrap();
    bench.expect_nothing();
    bench.delete("a");
    bench.expect_nothing();
    bench.stop();
    bench.start();
    bench.expect_nothing();
}

#[test]
fn another_file_with_the_same_head_is_read_whole() {
    let mut bench = Bench::new("*.jsonl");
    let head = format!("{}\n", "h".repeat(300));
    bench.append("a.jsonl", format!("{head}mine\n"));
    bench.read_until(head.len() + 5);
    bench.stop();
    bench.delete("a.jsonl");
    let other = format!("{head}other\nlines\n");
    std::fs::write(bench.path("a.jsonl.1.gz"), gzipped(other.as_bytes())).unwrap();
    bench.start();
    bench.expect(&other);
}

#[test]
fn a_damaged_file_gives_what_it_can_and_one_broken() {
    #[track_caller]
    fn check(damage: impl FnOnce(&mut Vec<u8>), reason: &str, lines_min: usize) {
        let mut bench = Bench::stopped("*.gz", |_| {});
        let text = lines("x", 20_000);
        let mut content = gzipped(text.as_bytes());
        damage(&mut content);
        std::fs::write(bench.path("a.gz"), content).unwrap();
        std::fs::write(bench.path("b.gz"), gzipped(b"well\n")).unwrap();
        bench.age("a.gz");
        bench.start();
        let all = bench.read_all();
        let (good, broken) = all.split_once('<').unwrap();
        assert!(text.starts_with(good) && good.lines().count() >= lines_min, "{}", good.len());
        assert!(broken.contains(reason) && broken.ends_with(">well\n"), "{broken}");
        bench.expect_nothing();
        // A second run knows that it has passed the damage.
        bench.stop();
        bench.start();
        bench.expect_nothing();
        assert_eq!(bench.gone, []);
    }
    check(|content| content.truncate(content.len() / 2), "ends too early", 5000);
    check(|content| content.truncate(content.len() - 8), "ends too early", 19_000);
    check(|content| content.truncate(5), "ends too early", 0);
    check(Vec::clear, "ends too early", 0);
    check(|content| *content = b"not gzip at all".to_vec(), "is damaged", 0);
    check(|content| content.extend(b"trailing bytes"), "is damaged", 20_000);
    check(
        |content| {
            let at = content.len() - 6;
            content[at] ^= 0xff;
        },
        "is damaged",
        19_000,
    );
    check(
        |content| {
            let at = content.len() / 2;
            content[at..at + 64].fill(0xff);
        },
        "is damaged",
        1000,
    );
}

#[test]
fn a_compressed_file_in_the_writing_is_waited_for() {
    let mut bench = Bench::new("*.gz");
    let text = lines("x", 5000);
    let content = gzipped(text.as_bytes());
    let mut writer = File::create(bench.path("a.gz")).unwrap();
    writer.write_all(&content[..content.len() / 2]).unwrap();
    bench.list();
    let first = bench.read_all();
    assert!(text.starts_with(&first) && !first.is_empty());
    bench.list();
    assert_eq!(bench.read_all(), "");
    writer.write_all(&content[content.len() / 2..]).unwrap();
    drop(writer);
    let rest = bench.read_until(text.len() - first.len());
    assert_eq!(first + &rest, text);
    bench.expect_nothing();
}

#[test]
fn the_last_line_of_a_compressed_file_without_a_newline_is_broken() {
    let mut bench = Bench::stopped("*.gz", |_| {});
    std::fs::write(bench.path("a.gz"), gzipped(b"one\ntwo")).unwrap();
    bench.start();
    assert_eq!(bench.read_all(), "one\n<the file is complete but its last line has no newline>");
    bench.stop();
    bench.start();
    bench.expect_nothing();
}
