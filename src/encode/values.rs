//! Whether a value is what its key's type asks for.
//!
//! In: a [`Kind`] and a value without spaces around it. Out: yes or no; nothing is converted,
//! because a guess about another program's data is worse than a counted mismatch.
//! Diagnostics: none.

use std::net::{IpAddr, Ipv6Addr};

use super::dictionary::Kind;
use crate::model::address::is_ipv4;

/// True if `value` fits. An empty value fits strings alone.
pub(super) fn fits(kind: Kind, value: &str) -> bool {
    match kind {
        Kind::String => true,
        Kind::Ipv4 => is_ipv4(value),
        Kind::Ipv6 => value.parse::<Ipv6Addr>().is_ok(),
        Kind::Ip => value.parse::<IpAddr>().is_ok(),
        Kind::Mac => is_mac(value),
        Kind::Port => is_integer(value) && value.parse::<u16>().is_ok(),
        Kind::Integer => is_integer(value) && value.parse::<i32>().is_ok(),
        Kind::Long => is_integer(value) && value.parse::<i64>().is_ok(),
        Kind::FloatingPoint => is_floating_point(value),
        Kind::TimeStamp => is_timestamp(value),
    }
}

/// Digits with an optional minus. Rust would take a plus as well; receivers do not.
fn is_integer(value: &str) -> bool {
    let digits = value.strip_prefix('-').unwrap_or(value);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Six pairs of hex digits apart by colons.
fn is_mac(value: &str) -> bool {
    value.len() == 17
        && value.bytes().enumerate().all(|(at, byte)| match at % 3 {
            2 => byte == b':',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// Rust would take `inf` and `NaN` as well.
fn is_floating_point(value: &str) -> bool {
    value.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'))
        && value.parse::<f64>().is_ok_and(f64::is_finite)
}

/// Milliseconds since the epoch, or `MMM dd [yyyy] HH:mm:ss[.SSS][ zzz]` (CEF standard, appendix
/// on date formats).
fn is_timestamp(value: &str) -> bool {
    if is_integer(value) {
        // 18 digits are always below 2^63.
        return value.len() <= 18 || value.parse::<i64>().is_ok();
    }
    let mut words = value.split(' ');
    let (Some(month), Some(day)) = (words.next(), words.next()) else { return false };
    let is_month = matches!(
        month,
        "Jan"
            | "Feb"
            | "Mar"
            | "Apr"
            | "May"
            | "Jun"
            | "Jul"
            | "Aug"
            | "Sep"
            | "Oct"
            | "Nov"
            | "Dec"
    );
    let mut next = words.next().unwrap_or("");
    if next.len() == 4 && is_integer(next) {
        next = words.next().unwrap_or("");
    }
    let zone = words.next().unwrap_or("UTC");
    let is_zone = (1..=9).contains(&zone.len())
        && zone.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-:".contains(&byte));
    is_month && is_number(day, 1..=31) && is_clock(next) && is_zone && words.next().is_none()
}

/// `HH:mm:ss` or `HH:mm:ss.SSS`
fn is_clock(text: &str) -> bool {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, "000"));
    let mut parts = clock.split(':');
    let mut in_range = |range| parts.next().is_some_and(|part| is_number(part, range));
    in_range(0..=23)
        && in_range(0..=59)
        && in_range(0..=60)
        && parts.next().is_none()
        && fraction.len() == 3
        && is_integer(fraction)
}

/// One or two digits within the range.
fn is_number(text: &str, range: std::ops::RangeInclusive<u8>) -> bool {
    (1..=2).contains(&text.len())
        && is_integer(text)
        && text.parse().is_ok_and(|number| range.contains(&number))
}
