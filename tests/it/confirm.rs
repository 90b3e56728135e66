//! Confirmation (design, section 2.1): whatever is killed, at whatever moment, nothing is lost.
//!
//! Each trial has a seed, which is printed with its result; SPOOLGATE_TRIAL_SEED repeats one.

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::agent::{Outpost, Verdict, count};
use super::sink::{Sink, Wire};

/// What goes wrong in a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// The receiver is killed while it reads as fast as it can.
    Fast,
    /// … while it reads 1 MB/s.
    Slow,
    /// … while it is stopped, after it had been stopped for longer than `settle`.
    Stopped,
    /// … while everything is quiet right after a burst.
    IdleAfterBurst,
    /// The receiver is ended cleanly and started again.
    CleanRestart,
    /// The program itself is killed in mid-stream, three times.
    AgentKilled,
}

const TRIALS: u64 = 20;
/// Trials mostly wait, so more of them than cores run at once.
const AT_ONCE: usize = 6;
const SETTLE: Duration = Duration::from_millis(700);

#[test]
fn fast_receiver_killed() {
    campaign(Fault::Fast);
}

#[test]
fn slow_receiver_killed() {
    campaign(Fault::Slow);
}

#[test]
fn stopped_receiver_killed() {
    campaign(Fault::Stopped);
}

#[test]
fn idle_receiver_killed_after_a_burst() {
    campaign(Fault::IdleAfterBurst);
}

#[test]
fn receiver_restarted_cleanly() {
    campaign(Fault::CleanRestart);
}

#[test]
fn agent_killed_in_mid_stream() {
    campaign(Fault::AgentKilled);
}

/// One trial and what it is to show.
#[derive(Clone, Copy, Debug)]
struct Trial {
    fault: Fault,
    wire: Wire,
    confirm: &'static str,
    seed: u64,
}

fn campaign(fault: Fault) {
    let first = std::env::var("SPOOLGATE_TRIAL_SEED").ok().map(|seed| seed.parse().unwrap());
    let seeds = first.map_or(0..TRIALS, |seed: u64| seed..seed + 1);
    let trials: Vec<Trial> = [Wire::Tcp, Wire::MutualTls]
        .into_iter()
        .flat_map(|wire| ["settled", "drained"].map(|confirm| (wire, confirm)))
        .flat_map(|(wire, confirm)| {
            seeds.clone().map(move |seed| Trial { fault, wire, confirm, seed })
        })
        .collect();
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(trial) = trials.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = run(*trial);
                    results.lock().unwrap().push((*trial, result));
                }
            });
        }
    });
    judge(fault, &results.into_inner().unwrap());
}

/// What a trial showed.
struct Shown {
    verdict: Verdict,
    resent: u64,
}

fn judge(fault: Fault, results: &[(Trial, Shown)]) {
    let mut failures = String::new();
    for wire in [Wire::Tcp, Wire::MutualTls] {
        for confirm in ["settled", "drained"] {
            let of: Vec<_> = results
                .iter()
                .filter(|(trial, _)| trial.wire == wire && trial.confirm == confirm)
                .collect();
            let lost: u64 = of.iter().map(|(_, shown)| shown.verdict.lost).sum();
            let mut twice: Vec<u64> =
                of.iter().map(|(_, shown)| shown.verdict.duplicated).collect();
            twice.sort_unstable();
            println!(
                "{fault:?} {wire:?} {confirm}: {} trials, lost {lost}, duplicated median {} most {}",
                of.len(),
                twice[twice.len() / 2],
                twice[twice.len() - 1]
            );
        }
    }
    for (trial, Shown { verdict, resent }) in results {
        // The one loss that settling by time cannot exclude, and that `drained` does.
        let may_lose = fault == Fault::Stopped && trial.confirm == "settled";
        let lost = verdict.lost > 0 && !may_lose;
        // Every duplicate is one that the ledger counted as sent again. A killed agent's own count
        // dies with it; what it may repeat is what it had not made durable.
        let uncounted = fault != Fault::AgentKilled && verdict.duplicated > *resent;
        if lost || uncounted || verdict.altered > 0 || verdict.unknown > 0 {
            writeln!(failures, "{trial:?}: resent {resent}, {verdict:?}").unwrap();
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

fn run(trial: Trial) -> Shown {
    let mut random = fastrand::Rng::with_seed(trial.seed ^ ((trial.fault as u64) << 32));
    let outpost = Outpost::new();
    let throttle = (trial.fault == Fault::Slow).then_some(1_000_000);
    let mut sink = Sink::start(&outpost, trial.wire, throttle);
    outpost.configure(&sink.destination(&format!(
        "confirm = \"{}\"\nsettle = \"{}ms\"",
        trial.confirm,
        SETTLE.as_millis()
    )));
    let events = random.u64(2_000..12_000);
    outpost.append("a.jsonl", &lines(0..events));
    let mut agent = outpost.start();
    let mut all = events;
    match trial.fault {
        Fault::Fast | Fault::Slow => {
            let before = random.u64(0..1_500_000);
            agent.wait_for("some bytes stored", |status| {
                sink.stored_bytes() > before || count(status, "confirmed") >= events
            });
            sink.end(Signal::SIGKILL);
        }
        Fault::Stopped => {
            let before = random.u64(0..600_000);
            agent.wait_for("some bytes stored", |_| sink.stored_bytes() >= before);
            sink.signal(Signal::SIGSTOP);
            // Small enough to lie unread in the receiver's kernel.
            let late = random.u64(1..200);
            outpost.append("a.jsonl", &lines(events..events + late));
            all += late;
            pause(SETTLE + Duration::from_millis(random.u64(0..900)));
            sink.end(Signal::SIGKILL);
        }
        Fault::IdleAfterBurst => {
            agent.wait_for("everything sent", |status| count(status, "read") >= events);
            pause(Duration::from_millis(random.u64(0..1_500)));
            sink.end(Signal::SIGKILL);
        }
        Fault::CleanRestart => {
            let before = random.u64(0..1_500_000);
            agent.wait_for("some bytes stored", |status| {
                sink.stored_bytes() > before || count(status, "confirmed") >= events
            });
            sink.end(Signal::SIGTERM);
        }
        Fault::AgentKilled => {
            for _ in 0..3 {
                pause(Duration::from_millis(random.u64(20..600)));
                agent.kill();
                agent = outpost.start();
            }
        }
    }
    if trial.fault != Fault::AgentKilled {
        pause(Duration::from_millis(random.u64(0..300)));
        sink.start_again();
    }
    all += 300;
    outpost.append("b.jsonl", &lines(1_000_000..1_000_300));
    let status = agent.wait_for("everything confirmed", |status| {
        count(status, "in_flight") == 0
            && count(status, "read") >= all
            && status["backlog_bytes"].as_u64() == Some(0)
    });
    assert!(agent.stop().success(), "{trial:?}: {}", outpost.log());
    Shown { verdict: outpost.verify(&[&sink.stored]), resent: count(&status, "resent") }
}

/// The moment is part of the trial, so it is a wait for time and nothing else.
fn pause(time: Duration) {
    thread::sleep(time);
}

/// Events with ids of their own and a realistic length.
pub fn lines(numbers: std::ops::Range<u64>) -> Vec<u8> {
    let mut text = String::new();
    for number in numbers {
        writeln!(
            text,
            "{{\"type\":\"dlp.pii_blocked\",\"severity\":\"high\",\"id\":\"event-{number}\",\
             \"timestamp\":\"2026-06-08T14:32:01.442Z\",\"org_id\":\"org_abc123\",\
             \"project_id\":\"proj=|\\\\{number}\",\"entities_detected\":[\"SSN\",\"EMAIL_ADDRESS\"],\
             \"action\":\"blocked\",\"model\":\"gpt-4.1\",\"provider\":\"openai\"}}"
        )
        .unwrap();
    }
    text.into_bytes()
}
