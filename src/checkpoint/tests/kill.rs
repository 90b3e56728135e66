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
        // Some are killed while they start, most while they commit.
        let life = Duration::from_micros(random.u64(1_000..150_000));
        let mut child = child("kill::records_until_killed", VARIABLE, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let reader = std::thread::spawn(move || {
            let mut said = Vec::new();
            for line in out.lines() {
                let Ok(line) = line else { break };
                said.push(line);
            }
            said
        });
        let end = Instant::now() + life;
        while Instant::now() < end {
            std::thread::yield_now();
        }
        assert_eq!(child.try_wait().unwrap(), None, "round {round}: the child ended by itself");
        child.kill().unwrap();
        child.wait().unwrap();
        for line in reader.join().unwrap() {
            let Some((word, number)) = line.split_once(' ') else { continue };
            // The last line may be cut short by the kill; then its number is too small, if any.
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
    assert!(progressed >= ROUNDS / 3 && acknowledged > 0, "only {progressed} children came to it");
}
