//! The layout in the store, and the seal.

use super::*;
use crate::checkpoint::error::Flaw;
use crate::checkpoint::schema::{self, Entry, Seal};
use crate::checkpoint::state::{Change, State, Write};
use std::collections::BTreeMap;

#[test]
fn entries_come_back() {
    fn check(written: (Vec<u8>, Vec<u8>), entry: Entry) {
        assert_eq!(schema::decode(&written.0, &written.1).unwrap(), entry);
    }
    check(schema::file(&file(7)), Entry::File(file(7)));
    let ledger = schema::ledger([1, 2, 3, 4, 5, 6, u64::MAX]);
    check(
        schema::destination("qradar-é", &ledger, 9),
        Entry::Destination { name: "qradar-é".to_owned(), ledger, sequence: 9 },
    );
    for name in ["", "qradar", "a name with spaces"] {
        let entry = Entry::Cursor { destination: name.to_owned(), cursor: cursor(3, u64::MAX) };
        check(schema::cursor(name, &cursor(3, u64::MAX)), entry);
    }
    let seal = Seal { generation: 1, entries: 2, digest: 3 };
    check(schema::seal(&seal), Entry::Seal(seal));
}

#[test]
fn the_layout_is_what_is_documented() {
    let (key, value) = schema::cursor("ab", &Cursor { file: FileKey(1), offset: 2, tail_hash: 3 });
    assert_eq!(key, b"c\0\x02ab\0\0\0\0\0\0\0\x01");
    assert_eq!(value, b"\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x03");
}

#[test]
fn foreign_entries_are_refused() {
    fn check(key: &[u8], value: &[u8], newer: bool) {
        let flaw = schema::decode(key, value).expect_err("it is no entry");
        assert_eq!(matches!(flaw, Flaw::Newer { version: 2 }), newer, "{flaw}");
    }
    let (key, value) = schema::cursor("qradar", &cursor(1, 2));
    check(&key, b"", false);
    check(&key, &value[..value.len() - 1], false);
    check(&key, &[value.as_slice(), b"x"].concat(), false);
    check(b"x", &value, false);
    check(b"", &value, false);
    check(b"c", &value, false);
    check(&key, &[&[0], &value[1..]].concat(), false);
    check(&key, &[&[2], &value[1..]].concat(), true);
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

/// A random change of a small world, so that files come, go and come again.
fn random_change(random: &mut fastrand::Rng) -> Change {
    let mut change = Change::default();
    for _ in 0..random.usize(1..6) {
        let key = random.u64(0..6);
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
            obey(&mut store, state.apply(&random_change(&mut random)));
            let contents: Vec<_> = store.clone().into_iter().collect();
            let read = State::from_entries(&contents).expect("the seal fits");
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
fn changes_merge_as_if_applied_in_turn() {
    let mut random = fastrand::Rng::with_seed(11);
    for _ in 0..200 {
        let changes: Vec<Change> = (0..4).map(|_| random_change(&mut random)).collect();
        let mut merged = Change::default();
        let mut offsets = State::default();
        for change in &changes {
            merged.merge(change.clone());
            offsets.apply(change);
        }
        let names: Vec<_> = merged.destinations.keys().collect();
        assert_eq!(names, offsets.destinations.keys().collect::<Vec<_>>());
        for (name, destination) in &offsets.destinations {
            for (key, cursor) in &destination.cursors {
                assert_eq!(merged.destinations[name].cursors[key], *cursor);
            }
            assert_eq!(merged.destinations[name].ledger, destination.ledger);
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
    obey(&mut store, state.apply(&change));
    let older = store.clone();
    let mut change = Change::default();
    change.record("qradar", progress(vec![cursor(1, 20)], 2));
    obey(&mut store, state.apply(&change));

    let seal = schema::seal(&Seal { generation: 0, entries: 0, digest: 0 }).0;
    for key in store.keys() {
        let mut damaged = store.clone();
        damaged.remove(key);
        let contents: Vec<_> = damaged.into_iter().collect();
        let flaw = State::from_entries(&contents).expect_err("an entry is missing");
        assert_eq!(matches!(flaw, Flaw::Unfinished), *key == seal, "{flaw}");
    }
    for (key, stale) in older.iter().filter(|(key, stale)| store[*key] != **stale) {
        let mut damaged = store.clone();
        damaged.insert(key.clone(), stale.clone());
        let contents: Vec<_> = damaged.into_iter().collect();
        let flaw = State::from_entries(&contents).expect_err("an entry is stale");
        assert!(matches!(flaw, Flaw::Damaged { .. }), "{flaw}");
    }
}

#[test]
fn a_commit_writes_only_what_changed() {
    let mut state = State::default();
    let mut change = Change::default();
    change.record_files((0..100).map(file).collect(), vec![]);
    change.record("qradar", progress((0..100).map(|key| cursor(key, 1)).collect(), 1));
    assert_eq!(state.apply(&change).len(), 100 + 1 + 100 + 1);
    // The same again: the seal alone. One cursor: it, the account and the seal.
    assert_eq!(state.apply(&change).len(), 1);
    let mut change = Change::default();
    change.record("qradar", progress(vec![cursor(5, 2)], 2));
    assert_eq!(state.apply(&change).len(), 3);
}
