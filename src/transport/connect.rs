//! Connections to receivers, and the one place where outgoing sockets are opened.
//!
//! In: an address as configured. Out: a [`Link`] ready to send, or why not. The name is resolved at
//! every connect; the egress policy is asked for every address it resolves to, and once more by
//! [`open`], without which nothing in this crate reaches the network.
//!
//! Diagnostics: a changed TLS file that cannot be used is logged once; everything else is in the
//! [`Cause`] returned.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::time::{Instant, timeout, timeout_at};

use super::cause::{self, Place, code};
use super::link::{Drained, Link};
use super::resolve::Lookup;
use super::settings::{Address, Protocol, Settings};
use super::trust::{Stamp, Trust, stamps};
use crate::model::egress::{Denied, Policy};
use crate::model::outcome::Cause;

/// Unsent bytes that may lie in the kernel's send queue. What lies there when a link is lost is
/// sent again, so it is a bound of duplicates beside the peer's window. 128 KiB keeps loopback at
/// full speed; without it Linux queues 4 MiB (`tcp_wmem`) before a stalled receiver.
const UNSENT_BYTES_MAX: u32 = 128 * 1024;

/// Between keepalive probes.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// Unanswered keepalive probes before the link is given up, where TCP_USER_TIMEOUT is off.
const KEEPALIVE_PROBES: u32 = 3;

/// Makes connections for one destination.
pub struct Connector {
    pub(super) settings: Settings,
    pub(super) policy: Policy,
    lookup: Lookup,
    trust: Mutex<Trusted>,
}

/// What was read of the TLS files.
#[derive(Default)]
pub(super) struct Trusted {
    /// With which the last link was made.
    pub(super) used: Option<Arc<Trust>>,
    /// Newer files that are fit for the next link.
    next: Option<Arc<Trust>>,
    /// Newer files that are not: not tried again until they change.
    refused: Option<Vec<Stamp>>,
}

impl Connector {
    /// Nothing is read or opened before the first connect.
    pub fn new(settings: Settings, policy: Policy) -> Connector {
        Connector { settings, policy, lookup: Lookup::System, trust: Mutex::default() }
    }

    /// The same with another source of addresses.
    #[cfg(test)]
    pub fn with_lookup(self, lookup: Lookup) -> Connector {
        Connector { lookup, ..self }
    }

    /// Resolves, asks the policy, connects, shakes hands. TLS files that changed since the last
    /// connect are read again; unusable ones are an error, and are tried again the next time.
    ///
    /// # Errors
    /// Every code of [`cause::code`] that belongs to connecting.
    pub async fn connect(&self, address: &Address) -> Result<Link, Cause> {
        // First, so that an unusable file does not cost the receiver a connection.
        let trust = match address.protocol {
            Protocol::Tls => Some(self.trust()?),
            Protocol::Tcp | Protocol::Udp => None,
        };
        let deadline = Instant::now() + self.settings.connect_timeout;
        let addresses = self.permitted(address, deadline).await?;
        let (place, socket) = self.first_of(address, &addresses, deadline).await?;
        let write_timeout = self.settings.write_timeout;
        match (socket, trust) {
            (Socket::Datagram(socket), _) => Ok(Link::udp(socket, place, write_timeout)),
            (Socket::Stream(stream), None) => Link::tcp(stream, place, write_timeout),
            (Socket::Stream(stream), Some(trust)) => {
                let name = self.settings.tls.as_ref().and_then(|tls| tls.server_name.as_deref());
                let name = name.unwrap_or(&address.host).to_owned();
                let limit = self.settings.handshake_timeout;
                let shaking = Link::tls(stream, place.clone(), write_timeout, &trust, name);
                let link = timeout(limit, shaking)
                    .await
                    .map_err(|_| cause::handshake_timeout(&place, limit))??;
                self.trusted().used = Some(trust);
                Ok(link)
            }
        }
    }

    /// Half-closes `link` and waits up to `deadline` for the receiver's end. A FIN without
    /// close_notify is what the kernel sends for a program that was killed just after it read, too:
    /// only one that takes another connection at once, up to `connect_timeout`, is still there to
    /// keep what it read. Never returns [`Drained::Closed`].
    pub async fn prove(&self, link: Link, deadline: Duration) -> Drained {
        let place = link.place().clone();
        match link.drain(deadline).await {
            Drained::Closed => match self.knock(&place).await {
                Ok(()) => Drained::Proven,
                Err(error) => Drained::Refuted(cause::gone(&place, &error)),
            },
            other => other,
        }
    }

    /// Connects and closes without a word.
    async fn knock(&self, place: &Place) -> io::Result<()> {
        let opening = open(
            &self.policy,
            &place.address.host,
            place.peer,
            Shape::Stream(Some(&self.settings)),
        );
        timeout(self.settings.connect_timeout, opening).await??;
        Ok(())
    }

    /// The addresses that would be connected to, at least one: what the name resolves to now, as
    /// far as the policy permits it.
    ///
    /// # Errors
    /// `unresolved` or `egress_denied`.
    pub async fn resolve(&self, address: &Address) -> Result<Vec<IpAddr>, Cause> {
        self.permitted(address, Instant::now() + self.settings.connect_timeout).await
    }

    /// True when the TLS files changed since the last link was made and the new ones are fit for
    /// use: then the link should be replaced, gently. Unfit files are logged and wait for a change.
    pub fn trust_changed(&self) -> bool {
        let Some(settings) = &self.settings.tls else { return false };
        let mut trusted = self.trusted();
        let Some(used) = &trusted.used else { return false };
        let now = stamps(settings);
        if now == used.stamps {
            return false;
        }
        if trusted.next.as_ref().is_some_and(|next| next.stamps == now) {
            return true;
        }
        if trusted.refused.as_ref() == Some(&now) {
            return false;
        }
        match Trust::load(settings) {
            Ok(next) => {
                trusted.next = Some(Arc::new(next));
                true
            }
            Err(cause) => {
                tracing::warn!(
                    code = cause.code,
                    "a changed TLS file cannot be used; the connection stays as it is: {cause}"
                );
                trusted.refused = Some(now);
                false
            }
        }
    }

    /// The files as they are now, read only if they changed.
    pub(super) fn trust(&self) -> Result<Arc<Trust>, Cause> {
        let settings = self.settings.tls.clone().unwrap_or_default();
        let now = stamps(&settings);
        let mut trusted = self.trusted();
        let known = [&trusted.next, &trusted.used].into_iter().flatten();
        if let Some(trust) = known.into_iter().find(|trust| trust.stamps == now) {
            return Ok(Arc::clone(trust));
        }
        let trust = Arc::new(Trust::load(&settings)?);
        trusted.next = Some(Arc::clone(&trust));
        Ok(trust)
    }

    pub(super) fn trusted(&self) -> std::sync::MutexGuard<'_, Trusted> {
        // Every change of it is a single assignment, so a panic cannot leave it half done.
        self.trust.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The addresses of the host that the policy permits, at least one.
    pub(super) async fn permitted(
        &self,
        address: &Address,
        deadline: Instant,
    ) -> Result<Vec<IpAddr>, Cause> {
        let host = &address.host;
        let denied =
            |denied: Denied| Cause::new(code::EGRESS_DENIED, format!("{address}: {denied}"));
        self.policy.permits(host, None).map_err(denied)?;
        let servers = self.policy.for_name_servers();
        let mut found = timeout_at(deadline, self.lookup.addresses(host, &servers))
            .await
            .map_err(|_| slow_names(address, self.settings.connect_timeout))??;
        let mut refusal = None;
        found.retain(|ip| match self.policy.permits(host, Some(*ip)) {
            Ok(()) => true,
            Err(denied) => {
                refusal = Some(denied);
                false
            }
        });
        match refusal {
            Some(refusal) if found.is_empty() => Err(denied(refusal)),
            _ => Ok(found),
        }
    }

    /// Tries each address in turn; each gets an equal share of the time that is left, so that a
    /// silent one does not use up that of the others.
    pub(super) async fn first_of(
        &self,
        address: &Address,
        addresses: &[IpAddr],
        deadline: Instant,
    ) -> Result<(Place, Socket), Cause> {
        let mut failures: Vec<Cause> = Vec::new();
        let mut left = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
        for ip in addresses {
            let peer = SocketAddr::new(*ip, address.port);
            let place = Place { address: address.clone(), peer };
            let share = deadline.saturating_duration_since(Instant::now()) / left.max(1);
            left = left.saturating_sub(1);
            let shape = match address.protocol {
                Protocol::Udp => Shape::Datagram,
                Protocol::Tcp | Protocol::Tls => Shape::Stream(Some(&self.settings)),
            };
            match timeout(share, open(&self.policy, &address.host, peer, shape)).await {
                Ok(Ok(socket)) => return Ok((place, socket)),
                Ok(Err(error)) => failures.push(cause::of_connect(&place, &error)),
                Err(_) => {
                    failures.push(cause::of_connect(&place, &io::ErrorKind::TimedOut.into()));
                }
            }
        }
        Err(summary(address, failures))
    }
}

/// The last failure, with those before it.
fn summary(address: &Address, mut failures: Vec<Cause>) -> Cause {
    let Some(last) = failures.pop() else {
        return Cause::new(code::UNRESOLVED, format!("{address}: it has no address"));
    };
    let text =
        failures.iter().fold(last.text, |text, before| format!("{text}; before that, {before}"));
    Cause::new(last.code, text)
}

fn slow_names(address: &Address, limit: Duration) -> Cause {
    Cause::new(
        code::UNRESOLVED,
        format!(
            "{address}: no name server answered within {limit:?}; check /etc/resolv.conf, or use \
             /etc/hosts or an IP address"
        ),
    )
}

/// What [`open`] opens.
pub enum Shape<'a> {
    /// A TCP connection, tuned for a receiver where settings are given.
    Stream(Option<&'a Settings>),
    /// A UDP socket that sends to that address alone, and hears of its ICMP errors.
    Datagram,
    /// A UDP socket bound to that local address, as a resolver needs.
    Unconnected(SocketAddr),
}

/// What [`open`] opened.
pub enum Socket {
    /// Connected.
    Stream(TcpStream),
    /// Connected or bound.
    Datagram(UdpSocket),
}

/// Opens an outgoing socket: the only function of the crate that does, and none without the policy.
///
/// # Errors
/// Those of the socket; `PermissionDenied` with the policy's text when it denies the address.
pub async fn open(
    policy: &Policy,
    host: &str,
    to: SocketAddr,
    shape: Shape<'_>,
) -> io::Result<Socket> {
    policy
        .permits(host, Some(to.ip()))
        .map_err(|denied| io::Error::new(io::ErrorKind::PermissionDenied, denied))?;
    match shape {
        Shape::Stream(settings) => {
            let socket = if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
            socket.set_nodelay(true)?;
            if let Some(settings) = settings {
                tune(&SockRef::from(&socket), settings)?;
            }
            Ok(Socket::Stream(socket.connect(to).await?))
        }
        Shape::Datagram => {
            let any: IpAddr = if to.is_ipv4() { [0; 4].into() } else { [0; 16].into() };
            let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await?;
            socket.connect(to).await?;
            Ok(Socket::Datagram(socket))
        }
        Shape::Unconnected(local) => Ok(Socket::Datagram(UdpSocket::bind(local).await?)),
    }
}

/// A dead peer is noticed, and little lies unsent.
fn tune(socket: &SockRef<'_>, settings: &Settings) -> io::Result<()> {
    if let Some(idle) = settings.keepalive {
        let keepalive = TcpKeepalive::new()
            .with_time(idle)
            .with_interval(KEEPALIVE_INTERVAL.min(idle))
            .with_retries(KEEPALIVE_PROBES);
        socket.set_tcp_keepalive(&keepalive)?;
    }
    socket.set_tcp_user_timeout(settings.user_timeout)?;
    socket.set_tcp_notsent_lowat(UNSENT_BYTES_MAX)
}
