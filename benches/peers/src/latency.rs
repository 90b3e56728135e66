//! How long an event takes from the spool to the receiver.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use crate::events;

const READ_BYTES: usize = 1 << 16;
/// The first events wake caches and connections up and are not counted. For the very first one
/// there is no schedule: some senders connect when they have something to send.
const FIRST: u64 = 100;

/// Prints `ready`, appends the events, and prints the median and the 99th percentile of what they
/// took to come, in microseconds.
pub fn run(count: u64, rate: u64, file: &str, port: u16) -> std::io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    println!("ready");
    let (came, arrivals) = channel();
    thread::spawn(move || {
        let Ok((mut stream, _)) = listener.accept() else { return };
        let mut buffer = vec![0; READ_BYTES];
        while let Ok(read) = stream.read(&mut buffer) {
            if read == 0 {
                break;
            }
            let now = Instant::now();
            for _ in memchr::memchr_iter(b'\n', &buffer[..read]) {
                let _ = came.send(now);
            }
        }
    });
    let mut out = OpenOptions::new().append(true).create(true).open(file)?;
    let (mut line, mut waits, mut written) = (String::new(), Vec::new(), Vec::new());
    let mut begin = Instant::now();
    for number in 0..FIRST + count {
        line.clear();
        events::arbitex(number, &mut line);
        if rate > 0 {
            let due = begin + Duration::from_nanos(number * 1_000_000_000 / rate);
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        written.push(Instant::now());
        out.write_all(line.as_bytes())?;
        if rate == 0 || number == 0 {
            waits.push(arrival(&arrivals) - written[written.len() - 1]);
            begin = if number == 0 { Instant::now() } else { begin };
        }
    }
    for number in waits.len()..written.len() {
        waits.push(arrival(&arrivals) - written[number]);
    }
    let mut counted = waits.split_off(FIRST as usize);
    counted.sort_unstable();
    let at = |share: usize| counted[(counted.len() - 1) * share / 100].as_micros();
    println!("{} {}", at(50), at(99));
    Ok(())
}

fn arrival(arrivals: &std::sync::mpsc::Receiver<Instant>) -> Instant {
    arrivals.recv_timeout(Duration::from_secs(60)).expect("an event did not come within 60 s")
}
