//! The directory stays small, and an idle program sleeps.

use std::fs;
use std::time::Instant;

use super::*;
use crate::checkpoint::keeper::Keeper;
use crate::checkpoint::restore::restore;
use crate::checkpoint::state::Change;
use crate::checkpoint::{directory, text_copy};

fn bytes_of(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| {
            let metadata = entry.metadata().unwrap();
            if metadata.is_dir() { bytes_of(&entry.path()) } else { metadata.len() }
        })
        .sum()
}

#[test]
fn the_store_is_built_anew_when_it_has_grown() {
    // In memory: a real disk would take a minute to sync so often. The bound is 2 MiB in tests.
    let dir = tempfile::tempdir_in("/dev/shm").unwrap();
    let mut keeper = Keeper::new(dir.path().to_owned(), restore(dir.path()));
    let mut change = Change::default();
    change.record_files((0..40).map(file).collect(), vec![]);
    assert!(keeper.commit(change, true).durable);
    let mut largest = 0;
    for commit in 1..=3000_u64 {
        let mut change = Change::default();
        let cursors = (0..10).map(|n| cursor((commit + n) % 40, commit)).collect();
        change.record("qradar", progress(cursors, commit));
        let committed = keeper.commit(change, false);
        assert!(committed.durable);
        assert_eq!(committed.trouble, None);
        if commit % 100 == 0 {
            largest = largest.max(bytes_of(dir.path()));
        }
    }
    keeper.close();
    let numbers = directory::store_numbers(dir.path()).unwrap();
    assert!(numbers.len() == 1 && numbers[0] > 1, "it was never built anew: {numbers:?}");
    assert!(largest < 4 << 20, "the directory grew to {largest} bytes");
    let restored = restore(dir.path());
    assert_eq!(restored.notice, None);
    // The last commit moved files 0 to 9: 3000 is a multiple of 40.
    assert_eq!(restored.state.cursor("qradar", FileKey(3)), Some(cursor(3, 3000)));
    assert_eq!(restored.state.cursor("qradar", FileKey(12)), Some(cursor(12, 2972)));
}

#[test]
fn a_large_text_copy_is_not_written_with_every_commit() {
    let dir = tempfile::tempdir().unwrap();
    let mut keeper = Keeper::new(dir.path().to_owned(), restore(dir.path()));
    let mut change = Change::default();
    change.record_files((0..2000).map(file).collect(), vec![]);
    let generation = || text_copy::read(dir.path(), None).unwrap().unwrap().generation;
    keeper.commit(change, false);
    assert_eq!(generation(), 1);
    let mut change = Change::default();
    change.record("qradar", progress(vec![cursor(1, 1)], 1));
    let committed = keeper.commit(change, false);
    assert!(committed.durable && committed.text_due.is_some_and(|due| due > Instant::now()));
    assert_eq!(generation(), 1);
    let committed = keeper.commit(Change::default(), true);
    assert!(committed.durable && committed.text_due.is_none());
    assert_eq!(generation(), 2);
    keeper.close();
}

const VARIABLE: &str = "SPOOLGATE_TEST_IDLE_DIR";

/// How often the threads of that name have gone to sleep so far.
fn sleeps(name: &str) -> u64 {
    let tasks = fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
    let named = tasks.filter(|task| fs::read_to_string(task.join("comm")).unwrap().trim() == name);
    named
        .map(|task| {
            let status = fs::read_to_string(task.join("status")).unwrap();
            let switches =
                status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            switches.unwrap().trim().parse::<u64>().unwrap()
        })
        .sum()
}

/// The child, which has these threads for itself. It must wait a while to see that nothing happens.
#[test]
fn sleeps_when_idle() {
    let Some(dir) = std::env::var_os(VARIABLE).map(PathBuf::from) else { return };
    let (checkpoint, _) = open(&dir);
    checkpoint.record("qradar", progress(vec![cursor(1, 1)], 1));
    checkpoint.flush().unwrap();
    let settled = || {
        let before = (sleeps("checkpoint"), sleeps("checkpoint-sled"));
        let written = fs::metadata(text_copy::path(&dir)).unwrap().modified().unwrap();
        std::thread::sleep(Duration::from_millis(300));
        let after = (sleeps("checkpoint"), sleeps("checkpoint-sled"));
        written == fs::metadata(text_copy::path(&dir)).unwrap().modified().unwrap()
            && before == after
    };
    // With an interval of 1 ms a thread that polls would be seen hundreds of times. The first look
    // may still see the end of the flush.
    assert!(settled() || settled(), "an idle checkpoint is awake");
}

#[test]
fn an_idle_checkpoint_is_not_woken() {
    let dir = tempfile::tempdir().unwrap();
    let output = child("growth::sleeps_when_idle", VARIABLE, dir.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
