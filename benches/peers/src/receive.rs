//! The receiver of the measurement: it takes what comes and finds out whether it was everything.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Instant;

use memchr::memmem;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::{events, limit};

/// In front of the number of an event, in every header.
const ID: &[u8] = b" req_";
const ID_DIGITS: usize = 12;
/// Where the part of a message begins that every sender has to make alike.
const BODY: &[u8] = b"CEF:0|";
const READ_BYTES: usize = 1 << 20;

/// What every connection writes to.
struct Expected {
    /// The hash of each event's body.
    bodies: Vec<u64>,
    seen: Vec<AtomicBool>,
    left: AtomicU64,
    repeated: AtomicU64,
    end: OnceLock<Instant>,
    main: thread::Thread,
}

/// Prints `ready`, waits for a line on standard input, which starts the clock, and prints the
/// seconds until each of `count` events has come once at least, and how many came again.
pub fn run(count: u64, port: u16, tls: Option<Arc<ServerConfig>>) -> std::io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    let expected = Arc::new(Expected {
        bodies: (0..count).map(|number| hash(&body_of(number))).collect(),
        seen: (0..count).map(|_| AtomicBool::new(false)).collect(),
        left: AtomicU64::new(count),
        repeated: AtomicU64::new(0),
        end: OnceLock::new(),
        main: thread::current(),
    });
    println!("ready");
    std::io::stdin().read_line(&mut String::new())?;
    let start = Instant::now();
    let shared = Arc::clone(&expected);
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let (expected, tls) = (Arc::clone(&shared), tls.clone());
            thread::spawn(move || take(stream, tls, &expected));
        }
    });
    while expected.end.get().is_none() {
        thread::park();
    }
    let seconds = expected.end.get().map_or(0.0, |end| (*end - start).as_secs_f64());
    println!("{seconds:.4} {}", expected.repeated.load(Ordering::Relaxed));
    Ok(())
}

fn take(stream: TcpStream, tls: Option<Arc<ServerConfig>>, expected: &Expected) {
    let result = match tls {
        Some(config) => {
            let connection = ServerConnection::new(config).expect("a TLS connection");
            read(StreamOwned::new(connection, stream), expected)
        }
        None => read(stream, expected),
    };
    if let Err(error) = result {
        // A sender that is ended when all has come does not say good-bye.
        if expected.left.load(Ordering::Relaxed) > 0 {
            eprintln!("peers receive: {error}");
        }
    }
}

fn read(mut stream: impl Read, expected: &Expected) -> std::io::Result<()> {
    let mut buffer = vec![0; READ_BYTES];
    let mut kept = 0;
    let (id, body) = (memmem::Finder::new(ID), memmem::Finder::new(BODY));
    loop {
        let read = stream.read(&mut buffer[kept..])?;
        if read == 0 {
            return Ok(());
        }
        let filled = kept + read;
        let mut begin = 0;
        for newline in memchr::memchr_iter(b'\n', &buffer[..filled]) {
            expected.tick_off(&buffer[begin..newline], &id, &body);
            begin = newline + 1;
        }
        buffer.copy_within(begin..filled, 0);
        kept = filled - begin;
    }
}

impl Expected {
    fn tick_off(&self, message: &[u8], id: &memmem::Finder, body: &memmem::Finder) {
        let number = id.find(message).and_then(|at| {
            let digits = message.get(at + ID.len()..at + ID.len() + ID_DIGITS)?;
            std::str::from_utf8(digits).ok()?.parse::<usize>().ok()
        });
        let body = body.find(message).map_or(&[][..], |at| &message[at..]);
        match number {
            Some(number) if self.bodies.get(number) == Some(&hash(body)) => {
                if self.seen[number].swap(true, Ordering::Relaxed) {
                    self.repeated.fetch_add(1, Ordering::Relaxed);
                } else if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
                    let _ = self.end.set(Instant::now());
                    self.main.unpark();
                }
            }
            _ => refuse(message, number),
        }
    }
}

/// A message that is not as it has to be ends the measurement.
fn refuse(message: &[u8], number: Option<usize>) -> ! {
    eprintln!("peers receive: came: {}", String::from_utf8_lossy(message));
    if let Some(number) = number {
        eprintln!("peers receive: body: {}", String::from_utf8_lossy(&body_of(number as u64)));
    }
    std::process::exit(1)
}

fn body_of(number: u64) -> Vec<u8> {
    let mut line = String::new();
    events::arbitex(number, &mut line);
    let message = limit::message(line.trim_end().as_bytes());
    let at = memmem::find(&message, BODY).expect("a body");
    message[at..].trim_ascii_end().to_vec()
}

/// Words of eight, each mixed in; not for strangers.
fn hash(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mix =
        |hash: u64, word: u64| (hash ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
    let hash =
        words.iter().fold(bytes.len() as u64, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    rest.iter().fold(hash, |hash, byte| mix(hash, u64::from(*byte)))
}
