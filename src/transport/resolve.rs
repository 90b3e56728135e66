//! Names to addresses, without glibc.
//!
//! In: a host as configured. Out: its addresses, asked for anew at every connect. Literals need no
//! resolver; /etc/hosts comes first, then the name servers of /etc/resolv.conf, which the egress
//! policy must permit like any other address.
//!
//! Diagnostics: `unresolved`, with the name and why.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::time::Duration;

use hickory_resolver::Resolver;
use hickory_resolver::config::{LookupIpStrategy, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::iocompat::AsyncIoTokioAsStd;
use hickory_resolver::net::runtime::{RuntimeProvider, TokioHandle, TokioTime};
use hickory_resolver::system_conf::read_system_conf;
use tokio::net::{TcpStream, UdpSocket};

use super::cause::code;
use super::connect::{Shape, Socket, open};
use crate::model::egress::Policy;
use crate::model::outcome::Cause;

/// Where addresses come from.
#[derive(Clone)]
pub enum Lookup {
    /// /etc/hosts and the name servers of this machine.
    System,
    /// A table, for tests.
    #[cfg(test)]
    Table(fn(&str) -> Vec<IpAddr>),
    /// A name server, for tests.
    #[cfg(test)]
    Server(SocketAddr),
}

impl Lookup {
    /// The addresses of `host`, at least one.
    ///
    /// # Errors
    /// `unresolved`.
    pub async fn addresses(&self, host: &str, policy: &Policy) -> Result<Vec<IpAddr>, Cause> {
        if let Ok(literal) = host.parse() {
            return Ok(vec![literal]);
        }
        let found = match self {
            Lookup::System => ask_system(host, policy).await?,
            #[cfg(test)]
            Lookup::Table(table) => table(host),
            #[cfg(test)]
            Lookup::Server(server) => {
                let config = one_server(*server);
                ask(host, policy, config, ResolverOpts::default(), None).await?
            }
        };
        if found.is_empty() {
            return Err(unresolved(host, "it has no address"));
        }
        Ok(found)
    }
}

/// The name servers of this machine that the policy permits.
pub fn name_servers(policy: &Policy) -> Vec<IpAddr> {
    let Ok((config, _)) = read_system_conf() else { return Vec::new() };
    let (_, _, servers) = config.into_parts();
    servers.iter().map(|server| server.ip).filter(|ip| permits(policy, *ip)).collect()
}

async fn ask_system(host: &str, policy: &Policy) -> Result<Vec<IpAddr>, Cause> {
    // Without a usable resolv.conf, /etc/hosts still answers.
    match read_system_conf() {
        Ok((config, options)) => ask(host, policy, config, options, None).await,
        Err(error) => {
            let remark = Some(format!("resolv.conf: {error}"));
            ask(host, policy, nobody(), ResolverOpts::default(), remark).await
        }
    }
}

/// Asks the name servers of `config` that the policy permits; `remark` is why there are none.
async fn ask(
    host: &str,
    policy: &Policy,
    config: ResolverConfig,
    mut options: ResolverOpts,
    mut remark: Option<String>,
) -> Result<Vec<IpAddr>, Cause> {
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.cache_size = 0;
    let (domain, search, mut servers) = config.into_parts();
    let asked = servers.len();
    servers.retain(|server| permits(policy, server.ip));
    if servers.is_empty() && asked > 0 {
        remark = Some(
            "the egress policy permits no name server of /etc/resolv.conf; use one on a local \
             address, or allow it under [egress]"
                .to_owned(),
        );
    }
    let config = ResolverConfig::from_parts(domain, search, servers);
    let sockets = Guarded { policy: policy.clone(), handle: TokioHandle::default() };
    let resolver = Resolver::builder_with_config(config, sockets).with_options(options).build();
    let answer = match resolver {
        Ok(resolver) => resolver.lookup_ip(host).await,
        Err(error) => Err(error),
    };
    match answer {
        Ok(answer) => Ok(answer.iter().collect()),
        Err(error) => Err(unresolved(host, &remark.unwrap_or_else(|| describe(&error)))),
    }
}

fn nobody() -> ResolverConfig {
    ResolverConfig::from_parts(None, Vec::new(), Vec::new())
}

#[cfg(test)]
fn one_server(server: SocketAddr) -> ResolverConfig {
    use hickory_resolver::config::NameServerConfig;
    let mut config = NameServerConfig::udp_and_tcp(server.ip());
    for connection in &mut config.connections {
        connection.port = server.port();
    }
    ResolverConfig::from_parts(None, Vec::new(), vec![config])
}

fn permits(policy: &Policy, server: IpAddr) -> bool {
    policy.permits(&server.to_string(), Some(server)).is_ok()
}

fn describe(error: &NetError) -> String {
    match error {
        _ if error.is_nx_domain() => "there is no such name".to_owned(),
        _ if error.is_no_records_found() => "it has no address".to_owned(),
        NetError::Timeout => "no name server answered in time".to_owned(),
        other => other.to_string(),
    }
}

fn unresolved(host: &str, why: &str) -> Cause {
    Cause::new(
        code::UNRESOLVED,
        format!(
            "{host} does not resolve: {why}; check its spelling, /etc/hosts and /etc/resolv.conf, \
             or use an IP address"
        ),
    )
}

/// Opens the resolver's sockets where all others are opened, under the same policy.
#[derive(Clone)]
struct Guarded {
    policy: Policy,
    handle: TokioHandle,
}

/// How long a name server may take to accept a TCP connection.
const NAME_SERVER_CONNECT: Duration = Duration::from_secs(5);

impl RuntimeProvider for Guarded {
    type Handle = TokioHandle;
    type Timer = TokioTime;
    type Udp = UdpSocket;
    type Tcp = AsyncIoTokioAsStd<TcpStream>;

    fn create_handle(&self) -> TokioHandle {
        self.handle.clone()
    }

    fn connect_tcp(
        &self,
        server: SocketAddr,
        _bind: Option<SocketAddr>,
        timeout: Option<Duration>,
    ) -> Pin<Box<dyn Send + Future<Output = io::Result<Self::Tcp>>>> {
        let policy = self.policy.clone();
        Box::pin(async move {
            let host = server.ip().to_string();
            let opening = open(&policy, &host, server, Shape::Stream(None));
            let limit = timeout.unwrap_or(NAME_SERVER_CONNECT);
            match tokio::time::timeout(limit, opening).await?? {
                Socket::Stream(stream) => Ok(AsyncIoTokioAsStd(stream)),
                Socket::Datagram(_) => Err(io::ErrorKind::Unsupported.into()),
            }
        })
    }

    fn bind_udp(
        &self,
        local: SocketAddr,
        server: SocketAddr,
    ) -> Pin<Box<dyn Send + Future<Output = io::Result<UdpSocket>>>> {
        let policy = self.policy.clone();
        Box::pin(async move {
            let host = server.ip().to_string();
            match open(&policy, &host, server, Shape::Unconnected(local)).await? {
                Socket::Datagram(socket) => Ok(socket),
                Socket::Stream(_) => Err(io::ErrorKind::Unsupported.into()),
            }
        })
    }
}
