//! The limit: one thread that is hard-wired to one schema, keeps no state and forgets what it
//! sends. What it does per event is what nobody can do without: find the line, read its JSON,
//! write the message, hand it to the kernel.

use std::borrow::Cow;
use std::fs::File;
use std::io::{Read, Write};
use std::net::Shutdown;

use memchr::{memchr_iter, memchr3};
use serde::Deserialize;

#[derive(Deserialize)]
struct Event<'a> {
    time: i64,
    severity_id: u8,
    #[serde(borrow)]
    actor: Actor<'a>,
    api: Api<'a>,
    unmapped: Unmapped<'a>,
}

#[derive(Deserialize)]
struct Actor<'a> {
    #[serde(borrow)]
    user: User<'a>,
}

#[derive(Deserialize)]
struct User<'a> {
    #[serde(borrow)]
    uid: Cow<'a, str>,
    email_addr: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Api<'a> {
    #[serde(borrow)]
    request: Request<'a>,
    operation: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    uid: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Unmapped<'a> {
    #[serde(borrow)]
    model: Cow<'a, str>,
    policy_action: Cow<'a, str>,
    dlp_labels: Vec<Cow<'a, str>>,
    token_in: i64,
    token_out: i64,
    group_ids: Vec<Cow<'a, str>>,
}

const READ_BYTES: usize = 1 << 20;

/// Sends every event of `spool` to `out`; returns how many.
pub fn run(spool: &str, mut out: impl Write) -> std::io::Result<u64> {
    let mut file = File::open(spool)?;
    let mut buffer = vec![0; READ_BYTES];
    let mut kept = 0;
    let mut events = 0;
    let mut message = Vec::with_capacity(READ_BYTES);
    loop {
        let count = file.read(&mut buffer[kept..])?;
        if count == 0 {
            return Ok(events);
        }
        let filled = kept + count;
        let mut begin = 0;
        message.clear();
        for newline in memchr_iter(b'\n', &buffer[..filled]) {
            let event: Event = sonic_rs::from_slice(&buffer[begin..newline])
                .unwrap_or_else(|error| panic!("event {events}: {error}"));
            write_message(&event, &mut message);
            events += 1;
            begin = newline + 1;
        }
        for piece in message.chunks(256 * 1024) {
            out.write_all(piece)?;
        }
        buffer.copy_within(begin..filled, 0);
        kept = filled - begin;
    }
}

/// As [`run`], with a good-bye. Who leaves with unread session tickets resets the connection, and
/// what the receiver has not read is lost.
pub fn run_tls(spool: &str, mut out: crate::tls::Client) -> std::io::Result<()> {
    run(spool, &mut out)?;
    out.conn.send_close_notify();
    out.flush()?;
    out.sock.shutdown(Shutdown::Write)?;
    // The receiver need not say good-bye too.
    let _ = out.read_to_end(&mut Vec::new());
    Ok(())
}

/// The message of one event, its line break included.
pub fn message(line: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let event = sonic_rs::from_slice(line).expect("an event of ours");
    write_message(&event, &mut out);
    out
}

fn write_message(event: &Event, out: &mut Vec<u8>) {
    let severity = [5, 3, 4, 6, 8, 9, 10][usize::from(event.severity_id.min(6))];
    let pri = 128
        + match severity {
            9.. => 2,
            7..=8 => 3,
            4..=6 => 4,
            _ => 6,
        };
    out.push(b'<');
    push_number(pri, out);
    out.extend_from_slice(b">1 ");
    push_timestamp(event.time, out);
    out.extend_from_slice(b" outpost-07.example.net ArbitexPlatform - ");
    out.extend_from_slice(event.api.request.uid.as_bytes());
    out.extend_from_slice(b" - CEF:0|Arbitex|ArbitexPlatform|1.0|6003|");
    push(&event.api.operation, b'|', out);
    out.push(b'|');
    push_number(severity, out);
    out.extend_from_slice(b"|rt=");
    push_number(event.time, out);
    for (key, value) in [
        (&b" suser="[..], &event.actor.user.email_addr),
        (b" duid=", &event.actor.user.uid),
        (b" act=", &event.unmapped.policy_action),
        (b" model=", &event.unmapped.model),
    ] {
        out.extend_from_slice(key);
        push(value, b'=', out);
    }
    out.extend_from_slice(b" tokenIn=");
    push_number(event.unmapped.token_in, out);
    out.extend_from_slice(b" tokenOut=");
    push_number(event.unmapped.token_out, out);
    out.extend_from_slice(b" cs1Label=PolicyAction cs1=");
    push(&event.unmapped.policy_action, b'=', out);
    out.extend_from_slice(b" cs2Label=DlpLabels cs2=");
    push_list(&event.unmapped.dlp_labels, out);
    out.extend_from_slice(b" cs3Label=GroupIds cs3=");
    push_list(&event.unmapped.group_ids, out);
    out.push(b'\n');
}

fn push_list(list: &[Cow<str>], out: &mut Vec<u8>) {
    for (number, value) in list.iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        push(value, b'=', out);
    }
}

fn push(text: &str, special: u8, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    while let Some(at) = memchr3(b'\\', special, b'\n', rest) {
        out.extend_from_slice(&rest[..at]);
        match rest[at] {
            b'\n' => out.extend_from_slice(b"\\n"),
            byte => out.extend_from_slice(&[b'\\', byte]),
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

fn push_number(number: i64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut begin = digits.len();
    let mut rest = number.unsigned_abs();
    loop {
        begin -= 1;
        digits[begin] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[begin..]);
}

/// Milliseconds since the epoch as RFC 3339 in UTC.
fn push_timestamp(millis: i64, out: &mut Vec<u8>) {
    let (days, rest) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
    // The civil date of a day number, with years that begin in March.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let two = |number: i64| [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
    push_number(year, out);
    for (mark, number) in [
        (b'-', month),
        (b'-', day),
        (b'T', rest / 3_600_000),
        (b':', rest / 60_000 % 60),
        (b':', rest / 1000 % 60),
    ] {
        out.push(mark);
        out.extend_from_slice(&two(number));
    }
    out.push(b'.');
    out.push(b'0' + (rest / 100 % 10) as u8);
    out.extend_from_slice(&two(rest % 100));
    out.push(b'Z');
}
