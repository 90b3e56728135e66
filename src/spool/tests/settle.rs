//! What becomes of delivered files.

use super::*;

fn disposing(after: impl FnOnce(&Path) -> AfterDelivery) -> Bench {
    let mut bench = Bench::stopped("*.jsonl", |_| {});
    bench.settings.sources[0].after_delivery = after(bench.directory.path());
    bench.start();
    bench
}

#[test]
fn closed_and_confirmed_files_are_deleted() {
    let mut bench = disposing(|_| AfterDelivery::Delete);
    bench.append("a.jsonl", "1\n");
    bench.expect("1\n");
    bench.append("b.jsonl", "2\n");
    bench.expect("2\n");
    bench.settle();
    assert!(bench.exists("a.jsonl"), "it was just written to");
    bench.age("a.jsonl");
    bench.age("b.jsonl");
    bench.list();
    bench.spool().settle(&|_, _| Some(1));
    bench.spool().settle(&|_, _| None);
    assert!(bench.exists("a.jsonl"), "it is not confirmed");
    bench.settle();
    assert!(!bench.exists("a.jsonl"));
    assert!(bench.exists("b.jsonl"), "it is the newest");
    bench.save();
    assert_eq!(bench.gone.len(), 1);
    bench.rename("b.jsonl", "b.jsonl.1");
    bench.list();
    bench.settle();
    assert!(!bench.exists("b.jsonl.1"), "renamed away");
    bench.expect_nothing();
    bench.save();
    assert_eq!((bench.gone.len(), bench.records.len()), (2, 0));
}

#[test]
fn a_file_that_has_grown_unnoticed_is_not_deleted() {
    let mut bench = disposing(|_| AfterDelivery::Delete);
    bench.append("a.jsonl", "1\n");
    bench.append("b.jsonl", "2\n");
    bench.read_until(4);
    bench.age("a.jsonl");
    bench.list();
    // Behind the inventory's back: its lock keeps the watching thread out.
    let mut inventory = bench.spool().shared.lock();
    bench.append("a.jsonl", "unseen\n");
    inventory.settle(&|_, _| Some(2), SystemTime::now());
    drop(inventory);
    assert!(bench.exists("a.jsonl"));
    bench.expect("unseen\n");
}

#[test]
fn closed_and_confirmed_files_are_archived_and_never_overwritten() {
    let mut bench = disposing(|directory| AfterDelivery::Archive(directory.join("done/deep")));
    for round in 0..3 {
        bench.append("a.jsonl", format!("{round}\n"));
        bench.expect(&format!("{round}\n"));
        bench.rename("a.jsonl", "a.old");
        bench.age("a.old");
        bench.list();
        bench.settle();
        assert!(!bench.exists("a.old"));
    }
    for (name, text) in [("a.old", "0\n"), ("a.old.1", "1\n"), ("a.old.2", "2\n")] {
        let path = bench.path("done/deep").join(name);
        assert_eq!(std::fs::read_to_string(path).unwrap(), text);
    }
    bench.expect_nothing();
}

#[test]
fn an_archive_that_cannot_be_made_keeps_the_file() {
    let mut bench = disposing(|directory| AfterDelivery::Archive(directory.join("taken")));
    bench.append("taken", "a file where the archive should be");
    bench.append("a.jsonl", "1\n");
    bench.expect("1\n");
    bench.rename("a.jsonl", "a.1");
    bench.age("a.1");
    bench.list();
    bench.settle();
    assert_eq!(std::fs::read_to_string(bench.path("a.1")).unwrap(), "1\n");
    bench.delete("taken");
    bench.settle();
    assert!(bench.exists("taken/a.1") && !bench.exists("a.1"));
}

#[test]
fn a_compressed_file_is_deleted_once_it_was_read_to_its_end() {
    let mut bench = Bench::stopped("*.gz", |_| {});
    bench.settings.sources[0].after_delivery = AfterDelivery::Delete;
    std::fs::write(bench.path("a.gz"), gzipped(b"1\n2\n")).unwrap();
    bench.append("b.gz", gzipped(b"3\n"));
    bench.age("a.gz");
    bench.start();
    bench.settle();
    assert!(bench.exists("a.gz"));
    bench.expect("1\n2\n3\n");
    bench.settle();
    assert!(!bench.exists("a.gz") && bench.exists("b.gz"));
}

#[test]
fn descriptors_of_settled_files_are_closed() {
    let mut bench = Bench::stopped("*.jsonl", |_| {});
    for number in 0..2 * inventory::OPEN_FILES_MAX {
        let name = format!("{number}.jsonl");
        bench.append(&name, format!("{number}\n"));
        bench.age(&name);
    }
    bench.start();
    let held = |bench: &Bench| {
        let inventory = bench.spool().shared.lock();
        let held = inventory.files.values().filter(|entry| entry.file.is_some()).count();
        assert_eq!(held, inventory.open.len());
        held
    };
    assert_eq!(held(&bench), inventory::OPEN_FILES_MAX);
    assert_eq!(bench.read_all().lines().count(), 2 * inventory::OPEN_FILES_MAX);
    assert_eq!(held(&bench), inventory::OPEN_FILES_MAX);
    bench.settle();
    assert_eq!(held(&bench), 0);
    bench.append("0.jsonl", "more\n");
    bench.expect("more\n");
}

#[test]
fn the_spool_is_no_archive() {
    let mut settings = Bench::stopped("*.jsonl", |_| {}).settings;
    settings.sources[0].path = "/spool/*.jsonl".to_owned();
    settings.sources[0].after_delivery = AfterDelivery::Archive(PathBuf::from("/spool"));
    let error = Spool::open(settings, Vec::new()).unwrap_err();
    assert!(matches!(error, SpoolError::ArchiveIsSpool { .. }));
}
