//! Recording, flushing, reopening, locking.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use super::*;
use crate::checkpoint::CheckpointError;
use crate::checkpoint::state::{Change, State};

#[test]
fn what_was_recorded_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let (checkpoint, restored) = open(dir.path());
    assert!(restored.files.is_empty() && restored.destinations.is_empty());
    assert_eq!(restored.notice, None);
    checkpoint.record_files(vec![file(1), file(2)], vec![]);
    checkpoint.record("qradar", progress(vec![cursor(1, 10), cursor(2, 20)], 3));
    checkpoint.record("qradar", progress(vec![cursor(1, 11)], 4));
    checkpoint.record("arcsight", progress(vec![cursor(2, 5)], 1));
    // The last handle commits what was recorded.
    drop(checkpoint);

    let (checkpoint, restored) = open(dir.path());
    assert_eq!(restored.notice, None);
    assert_eq!(restored.files, [file(1), file(2)]);
    let qradar = &restored.destinations["qradar"];
    assert_eq!(qradar.cursors, [cursor(1, 11), cursor(2, 20)]);
    assert_eq!((qradar.ledger.read, qradar.sequence), (4, 4));
    assert_eq!(offset(&restored, "arcsight", 2), Some(5));
    assert_eq!(checkpoint.durable_offset("qradar", FileKey(1)), Some(11));
    assert_eq!(checkpoint.durable_offset("qradar", FileKey(9)), None);
    assert_eq!(checkpoint.durable_offset("nobody", FileKey(1)), None);
}

#[test]
fn an_offset_is_durable_after_the_flush_and_may_go_back() {
    let dir = tempfile::tempdir().unwrap();
    let checkpoint = open_lazy(dir.path());
    checkpoint.record_files(vec![file(1)], vec![]);
    checkpoint.record("qradar", progress(vec![cursor(1, 100)], 1));
    assert_eq!(checkpoint.durable_offset("qradar", FileKey(1)), None);
    checkpoint.flush().unwrap();
    assert_eq!(checkpoint.durable_offset("qradar", FileKey(1)), Some(100));
    // A file that was truncated begins again.
    checkpoint.record("qradar", progress(vec![cursor(1, 7)], 2));
    checkpoint.flush().unwrap();
    assert_eq!(checkpoint.durable_offset("qradar", FileKey(1)), Some(7));
    assert_eq!(checkpoint.trouble(), None);
}

#[test]
fn commits_happen_by_themselves() {
    let dir = tempfile::tempdir().unwrap();
    let (checkpoint, _) = open(dir.path());
    checkpoint.record("qradar", progress(vec![cursor(1, 100)], 1));
    let deadline = Instant::now() + Duration::from_secs(20);
    while checkpoint.durable_offset("qradar", FileKey(1)) != Some(100) {
        assert!(Instant::now() < deadline, "nothing was committed without a flush");
        std::thread::yield_now();
    }
}

#[test]
fn files_that_are_gone_take_their_cursors_with_them() {
    let dir = tempfile::tempdir().unwrap();
    let (checkpoint, _) = open(dir.path());
    checkpoint.record_files(vec![file(1), file(2)], vec![]);
    checkpoint.record("qradar", progress(vec![cursor(1, 10), cursor(2, 20)], 1));
    checkpoint.flush().unwrap();
    checkpoint.record_files(vec![], vec![FileKey(1)]);
    checkpoint.flush().unwrap();
    assert_eq!(checkpoint.durable_offset("qradar", FileKey(1)), None);
    // A cursor that comes late is not written for ever.
    checkpoint.record("qradar", progress(vec![cursor(1, 11)], 2));
    checkpoint.flush().unwrap();
    assert_eq!(checkpoint.durable_offset("qradar", FileKey(1)), None);
    drop(checkpoint);
    let (checkpoint, restored) = open(dir.path());
    assert_eq!(restored.files, [file(2)]);
    assert_eq!(restored.destinations["qradar"].cursors, [cursor(2, 20)]);
    assert_eq!(restored.notice, None);
    // A file that is seen again is known again.
    checkpoint.record_files(vec![file(1)], vec![]);
    checkpoint.record("qradar", progress(vec![cursor(1, 12)], 3));
    checkpoint.flush().unwrap();
    assert_eq!(checkpoint.durable_offset("qradar", FileKey(1)), Some(12));
}

#[test]
fn the_last_4096_files_that_went_are_remembered() {
    let mut state = State::default();
    let mut apply = |upserts: Vec<u64>, gone: Vec<u64>, cursors: Vec<u64>| {
        let mut change = Change::default();
        let upserts = upserts.into_iter().map(file).collect();
        change.record_files(upserts, gone.into_iter().map(FileKey).collect());
        let cursors = cursors.into_iter().map(|key| cursor(key, 1)).collect();
        change.record("qradar", progress(cursors, 1));
        state.apply(change);
        let cursors = state.destinations["qradar"].cursors.keys();
        cursors.map(|file| file.0).collect::<Vec<_>>()
    };
    apply((0..5000).collect(), vec![], vec![]);
    apply(vec![], (0..5000).collect(), vec![]);
    let remembered = 5000 - 4096;
    let first: Vec<u64> = (0..remembered).collect();
    assert_eq!(apply(vec![], vec![], (0..5000).collect()), first);
    // One that went again went last; one that came again is no longer gone.
    let first: Vec<u64> = (1..remembered).collect();
    assert_eq!(apply(vec![], vec![0, remembered], vec![0, remembered]), first);
    let with_last: Vec<u64> = first.into_iter().chain([remembered + 1, 4999]).collect();
    assert_eq!(apply(vec![4999], vec![], vec![remembered, remembered + 1, 4999]), with_last);
}

#[test]
fn the_directory_belongs_to_one_process() {
    let dir = tempfile::tempdir().unwrap();
    let (checkpoint, _) = open(dir.path());
    let handle = checkpoint.clone();
    drop(checkpoint);
    let settings = Settings { dir: dir.path().to_owned(), interval: Duration::from_secs(1) };
    let refused = Checkpoint::open(settings).expect_err("the lock is held");
    let text = refused.to_string();
    assert!(matches!(refused, CheckpointError::Locked { .. }), "{text}");
    assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
    assert!(text.contains(&dir.path().display().to_string()), "{text}");
    drop(handle);
    open(dir.path());
}

#[test]
fn a_directory_is_made_for_this_user_alone() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("var/lib/spoolgate");
    drop(open(&state));
    assert_eq!(state.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    let text = state.join("checkpoint.txt");
    assert_eq!(text.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_directory_that_cannot_be_made_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a file");
    std::fs::write(&path, "").unwrap();
    let settings = Settings { dir: path.join("state"), interval: Duration::from_secs(1) };
    let refused = Checkpoint::open(settings).expect_err("a file is no directory");
    assert!(matches!(refused, CheckpointError::Directory { .. }), "{refused}");
    assert!(refused.to_string().contains("[state] dir"), "{refused}");
}

#[test]
fn many_threads_record_and_flush() {
    let dir = tempfile::tempdir().unwrap();
    let (checkpoint, _) = open(dir.path());
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let checkpoint = checkpoint.clone();
            scope.spawn(move || {
                let name = format!("destination-{thread}");
                for count in 1..=50 {
                    checkpoint.record(&name, progress(vec![cursor(thread, count * 10)], count));
                    if count % 10 == 0 {
                        checkpoint.flush().unwrap();
                        let durable = checkpoint.durable_offset(&name, FileKey(thread));
                        assert_eq!(durable, Some(count * 10));
                    }
                }
            });
        }
    });
    drop(checkpoint);
    let (_, restored) = open(dir.path());
    for thread in 0..4 {
        assert_eq!(offset(&restored, &format!("destination-{thread}"), thread), Some(500));
    }
}

#[test]
fn only_the_stores_threads_may_panic() {
    fn check(name: &str, contained: bool) {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(|| {}).unwrap();
        assert_eq!(crate::checkpoint::contains_panics_of(thread.thread()), contained, "{name}");
        thread.join().unwrap();
    }
    check("checkpoint-sled", true);
    check("sled-io-3", true);
    check("checkpoint", false);
    check("destination-qradar", false);
}
