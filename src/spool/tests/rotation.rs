//! Files that move, vanish or are rewritten under a running reader.

use super::*;

#[test]
fn rotation_by_rename_finishes_the_old_file_first() {
    let mut bench = Bench::new("*.jsonl");
    bench.append("a.jsonl", "1\n");
    bench.expect("1\n");
    let key = bench.key_of("a.jsonl");
    bench.append("a.jsonl", "2\n");
    bench.rename("a.jsonl", "a.jsonl.1");
    bench.append("a.jsonl", "3\n");
    bench.append("a.jsonl.1", "late\n");
    bench.list();
    bench.expect("2\nlate\n3\n");
    assert_eq!(bench.key_of("a.jsonl.1"), key);
    assert_ne!(bench.key_of("a.jsonl"), key);
    bench.expect_nothing();
}

#[test]
fn a_chain_of_rotations_is_followed() {
    let mut bench = Bench::new("*.jsonl");
    bench.append("a.jsonl", "1\n");
    bench.expect("1\n");
    for number in 2..9 {
        bench.append("a.jsonl", format!("{number}a\n"));
        for old in (1..number).rev() {
            if bench.exists(&format!("a.jsonl.{old}")) {
                bench.rename(&format!("a.jsonl.{old}"), &format!("a.jsonl.{}", old + 1));
            }
        }
        bench.rename("a.jsonl", "a.jsonl.1");
        bench.append("a.jsonl", format!("{number}b\n"));
        bench.expect(&format!("{number}a\n{number}b\n"));
    }
    bench.expect_nothing();
}

#[test]
fn a_file_moved_to_another_directory_is_read_to_its_end() {
    let mut bench = Bench::new("*.jsonl");
    let elsewhere = tempfile::tempdir_in(bench.directory.path()).unwrap();
    bench.append("a.jsonl", "1\n");
    bench.expect("1\n");
    bench.append("a.jsonl", "2\n");
    bench.list();
    std::fs::rename(bench.path("a.jsonl"), elsewhere.path().join("a.jsonl")).unwrap();
    bench.list();
    bench.list();
    bench.list();
    bench.expect("2\n");
}

#[test]
fn copytruncate_begins_anew_under_a_new_key() {
    let mut bench = Bench::new("*.jsonl");
    bench.append("a.jsonl", "one\ntwo\n");
    bench.expect("one\ntwo\n");
    let key = bench.key_of("a.jsonl");
    std::fs::copy(bench.path("a.jsonl"), bench.path("a.jsonl.1")).unwrap();
    File::create(bench.path("a.jsonl")).unwrap();
    bench.append("a.jsonl", "x\n");
    bench.expect("x\n");
    bench.save();
    assert_eq!(bench.gone, [key]);
    bench.expect_nothing();
}

#[test]
fn copytruncate_is_noticed_when_the_file_has_outgrown_the_old_place() {
    let mut bench = Bench::with("*.jsonl", |settings| settings.poll_interval = NO_POLL);
    // The same head of more than 256 bytes: only the bytes before the cursor differ.
    let head = format!("{}\n", "h".repeat(300));
    bench.append("a.jsonl", format!("{head}old\n"));
    let all = format!("{head}old\n");
    bench.expect(&all);
    let new = format!("{head}{}", lines("new", 50));
    std::fs::write(bench.path("a.jsonl"), &new).unwrap();
    bench.expect(&new);
    bench.expect_nothing();
}

#[test]
fn a_rewrite_of_the_same_length_is_noticed_by_its_head() {
    let mut bench = Bench::new("*.jsonl");
    bench.append("a.jsonl", "one\n");
    bench.expect("one\n");
    std::fs::write(bench.path("a.jsonl"), "two\n").unwrap();
    bench.expect("two\n");
    bench.expect_nothing();
}

#[test]
fn a_truncation_while_stopped_is_noticed_by_the_tail() {
    let mut bench = Bench::new("*.jsonl");
    let head = format!("{}\n", "h".repeat(300));
    bench.append("a.jsonl", format!("{head}old\n"));
    bench.read_until(head.len() + 4);
    bench.stop();
    let new = format!("{head}new\n");
    std::fs::write(bench.path("a.jsonl"), &new).unwrap();
    bench.start();
    bench.expect(&new);
}

#[test]
fn an_inode_that_is_used_again_is_a_new_file() {
    let mut bench = Bench::new("*.jsonl");
    bench.append("a.jsonl", "first file\n");
    bench.expect("first file\n");
    let key = bench.key_of("a.jsonl");
    bench.stop();
    // Another file with that inode, which the file system may or may not give: the record says so.
    bench.delete("a.jsonl");
    bench.append("b.jsonl", "other file, longer\n");
    let status = probe::status(&bench.path("b.jsonl")).unwrap();
    let record = bench.records.get_mut(&key).unwrap();
    (record.device, record.inode) = (status.device, status.inode);
    bench.start();
    bench.expect("other file, longer\n");
    assert_ne!(bench.key_of("b.jsonl"), key);
    bench.list();
    bench.save();
    assert_eq!(bench.gone, [key]);
}

#[test]
fn a_deleted_file_is_read_to_its_end_and_then_forgotten() {
    let mut bench = Bench::new("*.jsonl");
    bench.append("a.jsonl", "1\n");
    bench.expect("1\n");
    bench.append("a.jsonl", "2\n3 unfinished");
    bench.list();
    let writer = OpenOptions::new().append(true).open(bench.path("a.jsonl")).unwrap();
    bench.delete("a.jsonl");
    for _ in 0..3 {
        bench.list();
    }
    bench.expect("2\n");
    // Whoever has it open may still write.
    (&writer).write_all(b" but now\n4").unwrap();
    bench.list();
    bench.expect("3 unfinished but now\n");
    bench.settle();
    bench.save();
    assert_eq!(bench.gone, []);
    age(&writer);
    bench.list();
    assert!(bench.read_all().contains("last line has no newline"));
    bench.settle();
    bench.save();
    assert_eq!(bench.gone.len(), 1);
    assert!(bench.spool().shared.lock().files.is_empty());
}

#[test]
fn a_link_to_a_file_is_followed_and_a_second_name_is_not_a_second_file() {
    let mut bench = Bench::new("*.jsonl");
    let elsewhere = tempfile::tempdir().unwrap();
    let target = elsewhere.path().join("real");
    std::fs::write(&target, "1\n").unwrap();
    std::os::unix::fs::symlink(&target, bench.path("link.jsonl")).unwrap();
    bench.expect("1\n");
    bench.append("a.jsonl", "2\n");
    bench.expect("2\n");
    std::fs::hard_link(bench.path("a.jsonl"), bench.path("b.jsonl")).unwrap();
    bench.expect_nothing();
    bench.delete("a.jsonl");
    bench.append("b.jsonl", "3\n");
    bench.list();
    bench.expect("3\n");
}

#[test]
fn what_is_no_regular_file_is_passed_over() {
    let mut bench = Bench::stopped("*", |_| {});
    nix::unistd::mkfifo(&bench.path("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    std::fs::create_dir(bench.path("directory")).unwrap();
    std::os::unix::fs::symlink(bench.path("nowhere"), bench.path("dangling")).unwrap();
    std::os::unix::fs::symlink(bench.path("loop"), bench.path("loop")).unwrap();
    bench.append(".hidden", "no\n");
    bench.append("a", "1\n");
    bench.start();
    bench.expect("1\n");
    bench.expect_nothing();
    assert_eq!(bench.spool().shared.lock().files.len(), 1);
    assert_eq!(bench.spool().shared.lock().directories[0].warned.len(), 2);
}
