//! The table in restore.rs, row by row.

use std::fs;

use super::*;
use crate::checkpoint::schema::{self, Place};
use crate::checkpoint::state::State;
use crate::checkpoint::store::Store;
use crate::checkpoint::{directory, text_copy};

/// A directory whose store and text copy both hold 100.
fn prepared() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let (checkpoint, _) = open(dir.path());
    checkpoint.record_files(vec![file(1)], vec![]);
    checkpoint.record("qradar", progress(vec![cursor(1, 100)], 1));
    drop(checkpoint);
    dir
}

fn set_aside(dir: &Path, name: &str) -> usize {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|found| found.to_str().unwrap().starts_with(&format!("{name}.corrupt-"))).count()
}

/// Opens a directory after `spoil`: what notice comes, with which offset, and what is set aside;
/// and that the start after it finds everything in order.
#[track_caller]
fn check(spoil: fn(&Path), code: Option<&str>, begun: Option<u64>, aside: (usize, usize)) {
    let dir = prepared();
    spoil(dir.path());
    let (checkpoint, restored) = open(dir.path());
    assert_eq!(restored.notice.as_ref().map(|notice| notice.code), code, "{:?}", restored.notice);
    assert_eq!(offset(&restored, "qradar", 1), begun);
    assert_eq!(checkpoint.durable_offset("qradar", FileKey(1)), begun);
    let found = (set_aside(dir.path(), "db"), set_aside(dir.path(), "checkpoint.txt"));
    assert_eq!(found, aside);
    assert_eq!(checkpoint.trouble(), None);
    checkpoint.record("qradar", progress(vec![cursor(1, 200)], 2));
    checkpoint.flush().unwrap();
    drop(checkpoint);
    assert!(!directory::opening_path(dir.path()).exists());

    let (_, restored) = open(dir.path());
    assert_eq!(restored.notice, None);
    assert_eq!(offset(&restored, "qradar", 1), Some(200));
}

fn destroy_store(dir: &Path) {
    for number in directory::store_numbers(dir).unwrap() {
        fs::write(directory::store_path(dir, number).join("db"), vec![0x5a; 5000]).unwrap();
    }
}

fn destroy_text(dir: &Path) {
    fs::write(text_copy::path(dir), "spoolgate-checkpoint 1\ngenerati").unwrap();
}

fn remove_text(dir: &Path) {
    fs::remove_file(text_copy::path(dir)).unwrap();
}

fn remove_store(dir: &Path) {
    fs::remove_dir_all(directory::stores_path(dir)).unwrap();
}

#[test]
fn a_whole_store_is_used() {
    check(|_| {}, None, Some(100), (0, 0));
    check(remove_text, None, Some(100), (0, 0));
    check(destroy_text, Some("text_copy_damaged"), Some(100), (0, 1));
}

#[test]
fn the_text_copy_stands_in_for_the_store() {
    check(remove_store, Some("state_restored"), Some(100), (0, 0));
    check(destroy_store, Some("state_restored"), Some(100), (1, 0));
}

#[test]
fn with_both_lost_the_spool_is_replayed() {
    let lost = Some("state_lost");
    check(|dir| (destroy_store(dir), destroy_text(dir)).0, lost, None, (1, 1));
    check(|dir| (destroy_store(dir), remove_text(dir)).0, lost, None, (1, 0));
    check(|dir| (remove_store(dir), destroy_text(dir)).0, lost, None, (0, 1));
    check(|dir| (remove_store(dir), remove_text(dir)).0, None, None, (0, 0));
}

#[test]
fn the_newer_copy_counts() {
    check(
        |dir| {
            // A store that lost its last commits and says nothing of it.
            let text = fs::read(text_copy::path(dir)).unwrap();
            let mut newer = text_copy::parse(&text, None).unwrap();
            newer.generation += 1;
            let destination = newer.destinations.get_mut("qradar").unwrap();
            destination.cursors.insert(FileKey(1), cursor(1, 150));
            text_copy::write(dir, &newer).unwrap();
        },
        Some("state_restored"),
        Some(150),
        (1, 0),
    );
    check(
        |dir| {
            let text = fs::read(text_copy::path(dir)).unwrap();
            let mut older = text_copy::parse(&text, None).unwrap();
            older.generation -= 1;
            older.destinations.clear();
            text_copy::write(dir, &older).unwrap();
        },
        None,
        Some(100),
        (0, 0),
    );
}

/// Writes a key and value of another version into the store, beneath the seal.
fn newer_entry(dir: &Path) {
    let number = directory::store_numbers(dir).unwrap()[0];
    let (mut store, _) = Store::open(&directory::store_path(dir, number)).unwrap();
    let mut value = schema::files([file(5)].iter()).unwrap();
    value[0] = 2;
    store.commit(vec![(schema::key(&Place::Files(0)), Some(value))]).unwrap();
    store.close();
}

#[test]
fn a_later_version_is_set_aside() {
    check(newer_entry, Some("state_restored"), Some(100), (1, 0));
    let dir = prepared();
    newer_entry(dir.path());
    let (_, restored) = open(dir.path());
    let text = restored.notice.unwrap().text;
    assert!(text.contains("version 2"), "{text}");
}

#[test]
fn a_start_that_died_while_reading_is_not_repeated() {
    // The store is whole, but it may be what killed the last start.
    check(
        |dir| fs::write(directory::opening_path(dir), "").unwrap(),
        Some("state_restored"),
        Some(100),
        (1, 0),
    );
    // With nothing to read, the mark means nothing, and is not left for the next start.
    let dir = tempfile::tempdir().unwrap();
    fs::write(directory::opening_path(dir.path()), "").unwrap();
    for _ in 0..2 {
        let (_, restored) = open(dir.path());
        assert_eq!(restored.notice, None);
    }
}

#[test]
fn a_new_store_that_was_not_finished_is_passed_over() {
    // The program died while it built a new one: before the first commit, and after it.
    check(
        |dir| {
            let (store, _) = Store::open(&directory::store_path(dir, 7)).unwrap();
            store.close();
        },
        None,
        Some(100),
        (0, 0),
    );
    check(
        |dir| {
            let text = fs::read(text_copy::path(dir)).unwrap();
            let mut state = text_copy::parse(&text, None).unwrap();
            let (mut store, _) = Store::open(&directory::store_path(dir, 7)).unwrap();
            store.commit(state.export()).unwrap();
            store.close();
        },
        None,
        Some(100),
        (0, 0),
    );
    // It died in the very first start, which writes the text copy first.
    let dir = tempfile::tempdir().unwrap();
    text_copy::write(dir.path(), &State::default()).unwrap();
    let (store, _) = Store::open(&directory::store_path(dir.path(), 1)).unwrap();
    store.close();
    let (_, restored) = open(dir.path());
    assert_eq!(restored.notice, None);
    assert_eq!(set_aside(dir.path(), "db"), 0);
}

#[test]
fn old_stores_are_removed() {
    let dir = prepared();
    let mut state = State::default();
    let (mut store, _) = Store::open(&directory::store_path(dir.path(), 9)).unwrap();
    state.generation = 1000;
    store.commit(state.export()).unwrap();
    store.close();
    drop(open(dir.path()));
    assert_eq!(directory::store_numbers(dir.path()).unwrap(), [9]);
}

#[test]
fn at_most_three_are_kept_aside() {
    let dir = prepared();
    for _ in 0..5 {
        destroy_store(dir.path());
        let (_, restored) = open(dir.path());
        assert_eq!(offset(&restored, "qradar", 1), Some(100));
    }
    assert_eq!(set_aside(dir.path(), "db"), 3);
}

#[test]
fn a_store_that_vanishes_is_made_anew() {
    let dir = prepared();
    let checkpoint = open_lazy(dir.path());
    fs::remove_dir_all(directory::stores_path(dir.path())).unwrap();
    checkpoint.record("qradar", progress(vec![cursor(1, 150)], 2));
    // The text copy alone makes it durable, and the trouble says so.
    checkpoint.flush().unwrap();
    assert_eq!(checkpoint.durable_offset("qradar", FileKey(1)), Some(150));
    let trouble = checkpoint.trouble().expect("one copy is missing");
    assert!(trouble.text.contains("one copy of two"), "{trouble}");
    // The next commit makes a new one, from what is in memory.
    checkpoint.flush().unwrap();
    assert_eq!(checkpoint.trouble(), None);
    drop(checkpoint);
    remove_text(dir.path());
    let (_, restored) = open(dir.path());
    assert_eq!(restored.notice, None);
    assert_eq!(offset(&restored, "qradar", 1), Some(150));
}

#[test]
fn a_store_that_is_still_locked_is_waited_for() {
    let dir = prepared();
    let number = directory::store_numbers(dir.path()).unwrap()[0];
    let path = directory::store_path(dir.path(), number);
    let log = fs::File::open(path.join("db")).unwrap();
    log.lock().unwrap();
    let begin = std::time::Instant::now();
    let opening = std::thread::spawn(move || Store::open(&path).map(|(store, _)| store.close()));
    std::thread::sleep(Duration::from_millis(50));
    drop(log);
    opening.join().unwrap().unwrap();
    assert!(begin.elapsed() < Duration::from_secs(5), "it was waited for by a late timer");
}
