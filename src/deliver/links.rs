//! Which receiver is next: fail-over along the list, and back to the preferred one.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::model::outcome::Cause;
use crate::transport::settings::{Address, Protocol};
use crate::transport::{Connector, Drained, Link};

/// The receivers of one destination, the preferred one first.
pub struct Links {
    connector: Arc<Connector>,
    addresses: Vec<Address>,
    /// The one in use or tried last.
    current: usize,
    /// Tries since the last success or pause.
    tried: usize,
    fail_back_after: Duration,
    /// When the preferred one is to be tried again, while another is in use.
    fail_back_at: Option<Instant>,
}

impl Links {
    /// All tries begin with the first of `addresses`, of which there is at least one.
    pub fn new(connector: Connector, addresses: Vec<Address>, fail_back_after: Duration) -> Links {
        Links {
            connector: Arc::new(connector),
            addresses,
            current: 0,
            tried: 0,
            fail_back_after,
            fail_back_at: None,
        }
    }

    /// Tries one receiver: the preferred one first, then the others in turn.
    pub async fn connect(&mut self) -> Result<Link, Cause> {
        self.current = self.next();
        self.tried += 1;
        let address = self.addresses.get(self.current).ok_or_else(no_address)?;
        let link = self.connector.connect(address).await?;
        self.tried = 0;
        self.plan_fail_back();
        Ok(link)
    }

    /// See [`Connector::prove`].
    pub async fn prove(&self, link: Link, deadline: Duration) -> Drained {
        self.connector.prove(link, deadline).await
    }

    /// True while there is a receiver that was not tried since the last pause.
    pub fn has_untried(&mut self) -> bool {
        if self.tried < self.addresses.len() {
            return true;
        }
        self.tried = 0;
        false
    }

    /// When to try the preferred receiver again.
    pub fn fail_back_at(&self) -> Option<Instant> {
        self.fail_back_at
    }

    /// A connection to the preferred receiver, made beside the link in use.
    pub fn probe_preferred(&self) -> impl Future<Output = Result<Link, Cause>> + 'static {
        let connector = Arc::clone(&self.connector);
        let address = self.addresses.first().cloned();
        async move {
            let address = address.ok_or_else(no_address)?;
            connector.connect(&address).await
        }
    }

    /// The preferred receiver is still away: look again later.
    pub fn plan_fail_back(&mut self) {
        self.fail_back_at = (self.current != 0).then(|| Instant::now() + self.fail_back_after);
    }

    /// The preferred receiver is in use again.
    pub fn failed_back(&mut self) {
        self.current = 0;
        self.fail_back_at = None;
    }

    /// True when certificates on disk are not those of the last connection.
    pub fn trust_changed(&self) -> bool {
        self.connector.trust_changed()
    }

    /// True when certificates can change at all.
    pub fn has_trust(&self) -> bool {
        self.addresses.iter().any(|address| address.protocol == Protocol::Tls)
    }

    /// True when the receiver in use cannot acknowledge.
    pub fn is_datagram(&self) -> bool {
        self.addresses.get(self.current).is_some_and(|address| address.protocol == Protocol::Udp)
    }

    /// The receiver in use or tried last, for status.
    pub fn describe_current(&self) -> String {
        self.addresses.get(self.current).map(Address::to_string).unwrap_or_default()
    }

    /// The receiver to be tried next, for status.
    pub fn describe_next(&self) -> String {
        self.addresses.get(self.next()).map(Address::to_string).unwrap_or_default()
    }

    fn next(&self) -> usize {
        if self.tried < self.addresses.len() { self.tried } else { 0 }
    }
}

/// The configuration refuses a destination without an address, so this is never seen.
fn no_address() -> Cause {
    Cause::new("no_address", "the destination has no address; set `address`")
}
