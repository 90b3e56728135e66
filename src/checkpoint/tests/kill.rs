//! SIGKILL at any moment: what was acknowledged is there, and nothing that was never recorded.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::*;

const ROUNDS: u32 = 30;
const VARIABLE: &str = "SPOOLGATE_TEST_KILL_DIR";

/// The child: records offset after offset, says so before, and says what a flush acknowledged.
#[test]
fn records_until_killed() {
    let Some(dir) = std::env::var_os(VARIABLE) else { return };
    let settings = Settings { dir: dir.into(), interval: Duration::from_millis(2) };
    let (checkpoint, restored) = Checkpoint::open(settings).unwrap();
    let mut offset = offset(&restored, "qradar", 1).unwrap_or(0);
    let mut out = std::io::stdout().lock();
    writeln!(out, "\nbegun {offset}").unwrap();
    checkpoint.record_files(vec![file(1)], vec![]);
    loop {
        for _ in 0..20 {
            offset += 1;
            writeln!(out, "recording {offset}").unwrap();
            out.flush().unwrap();
            checkpoint.record("qradar", progress(vec![cursor(1, offset)], offset));
        }
        checkpoint.flush().unwrap();
        writeln!(out, "acknowledged {offset}").unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn a_killed_process_loses_nothing_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let mut random = fastrand::Rng::with_seed(20);
    let (mut acknowledged, mut recorded) = (0, 0);
    let mut progressed = 0;
    for round in 0..ROUNDS {
        let mut child = child("kill::records_until_killed", VARIABLE, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut said = Vec::new();
        // Every third is killed while it starts, the others at some point of their work.
        let (count, pause) = match round % 3 {
            0 => (0, random.u64(0..30_000)),
            _ => (random.usize(5..400), random.u64(0..3_000)),
        };
        said.extend(lines.by_ref().take(count).map(Result::unwrap));
        let end = Instant::now() + Duration::from_micros(pause);
        while Instant::now() < end {
            std::hint::spin_loop();
        }
        assert_eq!(child.try_wait().unwrap(), None, "round {round}: the child ended by itself");
        child.kill().unwrap();
        said.extend(lines.map_while(Result::ok));
        child.wait().unwrap();
        for line in said {
            let Some((word, number)) = line.split_once(' ') else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            match word {
                "begun" => {
                    assert!(number >= acknowledged, "round {round}: {number} < {acknowledged}");
                    assert!(number <= recorded, "round {round}: {number} > {recorded}");
                    progressed += 1;
                }
                "recording" => recorded = recorded.max(number),
                "acknowledged" => acknowledged = acknowledged.max(number),
                _ => {}
            }
        }
    }
    let (_, restored) = open(dir.path());
    let last = offset(&restored, "qradar", 1).unwrap_or(0);
    assert!((acknowledged..=recorded).contains(&last), "{acknowledged} {last} {recorded}");
    assert!(progressed >= ROUNDS / 2 && acknowledged > 0, "only {progressed} children came to it");
}
