//! Who is told, when, and at what cost.

use super::*;

#[test]
fn ten_thousand_files_do_not_make_a_wake_up_slower() {
    #[track_caller]
    fn check(count: usize) -> u64 {
        let mut bench = Bench::stopped("*.jsonl", |_| {});
        for number in 0..count {
            File::create(bench.path(&format!("{number}.jsonl"))).unwrap();
        }
        bench.start();
        bench.until_listed();
        assert_eq!(bench.read_all(), "");
        let before = bench.spool().shared.lock().examined;
        assert!(before >= count as u64);
        bench.append("7.jsonl", "seen\n");
        bench.expect("seen\n");
        bench.spool().shared.lock().examined - before
    }
    // The write and the closing may be told apart or together.
    let few = check(10);
    let many = check(10_000);
    assert!((1..=2).contains(&few) && (1..=2).contains(&many), "{few} and {many}");
}

#[test]
fn a_change_between_an_idle_read_and_the_wait_is_not_missed() {
    let mut bench = Bench::new("*.jsonl");
    for number in 0..200 {
        assert_eq!(bench.read(), None);
        bench.append("a.jsonl", format!("{number}\n"));
        // A wait that is given up in between takes nothing away.
        let reader = &mut bench.running.as_mut().unwrap().1;
        bench.runtime.block_on(async {
            let _ = tokio::time::timeout(Duration::ZERO, reader.changed()).await;
        });
        bench.expect(&format!("{number}\n"));
    }
}

#[test]
fn the_poll_sees_what_inotify_does_not_tell() {
    let mut bench = Bench::stopped("missing/*.jsonl", |settings| {
        settings.poll_interval = Duration::from_millis(20);
    });
    bench.start();
    assert_eq!(bench.read_all(), "");
    std::fs::create_dir(bench.path("missing")).unwrap();
    bench.append("missing/a.jsonl", "1\n");
    bench.expect("1\n");
    bench.append("missing/a.jsonl", "2\n");
    bench.expect("2\n");
    // Another directory takes the place, with another watch.
    bench.rename("missing", "aside");
    std::fs::create_dir(bench.path("missing")).unwrap();
    bench.append("missing/b.jsonl", "3\n");
    bench.expect("3\n");
    bench.append("missing/b.jsonl", "4\n");
    bench.expect("4\n");
}

#[test]
fn a_file_that_may_not_be_read_does_not_stop_the_others() {
    // Root may read anything, so this thread gives up that right; it alone does.
    let (root, nobody) = (nix::unistd::geteuid(), nix::unistd::Uid::from_raw(65_534));
    let mut bench = Bench::stopped("*.jsonl", |settings| {
        settings.poll_interval = Duration::from_millis(20);
    });
    let permit = |bench: &Bench, name: &str, mode: u32| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(bench.path(name), PermissionsExt::from_mode(mode)).unwrap();
    };
    bench.append("a.jsonl", "secret\n");
    bench.append("b.jsonl", "open\n");
    permit(&bench, "a.jsonl", 0o000);
    permit(&bench, "", 0o755);
    if root.is_root() {
        nix::unistd::setfsuid(nobody);
    }
    bench.start();
    let first = bench.read_all();
    bench.list();
    let still = bench.read_all();
    let warned = bench.spool().shared.lock().directories[0].warned.len();
    if root.is_root() {
        nix::unistd::setfsuid(root);
    }
    assert_eq!((first.as_str(), still.as_str(), warned), ("open\n", "", 1));
    permit(&bench, "a.jsonl", 0o644);
    bench.expect("secret\n");
    assert!(bench.spool().shared.lock().directories[0].warned.is_empty());
}

#[test]
fn every_destination_reads_for_itself_and_some_sources_are_for_one() {
    let mut bench = Bench::stopped("*.jsonl", |_| {});
    let path = bench.path("replay/*.jsonl").to_str().unwrap().to_owned();
    bench.settings.sources.push(Source { only: Some("other".to_owned()), ..source(path) });
    std::fs::create_dir(bench.path("replay")).unwrap();
    bench.append("a.jsonl", "1\n");
    bench.append("replay/r.jsonl", "2\n");
    bench.start();
    let mut other = bench.spool().reader("other", Vec::new());
    bench.append("replay/r.jsonl", "3\n");
    bench.list();
    bench.expect("1\n");
    bench.expect_nothing();
    let mut sources = Vec::new();
    while let Read::Lines { source, bytes, .. } = other.read().unwrap() {
        sources.push((source, bytes.to_vec()));
    }
    assert_eq!(sources, [(0, b"1\n".to_vec()), (1, b"2\n3\n".to_vec())]);
}

#[test]
fn lost_events_are_made_up_for_by_a_listing() {
    let mut bench = Bench::new("*.jsonl");
    let most: usize = std::fs::read_to_string("/proc/sys/fs/inotify/max_queued_events")
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    // While the inventory is locked the thread cannot take events, and the kernel drops some.
    let spool = bench.spool().clone();
    let inventory = spool.shared.lock();
    bench.append("a.jsonl", "");
    for number in 0..most / 2 + 1000 {
        let name = format!("other{}", number % 2);
        File::create(bench.path(&name)).unwrap();
    }
    bench.append("a.jsonl", "1\n");
    drop(inventory);
    bench.expect("1\n");
}

#[test]
fn the_thread_ends_with_its_last_user() {
    let bench = Bench::stopped("*.jsonl", |_| {});
    let (spool, thread) = Spool::start(bench.settings.clone(), Vec::new()).unwrap();
    let reader = spool.reader("siem", Vec::new());
    drop(spool);
    assert!(!thread.is_finished());
    drop(reader);
    thread.join().unwrap();
}

#[test]
fn a_spool_is_calm_when_nothing_waits_for_a_listing() {
    let mut bench = Bench::new("*.jsonl*");
    let is_calm = |bench: &Bench| {
        bench.list();
        bench.spool().shared.lock().is_calm()
    };
    bench.append("a.jsonl", "1\n");
    bench.expect("1\n");
    assert!(is_calm(&bench));
    // Nothing is announced here of what is written there.
    std::os::unix::fs::symlink("elsewhere", bench.path("b.jsonl")).unwrap();
    assert!(!is_calm(&bench));
    bench.delete("b.jsonl");
    assert!(is_calm(&bench));
    std::fs::hard_link(bench.path("a.jsonl"), bench.path("another name")).unwrap();
    assert!(!is_calm(&bench));
    bench.delete("another name");
    assert!(is_calm(&bench));
    // A copy in the making, and a file that is held and has no name.
    std::fs::write(bench.path("a.jsonl.gz"), b"").unwrap();
    assert!(!is_calm(&bench));
    bench.delete("a.jsonl.gz");
    assert!(is_calm(&bench));
    bench.delete("a.jsonl");
    bench.list();
    assert!(!is_calm(&bench));
}
