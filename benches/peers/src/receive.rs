//! The receiver of the measurement: it takes what comes and finds out whether it was everything.

use std::io::Read;
use std::net::TcpListener;
use std::time::Instant;

/// In front of the number of an event, wherever its message comes from.
const ID: &[u8] = b" req_";
const READ_BYTES: usize = 1 << 20;

/// Prints `ready`, waits for a line on standard input, which starts the clock, and prints the
/// seconds until each of `count` events has come once at least.
pub fn run(count: u64, port: u16) -> std::io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    println!("ready");
    std::io::stdin().read_line(&mut String::new())?;
    let start = Instant::now();
    let mut seen = vec![false; count as usize];
    let mut left = count;
    let mut buffer = vec![0; READ_BYTES];
    let mut repeated = 0;
    while left > 0 {
        let (mut stream, _) = listener.accept()?;
        let mut kept = 0;
        loop {
            let read = stream.read(&mut buffer[kept..])?;
            let filled = kept + read;
            let mut begin = 0;
            for newline in memchr::memchr_iter(b'\n', &buffer[..filled]) {
                let place = &mut seen[event_of(&buffer[begin..newline]) as usize];
                repeated += u64::from(*place);
                left -= u64::from(!*place);
                *place = true;
                begin = newline + 1;
            }
            buffer.copy_within(begin..filled, 0);
            kept = filled - begin;
            if read == 0 || left == 0 {
                break;
            }
        }
    }
    println!("{:.3} {repeated}", start.elapsed().as_secs_f64());
    Ok(())
}

/// The number of the event that a message carries; a message that is none ends the measurement.
fn event_of(message: &[u8]) -> u64 {
    let fail = || -> ! { panic!("not as expected: {}", String::from_utf8_lossy(message)) };
    let Some(at) = memchr::memmem::find(message, ID) else { fail() };
    let digits = &message[at + ID.len()..at + ID.len() + 12];
    let is_whole = memchr::memmem::find(message, b"|ArbitexPlatform|1.0|6003|").is_some()
        && memchr::memmem::find(message, b" cs3Label=GroupIds cs3=finance-team,emea|west")
            .is_some();
    match std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()) {
        Some(number) if is_whole => number,
        _ => fail(),
    }
}
