//! Confirmation against a receiver of other people's making: rsyslog, killed and restarted in
//! mid-stream, and nothing is lost.
//!
//! rsyslog is set up so that what it has read it has written: a direct queue, and no buffer in
//! front of its file. What a kill can take along is what one read brought and is not written yet;
//! no confirmation covers that, because it is far less than what is held back (6 MiB), and because
//! a drain waits for the end of the stream, behind everything.
//!
//! Each trial has a seed, which is printed with its result; SPOOLGATE_TRIAL_SEED repeats one.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use spoolgate::cli::receive::{ThrowAwayCa, throw_away_ca};

use crate::agent::{Agent, Outpost, Verdict, count};
use crate::confirm::lines;
use crate::delivery::tls;
use crate::receivers::{Clients, Daemon, Product, ServerTls, Wire};

/// What goes wrong in a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Killed while it reads as fast as it can, with more sent than is held back.
    Fast,
    /// Killed while its disk takes 400 kB/s.
    Slow,
    /// Stopped, sent something, and killed after the tail was held for longer than `settle`.
    Stopped,
    /// Ended by SIGTERM while it reads as fast as it can.
    CleanRestart,
}

const TRIALS: u64 = 2;
/// Trials mostly wait, so more of them than cores run at once.
const AT_ONCE: usize = 4;
/// Below the shortest message, so that a place counted in bytes is one in the stream.
const MESSAGE_BYTES_MIN: u64 = 300;
const SLOW_BYTES_PER_SECOND: u64 = 400_000;

#[test]
fn fast_rsyslog_killed() {
    campaign(Fault::Fast);
}

#[test]
fn slow_rsyslog_killed() {
    campaign(Fault::Slow);
}

#[test]
fn stopped_rsyslog_killed() {
    campaign(Fault::Stopped);
}

#[test]
fn rsyslog_restarted_cleanly() {
    campaign(Fault::CleanRestart);
}

#[derive(Clone, Copy, Debug)]
struct Trial {
    fault: Fault,
    is_mutual_tls: bool,
    confirm: &'static str,
    seed: u64,
}

/// What a trial showed.
struct Shown {
    verdict: Verdict,
    resent: u64,
    /// Events that had lain unread in the receiver's kernel for longer than `settle`.
    unread: u64,
}

fn campaign(fault: Fault) {
    let dir = tempfile::tempdir().unwrap();
    let files = throw_away_ca(dir.path()).unwrap();
    let first = std::env::var("SPOOLGATE_TRIAL_SEED").ok().map(|seed| seed.parse().unwrap());
    let seeds = first.map_or(0..TRIALS, |seed: u64| seed..seed + 1);
    let trials: Vec<Trial> = seeds
        .flat_map(|seed| [(seed, false), (seed, true)])
        .flat_map(|(seed, is_mutual_tls)| {
            ["settled", "drained"].map(|confirm| Trial { fault, is_mutual_tls, confirm, seed })
        })
        .collect();
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(String::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(trial) = trials.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let shown = run(*trial, &files);
                    judge(*trial, &shown, &mut failures.lock().unwrap());
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{failures}");
}

fn judge(trial: Trial, shown: &Shown, failures: &mut String) {
    let Shown { verdict, resent, unread } = shown;
    println!(
        "{trial:?}: {} events, lost {}, duplicated {} of {resent} resent",
        verdict.expected, verdict.lost, verdict.duplicated
    );
    // Settling by time cannot exclude what a stopped receiver never read; a drain does.
    let may_lose = if trial.confirm == "settled" { *unread } else { 0 };
    let is_good = verdict.lost <= may_lose
        && verdict.duplicated <= *resent
        && (verdict.altered, verdict.unknown) == (0, 0);
    if !is_good {
        writeln!(failures, "{trial:?}: resent {resent}, unread {unread}, {verdict:?}").unwrap();
    }
}

fn run(trial: Trial, files: &ThrowAwayCa) -> Shown {
    let mut random = fastrand::Rng::with_seed(trial.seed ^ ((trial.fault as u64) << 32));
    let (wire, scheme, keys) = if trial.is_mutual_tls {
        (Wire::Tls(ServerTls::new(files, Clients::Signed)), "tls", tls(files, true))
    } else {
        (Wire::Tcp, "tcp", String::new())
    };
    let mut daemon = match trial.fault {
        Fault::Slow => Daemon::start_slow(&wire, SLOW_BYTES_PER_SECOND),
        _ => Daemon::start(Product::Rsyslog, &wire),
    };
    let outpost = Outpost::new();
    outpost.configure(&format!(
        "[[destination]]\nname = \"siem\"\naddress = \"{scheme}://{}\"\n\
         confirm = \"{}\"\nsettle = \"700ms\"\n\
         [destination.retry]\ninitial_backoff = \"50ms\"\nmax_backoff = \"200ms\"\n{keys}",
        daemon.address(),
        trial.confirm
    ));
    let events = match trial.fault {
        Fault::Stopped => random.u64(500..2_000),
        // More than is held back, so that what is passed by what followed it is tried, too; and
        // more than any kernel holds unread for a slow one, so that its link never rests.
        Fault::Fast | Fault::Slow | Fault::CleanRestart => random.u64(25_000..35_000),
    };
    outpost.append("a.jsonl", &lines(0..events));
    let mut agent = outpost.start();
    let unread = strike(trial, &mut random, events, &outpost, &mut agent, &mut daemon);
    let before = (trial.fault != Fault::Slow).then(|| daemon.set_aside());
    daemon.start_again();
    outpost.append("b.jsonl", &lines(1_000_000..1_000_300));
    let all = events + unread + 300;
    let status = agent.wait_for("everything confirmed", |status| {
        count(status, "read") == all && count(status, "confirmed") == all
    });
    assert!(agent.stop().success(), "{trial:?}: {}", outpost.log());
    daemon.finish();
    let stored: Vec<PathBuf> = before.into_iter().chain([daemon.stored()]).collect();
    let stored: Vec<&Path> = stored.iter().map(PathBuf::as_path).collect();
    Shown { verdict: outpost.verify(&stored), resent: count(&status, "resent"), unread }
}

/// Does it, at a place of the stream that chance chooses. Returns how many events lay unread.
fn strike(
    trial: Trial,
    random: &mut fastrand::Rng,
    events: u64,
    outpost: &Outpost,
    agent: &mut Agent<'_>,
    daemon: &mut Daemon,
) -> u64 {
    let place = match trial.fault {
        Fault::Slow => random.u64(0..SLOW_BYTES_PER_SECOND),
        _ => random.u64(0..events * MESSAGE_BYTES_MIN),
    };
    match trial.fault {
        Fault::Fast | Fault::Slow | Fault::CleanRestart => {
            agent.wait_for("some bytes stored", |_| daemon.stored_bytes() >= place);
            if trial.fault == Fault::CleanRestart {
                daemon.terminate();
            } else {
                daemon.kill();
            }
            if trial.fault == Fault::Slow {
                daemon.hurry();
            }
            0
        }
        Fault::Stopped => {
            daemon.wait_for(events as usize);
            daemon.pause();
            let tails = || outpost.log().matches("to prove its tail").count();
            let (tails_before, unread) = (tails(), random.u64(1..200));
            outpost.append("a.jsonl", &lines(events..events + unread));
            agent.wait_for("the tail held for `settle`", |status| match trial.confirm {
                "settled" => count(status, "confirmed") == events + unread,
                _ => tails() > tails_before,
            });
            daemon.kill();
            unread
        }
    }
}
