//! What a second run makes of the files and of the cursors of the first.

use super::*;

#[test]
fn a_run_goes_on_where_the_last_one_ended() {
    let mut bench = Bench::new("*.jsonl");
    bench.append("a.jsonl", "1\n2 unfin");
    bench.expect("1\n");
    bench.stop();
    bench.append("a.jsonl", "ished\n3\n");
    bench.start();
    bench.expect("2 unfinished\n3\n");
    bench.stop();
    bench.start();
    bench.expect_nothing();
}

#[test]
fn rotation_while_stopped_is_followed_under_a_name_outside_the_pattern() {
    let mut bench = Bench::new("*.jsonl");
    bench.append("a.jsonl", "1\n");
    bench.expect("1\n");
    let key = bench.key_of("a.jsonl");
    bench.append("a.jsonl", "2\n");
    bench.stop();
    bench.rename("a.jsonl", "a.jsonl-20260101");
    bench.append("a.jsonl", "3\n");
    bench.age("a.jsonl-20260101");
    bench.start();
    bench.expect("2\n3\n");
    assert_eq!(bench.key_of("a.jsonl-20260101"), key);
    bench.stop();
    bench.start();
    bench.expect_nothing();
    assert_eq!(bench.gone, []);
}

#[test]
fn files_are_read_in_the_order_of_their_modification() {
    let mut bench = Bench::stopped("*.jsonl", |_| {});
    for (name, seconds) in [("c", 10), ("a", 30), ("b", 20), ("e", 5), ("d", 5)] {
        let name = format!("{name}.jsonl");
        bench.append(&name, format!("{name}\n"));
        let file = File::options().write(true).open(bench.path(&name)).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
    }
    bench.start();
    bench.expect("d.jsonl\ne.jsonl\nc.jsonl\nb.jsonl\na.jsonl\n");
}

#[test]
fn a_cursor_whose_file_is_gone_is_dropped_once() {
    let mut bench = Bench::new("*.jsonl");
    bench.append("a.jsonl", "1\n");
    bench.append("b.jsonl", "2\n");
    bench.read_until(4);
    let key = bench.key_of("a.jsonl");
    bench.stop();
    bench.delete("a.jsonl");
    bench.start();
    bench.expect_nothing();
    bench.save();
    assert_eq!(bench.gone, [key]);
    bench.save();
    assert_eq!(bench.gone, [key]);
    // One of which nothing at all is known.
    bench.stop();
    bench.cursors.insert(FileKey(7), Cursor { file: FileKey(7), offset: 9, tail_hash: 9 });
    bench.start();
    bench.save();
    assert_eq!(bench.gone, [key, FileKey(7)]);
    assert_eq!(bench.records.len(), 1);
}

#[test]
fn nothing_is_dropped_while_the_directory_cannot_be_listed() {
    let mut bench = Bench::new("*.jsonl");
    bench.append("a.jsonl", "1\n");
    bench.expect("1\n");
    bench.stop();
    let aside = tempfile::tempdir().unwrap();
    let away = aside.path().join("spool");
    std::fs::rename(bench.directory.path(), &away).unwrap();
    bench.start();
    bench.expect_nothing();
    assert_eq!(bench.spool().records().len(), 1);
    std::fs::rename(&away, bench.directory.path()).unwrap();
    bench.append("a.jsonl", "2\n");
    bench.list();
    bench.expect("2\n");
    bench.save();
    assert_eq!(bench.gone, []);
}

#[test]
fn another_device_number_after_a_reboot_makes_no_new_file() {
    let mut bench = Bench::new("*.jsonl");
    bench.append("a.jsonl", "1\n");
    bench.expect("1\n");
    let key = bench.key_of("a.jsonl");
    bench.stop();
    bench.records.get_mut(&key).unwrap().device += 1;
    bench.start();
    bench.expect_nothing();
    assert_eq!(bench.key_of("a.jsonl"), key);
}

#[test]
fn rewind_reads_again_what_was_not_confirmed() {
    let mut bench = Bench::new("*.jsonl");
    bench.append("a.jsonl", "1\n");
    bench.expect("1\n");
    let confirmed: Vec<Cursor> = bench.cursors.values().copied().collect();
    bench.append("a.jsonl", "2\n");
    bench.expect("2\n");
    bench.append("b.jsonl", "3\n");
    bench.expect("3\n");
    assert_eq!(bench.spool().backlog_bytes("siem"), 0);
    bench.reader().rewind(&confirmed);
    assert_eq!(bench.spool().backlog_bytes("siem"), 4);
    bench.expect("2\n3\n");
    bench.reader().rewind(&[]);
    bench.expect("1\n2\n3\n");
}

#[test]
fn records_follow_a_small_file_as_it_grows() {
    let mut bench = Bench::new("*.jsonl");
    bench.append("a.jsonl", "1\n");
    bench.expect("1\n");
    bench.save();
    let record = bench.records.values().next().unwrap().clone();
    assert_eq!((record.head_bytes, record.head_hash), (2, hash::fnv1a(b"1\n")));
    let more = lines("more", 20);
    bench.append("a.jsonl", &more);
    bench.expect(&more);
    bench.list();
    let changed = bench.spool().changed_records();
    assert_eq!(changed.upserts.len(), 1);
    assert_eq!(changed.upserts[0].key, record.key);
    assert_eq!(changed.upserts[0].head_bytes, 256);
    assert_eq!(bench.spool().changed_records(), Changed::default());
}

#[test]
fn a_start_with_many_files_reads_them_in_order_and_goes_on_where_it_was() {
    const FILES: usize = 1_000;
    let mut bench = Bench::stopped("*.jsonl*", |_| {});
    let begin = SystemTime::now() - Duration::from_secs(90_000);
    let mut expected = String::new();
    for number in 0..FILES {
        // The names are in another order than the times.
        let name = format!("{:04}.jsonl", number * 7 % FILES);
        bench.append(&name, format!("{number}\n"));
        let file = File::options().write(true).open(bench.path(&name)).unwrap();
        file.set_modified(begin + Duration::from_secs(number as u64)).unwrap();
        expected += &format!("{number}\n");
    }
    bench.start();
    let mut half = String::new();
    while bench.cursors.len() < FILES / 2 {
        match bench.read() {
            Some(text) => half += &text,
            None => bench.wait(&half),
        }
    }
    let (first, second) = expected.split_at(half.len());
    assert_eq!(half, first);
    bench.stop();
    bench.start();
    bench.expect(second);
    bench.until_listed();
    bench.expect_nothing();
    bench.save();
    assert_eq!((bench.records.len(), bench.gone.len()), (FILES, 0));
}

#[test]
fn a_file_that_was_rewritten_to_the_same_length_is_noticed_however_many_come_before_it() {
    const FILES: usize = 600;
    let mut bench = Bench::stopped("*.jsonl", |_| {});
    let head = "the same beginning ".repeat(20);
    let content = |number: usize, end: &str| format!("{head}{number:04} {end}\n");
    for number in 0..FILES {
        bench.append(&format!("{number:04}.jsonl"), content(number, "first"));
    }
    bench.start();
    let all: usize = (0..FILES).map(|number| content(number, "first").len()).sum();
    assert_eq!(bench.read_until(all).len(), all);
    bench.stop();
    let last = bench.path("0599.jsonl");
    std::fs::write(&last, content(599, "other")).unwrap();
    bench.start();
    bench.expect(&content(599, "other"));
    bench.until_listed();
    bench.expect_nothing();
}
