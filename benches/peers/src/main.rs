//! What the side-by-side measurement needs beside the programs that it measures. See `run`.
//!
//! - `peers spool COUNT FILE` writes events.
//! - `peers limit FILE PORT [CA]` sends them as fast as one thread can; over TLS with a CA.
//! - `peers receive COUNT PORT [CERT KEY]` takes so many messages, holds each against what it has
//!   to be, and prints the seconds from its first line on standard input to the last message.
//! - `peers latency COUNT RATE FILE PORT` appends events to the file, so many a second or, for 0,
//!   each when the one before has come, and prints the microseconds until they come.

mod events;
mod latency;
mod limit;
mod receive;
mod tls;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::net::TcpStream;

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["spool", count, file] => spool(number(count), file),
        ["limit", file, port] => limit::run(file, connect(port)?).map(|_| ()),
        ["limit", file, port, ca] => limit::run_tls(file, tls::client(connect(port)?, ca)),
        ["receive", count, port] => receive::run(number(count), number(port) as u16, None),
        ["receive", count, port, cert, key] => {
            receive::run(number(count), number(port) as u16, Some(tls::server(cert, key)))
        }
        ["latency", count, rate, file, port] => {
            latency::run(number(count), number(rate), file, number(port) as u16)
        }
        _ => panic!(
            "peers spool COUNT FILE | limit FILE PORT [CA] | receive COUNT PORT [CERT KEY] | \
             latency COUNT RATE FILE PORT"
        ),
    }
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| panic!("{text:?} is no number"))
}

fn connect(port: &str) -> std::io::Result<TcpStream> {
    TcpStream::connect(("127.0.0.1", number(port) as u16))
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
