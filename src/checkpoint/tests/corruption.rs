//! Damage to every file of the store, at seeded random places: the program always starts, and no
//! cursor is ahead of what was recorded. Each trial opens in a process of its own, because a trial
//! may cost sled a thread of its pool, and because an abort shows only from outside.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::process::Stdio;

use super::*;
use crate::checkpoint::{directory, text_copy};

const TRIALS: u64 = 200;
const VARIABLE: &str = "SPOOLGATE_TEST_DAMAGED_DIR";
const MENDED: &str = "SPOOLGATE_TEST_MENDED_DIR";
const COMMITS: u64 = 60;

/// The child: starts, says what it found, and works on.
#[test]
fn starts_on_damage() {
    let Some(dir) = std::env::var_os(VARIABLE).map(PathBuf::from) else { return };
    let (checkpoint, restored) = open(&dir);
    for key in 0..20 {
        let found = offset(&restored, "qradar", key).unwrap_or(0);
        println!("\nfound {key} {found}");
    }
    println!("notice {}", restored.notice.as_ref().map_or("none", |notice| notice.code));
    println!("words {}", restored.notice.as_ref().map_or("", |notice| &notice.text));
    checkpoint.record("qradar", progress(vec![cursor(3, 7_000_000)], 1));
    checkpoint.flush().unwrap();
    assert_eq!(checkpoint.trouble(), None);
    println!("worked on");
}

/// The next child, as after a restart: finds what the first one did. It is a process of its own,
/// for damage may have cost the first one a thread of sled's pool, which opening wants again.
#[test]
fn starts_where_the_damage_was_mended() {
    let Some(dir) = std::env::var_os(MENDED).map(PathBuf::from) else { return };
    let (_, restored) = open(&dir);
    assert_eq!(restored.notice, None, "the damage was mended");
    assert_eq!(offset(&restored, "qradar", 3), Some(7_000_000));
    println!("found again");
}

/// A directory with a history: 20 cursors, each last recorded at `COMMITS * 100 + key`.
fn history() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    // Opened more than once, so that there is a snapshot too.
    for part in 0..3 {
        let (checkpoint, _) = open(dir.path());
        checkpoint.record_files((0..20).map(file).collect(), vec![]);
        for commit in (part * COMMITS / 3)..=((part + 1) * COMMITS / 3) {
            let cursors = (0..20).map(|key| cursor(key, commit * 100 + key)).collect();
            checkpoint.record("qradar", progress(cursors, commit));
            checkpoint.flush().unwrap();
        }
    }
    dir
}

fn files_of(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(files_of(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn copy(from: &Path, to: &Path) {
    for file in files_of(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(&file, target).unwrap();
    }
    fs::create_dir_all(directory::store_path(to, 1).join("blobs")).unwrap();
}

/// Damages something; says what.
fn damage(dir: &Path, random: &mut fastrand::Rng) -> String {
    let stores = files_of(&directory::stores_path(dir));
    let path = &stores[random.usize(..stores.len())];
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let length = file.metadata().unwrap().len();
    let at = random.u64(0..length.max(1));
    let what = match random.u8(0..7) {
        0 => {
            file.set_len(at).unwrap();
            format!("cut at {at}")
        }
        1 => {
            let zeros = vec![0; random.usize(1..20_000)];
            file.write_all_at(&zeros, at).unwrap();
            format!("{} zeros at {at}", zeros.len())
        }
        2 => {
            let noise: Vec<u8> = (0..random.usize(1..5000)).map(|_| random.u8(..)).collect();
            file.write_all_at(&noise, at).unwrap();
            format!("{} bytes of noise at {at}", noise.len())
        }
        3 | 4 => {
            let flips = random.usize(1..20);
            for _ in 0..flips {
                let at = random.u64(0..length.max(1));
                let mut byte = [0];
                let _end = file.read_at(&mut byte, at).unwrap();
                file.write_all_at(&[byte[0] ^ (1 << random.u8(0..8))], at).unwrap();
            }
            format!("{flips} bits flipped")
        }
        5 => {
            fs::remove_file(path).unwrap();
            "removed".to_owned()
        }
        _ => {
            let stale = path.parent().unwrap().join(format!("snap.{at:016X}.generating"));
            let half = fs::read(path).unwrap();
            fs::write(&stale, &half[..half.len() / 2]).unwrap();
            if random.bool() {
                fs::rename(&stale, path.parent().unwrap().join(format!("snap.{at:016X}"))).unwrap();
                "a false snapshot".to_owned()
            } else {
                "a snapshot half written".to_owned()
            }
        }
    };
    format!("{}: {what}", path.strip_prefix(dir).unwrap().display())
}

#[test]
fn no_damage_keeps_it_from_starting() {
    let history = history();
    let mut notices = std::collections::BTreeMap::<String, u32>::new();
    for trial in 0..TRIALS {
        let mut random = fastrand::Rng::with_seed(trial);
        let dir = tempfile::tempdir().unwrap();
        copy(history.path(), dir.path());
        let mut damages = vec![damage(dir.path(), &mut random)];
        while random.u8(0..3) == 0 && !files_of(&directory::stores_path(dir.path())).is_empty() {
            damages.push(damage(dir.path(), &mut random));
        }
        // The text copy too: whole, gone, or damaged.
        let has_text = match random.u8(0..4) {
            0 => {
                fs::remove_file(text_copy::path(dir.path())).unwrap();
                false
            }
            1 => {
                let text = fs::read(text_copy::path(dir.path())).unwrap();
                let cut = random.usize(..text.len());
                fs::write(text_copy::path(dir.path()), &text[..cut]).unwrap();
                false
            }
            _ => true,
        };
        let output = child("corruption::starts_on_damage", VARIABLE, dir.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let context = || {
            let complaint = String::from_utf8_lossy(&output.stderr);
            format!("trial {trial} {damages:?}\n{}\n{said}{complaint}", output.status)
        };
        assert!(output.status.success() && said.contains("worked on"), "{}", context());
        let next = child("corruption::starts_where_the_damage_was_mended", MENDED, dir.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&next.stdout);
        assert!(
            next.status.success() && told.contains("found again"),
            "{}{told}{}",
            context(),
            String::from_utf8_lossy(&next.stderr)
        );
        let mut found = 0;
        for line in said.lines().filter_map(|line| line.strip_prefix("found ")) {
            let (key, offset) = line.split_once(' ').unwrap();
            let (key, offset): (u64, u64) = (key.parse().unwrap(), offset.parse().unwrap());
            assert!(offset <= COMMITS * 100 + key, "ahead: {}", context());
            assert!(offset == 0 || offset % 100 == key, "never recorded: {}", context());
            assert!(!has_text || offset == COMMITS * 100 + key, "lost: {}", context());
            found += 1;
        }
        assert_eq!(found, 20, "{}", context());
        let notice = said.lines().find_map(|line| line.strip_prefix("notice ")).unwrap();
        *notices.entry(notice.to_owned()).or_default() += 1;
    }
    println!("{notices:?}");
    // The trials are worth something only when they do reach the recovery.
    assert!(notices["state_restored"] > 10 && notices["state_lost"] > 10, "{notices:?}");
}

/// Lengthens sled's log to whole segments (512 KiB) and adds one; drops the snapshot, so that all
/// of the log is read.
fn add_segment(dir: &Path, segment: fn(&[u8]) -> Vec<u8>) {
    for file in files_of(&directory::stores_path(dir)) {
        let name = file.file_name().unwrap().to_str().unwrap();
        if name == "db" {
            let mut log = fs::read(&file).unwrap();
            log.resize(log.len().next_multiple_of(512 * 1024), 0);
            log.extend(segment(&log));
            fs::write(&file, log).unwrap();
        } else if name.starts_with("snap.") {
            fs::remove_file(&file).unwrap();
        }
    }
}

/// The header of a segment with the highest log number there is, which sled asserts never exists.
fn impossible_header() -> Vec<u8> {
    // Both numbers are stored as exclusive or with the highest; the checksum is inverted.
    let numbers = [0; 16];
    let mut sum = flate2::Crc::new();
    sum.update(&numbers);
    let mut header = (sum.sum() ^ u32::MAX).to_le_bytes().to_vec();
    header.extend(numbers);
    header.resize(1024, 0);
    header
}

#[test]
fn a_store_that_panics_is_contained() {
    fn check(segment: fn(&[u8]) -> Vec<u8>, panic: &str) {
        let history = history();
        add_segment(history.path(), segment);
        let mut child = child("corruption::starts_on_damage", VARIABLE, history.path());
        let output = child.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let context = format!("{said}{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && said.contains("worked on"), "{context}");
        assert!(said.contains("notice state_restored"), "{context}");
        assert!(said.contains("the store failed on it") && said.contains(panic), "{context}");
    }
    // On the store's own thread, and on one of sled's pool.
    check(<[u8]>::to_vec, "duplicate segment LSN");
    check(|_| impossible_header(), "thread pool should not crash");
}
