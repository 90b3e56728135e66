//! What the side-by-side measurement needs beside the programs that it measures. See `run`.
//!
//! - `peers spool COUNT FILE` writes events.
//! - `peers limit FILE PORT` sends them as fast as one thread can.
//! - `peers receive COUNT PORT` takes so many messages, checks each against the event of its
//!   number, and prints the seconds from its first line on standard input to the last message.

mod events;
mod limit;
mod receive;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::net::TcpStream;

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["spool", count, file] => spool(number(count), file),
        ["limit", file, port] => {
            let stream = TcpStream::connect(("127.0.0.1", number(port) as u16))?;
            limit::run(file, stream).map(|_| ())
        }
        ["receive", count, port] => receive::run(number(count), number(port) as u16),
        _ => panic!("peers spool COUNT FILE | limit FILE PORT | receive COUNT PORT"),
    }
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| panic!("{text:?} is no number"))
}

fn spool(count: u64, file: &str) -> std::io::Result<()> {
    let mut out = BufWriter::new(File::create(file)?);
    let mut line = String::new();
    for event in 0..count {
        line.clear();
        events::arbitex(event, &mut line);
        out.write_all(line.as_bytes())?;
    }
    out.flush()
}
