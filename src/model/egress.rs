//! Which receivers may be reached (design, section 6).
//!
//! In: a host as configured and, after name resolution, its address. Out: permitted, or why not and
//! what to change. Pure: the one function that opens sockets asks [`Policy::permits`] with every
//! resolved address, and the configuration asks it with every address literal at load.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use thiserror::Error;

/// `[egress]`. The default denies everything that is not a local address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Whether `hosts` opens anything at all.
    pub allow: bool,
    /// The only receivers outside the local networks that may be reached.
    pub hosts: Vec<HostRule>,
    /// Local receivers need `allow` and the list, too: how HTTP is judged.
    pub is_for_http: bool,
}

/// One entry of `[egress] hosts`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostRule {
    /// That name and no other; lower case, without the root's dot.
    Name(String),
    /// Every name below that domain (`*.example.net`), not the domain itself; lower case.
    Below(String),
    /// An address or a network.
    Network {
        /// The network's address.
        address: IpAddr,
        /// Leading bits that must agree: at most 32 for IPv4, 128 for IPv6.
        prefix: u8,
    },
}

/// Why a receiver may not be reached.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Denied {
    /// `[egress] allow` is false and the address is not a local one.
    #[error(
        "egress policy: {host} is not a private, loopback, link-local or unique-local address; \
         use a local receiver, or set `allow = true` and list {host} under `hosts` in [egress]"
    )]
    NotLocal {
        /// The host as configured, with its address where that differs.
        host: String,
    },
    /// `[egress] allow` is true, but no rule names the host.
    #[error(
        "egress policy: {host} is not a local address and not among `hosts` in [egress]; \
         add it there, or use a local receiver"
    )]
    NotListed {
        /// The host as configured, with its address where that differs.
        host: String,
    },
    /// HTTP reaches hosts of the list alone, wherever they are.
    #[error(
        "egress policy: HTTP goes only to hosts that are listed, and {host} is not; set \
         `allow = true` and list {host} under `hosts` in [egress]"
    )]
    HttpNotListed {
        /// The host as configured, with its address where that differs.
        host: String,
    },
    /// An address that no single receiver has: unspecified, multicast or broadcast.
    #[error("egress policy: {host} is not the address of one receiver; use a unicast address")]
    NotUnicast {
        /// The host as configured, with its address where that differs.
        host: String,
    },
}

/// Why a text is no [`HostRule`].
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "`{0}` is neither a host name, `*.domain`, an IP address nor a network such as 192.0.2.0/24"
)]
pub struct HostRuleError(pub String);

impl Policy {
    /// The same for HTTP, which needs `allow` and the host on the list even for local receivers.
    pub fn for_http(&self) -> Policy {
        Policy { is_for_http: true, ..self.clone() }
    }

    /// The same for name servers, which need not be on the list to be asked about a listed host.
    pub fn for_name_servers(&self) -> Policy {
        Policy { is_for_http: false, ..self.clone() }
    }

    /// Whether `host` may be reached: before name resolution with `ip` `None`, and again with
    /// every address it resolves to. Without an address a name passes, since only its address
    /// tells whether it is local; an address literal is judged at once.
    ///
    /// # Errors
    /// [`Denied`] says why, and both ways out.
    pub fn permits(&self, host: &str, ip: Option<IpAddr>) -> Result<(), Denied> {
        let host = normal_name(host);
        let literal = host.parse::<IpAddr>().ok();
        let Some(ip) = ip.or(literal).map(|ip| ip.to_canonical()) else {
            // A network on the list cannot speak for a name before it is resolved.
            let is_listed = self.allow && self.hosts.iter().any(|rule| rule.names(&host));
            return match self.is_for_http && !is_listed {
                true => Err(Denied::HttpNotListed { host }),
                false => Ok(()),
            };
        };
        let shown = || match literal {
            Some(_) => host.clone(),
            None => format!("{host} ({ip})"),
        };
        if !is_unicast(ip) {
            return Err(Denied::NotUnicast { host: shown() });
        }
        if self.is_for_http {
            let is_listed = self.allow && self.hosts.iter().any(|rule| rule.matches(&host, ip));
            return match is_listed {
                true => Ok(()),
                false => Err(Denied::HttpNotListed { host: shown() }),
            };
        }
        if is_local(ip) {
            return Ok(());
        }
        if !self.allow {
            return Err(Denied::NotLocal { host: shown() });
        }
        if self.hosts.iter().any(|rule| rule.matches(&host, ip)) {
            return Ok(());
        }
        Err(Denied::NotListed { host: shown() })
    }
}

impl HostRule {
    /// `host` in normal form, `ip` canonical.
    fn matches(&self, host: &str, ip: IpAddr) -> bool {
        match self {
            HostRule::Network { address, prefix } => in_network(ip, *address, *prefix),
            HostRule::Name(_) | HostRule::Below(_) => self.names(host),
        }
    }

    /// Whether it names `host`, whatever its address.
    fn names(&self, host: &str) -> bool {
        match self {
            HostRule::Name(name) => host == name,
            HostRule::Below(domain) => host
                .strip_suffix(domain.as_str())
                .and_then(|label| label.strip_suffix('.'))
                .is_some_and(|label| !label.is_empty()),
            HostRule::Network { .. } => false,
        }
    }
}

impl FromStr for HostRule {
    type Err = HostRuleError;

    fn from_str(text: &str) -> Result<HostRule, HostRuleError> {
        let wrong = || HostRuleError(text.to_owned());
        let name = normal_name(text);
        if let Some((address, prefix)) = name.split_once('/') {
            let address: IpAddr = address.parse().map_err(|_| wrong())?;
            let prefix: u8 = prefix.parse().map_err(|_| wrong())?;
            if prefix > widest(address) {
                return Err(wrong());
            }
            return Ok(HostRule::Network { address, prefix });
        }
        if let Ok(address) = name.parse::<IpAddr>() {
            let address = address.to_canonical();
            return Ok(HostRule::Network { address, prefix: widest(address) });
        }
        match name.strip_prefix("*.") {
            Some(domain) if is_name(domain) => Ok(HostRule::Below(domain.to_owned())),
            None if is_name(&name) => Ok(HostRule::Name(name)),
            Some(_) | None => Err(wrong()),
        }
    }
}

impl fmt::Display for HostRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostRule::Name(name) => f.write_str(name),
            HostRule::Below(domain) => write!(f, "*.{domain}"),
            HostRule::Network { address, prefix } => write!(f, "{address}/{prefix}"),
        }
    }
}

/// Private (RFC 1918), loopback, link-local (RFC 3927, RFC 4291) or unique-local (RFC 4193).
/// Carrier-grade NAT (RFC 6598) is a provider's network, not the outpost's own.
pub fn is_local(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_private() || ip.is_loopback() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unicast_link_local() || ip.is_unique_local(),
    }
}

/// Linux takes a connection to the unspecified address for one to itself, and a datagram to a
/// multicast group has no one receiver that could be named.
fn is_unicast(ip: IpAddr) -> bool {
    let broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    !(ip.is_unspecified() || ip.is_multicast() || broadcast)
}

fn in_network(ip: IpAddr, network: IpAddr, prefix: u8) -> bool {
    let agree = |a: u128, b: u128, width: u32| {
        let shift = width.saturating_sub(u32::from(prefix));
        a.checked_shr(shift).unwrap_or(0) == b.checked_shr(shift).unwrap_or(0)
    };
    match (ip, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => agree(a.to_bits().into(), b.to_bits().into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => agree(a.to_bits(), b.to_bits(), 128),
        _ => false,
    }
}

fn widest(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Names are compared in lower case and without the root's dot; brackets belong to URLs alone.
fn normal_name(text: &str) -> String {
    let text = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase()
}

/// Letters, digits, hyphens and underscores in labels of 1 to 63 octets (RFC 1123, section 2.1);
/// a last label of digits alone would be a mistyped IPv4 address.
pub fn is_name(text: &str) -> bool {
    let good = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let numeric = |label: &str| label.bytes().all(|b| b.is_ascii_digit());
    text.len() <= 253 && text.split('.').all(good) && !text.rsplit('.').next().is_some_and(numeric)
}

#[cfg(test)]
mod tests;
