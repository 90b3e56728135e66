//! Texts of the configuration to their final types: pure, one function a type.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use super::fault::AddressFault;
#[cfg(feature = "http")]
use super::fault::UrlFault;
#[cfg(feature = "http")]
use crate::http::settings::Endpoint;
use crate::model::egress::is_name;
use crate::transport::settings::{Address, Protocol};

/// The facilities in the order of their codes (RFC 5424, table 1), by their names in syslog.conf.
pub(super) const FACILITIES: [(&str, u8); 24] = [
    ("kern", 0),
    ("user", 1),
    ("mail", 2),
    ("daemon", 3),
    ("auth", 4),
    ("syslog", 5),
    ("lpr", 6),
    ("news", 7),
    ("uucp", 8),
    ("cron", 9),
    ("authpriv", 10),
    ("ftp", 11),
    ("ntp", 12),
    ("audit", 13),
    ("alert", 14),
    ("clock", 15),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
];

/// Units of a duration with their milliseconds, the largest first.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// A whole number and its unit: `250ms`, `5s`, `2m`, `1h`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, milliseconds) = UNITS.iter().find(|(name, _)| *name == unit)?;
    Some(Duration::from_millis(number.parse::<u64>().ok()?.checked_mul(*milliseconds)?))
}

/// The reverse of [`duration`], in the largest unit that fits.
pub(super) fn duration_text(duration: Duration) -> String {
    let all = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let unit = UNITS.iter().find(|(_, size)| all > 0 && all.is_multiple_of(*size));
    match unit {
        Some((unit, size)) => format!("{}{unit}", all / size),
        None => format!("{all}s"),
    }
}

/// `scheme://host[:port]`; without a port 514, for TLS 6514 (RFC 5426, RFC 5425).
pub(super) fn address(text: &str) -> Result<Address, AddressFault> {
    let (scheme, rest) = text.split_once("://").ok_or(AddressFault::NoScheme)?;
    let protocol = match scheme.to_ascii_lowercase().as_str() {
        "tcp" | "syslog" | "syslog+tcp" => Protocol::Tcp,
        "tls" | "syslog+tls" => Protocol::Tls,
        "udp" | "syslog+udp" => Protocol::Udp,
        "http" | "https" => return Err(AddressFault::Http),
        _ => return Err(AddressFault::Scheme(scheme.to_owned())),
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.contains('@') {
        return Err(AddressFault::User);
    }
    if rest.contains(['/', '?', '#']) {
        return Err(AddressFault::Rest);
    }
    let (host, port) = host_and_port(rest)?;
    let port = match port {
        None if protocol == Protocol::Tls => 6514,
        None => 514,
        Some(port) => match port.parse::<u16>() {
            Ok(number) if number > 0 && !port.starts_with('+') => number,
            _ => return Err(AddressFault::Port(port.to_owned())),
        },
    };
    Ok(Address { protocol, host, port })
}

/// A host name or address without brackets, and the port's text.
fn host_and_port(text: &str) -> Result<(String, Option<&str>), AddressFault> {
    if let Some(bracketed) = text.strip_prefix('[') {
        let (host, rest) = bracketed.split_once(']').ok_or(AddressFault::Brackets)?;
        let ip = host.parse::<Ipv6Addr>().map_err(|_| AddressFault::Host(host.to_owned()))?;
        let port = match rest.strip_prefix(':') {
            Some(port) => Some(port),
            None if rest.is_empty() => None,
            None => return Err(AddressFault::Port(rest.to_owned())),
        };
        return Ok((ip.to_string(), port));
    }
    if text.parse::<Ipv6Addr>().is_ok() || text.matches(':').count() > 1 {
        return Err(AddressFault::Brackets);
    }
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    if host.is_empty() {
        return Err(AddressFault::NoHost);
    }
    if !is_host(host) {
        return Err(AddressFault::Host(host.to_owned()));
    }
    Ok((host.to_owned(), port))
}

/// An IP address or a DNS name, with or without the root's dot.
pub(super) fn is_host(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok() || is_name(text.strip_suffix('.').unwrap_or(text))
}

/// `https://host[:port][/path]`; `http://` for loopback alone. `port` stands for none.
#[cfg(feature = "http")]
pub(super) fn endpoint(text: &str, port: u16) -> Result<Endpoint, UrlFault> {
    let (scheme, rest) = text.split_once("://").ok_or(UrlFault::NoScheme)?;
    let is_tls = match scheme.to_ascii_lowercase().as_str() {
        "https" => true,
        "http" => false,
        _ => return Err(UrlFault::Scheme(scheme.to_owned())),
    };
    let (authority, path) = match rest.find('/') {
        Some(slash) => rest.split_at_checked(slash).unwrap_or((rest, "")),
        None => (rest, ""),
    };
    if authority.contains('@') {
        return Err(UrlFault::User);
    }
    if rest.contains(['?', '#']) {
        return Err(UrlFault::Rest);
    }
    let is_path = |b: u8| b.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@%".contains(&b);
    if !path.bytes().all(is_path) {
        return Err(UrlFault::Path);
    }
    let (host, typed_port) = host_and_port(authority).map_err(UrlFault::Authority)?;
    let port = match typed_port {
        None if !is_tls && port == 443 => 80,
        None => port,
        Some(typed) => match typed.parse::<u16>() {
            Ok(number) if number > 0 && !typed.starts_with('+') => number,
            _ => return Err(UrlFault::Authority(AddressFault::Port(typed.to_owned()))),
        },
    };
    let is_loopback = host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
        || host.eq_ignore_ascii_case("localhost");
    if !is_tls && !is_loopback {
        return Err(UrlFault::Plain);
    }
    Ok(Endpoint { is_tls, host, port, base_path: path.trim_end_matches('/').to_owned() })
}

/// SHA-256 as 64 hexadecimal digits, with or without colons, as `openssl x509 -fingerprint` prints.
pub(super) fn fingerprint(text: &str) -> Option<[u8; 32]> {
    let text = text.strip_prefix("sha256:").unwrap_or(text);
    let digits: Option<Vec<u8>> = text
        .chars()
        .filter(|c| *c != ':')
        .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
        .collect();
    let digits = digits.filter(|digits| digits.len() == 64)?;
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = pair.iter().fold(0, |sum, digit| sum << 4 | digit);
    }
    Some(bytes)
}

/// LEEF 2.0's delimiter: one character, or `x` or `0x` and up to four hexadecimal digits.
/// Characters that values and keys consist of, or that end the header or the message, cannot
/// delimit.
pub(super) fn delimiter(text: &str) -> Option<char> {
    let mut characters = text.chars();
    let character = match (characters.next(), characters.next()) {
        (Some(one), None) => one,
        _ => {
            let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix('x'))?;
            let hexadecimal = digits.bytes().all(|b| b.is_ascii_hexdigit());
            if !hexadecimal || !(1..=4).contains(&digits.len()) {
                return None;
            }
            char::from_u32(u32::from_str_radix(digits, 16).ok()?)?
        }
    };
    let structural = matches!(character, '=' | '|' | '\\' | ' ' | '.' | ':' | '-' | '_');
    let control = character.is_control() && character != '\t';
    (!character.is_alphanumeric() && !structural && !control).then_some(character)
}

/// RFC 5424, section 6.2.4: 1 to 255 octets of PRINTUSASCII.
pub(super) fn is_hostname(text: &str) -> bool {
    (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}
