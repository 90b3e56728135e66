//! Bytes to the receiver, and what it has proven to have.
//!
//! [`Connector`] makes a [`Link`]; the link sends batches and tells its [`Progress`];
//! [`Acknowledged`] decides which bytes count as delivered. `connect` holds the one function that
//! opens outgoing sockets, under the egress policy; `kernel` the only unsafe code.
//!
//! Diagnostics: failures are [`Cause`](crate::model::outcome::Cause)s with the codes of
//! [`cause::code`]; the stage itself logs only TLS files that changed for the worse.

pub mod acknowledge;
#[cfg(feature = "http")]
mod byte_stream;
pub mod cause;
mod connect;
mod kernel;
mod link;
mod resolve;
pub mod settings;
mod stream;
mod tls;
mod trust;
mod udp;
mod wire;

pub use acknowledge::{Acknowledged, Hold};
#[cfg(feature = "http")]
pub use byte_stream::ByteStream;
pub use connect::Connector;
pub use link::{Drained, Link};
pub use resolve::name_servers;
pub use wire::Progress;

#[cfg(test)]
mod tests;
