//! A disk that is full, then not: on a small tmpfs, so these need root.

use std::fs::{self, File};
use std::io::Write;

use super::*;
use crate::checkpoint::DeadLetter;
use crate::checkpoint::tests::dead_letter::entry;

/// A file system of 3 MiB, unmounted at the end.
struct SmallDisk {
    dir: tempfile::TempDir,
}

impl SmallDisk {
    fn mount() -> SmallDisk {
        assert!(
            nix::unistd::geteuid().is_root(),
            "this test mounts a tmpfs of 3 MiB and can do so only as root: run the tests with sudo"
        );
        let dir = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=3m", "none"]).arg(dir.path());
        assert!(mount.status().unwrap().success(), "mount failed");
        SmallDisk { dir }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    fn ballast(&self) -> PathBuf {
        self.dir.path().join("ballast")
    }

    /// Takes every byte there is.
    fn fill(&self) {
        let mut file = File::options().append(true).create(true).open(self.ballast()).unwrap();
        let mut size = 64 * 1024;
        while size > 0 {
            while file.write_all(&vec![b'x'; size]).is_ok() {}
            size /= 2;
        }
    }

    fn empty(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(self.dir.path()).status();
        assert!(unmounted.is_ok_and(|status| status.success()), "umount failed");
    }
}

#[test]
fn a_full_disk_is_said_and_survived() {
    let disk = SmallDisk::mount();
    let (checkpoint, _) = open(&disk.path());
    checkpoint.record_files(vec![file(1)], vec![]);
    checkpoint.record("qradar", progress(vec![cursor(1, 1)], 1));
    checkpoint.flush().unwrap();
    disk.fill();
    // The last page of a file may still have room; it cannot last.
    let mut offset = 1;
    let mut failed = None;
    while failed.is_none() && offset < 500 {
        offset += 1;
        checkpoint.record("qradar", progress(vec![cursor(1, offset)], offset));
        failed = checkpoint.flush().err();
    }
    let text = failed.expect("a full disk is noticed").to_string();
    assert!(text.contains("not saved") && text.contains("free space"), "{text}");
    assert_eq!(checkpoint.trouble().map(|cause| cause.code), Some("disk_full"));
    let durable = checkpoint.durable_offset("qradar", FileKey(1)).unwrap();
    assert!(durable < offset);
    // It goes on failing, and nothing else happens.
    for _ in 0..10 {
        offset += 1;
        checkpoint.record("qradar", progress(vec![cursor(1, offset)], offset));
        checkpoint.flush().expect_err("the disk is still full");
    }
    assert_eq!(checkpoint.durable_offset("qradar", FileKey(1)), Some(durable));

    disk.empty();
    checkpoint.flush().unwrap();
    assert_eq!(checkpoint.trouble(), None);
    assert_eq!(checkpoint.durable_offset("qradar", FileKey(1)), Some(offset));
    drop(checkpoint);
    let (_, restored) = open(&disk.path());
    assert_eq!(restored.notice, None);
    assert_eq!(super::offset(&restored, "qradar", 1), Some(offset));
    assert_eq!(restored.files, [file(1)]);
}

#[test]
fn it_recovers_without_being_asked() {
    let disk = SmallDisk::mount();
    let (checkpoint, _) = open(&disk.path());
    disk.fill();
    let mut offset = 0;
    while checkpoint.trouble().is_none() && offset < 500 {
        offset += 1;
        checkpoint.record("qradar", progress(vec![cursor(1, offset)], offset));
        let _failed_or_not = checkpoint.flush();
    }
    assert!(checkpoint.trouble().is_some());
    disk.empty();
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while checkpoint.trouble().is_some() {
        assert!(std::time::Instant::now() < deadline, "nobody tried again");
        std::thread::yield_now();
    }
    assert_eq!(checkpoint.durable_offset("qradar", FileKey(1)), Some(offset));
}

#[test]
fn it_starts_on_a_full_disk() {
    let disk = SmallDisk::mount();
    let (checkpoint, _) = open(&disk.path());
    checkpoint.record_files(vec![file(1)], vec![]);
    checkpoint.record("qradar", progress(vec![cursor(1, 77)], 1));
    drop(checkpoint);
    disk.fill();
    let (checkpoint, restored) = open(&disk.path());
    assert_eq!(offset(&restored, "qradar", 1), Some(77));
    assert_eq!(checkpoint.trouble().map(|cause| cause.code), Some("disk_full"));
    checkpoint.record("qradar", progress(vec![cursor(1, 78)], 2));
    disk.empty();
    checkpoint.flush().unwrap();
    assert_eq!(checkpoint.trouble(), None);
    drop(checkpoint);
    let (_, restored) = open(&disk.path());
    assert_eq!(restored.notice, None);
    assert_eq!(offset(&restored, "qradar", 1), Some(78));
}

#[test]
fn a_read_only_directory_is_refused_and_left_as_it_was() {
    let disk = SmallDisk::mount();
    let (checkpoint, _) = open(&disk.path());
    let remount = |how: &str| {
        // Busy as long as sled's threads, or a process that is being started, hold a file of it.
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        loop {
            let output = Command::new("mount").args(["-o", how]).arg(disk.dir.path()).output();
            let output = output.unwrap();
            if output.status.success() {
                return;
            }
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(std::time::Instant::now() < deadline, "cannot {how}: {said}");
        }
    };
    checkpoint.record("qradar", progress(vec![cursor(1, 1)], 1));
    checkpoint.flush().unwrap();
    drop(checkpoint);
    remount("remount,ro");
    let settings = Settings { dir: disk.path(), interval: Duration::from_secs(1) };
    let refused = Checkpoint::open(settings).expect_err("it cannot be written");
    assert!(refused.to_string().contains("make it writable"), "{refused}");
    remount("remount,rw");
    let (_, restored) = open(&disk.path());
    assert_eq!(restored.notice, None);
    assert_eq!(offset(&restored, "qradar", 1), Some(1));
}

#[test]
fn the_dead_letter_holds_whole_lines_only() {
    let disk = SmallDisk::mount();
    let dir = disk.path();
    fs::create_dir(&dir).unwrap();
    let letter = DeadLetter::open(&dir).unwrap();
    let long = format!(r#"{{"text":"{}"}}"#, "x".repeat(10_000));
    letter.append(&[entry(long.as_bytes())]).unwrap();
    disk.fill();
    let mut kept = 1;
    while kept < 500 && letter.append(&[entry(long.as_bytes()), entry(b"second")]).is_ok() {
        kept += 2;
    }
    assert!(kept < 500, "the disk did not fill");
    let text = letter.append(&[entry(long.as_bytes())]).expect_err("it is full").to_string();
    assert!(text.contains("stay in the spool"), "{text}");
    let read = || DeadLetter::read(&dir).collect::<Result<Vec<_>, _>>().expect("whole lines");
    assert_eq!(read().len(), kept);
    disk.empty();
    letter.append(&[entry(b"after")]).unwrap();
    assert_eq!(read().len(), kept + 1);
    assert_eq!(read().last().unwrap().event, b"after");
}
