//! The layout in the store, and the seal.

use std::collections::BTreeMap;

use super::*;
use crate::checkpoint::error::Flaw;
use crate::checkpoint::schema::{self, Entry, Place, Seal};
use crate::checkpoint::state::{Change, State, Write};

/// A file's key in that bucket.
fn key(bucket: u8, number: u64) -> u64 {
    u64::from(bucket) << 56 | number
}

fn files(records: &[FileRecord]) -> Vec<u8> {
    schema::files(records.iter()).unwrap()
}

fn cursors(cursors: &[Cursor]) -> Vec<u8> {
    schema::cursors(cursors.iter()).unwrap()
}

#[test]
fn entries_come_back() {
    fn check(place: &Place, value: &[u8], entry: Entry) {
        assert_eq!(schema::decode(&schema::key(place), value).unwrap(), entry);
    }
    for bucket in [0, 7, 255] {
        let records = vec![file(key(bucket, 1)), file(key(bucket, 9))];
        check(&Place::Files(bucket), &files(&records), Entry::Files(bucket, records));
    }
    let ledger = schema::ledger([1, 2, 3, 4, 5, 6, u64::MAX]);
    let name = "qradar-é".to_owned();
    check(
        &Place::Account(name.clone()),
        &schema::account(&ledger, 9),
        Entry::Account { name, ledger, sequence: 9 },
    );
    for name in ["", "qradar", "a name with spaces"] {
        let held = vec![cursor(key(3, 3), u64::MAX), cursor(key(3, 4), 0)];
        let place = Place::Cursors(name.to_owned(), 3);
        check(&place, &cursors(&held), Entry::Cursors(name.to_owned(), 3, held));
    }
    let seal = Seal { generation: 1, entries: 2, digest: 3 };
    let (sealed, value) = schema::seal(&seal);
    assert_eq!(schema::decode(&sealed, &value).unwrap(), Entry::Seal(seal));
    assert_eq!(schema::files([].iter()), None);
    assert_eq!(schema::cursors([].iter()), None);
}

#[test]
fn the_layout_is_what_is_documented() {
    assert_eq!(schema::key(&Place::Cursors("ab".to_owned(), 4)), b"c\0\x02ab\x04");
    assert_eq!(schema::key(&Place::Files(4)), b"f\x04");
    assert_eq!(schema::key(&Place::Account("ab".to_owned())), b"dab");
    let held = [1, 5].map(|n| Cursor { file: FileKey(key(4, n)), offset: 2, tail_hash: 3 });
    let one = b"\x04\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x03";
    let other = b"\x04\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x03";
    assert_eq!(cursors(&held), [b"\x01".as_slice(), one, other].concat());
    let record = FileRecord {
        key: FileKey(key(4, 1)),
        device: 2,
        inode: 3,
        head_bytes: 4,
        head_hash: 5,
        path: PathBuf::from("/a"),
    };
    let fields = b"\x04\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x03";
    let behind = b"\0\0\0\x04\0\0\0\0\0\0\0\x05\0\x02/a";
    assert_eq!(files(&[record]), [b"\x01".as_slice(), fields, behind].concat());
}

#[test]
fn foreign_entries_are_refused() {
    fn check(key: &[u8], value: &[u8], newer: bool) {
        let flaw = schema::decode(key, value).expect_err("it is no entry");
        assert_eq!(matches!(flaw, Flaw::Newer { version: 2 }), newer, "{flaw}");
    }
    fn check_all(key: &[u8], value: &[u8]) {
        check(key, b"", false);
        check(key, b"\x01", false);
        check(key, &value[..value.len() - 1], false);
        check(key, &[value, b"x"].concat(), false);
        check(b"x", value, false);
        check(b"", value, false);
        check(&key[..1], value, false);
        // Of another bucket.
        check(&[&key[..key.len() - 1], &[1]].concat(), value, false);
        check(key, &[&[0], &value[1..]].concat(), false);
        check(key, &[&[2], &value[1..]].concat(), true);
    }
    let place = Place::Cursors("qradar".to_owned(), 0);
    check_all(&schema::key(&place), &cursors(&[cursor(1, 2), cursor(3, 4)]));
    check(&schema::key(&place), &cursors(&[cursor(3, 4), cursor(1, 2)]), false);
    check(&schema::key(&place), &cursors(&[cursor(1, 2), cursor(1, 4)]), false);
    check_all(&schema::key(&Place::Files(0)), &files(&[file(1), file(2)]));
    check(&schema::key(&Place::Files(0)), &files(&[file(2), file(1)]), false);
}

#[test]
fn a_path_that_is_too_long_is_cut() {
    let long = |length| FileRecord { path: "x".repeat(length).into(), ..file(1) };
    for (length, kept) in [(65_534, 65_534), (65_535, 65_535), (65_536, 65_535), (90_000, 65_535)] {
        let mut state = State::default();
        let mut store = BTreeMap::new();
        let mut change = Change::default();
        change.record_files(vec![file(0), long(length), file(2)], vec![]);
        obey(&mut store, state.apply(change));
        let read = State::from_entries(store).expect("the seal fits");
        let records: Vec<FileRecord> = read.files.into_values().collect();
        assert_eq!(records, [file(0), long(kept), file(2)]);
    }
}

/// What a store that obeys its writes would hold.
fn obey(store: &mut BTreeMap<Vec<u8>, Vec<u8>>, writes: Vec<Write>) {
    for (key, value) in writes {
        match value {
            Some(value) => store.insert(key, value),
            None => store.remove(&key),
        };
    }
}

/// A random change of a small world in two buckets, so that files come, go and come again.
pub(in crate::checkpoint) fn random_change(random: &mut fastrand::Rng) -> Change {
    let mut change = Change::default();
    for _ in 0..random.usize(1..6) {
        let key = random.u64(0..6).rotate_right(1);
        match random.u8(0..8) {
            0 => change.record_files(vec![], vec![FileKey(key)]),
            1 => change.record_files(vec![file(key)], vec![]),
            2 => {
                let head_bytes = random.u32(..3);
                change.record_files(vec![FileRecord { head_bytes, ..file(key) }], vec![]);
            }
            _ => {
                let count = random.u64(0..3);
                let cursors = (0..count).map(|n| cursor(key + n, random.u64(..4))).collect();
                let name = ["qradar", "arcsight", "x"][random.usize(..3)];
                change.record(name, progress(cursors, random.u64(..4)));
            }
        }
    }
    change
}

#[test]
fn the_seal_holds_through_any_history() {
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..50 {
        let mut state = State::default();
        let mut store = BTreeMap::new();
        for _ in 0..40 {
            obey(&mut store, state.apply(random_change(&mut random)));
            let read = State::from_entries(store.clone()).expect("the seal fits");
            assert_eq!(read.generation, state.generation);
            assert_eq!(read.files, state.files);
            assert_eq!(read.destinations, state.destinations);
            // An export of it all is the same as the sum of the changes.
            let mut exported = BTreeMap::new();
            obey(&mut exported, state.clone().export());
            assert_eq!(exported, store);
        }
    }
}

#[test]
fn the_seal_notices_what_is_missing_or_stale() {
    let mut state = State::default();
    let mut store = BTreeMap::new();
    let mut change = Change::default();
    change.record_files(vec![file(1)], vec![]);
    change.record("qradar", progress(vec![cursor(1, 10)], 1));
    obey(&mut store, state.apply(change));
    let older = store.clone();
    let mut change = Change::default();
    change.record("qradar", progress(vec![cursor(1, 20)], 2));
    obey(&mut store, state.apply(change));

    let seal = schema::seal(&Seal { generation: 0, entries: 0, digest: 0 }).0;
    for key in store.keys() {
        let mut damaged = store.clone();
        damaged.remove(key);
        let flaw = State::from_entries(damaged).expect_err("an entry is missing");
        assert_eq!(matches!(flaw, Flaw::Unfinished), *key == seal, "{flaw}");
    }
    for (key, stale) in older.iter().filter(|(key, stale)| store[*key] != **stale) {
        let mut damaged = store.clone();
        damaged.insert(key.clone(), stale.clone());
        let flaw = State::from_entries(damaged).expect_err("an entry is stale");
        assert!(matches!(flaw, Flaw::Damaged { .. }), "{flaw}");
    }
}

#[test]
fn an_altered_record_in_a_bucket_is_noticed() {
    let mut state = State::default();
    let mut store = BTreeMap::new();
    let mut change = Change::default();
    change.record_files((0..3).map(file).collect(), vec![]);
    change.record("qradar", progress((0..3).map(|key| cursor(key, 10)).collect(), 1));
    obey(&mut store, state.apply(change));
    for (key, value) in &store {
        // The version apart: another one says of itself what it is.
        for index in 1..value.len() {
            let mut altered = value.clone();
            altered[index] ^= 1;
            let mut damaged = store.clone();
            damaged.insert(key.clone(), altered);
            // The seal's generation is no part of what it sums up.
            if key == b"s" && index <= 8 {
                continue;
            }
            let flaw = State::from_entries(damaged).expect_err("a byte is altered");
            assert!(matches!(flaw, Flaw::Damaged { .. }), "{flaw}");
        }
    }
    // One cursor of a whole bucket that is older than the others.
    let mut damaged = store.clone();
    let stale = cursors(&[cursor(0, 10), cursor(1, 9), cursor(2, 10)]);
    damaged.insert(schema::key(&Place::Cursors("qradar".to_owned(), 0)), stale);
    let flaw = State::from_entries(damaged).expect_err("a cursor is stale");
    assert!(matches!(flaw, Flaw::Damaged { .. }), "{flaw}");
}

#[test]
fn a_commit_writes_only_what_changed() {
    let all = || (0..8).flat_map(|bucket| (0..100).map(move |number| key(bucket, number)));
    let everything = || {
        let mut change = Change::default();
        change.record_files(all().map(file).collect(), vec![]);
        change.record("qradar", progress(all().map(|key| cursor(key, 1)).collect(), 1));
        change
    };
    let mut state = State::default();
    assert_eq!(state.apply(everything()).len(), 8 + 1 + 8 + 1);
    // The same again: the seal alone.
    assert_eq!(state.apply(everything()).len(), 1);
    // One cursor: its bucket, the account and the seal.
    let mut change = Change::default();
    change.record("qradar", progress(vec![cursor(key(5, 5), 2)], 2));
    let place = Place::Cursors("qradar".to_owned(), 5);
    let written: Vec<_> = state.apply(change).into_iter().map(|(key, _)| key).collect();
    assert_eq!(written, [b"dqradar".to_vec(), schema::key(&place), b"s".to_vec()]);
    // Two files of a bucket that are gone: it, that of their cursors and the seal.
    let mut change = Change::default();
    change.record_files(vec![], vec![FileKey(key(2, 0)), FileKey(key(2, 99))]);
    assert_eq!(state.apply(change).len(), 3);
}

#[test]
fn a_bucket_with_nothing_in_it_is_removed() {
    let mut state = State::default();
    let mut store = BTreeMap::new();
    let keys = [key(1, 1), key(1, 2), key(9, 1)];
    let mut change = Change::default();
    change.record_files(keys.map(file).to_vec(), vec![]);
    for name in ["arcsight", "qradar"] {
        change.record(name, progress(keys.map(|key| cursor(key, 1)).to_vec(), 1));
    }
    obey(&mut store, state.apply(change));
    assert_eq!(store.len(), 3 * 2 + 2 + 1);
    let mut change = Change::default();
    change.record_files(vec![], vec![FileKey(keys[0]), FileKey(keys[2])]);
    let writes = state.apply(change);
    assert_eq!(writes.iter().filter(|(_, value)| value.is_none()).count(), 3);
    obey(&mut store, writes);
    assert_eq!(store.len(), 3 + 2 + 1);
    let read = State::from_entries(store).expect("the seal fits");
    assert_eq!(read.files.into_values().collect::<Vec<_>>(), [file(keys[1])]);
    for destination in read.destinations.values() {
        assert_eq!(destination.cursors.values().collect::<Vec<_>>(), [&cursor(keys[1], 1)]);
    }
}
